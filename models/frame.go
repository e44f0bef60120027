package models

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// frame is what a step of every process has: when, by whom and under which rule it is taken, and what it tells.
type frame struct {
	at      time.Time
	actor   string // user id or system
	behalf  string // in whose place the actor acts
	rule    string // of the system's decision
	number  *int64 // of the latest timeline event
	events  []TimelineEvent
	notices []Notice
	tasks   []Task // opened, done or cancelled by this step
}

// frameOf begins a step after the one of the given instant: two steps of one object never have the same instant.
func frameOf(at, before time.Time, number *int64) frame {
	at = at.UTC().Truncate(tick)
	if earliest := before.Add(tick); at.Before(earliest) {
		at = earliest
	}
	return frame{at: at, actor: System, number: number}
}

// asOf is the instant of a step of the clock that is taken at the given one: that of its checkpoint, also when a server that was
// down takes it late.
func asOf(checkpoint *time.Time, at time.Time) time.Time {
	if checkpoint == nil || checkpoint.After(at) {
		return at.UTC().Truncate(tick)
	}
	return checkpoint.UTC()
}

// event records one line of the timeline.
func (f *frame) event(kind string, pairs ...any) {
	data := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[pairs[i].(string)] = pairs[i+1]
	}
	if f.actor == System && f.rule != "" {
		data["rule"] = f.rule
	}
	*f.number++
	f.events = append(f.events, TimelineEvent{Seq: *f.number, At: f.at, Type: kind, Actor: f.actor, OnBehalfOf: f.behalf, Data: data})
}

// by runs do with the system as the actor: what a rule decides is never written in a person's name.
func (f *frame) by(rule string, do func() error) error {
	actor, behalf, before := f.actor, f.behalf, f.rule
	f.actor, f.behalf, f.rule = System, "", rule
	err := do()
	f.actor, f.behalf, f.rule = actor, behalf, before
	return err
}

// notify tells people of the step seq, each once per kind; the actor needs no telling.
func (f *frame) notify(seq int64, kind string, users []string, pairs ...string) {
	for _, u := range slices.Compact(slices.Sorted(slices.Values(users))) {
		if u != "" && u != f.actor {
			f.notices = append(f.notices, Notice{Kind: kind, UserID: u, Data: errs.Args(pairs...), NotBefore: f.at, Key: fmt.Sprintf("%d/%s", seq, kind)})
		}
	}
}

// open gives a user task to a person about the object.
func (f *frame) open(objectID, kind, userID string, due *time.Time, why ...string) Task {
	t := Task{
		ID: id.Derive(id.Task, objectID, kind+"/"+userID), Kind: kind, UserID: userID, CreatedAt: f.at, DueAt: due,
		Why: errs.Args(why...), State: TaskOpen,
	}
	f.tasks = append(f.tasks, t)
	return t
}

// settle ends all open tasks, and returns those that are left: none.
func (f *frame) settle(open []Task, state TaskState) []Task {
	open, f.tasks = settled(open, f.tasks, Task{State: state, DoneBy: f.actor, DoneAt: &f.at}, everyTask)
	return open
}

// told tells in the timeline who was told what.
func (f *frame) told() {
	if len(f.notices) == 0 {
		return
	}
	told := make([]map[string]string, len(f.notices))
	for i, n := range f.notices {
		told[i] = map[string]string{"kind": n.Kind, "to": n.UserID}
	}
	f.event("notified", "notices", told)
}

// handle remembers a request id, so that a command that is repeated is applied once.
func handle(handled []string, requestID string) []string {
	if requestID == "" {
		return handled
	}
	handled = append(slices.Clone(handled), requestID)
	return handled[max(0, len(handled)-keepHandled):]
}

// dataOf reads the data of a command.
func dataOf[T any](data json.RawMessage) (T, error) {
	var v T
	if len(data) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, errs.Wrap(err, errs.Malformed, "malformed.command")
	}
	return v, nil
}
