package cadence

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// day is a day by the clock.
const day = 24 * time.Hour

// NextContact returns when the next interaction with a client is due after the last one: strictly later, at the same time
// of day on the clock of loc. The zero rules give the zero time: never.
func NextContact(r ClassRules, last time.Time, loc *time.Location) time.Time {
	return after(r.ContactEvery, last, loc)
}

// DormantAt returns when a relationship is dormant unless there is another interaction after the last one. The zero rules
// give the zero time: never.
func DormantAt(r ClassRules, last time.Time, loc *time.Location) time.Time {
	return after(r.DormantAfter, last, loc)
}

// after is p after t, and strictly later even where a place has left out the date that p ends on.
func after(p calendar.Period, t time.Time, loc *time.Location) time.Time {
	if p.IsZero() {
		return time.Time{}
	}
	if next := p.After(t, loc); next.After(t) {
		return next
	}
	return t.Add(day).UTC()
}

// Breadth counts the contacts of a client who were spoken with in the period that ends at at, and how many are wanted.
// spoken is the latest interaction with each by the id of the contact. A conversation exactly one period ago is over.
func Breadth(r ClassRules, spoken map[string]time.Time, at time.Time, loc *time.Location) (have, want int) {
	if r.Breadth.Contacts == 0 {
		return 0, 0
	}
	since := r.Breadth.Within.Before(at, loc)
	for _, t := range spoken {
		if t.After(since) && !t.After(at) {
			have++
		}
	}
	return have, r.Breadth.Contacts
}

// searched bounds how far RemindAt looks back.
const searched = 20 * 366 * day

// RemindAt returns the latest instant from which before, as working time of cal, is over by due: of 4h, the last instant
// with four hours of work until due; of 2d, the last from which the second working day ends the wait in time. So a reminder
// of what falls due on a Sunday comes in working hours before it. A calendar that never opens counts 24 hours a day.
func RemindAt(cal *calendar.Calendar, due time.Time, before sla.Span) time.Time {
	due = due.UTC()
	if before.IsZero() {
		return due
	}
	inTime := func(t time.Time) bool {
		over, err := before.Due(t, sla.Working, cal)
		return err == nil && !over.After(due)
	}
	byTheClock := time.Duration(before.Days)*day + before.Duration
	late, back := due, byTheClock // late is never in time
	for ; !inTime(due.Add(-back)); back *= 2 {
		if back > searched {
			return due.Add(-byTheClock)
		}
		late = due.Add(-back)
	}
	early := due.Add(-back)
	for late.Sub(early) > 1 {
		if middle := early.Add(late.Sub(early) / 2); inTime(middle) {
			early = middle
		} else {
			late = middle
		}
	}
	if before.Days > 0 && !cal.Open(late) { // any instant before closing time is in time: closing time is what people say
		return late
	}
	return early
}
