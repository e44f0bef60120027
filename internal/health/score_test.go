package health_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/health"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const small = `kind: health
base: 50
rules:
  met: {fact: contact_kept, points: 3, within: 10d, at_most: 7}
  missed: {fact: contact_missed, points: -20, within: 1mo, at_most: 100}
  neutral: {fact: survey_neutral, points: 0, within: 1y, at_most: 1}
  relation: {fact: level, points_per_level: 5, within: 1y, at_most: 12}
`

func fact(id string, kind health.Kind, days int) health.Fact {
	return health.Fact{ID: id, Kind: kind, At: noon.AddDate(0, 0, -days)}
}

func level(id string, value, days int) health.Fact {
	f := fact(id, health.Level, days)
	f.Value = value
	return f
}

// lines lists contributions as "rule fact points".
func lines(s health.Score) []string {
	var list []string
	for _, c := range s.Contributions {
		list = append(list, fmt.Sprintf("%s %s %d", c.Rule, c.Fact, c.Points))
	}
	return list
}

func sound(t require.TestingT, s health.Score) {
	sum := 0
	for _, c := range s.Contributions {
		sum += c.Points
	}
	require.Equal(t, s.Points, sum, "every point has its reason")
	require.GreaterOrEqual(t, s.Points, 0)
	require.LessOrEqual(t, s.Points, 100)
}

func TestScore_names_the_rule_of_every_point(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	for _, tt := range []struct {
		name  string
		facts []health.Fact
		want  int
		lines []string
	}{
		{"nothing is known", nil, 50, []string{"base  50"}},
		{"newest first", []health.Fact{fact("a", health.ContactKept, 2), fact("b", health.ContactMissed, 1)}, 33, []string{"base  50", "missed b -20", "met a 3"}},
		{
			"the newest count first, the last in part",
			[]health.Fact{
				fact("a", health.ContactKept, 1), fact("b", health.ContactKept, 2), fact("c", health.ContactKept, 3), fact("d", health.ContactKept, 4),
			},
			57,
			[]string{"base  50", "met a 3", "met b 3", "met c 1"},
		},
		{"a window has an end", []health.Fact{fact("a", health.ContactKept, 9), fact("b", health.ContactKept, 10)}, 53, []string{"base  50", "met a 3"}},
		{"the future does not count", []health.Fact{fact("a", health.ContactKept, -1)}, 50, []string{"base  50"}},
		{"a kind without a rule does not count", []health.Fact{fact("a", health.CaseBreached, 1)}, 50, []string{"base  50"}},
		{"nothing is not listed", []health.Fact{fact("a", health.SurveyNeutral, 1), level("b", 3, 1)}, 50, []string{"base  50"}},
		{"levels count from the middle", []health.Fact{level("key", 5, 2), level("broad", 2, 1)}, 55, []string{"base  50", "relation broad -5", "relation key 10"}},
		{"a cap is on the sum, whatever the signs", []health.Fact{level("a", 5, 1), level("b", 5, 2), level("c", 2, 3)}, 62, []string{"base  50", "relation a 10", "relation b 7", "relation c -5"}},
		{"and below zero", []health.Fact{level("a", 4, 1), level("b", 1, 2), level("c", 1, 3)}, 38, []string{"base  50", "relation a 5", "relation b -10", "relation c -7"}},
		{"levels out of range are the nearest in it", []health.Fact{level("a", 9, 1)}, 60, []string{"base  50", "relation a 10"}},
		{
			"a limit is a contribution",
			[]health.Fact{fact("a", health.ContactMissed, 1), fact("b", health.ContactMissed, 2), fact("c", health.ContactMissed, 3)},
			0,
			[]string{"base  50", "missed a -20", "missed b -20", "missed c -20", "limit  10"},
		},
		{"facts at the same time by their ID", []health.Fact{fact("a", health.ContactMissed, 1), fact("b", health.ContactKept, 1)}, 33, []string{"base  50", "met b 3", "missed a -20"}},
	} {
		s := p.Score(tt.facts, noon, time.UTC)
		require.Equal(t, tt.want, s.Points, tt.name)
		require.Equal(t, tt.lines, lines(s), tt.name)
		require.Equal(t, 3, s.Version)
	}
	require.Equal(t, []string{"base  100", "met a 3", "limit  -3"}, lines(compiled(t, "kind: health\nbase: 100"+small[len("kind: health\nbase: 50"):]).
		Score([]health.Fact{fact("a", health.ContactKept, 1)}, noon, time.UTC)))
}

func TestScore_is_plain_to_read(t *testing.T) {
	t.Parallel()
	s := compiled(t, small).Score([]health.Fact{fact("wk-9", health.ContactKept, 1)}, noon, time.UTC)
	body, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{"points":53,"version":3,"contributions":[{"rule":"base","points":50},
		{"rule":"met","fact":"wk-9","kind":"contact_kept","points":3,"at":"2026-03-01T12:00:00Z"}]}`, string(body))
}

func TestScore_windows_end_by_the_clock_of_the_place(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	p := compiled(t, small)
	f := []health.Fact{{ID: "a", Kind: health.ContactKept, At: time.Date(2026, 3, 25, 11, 0, 0, 0, time.UTC)}} // the clocks go forward on the 29th
	for loc, end := range map[*time.Location]time.Time{
		berlin: time.Date(2026, 4, 4, 10, 0, 0, 0, time.UTC), time.UTC: time.Date(2026, 4, 4, 11, 0, 0, 0, time.UTC),
	} {
		require.Equal(t, 53, p.Score(f, end.Add(-1), loc).Points)
		require.Equal(t, 50, p.Score(f, end, loc).Points)
	}
}

func TestMerge_takes_the_latest_of_an_id(t *testing.T) {
	t.Parallel()
	first, second := level("key", 2, 5), level("key", 4, 3)
	second.Seq = 7
	set := health.Merge(nil, second, 10)
	require.Equal(t, []health.Fact{second}, set)
	require.Equal(t, set, health.Merge(set, first, 10), "a late signal changes nothing")
	same := second
	same.Value = 1
	require.Equal(t, set, health.Merge(set, same, 10), "nor does one of the same number")
	require.Equal(t, set, health.Merge(health.Merge(nil, first, 10), second, 10))
	other := fact("a", health.ContactKept, 4)
	require.Equal(t, []health.Fact{other, second}, health.Merge(set, other, 10), "by time")
	require.Equal(t, []health.Fact{second}, health.Merge(set, other, 1), "the oldest go")
	require.Empty(t, health.Merge(set, other, 0))
	require.Equal(t, []health.Fact{second}, set, "what was given stays as it is")
}

// drawFacts draws facts of a year; those of one ID move forward in time with their Seq, and no two of one Seq differ.
func drawFacts(t *rapid.T) []health.Fact {
	n := rapid.IntRange(0, 25).Draw(t, "n")
	facts := make([]health.Fact, n)
	last := map[string]health.Fact{}
	for i := range facts {
		f := health.Fact{
			ID:    rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"}).Draw(t, "id"),
			Kind:  rapid.SampledFrom(health.Kinds()).Draw(t, "kind"),
			Value: rapid.IntRange(1, 5).Draw(t, "value"),
			At:    noon.Add(-time.Duration(rapid.IntRange(-10, 8000).Draw(t, "hours")) * time.Hour),
		}
		if before, ok := last[f.ID]; ok {
			f.Seq = before.Seq + 1
			f.At = before.At.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "later")) * time.Hour)
		}
		facts[i], last[f.ID] = f, f
	}
	return facts
}

// many draws facts of as many IDs.
func many(t *rapid.T) []health.Fact {
	facts := drawFacts(t)
	for i := range facts {
		facts[i].ID = fmt.Sprintf("%s%d", facts[i].ID, i)
	}
	return facts
}

func shuffled[T any](t *rapid.T, list []T) []T {
	list = slices.Clone(list)
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func mergeAll(facts []health.Fact, keep int) []health.Fact {
	var set []health.Fact
	for _, f := range facts {
		set = health.Merge(set, f, keep)
	}
	return set
}

func TestLaw_merging_is_a_set_whatever_the_order_and_repetition(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	rapid.Check(t, func(rt *rapid.T) {
		facts := drawFacts(rt)
		keep := rapid.IntRange(0, 10).Draw(rt, "keep")
		want := mergeAll(facts, keep)

		latest := map[string]health.Fact{}
		for _, f := range facts { // each ID comes with rising Seq
			latest[f.ID] = f
		}
		model := slices.SortedFunc(maps.Values(latest), func(a, b health.Fact) int {
			if c := a.At.Compare(b.At); c != 0 {
				return c
			}
			return int(a.ID[0]) - int(b.ID[0])
		})
		if drop := len(model) - keep; drop > 0 {
			model = model[drop:]
		}
		require.True(rt, slices.Equal(model, want), "%v, not %v", want, model)

		again := shuffled(rt, slices.Concat(facts, facts))
		got := mergeAll(again, keep)
		require.True(rt, slices.Equal(want, got), "%v, not %v", got, want)
		cut := rapid.IntRange(0, len(got)).Draw(rt, "cut")
		both := mergeAll(facts, keep)
		for _, f := range got[cut:] { // two sets make one
			both = health.Merge(both, f, keep)
		}
		require.True(rt, slices.Equal(want, both))
		require.Equal(rt, p.Score(want, noon, time.UTC), p.Score(got, noon, time.UTC))
		require.Equal(rt, p.Score(mergeAll(facts, 1000), noon, time.UTC), p.Score(again, noon, time.UTC), "Score takes any list")
	})
}

func TestLaw_points_always_sum_to_a_score_from_0_to_100(t *testing.T) {
	t.Parallel()
	generous := compiled(t, small)
	p := compiled(t, shipped(t))
	rapid.Check(t, func(rt *rapid.T) {
		facts := many(rt)
		for _, p := range []*health.Policy{p, generous} {
			s := p.Score(facts, noon, time.UTC)
			sound(rt, s)
			require.Equal(rt, health.RuleBase, s.Contributions[0].Rule)
			for i, c := range s.Contributions[1:] {
				require.NotZero(rt, c.Points)
				require.True(rt, c.Rule != health.RuleLimit || i == len(s.Contributions)-2, "the limit is last")
			}
		}
	})
}

func TestLaw_volume_alone_never_raises_health_over_the_cap_of_its_rule(t *testing.T) {
	t.Parallel()
	d := document(t, shipped(t))
	p := compiled(t, shipped(t))
	rapid.Check(t, func(rt *rapid.T) {
		facts := many(rt)
		rule := d.Rules[rapid.SampledFrom(slices.Sorted(maps.Keys(d.Rules))).Draw(rt, "rule")]
		without := slices.DeleteFunc(slices.Clone(facts), func(f health.Fact) bool { return f.Kind == rule.Fact })
		before := p.Score(without, noon, time.UTC).Points
		for i := range rapid.IntRange(0, 300).Draw(rt, "more") {
			f := fact(fmt.Sprintf("more%d", i), rule.Fact, i%10)
			f.Value = 5
			facts = append(facts, f)
		}
		after := p.Score(facts, noon, time.UTC).Points
		require.LessOrEqual(rt, after, before+rule.AtMost)
		require.GreaterOrEqual(rt, after, before-rule.AtMost)
	})
	var meetings []health.Fact
	for i := range 1000 {
		meetings = append(meetings, fact(fmt.Sprintf("m%d", i), health.ContactKept, i%90))
	}
	require.Equal(t, 68, p.Score(meetings, noon, time.UTC).Points)
}

func TestLaw_one_bad_fact_less_never_lowers_and_one_good_fact_less_never_raises(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	rapid.Check(t, func(rt *rapid.T) {
		facts := many(rt)
		if len(facts) == 0 {
			return
		}
		i := rapid.IntRange(0, len(facts)-1).Draw(rt, "without")
		alone := p.Score(facts[i:i+1], noon, time.UTC).Points - p.Score(nil, noon, time.UTC).Points
		all := p.Score(facts, noon, time.UTC).Points
		fewer := p.Score(slices.Delete(slices.Clone(facts), i, i+1), noon, time.UTC).Points
		switch {
		case alone < 0:
			require.GreaterOrEqual(rt, fewer, all)
		case alone > 0:
			require.LessOrEqual(rt, fewer, all)
		default:
			require.Equal(rt, all, fewer)
		}
	})
}

func TestLaw_complaints_never_raise_health_however_they_are_handled(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	for n := range 40 {
		var facts []health.Fact
		for i := range n {
			facts = append(facts, fact(fmt.Sprintf("o%d", i), health.ComplaintOpened, 2), fact(fmt.Sprintf("c%d", i), health.CaseInTime, 1))
		}
		require.LessOrEqual(t, p.Score(facts, noon, time.UTC).Points, 60)
	}
}
