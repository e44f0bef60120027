package sla

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// event is one thing that happens to a promise.
type event struct {
	op    string
	at    time.Time
	asked time.Time
	def   Definition
	by    Span
}

// play is a random life of a promise.
type play struct {
	def    Definition
	start  time.Time
	rules  Rules
	second Rules // after an amendment
	events []event
	end    time.Time
}

func drawSpan(t *rapid.T, label string) Span {
	return rapid.OneOf(
		rapid.Map(rapid.IntRange(1, 4), func(n int) Span { return Span{Days: n} }),
		rapid.Map(rapid.IntRange(1, 120), func(n int) Span { return Span{Duration: time.Duration(n) * 15 * time.Minute} }),
		rapid.Map(rapid.Int64Range(1, int64(time.Minute)), func(n int64) Span { return Span{Duration: time.Duration(n)} }),
	).Draw(t, label)
}

func drawDefinition(t *rapid.T) Definition {
	warning := rapid.OneOf(
		rapid.Map(rapid.IntRange(1, 99), func(n int) Warning { return Warning{Percent: n} }),
		rapid.Map(rapid.IntRange(1, 40), func(n int) Warning { return Warning{Left: time.Duration(n) * 10 * time.Minute} }),
	)
	return Definition{
		Name:             "resolution",
		Target:           drawSpan(t, "target"),
		Clock:            rapid.SampledFrom([]ClockKind{Working, Working, Elapsed}).Draw(t, "clock"),
		WarnAt:           slices.Concat(rapid.SliceOfN(warning, 0, 3).Draw(t, "warn_at")), // nil when empty, as from JSON
		OnReopen:         rapid.SampledFrom([]string{ReopenContinue, ReopenNewCycle, ReopenReset, ""}).Draw(t, "on_reopen"),
		OnPriorityChange: rapid.SampledFrom([]string{PriorityRetroactive, PriorityRestart, PriorityKeep}).Draw(t, "on_priority_change"),
	}
}

// drawPlay draws a life whose events mostly fall on whole quarters of an hour, so that they meet checkpoints, openings and closings.
func drawPlay(t *rapid.T) play {
	gap := rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 16), func(n int) time.Duration { return time.Duration(n) * 15 * time.Minute }),
		rapid.Map(rapid.IntRange(0, 40), func(n int) time.Duration { return time.Duration(n) * 3 * time.Hour }),
		rapid.Map(rapid.Int64Range(0, int64(time.Hour)), func(n int64) time.Duration { return time.Duration(n) }),
	)
	rung := rapid.Custom(func(t *rapid.T) Rung {
		g := Rung{On: rapid.SampledFrom([]string{OnWarning, OnBreach, OnBreach}).Draw(t, "on"), Notify: []string{"someone"}}
		if g.On == OnBreach && rapid.Bool().Draw(t, "later") {
			g.After, g.Clock = drawSpan(t, "after"), rapid.SampledFrom([]ClockKind{Working, Elapsed, ""}).Draw(t, "rung clock")
		}
		return g
	})
	s := play{def: drawDefinition(t), start: at("2026-03-04 09:00").Add(gap.Draw(t, "start"))}
	s.rules.Ladder = rapid.SliceOfN(rung, 0, 4).Draw(t, "ladder")
	s.second.Ladder = s.rules.Ladder
	s.rules.Calendar, s.second.Calendar = office, amended
	if rapid.Bool().Draw(t, "nights") {
		s.rules.Calendar, s.second.Calendar = nights, nights
	}
	ops := []string{"pause", "resume", "pause", "resume", "stop", "reopen", "extend", "retarget", "amend", "cancel", "tick"}
	now := s.start
	for range rapid.IntRange(0, 12).Draw(t, "events") {
		now = now.Add(gap.Draw(t, "gap"))
		e := event{op: rapid.SampledFrom(ops).Draw(t, "op"), at: now}
		switch e.op {
		case "extend":
			e.by, e.asked = drawSpan(t, "by"), now.Add(-gap.Draw(t, "asked"))
		case "retarget":
			e.def = drawDefinition(t)
		}
		s.events = append(s.events, e)
	}
	s.end = now.Add(10 * gap.Draw(t, "end"))
	return s
}

// life is what became of a play.
type life struct {
	promise  Promise
	rules    Rules
	effects  []Effect
	refusals []error
}

// run plays s, asking tick before every event for the instants to tick at; check sees every step.
func (s play) run(t *rapid.T, ticks func(p Promise, before time.Time) (time.Time, bool), check func(before, after Promise, e event, told []Effect, r Rules)) life {
	l := life{rules: s.rules}
	accept := func(e event, p Promise, told []Effect, err error) {
		if errors.Is(err, ErrOver) || errors.Is(err, ErrExtensionTooLate) {
			l.refusals = append(l.refusals, err)
			require.Equal(t, l.promise, p)
			return
		}
		require.NoError(t, err)
		before := l.promise
		l.promise, l.effects = p, append(l.effects, told...)
		check(before, p, e, told, l.rules)
	}
	p, told, err := Start(s.def, 1, s.start, l.rules)
	accept(event{op: "start", at: s.start}, p, told, err)
	for _, e := range append(slices.Clip(s.events), event{op: "tick", at: s.end}) {
		for {
			instant, ok := ticks(l.promise, e.at)
			if !ok {
				break
			}
			p, told, err := l.promise.Tick(instant, l.rules)
			accept(event{op: "tick", at: instant}, p, told, err)
		}
		if e.op == "amend" { // the old calendar has the first word
			p, told, err := l.promise.Tick(e.at, l.rules)
			accept(event{op: "tick", at: e.at}, p, told, err)
			if l.promise.Open() {
				l.rules = s.second
			}
		}
		p, told, err := e.apply(l.promise, l.rules)
		accept(e, p, told, err)
	}
	return l
}

func (e event) apply(p Promise, r Rules) (Promise, []Effect, error) {
	switch e.op {
	case "pause":
		return p.Pause(e.at, r)
	case "resume":
		return p.Resume(e.at, r)
	case "stop":
		return p.Stop(e.at, r)
	case "cancel":
		return p.Cancel(e.at, r)
	case "extend":
		return p.Extend(e.by, e.asked, e.at, "reason", r)
	case "retarget":
		return p.Retarget(e.def, e.at, r)
	case "amend":
		return p.Amend(e.at, r)
	case "reopen":
		kept, next, told, err := p.Reopen(e.at, r)
		if next != nil {
			return *next, told, err
		}
		return kept, told, err
	}
	return p.Tick(e.at, r)
}

func never(Promise, time.Time) (time.Time, bool) { return time.Time{}, false }

// atCheckpoints ticks as the process does: at NextAt, before the next event.
func atCheckpoints(p Promise, before time.Time) (time.Time, bool) {
	if p.NextAt == nil || !p.NextAt.Before(before) {
		return time.Time{}, false
	}
	return *p.NextAt, true
}

func TestLawsHoldInEveryReachableState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drawPlay(t).run(t, atCheckpoints, func(before, after Promise, e event, told []Effect, r Rules) {
			checkState(t, after, e.at, r)
			checkReceipt(t, after, e.at, r)

			if before.BreachedAt != nil && after.BreachedAt == nil && before.Cycle == after.Cycle {
				require.Contains(t, []string{"extend", "amend"}, e.op, "nothing else undoes a breach")
				require.True(t, slices.ContainsFunc(told, func(e Effect) bool { return e.Undone }))
			}
			for i := 1; i < len(told); i++ {
				require.False(t, told[i].At.Before(told[i-1].At), "told in order")
			}
			again, more, err := after.Tick(e.at, r)
			require.NoError(t, err)
			require.Empty(t, more)
			require.Equal(t, after, again)

			text, err := json.Marshal(after)
			require.NoError(t, err)
			var back Promise
			require.NoError(t, json.Unmarshal(text, &back))
			require.Equal(t, after, back)
		})
	})
}

func checkState(t *rapid.T, p Promise, now time.Time, r Rules) {
	require.Empty(t, p.Verify(r))
	if p.NextAt != nil {
		require.True(t, p.NextAt.After(now), "next %s, now %s", p.NextAt, now)
	}
	if p.DueAt != nil {
		late := p.DueAt.Add(time.Second)
		tampered := p
		tampered.DueAt = &late
		require.NotEmpty(t, tampered.Verify(r))
	}
	if !p.Open() {
		require.Nil(t, p.NextAt)
		require.Nil(t, p.RunningFrom)
		require.Equal(t, p.Used, p.Elapsed(now, r))
		return
	}
	if p.RunningFrom == nil {
		require.Equal(t, p.Used, p.Elapsed(now, r), "nothing is counted in a pause")
		return
	}
	require.Equal(t, p.Total, p.Used+p.Remaining(*p.RunningFrom, r), "used and remaining are the whole")
	require.NotNil(t, p.DueAt)
	if p.State == Breached {
		require.False(t, p.BreachedAt.Before(*p.DueAt))
		return
	}
	require.True(t, p.DueAt.After(now), "what is due is breached")
	require.NotNil(t, p.NextAt)
	cal := p.Clock.on(r.Calendar)
	require.Zero(t, p.Remaining(*p.DueAt, r))
	due, err := cal.Add(*p.RunningFrom, p.Total-p.Used)
	require.NoError(t, err)
	if !due.Equal(*p.DueAt) { // only of working days, and only from a closing to the opening after it
		require.True(t, p.Target.Days > 0 || slices.ContainsFunc(p.Extensions, func(e Extension) bool { return e.By.Days > 0 }))
		due, err = cal.NextOpen(due)
		require.NoError(t, err)
		require.Equal(t, due, *p.DueAt)
	}
}

func checkReceipt(t *rapid.T, p Promise, now time.Time, r Rules) {
	receipt := p.Receipt(now, r)
	var sum time.Duration
	end := p.StartedAt
	for _, segment := range receipt.Segments {
		require.False(t, segment.From.Before(end), "ordered and disjoint")
		require.True(t, segment.To.After(segment.From))
		end = segment.To
		sum += segment.Counted
		for _, pause := range p.Pauses {
			to := now.AddDate(1, 0, 0)
			if pause.To != nil {
				to = *pause.To
			}
			require.False(t, segment.From.Before(to) && pause.From.Before(segment.To), "counted in a pause")
		}
	}
	require.Equal(t, receipt.Counted, sum)
	if p.Open() && p.DueAt != nil {
		require.Equal(t, p.Total, sum)
	} else {
		require.Equal(t, p.Used, sum)
	}
	require.Equal(t, p.Total, receipt.Elapsed+receipt.Remaining)
}

func TestTicksOfAnyGranularityTellTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawPlay(t)
		unchecked := func(Promise, Promise, event, []Effect, Rules) {}
		want := s.run(t, atCheckpoints, unchecked)
		require.Equal(t, want, s.run(t, never, unchecked))

		now := s.start
		random := func(_ Promise, before time.Time) (time.Time, bool) {
			now = now.Add(time.Duration(rapid.Int64Range(1, int64(30*time.Hour)).Draw(t, "tick")))
			if now.Before(before) {
				return now, true
			}
			now = before
			return time.Time{}, false
		}
		require.Equal(t, want, s.run(t, random, unchecked))
	})
}

func TestOperationsLeaveTheirReceiverAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawPlay(t)
		var states []Promise
		var texts []string
		s.run(t, atCheckpoints, func(_, after Promise, _ event, _ []Effect, r Rules) {
			text, err := json.Marshal(after)
			require.NoError(t, err)
			states, texts = append(states, after), append(texts, string(text))
			for _, e := range s.events { // every operation on every state, its answer thrown away
				e.at = e.at.Add(time.Minute)
				_, _, err := e.apply(after, r)
				if err != nil {
					require.True(t, errors.Is(err, ErrOver) || errors.Is(err, ErrExtensionTooLate))
				}
			}
		})
		for i, p := range states {
			text, err := json.Marshal(p)
			require.NoError(t, err)
			require.Equal(t, texts[i], string(text))
		}
	})
}

func TestPauseWithoutWorkingTimeLeavesTheDueTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		def := drawDefinition(t)
		def.Clock = Working
		r := Rules{Calendar: rapid.SampledFrom([]Rules{{Calendar: office}, {Calendar: nights}}).Draw(t, "rules").Calendar}
		start := at("2026-03-04 09:00").Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "start")) * 15 * time.Minute)
		p, _, err := Start(def, 1, start, r)
		require.NoError(t, err)
		for range 4 {
			from := start.Add(time.Duration(rapid.IntRange(0, 800).Draw(t, "from")) * 15 * time.Minute)
			to, err := r.Calendar.NextOpen(from)
			require.NoError(t, err)
			to = from.Add(time.Duration(rapid.Float64Range(0, 1).Draw(t, "part") * float64(to.Sub(from)))) // at most up to the opening
			paused, _, err := p.Pause(from, r)
			require.NoError(t, err)
			resumed, _, err := paused.Resume(to, r)
			require.NoError(t, err)
			require.Equal(t, p.DueAt, resumed.DueAt)
			require.Equal(t, p.Total, resumed.Total)
			p, start = resumed, to
		}
	})
}
