package models

import (
	"encoding/json"
	"time"

	"github.com/mcrflow/mcrflow/internal/sla"
)

// BuildsIndex is where the engine's index of processes keeps which builds of workers have worked on one. The engine writes the
// index when a process starts, and again, at a fifth of all that a start costs, when the first worker has answered whose build
// is not named there. So a start names the build that it expects (decision 10).
const BuildsIndex = "BuildIds"

// Names of the complaint process on the wire; never renamed once released. An update's name is its action.
const (
	ComplaintType      = "Complaint"
	ComplaintProcess   = "complaint"
	ComplaintTaskQueue = "mcrflow"
	ComplaintAdopt     = "adopt"   // signal: the stored state has moved on, take it over
	ComplaintSucceeded = "succeed" // signal: the client has another account manager; a CaseEvent of succeed
	ComplaintStatus    = "status"
)

// ComplaintWorkflowID is the engine's id of a case's process.
func ComplaintWorkflowID(caseID string) string { return "case/" + caseID }

// CaseType says what a client came with.
type CaseType string

// The case types (C-11).
const (
	TypeComplaint CaseType = "complaint"
	TypeInquiry   CaseType = "inquiry"
)

// CaseStatus is the state of a case.
type CaseStatus string

// The states of a case:
//
//	open → in_progress ⇄ waiting_customer → resolved → closed
//	  └────────┴──────────────┴─ cancel → cancelled        (resolved, closed) ─ reopen → in_progress
const (
	CaseOpen            CaseStatus = "open"
	CaseInProgress      CaseStatus = "in_progress"
	CaseWaitingCustomer CaseStatus = "waiting_customer"
	CaseResolved        CaseStatus = "resolved"
	CaseClosed          CaseStatus = "closed"
	CaseCancelled       CaseStatus = "cancelled"
)

// HoldKind says what the handler's time is spent on.
type HoldKind string

// The kinds of the ledger.
const (
	HoldWorking            HoldKind = "working"
	HoldAwaitingAcceptance HoldKind = "awaiting_acceptance"
	HoldAwaitingClient     HoldKind = "awaiting_client"
)

// Offer is a hand-over that waits for acceptance, to one person or to a team. Until then the old handler stays handler.
type Offer struct {
	ToID      string    `json:"to_id,omitempty"`
	TeamID    string    `json:"team_id,omitempty"`
	ByID      string    `json:"by_id"`
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Waiting is the time in which the client has the ball.
type Waiting struct {
	Since        time.Time  `json:"since"`
	Until        *time.Time `json:"until,omitempty"`
	NextChaserAt time.Time  `json:"next_chaser_at"`
	Chasers      int        `json:"chasers"`
}

// Transfer is a move of accountability on its way: asked for, then approved, then accepted by the receiver.
type Transfer struct {
	ToID       string     `json:"to_id"`
	AskedBy    string     `json:"asked_by"`
	Deputy     string     `json:"deputy,omitempty"` // who asked in the place of AskedBy
	AskedAt    time.Time  `json:"asked_at"`
	ApprovalID string     `json:"approval_id"`
	ApprovedBy string     `json:"approved_by,omitempty"`
	ApprovedAt *time.Time `json:"approved_at,omitempty"`
}

// ExtensionRequest asks for more time on one milestone.
type ExtensionRequest struct {
	Milestone  string    `json:"milestone"`
	By         sla.Span  `json:"by"`
	Reason     string    `json:"reason"`
	AskedBy    string    `json:"asked_by"`
	Deputy     string    `json:"deputy,omitempty"` // who asked in the place of AskedBy
	AskedAt    time.Time `json:"asked_at"`
	ApprovalID string    `json:"approval_id"`
}

// CaseLink ties a case to another.
type CaseLink struct {
	CaseID string    `json:"case_id"`
	Kind   string    `json:"kind"` // duplicate | related | caused_by
	At     time.Time `json:"at"`
}

// Merge is kept in a case that was merged into another, so that it can be undone.
type Merge struct {
	Into     string        `json:"into"`
	At       time.Time     `json:"at"`
	Status   CaseStatus    `json:"status"`   // before the merge
	Promises []sla.Promise `json:"promises"` // before the merge
	Waiting  *Waiting      `json:"waiting,omitempty"`
	Confirm  *time.Time    `json:"confirm_by,omitempty"`
	Readers  []string      `json:"readers,omitempty"` // who held the survivor then, and their teams: what happened here is theirs to know
}

// Inherited is a promise that a surviving case took over from a merged one, with its own one set aside.
type Inherited struct {
	FromCase string       `json:"from_case"`
	Name     string       `json:"name"`
	Own      *sla.Promise `json:"own,omitempty"`
}

// TaskState says whether a user task still waits.
type TaskState string

// The states of a user task.
const (
	TaskOpen      TaskState = "open"
	TaskDone      TaskState = "done"
	TaskCancelled TaskState = "cancelled"
	TaskCopy      TaskState = "copy" // nothing to do: a copy for reading
)

// The kinds of user tasks of a case.
const (
	TaskHandle               = "handle"                // work on the case
	TaskAccept               = "accept"                // take or decline a hand-over
	TaskAdjudicate           = "adjudicate"            // assign bindingly after too many bounces
	TaskSupervise            = "supervise"             // a promise was broken: see to it
	TaskAcceptAccountability = "accept_accountability" // take over accountability
	TaskCallBack             = "call_back"             // call a dissatisfied client
)

// Task is one user task: what waits for a person, or for any member of a team.
type Task struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	UserID    string            `json:"user_id,omitempty"`
	TeamID    string            `json:"team_id,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	DueAt     *time.Time        `json:"due_at,omitempty"`
	Why       map[string]string `json:"why,omitempty"` // rule and facts: answers "why me"
	State     TaskState         `json:"state"`
	DoneBy    string            `json:"done_by,omitempty"`
	DoneAt    *time.Time        `json:"done_at,omitempty"`
}

// CaseState is all that a case's process knows: ids and small facts, no text that a person wrote.
type CaseState struct {
	ID               string     `json:"id"`
	Number           string     `json:"number"`
	Type             CaseType   `json:"type"`
	Status           CaseStatus `json:"status"`
	Priority         string     `json:"priority"`
	Impact           string     `json:"impact"`
	Urgency          string     `json:"urgency"`
	Raised           int        `json:"raised,omitempty"` // steps by which reopening raised the priority
	Category         string     `json:"category,omitempty"`
	Channel          string     `json:"channel"`
	ClientID         string     `json:"client_id"`
	ClientClass      string     `json:"client_class"`
	ClientRegion     string     `json:"client_region,omitempty"`
	AccountManagerID string     `json:"account_manager_id,omitempty"`
	ClientMail       bool       `json:"client_mail,omitempty"` // a complainant can be reached by e-mail

	CreatedBy string     `json:"created_by"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	ClosedAt  *time.Time `json:"closed_at,omitempty"`

	AccountableID     string            `json:"accountable_id"`
	AccountableTeamID string            `json:"accountable_team_id,omitempty"`
	AssigneeID        string            `json:"assignee_id"`
	TeamID            string            `json:"team_id,omitempty"`
	Offer             *Offer            `json:"offer,omitempty"`
	Bounces           int               `json:"bounces,omitempty"`
	Adjudicating      bool              `json:"adjudicating,omitempty"`
	Transfer          *Transfer         `json:"transfer,omitempty"`
	Extension         *ExtensionRequest `json:"extension,omitempty"`
	Tasks             []Task            `json:"tasks,omitempty"` // the open ones

	PolicyVersion   int           `json:"policy_version"`
	CalendarID      string        `json:"calendar_id"`
	CalendarVersion int           `json:"calendar_version"`
	Promises        []sla.Promise `json:"promises"`
	EscalationLevel int           `json:"escalation_level,omitempty"`
	ReopenCount     int           `json:"reopen_count,omitempty"`
	Waiting         *Waiting      `json:"waiting,omitempty"`
	ResolvedAt      *time.Time    `json:"resolved_at,omitempty"`
	ConfirmBy       *time.Time    `json:"confirm_by,omitempty"`   // silence closes the case then
	ReopenUntil     *time.Time    `json:"reopen_until,omitempty"` // the process ends then
	Survey          *CaseSurvey   `json:"survey,omitempty"`
	ResponseID      string        `json:"response_id,omitempty"` // the invitation whose bad answer opened the case

	Links     []CaseLink  `json:"links,omitempty"`
	Merge     *Merge      `json:"merge,omitempty"`
	Inherited []Inherited `json:"inherited,omitempty"`

	Orders     []ApprovalOrder `json:"orders,omitempty"`      // of approvals that have not answered
	BreachTold bool            `json:"breach_told,omitempty"` // the client's relationship was told of a broken promise
	News       *ClientNews     `json:"news,omitempty"`        // what the client's relationship must learn last, told even if a worker dies after the step

	Seq      int64      `json:"seq"`       // steps so far
	EventSeq int64      `json:"event_seq"` // timeline events so far
	Handled  []string   `json:"handled,omitempty"`
	NextAt   *time.Time `json:"next_at,omitempty"` // when the clock must look again; nil: never
}

// ComplaintInput starts a case's process. State is set when it continues as new.
type ComplaintInput struct {
	CaseID string     `json:"case_id"`
	State  *CaseState `json:"state,omitempty"`
	Unsent []int64    `json:"unsent,omitempty"` // steps whose messages have not left yet

	Ordered int64 `json:"ordered,omitempty"` // the last step whose orders were carried out
	Told    int64 `json:"told,omitempty"`    // the last step whose news were told

	// Record is what the case begins with; nil: the first command comes as an update.
	Record *CaseEvent `json:"record,omitempty"`
}

// ComplaintResult is how a case ended.
type ComplaintResult struct {
	Status CaseStatus `json:"status"`
	Seq    int64      `json:"seq"`
}

// CaseEvent asks a case to take one step: a command of a person, or a fact that the process noticed itself.
type CaseEvent struct {
	Meta   Meta            `json:"meta"`
	Action CaseAction      `json:"action"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// AdvanceCase asks for one step from a known state; State is nil for the first one.
type AdvanceCase struct {
	CaseID string     `json:"case_id"`
	State  *CaseState `json:"state,omitempty"`
	Event  CaseEvent  `json:"event"`
	At     time.Time  `json:"at"`
}

// CaseAdvanced is the answer to a step of a case.
type CaseAdvanced struct {
	Advanced[CaseState]
	Touched []string `json:"touched,omitempty"` // other cases that moved in the same transaction

	FollowUp *FollowUpPlan `json:"follow_up,omitempty"` // whom to ask about the resolution
}

// TimelineEvent is one line of an object's history. Seq counts from 1 without gaps.
type TimelineEvent struct {
	Seq        int64          `json:"seq"`
	At         time.Time      `json:"at"`
	Type       string         `json:"type"`
	Actor      string         `json:"actor"` // user id, or system
	OnBehalfOf string         `json:"on_behalf_of,omitempty"`
	Data       map[string]any `json:"data,omitempty"`
	TraceID    string         `json:"trace_id,omitempty"` // X-Request-ID of the call that caused it; set when read
}

// Notice is one fact to tell one person; it becomes a notification, and a message on their channels.
type Notice struct {
	Kind      string
	UserID    string // a user of ours; empty: the client's contacts
	Data      map[string]string
	NotBefore time.Time // warnings to one person are bundled until then
	Key       string    // unique within the case
}

// Tenure is a change of who holds something: the open interval ends at From and, unless UserID is empty, the next begins.
type Tenure struct {
	UserID string
	TeamID string
	From   time.Time
	Kind   HoldKind // handling only
	Reason string
}

// CaseRecord is the text of a case that its process does not keep.
type CaseRecord struct {
	Subject     string
	Description string
	Contact     CaseContact
	OccurredAt  *time.Time
	ExternalRef string
}

// CaseContact is who came to us.
type CaseContact struct {
	Name  string `json:"name"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
}

// CaseStep is one decided step of one case: the new state and everything that is written with it in one transaction.
type CaseStep struct {
	State       CaseState
	Events      []TimelineEvent
	Notices     []Notice
	Accountable *Tenure
	Handling    *Tenure
	Tasks       []Task // opened, done or cancelled by this step
	Record      *CaseRecord
	Resolution  *CaseResolution
	Inherit     string // id of the case whose contacts this one takes over
	Disinherit  string // id of the case whose contacts go back
	RequestID   string
	TraceID     string
}

// CaseResolution is how a case was solved; it also drafts a knowledge article (C-41).
type CaseResolution struct {
	Resolution string
	RootCause  string
	By         string
}

// DecideCases decides the next steps of cases from their stored states, which are locked; a case that does not exist yet
// has none. It may decide for some of them only. What it returns is written; its error undoes everything.
type DecideCases func(states map[string]CaseState) ([]CaseStep, error)

// CasesAdvanced is what became of an attempt to advance cases.
type CasesAdvanced struct {
	Behind map[string]CaseState // stored states that had moved on: when there is one, nothing was applied
	Mail   map[string]bool      // cases whose step made messages that must leave the product
}
