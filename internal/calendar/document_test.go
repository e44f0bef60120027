package calendar_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

func valid() calendar.Document {
	return calendar.Document{ID: "x", TimeZone: "Asia/Shanghai", Week: map[string][]string{
		"monday": {"09:00-12:00", "13:00-18:00"}, "friday": {"22:00-06:00", "01:00-02:00"},
	}}
}

func TestValidate_names_each_fault_and_where(t *testing.T) {
	t.Parallel()
	value := func(v string) map[string]string { return map[string]string{"value": v} }
	exception := func(list ...calendar.Exception) func(*calendar.Document) {
		return func(d *calendar.Document) { d.Exceptions = list }
	}
	monday := func(hours ...string) func(*calendar.Document) {
		return func(d *calendar.Document) { d.Week["monday"] = hours }
	}
	oneEffect := map[string]string{"fields": "closed, hours, as"}
	oneDate := map[string]string{"fields": "date, from+to"}
	for _, tt := range []struct {
		name   string
		change func(*calendar.Document)
		want   []calendar.Fault
	}{
		{"valid", func(*calendar.Document) {}, nil},
		{"touching intervals", monday("12:00-13:00", "09:00-12:00", "13:00-24:00"), nil},
		{"adjacent exceptions", exception(
			calendar.Exception{From: "2026-02-15", To: "2026-02-23", Closed: true},
			calendar.Exception{Date: "2026-02-14", As: "monday"},
			calendar.Exception{From: "2026-02-24", To: "2026-02-24", Hours: []string{"00:00-24:00"}},
		), nil},
		{"no id", func(d *calendar.Document) { d.ID = "" }, []calendar.Fault{{Path: "id", Code: "required"}}},
		{"no zone", func(d *calendar.Document) { d.TimeZone = "" }, []calendar.Fault{{Path: "time_zone", Code: "required"}}},
		{"unknown zone", func(d *calendar.Document) { d.TimeZone = "Mars/Olympus" }, []calendar.Fault{{"time_zone", "unknown_zone", value("Mars/Olympus")}}},
		{"the machine's zone", func(d *calendar.Document) { d.TimeZone = "Local" }, []calendar.Fault{{"time_zone", "unknown_zone", value("Local")}}},
		{"unknown weekday", func(d *calendar.Document) { d.Week["Monday"] = nil }, []calendar.Fault{{"week.Monday", "unknown_weekday", value("Monday")}}},
		{"no week", func(d *calendar.Document) { d.Week = nil }, []calendar.Fault{{Path: "week", Code: "no_open_time"}}},
		{"a week without hours", func(d *calendar.Document) { d.Week = map[string][]string{"monday": {}} }, []calendar.Fault{{Path: "week", Code: "no_open_time"}}},
		{"bad interval", monday("09:00-12:00", "9-12"), []calendar.Fault{{"week.monday[1]", "bad_interval", value("9-12")}}},
		{"overlap", monday("13:00-18:00", "09:00-13:01"), []calendar.Fault{
			{"week.monday[1]", "overlap", map[string]string{"value": "09:00-13:01", "other": "13:00-18:00"}},
		}},
		{"overlap with a night shift", monday("22:00-06:00", "23:00-24:00"), []calendar.Fault{
			{"week.monday[1]", "overlap", map[string]string{"value": "23:00-24:00", "other": "22:00-06:00"}},
		}},
		{"too many intervals", monday(slices.Repeat([]string{"09:00-10:00"}, 49)...), []calendar.Fault{
			{"week.monday", "too_many", map[string]string{"max": "48"}},
		}},
		{"bad date", exception(calendar.Exception{Date: "2026-02-30", Closed: true}), []calendar.Fault{{"exceptions[0].date", "bad_date", value("2026-02-30")}}},
		{"bad range", exception(calendar.Exception{From: "2026-2-1", To: "2026-02", Closed: true}), []calendar.Fault{
			{"exceptions[0].from", "bad_date", value("2026-2-1")}, {"exceptions[0].to", "bad_date", value("2026-02")},
		}},
		{"half a range", exception(calendar.Exception{From: "2026-02-01", Closed: true}), []calendar.Fault{{Path: "exceptions[0].to", Code: "required"}}},
		{"no date", exception(calendar.Exception{Closed: true}), []calendar.Fault{{"exceptions[0]", "one_of", oneDate}}},
		{"date and range", exception(calendar.Exception{Date: "2026-02-01", To: "2026-02-02", Closed: true}), []calendar.Fault{{"exceptions[0]", "one_of", oneDate}}},
		{"reversed range", exception(calendar.Exception{From: "2026-02-02", To: "2026-02-01", Closed: true}), []calendar.Fault{
			{"exceptions[0].to", "range_reversed", map[string]string{"from": "2026-02-02", "to": "2026-02-01"}},
		}},
		{"duplicate date", exception(
			calendar.Exception{From: "2026-02-15", To: "2026-02-23", Closed: true},
			calendar.Exception{From: "2026-02-10", To: "2026-02-16", Closed: true},
		), []calendar.Fault{{"exceptions[1]", "duplicate_date", map[string]string{"date": "2026-02-15", "other": "exceptions[0]"}}}},
		{"the same date twice", exception(
			calendar.Exception{Date: "2026-02-15", Closed: true}, calendar.Exception{Date: "2026-02-15", As: "monday"},
		), []calendar.Fault{{"exceptions[1]", "duplicate_date", map[string]string{"date": "2026-02-15", "other": "exceptions[0]"}}}},
		{"ranges that share one date", exception(
			calendar.Exception{From: "2026-02-15", To: "2026-02-23", Closed: true},
			calendar.Exception{Date: "2026-03-01", Closed: true},
			calendar.Exception{From: "2026-02-23", To: "2026-02-24", Closed: true},
		), []calendar.Fault{{"exceptions[2]", "duplicate_date", map[string]string{"date": "2026-02-23", "other": "exceptions[0]"}}}},
		{"no effect", exception(calendar.Exception{Date: "2026-02-01", Hours: []string{}}), []calendar.Fault{{"exceptions[0]", "one_of", oneEffect}}},
		{"two effects", exception(calendar.Exception{Date: "2026-02-01", Closed: true, As: "monday"}), []calendar.Fault{{"exceptions[0]", "one_of", oneEffect}}},
		{"as an unknown weekday", exception(calendar.Exception{Date: "2026-02-01", As: "workday"}), []calendar.Fault{{"exceptions[0].as", "unknown_weekday", value("workday")}}},
		{"bad hours of a date", exception(calendar.Exception{Date: "2026-02-01", Hours: []string{"24:00-25:00"}}), []calendar.Fault{
			{"exceptions[0].hours[0]", "bad_interval", value("24:00-25:00")},
		}},
		{"too many exceptions", exception(make([]calendar.Exception, 2001)...), []calendar.Fault{{"exceptions", "too_many", map[string]string{"max": "2000"}}}},
		{"bad end of coverage", func(d *calendar.Document) { d.CoveredUntil = "2026" }, []calendar.Fault{{"covered_until", "bad_date", value("2026")}}},
		{
			"every fault at once, in the order of the document",
			func(d *calendar.Document) {
				*d = calendar.Document{
					TimeZone: "X", Week: map[string][]string{"zday": nil, "sunday": {"x"}, "monday": {"y"}, "aday": nil},
					Exceptions: []calendar.Exception{{}}, CoveredUntil: "z",
				}
			},
			[]calendar.Fault{
				{Path: "id", Code: "required"},
				{"time_zone", "unknown_zone", value("X")},
				{"week.monday[0]", "bad_interval", value("y")},
				{"week.sunday[0]", "bad_interval", value("x")},
				{"week.aday", "unknown_weekday", value("aday")},
				{"week.zday", "unknown_weekday", value("zday")},
				{"exceptions[0]", "one_of", oneDate},
				{"exceptions[0]", "one_of", oneEffect},
				{"covered_until", "bad_date", value("z")},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := valid()
			tt.change(&d)
			require.Equal(t, tt.want, d.Validate())
			c, err := calendar.New(d)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			var invalid *calendar.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, tt.want, invalid.Faults)
			require.Contains(t, err.Error(), tt.want[0].Code)
			require.Nil(t, c)
		})
	}
}

func TestNew_keeps_nothing_of_the_document_that_can_change(t *testing.T) {
	t.Parallel()
	d := valid()
	d.Version = 7
	d.Exceptions = []calendar.Exception{{Date: "2026-03-09", Hours: []string{"10:00-11:00"}}}
	c := build(t, d)
	d.Week["monday"][0], d.Exceptions[0].Hours[0] = "00:00-12:00", "00:00-12:00"
	require.Equal(t, "x", c.ID())
	require.Equal(t, 7, c.Version())
	require.Equal(t, time.Hour, c.Between(local(t, c, "2026-03-09 00:00"), local(t, c, "2026-03-10 00:00")))
	require.Equal(t, 8*time.Hour, c.Between(local(t, c, "2026-03-16 00:00"), local(t, c, "2026-03-17 00:00")))
}

func FuzzInterval(f *testing.F) {
	for _, seed := range []string{
		"09:00-12:00", "22:00-06:00", "00:00-24:00", "18:00-00:00", "24:00-06:00", "09:00-09:00", "9:00-12:00",
		"09:60-12:00", "09:00-24:01", "09:00 - 12:00", "-", "", "09:00–12:00", "٠٩:00-12:00", " 9:00-12:00",
	} {
		f.Add(seed)
	}
	week := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday
	f.Fuzz(func(t *testing.T, value string) {
		d := calendar.Document{ID: "x", TimeZone: "UTC", Week: map[string][]string{"wednesday": {value}}}
		from, to, ok := twoClocks(value)
		c, err := calendar.New(d)
		require.Equal(t, ok, err == nil, "%q", value)
		if !ok {
			require.Equal(t, "bad_interval", d.Validate()[0].Code)
			require.Equal(t, value, d.Validate()[0].Args["value"])
			return
		}
		if to < from {
			to += 24 * time.Hour
		}
		wednesday := week.AddDate(0, 0, 2)
		require.Equal(t, []calendar.Segment{{From: wednesday.Add(from), To: wednesday.Add(to), Counted: to - from}},
			c.Segments(week, week.AddDate(0, 0, 7)))
	})
}

// twoClocks reads "15:04-15:04" with the library's parser, to compare: the end may be 24:00, the two may not be equal.
func twoClocks(value string) (from, to time.Duration, ok bool) {
	if len(value) != len("15:04-15:04") || value[5] != '-' {
		return 0, 0, false
	}
	parse := func(s string) (time.Duration, error) {
		at, err := time.Parse("15:04", s)
		if err == nil && at.Format("15:04") != s { // the library is lenient about the first digit
			err = errors.New("not the one way to write it")
		}
		return time.Duration(at.Hour()*60+at.Minute()) * time.Minute, err
	}
	from, err := parse(value[:5])
	if value[6:] == "24:00" {
		return from, 24 * time.Hour, err == nil
	}
	to, toErr := parse(value[6:])
	return from, to, errors.Join(err, toErr) == nil && from != to
}

func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{"id":"x","time_zone":"Europe/Berlin","week":{"monday":["22:00-06:00"]},"exceptions":[{"date":"2026-03-29","as":"monday"}]}`,
		`{"id":"x","time_zone":"UTC","week":{"sunday":["00:00-24:00"]},"exceptions":[{"from":"0001-01-01","to":"9999-12-31","closed":true}]}`,
		`{"id":"x","time_zone":"Pacific/Apia","week":{"friday":["00:00-24:00"]},"covered_until":"2011-12-30"}`,
		`{"id":"x","time_zone":"../etc/passwd","week":{"x":["y"]},"exceptions":[{"from":"2026-01-02","to":"2026-01-01"}],"covered_until":"z"}`,
	} {
		f.Add([]byte(seed), int64(1_774_746_000), int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, data []byte, sec, work int64) {
		var d calendar.Document
		if json.Unmarshal(data, &d) != nil {
			return
		}
		faults := d.Validate()
		require.Equal(t, faults, d.Validate(), "the order is fixed")
		for _, fault := range faults {
			require.NotEmpty(t, fault.Path)
			require.NotEmpty(t, fault.Code)
		}
		c, err := calendar.New(d)
		require.Equal(t, len(faults) == 0, err == nil)
		if err != nil {
			return
		}
		const horizon = 4_000_000_000 // about a century either side keeps a run short
		s, w := time.Unix(sec%horizon, 0), time.Duration(work%int64(10_000*time.Hour)).Abs()
		due, err := c.Add(s, w)
		if err != nil {
			require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
			return
		}
		require.Equal(t, w, c.Between(s, due))
		var sum time.Duration
		for _, piece := range c.Segments(s, due) {
			sum += piece.Counted
		}
		require.Equal(t, w, sum)
	})
}
