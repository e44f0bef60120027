package policy

import "slices"

// The words that a policy document may use. They are the contract between the documents and the processes: an event,
// a state or a role that is not listed here can never happen, so a promise that names it would never start or stop.

// The events of a case that can start or stop a promise.
const (
	EventRecorded      = "recorded"
	EventPrioritised   = "prioritised"
	EventResponded     = "responded"
	EventNoted         = "noted"
	EventOffered       = "offered"
	EventAccepted      = "accepted"
	EventDeclined      = "declined"
	EventAdjudicated   = "adjudicated"
	EventEscalated     = "escalated"
	EventWaiting       = "waiting"
	EventResumed       = "resumed"
	EventClientMessage = "client_message"
	EventResolved      = "resolved"
	EventReopened      = "reopened"
	EventClosed        = "closed"
)

// The milestones that every rule must promise: the first answer to the client (C-20, C-22) and the solution (C-21, C-23).
const (
	FirstResponse = "first_response"
	Resolution    = "resolution"
)

// What a rung of the escalation ladder reacts to.
const (
	OnWarning = "warning"
	OnBreach  = "breach"
)

// The kinds of user task that a rung of the ladder can give.
const (
	TaskSupervise = "supervise"
	TaskCallBack  = "call_back"
)

// priorities are ordered from the most urgent down.
var priorities = []string{"P1", "P2", "P3", "P4"}

var (
	levels         = []string{"high", "medium", "low"} // of impact and of urgency
	clientClasses  = []string{"S", "A", "B", "C"}
	caseTypes      = []string{"complaint", "inquiry"}
	caseChannels   = []string{"phone", "email", "web", "chat", "visit", "letter"}
	clocks         = []string{"working", "elapsed"}
	pausableStates = []string{"waiting_customer"}
	reopenChoices  = []string{"continue", "new_cycle", "reset"}
	changeChoices  = []string{"retroactive", "restart", "keep"}
	rungTriggers   = []string{OnWarning, OnBreach}
	rungTasks      = []string{TaskSupervise, TaskCallBack}

	caseEvents = []string{
		EventRecorded, EventPrioritised, EventResponded, EventNoted, EventOffered, EventAccepted, EventDeclined,
		EventAdjudicated, EventEscalated, EventWaiting, EventResumed, EventClientMessage, EventResolved, EventReopened, EventClosed,
	}

	// Promises that the process itself keeps beside the milestones of a rule; one name must not mean two clocks.
	reservedMilestones = []string{"handover", "update"}

	// Relations to the case first, then the roles of the product.
	notified = []string{
		"accountable", "handler", "supervisor", "manager", "director", "account_manager", "client_representative",
		"staff", "reception_clerk", "service_agent", "finance", "scheduler", "auditor", "admin",
	}
)

// RaisePriority returns the priority one step above p. P1 stays P1, and so does anything that is no priority.
func RaisePriority(p string) string {
	if i := slices.Index(priorities, p); i > 0 {
		return priorities[i-1]
	}
	return p
}
