package cadence_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
)

func TestNextContact_is_one_period_later_at_the_same_time_of_day(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, every, last, want string }{
		{"Asia/Shanghai", "2w", "2026-03-06 15:30", "2026-03-20 15:30"},
		{"Asia/Shanghai", "1mo", "2026-01-31 09:00", "2026-02-28 09:00"},
		{"Asia/Shanghai", "1mo", "2024-01-31 09:00", "2024-02-29 09:00"},
		{"Asia/Shanghai", "3mo", "2025-12-31 23:59", "2026-03-31 23:59"},
		{"Europe/Berlin", "1w", "2026-03-27 09:00", "2026-04-03 09:00"},    // 167 hours
		{"Europe/Berlin", "1w", "2026-10-23 09:00", "2026-10-30 09:00"},    // 169 hours
		{"America/New_York", "1d", "2026-03-07 02:30", "2026-03-08 01:30"}, // 02:30 does not come
		{"Pacific/Apia", "1d", "2011-12-29 09:00", "2011-12-31 09:00"},     // the 30th did not come
	} {
		loc := zone(t, c.zone)
		r := cadence.ClassRules{ContactEvery: period(t, c.every), DormantAfter: period(t, c.every)}
		last, want := local(t, loc, c.last), local(t, loc, c.want).UTC()
		require.Equal(t, want, cadence.NextContact(r, last, loc), c)
		require.Equal(t, want, cadence.DormantAt(r, last.UTC(), loc), c)
	}
	require.Zero(t, cadence.NextContact(cadence.ClassRules{}, time.Now(), time.UTC), "who has no class is promised nothing")
	require.Zero(t, cadence.DormantAt(cadence.ClassRules{}, time.Now(), time.UTC))
}

func TestBreadth_counts_each_contact_spoken_with_in_the_period(t *testing.T) {
	t.Parallel()
	loc := zone(t, "Asia/Shanghai")
	r := cadence.ClassRules{Breadth: cadence.BreadthRule{Contacts: 3, Within: period(t, "3mo")}}
	at := local(t, loc, "2026-05-31 09:00")
	have, want := cadence.Breadth(r, map[string]time.Time{
		"now":      at,
		"within":   local(t, loc, "2026-02-28 09:01"),
		"over":     local(t, loc, "2026-02-28 09:00"), // exactly one period ago: February has no 31st
		"long ago": local(t, loc, "2024-02-28 09:00"),
		"later":    at.Add(1), // reported ahead of its time
	}, at, loc)
	require.Equal(t, []int{2, 3}, []int{have, want})
	have, want = cadence.Breadth(r, nil, at, loc)
	require.Equal(t, []int{0, 3}, []int{have, want})
	have, want = cadence.Breadth(cadence.ClassRules{}, map[string]time.Time{"now": at}, at, loc)
	require.Equal(t, []int{0, 0}, []int{have, want}, "nothing is asked")
}

func span(t require.TestingT, text string) sla.Span {
	s, err := sla.ParseSpan(text)
	require.NoError(t, err)
	return s
}

func TestRemindAt_leaves_the_working_time_that_the_policy_gives(t *testing.T) {
	t.Parallel()
	cal := cn(t) // 09:00-12:00 and 13:00-18:00
	for _, c := range []struct{ due, before, want string }{
		{"2026-03-06 15:00", "2h", "2026-03-06 13:00"},
		{"2026-03-06 15:00", "3h", "2026-03-06 11:00"},
		{"2026-03-09 10:00", "2h", "2026-03-06 17:00"}, // over a weekend
		{"2026-03-08 10:00", "1h", "2026-03-06 17:00"}, // due on a Sunday
		{"2026-03-06 18:00", "8h", "2026-03-06 09:00"},
		{"2026-03-09 09:00", "8h", "2026-03-06 09:00"},
		{"2026-03-06 15:00", "2d", "2026-03-04 15:00"},
		{"2026-03-06 18:00", "1d", "2026-03-05 18:00"},
		{"2026-03-09 15:00", "1d", "2026-03-06 15:00"},
		{"2026-03-08 15:00", "2d", "2026-03-04 18:00"}, // Thursday and Friday are left
		{"2026-03-09 03:00", "1d", "2026-03-05 18:00"}, // Friday is left
		{"2026-02-24 10:00", "1d", "2026-02-14 10:00"}, // before the Spring Festival, on the make-up Saturday
		{"2026-10-08 09:30", "1h", "2026-09-30 17:30"}, // before National Day
		{"2026-10-10 11:00", "2d", "2026-10-08 11:00"}, // due on a make-up Saturday
		{"2026-01-04 10:00", "1d", "2025-12-31 10:00"}, // New Year, due on a make-up Sunday
		{"2026-03-06 15:00", "0s", "2026-03-06 15:00"},
	} {
		got := cadence.RemindAt(cal, local(t, cal.Location(), c.due), span(t, c.before))
		require.Equal(t, local(t, cal.Location(), c.want).UTC(), got, c)
	}
}

func TestRemindAt_comes_before_what_a_calendar_without_working_time_has_due(t *testing.T) {
	t.Parallel()
	cal, err := calendar.New(calendar.Document{ID: "mondays", TimeZone: "UTC", Week: map[string][]string{"monday": {"09:00-10:00"}}})
	require.NoError(t, err)
	due := time.Date(1, 1, 1, 9, 0, 0, 0, time.UTC) // nothing is open before the first year
	require.Equal(t, due.Add(-48*time.Hour), cadence.RemindAt(cal, due, span(t, "2d")))
	require.Equal(t, due.Add(-time.Hour), cadence.RemindAt(cal, due, span(t, "1h")))
}
