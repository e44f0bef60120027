package survey_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/survey"
)

func TestFigures_are_those_computed_by_hand(t *testing.T) {
	t.Parallel()
	type counts = survey.Counts
	for name, tt := range map[string]struct {
		figure           survey.Figure
		value, low, high float64
		n                int
		method           string
	}{
		// p = 6/10, z² = 3.841459. Centre (0.6 + 3.841459/20) / (1 + 3.841459/10) = 0.792073/1.384146 = 0.572247;
		// margin 1.959964/1.384146 · √(0.24/10 + 3.841459/400) = 1.416010 · 0.183313 = 0.259573.
		"six of ten are satisfied": {survey.CSAT(counts{1: 1, 2: 1, 3: 2, 4: 3, 5: 3}, 5), 60, 31.2674, 83.1820, 10, survey.MethodWilson},
		// p = 1: the interval is n/(n + z²) = 10/13.841459 to 1; p = 0 is its mirror image.
		"all of ten":  {survey.CSAT(counts{5: 10}, 5), 100, 72.2467, 100, 10, survey.MethodWilson},
		"none of ten": {survey.CSAT(counts{3: 10}, 5), 0, 0, 27.7533, 10, survey.MethodWilson},
		// p = 20/100: centre (0.2 + 0.019207)/1.038415 = 0.211098; margin 1.959964/1.038415 · √(0.0016 + 0.0000960365)
		// = 1.887458 · 0.0411830 = 0.077731.
		"twenty of a hundred answer": {survey.ResponseRate(20, 100, 5), 20, 13.3367, 28.8829, 100, survey.MethodWilson},
		// 5 promoters, 3 passives, 2 detractors: 50 − 20 = 30. With 3 more: p = 5.75/13, d = 2.75/13, p − d = 0.230769,
		// variance 0.653846 − 0.053254 = 0.600592, margin 1.959964 · √(0.600592/13) = 0.421275.
		"nps of ten": {survey.NPS(counts{10: 2, 9: 3, 8: 1, 7: 2, 6: 1, 0: 1}, 5), 30, -19.0506, 65.2045, 10, survey.MethodAdjustedWald},
		// 5 promoters: p = 5.75/8, d = 0.75/8, p − d = 0.625, variance 0.8125 − 0.390625 = 0.421875,
		// margin 1.959964 · √(0.421875/8) = 0.450085, and 1.075 is cut to 1.
		"nps of five promoters": {survey.NPS(counts{10: 5}, 5), 100, 17.4915, 100, 5, survey.MethodAdjustedWald},
		// 5, 5, 6, 6, 7: mean 29/5 = 5.8; squares 2·0.64 + 2·0.04 + 1.44 = 2.8, variance 2.8/4 = 0.7;
		// t(4) = 2.776445, margin 2.776445 · √(0.7/5) = 1.038851.
		"ces of five": {survey.CES(counts{5: 2, 6: 2, 7: 1}, 5), 5.8, 4.761149, 6.838851, 5, survey.MethodT},
		// All alike: variance 1/12, margin 2.776445 · √(1/60) = 0.358438, cut at 7.
		"ces all alike": {survey.CES(counts{7: 5}, 5), 7, 6.641562, 7, 5, survey.MethodT},
		// −2, 3 × −1, 4 × 0, 2 × 1: mean −0.3; squares 2.89 + 3·0.49 + 4·0.09 + 2·1.69 = 8.1, variance 0.9;
		// t(9) = 2.262157, margin 2.262157 · √(0.9/10) = 0.678647.
		"gap of ten": {survey.Gap(counts{-2: 1, -1: 3, 0: 4, 1: 2}, 5), -0.3, -0.978647, 0.378647, 10, survey.MethodT},
		// One answer says nothing of the others.
		"ces of one": {survey.CES(counts{4: 1}, 1), 4, 1, 7, 1, survey.MethodT},
		// Values off the scale count for nothing.
		"off the scale":                 {survey.CES(counts{0: 9, 4: 1, 8: 9}, 1), 4, 1, 7, 1, survey.MethodT},
		"more answered than were asked": {survey.ResponseRate(11, 10, 5), 100, 72.2467, 100, 10, survey.MethodWilson},
	} {
		require.True(t, tt.figure.Shown(), name)
		require.Equal(t, tt.n, tt.figure.N, name)
		require.Equal(t, tt.method, tt.figure.Method, name)
		require.InDelta(t, tt.value, *tt.figure.Value, 1e-9, name)
		require.InDelta(t, tt.low, *tt.figure.Low, 1e-4, name)
		require.InDelta(t, tt.high, *tt.figure.High, 1e-4, name)
	}
}

// TestFigures_take_the_quantile_of_Student holds the series against the tables: with variance 1/12 the margin of n equal
// answers is t(n − 1) · √(1/(12 n)).
func TestFigures_take_the_quantile_of_Student(t *testing.T) {
	t.Parallel()
	for n, quantile := range map[int]float64{2: 12.7062, 3: 4.3027, 10: 2.2622, 11: 2.2281, 16: 2.1314, 31: 2.0423, 101: 1.9840, 1001: 1.9623} {
		f := survey.Gap(survey.Counts{0: n}, 1)
		margin := (*f.High - *f.Low) / 2
		require.InEpsilon(t, quantile*quantile, margin*margin*12*float64(n), 3e-4, n)
	}
}

func TestFigures_show_nothing_below_the_minimum(t *testing.T) {
	t.Parallel()
	c := survey.Counts{4: 4}
	for _, f := range []survey.Figure{
		survey.CSAT(c, 5), survey.NPS(c, 5), survey.CES(c, 5), survey.Gap(c, 5), survey.ResponseRate(2, 4, 5),
		survey.CSAT(nil, 0), survey.NPS(nil, 0), survey.CES(nil, 0), survey.Gap(nil, 0), survey.ResponseRate(0, 0, 0),
	} {
		require.False(t, f.Shown(), f.Name)
		require.Nil(t, f.Low, f.Name)
		require.Nil(t, f.High, f.Name)
	}
	body, err := json.Marshal(survey.CSAT(c, 5))
	require.NoError(t, err)
	require.JSONEq(t, `{"name": "csat", "n": 4, "method": "wilson"}`, string(body), "nothing to guess the answers from")
	require.True(t, survey.CSAT(survey.Counts{4: 5}, 5).Shown())
}

// scales are the figures with their scales, and how a count is mirrored in their middle.
var scales = []struct {
	figure      func(survey.Counts, int) survey.Figure
	first, last int // values
	low, high   float64
	mirror      func(value int) int
}{
	{survey.CSAT, 1, 5, 0, 100, func(v int) int { return map[int]int{1: 4, 2: 4, 3: 5, 4: 1, 5: 3}[v] }},
	{survey.NPS, 0, 10, -100, 100, func(v int) int {
		return map[int]int{0: 9, 1: 9, 2: 9, 3: 9, 4: 9, 5: 9, 6: 10, 7: 8, 8: 7, 9: 0, 10: 6}[v]
	}},
	{survey.CES, 1, 7, 1, 7, func(v int) int { return 8 - v }},
	{survey.Gap, -4, 4, -4, 4, func(v int) int { return -v }},
}

func TestLaw_figures_lie_in_their_interval_and_that_on_the_scale_and_shrinks_with_n(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		for _, s := range scales {
			c, more, mirrored := survey.Counts{}, survey.Counts{}, survey.Counts{}
			times := rapid.IntRange(2, 50).Draw(rt, "times")
			for value := s.first; value <= s.last; value++ {
				n := rapid.IntRange(0, 30).Draw(rt, "count")
				c[value], more[value] = n, n*times
				mirrored[s.mirror(value)] += n
			}
			f := s.figure(c, 1)
			if f.N == 0 {
				continue
			}
			require.LessOrEqual(rt, *f.Low, *f.Value)
			require.GreaterOrEqual(rt, *f.High, *f.Value)
			require.GreaterOrEqual(rt, *f.Low, s.low)
			require.LessOrEqual(rt, *f.High, s.high)

			g := s.figure(more, 1)
			require.InDelta(rt, *f.Value, *g.Value, 1e-9, "the same shares are the same value")
			require.Less(rt, *g.High-*g.Low, *f.High-*f.Low, f.Name)

			m := s.figure(mirrored, 1)
			require.InDelta(rt, s.low+s.high, *f.Value+*m.Value, 1e-9, f.Name)
			require.InDelta(rt, s.low+s.high, *f.Low+*m.High, 1e-9, f.Name)
			require.InDelta(rt, s.low+s.high, *f.High+*m.Low, 1e-9, f.Name)
		}
	})
}
