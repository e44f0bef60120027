package campaign

import "time"

const (
	// maxBatch bounds what leaves at once, and batchesPerMinute how seldom: a batch is about ten seconds of sending.
	maxBatch         = 100
	batchesPerMinute = 6
	// MaxRate is the highest rate, in messages per minute.
	MaxRate = 60_000
)

// Pace lets messages leave in batches of about ten seconds of sending, at most 100 of them, and never more than Rate in any
// 60 seconds. What was not used does not add up.
type Pace struct {
	// Rate is in messages per minute, 1 to MaxRate.
	Rate int `json:"rate"`
}

// PaceState is what a Pace remembers; the zero value is that of a campaign that has sent nothing.
type PaceState struct {
	// At is when a message left last.
	At time.Time `json:"at,omitzero"`
	// Tokens are what is left of the batch that is leaving.
	Tokens int `json:"tokens"`
	// Slot counts the batches of a minute.
	Slot int `json:"slot"`
}

// slots is the number of batches per minute.
func (p Pace) slots() int {
	return max(min(p.rate(), batchesPerMinute), (p.rate()+maxBatch-1)/maxBatch)
}

// rate is at least 1: a campaign that is to send nothing is paused.
func (p Pace) rate() int { return max(p.Rate, 1) }

// size is how many the batch of a slot has: those of all slots, which follow each other in turn, add up to the rate.
func (p Pace) size(slot int) int {
	slots := p.slots()
	slot %= slots
	return (slot+1)*p.rate()/slots - slot*p.rate()/slots
}

// every is the time between the end of a batch and the begin of the next, rounded up so that a minute never has one more.
func (p Pace) every() time.Duration {
	slots := time.Duration(p.slots())
	return (time.Minute + slots - 1) / slots
}

// Batch is the size of the largest batch.
func (p Pace) Batch() int { return (p.rate() + p.slots() - 1) / p.slots() }

// Ready returns how many messages may leave now, and when that is: now, or when there are none, the instant of the next
// batch. A rate that changes while a campaign runs takes the state along; only the minute around the change can then hold
// messages of both rates.
func (p Pace) Ready(s PaceState, now time.Time) (n int, at time.Time) {
	switch next := s.At.Add(p.every()); {
	case s.At.IsZero() || !now.Before(next):
		return p.size(s.Slot), now
	case s.Tokens > 0:
		return min(s.Tokens, p.Batch()), now
	default:
		return 0, next
	}
}

// Take returns the state after n messages have left now; n is at most what Ready gave. Nothing taken changes nothing.
func (p Pace) Take(s PaceState, now time.Time, n int) PaceState {
	if n <= 0 {
		return s
	}
	ready, _ := p.Ready(s, now)
	if s.At.IsZero() || !now.Before(s.At.Add(p.every())) {
		s.Slot = (s.Slot + 1) % p.slots()
	}
	s.Tokens = max(ready-n, 0)
	s.At = later(s.At, now)
	return s
}
