package approval

import (
	"fmt"
	"slices"
	"time"
)

// The kinds of user task.
const (
	TaskApprove = "approve"
	TaskOpinion = "opinion"
	TaskRevise  = "revise" // the requester's, after a return
)

// The kinds of notice.
const (
	NoticeReminded    = "reminded"     // overdue
	NoticeUrged       = "urged"        // by the requester or a reader
	NoticeEscalated   = "escalated"    // to the superior who now stands by
	NoticeOfferedBack = "offered_back" // nobody is a deputy for it any more, and the task still open
	NoticeCopied      = "copied"
	NoticeEnded       = "ended" // to the requester and the readers
)

// Effects are what the shell carries out after a step: user tasks to open and close, notices, timeline events. Ended is
// set by the step that brought the outcome.
type Effects struct {
	Open    []Task
	Close   []Task
	Notices []Notice
	Events  []Event
	Ended   Outcome
}

// Task is one user task: a participant's own, or the same for somebody who may act in their name. Key is unique within
// the approval and never used again once closed.
type Task struct {
	Key         string     `json:"key"`
	Kind        string     `json:"kind"`
	Step        string     `json:"step"`
	Visit       int        `json:"visit"`
	Participant int        `json:"participant"`
	UserID      string     `json:"user_id"`
	OnBehalfOf  string     `json:"on_behalf_of,omitempty"`
	DueAt       *time.Time `json:"due_at,omitempty"`
	Why         Why        `json:"why"`
}

// Why answers "why me", also years later: the rule that found the person with the organisation's facts at the date, the
// policy version, the branch and the request's facts that decided that the step is asked (branch -1: the request names its
// steps, those that approved it first); Standby says under which rules
// the reader may act for the participant, and ReplacedBy why the participant is not the one who was found first.
type Why struct {
	Chain         string            `json:"chain"`
	PolicyVersion int               `json:"policy_version"`
	Branch        int               `json:"branch"`
	When          string            `json:"when,omitempty"`      // of the branch
	StepWhen      string            `json:"step_when,omitempty"` // of the step
	Facts         map[string]string `json:"facts,omitempty"`
	Reason        Reason            `json:"reason"`
	ReplacedBy    *Reason           `json:"replaced_by,omitempty"`
	Standby       *Standby          `json:"standby,omitempty"`
}

// Notice is one message to people; Args fill its text.
type Notice struct {
	Kind    string            `json:"kind"`
	UserIDs []string          `json:"user_ids"`
	Step    string            `json:"step,omitempty"`
	Args    map[string]string `json:"args,omitempty"`
}

// The types of timeline events.
const (
	EventStarted      = "approval_started"
	EventStepOpened   = "step_opened"
	EventStepPassed   = "step_passed"
	EventStepSkipped  = "step_skipped"
	EventStepRefused  = "step_refused"
	EventApproved     = "approved"
	EventRejected     = "rejected"
	EventOpinion      = "opinion_given"
	EventSkipped      = "skipped" // a participant, by rule
	EventReturned     = "returned"
	EventResubmitted  = "resubmitted"
	EventTransferred  = "transferred"
	EventDelegated    = "delegated"
	EventSignersAdded = "signers_added"
	EventSignerGone   = "signer_removed"
	EventTakenBack    = "taken_back"
	EventWithdrawn    = "withdrawn"
	EventUrged        = "urged"
	EventCopied       = "copied"
	EventCommented    = "commented"
	EventReminded     = "reminded"
	EventEscalated    = "escalated"
	EventReplaced     = "replaced" // a participant who has left
	EventOfferedBack  = "offered_back"
	EventHandedOver   = "handed_over" // the request, to another requester or with others who have a stake
	EventEnded        = "approval_ended"
)

// Event is one entry of the timeline. Actor is System for what a rule did; then Rules names it. For a deputy, Actor acted
// for OnBehalfOf under Rules.
type Event struct {
	Type       string            `json:"type"`
	At         time.Time         `json:"at"`
	Actor      string            `json:"actor"`
	OnBehalfOf string            `json:"on_behalf_of,omitempty"`
	Rules      []string          `json:"rules,omitempty"`
	Step       string            `json:"step,omitempty"`
	Visit      int               `json:"visit,omitempty"`
	UserIDs    []string          `json:"user_ids,omitempty"` // whom it is about
	Comment    string            `json:"comment,omitempty"`
	Args       map[string]string `json:"args,omitempty"`
}

// OpenTasks returns the user tasks that are open in the state, without their Why.
func (s *State) OpenTasks() []Task {
	v := s.Active()
	if v == nil {
		return nil
	}
	var tasks []Task
	for i := range v.Participants {
		p := &v.Participants[i]
		if !v.open(p) {
			continue
		}
		kind := TaskApprove
		switch {
		case v.Step == StepRequester:
			kind = TaskRevise
		case p.advises():
			kind = TaskOpinion
		}
		task := Task{Kind: kind, Step: v.Step, Visit: v.ID, Participant: p.ID, DueAt: p.DueAt}
		task.Key, task.UserID = fmt.Sprintf("%d.%d", p.ID, p.Turn), p.UserID
		tasks = append(tasks, task)
		for _, b := range p.Standbys {
			task.Key, task.UserID, task.OnBehalfOf = fmt.Sprintf("%d.%d.%d", p.ID, p.Turn, b.ID), b.UserID, p.UserID
			tasks = append(tasks, task)
		}
	}
	return tasks
}

func standbyUsers(p *Participant) []string {
	var users []string
	for _, b := range p.Standbys {
		users = append(users, b.UserID)
	}
	return users
}

// diff turns the difference of two states into tasks to close and to open.
func (c *Chain) diff(before, after *State) (open, closed []Task) {
	old, now := before.OpenTasks(), after.OpenTasks()
	has := func(tasks []Task, key string) bool {
		return slices.ContainsFunc(tasks, func(t Task) bool { return t.Key == key })
	}
	for _, t := range old {
		if !has(now, t.Key) {
			closed = append(closed, t)
		}
	}
	for _, t := range now {
		if !has(old, t.Key) {
			t.Why = c.Why(after, t)
			open = append(open, t)
		}
	}
	return open, closed
}

// Why explains a task of the state.
func (c *Chain) Why(s *State, t Task) Why {
	w := Why{Chain: s.Chain, PolicyVersion: s.PolicyVersion, Branch: s.Branch}
	if t.Step != StepRequester {
		w.When, w.StepWhen, w.Facts = c.reason(s.Branch, t.Step, s.Request.Facts)
	}
	for i := range s.Visits {
		if p := s.Visits[i].participant(t.Participant); p != nil {
			w.Reason, w.ReplacedBy = p.Why, p.ReplacedBy
			if b := p.standby(t.UserID); b != nil && t.OnBehalfOf != "" {
				copied := *b
				w.Standby = &copied
			}
		}
	}
	return w
}
