package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestResource_is_made_once_and_changed_under_its_version(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.resource(t, "Hall", models.ResourceRoom, 1)
	again, err := h.CreateResource(t.Context(), models.Resource{ID: r.ID, Name: "other", Kind: models.ResourceRoom, Quantity: 1})
	require.NoError(t, err)
	require.Equal(t, r, again)
	_, err = h.CreateResource(t.Context(), models.Resource{ID: id.New(id.Resource), Name: "HALL", Kind: models.ResourceRoom, Quantity: 1})
	require.Equal(t, "resources.name_taken", requireCode(t, errs.Conflict, err).Key)

	changed := r
	changed.Name, changed.Capacity, changed.Location = "Great hall", 80, "1F"
	changed, err = h.UpdateResource(t.Context(), changed)
	require.NoError(t, err)
	require.EqualValues(t, 2, changed.Version)
	_, err = h.UpdateResource(t.Context(), r)
	requireCode(t, errs.PreconditionFailed, err)
	_, err = h.Resource(t.Context(), "resource_x")
	requireCode(t, errs.NotFound, err)
	for field, spoil := range map[string]func(*models.Resource){
		"kind":     func(r *models.Resource) { r.Kind, r.Capacity = "boat", 0 },
		"quantity": func(r *models.Resource) { r.Quantity = 2 },
		"capacity": func(r *models.Resource) { r.Capacity = -1 },
		"name":     func(r *models.Resource) { r.Name = "" },
	} {
		spoilt := changed
		spoilt.ID = id.New(id.Resource)
		spoilt.Name = spoilt.ID
		spoil(&spoilt)
		_, err = h.CreateResource(t.Context(), spoilt)
		requireField(t, field, "invalid", err)
	}
}

func TestBookings_are_walked_in_the_order_of_time(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room := h.resource(t, "hall", models.ResourceRoom, 1)
	other := h.resource(t, "other", models.ResourceRoom, 1)
	for i := range 11 {
		at := (i * 7) % 11 // in no order
		_, err := h.take(t, fmt.Sprintf("reception_%d", i), 2, models.Holdings{Book: []models.BookingWish{wish("r", room, at, at+1, 1), wish("o", other, at, at+1, 1)}})
		require.NoError(t, err)
	}
	_, err := h.take(t, "reception_5", 3, models.Holdings{ReleaseAll: true}) // at (5*7)%11 = 2
	require.NoError(t, err)
	hour := func(n int) time.Time { return visit.Add(time.Duration(n) * time.Hour) }
	var seen []int
	page := models.Page{Limit: 3}
	for {
		rows, next, err := h.Bookings(t.Context(), room.ID, models.Slot{From: hour(1).Add(time.Minute), Until: hour(9)}, page)
		require.NoError(t, err)
		for _, b := range rows {
			require.Equal(t, room.ID, b.ResourceID)
			seen = append(seen, int(b.StartsAt.Sub(visit)/time.Hour))
		}
		if page.Cursor = next; next == "" {
			break
		}
		require.Len(t, rows, 3)
	}
	require.Equal(t, []int{1, 3, 4, 5, 6, 7, 8}, seen, "what has begun before counts, what was released or begins at the end does not")
	_, _, err = h.Bookings(t.Context(), room.ID, models.Slot{From: visit, Until: hour(1)}, models.Page{Cursor: "eA"})
	requireCode(t, errs.Malformed, err)

	free, err := h.FreeSlots(t.Context(), room.ID, models.Slot{From: hour(0), Until: hour(14)}, 1, 0)
	require.NoError(t, err)
	require.Equal(t, []models.FreeSlot{{Slot: models.Slot{From: hour(2), Until: hour(3)}, Available: 1}, {Slot: models.Slot{From: hour(11), Until: hour(14)}, Available: 1}}, free)
	room.Active = false
	_, err = h.UpdateResource(t.Context(), room)
	require.NoError(t, err)
	free, err = h.FreeSlots(t.Context(), room.ID, models.Slot{From: hour(0), Until: hour(14)}, 1, 0)
	require.NoError(t, err)
	require.Empty(t, free, "out of use")
	_, err = h.FreeSlots(t.Context(), "resource_x", models.Slot{}, 1, 0)
	requireCode(t, errs.NotFound, err)
}

func TestBudget_of_a_day_is_one(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.budget(t, models.CostMeals, 1000, models.ControlStrong)
	got, err := h.Budget(t.Context(), b.ID)
	require.NoError(t, err)
	require.Equal(t, b, got)
	other := b
	other.Amount = 7
	again, err := h.CreateBudget(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, b, again)

	next := b
	next.ID, next.StartsOn, next.EndsOn = id.New(id.Budget), date(2026, 12, 31), date(2027, 12, 31)
	_, err = h.CreateBudget(t.Context(), next)
	require.Equal(t, "budgets.period_taken", requireCode(t, errs.Conflict, err).Key)
	next.StartsOn = date(2027, 1, 1)
	_, err = h.CreateBudget(t.Context(), next)
	require.NoError(t, err)
	for field, spoil := range map[string]func(*models.Budget){
		"cost_type": func(b *models.Budget) { b.CostType = "bribes" },
		"amount":    func(b *models.Budget) { b.Amount = -1 },
		"currency":  func(b *models.Budget) { b.Currency = "yuan" },
		"control":   func(b *models.Budget) { b.Control = "none" },
		"ends_on":   func(b *models.Budget) { b.StartsOn, b.EndsOn = date(2030, 1, 2), date(2030, 1, 1) },
	} {
		spoilt := b
		spoilt.ID, spoilt.StartsOn, spoilt.EndsOn = id.New(id.Budget), date(2030, 1, 1), date(2030, 1, 31)
		spoil(&spoilt)
		_, err = h.CreateBudget(t.Context(), spoilt)
		if field == "ends_on" { // the period itself cannot be made of such days
			require.Error(t, err)
			continue
		}
		requireField(t, field, "invalid", err)
	}
	next.ID, next.TeamID = id.New(id.Budget), id.New(id.Team)
	_, err = h.CreateBudget(t.Context(), next)
	requireField(t, "team_id", "unknown", err)

	for name, tc := range map[string]struct {
		filter models.BudgetFilter
		want   int
	}{
		"all": {models.BudgetFilter{}, 2}, "team": {models.BudgetFilter{TeamID: h.team}, 2}, "nobody's": {models.BudgetFilter{TeamID: "team_x"}, 0},
		"type": {models.BudgetFilter{CostType: models.CostGifts}, 0}, "day": {models.BudgetFilter{On: ptr(date(2026, 12, 31))}, 1},
	} {
		rows, _, err := h.Budgets(t.Context(), tc.filter, models.Page{})
		require.NoError(t, err)
		require.Len(t, rows, tc.want, name)
	}
}

func TestAdjustment_counts_once_per_request(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.budget(t, models.CostMeals, 1000, models.ControlStrong)
	adjust := func(by int64, request string) (models.Budget, error) {
		return h.AdjustBudget(t.Context(), b.ID, by, models.Adjustment{By: "user_finance", RequestID: request, Reason: "追加", At: visit})
	}
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			_, err := adjust(500, "req_1")
			return err
		})
	}
	require.NoError(t, g.Wait())
	_, err := h.take(t, "reception_1", 2, models.Holdings{Money: []models.MoneyMove{h.money(models.MoveHold, "meals", models.CostMeals, 1400)}})
	require.NoError(t, err)
	_, err = adjust(-101, "req_2")
	require.Equal(t, "100", requireCode(t, models.BudgetExceeded, err).Args["left"])
	got, err := adjust(-100, "req_3")
	require.NoError(t, err)
	require.EqualValues(t, 1400, got.Amount)
	_, err = h.AdjustBudget(t.Context(), "budget_x", 1, models.Adjustment{})
	requireCode(t, errs.NotFound, err)

	entries, next, err := h.BudgetEntries(t.Context(), b.ID, models.Page{Limit: 3})
	require.NoError(t, err)
	rest, end, err := h.BudgetEntries(t.Context(), b.ID, models.Page{Limit: 3, Cursor: next})
	require.NoError(t, err)
	require.Empty(t, end)
	var lines []string
	for _, e := range append(entries, rest...) {
		lines = append(lines, fmt.Sprintf("%d %s %d %s", e.Seq, e.Kind, e.Amount, e.Reason))
	}
	require.Equal(t, []string{"4 adjust -100 追加", "3 hold 1400 ", "2 adjust 500 追加", "1 adjust 1000 "}, lines)
	_, _, err = h.BudgetEntries(t.Context(), b.ID, models.Page{Cursor: "eA"})
	requireCode(t, errs.Malformed, err)
	require.Empty(t, h.verify(t))
}

func TestLedger_and_limits_hold_against_whoever_writes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room := h.resource(t, "hall", models.ResourceRoom, 1)
	b := h.budget(t, models.CostMeals, 1000, models.ControlStrong)
	_, err := h.take(t, "reception_1", 2, models.Holdings{
		Book: []models.BookingWish{wish("r", room, 0, 2, 1)}, Money: []models.MoneyMove{h.money(models.MoveHold, "m", models.CostMeals, 400)},
	})
	require.NoError(t, err)
	for statement, state := range map[string]string{
		`UPDATE budget_entries SET amount = 1`:        "23001",
		`DELETE FROM budget_entries WHERE seq = 1`:    "23001",
		`UPDATE budgets SET held = 1001`:              "23514",
		`UPDATE budgets SET committed = -1, held = 0`: "23514",
		`INSERT INTO bookings (id, resource_id, single, subject_id, item, step_seq, last_seq, starts_at, ends_at, quantity, state, created_by, created_at, updated_at)
			SELECT 'x', resource_id, single, 'y', item, 1, 1, starts_at + interval '1 hour', ends_at, 1, 'held', 'z', now(), now() FROM bookings`: "23P01",
		`INSERT INTO budget_entries SELECT budget_id, seq + 1, kind, amount, subject_id, step_seq, item, request_id, by_id, reason, at FROM budget_entries WHERE seq = 2`: "23505",
	} {
		err := h.DB().Exec(statement).Error
		require.ErrorContains(t, err, state, statement)
	}
	require.Equal(t, int64(600), b.Amount-400)
	require.Empty(t, h.verify(t))
}

func TestVerify_finds_what_is_wrong_with_resources_and_budgets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tamper, want string }{
		"held":      {`UPDATE budgets SET held = held + 1`, "budget.held"},
		"committed": {`UPDATE budgets SET committed = committed + 1`, "budget.committed"},
		"amount":    {`UPDATE budgets SET amount = amount + 1`, "budget.amount"},
		"lost":      {`ALTER TABLE budget_entries DISABLE TRIGGER ALL; DELETE FROM budget_entries WHERE seq = 2`, "budget.entries budget.held"},
		"count":     {`UPDATE budgets SET entries = entries + 1`, "budget.entries"},
		"strong":    {`ALTER TABLE budgets DROP CONSTRAINT budgets_left_check; ALTER TABLE budget_entries DISABLE TRIGGER ALL; UPDATE budget_entries SET amount = 1001 WHERE seq = 2; UPDATE budgets SET held = 1001`, "budget.strong"},
		"item":      {`INSERT INTO budget_entries SELECT id, 3, 'release', 401, 'reception_1', 3, 'm', NULL, '', '', now() FROM budgets; ALTER TABLE budgets DROP CONSTRAINT budgets_held_check; UPDATE budgets SET held = -1, entries = 3`, "budget.item"},
		"overlap":   {`ALTER TABLE bookings DROP CONSTRAINT bookings_slot_taken; UPDATE bookings SET starts_at = (SELECT min(starts_at) FROM bookings) WHERE single`, "booking.overlap"},
		"stock":     {`UPDATE resources SET quantity = 4 WHERE kind = 'equipment'`, "booking.stock"},
		"gifts":     {`UPDATE resources SET quantity = 4 WHERE kind = 'gift_stock'`, "booking.stock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			room, chairs := h.resource(t, "hall", models.ResourceRoom, 1), h.resource(t, "chairs", models.ResourceEquipment, 5)
			tea := h.resource(t, "tea", models.ResourceGiftStock, 5)
			h.budget(t, models.CostMeals, 1000, models.ControlStrong)
			_, err := h.take(t, "reception_1", 2, models.Holdings{
				Book: []models.BookingWish{
					wish("r", room, 0, 2, 1), wish("s", room, 3, 4, 1), wish("c", chairs, 0, 2, 3), wish("d", chairs, 1, 2, 2), wish("t", tea, 0, 1, 3), wish("u", tea, 4, 5, 2),
				},
				Money: []models.MoneyMove{h.money(models.MoveHold, "m", models.CostMeals, 400)},
			})
			require.NoError(t, err)
			require.Empty(t, h.verify(t))
			for _, statement := range strings.Split(c.tamper, "; ") {
				require.NoError(t, h.DB().Exec(statement).Error)
			}
			require.Equal(t, c.want, strings.Join(h.verify(t), " "))
		})
	}
}

func TestLists_of_resources_and_budgets_walk_along_indexes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db := h.DB()
	for _, fill := range []string{
		`INSERT INTO teams (id, name, version, created_at, updated_at) SELECT 'team_' || i, 'team ' || i, 1, now(), now() FROM generate_series(1, 200) i`,
		`INSERT INTO resources SELECT 'resource_' || i, 'r ' || i, (ARRAY['room','vehicle','equipment'])[1 + i % 3], 0, 1, NULL, '', '', true, 1, now(), now() FROM generate_series(1, 5000) i`,
		`INSERT INTO bookings (id, resource_id, single, subject_id, item, step_seq, last_seq, starts_at, ends_at, quantity, state, created_by, created_at, updated_at)
			SELECT 'booking_' || i, 'resource_' || (1 + i % 3), true, 'reception_' || i, 'x', 1, 1, t, t + interval '1 hour', 1, CASE WHEN i % 10 = 0 THEN 'released' ELSE 'booked' END, '', t, t FROM (SELECT i, timestamptz '2010-01-01' + i * interval '4 hours' AS t FROM generate_series(1, 30000) i) x`,
		`INSERT INTO budgets SELECT 'budget_' || i || '_' || y, 'team_' || i, make_date(y, 1, 1), make_date(y, 12, 31), 'meals', 1000, 0, 0, 'CNY', 'strong', 100, '', now(), now()
			FROM generate_series(1, 200) i, generate_series(2010, 2029) y`,
		`INSERT INTO budget_entries SELECT b.id, i, 'hold', 1, 'reception_' || i || b.id, 1, 'x', NULL, '', '', now() FROM budgets b, generate_series(1, 10) i WHERE starts_on > '2020-01-01'`,
		"ANALYZE",
	} {
		require.NoError(t, db.Exec(fill).Error)
	}
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	week := models.Slot{From: at, Until: at.AddDate(0, 0, 7)}
	for name, list := range map[string]func(context.Context, *store.Store) error{
		"resources": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Resources(ctx, models.ResourceFilter{Active: ptr(true)}, models.Page{})
			return err
		},
		"resources of a kind": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Resources(ctx, models.ResourceFilter{Kind: models.ResourceVehicle}, models.Page{})
			return err
		},
		"bookings of a week": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Bookings(ctx, "resource_1", week, models.Page{})
			return err
		},
		"the next page of bookings": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Bookings(ctx, "resource_1", week, models.Page{Cursor: "MTU3Nzg0MDQwMDAwMDAwMC5ib29raW5nXzE"})
			return err
		},
		"budgets": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Budgets(ctx, models.BudgetFilter{}, models.Page{})
			return err
		},
		"budgets of a team": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Budgets(ctx, models.BudgetFilter{TeamID: "team_7"}, models.Page{Limit: 5})
			return err
		},
		"entries": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.BudgetEntries(ctx, "budget_7_2025", models.Page{Cursor: "OA"})
			return err
		},
	} {
		plan := explain(t, h.Store, list)
		require.Regexp(t, "Index (Only )?Scan", plan, "%s:\n%s", name, plan)
		require.NotContains(t, plan, "Seq Scan", "%s:\n%s", name, plan)
		require.NotContains(t, plan, "Sort", "%s:\n%s", name, plan)
	}
	conns, err := db.DB()
	require.NoError(t, err)
	args := map[string][]any{
		"budgets for": {[]string{"team_7"}, []string{"meals"}, []time.Time{at}}, "in use": {"resource_1", at.Add(-models.MaxBooking), week.Until, at},
		"used up": {"resource_9"},
	}
	for name, statement := range store.HoldingStatements() {
		with := args[name]
		if with == nil {
			with = []any{"reception_77"}
		}
		rows, err := conns.QueryContext(t.Context(), "EXPLAIN "+statement, with...)
		require.NoError(t, err, name)
		var plan strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Close())
		require.NotRegexp(t, "Seq Scan on (bookings|budget_entries|budgets|resources)", plan.String(), name)
	}
}
