package campaign_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/sla"
)

var friday = time.Date(2026, 3, 6, 1, 0, 0, 0, time.UTC) // 09:00 in Shanghai

func many(n int, change func(i int, f *campaign.Facts)) []campaign.Facts {
	list := make([]campaign.Facts, n)
	for i := range list {
		list[i] = anybody(shanghai)
		list[i].RecipientID = fmt.Sprint("rcp_", i)
		if change != nil {
			change(i, &list[i])
		}
	}
	return list
}

func TestForecast_keeps_the_rate(t *testing.T) {
	t.Parallel()
	p := campaign.Plan{Rules: anytime(), Pace: campaign.Pace{Rate: 60}, Start: friday}
	f := p.Run(many(9000, nil))
	require.Equal(t, 9000, f.Sent)
	require.Equal(t, friday.Add(150*time.Minute-10*time.Second), f.EndsAt, "the last batch of ten leaves ten seconds before")
	require.Equal(t, []campaign.Hour{
		{Hour: friday, Sent: 3600}, {Hour: friday.Add(time.Hour), Sent: 3600}, {Hour: friday.Add(2 * time.Hour), Sent: 1800},
	}, f.PerHour)
}

func TestForecast_goes_past_more_suppressed_people_in_a_row_than_a_batch_holds(t *testing.T) {
	t.Parallel()
	p := campaign.Plan{Rules: anytime(), Pace: campaign.Pace{Rate: 6}, Start: friday}
	f := p.Run(many(501, func(i int, f *campaign.Facts) { f.OptedOut = i < 500 }))
	require.Equal(t, 1, f.Sent)
	require.Equal(t, map[campaign.Reason]int{campaign.OptedOut: 500}, f.SkippedBy)
	require.Equal(t, friday, f.EndsAt, "who is not asked costs no time")
}

func TestForecast_goes_on_in_the_morning_with_what_the_day_did_not_hold(t *testing.T) {
	t.Parallel()
	r := anytime()
	r.Window = office
	p := campaign.Plan{Rules: r, Pace: campaign.Pace{Rate: 1}, Start: friday}
	f := p.Run(many(9*60+3, nil))
	require.Equal(t, 9*60+3, f.Sent)
	require.Equal(t, map[campaign.Reason]int{campaign.OutsideWindow: 3}, f.DeferredBy)
	require.Equal(t, friday.AddDate(0, 0, 1).Add(2*time.Minute), f.EndsAt)

	p.Rules.Until = friday.AddDate(0, 0, 1)
	f = p.Run(many(9*60+3, nil))
	require.Equal(t, map[campaign.Reason]int{campaign.OutsideWindow: 3}, f.SkippedBy, "the run is over before")
	p.Rules.Window, p.Rules.Until = nil, friday.Add(time.Hour)
	f = p.Run(many(63, nil))
	require.Equal(t, map[campaign.Reason]int{campaign.Expired: 3}, f.SkippedBy, "the pace was too slow")
}

func TestForecast_reminds_by_the_same_rules(t *testing.T) {
	t.Parallel()
	r := anytime()
	r.Window = office
	r.Until = friday.AddDate(0, 0, 3)
	p := campaign.Plan{Rules: r, Pace: campaign.Pace{Rate: 60}, Reminders: campaign.Reminders{Count: 5, Spacing: span(t, "10h")}, Start: friday}
	f := p.Run(many(1, nil))
	require.Equal(t, 1, f.Sent)
	require.Equal(t, 2, f.Reminded, "at nine on Saturday and on Sunday; on Monday at nine the run is over")
	require.Equal(t, friday.AddDate(0, 0, 2), f.LastReminderAt)
	require.Equal(t, friday, f.EndsAt, "a reminder is no outcome")
	require.Empty(t, f.SkippedBy)
	require.Empty(t, f.DeferredBy)
}

func TestForecast_of_a_campaign_without_end_says_how_many_it_leaves(t *testing.T) {
	t.Parallel()
	r := anytime()
	r.Window = &campaign.Window{From: "09:00", To: "09:01"}
	f := campaign.Plan{Rules: r, Pace: campaign.Pace{Rate: 1}, Start: friday}.Run(many(1000, nil))
	require.Equal(t, 1000, f.Sent+f.Pending)
	require.Positive(t, f.Pending)
	require.Equal(t, friday.AddDate(0, 0, f.Sent-1), f.EndsAt, "one a day")
}

func TestForecast_of_nobody_ends_as_it_starts(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(campaign.Plan{Rules: anytime(), Pace: campaign.Pace{Rate: 1}, Start: friday}.Run(nil))
	require.NoError(t, err)
	require.JSONEq(t, `{"sent":0,"skipped_by":{},"deferred_by":{},"reminded":0,"ends_at":"2026-03-06T01:00:00Z","per_hour":[]}`, string(text))
}

func TestLaw_a_forecast_accounts_for_everybody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		s.rules.Until = s.at.Add(time.Duration(rapid.IntRange(1, 10*24).Draw(t, "hours")) * time.Hour)
		recipients := make([]campaign.Facts, rapid.IntRange(0, 60).Draw(t, "audience"))
		for i := range recipients {
			f := s.facts
			f.Zone = rapid.SampledFrom(zones).Draw(t, "zone")
			f.OptedOut = rapid.IntRange(0, 5).Draw(t, "out") == 0
			f.OpenComplaint = rapid.IntRange(0, 5).Draw(t, "complaint") == 0
			if rapid.IntRange(0, 5).Draw(t, "no address") == 0 {
				f.Addresses = nil
			}
			recipients[i] = f
		}
		p := campaign.Plan{
			Rules: s.rules, Pace: campaign.Pace{Rate: rapid.IntRange(1, 20).Draw(t, "rate")}, Start: s.at,
			Reminders: campaign.Reminders{Count: rapid.IntRange(0, 2).Draw(t, "reminders"), Spacing: sla.Span{Duration: time.Hour}},
		}
		f := p.Run(recipients)
		require.Equal(t, f, p.Run(recipients), "always the same")
		sum, deferred := f.Sent, 0
		for _, n := range f.SkippedBy {
			sum += n
		}
		for _, n := range f.DeferredBy {
			deferred += n
		}
		require.Equal(t, len(recipients), sum)
		require.Zero(t, f.Pending)
		require.LessOrEqual(t, deferred, len(recipients))
		require.LessOrEqual(t, f.Reminded, f.Sent*p.Reminders.Count)
		require.False(t, f.EndsAt.Before(s.at))
		sent, reminded := 0, 0
		for i, h := range f.PerHour {
			sent, reminded = sent+h.Sent, reminded+h.Reminded
			require.LessOrEqual(t, h.Sent+h.Reminded, 60*p.Pace.Rate)
			require.True(t, h.Hour.Before(s.rules.Until))
			require.True(t, i == 0 || f.PerHour[i-1].Hour.Before(h.Hour))
		}
		require.Equal(t, []int{f.Sent, f.Reminded}, []int{sent, reminded})
	})
}

func BenchmarkDecide(b *testing.B) {
	r, f := anytime(), anybody(newYork)
	r.Window = &campaign.Window{From: "09:00", To: "18:00", Days: []string{"mon", "tue", "wed", "thu", "fri"}, Working: true}
	r.Quiet, r.Calendar = &campaign.Quiet{From: "21:00", To: "08:00"}, cn(b)
	r.Caps = map[string]campaign.Cap{"B": {Max: 1, Per: span(b, "30d")}}
	f.Touches = []time.Time{friday.AddDate(0, 0, -40), friday.AddDate(0, 0, -80)}
	for name, at := range map[string]time.Time{"send": friday.Add(14 * time.Hour), "later": friday} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				campaign.Decide(r, f, at)
			}
		})
	}
}

func BenchmarkForecast(b *testing.B) {
	r := anytime()
	r.Window, r.Calendar, r.Until = &campaign.Window{From: "09:00", To: "18:00", Working: true}, cn(b), friday.AddDate(0, 0, 30)
	for _, audience := range []int{1_000, 50_000} {
		recipients := many(audience, func(i int, f *campaign.Facts) {
			f.Zone, f.OptedOut = zones[i%4], i%20 == 0
		})
		p := campaign.Plan{Rules: r, Pace: campaign.Pace{Rate: 100}, Reminders: campaign.Reminders{Count: 1, Spacing: span(b, "3d")}, Start: friday}
		b.Run(fmt.Sprint(audience), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Run(recipients)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(audience), "ns/recipient")
		})
	}
}
