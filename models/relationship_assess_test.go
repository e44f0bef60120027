package models_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

// levels is an assessment of the key, the broad and the organisational relation; 0 leaves one out.
func levels(key, broad, organisation int) models.Assess {
	c := models.Assess{Levels: map[cadence.Level]models.Assessed{}, Analysis: "As we see it"}
	for level, value := range map[cadence.Level]int{cadence.Key: key, cadence.Broad: broad, cadence.Organisation: organisation} {
		if value != 0 {
			c.Levels[level] = models.Assessed{Level: value, Evidence: "They said so"}
		}
	}
	return c
}

func TestAssess_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		c    models.Assess
		want []string
	}{
		"no_level":         {levels(0, 0, 0), []string{"levels:required"}},
		"an_unknown_level": {models.Assess{Levels: map[cadence.Level]models.Assessed{"deep": {Level: 3, Evidence: "x"}}}, []string{"levels.deep:oneof"}},
		"no_evidence":      {models.Assess{Levels: map[cadence.Level]models.Assessed{cadence.Key: {Level: 3}}}, []string{"levels.key.evidence:notblank"}},
		"a_level_that_is_none": {
			models.Assess{Levels: map[cadence.Level]models.Assessed{cadence.Key: {Level: 6, Evidence: "x"}, cadence.Broad: {Evidence: "x"}}},
			[]string{"levels.broad.level:between", "levels.key.level:between"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := activeBond(t, "A").refused(days(1), "amy", models.RelationshipAssess, tc.c)
			require.Equal(t, tc.want, faultsOf(e))
		})
	}
	for name, tc := range map[string]struct{ user, key string }{
		"the_first_monitor":             {"sam", "relationship.monitor_is_not_doer"},
		"who_has_no_part_in_the_client": {"ben", "relationship.not_yours"},
		"the_head_who_does_not_do_it":   {"mia", "relationship.not_yours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := activeBond(t, "A").refused(days(1), tc.user, models.RelationshipAssess, levels(4, 4, 3))
			require.Equal(t, []any{errs.Forbidden, tc.key}, []any{e.Code, e.Key})
		})
	}
	t.Run("a_prospect", func(t *testing.T) {
		t.Parallel()
		b := newBond(t, relationshipRules(t, marketDepartment()))
		require.Equal(t, "relationship.wrong_state", b.refused(days(1), "amy", models.RelationshipAssess, levels(4, 4, 3)).Key)
	})
}

func TestAssess_is_offered_to_those_who_may(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	b.do(days(1), "mia", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"product_manager": "pam"}})
	state := b.state
	holders := 0
	for user := range b.r.Org.Users {
		for _, actor := range []models.Actor{b.who(user), b.who(user, "amy"), b.who(user, "sam")} {
			b.state = state
			offered := slices.Contains(models.AllowedRelationship(&state, actor, b.r), models.RelationshipAssess)
			if actor.ActsFor == nil && slices.Contains(slices.Collect(maps.Values(state.Team)), user) && !offered {
				holders++
			}
			_, err := b.attempt(daysOn(2), actor, models.RelationshipAssess, levels(4, 4, 3))
			require.Equal(t, err == nil, offered, "%s for %v: %v", user, actor.ActsFor, err)
		}
	}
	require.Positive(t, holders, "who has a post and does no assessment, is not offered any")
}

func TestAssess_by_an_assistant_or_a_deputy_of_the_primary(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	b.do(days(1), "mia", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"product_manager": "pam"}})
	step := b.do(days(2), "pam", models.RelationshipAssess, levels(4, 4, 3))
	require.Equal(t, "pam", step.Assessment.ByID)
	require.Equal(t, []string{"sam", "tom"}, told(step, "relationship_assessed"), "the monitor, and to whom she reports")

	step, err := b.attempt(daysOn(3), b.who("ben", "amy"), models.RelationshipAssess, levels(4, 4, 3))
	require.NoError(t, err)
	require.Equal(t, []string{"ben", "amy"}, []string{step.Events[0].Actor, step.Events[0].OnBehalfOf})
}

func TestAssess_writes_levels_targets_warnings_and_facts(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	step := b.do(days(1), "amy", models.RelationshipAssess, levels(2, 4, 0))
	row := step.Assessment
	require.Equal(t, map[cadence.Level]int{cadence.Key: 4, cadence.Broad: 4, cadence.Organisation: 3}, row.Targets)
	require.Equal(t, []cadence.Level{cadence.Broad}, row.Warnings, "ahead of the key relation (M-43): warned, not refused")
	require.Equal(t, []string{"sam"}, row.Monitors)
	require.Equal(t, map[cadence.Level]int{cadence.Key: 2, cadence.Broad: 4}, b.state.Levels)
	require.Equal(t, 2, b.factsOf(health.Level)["level/key"].Value)

	b.do(days(2), "amy", models.RelationshipAssess, levels(4, 0, 0))
	require.Equal(t, map[cadence.Level]int{cadence.Key: 4, cadence.Broad: 4}, b.state.Levels, "what was not assessed stays")
	require.Len(t, b.factsOf(health.Level), 2)
	require.Equal(t, 4, b.factsOf(health.Level)["level/key"].Value, "the latest of a level counts")
	require.Equal(t, daysOn(2).AddDate(0, 6, 0), *b.state.Assess.DueAt)
}

func TestAssess_below_target_opens_one_plan_for_each_level(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	step := b.do(days(1), "amy", models.RelationshipAssess, levels(2, 3, 3))
	require.Len(t, step.Improvements, 2)
	key := step.Improvements[0]
	require.Equal(t, []any{cadence.Key, 2, 4, "amy", models.ImprovementOpen, daysOn(1).AddDate(0, 3, 0)},
		[]any{key.Level, key.FromLevel, key.Target, key.OwnerID, key.State, key.DueAt})
	require.Equal(t, []string{"amy", "amy"}, b.tasks(models.TaskImproveRelation))
	require.Equal(t, []string{"amy", "sam"}, told(step, "improvement_opened"), "a rule opens it: who assesses is told as its owner")

	step = b.do(days(2), "amy", models.RelationshipAssess, levels(3, 4, 0))
	require.Len(t, b.state.Improvements, 1, "one that runs stays; one whose level is reached ends by itself")
	require.Equal(t, key.ID, b.state.Improvements[0].ID)
	require.Len(t, step.Improvements, 1)
	require.Equal(t, models.ImprovementReached, step.Improvements[0].State)
	require.NotNil(t, step.Improvements[0].EndedAt)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskImproveRelation))
}

func TestAssessment_that_is_missed_is_asked_for_again(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "S")
	due := *b.state.Assess.DueAt
	require.Equal(t, bondBegun.AddDate(0, 3, 0), due)
	b.pass(due.Add(-time.Minute))
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskAssessClient))
	steps := b.pass(due)
	require.Equal(t, []string{"amy", "sam"}, told(steps[len(steps)-1], "assessment_missed"))
	require.Equal(t, bondBegun.AddDate(0, 6, 0), *b.state.Assess.DueAt)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskAssessClient), "it is still asked for")
	at := due.Sub(bondBegun) + days(1)
	b.do(at, "amy", models.RelationshipAssess, levels(5, 5, 5))
	require.Empty(t, b.tasks(models.TaskAssessClient))
	require.Zero(t, b.state.Assess.Missed)
	require.Equal(t, bondBegun.Add(at).AddDate(0, 3, 0), *b.state.Assess.DueAt)
}
