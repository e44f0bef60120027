package models

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// TaskAssessClient is the kind of the task to assess the relations with a client.
const TaskAssessClient = "assess_client"

// The lowest and the highest level of a relation (M-42).
const (
	lowestRelation  = 1
	highestRelation = 5
)

// assess records levels of relation, each with its evidence (M-41, M-42). Who does the assessment by the responsibility matrix
// may, and never who monitors it (D-22). A level below its target opens a plan to improve it.
func (t *relationshipStep) assess(data json.RawMessage) error {
	c, err := dataOf[Assess](data)
	if err != nil {
		return err
	}
	parts, err := t.who(responsibility.Assessment)
	if err != nil {
		return err
	}
	me, err := t.rules.assessor(t.s, t.can)
	if err != nil {
		return err
	}
	t.actFor(me)
	if err := checkAssessed(c); err != nil {
		return err
	}
	s, targets := t.s, t.class().Targets
	row := &AssessmentRow{
		ID: t.madeID(id.Assessment), ClientID: s.ID, At: t.at, ByID: t.actor, Levels: c.Levels, Targets: map[cadence.Level]int{},
		Analysis: c.Analysis, Monitors: parts.AllMonitors(),
	}
	if s.Levels == nil {
		s.Levels = map[cadence.Level]int{}
	}
	found := map[cadence.Level]int{}
	for _, level := range cadence.Levels() {
		row.Targets[level] = targets.Of(level)
		if a, ok := c.Levels[level]; ok {
			s.Levels[level], found[level] = a.Level, a.Level
			t.fact(health.Level, "level/"+string(level), a.Level)
		}
	}
	row.Warnings = cadence.OrderWarnings(s.Levels, targets)
	t.Assessment = row
	t.event("assessed", "id", row.ID, "levels", found, "warnings", row.Warnings)
	t.tell("relationship_assessed", append(reportsTo(parts, t.me.ID), parts.FirstMonitor), "assessment_id", row.ID)
	t.done(TaskDone, s.ID, TaskAssessClient)
	s.AssessedAt = &t.at
	if err := t.retimeAssessment(); err != nil {
		return err
	}
	return t.by(ruleCadence, func() error {
		t.reached(found)
		return t.openImprovements(row.ID, cadence.BelowTarget(found, targets))
	})
}

// assessor is the person in whose right the actor may assess the relations with the client: a doer of the assessment by the matrix.
// A monitor is told that they are none.
func (r RelationshipRules) assessor(s *RelationshipState, actor Actor) (Person, error) {
	parts, err := r.who(s, responsibility.Assessment)
	if err != nil {
		return Person{}, err
	}
	persons := actor.In(RelationshipProcess)
	among := func(users []string) int {
		return slices.IndexFunc(persons, func(p Person) bool { return slices.Contains(users, p.ID) })
	}
	if i := among(parts.Doers()); i >= 0 {
		return persons[i], nil
	}
	if among(parts.AllMonitors()) >= 0 {
		return Person{}, errs.New(errs.Forbidden, "relationship.monitor_is_not_doer", "item", parts.Item)
	}
	rule, _ := ruleOf(RelationshipAssess)
	return Person{}, rule.forbidden()
}

// checkAssessed reports everything that is wrong with an assessment.
func checkAssessed(c Assess) error {
	var f relationshipFaults
	if len(c.Levels) == 0 {
		f.add("levels", "required")
	}
	for _, level := range slices.Sorted(maps.Keys(c.Levels)) {
		path, a := "levels."+string(level), c.Levels[level]
		f.oneOf(path, string(level), levelNames())
		if a.Level < lowestRelation || a.Level > highestRelation {
			f.add(path+".level", "between", "low", strconv.Itoa(lowestRelation), "high", strconv.Itoa(highestRelation))
		}
		f.text(path+".evidence", a.Evidence)
	}
	return f.err()
}

func levelNames() []string {
	var names []string
	for _, l := range cadence.Levels() {
		names = append(names, string(l))
	}
	return names
}

// reportsTo lists to whom somebody, and who does the item first of all, reports on it.
func reportsTo(parts responsibility.Assignment, userID string) []string {
	var to []string
	for _, line := range parts.Reports {
		if line.From == userID || line.From == parts.Primary {
			to = append(to, line.To)
		}
	}
	return to
}

// retimeAssessment sets anew when the relations are to be assessed: a period after the last assessment, or else after the
// class was given. What would have been due before is due a period from now.
func (t *relationshipStep) retimeAssessment() error {
	s, every := t.s, t.class().AssessEvery
	t.done(TaskCancelled, s.ID, TaskAssessClient)
	s.Assess = Obligation{}
	if s.Stage == StageProspect || every.IsZero() {
		return nil
	}
	last := s.ClassSince
	if s.AssessedAt != nil {
		last = *s.AssessedAt
	}
	due := every.After(last, t.zone())
	if !due.After(t.at) {
		due = every.After(t.at, t.zone())
	}
	s.Assess = t.remindedBefore(due)
	return nil
}

func (s *RelationshipState) assessmentDues() []Due {
	return s.Assess.due(DueAssessment, "", s.AccountManagerID)
}

// assessmentFalls asks the primary for the assessment, and tells them and their superior when it was not made in time. The
// task stays, and the rhythm goes on.
func (t *relationshipStep) assessmentFalls() error {
	s := t.s
	if !t.past(s.Assess.RemindAt) && !t.past(s.Assess.DueAt) {
		return nil
	}
	parts, err := t.who(responsibility.Assessment)
	if err != nil {
		return err
	}
	return t.by(ruleCadence, func() error {
		if t.past(s.Assess.DueAt) {
			due, missed := *s.Assess.DueAt, s.Assess.Missed+1
			t.event("assessment_missed", "due_at", due, "missed", missed)
			t.tell("assessment_missed", []string{parts.Primary, t.superior(parts.Primary)}, "due_at", due.Format(time.RFC3339))
			s.Assess = Obligation{}
			if every := t.class().AssessEvery; !every.IsZero() {
				s.Assess = t.remindedBefore(*next(every, due, t.at, t.zone()).DueAt)
				s.Assess.Missed = missed
			}
		}
		if t.past(s.Assess.RemindAt) {
			s.Assess.RemindAt = nil
			t.done(TaskCancelled, s.ID, TaskAssessClient) // of the time before
			t.task(TaskAssessClient, s.ID, parts.Primary, s.Assess.DueAt, "rule", ruleCadence)
		}
		return nil
	})
}
