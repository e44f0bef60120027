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
	runs := []struct {
		name string
		load func(context.Context) (string, error)
		bar  time.Duration
	}{
		{"no other load", nil, time.Second},
		{fmt.Sprintf("with %.0f commands/s", half), func(ctx context.Context) (string, error) { return paced(ctx, half, promise, note) }, 2 * time.Second},
	}
	var lines []line
	for _, run := range runs {
		late, said, err := b.breaches(ctx, n, over, promise, run.load)
		if err != nil {
			return nil, err
		}
		p99 := percentile(late, 99)
		b.say("SLA timers, %s: p99 %s", run.name, millis(p99))
		lines = append(lines, line{
			measure: "SLA timers, " + run.name, figure: lateness(over, late) + said,
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
	for i, run := range runs {
		late, said, err := b.bareTimers(ctx, fmt.Sprintf("timer%d", i), n, over, promise, run.load)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{measure: "– raw engine, bare timers, " + run.name, figure: lateness(over, late) + said})
	}
	return lines, nil
}

// lateness tells how late what fell due in the time was done.
func lateness(over time.Duration, late []time.Duration) string {
	return fmt.Sprintf("%d over %s: p99 %s late, worst %s", len(late), over, millis(percentile(late, 99)), millis(percentile(late, 100)))
}

// paced makes calls at the rate for the time, and tells how many of them were refused because they could not be taken in time.
func paced(ctx context.Context, perSecond float64, d time.Duration, do call) (string, error) {
	n := int(perSecond * d.Seconds())
	var refused atomic.Int64
	err := pace(ctx, perSecond, n, func(ctx context.Context, i int64) error {
		err := do(ctx, i)
		if r := (refusal{}); errors.As(err, &r) && r.status == http.StatusServiceUnavailable {
			refused.Add(1)
			return nil
		}
		return err
	})
	return fmt.Sprintf("; %d of %d commands refused", refused.Load(), n), err
}

// publish puts a policy of a kind into force.
func (b *bench) publish(ctx context.Context, kind, policy string) error {
	return b.api.send(ctx, "manager1", "/policies/"+kind+"/versions", "application/yaml", []byte(policy))
}

// breaches records cases at an even pace, answers none of them, and returns how late each breach was written; and what is to be
// said of the load, or of the CPU time without one.
func (b *bench) breaches(ctx context.Context, n int, over, promise time.Duration, load func(context.Context) (string, error)) ([]time.Duration, string, error) {
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
	b.say("%d promises made", n)
	said, err := b.fallDue(ctx, promise+2*time.Minute, load, "SELECT count(*) FROM bench.breaches", part*len(waves))
	if err != nil {
		return nil, "", err
	}
	late, err := b.delays(ctx, `SELECT extract(epoch FROM w.written_at - m.due_at)::float8 FROM bench.breaches w
		JOIN case_milestones m ON m.case_id = w.case_id AND m.name = 'first_response'`)
	return late, said, err
}

// fallDue waits until the statement counts n, with the load beside it.
func (b *bench) fallDue(ctx context.Context, within time.Duration, load func(context.Context) (string, error), statement string, n int) (string, error) {
	before := b.cpu()
	if load == nil {
		err := b.await(ctx, within, statement, n)
		return "; CPU time each " + b.cpu().minus(before).per(n), err
	}
	said, err := load(ctx)
	if err != nil {
		return "", err
	}
	return said, b.await(ctx, within, statement, n)
}

// bareTimers starts workflows of the name that wait for a timer and then write; what it returns is as of breaches.
func (b *bench) bareTimers(ctx context.Context, name string, n int, over, promise time.Duration, load func(context.Context) (string, error)) ([]time.Duration, string, error) {
	if err := b.exec(ctx, "CREATE TABLE IF NOT EXISTS bench.timers (id text PRIMARY KEY, name text NOT NULL, due_at timestamptz NOT NULL)"); err != nil {
		return nil, "", err
	}
	first := time.Now().Add(over + promise) // they are started in twice the time in which they fire, as the cases are recorded
	err := pace(ctx, float64(n)/over.Seconds()/2, n, func(ctx context.Context, i int64) error {
		due := first.Add(over * time.Duration(i) / time.Duration(n))
		if err := b.exec(ctx, "INSERT INTO bench.timers VALUES ($1, $2, $3)", rawID(name, i), name, due); err != nil {
			return err
		}
		return b.rawTimer(ctx, rawID(name, i), due)
	})
	if err != nil {
		return nil, "", err
	}
	fired := fmt.Sprintf("FROM bench.timers t JOIN bench.events e ON e.object_id = t.id WHERE t.name = '%s'", name)
	said, err := b.fallDue(ctx, promise+2*time.Minute, load, "SELECT count(*) "+fired, n)
	if err != nil {
		return nil, "", err
	}
	late, err := b.delays(ctx, "SELECT extract(epoch FROM e.at - t.due_at)::float8 "+fired)
	return late, said, err
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

func (b *bench) delays(ctx context.Context, statement string) ([]time.Duration, error) {
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
