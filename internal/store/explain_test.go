package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/internal/store"
)

type gormDB = gorm.DB

// explain returns the plans of the statements that the function runs: what is really sent, not a copy of it.
func explain(t *testing.T, s *store.Store, run func(context.Context, *store.Store) error) string {
	t.Helper()
	type statement struct {
		sql  string
		vars []any
	}
	var sent []statement
	note := func(tx *gorm.DB) {
		sent = append(sent, statement{tx.Statement.SQL.String(), tx.Statement.Vars})
	}
	const name = "explain"
	require.NoError(t, s.DB().Callback().Query().After("gorm:query").Register(name, note))
	require.NoError(t, s.DB().Callback().Row().After("gorm:row").Register(name, note))
	err := run(t.Context(), s)
	require.NoError(t, s.DB().Callback().Query().Remove(name))
	require.NoError(t, s.DB().Callback().Row().Remove(name))
	require.NoError(t, err)
	require.NotEmpty(t, sent)

	conns, err := s.DB().DB()
	require.NoError(t, err)
	var plan strings.Builder
	for _, st := range sent {
		rows, err := conns.QueryContext(t.Context(), "EXPLAIN "+st.sql, st.vars...)
		require.NoError(t, err)
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return plan.String()
}
