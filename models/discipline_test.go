package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

func TestDisciplineSpec_runs_at_the_digest_of_the_policy_in_the_calendars_zone(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		digest cadence.Digest
		cron   string
	}{
		{cadence.Digest{Weekday: "monday", At: "08:30"}, "30 8 * * 1"},
		{cadence.Digest{Weekday: "sunday", At: "00:00"}, "0 0 * * 0"},
		{cadence.Digest{Weekday: "saturday", At: "23:59"}, "59 23 * * 6"},
	} {
		s := models.DisciplineSpec(&cadence.Policy{Digest: tc.digest}, shanghai(t))
		require.Equal(t, tc.cron, s.Cron)
		require.Equal(t, "Asia/Shanghai", s.TimeZone)
		require.Equal(t, models.OverlapBufferOne, s.Overlap)
		require.Less(t, s.CatchUpWindow, 7*24*time.Hour, "a missed digest comes before the next one")
	}
}

func TestNewDiscipline_takes_only_a_week_that_is_over_and_begins_on_a_monday(t *testing.T) {
	t.Parallel()
	c := shanghai(t)
	for _, date := range []string{"2026-11-10", "2026-11-15", "2026-02-30", "week"} {
		_, err := models.WeekBeginning(date, c)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), date)
	}
	week, err := models.WeekBeginning("2026-11-09", c)
	require.NoError(t, err)
	over := time.Date(2026, 11, 15, 16, 0, 0, 0, time.UTC) // midnight of the next Monday in Shanghai
	require.Equal(t, week, models.WeekBefore(over, c))
	require.Equal(t, "2026-11-02", models.Monday(models.WeekBefore(over.Add(-time.Second), c)))
	p := &cadence.Policy{}
	_, err = models.NewDiscipline(week, models.System, over.Add(-time.Second), p, 1, c, &models.Org{})
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
	o, err := models.NewDiscipline(week, models.System, over, p, 1, c, &models.Org{})
	require.NoError(t, err)
	again, err := models.NewDiscipline(week, "mia", over.AddDate(0, 1, 0), p, 1, c, &models.Org{})
	require.NoError(t, err)
	require.Equal(t, o.ID, again.ID, "a week has one report, whoever asks and when")
	require.Greater(t, models.DisciplineID(week), models.DisciplineID(week.Previous()), "ids sort by week")
}
