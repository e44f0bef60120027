package models

import "time"

// CaseRow is a case as the projection has it: the process's state and the texts beside it.
type CaseRow struct {
	State      CaseState
	Record     CaseRecord
	Contacts   []CaseContact // of complainants whose cases were merged into this one
	Resolution string
	RootCause  string
	Satisfied  *int // 1–5; nil until the client was asked
}

// CaseHead is the little that a list of similar cases shows.
type CaseHead struct {
	ID        string
	Number    string
	Subject   string
	Status    CaseStatus
	CreatedAt time.Time
}

// CaseFilter narrows a list of cases; zero fields do not.
type CaseFilter struct {
	Status        CaseStatus
	Type          CaseType
	Priority      string
	AssigneeID    string
	AccountableID string
	ClientID      string
	Breached      *bool
	DueBefore     *time.Time // a running promise falls due before it
}

// Holding is one interval of responsibility; Until is nil while it lasts.
type Holding struct {
	UserID string
	From   time.Time
	Until  *time.Time
	Kind   HoldKind // handling only
	Reason string
}

// TaskBox is one view of the inbox.
type TaskBox string

// The boxes of the inbox.
const (
	BoxTodo    TaskBox = "todo"    // what waits for me, and for those whose deputy I am
	BoxDone    TaskBox = "done"    // what I have done
	BoxStarted TaskBox = "started" // open tasks of processes that I began
	BoxCC      TaskBox = "cc"      // copies for reading
)

// TaskFilter narrows an inbox; zero fields do not.
type TaskFilter struct {
	Box       TaskBox
	Process   string
	SubjectID string // the object that the task is about
	DueBefore *time.Time
}

// TaskRow is a user task as the projection has it, with what it belongs to.
type TaskRow struct {
	Task
	Process   string
	SubjectID string
	Number    string          // of the subject
	Subject   string          // what the subject is called
	Case      *CaseState      // for the actions that the reader may take: of a task of the complaint process
	Approval  *ApprovalState  // of a task of an approval
	Reception *ReceptionState // of a task of the reception process

	// Relationship is that of an open task of the relationship process: what says who may do what, and no more of it.
	Relationship *RelationshipState
}

// KnowledgeArticle is a solution worth keeping, drafted from a resolved case (C-41).
type KnowledgeArticle struct {
	ID        string    `gorm:"column:id;primaryKey"`
	CaseID    string    `gorm:"column:case_id"`
	Title     string    `gorm:"column:title"`
	RootCause string    `gorm:"column:root_cause"`
	Body      string    `gorm:"column:body"`
	State     string    `gorm:"column:state"` // draft | published
	CreatedBy string    `gorm:"column:created_by"`
	CreatedAt time.Time `gorm:"column:created_at"`
}

// TableName is the table of KnowledgeArticle.
func (KnowledgeArticle) TableName() string { return "knowledge_articles" }
