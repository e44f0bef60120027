package campaign

import "slices"

// tripWindow is how many outcomes the automatic pause looks at: the latest, by whole entries of the tally.
const tripWindow = 100

// tripEntry is how many outcomes one entry of the tally holds at least, which bounds their number.
const tripEntry = 10

// Limit is when too much fails: more than Percent of the latest outcomes, once there are AtLeast of them.
type Limit struct {
	Percent int `json:"percent"`
	AtLeast int `json:"at_least"`
}

// Tally counts outcomes.
type Tally struct {
	Sent   int `json:"sent"`
	Failed int `json:"failed"`
}

// Trip remembers the latest outcomes of a campaign; the zero value is that of one that has none, and of one that a person
// has resumed.
type Trip struct {
	// Recent are the outcomes, the oldest first.
	Recent []Tally `json:"recent,omitempty"`
}

// Add returns the outcomes with those of one more batch. Only about the latest 100 are kept: an entry of the tally goes when
// those behind it are as many.
func (t Trip) Add(sent, failed int) Trip {
	if sent+failed == 0 {
		return t
	}
	recent := slices.Clone(t.Recent)
	if last := len(recent) - 1; last >= 0 && recent[last].count() < tripEntry {
		recent[last].Sent += sent
		recent[last].Failed += failed
	} else {
		recent = append(recent, Tally{sent, failed})
	}
	for len(recent) > 1 && total(recent[1:]).count() >= tripWindow {
		recent = recent[1:]
	}
	return Trip{Recent: recent}
}

// Counts returns how many of the outcomes that count were sent and failed.
func (t Trip) Counts() Tally { return total(t.Recent) }

// Over reports whether the campaign must pause. It is never so below Limit.AtLeast outcomes, nor without a failure.
func (t Trip) Over(l Limit) bool {
	c := t.Counts()
	return c.Failed > 0 && c.count() >= l.AtLeast && c.Failed*100 > c.count()*l.Percent
}

func (t Tally) count() int { return t.Sent + t.Failed }

func total(list []Tally) Tally {
	var sum Tally
	for _, t := range list {
		sum.Sent += t.Sent
		sum.Failed += t.Failed
	}
	return sum
}
