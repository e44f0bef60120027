package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// measureLists compares reading a page of few rows with reading one of many.
func measureLists(ctx context.Context, b *bench) ([]line, error) {
	caseRow, taskRow, err := b.template(ctx)
	if err != nil {
		return nil, err
	}
	p, err := b.pair(ctx, "cases", sized(b, [2]int{1000, 1_000_000}, [2]int{1000, 50_000}), func(ctx context.Context, conn *pgx.Conn, n int) error {
		return manyCases(ctx, conn, n, caseRow, taskRow)
	})
	if err != nil {
		return nil, err
	}
	return b.race(ctx, p, []question{
		{"case list, agent, first page", "agent1", func(int) string { return "/cases" }},
		{"case list, agent, deep page", "agent1", func(n int) string { return "/cases?cursor=" + deepCase(n) }},
		{"case list, reads all, first page", "auditor1", func(int) string { return "/cases" }},
		{"case list, reads all, deep page", "auditor1", func(n int) string { return "/cases?cursor=" + deepCase(n) }},
		{"inbox, agent, first page", "agent1", func(int) string { return "/tasks?box=todo" }},
		{"inbox, agent, deep page", "agent1", func(n int) string { return "/tasks?box=todo&cursor=" + deepTask(n) }},
	})
}

// Cases are numbered from 1, the newest last; one in five is open, and each agent has a quarter of them and of the tasks.
const openOneIn = 5

func numbered(prefix string, n int) string { return fmt.Sprintf("%s_%026d", prefix, n) }

func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// deepCase is the cursor of a page in the middle of the list.
func deepCase(n int) string { return cursor(numbered("case", n/2)) }

// deepTask is the cursor of a page in the middle of the inbox: task i is due i seconds after an hour that is long past.
func deepTask(n int) string {
	return cursor(tasksDue.Add(time.Duration(n/2)*time.Second).Format(time.RFC3339Nano) + "|" + numbered("task", n/2))
}

var tasksDue = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// manyCases makes n cases, all copies of a real one, with the rows by which lists and inboxes find them.
func manyCases(ctx context.Context, conn *pgx.Conn, n int, caseRow sample, taskRow []byte) error {
	users := make([]string, len(agents))
	teams := make([]string, len(agents))
	for i, agent := range agents {
		if err := conn.QueryRow(ctx, "SELECT id, team_id FROM users WHERE username = $1", agent).Scan(&users[i], &teams[i]); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, `INSERT INTO clients SELECT (jsonb_populate_record(NULL::clients, $1)).*`, caseRow.client); err != nil {
		return err
	}
	caseColumns, err := columns(ctx, conn, "cases", "id", "number", "status", "accountable_id", "accountable_team_id", "assignee_id",
		"created_by", "created_at", "updated_at", "closed_at", "state")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`INSERT INTO cases (%[1]s, id, number, status, accountable_id, accountable_team_id, assignee_id, created_by,
			created_at, updated_at, closed_at, state)
		SELECT %[2]s, n.id, n.number, n.status, n.holder, n.team, n.holder, n.holder, n.at, n.at, n.closed_at,
			t.state || jsonb_strip_nulls(jsonb_build_object('id', n.id, 'number', n.number, 'status', n.status, 'accountable_id', n.holder,
				'accountable_team_id', n.team, 'assignee_id', n.holder, 'created_by', n.holder, 'created_at', n.at, 'updated_at', n.at,
				'closed_at', n.closed_at))
		FROM jsonb_populate_record(NULL::cases, $1) t CROSS JOIN LATERAL (
			SELECT 'case_' || lpad(i::text, 26, '0') AS id, 'CMP-20260105-' || i AS number,
				CASE WHEN i %% $3 < 1 THEN 'open' ELSE 'closed' END AS status,
				($4::text[])[1 + i / $3 %% 4] AS holder, ($5::text[])[1 + i / $3 %% 4] AS team,
				$6::timestamptz + i * interval '1 second' AS at,
				CASE WHEN i %% $3 < 1 THEN NULL ELSE $6::timestamptz + i * interval '1 second' END AS closed_at
			FROM generate_series(1, $2::int) i) n`, caseColumns, "t."+strings.ReplaceAll(caseColumns, ", ", ", t.")),
		caseRow.row, n, openOneIn, users, teams, tasksDue)
	if err != nil {
		return err
	}
	taskColumns, err := columns(ctx, conn, "tasks", "id", "subject_id", "user_id", "team_id", "state", "due_at", "created_at", "done_by",
		"done_at", "started_by")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`INSERT INTO tasks (%s, id, subject_id, user_id, state, due_at, created_at, done_by, done_at, started_by)
		SELECT %s, 'task_' || substr(c.id, 6), c.id, c.assignee_id, CASE c.phase WHEN 'live' THEN 'open' ELSE 'done' END, c.created_at, c.created_at,
			CASE c.phase WHEN 'live' THEN NULL ELSE c.assignee_id END, c.closed_at, c.created_by
		FROM jsonb_populate_record(NULL::tasks, $1) t CROSS JOIN cases c`, taskColumns, "t."+strings.ReplaceAll(taskColumns, ", ", ", t.")), taskRow)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `INSERT INTO case_access (principal, phase, breached, case_id)
		SELECT p, phase, breached, id FROM cases CROSS JOIN LATERAL unnest(ARRAY[assignee_id, accountable_team_id]) p`)
	return err
}

// sample is a case as it is stored, with its client.
type sample struct{ row, client []byte }

// template records a case and reads it and its task.
func (b *bench) template(ctx context.Context) (sample, []byte, error) {
	if err := b.makeClients(ctx); err != nil {
		return sample{}, nil, err
	}
	caseID, err := b.submit(ctx, 0)
	if err != nil {
		return sample{}, nil, err
	}
	var s sample
	var task []byte
	err = b.db.QueryRowContext(ctx, `SELECT to_jsonb(c), to_jsonb(l), to_jsonb(t) FROM cases c JOIN clients l ON l.id = c.client_id
		JOIN tasks t ON t.subject_id = c.id WHERE c.id = $1`, caseID).Scan(&s.row, &s.client, &task)
	return s, task, err
}

// columns lists the columns of a table that are copied as they are: not those that differ, nor those that follow from others.
func columns(ctx context.Context, conn *pgx.Conn, table string, but ...string) (string, error) {
	var names string
	err := conn.QueryRow(ctx, `SELECT string_agg(column_name, ', ') FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER' AND column_name <> ALL($2)`, table, but).Scan(&names)
	return names, err
}
