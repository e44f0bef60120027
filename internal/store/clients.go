package store

import (
	"context"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/models"
)

// Client returns one client; not_found when there is none.
func (s *Store) Client(ctx context.Context, id string) (models.Client, error) {
	return find[models.Client](ctx, s.db, id)
}

// Clients lists clients, the first made first, without those that were merged unless they are asked for. The query finds any
// part of a name in any script, in either case.
func (s *Store) Clients(ctx context.Context, f models.ClientFilter, p models.Page) ([]models.Client, string, error) {
	q := all[models.Client](s.db)
	if f.Query != "" {
		q = q.Where("strpos(lower(name), lower(?)) > 0", f.Query)
		if utf8.RuneCountInString(f.Query) > 1 { // a single character has no pair to look up
			q = q.Where("bigrams(name) @> bigrams(?)", f.Query)
		}
	}
	if f.Class != "" {
		q = q.Where("class = ?", f.Class)
	}
	if f.Region != "" {
		q = q.Where("region = ?", f.Region)
	}
	if f.AccountManagerID != "" {
		q = q.Where("account_manager_id = ?", f.AccountManagerID)
	}
	if f.Status != "" {
		q = q.Where("status = ?", f.Status)
	} else {
		q = q.Where("status <> 'merged'")
	}
	return list(ctx, q, p, ascending, func(c models.Client) string { return c.ID })
}

// CreateClient stores a new client, or returns the stored one when the id exists already. Errors: conflict
// clients.external_ref_taken; invalid when the account manager is unknown, or the class or status is none.
func (s *Store) CreateClient(ctx context.Context, c models.Client) (models.Client, error) {
	c.Version, c.NameKey = 1, models.NameKey(c.Name)
	return create(ctx, s.db, c, c.ID)
}

// UpdateClient writes a client whose Version is the stored one, with the words to processes that follow from it, and
// returns the new row. The class is written too: that only an approval changes it is the rule of the caller. Errors:
// not_found; precondition_failed; else as CreateClient.
func (s *Store) UpdateClient(ctx context.Context, c models.Client, words ...models.Word) (models.Client, error) {
	version := c.Version
	c.Version++
	c.NameKey = models.NameKey(c.Name)
	err := s.tx(ctx, func(tx *gorm.DB) error {
		err := update(ctx, tx, &c, c.ID, version,
			"name", "name_key", "industry", "region", "class", "account_manager_id", "status", "external_ref", "sales_12m", "currency")
		if err != nil {
			return err
		}
		return writeWords(tx, words)
	})
	if err != nil {
		return models.Client{}, err
	}
	return c, nil
}

// Contacts lists the contacts of a client, the first made first.
func (s *Store) Contacts(ctx context.Context, clientID string, p models.Page) ([]models.Contact, string, error) {
	q := all[models.Contact](s.db).Where("client_id = ?", clientID)
	return list(ctx, q, p, ascending, func(c models.Contact) string { return c.ID })
}
