package survey

import "math"

// The methods by which a Figure's interval is made.
const (
	// MethodWilson is the score interval of Wilson for a share.
	MethodWilson = "wilson"
	// MethodAdjustedWald is the normal interval of a net promoter score after adding 3 answers: ¾ of a promoter, 1½ of a
	// passive and ¾ of a detractor. Unlike the plain one it stays honest when all answers are alike.
	MethodAdjustedWald = "adjusted_wald"
	// MethodT is the interval of Student for a mean, with the variance of the sample, but not less than 1/12: a whole number
	// stands for anything half a point around it, so that even answers that are all alike leave a doubt.
	MethodT = "student_t"
)

// z is the 97.5 % quantile of the normal distribution: 2.5 % lie beyond it at either end.
const z = 1.959963984540054

// Counts is how many answers gave each value. Values off the scale count for nothing.
type Counts map[int]int

// Figure is one figure over N answers, with the 95 % interval from Low to High that Method makes. Value, Low and High are
// nil as long as N is below the minimum: too few people to tell, and few enough to guess who they are.
type Figure struct {
	Name   string   `json:"name"`
	N      int      `json:"n"`
	Value  *float64 `json:"value,omitempty"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	Method string   `json:"method"`
}

// Shown reports whether there are enough answers for the figure to be shown.
func (f Figure) Shown() bool { return f.Value != nil }

// CSAT returns the satisfied among the answers to a csat question in percent: those of 4 and 5.
func CSAT(c Counts, minimum int) Figure {
	n, satisfied := 0, 0
	for score := 1; score <= 5; score++ {
		n += c[score]
		if score >= 4 {
			satisfied += c[score]
		}
	}
	return share("csat", satisfied, n, minimum)
}

// ResponseRate returns how many of those who were asked have answered, in percent; N is how many were asked.
func ResponseRate(responses, asked, minimum int) Figure {
	return share("response_rate", min(responses, asked), asked, minimum)
}

// NPS returns the net promoter score, -100 to 100: the share of 9 and 10 among the answers less that of 0 to 6.
func NPS(c Counts, minimum int) Figure {
	n, promoters, detractors := 0, 0, 0
	for score := 0; score <= 10; score++ {
		n += c[score]
		switch {
		case score >= 9:
			promoters += c[score]
		case score <= 6:
			detractors += c[score]
		}
	}
	f := Figure{Name: "nps", N: n, Method: MethodAdjustedWald}
	if n < minimum || n == 0 {
		return f
	}
	size := float64(n) + 3
	p, d := (float64(promoters)+0.75)/size, (float64(detractors)+0.75)/size
	margin := z * math.Sqrt((p+d-(p-d)*(p-d))/size)
	return f.show(100*float64(promoters-detractors)/float64(n), 100*(p-d-margin), 100*(p-d+margin), -100, 100)
}

// CES returns the mean of the answers to a ces question, 1 to 7; 7 is the least effort.
func CES(c Counts, minimum int) Figure { return mean("ces", c, 1, 7, minimum) }

// Gap returns the mean of what was perceived less what was expected, -4 to 4 (F-20). The counts are of the differences that
// Template.Gaps gives, one per answer that has both: the interval is that of a paired comparison.
func Gap(c Counts, minimum int) Figure { return mean("gap", c, -4, 4, minimum) }

// share is hits of n in percent, with Wilson's interval.
func share(name string, hits, n, minimum int) Figure {
	f := Figure{Name: name, N: n, Method: MethodWilson}
	if n < minimum || n == 0 {
		return f
	}
	size := float64(n)
	p := float64(hits) / size
	centre := (p + z*z/(2*size)) / (1 + z*z/size)
	margin := z / (1 + z*z/size) * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	return f.show(100*p, 100*(centre-margin), 100*(centre+margin), 0, 100)
}

// mean is the mean of values from lowest to highest, with Student's interval. One answer says nothing of the others: its
// interval is the whole scale.
func mean(name string, c Counts, lowest, highest, minimum int) Figure {
	f := Figure{Name: name, Method: MethodT}
	sum := 0
	for value := lowest; value <= highest; value++ {
		f.N += c[value]
		sum += value * c[value]
	}
	if f.N < minimum || f.N == 0 {
		return f
	}
	n := float64(f.N)
	m := float64(sum) / n
	if f.N == 1 {
		return f.show(m, float64(lowest), float64(highest), float64(lowest), float64(highest))
	}
	squares := 0.0
	for value := lowest; value <= highest; value++ {
		squares += float64(c[value]) * (float64(value) - m) * (float64(value) - m)
	}
	margin := studentT(f.N-1) * math.Sqrt(max(squares/(n-1), 1.0/12)/n)
	return f.show(m, m-margin, m+margin, float64(lowest), float64(highest))
}

// show fills in the figure, its interval cut to the scale. The value is within the interval, whatever rounding does.
func (f Figure) show(value, low, high, lowest, highest float64) Figure {
	low, high = min(max(low, lowest), value), max(min(high, highest), value)
	f.Value, f.Low, f.High = &value, &low, &high
	return f
}

// fewDegrees are the 97.5 % quantiles of Student's t for 1 to 9 degrees of freedom.
var fewDegrees = [...]float64{12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157}

// studentT returns the 97.5 % quantile of Student's t: from a table, and from 10 degrees of freedom on by the first terms of
// its series in their inverse, which is right to three decimals there.
func studentT(degrees int) float64 {
	if degrees <= len(fewDegrees) {
		return fewDegrees[degrees-1]
	}
	const z3, z5, z7 = z * z * z, z * z * z * z * z, z * z * z * z * z * z * z
	v := float64(degrees)
	return z + (z3+z)/(4*v) + (5*z5+16*z3+3*z)/(96*v*v) + (3*z7+19*z5+17*z3-15*z)/(384*v*v*v)
}
