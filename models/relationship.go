package models

import (
	"encoding/json"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/health"
)

// Names of the relationship process on the wire; never renamed once released. An update's name is its action.
const (
	RelationshipType      = "Relationship"
	RelationshipProcess   = "relationship"
	RelationshipTaskQueue = "mcrflow"
	RelationshipReady     = "ready"   // update: answers once the first step is taken
	RelationshipAdopt     = "adopt"   // signal: the stored state has moved on, take it over
	RelationshipDecided   = "decided" // signal of an approval: an ApprovalDecided
	RelationshipTold      = "fact"    // signal of a case, a reception, a follow-up: ClientNews
	RelationshipChanged   = "changed" // signal: the client's master data, or who works here, has changed; a RelationshipEvent
)

// RelationshipWorkflowID is the engine's id of the process of a client.
func RelationshipWorkflowID(clientID string) string { return "client/" + clientID }

// RelationshipAction names what happens to a relationship. Those that people take are updates of the process.
type RelationshipAction string

// What people do.
const (
	RelationshipAppraise   RelationshipAction = "appraise"   // record criteria of the classification
	RelationshipClassify   RelationshipAction = "classify"   // propose a class (M-10, M-13, M-26)
	RelationshipUnclassify RelationshipAction = "unclassify" // take the proposal back
	RelationshipTeam       RelationshipAction = "team"       // who holds which post for this client (D-22)

	RelationshipPlan         RelationshipAction = "plan" // draft a plan (M-30)
	RelationshipPlanRevise   RelationshipAction = "plan-revise"
	RelationshipPlanSubmit   RelationshipAction = "plan-submit"
	RelationshipPlanWithdraw RelationshipAction = "plan-withdraw"
	RelationshipPlanDone     RelationshipAction = "plan-done" // an activity is done
	RelationshipPlanDrop     RelationshipAction = "plan-drop" // an activity is dropped
	RelationshipPlanClose    RelationshipAction = "plan-close"

	RelationshipAssess      RelationshipAction = "assess"       // M-41, M-42
	RelationshipImprove     RelationshipAction = "improve"      // actions of an improvement plan (M-51)
	RelationshipImproved    RelationshipAction = "improved"     // one of them is done
	RelationshipImproveStop RelationshipAction = "improve-stop" // the improvement plan ends, with its summary (M-62)

	RelationshipInteract RelationshipAction = "interact" // A-13, M-80

	RelationshipCommit RelationshipAction = "commit" // a promise to the client (M-74)
	RelationshipKeep   RelationshipAction = "keep"
	RelationshipRevoke RelationshipAction = "revoke"

	RelationshipOpine  RelationshipAction = "opine" // direct feedback of a client's opinion (D-01, D-02)
	RelationshipAnswer RelationshipAction = "answer"

	RelationshipLead      RelationshipAction = "lead"       // a lead or an opportunity (U-04, S-25)
	RelationshipLeadStage RelationshipAction = "lead-stage" // promote its stage
	RelationshipLeadAct   RelationshipAction = "lead-act"   // a general action (U-05)
	RelationshipLeadClose RelationshipAction = "lead-close" // won or lost

	RelationshipHandOver RelationshipAction = "hand-over" // offer everything to another account manager (M-65)
	RelationshipAccept   RelationshipAction = "accept"    // take items of the offer, or all that is left
	RelationshipDecline  RelationshipAction = "decline"
	RelationshipLose     RelationshipAction = "lose" // the client has left
	RelationshipRegain   RelationshipAction = "regain"
)

// What happens by itself or is told.
const (
	RelationshipBegin  RelationshipAction = "begin"  // the client exists
	RelationshipDecide RelationshipAction = "decide" // an approval has answered
	RelationshipFact   RelationshipAction = "fact"   // another process tells something of the client
	RelationshipAlign  RelationshipAction = "align"  // the client's master data has changed
	RelationshipLeft   RelationshipAction = "left"   // somebody with a part in it has left; data is Deactivate
	RelationshipMerged RelationshipAction = "merged" // the client was a duplicate of another one; it ends
	RelationshipTick   RelationshipAction = "tick"
	RelationshipAsIs   RelationshipAction = "adopt"
)

// Stage is how far a relationship has come.
type Stage string

// The stages:
//
//	prospect → classified → planned → active ⇄ dormant, and lost from any of them
const (
	StageProspect   Stage = "prospect"
	StageClassified Stage = "classified"
	StagePlanned    Stage = "planned"
	StageActive     Stage = "active"
	StageDormant    Stage = "dormant"
	StageLost       Stage = "lost"
	StageMerged     Stage = "merged" // the client was a duplicate: the process is over
)

// Stages lists the stages in the order of a relationship's life.
func Stages() []Stage {
	return []Stage{StageProspect, StageClassified, StagePlanned, StageActive, StageDormant, StageLost, StageMerged}
}

// Limits of what a relationship keeps open at once: its state must stay small for years.
const (
	MaxOpenPlans       = 3
	MaxPlanActivities  = 100
	MaxOpenCommitments = 200
	MaxOpenOpinions    = 100
	MaxOpenLeads       = 200
	MaxActions         = 50 // of an improvement plan
	KeptFacts          = 200
	KeptContacts       = 100 // of whom it is known when somebody last spoke with them
)

// RelationshipState is all that a relationship's process knows: ids and small facts. What people wrote stands in the rows
// of plans, assessments, interactions, commitments, opinions and leads.
type RelationshipState struct {
	ID               string            `json:"id"` // the client's
	Stage            Stage             `json:"stage"`
	Class            string            `json:"class"`
	ClassSince       time.Time         `json:"class_since"`
	ClassVersion     int               `json:"class_version,omitempty"` // of the classification policy that gave it; 0: at import
	AccountManagerID string            `json:"account_manager_id,omitempty"`
	ManagerSince     time.Time         `json:"manager_since"`
	Posts            map[string]string `json:"posts,omitempty"` // post of the responsibility policy → user, where it is set for this client
	Team             map[string]string `json:"team,omitempty"`  // post → who holds it now, by Posts and policy

	Criteria    classification.Criteria `json:"criteria,omitempty"` // as recorded last
	AppraisedAt *time.Time              `json:"appraised_at,omitempty"`
	Proposal    *ClassProposal          `json:"proposal,omitempty"` // waits for its approval
	Review      Obligation              `json:"review"`             // of the class

	Plans        []PlanState           `json:"plans,omitempty"`  // that are not over
	Levels       map[cadence.Level]int `json:"levels,omitempty"` // of the latest assessment, 1 to 5
	AssessedAt   *time.Time            `json:"assessed_at,omitempty"`
	Assess       Obligation            `json:"assess"`                 // the next assessment; zero before the first class
	Improvements []ImprovementState    `json:"improvements,omitempty"` // open ones, at most one for each level
	Contact      Obligation            `json:"contact"`                // the next interaction
	LastContact  *time.Time            `json:"last_contact,omitempty"`
	DormantAt    *time.Time            `json:"dormant_at,omitempty"`  // unless there is an interaction before
	Spoken       map[string]time.Time  `json:"spoken,omitempty"`      // contact → when somebody last spoke with them
	Commitments  []CommitmentState     `json:"commitments,omitempty"` // open ones
	Opinions     []OpinionState        `json:"opinions,omitempty"`    // not answered
	Leads        []LeadState           `json:"leads,omitempty"`       // open ones
	HandOver     *HandOver             `json:"hand_over,omitempty"`
	Rotation     Obligation            `json:"rotation"` // the reminder to rotate the account manager (M-65)
	Facts        []health.Fact         `json:"facts,omitempty"`

	Tasks  []Task          `json:"tasks,omitempty"`  // open ones
	Orders []ApprovalOrder `json:"orders,omitempty"` // until the approval has answered
	Tell   *Succession     `json:"tell,omitempty"`   // what other processes must learn last: told even if a worker dies after the step
	Drafts *ReceptionOrder `json:"drafts,omitempty"` // the latest receptions to draft, likewise
	Merged *Merger         `json:"merged,omitempty"` // the survivor, who is to learn what it is owed; nil before the merge

	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	Seq       int64      `json:"seq"`
	EventSeq  int64      `json:"event_seq"`
	Handled   []string   `json:"handled,omitempty"`
	NextAt    *time.Time `json:"next_at,omitempty"` // when the clock must look again; nil: never
}

// Obligation is something that falls due once and again: the next time, and whether somebody was reminded of it.
type Obligation struct {
	DueAt    *time.Time `json:"due_at,omitempty"`
	RemindAt *time.Time `json:"remind_at,omitempty"` // nil: reminded, or nobody is
	Missed   int        `json:"missed,omitempty"`    // how often in a row it was
}

// ClassProposal is a change of class that waits for its approval.
type ClassProposal struct {
	ID          string `json:"id"` // of the row and, derived from it, of the approval
	ApprovalID  string `json:"approval_id"`
	Class       string `json:"class"`
	RequesterID string `json:"requester_id"`
	Version     int    `json:"version"` // of the classification policy
	Returned    bool   `json:"returned,omitempty"`
}

// PlanStatus is the state of a plan.
type PlanStatus string

// The states of a plan:
//
//	draft ⇄ in_approval → approved → closed
//	  └→ withdrawn   └→ rejected
const (
	PlanDraft      PlanStatus = "draft"
	PlanInApproval PlanStatus = "in_approval"
	PlanApproved   PlanStatus = "approved"
	PlanClosed     PlanStatus = "closed"
	PlanRejected   PlanStatus = "rejected"
	PlanWithdrawn  PlanStatus = "withdrawn"
)

// Over reports whether nothing can happen to the plan any more.
func (p PlanStatus) Over() bool { return p == PlanClosed || p == PlanRejected || p == PlanWithdrawn }

// PlanState is what the process keeps of a plan that is not over.
type PlanState struct {
	ID         string          `json:"id"`
	Status     PlanStatus      `json:"status"`
	From       time.Time       `json:"from"`  // begin of the first day, in the calendar's zone
	Until      time.Time       `json:"until"` // end of the last day
	OwnerID    string          `json:"owner_id"`
	ApprovalID string          `json:"approval_id,omitempty"` // of the latest submission
	Tries      int             `json:"tries,omitempty"`       // submissions so far
	Returned   bool            `json:"returned,omitempty"`
	Activities []ActivityState `json:"activities,omitempty"`
	Summary    bool            `json:"summary,omitempty"` // its end has passed: the summary is asked for
}

// ActivityState is a planned activity: one of the five means (M-64), a visit, a meeting of the management, or anything else.
type ActivityState struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	OwnerID string          `json:"owner_id"`
	DueAt   time.Time       `json:"due_at"`
	OpenAt  *time.Time      `json:"open_at,omitempty"` // when it becomes a task; nil: at DueAt
	Opened  bool            `json:"opened,omitempty"`  // it has become a task or the draft of a reception
	Late    bool            `json:"late,omitempty"`    // its time has passed
	Outcome ActivityOutcome `json:"outcome,omitempty"`
}

// ActivityOutcome is what became of a planned activity; empty while it is open.
type ActivityOutcome string

// The outcomes.
const (
	ActivityDone    ActivityOutcome = "done"
	ActivityDropped ActivityOutcome = "dropped"
)

// ImprovementState is an open plan to improve one level of relations.
type ImprovementState struct {
	ID      string          `json:"id"`
	Level   cadence.Level   `json:"level"`
	Target  int             `json:"target"`
	OwnerID string          `json:"owner_id"`
	DueAt   time.Time       `json:"due_at"`
	Late    bool            `json:"late,omitempty"`
	Actions []ActivityState `json:"actions,omitempty"` // Kind is empty
}

// CommitmentState is an open promise to the client.
type CommitmentState struct {
	ID       string     `json:"id"`
	OwnerID  string     `json:"owner_id"`
	DueAt    time.Time  `json:"due_at"`
	RemindAt *time.Time `json:"remind_at,omitempty"`
	Broken   bool       `json:"broken,omitempty"` // its time has passed; it is still owed
}

// OpinionState is a client's opinion that waits for the answer of the function outside the sales line (D-01, D-03).
type OpinionState struct {
	ID      string    `json:"id"`
	OwnerID string    `json:"owner_id"` // who answers: the first monitor of direct feedback
	ByID    string    `json:"by_id"`    // who wrote the form
	DueAt   time.Time `json:"due_at"`
	Late    bool      `json:"late,omitempty"`
}

// LeadKind tells a lead from an opportunity.
type LeadKind string

// The kinds.
const (
	KindLead        LeadKind = "lead"
	KindOpportunity LeadKind = "opportunity"
)

// LeadStage is how far a lead or an opportunity has come (S-21). Stages are only ever promoted.
type LeadStage string

// The stages in their order. A lead that is qualified becomes an opportunity by being screened.
const (
	LeadNew         LeadStage = "new"
	LeadQualified   LeadStage = "qualified"
	LeadScreening   LeadStage = "screening"
	LeadNegotiation LeadStage = "negotiation"
	LeadAgreement   LeadStage = "agreement"
	LeadFulfilment  LeadStage = "fulfilment"
)

// LeadStages lists the stages in their order.
func LeadStages() []LeadStage {
	return []LeadStage{LeadNew, LeadQualified, LeadScreening, LeadNegotiation, LeadAgreement, LeadFulfilment}
}

// LeadState is an open lead or opportunity.
type LeadState struct {
	ID      string     `json:"id"`
	Stage   LeadStage  `json:"stage"`
	OwnerID string     `json:"owner_id"`
	ActedAt time.Time  `json:"acted_at"` // the latest general action (U-05)
	Follow  Obligation `json:"follow"`   // when the next one is due
}

// HandOver offers everything that an account manager has at this client to another one. Both keep what is theirs until it is
// accepted.
type HandOver struct {
	FromID    string         `json:"from_id"`
	ToID      string         `json:"to_id"`
	ByID      string         `json:"by_id"`
	OfferedAt time.Time      `json:"offered_at"`
	Items     []HandOverItem `json:"items"` // that are not accepted yet
}

// HandOverItem is one thing that somebody owns at a client.
type HandOverItem struct {
	Kind string `json:"kind"` // account, plan, activity, improvement, commitment, lead, case, reception
	ID   string `json:"id"`
}

// The kinds of what is handed over. The account is the client itself: it is accepted last, or with everything.
const (
	ItemAccount     = "account"
	ItemPlan        = "plan"
	ItemActivity    = "activity"
	ItemImprovement = "improvement"
	ItemCommitment  = "commitment"
	ItemLead        = "lead"
	ItemCase        = "case"
	ItemReception   = "reception"
)

// Succession tells cases and receptions of the client that somebody takes over from somebody else.
type Succession struct {
	Seq        int64    `json:"seq"` // the step that decided it
	FromID     string   `json:"from_id"`
	ToID       string   `json:"to_id"`
	Cases      []string `json:"cases,omitempty"`
	Receptions []string `json:"receptions,omitempty"`
}

// Merger says into which client this one was merged.
type Merger struct {
	Seq    int64  `json:"seq"` // the step that ended the relationship
	IntoID string `json:"into_id"`
}

// ReceptionOrder asks for drafts of receptions: planned activities that have fallen due.
type ReceptionOrder struct {
	Seq   int64            `json:"seq"` // the step that decided it
	Items []DraftReception `json:"items"`
}

// DraftReception is one of them; its id is derived from the activity, so that it is drafted once.
type DraftReception struct {
	ReceptionID string    `json:"reception_id"`
	Kind        string    `json:"kind"` // of the reception: one of the five means
	OwnerID     string    `json:"owner_id"`
	PlanID      string    `json:"plan_id"`
	ActivityID  string    `json:"activity_id"`
	DueAt       time.Time `json:"due_at"`
}

// ClientNews is what a step of another process tells of a client.
type ClientNews struct {
	ClientID string       `json:"client_id"`
	Seq      int64        `json:"seq"` // the step that tells it
	Facts    []ClientFact `json:"facts"`
}

// ClientFact is one fact of a client. The latest Seq of an ID counts, in whatever order facts arrive.
type ClientFact struct {
	ID   string      `json:"id"` // of the case, reception, or invitation, with what of it is told
	Seq  int64       `json:"seq"`
	Kind health.Kind `json:"kind"`
	At   time.Time   `json:"at"`
	// Contact reports that somebody of ours was with the client then: a reception.
	Contact bool `json:"contact,omitempty"`
	// Commitment is a promise that the process has made to the client; nil: none.
	Commitment *Commit `json:"commitment,omitempty"`
}

// RelationshipInput starts the process of a client, or carries its state when it continues as new.
type RelationshipInput struct {
	ClientID string             `json:"client_id"`
	State    *RelationshipState `json:"state,omitempty"`
	Unsent   []int64            `json:"unsent,omitempty"`  // steps whose messages have not left yet
	Ordered  int64              `json:"ordered,omitempty"` // the last step whose orders were carried out
	Told     int64              `json:"told,omitempty"`    // the last step whose Tell and Drafts were carried out
}

// RelationshipResult is how a relationship ended.
type RelationshipResult struct {
	Stage Stage `json:"stage"`
	Seq   int64 `json:"seq"`
}

// RelationshipEvent asks a relationship to take one step.
type RelationshipEvent struct {
	Meta   Meta               `json:"meta"`
	Action RelationshipAction `json:"action"`
	Data   json.RawMessage    `json:"data,omitempty"`
}

// AskedBy is the X-Request-ID of the call that gave the command; empty for what a process does by itself. It is for logs.
func (e RelationshipEvent) AskedBy() string { return e.Meta.TraceID }

// AdvanceRelationship asks for one step from a known state; State is nil for the first one.
type AdvanceRelationship struct {
	ClientID string             `json:"client_id"`
	State    *RelationshipState `json:"state,omitempty"`
	Event    RelationshipEvent  `json:"event"`
	At       time.Time          `json:"at"`
}

// AskedBy is that of the step's event.
func (a AdvanceRelationship) AskedBy() string { return a.Event.AskedBy() }
