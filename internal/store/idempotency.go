package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// keepAnswers is how long a key stands for its first answer.
const keepAnswers = 24 * time.Hour

// idempotencyKey is a row of idempotency_keys.
type idempotencyKey struct {
	UserID      string            `gorm:"column:user_id;primaryKey"`
	Key         string            `gorm:"column:key;primaryKey"`
	CommandID   string            `gorm:"column:command_id"`
	Fingerprint []byte            `gorm:"column:fingerprint"`
	Status      int               `gorm:"column:status"`
	Header      map[string]string `gorm:"column:header;serializer:json"`
	Body        []byte            `gorm:"column:body"`
	CreatedAt   time.Time         `gorm:"column:created_at"`
}

// TableName is the table of idempotencyKey.
func (idempotencyKey) TableName() string { return "idempotency_keys" }

// Claim durably notes the key for the user with a fresh command id, and answers first; or answers what is noted
// already. Of any number of callers at the same time exactly one is first. A key is forgotten after 24 hours.
func (s *Store) Claim(ctx context.Context, userID, key string, fresh models.IdempotencyRecord) (models.IdempotencyRecord, bool, error) {
	// The row may be purged between the two statements, so try again; it cannot happen twice to the same key.
	for range 2 {
		row := idempotencyKey{
			UserID: userID, Key: key, CommandID: fresh.CommandID, Fingerprint: fresh.Fingerprint, CreatedAt: s.now(),
		}
		res := s.db.WithContext(ctx).Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "user_id"}, {Name: "key"}},
			DoUpdates: clause.AssignmentColumns([]string{"command_id", "fingerprint", "status", "header", "body", "created_at"}),
			Where: clause.Where{Exprs: []clause.Expression{
				gorm.Expr("idempotency_keys.created_at < ?", row.CreatedAt.Add(-keepAnswers)),
			}},
		}).Create(&row)
		if res.Error != nil {
			return models.IdempotencyRecord{}, false, mapped(res.Error)
		}
		if res.RowsAffected == 1 {
			return models.IdempotencyRecord{CommandID: fresh.CommandID, Fingerprint: fresh.Fingerprint}, true, nil
		}
		noted, err := gorm.G[idempotencyKey](s.db).Where("user_id = ? AND key = ?", userID, key).Take(ctx)
		if err = mapped(err); errs.CodeOf(err) == errs.NotFound {
			continue
		}
		if err != nil {
			return models.IdempotencyRecord{}, false, err
		}
		return models.IdempotencyRecord{
			CommandID: noted.CommandID, Fingerprint: noted.Fingerprint, Status: noted.Status, Header: noted.Header, Body: noted.Body,
		}, false, nil
	}
	return models.IdempotencyRecord{}, false, errs.New(errs.Unavailable, "unavailable.database")
}

// Answer keeps the answer for repetitions. It does nothing when the key stands for another command by now, or when there is an
// answer already: of two attempts at the same time, what the first was told stays.
func (s *Store) Answer(ctx context.Context, userID, key string, rec models.IdempotencyRecord) error {
	answer := idempotencyKey{Status: rec.Status, Header: rec.Header, Body: rec.Body}
	return mapped(s.db.WithContext(ctx).Model(&idempotencyKey{}).
		Where("user_id = ? AND key = ? AND command_id = ? AND status = 0", userID, key, rec.CommandID).
		Select("status", "header", "body").Updates(&answer).Error)
}
