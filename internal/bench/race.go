package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// pair is one database with few rows and one with many, and an API on each.
type pair struct {
	noun  string
	sizes [2]int
	sides [2]*apiCaller
}

// pair makes two databases, each with what fill puts into it, and starts an API on each.
func (b *bench) pair(ctx context.Context, noun string, sizes [2]int, fill func(ctx context.Context, conn *pgx.Conn, n int) error) (pair, error) {
	p := pair{noun: noun, sizes: sizes}
	for i, n := range sizes {
		name := fmt.Sprintf("%s_%d", noun, n)
		if err := b.exec(ctx, "CREATE DATABASE "+name); err != nil {
			return p, err
		}
		if err := filled(ctx, b.pg.URL(name), n, fill); err != nil {
			return p, err
		}
		var err error
		if p.sides[i], err = b.startAPI(ctx, fmt.Sprintf("api of %d %s", n, noun), b.pg.URL(name)); err != nil {
			return p, err
		}
		b.say("%d %s made", n, noun)
	}
	return p, nil
}

func filled(ctx context.Context, url string, n int, fill func(ctx context.Context, conn *pgx.Conn, n int) error) error {
	if err := prepare(ctx, url); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := fill(ctx, conn, n); err != nil {
		return err
	}
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// question is what somebody reads; path is where, among so many rows.
type question struct {
	name, user string
	path       func(n int) string
}

// race asks both sides every question, in turn.
func (b *bench) race(ctx context.Context, p pair, questions []question) ([]line, error) {
	calls := sized(b, 1000, 200)
	var lines []line
	for _, q := range questions {
		var took [2][]time.Duration
		for call := range calls + 50 {
			for i, side := range p.sides {
				start := time.Now()
				if err := side.get(ctx, q.user, q.path(p.sizes[i]), nil); err != nil {
					return nil, err
				}
				if call >= 50 { // the first ones plan statements and fill caches
					took[i] = append(took[i], time.Since(start))
				}
			}
		}
		few, many := percentile(took[0], 99), percentile(took[1], 99)
		r := ratio(many.Seconds(), few.Seconds())
		b.say("%s: %.2f", q.name, r)
		lines = append(lines, line{
			measure: q.name, bar: "≤ 2", met: r <= 2,
			figure: fmt.Sprintf("p99 %.2f times (%d %s %s, %d %s %s)", r, p.sizes[0], p.noun, millis(few), p.sizes[1], p.noun, millis(many)),
		})
	}
	return lines, nil
}
