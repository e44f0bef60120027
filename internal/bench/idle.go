package main

import (
	"context"
	"fmt"
	"time"
)

// measureIdle watches API and worker while nothing happens, with few open cases and with many: in a full run fewer than its cache
// holds, and far more.
func measureIdle(ctx context.Context, b *bench) ([]line, error) {
	if err := b.makeClients(ctx); err != nil {
		return nil, err
	}
	sizes, watch := sized(b, [2]int{1000, 20_000}, [2]int{200, 2000}), sized(b, 30*time.Second, 10*time.Second)
	var open int
	if err := b.db.QueryRowContext(ctx, "SELECT count(*) FROM cases WHERE phase = 'live'").Scan(&open); err != nil {
		return nil, err
	}
	var lines []line
	for _, n := range sizes {
		if n > open {
			if _, err := b.open(ctx, n-open); err != nil {
				return nil, err
			}
			open = n
		}
		b.say("%d open cases, watching for %s", open, watch)
		if err := pause(ctx, 5*time.Second); err != nil { // what the last cases have started comes to an end
			return nil, err
		}
		before := b.cpu()
		if err := pause(ctx, watch); err != nil {
			return nil, err
		}
		used := b.cpu().minus(before)
		lines = append(lines, line{
			measure: fmt.Sprintf("API and worker with %d open, idle cases", open),
			figure: fmt.Sprintf("CPU %.1f %%, memory %d MiB, engine's CPU %.1f %%", 100*ratio(used[product].Seconds(), watch.Seconds()),
				memory(b.pids[product])>>20, 100*ratio(used["engine"].Seconds(), watch.Seconds())),
		})
	}
	return lines, nil
}

// pause waits for a time, or until the run is told to stop.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
