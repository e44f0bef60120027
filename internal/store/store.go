// Package store keeps master data and read models in PostgreSQL. All its errors are *errs.Error: not_found, conflict,
// invalid, malformed, precondition_failed, unavailable while the database cannot be reached, or internal. All times are
// UTC, to the microsecond.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/models"
)

// Options tune a Store; zero fields take the defaults.
type Options struct {
	MaxConns int              // open connections at most; 10
	Hashing  int              // passwords hashed at the same time at most, 19 MiB of memory each; 2
	Now      func() time.Time // the clock of log-ins, tokens and idempotency keys; time.Now
	Log      *slog.Logger     // statements at level debug, without their values; slog.Default()
	Sealer   Sealer           // seals secrets at rest; nil keeps them in clear
	Email    bool             // there is a way to send e-mail: notices make messages to users and contacts
}

// Sealer encrypts what must be read again but never be read in a copy of the database.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
}

// Store is the database of the product. It is safe for concurrent use.
type Store struct {
	db        *gorm.DB
	conns     *sql.DB
	now       func() time.Time
	passwords *auth.Passwords
	cache     cache
	strangers *lru.Cache[string, attempts] // failed log-ins under names that do not exist
	sealer    Sealer
	email     bool
}

// Open connects to the database at the URL, which must be migrated already. The connection is tried once, so that a
// wrong URL shows at start: unavailable when there is no answer.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 10
	}
	if o.Hashing == 0 {
		o.Hashing = 2
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	conns, err := connect(url)
	if err != nil {
		return nil, err
	}
	conns.SetMaxOpenConns(o.MaxConns)
	conns.SetMaxIdleConns(o.MaxConns)
	conns.SetConnMaxIdleTime(5 * time.Minute)
	now := func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) } // what is written equals what is read
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: conns}), &gorm.Config{
		TranslateError:         true,
		SkipDefaultTransaction: true, // one statement is a transaction already
		QueryFields:            true, // explicit columns: a new column must not change the result of a running program
		DisableAutomaticPing:   true,
		NowFunc:                now,
		Logger:                 statementLog{o.Log},
		// pgx keeps the prepared statements of each connection itself; gorm's PrepareStmt would keep them twice.
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{db: db, conns: conns, now: now, passwords: auth.NewPasswords(o.Hashing), sealer: o.Sealer, email: o.Email}
	if s.cache.principals, err = lru.New[[32]byte, cachedPrincipal](cachedPrincipals); err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	if s.cache.cases, err = newCaseCache(); err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	if s.cache.approvals, err = lru.New[string, models.ApprovalState](cachedApprovals); err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	if s.strangers, err = lru.New[string, attempts](cachedPrincipals); err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	if err := s.Check(ctx); err != nil {
		conns.Close()
		return nil, err
	}
	return s, nil
}

// connect makes a pool whose sessions are in UTC and read times as UTC.
func connect(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	config.RuntimeParams["timezone"] = "UTC"
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "mcrflow"
	}
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	})), nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.conns.Close() }

// DB returns the database for statements that have no method here: tests, benchmarks, reports.
func (s *Store) DB() *gorm.DB { return s.db }

// Check reports whether the database answers: nil or unavailable.
func (s *Store) Check(ctx context.Context) error {
	if err := s.conns.PingContext(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// tx runs fn in one transaction and maps its error.
func (s *Store) tx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return mapped(s.db.WithContext(ctx).Transaction(fn))
}

// Purge deletes what nobody can need any more: idempotency keys after 24 hours, and sessions 30 days after their end.
// It returns how many rows went; call it every hour or so.
func (s *Store) Purge(ctx context.Context) (int64, error) {
	keys := s.db.WithContext(ctx).Exec("DELETE FROM idempotency_keys WHERE created_at < ?", s.now().Add(-keepAnswers))
	if keys.Error != nil {
		return 0, mapped(keys.Error)
	}
	sessions := s.db.WithContext(ctx).Exec("DELETE FROM tokens WHERE kind = 'session' AND expires_at < ?", s.now().Add(-keepSessions))
	return keys.RowsAffected + sessions.RowsAffected, mapped(sessions.Error)
}

// keepSessions is how long ended sessions stay on record.
const keepSessions = 30 * 24 * time.Hour

// statementLog writes statements to the log at level debug, with placeholders in place of values: values are personal
// data. Errors are not logged here: they are returned, and logged once at the edge.
type statementLog struct{ log *slog.Logger }

// LogMode returns the log itself: the level is slog's.
func (l statementLog) LogMode(logger.LogLevel) logger.Interface { return l }

// Info logs a message of gorm.
func (l statementLog) Info(ctx context.Context, msg string, _ ...any) { l.log.DebugContext(ctx, msg) }

// Warn logs a message of gorm.
func (l statementLog) Warn(ctx context.Context, msg string, _ ...any) { l.log.WarnContext(ctx, msg) }

// Error logs a message of gorm.
func (l statementLog) Error(ctx context.Context, msg string, _ ...any) { l.log.ErrorContext(ctx, msg) }

// ParamsFilter drops the values of a statement before it is written out.
func (l statementLog) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

// Trace logs one statement.
func (l statementLog) Trace(ctx context.Context, begin time.Time, fc func() (string, int64), err error) {
	if !l.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	statement, rows := fc()
	l.log.DebugContext(ctx, "sql", "statement", statement, "rows", rows, "took", time.Since(begin), "err", err)
}
