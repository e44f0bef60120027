package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// receptionScope is the row rule of receptions. With models.PermReceptionReadAll everything is seen; otherwise a person sees
// those in which they have a part (models.ReceptionState.Involved), and a deputy sees what the person sees.
func receptionScope(a models.Actor) scope {
	var sc scope
	for _, p := range a.In(models.ReceptionProcess) {
		sc.all = sc.all || p.May(models.PermReceptionReadAll)
		sc.principals = append(sc.principals, p.ID)
	}
	sc.principals = distinct(sc.principals)
	return sc
}

// narrowReceptions limits the receptions r to those in the scope.
func (q *query) narrowReceptions(sc scope) {
	if !sc.all {
		q.add(` AND EXISTS (SELECT FROM reception_access v WHERE v.principal = ANY($%d) AND v.reception_id = r.id)`, sc.principals)
	}
}

// narrowReception also lets those see a reception who decide on it, or have decided.
func (q *query) narrowReception(sc scope) {
	if sc.all {
		return
	}
	q.add(` AND (EXISTS (SELECT FROM reception_access v WHERE v.principal = ANY($%d) AND v.reception_id = r.id)
		OR EXISTS (SELECT FROM approvals a JOIN approval_access v ON v.approval_id = a.id AND v.created_at = a.created_at AND v.open = (a.outcome IS NULL)
			WHERE a.subject_id = r.id AND v.principal = ANY($%d)))`, sc.principals, sc.principals)
}

// filterReceptions limits the receptions r to those that the filter asks for.
func (q *query) filterReceptions(f models.ReceptionFilter) {
	for _, e := range []struct{ column, value string }{
		{"status", string(f.Status)},
		{"kind", f.Kind},
		{"level", f.Level},
		{"client_id", f.ClientID},
		{"requester_id", f.RequesterID},
		{"team_id", f.TeamID},
	} {
		if e.value != "" {
			q.add(` AND r.`+e.column+` = $%d`, e.value)
		}
	}
	if f.HostID != "" {
		q.add(` AND r.state -> 'hosts' ? $%d`, f.HostID)
	}
	if f.StartsFrom != nil {
		q.add(` AND r.starts_at >= $%d`, *f.StartsFrom)
	}
	if f.StartsUntil != nil {
		q.add(` AND r.starts_at < $%d`, *f.StartsUntil)
	}
}

// storedReception is what a models.ReceptionRow is made of.
type storedReception struct {
	State   models.ReceptionState
	Plans   models.ReceptionPlans
	Summary *models.ReceptionSummary
}

const (
	receptionColumns = `SELECT r.state, r.plans, s.body AS summary FROM receptions r LEFT JOIN reception_summaries s ON s.reception_id = r.id WHERE `
	receptionsOfList = `SELECT r.state, r.plans, NULL AS summary FROM receptions r WHERE `
)

// Reception returns one reception that the actor may see; not_found otherwise. Besides those who have a part in it, the
// people of its approvals see it.
func (s *Store) Reception(ctx context.Context, actor models.Actor, id string) (models.ReceptionRow, error) {
	var q query
	q.add(receptionColumns+`r.id = $%d`, id)
	q.narrowReception(receptionScope(actor))
	rows, err := read[storedReception](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return models.ReceptionRow{}, err
	}
	if len(rows) == 0 {
		return models.ReceptionRow{}, notFound()
	}
	return models.ReceptionRow(rows[0]), nil
}

// ReceptionState returns the stored state of a reception, whoever asks: for the process itself. not_found when there is none.
func (s *Store) ReceptionState(ctx context.Context, id string) (models.ReceptionState, error) {
	return ofReception[models.ReceptionState](ctx, s, `SELECT state FROM receptions WHERE id = $1`, id)
}

// ReceptionPlans returns what is recorded of the plan of a reception, whoever asks; not_found when there is none.
func (s *Store) ReceptionPlans(ctx context.Context, id string) (models.ReceptionPlans, error) {
	return ofReception[models.ReceptionPlans](ctx, s, `SELECT plans FROM receptions WHERE id = $1`, id)
}

func ofReception[T any](ctx context.Context, s *Store, sql, id string) (T, error) {
	var v T
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, sql, id).Scan(&v)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "reception.unknown")
		}
		return err
	})
	return v, err
}

// Receptions lists the receptions that the actor may see and the filter asks for, the newest first, without their
// summaries, and the cursor of the next page, empty on the last.
func (s *Store) Receptions(ctx context.Context, actor models.Actor, f models.ReceptionFilter, p models.Page) ([]models.ReceptionRow, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	sc := receptionScope(actor)
	if err := receptionCount(sc, f).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q := receptionList(sc, f, after, limit+1)
	found, err := read[storedReception](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return nil, "", err
	}
	rows := make([]models.ReceptionRow, len(found))
	for i, r := range found {
		rows[i] = models.ReceptionRow(r)
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	return rows, encodeCursor(rows[limit-1].State.ID), nil
}

// receptionCount is a statement that finds what all pages together show; only the planner reads it.
func receptionCount(sc scope, f models.ReceptionFilter) *query {
	q := &query{}
	q.add(`SELECT FROM receptions r WHERE true`)
	q.filterReceptions(f)
	q.narrowReceptions(sc)
	return q
}

// receptionList is the statement of a page. Like caseList, it begins with the index that names the fewest receptions: those
// of a person in them, of the people in the scope, or of what is asked for.
func receptionList(sc scope, f models.ReceptionFilter, after string, n int) *query {
	holder := f.RequesterID
	if holder == "" {
		holder = f.HostID
	}
	q := &query{}
	switch {
	case holder != "": // who has asked or receives has a part in it
		q.walkReceptions([]string{holder}, sc, f, after, n)
		return q
	case !sc.all && f.ClientID == "":
		q.walkReceptions(sc.principals, scope{all: true}, f, after, n)
		return q
	}
	q.add(receptionsOfList + `true`)
	q.filterReceptions(f)
	q.narrowReceptions(sc)
	if after != "" {
		q.add(` AND r.id < $%d`, after)
	}
	q.add(` ORDER BY r.id DESC LIMIT $%d`, n)
	return q
}

// walkReceptions merges one walk per principal, each from the newest on and no further than the page.
func (q *query) walkReceptions(principals []string, sc scope, f models.ReceptionFilter, after string, n int) {
	q.add(receptionsOfList+`r.id IN (
	SELECT DISTINCT w.reception_id FROM unnest($%d::text[]) p(id) CROSS JOIN LATERAL (
		SELECT v.reception_id FROM reception_access v`, principals)
	residual := f != models.ReceptionFilter{} || !sc.all
	if residual {
		q.add(` JOIN receptions r ON r.id = v.reception_id`)
	}
	q.add(` WHERE v.principal = p.id`)
	if after != "" {
		q.add(` AND v.reception_id < $%d`, after)
	}
	if residual {
		q.filterReceptions(f)
		q.narrowReceptions(sc)
	}
	limit := q.arg(n)
	fmt.Fprintf(&q.text, ` ORDER BY v.reception_id DESC LIMIT $%d) w
	ORDER BY w.reception_id DESC LIMIT $%d) ORDER BY r.id DESC`, limit, limit)
}

// receptionsOf finds the receptions that are not over in which the user has a part or an open task, in the order of
// their ids: those whose processes must be told that the user has left.
const receptionsOf = `SELECT r.id FROM receptions r WHERE r.status NOT IN ('closed', 'rejected', 'withdrawn') AND r.id IN (
		SELECT reception_id FROM reception_access WHERE principal = $1
		UNION SELECT subject_id FROM tasks WHERE holder = $1 AND state = 'open' AND process = 'reception')
	ORDER BY r.id`

// OtherReceptions lists what is known of the receptions that have asked for approval, were not refused or called off, and
// begin from one instant until another: among them split orders are looked for.
func (s *Store) OtherReceptions(ctx context.Context, from, until time.Time, currency string) ([]models.OtherReception, error) {
	return read[models.OtherReception](ctx, s, `SELECT r.id, r.number, coalesce(r.team_id, '') AS team_id, r.starts_at,
			ARRAY(SELECT jsonb_array_elements_text(coalesce(nullif(r.state -> 'hosts', 'null'), '[]'))) AS hosts,
			ARRAY(SELECT DISTINCT v ->> 'organisation' FROM jsonb_array_elements(coalesce(nullif(r.plans #> '{current,visitors}', 'null'), '[]')) v
				WHERE v ->> 'organisation' <> '') AS organisations,
			(SELECT coalesce(sum((b ->> 'amount')::bigint), 0) FROM jsonb_array_elements(coalesce(nullif(r.state -> 'budget', 'null'), '[]')) b)::bigint AS total,
			r.state ->> 'currency' AS currency
		FROM receptions r
		WHERE r.starts_at BETWEEN $1 AND $2 AND r.status NOT IN ('rejected', 'withdrawn', 'cancelled') AND r.state ->> 'currency' = $3
			AND jsonb_array_length(coalesce(nullif(r.state -> 'approvals', 'null'), '[]')) > 0
		ORDER BY r.starts_at, r.id`, from, until, currency)
}

// Deciders lists the users who have an open task of the approval, each once, in a fixed order.
func (s *Store) Deciders(ctx context.Context, approvalID string) ([]string, error) {
	var ids []string
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT DISTINCT user_id FROM tasks
			WHERE approval_id = $1 AND state IN ('open', 'copy') AND state = 'open' AND user_id IS NOT NULL ORDER BY 1`, approvalID)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}

// ResourcesByID returns the resources of the ids that exist.
func (s *Store) ResourcesByID(ctx context.Context, ids []string) (map[string]models.Resource, error) {
	found := make(map[string]models.Resource, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := all[models.Resource](s.db).Where("id IN ?", ids).Find(ctx)
	for _, r := range rows {
		found[r.ID] = r
	}
	return found, mapped(err)
}

// AwayOf lists when each of the users is away within the slot, as the windows of their deputies say, in order.
func (s *Store) AwayOf(ctx context.Context, users []string, slot models.Slot) (map[string][]models.Slot, error) {
	away := map[string][]models.Slot{}
	if len(users) == 0 {
		return away, nil
	}
	rules, err := all[models.Deputy](s.db).Where("user_id IN ? AND valid_until > ? AND valid_from < ?", users, slot.From, slot.Until).
		Order("valid_from, id").Find(ctx)
	for _, d := range rules {
		away[d.UserID] = append(away[d.UserID], models.Slot{From: d.From, Until: d.Until})
	}
	return away, mapped(err)
}
