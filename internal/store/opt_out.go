package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// OptOut notes that the person of the keys (models.Recipient.Keys) is never asked again. It is for links whose process is
// over; while there is one, its step writes the same.
func (s *Store) OptOut(ctx context.Context, invitationID string, keys []string, at time.Time) error {
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO opt_outs (person, invitation_id, at) SELECT unnest($1::text[]), $2, $3 ORDER BY 1 ON CONFLICT DO NOTHING`,
			keys, invitationID, at)
		return err
	})
}
