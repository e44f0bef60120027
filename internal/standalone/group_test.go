package standalone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/standalone"
)

// part notes in stops when it is stopped.
type part struct {
	name  string
	stops *[]string
	done  chan error
	fault error
}

func (p part) Done() <-chan error { return p.done }

func (p part) Stop(context.Context) error {
	*p.stops = append(*p.stops, p.name)
	return p.fault
}

func TestGroup(t *testing.T) {
	t.Parallel()

	t.Run("stops_in_reverse_order_and_joins_errors", func(t *testing.T) {
		t.Parallel()
		var stops []string
		broken := errors.New("stuck")
		g := standalone.NewGroup()
		for _, p := range []part{{name: "database"}, {name: "engine", fault: broken}, {name: "api"}} {
			p.stops, p.done = &stops, make(chan error)
			g.Add(p.name, p)
		}
		err := g.Stop(t.Context())
		require.ErrorIs(t, err, broken)
		require.EqualError(t, err, "engine: stuck")
		require.Equal(t, []string{"api", "engine", "database"}, stops)
	})
	t.Run("wait_names_the_part_that_died", func(t *testing.T) {
		t.Parallel()
		g := standalone.NewGroup()
		healthy, dying := part{done: make(chan error)}, part{done: make(chan error, 1)}
		g.Add("database", healthy)
		g.Add("engine", dying)
		dying.done <- errors.New("signal: killed")
		require.EqualError(t, g.Wait(t.Context()), "engine failed: signal: killed")
	})
	t.Run("wait_ends_without_error_when_asked_to_stop", func(t *testing.T) {
		t.Parallel()
		g := standalone.NewGroup()
		g.Add("database", part{done: make(chan error)})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, g.Wait(ctx))
	})
}

func TestLockDataDirRefusesSecondInstance(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	first, err := standalone.LockDataDir(dir)
	require.NoError(t, err)
	_, err = standalone.LockDataDir(dir)
	require.ErrorContains(t, err, "another mcrflow is running on the data directory "+dir)
	require.NoError(t, first.Unlock())
	again, err := standalone.LockDataDir(dir)
	require.NoError(t, err)
	require.NoError(t, again.Unlock())

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o066, "others can read the data directory")
}
