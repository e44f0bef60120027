package sla

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

func TestSpanIsWrittenAsAPolicyWritesIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Span{
		"3d":     {Days: 3},
		"0s":     {},
		"10m":    {Duration: 10 * time.Minute},
		"4h":     {Duration: 4 * time.Hour},
		"1h30m":  {Duration: 90 * time.Minute},
		"1h0m5s": {Duration: time.Hour + 5*time.Second},
		"10h":    {Duration: 10 * time.Hour},
		"5s":     {Duration: 5 * time.Second},
		"250ms":  {Duration: 250 * time.Millisecond},
	} {
		span, err := ParseSpan(text)
		require.NoError(t, err, text)
		require.Equal(t, want, span, text)
		require.Equal(t, text, span.String())
	}
	span, err := ParseSpan("90m")
	require.NoError(t, err)
	require.Equal(t, "1h30m", span.String())
	for _, text := range []string{"", "d", "-1d", "+1d", "1.5d", "3d4h", "1d ", "3661d", "-10m", "10", "10x", "87841h", "99999999999d"} {
		_, err := ParseSpan(text)
		require.ErrorIs(t, err, ErrSpan, text)
	}
}

func TestSpanOfATargetIsPositiveAndOfOneKind(t *testing.T) {
	t.Parallel()
	require.NoError(t, Span{Days: 1}.Validate())
	require.NoError(t, Span{Duration: time.Second}.Validate())
	for _, bad := range []Span{{}, {Days: -1}, {Duration: -1}, {Days: 1, Duration: 1}, {Days: maxDays + 1}, {Duration: maxDuration + 1}} {
		require.ErrorIs(t, bad.Validate(), ErrSpan)
	}
	require.Equal(t, "1d2h", Span{Days: 1, Duration: 2 * time.Hour}.String())
	_, err := json.Marshal(Span{Days: 1, Duration: 1})
	require.ErrorIs(t, err, ErrSpan)
}

func TestWarningIsAPercentageOrTimeLeft(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Warning{"1%": {Percent: 1}, "99%": {Percent: 99}, "30m": {Left: 30 * time.Minute}} {
		w, err := ParseWarning(text)
		require.NoError(t, err, text)
		require.Equal(t, want, w)
		require.Equal(t, text, w.String())
	}
	for _, text := range []string{"", "%", "0%", "100%", "-5%", "+5%", "5.5%", "0s", "-1m", "1d", "half"} {
		_, err := ParseWarning(text)
		require.ErrorIs(t, err, ErrWarning, text)
	}
	for _, bad := range []Warning{{}, {Percent: 100}, {Left: -1}, {Percent: 5, Left: 5}} {
		_, err := json.Marshal(bad)
		require.ErrorIs(t, err, ErrWarning)
	}
}

func TestDefinitionsAndRungsSurviveJSON(t *testing.T) {
	t.Parallel()
	const text = `{"name":"resolution","target":"4h","clock":"working","warn_at":["50%","30m"]}`
	var def Definition
	require.NoError(t, json.Unmarshal([]byte(text), &def))
	require.Equal(t, []Warning{{Percent: 50}, {Left: 30 * time.Minute}}, def.WarnAt)
	out, err := json.Marshal(def)
	require.NoError(t, err)
	require.JSONEq(t, text, string(out))

	out, err = json.Marshal(Rung{On: OnBreach, Notify: []string{"supervisor"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"on":"breach","notify":["supervisor"]}`, string(out))
	require.ErrorIs(t, json.Unmarshal([]byte(`"soon"`), new(Span)), ErrSpan)
	require.ErrorIs(t, json.Unmarshal([]byte(`"soon"`), new(Warning)), ErrWarning)
}

func TestDueAddsDurationsOnTheClockAndDaysAsDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, start, span string
		clock            ClockKind
		want             string
	}{
		{"a duration is working time", "2026-03-06 16:30", "4h", Working, "2026-03-09 11:30"},
		{"a duration runs through the night", "2026-03-06 16:30", "4h", Elapsed, "2026-03-06 20:30"},
		{"a working day is the same time on the next one", "2026-03-06 16:30", "1d", Working, "2026-03-09 16:30"},
		{"a working day from opening ends at opening", "2026-03-09 09:00", "3d", Working, "2026-03-12 09:00"},
		{"a working day received at night counts from opening", "2026-03-07 22:00", "1d", Working, "2026-03-10 09:00"},
		{"an elapsed day is 24 hours", "2026-03-06 16:30", "2d", Elapsed, "2026-03-08 16:30"},
		{"no time on a closed day", "2026-03-07 10:00", "0s", Working, "2026-03-07 10:00"},
	} {
		span, err := ParseSpan(c.span)
		require.NoError(t, err)
		due, err := span.Due(at(c.start), c.clock, office)
		require.NoError(t, err)
		require.Equal(t, at(c.want), due, c.why)
	}
	_, err := Span{Duration: time.Hour}.Due(at("2026-03-06 16:30"), Working, closed)
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
}

func FuzzParseSpan(f *testing.F) {
	for _, seed := range []string{"3d", "10m", "1h30m", "-1d", "0s", "1.5h", "d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		span, err := ParseSpan(text)
		if err != nil {
			require.ErrorIs(t, err, ErrSpan)
			return
		}
		require.Equal(t, span.IsZero(), span.Validate() != nil, "all but zero can be promised")
		again, err := ParseSpan(span.String())
		require.NoError(t, err)
		require.Equal(t, span, again)
	})
}

func FuzzParseWarning(f *testing.F) {
	for _, seed := range []string{"80%", "30m", "0%", "100%", "%", "1.5h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWarning(text)
		if err != nil {
			require.ErrorIs(t, err, ErrWarning)
			return
		}
		used := w.used(maxDuration)
		require.True(t, used >= 0 && used < maxDuration)
		again, err := ParseWarning(w.String())
		require.NoError(t, err)
		require.Equal(t, w, again)
	})
}
