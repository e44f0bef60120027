package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// storedTask is a task with its case.
type storedTask struct {
	ID, Kind, Process, SubjectID string
	UserID, TeamID, DoneBy       *string
	CreatedAt                    time.Time
	DueAt, DoneAt                *time.Time
	Why                          map[string]string
	State                        models.TaskState
	Number, Subject              string
	Case                         models.CaseState
}

func (t storedTask) row() models.TaskRow {
	return models.TaskRow{
		Task: models.Task{
			ID: t.ID, Kind: t.Kind, UserID: deref(t.UserID), TeamID: deref(t.TeamID), CreatedAt: t.CreatedAt, DueAt: t.DueAt,
			Why: t.Why, State: t.State, DoneBy: deref(t.DoneBy), DoneAt: t.DoneAt,
		},
		Process: t.Process, SubjectID: t.SubjectID, Number: t.Number, Subject: t.Subject, Case: t.Case,
	}
}

// taskColumns is what a models.TaskRow is made of; t is the task.
const taskColumns = `SELECT t.id, t.kind, t.process, t.subject_id, t.user_id, t.team_id, t.done_by, t.created_at,
	nullif(t.due_at, 'infinity') AS due_at, t.done_at, t.why, t.state, c.number, c.subject, c.state AS "case"
FROM tasks t JOIN cases c ON c.id = t.subject_id `

// box is how an inbox is read: one walk of an index per person or team, in the order of a time.
type box struct {
	column string // whose
	open   bool
	time   string // the order, then id
	newest bool   // the latest first
	key    func(models.TaskRow) *time.Time
}

var boxes = map[models.TaskBox]box{
	models.BoxTodo:    {column: "holder", open: true, time: "due_at", key: func(t models.TaskRow) *time.Time { return t.DueAt }},
	models.BoxDone:    {column: "done_by", time: "done_at", newest: true, key: func(t models.TaskRow) *time.Time { return t.DoneAt }},
	models.BoxStarted: {column: "started_by", open: true, time: "created_at", newest: true, key: func(t models.TaskRow) *time.Time { return &t.CreatedAt }},
}

// Tasks lists one box of the actor's inbox and the cursor of the next page, empty on the last. To do is ordered by due
// time, what is never due last, and holds what waits for the actor, their team and those whose deputy they are. What they
// have done or started is theirs alone, the latest first. No process makes copies for reading yet, so that box is empty.
func (s *Store) Tasks(ctx context.Context, actor models.Actor, f models.TaskFilter, p models.Page) ([]models.TaskRow, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	b, ok := boxes[f.Box]
	if !ok {
		return []models.TaskRow{}, "", nil
	}
	whose := []string{actor.ID}
	if f.Box == models.BoxTodo {
		whose = inboxesOf(actor)
	}
	limit := limitOf(p)
	q, err := b.list(whose, f, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	found, err := read[storedTask](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return nil, "", err
	}
	rows := make([]models.TaskRow, len(found))
	for i, t := range found {
		rows[i] = t.row()
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	last := rows[limit-1]
	return rows, encodeCursor(placeOf(b.key(last)) + "|" + last.ID), nil
}

// inboxesOf lists the users and teams whose open tasks the actor may do: their own, their team's, and the same of those
// whose deputy they are.
func inboxesOf(a models.Actor) []string {
	var ids []string
	for _, p := range append([]models.Person{a.Person}, a.ActsFor...) {
		ids = append(ids, p.ID)
		if p.TeamID != "" && p.May(models.PermCaseWork) {
			ids = append(ids, p.TeamID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

const never = "infinity"

func placeOf(t *time.Time) string {
	if t == nil {
		return never
	}
	return t.Format(time.RFC3339Nano)
}

// list is the statement of a page.
func (b box) list(whose []string, f models.TaskFilter, after string, n int) (*query, error) {
	state, direction, beyond := "done", "", ">"
	if b.open {
		state = "open"
	}
	if b.newest {
		direction, beyond = " DESC", "<"
	}
	order := func(alias string) string {
		return fmt.Sprintf(" ORDER BY %[1]s.%[2]s%[3]s, %[1]s.id%[3]s", alias, b.time, direction)
	}
	q := &query{}
	q.add(taskColumns+`WHERE t.id IN (
	SELECT x.id FROM (SELECT w.id, w.`+b.time+` FROM unnest($%d::text[]) p(id) CROSS JOIN LATERAL (
		SELECT k.id, k.`+b.time+` FROM tasks k WHERE k.state = '`+state+`' AND k.`+b.column+` = p.id`, whose)
	if f.Process != "" {
		q.add(` AND k.process = $%d`, f.Process)
	}
	if f.DueBefore != nil {
		q.add(` AND k.due_at < $%d`, *f.DueBefore)
	}
	if after != "" {
		at, id, err := place(after)
		if err != nil {
			return nil, err
		}
		q.add(` AND (k.`+b.time+`, k.id) `+beyond+` ($%d::text::timestamptz, $%d)`, at, id)
	}
	limit := q.arg(n)
	fmt.Fprintf(&q.text, order("k")+` LIMIT $%d) w) x`+order("x")+` LIMIT $%d)`+order("t"), limit, limit)
	return q, nil
}

// place reads where a page ended.
func place(cursor string) (at, id string, err error) {
	at, id, ok := strings.Cut(cursor, "|")
	if at != never {
		_, err = time.Parse(time.RFC3339Nano, at)
	}
	if !ok || err != nil {
		return "", "", errs.Wrap(err, errs.Malformed, "cursor")
	}
	return at, id, nil
}

// Task returns one task that the actor may see; not_found otherwise. Those see it whose inbox it is in, who did it, who
// began its process, and who may see its case.
func (s *Store) Task(ctx context.Context, actor models.Actor, id string) (models.TaskRow, error) {
	var q query
	q.add(taskColumns+`WHERE t.id = $%d AND (t.holder = ANY($%d) OR t.done_by = $%d OR t.started_by = $%d OR (true`,
		id, inboxesOf(actor), actor.ID, actor.ID)
	q.narrow(scopeOf(actor))
	q.add(`))`)
	rows, err := read[storedTask](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return models.TaskRow{}, err
	}
	if len(rows) == 0 {
		return models.TaskRow{}, notFound()
	}
	return rows[0].row(), nil
}
