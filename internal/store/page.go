package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// The number of rows of a page: when none is asked for, and at most.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// encodeCursor makes the opaque cursor of a page that ended with the row of that key.
func encodeCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// decodeCursor returns the key at which a page ended, empty for the first page; malformed for anything that is no cursor.
func decodeCursor(cursor string) (string, error) {
	key, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(key) > 200 || strings.ContainsFunc(string(key), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errs.Wrap(err, errs.Malformed, "cursor")
	}
	return string(key), nil
}

// afterNumber reads the number at which a page ended, which is from 1 to the most that its column holds; 0 for the first page.
func afterNumber(p models.Page, most int64) (int64, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil || after == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, errs.Wrap(err, errs.Malformed, "cursor")
	}
	return n, nil
}

func limitOf(p models.Page) int {
	if p.Limit <= 0 {
		return defaultLimit
	}
	return min(p.Limit, maxLimit)
}

// order is the direction of a list. Identifiers sort by time, so it is also oldest or newest first.
type order bool

const (
	ascending  order = false
	descending order = true
)

// list returns a page of the rows that the query finds, in the order of their id, and the cursor of the next page, empty
// on the last. A row is on exactly one page, however many rows are made between two calls.
func list[T any](ctx context.Context, q gorm.ChainInterface[T], p models.Page, dir order, id func(T) string) ([]T, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	if err := estimate(ctx, q, p); err != nil {
		return nil, "", err
	}
	if after != "" {
		if dir == descending {
			q = q.Where("id < ?", after)
		} else {
			q = q.Where("id > ?", after)
		}
	}
	limit := limitOf(p)
	rows, err := q.Order(clause.OrderByColumn{Column: clause.Column{Name: "id"}, Desc: bool(dir)}).Limit(limit + 1).Find(ctx)
	if err != nil {
		return nil, "", mapped(err)
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	return rows, encodeCursor(id(rows[limit-1])), nil
}

// estimate answers about how many rows the query finds, where the page asks for that. It is the planner's estimate, never
// a count: its cost does not grow with the table, and its truth is that of the last ANALYZE.
func estimate[T any](ctx context.Context, q gorm.ChainInterface[T], p models.Page) error {
	if p.Estimate == nil {
		return nil
	}
	var plan []byte
	err := q.Scopes(func(stmt *gorm.Statement) {
		selecting := stmt.Clauses["SELECT"]
		selecting.BeforeExpression = clause.Expr{SQL: explainJSON}
		stmt.Clauses["SELECT"] = selecting
	}).Row(ctx).Scan(&plan)
	if err != nil {
		return mapped(err)
	}
	*p.Estimate, err = plannedRows(plan)
	return err
}

// estimate is the same for a statement without gorm.
func (q *query) estimate(ctx context.Context, s *Store, p models.Page) error {
	if p.Estimate == nil {
		return nil
	}
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		var plan []byte
		err := conn.QueryRow(ctx, explainJSON+" "+q.text.String(), q.args...).Scan(&plan)
		if err == nil {
			*p.Estimate, err = plannedRows(plan)
		}
		return err
	})
}

const explainJSON = "EXPLAIN (FORMAT JSON)"

// plannedRows reads how many rows a plan expects.
func plannedRows(plan []byte) (int64, error) {
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(plan, &plans); err != nil || len(plans) != 1 {
		return 0, fmt.Errorf("read plan %q: %w", plan, err)
	}
	return int64(plans[0].Plan.Rows), nil
}

// all begins a query over a table.
func all[T any](db *gorm.DB) gorm.ChainInterface[T] { return gorm.G[T](db).Where("true") }
