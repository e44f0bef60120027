package calendar_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

var zones = []string{
	"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo", "America/St_Johns",
	"America/Havana", "Asia/Shanghai", "UTC",
}

// drawHours draws the intervals of one day, some of which touch, the last of which may run past midnight.
func drawHours(t *rapid.T) []string {
	cuts := rapid.SliceOfN(rapid.IntRange(0, 24*60), 0, 7).Draw(t, "cuts")
	slices.Sort(cuts)
	var hours []string
	for len(cuts) >= 2 {
		if cuts[0] < cuts[1] {
			hours = append(hours, clock(cuts[0])+"-"+clock(cuts[1]))
		}
		cuts = cuts[2:]
	}
	if len(cuts) == 1 && cuts[0] > 0 && cuts[0] < 24*60 {
		hours = append(hours, clock(cuts[0])+"-"+clock(rapid.IntRange(0, cuts[0]-1).Draw(t, "morning")))
	}
	return rapid.Permutation(hours).Draw(t, "hours")
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// drawDocument draws a calendar that is open at some time of every week, with exceptions around the given instant.
func drawDocument(t *rapid.T, zone string, around time.Time) calendar.Document {
	d := calendar.Document{ID: "random", TimeZone: zone, Week: make(map[string][]string)}
	weekdays := []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	open := false
	for _, day := range weekdays {
		d.Week[day] = drawHours(t)
		open = open || len(d.Week[day]) > 0
	}
	if !open {
		d.Week["sunday"] = []string{"23:00-01:30"}
	}
	date := around.AddDate(0, 0, -8)
	for range rapid.IntRange(0, 6).Draw(t, "exceptions") {
		date = date.AddDate(0, 0, rapid.IntRange(1, 3).Draw(t, "gap"))
		e := calendar.Exception{Date: date.Format(time.DateOnly)}
		if more := rapid.IntRange(0, 2).Draw(t, "length"); more > 0 {
			e.From, e.Date = e.Date, ""
			date = date.AddDate(0, 0, more)
			e.To = date.Format(time.DateOnly)
		}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			e.Closed = true
		case 1:
			e.As = rapid.SampledFrom(weekdays).Draw(t, "as")
		default:
			if e.Hours = drawHours(t); len(e.Hours) == 0 {
				e.Closed = true
			}
		}
		d.Exceptions = append(d.Exceptions, e)
	}
	d.Exceptions = rapid.Permutation(d.Exceptions).Draw(t, "order")
	return d
}

// drawAround draws an instant of the years 2000 to 2099, half of the time one at which the zone changes its offset.
func drawAround(t *rapid.T, zone string) time.Time {
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at := time.Unix(rapid.Int64Range(946684800, 4102444800).Draw(t, "around"), 0).In(loc)
	if _, end := at.ZoneBounds(); rapid.Bool().Draw(t, "at a change") && !end.IsZero() {
		return end.UTC().Truncate(time.Minute)
	}
	return at.UTC().Truncate(time.Minute)
}

// scene is a random calendar and a source of instants near its exceptions and clock changes.
func drawScene(t *rapid.T) (c *calendar.Calendar, at func(string) time.Time) {
	zone := rapid.SampledFrom(zones).Draw(t, "zone")
	around := drawAround(t, zone)
	c, err := calendar.New(drawDocument(t, zone, around))
	require.NoError(t, err)
	const days = int64(10 * 24 * time.Hour)
	return c, func(name string) time.Time {
		return around.Add(time.Duration(rapid.Int64Range(-days, days).Draw(t, name)))
	}
}

func drawWork(t *rapid.T, name string) time.Duration {
	longest := rapid.SampledFrom([]time.Duration{time.Hour, 100 * time.Hour, 10_000 * time.Hour}).Draw(t, "up to")
	return time.Duration(rapid.Int64Range(0, int64(longest)).Draw(t, name))
}

func TestLaw_Add_is_the_earliest_instant_with_that_much_work_between(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		s, d := at("s"), drawWork(t, "d")
		due, err := c.Add(s, d)
		require.NoError(t, err)
		require.False(t, due.Before(s))
		require.Equal(t, d, c.Between(s, due))
		if d == 0 {
			require.Equal(t, s, due)
		} else {
			require.Equal(t, d-1, c.Between(s, due.Add(-1)), "an instant earlier it is not done")
		}
	})
}

func TestLaw_Add_composes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		s, a, b := at("s"), drawWork(t, "a"), drawWork(t, "b")
		half, err := c.Add(s, a)
		require.NoError(t, err)
		twice, err := c.Add(half, b)
		require.NoError(t, err)
		once, err := c.Add(s, a+b)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

func TestLaw_Add_grows_with_start_and_duration(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		s, later, d, more := at("s"), at("later"), drawWork(t, "d"), drawWork(t, "more")
		if later.Before(s) {
			s, later = later, s
		}
		due, err := c.Add(s, d)
		require.NoError(t, err)
		fromLater, err := c.Add(later, d)
		require.NoError(t, err)
		require.False(t, fromLater.Before(due))
		withMore, err := c.Add(s, d+more)
		require.NoError(t, err)
		require.Equal(t, more > 0, withMore.After(due))
	})
}

func TestLaw_Between_is_additive_in_any_order(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		x, y, z := at("x"), at("y"), at("z").AddDate(rapid.IntRange(-3, 3).Draw(t, "years"), 0, 0)
		require.Equal(t, c.Between(x, z), c.Between(x, y)+c.Between(y, z))
		require.Equal(t, -c.Between(z, x), c.Between(x, z))
		require.Zero(t, c.Between(x, x))
		if !z.Before(x) {
			require.GreaterOrEqual(t, c.Between(x, z), time.Duration(0))
			require.LessOrEqual(t, c.Between(x, z), z.Sub(x))
		}
	})
}

func TestLaw_segments_are_disjoint_ordered_open_and_sum_to_Between(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		a, b := at("a"), at("b")
		var sum time.Duration
		reached := a
		for i, s := range c.Segments(a, b) {
			require.True(t, s.From.Before(s.To))
			require.True(t, i == 0 && s.From.Equal(reached) || s.From.After(reached), "touching pieces are one")
			require.Zero(t, c.Between(reached, s.From))
			require.Equal(t, s.To.Sub(s.From), s.Counted)
			require.True(t, c.Open(s.From))
			require.True(t, c.Open(s.From.Add(s.Counted/2)))
			require.True(t, c.Open(s.To.Add(-1)))
			require.True(t, s.To.Equal(b) || !c.Open(s.To))
			sum, reached = sum+s.Counted, s.To
		}
		require.False(t, reached.After(b) && reached.After(a))
		require.Equal(t, max(0, c.Between(a, b)), sum)
	})
}

func TestLaw_NextOpen_is_open_and_nothing_before_it_is(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		s := at("s")
		next, err := c.NextOpen(s)
		require.NoError(t, err)
		require.True(t, c.Open(next))
		require.Zero(t, c.Between(s, next))
		require.Equal(t, c.Open(s), next.Equal(s))
	})
}

func TestLaw_AddDays_grows_with_the_days(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		s, n := at("s"), rapid.IntRange(0, 600).Draw(t, "n")
		from, err := c.AddDays(s, 0)
		require.NoError(t, err)
		due, err := c.AddDays(s, n)
		require.NoError(t, err)
		next, err := c.AddDays(s, n+1)
		require.NoError(t, err)
		require.True(t, next.After(due))
		again, err := c.AddDays(from, n)
		require.NoError(t, err)
		require.Equal(t, due, again, "waiting for the opening changes nothing")
		require.True(t, c.Open(due) || c.Open(due.Add(-1)), "an open instant or a closing")
	})
}

func TestLaw_the_zone_of_an_argument_does_not_matter(t *testing.T) {
	t.Parallel()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		c, at := drawScene(t)
		s, e, d := at("s"), at("e"), drawWork(t, "d")
		require.Equal(t, c.Between(s, e), c.Between(s.In(tokyo), e.In(tokyo)))
		require.Equal(t, c.Segments(s, e), c.Segments(s.In(tokyo), e.In(tokyo)))
		here, err := c.Add(s, d)
		require.NoError(t, err)
		there, err := c.Add(s.In(tokyo), d)
		require.NoError(t, err)
		require.Equal(t, here, there)
		require.Equal(t, time.UTC, there.Location())
	})
}

func TestLaw_open_around_the_clock_in_any_zone_is_elapsed_time(t *testing.T) {
	t.Parallel()
	for _, zone := range append(zones, "Pacific/Apia", "Pacific/Kwajalein", "Africa/Casablanca", "Africa/Monrovia") {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			c := build(t, calendar.Document{TimeZone: zone, Week: everyDay("00:00-24:00")})
			a, b := utc(t, "1960-01-01T00:00:00Z"), utc(t, "2120-01-01T00:00:00Z")
			require.Equal(t, b.Sub(a), c.Between(a, b))
			require.Equal(t, []calendar.Segment{{From: a, To: b, Counted: b.Sub(a)}}, c.Segments(a, b))
		})
	}
}
