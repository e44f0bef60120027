package classification_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
)

const (
	classS = classification.ClassS
	classA = classification.ClassA
	classB = classification.ClassB
	classC = classification.ClassC
)

// worth are criteria of small with a good fit that give the points, from 30 to 100: 50 % of fit, 20 % of credit.
func worth(t testing.TB, points int) classification.Criteria {
	t.Helper()
	for credit := range 101 {
		for revenue := 0; revenue <= 100; revenue += 10 {
			if fit := (points*100 - credit*20 - revenue*30) / 50; fit >= 40 && fit <= 100 && fit*50+credit*20+revenue*30 == points*100 {
				return classification.Criteria{"fit": fit, "credit": credit, "revenue": revenue}
			}
		}
	}
	require.Fail(t, "no criteria", "%d points", points)
	return nil
}

func TestClasses_are_ordered_and_S_and_A_are_key(t *testing.T) {
	t.Parallel()
	require.Equal(t, []classification.Class{"S", "A", "B", "C"}, classification.Classes())
	for i, class := range classification.Classes() {
		require.True(t, class.Valid())
		require.Equal(t, i < 2, class.Key(), class)
		require.True(t, class.Better(""), "every class is better than none")
		for j, other := range classification.Classes() {
			require.Equal(t, i < j, class.Better(other), "%s and %s", class, other)
		}
	}
	for _, none := range []classification.Class{"", "D", "s"} {
		require.False(t, none.Valid())
		require.False(t, none.Key())
		require.False(t, none.Better(classC))
	}
	require.Zero(t, compiled(t, small).Contract("D"))
}

func TestScore_weighs_each_criterion_in_hundredths_of_a_point(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	require.Equal(t, classification.Score{Points: 6170, Parts: []classification.Part{
		{Criterion: "credit", Value: 61, Weight: 20, Points: 1220},
		{Criterion: "fit", Value: 51, Weight: 50, Points: 2550},
		{Criterion: "revenue", Value: 80, Weight: 30, Points: 2400},
	}}, p.Score(classification.Criteria{"fit": 51, "credit": 61, "revenue": 80}))
	odd := p.Score(classification.Criteria{"fit": 500, "credit": -3, "mood": 100})
	require.Equal(t, 5000, odd.Points, "the nearer end, nothing for what is missing or unknown")
}

func TestWith_fills_what_the_sales_tell_unless_it_was_given(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	for sales, want := range map[int64]int{-50: 0, 0: 0, 99: 0, 100: 20, 999: 20, 1000: 60, 10000: 100, 1 << 62: 100} {
		require.Equal(t, classification.Criteria{"fit": 50, "revenue": want}, p.With(classification.Criteria{"fit": 50}, &sales, "CNY"), sales)
	}
	given := classification.Criteria{"revenue": 7}
	require.Equal(t, given, p.With(given, new(int64(5000)), "CNY"))
	require.Equal(t, classification.Criteria{}, p.With(nil, new(int64(5000)), "KRW"), "sales in another currency say nothing")
	require.Equal(t, classification.Criteria{}, p.With(nil, nil, "CNY"))
	p.With(given, new(int64(1)), "CNY")["fit"] = 3
	require.Len(t, given, 1, "what was given is left alone")
}

func TestCheckCriteria_tells_unknown_missing_and_impossible_values(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	require.Empty(t, p.CheckCriteria(classification.Criteria{"fit": 0, "credit": 100, "revenue": 50}))
	require.Equal(t, []string{
		"criteria.credit between", "criteria.fit between", "criteria.mood unknown_field", "criteria.revenue required",
	}, at(p.CheckCriteria(classification.Criteria{"fit": -1, "credit": 101, "mood": 5})))
	require.Equal(t, []errs.Field{
		{Field: "criteria.mood", Code: "unknown_field", Args: errs.Args("name", "mood", "known", "credit, fit, revenue")},
	}, p.CheckCriteria(classification.Criteria{"fit": 1, "credit": 1, "revenue": 1, "mood": 5}))
}

func TestPropose_crosses_a_border_only_beyond_the_hysteresis(t *testing.T) {
	t.Parallel()
	p := compiled(t, small) // S 80, A 60, B 40, hysteresis 5
	for _, tt := range []struct {
		points  int
		current classification.Class
		want    classification.Class
		held    bool
	}{
		{80, "", classS, false},
		{79, "", classA, false},
		{60, "", classA, false},
		{59, "", classB, false},
		{39, "", classC, false},

		{84, classA, classA, true},
		{85, classA, classS, false},
		{75, classS, classS, true},
		{74, classS, classA, false},
		{64, classB, classB, true},
		{65, classB, classA, false},
		{55, classA, classA, true},
		{54, classA, classB, false},
		{44, classC, classC, true},
		{45, classC, classB, false},
		{35, classB, classB, true},
		{34, classB, classC, false},
		{70, classA, classA, false},

		{100, classC, classS, false},
		{82, classC, classA, false}, // border by border: A is passed, S is not
		{57, classS, classA, false}, // S is left, A is not
		{36, classS, classB, false},
		{34, classS, classC, false},
		{60, "D", classA, false}, // what is no class holds nothing
	} {
		proposal := p.Propose(worth(t, tt.points), tt.current)
		require.Equal(t, []any{tt.want, tt.held, false}, []any{proposal.Class, proposal.Held, proposal.Gated}, "%d points, now %q", tt.points, tt.current)
		require.Equal(t, tt.points*100, proposal.Score.Points)
	}
}

func TestPropose_never_passes_the_gate(t *testing.T) {
	t.Parallel()
	p := compiled(t, changed(t, "weight: 50", "weight: 10", "weight: 20", "weight: 60"))
	short := func(fit int) classification.Criteria {
		return classification.Criteria{"fit": fit, "credit": 100, "revenue": 100}
	}
	for _, current := range append(classification.Classes(), "") {
		barred := p.Propose(short(39), current)
		require.Equal(t, []any{classB, true, false}, []any{barred.Class, barred.Gated, barred.Held}, current)
		open := p.Propose(short(40), current)
		require.Equal(t, []any{classS, false}, []any{open.Class, open.Gated}, current)
	}
	below := p.Propose(classification.Criteria{"fit": 0, "credit": 50, "revenue": 50}, "")
	require.Equal(t, []any{classB, false}, []any{below.Class, below.Gated}, "what it does not lower is not gated")
	unknown := p.Propose(classification.Criteria{"credit": 100, "revenue": 100}, classS)
	require.Equal(t, []any{classB, true}, []any{unknown.Class, unknown.Gated}, "a fit that nobody judged is none")
}

func TestCheckManual_opens_every_class_but_those_beyond_the_gate(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	for _, class := range classification.Classes() {
		require.Empty(t, p.CheckManual(classification.Criteria{"fit": 40}, class))
		require.Equal(t, class.Key(), len(p.CheckManual(classification.Criteria{"fit": 39}, class)) == 1, class)
	}
	require.Equal(t, []errs.Field{{
		Field: "proposed_class", Code: "gated", Args: errs.Args("criterion", "fit", "value", "39", "minimum", "40", "above", "B"),
	}}, p.CheckManual(classification.Criteria{"fit": 39, "credit": 100}, classA))
	require.Equal(t, []string{"proposed_class required"}, at(p.CheckManual(nil, "")))
	require.Equal(t, []string{"proposed_class oneof"}, at(p.CheckManual(nil, "D")))
}
