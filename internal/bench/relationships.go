package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/id"
)

// measureRelationships watches API and worker while the processes of many clients are open and nothing happens: in a full run
// first a tenth of the clients of a large organisation, then all of them.
func measureRelationships(ctx context.Context, b *bench) ([]line, error) {
	sizes, watch := sized(b, [2]int{1000, 10_000}, [2]int{200, 1000}), sized(b, 30*time.Second, 10*time.Second)
	open := 0
	var lines []line
	for _, n := range sizes {
		begun := time.Now()
		more := make([]string, n-open)
		for i := range more {
			more[i] = id.Derive(id.Client, "bench relationship", strconv.Itoa(open+i))
		}
		if err := b.befriend(ctx, more, "SABC"); err != nil {
			return nil, err
		}
		took := time.Since(begun)
		b.say("%d relationships open, watching for %s", n, watch)
		if err := pause(ctx, 5*time.Second); err != nil { // what the last ones have started comes to an end
			return nil, err
		}
		before := b.cpu()
		if err := pause(ctx, watch); err != nil {
			return nil, err
		}
		used := b.cpu().minus(before)
		lines = append(lines, line{
			measure: fmt.Sprintf("API and worker with %d open, idle relationships", n),
			figure: fmt.Sprintf("CPU %.1f %%, memory %d MiB, engine's CPU %.1f %%; begun at %.0f/s", 100*ratio(used[product].Seconds(), watch.Seconds()),
				memory(b.pids[product])>>20, 100*ratio(used["engine"].Seconds(), watch.Seconds()), float64(n-open)/took.Seconds()),
		})
		open = n
	}
	return lines, nil
}
