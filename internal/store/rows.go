package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// find returns the row of an id; not_found when there is none.
func find[T any](ctx context.Context, db *gorm.DB, id string) (T, error) {
	row, err := gorm.G[T](db).Where("id = ?", id).Take(ctx)
	return row, mapped(err)
}

// create inserts a row with its id set. When the id exists already it changes nothing and returns the stored row, so
// that a repeated request makes nothing twice.
func create[T any](ctx context.Context, db *gorm.DB, row T, id string) (T, error) {
	once := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}
	res := db.WithContext(ctx).Clauses(once).Create(&row)
	if res.Error != nil {
		return row, mapped(res.Error)
	}
	if res.RowsAffected == 0 {
		return find[T](ctx, db, id)
	}
	return row, nil
}

// update writes the named columns of a row if it still has the version, and fills row with what is stored then. The new
// version must be in the row already. Errors: not_found; precondition_failed when the version is stale.
func update[T any](ctx context.Context, tx *gorm.DB, row *T, id string, version int64, columns ...string) error {
	res := tx.WithContext(ctx).Model(row).Clauses(clause.Returning{}).
		Where("id = ? AND version = ?", id, version).Select(append(columns, "version", "updated_at")).Updates(row)
	if res.Error != nil || res.RowsAffected == 1 {
		return mapped(res.Error)
	}
	if _, err := find[T](ctx, tx, id); err != nil {
		return err
	}
	return stale()
}

// hold locks the name until the end of the transaction: whoever else holds it waits.
func hold(tx *gorm.DB, name string) error {
	return tx.Exec("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", name).Error
}
