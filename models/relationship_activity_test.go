package models_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

func TestPlan_activities_become_tasks_and_drafts_of_receptions_and_then_late(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	tour, visit := p.Activities[0], p.Activities[1]
	opens := planDay(6, 8)
	require.Equal(t, opens, *tour.OpenAt, "two working days before")
	b.pass(opens.Add(-time.Second))
	require.Empty(t, b.tasks(models.TaskDoActivity))
	require.Nil(t, b.state.Drafts)

	steps := b.pass(opens)
	step := steps[len(steps)-1]
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskDoActivity))
	require.Equal(t, []string{"amy"}, told(step, "activity_due"))
	require.Equal(t, b.state.Seq, b.state.Drafts.Seq)
	require.Len(t, b.state.Drafts.Items, 1)
	draft := b.state.Drafts.Items[0]
	require.Equal(t, "company_visit", draft.Kind)
	require.Equal(t, []string{p.ID, tour.ID, "amy"}, []string{draft.PlanID, draft.ActivityID, draft.OwnerID})
	progress := b.Planned[p.ID].Progress
	require.Equal(t, []string{"due", "planned"}, []string{progress[0].State, progress[1].State})
	require.Equal(t, draft.ReceptionID, progress[0].ReceptionID)

	steps = b.pass(tour.DueAt)
	step = steps[len(steps)-1]
	require.Contains(t, happened(step), "activity_late")
	require.Equal(t, []string{"amy", "sam"}, told(step, "activity_late"))
	require.True(t, b.state.Plans[0].Activities[0].Late)
	require.Equal(t, "late", b.Planned[p.ID].Progress[0].State)
	require.Equal(t, health.ActivityLate, b.factOf(tour.ID))

	b.pass(visit.DueAt.Add(-time.Second))
	require.Equal(t, []string{"amy", "ben"}, b.tasks(models.TaskDoActivity))
	require.Len(t, b.state.Drafts.Items, 1, "a visit is no reception of ours")
}

// factOf is the kind of the fact of an id.
func (b *bond) factOf(factID string) health.Kind {
	i := slices.IndexFunc(b.state.Facts, func(f health.Fact) bool { return f.ID == factID })
	require.NotEqual(b.t, -1, i)
	return b.state.Facts[i].Kind
}

func TestPlan_two_activities_that_are_late_at_once_are_told_of_each(t *testing.T) {
	t.Parallel()
	b := classA(t)
	plan := yearPlan()
	plan.Activities[1] = plan.Activities[0]
	p := b.planned(3*time.Hour, plan)
	steps := b.pass(p.Activities[0].DueAt)
	step := steps[len(steps)-1]
	require.Equal(t, []string{"amy", "amy", "sam", "sam"}, told(step, "activity_late"))
	keys := map[string]bool{}
	for _, n := range step.Notices {
		require.False(t, keys[n.UserID+n.Key], "a key is told once to a person")
		keys[n.UserID+n.Key] = true
	}
	require.Len(t, b.state.Drafts.Items, 2)
	require.NotEqual(t, b.state.Drafts.Items[0].ReceptionID, b.state.Drafts.Items[1].ReceptionID)
}

func TestPlan_activities_are_done_late_or_dropped_in_sight_of_all(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	tour, visit := p.Activities[0], p.Activities[1]
	of := func(a models.ActivityState, note string) models.OfPlan {
		return models.OfPlan{PlanID: p.ID, ActivityID: a.ID, Note: note}
	}
	at := since(planDay(9, 1))
	b.pass(planDay(9, 1))
	require.Equal(t, errs.NotFound, b.refused(at, "amy", models.RelationshipPlanDone, models.OfPlan{PlanID: p.ID, ActivityID: "step_x"}).Code)
	require.Equal(t, errs.NotFound, b.refused(at, "amy", models.RelationshipPlanDone, models.OfPlan{PlanID: "plan_x"}).Code)
	require.Equal(t, errs.Forbidden, b.refused(at, "pam", models.RelationshipPlanDone, of(visit, "")).Code)
	e := b.refused(at, "ben", models.RelationshipPlanDone, of(tour, ""))
	require.Equal(t, "relationship.not_yours", e.Key, "the tour is amy's")
	require.Equal(t, []string{"note:notblank"}, faultsOf(b.refused(at, "amy", models.RelationshipPlanDrop, of(tour, " "))))

	step := b.do(at+time.Hour, "ben", models.RelationshipPlanDone, of(visit, "they liked it"))
	require.Equal(t, false, step.Events[0].Data["late"])
	require.Equal(t, health.ActivityDone, b.factOf(visit.ID))
	now := b.Planned[p.ID].Progress[1]
	require.Equal(t, []string{"done", "ben", "they liked it"}, []string{now.State, now.ByID, now.Note})
	require.Equal(t, b.state.UpdatedAt, *now.At)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskDoActivity))
	e = b.refused(at+2*time.Hour, "ben", models.RelationshipPlanDone, of(visit, ""))
	require.Equal(t, errs.Forbidden, e.Code, "nothing here is ben's any more")
	e = b.refused(at+2*time.Hour, "amy", models.RelationshipPlanDrop, of(visit, "x"))
	require.Equal(t, "relationship.wrong_state", e.Key)

	step = b.do(at+3*time.Hour, "amy", models.RelationshipPlanDone, of(tour, ""))
	require.Equal(t, true, step.Events[0].Data["late"])
	require.Equal(t, health.ActivityLate, b.factOf(tour.ID), "what was late stays so")
	require.True(t, b.Planned[p.ID].Progress[0].Late)
	require.Empty(t, b.tasks(models.TaskDoActivity))
	e = b.refused(at+4*time.Hour, "amy", models.RelationshipPlanDone, of(tour, ""))
	require.Equal(t, "relationship.wrong_state", e.Key)
}

func TestPlan_activity_is_dropped_with_its_reason(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	b.do(6*time.Hour, "mia", models.RelationshipPlanDrop, models.OfPlan{PlanID: p.ID, ActivityID: p.Activities[0].ID, Note: "they travel no more"})
	require.Equal(t, health.ActivityDropped, b.factOf(p.Activities[0].ID))
	require.Equal(t, "they travel no more", b.Planned[p.ID].Progress[0].Note)
	b.pass(p.Activities[0].DueAt)
	require.Empty(t, b.tasks(models.TaskDoActivity))
	require.Nil(t, b.state.Drafts)
}

func TestPlan_ends_with_its_summary(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	of := models.OfPlan{PlanID: p.ID, Note: "we are their first supplier"}
	e := b.refused(6*time.Hour, "amy", models.RelationshipPlanClose, of)
	require.Equal(t, "relationship.plan_not_begun", e.Key)
	steps := b.pass(p.Until)
	step := steps[len(steps)-1]
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskClosePlan))
	require.Equal(t, []string{"amy"}, told(step, "plan_ended"))
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskDraftPlan), "it has no successor")
	at := since(p.Until)
	require.Equal(t, []string{"note:notblank"}, faultsOf(b.refused(at+time.Hour, "amy", models.RelationshipPlanClose, models.OfPlan{PlanID: p.ID})))
	step = b.do(at+2*time.Hour, "amy", models.RelationshipPlanClose, of)
	require.Empty(t, b.state.Plans)
	require.Empty(t, b.tasks(models.TaskClosePlan))
	require.Empty(t, b.tasks(models.TaskDoActivity))
	row := b.Planned[p.ID]
	require.Equal(t, models.PlanClosed, row.Status)
	require.Equal(t, of.Note, row.Summary)
	require.Equal(t, p.Until, row.Until)
	require.Equal(t, []models.ActivityOutcome{"dropped", "dropped"}, []models.ActivityOutcome{row.Progress[0].Outcome, row.Progress[1].Outcome})
	require.Equal(t, "activity_dropped", step.Events[0].Type)
	require.Equal(t, models.System, step.Events[0].Actor, "the close has dropped it, nobody in person")
	require.Equal(t, health.ActivityDropped, b.factOf(p.Activities[0].ID))
}

func TestPlan_closed_early_makes_room_from_the_next_day_on(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	b.pass(planDay(7, 1))
	b.do(since(planDay(7, 1)), "amy", models.RelationshipPlanClose, models.OfPlan{PlanID: p.ID, Note: "all is done"})
	require.Equal(t, time.Date(2026, 7, 1, 16, 0, 0, 0, time.UTC), b.Planned[p.ID].Until)
	b.do(since(planDay(7, 1))+time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2026-07-02", Until: "2026-12-31"})
	require.Empty(t, b.tasks(models.TaskDraftPlan))
}

func TestPlan_with_a_successor_asks_for_none(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	b.do(8*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2027-01-01", Until: "2027-06-30", Goals: []string{"x"}})
	b.pass(p.Until)
	require.Len(t, b.tasks(models.TaskClosePlan), 1)
	require.Empty(t, b.tasks(models.TaskDraftPlan))
}

func TestPlan_that_nobody_approved_in_its_period_lapses(t *testing.T) {
	t.Parallel()
	t.Run("draft", func(t *testing.T) {
		t.Parallel()
		b := classA(t)
		b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
		p := b.state.Plans[0]
		steps := b.pass(p.Until)
		require.Empty(t, b.state.Plans)
		require.Equal(t, models.PlanWithdrawn, b.Planned[p.ID].Status)
		require.Equal(t, []string{"amy"}, told(steps[len(steps)-1], "plan_lapsed"))
		require.Equal(t, []string{"amy"}, b.tasks(models.TaskDraftPlan))
	})
	t.Run("in_approval", func(t *testing.T) {
		t.Parallel()
		for _, outcome := range []models.ApprovalOutcome{models.OutcomeWithdrawn, models.OutcomeApproved} {
			b := classA(t)
			b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
			p := b.state.Plans[0]
			b.do(4*time.Hour, "amy", models.RelationshipPlanSubmit, models.OfPlan{PlanID: p.ID})
			b.pass(p.Until)
			require.Equal(t, models.ApprovalWithdraw, b.state.Orders[0].Verb)
			b.decided(since(p.Until)+time.Hour, b.state.Plans[0].ApprovalID, outcome, "sam")
			if outcome == models.OutcomeWithdrawn {
				require.Empty(t, b.state.Plans)
				continue
			}
			b.pass(p.Until.Add(2 * time.Hour)) // the approval was quicker: it is a plan whose period is over
			require.Equal(t, []string{"amy"}, b.tasks(models.TaskClosePlan))
			require.True(t, b.state.Plans[0].Activities[1].Late)
		}
	})
}

func TestPlan_obligations_are_its_end_and_its_open_activities(t *testing.T) {
	t.Parallel()
	b := classA(t)
	p := b.planned(3*time.Hour, yearPlan())
	var kinds []string
	for _, d := range b.state.Obligations() {
		if d.Kind == models.DuePlan || d.Kind == models.DueActivity {
			kinds = append(kinds, strings.Join([]string{string(d.Kind), d.OwnerID, d.DueAt.Format(time.DateOnly), d.At.Format(time.DateOnly)}, " "))
		}
	}
	require.Equal(t, []string{"activity amy 2026-06-10 2026-06-08", "activity ben 2026-09-15 2026-09-11", "plan amy 2026-12-31 2026-12-31"}, kinds)
	b.pass(p.Until)
	for _, d := range b.state.Obligations() {
		if d.Kind == models.DuePlan || d.Kind == models.DueActivity {
			require.True(t, d.At.IsZero(), "the clock has seen %s", d.Kind)
		}
	}
}

func TestPlan_needs_a_client_who_has_a_class_and_room_for_one_more(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	require.Equal(t, "relationship.wrong_state", b.refused(time.Hour, "amy", models.RelationshipPlan, yearPlan()).Key)
	b.graded(time.Hour, "A")
	for i, from := range []string{"2026-04-01", "2026-05-01", "2026-06-01"} {
		b.do(time.Duration(3+i)*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: from, Until: from})
	}
	e := b.refused(8*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2026-07-01", Until: "2026-07-01"})
	require.Equal(t, "relationship.wrong_state", e.Key)
}
