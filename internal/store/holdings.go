package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// Querier is a connection or transaction of pgx.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// TakeHoldings is Take inside the caller's transaction, which must be rolled back after an error. A step calls it once,
// with all that it does to resources and money.
//
// Locks are taken in one order, so that two steps never wait for each other: the subject's own, resources by id, budgets
// by id. A caller that locks rows of its own does so before.
func TakeHoldings(ctx context.Context, q Querier, h models.Holdings) (models.HoldingsTaken, error) {
	t := &taking{q: q, step: &h}
	if err := t.begin(ctx); err != nil {
		return models.HoldingsTaken{}, err
	}
	if t.applied {
		return t.result(ctx, nil)
	}
	if err := t.book(ctx); err != nil {
		return models.HoldingsTaken{}, err
	}
	warnings, err := t.move(ctx)
	if err == nil {
		err = models.Refusal(t.faults)
	}
	if err != nil {
		return models.HoldingsTaken{}, err
	}
	return t.result(ctx, warnings)
}

// Take carries out what a step does with resources and money: all of it, or nothing. It is applied once per subject and
// step: a repetition, also one that comes after later steps, changes nothing and answers what the subject has now.
//
// Errors name every item that is refused: resource_taken with the booking in the way and up to three free times nearby,
// budget_exceeded with what is left, budget_missing; invalid for values that are wrong in themselves.
func (s *Store) Take(ctx context.Context, h models.Holdings) (models.HoldingsTaken, error) {
	var out models.HoldingsTaken
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
			out, err = TakeHoldings(ctx, tx, h)
			return err
		})
	})
	return out, err
}

// taking carries out one step.
type taking struct {
	q       Querier
	step    *models.Holdings
	applied bool // before
	faults  []errs.Field
}

const (
	lastStep = `SELECT greatest(
		(SELECT coalesce(max(last_seq), 0) FROM bookings WHERE subject_id = $1),
		(SELECT coalesce(max(step_seq), 0) FROM budget_entries WHERE subject_id = $1))`
	bookingsOfSubject = `SELECT ` + bookingColumns + ` FROM bookings WHERE subject_id = $1 AND state <> 'released' ORDER BY item`
	budgetsFor        = `SELECT DISTINCT k.team_id, k.cost_type, to_char(k.day, 'YYYY-MM-DD') AS day, b.id
		FROM unnest($1::text[], $2::text[], $3::date[]) k(team_id, cost_type, day)
		JOIN budgets b ON b.team_id = k.team_id AND b.cost_type = k.cost_type AND k.day BETWEEN b.starts_on AND b.ends_on`
)

// begin takes the subject's lock and finds out whether the step, or a later one, was applied already.
func (t *taking) begin(ctx context.Context) error {
	if _, err := t.q.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('holdings ' || $1, 0))`, t.step.SubjectID); err != nil {
		return err
	}
	var last int64
	err := t.q.QueryRow(ctx, lastStep, t.step.SubjectID).Scan(&last)
	t.applied = last >= t.step.StepSeq
	return err
}

func rowsOf[T any](ctx context.Context, q Querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// book releases, holds and confirms the bookings of the step.
func (t *taking) book(ctx context.Context) error {
	h := t.step
	resources, err := t.lockResources(ctx)
	if err != nil {
		return err
	}
	if h.ReleaseAll || len(h.Release) > 0 {
		_, err := t.q.Exec(ctx, `UPDATE bookings SET state = 'released', last_seq = $2, updated_at = $3
			WHERE subject_id = $1 AND state <> 'released' AND ($4 OR item = ANY($5))`, h.SubjectID, h.StepSeq, h.At, h.ReleaseAll, h.Release)
		if err != nil {
			return err
		}
	}
	for _, w := range h.Book {
		if err := t.hold(ctx, resources[w.ResourceID], w); err != nil {
			return err
		}
	}
	if !h.Confirm || len(t.faults) > 0 {
		return nil
	}
	_, err = t.q.Exec(ctx, `UPDATE bookings SET state = 'booked', last_seq = $2, updated_at = $3 WHERE subject_id = $1 AND state = 'held'`,
		h.SubjectID, h.StepSeq, h.At)
	return err
}

// lockResources locks what is to be booked, in the order of ids, against other bookings and changes of its quantity.
func (t *taking) lockResources(ctx context.Context) (map[string]models.Resource, error) {
	if len(t.step.Book) == 0 {
		return nil, nil
	}
	var ids []string
	for _, w := range t.step.Book {
		ids = append(ids, w.ResourceID)
	}
	rows, err := rowsOf[models.Resource](ctx, t.q, `SELECT id, name, kind, capacity, quantity, calendar_id, location, class, active, version,
		created_at, updated_at FROM resources WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, ids)
	found := make(map[string]models.Resource, len(rows))
	for _, r := range rows {
		found[r.ID] = r
	}
	return found, err
}

// hold books one resource, or notes why it cannot be.
func (t *taking) hold(ctx context.Context, r models.Resource, w models.BookingWish) error {
	h, field := t.step, cmp.Or(w.Field, w.Item)
	if fault := w.Fault(r); fault != nil {
		t.faults = append(t.faults, *fault)
		return nil
	}
	want := models.Slot{From: w.StartsAt, Until: w.EndsAt}
	left, busy, err := taken(ctx, t.q, r, want)
	if err != nil {
		return err
	}
	if free := left.Quantity - models.Peak(busy, want); free < w.Quantity {
		fault, err := t.refuse(ctx, r, busy, want, w.Quantity, free)
		fault.Field = field
		t.faults = append(t.faults, fault)
		return err
	}
	_, err = t.q.Exec(ctx, `INSERT INTO bookings (id, resource_id, single, subject_id, item, step_seq, last_seq, starts_at, ends_at, quantity,
			state, created_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, 'held', $10, $11, $11)`,
		id.Derive(id.Booking, h.SubjectID, strconv.FormatInt(h.StepSeq, 10)+"/"+w.Item), r.ID, r.Kind.Single(), h.SubjectID, w.Item,
		h.StepSeq, w.StartsAt, w.EndsAt, w.Quantity, h.By, h.At)
	return err
}

// refuse says what is in the way, and when else the resource is free.
func (t *taking) refuse(ctx context.Context, r models.Resource, busy []models.Booking, want models.Slot, quantity, free int) (errs.Field, error) {
	clash := want
	if len(busy) > 0 {
		clash = busy[0].Slot()
	}
	var nearest []models.Slot
	if !r.Kind.Consumed() && quantity <= r.Quantity {
		open, err := openHours(ctx, t.q, r.CalendarID)
		if err != nil {
			return errs.Field{}, err
		}
		around := models.Slot{From: want.From.Add(-models.AlternativesWithin), Until: want.Until.Add(models.AlternativesWithin)}
		if r, busy, err = taken(ctx, t.q, r, around); err != nil {
			return errs.Field{}, err
		}
		nearest = models.NearestFree(r, busy, want, quantity, t.step.At, open)
	}
	return models.Taken(r, clash, free, nearest), nil
}

// move moves the money of the step.
func (t *taking) move(ctx context.Context) ([]models.BudgetWarning, error) {
	if len(t.step.Money) == 0 && !t.step.ReleaseAll {
		return nil, nil
	}
	accounts, err := t.lockBudgets(ctx)
	if err != nil {
		return nil, err
	}
	entries, warnings, faults := accounts.Move(t.step)
	t.faults = append(t.faults, faults...)
	if len(t.faults) > 0 || len(entries) == 0 {
		return nil, nil
	}
	var b pgx.Batch
	changed := map[string]bool{}
	for _, e := range entries {
		changed[e.BudgetID] = true
		b.Queue(`INSERT INTO budget_entries (budget_id, seq, kind, amount, subject_id, step_seq, item, by_id, reason, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			e.BudgetID, e.Seq, e.Kind, e.Amount, e.SubjectID, e.StepSeq, e.Item, e.By, e.Reason, e.At)
	}
	for _, budgetID := range slices.Sorted(maps.Keys(changed)) {
		a := accounts.Budgets[budgetID]
		b.Queue(`UPDATE budgets SET held = $2, committed = $3, entries = $4, updated_at = $5 WHERE id = $1`,
			a.ID, a.Held, a.Committed, a.Entries, a.UpdatedAt)
	}
	return warnings, t.q.SendBatch(ctx, &b).Close()
}

// lockBudgets reads and locks, in the order of ids, the budgets that the step's money is in or is asked from.
func (t *taking) lockBudgets(ctx context.Context) (*models.Accounts, error) {
	a := &models.Accounts{Budgets: map[string]*models.Budget{}, Keys: map[models.BudgetKey]string{}, Items: map[models.Place]models.ItemMoney{}}
	items, err := rowsOf[models.ItemMoney](ctx, t.q, itemsOfSubject, t.step.SubjectID)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, i := range items {
		a.Items[models.Place{Item: i.Item, BudgetID: i.BudgetID}] = i
		ids = append(ids, i.BudgetID)
	}
	var teams, types []string
	var days []time.Time
	for _, m := range t.step.Money {
		if m.TeamID != "" {
			teams, types, days = append(teams, m.TeamID), append(types, string(m.CostType)), append(days, m.Day)
		}
	}
	if len(teams) > 0 {
		type asked struct {
			models.BudgetKey
			ID string
		}
		found, err := rowsOf[asked](ctx, t.q, budgetsFor, teams, types, days)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			a.Keys[f.BudgetKey] = f.ID
			ids = append(ids, f.ID)
		}
	}
	budgets, err := rowsOf[models.Budget](ctx, t.q, `SELECT id, team_id, starts_on, ends_on, cost_type, amount, held, committed, currency, control,
		entries, created_by, created_at, updated_at FROM budgets WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, ids)
	for i := range budgets {
		a.Budgets[budgets[i].ID] = &budgets[i]
	}
	return a, err
}

// result reads what the subject has now.
func (t *taking) result(ctx context.Context, warnings []models.BudgetWarning) (models.HoldingsTaken, error) {
	out := models.HoldingsTaken{Warnings: warnings, Applied: !t.applied}
	var err error
	out.Bookings, err = rowsOf[models.Booking](ctx, t.q, bookingsOfSubject, t.step.SubjectID)
	if err == nil {
		out.Money, err = rowsOf[models.ItemMoney](ctx, t.q, itemsOfSubject, t.step.SubjectID)
	}
	return out, err
}
