package cadence_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
)

var zones = []string{
	"Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "Africa/Cairo", "America/Havana",
	"Asia/Kathmandu", "America/St_Johns", "UTC", "Pacific/Apia", // left out a whole day
}

// drawAt draws an instant of the years 2010 to 2039, half of the time near a change of the zone's offset.
func drawAt(t *rapid.T, loc *time.Location) time.Time {
	at := time.Unix(rapid.Int64Range(1262304000, 2208988800).Draw(t, "at"), 0).In(loc)
	if _, change := at.ZoneBounds(); rapid.Bool().Draw(t, "at a change") && !change.IsZero() {
		at = change.Add(time.Duration(rapid.Int64Range(-int64(50*time.Hour), int64(50*time.Hour)).Draw(t, "from it")))
	}
	return at
}

func drawZone(t *rapid.T) *time.Location { return zone(t, rapid.SampledFrom(zones).Draw(t, "zone")) }

func drawPeriod(t *rapid.T, name string) calendar.Period {
	unit := rapid.SampledFrom([]string{"d", "w", "mo", "y"}).Draw(t, name+" unit")
	return period(t, fmt.Sprint(rapid.IntRange(1, 10).Draw(t, name), unit))
}

// drawCalendar draws a calendar with day shifts, holidays and make-up workdays around an instant.
func drawCalendar(t *rapid.T, loc *time.Location, around time.Time) *calendar.Calendar {
	doc := calendar.Document{ID: "random", TimeZone: loc.String(), Week: map[string][]string{"wednesday": {"08:00-16:00"}}}
	for _, weekday := range []string{"monday", "tuesday", "thursday", "friday", "saturday", "sunday"} {
		doc.Week[weekday] = rapid.SampledFrom([][]string{nil, {"09:00-12:00", "13:00-18:00"}, {"00:00-24:00"}, {"22:00-24:00"}}).Draw(t, weekday)
	}
	for i := range 12 {
		e := calendar.Exception{Date: around.AddDate(0, 0, i-9).Format(time.DateOnly)}
		switch rapid.IntRange(0, 3).Draw(t, "exception") {
		case 0:
			e.Closed = true
		case 1:
			e.As = "wednesday"
		default:
			continue
		}
		doc.Exceptions = append(doc.Exceptions, e)
	}
	cal, err := calendar.New(doc)
	require.NoError(t, err)
	return cal
}

func TestLaw_the_next_contact_is_strictly_later_and_dormancy_of_a_checked_policy_later_still(t *testing.T) {
	t.Parallel()
	p := shippedPolicy(t)
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		last := drawAt(t, loc)
		r := p.Rules("S")
		r.ContactEvery, r.DormantAfter = drawPeriod(t, "every"), drawPeriod(t, "dormant")
		next := cadence.NextContact(r, last, loc)
		require.True(t, next.After(last))
		require.Equal(t, time.UTC, next.Location())
		require.Equal(t, next, cadence.NextContact(r, last.UTC(), loc), "the zone of the argument does not matter")
		q := p
		q.Classes = maps.Clone(p.Classes)
		q.Classes["S"] = r
		if len(q.Check(refs)) == 0 && loc.String() != "Pacific/Apia" { // where a day was missing, both fell on one
			require.True(t, cadence.DormantAt(r, last, loc).After(next))
		}
	})
}

func TestLaw_a_reminder_leaves_exactly_the_working_time_and_comes_as_late_as_it_can(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		due := drawAt(t, loc)
		cal := drawCalendar(t, loc, due)
		before := time.Duration(rapid.Int64Range(1, int64(100*time.Hour)).Draw(t, "before"))
		got := cadence.RemindAt(cal, due, sla.Span{Duration: before})
		require.False(t, got.After(due))
		require.Equal(t, time.UTC, got.Location())
		require.Equal(t, before, cal.Between(got, due))
		require.Equal(t, before-1, cal.Between(got.Add(1), due), "an instant later too little is left")
	})
}

func TestLaw_a_reminder_in_days_is_in_time_and_comes_as_late_as_it_can(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		due := drawAt(t, loc)
		cal := drawCalendar(t, loc, due)
		n := rapid.IntRange(1, 12).Draw(t, "days")
		got := cadence.RemindAt(cal, due, sla.Span{Days: n})
		require.True(t, got.Before(due))
		over := func(start time.Time) time.Time {
			end, err := cal.AddDays(start, n)
			require.NoError(t, err)
			return end
		}
		require.False(t, over(got.Add(-1)).After(due), "in time")
		require.True(t, over(got.Add(1)).After(due), "an instant later it is not")
		require.True(t, cal.Open(got) || cal.Open(got.Add(-1)), "in working hours, or at their end")
	})
}

func TestLaw_weeks_follow_each_other_and_begin_when_the_clock_first_reads_Monday(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		at := drawAt(t, loc)
		w := cadence.WeekOf(at, loc)
		require.True(t, w.Contains(at))
		require.Equal(t, time.Monday, w.From.Weekday())
		require.Equal(t, time.Sunday, w.From.Add(-1).Weekday())
		require.Equal(t, w, cadence.WeekOf(w.Until.Add(-1), loc))
		require.Equal(t, w, cadence.WeekOf(w.Until, loc).Previous())
		require.Equal(t, w, cadence.WeekOf(at.UTC(), loc))
		y1, w1 := at.In(loc).ISOWeek()
		y2, w2 := w.From.ISOWeek()
		require.Equal(t, []int{y1, w1}, []int{y2, w2})
	})
}

func TestLaw_the_weekly_want_is_never_above_the_minimum_and_nothing_without_working_days(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		at := drawAt(t, loc)
		cal := drawCalendar(t, loc, at)
		p := cadence.Policy{Weekly: cadence.Weekly{Minimum: rapid.IntRange(1, 100).Draw(t, "minimum"), Posts: []string{"am"}}}
		w := cadence.WeekOf(at, loc)
		want, days := cadence.WeeklyWant(p, cal, w), w.Workdays(cal)
		require.LessOrEqual(t, want, p.Weekly.Minimum)
		require.Equal(t, days == 0, want == 0)
		if days >= 5 {
			require.Equal(t, p.Weekly.Minimum, want)
		}
		require.GreaterOrEqual(t, want*5, p.Weekly.Minimum*min(days, 5), "rounded up")
		require.Less(t, (want-1)*5, max(1, p.Weekly.Minimum*min(days, 5)), "and no further")

		counts := map[string]int{}
		var people []cadence.Person
		for i := range rapid.IntRange(0, 8).Draw(t, "people") {
			person := cadence.Person{ID: string(rune('a' + i)), Posts: rapid.SampledFrom([][]string{nil, {"am"}, {"cook", "am"}, {"cook"}}).Draw(t, "posts")}
			people = append(people, person)
			counts[person.ID] = rapid.IntRange(0, 2*p.Weekly.Minimum).Draw(t, "count")
		}
		short := cadence.WeeklyShort(p, cal, w, counts, people)
		require.Equal(t, short, cadence.WeeklyShort(p, cal, w, counts, rapid.Permutation(people).Draw(t, "order")), "the order does not matter")
		for _, person := range people {
			named := slices.ContainsFunc(short, func(s cadence.Short) bool { return s == cadence.Short{person.ID, counts[person.ID], want} })
			require.Equal(t, slices.Contains(person.Posts, "am") && counts[person.ID] < want, named)
		}
	})
}

func TestLaw_one_more_log_in_never_makes_a_week_worse_and_one_more_day_of_leave_never_asks_more(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		at := drawAt(t, loc)
		cal := drawCalendar(t, loc, at)
		p := cadence.Policy{Login: cadence.Login{Every: cadence.EveryWorkday, TravellingPerWeek: rapid.IntRange(1, 7).Draw(t, "travelling"), Weeks: 2}}
		w := cadence.WeekOf(at, loc)
		year, month, monday := w.From.Date()
		date := func(i int) string {
			return time.Date(year, month, monday+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		}
		draw := func(name string) map[string]bool {
			set := map[string]bool{}
			for i := range 7 {
				set[date(i)] = rapid.Bool().Draw(t, name)
			}
			return set
		}
		a := cadence.Attendance{Days: draw("days"), Travelling: draw("travelling"), AbsentDays: draw("absent")}
		lapse := cadence.Lapsed(p, cal, w, a)
		require.LessOrEqual(t, lapse.Had, lapse.Required)
		require.LessOrEqual(t, lapse.Required, w.Workdays(cal))
		require.Equal(t, lapse.Had < lapse.Required, lapse.Lapsed)
		if lapse.NoLogin {
			require.Zero(t, lapse.Had)
		}
		one := date(rapid.IntRange(0, 6).Draw(t, "one"))
		more := a
		more.Days = maps.Clone(a.Days)
		more.Days[one] = true
		better := cadence.Lapsed(p, cal, w, more)
		require.GreaterOrEqual(t, better.Had, lapse.Had)
		require.Equal(t, lapse.Required, better.Required)
		require.False(t, better.NoLogin)
		require.False(t, better.Lapsed && !lapse.Lapsed)
		leave := a
		leave.AbsentDays = maps.Clone(a.AbsentDays)
		leave.AbsentDays[one] = true
		require.LessOrEqual(t, cadence.Lapsed(p, cal, w, leave).Required, lapse.Required)
	})
}

func TestLaw_who_builds_in_order_is_never_warned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.IntRange(1, 5)
		targets := cadence.Targets{Key: level.Draw(t, "key"), Broad: level.Draw(t, "broad"), Organisation: level.Draw(t, "organisation")}
		values := []int{level.Draw(t, "1"), level.Draw(t, "2"), level.Draw(t, "3")}
		have := map[cadence.Level]int{}
		for i, l := range cadence.Levels() {
			have[l] = values[i]
		}
		ahead, below := cadence.OrderWarnings(have, targets), cadence.BelowTarget(have, targets)
		if values[0] >= values[1] && values[1] >= values[2] || len(below) == 0 {
			require.Empty(t, ahead)
		}
		require.NotContains(t, ahead, cadence.Key)
		for _, l := range below {
			have[l] = targets.Of(l)
		}
		require.Empty(t, cadence.BelowTarget(have, targets))
		require.Empty(t, cadence.OrderWarnings(have, targets), "once every target is reached, order is behind")
	})
}
