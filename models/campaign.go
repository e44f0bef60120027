package models

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
)

// Names of the campaign process on the wire; never renamed once released. An update's name is its action.
const (
	CampaignType       = "Campaign"
	CampaignRunType    = "CampaignRun"
	CampaignFiringType = "CampaignFiring" // what a Temporal Schedule starts
	CampaignProcess    = "campaign"
	CampaignTaskQueue  = "mcrflow"
	CampaignAdopt      = "adopt"     // signal: the stored state has moved on, take it over
	CampaignFired      = "fired"     // signal from a firing: the schedule asks for a run; a CampaignFiring
	CampaignRunTold    = "run"       // signal from a run: a CampaignRunFact
	CampaignChanged    = "changed"   // signal to a run: it must look at its campaign again
	CampaignFiringDone = "completed" // signal to a firing: its run has ended, or there is none
)

// CampaignWorkflowID is the engine's id of a campaign's process.
func CampaignWorkflowID(campaignID string) string { return "campaign/" + campaignID }

// CampaignRunWorkflowID is the engine's id of the process of a campaign's n-th run.
func CampaignRunWorkflowID(campaignID string, n int) string {
	return fmt.Sprintf("campaign/%s/%d", campaignID, n)
}

// CampaignScheduleID is the engine's id of a campaign's schedule; its firings have it with an instant behind.
func CampaignScheduleID(campaignID string) string { return "campaign/" + campaignID + "/schedule" }

// CampaignAction names a command on a campaign.
type CampaignAction string

// The actions of people and machines.
const (
	CampaignCreate CampaignAction = "create"
	CampaignChange CampaignAction = "change"
	CampaignLaunch CampaignAction = "launch"
	CampaignPause  CampaignAction = "pause"
	CampaignResume CampaignAction = "resume"
	CampaignStop   CampaignAction = "stop"
)

// What happens to a campaign by itself.
const (
	CampaignTick     CampaignAction = "tick"  // a schedule for once has come
	CampaignFire     CampaignAction = "fire"  // a Temporal Schedule asks for a run
	CampaignRunEnded CampaignAction = "ended" // the run has ended
	CampaignTripped  CampaignAction = "trip"  // too many messages fail
	CampaignTakeOver CampaignAction = "adopt"
)

// CampaignStatus is the state of a campaign.
type CampaignStatus string

// The states of a campaign:
//
//	draft → running ⇄ paused → ended (once) | scheduled (cron)
//	scheduled → running          running, paused, scheduled → stopped          ended, stopped → running by launch
const (
	CampaignDraft     CampaignStatus = "draft"
	CampaignScheduled CampaignStatus = "scheduled" // waits for its schedule
	CampaignRunning   CampaignStatus = "running"
	CampaignPaused    CampaignStatus = "paused"
	CampaignEnded     CampaignStatus = "ended"
	CampaignStopped   CampaignStatus = "stopped"
)

// CampaignFiring is one instant of a schedule.
type CampaignFiring struct {
	WorkflowID string    `json:"workflow_id"`       // that waits for the end of the run
	At         time.Time `json:"at"`                // of the schedule
	Refused    string    `json:"refused,omitempty"` // why no run could begin
}

// CampaignRunState is the run that is under way.
type CampaignRunState struct {
	ID        string          `json:"id"`
	N         int             `json:"n"`
	StartedAt time.Time       `json:"started_at"`
	Until     time.Time       `json:"until"` // nobody is asked at or after it
	By        string          `json:"by"`    // user id or system
	Firing    *CampaignFiring `json:"firing,omitempty"`
}

// CampaignState is all that a campaign's process knows.
type CampaignState struct {
	ID         string              `json:"id"`
	Number     string              `json:"number"`
	Status     CampaignStatus      `json:"status"`
	Definition campaign.Definition `json:"definition"`
	Version    int64               `json:"version"` // of the definition
	Runs       int                 `json:"runs,omitempty"`
	Run        *CampaignRunState   `json:"run,omitempty"`
	Waiting    *CampaignFiring     `json:"waiting,omitempty"`  // fired while a run was under way (buffer_one)
	Released   []CampaignFiring    `json:"released,omitempty"` // the latest firings whose wait is over
	Awaited    bool                `json:"awaited,omitempty"`  // an instant for once was set after earlier runs, and is still to come
	PausedBy   string              `json:"paused_by,omitempty"`
	CreatedBy  string              `json:"created_by"`
	CreatedAt  time.Time           `json:"created_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
	ClosedAt   *time.Time          `json:"closed_at,omitempty"`
	Seq        int64               `json:"seq"`
	EventSeq   int64               `json:"event_seq"`
	Handled    []string            `json:"handled,omitempty"`
	NextAt     *time.Time          `json:"next_at,omitempty"`
}

// CampaignStatuses lists the states of a campaign.
func CampaignStatuses() []CampaignStatus {
	return []CampaignStatus{CampaignDraft, CampaignScheduled, CampaignRunning, CampaignPaused, CampaignEnded, CampaignStopped}
}

// CampaignInput starts a campaign's process. State is set when it continues as new.
type CampaignInput struct {
	CampaignID string         `json:"campaign_id"`
	State      *CampaignState `json:"state,omitempty"`
	Unsent     []int64        `json:"unsent,omitempty"`
}

// CampaignEvent asks a campaign to take one step.
type CampaignEvent struct {
	Meta   Meta            `json:"meta"`
	Action CampaignAction  `json:"action"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// AskedBy is the X-Request-ID of the call that gave the command; empty for what a process does by itself. It is for logs.
func (e CampaignEvent) AskedBy() string { return e.Meta.TraceID }

type (
	// DefineCampaign is the data of create and change. Version is that of the definition which the caller has read; 0: any.
	DefineCampaign struct {
		ID         string              `json:"id,omitempty"`     // given by the activity
		Number     string              `json:"number,omitempty"` // given by the activity
		Definition campaign.Definition `json:"definition"`
		Version    int64               `json:"version,omitempty"`
	}
	// CampaignRunFact tells a campaign that its run has ended, or that too many of its messages fail.
	CampaignRunFact struct {
		RunID   string `json:"run_id"`
		Tripped bool   `json:"tripped,omitempty"` // otherwise: ended
		Failed  int    `json:"failed,omitempty"`  // of the latest Of messages
		Of      int    `json:"of,omitempty"`
		Refused string `json:"refused,omitempty"` // why the run that waited for the end could not begin
	}
)

// AdvanceCampaign asks for one step from a known state; State is nil for the first one.
type AdvanceCampaign struct {
	CampaignID string         `json:"campaign_id"`
	State      *CampaignState `json:"state,omitempty"`
	Event      CampaignEvent  `json:"event"`
	At         time.Time      `json:"at"`
}

// AskedBy is that of the step's event.
func (a AdvanceCampaign) AskedBy() string { return a.Event.AskedBy() }

// CampaignStep is one decided step of a campaign: the new state and everything that is written with it in one transaction.
type CampaignStep struct {
	State     CampaignState
	Events    []TimelineEvent
	Notices   []Notice
	Launch    *CampaignLaunching // a run begins: its audience is written as a snapshot
	Stop      string             // id of the run whose pending recipients are withdrawn
	RequestID string
	TraceID   string
}

// CampaignLaunching is a run that begins. A run without any recipient is refused: conflict campaign.empty_audience.
type CampaignLaunching struct {
	RunID           string
	CampaignID      string
	N               int
	Audience        campaign.Audience
	StartedAt       time.Time
	Until           time.Time
	SurveyVersion   int
	PolicyVersion   int
	CalendarID      string
	CalendarVersion int
	TimeZone        string // of recipients whose own is not known
}

// DecideCampaign decides the next step of a campaign from its stored state, nil before the first one. What it returns is
// written; its error undoes everything.
type DecideCampaign func(stored *CampaignState) (CampaignStep, error)

// CampaignRunInput starts a run's process. What is behind N is set when it continues as new.
type CampaignRunInput struct {
	CampaignID string             `json:"campaign_id"`
	RunID      string             `json:"run_id"`
	N          int                `json:"n"`
	Batch      int64              `json:"batch,omitempty"` // the last batch that was begun
	Pace       campaign.PaceState `json:"pace,omitzero"`
	Told       bool               `json:"told,omitempty"`    // the campaign knows that too many messages fail
	Resumed    bool               `json:"resumed,omitempty"` // failures before do not count
	Ended      bool               `json:"ended,omitempty"`   // the campaign knows that everybody has an outcome
}

// CampaignRunView is what a run must know of its campaign before each batch.
type CampaignRunView struct {
	Paused  bool       `json:"paused,omitempty"`
	Working bool       `json:"working"` // somebody is pending or may be reminded; otherwise only the time to answer is waited for
	Rate    int        `json:"rate"`
	Due     int        `json:"due"`            // recipients who are due now, up to a hundred
	Next    *time.Time `json:"next,omitempty"` // when the next one will be; nil: none ever
}

// SendBatch asks to look at up to Limit recipients who are due: to ask, to remind, or to let expire. A repeated call of one
// batch goes on where it was interrupted.
type SendBatch struct {
	CampaignID string `json:"campaign_id"`
	RunID      string `json:"run_id"`
	Batch      string `json:"batch"`
	Limit      int    `json:"limit"`
	Resumed    bool   `json:"resumed,omitempty"` // failures before it do not count any more
}

// BatchSent is what became of a batch.
type BatchSent struct {
	Messages int             `json:"messages"`          // that left, or were refused for good
	Down     bool            `json:"down,omitempty"`    // a channel could not be reached: the rest of the batch waits
	Tripped  bool            `json:"tripped,omitempty"` // too many messages fail
	Failed   int             `json:"failed,omitempty"`  // of the latest Of messages
	Of       int             `json:"of,omitempty"`
	View     CampaignRunView `json:"view"` // after it
}

// CampaignFilter narrows a list of campaigns; zero fields do not.
type CampaignFilter struct {
	Status CampaignStatus
}

// CampaignRow is a campaign with the latest of its runs; nil before the first one.
type CampaignRow struct {
	State CampaignState
	Run   *RunRow
}

// RunRow is a run of a campaign with its counts: Audience = Pending + Sent + Skipped + Failed + Withdrawn at every instant.
type RunRow struct {
	ID, CampaignID                            string
	N                                         int
	StartedAt, Until                          time.Time
	EndedAt                                   *time.Time
	SurveyVersion, PolicyVersion              int
	CalendarID                                string
	CalendarVersion                           int
	Audience                                  int64
	Pending, Sent, Skipped, Failed, Withdrawn int64
	Reminded, Responded, Expired, Repeated    int64
	SkippedBy, FailedBy, WaitingFor           map[string]int64 // by reason
}

// RecipientRow is one recipient of a run.
type RecipientRow struct {
	ID, RunID        string
	Place            int64
	ClientID         string
	Class            string
	Region           string
	AccountManagerID string
	Recipient        Recipient
	Person           string
	State            RecipientState
	Reason           string
	DueAt            *time.Time
	Reminds          bool // DueAt is when to remind
	Trying           bool
	Attempts         int
	Tried            []campaign.Channel
	Channel          campaign.Channel
	CampaignVersion  int64
	SentAt           *time.Time
	Reminders        int
	Repeated         int
	InvitationID     string
	ExpiresAt        *time.Time // until when the link takes answers; nil: there is none yet
	RespondedAt      *time.Time
	Expired          bool
}

// RecipientState says what became of a recipient. All but pending are outcomes, of which each recipient has one.
type RecipientState string

// The states of a recipient.
const (
	RecipientPending   RecipientState = "pending"
	RecipientSent      RecipientState = "sent"
	RecipientSkipped   RecipientState = "skipped"
	RecipientFailed    RecipientState = "failed"
	RecipientWithdrawn RecipientState = "withdrawn"
)

// RecipientStates lists the states of a recipient.
func RecipientStates() []RecipientState {
	return []RecipientState{RecipientPending, RecipientSent, RecipientSkipped, RecipientFailed, RecipientWithdrawn}
}

// BatchItem is one due recipient of a batch with what is known of the person, locked until the batch is decided.
type BatchItem struct {
	Row   RecipientRow
	Facts PersonFacts
}

// BatchDecision is what is written of one due recipient before messages leave.
type BatchDecision struct {
	RecipientID string
	State       RecipientState // pending stays pending
	Reason      string
	DueAt       *time.Time
	Reminds     bool // DueAt is when to remind
	Expired     bool
	Send        bool              // a message will leave by this batch
	Touch       *time.Time        // the person is asked now; not by a reminder
	Invitation  *SurveyInvitation // made with the first question
	Version     int64             // of the definition by which it was decided
}

// BatchOutcome is what became of one message. Attempts and Tried are as they are from now on.
type BatchOutcome struct {
	Batch       string // that has the recipient in hand; empty: whichever does
	RecipientID string
	State       RecipientState
	Reason      string
	Channel     campaign.Channel
	SentAt      *time.Time // of the question
	ExpiresAt   *time.Time // of the question: until when it can be answered
	Reminded    bool       // a reminder left
	DueAt       *time.Time
	Reminds     bool // DueAt is when to remind
	Attempts    int
	Tried       []campaign.Channel
	InDoubt     bool   // a message may be on its way still
	Repeated    int    // how often it was sent again because an acknowledgement was lost
	Next        string // id of the recipient whose message leaves after this; empty: none
	Task        *Task  // the call that asks by phone
}

// DecideBatch decides about due recipients of a batch, of whom no two are one person: it is asked again for those who are,
// with the touches of before. What it returns is one decision for each.
type DecideBatch func(items []BatchItem) ([]BatchDecision, error)

// CampaignFires is the event of an instant of the schedule.
func CampaignFires(f CampaignFiring) CampaignEvent {
	return CampaignEvent{Action: CampaignFire, Data: raw(f)}
}

// CampaignRunTells is the event of what a run tells.
func CampaignRunTells(f CampaignRunFact) CampaignEvent {
	e := CampaignEvent{Action: CampaignRunEnded, Data: raw(f)}
	if f.Tripped {
		e.Action = CampaignTripped
	}
	return e
}

// Planned reports whether a schedule asks, now or since a run was under way, and nobody waits for an answer.
func (e CampaignEvent) Planned() bool {
	return e.Action == CampaignFire || e.Action == CampaignTick || e.Action == CampaignRunEnded
}

// InVain is the event when no run could begin because of the reason.
//
// Decoding is a function of its input alone.
//
//workflowcheck:ignore
func (e CampaignEvent) InVain(reason string) CampaignEvent {
	data := map[string]any{}
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &data) != nil {
		return e
	}
	data["refused"] = reason // of a CampaignFiring or a CampaignRunFact
	e.Data = raw(data)
	return e
}

// WritesAudience reports whether the step may write as many rows as a run has recipients.
func (e CampaignEvent) WritesAudience() bool {
	switch e.Action {
	case CampaignLaunch, CampaignStop, CampaignFire, CampaignTick, CampaignRunEnded:
		return true
	default:
		return false
	}
}
