package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

func TestARelationshipThatWasNotToldOfTheMergeEndsByItself(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	survivor := "client_2"
	b.r.Client.Status, b.r.Client.MergedIntoID = models.ClientMerged, &survivor
	require.Equal(t, models.ErrClientMerged, b.refused(time.Hour, "amy", models.RelationshipLose, models.Because{Reason: "x"}).Code)
	require.Equal(t, models.StageProspect, b.state.Stage, "a refused command has no effect")
	step := b.tick(bondBegun.Add(2 * time.Hour))
	require.Equal(t, models.StageMerged, b.state.Stage)
	require.Equal(t, []string{"merged"}, happened(step))
	require.Equal(t, survivor, step.Events[0].Data["into_id"])
	require.Nil(t, step.Client, "the row says it already")
	require.Nil(t, b.state.NextAt)
}

func TestAllowedPlanFollowsTheStateOfThePlan(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	require.Empty(t, models.AllowedPlan(&b.state, "plan_none", 0, b.who("amy"), bondBegun))
	s := b.state
	s.Stage = models.StageActive
	for status, want := range map[models.PlanStatus][]models.RelationshipAction{
		models.PlanDraft:      {models.RelationshipPlanRevise, models.RelationshipPlanSubmit, models.RelationshipPlanWithdraw},
		models.PlanInApproval: {models.RelationshipPlanWithdraw},
		models.PlanApproved:   {models.RelationshipPlanDone, models.RelationshipPlanDrop, models.RelationshipPlanClose},
	} {
		s.Plans = []models.PlanState{{
			ID: "plan_1", Status: status, From: bondBegun, Until: bondBegun.AddDate(1, 0, 0), OwnerID: "amy", ApprovalID: "approval_1",
			Activities: []models.ActivityState{{ID: "activity_1", OwnerID: "pam", DueAt: bondBegun.AddDate(0, 1, 0)}},
		}}
		for _, user := range []string{"amy", "mia"} {
			require.Equal(t, want, models.AllowedPlan(&s, "plan_1", 0, b.who(user), bondBegun), "%s %s", user, status)
		}
		require.Empty(t, models.AllowedPlan(&s, "plan_1", 0, b.who("rob"), bondBegun), status)
		if status == models.PlanApproved {
			require.Equal(t, []models.RelationshipAction{models.RelationshipPlanDone, models.RelationshipPlanDrop}, models.AllowedPlan(&s, "plan_1", 0, b.who("pam"), bondBegun))
			require.NotContains(t, models.AllowedPlan(&s, "plan_1", 0, b.who("amy"), bondBegun.Add(-time.Second)), models.RelationshipPlanClose, "it has not begun")
		}
		s.Orders = []models.ApprovalOrder{{ID: "approval_1", Verb: models.ApprovalWithdraw}}
		require.Empty(t, models.AllowedPlan(&s, "plan_1", 0, b.who("amy"), bondBegun), "it is being withdrawn")
		s.Orders = nil
	}
}
