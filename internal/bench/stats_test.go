package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()

	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i // unsorted on purpose
	}
	require.Equal(t, 50, percentile(hundred, 50))
	require.Equal(t, 99, percentile(hundred, 99))
	require.Equal(t, 100, percentile(hundred, 100))
	require.Equal(t, 1, percentile(hundred, 0))
	require.Equal(t, 100, hundred[0], "the values stay in their order")

	require.Equal(t, 3, percentile([]int{1, 2, 3}, 99), "of few values, the greatest")
	require.Equal(t, 0, percentile([]int(nil), 99))
}

func TestRatioOfNothingIsNothing(t *testing.T) {
	t.Parallel()

	require.InDelta(t, 0.9, ratio(90, 100), 1e-9)
	require.Zero(t, ratio(90, 0))
}

func TestRatesAreOverAllRounds(t *testing.T) {
	t.Parallel()

	took := func(n int) []time.Duration { return make([]time.Duration, n) }
	var ours, raw laps
	ours.add(took(90), time.Second, cpuTimes{product: time.Second})
	ours.add(took(30), 3*time.Second, cpuTimes{product: time.Second})
	raw.add(took(100), time.Second, nil)
	raw.add(took(60), 3*time.Second, nil)

	require.InDelta(t, 30, ours.rate(), 1e-9)
	require.InDelta(t, 40, raw.rate(), 1e-9)
	require.InDeltaSlice(t, []float64{0.9, 0.5}, ratios(&ours, &raw), 1e-9)
	require.Equal(t, "16.7 ms (mcrflow 16.7)", ours.cpu.per(len(ours.took)))
}

func TestProcessTimesAreReadPastAnyName(t *testing.T) {
	t.Parallel()

	st, ok := parseStat("42 (post) gres: (x) S 7 1 1 0 -1 4194304 1 2 3 4 150 50 20 10 20 0 1 0 99 0 0\n")
	require.True(t, ok)
	require.Equal(t, procStat{pid: 42, parent: 7, own: 2 * time.Second, ended: 300 * time.Millisecond}, st)

	_, ok = parseStat("42 (cut off")
	require.False(t, ok)
}

func TestUnknownMeasureIsRefused(t *testing.T) {
	t.Parallel()

	_, err := parse([]string{"-only", "submit,sumbit"})
	require.ErrorContains(t, err, `no measure is called "sumbit"`)

	o, err := parse([]string{"-only", "submit,command", "-quick"})
	require.NoError(t, err)
	require.Equal(t, []string{"submit", "command"}, o.only)
	require.True(t, o.quick)
}
