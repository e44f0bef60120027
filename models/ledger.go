package models

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Ledger says where the working time of a case went, and who held the time of the promises that were broken.
type Ledger struct {
	People   []LedgerPerson // in the order in which they first handled the case
	Breaches []LedgerBreach // in the order of the promises
}

// LedgerPerson is the working time for which one person was the handler, by what it was spent on.
type LedgerPerson struct {
	UserID             string
	Working            time.Duration
	AwaitingAcceptance time.Duration
	AwaitingClient     time.Duration
}

// Total is all working time of the person.
func (p LedgerPerson) Total() time.Duration {
	return p.Working + p.AwaitingAcceptance + p.AwaitingClient
}

// LedgerBreach apportions a broken promise. Elapsed is the time that the promise counted on its own clock: the times of
// the shares and Elsewhere sum to it. Elsewhere was held by nobody of this case: an inherited promise began in another.
type LedgerBreach struct {
	Milestone string
	Cycle     int
	Elapsed   time.Duration
	Overrun   time.Duration // how much of it was beyond the promised time
	Elsewhere time.Duration
	Shares    []LedgerShare // in the order in which they first held it
}

// LedgerShare is the part of one person in a breach. The percentages of a breach are whole numbers that sum to 100.
type LedgerShare struct {
	UserID  string
	Time    time.Duration
	Percent int
}

// NewLedger counts the handling intervals of a case, given in order and without overlap, up to the instant at. People's
// time is working time of cal; a promise counts on its own clock, without its pauses.
func NewLedger(handling []Holding, promises []sla.Promise, cal *calendar.Calendar, at time.Time) Ledger {
	l := Ledger{People: []LedgerPerson{}, Breaches: []LedgerBreach{}}
	for _, h := range handling {
		l.person(h.UserID).add(h.Kind, max(0, cal.Between(h.From, h.end(at))))
	}
	for _, p := range promises {
		if p.BreachedAt != nil {
			l.Breaches = append(l.Breaches, apportion(p, handling, sla.Rules{Calendar: cal}, at))
		}
	}
	return l
}

// MergeHoldings joins neighbouring intervals of the same person: those that differ in kind only are one responsibility.
func MergeHoldings(list []Holding) []Holding {
	merged := []Holding{}
	for _, h := range list {
		last := len(merged) - 1
		if last >= 0 && merged[last].UserID == h.UserID && merged[last].Until != nil && merged[last].Until.Equal(h.From) {
			merged[last].Until = h.Until
			continue
		}
		merged = append(merged, h)
	}
	return merged
}

// end is when the interval ends, seen from the instant at.
func (h Holding) end(at time.Time) time.Time {
	if h.Until == nil {
		return at
	}
	return *h.Until
}

func (l *Ledger) person(userID string) *LedgerPerson {
	i := slices.IndexFunc(l.People, func(p LedgerPerson) bool { return p.UserID == userID })
	if i < 0 {
		i = len(l.People)
		l.People = append(l.People, LedgerPerson{UserID: userID})
	}
	return &l.People[i]
}

func (p *LedgerPerson) add(kind HoldKind, d time.Duration) {
	switch kind {
	case HoldAwaitingAcceptance:
		p.AwaitingAcceptance += d
	case HoldAwaitingClient:
		p.AwaitingClient += d
	default:
		p.Working += d
	}
}

// apportion shares the counted time of a broken promise among those who held it. What the promise had counted at the end
// of an interval, less what it had counted at its beginning, is what it counted within.
func apportion(p sla.Promise, handling []Holding, r sla.Rules, at time.Time) LedgerBreach {
	b := LedgerBreach{
		Milestone: p.Name, Cycle: p.Cycle, Elapsed: p.Elapsed(at, r), Overrun: max(0, -p.Remaining(at, r)), Shares: []LedgerShare{},
	}
	b.Elsewhere = b.Elapsed
	for _, h := range handling {
		held := p.Elapsed(h.end(at), r) - p.Elapsed(h.From, r)
		if held <= 0 {
			continue
		}
		b.Elsewhere -= held
		i := slices.IndexFunc(b.Shares, func(s LedgerShare) bool { return s.UserID == h.UserID })
		if i < 0 {
			i = len(b.Shares)
			b.Shares = append(b.Shares, LedgerShare{UserID: h.UserID})
		}
		b.Shares[i].Time += held
	}
	percentages(b.Shares)
	return b
}

// percentages gives each share its part of their sum, rounded so that together they are 100: each is rounded down, and
// what is then missing goes to those that lost most by it.
func percentages(shares []LedgerShare) {
	var sum time.Duration
	for _, s := range shares {
		sum += s.Time
	}
	if sum <= 0 {
		return
	}
	missing, order := 100, make([]int, len(shares))
	lost := make([]float64, len(shares))
	for i, s := range shares {
		exact := 100 * float64(s.Time) / float64(sum)
		shares[i].Percent, order[i] = int(exact), i
		lost[i] = exact - float64(shares[i].Percent)
		missing -= shares[i].Percent
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lost[b], lost[a]) })
	for _, i := range order[:missing] {
		shares[i].Percent++
	}
}
