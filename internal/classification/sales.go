package classification

import (
	"cmp"
	"maps"
	"slices"
)

// The bands of the ABC analysis (M-20). They are no classes.
const (
	BandA = "A"
	BandB = "B"
	BandC = "C"
)

// Sales are what a client bought in the period that is looked at, in minor units of one currency.
type Sales struct {
	ClientID string
	Amount   int64
}

// Share is the place of a client in the ABC analysis.
type Share struct {
	Band       string  `json:"band"`
	Rank       int     `json:"rank"`       // from 1, the client who bought most
	Share      float64 `json:"share"`      // of all sales, 0 to 1
	Cumulative float64 `json:"cumulative"` // the share of this client and of everybody before
}

// ABC ranks the clients by their sales, those of equal sales by id, and cuts the ranking where the cumulative share reaches
// the percentages of the policy. Whoever is reached before A percent of all sales are complete is in A, so that the client
// who completes them is still in A, then B likewise; whoever bought nothing is in C. Several entries of a client add up,
// and less than nothing counts as nothing. Sums are exact up to 2^53 minor units of all clients. To grade by industry (M-20), give the
// sales of one industry.
func (p *Policy) ABC(sales []Sales) map[string]Share {
	list, total := ranked(sales)
	shares := make(map[string]Share, len(list))
	sum := 0.0
	for i, s := range list {
		share := Share{Band: BandC, Rank: i + 1}
		if s.amount > 0 {
			share.Band = p.band(sum, total)
			share.Share = s.amount / total
			sum += s.amount
		}
		if total > 0 {
			share.Cumulative = sum / total
		}
		shares[s.id] = share
	}
	return shares
}

// band is that of a client before whom others have bought for the sum.
func (p *Policy) band(sum, total float64) string {
	switch {
	case sum*100 < float64(p.doc.ABC.A)*total:
		return BandA
	case sum*100 < float64(p.doc.ABC.A+p.doc.ABC.B)*total:
		return BandB
	default:
		return BandC
	}
}

// Pareto is the share of all sales, 0 to 1, that the top fraction of the clients brought in, as of 0.2 for the best fifth
// (M-21). Of a client whom the fraction covers in part, that part counts; so clients who all bought the same give the
// fraction itself. It is 0 if nobody bought anything. Who bought nothing is a client too. Amounts count as in ABC.
func Pareto(sales []Sales, top float64) float64 {
	list, total := ranked(sales)
	if total == 0 {
		return 0
	}
	left := min(max(top, 0), 1) * float64(len(list))
	sum := 0.0
	for _, s := range list {
		sum += min(left, 1) * s.amount
		left = max(left-1, 0)
	}
	return sum / total
}

// entry is a client with all of its sales.
type entry struct {
	id     string
	amount float64
}

// ranked returns every client once, who bought most first, and what all bought: in floating point, which does not overflow,
// and summed in the order of the ranking, so that the order of the sales does not matter.
func ranked(sales []Sales) (list []entry, total float64) {
	sums := make(map[string]int64, len(sales))
	for _, s := range sales {
		sums[s.ClientID] += s.Amount
	}
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, entry{id, float64(max(sums[id], 0))})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(b.amount, a.amount) })
	for _, e := range list {
		total += e.amount
	}
	return list, total
}
