package sla

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// amount is time to be counted. An exact amount is used up at the earliest instant; one that ends at an opening is used
// up when the calendar opens next: a promise of working days given at 09:00 ends at 09:00, not at closing time of the
// evening before, although no time is counted between the two.
type amount struct {
	need      time.Duration
	atOpening bool
}

// amount returns how much time s is when it starts at start; cal is the calendar of the clock.
func (s Span) amount(start time.Time, clock ClockKind, cal *calendar.Calendar) (amount, error) {
	if s.Days == 0 || clock == Elapsed {
		return amount{need: time.Duration(s.Days)*day + s.Duration}, nil
	}
	due, err := cal.AddDays(start, s.Days)
	if err != nil {
		return amount{}, err
	}
	need := cal.Between(start, due)
	exact, err := cal.Add(start, need)
	return amount{need: need, atOpening: due.After(exact)}, err
}

// after returns the instant at which a is used up when counting from from without a rest.
func (a amount) after(from time.Time, cal *calendar.Calendar) (time.Time, error) {
	t, err := cal.Add(from, a.need)
	if err != nil || !a.atOpening {
		return t, err
	}
	return cal.NextOpen(t)
}

// reach returns the instant at which a is used up when counting from from and resting in the pauses. It returns false if
// a pause that still lasts stops it before. Between two pauses that meet lies an instant: an amount that had only the
// opening to wait for is used up at it.
func (a amount) reach(from time.Time, pauses []Pause, cal *calendar.Calendar) (time.Time, bool, error) {
	for _, pause := range pauses {
		if pause.To != nil && !pause.To.After(from) {
			continue
		}
		if !pause.From.Before(from) {
			t, err := a.after(from, cal)
			if err != nil {
				return time.Time{}, false, err
			}
			if !t.After(pause.From) {
				return t, true, nil
			}
			a.need -= cal.Between(from, pause.From)
		}
		if pause.To == nil {
			return time.Time{}, false, nil
		}
		from = *pause.To
	}
	t, err := a.after(from, cal)
	return t, err == nil, err
}

// run is a time in which a promise counted.
type run struct{ from, to time.Time }

// runs returns the times between from and to that lie outside the pauses, in order.
func runs(from, to time.Time, pauses []Pause) []run {
	var list []run
	for _, pause := range pauses {
		if !pause.From.Before(to) {
			break
		}
		if pause.From.After(from) {
			list = append(list, run{from, pause.From})
		}
		if pause.To == nil {
			return list
		}
		from = *pause.To
	}
	if from.Before(to) {
		list = append(list, run{from, to})
	}
	return list
}

// counted returns the time that p counted between its start and to.
func (p Promise) counted(to time.Time, cal *calendar.Calendar) time.Duration {
	var sum time.Duration
	for _, run := range runs(p.StartedAt, to, p.Pauses) {
		sum += cal.Between(run.from, run.to)
	}
	return sum
}

// promised returns the time that p promises, extensions included. An extension by working days begins at the due time as
// it stood when it was approved, so it is counted from there.
func (p Promise) promised(cal *calendar.Calendar) (amount, error) {
	total, err := p.Target.amount(p.StartedAt, p.Clock, cal)
	if err != nil {
		return amount{}, err
	}
	for _, ext := range p.Extensions {
		due, _, err := total.reach(p.StartedAt, pausesAt(p.Pauses, ext.At), cal)
		if err != nil {
			return amount{}, err
		}
		more, err := ext.By.amount(due, p.Clock, cal)
		if err != nil {
			return amount{}, err
		}
		total = amount{need: total.need + more.need, atOpening: more.atOpening}
	}
	return total, nil
}

// pausesAt returns the pauses as they stood at t, with one that lasted at t ended there.
func pausesAt(pauses []Pause, t time.Time) []Pause {
	var list []Pause
	for _, pause := range pauses {
		if pause.From.After(t) {
			break
		}
		if pause.To == nil || pause.To.After(t) {
			pause.To = &t
		}
		list = append(list, pause)
	}
	return list
}

// derive sets what follows from the facts (start, target, pauses, extensions, when it was met, breached or cancelled):
// Total, Used, RunningFrom, DueAt and State.
func (p *Promise) derive(r Rules) error {
	cal := p.Clock.on(r.Calendar)
	total, err := p.promised(cal)
	if err != nil {
		return err
	}
	due, known, err := total.reach(p.StartedAt, p.Pauses, cal)
	if err != nil {
		return err
	}
	p.Total, p.DueAt, p.RunningFrom = total.need, nil, nil
	if known {
		p.DueAt = &due
	}
	until := p.StartedAt
	if n := len(p.Pauses); n > 0 {
		until = p.Pauses[n-1].From
		if to := p.Pauses[n-1].To; to != nil {
			until = *to
		}
	}
	switch {
	case p.MetAt != nil:
		until = *p.MetAt
	case p.CancelledAt != nil:
		until = *p.CancelledAt
	case !p.resting():
		from := until
		p.RunningFrom = &from
	}
	p.Used = p.counted(until, cal)
	p.State = p.state()
	return nil
}

// state follows from the facts.
func (p Promise) state() State {
	switch {
	case p.CancelledAt != nil:
		return Cancelled
	case p.BreachedAt != nil:
		return Breached
	case p.MetAt != nil:
		return Met
	case p.resting():
		return Paused
	}
	return Running
}

// resting reports whether a pause lasts.
func (p Promise) resting() bool {
	return len(p.Pauses) > 0 && p.Pauses[len(p.Pauses)-1].To == nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
