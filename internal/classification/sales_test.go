package classification_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/classification"
)

func TestABC_cuts_the_ranking_by_cumulative_sales(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	bands := func(sales ...classification.Sales) map[string]string {
		m := map[string]string{}
		for id, share := range p.ABC(sales) {
			m[id] = share.Band
		}
		return m
	}
	for name, tt := range map[string]struct {
		sales []classification.Sales
		want  map[string]string
	}{
		"nobody":                         {nil, map[string]string{}},
		"nobody bought anything":         {[]classification.Sales{{"x", 0}, {"y", -5}}, map[string]string{"x": "C", "y": "C"}},
		"one who bought all":             {[]classification.Sales{{"x", 7}, {"y", 0}}, map[string]string{"x": "A", "y": "C"}},
		"exactly at the border":          {[]classification.Sales{{"x", 75}, {"y", 20}, {"z", 5}}, map[string]string{"x": "A", "y": "B", "z": "C"}},
		"who completes a band is in it":  {[]classification.Sales{{"w", 50}, {"x", 30}, {"y", 16}, {"z", 4}}, map[string]string{"w": "A", "x": "A", "y": "B", "z": "C"}},
		"ties go by id":                  {[]classification.Sales{{"d", 25}, {"b", 25}, {"c", 25}, {"a", 25}}, map[string]string{"a": "A", "b": "A", "c": "A", "d": "B"}},
		"entries of a client add up":     {[]classification.Sales{{"y", 40}, {"x", 50}, {"y", 40}, {"x", -48}}, map[string]string{"y": "A", "x": "C"}},
		"less than nothing counts for 0": {[]classification.Sales{{"x", math.MinInt64}, {"y", 3}, {"z", 1}}, map[string]string{"x": "C", "y": "A", "z": "B"}},
	} {
		require.Equal(t, tt.want, bands(tt.sales...), name)
	}
	require.Equal(t, classification.Share{Band: "B", Rank: 2, Share: 0.25, Cumulative: 1},
		p.ABC([]classification.Sales{{"y", 1}, {"x", 3}})["y"])
}

func TestPareto_is_the_share_of_the_top_fraction(t *testing.T) {
	t.Parallel()
	sales := []classification.Sales{{"a", 80}, {"b", 5}, {"c", 5}, {"d", 10}, {"e", 0}}
	for top, want := range map[float64]float64{-1: 0, 0: 0, 0.1: 0.4, 0.2: 0.8, 0.3: 0.85, 0.4: 0.9, 0.8: 1, 1: 1, 2: 1} {
		require.InDelta(t, want, classification.Pareto(sales, top), 1e-9, "%v", top)
	}
	require.Zero(t, classification.Pareto(nil, 0.2))
	require.Zero(t, classification.Pareto([]classification.Sales{{"a", 0}, {"b", -3}}, 0.2))
}

func drawSales(t *rapid.T) []classification.Sales {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) classification.Sales {
		return classification.Sales{
			ClientID: rapid.StringMatching(`[a-z]{1,2}`).Draw(t, "id"),
			Amount:   rapid.OneOf(rapid.Int64Range(-3, 10), rapid.Int64Range(0, 1e12), rapid.Int64Range(-1e15, 1e15)).Draw(t, "amount"),
		}
	}), 0, 40).Draw(t, "sales")
}

func TestLaw_ABC_partitions_the_clients_by_rank_and_shares_sum_to_one(t *testing.T) {
	t.Parallel()
	p := compiled(t, small)
	rapid.Check(t, func(rt *rapid.T) {
		sales := drawSales(rt)
		shares := p.ABC(sales)
		byRank := map[int]classification.Share{}
		sum := 0.0
		for _, share := range shares {
			byRank[share.Rank] = share
			sum += share.Share
		}
		clients, bought := map[string]bool{}, map[string]int64{}
		for _, s := range sales {
			clients[s.ClientID] = true
			bought[s.ClientID] += s.Amount
		}
		any := false
		for _, amount := range bought {
			any = any || amount > 0
		}
		require.Len(rt, shares, len(clients))
		require.Len(rt, byRank, len(shares), "ranks are there once each")
		if any {
			require.InDelta(rt, 1, sum, 1e-9)
			require.Equal(rt, classification.BandA, byRank[1].Band)
		} else {
			require.Zero(rt, sum)
		}
		before := classification.Share{Band: classification.BandA, Share: 1}
		for rank := 1; rank <= len(shares); rank++ {
			share := byRank[rank]
			require.GreaterOrEqual(rt, share.Band, before.Band, "bands follow each other")
			require.LessOrEqual(rt, share.Share, before.Share)
			require.InDelta(rt, before.Cumulative+share.Share, share.Cumulative, 1e-9)
			if share.Share > 0 {
				want := classification.BandC
				switch {
				case before.Cumulative < 0.75-1e-9:
					want = classification.BandA
				case before.Cumulative < 0.75+1e-9:
					want = share.Band // too near to tell by floating point
				case before.Cumulative < 0.95-1e-9:
					want = classification.BandB
				case before.Cumulative < 0.95+1e-9:
					want = share.Band
				}
				require.Equal(rt, want, share.Band)
			} else {
				require.Equal(rt, classification.BandC, share.Band)
			}
			before = share
		}
		again := rapid.Permutation(sales).Draw(rt, "in another order")
		for id, share := range p.ABC(again) {
			require.Equal(rt, shares[id].Rank, share.Rank, "the order of the entries does not matter")
			require.Equal(rt, shares[id].Band, share.Band)
		}
	})
}

func TestLaw_Pareto_rises_with_the_fraction_and_is_never_less_than_it(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		sales := drawSales(rt)
		low := rapid.Float64Range(0, 1).Draw(rt, "low")
		high := rapid.Float64Range(low, 1).Draw(rt, "high")
		all := classification.Pareto(sales, 1)
		if all == 0 {
			require.Zero(rt, classification.Pareto(sales, high))
			return
		}
		require.InDelta(rt, 1, all, 1e-9)
		require.LessOrEqual(rt, classification.Pareto(sales, low), classification.Pareto(sales, high)+1e-9)
		require.GreaterOrEqual(rt, classification.Pareto(sales, low), low-1e-9)
	})
}
