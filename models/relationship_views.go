package models

import "time"

// ClientOverview is everything about one client, each section the newest of its kind and bounded (§ client overview). Who may
// see it is asked before it is read.
type ClientOverview struct {
	Relationship    *RelationshipState // nil until its process has begun
	Classifications []ClassificationRow
	Plans           []PlanRow // by period, the latest first
	Contacts        []Contact // who are still known under the client, the first made first
	OpenCases       []ClientCase
	PastCases       []ClientCase // that changed last
	Receptions      []ClientReception
	Responses       []ClientResponse // that were answered last
	Assessments     []AssessmentRow
	Improvements    []ImprovementRow // open ones, by level
	Interactions    []InteractionRow
	Commitments     []CommitmentRow // open ones, the first due first
	Opinions        []OpinionRow    // not asked who of those who see the relationship may read them
	Leads           []LeadRow
	Tasks           []ClientTask  // open ones about the client itself, the first due first
	Events          []ClientEvent // the newest over the client and all its cases, receptions and follow-ups
}

// ClientCase is a case in a client's overview.
type ClientCase struct {
	ID            string
	Number        string
	Type          CaseType
	Status        CaseStatus
	Priority      string
	Subject       string
	AccountableID string
	AssigneeID    string
	Breached      bool
	NextDueAt     *time.Time
	CreatedAt     time.Time
	ClosedAt      *time.Time
}

// ClientReception is a reception in a client's overview.
type ClientReception struct {
	ID          string
	Number      string
	Status      ReceptionStatus
	Kind        string
	Level       string
	Purpose     string
	RequesterID string
	StartsAt    *time.Time
	EndsAt      *time.Time
	CreatedAt   time.Time
}

// ClientResponse is an answer to a survey in a client's overview.
type ClientResponse struct {
	InvitationID string
	Purpose      Purpose
	SubjectID    string
	Template     string
	ContactID    string
	Name         string
	Score        *int // of the template's primary question
	Verdict      string
	Complete     bool
	AnsweredAt   time.Time
}

// ClientTask is an open task in a client's overview.
type ClientTask struct {
	ID        string
	Process   string
	Kind      string
	UserID    string
	TeamID    string
	DueAt     *time.Time
	CreatedAt time.Time
}

// ClientEvent is an event of a client's relationship or of a case, reception or follow-up of the client.
type ClientEvent struct {
	SubjectID  string
	Process    string
	Number     string // of the subject; empty where it has none
	Seq        int64
	At         time.Time
	Type       string
	Actor      string
	OnBehalfOf string
	Data       map[string]any
	TraceID    string
}
