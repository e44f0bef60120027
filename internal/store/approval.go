package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// approvalScope is the row rule of approvals. With models.PermCaseReadAll everything is seen; otherwise a person sees those
// in which they have a part (models.ApprovalState.ReadPrincipals), and a deputy sees what the person sees, in some processes
// only that of these.
func approvalScope(a models.Actor) scope {
	sc := scope{within: map[string][]string{}}
	for _, p := range append([]models.Person{a.Person}, a.ActsFor...) {
		sc.principals = append(sc.principals, p.ID)
		if len(p.Processes) > 0 && !slices.Contains(p.Processes, models.ApprovalProcess) {
			sc.within[p.ID] = p.Processes
			continue
		}
		sc.all = sc.all || p.May(models.PermCaseReadAll)
	}
	sc.principals = distinct(sc.principals)
	return sc
}

// narrowApprovals limits the approvals a to those in the scope.
func (q *query) narrowApprovals(sc scope) {
	if !sc.all {
		q.add(` AND EXISTS (SELECT FROM approval_access v WHERE v.principal = ANY($%d) AND v.open = (a.outcome IS NULL)
			AND v.created_at = a.created_at AND v.approval_id = a.id`, sc.principals)
		q.within(sc, "v.principal", "a")
		q.add(`)`)
	}
}

// filterApprovals limits the approvals a to those that the filter asks for.
func (q *query) filterApprovals(f models.ApprovalFilter) {
	for _, e := range []struct{ column, value string }{
		{"process", f.Process},
		{"subject_id", f.SubjectID},
		{"requester_id", f.RequesterID},
		{"outcome", string(f.Outcome)},
	} {
		if e.value != "" {
			q.add(` AND a.`+e.column+` = $%d`, e.value)
		}
	}
	if f.Open != nil && *f.Open {
		q.add(` AND a.outcome IS NULL`)
	} else if f.Open != nil {
		q.add(` AND a.outcome IS NOT NULL`)
	}
}

// approvalColumns is what a models.ApprovalRow is made of. What the subject is called, and whose it is, is looked up where its
// process keeps it.
const approvalColumns = `SELECT a.state, coalesce(c.subject, r.purpose, k.name, '') AS subject, coalesce(c.client_id, r.client_id, k.id) AS client_id
FROM approvals a LEFT JOIN cases c ON c.id = a.subject_id LEFT JOIN receptions r ON r.id = a.subject_id LEFT JOIN clients k ON k.id = a.subject_id WHERE `

// approvalSubject looks the same up for one approval.
const approvalSubject = `SELECT subject, client_id FROM cases WHERE id = $1 UNION ALL SELECT purpose, client_id FROM receptions WHERE id = $1
	UNION ALL SELECT name, id FROM clients WHERE id = $1`

// clientSubject is what is shown of a client that something is about.
const clientSubject = `SELECT k.name FROM clients k WHERE k.id = `

// Approval returns one approval that the actor may see; not_found otherwise.
func (s *Store) Approval(ctx context.Context, actor models.Actor, id string) (models.ApprovalRow, error) {
	var q query
	q.add(approvalColumns+`a.id = $%d`, id)
	q.narrowApprovals(approvalScope(actor))
	rows, err := read[models.ApprovalRow](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return models.ApprovalRow{}, err
	}
	if len(rows) == 0 {
		return models.ApprovalRow{}, notFound()
	}
	return rows[0], nil
}

// ApprovalAfter returns an approval as of the step or later, whoever asks: for who has taken the step. What this process itself
// has written it does not read again, but for the subject. It is shared: read it, never write to it. not_found
// when there is none.
func (s *Store) ApprovalAfter(ctx context.Context, id string, seq int64) (models.ApprovalRow, error) {
	state, ok := s.cache.approvals.Get(id)
	if !ok || state.Seq < seq {
		return s.Approval(ctx, models.OutcomeReader(), id)
	}
	row := models.ApprovalRow{State: state}
	if c, ok := s.cache.cases.after(state.SubjectID, 0); ok { // what a case is called never changes
		row.Subject, row.ClientID = c.Record.Subject, &c.State.ClientID
		return row, nil
	}
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, approvalSubject, state.SubjectID).Scan(&row.Subject, &row.ClientID)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return row, err
}

// ApprovalState returns the stored state of an approval, whoever asks: for the process itself. not_found when there is none.
func (s *Store) ApprovalState(ctx context.Context, id string) (models.ApprovalState, error) {
	var state models.ApprovalState
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT state FROM approvals WHERE id = $1`, id).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "approval.unknown")
		}
		return err
	})
	return state, err
}

// Approvals lists the approvals that the actor may see and the filter asks for, the latest request first, and the cursor of
// the next page, empty on the last.
func (s *Store) Approvals(ctx context.Context, actor models.Actor, f models.ApprovalFilter, p models.Page) ([]models.ApprovalRow, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	sc := approvalScope(actor)
	if err := approvalCount(sc, f).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q, err := approvalList(sc, f, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := read[models.ApprovalRow](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return nil, "", err
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	last := &rows[limit-1].State
	return rows, encodeCursor(placeOf(&last.CreatedAt) + "|" + last.ID), nil
}

// approvalCount is a statement that finds what all pages together show; only the planner reads it.
func approvalCount(sc scope, f models.ApprovalFilter) *query {
	q := &query{}
	q.add(`SELECT FROM approvals a WHERE true`)
	q.filterApprovals(f)
	q.narrowApprovals(sc)
	return q
}

// approvalList is the statement of a page. Like caseList, it begins with the index that names the fewest approvals: those
// of a subject, of the requester, of the people in the scope, or all, from the latest on and no further than the page.
func approvalList(sc scope, f models.ApprovalFilter, after string, n int) (*query, error) {
	var at, id string
	if after != "" {
		var err error
		if at, id, err = place(after); err != nil {
			return nil, err
		}
		if at == never {
			return nil, errs.New(errs.Malformed, "cursor")
		}
	}
	q := &query{}
	if !sc.all && f.SubjectID == "" && f.RequesterID == "" {
		q.walkApprovals(sc, f, at, id, n)
		return q, nil
	}
	q.add(approvalColumns + `true`)
	q.filterApprovals(f)
	q.narrowApprovals(sc)
	if at != "" {
		q.add(` AND (a.created_at, a.id) < ($%d::text::timestamptz, $%d)`, at, id)
	}
	q.add(` ORDER BY a.created_at DESC, a.id DESC LIMIT $%d`, n)
	return q, nil
}

// walkApprovals merges one walk per principal, over what is open and what is over.
func (q *query) walkApprovals(sc scope, f models.ApprovalFilter, at, id string, n int) {
	open := []bool{true, false}
	if f.Outcome != "" {
		open = []bool{false}
	} else if f.Open != nil {
		open = []bool{*f.Open}
	}
	q.add(approvalColumns+`a.id IN (
	SELECT x.approval_id FROM (SELECT w.approval_id, w.created_at FROM unnest($%d::text[]) p(id) CROSS JOIN unnest($%d::boolean[]) o(open) CROSS JOIN LATERAL (
		SELECT v.approval_id, v.created_at FROM approval_access v`, sc.principals, open)
	residual := f.Process != "" || f.Outcome != "" || len(sc.within) > 0
	if residual {
		q.add(` JOIN approvals a ON a.id = v.approval_id`)
	}
	q.add(` WHERE v.principal = p.id AND v.open = o.open`)
	q.within(sc, "p.id", "a")
	if at != "" {
		q.add(` AND (v.created_at, v.approval_id) < ($%d::text::timestamptz, $%d)`, at, id)
	}
	if residual {
		q.filterApprovals(f)
	}
	limit := q.arg(n)
	fmt.Fprintf(&q.text, ` ORDER BY v.created_at DESC, v.approval_id DESC LIMIT $%[1]d) w
	GROUP BY w.created_at, w.approval_id ORDER BY w.created_at DESC, w.approval_id DESC LIMIT $%[1]d) x) ORDER BY a.created_at DESC, a.id DESC`, limit)
}

// openApprovals finds the open approvals in which somebody has an open task, in the order of their ids: those that must be told when
// they have left, or rules about them have changed.
const (
	openApprovals   = `SELECT DISTINCT approval_id FROM tasks WHERE state = 'open' AND approval_id IS NOT NULL AND holder `
	openApprovalsOf = openApprovals + `= $1 ORDER BY 1`
)

// DeputyRules lists the rules for deputies, of whomever, that are not over at the instant, in the order of their ids. Like
// Org, they may be one second old, except for what this process itself has changed, and are shared: read them only.
func (s *Store) DeputyRules(ctx context.Context, at time.Time) ([]models.Deputy, error) {
	kept := s.cache.deputies.Load()
	if !kept.fresh(s.now(), s.cache.generation.Load()) || at.Before(kept.answer.since) {
		return s.FreshDeputyRules(ctx, at)
	}
	rules := kept.answer.rules
	if !slices.ContainsFunc(rules, func(d models.Deputy) bool { return !d.Until.After(at) }) {
		return rules, nil
	}
	return slices.DeleteFunc(slices.Clone(rules), func(d models.Deputy) bool { return !d.Until.After(at) }), nil
}

// FreshDeputyRules is DeputyRules as they stand, for who was told that they have changed.
func (s *Store) FreshDeputyRules(ctx context.Context, at time.Time) ([]models.Deputy, error) {
	now, generation := s.now(), s.cache.generation.Load()
	rules, err := deputiesAt(s.db, at).Find(ctx)
	if err != nil {
		return nil, mapped(err)
	}
	s.cache.deputies.Store(&cached[deputiesSince]{deputiesSince{rules, at}, now, generation})
	return rules, nil
}
