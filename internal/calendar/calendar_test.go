package calendar_test

import (
	"encoding/csv"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/policies"
)

// shipped returns the calendar of a document that ships with the product.
func shipped(t testing.TB, name string) *calendar.Calendar {
	t.Helper()
	text, err := policies.FS.ReadFile("calendars/" + name + ".yaml")
	require.NoError(t, err)
	var d calendar.Document
	require.NoError(t, yaml.UnmarshalWithOptions(text, &d, yaml.Strict()))
	require.Empty(t, d.Validate())
	require.Equal(t, name, d.ID)
	return build(t, d)
}

func build(t testing.TB, d calendar.Document) *calendar.Calendar {
	t.Helper()
	if d.ID == "" {
		d.ID = "test"
	}
	c, err := calendar.New(d)
	require.NoError(t, err)
	return c
}

// local reads "2006-01-02 15:04" or "2006-01-02 15:04:05" on the wall clock of the calendar.
func local(t testing.TB, c *calendar.Calendar, value string) time.Time {
	t.Helper()
	layout := time.DateTime
	at, err := time.ParseInLocation(layout[:len(value)], value, c.Location())
	require.NoError(t, err)
	return at
}

func utc(t testing.TB, value string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, value)
	require.NoError(t, err)
	return at.UTC()
}

func everyDay(hours ...string) map[string][]string {
	week := make(map[string][]string)
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		week[day] = hours
	}
	return week
}

func TestAdd_on_cn(t *testing.T) {
	t.Parallel()
	cn := shipped(t, "cn")
	for _, tt := range []struct {
		why, start string
		add        time.Duration
		due        string
	}{
		{"lunch is not work", "2026-03-06 11:30", 4 * time.Hour, "2026-03-06 16:30"},
		{"the weekend is not work", "2026-03-06 16:30", 4 * time.Hour, "2026-03-09 11:30"},
		{"the clock starts when the office opens", "2026-03-08 10:00", 10 * time.Minute, "2026-03-09 09:10"},
		{"received at lunch", "2026-03-09 12:30", 10 * time.Minute, "2026-03-09 13:10"},
		{"exactly at closing time", "2026-03-09 09:00", 8 * time.Hour, "2026-03-09 18:00"},
		{"exactly at lunch", "2026-03-09 09:00", 3 * time.Hour, "2026-03-09 12:00"},
		{"one nanosecond after closing time is the next opening", "2026-03-09 09:00", 8*time.Hour + 1, "2026-03-10 09:00"},
		{"make-up workday, then Spring Festival", "2026-02-14 16:00", 4 * time.Hour, "2026-02-24 11:00"},
		{"National Day", "2026-09-30 17:30", 4 * time.Hour, "2026-10-08 13:30"},
		{"a make-up workday counts like any other", "2026-10-10 09:00", 4 * time.Hour, "2026-10-10 14:00"},
		{"nothing added to a closed instant stays there", "2026-03-08 10:00", 0, "2026-03-08 10:00"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			got, err := cn.Add(local(t, cn, tt.start), tt.add)
			require.NoError(t, err)
			require.Equal(t, time.UTC, got.Location())
			require.Equal(t, local(t, cn, tt.due).UTC(), got.Truncate(time.Second))
			require.Equal(t, tt.add, cn.Between(local(t, cn, tt.start), got))
		})
	}
}

func TestAdd_refuses_negative(t *testing.T) {
	t.Parallel()
	_, err := calendar.Always().Add(time.Unix(0, 0), -1)
	require.ErrorIs(t, err, calendar.ErrNegative)
	_, err = calendar.Always().AddDays(time.Unix(0, 0), -1)
	require.ErrorIs(t, err, calendar.ErrNegative)
}

func TestCN_agrees_with_every_day_of_the_published_workdays(t *testing.T) {
	t.Parallel()
	cn := shipped(t, "cn")
	f, err := os.Open("testdata/cn_workdays_2024_2026.csv")
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	rows = rows[1:]
	require.Len(t, rows, 1096)
	var workdays []string
	for _, row := range rows {
		from := local(t, cn, row[0]+" 00:00")
		want := time.Duration(0)
		if row[2] == "1" {
			want = 8 * time.Hour
			workdays = append(workdays, row[0])
		}
		require.Equal(t, want, cn.Between(from, from.AddDate(0, 0, 1)), row[0])
		require.Equal(t, want > 0, cn.WorksOn(from), row[0])
		date, err := time.Parse(time.DateOnly, row[0])
		require.NoError(t, err)
		require.Equal(t, want > 0, cn.WorksOn(date.Add(23*time.Hour)), "the date counts, not the zone: %s", row[0])
	}
	require.Len(t, workdays, 251+248+248)
	start := local(t, cn, workdays[0]+" 10:00")
	for n, date := range workdays {
		got, err := cn.AddDays(start, n)
		require.NoError(t, err)
		require.Equal(t, date+" 10:00:00", got.In(cn.Location()).Format(time.DateTime))
	}
	require.Equal(t, time.Duration(747)*8*time.Hour,
		cn.Between(local(t, cn, "2024-01-01 00:00"), local(t, cn, "2027-01-01 00:00")))
}

func TestCovers_up_to_the_end_of_the_last_known_date(t *testing.T) {
	t.Parallel()
	cn := shipped(t, "cn")
	end, limited := cn.CoveredUntil()
	require.True(t, limited)
	require.Equal(t, local(t, cn, "2027-01-01 00:00").UTC(), end)
	require.True(t, cn.Covers(end))
	require.False(t, cn.Covers(end.Add(1)))
	due, err := cn.Add(local(t, cn, "2026-12-31 17:00"), 2*time.Hour)
	require.NoError(t, err, "beyond the known dates the week still holds")
	require.False(t, cn.Covers(due))

	_, limited = calendar.Always().CoveredUntil()
	require.False(t, limited)
	require.True(t, calendar.Always().Covers(end.AddDate(1000, 0, 0)))
}

func TestAlways_is_elapsed_time(t *testing.T) {
	t.Parallel()
	for _, c := range []*calendar.Calendar{calendar.Always(), shipped(t, "always")} {
		require.Equal(t, "always", c.ID())
		require.Equal(t, time.UTC.String(), c.Location().String())
		a, b := utc(t, "2024-02-28T23:59:59Z"), utc(t, "2031-01-01T00:00:01Z")
		require.True(t, c.Open(a))
		require.Equal(t, b.Sub(a), c.Between(a, b))
		got, err := c.Add(a, b.Sub(a))
		require.NoError(t, err)
		require.Equal(t, b, got)
		require.Equal(t, []calendar.Segment{{From: a, To: b, Counted: b.Sub(a)}}, c.Segments(a, b))
		got, err = c.AddDays(a, 2)
		require.NoError(t, err)
		require.Equal(t, utc(t, "2024-03-01T23:59:59Z"), got)
	}
}

func TestBetween_saturates(t *testing.T) {
	t.Parallel()
	a, b := utc(t, "0001-01-01T00:00:00Z"), utc(t, "9999-12-31T23:59:59Z")
	require.Equal(t, time.Duration(1<<63-1), calendar.Always().Between(a, b))
	require.Equal(t, -time.Duration(1<<63-1), calendar.Always().Between(b, a))
}

func TestOutside_the_years_1_to_9999_nothing_is_open(t *testing.T) {
	t.Parallel()
	c := calendar.Always()
	end := utc(t, "9999-12-31T23:00:00Z")
	require.Equal(t, time.Hour, c.Between(end, end.AddDate(5000, 0, 0)))
	got, err := c.Add(end, time.Hour)
	require.NoError(t, err)
	require.Equal(t, end.Add(time.Hour), got)
	_, err = c.Add(end, time.Hour+1)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	_, err = c.AddDays(end, 1)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	for _, sec := range []int64{1 << 60, 1 << 62, 1<<63 - 1, 1<<63 - 1 - 62135596800, 1<<63 - 1e7, -1 << 60, -1 << 62, -1 << 63, -1<<63 + 62135596800, -1<<63 + 1e7} {
		far := time.Unix(sec, 0)
		require.False(t, c.Open(far))
		_, err = c.NextOpen(far)
		require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	}
	first, err := c.NextOpen(utc(t, "0001-01-01T00:00:00Z").AddDate(0, 0, -300))
	require.NoError(t, err)
	require.Equal(t, utc(t, "0001-01-01T00:00:00Z"), first)
}

func TestNextOpen_and_Open_on_cn(t *testing.T) {
	t.Parallel()
	cn := shipped(t, "cn")
	for _, tt := range []struct {
		why, at, next string
	}{
		{"an opening is open", "2026-03-09 09:00:00", "2026-03-09 09:00:00"},
		{"the last second is open", "2026-03-09 17:59:59", "2026-03-09 17:59:59"},
		{"a closing is not", "2026-03-09 18:00:00", "2026-03-10 09:00:00"},
		{"lunch", "2026-03-09 12:00:00", "2026-03-09 13:00:00"},
		{"before the office opens", "2026-03-09 03:00:00", "2026-03-09 09:00:00"},
		{"Spring Festival", "2026-02-14 18:00:00", "2026-02-24 09:00:00"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			at, want := local(t, cn, tt.at), local(t, cn, tt.next).UTC()
			got, err := cn.NextOpen(at)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, at.Equal(want), cn.Open(at))
		})
	}
}

func TestSegments_are_the_counted_pieces(t *testing.T) {
	t.Parallel()
	cn := shipped(t, "cn")
	at := func(value string) time.Time { return local(t, cn, value).UTC() }
	require.Equal(t, []calendar.Segment{
		{at("2026-03-06 11:30"), at("2026-03-06 12:00"), 30 * time.Minute},
		{at("2026-03-06 13:00"), at("2026-03-06 18:00"), 5 * time.Hour},
		{at("2026-03-09 09:00"), at("2026-03-09 09:30"), 30 * time.Minute},
	}, cn.Segments(at("2026-03-06 11:30"), at("2026-03-09 09:30")))
	require.Empty(t, cn.Segments(at("2026-03-06 12:00"), at("2026-03-06 13:00")), "lunch")
	require.Empty(t, cn.Segments(at("2026-03-06 10:00"), at("2026-03-06 10:00")))
	require.Empty(t, cn.Segments(at("2026-03-06 11:00"), at("2026-03-06 10:00")), "reversed")
}

func TestAddDays(t *testing.T) {
	t.Parallel()
	cn := shipped(t, "cn")
	office := build(t, calendar.Document{
		TimeZone: "Europe/Berlin", Week: everyDay("09:00-12:00", "13:00-18:00"),
		Exceptions: []calendar.Exception{
			{Date: "2026-03-10", Hours: []string{"09:00-12:00"}},
			{Date: "2026-03-11", Hours: []string{"14:00-16:00"}},
			{From: "2026-03-12", To: "2026-03-13", Closed: true},
		},
	})
	night := build(t, calendar.Document{TimeZone: "Europe/Berlin", Week: map[string][]string{
		"monday": {"22:00-06:00"}, "tuesday": {"22:00-06:00"}, "friday": {"22:00-06:00"},
	}})
	early := build(t, calendar.Document{TimeZone: "Europe/Berlin", Week: everyDay("01:00-05:00")})
	for _, tt := range []struct {
		why   string
		c     *calendar.Calendar
		start string
		n     int
		want  string
	}{
		{"none from an open instant is that instant", cn, "2026-03-06 16:30", 0, "2026-03-06 16:30"},
		{"none from a closed instant is the next opening", cn, "2026-03-06 18:00", 0, "2026-03-09 09:00"},
		{"a day is neither 8 nor 24 hours", cn, "2026-03-06 16:30", 1, "2026-03-09 16:30"},
		{"three days over a weekend", cn, "2026-03-05 10:15", 3, "2026-03-10 10:15"},
		{"from lunch it counts from the end of lunch", cn, "2026-03-09 12:30", 1, "2026-03-10 13:00"},
		{"from the weekend it counts from Monday's opening", cn, "2026-03-07 20:00", 1, "2026-03-10 09:00"},
		{"over Spring Festival", cn, "2026-02-13 17:00", 2, "2026-02-24 17:00"},
		{"closed then and nothing left: that day's closing", office, "2026-03-09 15:00", 1, "2026-03-10 12:00"},
		{"closed then but open later: that day's next opening", office, "2026-03-10 10:00", 1, "2026-03-11 14:00"},
		{"closed dates are not working days", office, "2026-03-11 15:00", 1, "2026-03-14 15:00"},
		{"a closing instant is not open", office, "2026-03-09 12:00", 1, "2026-03-10 12:00"},
		{"after midnight the night shift of the day before is open", night, "2026-03-10 02:00", 2, "2026-03-16 22:00"},
		{"a night shift starts on the working day", night, "2026-03-09 23:00", 1, "2026-03-10 23:00"},
		{"the small hours of a day without a shift the night before", night, "2026-03-11 02:00", 1, "2026-03-13 22:00"},
		{"a skipped local time is the instant of the skip", early, "2026-03-28 02:30", 1, "2026-03-29 03:00"},
		{"one that is not skipped keeps its seconds", early, "2026-03-28 01:30:07", 1, "2026-03-29 01:30:07"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			got, err := tt.c.AddDays(local(t, tt.c, tt.start), tt.n)
			require.NoError(t, err)
			require.Equal(t, local(t, tt.c, tt.want).UTC(), got)
		})
	}
	got, err := early.AddDays(local(t, early, "2026-10-24 02:30"), 1)
	require.NoError(t, err)
	require.Equal(t, utc(t, "2026-10-25T00:30:00Z"), got, "a repeated local time is the first")
	got, err = early.AddDays(local(t, early, "2026-03-28 02:30").Add(999), 1)
	require.NoError(t, err)
	require.Equal(t, utc(t, "2026-03-29T01:00:00Z"), got, "a skip has no nanoseconds")
}

func TestNight_shift_belongs_to_the_day_on_which_it_starts(t *testing.T) {
	t.Parallel()
	c := build(t, calendar.Document{
		TimeZone: "Asia/Shanghai",
		Week: map[string][]string{
			"monday": {"22:00-06:00"}, "tuesday": {"05:00-08:00", "22:00-06:00"}, "wednesday": {"22:00-06:00"},
			"thursday": {"22:00-06:00"}, "friday": {"22:00-00:00"},
		},
		Exceptions: []calendar.Exception{
			{Date: "2026-03-18", Closed: true},
			{Date: "2026-03-19", Hours: []string{"09:00-10:00"}},
			{Date: "2026-03-21", As: "monday"},
			{Date: "2026-12-31", Hours: []string{"20:00-12:00"}},
			{Date: "2027-01-01", Hours: []string{"11:00-13:00"}},
		},
	})
	at := func(value string) time.Time { return local(t, c, value).UTC() }
	piece := func(from, to string) calendar.Segment {
		return calendar.Segment{From: at(from), To: at(to), Counted: at(to).Sub(at(from))}
	}
	for _, tt := range []struct {
		why, from, to string
		want          []calendar.Segment
	}{
		{
			"hours of the next day that overlap it count once", "2026-03-16 00:00", "2026-03-17 12:00",
			[]calendar.Segment{piece("2026-03-16 22:00", "2026-03-17 08:00")},
		},
		{
			"a closed day loses its own shift but not the end of the one before", "2026-03-17 12:00", "2026-03-19 08:00",
			[]calendar.Segment{piece("2026-03-17 22:00", "2026-03-18 06:00")},
		},
		{
			"hours given for a date replace its shift", "2026-03-18 12:00", "2026-03-20 12:00",
			[]calendar.Segment{piece("2026-03-19 09:00", "2026-03-19 10:00")},
		},
		{
			"a day that counts as another takes its shift past midnight; 00:00 ends a day", "2026-03-20 12:00", "2026-03-22 12:00",
			[]calendar.Segment{piece("2026-03-20 22:00", "2026-03-21 00:00"), piece("2026-03-21 22:00", "2026-03-22 06:00")},
		},
		{
			"over the turn of the year", "2026-12-31 12:00", "2027-01-02 12:00",
			[]calendar.Segment{piece("2026-12-31 20:00", "2027-01-01 13:00")},
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, c.Segments(at(tt.from), at(tt.to)))
		})
	}
}

func TestDaylight_saving_counts_real_durations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		why, zone, date, hours string
		opens                  string
		counted                time.Duration
	}{
		{"a skipped hour is not worked", "Europe/Berlin", "2026-03-29", "00:00-06:00", "2026-03-28T23:00:00Z", 5 * time.Hour},
		{"a repeated hour is worked twice", "Europe/Berlin", "2026-10-25", "00:00-06:00", "2026-10-24T22:00:00Z", 7 * time.Hour},
		{"a night shift over the skip", "America/New_York", "2026-03-07", "22:00-06:00", "2026-03-08T03:00:00Z", 7 * time.Hour},
		{"a night shift over the repeat", "America/New_York", "2026-10-31", "22:00-06:00", "2026-11-01T02:00:00Z", 9 * time.Hour},
		{"an opening that is skipped", "Europe/Berlin", "2026-03-29", "02:30-05:00", "2026-03-29T01:00:00Z", 2 * time.Hour},
		{"a closing that is skipped", "Europe/Berlin", "2026-03-29", "00:00-02:30", "2026-03-28T23:00:00Z", 2 * time.Hour},
		{"hours that are skipped", "Europe/Berlin", "2026-03-29", "02:00-03:00", "", 0},
		{"hours that are repeated", "Europe/Berlin", "2026-10-25", "02:00-03:00", "2026-10-25T00:00:00Z", 2 * time.Hour},
		{"an opening that happens twice is the first", "Europe/Berlin", "2026-10-25", "02:30-05:00", "2026-10-25T00:30:00Z", 3*time.Hour + 30*time.Minute},
		{"a closing that happens twice is the last", "Europe/Berlin", "2026-10-25", "00:00-02:30", "2026-10-24T22:00:00Z", 3*time.Hour + 30*time.Minute},
		{"a closing before the repeated hour", "Europe/Berlin", "2026-10-25", "00:00-02:00", "2026-10-24T22:00:00Z", 2 * time.Hour},
		{"an opening after the repeated hour", "Europe/Berlin", "2026-10-25", "03:00-05:00", "2026-10-25T02:00:00Z", 2 * time.Hour},
		{"half an hour is skipped", "Australia/Lord_Howe", "2026-10-04", "00:00-04:00", "2026-10-03T13:30:00Z", 3*time.Hour + 30*time.Minute},
		{"half an hour is repeated", "Australia/Lord_Howe", "2026-04-05", "00:00-04:00", "2026-04-04T13:00:00Z", 4*time.Hour + 30*time.Minute},
		{"midnight is skipped", "Africa/Cairo", "2026-04-24", "00:00-24:00", "2026-04-23T22:00:00Z", 23 * time.Hour},
		{"the hour before midnight is repeated", "Africa/Cairo", "2026-10-29", "09:00-24:00", "2026-10-29T06:00:00Z", 16 * time.Hour},
		{"the hour after midnight is repeated: not on the day before", "America/Havana", "2026-10-31", "09:00-24:00", "2026-10-31T13:00:00Z", 15 * time.Hour},
		{"the hour after midnight is repeated: on the day itself", "America/Havana", "2026-11-01", "00:00-24:00", "2026-11-01T04:00:00Z", 25 * time.Hour},
		{"a clock set back at one minute past midnight", "America/St_Johns", "2010-11-06", "09:00-24:00", "2010-11-06T11:30:00Z", 16 * time.Hour},
		{"the spring after a leap year that no zone file tabulates", "America/New_York", "2041-03-15", "09:00-17:00", "2041-03-15T13:00:00Z", 8 * time.Hour},
		{"a date that does not exist", "Pacific/Apia", "2011-12-30", "09:00-17:00", "", 0},
		{"a zone of 5:45 without daylight saving", "Asia/Kathmandu", "2026-03-29", "00:00-06:00", "2026-03-28T18:15:00Z", 6 * time.Hour},
	} {
		t.Run(tt.zone+" "+tt.why, func(t *testing.T) {
			t.Parallel()
			c := build(t, calendar.Document{
				TimeZone: tt.zone, Week: everyDay("00:00-00:01"),
				Exceptions: []calendar.Exception{
					{From: "2000-01-01", To: dayBefore(t, tt.date), Closed: true},
					{Date: tt.date, Hours: []string{tt.hours}},
					{From: dayAfter(t, tt.date), To: "2100-01-01", Closed: true},
				},
			})
			segments := c.Segments(utc(t, "2001-01-01T00:00:00Z"), utc(t, "2099-01-01T00:00:00Z"))
			if tt.counted == 0 {
				require.Empty(t, segments)
				return
			}
			require.Len(t, segments, 1)
			require.Equal(t, utc(t, tt.opens), segments[0].From)
			require.Equal(t, tt.counted, segments[0].Counted)
		})
	}
}

func dayBefore(t *testing.T, date string) string {
	return utc(t, date+"T00:00:00Z").AddDate(0, 0, -1).Format(time.DateOnly)
}

func dayAfter(t *testing.T, date string) string {
	return utc(t, date+"T00:00:00Z").AddDate(0, 0, 1).Format(time.DateOnly)
}

func TestNo_working_time_within_400_days_is_an_error(t *testing.T) {
	t.Parallel()
	after := func(last, reopens string) *calendar.Calendar {
		return build(t, calendar.Document{
			TimeZone: "UTC", Week: map[string][]string{"monday": {"00:00-24:00"}},
			Exceptions: []calendar.Exception{
				{From: "2026-01-06", To: last, Closed: true},
				{Date: "2027-02-10", Hours: []string{reopens}},
				{From: "2027-02-11", To: "9999-12-31", Closed: true},
			},
		})
	}
	closing := utc(t, "2026-01-06T00:00:00Z")
	require.Equal(t, utc(t, "2027-02-10T00:00:00Z"), closing.AddDate(0, 0, 400))

	exactly := after("2027-02-09", "00:00-02:00")
	got, err := exactly.Add(closing.Add(-time.Hour), 2*time.Hour)
	require.NoError(t, err)
	require.Equal(t, utc(t, "2027-02-10T01:00:00Z"), got)
	got, err = exactly.NextOpen(closing)
	require.NoError(t, err)
	require.Equal(t, utc(t, "2027-02-10T00:00:00Z"), got)
	_, err = exactly.Add(closing.Add(-time.Hour), 4*time.Hour)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime, "after the last hours there are none for ever")

	longer := after("2027-02-09", "00:01-02:00")
	got, err = longer.Add(closing.Add(-time.Hour), time.Hour)
	require.NoError(t, err, "the gap lies behind the answer")
	require.Equal(t, closing, got)
	_, err = longer.Add(closing.Add(-time.Hour), time.Hour+1)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	_, err = longer.NextOpen(closing)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	_, err = longer.AddDays(closing.Add(-time.Hour), 1)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	got, err = longer.NextOpen(closing.Add(time.Minute))
	require.NoError(t, err, "from a minute later it is 400 days")
	require.Equal(t, utc(t, "2027-02-10T00:01:00Z"), got)
	require.Equal(t, time.Hour+119*time.Minute, longer.Between(closing.Add(-time.Hour), closing.AddDate(5, 0, 0)),
		"the sum of what there is needs no error")
}

func TestAdd_spans_many_years(t *testing.T) {
	t.Parallel()
	c := build(t, calendar.Document{TimeZone: "Asia/Shanghai", Week: map[string][]string{"monday": {"09:00-10:00"}}})
	got, err := c.Add(local(t, c, "2026-03-02 09:00"), 52*300*time.Hour)
	require.NoError(t, err)
	require.Equal(t, local(t, c, "2026-03-02 10:00").AddDate(0, 0, 7*(52*300-1)).UTC(), got)
}

func TestResults_never_depend_on_the_cache(t *testing.T) {
	t.Parallel()
	doc := calendar.Document{TimeZone: "Europe/Berlin", Week: everyDay("22:00-06:00", "05:00-12:00")}
	shared, start := build(t, doc), utc(t, "2020-06-01T12:34:56Z")
	const n = 40
	add := func(c *calendar.Calendar, i int) time.Time {
		got, err := c.Add(start.AddDate(i%7, i%12, i), time.Duration(i)*1234*time.Hour)
		require.NoError(t, err)
		return got
	}
	got := make([][]time.Time, 8)
	var wg sync.WaitGroup
	for g := range got {
		got[g] = make([]time.Time, n)
		wg.Go(func() {
			for k := range n {
				i := (k*(2*g+1) + g) % n // each goroutine walks the years in its own order
				got[g][i] = add(shared, i)
			}
		})
	}
	wg.Wait()
	for i := range n {
		cold := add(build(t, doc), i)
		for g := range got {
			if !got[g][i].IsZero() {
				require.Equal(t, cold, got[g][i])
			}
		}
	}
	require.False(t, slices.ContainsFunc(got[0], time.Time.IsZero), "the first walk leaves nothing out")
}
