package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// Complainant is who came to us with the case, in the language and time zone of the client's contact with the same address;
// not_found when there is no such case.
func (s *Store) Complainant(ctx context.Context, caseID string) (models.Recipient, error) {
	var who models.Recipient
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT coalesce(c.contact ->> 'name', ''), coalesce(c.contact ->> 'email', ''), coalesce(c.contact ->> 'phone', ''),
				coalesce(k.id, ''), coalesce(k.locale, ''), coalesce(k.time_zone, '')
			FROM cases c LEFT JOIN LATERAL (SELECT id, locale, time_zone FROM contacts
				WHERE client_id = c.client_id AND person_keys(jsonb_build_object('email', email, 'phone', phone)) && person_keys(c.contact) ORDER BY id LIMIT 1) k ON true
			WHERE c.id = $1`, caseID).Scan(&who.Name, &who.Email, &who.Phone, &who.ContactID, &who.Locale, &who.TimeZone)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return who, errs.New(errs.NotFound, "case.unknown")
	}
	return who, err
}
