package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// storedTask is a task with its case, approval, reception or relationship.
type storedTask struct {
	ID, Kind, Process, SubjectID string
	UserID, TeamID, DoneBy       *string
	CreatedAt                    time.Time
	DueAt, DoneAt                *time.Time
	Why                          map[string]string
	State                        models.TaskState
	Number, Subject              string
	Case                         *models.CaseState
	Approval                     *models.ApprovalState
	Reception                    *models.ReceptionState
	Relationship                 *models.RelationshipState
}

func (t storedTask) row() models.TaskRow {
	return models.TaskRow{
		Task: models.Task{
			ID: t.ID, Kind: t.Kind, UserID: deref(t.UserID), TeamID: deref(t.TeamID), CreatedAt: t.CreatedAt, DueAt: t.DueAt,
			Why: t.Why, State: t.State, DoneBy: deref(t.DoneBy), DoneAt: t.DoneAt,
		},
		Process: t.Process, SubjectID: t.SubjectID, Number: t.Number, Subject: t.Subject, Case: t.Case, Approval: t.Approval,
		Reception: t.Reception, Relationship: t.Relationship,
	}
}

// taskColumns is what a models.TaskRow is made of; t is the task. The name of the subject is looked up where its process
// keeps it. The state is that of the process that the task belongs to: of an approval's task it is not the case's.
const taskColumns = `SELECT t.id, t.kind, t.process, t.subject_id, t.user_id, t.team_id, t.done_by, t.created_at,
	nullif(t.due_at, 'infinity') AS due_at, t.done_at, t.why, t.state, coalesce(c.number, r.number, a.state ->> 'number', to_char(i.month, 'YYYY-MM'),
		(SELECT f.state ->> 'number' FROM follow_ups f WHERE f.id = t.subject_id),
		(SELECT m.number FROM invitations v JOIN campaigns m ON m.id = v.subject_id WHERE v.id = t.subject_id), '') AS number,
	coalesce(c.subject, r.purpose, (SELECT v.name FROM invitations v WHERE v.id = t.subject_id), (` + clientSubject + `t.subject_id), '') AS subject,
	CASE WHEN t.approval_id IS NULL THEN c.state END AS "case", a.state AS approval,
	CASE WHEN t.approval_id IS NULL THEN r.state END AS reception,
	CASE WHEN t.process = '` + models.RelationshipProcess + `' AND t.state = 'open'
		THEN (SELECT v.state - '{facts,tasks,spoken,criteria,handled}'::text[] FROM relationships v WHERE v.id = t.subject_id) END AS relationship
FROM tasks t LEFT JOIN cases c ON c.id = t.subject_id LEFT JOIN receptions r ON r.id = t.subject_id LEFT JOIN approvals a ON a.id = t.approval_id
	LEFT JOIN inspections i ON i.id = t.subject_id `

// box is how an inbox is read: one walk of an index per person or team, in the order of a time.
type box struct {
	column string // whose
	state  models.TaskState
	time   string // the order, then id
	newest bool   // the latest first
	key    func(models.TaskRow) *time.Time
}

var boxes = map[models.TaskBox]box{
	models.BoxTodo:    {column: "holder", state: models.TaskOpen, time: "due_at", key: func(t models.TaskRow) *time.Time { return t.DueAt }},
	models.BoxDone:    {column: "done_by", state: models.TaskDone, time: "done_at", newest: true, key: func(t models.TaskRow) *time.Time { return t.DoneAt }},
	models.BoxStarted: {column: "started_by", state: models.TaskOpen, time: "created_at", newest: true, key: madeAt},
	models.BoxCC:      {column: "holder", state: models.TaskCopy, time: "created_at", newest: true, key: madeAt},
}

func madeAt(t models.TaskRow) *time.Time { return &t.CreatedAt }

// Tasks lists one box of the actor's inbox and the cursor of the next page, empty on the last. To do is ordered by due
// time, what is never due last, and holds what waits for the actor, their team and those whose deputy they are. An approval
// gives a deputy who may decide a task of their own: what it asks of others is not in their box. What they have done or
// started, and their copies, are theirs alone, the latest first. A box that is none is empty.
func (s *Store) Tasks(ctx context.Context, actor models.Actor, f models.TaskFilter, p models.Page) ([]models.TaskRow, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	b, ok := boxes[f.Box]
	if !ok {
		return []models.TaskRow{}, "", nil
	}
	in := inboxOf(actor, f.Box)
	if err := b.count(in, f).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q, err := b.list(in, f, after, limit+1)
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

// inbox is whose tasks are in somebody's box, users and teams: the principals of its scope.
type inbox struct {
	scope
	self string
}

// inboxOf is the inbox of a box. Open are also the tasks of the actor's team, and the same of those whose deputy they are.
func inboxOf(a models.Actor, b models.TaskBox) inbox {
	in := inbox{self: a.ID}
	if b != models.BoxTodo {
		in.principals = []string{a.ID}
		return in
	}
	in.within = map[string][]string{}
	whole := map[string]bool{}
	for _, p := range append([]models.Person{a.Person}, a.ActsFor...) {
		holders := []string{p.ID}
		if p.TeamID != "" && p.May(models.PermCaseWork) {
			holders = append(holders, p.TeamID)
		}
		for _, h := range holders {
			in.within[h] = append(in.within[h], p.Processes...)
			whole[h] = whole[h] || len(p.Processes) == 0
		}
		in.principals = append(in.principals, holders...)
	}
	maps.DeleteFunc(in.within, func(h string, _ []string) bool { return whole[h] })
	slices.Sort(in.principals)
	in.principals = slices.Compact(in.principals)
	return in
}

const never = "infinity"

func placeOf(t *time.Time) string {
	if t == nil {
		return never
	}
	return t.Format(time.RFC3339Nano)
}

// count is a statement that finds what all pages together show; only the planner reads it.
func (b box) count(in inbox, f models.TaskFilter) *query {
	q := &query{}
	q.add(`SELECT FROM tasks k WHERE k.state = '`+string(b.state)+`' AND k.`+b.column+` = ANY($%d)`, in.principals)
	q.filterTasks(in, f)
	return q
}

// filterTasks limits the tasks k to those that the filter asks for and that the reader, beside whose own tasks are those of
// others, may settle.
func (q *query) filterTasks(in inbox, f models.TaskFilter) {
	if len(in.principals) > 1 {
		q.add(` AND (k.approval_id IS NULL OR k.holder = $%d)`, in.self)
	}
	q.within(in.scope, "k.holder", "k")
	if f.Process != "" {
		q.add(` AND k.process = $%d`, f.Process)
	}
	if f.SubjectID != "" {
		q.add(` AND k.subject_id = $%d`, f.SubjectID)
	}
	if f.DueBefore != nil {
		q.add(` AND k.due_at < $%d`, *f.DueBefore)
	}
}

// list is the statement of a page.
func (b box) list(in inbox, f models.TaskFilter, after string, n int) (*query, error) {
	direction, beyond := "", ">"
	if b.newest {
		direction, beyond = " DESC", "<"
	}
	order := func(alias string) string {
		return fmt.Sprintf(" ORDER BY %[1]s.%[2]s%[3]s, %[1]s.id%[3]s", alias, b.time, direction)
	}
	q := &query{}
	q.add(taskColumns+`WHERE t.id IN (
	SELECT x.id FROM (SELECT w.id, w.`+b.time+` FROM unnest($%d::text[]) p(id) CROSS JOIN LATERAL (
		SELECT k.id, k.`+b.time+` FROM tasks k WHERE k.state = '`+string(b.state)+`' AND k.`+b.column+` = p.id`, in.principals)
	q.filterTasks(in, f)
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

// place reads where a page ended. What comes back is a time as the database reads it: not every one that Go reads is.
func place(cursor string) (at, id string, err error) {
	at, id, ok := strings.Cut(cursor, "|")
	if ok && at == never {
		return at, id, nil
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	t = t.UTC()
	if !ok || err != nil || t.Year() < 1 || t.Year() > 9999 {
		return "", "", errs.Wrap(err, errs.Malformed, "cursor")
	}
	return placeOf(&t), id, nil
}

// Task returns one task that the actor may see; not_found otherwise. Those see it whose inbox it is in, who did it, who
// began its process, and who may see its case, reception or relationship; of an approval, who may see that.
func (s *Store) Task(ctx context.Context, actor models.Actor, id string) (models.TaskRow, error) {
	var q query
	in := inboxOf(actor, models.BoxTodo)
	q.add(taskColumns+`WHERE t.id = $%d AND (t.done_by = $%d OR t.started_by = $%d OR (t.holder = ANY($%d)`, id, actor.ID, actor.ID, in.principals)
	q.within(in.scope, "t.holder", "t")
	q.add(`) OR (t.approval_id IS NULL AND c.id IS NOT NULL`)
	q.narrow(scopeOf(actor))
	q.add(`) OR (t.approval_id IS NULL AND r.id IS NOT NULL`)
	q.narrowReceptions(receptionScope(actor))
	q.add(`) OR (t.approval_id IS NULL AND t.process = '` + models.RelationshipProcess + `'`)
	q.narrowRelationships(relationshipScope(actor), "t.subject_id")
	q.add(`) OR (t.approval_id IS NOT NULL`)
	q.narrowApprovals(approvalScope(actor))
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
