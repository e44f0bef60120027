package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// retryDatabase is when to ask again while the database is away.
const retryDatabase = 2 * time.Second

func unavailable(err error) error {
	e := errs.Wrap(err, errs.Unavailable, "unavailable.database")
	e.RetryAfter = retryDatabase
	return e
}

func notFound() error { return errs.New(errs.NotFound, "not_found") }

func stale() error { return errs.New(errs.PreconditionFailed, "precondition_failed") }

// mapped turns an error of the database into the *errs.Error of its meaning; nil and *errs.Error stay as they are.
func mapped(err error) error {
	var known *errs.Error
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, gorm.ErrRecordNotFound):
		return notFound()
	case errors.As(err, &pg):
		return mappedCode(err, pg)
	case isConnection(err):
		return unavailable(err)
	}
	return errs.Wrap(err, errs.Internal, "internal")
}

// mappedCode maps what PostgreSQL itself answered; see 0001_foundation.sql for what the names of constraints mean.
func mappedCode(err error, pg *pgconn.PgError) error {
	constraint := strings.TrimPrefix(pg.ConstraintName, pg.TableName+"_")
	switch pg.Code {
	case "23505", "23P01": // unique_violation, exclusion_violation
		return errs.Wrap(err, errs.Conflict, pg.TableName+"."+constraint)
	case "23503": // foreign_key_violation
		return invalid(err, strings.TrimSuffix(constraint, "_fkey"), "unknown")
	case "23514": // check_violation
		return invalid(err, strings.TrimSuffix(constraint, "_check"), "invalid")
	case "23001": // restrict_violation, by refuse_change()
		return errs.Wrap(err, errs.Conflict, "immutable")
	case "22021", "22P05": // a NUL, which JSON can carry and PostgreSQL cannot keep
		return errs.Wrap(err, errs.Malformed, "malformed.text")
	case "40001", "40P01": // serialization_failure, deadlock_detected: nothing was done, the same call may succeed
		return unavailable(err)
	}
	if pg.Code == "0A000" && strings.Contains(pg.Message, "cached plan") { // a migration changed the table; pgx has dropped the plan
		return unavailable(err)
	}
	switch pg.Code[:2] {
	case "08", "53", "57": // connection, resources (connections, disk), operator (shutdown, start-up, cancel)
		return unavailable(err)
	}
	return errs.Wrap(err, errs.Internal, "internal")
}

func invalid(err error, field, code string) error {
	e := errs.NewInvalid(errs.Field{Field: field, Code: code})
	e.Err = err
	return e
}

// isConnection reports whether the database could not be asked, or its answer was lost. A deadline that passes while
// waiting for it is the same to a caller.
func isConnection(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
