package models

import "time"

// ReceptionStep is one decided step of a reception: the new state and everything that is written with it in one
// transaction. The Approval is carried out afterwards, by the process: the state keeps it until the approval has answered.
type ReceptionStep struct {
	State       ReceptionState
	Events      []TimelineEvent
	Notices     []Notice
	Tasks       []Task // opened, done or cancelled by this step
	Plans       *ReceptionPlans
	Holdings    *Holdings
	Approval    *ApprovalOrder
	Invitations []Invitation
	Need        *NeedRecord
	Cases       []CaseOrder
	Survey      *SurveyOrder
	Feedback    *FeedbackRecord
	Claim       *ClaimRecord
	Summary     *ReceptionSummary
	RequestID   string
	TraceID     string
}

// DecideReception decides the next step of a reception from its stored state, nil before the first one. What it returns is
// written; its error undoes everything.
type DecideReception func(stored *ReceptionState) (ReceptionStep, error)

// ApprovalVerb is what the process does with an approval.
type ApprovalVerb string

// The verbs.
const (
	ApprovalStart    ApprovalVerb = "start"
	ApprovalResubmit ApprovalVerb = "resubmit" // after a return
	ApprovalWithdraw ApprovalVerb = "withdraw"
	ApprovalHandOver ApprovalVerb = "hand-over" // the request is somebody else's now
)

// ApprovalOrder asks for something to be done with an approval. The ids are derived: an order that is carried out twice
// has one effect.
type ApprovalOrder struct {
	Verb        ApprovalVerb    `json:"verb"`
	Seq         int64           `json:"seq"` // the step of the subject that gave it
	ID          string          `json:"id"`
	Purpose     ApprovalPurpose `json:"purpose"`
	Chain       string          `json:"chain"`
	SubjectID   string          `json:"subject_id"`
	Number      string          `json:"number,omitempty"` // of the subject, for people
	RequesterID string          `json:"requester_id"`
	Interested  []string        `json:"interested,omitempty"` // who must not decide either, in whatever guise: claimant, deputy
	Levels      []string        `json:"levels,omitempty"`     // exactly these steps are asked: they approved what is exceeded
	Version     int             `json:"version,omitempty"`    // of the approval policy; 0: that in force
	Facts       ApprovalFacts   `json:"facts"`
	Currency    string          `json:"currency"`
	Over        int64           `json:"over,omitempty"` // minor units beyond what was approved
	Changes     []FieldChange   `json:"changes,omitempty"`
	Departures  []Departure     `json:"departures,omitempty"`
}

// ApprovalFacts are the facts of a request by name and type, as the approval engine takes them: amounts are in minor units.
type ApprovalFacts struct {
	Texts   map[string]string   `json:"texts,omitempty"`
	Numbers map[string]int64    `json:"numbers,omitempty"`
	Flags   map[string]bool     `json:"flags,omitempty"`
	Lists   map[string][]string `json:"lists,omitempty"`
}

// Invitation is one entry for somebody's diary, as an iCalendar request or cancellation: the same UID with a higher
// Sequence replaces the entry.
type Invitation struct {
	UID      string
	UserID   string
	Sequence int64
	StartsAt time.Time
	EndsAt   time.Time
	Cancel   bool
}

// NeedRecord is the text of a need, or how it was solved.
type NeedRecord struct {
	ID       string
	Text     string
	Kind     CaseType // what it would be as a case
	Solution string
	By       string
}

// CaseOrder asks for a case about a need that stayed open, with the receptionist as first contact. The text is the
// need's. RequestID is derived, so that the case is recorded once.
type CaseOrder struct {
	NeedID         string
	ClientID       string
	FirstContactID string
	RequestID      string
}

// SurveyOrder asks for the survey that goes to the visitors right after the visit.
type SurveyOrder struct {
	ReceptionID string
	ClientID    string
	At          time.Time
}

// FeedbackRecord is what visitors said.
type FeedbackRecord struct {
	ID           string
	Score        int // 1 to 5; 0: none given
	Comment      string
	Shortcomings string
	Visitor      string
	By           string
}

// ClaimRecord is what is written of a claim: at its submission with all items, later its state only.
type ClaimRecord struct {
	ID      string
	State   ClaimState
	Items   []ClaimItem
	Comment string
	By      string
}

// ReceptionSummary closes a reception: what was learned, with the shortcomings that were recorded of the visit, and actual
// against budget. Amounts are minor units. The client's relationship gets it as an interaction of the reception's kind.
type ReceptionSummary struct {
	ClientID     string
	Kind         string
	At           time.Time
	Summary      string
	Shortcomings string
	Score        *float64 // mean of the ratings, two decimals; nil: nobody rated
	Budget       []BudgetLine
	Actual       []BudgetLine
	Currency     string
}
