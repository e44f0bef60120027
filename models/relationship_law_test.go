package models_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// TestRelationship_every_history_of_classes_and_plans_keeps_its_laws: whatever people do and approvals answer, the class
// changes with an approval only, plans never overlap, nothing that is due is left when the clock has looked, and the state stays
// small.
func TestRelationship_every_history_of_classes_and_plans_keeps_its_laws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBond(t, relationshipRules(t, marketDepartment()))
		at := bondBegun
		if rapid.Bool().Draw(t, "planned") {
			b.graded(time.Hour, "A")
			b.planned(4*time.Hour, yearPlan())
			at = b.state.UpdatedAt
		}
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{1, 2, 24, 24 * 7, 24 * 40}).Draw(t, "hours")) * time.Hour)
			b.lawfully(at)
			was := b.state
			action, data := anyCommand(t, b, at)
			var step models.RelationshipStep
			var err error
			if action == models.RelationshipDecide {
				step, err = b.take(at, models.RelationshipDecidedBy(data.(models.ApprovalDecided)))
			} else {
				user := rapid.SampledFrom([]string{"amy", "amy", "amy", "ben", "mia", "sam", "otto"}).Draw(t, "user")
				allowed := models.AllowedRelationship(&was, b.who(user), b.r)
				step, err = b.attempt(at, b.who(user), action, data)
				if err == nil {
					require.Contains(t, allowed, action)
				}
			}
			if err != nil {
				require.Contains(t, []errs.Code{errs.Conflict, errs.Invalid, errs.Forbidden, errs.NotFound}, errs.CodeOf(err), "%s: %v", action, err)
				continue
			}
			approved, _ := data.(models.ApprovalDecided)
			if was.Class != b.state.Class {
				require.Equal(t, models.OutcomeApproved, approved.Outcome)
				require.Equal(t, was.Proposal.Class, b.state.Class)
				require.Contains(t, happened(step), "classified")
			}
			b.sound()
		}
	})
}

// lawfully lets the clock look whenever it must until the instant; the class never changes by it.
func (b *bond) lawfully(at time.Time) {
	class, stage := b.state.Class, b.state.Stage
	for _, step := range b.pass(at) {
		require.Equal(b.t, class, step.State.Class, "no clock changes a class")
		for _, d := range step.State.Obligations() {
			require.True(b.t, d.At.IsZero() || d.At.After(step.State.UpdatedAt), "the %s of %s was left", d.Kind, d.DueAt)
		}
		b.soundState(step.State)
	}
	if stage == models.StageProspect {
		require.Equal(b.t, stage, b.state.Stage)
	}
}

func (b *bond) sound() { b.soundState(b.state) }

// soundState demands what holds of every state.
func (b *bond) soundState(s models.RelationshipState) {
	require.LessOrEqual(b.t, len(s.Plans), models.MaxOpenPlans)
	for i, p := range s.Plans {
		for _, other := range s.Plans[:i] {
			require.False(b.t, p.From.Before(other.Until) && other.From.Before(p.Until), "plans overlap")
		}
		require.LessOrEqual(b.t, len(p.Activities), models.MaxPlanActivities)
	}
	require.LessOrEqual(b.t, len(s.Orders), 1+len(s.Plans), "an approval for each thing that waits")
	require.LessOrEqual(b.t, len(s.Facts), models.KeptFacts)
	drafting, reviewing := 0, 0
	for _, task := range s.Tasks {
		switch task.Kind {
		case models.TaskDraftPlan:
			drafting++
		case models.TaskReviewClass:
			reviewing++
		}
	}
	require.LessOrEqual(b.t, drafting, 1)
	require.LessOrEqual(b.t, reviewing, 1)
	text, err := json.Marshal(s)
	require.NoError(b.t, err)
	require.Less(b.t, len(text), 64<<10, "the state is small")
}

// anyCommand is something that somebody might do, or an approval answer, possible or not.
func anyCommand(t *rapid.T, b *bond, at time.Time) (models.RelationshipAction, any) {
	s := b.state
	if len(s.Orders) > 0 && rapid.Bool().Draw(t, "answer") {
		o := rapid.SampledFrom(s.Orders).Draw(t, "order")
		outcome := rapid.SampledFrom([]models.ApprovalOutcome{
			models.OutcomeApproved, models.OutcomeApproved, models.OutcomeRejected, models.OutcomeReturned, models.OutcomeWithdrawn,
		}).Draw(t, "outcome")
		return models.RelationshipDecide, models.ApprovalDecided{ApprovalID: o.ID, Seq: int64(len(b.steps)), Outcome: outcome, ByID: "sam", Approvers: []string{"sam"}}
	}
	planID := "plan_none"
	var plan models.PlanState
	if len(s.Plans) > 0 {
		plan = rapid.SampledFrom(s.Plans).Draw(t, "plan")
		planID = plan.ID
	}
	of := models.OfPlan{PlanID: planID, Note: rapid.SampledFrom([]string{"", "because"}).Draw(t, "note")}
	if len(plan.Activities) > 0 {
		of.ActivityID = rapid.SampledFrom(plan.Activities).Draw(t, "activity").ID
	}
	switch action := anyAction(t, b); action {
	case models.RelationshipAppraise:
		return action, models.Appraise{Criteria: classification.Criteria{"credit": rapid.IntRange(-1, 100).Draw(t, "credit")}}
	case models.RelationshipClassify:
		return action, models.Classify{
			ProposedClass: rapid.SampledFrom([]string{"S", "A", "B", "C"}).Draw(t, "class"), Reason: "x",
			Criteria: criteriaOf(rapid.IntRange(30, 100).Draw(t, "value"), nil),
		}
	case models.RelationshipUnclassify:
		return action, models.Because{Reason: "x"}
	case models.RelationshipPlan:
		return action, anyPlan(t, at, "")
	case models.RelationshipPlanRevise:
		return action, anyPlan(t, at, planID)
	default:
		return action, of
	}
}

// anyAction is mostly one that is possible.
func anyAction(t *rapid.T, b *bond) models.RelationshipAction {
	all := []models.RelationshipAction{
		models.RelationshipAppraise, models.RelationshipClassify, models.RelationshipUnclassify, models.RelationshipPlan,
		models.RelationshipPlanRevise, models.RelationshipPlanSubmit, models.RelationshipPlanWithdraw, models.RelationshipPlanDone,
		models.RelationshipPlanDrop, models.RelationshipPlanClose,
	}
	if rapid.IntRange(0, 4).Draw(t, "possible") > 0 {
		allowed := models.AllowedRelationship(&b.state, b.who("amy"), b.r)
		all = slices.DeleteFunc(all, func(a models.RelationshipAction) bool { return !slices.Contains(allowed, a) })
	}
	return rapid.SampledFrom(all).Draw(t, "action")
}

// anyPlan is a plan that begins near an instant.
func anyPlan(t *rapid.T, at time.Time, planID string) models.PlanDraftData {
	from := at.AddDate(0, 0, rapid.IntRange(-20, 100).Draw(t, "from"))
	days := rapid.IntRange(0, 372).Draw(t, "days")
	p := models.PlanDraftData{
		PlanID: planID, From: from.Format(time.DateOnly), Until: from.AddDate(0, 0, days).Format(time.DateOnly), Goals: []string{"x"},
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "activities") {
		p.Activities = append(p.Activities, models.PlanActivity{
			Kind: rapid.SampledFrom(models.PlanActivityKinds()).Draw(t, "kind"), Title: fmt.Sprint(i),
			OwnerID: rapid.SampledFrom([]string{"", "ben"}).Draw(t, "owner"), DueAt: from.AddDate(0, 0, rapid.IntRange(0, max(1, days)).Draw(t, "due")),
		})
	}
	return p
}
