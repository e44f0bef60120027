package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// RelationshipState returns the stored state of a client's relationship, whoever asks: for the process itself. not_found when
// it has not begun.
func (s *Store) RelationshipState(ctx context.Context, clientID string) (models.RelationshipState, error) {
	var state models.RelationshipState
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT state FROM relationships WHERE id = $1`, clientID).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "relationship.unknown")
		}
		return err
	})
	return state, err
}

// Relationship returns the stored state of a relationship that the actor may see (models.MayReadRelationship); not_found
// otherwise.
func (s *Store) Relationship(ctx context.Context, actor models.Actor, clientID string) (models.RelationshipState, error) {
	state, err := s.RelationshipState(ctx, clientID)
	if err == nil && !models.MayReadRelationship(&state, actor) {
		return models.RelationshipState{}, errs.New(errs.NotFound, "relationship.unknown")
	}
	return state, err
}

// relationshipScope is models.MayReadRelationship as a scope.
func relationshipScope(a models.Actor) scope {
	var sc scope
	for _, p := range a.In(models.RelationshipProcess) {
		sc.all = sc.all || p.May(models.PermRelationshipReadAll)
		sc.principals = append(sc.principals, p.ID)
	}
	sc.principals = distinct(sc.principals)
	return sc
}

// narrowRelationships limits rows to those whose client, in the column, is in the scope.
func (q *query) narrowRelationships(sc scope, column string) {
	if !sc.all {
		q.add(` AND EXISTS (SELECT FROM relationship_access v WHERE v.principal = ANY($%d) AND v.client_id = `+column+`)`, sc.principals)
	}
}

// OpenRows returns the rows of what is open at a client, in one round trip. It does not ask who may see it.
func (s *Store) OpenRows(ctx context.Context, clientID string) (models.OpenRows, error) {
	var open models.OpenRows
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		for _, sec := range openSections(clientID, &open) {
			b.Queue(sec.sql, sec.args...).Query(sec.into)
		}
		return conn.SendBatch(ctx, &b).Close()
	})
	return open, err
}

// duplicates are the clients that were merged into this one, and whose own processes write nothing any more.
const duplicates = `client_id IN (SELECT c.id FROM clients c JOIN relationships r ON r.id = c.id WHERE c.merged_into_id = $1 AND r.stage = 'merged')`

// LeftRows returns the rows of what is still owed to clients that were merged into this one, once their own processes have ended:
// promises, opinions and leads. Whom they are about is the person at the survivor who was taken for theirs. It does not ask who may see it.
func (s *Store) LeftRows(ctx context.Context, clientID string) (models.OpenRows, error) {
	var left models.OpenRows
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		args := []any{clientID}
		b.Queue(commitments.columns+`WHERE ended_at IS NULL AND `+duplicates+` ORDER BY due_at, id`, args...).Query(commitments.into(&left.Commitments))
		b.Queue(opinions.columns+`WHERE answered_at IS NULL AND `+duplicates+` ORDER BY at, id`, args...).Query(opinions.into(&left.Opinions))
		b.Queue(leads.columns+`WHERE outcome = '' AND `+duplicates+` ORDER BY created_at, id`, args...).Query(leads.into(&left.Leads))
		if err := conn.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		var about []*string
		for i := range left.Commitments {
			about = append(about, &left.Commitments[i].ContactID)
		}
		for i := range left.Opinions {
			about = append(about, &left.Opinions[i].ContactID)
		}
		return follow(ctx, conn, about)
	})
	return left, err
}

// follow replaces the ids of contacts that were merged by those of the contacts in their place.
func follow(ctx context.Context, conn *pgx.Conn, contacts []*string) error {
	ids := make([]string, len(contacts))
	for i, c := range contacts {
		ids[i] = *c
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := conn.Query(ctx, `SELECT id, merged_into_id FROM contacts WHERE id = ANY($1) AND merged_into_id IS NOT NULL`, ids)
	if err != nil {
		return err
	}
	places, into, from := map[string]string{}, "", ""
	_, err = pgx.ForEachRow(rows, []any{&from, &into}, func() error {
		places[from] = into
		return nil
	})
	for _, c := range contacts {
		if place, merged := places[*c]; merged {
			*c = place
		}
	}
	return err
}

// section is one of several statements that travel together.
type section struct {
	name string
	sql  string
	args []any
	into func(pgx.Rows) error
}

// What an open row of a client is.
const (
	pendingClass     = `WHERE client_id = $1 AND outcome = 'pending'`
	openPlans        = `WHERE client_id = $1 AND status IN ('draft', 'in_approval', 'approved') ORDER BY starts_at, id`
	openImprovements = `WHERE client_id = $1 AND state = 'open' ORDER BY created_at, id`
	openCommitments  = `WHERE client_id = $1 AND ended_at IS NULL ORDER BY due_at, id`
	openOpinions     = `WHERE client_id = $1 AND answered_at IS NULL ORDER BY at, id`
	openLeads        = `WHERE client_id = $1 AND outcome = '' ORDER BY created_at, id`
)

func openSections(clientID string, open *models.OpenRows) []section {
	args := []any{clientID}
	return []section{
		{"pending classification", classifications.columns + pendingClass, args, classifications.into(&open.Classifications)},
		{"open plans", clientPlans.columns + openPlans, args, clientPlans.into(&open.Plans)},
		{"open improvements", improvements.columns + openImprovements, args, improvements.into(&open.Improvements)},
		{"open commitments", commitments.columns + openCommitments, args, commitments.into(&open.Commitments)},
		{"open opinions", opinions.columns + openOpinions, args, opinions.into(&open.Opinions)},
		{"open leads", leads.columns + openLeads, args, leads.into(&open.Leads)},
	}
}

// Classifications lists the proposals of a client's class, the latest first: the history of the class. It does not ask who may
// see it; so it is with the other lists here.
func (s *Store) Classifications(ctx context.Context, clientID string, p models.Page) ([]models.ClassificationRow, string, error) {
	return classificationRecords.page(ctx, s, classificationRecords.where(clientID, nil), p)
}

// ClientPlans lists the plans for a client, the latest period first.
func (s *Store) ClientPlans(ctx context.Context, clientID string, p models.Page) ([]models.PlanRow, string, error) {
	return planRecords.page(ctx, s, planRecords.where(clientID, nil), p)
}

// Plan returns one plan of whatever client, for who has asked already who may see that client; not_found when there is none.
func (s *Store) Plan(ctx context.Context, id string) (models.PlanRow, error) {
	return planRecords.one(ctx, s, id)
}

const unbegun = `SELECT c.id FROM clients c WHERE c.status <> 'merged' AND NOT EXISTS (SELECT FROM relationships r WHERE r.id = c.id) AND c.id > $1 ORDER BY c.id LIMIT $2`

// Unbegun lists clients after the id that have no relationship yet and were not merged, at most limit, in the order of their
// ids. It walks past all that have one: for a sweep, not for a request.
func (s *Store) Unbegun(ctx context.Context, after string, limit int) ([]string, error) {
	return s.idsOf(ctx, unbegun, after, limit)
}

// relationshipsOf finds the clients in whose relationship the user has a part or an open task, in the order of their ids: those
// whose processes must be told that the user has left.
const relationshipsOf = `SELECT r.id FROM relationships r WHERE r.stage <> 'merged' AND r.id IN (
		SELECT client_id FROM relationship_access WHERE principal = $1
		UNION SELECT subject_id FROM tasks WHERE holder = $1 AND state = 'open' AND process = '` + models.RelationshipProcess + `')
	ORDER BY r.id`

// The open objects of a client in which somebody has a part that can be handed over.
const (
	openCasesOf = `SELECT id FROM cases WHERE client_id = $1 AND phase = 'live' AND $2 IN (accountable_id, assignee_id) ORDER BY id LIMIT 200`

	openReceptionsOf = `SELECT r.id FROM receptions r WHERE r.client_id = $1 AND r.status NOT IN ('closed', 'rejected', 'withdrawn', 'cancelled')
		AND EXISTS (SELECT FROM reception_access v WHERE v.principal = $2 AND v.reception_id = r.id)
		AND (r.requester_id = $2 OR r.state ->> 'receptionist_id' = $2 OR r.state -> 'hosts' ? $2) ORDER BY r.id LIMIT 200`
)

// OpenOf lists the client's open cases in which the user is accountable or the handler, and the open receptions in which they
// are the requester, a host or the receptionist: at most 200 each, the first made first. It is what a hand-over offers.
func (s *Store) OpenOf(ctx context.Context, clientID, userID string) (cases, receptions []string, err error) {
	if cases, err = s.idsOf(ctx, openCasesOf, clientID, userID); err != nil {
		return nil, nil, err
	}
	receptions, err = s.idsOf(ctx, openReceptionsOf, clientID, userID)
	return cases, receptions, err
}

// idsOf collects the ids that a statement answers.
func (s *Store) idsOf(ctx context.Context, sql string, args ...any) ([]string, error) {
	var ids []string
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}

const standings = `SELECT r.id AS client_id, coalesce(r.account_manager_id, '') AS account_manager_id, r.state ->> 'class' AS class,
		r.state -> 'criteria' AS criteria, c.sales_12m AS sales, c.currency
	FROM relationships r JOIN clients c ON c.id = r.id
	WHERE r.id > $1 AND r.stage NOT IN ('lost', 'merged') AND c.status <> 'merged' ORDER BY r.id LIMIT $2`

// Standings lists by what the clients after this one are graded, in the order of their ids, at most limit, without those who
// are lost or were merged: for shadow grading.
func (s *Store) Standings(ctx context.Context, after string, limit int) ([]classification.Standing, error) {
	return read[classification.Standing](ctx, s, standings, after, limit)
}
