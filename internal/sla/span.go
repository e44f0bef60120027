package sla

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

var (
	// ErrSpan says that a text or value is no span.
	ErrSpan = errors.New("sla: not a span: want whole days such as 3d or a duration such as 4h or 1h30m, up to ten years")
	// ErrWarning says that a text or value is no warning.
	ErrWarning = errors.New("sla: not a warning: want 1% to 99% or the time left such as 30m")
)

// day is a day of the elapsed clock.
const day = 24 * time.Hour

// Ten years keep every sum of spans and every percentage far from overflow.
const (
	maxDays     = 3660
	maxDuration = maxDays * day
)

// Valid reports whether k names one of the two clocks.
func (k ClockKind) Valid() bool { return k == Working || k == Elapsed }

// on returns the calendar that counts for k: cal for the working clock and for the empty one, 24×7 for the elapsed clock.
func (k ClockKind) on(cal *calendar.Calendar) *calendar.Calendar {
	if k == Elapsed {
		return calendar.Always()
	}
	return cal
}

// ParseSpan reads whole days (`3d`) or a Go duration (`10m`, `1h30m`), zero included, up to ten years. Anything else is
// ErrSpan.
func ParseSpan(s string) (Span, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil || days > maxDays {
			return Span{}, fmt.Errorf("%w: %q", ErrSpan, s)
		}
		return Span{Days: int(days)}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxDuration {
		return Span{}, fmt.Errorf("%w: %q", ErrSpan, s)
	}
	return Span{Duration: d}, nil
}

// String returns the span as a policy writes it, without zero units: "3d", "4h", "1h30m", "0s".
func (s Span) String() string {
	if s.Days == 0 {
		return short(s.Duration)
	}
	text := strconv.Itoa(s.Days) + "d"
	if s.Duration != 0 {
		text += short(s.Duration)
	}
	return text
}

// short is d.String without the zero minutes and seconds at its end.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// IsZero reports whether s is no time at all.
func (s Span) IsZero() bool { return s == Span{} }

// Validate returns ErrSpan unless s is positive, either days or a duration, and at most ten years.
func (s Span) Validate() error {
	if s.Days < 0 || s.Days > maxDays || s.Duration < 0 || s.Duration > maxDuration || (s.Days > 0) == (s.Duration > 0) {
		return fmt.Errorf("%w: %q", ErrSpan, s.String())
	}
	return nil
}

// MarshalText returns the span as a policy writes it.
func (s Span) MarshalText() ([]byte, error) {
	if err := s.Validate(); err != nil && !s.IsZero() {
		return nil, err
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what ParseSpan reads.
func (s *Span) UnmarshalText(text []byte) error {
	parsed, err := ParseSpan(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Due returns the instant, in UTC, at which s is over when it starts at start: a duration is added on the clock, a day is
// a working day of cal on the working clock and 24 h on the elapsed clock. It fails as calendar.Add and AddDays do.
func (s Span) Due(start time.Time, clock ClockKind, cal *calendar.Calendar) (time.Time, error) {
	cal = clock.on(cal)
	a, err := s.amount(start, clock, cal)
	if err != nil {
		return time.Time{}, err
	}
	return a.after(start, cal)
}

// ParseWarning reads a percentage of the promised time, 1% to 99%, or the time left as a positive Go duration. Anything
// else is ErrWarning.
func ParseWarning(s string) (Warning, error) {
	if n, ok := strings.CutSuffix(s, "%"); ok {
		percent, err := strconv.ParseUint(n, 10, 8)
		if err != nil || percent < 1 || percent > 99 {
			return Warning{}, fmt.Errorf("%w: %q", ErrWarning, s)
		}
		return Warning{Percent: int(percent)}, nil
	}
	left, err := time.ParseDuration(s)
	if err != nil || left <= 0 || left > maxDuration {
		return Warning{}, fmt.Errorf("%w: %q", ErrWarning, s)
	}
	return Warning{Left: left}, nil
}

// String returns the warning as a policy writes it: "80%" or "30m".
func (w Warning) String() string {
	if w.Percent != 0 {
		return strconv.Itoa(w.Percent) + "%"
	}
	return short(w.Left)
}

// MarshalText returns the warning as a policy writes it; a value that no policy can write is ErrWarning.
func (w Warning) MarshalText() ([]byte, error) {
	if parsed, err := ParseWarning(w.String()); err != nil || parsed != w {
		return nil, fmt.Errorf("%w: %q", ErrWarning, w.String())
	}
	return []byte(w.String()), nil
}

// UnmarshalText reads what ParseWarning reads.
func (w *Warning) UnmarshalText(text []byte) error {
	parsed, err := ParseWarning(string(text))
	if err != nil {
		return err
	}
	*w = parsed
	return nil
}

// used returns how much of total has been counted when the warning falls due; not positive for a warning that asks for
// more time left than was promised.
func (w Warning) used(total time.Duration) time.Duration {
	if w.Percent != 0 {
		return total/100*time.Duration(w.Percent) + total%100*time.Duration(w.Percent)/100
	}
	return total - w.Left
}
