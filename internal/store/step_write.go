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

// valueRows are the rows of a VALUES list. There are few in a step, as a rule one or two: they cost less than arrays.
type valueRows struct {
	text strings.Builder
	args []any
}

// valuesWith begins rows that have the arguments in common: $1, $2 and so on.
func valuesWith(common ...any) *valueRows { return &valueRows{args: common} }

// add appends a row; each ? in it stands for the next argument.
func (v *valueRows) add(row string, args ...any) {
	if v.text.Len() > 0 {
		v.text.WriteString(", ")
	}
	for _, c := range []byte(row) {
		if c != '?' {
			v.text.WriteByte(c)
			continue
		}
		v.args, args = append(v.args, args[0]), args[1:]
		v.text.WriteString("$" + strconv.Itoa(len(v.args)))
	}
}

// events writes lines of the timeline.
func (w *writer) events(o *origin, events []models.TimelineEvent) {
	if len(events) == 0 {
		return
	}
	rows := valuesWith(o.subjectID, o.traceID)
	for _, e := range events {
		var data *string
		if len(e.Data) > 0 {
			data = jsonText(e.Data)
		}
		rows.add(`($1, nullif($2, ''), ?, ?, ?, ?, ?, ?)`, e.Seq, e.At, e.Type, e.Actor, e.OnBehalfOf, data)
	}
	w.batch.Queue(`INSERT INTO timeline (subject_id, trace_id, seq, at, type, actor, on_behalf_of, data) VALUES `+rows.text.String(), rows.args...)
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
	rows := valuesWith(o.process, o.about, o.startedBy, o.approvalID)
	for i, t := range tasks {
		if slices.ContainsFunc(tasks[i+1:], func(later models.Task) bool { return later.ID == t.ID }) {
			continue
		}
		var why *string
		if len(t.Why) > 0 {
			why = jsonText(t.Why)
		}
		rows.add(`(?, $1, ?, $2, nullif(?, ''), nullif(?, ''), ?, coalesce(?::timestamptz, 'infinity'), ?, ?, nullif(?, ''), ?, $3, nullif($4, ''))`,
			t.ID, t.Kind, t.UserID, t.TeamID, string(t.State), t.DueAt, why, t.CreatedAt, t.DoneBy, t.DoneAt)
	}
	if rows.text.Len() == 0 {
		return
	}
	w.batch.Queue(`INSERT INTO tasks (id, process, kind, subject_id, user_id, team_id, state, due_at, why, created_at, done_by, done_at, started_by, approval_id)
		VALUES `+rows.text.String()+` ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, why = excluded.why,
			done_by = excluded.done_by, done_at = excluded.done_at`, rows.args...)
}

// stayActive locks people against leaving until the transaction ends. If one has left, a division by zero ends it.
func (w *writer) stayActive(people []string) {
	if people = distinct(people); len(people) > 0 {
		w.batch.Queue(`SELECT 1 / (count(*) = $2)::int FROM (SELECT FROM users WHERE id = ANY($1) AND active ORDER BY id FOR SHARE) u`, people, len(people))
	}
}
