package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/models"
)

// Contact returns one contact of a client; not_found when that client has none of the id.
func (s *Store) Contact(ctx context.Context, clientID, contactID string) (models.Contact, error) {
	row, err := gorm.G[models.Contact](s.db).Where("id = ? AND client_id = ?", contactID, clientID).Take(ctx)
	return row, mapped(err)
}

// CreateContact stores a new contact, or returns the stored one when the id exists already. Errors: invalid when the client
// is unknown; client_merged when it was merged, before or meanwhile.
func (s *Store) CreateContact(ctx context.Context, c models.Contact) (models.Contact, error) {
	c.Version = 1
	if c.UpdatedAt.IsZero() {
		c.UpdatedAt = c.CreatedAt
	}
	if c.KnownByIDs == nil {
		c.KnownByIDs = []string{}
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// Locked against a merge, which would leave the contact behind.
		client, err := gorm.G[models.Client](tx, clause.Locking{Strength: "SHARE"}).Where("id = ?", c.ClientID).Take(ctx)
		if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) { // an unknown client is a fault of the row
			return err
		}
		if merged := client.Open(); merged != nil {
			if c, err = find[models.Contact](ctx, tx, c.ID); err != nil {
				return merged
			}
			return nil // made by an earlier attempt
		}
		c, err = create(ctx, tx, c, c.ID)
		return err
	})
	return c, err
}

// UpdateContact writes a contact whose Version is the stored one, and returns the new row; its client stays. Errors:
// not_found; precondition_failed; invalid when a value breaks a rule.
func (s *Store) UpdateContact(ctx context.Context, c models.Contact) (models.Contact, error) {
	version := c.Version
	c.Version++
	if c.KnownByIDs == nil {
		c.KnownByIDs = []string{}
	}
	err := update(ctx, s.db, &c, c.ID, version, "name", "title", "phone", "email", "locale", "time_zone", "role", "influence",
		"attitude", "relation_strength", "known_by_ids", "preferences", "worries", "has_left")
	if err != nil {
		return models.Contact{}, err
	}
	return c, nil
}
