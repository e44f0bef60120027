package sla

import (
	"fmt"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// What a rung of the ladder is for.
const (
	OnWarning = "warning"
	OnBreach  = "breach"
)

var (
	// ErrOver refuses to extend a promise that was met or cancelled.
	ErrOver = errs.New("milestone_over", "milestone_over")
	// ErrExtensionTooLate refuses an extension that was not asked for before the breach.
	ErrExtensionTooLate = errs.New("extension_too_late", "extension_too_late")
)

// Start gives the promise def at the instant at. It fails with ErrSpan for a target that is not positive, for an unknown
// clock, and with calendar.ErrNoWorkingTime.
func Start(def Definition, cycle int, at time.Time, r Rules) (Promise, []Effect, error) {
	p := fresh(def, cycle, at.UTC())
	if err := def.Target.Validate(); err != nil {
		return Promise{}, nil, fmt.Errorf("milestone %q: %w", def.Name, err)
	}
	if !def.Clock.Valid() {
		return Promise{}, nil, fmt.Errorf("milestone %q: unknown clock %q", def.Name, def.Clock)
	}
	if err := p.derive(r); err != nil {
		return Promise{}, nil, err
	}
	if err := p.schedule(r); err != nil {
		return Promise{}, nil, err
	}
	return p, []Effect{p.effect(EffectStarted, p.StartedAt)}, nil
}

// fresh is a promise with the facts of its start only.
func fresh(def Definition, cycle int, at time.Time) Promise {
	return Promise{Definition: def, Cycle: cycle, State: Running, StartedAt: at}
}

// Open reports whether the promise is still to be met: running, paused, or breached and not met.
func (p Promise) Open() bool { return p.State != "" && p.MetAt == nil && p.CancelledAt == nil }

// Stop meets the promise, in time up to and including its due time, late after it. A promise that is paused was in time
// by what it had left: its due time is then as if it had been resumed at that instant. A promise that is over stays as
// it is.
func (p Promise) Stop(at time.Time, r Rules) (Promise, []Effect, error) {
	return p.step(at, r, true, func(p *Promise, at time.Time) Effect {
		p.wake(at)
		p.MetAt = &at
		return Effect{Kind: EffectMet, Late: p.BreachedAt != nil}
	})
}

// Cancel ends the promise without it being met; a breach stays on record in BreachedAt. A promise that is over stays as
// it is.
func (p Promise) Cancel(at time.Time, r Rules) (Promise, []Effect, error) {
	return p.step(at, r, true, func(p *Promise, at time.Time) Effect {
		p.wake(at)
		p.CancelledAt = &at
		return Effect{Kind: EffectCancelled}
	})
}

// Pause stops the counting; what was used stays used. A promise that is paused stays so and only ticks, one that is over
// stays as it is.
func (p Promise) Pause(at time.Time, r Rules) (Promise, []Effect, error) {
	if p.resting() {
		return p.Tick(at, r)
	}
	return p.step(at, r, false, func(p *Promise, at time.Time) Effect {
		p.rest(at)
		return Effect{Kind: EffectPaused}
	})
}

// Resume goes on counting; the due time is what remained, added to the resumption. A promise that is not paused only ticks.
func (p Promise) Resume(at time.Time, r Rules) (Promise, []Effect, error) {
	if !p.resting() {
		return p.Tick(at, r)
	}
	return p.step(at, r, false, func(p *Promise, at time.Time) Effect {
		p.wake(at)
		return Effect{Kind: EffectResumed}
	})
}

// Extend moves the due time by an extension that was asked for at askedAt and approved at at, on the clock of the
// promise. A breach between the two is undone, unless the new due time has passed as well. It fails with
// ErrExtensionTooLate if it was not asked for before the breach, with ErrOver if the promise is over, and with ErrSpan if
// by is not positive. How often a promise may be extended is the process's to decide.
func (p Promise) Extend(by Span, askedAt, at time.Time, reason string, r Rules) (Promise, []Effect, error) {
	if err := by.Validate(); err != nil {
		return p, nil, err
	}
	if !p.Open() {
		return p, nil, ErrOver
	}
	now, _, err := p.Tick(p.notBefore(at), r)
	if err != nil {
		return p, nil, err
	}
	if now.BreachedAt != nil && !askedAt.Before(*now.BreachedAt) {
		return p, nil, ErrExtensionTooLate
	}
	return p.step(at, r, false, func(p *Promise, at time.Time) Effect {
		ext := Extension{At: at, AskedAt: askedAt.UTC(), By: by, FromDue: p.DueAt, Reason: reason}
		p.Extensions = append(slices.Clip(p.Extensions), ext)
		return Effect{Kind: EffectExtended, Detail: reason}
	})
}

// Retarget gives the promise another definition, as after a change of priority, by def.OnPriorityChange:
//
//   - retroactive: the new target counts from the original start; pauses and extensions stay.
//   - restart: the new target counts from at; extensions are gone, a pause that lasts goes on.
//   - keep, or nothing: the promise stays as it was given and only ticks.
//
// A promise that is over stays as it is, and so does a broken one that the new target would make whole: no change of priority
// undoes a breach. Retarget fails as Start does.
func (p Promise) Retarget(def Definition, at time.Time, r Rules) (Promise, []Effect, error) {
	choice := def.OnPriorityChange
	if !p.Open() || choice != PriorityRetroactive && choice != PriorityRestart {
		return p.Tick(at, r)
	}
	if _, _, err := Start(def, p.Cycle, at, r); err != nil {
		return p, nil, err
	}
	next, effects, err := p.step(at, r, false, func(p *Promise, at time.Time) Effect {
		if choice == PriorityRestart {
			paused := p.resting()
			*p = fresh(def, p.Cycle, at)
			if paused {
				p.rest(at)
			}
		}
		p.Definition = def
		return Effect{Kind: EffectRetargeted, Detail: choice}
	})
	if err == nil && slices.ContainsFunc(effects, func(e Effect) bool { return e.Undone }) {
		return p.Tick(at, r)
	}
	return next, effects, err
}

// Reopen takes up a promise that was met, in time or late, by its OnReopen:
//
//   - continue: it runs on; what was used stays used, the time since it was met counts as a pause, a breach stands.
//   - new_cycle: kept is unchanged and next is a new promise with the full target and the next cycle.
//   - reset: the same promise starts again with the full target; one that was met late stays on record, as by new_cycle.
//   - nothing: it stays met.
//
// A promise that is open only ticks, one that was cancelled stays as it is. The effects are those of kept, or of next if there is one.
func (p Promise) Reopen(at time.Time, r Rules) (kept Promise, next *Promise, effects []Effect, err error) {
	if p.MetAt == nil {
		kept, effects, err = p.Tick(at, r)
		return kept, nil, effects, err
	}
	at = p.notBefore(at)
	choice := p.OnReopen
	if choice == ReopenReset && p.BreachedAt != nil {
		choice = ReopenNewCycle
	}
	switch choice {
	case ReopenNewCycle:
		started, effects, err := Start(p.Definition, p.Cycle+1, at, r)
		if err != nil {
			return p, nil, nil, err
		}
		effects[0].Detail = choice
		return p, &started, effects, nil
	case ReopenContinue, ReopenReset:
		kept, effects, err = p.change(at, r, func(p *Promise, at time.Time) Effect {
			if choice == ReopenReset {
				*p = fresh(p.Definition, p.Cycle, at)
			} else {
				p.rest(*p.MetAt)
				p.wake(at)
				p.MetAt = nil
			}
			return Effect{Kind: EffectReopened, Detail: choice}
		})
		return kept, nil, effects, err
	}
	return p, nil, nil, nil
}

// Amend counts the promise anew by r.Calendar, an amended version of the calendar that it was given by; Tick by the old
// one first. A breach that the amendment puts into the future is undone, also that of a promise met late which is now met
// in time. Any other promise that is over stays as it is: what was kept is not broken afterwards.
func (p Promise) Amend(at time.Time, r Rules) (Promise, []Effect, error) {
	amend := func(*Promise, time.Time) Effect { return Effect{Kind: EffectAmended} }
	if p.Open() { // without catching up: what fell due before did so by the old calendar
		return p.change(p.notBefore(at), r, amend)
	}
	if p.MetAt == nil || p.BreachedAt == nil {
		return p, nil, nil
	}
	next, effects, err := p.change(p.notBefore(at), r, func(p *Promise, at time.Time) Effect {
		p.BreachedAt = nil
		return amend(p, at)
	})
	if err != nil || next.DueAt == nil || next.MetAt.After(*next.DueAt) {
		return p, nil, err
	}
	return next, effects, nil
}

// step does an operation on an open promise: it tells what fell due before, applies it, and tells what fell due by it.
func (p Promise) step(at time.Time, r Rules, stopping bool, op func(*Promise, time.Time) Effect) (Promise, []Effect, error) {
	if !p.Open() {
		return p, nil, nil
	}
	at = p.notBefore(at)
	next := p
	before, err := next.catchUp(at, time.Time{}, r, stopping)
	if err != nil {
		return p, nil, err
	}
	next, effects, err := next.change(at, r, op)
	if err != nil {
		return p, nil, err
	}
	return next, append(before, effects...), nil
}

// change applies an operation to the facts, derives the rest, takes back what the change made untrue, arms the warnings
// that lie ahead, and tells what the change put into the past.
func (p Promise) change(at time.Time, r Rules, op func(*Promise, time.Time) Effect) (Promise, []Effect, error) {
	next := p
	did := op(&next, at)
	if err := next.derive(r); err != nil {
		return p, nil, err
	}
	if next.Open() {
		if err := next.rearm(at, r); err != nil {
			return p, nil, err
		}
	}
	e := next.effect(did.Kind, at)
	e.Late, e.Detail, e.Undone = did.Late, did.Detail, p.BreachedAt != nil && next.BreachedAt == nil
	effects, err := next.catchUp(at, at, r, false)
	if err == nil {
		err = next.schedule(r)
	}
	if err != nil {
		return p, nil, err
	}
	return next, append([]Effect{e}, effects...), nil
}

// rearm brings the breach and the count of warnings in line with a due time that may have moved.
func (p *Promise) rearm(at time.Time, r Rules) error {
	ahead := p.DueAt == nil || p.DueAt.After(at)
	if p.BreachedAt != nil {
		if !ahead {
			breach := later(*p.BreachedAt, *p.DueAt) // never before the due time
			p.BreachedAt = &breach
			return nil
		}
		p.BreachedAt, p.Climbed = nil, 0
		p.State = p.state()
	}
	if !ahead {
		p.Warned = len(p.warnings()) // breached at once: to warn of it would be senseless
		return nil
	}
	passed, err := p.warningsPassed(at, r)
	p.Warned = min(p.Warned, passed)
	return err
}

// effect returns an effect of p as it stands.
func (p Promise) effect(kind EffectKind, at time.Time) Effect {
	return Effect{Kind: kind, Name: p.Name, Cycle: p.Cycle, At: at, DueAt: p.DueAt}
}

// notBefore returns at in UTC, or the last instant on record if that is later: time does not run backwards.
func (p Promise) notBefore(at time.Time) time.Time {
	at = later(p.StartedAt, at.UTC())
	if n := len(p.Pauses); n > 0 {
		at = later(at, p.Pauses[n-1].From)
		if to := p.Pauses[n-1].To; to != nil {
			at = later(at, *to)
		}
	}
	if n := len(p.Extensions); n > 0 {
		at = later(at, p.Extensions[n-1].At)
	}
	if p.MetAt != nil {
		at = later(at, *p.MetAt)
	}
	return at
}

// rest begins a pause, or takes up again one that ended at the same instant, unless the promise fell due at it: then
// it ran between the two, if only for that instant.
func (p *Promise) rest(at time.Time) {
	p.Pauses = slices.Clone(p.Pauses)
	due := p.DueAt != nil && p.DueAt.Equal(at)
	if n := len(p.Pauses); n > 0 && p.Pauses[n-1].To.Equal(at) && !due {
		p.Pauses[n-1].To = nil
		return
	}
	p.Pauses = append(p.Pauses, Pause{From: at})
}

// wake ends the pause, if one lasts.
func (p *Promise) wake(at time.Time) {
	if !p.resting() {
		return
	}
	p.Pauses = slices.Clone(p.Pauses)
	p.Pauses[len(p.Pauses)-1].To = &at
}
