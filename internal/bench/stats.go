package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// percentile is the nearest-rank percentile: the smallest value that is not exceeded by at least p percent of the values.
// 0 of no values.
func percentile[T cmp.Ordered](values []T, p float64) T {
	var none T
	if len(values) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// ratio is a/b, and 0 when b is 0: a rate of nothing is no figure to be proud of.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// laps are the rounds of one side of a comparison.
type laps struct {
	took    []time.Duration // of each call, in all rounds
	elapsed time.Duration   // of all rounds
	rates   []float64       // calls per second of each round
	cpu     cpuTimes        // spent in all rounds
}

// add takes over one round.
func (l *laps) add(took []time.Duration, elapsed time.Duration, cpu cpuTimes) {
	l.took = append(l.took, took...)
	l.elapsed += elapsed
	l.rates = append(l.rates, ratio(float64(len(took)), elapsed.Seconds()))
	l.cpu = l.cpu.plus(cpu)
}

// rate is calls per second over all rounds.
func (l *laps) rate() float64 { return ratio(float64(len(l.took)), l.elapsed.Seconds()) }

// String tells rate and times.
func (l *laps) String() string {
	return fmt.Sprintf("%.0f/s, p50 %s, p99 %s", l.rate(), millis(percentile(l.took, 50)), millis(percentile(l.took, 99)))
}

// ratios are those of the rates of two sides in each round.
func ratios(ours, raw *laps) []float64 {
	all := make([]float64, len(ours.rates))
	for i := range all {
		all[i] = ratio(ours.rates[i], raw.rates[i])
	}
	return all
}

// millis writes a duration in milliseconds.
func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
