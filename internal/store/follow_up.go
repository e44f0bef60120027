package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// FollowUpState returns the stored state of a follow-up by the id of its invitation, whoever asks: for the process itself.
// not_found when there is none, as for a campaign's invitation that nobody has answered.
func (s *Store) FollowUpState(ctx context.Context, id string) (models.FollowUpState, error) {
	var state models.FollowUpState
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT state FROM follow_ups WHERE id = $1`, id).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "survey.unknown")
		}
		return err
	})
	return state, err
}

// PersonFacts returns what is known at this moment of the person of the keys (models.Recipient.Keys), who is a contact of
// the client: whether one of the keys has opted out, when the first one was asked, and whether a complaint is open, at the
// client or of somebody with one of the keys. The case exceptCaseID, about which it is asked, counts as none; empty leaves
// out nothing.
func (s *Store) PersonFacts(ctx context.Context, keys []string, clientID, exceptCaseID string) (models.PersonFacts, error) {
	var f models.PersonFacts
	var atClient, atContact bool
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, personFacts, keys, clientID, exceptCaseID).Scan(&f.OptedOut, &atClient, &atContact, &f.Touches, &f.Known, &f.ManagerID)
	})
	f.OpenComplaint = map[string]bool{campaign.OpenAtClient: atClient, campaign.OpenAtContact: atContact}
	return f, err
}

// waiting is what makes a case c one that a client waits for the answer to.
const waiting = `c.phase = 'live' AND c.type = 'complaint' AND c.status IN ('open', 'in_progress', 'waiting_customer')`

// personFacts also looks at those whose own cases were merged into another one: they wait for the answer to that.
const personFacts = `SELECT EXISTS (SELECT FROM opt_outs WHERE person = ANY($1::text[])),
	EXISTS (SELECT FROM cases c WHERE c.client_id = $2 AND c.id <> $3 AND ` + waiting + `),
	EXISTS (SELECT FROM cases c WHERE person_keys(c.contact) && $1 AND c.id <> $3 AND ` + waiting + `)
		OR EXISTS (SELECT FROM case_contacts k JOIN cases c ON c.id = k.case_id WHERE person_keys(k.contact) && $1 AND c.id <> $3 AND ` + waiting + `),
	a.times, coalesce(a.n, 0), coalesce((SELECT account_manager_id FROM clients WHERE id = $2), '') FROM (SELECT) here LEFT JOIN asked a ON a.person = ($1::text[])[1]`
