package cadence_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
)

func TestWeekOf_begins_on_Monday_on_the_clock_of_the_place(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, at, from, until string }{
		{"Asia/Shanghai", "2026-03-08 23:59", "2026-03-02 00:00", "2026-03-09 00:00"},
		{"Asia/Shanghai", "2026-03-09 00:00", "2026-03-09 00:00", "2026-03-16 00:00"},
		{"Asia/Shanghai", "2026-01-01 12:00", "2025-12-29 00:00", "2026-01-05 00:00"},    // over New Year
		{"Europe/Berlin", "2026-03-29 12:00", "2026-03-23 00:00", "2026-03-30 00:00"},    // 167 hours
		{"America/New_York", "2026-11-01 01:30", "2026-10-26 00:00", "2026-11-02 00:00"}, // 169 hours
		{"Asia/Tehran", "2021-03-22 12:00", "2021-03-22 01:00", "2021-03-29 00:00"},      // Monday has no midnight
		{"Asia/Tehran", "2021-03-21 23:59", "2021-03-15 00:00", "2021-03-22 01:00"},
	} {
		loc := zone(t, c.zone)
		w := cadence.WeekOf(local(t, loc, c.at).UTC(), loc)
		require.Equal(t, local(t, loc, c.from), w.From, c)
		require.Equal(t, local(t, loc, c.until), w.Until, c)
		require.True(t, w.Contains(local(t, loc, c.at)))
		require.False(t, w.Contains(w.Until))
		before := w.Previous()
		require.Equal(t, w.From, before.Until, c)
		require.Equal(t, time.Monday, before.From.Weekday())
	}
}

// week returns the ISO week of a date in China.
func week(t require.TestingT, date string) cadence.Week {
	loc := zone(t, "Asia/Shanghai")
	return cadence.WeekOf(local(t, loc, date+" 12:00"), loc)
}

// TestWeeklyWant_follows_the_working_days: holidays and make-up workdays are the real ones.
func TestWeeklyWant_follows_the_working_days(t *testing.T) {
	t.Parallel()
	p, cal := shippedPolicy(t), cn(t)
	for _, c := range []struct {
		date       string
		days       int
		five, nine int // of a minimum of five and of nine
	}{
		{"2026-03-04", 5, 5, 9},
		{"2025-12-31", 4, 4, 8}, // New Year: Monday to Wednesday, and the make-up Sunday
		{"2026-01-05", 5, 5, 9},
		{"2026-02-11", 6, 5, 9}, // with the make-up Saturday: no more than the minimum
		{"2026-02-18", 0, 0, 0}, // Spring Festival
		{"2026-02-25", 5, 5, 9}, // Tuesday to Friday, and the make-up Saturday
		{"2026-09-14", 6, 5, 9}, // with the make-up Sunday
		{"2026-09-25", 4, 4, 8}, // Mid-Autumn
		{"2026-09-30", 3, 3, 6}, // National Day begins on Thursday
		{"2026-10-04", 3, 3, 6}, // the same week, its Sunday
		{"2026-10-07", 3, 3, 6}, // it ends on Wednesday; the Saturday is worked
		{"2025-10-03", 2, 2, 4}, // 2025: Monday and Tuesday
		{"2025-10-06", 3, 3, 6}, // Thursday, Friday and the make-up Saturday
	} {
		w := week(t, c.date)
		require.Equal(t, c.days, w.Workdays(cal), c.date)
		p.Weekly.Minimum = 5
		require.Equal(t, c.five, cadence.WeeklyWant(p, cal, w), c.date)
		p.Weekly.Minimum = 9
		require.Equal(t, c.nine, cadence.WeeklyWant(p, cal, w), c.date)
	}
}

func TestWeeklyShort_names_who_holds_a_post_and_had_too_few(t *testing.T) {
	t.Parallel()
	p, cal := shippedPolicy(t), cn(t)
	people := []cadence.Person{
		{ID: "zoe", Posts: []string{"product_manager"}},
		{ID: "amy", Posts: []string{"account_manager", "product_manager"}}, // asked once
		{ID: "ben", Posts: []string{"account_manager"}},
		{ID: "mia", Posts: []string{"monitor"}},
		{ID: "otto"},
		{ID: "amy", Posts: []string{"account_manager"}},
	}
	counts := map[string]int{"amy": 4, "ben": 5, "mia": 1}
	require.Equal(t, []cadence.Short{{"amy", 4, 5}, {"zoe", 0, 5}}, cadence.WeeklyShort(p, cal, week(t, "2026-03-04"), counts, people))
	require.Equal(t, []cadence.Short{{"zoe", 0, 3}}, cadence.WeeklyShort(p, cal, week(t, "2026-09-30"), counts, people), "a short week")
	require.Empty(t, cadence.WeeklyShort(p, cal, week(t, "2026-02-18"), nil, people), "nobody works")
}

func TestDigest_comes_weekly_by_the_clock_of_the_place(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, weekday, at, after, want string }{
		{"Asia/Shanghai", "monday", "08:30", "2026-03-04 12:00", "2026-03-09 08:30"},
		{"Asia/Shanghai", "monday", "08:30", "2026-03-09 08:29", "2026-03-09 08:30"},
		{"Asia/Shanghai", "monday", "08:30", "2026-03-09 08:30", "2026-03-16 08:30"},
		{"Asia/Shanghai", "sunday", "00:00", "2025-12-31 23:00", "2026-01-04 00:00"},
		{"Europe/Berlin", "monday", "08:30", "2026-03-23 08:30", "2026-03-30 08:30"}, // 167 hours
		{"Europe/Berlin", "sunday", "02:30", "2026-03-22 02:30", "2026-03-29 03:30"}, // a reading that is skipped
	} {
		loc := zone(t, c.zone)
		got := cadence.Digest{Weekday: c.weekday, At: c.at}.Next(local(t, loc, c.after).UTC(), loc)
		require.Equal(t, local(t, loc, c.want).UTC(), got, c)
	}
	require.Zero(t, cadence.Digest{}.Next(time.Now(), time.UTC))
	require.Zero(t, cadence.Digest{Weekday: "monday", At: "noon"}.Next(time.Now(), time.UTC))
}
