package models

import (
	"encoding/json"
	"time"

	"github.com/mcrflow/mcrflow/internal/approval"
)

// Names of the approval process on the wire; never renamed once released. An update's name is its verb.
const (
	ApprovalType       = "Approval"
	ApprovalProcess    = "approval"
	ApprovalTaskQueue  = "mcrflow"
	ApprovalAdopt      = "adopt"       // signal: the stored state has moved on, take it over
	ApprovalOrdered    = "order"       // signal: the process that asked resubmits, hands over or withdraws its request
	ApprovalOrgChanged = "org-changed" // signal: people have left, or rules for deputies have changed
	ApprovalNewLead    = "new-lead"    // signal: a team has another supervisor; who was it is named
	ApprovalDecidedTo  = "decided"     // signal to the process that asked: the request was returned, or has an outcome
	ApprovalStatusOf   = "status"
)

// What happens to an approval by itself.
const (
	ApprovalBegin   approval.Verb = "begin" // the first event; its data is the ApprovalOrder
	ApprovalTick                  = approval.Tick
	ApprovalRecheck               = approval.OrgChanged
)

// ApprovalWorkflowID is the engine's id of an approval's process.
func ApprovalWorkflowID(approvalID string) string { return "approval/" + approvalID }

// The chains that the complaint process asks for; those of a reception are in its policy.
const (
	ChainTransfer  = "accountability-transfer"
	ChainExtension = "extension"
)

// TaskRead is the kind of task that is a copy for reading; the kinds of an approval's other tasks are the engine's.
const TaskRead = "read"

// ApprovalState is all that an approval's process knows: the state of its chain and where it belongs.
type ApprovalState struct {
	ID              string         `json:"id"`
	Process         string         `json:"process"`          // that asked: complaint, reception, …
	Parent          string         `json:"parent"`           // the engine's id of that process
	SubjectID       string         `json:"subject_id"`       // the case, reception, … it is about
	Number          string         `json:"number,omitempty"` // of the subject, for people
	Purpose         string         `json:"purpose,omitempty"`
	Chain           approval.State `json:"chain"`
	Currency        string         `json:"currency,omitempty"`
	OverBy          int64          `json:"over,omitempty"` // minor units beyond what was approved before
	Changes         []FieldChange  `json:"changes,omitempty"`
	Departures      []Departure    `json:"departures,omitempty"`
	CalendarID      string         `json:"calendar_id"`
	CalendarVersion int            `json:"calendar_version"`
	CreatedBy       string         `json:"created_by,omitempty"` // the first requester; empty in those begun before it was kept
	CreatedAt       time.Time      `json:"created_at"`
	UpdatedAt       time.Time      `json:"updated_at"`
	Seq             int64          `json:"seq"`       // steps so far
	EventSeq        int64          `json:"event_seq"` // timeline events so far
	Handled         []string       `json:"handled,omitempty"`
	NextAt          *time.Time     `json:"next_at,omitempty"` // when the clock must look again; nil: never

	// Tell is what the process that asked must learn last. It stays here, so that it is told even if a worker dies after
	// the step was written.
	Tell *ApprovalDecided `json:"tell,omitempty"`
}

// ApprovalInput starts an approval's process: with the order of the process that asks, or with the state when it continues
// as new.
type ApprovalInput struct {
	ApprovalID string         `json:"approval_id"`
	Process    string         `json:"process,omitempty"`
	Parent     string         `json:"parent,omitempty"`
	Order      *ApprovalOrder `json:"order,omitempty"`
	State      *ApprovalState `json:"state,omitempty"`
	Unsent     []int64        `json:"unsent,omitempty"` // steps whose messages have not left yet
	Told       int64          `json:"told,omitempty"`   // the last step of which the process that asked was told
}

// ApprovalResult is how an approval ended.
type ApprovalResult struct {
	Outcome approval.Outcome `json:"outcome"`
	Seq     int64            `json:"seq"`
}

// ApprovalEvent asks an approval to take one step. Data is the approval.Command of a person's verb, without verb and
// actor, or the ApprovalOrder that begins it.
type ApprovalEvent struct {
	Meta Meta            `json:"meta"`
	Verb approval.Verb   `json:"verb"`
	Data json.RawMessage `json:"data,omitempty"`
}

// AdvanceApproval asks for one step from a known state; State is nil for the first one.
type AdvanceApproval struct {
	ApprovalID string         `json:"approval_id"`
	Process    string         `json:"process,omitempty"` // of the first step
	Parent     string         `json:"parent,omitempty"`  // of the first step
	State      *ApprovalState `json:"state,omitempty"`
	Event      ApprovalEvent  `json:"event"`
	At         time.Time      `json:"at"`
}

// ApprovalStep is one decided step of an approval: the new state and everything that is written with it in one transaction.
type ApprovalStep struct {
	State     ApprovalState
	Events    []TimelineEvent
	Notices   []Notice
	Tasks     []Task   // opened, done or cancelled by this step
	Copies    []string // users who got a copy for reading by this step
	RequestID string
	TraceID   string
}

// DecideApproval decides the next step of an approval from its stored state, nil before the first one. What it returns is
// written; its error undoes everything.
type DecideApproval func(stored *ApprovalState) (ApprovalStep, error)

// ApprovalRow is an approval as it is read.
type ApprovalRow struct {
	State    ApprovalState
	Subject  string  // what the subject is called, for people
	ClientID *string // whose the subject is; nil: nobody's
}

// ApprovalFilter narrows a list of approvals; zero fields do not.
type ApprovalFilter struct {
	Process     string
	SubjectID   string
	RequesterID string
	Outcome     approval.Outcome
	Open        *bool
}

// Over reports whether the approval has its outcome.
func (s *ApprovalState) Over() bool { return s.Chain.Outcome != "" }

// ReadPrincipals lists the users who may see the approval because they have a part in it, sorted.
func (s *ApprovalState) ReadPrincipals() []string { return s.Chain.Involved() }
