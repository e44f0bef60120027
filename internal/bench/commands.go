package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/id"
)

// benchClients is how many clients the cases are spread over: none has more of them at hand than a busy client has.
const benchClients = 2000

func clientID(n int64) string {
	return id.Derive(id.Client, "bench", strconv.FormatInt(n%benchClients, 10))
}

// makeClients makes the clients of the run unless they are there, with their relationships: nothing shall be left to do beside
// what is measured. Their class raises no priority and tells nobody.
func (b *bench) makeClients(ctx context.Context) error {
	if b.clients {
		return nil
	}
	ids := make([]string, benchClients)
	for i := range ids {
		ids[i] = clientID(int64(i))
	}
	b.clients = true
	if err := b.befriend(ctx, ids, "B"); err != nil {
		return err
	}
	return b.exec(ctx, "VACUUM ANALYZE") // which would come by itself, in the middle of a round
}

// befriend makes clients, of these classes in turn, and waits until the processes of their relationships have begun.
func (b *bench) befriend(ctx context.Context, ids []string, classes string) error {
	err := b.exec(ctx, `INSERT INTO clients (id, name, industry, region, class, status, external_ref, version, created_at, updated_at)
		SELECT id, 'Client ' || id, 'logistics', 'EMEA', substr($2, 1 + n::int % length($2), 1), 'active', '', 1, now(), now()
		FROM unnest($1::text[]) WITH ORDINALITY c(id, n) ON CONFLICT DO NOTHING`, ids, classes)
	if err != nil {
		return err
	}
	return each(ctx, b.concurrency, len(ids), func(ctx context.Context, i int64) error {
		return b.api.get(ctx, "manager1", "/clients/"+ids[i]+"/relationship", nil)
	})
}

// complaint is the body of a new case, as weighty on both scales: with low its first checkpoint is hours away by the default
// policy.
func complaint(n int64, weight string) []byte {
	return fmt.Appendf(nil, `{"type":"complaint","client_id":%q,"contact":{"name":"Owen Marsh","phone":"+44 20 5550 0103","email":"owen@client.example"},
		"channel":"phone","subject":"Delivery %d arrived damaged","description":"Two of the five boxes were open, and the inner packing was wet. The client asks for a replacement this week.",
		"category":"delivery","impact":%q,"urgency":%q,"external_ref":"EXT-%d"}`, clientID(n), n, weight, weight, n)
}

func agent(n int64) string { return agents[n%int64(len(agents))] }

// submit records a case and returns its id.
func (b *bench) submit(ctx context.Context, n int64) (string, error) {
	return b.submitOf(ctx, n, "low")
}

func (b *bench) submitOf(ctx context.Context, n int64, weight string) (string, error) {
	var view struct {
		ID string `json:"id"`
	}
	err := b.api.post(ctx, agent(n), "/cases", b.key(), complaint(n, weight), &view)
	return view.ID, err
}

// open records n cases and returns their ids; case i is agent(i)'s.
func (b *bench) open(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, n)
	err := each(ctx, b.concurrency, n, func(ctx context.Context, i int64) (err error) {
		ids[i], err = b.submit(ctx, i)
		return err
	})
	return ids, err
}

func measureSubmit(ctx context.Context, b *bench) ([]line, error) {
	if err := b.makeClients(ctx); err != nil {
		return nil, err
	}
	return b.compare(ctx, contest{
		name: "submit a case (POST /cases)",
		ours: func(ctx context.Context, n int64) error { _, err := b.submit(ctx, n); return err },
		raw: func(ctx context.Context, n int64) error {
			return b.rawStart(ctx, rawInput{ID: rawID("submit", n)}, complaint(n, "low"))
		},
	})
}

// measureCommand takes a note and an answer to the client: the smallest command, and one that moves promises.
func measureCommand(ctx context.Context, b *bench) ([]line, error) {
	if err := b.makeClients(ctx); err != nil {
		return nil, err
	}
	n := sized(b, 400, 100)
	var lines []line
	for _, command := range []struct {
		name, body string
		moves      bool
	}{
		{"note", `{"text":"Called the warehouse: they look for the boxes.","visibility":"internal"}`, false},
		{"respond", `{"message":"We have found your boxes and send new ones today."}`, true},
	} {
		cases, err := b.open(ctx, n)
		if err != nil {
			return nil, err
		}
		body := []byte(command.body)
		raw, moves, err := b.rawObjects(ctx, command.name, n, command.moves, body)
		if err != nil {
			return nil, err
		}
		more, err := b.compare(ctx, contest{
			name: "command on an open case (" + command.name + ")",
			ours: func(ctx context.Context, i int64) error {
				i %= int64(n)
				return b.api.post(ctx, agent(i), "/cases/"+cases[i]+"/"+command.name, b.key(), body, nil)
			},
			raw:   raw,
			moves: moves,
		})
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

// movesBy is how far away the timers are that raw objects move: as a promise, too far to fire in a run.
const movesBy = 4 * time.Hour

// rawObjects starts n objects and returns the call that writes them in turn; with timer also the one that writes n others, and sets
// their timer anew each time.
func (b *bench) rawObjects(ctx context.Context, name string, n int, timer bool, body []byte) (plain, moves call, err error) {
	start := func(name string, by time.Duration) call {
		err = errors.Join(err, each(ctx, b.concurrency, n, func(ctx context.Context, i int64) error {
			return b.rawStart(ctx, rawInput{ID: rawID(name, i), Moves: by}, body)
		}))
		return func(ctx context.Context, i int64) error { return b.rawWrite(ctx, rawID(name, i%int64(n)), body) }
	}
	plain = start(name, 0)
	if timer {
		moves = start(name+", moving a timer", movesBy)
	}
	return plain, moves, err
}
