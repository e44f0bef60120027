package models

import (
	"encoding/json"
	"time"
)

// Names of the reception process on the wire; never renamed once released. An update's name is its action.
const (
	ReceptionType      = "Reception"
	ReceptionProcess   = "reception"
	ReceptionTaskQueue = "mcrflow"
	ReceptionAdopt     = "adopt"   // signal: the stored state has moved on, take it over
	ReceptionDecided   = "decided" // signal: the outcome of an approval
	ReceptionLeft      = "left"    // signal: somebody who has a part in it has left
	ReceptionStatusOf  = "status"
)

// ReceptionWorkflowID is the engine's id of a reception's process.
func ReceptionWorkflowID(receptionID string) string { return "reception/" + receptionID }

// ReceptionStatus is the state of a reception.
type ReceptionStatus string

// The states of a reception:
//
//	draft ⇄ in_approval → approved → preparing → in_progress → completed → settling → closed
//	            │  └ reject → rejected
//	            └ withdraw → withdrawn            (draft … preparing) ─ cancel → cancelled
//
// An approval that is returned makes the reception a draft again. A change that needs a new approval leads from approved
// and preparing to in_approval, and back.
const (
	ReceptionDraft      ReceptionStatus = "draft"
	ReceptionInApproval ReceptionStatus = "in_approval"
	ReceptionApproved   ReceptionStatus = "approved"
	ReceptionPreparing  ReceptionStatus = "preparing"
	ReceptionInProgress ReceptionStatus = "in_progress"
	ReceptionCompleted  ReceptionStatus = "completed"
	ReceptionSettling   ReceptionStatus = "settling"
	ReceptionClosed     ReceptionStatus = "closed"
	ReceptionRejected   ReceptionStatus = "rejected"
	ReceptionWithdrawn  ReceptionStatus = "withdrawn"
	ReceptionCancelled  ReceptionStatus = "cancelled"
)

// ReceptionStatuses lists the states in the order of a reception's life.
func ReceptionStatuses() []ReceptionStatus {
	return []ReceptionStatus{
		ReceptionDraft, ReceptionInApproval, ReceptionApproved, ReceptionPreparing, ReceptionInProgress, ReceptionCompleted,
		ReceptionSettling, ReceptionClosed, ReceptionRejected, ReceptionWithdrawn, ReceptionCancelled,
	}
}

// ReceptionKinds lists the five means, which are also the purposes that a standard follows from.
func ReceptionKinds() []string {
	return []string{"company_visit", "model_site_visit", "on_site_meeting", "technical_exchange", "management_exchange"}
}

// ReceptionLevels lists the service levels, from the lowest up.
func ReceptionLevels() []string { return []string{"standard", "important", "vip"} }

// The kinds of user tasks of a reception. Those of its approvals belong to the approvals.
const (
	TaskReviseReception  = "revise_reception"  // the approval was returned: revise and submit again
	TaskPrepareReception = "prepare_reception" // begin to prepare, name the receptionist
	TaskPrepareItem      = "prepare_item"      // one item of the check-list
	TaskRunReception     = "run_reception"     // start and complete the visit
	TaskSolveNeed        = "solve_need"        // a need that was raised on the spot
	TaskSettleReception  = "settle_reception"  // claim expenses, write the summary
	TaskCheckClaim       = "check_claim"       // check and pay a claim
)

// BudgetLine is an amount of one type of cost, in minor units.
type BudgetLine struct {
	Item   CostType `json:"item"`
	Amount int64    `json:"amount"`
}

// ReceptionActivity is what the process knows of one activity of the visit.
type ReceptionActivity struct {
	ID       string     `json:"id"` // within the reception, kept as long as the activity stays in the plan
	Kind     string     `json:"kind"`
	OwnerID  string     `json:"owner_id,omitempty"`
	StartsAt time.Time  `json:"starts_at"`
	EndsAt   time.Time  `json:"ends_at"`
	DoneAt   *time.Time `json:"done_at,omitempty"`
	DoneBy   string     `json:"done_by,omitempty"`
}

// ReceptionBooking is a resource that the reception holds, by its own name of it.
type ReceptionBooking struct {
	Item       string       `json:"item"`
	ResourceID string       `json:"resource_id"`
	StartsAt   time.Time    `json:"starts_at"`
	EndsAt     time.Time    `json:"ends_at"`
	Quantity   int          `json:"quantity"`
	State      BookingState `json:"state"`
}

// ReceptionMoney is what the reception has of the budget of one type of cost and day, in minor units.
type ReceptionMoney struct {
	Item      string    `json:"item"`
	CostType  CostType  `json:"cost_type"`
	Day       time.Time `json:"day"` // a date, as midnight in UTC
	Held      int64     `json:"held"`
	Committed int64     `json:"committed"`
}

// ApprovalPurpose says what of a reception an approval decides.
type ApprovalPurpose string

// The purposes.
const (
	ApproveRequest ApprovalPurpose = "request" // the reception itself
	ApproveChange  ApprovalPurpose = "change"  // a change of what was approved
	ApproveClaim   ApprovalPurpose = "claim"   // expenses beyond the budget
)

// ApprovalOutcome is how an approval went on or ended.
type ApprovalOutcome string

// The outcomes that a reception is told. After returned the same approval goes on when the requester submits again.
const (
	OutcomeApproved  ApprovalOutcome = "approved"
	OutcomeRejected  ApprovalOutcome = "rejected"
	OutcomeReturned  ApprovalOutcome = "returned"
	OutcomeWithdrawn ApprovalOutcome = "withdrawn"
)

// ReceptionApproval is one approval of the reception.
type ReceptionApproval struct {
	ID        string          `json:"id"`
	Purpose   ApprovalPurpose `json:"purpose"`
	Outcome   ApprovalOutcome `json:"outcome,omitempty"` // empty: not decided yet
	Returned  bool            `json:"returned,omitempty"`
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at,omitempty"`
}

// ReceptionFrame is what was approved; a plan that goes beyond it by more than the tolerance needs a new approval.
type ReceptionFrame struct {
	Kind       string        `json:"kind"`
	Level      string        `json:"level"`
	Total      int64         `json:"total"`  // minor units
	Length     time.Duration `json:"length"` // of the visit
	Departures []Departure   `json:"departures,omitempty"`
}

// Departure is one point in which a plan differs from the standard. Amounts are written in minor units.
type Departure struct {
	Field    string `json:"field"`
	Rule     string `json:"rule"` // per_head | limit | room_class | host_rank
	Standard string `json:"standard"`
	Planned  string `json:"planned"`
}

// ChecklistEntry is one thing to prepare.
type ChecklistEntry struct {
	Name    string     `json:"name"`
	For     string     `json:"for"` // receptionist | requester | host
	OwnerID string     `json:"owner_id,omitempty"`
	TeamID  string     `json:"team_id,omitempty"`
	WarnAt  time.Time  `json:"warn_at"`
	DueAt   time.Time  `json:"due_at"`
	Warned  bool       `json:"warned,omitempty"`
	Late    bool       `json:"late,omitempty"`
	DoneAt  *time.Time `json:"done_at,omitempty"`
	DoneBy  string     `json:"done_by,omitempty"`
}

// ReceptionNeed is a need that was raised on the spot; its text is recorded beside.
type ReceptionNeed struct {
	ID       string     `json:"id"`
	OwnerID  string     `json:"owner_id"`
	RaisedAt time.Time  `json:"raised_at"`
	SolvedAt *time.Time `json:"solved_at,omitempty"`
	CaseOf   bool       `json:"case,omitempty"` // a case took it over
}

// ClaimState says what an expense claim waits for.
type ClaimState string

// The states of a claim.
const (
	ClaimInApproval ClaimState = "in_approval" // beyond the budget: the levels that approved the reception decide
	ClaimInCheck    ClaimState = "in_check"    // finance checks and pays
	ClaimPaid       ClaimState = "paid"
	ClaimReturned   ClaimState = "returned"
)

// ExpenseClaim is the claim that waits; its items are recorded beside.
type ExpenseClaim struct {
	ID         string      `json:"id"`
	By         string      `json:"by"`
	Deputy     string      `json:"deputy,omitempty"` // who claimed in the place of By
	At         time.Time   `json:"at"`
	State      ClaimState  `json:"state"`
	Holds      []ClaimHold `json:"holds"` // by cost type
	Total      int64       `json:"total"`
	Receipts   []string    `json:"receipts"`
	Substitute bool        `json:"substitute,omitempty"` // nobody of finance may pay: a manager does
}

// ClaimHold is what a claim takes of one item of the reception's money, and what was held of it before.
type ClaimHold struct {
	Item     string    `json:"item"`
	CostType CostType  `json:"cost_type"`
	Day      time.Time `json:"day"`
	Amount   int64     `json:"amount"`
	Before   int64     `json:"before"`
}

// Invited is an invitation that somebody has in their diary.
type Invited struct {
	UID      string    `json:"uid"`
	UserID   string    `json:"user_id"`
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

// ReceptionState is all that a reception's process knows: ids and small facts, no text that a person wrote but what an
// order shows to approvers.
type ReceptionState struct {
	ID               string          `json:"id"`
	Number           string          `json:"number"`
	Status           ReceptionStatus `json:"status"`
	Kind             string          `json:"kind"`
	Level            string          `json:"level"`
	ClientID         string          `json:"client_id"`
	ClientClass      string          `json:"client_class,omitempty"`
	AccountManagerID string          `json:"account_manager_id,omitempty"`
	Visitors         int             `json:"visitors"`
	Identity         string          `json:"identity"` // rank of the highest visitor

	RequesterID    string     `json:"requester_id"`
	TeamID         string     `json:"team_id,omitempty"` // the department whose budget pays
	CreatedBy      string     `json:"created_by"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	ClosedAt       *time.Time `json:"closed_at,omitempty"`
	StartsAt       *time.Time `json:"starts_at,omitempty"`
	EndsAt         *time.Time `json:"ends_at,omitempty"`
	ReceptionistID string     `json:"receptionist_id,omitempty"`
	Hosts          []string   `json:"hosts,omitempty"`

	Activities []ReceptionActivity `json:"activities,omitempty"`
	Bookings   []ReceptionBooking  `json:"bookings,omitempty"` // the live ones
	Currency   string              `json:"currency"`
	Budget     []BudgetLine        `json:"budget,omitempty"` // one line for each type of cost, in a fixed order
	Money      []ReceptionMoney    `json:"money,omitempty"`
	Standard   string              `json:"standard"`
	Departures []Departure         `json:"departures,omitempty"`

	Approvals []ReceptionApproval `json:"approvals,omitempty"` // the newest last
	Approvers []string            `json:"approvers,omitempty"` // who approved anything of it, also in another's place
	Steps     []string            `json:"steps,omitempty"`     // that approved what is in Frame: the original levels
	StepsOf   int                 `json:"steps_of,omitempty"`  // the version of the approval policy that has them
	Frame     *ReceptionFrame     `json:"frame,omitempty"`     // what was approved
	Back      ReceptionStatus     `json:"back,omitempty"`      // where a change leads back to, while it is decided
	WarnAt    *time.Time          `json:"warn_at,omitempty"`   // an approval that is not through by then is told of

	// Orders are what the approvals that have not answered with an outcome are to do, one each: the latest. They stay here,
	// so that they are carried out even if a worker dies after the step was written.
	Orders []ApprovalOrder `json:"orders,omitempty"`
	News   *ClientNews     `json:"news,omitempty"` // what the client's relationship must learn last, told even if a worker dies after the step

	Checklist []ChecklistEntry `json:"checklist,omitempty"`
	Needs     []ReceptionNeed  `json:"needs,omitempty"`
	Claim     *ExpenseClaim    `json:"claim,omitempty"` // the one that waits
	Claims    int              `json:"claims,omitempty"`
	Receipts  []string         `json:"receipts,omitempty"` // of what was paid
	Ratings   int              `json:"ratings,omitempty"`
	Rated     int              `json:"rated,omitempty"` // sum of the ratings, 1 to 5 each
	Invited   []Invited        `json:"invited,omitempty"`
	Tasks     []Task           `json:"tasks,omitempty"` // the open ones

	SettleBy   *time.Time `json:"settle_by,omitempty"`   // who must settle is reminded then
	ClaimUntil *time.Time `json:"claim_until,omitempty"` // of a cancelled one: the process ends then

	PolicyVersion   int        `json:"policy_version"`
	CalendarID      string     `json:"calendar_id"`
	CalendarVersion int        `json:"calendar_version"`
	Items           int        `json:"items,omitempty"` // bookings so far: their names count
	Seq             int64      `json:"seq"`             // steps so far
	EventSeq        int64      `json:"event_seq"`       // timeline events so far
	Handled         []string   `json:"handled,omitempty"`
	NextAt          *time.Time `json:"next_at,omitempty"` // when the clock must look again; nil: never
}

// ReceptionInput starts a reception's process. State is set when it continues as new.
type ReceptionInput struct {
	ReceptionID string          `json:"reception_id"`
	State       *ReceptionState `json:"state,omitempty"`
	Unsent      []int64         `json:"unsent,omitempty"`  // steps whose messages have not left yet
	Ordered     int64           `json:"ordered,omitempty"` // the last step whose orders were carried out
	Told        int64           `json:"told,omitempty"`    // the last step whose news were told

	// Record is what the draft begins with; nil: the first command comes as an update.
	Record *ReceptionEvent `json:"record,omitempty"`
}

// ReceptionResult is how a reception ended.
type ReceptionResult struct {
	Status ReceptionStatus `json:"status"`
	Seq    int64           `json:"seq"`
}

// ReceptionEvent asks a reception to take one step: a command of a person, or a fact that the process was told.
type ReceptionEvent struct {
	Meta   Meta            `json:"meta"`
	Action ReceptionAction `json:"action"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// AdvanceReception asks for one step from a known state; State is nil for the first one.
type AdvanceReception struct {
	ReceptionID string          `json:"reception_id"`
	State       *ReceptionState `json:"state,omitempty"`
	Event       ReceptionEvent  `json:"event"`
	At          time.Time       `json:"at"`
}

// ReceptionAdvanced is the answer to a step of a reception.
type ReceptionAdvanced struct {
	Advanced[ReceptionState]
	Cases []NeedCase `json:"cases,omitempty"` // to begin, unless they have begun: also after Behind

	FollowUps []FollowUpPlan `json:"follow_ups,omitempty"` // the visitors to ask; as with Cases
}

// NeedCase is a case that takes over a need which was not solved on the spot, with the event that records it. Its id
// is derived and its record is a repetition the second time: beginning it twice makes one case.
type NeedCase struct {
	CaseID string    `json:"case_id"`
	Event  CaseEvent `json:"event"`
}
