package temporalx

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
)

func TestBounded_commands_beyond_the_bound_wait_and_are_sent_away_in_time_with_nothing_sent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(nil, "queue", "build").Bounded(2) // one for a process; without a client: whatever is sent panics
		first, err := e.turn(t.Context(), "case/2")
		require.NoError(t, err)
		_, err = e.turn(t.Context(), "case/3")
		require.NoError(t, err)

		for name, send := range map[string]func(context.Context) error{
			"update": func(ctx context.Context) error {
				_, err := e.Update(ctx, "case/1", "note", "req_1", nil)
				return err
			},
			"start": func(ctx context.Context) error {
				_, err := e.Start(ctx, "Complaint", "case/1", nil, "record", "req_1", nil)
				return err
			},
		} {
			begun := time.Now()
			err := send(t.Context())
			require.Equal(t, errs.Unavailable, errs.CodeOf(err), name)
			require.ErrorContains(t, err, "unavailable.busy", name)
			var busy *errs.Error
			require.ErrorAs(t, err, &busy, name)
			require.Equal(t, turnWithin, busy.RetryAfter, name)
			require.Equal(t, turnWithin, time.Since(begun), name)
		}

		waits := make(chan error)
		go func() {
			_, err := e.turn(t.Context(), "case/2")
			waits <- err
		}()
		synctest.Wait()
		first()
		require.NoError(t, <-waits, "who waits comes when another one is done")
	})
}

func TestBounded_a_process_that_hangs_holds_a_quarter_of_the_turns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(nil, "queue", "build").Bounded(8)
		var ends []func()
		for range 2 {
			end, err := e.turn(t.Context(), "case/1")
			require.NoError(t, err)
			ends = append(ends, end)
		}
		_, err := e.turn(t.Context(), "case/1")
		require.ErrorContains(t, err, "unavailable.busy")
		for _, other := range []string{"case/2", "case/3", "case/4"} {
			for range 2 {
				end, err := e.turn(t.Context(), other)
				require.NoError(t, err)
				ends = append(ends, end)
			}
		}
		_, err = e.turn(t.Context(), "case/5")
		require.ErrorContains(t, err, "unavailable.busy", "all are taken")
		for _, end := range ends {
			end()
		}
		require.Empty(t, e.turns.shares, "nothing is kept of a process without commands")
	})
}

func TestBounded_leaves_the_engine_that_it_is_made_of_alone(t *testing.T) {
	t.Parallel()
	e := NewEngine(nil, "queue", "build")
	e.Bounded(1)
	for range 3 {
		_, err := e.turn(t.Context(), "case/2")
		require.NoError(t, err)
	}
}
