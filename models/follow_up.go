package models

import (
	"encoding/json"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
)

// Names of the follow-up process on the wire; never renamed once released.
const (
	FollowUpType    = "FollowUp"
	FollowUpProcess = "follow_up"
	FollowUpAdopt   = "adopt"    // signal: the stored state has moved on, take it over
	FollowUpOff     = "withdraw" // signal: what it asks about has changed or is off, or the person has opted out elsewhere
	FollowUpLeft    = "left"     // signal: a FollowUpEvent; somebody else is to call
	FollowUpTold    = "survey"   // signal to the process that it asks about: a FollowUpFact
)

// FollowUpWorkflowID is the engine's id of a follow-up's process.
func FollowUpWorkflowID(invitationID string) string { return "follow-up/" + invitationID }

// Purpose says why somebody is asked.
type Purpose string

// The purposes.
const (
	PurposeCase      Purpose = "case"      // a case was resolved: is the client satisfied?
	PurposeRecovery  Purpose = "recovery"  // the case of a bad answer was resolved: the second question
	PurposeReception Purpose = "reception" // a reception is complete
	PurposeCampaign  Purpose = "campaign"
)

// FollowUpAction names what happens to a follow-up. FollowUpRespond is an update; it also begins the process of an
// invitation of a campaign, which has none before somebody answers.
type FollowUpAction string

// What happens to a follow-up.
const (
	FollowUpRespond  FollowUpAction = "respond"  // the recipient, or who asked them by phone, answers or opts out
	FollowUpBegin    FollowUpAction = "begin"    // by the process that it asks about
	FollowUpSent     FollowUpAction = "sent"     // what became of a message
	FollowUpWithdraw FollowUpAction = "withdraw" // what it asks about has changed or is off
	FollowUpInherit  FollowUpAction = "inherit"  // who was to call has left, or no longer looks after the client; data is Deactivate
	FollowUpTick     FollowUpAction = "tick"
	FollowUpAdopted  FollowUpAction = "adopt"
)

// FollowUpStatus is the state of a follow-up.
type FollowUpStatus string

// The states of a follow-up:
//
//	planned → asked → answered | expired | withdrawn
//	   └→ skipped | failed | withdrawn
const (
	FollowUpPlanned   FollowUpStatus = "planned" // to be asked as soon as the rules allow it
	FollowUpAsked     FollowUpStatus = "asked"
	FollowUpAnswered  FollowUpStatus = "answered"
	FollowUpExpired   FollowUpStatus = "expired"
	FollowUpSkipped   FollowUpStatus = "skipped"
	FollowUpFailed    FollowUpStatus = "failed"
	FollowUpWithdrawn FollowUpStatus = "withdrawn"
)

// Recipient is who is asked, and how they can be reached.
type Recipient struct {
	ContactID string `json:"contact_id,omitempty"`
	Name      string `json:"name"`
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone,omitempty"`
	Locale    string `json:"locale,omitempty"`    // en or zh-CN; empty: not known
	TimeZone  string `json:"time_zone,omitempty"` // IANA; empty: that of the calendar
}

// FollowUpPlan is the data of begin: whom to ask about what. The process that asks gives it.
type FollowUpPlan struct {
	InvitationID     string    `json:"invitation_id"` // derived from the subject's step, so that it is planned once
	Purpose          Purpose   `json:"purpose"`
	SubjectID        string    `json:"subject_id"`
	Number           string    `json:"number,omitempty"` // of the subject, for people
	Process          string    `json:"process"`          // of the subject
	Parent           string    `json:"parent"`           // the engine's id of the subject's process
	ClientID         string    `json:"client_id"`
	ClientClass      string    `json:"client_class,omitempty"`
	AccountManagerID string    `json:"account_manager_id,omitempty"`
	AccountableID    string    `json:"accountable_id,omitempty"` // when what is asked about happened
	FirstID          string    `json:"first_id,omitempty"`       // the invitation whose bad answer is asked about again
	Recipient        Recipient `json:"recipient"`
}

// Response is the data of respond.
type Response struct {
	Answers survey.Answers `json:"answers,omitempty"`
	Locale  string         `json:"locale,omitempty"` // in which it was answered
	OptOut  bool           `json:"opt_out,omitempty"`
	Partial bool           `json:"partial,omitempty"` // more questions are on their way to who answers: it is not complete yet
}

// FollowUpSentData is the data of sent: what became of one attempt to ask.
type FollowUpSentData struct {
	Wave    int              `json:"wave"` // 0: the question; then the reminders
	Channel campaign.Channel `json:"channel"`
	Result  SendResult       `json:"result"`
	Reason  string           `json:"reason,omitempty"`
}

// SendResult is what became of a message.
type SendResult string

// The results.
const (
	SendTaken     SendResult = "taken"     // the channel took it
	SendRejected  SendResult = "rejected"  // it never will
	SendPostponed SendResult = "postponed" // by now it may not leave: it is to be decided again
)

// Sending is a message on its way.
type Sending struct {
	Wave    int              `json:"wave"`
	Channel campaign.Channel `json:"channel"`
	Since   time.Time        `json:"since"`
}

// FollowUpState is all that a follow-up's process knows: ids and small facts. Names, addresses and answers are with the
// invitation.
type FollowUpState struct {
	ID               string  `json:"id"` // the invitation's
	Purpose          Purpose `json:"purpose"`
	Process          string  `json:"process"`
	Parent           string  `json:"parent,omitempty"` // the engine's id of the subject's process; empty: nobody is told
	SubjectID        string  `json:"subject_id"`
	Number           string  `json:"number,omitempty"`
	ClientID         string  `json:"client_id"`
	ClientClass      string  `json:"client_class,omitempty"`
	AccountManagerID string  `json:"account_manager_id,omitempty"`
	FirstID          string  `json:"first_id,omitempty"`
	RunID            string  `json:"run_id,omitempty"`

	Template        string `json:"template"`
	SurveyVersion   int    `json:"survey_version"`
	PolicyVersion   int    `json:"policy_version"` // of the campaign policy
	CalendarID      string `json:"calendar_id"`
	CalendarVersion int    `json:"calendar_version"`

	Status    FollowUpStatus     `json:"status"`
	Reason    string             `json:"reason,omitempty"`     // of waiting, skipping or failing
	NotBefore *time.Time         `json:"not_before,omitempty"` // planned: when to decide
	Tried     []campaign.Channel `json:"tried,omitempty"`      // channels that failed for good
	Sending   *Sending           `json:"sending,omitempty"`
	Counted   bool               `json:"counted,omitempty"` // a question that had to wait again: the cap counts it already
	Channel   campaign.Channel   `json:"channel,omitempty"` // by which the question left
	AskedAt   *time.Time         `json:"asked_at,omitempty"`
	Reminded  int                `json:"reminded,omitempty"`
	RemindAt  *time.Time         `json:"remind_at,omitempty"`
	ExpiresAt time.Time          `json:"expires_at"` // answers are taken before it; nobody is asked at or after it
	Tasks     []Task             `json:"tasks,omitempty"`

	AnsweredAt *time.Time     `json:"answered_at,omitempty"` // the latest answer
	Score      *int           `json:"score,omitempty"`       // of the template's primary question
	Verdict    survey.Verdict `json:"verdict,omitempty"`
	Complete   bool           `json:"complete,omitempty"`
	SettleAt   *time.Time     `json:"settle_at,omitempty"` // an answer with a score that is not completed counts from then
	OptedOut   bool           `json:"opted_out,omitempty"`
	CaseID     string         `json:"case_id,omitempty"` // opened because of the answer

	// Tell is what the process that it asks about must learn last. It stays here, so that it is told even if a worker dies
	// after the step was written.
	Tell *FollowUpFact `json:"tell,omitempty"`
	News *ClientNews   `json:"news,omitempty"` // what the client's relationship must learn last, likewise

	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	Seq       int64      `json:"seq"`
	EventSeq  int64      `json:"event_seq"`
	Handled   []string   `json:"handled,omitempty"`
	NextAt    *time.Time `json:"next_at,omitempty"` // when the clock must look again; nil: never
}

// FollowUpFact tells the process that somebody was asked about: that they were, and what they answered.
type FollowUpFact struct {
	Seq          int64            `json:"seq"` // the follow-up's step
	InvitationID string           `json:"invitation_id"`
	Status       FollowUpStatus   `json:"status"` // asked or answered
	Channel      campaign.Channel `json:"channel,omitempty"`
	Score        *int             `json:"score,omitempty"`
	Verdict      survey.Verdict   `json:"verdict,omitempty"`
}

// FollowUpInput starts a follow-up's process: with the plan of the process that asks, with the first answer to a campaign's
// invitation (neither), or with the state when it continues as new.
type FollowUpInput struct {
	InvitationID string         `json:"invitation_id"`
	Plan         *FollowUpPlan  `json:"plan,omitempty"`
	State        *FollowUpState `json:"state,omitempty"`
	Unsent       []int64        `json:"unsent,omitempty"`
	Told         int64          `json:"told,omitempty"`
	News         int64          `json:"news,omitempty"` // the last step whose news were told
}

// FollowUpResult is how a follow-up ended.
type FollowUpResult struct {
	Status FollowUpStatus `json:"status"`
	Seq    int64          `json:"seq"`
}

// FollowUpEvent asks a follow-up to take one step.
type FollowUpEvent struct {
	Meta   Meta            `json:"meta"`
	Action FollowUpAction  `json:"action"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// AskedBy is the X-Request-ID of the call that gave the command; empty for what a process does by itself. It is for logs.
func (e FollowUpEvent) AskedBy() string { return e.Meta.TraceID }

// AdvanceFollowUp asks for one step from a known state; State is nil for the first one.
type AdvanceFollowUp struct {
	InvitationID string         `json:"invitation_id"`
	State        *FollowUpState `json:"state,omitempty"`
	Event        FollowUpEvent  `json:"event"`
	At           time.Time      `json:"at"`
}

// AskedBy is that of the step's event.
func (a AdvanceFollowUp) AskedBy() string { return a.Event.AskedBy() }

// FollowUpAdvanced is the answer to a step of a follow-up. Case is to be opened.
type FollowUpAdvanced struct {
	Advanced[FollowUpState]
	Case *NeedCase `json:"case,omitempty"`
}

// AskFollowUp asks to send one message of a follow-up.
type AskFollowUp struct {
	InvitationID  string           `json:"invitation_id"`
	SurveyVersion int              `json:"survey_version"`
	Wave          int              `json:"wave"`
	Channel       campaign.Channel `json:"channel"`
}

// FollowUpStep is one decided step of a follow-up: the new state and everything that is written with it in one transaction.
type FollowUpStep struct {
	State      FollowUpState
	Events     []TimelineEvent
	Notices    []Notice
	Tasks      []Task
	Invitation *SurveyInvitation // the row as it is from now on: inserted by the first step of a plan, else updated
	Answers    []AnswerRow       // all answers, replacing those before
	Touch      *Touch            // the person is asked now
	OptOut     []string          // addresses that are never asked again (see RecipientKeys)
	RequestID  string
	TraceID    string
}

// Touch records that a person is asked. Known is the number of changes that the decision has seen: when there were more,
// the step is decided again, so that two follow-ups racing for one person never break a cap.
type Touch struct {
	Person string
	At     time.Time
	Known  int64
}

// DecideFollowUp decides the next step of a follow-up from its stored state, nil before the first one. It reads the facts
// of the person afresh each time it is called. What it returns is written; its error undoes everything.
type DecideFollowUp func(stored *FollowUpState) (FollowUpStep, error)

// FollowUpBegins is the event that begins a follow-up with a plan.
func FollowUpBegins(p FollowUpPlan) FollowUpEvent {
	return FollowUpEvent{Meta: Meta{RequestID: id.Derive(id.Request, p.InvitationID, string(FollowUpBegin))}, Action: FollowUpBegin, Data: raw(p)}
}

// FollowUpSentBy is the event of what became of a message.
func FollowUpSentBy(d FollowUpSentData) FollowUpEvent {
	return FollowUpEvent{Action: FollowUpSent, Data: raw(d)}
}
