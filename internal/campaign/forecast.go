package campaign

import (
	"container/heap"
	"time"
)

// Plan is a run of a campaign that a forecast plays.
type Plan struct {
	Rules     Rules
	Pace      Pace
	Reminders Reminders
	// Start is when the run begins.
	Start time.Time
}

// Forecast is what a run would do if nothing changed: nobody answers, opts out or complains, no message fails, and no other
// campaign asks the same people.
type Forecast struct {
	// Sent, the counts of SkippedBy and Pending add up to the audience.
	Sent      int            `json:"sent"`
	SkippedBy map[Reason]int `json:"skipped_by"`
	// Pending counts recipients beyond the horizon of the forecast: a campaign that is far too slow for its audience puts
	// everybody off every day, and nobody needs to know how it ends after years.
	Pending int `json:"pending,omitempty"`
	// DeferredBy counts recipients by why they were put off at first; each of them is also sent or skipped.
	DeferredBy map[Reason]int `json:"deferred_by"`
	// Reminded counts reminders: the most there can be, since nobody answers.
	Reminded int `json:"reminded"`
	// EndsAt is when the last recipient has an outcome, of those who are not Pending; Start if there is nobody.
	EndsAt time.Time `json:"ends_at"`
	// LastReminderAt is when the last reminder leaves; zero without one.
	LastReminderAt time.Time `json:"last_reminder_at,omitzero"`
	// PerHour are the hours in which anything leaves, in their order.
	PerHour []Hour `json:"per_hour"`
}

// Hour is what leaves in an hour of UTC.
type Hour struct {
	Hour     time.Time `json:"hour"`
	Sent     int       `json:"sent"`
	Reminded int       `json:"reminded"`
}

// A forecast ends after so many decisions: these, and these for each recipient.
const (
	horizon             = 200_000
	horizonPerRecipient = 20
)

// Run plays the run in virtual time: whoever is due earliest, then whoever stands first, is decided about when the pace lets
// the next message leave. The same plan and recipients always give the same forecast.
func (p Plan) Run(recipients []Facts) Forecast {
	f := Forecast{EndsAt: p.Start.UTC(), SkippedBy: map[Reason]int{}, DeferredBy: map[Reason]int{}, PerHour: []Hour{}}
	q := make(queue, len(recipients)) // all are due at once, in their order: a heap already
	for i := range q {
		q[i] = turn{at: p.Start.UTC(), order: i}
	}
	now, pace := p.Start.UTC(), PaceState{}
	for decisions := horizon + horizonPerRecipient*len(q); len(q) > 0 && decisions > 0; decisions-- {
		t := &q[0]
		now = later(now, t.at)
		d := Decide(p.Rules, recipients[t.order], now)
		if d.Verdict == Send {
			n, next := p.Pace.Ready(pace, now)
			if n == 0 {
				now = next
				continue
			}
			pace = p.Pace.Take(pace, now, 1)
		}
		f.count(t, d, now)
		switch again, more := p.Reminders.After(t.asked+1, now); {
		case d.Verdict == Later:
			t.at, t.deferred = d.Until, true
			heap.Fix(&q, 0)
		case d.Verdict == Send && more:
			t.at, t.asked = again, t.asked+1
			heap.Fix(&q, 0)
		default:
			heap.Pop(&q)
		}
	}
	for _, t := range q {
		if t.asked == 0 {
			f.Pending++
		}
	}
	return f
}

// count notes what was decided about a turn. Only the first message of a recipient has an outcome of the run.
func (f *Forecast) count(t *turn, d Decision, now time.Time) {
	switch {
	case d.Verdict == Send:
		h := f.hour(now)
		if t.asked > 0 {
			f.Reminded++
			h.Reminded++
			f.LastReminderAt = now
			return
		}
		f.Sent++
		h.Sent++
		f.EndsAt = now
	case t.asked > 0:
	case d.Verdict == Skip:
		f.SkippedBy[d.Reason]++
		f.EndsAt = now
	case !t.deferred:
		f.DeferredBy[d.Reason]++
	}
}

// hour returns the entry of the instant, which is never before the one of the last call.
func (f *Forecast) hour(now time.Time) *Hour {
	start := now.Truncate(time.Hour)
	if last := len(f.PerHour) - 1; last < 0 || !f.PerHour[last].Hour.Equal(start) {
		f.PerHour = append(f.PerHour, Hour{Hour: start})
	}
	return &f.PerHour[len(f.PerHour)-1]
}

// turn is the next decision about one recipient.
type turn struct {
	at       time.Time
	order    int
	asked    int  // messages sent
	deferred bool // was put off before
}

// queue holds the turns, the earliest first and then in the order of the recipients.
type queue []turn

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(turn)) }

func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	*q = (*q)[:last]
	return t
}
