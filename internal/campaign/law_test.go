package campaign_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/sla"
)

var (
	zones = []string{
		newYork, berlin, lordHowe, shanghai, "UTC", "Africa/Cairo", "America/Havana", "Asia/Kathmandu", "America/St_Johns",
		"Pacific/Apia", // left out a whole day
	}
	days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// scene is a random set of rules and a recipient, near a change of the recipient's clock, and what an oracle needs.
type scene struct {
	rules  campaign.Rules
	facts  campaign.Facts
	at     time.Time
	loc    *time.Location
	closed map[string]bool // dates that are no working days; other dates are
}

// legal is the oracle: it asks the zone, the date and the lists, as they are written, about one instant.
func (s scene) legal(t time.Time) bool {
	reading, date := t.In(s.loc).Format("15:04"), t.In(s.loc)
	if w := s.rules.Window; w != nil {
		switch {
		case w.Working && s.closed[date.Format(time.DateOnly)]:
			return false
		case len(w.Days) > 0 && !slices.Contains(w.Days, days[date.Weekday()]):
			return false
		case w.From != "" && (reading < w.From || reading >= w.To):
			return false
		}
	}
	if q := s.rules.Quiet; q != nil {
		switch {
		case q.From < q.To && q.From <= reading && reading < q.To:
			return false
		case q.From > q.To && (q.From <= reading || reading < q.To):
			return false
		}
	}
	c, capped := s.rules.Caps[s.facts.Class]
	if !s.rules.ObeyCap || !capped {
		return true
	}
	since := t.Add(-time.Duration(c.Per.Days) * 24 * time.Hour)
	asked := 0
	for _, touch := range s.facts.Touches {
		if touch.After(since) {
			asked++
		}
	}
	return asked < c.Max
}

func reading(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func drawScene(t *rapid.T) scene {
	zone := rapid.SampledFrom(zones).Draw(t, "zone")
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	around := time.Unix(rapid.Int64Range(1262304000, 2208988800).Draw(t, "around"), 0).In(loc) // 2010 to 2039
	if _, change := around.ZoneBounds(); rapid.Bool().Draw(t, "at a change") && !change.IsZero() {
		around = change
	}
	around = around.UTC().Truncate(time.Minute)
	minutes := func(name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(-most, most).Draw(t, name)) * time.Minute
	}
	s := scene{at: around.Add(minutes("at", 3*24*60)), loc: loc, closed: map[string]bool{}}
	s.rules = anytime()
	s.facts = anybody(zone)

	doc := calendar.Document{ID: "random", TimeZone: "Asia/Tokyo", Week: map[string][]string{}}
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		doc.Week[day] = []string{"22:00-06:00"} // by its own zone, which must not matter
	}
	for i := range 10 {
		if date := around.AddDate(0, 0, i-3).Format(time.DateOnly); rapid.IntRange(0, 2).Draw(t, "closed") == 0 {
			doc.Exceptions = append(doc.Exceptions, calendar.Exception{Date: date, Closed: true})
			s.closed[date] = true
		}
	}
	s.rules.Calendar, err = calendar.New(doc)
	require.NoError(t, err)
	if rapid.IntRange(0, 3).Draw(t, "window") > 0 {
		w := &campaign.Window{Working: rapid.Bool().Draw(t, "working")}
		if from := rapid.IntRange(0, 24*60-1).Draw(t, "from"); rapid.Bool().Draw(t, "hours") {
			w.From, w.To = reading(from), reading(rapid.IntRange(from+1, 24*60).Draw(t, "to"))
		}
		if rapid.Bool().Draw(t, "some days") {
			w.Days = rapid.SliceOfNDistinct(rapid.SampledFrom(days), 3, 7, rapid.ID).Draw(t, "days")
		}
		s.rules.Window = w
	}
	if rapid.Bool().Draw(t, "quiet") {
		from, to := rapid.IntRange(0, 24*60-1).Draw(t, "quiet from"), rapid.IntRange(0, 24*60).Draw(t, "quiet to")
		if from != to {
			s.rules.Quiet = &campaign.Quiet{From: reading(from), To: reading(to)}
		}
	}
	if rapid.Bool().Draw(t, "capped") {
		s.rules.Caps = map[string]campaign.Cap{"B": {Max: rapid.IntRange(1, 3).Draw(t, "max"), Per: sla.Span{Days: rapid.IntRange(1, 4).Draw(t, "per")}}}
	}
	for range rapid.IntRange(0, 4).Draw(t, "touches") {
		s.facts.Touches = append(s.facts.Touches, s.at.Add(minutes("touch", 3*24*60)))
	}
	return s
}

// scanned bounds how far the oracle looks, minute by minute.
const scanned = 12 * 24 * time.Hour

// first returns the first minute from at on, and before end, that the oracle finds legal.
func (s scene) first(at, end time.Time) (time.Time, bool) {
	for m := at; m.Before(end); m = m.Add(time.Minute) {
		if s.legal(m) {
			return m, true
		}
	}
	return time.Time{}, false
}

func TestLaw_the_next_legal_instant_is_legal_and_none_comes_before_it(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		got, ok := campaign.NextLegal(s.rules, s.facts, s.at)
		want, found := s.first(s.at, s.at.Add(scanned))
		switch {
		case found:
			require.True(t, ok)
			require.Equal(t, want, got)
		case ok:
			require.False(t, got.Before(s.at.Add(scanned)), "legal, and the oracle has not seen it")
			require.True(t, s.legal(got))
		}
	})
}

func TestLaw_Decide_says_send_exactly_when_it_is_legal_and_waits_no_longer_than_it_must(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if rapid.Bool().Draw(t, "ends") {
			s.rules.Until = s.at.Add(time.Duration(rapid.IntRange(1, 5*24*60).Draw(t, "until")) * time.Minute)
		}
		d := campaign.Decide(s.rules, s.facts, s.at)
		require.Equal(t, s.legal(s.at), d.Verdict == campaign.Send)
		switch d.Verdict {
		case campaign.Later:
			require.True(t, d.Reason.Timely())
			require.True(t, d.Until.After(s.at))
			require.Equal(t, campaign.Send, campaign.Decide(s.rules, s.facts, d.Until).Verdict)
			between := s.at.Add(time.Duration(rapid.Int64Range(0, int64(d.Until.Sub(s.at))-1).Draw(t, "between")))
			require.Equal(t, d.Until, campaign.Decide(s.rules, s.facts, between).Until, "the same from any instant before it")
		case campaign.Skip:
			require.True(t, d.Reason.Timely())
			if end := s.rules.Until; !end.IsZero() {
				_, found := s.first(s.at, end)
				require.False(t, found, "there was time")
			}
		}
	})
}

func TestLaw_a_later_start_is_never_answered_earlier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		after := s.at.Add(time.Duration(rapid.Int64Range(0, int64(5*24*time.Hour)).Draw(t, "after")))
		a, okA := campaign.NextLegal(s.rules, s.facts, s.at)
		b, okB := campaign.NextLegal(s.rules, s.facts, after)
		if okA && okB {
			require.False(t, b.Before(a))
			require.False(t, b.Before(after))
		}
	})
}

func TestLaw_the_pace_never_exceeds_its_rate_in_any_minute_and_does_not_fall_behind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := campaign.Pace{Rate: rapid.IntRange(1, campaign.MaxRate).Draw(t, "rate")}
		patient := rapid.Bool().Draw(t, "patient") // takes all there is as soon as it can
		start := time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)
		now, state := start, campaign.PaceState{}
		type left struct {
			at time.Time
			n  int
		}
		var all []left
		sum := 0
		for now.Before(start.Add(5 * time.Minute)) {
			n, at := p.Ready(state, now)
			require.LessOrEqual(t, n, p.Batch())
			require.LessOrEqual(t, p.Batch(), 100)
			if n == 0 {
				require.True(t, at.After(now), "it always goes on")
				now = at
				continue
			}
			require.Equal(t, now, at)
			if !patient {
				n = rapid.IntRange(0, n).Draw(t, "taken")
			}
			state = p.Take(state, now, n)
			all, sum = append(all, left{now, n}), sum+n
			if !patient {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "wait")))
			}
		}
		for i, first := range all {
			inMinute := 0
			for _, l := range all[i:] {
				if l.at.Before(first.at.Add(time.Minute)) {
					inMinute += l.n
				}
			}
			require.LessOrEqual(t, inMinute, p.Rate)
		}
		if patient {
			require.GreaterOrEqual(t, sum, 5*p.Rate-p.Batch())
		}
	})
}

func TestLaw_the_pause_never_comes_below_the_minimum_nor_under_the_limit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := campaign.Limit{Percent: rapid.IntRange(1, 100).Draw(t, "percent"), AtLeast: rapid.IntRange(1, 100).Draw(t, "at least")}
		var trip campaign.Trip
		sent, failed := 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "batches") {
			s, f := rapid.IntRange(0, 20).Draw(t, "sent"), rapid.IntRange(0, 5).Draw(t, "failed")
			sent, failed = sent+s, failed+f
			before := slices.Clone(trip.Recent)
			next := trip.Add(s, f)
			require.Equal(t, before, slices.Clone(trip.Recent), "the state before is as it was")
			trip = next
			c := trip.Counts()
			require.LessOrEqual(t, len(trip.Recent), 11)
			if sent+failed <= 100 {
				require.Equal(t, campaign.Tally{Sent: sent, Failed: failed}, c, "nothing is forgotten too early")
			} else {
				require.GreaterOrEqual(t, c.Sent+c.Failed, 100)
				require.LessOrEqual(t, c.Sent+c.Failed, 100+35)
			}
			n := c.Sent + c.Failed
			require.Equal(t, n >= l.AtLeast && float64(c.Failed) > float64(n)*float64(l.Percent)/100+1e-9, trip.Over(l))
		}
	})
}
