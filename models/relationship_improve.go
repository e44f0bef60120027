package models

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// The kinds of tasks of a plan to improve a level of relation.
const (
	TaskImproveRelation   = "improve_relation"
	TaskImprovementAction = "improvement_action"
)

// The states of an improvement plan.
const (
	ImprovementOpen    = "open"
	ImprovementReached = "reached" // its level has reached the target
	ImprovementStopped = "stopped" // with a summary (M-62)
)

// reached ends the improvement plans whose levels have reached their targets.
func (t *relationshipStep) reached(found map[cadence.Level]int) {
	for _, i := range slices.Clone(t.s.Improvements) {
		if level, assessed := found[i.Level]; assessed && level >= i.Target {
			t.endImprovement(i, ImprovementReached, "")
		}
	}
}

// endImprovement ends an improvement plan, with all that was still to do for it.
func (t *relationshipStep) endImprovement(i ImprovementState, state, summary string) {
	t.s.Improvements = slices.DeleteFunc(t.s.Improvements, func(o ImprovementState) bool { return o.ID == i.ID })
	end := TaskDone
	if state == ImprovementStopped {
		end = TaskCancelled
	}
	t.done(end, i.ID, TaskImproveRelation)
	for _, a := range i.Actions {
		t.done(TaskCancelled, a.ID, TaskImprovementAction)
	}
	row := t.improvementRow(i.ID)
	row.State, row.Summary, row.EndedAt = state, summary, &t.at
	t.event("improvement_"+state, "id", i.ID, "level", string(i.Level))
}

// openImprovements opens a plan for each level that has none.
func (t *relationshipStep) openImprovements(assessmentID string, below []cadence.Level) error {
	if len(below) == 0 {
		return nil
	}
	parts, err := t.who(responsibility.Improvement)
	if err != nil {
		return err
	}
	owner := parts.Primary
	if owner == "" {
		owner = t.rules.Org.answers(t.s.AccountManagerID)
	}
	opened := ImprovementState{}
	for _, level := range below {
		if slices.ContainsFunc(t.s.Improvements, func(i ImprovementState) bool { return i.Level == level }) {
			continue
		}
		i := ImprovementState{
			ID: t.newID(id.Improvement, string(level)), Level: level, Target: t.class().Targets.Of(level), OwnerID: owner,
			DueAt: t.rules.Cadence.Improvement.Within.After(t.at, t.zone()),
		}
		t.s.Improvements = append(t.s.Improvements, i)
		t.Improvements = append(t.Improvements, &ImprovementRow{
			ID: i.ID, ClientID: t.s.ID, AssessmentID: assessmentID, Level: level, FromLevel: t.s.Levels[level], Target: i.Target,
			OwnerID: owner, State: ImprovementOpen, DueAt: i.DueAt, CreatedAt: t.at,
		})
		t.event("improvement_opened", "id", i.ID, "level", string(level), "from", t.s.Levels[level], "target", i.Target, "owner_id", owner)
		t.task(TaskImproveRelation, i.ID, owner, &i.DueAt, "rule", ruleCadence, "level", string(level))
		opened = i
	}
	if opened.ID != "" { // all of them are due together: people hear of them once
		t.tell("improvement_opened", append(parts.AllMonitors(), owner), "due_at", opened.DueAt.Format(time.RFC3339))
	}
	return nil
}

// improvementOf is the place of an open improvement plan.
func (t *relationshipStep) improvementOf(improvementID string) (int, error) {
	i := slices.IndexFunc(t.s.Improvements, func(i ImprovementState) bool { return i.ID == improvementID })
	if i < 0 {
		return 0, noSuch("improvement", improvementID)
	}
	return i, nil
}

// improve adds actions to an improvement plan (M-51).
func (t *relationshipStep) improve(data json.RawMessage) error {
	c, err := dataOf[Improve](data)
	if err != nil {
		return err
	}
	n, err := t.improvementOf(c.ImprovementID)
	if err != nil {
		return err
	}
	i := &t.s.Improvements[n]
	if err := t.mustOwn(RelationshipImprove, i.OwnerID); err != nil {
		return err
	}
	var f relationshipFaults
	switch {
	case len(c.Actions) == 0:
		f.add("actions", "required")
	case len(i.Actions)+len(c.Actions) > MaxActions:
		f.add("actions", "too_many", "max", strconv.Itoa(MaxActions))
	}
	for k, a := range c.Actions {
		if c.Actions[k].OwnerID == "" {
			c.Actions[k].OwnerID = i.OwnerID
		}
		f.text(at("actions", k, "title"), a.Title)
		f.future(at("actions", k, "due_at"), a.DueAt, t.at)
		f.person(at("actions", k, "owner_id"), c.Actions[k].OwnerID, t.rules.Org)
	}
	if err := f.err(); err != nil {
		return err
	}
	row := t.improvementRow(i.ID)
	row.Actions, row.Progress = slices.Clone(row.Actions), slices.Clone(row.Progress)
	var ids []string
	for k, a := range c.Actions {
		a.ID, a.Kind, a.DueAt = t.newID(id.PlanActivity, fmt.Sprintf("%s/%d", i.ID, k)), "", a.DueAt.UTC().Truncate(tick)
		i.Actions = append(i.Actions, ActivityState{ID: a.ID, OwnerID: a.OwnerID, DueAt: a.DueAt, Opened: true})
		row.Actions = append(row.Actions, a)
		row.Progress = append(row.Progress, PlanProgress{ActivityID: a.ID, State: "planned"})
		t.task(TaskImprovementAction, a.ID, a.OwnerID, &a.DueAt, "improvement_id", i.ID, "level", string(i.Level))
		ids = append(ids, a.ID)
	}
	t.event("improvement_planned", "id", i.ID, "level", string(i.Level), "actions", ids)
	return nil
}

// improved notes that an action of an improvement plan is done.
func (t *relationshipStep) improved(data json.RawMessage) error {
	c, err := dataOf[OfImprovement](data)
	if err != nil {
		return err
	}
	n, err := t.improvementOf(c.ImprovementID)
	if err != nil {
		return err
	}
	i := &t.s.Improvements[n]
	k := slices.IndexFunc(i.Actions, func(a ActivityState) bool { return a.ID == c.ActionID })
	if k < 0 {
		return noSuch("action", c.ActionID)
	}
	a := &i.Actions[k]
	if err := t.mustOwn(RelationshipImproved, a.OwnerID); err != nil {
		return err
	}
	if a.Outcome != "" {
		return errs.New(errs.Conflict, "relationship.action_done")
	}
	if !a.Late && t.past(&a.DueAt) {
		a.Late = true
		t.fact(health.ActivityLate, a.ID, 0)
	}
	if a.Outcome = ActivityDone; !a.Late {
		t.fact(health.ActivityDone, a.ID, 0) // what is done late stays late
	}
	t.actionStands(i.ID, *a, ActivityDone, c.Note)
	t.done(TaskDone, a.ID, TaskImprovementAction)
	t.event("improvement_action_done", "id", i.ID, "action_id", a.ID, "late", a.Late)
	return nil
}

// actionStands writes how an action of an improvement plan stands.
func (t *relationshipStep) actionStands(improvementID string, a ActivityState, outcome ActivityOutcome, note string) {
	row := t.improvementRow(improvementID)
	row.Progress = slices.Clone(row.Progress)
	for k := range row.Progress {
		if p := &row.Progress[k]; p.ActivityID == a.ID {
			p.State, p.Late, p.Note = "late", a.Late, note
			if outcome != "" {
				p.State, p.Outcome, p.At, p.ByID = string(outcome), outcome, &t.at, t.actor
			}
		}
	}
}

// stopImproving ends an improvement plan with the summary of how it was carried out (M-62).
func (t *relationshipStep) stopImproving(data json.RawMessage) error {
	c, err := dataOf[OfImprovement](data)
	if err != nil {
		return err
	}
	n, err := t.improvementOf(c.ImprovementID)
	if err != nil {
		return err
	}
	if err := t.mustOwn(RelationshipImproveStop, t.s.Improvements[n].OwnerID); err != nil {
		return err
	}
	var f relationshipFaults
	if f.text("note", c.Note); f.err() != nil {
		return f.err()
	}
	t.endImprovement(t.s.Improvements[n], ImprovementStopped, c.Note)
	return nil
}

func (s *RelationshipState) improvementDues() []Due {
	var dues []Due
	for _, i := range s.Improvements {
		dues = append(dues, once(DueImprovement, i.ID, i.OwnerID, i.DueAt, i.Late))
		for _, a := range i.Actions {
			if a.Outcome == "" {
				dues = append(dues, once(DueAction, a.ID, a.OwnerID, a.DueAt, a.Late))
			}
		}
	}
	return dues
}

// once is an obligation that the clock looks at once; what is owed stays owed.
func once(kind DueKind, id, owner string, due time.Time, seen bool) Due {
	d := Due{Kind: kind, ID: id, OwnerID: owner, DueAt: due}
	if !seen {
		d.At = due
	}
	return d
}

// improvementsFall notes which improvement plans and actions are late. The monitors hear of plans, superiors of actions.
func (t *relationshipStep) improvementsFall() error {
	return t.by(ruleCadence, func() error {
		for n := range t.s.Improvements {
			i := &t.s.Improvements[n]
			for k := range i.Actions {
				if a := &i.Actions[k]; a.Outcome == "" && !a.Late && t.past(&a.DueAt) {
					a.Late = true
					t.fact(health.ActivityLate, a.ID, 0)
					t.actionStands(i.ID, *a, "", "")
					t.event("improvement_action_late", "id", i.ID, "action_id", a.ID)
					t.tellOf(a.ID, "improvement_action_late", []string{a.OwnerID, t.superior(a.OwnerID)}, "due_at", a.DueAt.Format(time.RFC3339))
				}
			}
			if i.Late || !t.past(&i.DueAt) {
				continue
			}
			parts, err := t.who(responsibility.Improvement)
			if err != nil {
				return err
			}
			i.Late = true
			t.event("improvement_late", "id", i.ID, "level", string(i.Level))
			t.tellOf(i.ID, "improvement_late", append(parts.AllMonitors(), i.OwnerID), "improvement_id", i.ID, "due_at", i.DueAt.Format(time.RFC3339))
		}
		return nil
	})
}
