package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a length by the wall calendar, as policies write it: "14d", "2w", "3mo", "1y", always positive. A month is a
// month whatever its length; the time of day stays what it is on the clock of the place. For trying things out there are
// also seconds and hours, "90s" and "2h".
type Period struct {
	seconds, days, months int
}

// maxPeriod bounds the number in front of a unit.
const maxPeriod = 9999

// ParsePeriod reads a period. The error says what is written wrong.
func ParsePeriod(s string) (Period, error) {
	digits := strings.TrimRight(s, "shdwmoy")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxPeriod || strconv.Itoa(n) != digits {
		return Period{}, fmt.Errorf("period %q: want a number and d, w, mo or y (or s, h)", s)
	}
	switch s[len(digits):] {
	case "s":
		return Period{seconds: n}, nil
	case "h":
		return Period{seconds: 3600 * n}, nil
	case "d":
		return Period{days: n}, nil
	case "w":
		return Period{days: 7 * n}, nil
	case "mo":
		return Period{months: n}, nil
	case "y":
		return Period{months: 12 * n}, nil
	}
	return Period{}, fmt.Errorf("period %q: want a number and d, w, mo or y (or s, h)", s)
}

// IsZero reports whether no period was given.
func (p Period) IsZero() bool { return p == Period{} }

// After is the instant one period after t on the clock of loc, in UTC. A day that the month does not have is its last one.
func (p Period) After(t time.Time, loc *time.Location) time.Time { return p.from(t, loc, 1) }

// Before is the instant one period before t on the clock of loc, in UTC.
func (p Period) Before(t time.Time, loc *time.Location) time.Time { return p.from(t, loc, -1) }

func (p Period) from(t time.Time, loc *time.Location, sign int) time.Time {
	t = t.In(loc)
	moved := t.AddDate(0, 0, sign*p.days)
	if p.months > 0 {
		first := time.Date(t.Year(), t.Month()+time.Month(sign*p.months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
		last := first.AddDate(0, 1, -1).Day()
		moved = first.AddDate(0, 0, min(t.Day(), last)-1)
	}
	return moved.Add(time.Duration(sign*p.seconds) * time.Second).UTC()
}

// PerYear is about how many periods a year has.
func (p Period) PerYear() float64 {
	if p.IsZero() {
		return 0
	}
	return 365.25 / (float64(p.seconds)/86400 + float64(p.days) + float64(p.months)*365.25/12)
}

// String writes the period as policies do.
func (p Period) String() string {
	switch {
	case p.IsZero():
		return ""
	case p.months > 0 && p.months%12 == 0:
		return strconv.Itoa(p.months/12) + "y"
	case p.months > 0:
		return strconv.Itoa(p.months) + "mo"
	case p.seconds > 0 && p.seconds%3600 == 0:
		return strconv.Itoa(p.seconds/3600) + "h"
	case p.seconds > 0:
		return strconv.Itoa(p.seconds) + "s"
	default:
		return strconv.Itoa(p.days) + "d"
	}
}

// MarshalText writes the period for a document.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the period of a document; an empty text is none.
func (p *Period) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Period{}
		return nil
	}
	read, err := ParsePeriod(string(text))
	*p = read
	return err
}
