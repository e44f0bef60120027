package store_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestDatabase_that_is_away_is_unavailable_with_a_time_to_ask_again(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close()) // nobody listens there now
	_, err = store.Open(t.Context(), fmt.Sprintf("postgres://x@%s/x", l.Addr()), store.Options{})
	e := requireCode(t, errs.Unavailable, err)
	require.Equal(t, "unavailable.database", e.Key)
	require.Equal(t, 2*time.Second, e.RetryAfter)
	requireCode(t, errs.Unavailable, store.Migrate(t.Context(), fmt.Sprintf("postgres://x@%s/x", l.Addr())))
}

func TestDatabase_that_comes_back_is_used_again(t *testing.T) {
	t.Parallel()
	s := testkit.StoreWith(t, store.Options{MaxConns: 2})
	u := addUser(t, s, "u")
	// The server ends a connection in the middle of its work, as it does when it shuts down.
	err := s.DB().Transaction(func(tx *gormDB) error {
		return tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())").Error
	})
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "57P01", pg.Code)
	_, err = s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context()))
}

func TestDatabase_that_does_not_answer_in_time_is_unavailable(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	u := addUser(t, s, "u")
	tx := s.DB().Begin()
	defer tx.Rollback()
	require.NoError(t, tx.Exec("LOCK TABLE users").Error)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.User(ctx, u.ID)
	requireCode(t, errs.Unavailable, err)
}

func TestWrong_url_is_an_error_that_does_not_show_the_password(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://u:sEcReT@host:port/x", "postgres://u:sEcReT@127.0.0.1:1/x"} {
		_, err := store.Open(t.Context(), url, store.Options{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

// Each list must be one walk along an index, whatever the filter: its cost does not grow with the table.
func TestLists_use_an_index_and_sort_nothing(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	db := s.DB()
	require.NoError(t, db.Exec(`INSERT INTO users SELECT 'user_' || lpad(i::text, 26, '0'), 'u' || i, '', '', 'en', 'UTC', '["staff"]', NULL, NULL, true, '', 1, now(), now()
		FROM generate_series(1, 3000) i`).Error)
	require.NoError(t, db.Exec(`INSERT INTO clients SELECT 'client_' || lpad(i::text, 26, '0'), '华东银行' || i, '', '', (ARRAY['S','A','B','C'])[1 + i % 4],
		'user_' || lpad((1 + i % 100)::text, 26, '0'), 'active', '', 1, now(), now() FROM generate_series(1, 20000) i`).Error)
	require.NoError(t, db.Exec(`INSERT INTO notifications SELECT 'note_' || lpad(i::text, 26, '0'), 'user_' || lpad((1 + i % 5)::text, 26, '0'), 'k', 'p', 's', NULL, i::text,
		now(), CASE WHEN i % 3 > 0 THEN now() END FROM generate_series(1, 20000) i`).Error)
	require.NoError(t, db.Exec(`INSERT INTO tokens SELECT 'token_' || lpad(i::text, 26, '0'), 'user_' || lpad('1', 26, '0'), sha256(i::text::bytea),
		CASE WHEN i % 20 = 0 THEN 'service' ELSE 'session' END, '', now(), NULL, now() FROM generate_series(1, 5000) i`).Error)
	require.NoError(t, db.Exec("ANALYZE").Error)

	user := "user_00000000000000000000000001"
	for name, list := range map[string]func(context.Context, *store.Store) error{
		"users": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Users(ctx, models.UserFilter{Active: ptr(true)}, models.Page{})
			return err
		},
		"clients": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Clients(ctx, models.ClientFilter{}, models.Page{Cursor: "Y2xpZW50XzAwMQ"})
			return err
		},
		"clients of a class": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Clients(ctx, models.ClientFilter{Class: "S"}, models.Page{})
			return err
		},
		"clients of an account manager": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Clients(ctx, models.ClientFilter{AccountManagerID: user}, models.Page{})
			return err
		},
		"notifications": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Notifications(ctx, user, nil, models.Page{})
			return err
		},
		"unread notifications": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Notifications(ctx, user, ptr(true), models.Page{})
			return err
		},
		"tokens": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.ListTokens(ctx, models.Page{})
			return err
		},
	} {
		plan := explain(t, s, list)
		require.Contains(t, plan, "Index Scan", "%s:\n%s", name, plan)
		require.NotContains(t, plan, "Seq Scan", "%s:\n%s", name, plan)
		require.NotContains(t, plan, "Sort", "%s:\n%s", name, plan)
	}

	// A rare part of a name is looked up, and only what is found is sorted.
	require.NoError(t, db.Exec("UPDATE clients SET name = '晨曦精密仪器' WHERE id = 'client_' || lpad('777', 26, '0')").Error)
	plan := explain(t, s, func(ctx context.Context, s *store.Store) error {
		_, _, err := s.Clients(ctx, models.ClientFilter{Query: "精密"}, models.Page{})
		return err
	})
	require.Contains(t, plan, "Bitmap Index Scan on clients_name", plan)
	plan = explain(t, s, func(ctx context.Context, s *store.Store) error {
		_, err := s.Authenticate(ctx, "mcs_0123456789012345678901234567890123456789012")
		requireCode(t, errs.Unauthenticated, err)
		return nil
	})
	require.Contains(t, plan, "Index Scan using tokens_hash", plan)
	require.NotRegexp(t, "Seq Scan on (users|tokens)", plan)
}
