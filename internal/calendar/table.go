package calendar

import (
	"slices"
	"sort"
	"time"
)

const (
	minutesPerDay = 24 * 60
	secondsPerDay = 24 * 60 * 60

	// Outside these years (UTC) nothing is open. It is what RFC 3339 can write, and it bounds every loop.
	firstYear, lastYear = 1, 9999
	// Tables of these years are kept once built; others are built for each call.
	firstKept, lastKept = 1970, 2199
)

// span is [from, to) in Unix seconds. Offsets and hours are whole seconds, so no opening or closing lies between two.
type span struct{ from, to int }

// table is the open time of one UTC year.
type table struct {
	spans []span // not empty, disjoint, ascending, within the year
	sums  []int  // sums[i] is the open time of spans[:i] in seconds; one longer than spans
	days  []int  // the working days of the local year, ascending
}

var emptyTable = &table{sums: []int{0}}

// table returns the table of a year, which depends on the document alone: two goroutines that build it build the same.
func (c *Calendar) table(year int) *table {
	if year < firstYear || year > lastYear {
		return emptyTable
	}
	if year < firstKept || year > lastKept {
		return c.build(year)
	}
	kept := &c.years[year-firstKept]
	t := kept.Load()
	if t == nil {
		t = c.build(year)
		kept.Store(t)
	}
	return t
}

// build lays out the hours of each date of the year, and of a few dates around it whose hours may reach into the year.
func (c *Calendar) build(year int) *table {
	const margin = 3 // days: an offset is under one day, and hours end on the next date
	first, end := newYear(year), newYear(year+1)
	z := c.zoneAround(first-margin, end+margin)
	t := &table{sums: []int{0}}
	counted := first * secondsPerDay // up to here: a night shift may overlap the next day's hours
	for day := first - margin; day < end+margin; day++ {
		spans := c.spansOn(day, z)
		if len(spans) > 0 && first <= day && day < end {
			t.days = append(t.days, day)
		}
		for _, s := range spans {
			piece := span{max(s.from, counted), min(s.to, end*secondsPerDay)}
			if piece.from < piece.to {
				t.spans = append(t.spans, piece)
				t.sums = append(t.sums, t.sums[len(t.sums)-1]+piece.to-piece.from)
			}
			counted = max(counted, s.to)
		}
	}
	return t
}

// spansOn returns what is open of the intervals that start on a day; what daylight saving skips whole is left out.
func (c *Calendar) spansOn(day int, z zone) []span {
	var spans []span
	for _, h := range c.hoursOn(day) {
		s := span{z.opening(day*secondsPerDay + h.open*60), z.closing(day*secondsPerDay + h.close*60)}
		if s.from < s.to {
			spans = append(spans, s)
		}
	}
	return spans
}

// hoursOn returns the intervals that start on a day by the document: an exception replaces the hours of the week.
func (c *Calendar) hoursOn(day int) []interval {
	i := sort.Search(len(c.exceptions), func(i int) bool { return c.exceptions[i].to >= day })
	if i < len(c.exceptions) && c.exceptions[i].from <= day {
		return c.exceptions[i].hours
	}
	return c.week[weekday(day)]
}

// after returns the index of the first span that ends after t, len(spans) if there is none.
func (t *table) after(at time.Time) int {
	sec := int(at.Unix())
	return sort.Search(len(t.spans), func(i int) bool { return t.spans[i].to > sec })
}

// before returns the open time of the year before t.
func (t *table) before(at time.Time) time.Duration {
	i := t.after(at)
	open := seconds(t.sums[i])
	if i < len(t.spans) && t.spans[i].from <= int(at.Unix()) {
		open += at.Sub(instant(t.spans[i].from))
	}
	return open
}

// total returns the open time of the year.
func (t *table) total() time.Duration { return seconds(t.sums[len(t.spans)]) }

// at returns the earliest instant with d open time of the year before it, for 0 < d ≤ total: at the end of a span it
// is the closing, not the next opening.
func (t *table) at(d time.Duration) time.Time {
	i := sort.Search(len(t.spans), func(i int) bool { return seconds(t.sums[i+1]) >= d })
	return instant(t.spans[i].from).Add(d - seconds(t.sums[i]))
}

// zone is a stretch of a location's history: consecutive offsets from UTC, the first and the last one open-ended.
type zone []offset

// offset holds for the Unix seconds [from, to): local wall seconds are Unix seconds plus east.
type offset struct{ from, to, east int }

// zoneAround returns the offsets needed to place any wall time of the days first … last.
func (c *Calendar) zoneAround(first, last int) zone {
	const margin = 2 // days: a wall time is less than one day from the same reading in UTC, and so is a closing
	var z zone
	end := instant((last + margin) * secondsPerDay)
	for t := instant((first - margin) * secondsPerDay); ; {
		_, east := t.In(c.loc).Zone()
		_, next := t.In(c.loc).ZoneBounds()
		o := offset{from: int(t.Unix()), to: int(next.Unix()), east: east}
		if len(z) == 0 {
			o.from = -1 << 62
		}
		if !next.IsZero() && !next.After(t) {
			// On the last day of a leap year, ZoneBounds ends beyond the tables of a zone file before it begins
			// (Go 1.26). An extra bound is harmless, for each offset is read anew.
			next = t.Add(time.Hour)
			o.to = int(next.Unix())
		}
		if next.IsZero() || !next.Before(end) {
			o.to = 1 << 62
			return append(z, o)
		}
		z = append(z, o)
		t = next
	}
}

// opening returns the first instant at which the clock reads wall or later: the first of two, and for a reading that
// is skipped the instant of the skip.
func (z zone) opening(wall int) int {
	for _, o := range z {
		if at := max(o.from, wall-o.east); at < o.to {
			return at
		}
	}
	panic("unreachable: the last offset is open-ended")
}

// closing returns the instant after which the clock never again reads less than wall: hours that the clock repeats
// are closed when the second pass is over, and a closing that is skipped falls on the skip.
func (z zone) closing(wall int) int {
	for _, o := range slices.Backward(z) {
		if at := min(o.to, wall-o.east); at > o.from {
			return at
		}
	}
	panic("unreachable: the first offset is open-ended")
}

// Days are numbered from 1970-01-01 by the calendar alone, without a zone.

func dayOf(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()) / secondsPerDay
}

func newYear(year int) int { return dayOf(time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)) }

func yearOf(day int) int { return instant(day * secondsPerDay).Year() }

func weekday(day int) time.Weekday { return instant(day * secondsPerDay).Weekday() }

func dayString(day int) string { return instant(day * secondsPerDay).Format(time.DateOnly) }

func instant(sec int) time.Time { return time.Unix(int64(sec), 0).UTC() }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
