package models

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
)

// How an activity of a plan stands, as its progress tells it.
const (
	ActivityPlanned  = "planned"
	ActivityDue      = "due" // it has become a task
	ActivityOverdue  = "late"
	ActivityComplete = "done"
	ActivityGivenUp  = "dropped"
)

// PlanActivityKinds lists what activities of a plan can be: the five means (M-64), which become drafts of receptions, and the
// others.
func PlanActivityKinds() []string {
	return append(ReceptionKinds(), "visit", "executive_meeting", "other")
}

// activityOf is the open activity of an approved plan that a command is about, and whose it is.
func (t *relationshipStep) activityOf(data json.RawMessage, action RelationshipAction) (*PlanState, *ActivityState, OfPlan, error) {
	p, c, err := t.planOf(data, action)
	if err != nil {
		return nil, nil, c, err
	}
	i := slices.IndexFunc(p.Activities, func(a ActivityState) bool { return a.ID == c.ActivityID })
	if i < 0 {
		return nil, nil, c, noSuch("activity", c.ActivityID)
	}
	a := &p.Activities[i]
	if err := t.mustOwn(action, a.OwnerID); err != nil {
		return nil, nil, c, err
	}
	if a.Outcome != "" {
		return nil, nil, c, errs.New(errs.Conflict, "relationship.wrong_state", "state", string(a.Outcome), "action", string(action),
			"allowed", words(AllowedRelationship(t.s, t.can, t.rules)))
	}
	return p, a, c, nil
}

// activityDone notes that an activity was done, in time or late.
func (t *relationshipStep) activityDone(data json.RawMessage) error {
	p, a, c, err := t.activityOf(data, RelationshipPlanDone)
	if err != nil {
		return err
	}
	a.Late = a.Late || t.at.After(a.DueAt)
	a.Outcome = ActivityDone
	kind := health.ActivityDone
	if a.Late {
		kind = health.ActivityLate
	}
	t.progress(p.ID, a, func(now *PlanProgress) { now.State, now.Note = ActivityComplete, c.Note })
	t.event("activity_done", "plan_id", p.ID, "activity_id", a.ID, "kind", a.Kind, "late", a.Late)
	t.fact(kind, a.ID, 0)
	t.done(TaskDone, a.ID, TaskDoActivity)
	return nil
}

// activityDropped notes that an activity was given up, and why.
func (t *relationshipStep) activityDropped(data json.RawMessage) error {
	p, a, c, err := t.activityOf(data, RelationshipPlanDrop)
	if err != nil {
		return err
	}
	var f relationshipFaults
	if f.text("note", c.Note); len(f) > 0 {
		return f.err()
	}
	t.drop(p.ID, a, c.Note)
	return nil
}

// drop gives an activity up.
func (t *relationshipStep) drop(planID string, a *ActivityState, reason string) {
	a.Outcome = ActivityDropped
	t.progress(planID, a, func(now *PlanProgress) { now.State, now.Note = ActivityGivenUp, reason })
	t.event("activity_dropped", "plan_id", planID, "activity_id", a.ID, "kind", a.Kind, "late", a.Late, "reason", reason)
	t.fact(health.ActivityDropped, a.ID, 0)
	t.done(TaskCancelled, a.ID, TaskDoActivity)
}

// progress writes how an activity stands into the plan's row.
func (t *relationshipStep) progress(planID string, a *ActivityState, change func(*PlanProgress)) {
	row := t.planRow(planID)
	row.Progress = slices.Clone(row.Progress)
	row.UpdatedAt = t.at
	for i := range row.Progress {
		now := &row.Progress[i]
		if now.ActivityID != a.ID {
			continue
		}
		change(now)
		now.Outcome, now.Late = a.Outcome, a.Late
		if a.Outcome != "" {
			now.At, now.ByID = &t.at, t.actor
		}
	}
}

// closePlan ends a plan with its summary report (M-62); what is open of it is given up by that. A plan may be closed before
// its period is over: the period then ends with that day. Errors: invalid without a summary; conflict before it has begun.
func (t *relationshipStep) closePlan(data json.RawMessage) error {
	p, c, err := t.planOf(data, RelationshipPlanClose)
	if err != nil {
		return err
	}
	if err := t.mustOwn(RelationshipPlanClose, p.OwnerID); err != nil {
		return err
	}
	if t.at.Before(p.From) {
		return errs.New(errs.Conflict, "relationship.plan_not_begun", "from", t.day(p.From))
	}
	var f relationshipFaults
	if f.text("note", c.Note); len(f) > 0 {
		return f.err()
	}
	t.done(TaskDone, p.ID, TaskClosePlan)
	err = t.by("plan_closed", func() error {
		for i := range p.Activities {
			if p.Activities[i].Outcome == "" {
				t.drop(p.ID, &p.Activities[i], "")
			}
		}
		return nil
	})
	row := t.planRow(p.ID)
	row.Summary = c.Note
	t.cutShort(row)
	t.endPlan(p, PlanClosed, "plan_closed")
	return err
}

// cutShort ends the period of a plan with this day, if it is not over before.
func (t *relationshipStep) cutShort(row *PlanRow) {
	if tonight := t.midnight(t.at); tonight.Before(row.Until) {
		row.Until = tonight
	}
}

// midnight is the end of the day on the calendar's clock.
func (t *relationshipStep) midnight(at time.Time) time.Time {
	local := at.In(t.zone())
	return time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, t.zone()).UTC()
}

// remindAt is when somebody is reminded of what is due, by the cadence policy.
func (t *relationshipStep) remindAt(due time.Time) *time.Time {
	at := cadence.RemindAt(t.rules.Calendar, due, t.rules.Cadence.RemindBefore)
	return &at
}

// plansFall opens the activities of plans before they fall due, notes those that nobody has done in time, and asks for the
// summary of a plan whose period is over. What was not approved by the end of its period is given up.
func (t *relationshipStep) plansFall() error {
	return t.by(rulePlan, func() error {
		for _, planID := range t.s.planIDs() {
			p, err := t.plan(planID)
			if err != nil {
				return err
			}
			if p.Status == PlanApproved {
				t.activitiesFall(p)
			}
			if !p.Summary && !t.at.Before(p.Until) {
				t.planEnds(p)
			}
		}
		t.wantPlan() // of a client who came with a class, or has come back, as well
		return nil
	})
}

func (s *RelationshipState) planIDs() []string {
	ids := make([]string, len(s.Plans))
	for i, p := range s.Plans {
		ids[i] = p.ID
	}
	return ids
}

func (t *relationshipStep) activitiesFall(p *PlanState) {
	for i := range p.Activities {
		a := &p.Activities[i]
		if a.Outcome != "" {
			continue
		}
		if !a.Opened && !t.at.Before(a.opens()) {
			t.openActivity(p.ID, a)
		}
		if !a.Late && !t.at.Before(a.DueAt) {
			a.Late = true
			t.progress(p.ID, a, func(now *PlanProgress) { now.State = ActivityOverdue })
			t.event("activity_late", "plan_id", p.ID, "activity_id", a.ID, "kind", a.Kind, "owner_id", a.OwnerID)
			t.fact(health.ActivityLate, a.ID, 0)
			t.tellOf(a.ID, "activity_late", []string{a.OwnerID, t.superior(a.OwnerID)}, "due_at", a.DueAt.Format(time.RFC3339))
		}
	}
}

// opens is when the activity becomes a task.
func (a ActivityState) opens() time.Time {
	if a.OpenAt != nil && a.OpenAt.Before(a.DueAt) {
		return *a.OpenAt
	}
	return a.DueAt
}

// openActivity makes an activity a task, and one of the five means the draft of a reception as well.
func (t *relationshipStep) openActivity(planID string, a *ActivityState) {
	a.Opened = true
	receptionID := ""
	if slices.Contains(ReceptionKinds(), a.Kind) {
		receptionID = id.Derive(id.Reception, a.ID, "reception")
		if t.s.Drafts == nil || t.s.Drafts.Seq != t.s.Seq+1 {
			t.s.Drafts = &ReceptionOrder{Seq: t.s.Seq + 1}
		}
		t.s.Drafts.Items = append(t.s.Drafts.Items, DraftReception{
			ReceptionID: receptionID, Kind: a.Kind, OwnerID: a.OwnerID, PlanID: planID, ActivityID: a.ID, DueAt: a.DueAt,
		})
	}
	t.progress(planID, a, func(now *PlanProgress) { now.State, now.ReceptionID = ActivityDue, receptionID })
	t.event("activity_due", "plan_id", planID, "activity_id", a.ID, "kind", a.Kind, "owner_id", a.OwnerID, "reception_id", receptionID)
	t.task(TaskDoActivity, a.ID, a.OwnerID, &a.DueAt, "rule", rulePlan, "plan_id", planID, "kind", a.Kind)
	t.tellOf(a.ID, "activity_due", []string{a.OwnerID}, "due_at", a.DueAt.Format(time.RFC3339))
}

// planEnds asks for the summary of an approved plan whose period is over. A draft is given up; so is what waits for its
// approval, unless that approves it first.
func (t *relationshipStep) planEnds(p *PlanState) {
	p.Summary = true
	about := []string{"from", t.day(p.From), "until", t.day(p.Until.Add(-1))}
	owner, planID := p.OwnerID, p.ID
	switch {
	case p.Status == PlanApproved:
		due := t.worked(t.rules.Cadence.RemindBefore)
		t.event("plan_ended", "plan_id", planID)
		t.task(TaskClosePlan, planID, owner, &due, "rule", rulePlan)
		t.tellOf(planID, "plan_ended", []string{owner}, append(about, "due_at", due.Format(time.RFC3339))...)
		return
	case t.s.order(p.ApprovalID) == nil:
		t.endPlan(p, PlanWithdrawn, "plan_lapsed")
	default:
		t.giveUp(p.ApprovalID)
		t.event("plan_lapsed", "plan_id", planID)
		t.done(TaskCancelled, planID, TaskRevisePlan)
	}
	t.tellOf(planID, "plan_lapsed", []string{owner}, about...)
}

// planDues are the ends of the plans, and the activities of those that are approved.
func (s *RelationshipState) planDues() []Due {
	var all []Due
	for _, p := range s.Plans {
		ends := Due{Kind: DuePlan, ID: p.ID, OwnerID: p.OwnerID, DueAt: p.Until, At: p.Until}
		if p.Summary {
			ends.At = time.Time{}
		}
		all = append(all, ends)
		if p.Status != PlanApproved {
			continue
		}
		for _, a := range p.Activities {
			if a.Outcome == "" {
				all = append(all, a.due(DueActivity))
			}
		}
	}
	return all
}

func (a ActivityState) due(kind DueKind) Due {
	d := Due{Kind: kind, ID: a.ID, OwnerID: a.OwnerID, DueAt: a.DueAt, At: a.DueAt}
	switch {
	case !a.Opened:
		d.At = a.opens()
	case a.Late:
		d.At = time.Time{}
	}
	return d
}
