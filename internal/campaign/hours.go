package campaign

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
)

const (
	// searchDays bounds the search for a legal instant.
	searchDays    = 400
	secondsPerDay = 24 * 60 * 60
)

// Window is when a campaign may ask, by the clock and the date of each recipient.
type Window struct {
	// From and To are readings of the clock, "09:00" to "18:00": from the one on, and up to the other, on the same date.
	// "24:00" ends the day. Both empty are the whole day.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Days are the weekdays, mon to sun; none are all.
	Days []string `json:"days,omitempty"`
	// Working leaves out the dates that are no working days of the calendar. A make-up workday is one.
	Working bool `json:"working,omitempty"`
}

// Quiet is when nobody is asked, by the clock of each recipient, every day: from From on and up to To, past midnight when
// To is the smaller. Both empty are no quiet hours at all.
type Quiet struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// weekdays is indexed by time.Weekday.
var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Open returns errs.Invalid, with every fault at window… or quiet_hours…, when the two leave no open hour or cannot be
// read. Nil leaves any time open.
func Open(w *Window, q *Quiet) error {
	var c checker
	c.hours("", w, q)
	if len(c.faults) > 0 {
		return errs.NewInvalid(c.faults...)
	}
	return nil
}

// span is [from, to) in seconds after midnight.
type span struct{ from, to int }

// hours are a window and quiet hours, laid out.
type hours struct {
	window, quiet []span // open and quiet readings of every day, ascending
	open          []span // window without quiet
	days          [7]bool
	working       *calendar.Calendar // nil: every date is a working day
}

// layOut reads the two. Faulty ones give hours that are never open: better nobody is asked than somebody at night.
func layOut(w *Window, q *Quiet, cal *calendar.Calendar) hours {
	h := hours{window: []span{{0, secondsPerDay}}, days: [7]bool{true, true, true, true, true, true, true}}
	if w != nil {
		if w.From != "" || w.To != "" {
			from, fromOK := clock(w.From)
			to, toOK := clock(w.To)
			h.window = nil
			if fromOK && toOK && from < to {
				h.window = []span{{from, to}}
			}
		}
		if len(w.Days) > 0 {
			for i, name := range weekdays {
				h.days[i] = slices.Contains(w.Days, name)
			}
		}
		if w.Working {
			h.working = cal
		}
	}
	if q != nil && (q.From != "" || q.To != "") {
		from, fromOK := clock(q.From)
		to, toOK := clock(q.To)
		switch {
		case !fromOK || !toOK || from == to:
			h.quiet = []span{{0, secondsPerDay}}
		case from < to:
			h.quiet = []span{{from, to}}
		default:
			h.quiet = []span{{0, to}, {from, secondsPerDay}}
		}
	}
	h.open = without(h.window, h.quiet)
	return h
}

// without returns what is in a and not in b; both are ascending and disjoint.
func without(a, b []span) []span {
	var out []span
	for _, s := range a {
		for _, cut := range b {
			if cut.to <= s.from || s.to <= cut.from {
				continue
			}
			if s.from < cut.from {
				out = append(out, span{s.from, cut.from})
			}
			s.from = min(cut.to, s.to)
		}
		if s.from < s.to {
			out = append(out, s)
		}
	}
	return out
}

func within(spans []span, second int) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.from <= second && second < s.to })
}

// reason says why the reading is not open: empty when it is. A reading is in seconds since 1970 by the wall clock.
func (h *hours) reason(wall int64) Reason {
	day, second := split(wall)
	switch {
	case !h.works(day):
		return Holiday
	case within(h.quiet, second):
		return QuietHours
	case !h.days[weekday(day)] || !within(h.window, second):
		return OutsideWindow
	}
	return ""
}

// works reports whether the date is a working day, or need not be.
func (h *hours) works(day int64) bool {
	return h.working == nil || h.working.WorksOn(time.Unix(day*secondsPerDay, 0).UTC())
}

// nextWall returns the first open reading from wall on and before limit.
func (h *hours) nextWall(wall, limit int64) (int64, bool) {
	for day, second := split(wall); day*secondsPerDay < limit; day, second = day+1, 0 {
		if !h.days[weekday(day)] || !h.works(day) {
			continue
		}
		for _, s := range h.open {
			if second < s.to {
				at := day*secondsPerDay + int64(max(s.from, second))
				return at, at < limit
			}
		}
	}
	return 0, false
}

// next returns at if it is open, else the first instant after it that is; false without one in the days of the search.
// Between two changes of the zone's offset the clock runs evenly, so each such stretch is searched by its readings.
func (h *hours) next(at time.Time, zone *time.Location) (time.Time, bool) {
	from := at.Unix()
	end := from + searchDays*secondsPerDay
	for sec := from; sec <= end; {
		east, until := offsetAt(zone, sec)
		if wall, ok := h.nextWall(sec+east, min(until, end+1)+east); ok {
			if wall == from+east && sec == from {
				return at.UTC(), true // with the fraction of its second
			}
			return time.Unix(wall-east, 0).UTC(), true
		}
		sec = until
	}
	return time.Time{}, false
}

// offsetAt returns the seconds that the zone is ahead of UTC, and until when.
func offsetAt(zone *time.Location, sec int64) (east, until int64) {
	t := time.Unix(sec, 0).In(zone)
	_, offset := t.Zone()
	_, bound := t.ZoneBounds()
	switch {
	case bound.IsZero():
		return int64(offset), math.MaxInt64 / 2
	case bound.Unix() <= sec: // ZoneBounds can end before it begins on the last day of a leap year (Go 1.26): look again
		return int64(offset), sec + int64(time.Hour/time.Second)
	}
	return int64(offset), bound.Unix()
}

// split turns a reading into the day, counted from 1970-01-01, and the second of the day.
func split(wall int64) (day int64, second int) {
	day = wall / secondsPerDay
	if wall%secondsPerDay < 0 {
		day--
	}
	return day, int(wall - day*secondsPerDay)
}

// weekday returns the weekday of a day; 1970-01-01 was a Thursday.
func weekday(day int64) int { return int(((day+int64(time.Thursday))%7 + 7) % 7) }

// clock reads "HH:MM", 00:00 to 24:00, as seconds after midnight.
func clock(s string) (int, bool) {
	if len(s) != len("HH:MM") || s[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hour, minute := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	return (hour*60 + minute) * 60, minute < 60 && hour*60+minute <= 24*60
}

// zones keeps the locations by name: reading one takes longer than a decision. Only names that exist are kept.
var zones sync.Map

// zoneOf returns the location of an IANA name, else false.
func zoneOf(name string) (*time.Location, bool) {
	if kept, ok := zones.Load(name); ok {
		return kept.(*time.Location), true
	}
	if name == "" || name == "Local" { // "Local" would be another zone on every machine
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, loc)
	return loc, true
}
