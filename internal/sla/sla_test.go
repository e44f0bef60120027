package sla

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

var (
	officeHours = map[string][]string{
		"monday": {"09:00-12:00", "13:00-18:00"}, "tuesday": {"09:00-12:00", "13:00-18:00"},
		"wednesday": {"09:00-12:00", "13:00-18:00"}, "thursday": {"09:00-12:00", "13:00-18:00"},
		"friday": {"09:00-12:00", "13:00-18:00"},
	}
	festival = calendar.Exception{From: "2026-02-15", To: "2026-02-23", Closed: true}
	// office has the hours of the calendar cn.
	office = mustCalendar(calendar.Document{ID: "office", Version: 1, TimeZone: "Asia/Shanghai", Week: officeHours, Exceptions: []calendar.Exception{festival}})
	// amended is office with Friday, March 6th taken off.
	amended = mustCalendar(calendar.Document{
		ID: "office", Version: 2, TimeZone: "Asia/Shanghai", Week: officeHours,
		Exceptions: []calendar.Exception{festival, {Date: "2026-03-06", Closed: true}},
	})
	// nights is open across midnight and across the changes of daylight saving.
	nights = mustCalendar(calendar.Document{ID: "nights", Version: 1, TimeZone: "America/New_York", Week: map[string][]string{
		"sunday": {"22:00-06:00"}, "monday": {"22:00-06:00"}, "thursday": {"01:30-02:30", "22:00-06:00"}, "saturday": {"12:00-12:10", "23:00-07:00"},
	}})
	// closed has no working time from 2026 on that anyone could reach.
	closed = mustCalendar(calendar.Document{
		ID: "closed", Version: 1, TimeZone: "Asia/Shanghai", Week: officeHours,
		Exceptions: []calendar.Exception{{From: "2026-01-01", To: "2036-12-31", Closed: true}},
	})
	shanghai = office.Location()

	warnRung       = Rung{On: OnWarning, Notify: []string{"accountable", "handler"}}
	supervisorRung = Rung{On: OnBreach, Notify: []string{"supervisor"}, Task: "supervise"}
	managerRung    = Rung{On: OnBreach, After: Span{Duration: time.Hour}, Clock: Working, Notify: []string{"manager"}}
	directorRung   = Rung{On: OnBreach, After: Span{Duration: 4 * time.Hour}, Clock: Working, Notify: []string{"director"}, Task: "supervise"}
	// rules are the office with the seeded ladder, its rungs out of order: they climb as they fall due.
	rules = Rules{Calendar: office, Ladder: []Rung{warnRung, directorRung, managerRung, supervisorRung}}
)

func mustCalendar(d calendar.Document) *calendar.Calendar {
	c, err := calendar.New(d)
	if err != nil {
		panic(err)
	}
	return c
}

// at reads a local time of the office, with seconds if there are any.
func at(local string) time.Time {
	layout := "2006-01-02 15:04:05"
	t, err := time.ParseInLocation(layout[:len(local)], local, shanghai)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// march reads a day and time of March 2026: the 2nd, 9th and 16th are Mondays.
func march(local string) time.Time { return at("2026-03-" + local) }

// fourHours is a promise of 4 working hours, warned of at 50 % and when 30 minutes are left.
var fourHours = Definition{
	Name: "resolution", Target: Span{Duration: 4 * time.Hour}, Clock: Working,
	WarnAt: []Warning{{Left: 30 * time.Minute}, {Percent: 50}},
}

// story drives one promise and keeps what it told.
type story struct {
	t *testing.T
	Promise
	r    Rules
	told []string // what was told since the last expect
	last []Effect // by the last operation
}

func begin(t *testing.T, def Definition, start time.Time, r Rules) *story {
	t.Helper()
	p, effects, err := Start(def, 1, start, r)
	s := &story{t: t, r: r}
	s.take(p, effects, err)
	return s
}

// take accepts the answer of an operation, which must verify.
func (s *story) take(p Promise, effects []Effect, err error) {
	s.t.Helper()
	require.NoError(s.t, err)
	require.Empty(s.t, p.Verify(s.r))
	s.Promise, s.last = p, effects
	for _, e := range effects {
		line := string(e.Kind) + " " + e.At.In(shanghai).Format("02 15:04")
		if e.Warn != "" {
			line += " at " + e.Warn
		}
		if e.Rung != nil {
			line += " to " + e.Rung.Notify[0]
		}
		if e.Late {
			line += " late"
		}
		if e.Undone {
			line += " undone"
		}
		s.told = append(s.told, line)
	}
}

// expect compares what was told since the last expect; At is the local day of the month and time.
func (s *story) expect(lines ...string) {
	s.t.Helper()
	require.Equal(s.t, lines, s.told)
	s.told = nil
}

func (s *story) due(local string) {
	s.t.Helper()
	require.NotNil(s.t, s.DueAt)
	require.Equal(s.t, march(local), *s.DueAt)
}

func (s *story) next(local string) {
	s.t.Helper()
	require.NotNil(s.t, s.NextAt)
	require.Equal(s.t, march(local), *s.NextAt)
}

func (s *story) tick(local string)   { s.t.Helper(); s.take(s.Tick(march(local), s.r)) }
func (s *story) stop(local string)   { s.t.Helper(); s.take(s.Stop(march(local), s.r)) }
func (s *story) pause(local string)  { s.t.Helper(); s.take(s.Pause(march(local), s.r)) }
func (s *story) resume(local string) { s.t.Helper(); s.take(s.Resume(march(local), s.r)) }
func (s *story) cancel(local string) { s.t.Helper(); s.take(s.Cancel(march(local), s.r)) }

func (s *story) extend(by Span, asked, approved string) {
	s.t.Helper()
	s.take(s.Extend(by, march(asked), march(approved), "a part is missing", s.r))
}

func (s *story) retarget(target Span, choice, local string) {
	s.t.Helper()
	def := s.Definition
	def.Target, def.OnPriorityChange = target, choice
	s.take(s.Retarget(def, march(local), s.r))
}

func (s *story) reopen(local string) *Promise {
	s.t.Helper()
	kept, next, effects, err := s.Reopen(march(local), s.r)
	s.take(kept, effects, err)
	return next
}
