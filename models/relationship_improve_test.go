package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

// improving is a client whose key relation is below its target.
func improving(t require.TestingT) (*bond, string) {
	b := activeBond(t, "A")
	b.do(days(1), "amy", models.RelationshipAssess, levels(2, 4, 3))
	return b, b.state.Improvements[0].ID
}

func TestImprove_refuses(t *testing.T) {
	t.Parallel()
	action := models.PlanActivity{Title: "Dinner with the director", DueAt: daysOn(20)}
	for name, tc := range map[string]struct {
		change func(*models.Improve)
		want   string
	}{
		"nothing":       {func(c *models.Improve) { c.Actions = nil }, "actions:required"},
		"too_much":      {func(c *models.Improve) { c.Actions = many(action, models.MaxActions+1) }, "actions:too_many"},
		"no_title":      {func(c *models.Improve) { c.Actions[0].Title = "" }, "actions[0].title:notblank"},
		"the_past":      {func(c *models.Improve) { c.Actions[0].DueAt = daysOn(1) }, "actions[0].due_at:future"},
		"who_has_left":  {func(c *models.Improve) { c.Actions[0].OwnerID = "gus" }, "actions[0].owner_id:inactive"},
		"who_never_was": {func(c *models.Improve) { c.Actions[0].OwnerID = "nobody" }, "actions[0].owner_id:unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, improvement := improving(t)
			c := models.Improve{ImprovementID: improvement, Actions: []models.PlanActivity{action}}
			tc.change(&c)
			require.Equal(t, []string{tc.want}, faultsOf(b.refused(days(2), "amy", models.RelationshipImprove, c)))
		})
	}
	t.Run("a_plan_that_is_not_open", func(t *testing.T) {
		t.Parallel()
		b, _ := improving(t)
		for _, action := range []models.RelationshipAction{models.RelationshipImprove, models.RelationshipImproved, models.RelationshipImproveStop} {
			require.Equal(t, "relationship.no_such", b.refused(days(2), "amy", action, models.OfImprovement{ImprovementID: "improvement_1"}).Key)
		}
	})
	t.Run("to_stop_without_a_summary", func(t *testing.T) {
		t.Parallel()
		b, improvement := improving(t)
		e := b.refused(days(2), "amy", models.RelationshipImproveStop, models.OfImprovement{ImprovementID: improvement})
		require.Equal(t, []string{"note:notblank"}, faultsOf(e))
	})
}

func many[T any](v T, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func TestImprove_follows_each_action_to_its_end(t *testing.T) {
	t.Parallel()
	b, improvement := improving(t)
	b.do(days(2), "amy", models.RelationshipImprove, models.Improve{ImprovementID: improvement, Actions: []models.PlanActivity{
		{Title: "Dinner with the director", DueAt: daysOn(5)}, {Title: "A visit to the plant", OwnerID: "pam", DueAt: daysOn(6)},
	}})
	actions := b.state.Improvements[0].Actions
	require.Len(t, actions, 2)
	require.Equal(t, []string{"amy", "pam"}, b.tasks(models.TaskImprovementAction))
	done := func(at int, user string, n int) (models.RelationshipStep, error) {
		return b.attempt(daysOn(at), b.who(user), models.RelationshipImproved, models.OfImprovement{ImprovementID: improvement, ActionID: actions[n].ID})
	}
	_, err := done(3, "pam", 0)
	require.Equal(t, errs.Forbidden, errs.CodeOf(err), "an action is its owner's")
	step, err := done(4, "amy", 0)
	require.NoError(t, err)
	require.Equal(t, []string{"done", "planned"}, []string{step.Improvements[0].Progress[0].State, step.Improvements[0].Progress[1].State})
	require.Contains(t, b.factsOf(health.ActivityDone), actions[0].ID)
	_, err = done(4, "amy", 0)
	require.ErrorContains(t, err, "relationship.action_done")

	steps := b.pass(daysOn(6))
	last := steps[len(steps)-1]
	require.Equal(t, []string{"pam", "tom"}, told(last, "improvement_action_late"))
	require.Contains(t, b.factsOf(health.ActivityLate), actions[1].ID)
	_, err = done(7, "pam", 1)
	require.NoError(t, err)
	require.Contains(t, b.factsOf(health.ActivityLate), actions[1].ID, "what is done late stays late")
	require.Empty(t, b.tasks(models.TaskImprovementAction))
}

func TestImprovement_that_is_late_is_told_to_its_monitors_and_ends_with_a_summary(t *testing.T) {
	t.Parallel()
	b, improvement := improving(t)
	due := b.state.Improvements[0].DueAt
	b.do(days(2), "amy", models.RelationshipImprove, models.Improve{ImprovementID: improvement, Actions: []models.PlanActivity{
		{Title: "Dinner with the director", DueAt: due.AddDate(0, 0, 5)},
	}})
	steps := b.pass(due)
	require.Equal(t, []string{"amy", "sam"}, told(steps[len(steps)-1], "improvement_late"))
	at := due.Sub(bondBegun) + days(1)
	step := b.do(at, "amy", models.RelationshipImproveStop, models.OfImprovement{ImprovementID: improvement, Note: "The director has left"})
	require.Equal(t, []string{models.ImprovementStopped, "The director has left"}, []string{step.Improvements[0].State, step.Improvements[0].Summary})
	require.Empty(t, b.state.Improvements)
	require.Empty(t, b.tasks(models.TaskImproveRelation))
	require.Empty(t, b.tasks(models.TaskImprovementAction))
}
