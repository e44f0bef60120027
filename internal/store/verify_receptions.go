package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/models"
)

// verifiedReception is a reception with everything that is written of it.
type verifiedReception struct {
	ID, Number, Status, Kind, Level, ClientID, RequesterID, TeamID string

	StartsAt, EndsAt, ClosedAt *time.Time
	CreatedAt, UpdatedAt       time.Time
	Seq                        int64
	State                      models.ReceptionState

	timeline          timelineFacts
	tasks, principals []string
	bookings, money   []string
	needs, claims     int
}

// verifyReceptions holds every reception against its rules. The case id of a finding is the id of the reception.
//
//   - reception.projection.<column>: what lists filter by is what the state says.
//   - reception.timeline: events are numbered from 1 without gaps, up to the number in the state.
//   - reception.tasks: the open tasks are those of the state.
//   - reception.access: exactly those see a reception who have a part in it.
//   - reception.bookings: the live bookings are those of the state; of a closed one, only what was used up or has lapsed.
//   - reception.money: what is held and spent of each item is what the state says.
//   - reception.held: nothing is held by a reception that is over.
//   - reception.needs, reception.claims: there is a record of each.
func (v *verifier) verifyReceptions(ctx context.Context, conn *pgx.Conn) error {
	for after := ""; ; {
		receptions, err := loadReceptions(ctx, conn, after)
		if err != nil || len(receptions) == 0 {
			return err
		}
		for i := range receptions {
			if v.reception(&receptions[i]); v.err != nil {
				return v.err
			}
		}
		after = receptions[len(receptions)-1].ID
	}
}

type counted struct {
	CaseID string
	Count  int
}

// loadReceptions reads the next receptions with all that belongs to them, in one snapshot.
func loadReceptions(ctx context.Context, conn *pgx.Conn, after string) ([]verifiedReception, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(ctx)
	rows, err := tx.Query(ctx, `SELECT id, number, status, kind, level, client_id, requester_id, coalesce(team_id, '') AS team_id,
			starts_at, ends_at, closed_at, created_at, updated_at, seq, state
		FROM receptions WHERE id > $1 ORDER BY id LIMIT $2`, after, verifyBatch)
	if err != nil {
		return nil, err
	}
	receptions, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[verifiedReception])
	if err != nil || len(receptions) == 0 {
		return nil, err
	}
	byID, ids := map[string]*verifiedReception{}, make([]string, len(receptions))
	for i := range receptions {
		byID[receptions[i].ID], ids[i] = &receptions[i], receptions[i].ID
	}
	var b pgx.Batch
	each(&b, `SELECT subject_id AS case_id, count(*), min(seq) AS first, max(seq) AS last FROM timeline WHERE subject_id = ANY($1) GROUP BY 1`,
		ids, func(t timelineFacts) { byID[t.CaseID].timeline = t })
	each(&b, `SELECT subject_id AS case_id, id || ' ' || holder AS id FROM tasks WHERE subject_id = ANY($1) AND state = 'open' AND approval_id IS NULL ORDER BY 2`,
		ids, func(t owned) { byID[t.CaseID].tasks = append(byID[t.CaseID].tasks, t.ID) })
	each(&b, `SELECT reception_id AS case_id, principal AS id FROM reception_access WHERE reception_id = ANY($1) ORDER BY 2`,
		ids, func(p owned) { byID[p.CaseID].principals = append(byID[p.CaseID].principals, p.ID) })
	// What has lapsed or is used up stays with a closed reception.
	each(&b, `SELECT b.subject_id AS case_id, b.item || ' ' || b.resource_id || ' ' || b.state || ' ' || b.quantity AS id
		FROM bookings b JOIN receptions c ON c.id = b.subject_id JOIN resources r ON r.id = b.resource_id
		WHERE b.subject_id = ANY($1) AND b.state <> 'released' AND NOT (c.status = 'closed' AND (r.kind = 'gift_stock' OR b.ends_at <= c.closed_at))
		ORDER BY 2`, ids, func(k owned) { byID[k.CaseID].bookings = append(byID[k.CaseID].bookings, k.ID) })
	each(&b, `SELECT e.subject_id AS case_id, e.item || ' held ' || sum(CASE e.kind WHEN 'hold' THEN e.amount ELSE -e.amount END)
			|| ' committed ' || coalesce(sum(e.amount) FILTER (WHERE e.kind = 'commit'), 0) AS id
		FROM budget_entries e WHERE e.subject_id = ANY($1) GROUP BY e.subject_id, e.item
		HAVING sum(CASE e.kind WHEN 'hold' THEN e.amount ELSE -e.amount END) <> 0 OR bool_or(e.kind = 'commit') ORDER BY 2`,
		ids, func(m owned) { byID[m.CaseID].money = append(byID[m.CaseID].money, m.ID) })
	each(&b, `SELECT reception_id AS case_id, count(*) FROM reception_needs WHERE reception_id = ANY($1) GROUP BY 1`,
		ids, func(c counted) { byID[c.CaseID].needs = c.Count })
	each(&b, `SELECT reception_id AS case_id, count(*) FROM reception_claims WHERE reception_id = ANY($1) GROUP BY 1`,
		ids, func(c counted) { byID[c.CaseID].claims = c.Count })
	return receptions, tx.SendBatch(ctx, &b).Close()
}

func (v *verifier) reception(r *verifiedReception) {
	s := &r.State
	v.id, v.number = r.ID, r.Number
	for _, f := range []struct {
		column        string
		state, stored any
	}{
		{"number", s.Number, r.Number},
		{"status", string(s.Status), r.Status},
		{"kind", s.Kind, r.Kind},
		{"level", s.Level, r.Level},
		{"client_id", s.ClientID, r.ClientID},
		{"requester_id", s.RequesterID, r.RequesterID},
		{"team_id", s.TeamID, r.TeamID},
		{"starts_at", moment(s.StartsAt), moment(r.StartsAt)},
		{"ends_at", moment(s.EndsAt), moment(r.EndsAt)},
		{"created_at", moment(&s.CreatedAt), moment(&r.CreatedAt)},
		{"updated_at", moment(&s.UpdatedAt), moment(&r.UpdatedAt)},
		{"closed_at", moment(s.ClosedAt), moment(r.ClosedAt)},
		{"seq", s.Seq, r.Seq},
	} {
		v.expect("reception.projection."+f.column, fmt.Sprint(f.state), fmt.Sprint(f.stored))
	}
	v.expect("reception.timeline", span(s.EventSeq, 1, s.EventSeq), span(r.timeline.Count, r.timeline.First, r.timeline.Last))
	var tasks, bookings, money []string
	for _, t := range s.Tasks {
		tasks = append(tasks, t.ID+" "+cmp.Or(t.UserID, t.TeamID))
	}
	for _, b := range s.Bookings {
		bookings = append(bookings, fmt.Sprintf("%s %s %s %d", b.Item, b.ResourceID, b.State, b.Quantity))
	}
	for _, m := range s.Money {
		if m.Held == 0 && m.Committed == 0 {
			continue
		}
		money = append(money, fmt.Sprintf("%s held %d committed %d", m.Item, m.Held, m.Committed))
	}
	v.listed("reception.tasks", tasks, r.tasks)
	v.listed("reception.access", s.Involved(), r.principals)
	v.listed("reception.bookings", bookings, r.bookings)
	v.listed("reception.money", money, r.money)
	over := slices.Contains([]models.ReceptionStatus{models.ReceptionClosed, models.ReceptionRejected, models.ReceptionWithdrawn}, s.Status) ||
		s.Status == models.ReceptionCancelled && s.Claim == nil
	if over && s.Held() {
		v.expect("reception.held", "nothing", "something, "+string(s.Status))
	}
	v.expect("reception.needs", fmt.Sprint(len(s.Needs)), fmt.Sprint(r.needs))
	v.expect("reception.claims", fmt.Sprint(s.Claims), fmt.Sprint(r.claims))
}

// listed reports when the two do not hold the same, in whatever order.
func (v *verifier) listed(rule string, expected, found []string) {
	v.expect(rule, strings.Join(slices.Sorted(slices.Values(expected)), ", "), strings.Join(slices.Sorted(slices.Values(found)), ", "))
}

// surplusReceptionAccess finds rows of receptions that there are not; the others are compared one by one.
const surplusReceptionAccess = `SELECT v.reception_id AS case_id, '' AS number, 'reception.access' AS rule, '' AS expected, v.principal AS found
	FROM reception_access v LEFT JOIN receptions r ON r.id = v.reception_id WHERE r.id IS NULL`
