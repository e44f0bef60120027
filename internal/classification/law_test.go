package classification_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/classification"
)

// drawPolicy draws a policy that may be published, of three criteria, fit being that of the gate.
func drawPolicy(t *rapid.T, contracts classification.Contracts) (classification.Document, *classification.Policy) {
	label := map[string]string{"en": "words", "zh-CN": "字"}
	fit := rapid.IntRange(1, 98).Draw(t, "weight of fit")
	revenue := rapid.IntRange(1, 99-fit).Draw(t, "weight of revenue")
	b := rapid.IntRange(1, 98).Draw(t, "B")
	a := rapid.IntRange(b+1, 99).Draw(t, "A")
	s := rapid.IntRange(a+1, 100).Draw(t, "S")
	d := classification.Document{
		Kind: classification.Kind, Currency: "CNY", Chain: "classification", Classes: contracts,
		Criteria: map[string]classification.Criterion{
			"fit": {Weight: fit, Label: label},
			"revenue": {Weight: revenue, Label: label, Bands: []classification.Band{
				{From: 100, Value: 20}, {From: 1000, Value: rapid.IntRange(20, 100).Draw(t, "value")},
			}},
			"credit": {Weight: 100 - fit - revenue, Label: label},
		},
		Thresholds: classification.Thresholds{S: s, A: a, B: b},
		Hysteresis: rapid.IntRange(0, min(20, 100-s, b-1)).Draw(t, "hysteresis"),
		Gate: classification.Gate{
			Criterion: "fit", Minimum: rapid.IntRange(1, 100).Draw(t, "minimum"),
			Above: rapid.SampledFrom([]classification.Class{classA, classB, classC}).Draw(t, "above"),
		},
		ABC: classification.Bands{A: 75, B: 20, C: 5},
	}
	require.Empty(t, d.Check(classification.Refs{}))
	p, err := classification.Compile(d, 1)
	require.NoError(t, err)
	return d, p
}

func drawCriteria(t *rapid.T, name string) classification.Criteria {
	value := rapid.IntRange(0, 100)
	return classification.Criteria{
		"fit": value.Draw(t, name+": fit"), "revenue": value.Draw(t, name+": revenue"), "credit": value.Draw(t, name+": credit"),
	}
}

func drawClass(t *rapid.T) classification.Class {
	return rapid.SampledFrom(append(classification.Classes(), "")).Draw(t, "current")
}

func TestLaw_points_are_the_sum_of_the_parts(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		d, p := drawPolicy(rt, contracts)
		c := drawCriteria(rt, "client")
		sound := rapid.Bool().Draw(rt, "sound")
		if !sound {
			c["fit"] = rapid.Int().Draw(rt, "any fit")
			delete(c, "credit")
		}
		score := p.Score(c)
		sum := 0
		for i, part := range score.Parts {
			require.Equal(rt, p.Criteria()[i], part.Criterion)
			require.Equal(rt, d.Criteria[part.Criterion].Weight, part.Weight)
			require.Equal(rt, part.Value*part.Weight, part.Points)
			if sound {
				require.Equal(rt, c[part.Criterion], part.Value)
			}
			sum += part.Points
		}
		require.Equal(rt, sum, score.Points)
		require.GreaterOrEqual(rt, score.Points, 0)
		require.LessOrEqual(rt, score.Points, 10000)
		require.Len(rt, score.Parts, len(d.Criteria))
	})
}

func TestLaw_without_a_class_and_without_the_gate_the_thresholds_alone_decide(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		d, p := drawPolicy(rt, contracts)
		c := drawCriteria(rt, "client")
		c["fit"] = rapid.IntRange(d.Gate.Minimum, 100).Draw(rt, "good fit")
		proposal := p.Propose(c, "")
		points := proposal.Score.Points
		switch proposal.Class {
		case classS:
			require.GreaterOrEqual(rt, points, d.Thresholds.S*100)
		case classA:
			require.GreaterOrEqual(rt, points, d.Thresholds.A*100)
			require.Less(rt, points, d.Thresholds.S*100)
		case classB:
			require.GreaterOrEqual(rt, points, d.Thresholds.B*100)
			require.Less(rt, points, d.Thresholds.A*100)
		case classC:
			require.Less(rt, points, d.Thresholds.B*100)
		default:
			require.Fail(rt, "no class")
		}
		require.False(rt, proposal.Held || proposal.Gated)
	})
}

// TestLaw_a_class_changes_only_beyond_every_border_between says of each border what Propose says of the class.
func TestLaw_a_class_changes_only_beyond_every_border_between(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		d, p := drawPolicy(rt, contracts)
		c := drawCriteria(rt, "client")
		c["fit"] = rapid.IntRange(d.Gate.Minimum, 100).Draw(rt, "good fit")
		current := rapid.SampledFrom(classification.Classes()).Draw(rt, "current")
		proposal := p.Propose(c, current)
		for class, threshold := range map[classification.Class]int{classS: d.Thresholds.S, classA: d.Thresholds.A, classB: d.Thresholds.B} {
			below := !class.Better(current) // the client is on the better side of the border of class
			reached := !class.Better(proposal.Class)
			if below {
				require.Equal(rt, proposal.Score.Points >= (threshold-d.Hysteresis)*100, reached, class)
			} else {
				require.Equal(rt, proposal.Score.Points >= (threshold+d.Hysteresis)*100, reached, class)
			}
		}
		require.Equal(rt, proposal.Class == current && p.Propose(c, "").Class != current, proposal.Held)
	})
}

func TestLaw_a_better_value_never_lowers_the_class(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		_, p := drawPolicy(rt, contracts)
		c := drawCriteria(rt, "client")
		better := maps.Clone(c)
		name := rapid.SampledFrom(p.Criteria()).Draw(rt, "criterion")
		better[name] = rapid.IntRange(c[name], 100).Draw(rt, "better")
		current := drawClass(rt)
		before, after := p.Propose(c, current), p.Propose(better, current)
		require.False(rt, before.Class.Better(after.Class), "%s became %s", before.Class, after.Class)
		require.GreaterOrEqual(rt, after.Score.Points, before.Score.Points)
	})
}

func TestLaw_a_proposal_that_was_followed_changes_nothing_more(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		_, p := drawPolicy(rt, contracts)
		c := drawCriteria(rt, "client")
		first := p.Propose(c, drawClass(rt))
		require.Equal(rt, first.Class, p.Propose(c, first.Class).Class)
	})
}

// TestLaw_who_swings_within_the_hysteresis_changes_class_at_most_once lets the facts of a client swing between two states
// whose points are at most twice the hysteresis apart, the gate being open or closed in both.
func TestLaw_who_swings_within_the_hysteresis_changes_class_at_most_once(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		d, p := drawPolicy(rt, contracts)
		one := drawCriteria(rt, "one")
		other := maps.Clone(one)
		name := rapid.SampledFrom(p.Criteria()).Draw(rt, "criterion")
		reach := 2 * d.Hysteresis * 100 / d.Criteria[name].Weight // as far as the points may swing
		low, high := max(0, one[name]-reach), min(100, one[name]+reach)
		if name == d.Gate.Criterion && one[name] >= d.Gate.Minimum {
			low = max(low, d.Gate.Minimum)
		} else if name == d.Gate.Criterion {
			high = min(high, d.Gate.Minimum-1)
		}
		other[name] = rapid.IntRange(low, high).Draw(rt, "swing")
		class := p.Propose(one, drawClass(rt)).Class
		changes := 0
		for i := range 6 {
			facts := other
			if i%2 == 1 {
				facts = one
			}
			next := p.Propose(facts, class).Class
			if next != class {
				changes++
			}
			class = next
		}
		require.LessOrEqual(rt, changes, 1)
	})
}

func TestLaw_nothing_passes_the_gate(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		d, p := drawPolicy(rt, contracts)
		c := drawCriteria(rt, "client")
		c["fit"] = rapid.IntRange(-1, d.Gate.Minimum-1).Draw(rt, "poor fit")
		current := drawClass(rt)
		proposal := p.Propose(c, current)
		require.False(rt, proposal.Class.Better(d.Gate.Above))
		require.Equal(rt, proposal.Class, p.Propose(c, proposal.Class).Class)
		for _, class := range classification.Classes() {
			require.Equal(rt, class.Better(d.Gate.Above), len(p.CheckManual(c, class)) > 0)
		}
		open := maps.Clone(c)
		open["fit"] = rapid.IntRange(d.Gate.Minimum, 100).Draw(rt, "good fit")
		require.False(rt, p.Propose(open, current).Gated)
		for _, class := range classification.Classes() {
			require.Empty(rt, p.CheckManual(open, class), "beyond the gate every class may be proposed")
		}
	})
}

func TestLaw_a_policy_compared_with_itself_proposes_what_it_proposes(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		_, p := drawPolicy(rt, contracts)
		s := classification.Standing{ClientID: "cli_1", AccountManagerID: "usr_1", Class: drawClass(rt), Criteria: drawCriteria(rt, "client")}
		if rapid.Bool().Draw(rt, "revenue by sales") {
			delete(s.Criteria, "revenue")
			s.Currency = "CNY"
			s.Sales = new(rapid.Int64Range(-10, 2000).Draw(rt, "sales"))
		}
		move, told := classification.Compare(p, p, s)
		want := p.Propose(p.With(s.Criteria, s.Sales, s.Currency), s.Class)
		require.Equal(rt, want, move.Now)
		require.Equal(rt, want, move.Next)
		require.Equal(rt, want.Class != s.Class, told)
		require.Equal(rt, told, move.Changes())
		require.Empty(rt, move.Missing)
	})
}

func TestLaw_a_tally_of_all_is_the_sum_of_its_account_managers(t *testing.T) {
	t.Parallel()
	contracts := document(t, small).Classes
	rapid.Check(t, func(rt *rapid.T) {
		_, before := drawPolicy(rt, contracts)
		_, after := drawPolicy(rt, contracts)
		load := before.Load()
		tally := classification.NewTally(load, load)
		clients, moves, delta := 0, 0, 0.0
		for range rapid.IntRange(0, 10).Draw(rt, "clients") {
			move, _ := classification.Compare(before, after, classification.Standing{
				AccountManagerID: rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(rt, "manager"), Class: drawClass(rt), Criteria: drawCriteria(rt, "client"),
			})
			tally.Add(move)
			clients++
			delta += load[move.Next.Class] - load[move.From]
			if move.Changes() {
				moves++
			}
		}
		for _, b := range tally.Balances() {
			clients -= b.Clients
			moves -= b.Moves
			delta -= b.After - b.Before
		}
		require.Zero(rt, clients)
		require.Zero(rt, moves)
		require.InDelta(rt, 0, delta, 1e-9)
	})
}
