package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/models"
)

// LeaseDeliveries takes the unsent messages of a step that may be sent at now, for the caller alone until an instant. Warnings by e-mail
// to a user are taken together with all others to the same user, of whatever case and however early, so that they leave
// as one message. What another worker has taken is left to it; Next is then when its lease ends. Whoever cannot send a
// message calls MarkDeliveriesFailed; who dies loses the lease in time, and the message may then reach its receiver a
// second time under the same id.
func (s *Store) LeaseDeliveries(ctx context.Context, caseID string, step int64, now, until time.Time) (models.LeasedDeliveries, error) {
	var out models.LeasedDeliveries
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue(`WITH mine AS (
				SELECT id, user_id FROM deliveries
				WHERE subject_id = $1 AND step_seq = $2 AND sent_at IS NULL AND not_before <= $3
					AND (leased_until IS NULL OR leased_until <= $3)
			), due AS (
				SELECT id FROM mine
				UNION SELECT d.id FROM deliveries d WHERE d.sent_at IS NULL AND d.kind = '`+warned+`' AND d.channel = 'email'
					AND d.user_id IN (SELECT user_id FROM mine JOIN deliveries USING (id, user_id) WHERE kind = '`+warned+`' AND channel = 'email')
			), taken AS (
				SELECT id FROM deliveries WHERE id IN (SELECT id FROM due) AND sent_at IS NULL AND (leased_until IS NULL OR leased_until <= $3)
				ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
			)
			UPDATE deliveries d SET leased_until = $4, attempts = d.attempts + 1 FROM taken WHERE d.id = taken.id
			RETURNING d.id, d.subject_id, d.step_seq, d.channel, d.user_id, d.contact_email, d.webhook_id, d.kind, d.data, d.not_before,
				d.leased_until, d.attempts, d.last_error, d.sent_at, d.created_at`, caseID, step, now, until).
			Query(func(rows pgx.Rows) (err error) {
				out.Deliveries, err = pgx.CollectRows(rows, pgx.RowToStructByName[models.Delivery])
				return err
			})
		b.Queue(`SELECT id, greatest(not_before, leased_until) AS at FROM deliveries
			WHERE subject_id = $1 AND step_seq = $2 AND sent_at IS NULL ORDER BY 2`, caseID, step).
			Query(func(rows pgx.Rows) error {
				return collect(rows, func(rest struct {
					ID string
					At time.Time
				},
				) {
					mine := slices.ContainsFunc(out.Deliveries, func(d models.Delivery) bool { return d.ID == rest.ID })
					if !mine && out.Next == nil {
						out.Next = &rest.At
					}
				})
			})
		return conn.SendBatch(ctx, &b).Close()
	})
	slices.SortFunc(out.Deliveries, func(a, b models.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

// MarkDeliveriesSent notes that the messages have left.
func (s *Store) MarkDeliveriesSent(ctx context.Context, ids []string, at time.Time) error {
	return s.mark(ctx, ids, map[string]any{"sent_at": at, "leased_until": nil, "last_error": ""})
}

// MarkDeliveriesFailed notes why messages could not be sent and gives them back, not to be tried before again.
func (s *Store) MarkDeliveriesFailed(ctx context.Context, ids []string, lastError string, again time.Time) error {
	return s.mark(ctx, ids, map[string]any{"leased_until": again, "last_error": lastError})
}

func (s *Store) mark(ctx context.Context, ids []string, columns map[string]any) error {
	if len(ids) == 0 {
		return nil
	}
	return mapped(s.db.WithContext(ctx).Model(&models.Delivery{}).Where("id IN ? AND sent_at IS NULL", ids).UpdateColumns(columns).Error)
}

// UnsentSteps lists the steps of a case with messages that have not left yet, in order.
func (s *Store) UnsentSteps(ctx context.Context, caseID string) ([]int64, error) {
	var steps []int64
	err := gorm.G[models.Delivery](s.db).Where("subject_id = ? AND sent_at IS NULL", caseID).
		Select("DISTINCT step_seq").Order("step_seq").Scan(ctx, &steps)
	return steps, mapped(err)
}
