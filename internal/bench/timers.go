package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mcrflow/mcrflow/policies"
)

// watchSchema notes when a breach was written: the timeline itself keeps the instant at which it fell due.
const watchSchema = `CREATE TABLE IF NOT EXISTS bench.breaches (case_id text NOT NULL, written_at timestamptz NOT NULL);
CREATE OR REPLACE FUNCTION bench.note_breach() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO bench.breaches VALUES (NEW.subject_id, clock_timestamp());
	RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER note_breach AFTER INSERT ON timeline FOR EACH ROW WHEN (NEW.type = 'milestone_breached') EXECUTE FUNCTION bench.note_breach();`

// waves are the weights of the cases whose promises fall due together: each wave is recorded in the time in which all promises
// then fall due, so that recording them is no work that the machine can hardly do.
var waves = []string{"low", "high"}

// timerPolicy promises a first response within seconds by the wall clock, later to the first wave, and nothing else that falls
// due in a run.
func timerPolicy(promise, wave time.Duration) string {
	return fmt.Sprintf(`kind: sla
calendar: always
priority:
  matrix: {high: {high: P1, medium: P1, low: P2}, medium: {high: P2, medium: P3, low: P3}, low: {high: P3, medium: P4, low: P4}}
rules:
  - when: case.priority == "P1"
    milestones:
      - {name: first_response, target: %s, clock: elapsed}
      - {name: resolution, target: 720h, clock: elapsed}
  - when: "true"
    milestones:
      - {name: first_response, target: %s, clock: elapsed}
      - {name: resolution, target: 720h, clock: elapsed}
handover: {target: 15m, clock: elapsed, bounces_before_adjudication: 2}
waiting: {chaser: 24h, clock: elapsed, give_up_after: 3}
confirmation: {window: 72h, clock: elapsed}
reopen: {window: 168h, clock: elapsed}
extension: {max: 1, chain: extension}
ladder:
  - {on: breach, notify: [supervisor], task: supervise}
`, promise, promise+wave)
}

// measureTimers lets promises fall due at an even pace, without other work and with the API under half of what it can do,
// and the bare timers of the raw engine beside it.
func measureTimers(ctx context.Context, b *bench) ([]line, error) {
	n, over := sized(b, 3000, 200), sized(b, 60*time.Second, 10*time.Second)
	if err := errors.Join(b.makeClients(ctx), b.exec(ctx, watchSchema)); err != nil {
		return nil, err
	}
	noted, err := b.open(ctx, 200) // before the policy: nothing of theirs falls due
	if err != nil {
		return nil, err
	}
	note := func(ctx context.Context, i int64) error {
		i %= int64(len(noted))
		return b.api.post(ctx, agent(i), "/cases/"+noted[i]+"/note", b.key(), []byte(`{"text":"Called again."}`), nil)
	}
	took, elapsed, err := drive(ctx, b.concurrency, 5*time.Second, new(atomic.Int64), note)
	if err != nil {
		return nil, err
	}
	half := ratio(float64(len(took)), elapsed.Seconds()) / 2

	promise := over + 15*time.Second // the last case is recorded before the first promise falls due
	if err := b.publish(ctx, "sla", timerPolicy(promise, over)); err != nil {
		return nil, err
	}
	var lines []line
	for _, run := range []struct {
		name string
		load float64
		bar  time.Duration
	}{
		{"SLA timers, no other load", 0, time.Second},
		{fmt.Sprintf("SLA timers, with %.0f commands/s", half), half, 2 * time.Second},
	} {
		late, refused, err := b.breaches(ctx, n, over, promise, run.load, note)
		if err != nil {
			return nil, err
		}
		p99 := percentile(late, 99)
		b.say("%s: p99 %s", run.name, millis(p99))
		lines = append(lines, line{
			measure: run.name, figure: fmt.Sprintf("%d over %s: p99 %s late, worst %s", n, over, millis(p99), millis(percentile(late, 100))) + refused,
			bar: "p99 ≤ " + run.bar.String(), met: p99 <= run.bar,
		})
	}
	shipped, err := policies.FS.ReadFile("sla/default.yaml") // for the measures that follow
	if err != nil {
		return nil, err
	}
	if err := b.publish(ctx, "sla", string(shipped)); err != nil {
		return nil, err
	}
	late, err := b.bareTimers(ctx, n, over, promise)
	if err != nil {
		return nil, err
	}
	return append(lines, line{
		measure: "– raw engine, bare timers, no other load",
		figure:  fmt.Sprintf("%d over %s: p99 %s late, worst %s", n, over, millis(percentile(late, 99)), millis(percentile(late, 100))),
	}), nil
}

// publish puts a policy of a kind into force.
func (b *bench) publish(ctx context.Context, kind, policy string) error {
	return b.api.send(ctx, "manager1", "/policies/"+kind+"/versions", "application/yaml", []byte(policy))
}

// breaches records cases at an even pace, answers none of them, and returns how late each breach was written, and how many
// commands of the load were refused because they could not be taken in time.
func (b *bench) breaches(ctx context.Context, n int, over, promise time.Duration, load float64, note call) ([]time.Duration, string, error) {
	if err := b.exec(ctx, "TRUNCATE bench.breaches"); err != nil {
		return nil, "", err
	}
	part := n / len(waves)
	for _, weight := range waves {
		err := pace(ctx, float64(part)/over.Seconds(), part, func(ctx context.Context, i int64) error {
			_, err := b.submitOf(ctx, i, weight)
			return err
		})
		if err != nil {
			return nil, "", err
		}
	}
	var refused atomic.Int64
	if load > 0 {
		err := pace(ctx, load, int(load*promise.Seconds()), func(ctx context.Context, i int64) error {
			err := note(ctx, i)
			if r := (refusal{}); errors.As(err, &r) && r.status == http.StatusServiceUnavailable {
				refused.Add(1)
				return nil
			}
			return err
		})
		if err != nil {
			return nil, "", err
		}
	}
	if err := b.await(ctx, promise+2*time.Minute, "SELECT count(*) FROM bench.breaches", part*len(waves)); err != nil {
		return nil, "", err
	}
	said := ""
	if load > 0 {
		said = fmt.Sprintf("; %d of %d commands refused", refused.Load(), int(load*promise.Seconds()))
	}
	late, err := b.lateness(ctx, `SELECT extract(epoch FROM w.written_at - m.due_at)::float8 FROM bench.breaches w
		JOIN case_milestones m ON m.case_id = w.case_id AND m.name = 'first_response'`)
	return late, said, err
}

// bareTimers starts workflows that wait for a timer and then write.
func (b *bench) bareTimers(ctx context.Context, n int, over, promise time.Duration) ([]time.Duration, error) {
	if err := b.exec(ctx, "CREATE TABLE IF NOT EXISTS bench.timers (id text PRIMARY KEY, due_at timestamptz NOT NULL)"); err != nil {
		return nil, err
	}
	err := pace(ctx, float64(n)/over.Seconds(), n, func(ctx context.Context, i int64) error {
		due := time.Now().Add(promise)
		if err := b.exec(ctx, "INSERT INTO bench.timers VALUES ($1, $2)", rawID("timer", i), due); err != nil {
			return err
		}
		return b.rawTimer(ctx, rawID("timer", i), due)
	})
	if err != nil {
		return nil, err
	}
	const fired = "FROM bench.timers t JOIN bench.events e ON e.object_id = t.id"
	if err := b.await(ctx, promise+time.Minute, "SELECT count(*) "+fired, n); err != nil {
		return nil, err
	}
	return b.lateness(ctx, "SELECT extract(epoch FROM e.at - t.due_at)::float8 "+fired)
}

// await waits until the statement counts n.
func (b *bench) await(ctx context.Context, within time.Duration, statement string, n int, args ...any) error {
	deadline := time.Now().Add(within)
	for {
		var have int
		if err := b.db.QueryRowContext(ctx, statement, args...).Scan(&have); err != nil {
			return err
		}
		if have >= n {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d within %s", have, n, within)
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (b *bench) lateness(ctx context.Context, statement string) ([]time.Duration, error) {
	rows, err := b.db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var late []time.Duration
	for rows.Next() {
		var seconds float64
		if err := rows.Scan(&seconds); err != nil {
			return nil, err
		}
		late = append(late, time.Duration(seconds*float64(time.Second)))
	}
	return late, rows.Err()
}
