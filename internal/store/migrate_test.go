package store_test

import (
	"io/fs"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
)

// schema lists the tables, indexes, constraints, functions and triggers of a database, without those of extensions.
func schema(t *testing.T, url string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `
		SELECT 'relation ' || relname || ' ' || relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
		UNION ALL SELECT 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull::text
			FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT 'function ' || proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
		UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
		ORDER BY 1`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var ours []string
	for _, line := range lines {
		if !regexp.MustCompile(`goose|gbtree`).MatchString(line) {
			ours = append(ours, line)
		}
	}
	return ours
}

func TestMigrations_up_down_up_end_where_they_began(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyDatabase(t)
	require.Empty(t, schema(t, url))
	require.NoError(t, store.Migrate(t.Context(), url))
	first := schema(t, url)
	require.Contains(t, first, "relation users r")
	require.NoError(t, store.MigrateDown(t.Context(), url, 0))
	require.Empty(t, schema(t, url), "down leaves nothing behind")
	require.NoError(t, store.Migrate(t.Context(), url))
	require.Equal(t, first, schema(t, url))
	require.NoError(t, store.Migrate(t.Context(), url), "a second start has nothing to do")
}

func TestMigrations_each_can_be_undone(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(store.Migrations(), "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	url := testkit.EmptyDatabase(t)
	require.NoError(t, store.Migrate(t.Context(), url))
	full := schema(t, url)
	for version := range files {
		require.NoError(t, store.MigrateDown(t.Context(), url, int64(version)))
		require.NoError(t, store.Migrate(t.Context(), url))
		require.Equal(t, full, schema(t, url), "down to %d and up again", version)
	}
}

func TestMigrations_several_processes_at_once_do_the_work_once(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyDatabase(t)
	var g errgroup.Group
	for range 4 {
		g.Go(func() error { return store.Migrate(t.Context(), url) })
	}
	require.NoError(t, g.Wait())
	require.Equal(t, schema(t, testkit.Database(t)), schema(t, url))
}
