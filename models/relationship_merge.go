package models

import (
	"maps"
	"slices"

	"github.com/mcrflow/mcrflow/internal/cadence"
)

// ruleMerge lets what is owed to a client that was a duplicate pass to its survivor.
const ruleMerge = "merge"

// merged ends the relationship of a client that was a duplicate. What was promised to it, what it told us and the leads are left
// open for the survivor, to whom they are owed from now on; plans, improvements and requests, which say how this client was to
// be looked after, end with it.
func (t *relationshipStep) merged(e RelationshipEvent) error {
	c, err := dataOf[MergedClient](e.Data)
	if err != nil {
		return err
	}
	if e.Meta.Actor.ID != "" {
		t.actor = e.Meta.Actor.ID
	}
	s := t.s
	s.Stage, s.Merged = StageMerged, &Merger{Seq: s.Seq + 1, IntoID: c.IntoID}
	t.event("merged", "into_id", c.IntoID)
	err = t.by(ruleMerge, func() error {
		for _, planID := range s.planIDs() {
			if err := t.planMerged(planID); err != nil {
				return err
			}
		}
		for _, i := range slices.Clone(s.Improvements) {
			t.endImprovement(i, ImprovementStopped, "")
		}
		if p := s.Proposal; p != nil {
			row := t.gradingRow(p.ID)
			row.Outcome, row.DecidedAt = GradingWithdrawn, &t.at
			t.event("class_withdrawn", "class", p.Class, "approval_id", p.ApprovalID)
			s.Proposal = nil
		}
		return nil
	})
	for _, o := range s.Orders {
		t.giveUp(o.ID)
	}
	s.HandOver, s.Commitments, s.Opinions, s.Leads = nil, nil, nil, nil
	s.Tasks = t.settle(s.Tasks, TaskCancelled)
	return err
}

// planMerged ends a plan for a client that was merged: one that has begun is closed on this day, any other one was never needed.
func (t *relationshipStep) planMerged(planID string) error {
	p, err := t.plan(planID)
	if err != nil {
		return err
	}
	status, row := PlanWithdrawn, t.planRow(planID)
	if p.Status == PlanApproved {
		for i := range p.Activities {
			if p.Activities[i].Outcome == "" {
				t.drop(planID, &p.Activities[i], "")
			}
		}
		if !t.at.Before(p.From) {
			status = PlanClosed
			t.cutShort(row)
		}
	}
	t.endPlan(p, status, "plan_"+string(status))
	return nil
}

// gone ends the relationship of a client whose merge it was not told of. A command of a person is refused: it ends with
// whatever happens by itself.
func (t *relationshipStep) gone(e RelationshipEvent, intoID string) error {
	if slices.Contains(RelationshipActions(), e.Action) {
		return t.rules.Client.Open()
	}
	return t.merged(RelationshipEvent{Data: raw(MergedClient{IntoID: intoID})})
}

// inherit takes over what is still owed to clients that were merged into this one: their promises keep their due times, their
// opinions who answers them. Of a lost client nothing falls due, and it gets the tasks when it is regained.
func (t *relationshipStep) inherit() {
	left := t.rules.Left
	taken := map[string][]string{}
	take := func(clientID *string, owner *string, rowID string) {
		taken[*clientID] = append(taken[*clientID], rowID)
		*clientID, *owner = t.s.ID, t.rules.Org.answers(*owner)
	}
	s := t.s
	for _, row := range left.Commitments {
		take(&row.ClientID, &row.OwnerID, row.ID)
		o := CommitmentState{ID: row.ID, OwnerID: row.OwnerID, DueAt: row.DueAt, Broken: row.State == CommitmentBroken}
		if remind := cadence.RemindAt(t.rules.Calendar, o.DueAt, t.rules.Cadence.Commitments.RemindBefore); remind.After(t.at) {
			o.RemindAt = &remind
		}
		s.Commitments, t.Commitments = append(s.Commitments, o), append(t.Commitments, &row)
	}
	for _, row := range left.Opinions {
		take(&row.ClientID, &row.OwnerID, row.ID)
		s.Opinions = append(s.Opinions, OpinionState{ID: row.ID, OwnerID: row.OwnerID, ByID: row.ByID, DueAt: row.DueAt, Late: row.State == OpinionLate})
		t.Opinions = append(t.Opinions, &row)
	}
	for _, row := range left.Leads {
		take(&row.ClientID, &row.OwnerID, row.ID)
		l := LeadState{ID: row.ID, Stage: row.Stage, OwnerID: row.OwnerID, ActedAt: row.ActedAt, Follow: t.followAfter(row.ActedAt)}
		row.DueAt = l.Follow.DueAt
		s.Leads, t.Leads = append(s.Leads, l), append(t.Leads, &row)
	}
	if len(taken) == 0 {
		return
	}
	_ = t.by(ruleMerge, func() error {
		for _, from := range slices.Sorted(maps.Keys(taken)) {
			t.event("inherited", "from_id", from, "ids", taken[from])
		}
		t.owedTasks()
		return nil
	})
}
