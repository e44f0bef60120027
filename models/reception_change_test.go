package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// TestChange_after_approval_goes_back_to_approval_only_upward_beyond_the_tolerance: ten per cent, four hours.
func TestChange_after_approval_goes_back_to_approval_only_upward_beyond_the_tolerance(t *testing.T) {
	t.Parallel()
	move := func(p *models.ReceptionPlan, by time.Duration) {
		p.StartsAt, p.EndsAt, p.Activities = instant(p.StartsAt.Add(by)), instant(p.EndsAt.Add(by)), nil
	}
	for name, c := range map[string]struct {
		change func(*models.ReceptionPlan)
		again  bool
	}{
		"nothing":                {func(*models.ReceptionPlan) {}, false},
		"less money":             {func(p *models.ReceptionPlan) { p.Budget = p.Budget[:1] }, false},
		"ten per cent more":      {func(p *models.ReceptionPlan) { p.Budget[0].Amount += 30_000 }, false},
		"more than ten per cent": {func(p *models.ReceptionPlan) { p.Budget[0].Amount += 30_001 }, true},
		"another week":           {func(p *models.ReceptionPlan) { move(p, 7*daylong) }, false},
		"four hours longer":      {func(p *models.ReceptionPlan) { *p.EndsAt = p.EndsAt.Add(4 * time.Hour) }, false},
		"longer than that":       {func(p *models.ReceptionPlan) { *p.EndsAt = p.EndsAt.Add(4*time.Hour + time.Second) }, true},
		"shorter":                {func(p *models.ReceptionPlan) { *p.EndsAt = p.EndsAt.Add(-time.Hour) }, false},
		"a higher level":         {func(p *models.ReceptionPlan) { p.Level = "important" }, true},
		"another kind":           {func(p *models.ReceptionPlan) { p.Kind = "model_site_visit" }, true},
		"another host":           {func(p *models.ReceptionPlan) { p.Hosts = []string{"sam"} }, false},
		"another room":           {func(p *models.ReceptionPlan) { p.Resources[0].ResourceID = "gold" }, false},
		"a departure with reasons": {func(p *models.ReceptionPlan) {
			p.Budget[0].Amount, p.Budget[1].Amount, p.DepartureReason = 300_000, 0, "so"
		}, false},
		"a new departure": {func(p *models.ReceptionPlan) {
			p.Budget = []models.PlannedAmount{{Item: models.CostGifts, Amount: 100_001}}
			p.DepartureReason = "so"
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := approved(t, nil)
			step := v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(c.change))
			require.Equal(t, c.again, step.Approval != nil)
			if !c.again {
				require.Equal(t, models.ReceptionApproved, v.state.Status)
				return
			}
			require.Equal(t, models.ReceptionInApproval, v.state.Status)
			require.Empty(t, step.Approval.Levels, "a larger plan meets whom its own facts ask for")
			require.Equal(t, models.ApproveChange, step.Approval.Purpose)
			require.NotEmpty(t, step.Approval.Changes)
			v.outcome(4*time.Hour, models.OutcomeApproved, "zoe")
			require.Equal(t, models.ReceptionApproved, v.state.Status)
		})
	}
}

func TestDeparture_that_was_approved_is_not_asked_for_again(t *testing.T) {
	t.Parallel()
	gifts := func(p *models.ReceptionPlan) {
		p.Budget = []models.PlannedAmount{{Item: models.CostGifts, Amount: 200_000}}
		p.DepartureReason = "an anniversary"
	}
	v := approved(t, gifts)
	step := v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { gifts(p); p.Budget[0].Amount = 210_000 }))
	require.Nil(t, step.Approval)
	step = v.do(4*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) {
		gifts(p)
		p.Hosts, p.Needs = []string{"sam"}, "no stairs"
	}))
	require.Nil(t, step.Approval)
	require.Equal(t, []models.FieldChange{
		{Field: "needs", After: "no stairs"}, {Field: "hosts", Before: `["hal"]`, After: `["sam"]`}, {Field: "budget.gifts", Before: "210000", After: "200000"},
	}, step.Events[0].Data["changes"])
}

func TestSmall_changes_do_not_add_up_to_a_large_one(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.Budget[0].Amount += 30_000 }))
	require.Equal(t, models.ReceptionApproved, v.state.Status)
	step := v.do(4*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.Budget[0].Amount += 60_000 }))
	require.Equal(t, models.ReceptionInApproval, v.state.Status, "twenty per cent above what was approved")
	require.Equal(t, int64(60_000), step.Approval.Over)
}

// TestChange_that_waits_holds_what_either_outcome_needs, so that neither can fail.
func TestChange_that_waits_holds_what_either_outcome_needs(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[models.ApprovalOutcome]struct {
		held  int64
		until time.Time
		event string
	}{
		models.OutcomeApproved: {260_000, visitAt.Add(8 * time.Hour), "change_approved"},
		models.OutcomeRejected: {200_000, visitAt.Add(6 * time.Hour), "change_rejected"},
	} {
		v := approved(t, nil)
		v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
		v.do(4*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) {
			p.StartsAt, p.EndsAt, p.Activities = instant(visitAt.Add(2*time.Hour)), instant(visitAt.Add(8*time.Hour)), nil
			p.Budget[0].Amount, p.Budget[1].Amount = 260_000, 80_000
		}))
		require.Len(t, v.state.Bookings, 1)
		require.Equal(t, []time.Time{visitAt, visitAt.Add(8 * time.Hour)}, []time.Time{v.state.Bookings[0].StartsAt, v.state.Bookings[0].EndsAt})
		require.Equal(t, map[string]account{"meals/2026-03": {held: 260_000}, "transport/2026-03": {held: 100_000}}, v.money())
		v.outcome(5*time.Hour, models.OutcomeReturned)
		require.Equal(t, models.ReceptionDraft, v.state.Status)
		v.do(6*time.Hour, "amy", models.ReceptionSubmit, nil)
		v.outcome(7*time.Hour, outcome, "sam")
		require.Equal(t, models.ReceptionPreparing, v.state.Status, "it goes on where it was")
		require.Equal(t, want.held, v.money()["meals/2026-03"].held)
		require.Equal(t, want.until, v.state.Bookings[0].EndsAt)
		require.Equal(t, want.event, v.steps[len(v.steps)-1].Events[0].Type)
		v.replay()
	}
}

func TestWithdrawn_change_leaves_the_reception_as_it_was_approved(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.Level = "vip" }))
	step := v.do(4*time.Hour, "amy", models.ReceptionWithdraw, nil)
	require.Equal(t, models.ApprovalWithdraw, step.Approval.Verb)
	require.Equal(t, models.ReceptionApproved, v.state.Status)
	require.Equal(t, "standard", v.state.Level)
	require.Equal(t, "standard", v.r.Plans.Current.Level)
}

func TestVisit_that_moves_to_another_month_moves_its_money(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	next := visitAt.AddDate(0, 1, 0)
	step := v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) {
		p.StartsAt, p.EndsAt, p.Activities = instant(next), instant(next.Add(6*time.Hour)), nil
	}))
	require.Equal(t, int64(200_000), v.money()["meals/2026-04"].held)
	require.Zero(t, v.money()["meals/2026-03"].held)
	require.True(t, step.Holdings.Confirm, "what is newly held is booked, since the reception is approved")
	require.Len(t, step.Invitations, 2, "the host's entry moves, that of the dropped activity goes")
	require.Equal(t, next.AddDate(0, 0, -3), v.due("room"), "due anew: the working day before, here a Friday")
}

// due is when an item of the check-list is due.
func (v *stay) due(name string) time.Time {
	for _, e := range v.state.Checklist {
		if e.Name == name {
			return e.DueAt
		}
	}
	return time.Time{}
}

func TestCancel_gives_everything_back_and_keeps_expenses_claimable(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	require.Equal(t, "reason required", faults(v.refused("amy", models.ReceptionCancel, models.Because{Reason: " "})))
	step := v.do(3*time.Hour, "lea", models.ReceptionCancel, models.Because{Reason: "storm"})
	require.Equal(t, models.ReceptionCancelled, v.state.Status)
	require.ElementsMatch(t, []string{"amy", "hal", "cleo"}, v.told("reception_cancelled"))
	require.Len(t, step.Invitations, 2)
	require.True(t, step.Invitations[0].Cancel)

	v.do(4*time.Hour, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{{Item: models.CostTransport, Amount: 50_000, Receipt: "T1"}}})
	require.Equal(t, models.ReceptionCancelled, v.state.Status)
	require.Equal(t, int64(50_000), v.money()["transport/2026-03"].held, "held anew for the claim")
	v.do(5*time.Hour, "fin", models.ReceptionPay, nil)
	require.Equal(t, int64(50_000), v.money()["transport/2026-03"].committed)
	v.until(monday.Add(90 * daylong))
	require.True(t, v.state.Over(v.state.UpdatedAt))
	require.Equal(t, errs.ProcessClosed, v.refused("amy", models.ReceptionClaim, nil).Code)

	v = newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	step = v.do(2*time.Hour, "amy", models.ReceptionCancel, models.Because{Reason: "storm"})
	require.Equal(t, models.ApprovalWithdraw, step.Approval.Verb)
	require.True(t, v.state.Over(v.state.UpdatedAt), "nothing was approved, so nothing can be claimed")
}

func TestLeaver_is_followed_by_the_heir(t *testing.T) {
	t.Parallel()
	v := approved(t, func(p *models.ReceptionPlan) { p.ReceptionistID = "cleo" })
	leave := func(who, heir string) error {
		_, err := v.attempt(v.state.UpdatedAt.Add(time.Hour), member(v.r.Org, "zoe"), models.ReceptionDeactivate, models.Deactivate{UserID: who, HeirID: heir})
		return err
	}
	require.NoError(t, leave("amy", "sam"))
	require.Equal(t, "sam", v.state.RequesterID)
	require.Equal(t, []string{"cleo room", "cleo transport", "sam diaries", "sam material"}, v.tasks(models.TaskPrepareItem))
	require.NoError(t, leave("hal", "sam"))
	require.Equal(t, []string{"sam"}, v.state.Hosts)
	require.Equal(t, v.state.Hosts, v.r.Plans.Current.Hosts)
	require.NoError(t, leave("cleo", "mia"))
	require.Empty(t, v.state.ReceptionistID, "a manager does not receive; the desk names another")
	require.Equal(t, errs.Conflict, errs.CodeOf(leave("amy", "sam")), "who has no part in it")
	require.Equal(t, errs.Conflict, errs.CodeOf(leave("sam", "gus")), "an heir who left, too")

	v = visited(t, nil)
	v.do(5*daylong, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 1000, "A")}})
	claim := v.state.Claim.ID
	require.NoError(t, leave("fin", "hal"))
	require.Equal(t, []string{"fay " + claim}, v.tasks(models.TaskCheckClaim), "a claim is not inherited, but paid by who may")
}

func TestSplit_orders_are_those_that_cross_the_limit_only_together(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	other := func(number string, total int64, at time.Time, change func(*models.OtherReception)) models.OtherReception {
		o := models.OtherReception{ID: number, Number: number, TeamID: "desk", StartsAt: at, Total: total, Currency: "CNY"}
		if change != nil {
			change(&o)
		}
		return o
	}
	host := func(o *models.OtherReception) { o.Hosts = []string{"hal"} }
	organisation := func(o *models.OtherReception) { o.Organisations = []string{"BLUE SKY"} }
	team := func(o *models.OtherReception) { o.TeamID = "sales" }
	for name, c := range map[string]struct {
		others []models.OtherReception
		want   []models.SplitWarning
	}{
		"nothing": {nil, nil},
		"the same host": {
			[]models.OtherReception{other("R2", 200_001, visitAt.Add(-7*daylong), host)},
			[]models.SplitWarning{{Shared: "host", Value: "hal", Numbers: []string{"R2"}, Total: 500_001, Limit: 500_000}},
		},
		"within the limit":         {[]models.OtherReception{other("R2", 200_000, visitAt, host)}, nil},
		"too far away":             {[]models.OtherReception{other("R2", 400_000, visitAt.Add(7*daylong+time.Second), host)}, nil},
		"another currency":         {[]models.OtherReception{other("R2", 400_000, visitAt, func(o *models.OtherReception) { host(o); o.Currency = "USD" })}, nil},
		"one that is large anyway": {[]models.OtherReception{other("R2", 500_001, visitAt, host)}, nil},
		"itself":                   {[]models.OtherReception{other("reception_1", 400_000, visitAt, host)}, nil},
		"the same organisation": {
			[]models.OtherReception{other("R3", 150_000, visitAt.Add(time.Hour), organisation), other("R2", 100_000, visitAt, organisation)},
			[]models.SplitWarning{{Shared: "organisation", Value: "Blue Sky", Numbers: []string{"R2", "R3"}, Total: 550_000, Limit: 500_000}},
		},
		"the same department and week": {
			[]models.OtherReception{other("R2", 300_000, monday, team), other("R3", 400_000, visitAt.Add(4*daylong), team)},
			[]models.SplitWarning{{Shared: "week", Value: "2026-W11", Numbers: []string{"R2"}, Total: 600_000, Limit: 500_000}},
		},
	} {
		require.Equal(t, c.want, v.state.SplitOrders(v.r.Plans.Current, c.others, v.r), name)
	}
}

func TestTasks_of_the_desk_follow_who_receives_and_the_date(t *testing.T) {
	t.Parallel()
	move := planOf(func(p *models.ReceptionPlan) {
		p.StartsAt, p.EndsAt, p.Activities = instant(p.StartsAt.Add(daylong)), instant(p.EndsAt.Add(daylong)), nil
	})
	due := func(v *stay, kind string) time.Time {
		t.Helper()
		for _, task := range v.state.Tasks {
			if task.Kind == kind {
				return *task.DueAt
			}
		}
		require.Fail(t, "no task", kind)
		return time.Time{}
	}
	v := approved(t, nil)
	v.do(3*time.Hour, "amy", models.ReceptionRevise, move)
	require.Equal(t, *v.state.StartsAt, due(v, models.TaskPrepareReception), "to be prepared before it begins")

	v = approved(t, nil)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
	require.Equal(t, []string{"cleo "}, v.tasks(models.TaskRunReception))
	v.do(4*time.Hour, "cleo", models.ReceptionPrepare, models.PrepareReception{ReceptionistID: "lea"})
	require.Equal(t, []string{"lea "}, v.tasks(models.TaskRunReception), "who receives now")
	revised := move
	revised.Plan.ReceptionistID = "lea"
	v.do(5*time.Hour, "amy", models.ReceptionRevise, revised)
	require.Equal(t, []string{"lea "}, v.tasks(models.TaskRunReception))
	require.Equal(t, *v.state.EndsAt, due(v, models.TaskRunReception))

	v = approved(t, nil)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
	v.do(4*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) {
		p.StartsAt, p.EndsAt, p.Activities, p.Level = instant(p.StartsAt.Add(daylong)), instant(p.EndsAt.Add(daylong)), nil, "important"
	}))
	v.outcome(5*time.Hour, models.OutcomeApproved, "zoe")
	require.Equal(t, *v.state.EndsAt, due(v, models.TaskRunReception), "also when the change had to be approved")
}
