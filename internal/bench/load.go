package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

// call makes the n-th call of a load, counted from 0.
type call func(ctx context.Context, n int64) error

// drive keeps the number of callers busy for the time, each with its next call as soon as its last one was answered, and
// returns how long each call took. The first error ends it.
func drive(ctx context.Context, callers int, d time.Duration, next *atomic.Int64, do call) ([]time.Duration, time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	g, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	for range callers {
		g.Go(func() error {
			var took []time.Duration
			for time.Since(begun) < d {
				start := time.Now()
				if err := do(ctx, next.Add(1)-1); err != nil {
					return err
				}
				took = append(took, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			return nil
		})
	}
	err := g.Wait()
	return all, time.Since(begun), err
}

// each makes calls 0 to n-1, so many at once.
func each(ctx context.Context, callers, n int, do call) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callers)
	for i := range n {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return do(ctx, int64(i))
		})
	}
	return g.Wait()
}

// pace makes n calls at a rate per second, whether or not the earlier ones are answered.
func pace(ctx context.Context, perSecond float64, n int, do call) error {
	g, ctx := errgroup.WithContext(ctx)
	limiter := rate.NewLimiter(rate.Limit(perSecond), 1)
	for i := range n {
		if err := limiter.Wait(ctx); err != nil {
			break // the group knows why
		}
		g.Go(func() error { return do(ctx, int64(i)) })
	}
	return g.Wait()
}

// contest is a comparison of two ways to do the same, in turn.
type contest struct {
	name      string
	ours, raw call
	// moves is raw with the timer that ours moves, too. It may be nil: ours moves none.
	moves call
	// stock makes what the next round of ours uses up, which has about so many calls. It may be nil.
	stock func(ctx context.Context, calls int) error
}

// compare lets all sides run in turn, after a round of each that does not count. The machine changes its speed from minute to
// minute: rounds are short and many, every other one goes through the sides backwards, and what counts is the middle one of the
// ratios of a round. A side's turn begins when what the last one left to do, such as indexes to write and rows to clear away, is
// done: it is nobody else's.
func (b *bench) compare(ctx context.Context, c contest) ([]line, error) {
	rounds, length := sized(b, 12, 3), sized(b, 5*time.Second, 3*time.Second)
	type side struct {
		name  string
		do    call
		next  atomic.Int64
		total laps
	}
	raw, moves, ours := &side{name: "raw engine", do: c.raw}, &side{name: "raw engine, moving a timer", do: c.moves}, &side{name: "product", do: c.ours}
	sides := []*side{raw, moves, ours}
	if c.moves == nil {
		sides = []*side{raw, ours}
	}
	made := 0
	turn := slices.Clone(sides)
	for round := range rounds + 1 {
		for _, s := range turn {
			if s == ours && c.stock != nil {
				if err := c.stock(ctx, made+made/2); err != nil {
					return nil, err
				}
			}
			if err := b.settle(ctx); err != nil {
				return nil, err
			}
			before := b.cpu()
			took, elapsed, err := drive(ctx, b.concurrency, length, &s.next, s.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if made = max(made, len(took)); round == 0 {
				continue
			}
			spent := b.cpu().minus(before)
			s.total.add(took, elapsed, spent)
			b.say("%s, round %d of %d, %s: %.0f/s; CPU per call %s", c.name, round, rounds, s.name, s.total.rates[round-1], spent.per(len(took)))
		}
		slices.Reverse(turn)
	}
	var lines []line
	for _, s := range sides {
		if s == ours {
			continue
		}
		r := ratios(&ours.total, &s.total)
		middle := percentile(r, 50)
		lines = append(lines, line{
			measure: c.name, bar: "≥ 0.90", met: middle >= 0.90,
			figure: fmt.Sprintf("%.2f of %s (half of the rounds %.2f–%.2f)", middle, s.name, percentile(r, 25), percentile(r, 75)),
		})
	}
	for _, s := range sides {
		lines = append(lines, line{measure: "– " + s.name, figure: s.total.String() + "; CPU per call " + s.total.cpu.per(len(s.total.took))})
	}
	return lines, nil
}
