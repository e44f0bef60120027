package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// tasksOfApproval is how many tasks an approval has here: two that are done, one that is open, and a copy for reading.
const tasksOfApproval = 4

// measureInbox compares reading a page among few tasks of approvals with reading one among many, box by box, and pages of
// the receptions that the approvals are about.
func measureInbox(ctx context.Context, b *bench) ([]line, error) {
	if err := b.makeClients(ctx); err != nil {
		return nil, err
	}
	row, err := b.askedFor(ctx)
	if err != nil {
		return nil, err
	}
	p, err := b.pair(ctx, "tasks", sized(b, [2]int{1000, 1_000_000}, [2]int{1000, 50_000}), row.copies)
	if err != nil {
		return nil, err
	}
	var questions []question
	for _, box := range []struct{ name, user string }{{"todo", "manager1"}, {"done", "manager1"}, {"cc", "manager1"}, {"started", "am1"}} {
		path := "/tasks?box=" + box.name
		questions = append(
			questions, question{"inbox of approvals, " + box.name + ", first page", box.user, func(int) string { return path }},
			question{"inbox of approvals, " + box.name + ", deep page", box.user, func(n int) string { return path + "&cursor=" + deepApproval(n) }},
		)
	}
	return b.race(ctx, p, append(
		questions,
		question{"reception list, requester, first page", "am1", func(int) string { return "/receptions" }},
		question{"reception list, requester, deep page", "am1", func(n int) string { return "/receptions?cursor=" + deepReception(n) }},
		question{"reception list, reads all, first page", "auditor1", func(int) string { return "/receptions" }},
		question{"reception list, reads all, deep page", "auditor1", func(n int) string { return "/receptions?cursor=" + deepReception(n) }},
	))
}

// deepApproval is the cursor of a page in the middle of every box: what belongs to approval i has its time i seconds after
// an hour that is long past.
func deepApproval(n int) string {
	middle := n / tasksOfApproval / 2
	return cursor(tasksDue.Add(time.Duration(middle)*time.Second).Format(time.RFC3339Nano) + "|" + numbered("task", middle))
}

func deepReception(n int) string { return cursor(numbered("reception", n/tasksOfApproval/2)) }

// asked is a reception that waits for approval, with that, its open task and its client, as they are stored.
type asked struct {
	users                             map[string]string // ids by name
	reception, approval, task, client []byte
}

// actors are the people of the copies: the reception is asked for by the first and decided on by the second, those with
// even numbers, and by the others likewise.
var actors = []string{"am1", "manager1", "am2", "clerk1"}

// askedFor plans a reception and reads it.
func (b *bench) askedFor(ctx context.Context) (asked, error) {
	v, err := b.visit(ctx, 50_000)
	if err != nil {
		return asked{}, err
	}
	row := asked{users: map[string]string{}}
	for _, name := range actors {
		var userID string
		if err := b.db.QueryRowContext(ctx, "SELECT id FROM users WHERE username = $1", name).Scan(&userID); err != nil {
			return asked{}, err
		}
		row.users[name] = userID
	}
	err = b.db.QueryRowContext(ctx, `SELECT to_jsonb(r), to_jsonb(a), to_jsonb(t), to_jsonb(l) FROM receptions r
		JOIN approvals a ON a.subject_id = r.id JOIN tasks t ON t.approval_id = a.id AND t.state = 'open' JOIN clients l ON l.id = r.client_id
		WHERE r.id = $1`, v.id).Scan(&row.reception, &row.approval, &row.task, &row.client)
	return row, err
}

// copies makes n tasks, of an approval for each four of them, each of a reception of its own.
func (a asked) copies(ctx context.Context, conn *pgx.Conn, n int) error {
	users := make([]string, len(actors))
	for i, name := range actors {
		if err := conn.QueryRow(ctx, "SELECT id FROM users WHERE username = $1", name).Scan(&users[i]); err != nil {
			return err
		}
		for _, row := range []*[]byte{&a.reception, &a.approval, &a.task} {
			*row = bytes.ReplaceAll(*row, []byte(a.users[name]), []byte(users[i]))
		}
	}
	if _, err := conn.Exec(ctx, `INSERT INTO clients SELECT (jsonb_populate_record(NULL::clients, $1)).*`, a.client); err != nil {
		return err
	}
	// s is what a copy has of its own: its number i, its ids, its people and its time
	const source = `jsonb_populate_record(NULL::%s, $1) t CROSS JOIN LATERAL (
		SELECT i, 'reception_' || lpad(i::text, 26, '0') AS reception_id, 'approval_' || lpad(i::text, 26, '0') AS approval_id,
			($3::text[])[1 + i %% 2 * 2] AS requester, ($3::text[])[2 + i %% 2 * 2] AS decider, $4::timestamptz + i * interval '1 second' AS at
		FROM generate_series(1, $2::int) i) s`
	for _, c := range []struct{ table, own, values, from string }{
		{
			"receptions", "id, number, requester_id, created_at, updated_at, state",
			`s.reception_id, 'REC-20260105-' || s.i, s.requester, s.at, s.at,
				t.state || jsonb_build_object('id', s.reception_id, 'number', 'REC-20260105-' || s.i, 'requester_id', s.requester, 'created_at', s.at)`, "",
		},
		{
			"approvals", "id, subject_id, requester_id, created_at, updated_at, state", `s.approval_id, s.reception_id, s.requester, s.at, s.at,
				t.state || jsonb_build_object('id', s.approval_id, 'subject_id', s.reception_id, 'created_at', s.at)`, "",
		},
		{
			"tasks", "id, subject_id, approval_id, user_id, started_by, state, due_at, created_at, done_by, done_at",
			`'task_' || lpad((s.i + k.nth * $2)::text, 26, '0'), s.reception_id, s.approval_id, s.decider, s.requester, k.state, s.at, s.at,
				CASE k.state WHEN 'done' THEN s.decider END, CASE k.state WHEN 'done' THEN s.at END`,
			` CROSS JOIN (VALUES (0, 'open'), (1, 'copy'), (2, 'done'), (3, 'done')) k(nth, state)`,
		},
	} {
		same, err := columns(ctx, conn, c.table, strings.Split(c.own, ", ")...)
		if err != nil {
			return err
		}
		row := map[string][]byte{"receptions": a.reception, "approvals": a.approval, "tasks": a.task}[c.table]
		_, err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT t.%s, %s FROM "+source+"%s", c.table, same, c.own,
			strings.ReplaceAll(same, ", ", ", t."), c.values, c.table, c.from), row, n/tasksOfApproval, users, tasksDue)
		if err != nil {
			return fmt.Errorf("%s: %w", c.table, err)
		}
	}
	_, err := conn.Exec(ctx, `INSERT INTO reception_access (principal, reception_id) SELECT requester_id, id FROM receptions`)
	return err
}
