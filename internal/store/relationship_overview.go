package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/models"
)

// How much of each kind an overview shows.
const (
	shownOfKind = 20
	shownOfMany = 50
	shownPlans  = 5
)

// Overview reads everything about one client that the actor may see, in one round trip: one statement for each section. Each
// follows the row rule of its process. For who sees everything none grows with the history of the client; others have what is
// theirs looked for among the objects of the client. Whoever may read clients sees the contacts; a client that does not exist
// has nothing.
func (s *Store) Overview(ctx context.Context, actor models.Actor, clientID string) (models.ClientOverview, error) {
	see := sightOf(actor)
	var o models.ClientOverview
	var news []newsRow
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		for _, sec := range overviewSections(see, clientID, &o, &news) {
			b.Queue(sec.sql, sec.args...).Query(sec.into)
		}
		if err := conn.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		for subjects := shownOfMany; !complete(news); { // rare: many objects changed last without an event
			subjects *= 4
			sql, args := see.news(clientID, subjects)
			rows, err := conn.Query(ctx, sql, args...)
			if err != nil {
				return err
			}
			if err := collectAll(&news)(rows); err != nil {
				return err
			}
		}
		return nil
	})
	o.Events = make([]models.ClientEvent, len(news))
	for i, n := range news {
		o.Events[i] = n.event()
	}
	return o, err
}

// sight is what somebody may see of a client, by the row rules of the processes.
type sight struct{ relationship, cases, receptions, responses scope }

func sightOf(a models.Actor) sight {
	return sight{relationshipScope(a), scopeOf(a), receptionScope(a), invitationScope(a)}
}

// narrowed is a statement about a client as its first argument, the tail as its last one, with the row rule between them.
func narrowed(clientID, head string, rule func(*query), tail string, bound int) (string, []any) {
	q := &query{args: []any{clientID}}
	q.text.WriteString(head)
	rule(q)
	if tail != "" {
		q.add(tail, bound)
	}
	return q.text.String(), q.args
}

func overviewSections(see sight, clientID string, o *models.ClientOverview, news *[]newsRow) []section {
	part := func(name, head string, rule func(*query), tail string, bound int, into func(pgx.Rows) error) section {
		sql, args := narrowed(clientID, head, rule, tail, bound)
		return section{name, sql, args, into}
	}
	ours := func(column string) func(*query) {
		return func(q *query) { q.narrowRelationships(see.relationship, column) }
	}
	cases := func(q *query) { q.narrow(see.cases) }
	events, eventArgs := see.news(clientID, shownOfMany)
	return []section{
		part("relationship", `SELECT r.state FROM relationships r WHERE r.id = $1`, ours("r.id"), "", 0, func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, pgx.RowTo[*models.RelationshipState])
			if len(found) > 0 {
				o.Relationship = found[0]
			}
			return err
		}),
		part("classifications", classifications.columns+`r WHERE r.client_id = $1`, ours("r.client_id"), ` ORDER BY requested_at DESC, id DESC LIMIT $%d`, shownOfKind,
			classifications.into(&o.Classifications)),
		part("plans", clientPlans.columns+`r WHERE r.client_id = $1`, ours("r.client_id"), ` ORDER BY starts_at DESC, id DESC LIMIT $%d`, shownPlans,
			clientPlans.into(&o.Plans)),
		{"contacts", contacts.columns + `WHERE client_id = $1 AND merged_into_id IS NULL ORDER BY id LIMIT $2`, []any{clientID, shownOfMany}, contacts.into(&o.Contacts)},
		part("open cases", clientCases+`WHERE c.client_id = $1 AND c.phase = 'live'`, cases, ` ORDER BY c.id DESC LIMIT $%d`, shownOfKind, collectAll(&o.OpenCases)),
		part("past cases", clientCases+`WHERE c.client_id = $1 AND c.settled_at IS NOT NULL`, cases, ` ORDER BY c.settled_at DESC, c.id DESC LIMIT $%d`, shownOfKind,
			collectAll(&o.PastCases)),
		part("receptions", `SELECT r.id, r.number, r.status, r.kind, r.level, r.purpose, r.requester_id, r.starts_at, r.ends_at, r.created_at FROM receptions r
			WHERE r.client_id = $1`, func(q *query) { q.narrowReceptions(see.receptions) }, ` ORDER BY r.id DESC LIMIT $%d`, shownOfKind, collectAll(&o.Receptions)),
		part("responses", `SELECT i.id AS invitation_id, i.purpose, i.subject_id, i.template, coalesce(i.contact_id, '') AS contact_id, i.name, i.score, i.verdict,
				i.complete, i.answered_at
			FROM invitations i WHERE i.client_id = $1 AND i.answered_at IS NOT NULL`, func(q *query) { q.narrowInvitations(see.responses) },
			` ORDER BY i.answered_at DESC, i.id DESC LIMIT $%d`, shownOfKind, collectAll(&o.Responses)),
		part("interactions", interactions.columns+`r WHERE r.client_id = $1`, ours("r.client_id"), ` ORDER BY at DESC, id DESC LIMIT $%d`, shownOfKind,
			interactions.into(&o.Interactions)),
		part("commitments", commitments.columns+`r WHERE r.client_id = $1 AND r.ended_at IS NULL`, ours("r.client_id"), ` ORDER BY due_at, id LIMIT $%d`, shownOfMany,
			commitments.into(&o.Commitments)),
		part("assessments", assessments.columns+`r WHERE r.client_id = $1`, ours("r.client_id"), ` ORDER BY at DESC, id DESC LIMIT $%d`, shownOfKind,
			assessments.into(&o.Assessments)),
		part("improvements", improvements.columns+`r WHERE r.client_id = $1 AND r.state = 'open'`, ours("r.client_id"), ` ORDER BY level LIMIT $%d`, shownOfKind,
			improvements.into(&o.Improvements)),
		part("opinions", opinions.columns+`r WHERE r.client_id = $1`, ours("r.client_id"), ` ORDER BY at DESC, id DESC LIMIT $%d`, shownOfKind,
			opinions.into(&o.Opinions)),
		part("leads", leads.columns+`r WHERE r.client_id = $1`, ours("r.client_id"), ` ORDER BY created_at DESC, id DESC LIMIT $%d`, shownOfMany, leads.into(&o.Leads)),
		part("tasks", `SELECT t.id, t.process, t.kind, coalesce(t.user_id, '') AS user_id, coalesce(t.team_id, '') AS team_id, nullif(t.due_at, 'infinity') AS due_at,
				t.created_at
			FROM tasks t WHERE t.subject_id = $1 AND t.state = 'open'`, ours("t.subject_id"), ` ORDER BY t.due_at, t.id LIMIT $%d`, shownOfMany, collectAll(&o.Tasks)),
		{"events", events, eventArgs, collectAll(news)},
	}
}

var contacts = tableOf[models.Contact]()

const clientCases = `SELECT c.id, c.number, c.type, c.status, c.priority, c.subject, c.accountable_id, c.assignee_id, c.breached, c.next_due_at, c.created_at, c.closed_at
	FROM cases c `

// collectAll collects rows by the names of the columns.
func collectAll[T any](all *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*all, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	}
}

// news finds the newest events of a client among so many objects of each kind that changed last, of those that may be seen:
// live cases, cases that are over, receptions, follow-ups, whose events are seen by who sees the answers to them. No event of an
// object is newer than its last change, so all other objects have none after the horizon: the earliest of the changes that
// were looked at, of the kind that reaches back the least. The horizon is null when every object was looked at.
func (see sight) news(clientID string, subjects int) (string, []any) {
	q := &query{args: []any{clientID, subjects, shownOfMany}}
	q.text.WriteString(`WITH subjects AS MATERIALIZED (
		SELECT 1 AS part, r.id, '` + models.RelationshipProcess + `' AS process, '' AS number, r.updated_at AS changed FROM relationships r WHERE r.id = $1`)
	q.narrowRelationships(see.relationship, "r.id")
	q.text.WriteString(`
		UNION ALL (SELECT 2, c.id, '` + models.ComplaintProcess + `', c.number, c.updated_at FROM cases c WHERE c.client_id = $1 AND c.phase = 'live'`)
	q.narrow(see.cases)
	q.text.WriteString(` ORDER BY c.updated_at DESC LIMIT $2)
		UNION ALL (SELECT 3, c.id, '` + models.ComplaintProcess + `', c.number, c.settled_at FROM cases c WHERE c.client_id = $1 AND c.settled_at IS NOT NULL`)
	q.narrow(see.cases)
	q.text.WriteString(` ORDER BY c.settled_at DESC, c.id DESC LIMIT $2)
		UNION ALL (SELECT 4, r.id, '` + models.ReceptionProcess + `', r.number, r.updated_at FROM receptions r WHERE r.client_id = $1`)
	q.narrowReceptions(see.receptions)
	q.text.WriteString(` ORDER BY r.updated_at DESC, r.id DESC LIMIT $2)
		UNION ALL (SELECT 5, f.id, '` + models.FollowUpProcess + `', coalesce(f.state ->> 'number', ''), f.updated_at FROM follow_ups f WHERE f.client_id = $1`)
	if !see.responses.all {
		q.text.WriteString(` AND EXISTS (SELECT FROM invitations i WHERE i.client_id = $1 AND i.id = f.id`)
		q.narrowInvitations(see.responses)
		q.text.WriteString(`)`)
	}
	q.text.WriteString(` ORDER BY f.updated_at DESC, f.id DESC LIMIT $2))
	SELECT s.id AS subject_id, s.process, s.number, e.seq, e.at, e.type, e.actor, e.on_behalf_of, e.data, coalesce(e.trace_id, '') AS trace_id,
		(SELECT max(earliest) FROM (SELECT min(changed) AS earliest FROM subjects WHERE part > 1 GROUP BY part HAVING count(*) = $2) p) AS horizon
	FROM subjects s CROSS JOIN LATERAL (SELECT * FROM timeline t WHERE t.subject_id = s.id ORDER BY t.seq DESC LIMIT $3) e
	ORDER BY e.at DESC, s.id DESC, e.seq DESC LIMIT $3`)
	return q.text.String(), q.args
}

// newsRow is an event as clientNews answers it.
type newsRow struct {
	SubjectID, Process, Number string
	Seq                        int64
	At                         time.Time
	Type, Actor, OnBehalfOf    string
	Data                       map[string]any
	TraceID                    string
	Horizon                    *time.Time
}

func (n newsRow) event() models.ClientEvent {
	return models.ClientEvent{
		SubjectID: n.SubjectID, Process: n.Process, Number: n.Number, Seq: n.Seq, At: n.At, Type: n.Type, Actor: n.Actor,
		OnBehalfOf: n.OnBehalfOf, Data: n.Data, TraceID: n.TraceID,
	}
}

// complete reports whether no object that was not looked at can have an event among these.
func complete(news []newsRow) bool {
	if len(news) == 0 || news[0].Horizon == nil {
		return true
	}
	return len(news) == shownOfMany && news[len(news)-1].At.After(*news[0].Horizon)
}
