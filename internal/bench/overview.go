package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"
)

const (
	eventsOfCase   = 10 // how many events each case has here
	openCasesShown = 20 // and how many of them are open: reading all open ones is what the overview does
)

// measureOverview compares reading everything about a client of whom few events are recorded with one of whom many are. Both
// have as many open cases.
func measureOverview(ctx context.Context, b *bench) ([]line, error) {
	caseRow, taskRow, err := b.template(ctx)
	if err != nil {
		return nil, err
	}
	p, err := b.pair(ctx, "events", sized(b, [2]int{1000, 1_000_000}, [2]int{1000, 50_000}), func(ctx context.Context, conn *pgx.Conn, n int) error {
		if err := manyCases(ctx, conn, n/eventsOfCase, caseRow, taskRow); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, `UPDATE cases SET status = 'closed', closed_at = created_at, state = state || jsonb_build_object('status', 'closed', 'closed_at', created_at)
			WHERE phase = 'live' AND id NOT IN (SELECT id FROM cases WHERE phase = 'live' ORDER BY id DESC LIMIT $1)`, openCasesShown)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `INSERT INTO timeline (subject_id, seq, at, type, actor, on_behalf_of, data)
			SELECT id, i, created_at - ($1 - i) * interval '1 minute', 'noted', 'system', '', '{"visibility": "internal"}' FROM cases, generate_series(1, $1) i`, eventsOfCase)
		return err
	})
	if err != nil {
		return nil, err
	}
	var client struct{ ID string }
	if err := json.Unmarshal(caseRow.client, &client); err != nil {
		return nil, err
	}
	path := "/clients/" + client.ID + "/overview"
	for _, side := range p.sides { // what is read is what was made
		var v struct{ Timeline []any }
		if err := side.get(ctx, "manager1", path, &v); err != nil {
			return nil, err
		}
		if len(v.Timeline) == 0 {
			return nil, errors.New("the overview shows no events of those that were made")
		}
	}
	return b.race(ctx, p, []question{{"overview of a client by events", "manager1", func(int) string { return path }}})
}
