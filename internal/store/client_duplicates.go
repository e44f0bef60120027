package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/models"
)

// Bounds of looking for duplicates: whatever a client is called and whoever works there, this many rows are looked at.
const (
	duplicateContacts = 100 // of the client that is looked at
	duplicatesEach    = 100 // candidates for each part of the name and each key of a contact
	candidateContacts = 2000
)

// The candidates are materialised so that the limit does not make the planner walk over the table in hope of early matches.
const (
	namedAlike = `SELECT c.id FROM unnest($1::text[]) run CROSS JOIN LATERAL (
			WITH found AS MATERIALIZED (SELECT id FROM clients WHERE bigrams(name_key) @> bigrams(run) AND status <> 'merged')
			SELECT id FROM found LIMIT $4) c
		UNION SELECT * FROM (
			WITH found AS MATERIALIZED (SELECT id FROM clients WHERE bigrams(name_key) @> bigrams($2) AND name_key = $2 AND status <> 'merged')
			SELECT id FROM found LIMIT $4) same
		UNION SELECT k.client_id FROM unnest($3::text[]) key CROSS JOIN LATERAL (
			WITH found AS MATERIALIZED (SELECT client_id FROM contacts WHERE contact_keys(email, phone) @> ARRAY[key])
			SELECT client_id FROM found LIMIT $4) k`
	alikeClients  = `SELECT id, name, industry, region, class, account_manager_id, status, external_ref, merged_into_id, version, created_at, updated_at FROM clients WHERE id = ANY($1)`
	alikeContacts = `SELECT id, client_id, email, phone FROM contacts WHERE contact_keys(email, phone) && $2::text[] AND client_id = ANY($1) LIMIT $3`
)

// ClientDuplicates returns the clients that may be the same company as the given one, which need not be stored: the likeliest
// first, at most so many. It looks things up by indexes and looks at a bounded number of rows, however many clients there are.
func (s *Store) ClientDuplicates(ctx context.Context, of models.ClientTraits, most int) ([]models.ClientDuplicate, error) {
	key, keys := models.NameKey(of.Client.Name), []string{}
	for _, p := range of.Contacts[:min(len(of.Contacts), duplicateContacts)] {
		keys = append(keys, models.ContactKeys(p.Email, p.Phone)...)
	}
	keys = distinct(keys)
	candidates := map[string]*models.ClientTraits{}
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, namedAlike, models.NameRuns(key), key, keys, duplicatesEach)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(ids) == 0 {
			return err
		}
		var b pgx.Batch
		b.Queue(alikeClients, ids).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(c *models.Client) []any {
				return []any{&c.ID, &c.Name, &c.Industry, &c.Region, &c.Class, &c.AccountManagerID, &c.Status, &c.ExternalRef, &c.MergedIntoID, &c.Version, &c.CreatedAt, &c.UpdatedAt}
			}, func(c models.Client) { candidates[c.ID] = &models.ClientTraits{Client: c} })
		})
		b.Queue(alikeContacts, ids, keys, candidateContacts).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(p *models.Contact) []any { return []any{&p.ID, &p.ClientID, &p.Email, &p.Phone} },
				func(p models.Contact) { candidates[p.ClientID].Contacts = append(candidates[p.ClientID].Contacts, p) })
		})
		return conn.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return nil, err
	}
	list := make([]models.ClientTraits, 0, len(candidates))
	for _, c := range candidates {
		list = append(list, *c)
	}
	return models.ClientDuplicates(of, list, most), nil
}

// eachRow scans the rows one by one.
func eachRow[T any](rows pgx.Rows, into func(*T) []any, do func(T)) error {
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := rows.Scan(into(&row)...); err != nil {
			return err
		}
		do(row)
	}
	return rows.Err()
}
