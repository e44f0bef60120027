package calendar_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// oracle answers by looking at every minute of a window and reading the wall clock at each: slow, and without any of
// the arithmetic of the package.
type oracle struct {
	begin time.Time
	wall  []int  // the clock reading of each minute, in minutes since 1970-01-01 00:00 local
	open  []bool // of each minute
	days  []oracleDay
}

// oracleDay is a local date on which hours start: the first minute and the one after the last of each.
type oracleDay struct {
	date  int
	hours [][2]int
}

// newOracle looks at the minutes from 14 days before to 20 days after an instant.
func newOracle(d calendar.Document, around time.Time) *oracle {
	loc, err := time.LoadLocation(d.TimeZone)
	if err != nil {
		panic(err)
	}
	o := &oracle{begin: around.AddDate(0, 0, -14)}
	for at := o.begin; at.Before(around.AddDate(0, 0, 20)); at = at.Add(time.Minute) {
		l := at.In(loc)
		reading := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC)
		o.wall = append(o.wall, int(reading.Unix()/60))
	}
	o.open = make([]bool, len(o.wall))
	for date := o.wall[0]/1440 + 2; date < o.wall[len(o.wall)-1]/1440-2; date++ { // whole within the window
		day := oracleDay{date: date}
		for _, h := range hoursOn(d, date) {
			var opens, closes int
			var oh, om, ch, cm int
			_, err := fmt.Sscanf(h, "%d:%d-%d:%d", &oh, &om, &ch, &cm)
			if err != nil {
				panic(err)
			}
			opens, closes = oh*60+om, ch*60+cm
			if closes < opens {
				closes += 24 * 60
			}
			first, last := -1, -1
			midnight := date*1440 - o.wall[0] // about: no clock change is longer than a day
			for i := max(0, midnight-2*1440); i < min(len(o.wall), midnight+4*1440); i++ {
				reading := o.wall[i]
				if first < 0 && reading >= date*1440+opens {
					first = i
				}
				if reading < date*1440+closes {
					last = i
				}
			}
			for i := first; i <= last; i++ {
				o.open[i] = true
			}
			if first <= last {
				day.hours = append(day.hours, [2]int{first, last + 1})
			}
		}
		if len(day.hours) > 0 {
			o.days = append(o.days, day)
		}
	}
	return o
}

// hoursOn reads the hours of a date, given in days since 1970, off the document.
func hoursOn(d calendar.Document, date int) []string {
	at := time.Date(1970, 1, 1+date, 0, 0, 0, 0, time.UTC)
	week := map[time.Weekday]string{
		0: "sunday", 1: "monday", 2: "tuesday", 3: "wednesday", 4: "thursday", 5: "friday", 6: "saturday",
	}
	text := at.Format(time.DateOnly)
	for _, e := range d.Exceptions {
		if e.Date != text && (e.From == "" || text < e.From || e.To < text) {
			continue
		}
		if e.As != "" {
			return d.Week[e.As]
		}
		return e.Hours // none where closed
	}
	return d.Week[week[at.Weekday()]]
}

func (o *oracle) at(i int) time.Time { return o.begin.Add(time.Duration(i) * time.Minute) }

func (o *oracle) between(a, b int) time.Duration {
	n := 0
	for _, open := range o.open[a:b] {
		if open {
			n++
		}
	}
	return time.Duration(n) * time.Minute
}

func (o *oracle) segments(a, b int) (list []calendar.Segment) {
	for i := a; i < b; i++ {
		if !o.open[i] {
			continue
		}
		if i == a || !o.open[i-1] {
			list = append(list, calendar.Segment{From: o.at(i)})
		}
		last := &list[len(list)-1]
		last.To, last.Counted = o.at(i+1), last.Counted+time.Minute
	}
	return list
}

// add counts minutes off from start; false if the window ends before.
func (o *oracle) add(start, minutes int) (int, bool) {
	i := start
	for ; minutes > 0; i++ {
		if i == len(o.open) {
			return 0, false
		}
		if o.open[i] {
			minutes--
		}
	}
	return i, true
}

func (o *oracle) nextOpen(i int) (int, bool) {
	for ; i < len(o.open); i++ {
		if o.open[i] {
			return i, true
		}
	}
	return 0, false
}

func (o *oracle) addDays(start, n int) (int, bool) {
	start, ok := o.nextOpen(start)
	if !ok || n == 0 {
		return start, ok
	}
	for _, day := range o.days {
		if day.date <= o.wall[start]/1440 {
			continue
		}
		if n--; n > 0 {
			continue
		}
		same := 0
		for o.wall[same] < day.date*1440+o.wall[start]%1440 {
			same++
		}
		if o.open[same] {
			return same, true
		}
		next, closing := len(o.open), 0
		for _, h := range day.hours {
			if h[0] > same {
				next = min(next, h[0])
			}
			closing = max(closing, h[1])
		}
		if next < len(o.open) {
			return next, true
		}
		return closing, true
	}
	return 0, false
}

func TestOracle_minute_by_minute(t *testing.T) {
	t.Parallel()
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		around := drawAround(t, zone)
		doc := drawDocument(t, zone, around)
		c, err := calendar.New(doc)
		require.NoError(t, err)
		o := newOracle(doc, around)
		usable := rapid.IntRange(4*1440, 28*1440) // where every day's hours are laid out
		near := rapid.IntRange(11*1440, 17*1440)
		for range 25 {
			a, b := near.Draw(t, "a"), usable.Draw(t, "b")
			if b < a {
				a, b = b, a
			}
			from, to := o.at(a), o.at(b)
			require.Equal(t, o.open[a], c.Open(from), from)
			require.Equal(t, o.between(a, b), c.Between(from, to))

			require.Equal(t, o.segments(a, b), c.Segments(from, to))

			work := rapid.IntRange(1, 3000).Draw(t, "work")
			if want, ok := o.add(a, work); ok && want < 28*1440 {
				got, err := c.Add(from, time.Duration(work)*time.Minute)
				require.NoError(t, err)
				require.Equal(t, o.at(want), got)
				compared++
			}
			if want, ok := o.nextOpen(a); ok && want < 28*1440 {
				got, err := c.NextOpen(from)
				require.NoError(t, err)
				require.Equal(t, o.at(want), got)
			}
			days := rapid.IntRange(0, 5).Draw(t, "days")
			if want, ok := o.addDays(a, days); ok && want < 28*1440 {
				got, err := c.AddDays(from, days)
				require.NoError(t, err)
				require.Equal(t, o.at(want), got)
				compared++
			}
		}
	})
	require.Greater(t, compared, 1000, "most answers lie within the window")
}
