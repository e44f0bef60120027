package approval

import (
	"slices"
	"time"
)

// StepView is one step as people see it: a visit of it, or a step of the path that has not been reached.
type StepView struct {
	ID           string            `json:"id"`
	Mode         Mode              `json:"mode"`
	State        string            `json:"state"` // of a VisitState, or pending
	Rule         string            `json:"rule,omitempty"`
	DueAt        *time.Time        `json:"due_at,omitempty"` // the earliest of those who are asked
	OpenedAt     *time.Time        `json:"opened_at,omitempty"`
	ClosedAt     *time.Time        `json:"closed_at,omitempty"`
	Participants []ParticipantView `json:"participants"`
}

// The states of a participant as people see them, beside the decisions, which a void visit shows as well.
const (
	SeenOpen      = "open"
	SeenWaiting   = "waiting" // for others in the same step
	SeenAdvised   = "advised"
	SeenSkipped   = "skipped"
	SeenRemoved   = "removed"
	SeenNotNeeded = "not_needed" // the step was decided without them
	SeenPending   = "pending"    // a step that has not been reached
)

// ParticipantView is one participant as people see them. When somebody acted for another, UserID is who acted and
// OnBehalfOf for whom, under Rules.
type ParticipantView struct {
	UserID     string     `json:"user_id"`
	OnBehalfOf string     `json:"on_behalf_of,omitempty"`
	Rules      []string   `json:"rules,omitempty"`
	Position   Position   `json:"position,omitempty"`
	AddedBy    string     `json:"added_by,omitempty"`
	State      string     `json:"state"`
	Opinion    Decision   `json:"opinion,omitempty"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`
	Comment    string     `json:"comment,omitempty"`
}

// Steps shows the approval as people see it: every visit in the order in which it opened, void ones too, then the steps of
// the path that are still to come.
func (c *Chain) Steps(s State) []StepView {
	var steps []StepView
	reached := -1
	for i := range s.Visits {
		v := &s.Visits[i]
		step := StepView{
			ID: v.Step, Mode: v.Mode, State: string(v.State), Rule: v.Rule, OpenedAt: &v.OpenedAt, ClosedAt: v.ClosedAt,
			Participants: []ParticipantView{},
		}
		for j := range v.Participants {
			p := &v.Participants[j]
			step.Participants = append(step.Participants, v.see(p))
			if p.DueAt != nil && (step.DueAt == nil || p.DueAt.Before(*step.DueAt)) {
				step.DueAt = p.DueAt
			}
		}
		steps = append(steps, step)
		if v.State != VisitVoid {
			reached = max(reached, v.Position)
		}
	}
	if s.Outcome != "" {
		return steps
	}
	for _, id := range s.Path[reached+1:] {
		steps = append(steps, StepView{ID: id, Mode: c.def.Steps[id].Mode, State: SeenPending, Participants: []ParticipantView{}})
	}
	return steps
}

// see shows one participant.
func (v *Visit) see(p *Participant) ParticipantView {
	seen := ParticipantView{
		UserID: p.UserID, Position: p.Position, AddedBy: p.AddedBy, DecidedAt: p.DecidedAt, DueAt: p.DueAt, Comment: p.Comment,
	}
	if p.DecidedBy != "" && p.DecidedBy != p.UserID {
		seen.UserID, seen.OnBehalfOf, seen.Rules = p.DecidedBy, p.UserID, slices.Clone(p.Under)
	}
	switch {
	case !p.live():
		seen.State = SeenRemoved
	case p.Skipped != "":
		seen.State = SeenSkipped
	case p.advises() && p.Decision != "":
		seen.State, seen.Opinion = SeenAdvised, p.Decision
	case p.Decision != "":
		seen.State = string(p.Decision)
	case v.open(p):
		seen.State = SeenOpen
	case v.State == VisitActive:
		seen.State = SeenWaiting
	default:
		seen.State = SeenNotNeeded
	}
	return seen
}

// Approvers lists the people who have approved, and those in whose place they did, with the steps that were walked, each
// once and in order. What was returned or taken back does not count, nor what a rule decided.
func (s *State) Approvers() (people, steps []string) {
	add := func(list []string, name string) []string {
		if name == "" || name == System || slices.Contains(list, name) {
			return list
		}
		return append(list, name)
	}
	for i := range s.Visits {
		v := &s.Visits[i]
		if v.State != VisitPassed || v.Step == StepRequester {
			continue
		}
		steps = add(steps, v.Step)
		for j := range v.Participants {
			if p := &v.Participants[j]; p.live() && p.Decision == DecisionApproved && p.DecidedBy != System && !p.advises() {
				people = add(add(people, p.DecidedBy), p.UserID)
			}
		}
	}
	return people, steps
}
