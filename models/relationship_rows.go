package models

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/classification"
)

// RelationshipStep is one decided step of a relationship: the new state and everything that is written with it in one
// transaction. Rows are inserted, or replaced by their id.
type RelationshipStep struct {
	State           RelationshipState
	Events          []TimelineEvent
	Notices         []Notice
	Tasks           []Task        // opened, done or cancelled by this step
	Client          *ClientChange // what of the client's row this step changes
	Classifications []*ClassificationRow
	Plans           []*PlanRow
	Assessment      *AssessmentRow
	Improvements    []*ImprovementRow
	Interactions    []*InteractionRow
	Commitments     []*CommitmentRow
	Opinions        []*OpinionRow
	Leads           []*LeadRow
	Messages        []ClientMessage // to people at the client
	Calls           *Deactivate     // whose open calls to people of the client are somebody else's now
	RequestID       string
	TraceID         string
}

// OpenRows are the rows of what is open at a client, as they are stored.
type OpenRows struct {
	Classifications []ClassificationRow // the one that waits for its approval
	Plans           []PlanRow
	Improvements    []ImprovementRow
	Commitments     []CommitmentRow
	Opinions        []OpinionRow
	Leads           []LeadRow
}

// edited is the row of this id as the step writes it: as it has changed it already, or else as it is stored. Nil when there is
// none.
func edited[R any](written *[]*R, open []R, id string, of func(*R) string) *R {
	for _, r := range *written {
		if of(r) == id {
			return r
		}
	}
	for i := range open {
		if of(&open[i]) == id {
			r := open[i]
			*written = append(*written, &r)
			return &r
		}
	}
	return nil
}

// DecideRelationship decides the next step of a relationship from its stored state, nil before the first one. What it
// returns is written; its error undoes everything.
type DecideRelationship func(stored *RelationshipState) (RelationshipStep, error)

// ClientChange is what a step writes of the client's row: it alone changes the class.
type ClientChange struct {
	Class            string
	AccountManagerID *string
	Status           string
	Version          int64 // of the row that the step was decided by: another one undoes the step
}

// ClientMessage goes to a person at the client: the company's commitment (D-09), or who looks after them now.
type ClientMessage struct {
	Kind      string // of the notice
	ContactID string // empty: all contacts that have an address
	Data      map[string]string
}

// ClassificationRow is a proposal of a class and what became of it: together they are the history of the class (M-26).
type ClassificationRow struct {
	ID            string                  `gorm:"column:id;primaryKey"`
	ClientID      string                  `gorm:"column:client_id"`
	FromClass     string                  `gorm:"column:from_class"`
	Class         string                  `gorm:"column:class"`    // proposed
	Computed      string                  `gorm:"column:computed"` // what the policy would have proposed
	Criteria      classification.Criteria `gorm:"column:criteria;serializer:json"`
	Score         classification.Score    `gorm:"column:score;serializer:json"`
	PolicyVersion int                     `gorm:"column:policy_version"`
	Reason        string                  `gorm:"column:reason"`
	RequestedBy   string                  `gorm:"column:requested_by"`
	RequestedAt   time.Time               `gorm:"column:requested_at"`
	ApprovalID    string                  `gorm:"column:approval_id"` // empty: given at import
	Outcome       string                  `gorm:"column:outcome"`     // pending, approved, rejected, withdrawn
	DecidedBy     []string                `gorm:"column:decided_by;serializer:json"`
	DecidedAt     *time.Time              `gorm:"column:decided_at"` // the class holds from then
}

// TableName is the table of ClassificationRow.
func (ClassificationRow) TableName() string { return "classifications" }

// PlanRow is a plan as it is read. Version counts its revisions.
type PlanRow struct {
	ID         string         `gorm:"column:id;primaryKey"`
	ClientID   string         `gorm:"column:client_id"`
	Status     PlanStatus     `gorm:"column:status"`
	From       time.Time      `gorm:"column:starts_at"` // of its first day
	Until      time.Time      `gorm:"column:ends_at"`   // of its last day
	Version    int            `gorm:"column:version"`
	Document   PlanDraftData  `gorm:"column:document;serializer:json"` // activities with their ids
	Progress   []PlanProgress `gorm:"column:progress;serializer:json"` // of the activities, in their order
	OwnerID    string         `gorm:"column:owner_id"`
	ApprovalID string         `gorm:"column:approval_id"`
	Summary    string         `gorm:"column:summary"` // when it is closed
	CreatedBy  string         `gorm:"column:created_by"`
	CreatedAt  time.Time      `gorm:"column:created_at"`
	UpdatedAt  time.Time      `gorm:"column:updated_at"`
}

// TableName is the table of PlanRow.
func (PlanRow) TableName() string { return "client_plans" }

// PlanProgress is how an activity of a plan stands.
type PlanProgress struct {
	ActivityID  string          `json:"activity_id"`
	State       string          `json:"state"` // planned, due, late, done, dropped
	Outcome     ActivityOutcome `json:"outcome,omitempty"`
	Late        bool            `json:"late,omitempty"`
	At          *time.Time      `json:"at,omitempty"` // of the outcome
	ByID        string          `json:"by_id,omitempty"`
	Note        string          `json:"note,omitempty"`
	ReceptionID string          `json:"reception_id,omitempty"` // the draft that it became
}

// AssessmentRow is an assessment of the relations with a client (M-41).
type AssessmentRow struct {
	ID       string                     `gorm:"column:id;primaryKey"`
	ClientID string                     `gorm:"column:client_id"`
	At       time.Time                  `gorm:"column:at"`
	ByID     string                     `gorm:"column:by_id"`
	Levels   map[cadence.Level]Assessed `gorm:"column:levels;serializer:json"`
	Targets  map[cadence.Level]int      `gorm:"column:targets;serializer:json"`
	Warnings []cadence.Level            `gorm:"column:warnings;serializer:json"` // levels ahead of the one that comes first (M-43)
	Analysis string                     `gorm:"column:analysis"`
	Monitors []string                   `gorm:"column:monitors;serializer:json"` // the first one first
}

// TableName is the table of AssessmentRow.
func (AssessmentRow) TableName() string { return "assessments" }

// ImprovementRow is a plan to improve one level of relations.
type ImprovementRow struct {
	ID           string         `gorm:"column:id;primaryKey"`
	ClientID     string         `gorm:"column:client_id"`
	AssessmentID string         `gorm:"column:assessment_id"`
	Level        cadence.Level  `gorm:"column:level"`
	FromLevel    int            `gorm:"column:from_level"`
	Target       int            `gorm:"column:target"`
	OwnerID      string         `gorm:"column:owner_id"`
	State        string         `gorm:"column:state"` // open, reached, stopped
	DueAt        time.Time      `gorm:"column:due_at"`
	Actions      []PlanActivity `gorm:"column:actions;serializer:json"`
	Progress     []PlanProgress `gorm:"column:progress;serializer:json"`
	Summary      string         `gorm:"column:summary"`
	CreatedAt    time.Time      `gorm:"column:created_at"`
	EndedAt      *time.Time     `gorm:"column:ended_at"`
}

// TableName is the table of ImprovementRow.
func (ImprovementRow) TableName() string { return "improvements" }

// InteractionRow is one contact with the client, or a general action on a lead (U-05).
type InteractionRow struct {
	ID        string     `gorm:"column:id;primaryKey"`
	ClientID  string     `gorm:"column:client_id"`
	UserID    string     `gorm:"column:user_id"`
	ContactID string     `gorm:"column:contact_id"`
	LeadID    string     `gorm:"column:lead_id"`
	SubjectID string     `gorm:"column:subject_id"` // the reception that it was
	Kind      string     `gorm:"column:kind"`
	At        time.Time  `gorm:"column:at"`
	Summary   string     `gorm:"column:summary"`
	Quality   string     `gorm:"column:quality"`
	NextAt    *time.Time `gorm:"column:next_at"`
	CreatedAt time.Time  `gorm:"column:created_at"`
}

// TableName is the table of InteractionRow.
func (InteractionRow) TableName() string { return "interactions" }

// CommitmentRow is a promise to the client (M-74).
type CommitmentRow struct {
	ID        string     `gorm:"column:id;primaryKey"`
	ClientID  string     `gorm:"column:client_id"`
	Text      string     `gorm:"column:text"`
	OwnerID   string     `gorm:"column:owner_id"`
	ContactID string     `gorm:"column:contact_id"`
	SubjectID string     `gorm:"column:subject_id"`
	State     string     `gorm:"column:state"` // open, broken (and still owed), kept, kept_late, revoked
	DueAt     time.Time  `gorm:"column:due_at"`
	MadeBy    string     `gorm:"column:made_by"`
	MadeAt    time.Time  `gorm:"column:made_at"`
	EndedAt   *time.Time `gorm:"column:ended_at"`
	Note      string     `gorm:"column:note"`
}

// TableName is the table of CommitmentRow.
func (CommitmentRow) TableName() string { return "commitments" }

// OpinionRow is a client's opinion and its answer (D-01 to D-09).
type OpinionRow struct {
	ID           string     `gorm:"column:id;primaryKey"`
	ClientID     string     `gorm:"column:client_id"`
	ContactID    string     `gorm:"column:contact_id"`
	Text         string     `gorm:"column:text"`
	Departments  []string   `gorm:"column:departments;serializer:json"`
	ByID         string     `gorm:"column:by_id"`
	At           time.Time  `gorm:"column:at"`
	OwnerID      string     `gorm:"column:owner_id"`
	Monitors     []string   `gorm:"column:monitors;serializer:json"`
	State        string     `gorm:"column:state"` // open, late (and still owed), answered
	DueAt        time.Time  `gorm:"column:due_at"`
	Answer       string     `gorm:"column:answer"`
	AnsweredBy   string     `gorm:"column:answered_by"`
	AnsweredAt   *time.Time `gorm:"column:answered_at"`
	CommitmentID string     `gorm:"column:commitment_id"`
}

// TableName is the table of OpinionRow.
func (OpinionRow) TableName() string { return "opinions" }

// LeadRow is a lead or an opportunity (S-25). Amount is in minor units.
type LeadRow struct {
	ID        string     `gorm:"column:id;primaryKey"`
	ClientID  string     `gorm:"column:client_id"`
	Kind      LeadKind   `gorm:"column:kind"`
	Title     string     `gorm:"column:title"`
	OwnerID   string     `gorm:"column:owner_id"`
	Stage     LeadStage  `gorm:"column:stage"`
	Outcome   string     `gorm:"column:outcome"` // empty while it is open; won or lost
	Amount    *int64     `gorm:"column:amount"`
	Currency  string     `gorm:"column:currency"`
	ActedAt   time.Time  `gorm:"column:acted_at"`
	DueAt     *time.Time `gorm:"column:due_at"` // of the next general action
	CreatedBy string     `gorm:"column:created_by"`
	CreatedAt time.Time  `gorm:"column:created_at"`
	ClosedAt  *time.Time `gorm:"column:closed_at"`
	Note      string     `gorm:"column:note"`
}

// TableName is the table of LeadRow.
func (LeadRow) TableName() string { return "leads" }
