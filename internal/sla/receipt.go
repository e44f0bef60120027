package sla

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// Elapsed returns the time counted up to at, or up to the end of a promise that is over.
func (p Promise) Elapsed(at time.Time, r Rules) time.Duration {
	for _, end := range []*time.Time{p.MetAt, p.CancelledAt} {
		if end != nil && end.Before(at) {
			at = *end
		}
	}
	return p.counted(at, p.Clock.on(r.Calendar))
}

// Remaining returns the promised time less the time counted up to at; it is negative when late.
func (p Promise) Remaining(at time.Time, r Rules) time.Duration {
	return p.Total - p.Elapsed(at, r)
}

// Receipt shows how the due time came about, as of at. The segments run up to the due time and sum to Total; those of a
// paused promise run up to the pause, those of a promise that is over to its end, and sum to Used.
func (p Promise) Receipt(at time.Time, r Rules) Receipt {
	cal := p.Clock.on(r.Calendar)
	receipt := Receipt{
		Name: p.Name, Cycle: p.Cycle, CalendarID: cal.ID(), CalendarVersion: cal.Version(),
		Start: p.StartedAt, Target: p.Target, Total: p.Total, Clock: p.Clock,
		Pauses: slices.Concat([]Pause{}, p.Pauses), Segments: []calendar.Segment{}, DueAt: p.DueAt,
		At: at.UTC(), Elapsed: p.Elapsed(at, r), Remaining: p.Remaining(at, r),
	}
	end := p.StartedAt
	switch {
	case p.MetAt != nil:
		end = *p.MetAt
	case p.CancelledAt != nil:
		end = *p.CancelledAt
	case p.DueAt != nil:
		end = *p.DueAt
	case p.resting():
		end = p.Pauses[len(p.Pauses)-1].From
	}
	for _, run := range runs(p.StartedAt, end, p.Pauses) {
		for _, segment := range cal.Segments(run.from, run.to) {
			receipt.Segments = append(receipt.Segments, segment)
			receipt.Counted += segment.Counted
		}
	}
	return receipt
}

// Difference is a stored value that does not follow from the facts. Values are as a person reads them; empty for none.
type Difference struct {
	Field   string `json:"field"` // JSON name of the field of Promise
	Stored  string `json:"stored"`
	Derived string `json:"derived"`
}

// Verify derives the promise anew from its start, target, pauses and extensions and returns what differs: total, used,
// running_from, due_at, breached_at, state and next_at. r must be the rules that the promise was counted by.
func (p Promise) Verify(r Rules) []Difference {
	var list []Difference
	compare := func(field, stored, derived string) {
		if stored != derived {
			list = append(list, Difference{Field: field, Stored: stored, Derived: derived})
		}
	}
	q := p
	if !p.orderly() {
		compare("pauses", "disordered", "in order")
		return list
	}
	if err := q.derive(r); err != nil {
		compare("due_at", stamp(p.DueAt), err.Error())
		return list
	}
	compare("total", p.Total.String(), q.Total.String())
	compare("used", p.Used.String(), q.Used.String())
	compare("running_from", stamp(p.RunningFrom), stamp(q.RunningFrom))
	compare("due_at", stamp(p.DueAt), stamp(q.DueAt))
	switch {
	case q.BreachedAt != nil && (q.DueAt == nil || q.BreachedAt.Before(*q.DueAt)):
		compare("breached_at", stamp(p.BreachedAt), "")
	case q.BreachedAt == nil && q.MetAt != nil && q.DueAt != nil && q.MetAt.After(*q.DueAt):
		compare("breached_at", "", stamp(q.DueAt))
	}
	compare("state", string(p.State), string(q.State))
	if err := q.schedule(r); err != nil {
		compare("next_at", stamp(p.NextAt), err.Error())
		return list
	}
	compare("next_at", stamp(p.NextAt), stamp(q.NextAt))
	return list
}

// orderly reports whether the pauses lie after the start, in order, and only the last may last.
func (p Promise) orderly() bool {
	at := p.StartedAt
	for i, pause := range p.Pauses {
		if pause.From.Before(at) || pause.To == nil && i < len(p.Pauses)-1 || pause.To != nil && pause.To.Before(pause.From) {
			return false
		}
		if pause.To != nil {
			at = *pause.To
		}
	}
	return true
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
