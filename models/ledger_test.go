package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// office works 09:00–12:00 and 13:00–18:00 UTC, Monday to Friday.
func office(t require.TestingT) *calendar.Calendar {
	hours := []string{"09:00-12:00", "13:00-18:00"}
	cal, err := calendar.New(calendar.Document{ID: "office", Version: 1, TimeZone: "UTC", Week: map[string][]string{
		"monday": hours, "tuesday": hours, "wednesday": hours, "thursday": hours, "friday": hours,
	}})
	require.NoError(t, err)
	return cal
}

// friday is an instant on Friday, 2026-03-06.
func friday(hour, minute int) time.Time { return time.Date(2026, 3, 6, hour, minute, 0, 0, time.UTC) }

func TestLedgerCountsWorkingTimePerPersonAndKind(t *testing.T) {
	t.Parallel()
	l := models.NewLedger([]models.Holding{
		{UserID: "ann", From: friday(9, 0), Until: new(friday(11, 30)), Kind: models.HoldWorking},
		{UserID: "ann", From: friday(11, 30), Until: new(friday(13, 30)), Kind: models.HoldAwaitingAcceptance},
		{UserID: "ben", From: friday(13, 30), Until: new(friday(17, 0)), Kind: models.HoldAwaitingClient},
		{UserID: "ann", From: friday(17, 0), Kind: models.HoldWorking},
	}, nil, office(t), friday(17, 45))
	require.Equal(t, []models.LedgerPerson{
		{UserID: "ann", Working: 3*time.Hour + 15*time.Minute, AwaitingAcceptance: time.Hour}, // lunch is not work
		{UserID: "ben", AwaitingClient: 3*time.Hour + 30*time.Minute},
	}, l.People)
	require.Equal(t, 4*time.Hour+15*time.Minute, l.People[0].Total())
	require.Empty(t, l.Breaches)
}

func TestBreachIsApportionedAmongThoseWhoHeldTheCountedTime(t *testing.T) {
	t.Parallel()
	rules := sla.Rules{Calendar: office(t)}
	p, _, err := sla.Start(sla.Definition{Name: "resolution", Target: sla.Span{Duration: 4 * time.Hour}, Clock: sla.Working}, 1, friday(9, 0), rules)
	require.NoError(t, err)
	p, _, err = p.Pause(friday(10, 0), rules)
	require.NoError(t, err)
	p, _, err = p.Resume(friday(11, 0), rules)
	require.NoError(t, err)
	p, _, err = p.Stop(friday(17, 0), rules)
	require.NoError(t, err)

	handling := []models.Holding{
		{UserID: "ann", From: friday(9, 0), Until: new(friday(11, 30)), Kind: models.HoldWorking},
		{UserID: "ben", From: friday(11, 30), Kind: models.HoldWorking},
	}
	l := models.NewLedger(handling, []sla.Promise{p}, rules.Calendar, friday(18, 0))
	require.Equal(t, []models.LedgerBreach{{
		Milestone: "resolution", Cycle: 1, Elapsed: 6 * time.Hour, Overrun: 2 * time.Hour,
		Shares: []models.LedgerShare{
			{UserID: "ann", Time: 90 * time.Minute, Percent: 25}, // the hour of the pause is nobody's
			{UserID: "ben", Time: 4*time.Hour + 30*time.Minute, Percent: 75},
		},
	}}, l.Breaches)
}

func TestTimeOfAnInheritedPromiseBeforeThisCaseIsElsewhere(t *testing.T) {
	t.Parallel()
	rules := sla.Rules{Calendar: office(t)}
	p, _, err := sla.Start(sla.Definition{Name: "first_response", Target: sla.Span{Duration: time.Hour}, Clock: sla.Working}, 1, friday(9, 0), rules)
	require.NoError(t, err)
	p, _, err = p.Tick(friday(11, 0), rules)
	require.NoError(t, err)

	handling := []models.Holding{{UserID: "ann", From: friday(10, 30), Kind: models.HoldWorking}}
	b := models.NewLedger(handling, []sla.Promise{p}, rules.Calendar, friday(11, 0)).Breaches
	require.Equal(t, []models.LedgerBreach{{
		Milestone: "first_response", Cycle: 1, Elapsed: 2 * time.Hour, Overrun: time.Hour, Elsewhere: 90 * time.Minute,
		Shares: []models.LedgerShare{{UserID: "ann", Time: 30 * time.Minute, Percent: 100}},
	}}, b)
}

func TestSharesAndLedgerSumToTheTotal(t *testing.T) {
	t.Parallel()
	cal := office(t)
	rapid.Check(t, func(t *rapid.T) {
		start := friday(8, 0).Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "start")) * time.Minute)
		minutes := rapid.IntRange(0, 3000)
		clock := rapid.SampledFrom([]sla.ClockKind{sla.Working, sla.Elapsed}).Draw(t, "clock")
		rules := sla.Rules{Calendar: cal}
		p, _, err := sla.Start(sla.Definition{Name: "resolution", Target: sla.Span{Duration: time.Minute}, Clock: clock}, 1, start, rules)
		require.NoError(t, err)

		at := start
		var handling []models.Holding
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			kind := rapid.SampledFrom([]models.HoldKind{models.HoldWorking, models.HoldAwaitingAcceptance, models.HoldAwaitingClient}).Draw(t, "kind")
			if kind == models.HoldAwaitingClient {
				p, _, err = p.Pause(at, rules)
			} else {
				p, _, err = p.Resume(at, rules)
			}
			require.NoError(t, err)
			user := rapid.SampledFrom([]string{"ann", "ben", "cid"}).Draw(t, "user")
			next := at.Add(time.Duration(1+minutes.Draw(t, "minutes")) * time.Minute)
			handling = append(handling, models.Holding{UserID: user, From: at, Until: &next, Kind: kind})
			at = next
		}
		handling[len(handling)-1].Until = nil
		if rapid.Bool().Draw(t, "met") {
			p, _, err = p.Stop(at, rules)
		} else {
			p, _, err = p.Tick(at, rules)
		}
		require.NoError(t, err)

		l := models.NewLedger(handling, []sla.Promise{p}, cal, at)
		var total time.Duration
		for _, person := range l.People {
			total += person.Total()
		}
		require.Equal(t, cal.Between(start, at), total, "people's time tiles the life of the case")

		for _, b := range l.Breaches {
			var held time.Duration
			percent := 0
			for _, s := range b.Shares {
				held += s.Time
				percent += s.Percent
				require.Positive(t, s.Time)
			}
			require.Equal(t, b.Elapsed, held)
			require.Zero(t, b.Elsewhere)
			require.Equal(t, 100, percent)
			require.Equal(t, b.Elapsed-p.Total, b.Overrun)
		}
		require.Equal(t, p.BreachedAt != nil, len(l.Breaches) == 1)
	})
}

func TestNeighbouringHoldingsOfOnePersonAreOneResponsibility(t *testing.T) {
	t.Parallel()
	got := models.MergeHoldings([]models.Holding{
		{UserID: "ann", From: friday(9, 0), Until: new(friday(10, 0)), Kind: models.HoldWorking, Reason: "recorded"},
		{UserID: "ann", From: friday(10, 0), Until: new(friday(11, 0)), Kind: models.HoldAwaitingAcceptance, Reason: "offered"},
		{UserID: "ben", From: friday(11, 0), Until: new(friday(12, 0)), Kind: models.HoldWorking, Reason: "accepted"},
		{UserID: "ben", From: friday(14, 0), Kind: models.HoldWorking, Reason: "reopened"},
	})
	require.Equal(t, []models.Holding{
		{UserID: "ann", From: friday(9, 0), Until: new(friday(11, 0)), Kind: models.HoldWorking, Reason: "recorded"},
		{UserID: "ben", From: friday(11, 0), Until: new(friday(12, 0)), Kind: models.HoldWorking, Reason: "accepted"},
		{UserID: "ben", From: friday(14, 0), Kind: models.HoldWorking, Reason: "reopened"}, // closed in between
	}, got)
}
