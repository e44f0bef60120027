package models_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

var relationshipDiagram = diagramOf("relationship")

func TestRelationshipDiagram_has_the_stages_of_the_code(t *testing.T) {
	t.Parallel()
	d, _ := relationshipDiagram()
	d.shows(t, texts(models.Stages())...)
	for _, stage := range models.Stages() {
		s := models.RelationshipState{Stage: stage}
		require.Equal(t, s.Over(), slices.Contains(nodeIDs(d.Process.Ends), string(stage)), stage)
	}
}

// passage is what leads from a stage to another one.
type passage struct{ from, to string }

// TestRelationshipDiagram_shows_what_can_happen lets everything that can move a relationship happen in every stage: what leads
// from stage to stage, by which actions, is exactly what the flows of the diagram say.
func TestRelationshipDiagram_shows_what_can_happen(t *testing.T) {
	t.Parallel()
	d, _ := relationshipDiagram()
	drawn := map[passage]string{}
	for _, f := range d.Process.Flows {
		if f.Name != "" {
			drawn[passage{strings.TrimPrefix(f.Source, "after_"), f.Target}] = f.Name
		}
	}
	walked := map[passage][]string{}
	seen := map[string]bool{}
	var open []*bond
	note := func(from string, action models.RelationshipAction, b *bond) {
		to := string(b.state.Stage)
		if way := (passage{from, to}); from != to && !slices.Contains(walked[way], string(action)) {
			walked[way] = append(walked[way], string(action))
		}
		key := to
		for _, p := range b.state.Plans {
			key += "/" + string(p.Status)
		}
		for _, o := range b.state.Orders {
			key += "/" + string(o.Purpose)
		}
		if !seen[key] {
			seen[key] = true
			open = append(open, b)
		}
	}
	for _, status := range []string{"prospect", "active", "dormant", "lost"} {
		r := relationshipRules(t, marketDepartment())
		r.Client.Status = status
		note("begun", models.RelationshipBegin, newBond(t, r))
	}
	for len(open) > 0 {
		b := open[0]
		open = open[1:]
		from, at := string(b.state.Stage), b.state.UpdatedAt.Add(time.Hour)
		for _, move := range nudgesOf(b, at) {
			if c := copyOf(b, t); move.on(c) == nil {
				note(from, move.action, c)
			}
		}
		c := copyOf(b, t)
		for _, step := range c.pass(at.AddDate(2, 0, 0)) {
			if to := string(step.State.Stage); to != from {
				c.state = step.State
				note(from, models.RelationshipTick, c)
				break
			}
		}
	}
	said := map[passage]string{}
	for way, actions := range walked {
		slices.Sort(actions)
		said[way] = strings.Join(actions, ", ")
	}
	require.Equal(t, drawn, said)
}

// nudge is something that may move a relationship.
type nudge struct {
	action models.RelationshipAction
	on     func(*bond) error
}

func nudgesOf(b *bond, at time.Time) []nudge {
	do := func(action models.RelationshipAction, data any) nudge {
		return nudge{action, func(c *bond) error {
			_, err := c.attempt(at, c.who("amy"), action, data)
			return err
		}}
	}
	planID := ""
	if len(b.state.Plans) > 0 {
		planID = b.state.Plans[0].ID
	}
	nudges := []nudge{
		do(models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "they grow", Criteria: criteriaOf(90, nil)}),
		do(models.RelationshipPlan, models.PlanDraftData{From: at.Format(time.DateOnly), Until: at.AddDate(0, 3, 0).Format(time.DateOnly), Goals: []string{"x"}}),
		do(models.RelationshipPlanSubmit, models.OfPlan{PlanID: planID}),
		do(models.RelationshipPlanClose, models.OfPlan{PlanID: planID, Note: "x"}),
		do(models.RelationshipAssess, models.Assess{Levels: map[cadence.Level]models.Assessed{cadence.Key: {Level: 1, Evidence: "x"}}}),
		do(models.RelationshipInteract, models.Interact{Kind: "call", At: at, Summary: "x"}),
		do(models.RelationshipLose, models.Because{Reason: "x"}),
		do(models.RelationshipRegain, models.Because{Reason: "x"}),
		do(models.RelationshipMerged, models.MergedClient{IntoID: "client_2"}),
		{models.RelationshipFact, func(c *bond) error {
			_, err := c.tell(at, models.ClientFact{ID: "reception_1", Seq: 1, Kind: health.ReceptionCompleted, At: at, Contact: true})
			return err
		}},
	}
	for _, status := range []string{"prospect", "active", "dormant", "lost"} {
		nudges = append(nudges, nudge{models.RelationshipAlign, func(c *bond) error {
			c.r.Client.Status = status
			_, err := c.attempt(at, models.Actor{}, models.RelationshipAlign, nil)
			return err
		}})
	}
	for _, o := range b.state.Orders {
		for _, outcome := range []models.ApprovalOutcome{models.OutcomeApproved, models.OutcomeRejected} {
			nudges = append(nudges, nudge{models.RelationshipDecide, func(c *bond) error {
				_, err := c.take(at, models.RelationshipDecidedBy(models.ApprovalDecided{ApprovalID: o.ID, Seq: 1, Outcome: outcome, ByID: "sam"}))
				return err
			}})
		}
	}
	return nudges
}

// TestRelationshipDiagram_has_a_timer_for_whatever_falls_due lets everything be owed and nothing be done for four years: the
// timers are what falls due, and beside them stands what the clock asks of people and tells them.
func TestRelationshipDiagram_has_a_timer_for_whatever_falls_due(t *testing.T) {
	t.Parallel()
	d, _ := relationshipDiagram()
	var timers, tasks, notices []string
	for _, sub := range d.Process.Subs {
		timers = append(timers, nodeIDs(sub.Starts)...)
		tasks, notices = append(tasks, nodeIDs(sub.Tasks)...), append(notices, nodeIDs(sub.Sends)...)
	}
	owed, asked, told := map[string]bool{}, map[string]bool{}, map[string]bool{}
	b := classA(t)
	b.planned(3*time.Hour, yearPlan())
	at := b.state.UpdatedAt.Add(time.Hour)
	for _, of := range []struct {
		action models.RelationshipAction
		data   func() any
	}{
		{models.RelationshipAssess, func() any {
			return models.Assess{Levels: map[cadence.Level]models.Assessed{cadence.Key: {Level: 1, Evidence: "x"}}}
		}},
		{models.RelationshipImprove, func() any {
			return models.Improve{ImprovementID: b.state.Improvements[0].ID, Actions: []models.PlanActivity{{Title: "x", DueAt: at.AddDate(0, 1, 0)}}}
		}},
		{models.RelationshipCommit, func() any { return models.Commit{Text: "x", DueAt: at.AddDate(0, 1, 0)} }},
		{models.RelationshipOpine, func() any { return models.Opine{Text: "x"} }},
		{models.RelationshipLead, func() any { return models.OpenLead{Kind: models.KindLead, Title: "x"} }},
	} {
		_, err := b.attempt(at, b.who("amy"), of.action, of.data())
		require.NoError(t, err, of.action)
		at = at.Add(time.Minute)
	}
	look := func(s *models.RelationshipState) {
		for _, due := range s.Obligations() {
			owed[string(due.Kind)] = true
		}
	}
	look(&b.state)
	for _, step := range b.pass(at.AddDate(4, 0, 0)) {
		look(&step.State)
		for _, task := range step.Tasks {
			asked[task.Kind] = asked[task.Kind] || task.State == models.TaskOpen
		}
		for _, n := range step.Notices {
			told[n.Kind] = true
		}
	}
	require.ElementsMatch(t, timers, keysOf(owed))
	for _, kind := range tasks {
		require.True(t, asked[kind], "the clock asks for %s", kind)
	}
	for kind, open := range asked {
		require.True(t, !open || slices.Contains(tasks, kind), "%s is drawn", kind)
	}
	for _, kind := range notices {
		require.True(t, told[kind], "the clock tells %s", kind)
	}
}

func keysOf(set map[string]bool) []string {
	var all []string
	for key := range set {
		all = append(all, key)
	}
	return all
}
