package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// Notifications lists what a user was told, the newest first: all, or only the unread, or only the read.
func (s *Store) Notifications(ctx context.Context, userID string, unread *bool, p models.Page) ([]models.Notification, string, error) {
	q := gorm.G[models.Notification](s.db).Where("user_id = ?", userID)
	if unread != nil && *unread {
		q = q.Where("read_at IS NULL")
	} else if unread != nil {
		q = q.Where("read_at IS NOT NULL")
	}
	return list(ctx, q, p, descending, func(n models.Notification) string { return n.ID })
}

// MarkRead notes when the user first read the notification; not_found when it is not theirs.
func (s *Store) MarkRead(ctx context.Context, userID, id string, at time.Time) (models.Notification, error) {
	err := s.db.WithContext(ctx).Model(&models.Notification{}).Where("id = ? AND user_id = ? AND read_at IS NULL", id, userID).
		UpdateColumn("read_at", at).Error
	if err != nil {
		return models.Notification{}, mapped(err)
	}
	n, err := gorm.G[models.Notification](s.db).Where("id = ? AND user_id = ?", id, userID).Take(ctx)
	return n, mapped(err)
}

// Webhooks lists the endpoints, the first made first.
func (s *Store) Webhooks(ctx context.Context, p models.Page) ([]models.Webhook, string, error) {
	return list(ctx, all[models.Webhook](s.db), p, ascending, func(w models.Webhook) string { return w.ID })
}

// Webhook returns an endpoint with its secret in clear; not_found when there is none.
func (s *Store) Webhook(ctx context.Context, id string) (models.Webhook, error) {
	w, err := find[models.Webhook](ctx, s.db, id)
	if err != nil || s.sealer == nil {
		return w, err
	}
	if w.Secret, err = s.sealer.Open(w.Secret); err != nil {
		return w, errs.Wrap(err, errs.Internal, "internal")
	}
	return w, nil
}

// CreateWebhook stores a new endpoint, or finds the stored one when the id exists already; it answers with the secret in
// clear, which is stored sealed.
func (s *Store) CreateWebhook(ctx context.Context, w models.Webhook) (models.Webhook, error) {
	if w.Kinds == nil {
		w.Kinds = []string{}
	}
	if s.sealer != nil {
		sealed, err := s.sealer.Seal(w.Secret)
		if err != nil {
			return w, errs.Wrap(err, errs.Internal, "internal")
		}
		w.Secret = sealed
	}
	if _, err := create(ctx, s.db, w, w.ID); err != nil {
		return w, err
	}
	return s.Webhook(ctx, w.ID)
}

// DeleteWebhook removes an endpoint with everything that was still to be sent to it; not_found when there is none.
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	n, err := gorm.G[models.Webhook](s.db).Where("id = ?", id).Delete(ctx)
	if err == nil && n == 0 {
		return notFound()
	}
	return mapped(err)
}
