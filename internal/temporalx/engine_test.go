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
		e := NewEngine(nil, "queue", "build").Bounded(2) // without a client: whatever is sent panics
		first, err := e.turn(t.Context())
		require.NoError(t, err)
		_, err = e.turn(t.Context())
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
			_, err := e.turn(t.Context())
			waits <- err
		}()
		synctest.Wait()
		first()
		require.NoError(t, <-waits, "who waits comes when another one is done")
	})
}

func TestBounded_leaves_the_engine_that_it_is_made_of_alone(t *testing.T) {
	t.Parallel()
	e := NewEngine(nil, "queue", "build")
	e.Bounded(1)
	for range 3 {
		_, err := e.turn(t.Context())
		require.NoError(t, err)
	}
}
