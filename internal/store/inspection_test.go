package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// november is the month of the visits.
var november = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// inspect has the visits' month inspected by the schedule's run of the first of December.
func (l *lobby) inspect(t *testing.T) (models.Inspection, bool) {
	t.Helper()
	acts := activities.Inspection{Store: l.Store, Rules: l.book}
	at := time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC) // 06:00 on the first of December in Shanghai
	out, err := acts.InspectMonth(t.Context(), models.InspectMonth{ScheduledAt: at, At: at.Add(time.Minute)})
	require.NoError(t, err)
	require.Equal(t, "2026-11", out.Month)
	i, err := l.Inspection(t.Context(), out.ID)
	require.NoError(t, err)
	return i, out.Made
}

func at(days int, change func(*models.ReceptionPlan)) func(*lobby) models.ReceptionPlan {
	return func(l *lobby) models.ReceptionPlan {
		p := l.plan()
		p.StartsAt, p.EndsAt = ptr(visit.AddDate(0, 0, days)), ptr(visit.AddDate(0, 0, days).Add(2*time.Hour))
		if change != nil {
			change(&p)
		}
		return p
	}
}

func TestInspection_counts_what_happened_in_the_month_once(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	empty, made := l.inspect(t)
	require.True(t, made)
	require.Equal(t, models.InspectionFigures{
		Receptions: []models.InspectedReceptions{}, Cost: []models.InspectedCost{}, Resources: []models.InspectedResource{},
	}, empty.Figures, "without any visit there is no score, and everything else is zero")

	l = newLobby(t, store.Options{})
	ask := func(plan func(*lobby) models.ReceptionPlan) models.ReceptionState {
		return l.do(t, l.record(t, l.amy, plan(l)), l.amy, models.ReceptionSubmit, nil)
	}
	paid := l.completed(t) // 1,000.00 planned
	for _, score := range []int{5, 4, 4} {
		paid = l.do(t, paid, l.cleo, models.ReceptionFeedback, models.ReceptionOpinion{Score: score})
	}
	paid = l.do(t, paid, l.amy, models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{{Item: models.CostMeals, Amount: 80_000, Receipt: "R-1"}}})
	l.do(t, paid, l.fin, models.ReceptionPay, nil)
	ask(at(1, nil)) // asked, not decided
	cancelled := l.decided(t, ask(at(2, func(p *models.ReceptionPlan) { p.Level = "vip" })), models.OutcomeApproved)
	l.do(t, cancelled, l.amy, models.ReceptionCancel, models.Because{Reason: "fog"})
	l.decided(t, ask(at(3, nil)), models.OutcomeRejected)
	l.record(t, l.amy, at(4, nil)(l))                      // a draft asks for nothing
	l.decided(t, ask(at(14, nil)), models.OutcomeApproved) // in December
	l.decided(t, ask(at(7, func(p *models.ReceptionPlan) { // from 23:00 on the 30th to 03:00 on the 1st, in Shanghai
		p.StartsAt, p.EndsAt = ptr(visit.AddDate(0, 0, 7).Add(6*time.Hour)), ptr(visit.AddDate(0, 0, 7).Add(10*time.Hour))
	})), models.OutcomeApproved)

	i, made := l.inspect(t)
	require.True(t, made)
	f := i.Figures
	require.Equal(t, []models.InspectedReceptions{
		{Level: "standard", Kind: "company_visit", Asked: 4, Held: 1, Refused: 1},
		{Level: "vip", Kind: "company_visit", Asked: 1, Cancelled: 1},
	}, f.Receptions)
	require.Equal(t, []models.InspectedCost{{TeamID: l.team, CostType: models.CostMeals, Currency: "CNY", Budget: 100_000, Actual: 80_000}}, f.Cost)
	require.InDelta(t, 4.33, *f.Score, 0)
	require.Equal(t, 3, f.Ratings)
	require.Equal(t, models.InspectedCancellations{All: 1, Approved: 1}, f.Cancelled)
	require.Equal(t, models.InspectedApprovals{Asked: 5, Decided: 4, MeanMinutes: 1}, f.Approvals)
	require.Positive(t, f.Preparation.Items)
	require.Zero(t, f.Preparation.Late)
	require.Equal(t, []models.InspectedResource{{ResourceID: l.room.ID, Name: l.room.Name, Kind: models.ResourceRoom, Bookings: 1, Pieces: 1, Minutes: 60}}, f.Resources,
		"of the booking over midnight only the hour in November; a booking that was given back before its time, or only held, is no use")

	again, made := l.inspect(t)
	require.False(t, made)
	require.Equal(t, i, again)
	l.clean(t)
}

func TestInspection_counts_what_was_late(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s := l.do(t, l.record(t, l.amy, l.plan()), l.amy, models.ReceptionSubmit, nil)
	l.now = visit.Add(-time.Minute)
	out, err := l.advance(t.Context(), s.ID, &s, models.ReceptionEvent{Action: models.ReceptionTick})
	require.NoError(t, err)
	s = l.decided(t, *out.State, models.OutcomeApproved)
	out, err = l.advance(t.Context(), s.ID, &s, models.ReceptionEvent{Action: models.ReceptionTick})
	require.NoError(t, err)
	i, _ := l.inspect(t)
	require.Equal(t, 1, i.Figures.Approvals.Late)
	require.Equal(t, i.Figures.Preparation.Items, i.Figures.Preparation.Late)
	require.Positive(t, i.Figures.Preparation.Late)
	require.EqualValues(t, 120, i.Figures.Resources[0].Minutes)
}

func TestInspection_never_changes_after_it_is_signed_off(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	i, _ := l.inspect(t)
	require.Equal(t, models.System, i.MadeBy)
	require.Len(t, i.Reviewers, 1, "nobody of the desk leads it: who is above, else managers")
	reviewer := models.Actor{Person: models.Person{ID: i.Reviewers[0], Roles: []models.Role{models.RoleManager}}}
	todo, _, err := l.Tasks(t.Context(), reviewer, models.TaskFilter{Box: models.BoxTodo}, models.Page{})
	require.NoError(t, err)
	require.Len(t, todo, 1)
	require.Equal(t, []any{models.TaskReviewInspection, i.ID, "2026-11"}, []any{todo[0].Kind, todo[0].SubjectID, todo[0].Number})
	require.NotNil(t, todo[0].DueAt)
	notes, _, err := l.Notifications(t.Context(), i.Reviewers[0], nil, models.Page{})
	require.NoError(t, err)
	require.Len(t, notes, 1)
	l.clean(t)

	by := models.Signature{By: i.Reviewers[0], At: i.MadeAt.Add(time.Hour), Remarks: "Fewer cancellations, please.", CommandID: "req_1"}
	signed, err := l.SignInspection(t.Context(), i.ID, by)
	require.NoError(t, err)
	require.Equal(t, []any{by.By, by.Remarks, by.At}, []any{*signed.SignedBy, signed.Remarks, *signed.SignedAt})
	require.Equal(t, i.Figures, signed.Figures)
	done, err := l.Task(t.Context(), reviewer, todo[0].ID)
	require.NoError(t, err)
	require.Equal(t, []any{models.TaskDone, by.By}, []any{done.State, done.DoneBy})
	later := by
	later.At = by.At.Add(time.Minute)
	repeated, err := l.SignInspection(t.Context(), i.ID, later)
	require.NoError(t, err, "the same command")
	require.Equal(t, signed, repeated)
	_, err = l.SignInspection(t.Context(), i.ID, models.Signature{By: l.mia.ID, At: by.At, Remarks: "Mine."})
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	later.CommandID = "req_2"
	_, err = l.SignInspection(t.Context(), i.ID, later)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	_, err = l.SignInspection(t.Context(), "inspection_x", by)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	for name, sql := range map[string]string{
		"remarks": `UPDATE inspections SET remarks = 'x'`, "signature": `UPDATE inspections SET signed_at = NULL, signed_by = NULL`, "row": `DELETE FROM inspections`,
	} {
		require.ErrorContains(t, l.DB().Exec(sql).Error, "never changes", name)
	}
	again, made := l.inspect(t)
	require.False(t, made)
	require.Equal(t, signed, again)
	l.clean(t)
}

func TestInspections_are_listed_latest_month_first(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	c, err := l.book.InspectionCalendar(t.Context())
	require.NoError(t, err)
	org, err := l.FreshOrg(t.Context())
	require.NoError(t, err)
	now := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	var ids []string
	for _, months := range []int{-1, 0, -2} { // in whatever order they are made
		o, err := models.NewInspection(november.AddDate(0, months, 0), l.mia.ID, now, c, org)
		require.NoError(t, err)
		i, made, err := l.Inspect(t.Context(), o)
		require.NoError(t, err)
		require.True(t, made)
		ids = append(ids, i.ID)
	}
	_, err = models.NewInspection(november.AddDate(0, 1, 0), l.mia.ID, now, c, org)
	require.Equal(t, errs.Invalid, errs.CodeOf(err), "December is not over")
	_, err = l.SignInspection(t.Context(), ids[1], models.Signature{By: l.mia.ID, At: now})
	require.NoError(t, err)
	list := func(signed *bool, p models.Page) (found []string, next string) {
		rows, next, err := l.Inspections(t.Context(), models.InspectionFilter{Signed: signed}, p)
		require.NoError(t, err)
		for _, i := range rows {
			found = append(found, i.ID)
		}
		return found, next
	}
	first, next := list(nil, models.Page{Limit: 2})
	require.Equal(t, []string{ids[1], ids[0]}, first)
	rest, next := list(nil, models.Page{Limit: 2, Cursor: next})
	require.Equal(t, []string{ids[2]}, rest)
	require.Empty(t, next)
	open, _ := list(ptr(false), models.Page{})
	require.Equal(t, []string{ids[0], ids[2]}, open)
	signed, _ := list(ptr(true), models.Page{})
	require.Equal(t, []string{ids[1]}, signed)
}
