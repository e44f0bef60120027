package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// MergeClient merges a duplicate into its survivor in one transaction, with the words to processes that follow from it, and
// returns the duplicate as it is then; a repetition of the request returns it as it is now. The duplicate's
// contacts move, but for those whom the survivor has already: they stay where they are, marked as left and leading to
// their like, which takes what it lacked. What was merged into the duplicate before leads to the survivor from now on.
// Errors: not_found; invalid when the survivor is unknown or the duplicate itself; client_merged when either was merged
// before.
func (s *Store) MergeClient(ctx context.Context, m models.ClientMerge, words ...models.Word) (models.Client, error) {
	var merged models.Client
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// Merges wait for each other: two that cross never make a circle, nor do they wait for each other's rows.
		if err := hold(tx, "client_merges"); err != nil {
			return err
		}
		before, err := gorm.G[models.ClientMerge](tx).Where("client_id = ?", m.ClientID).Take(ctx)
		if err == nil && before.CommandID == m.CommandID {
			merged, err = find[models.Client](ctx, tx, m.ClientID)
			return err
		}
		if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		duplicate, survivor, err := lockClients(ctx, tx, m.ClientID, m.IntoID)
		if err != nil {
			return err
		}
		if merged, err = merge(ctx, tx, duplicate, survivor, m); err != nil {
			return err
		}
		if err := tx.Create(&m).Error; err != nil {
			return err
		}
		return writeWords(tx, words)
	})
	return merged, err
}

// lockClients reads the two clients and locks them, in the order of their ids, until the transaction ends.
func lockClients(ctx context.Context, tx *gorm.DB, clientID, intoID string) (duplicate, survivor models.Client, err error) {
	rows, err := gorm.G[models.Client](tx, clause.Locking{Strength: "UPDATE"}).Where("id IN ?", []string{clientID, intoID}).Order("id").Find(ctx)
	for _, row := range rows {
		if row.ID == clientID {
			duplicate = row
		}
		if row.ID == intoID {
			survivor = row
		}
	}
	switch {
	case err != nil:
	case duplicate.ID == "":
		err = notFound()
	case survivor.ID == "":
		err = errs.NewInvalid(errs.Field{Field: "into_id", Code: "unknown"})
	}
	return duplicate, survivor, err
}

func merge(ctx context.Context, tx *gorm.DB, duplicate, survivor models.Client, m models.ClientMerge) (models.Client, error) {
	at := m.At
	duplicate, survivor, err := models.MergeClients(duplicate, survivor, at)
	if err != nil {
		return duplicate, err
	}
	for _, row := range []*models.Client{&duplicate, &survivor} {
		version := row.Version
		row.Version++
		if err := update(ctx, tx, row, row.ID, version, "industry", "region", "account_manager_id", "status", "sales_12m", "currency", "merged_into_id"); err != nil {
			return duplicate, err
		}
	}
	err = tx.Exec("UPDATE clients SET merged_into_id = ?, version = version + 1, updated_at = ? WHERE merged_into_id = ?", survivor.ID, at, duplicate.ID).Error
	if err != nil {
		return duplicate, err
	}
	theirs, err := all[models.Contact](tx).Where("client_id = ? AND merged_into_id IS NULL", duplicate.ID).Order("id").Find(ctx)
	if err != nil {
		return duplicate, err
	}
	ours, err := all[models.Contact](tx).Where("client_id = ?", survivor.ID).Order("id").Find(ctx)
	if err != nil {
		return duplicate, err
	}
	for _, c := range models.MergeContacts(theirs, ours, survivor.ID, at) {
		version := c.Version
		c.Version++
		if err := update(ctx, tx, &c, c.ID, version, "client_id", "title", "phone", "email", "locale", "time_zone", "role", "influence",
			"attitude", "relation_strength", "known_by_ids", "preferences", "worries", "has_left", "merged_into_id"); err != nil {
			return duplicate, err
		}
	}
	// Who had been taken for somebody here leads on to the survivor, as clients do.
	return duplicate, tx.Exec(`UPDATE contacts c SET merged_into_id = d.merged_into_id, version = c.version + 1, updated_at = ?
		FROM contacts d WHERE c.merged_into_id = d.id AND d.client_id = ? AND d.merged_into_id IS NOT NULL`, at, duplicate.ID).Error
}
