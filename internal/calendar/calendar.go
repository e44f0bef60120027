// Package calendar does all arithmetic on working time: how much of it lies between two instants, and when an amount
// of it is used up.
//
// Working time is a set of instants, the union of the half-open intervals [open, close) that the document gives for
// each local date. An interval past midnight belongs to the date on which it starts; where a night shift runs into the
// next day's hours, the time counts once. Real durations count: the clock readings that daylight saving skips were not
// worked, those that it repeats were worked twice. To that end an interval opens at the first instant at which the
// clock reads its opening or later, and closes at the last instant before which the clock still read less than its
// closing. So an opening or closing that is skipped falls on the skip, an opening that happens twice takes the first,
// and a closing within repeated hours takes the second. (A closing at the very reading to which the clock is set back
// is not within them: 00:00 ends the day before even where the hour after midnight is repeated.)
//
// A Calendar is immutable and safe for concurrent use. Instants may be given in any zone and are returned in UTC. Outside
// the years 1 to 9999 (UTC) nothing is open.
package calendar

import (
	"errors"
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrNoWorkingTime says that a calendar has no working time within 400 days (of 24 h) of an instant on the way to
	// the answer; for AddDays, no working day within 400 days of the one before.
	ErrNoWorkingTime = errors.New("calendar: no working time within 400 days")
	// ErrNegative says that a negative amount of time was to be added.
	ErrNegative = errors.New("calendar: negative amount of working time")
)

const (
	maxGapDays = 400
	maxGap     = maxGapDays * 24 * time.Hour
)

// Calendar answers questions about the working time of one Document. Make one with New.
type Calendar struct {
	id           string
	version      int
	loc          *time.Location
	week         [7][]interval // by time.Weekday
	exceptions   []dates       // disjoint, ascending
	coveredUntil time.Time     // zero for always
	years        [lastKept - firstKept + 1]atomic.Pointer[table]
}

// New makes the calendar of a document; a document with faults gives an *InvalidError that holds all of them.
func New(d Document) (*Calendar, error) {
	c, faults := compile(d)
	if len(faults) > 0 {
		return nil, &InvalidError{Faults: faults}
	}
	return c, nil
}

// Always returns the 24×7 calendar "always" in UTC, the clock of elapsed time. It is one shared value.
func Always() *Calendar { return always() }

var always = sync.OnceValue(func() *Calendar {
	week := make(map[string][]string)
	for _, day := range weekdays {
		week[day] = []string{"00:00-24:00"}
	}
	c, err := New(Document{ID: "always", Version: 1, TimeZone: "UTC", Week: week})
	if err != nil {
		panic(err) // a constant document: only a defect in this package can get here
	}
	return c
})

// ID returns the name of the calendar over all its versions.
func (c *Calendar) ID() string { return c.id }

// Version returns the number of the publication.
func (c *Calendar) Version() int { return c.version }

// Location returns the time zone of the calendar's wall times.
func (c *Calendar) Location() *time.Location { return c.loc }

// CoveredUntil returns the end of the last date for which exceptions are known: the midnight after it, in UTC. It
// returns false for a calendar that is always covered.
func (c *Calendar) CoveredUntil() (time.Time, bool) { return c.coveredUntil, !c.coveredUntil.IsZero() }

// Covers reports whether all instants before t lie within the dates for which exceptions are known. A deadline that is
// not covered still holds, but whoever is given it should be told that a later exception may move it.
func (c *Calendar) Covers(t time.Time) bool {
	return c.coveredUntil.IsZero() || !t.After(c.coveredUntil)
}

// Between returns the working time in [a, b). If b is before a it is the negative of Between(b, a), so that
// Between(a, c) = Between(a, b) + Between(b, c) in whatever order the three lie. Sums of more than 292 years saturate.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	if b.Before(a) {
		return -c.Between(b, a)
	}
	a, b = a.UTC(), b.UTC()
	var sum time.Duration
	for y := max(a.Year(), firstYear); y <= min(b.Year(), lastYear); y++ {
		t := c.table(y)
		open := t.total()
		if y == b.Year() {
			open = t.before(b)
		}
		if y == a.Year() {
			open -= t.before(a)
		}
		if open > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += open
	}
	return sum
}

// Add returns the earliest instant t ≥ start with Between(start, t) = d. Work that ends exactly at closing time is thus
// due at closing time, and Add(start, 0) = start. It fails with ErrNegative or ErrNoWorkingTime.
func (c *Calendar) Add(start time.Time, d time.Duration) (time.Time, error) {
	if d < 0 {
		return time.Time{}, ErrNegative
	}
	at := start.UTC()
	for d > 0 {
		t, _, err := c.next(at)
		if err != nil {
			return time.Time{}, err
		}
		used := t.before(at)
		if left := t.total() - used; d > left {
			d -= left
			at = instant(t.spans[len(t.spans)-1].to)
			continue
		}
		return t.at(used + d), nil
	}
	return at, nil
}

// Open reports whether t is working time. A closing is not, an opening is.
func (c *Calendar) Open(t time.Time) bool {
	tab := c.table(t.UTC().Year())
	i := tab.after(t)
	return i < len(tab.spans) && tab.spans[i].from <= int(t.Unix())
}

// WorksOn reports whether the date that t has in its own location is a working day: a date on which open hours start, be
// it a make-up workday. The zone of the calendar does not matter.
func (c *Calendar) WorksOn(t time.Time) bool {
	day := dayOf(t)
	days := c.table(yearOf(day)).days
	i := sort.SearchInts(days, day)
	return i < len(days) && days[i] == day
}

// NextOpen returns t if it is working time, else the next opening after it. It fails with ErrNoWorkingTime.
func (c *Calendar) NextOpen(t time.Time) (time.Time, error) {
	tab, i, err := c.next(t)
	if err != nil {
		return time.Time{}, err
	}
	if opening := instant(tab.spans[i].from); opening.After(t) {
		return opening, nil
	}
	return t.UTC(), nil
}

// next returns the first span that ends after t, as its table and its index there.
func (c *Calendar) next(t time.Time) (*table, int, error) {
	for y := t.UTC().Year(); ; y++ {
		tab := c.table(y)
		closed := instant(newYear(y+1) * secondsPerDay)
		i := tab.after(t)
		if i < len(tab.spans) {
			closed = instant(tab.spans[i].from)
		}
		if y > lastYear || closed.Sub(t) > maxGap {
			return nil, 0, ErrNoWorkingTime
		}
		if i < len(tab.spans) {
			return tab, i, nil
		}
	}
}

// AddDays returns the instant n working days after start, a working day being a local date on which open hours start.
//
// It counts from start if that is open, else from the next opening; for n = 0 that is the answer. Otherwise it is the
// same local time on the n-th working day after that local date, if it is open then (be it by a night shift of the day
// before); if not, the next opening of that day; if that day has none left, its closing time. A local time that daylight
// saving repeats is the first, one that it skips is the instant of the skip. It fails with ErrNegative or
// ErrNoWorkingTime.
func (c *Calendar) AddDays(start time.Time, n int) (time.Time, error) {
	if n < 0 {
		return time.Time{}, ErrNegative
	}
	start, err := c.NextOpen(start)
	if err != nil || n == 0 {
		return start, err
	}
	local := start.In(c.loc)
	day, err := c.workday(dayOf(local), n)
	if err != nil {
		return time.Time{}, err
	}
	z := c.zoneAround(day, day+1)
	hour, minute, sec := local.Clock()
	wall := day*secondsPerDay + (hour*60+minute)*60 + sec
	same := instant(z.opening(wall))
	if _, east := same.In(c.loc).Zone(); int(same.Unix())+east == wall { // not moved by a skip
		same = same.Add(time.Duration(local.Nanosecond()))
	}
	if c.Open(same) {
		return same, nil
	}
	var closing time.Time
	for _, s := range c.spansOn(day, z) {
		if opening := instant(s.from); opening.After(same) {
			return opening, nil
		}
		closing = instant(s.to)
	}
	return closing, nil
}

// workday returns the n-th working day after a day, for n ≥ 1.
func (c *Calendar) workday(day, n int) (int, error) {
	for y := yearOf(day); ; y++ {
		days := c.table(y).days
		days = days[sort.SearchInts(days, day+1):]
		closed := newYear(y + 1)
		if len(days) > 0 {
			closed = days[0]
		}
		if closed-day > maxGapDays {
			return 0, ErrNoWorkingTime
		}
		if n <= len(days) {
			return days[n-1], nil
		}
		if len(days) > 0 {
			n -= len(days)
			day = days[len(days)-1]
		}
	}
}

// Segment is a piece of working time that was counted.
type Segment struct {
	// From is the first instant of the piece, To the first after it; both UTC.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Counted is To minus From.
	Counted time.Duration `json:"counted"`
}

// Segments returns the working time in [a, b) as disjoint pieces in ascending order. Each is as long as it can be, so
// hours that touch are one piece. Their sum is Between(a, b); there are none if b is not after a.
func (c *Calendar) Segments(a, b time.Time) []Segment {
	a, b = a.UTC(), b.UTC()
	var list []Segment
	for y := max(a.Year(), firstYear); y <= min(b.Year(), lastYear); y++ {
		t := c.table(y)
		for _, s := range t.spans[t.after(a):] {
			from, to := instant(s.from), instant(s.to)
			if from.Before(a) {
				from = a
			}
			if to.After(b) {
				to = b
			}
			if !from.Before(to) {
				break
			}
			if last := len(list) - 1; last >= 0 && list[last].To.Equal(from) {
				list[last].To, list[last].Counted = to, to.Sub(list[last].From)
				continue
			}
			list = append(list, Segment{From: from, To: to, Counted: to.Sub(from)})
		}
	}
	return list
}
