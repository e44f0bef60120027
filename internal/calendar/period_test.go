package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

func TestParsePeriod_takes_whole_numbers_of_known_units_only(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"14d": "14d", "2w": "14d", "3mo": "3mo", "12mo": "1y", "1y": "1y", "90s": "90s", "7200s": "2h"} {
		p, err := calendar.ParsePeriod(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p.String())
	}
	for _, text := range []string{"", "d", "0d", "-1d", "+1d", "1", "1m", "1min", "1.5d", "01d", "1mod", "99999d", "1dd", "1 d"} {
		_, err := calendar.ParsePeriod(text)
		require.Error(t, err, text)
	}
}

func TestPeriod_keeps_the_time_of_day_and_ends_short_months_on_their_last_day(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct{ period, from, want string }{
		{"1mo", "2024-01-31 09:00", "2024-02-29 09:00"},
		{"1y", "2024-02-29 09:00", "2025-02-28 09:00"},
		{"3mo", "2024-11-30 09:00", "2025-02-28 09:00"},
		{"1d", "2024-03-30 09:00", "2024-03-31 09:00"}, // the clocks go forward
		{"2w", "2024-10-20 09:00", "2024-11-03 09:00"},
		{"24h", "2024-03-30 09:00", "2024-03-31 10:00"},
	} {
		p, err := calendar.ParsePeriod(c.period)
		require.NoError(t, err)
		require.Equal(t, at(c.want).UTC(), p.After(at(c.from), berlin), c)
	}
	month, err := calendar.ParsePeriod("1mo")
	require.NoError(t, err)
	require.Equal(t, at("2024-02-29 09:00").UTC(), month.Before(at("2024-03-31 09:00"), berlin))
}

func TestPeriod_counts_its_number_in_a_year(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"1y": 1, "3mo": 4, "1mo": 12} {
		p, err := calendar.ParsePeriod(text)
		require.NoError(t, err)
		require.InDelta(t, want, p.PerYear(), 1e-9)
	}
}
