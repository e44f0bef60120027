package store

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/models"
)

// origin is the step of a process in whose name rows are written.
type origin struct {
	process    string
	subjectID  string // whose the timeline, the notices and the messages are
	about      string // what the tasks are about: the subject itself, or what is to be approved
	approvalID string // of tasks of an approval
	startedBy  string // who began the process
	seq        int64
	at         time.Time
	traceID    string
}

// events writes lines of the timeline. There are few in a step, as a rule one: as many rows of a statement cost less than arrays.
func (w *writer) events(o *origin, events []models.TimelineEvent) {
	if len(events) == 0 {
		return
	}
	const columns = 6 // that differ from line to line
	var rows strings.Builder
	args := append(make([]any, 0, 2+columns*len(events)), o.subjectID, o.traceID)
	for i, e := range events {
		if i > 0 {
			rows.WriteString(", ")
		}
		rows.WriteString("($1, nullif($2, '')")
		for n := range columns {
			rows.WriteString(", $" + strconv.Itoa(len(args)+n+1))
		}
		rows.WriteByte(')')
		var data *string
		if len(e.Data) > 0 {
			data = jsonText(e.Data)
		}
		args = append(args, e.Seq, e.At, e.Type, e.Actor, e.OnBehalfOf, data)
	}
	w.batch.Queue(`INSERT INTO timeline (subject_id, trace_id, seq, at, type, actor, on_behalf_of, data) VALUES `+rows.String(), args...)
}

// jsonText is v as JSON. What is written here are maps of plain values; a value that is none is a defect of this program.
func jsonText(v any) *string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	text := string(b)
	return &text
}

// tasks writes tasks as the step leaves them, each once: of several states of one task, the last.
func (w *writer) tasks(o *origin, tasks []models.Task) {
	var last []models.Task
	for i, t := range tasks {
		if !slices.ContainsFunc(tasks[i+1:], func(later models.Task) bool { return later.ID == t.ID }) {
			last = append(last, t)
		}
	}
	if len(last) == 0 {
		return
	}
	n := len(last)
	ids, kinds, users, teams, states := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	dues, whys, since, doneBy, doneAt := make([]*time.Time, n), make([]*string, n), make([]time.Time, n), make([]string, n), make([]*time.Time, n)
	for i, t := range last {
		ids[i], kinds[i], users[i], teams[i], states[i] = t.ID, t.Kind, t.UserID, t.TeamID, string(t.State)
		dues[i], since[i], doneBy[i], doneAt[i] = t.DueAt, t.CreatedAt, t.DoneBy, t.DoneAt
		if len(t.Why) > 0 {
			whys[i] = jsonText(t.Why)
		}
	}
	w.batch.Queue(`INSERT INTO tasks (id, process, kind, subject_id, user_id, team_id, state, due_at, why, created_at, done_by, done_at, started_by, approval_id)
		SELECT t.id, $1, t.kind, $2, nullif(t.user_id, ''), nullif(t.team_id, ''), t.state, coalesce(t.due_at, 'infinity'), t.why::jsonb, t.created_at,
			nullif(t.done_by, ''), t.done_at, $3, nullif($4, '')
		FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::text[], $12::timestamptz[], $13::text[], $14::timestamptz[])
			t(id, kind, user_id, team_id, state, due_at, why, created_at, done_by, done_at)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, why = excluded.why,
			done_by = excluded.done_by, done_at = excluded.done_at`,
		o.process, o.about, o.startedBy, o.approvalID, ids, kinds, users, teams, states, dues, whys, since, doneBy, doneAt)
}

// stayActive locks people against leaving until the transaction ends. If one has left, a division by zero ends it.
func (w *writer) stayActive(people []string) {
	if people = distinct(people); len(people) > 0 {
		w.batch.Queue(`SELECT 1 / (count(*) = $2)::int FROM (SELECT FROM users WHERE id = ANY($1) AND active ORDER BY id FOR SHARE) u`, people, len(people))
	}
}
