package sla

import (
	"cmp"
	"slices"
	"time"
)

// checkpoint is an instant at which something is to be told.
type checkpoint struct {
	at   time.Time
	kind EffectKind // warned, breached or climbed
	warn Warning    // of a warning
	rung *Rung      // of a climb
}

// Tick tells every checkpoint up to and including at that has not been told: warnings, the breach, rungs of the ladder.
// Ticking again, or never between two others, changes nothing. A promise that is over has no checkpoints.
func (p Promise) Tick(at time.Time, r Rules) (Promise, []Effect, error) {
	next := p
	effects, err := next.catchUp(at.UTC(), time.Time{}, r, false)
	if err == nil {
		err = next.schedule(r)
	}
	if err != nil {
		return p, nil, err
	}
	return next, effects, nil
}

// catchUp tells the checkpoints up to at. None falls earlier than floor, the instant of a change that put it into the
// past. A promise that is just stopping is not breached by a due time at that very instant.
func (p *Promise) catchUp(at, floor time.Time, r Rules, stopping bool) ([]Effect, error) {
	var effects []Effect
	for {
		c, ok, err := p.checkpoint(r)
		if err != nil {
			return nil, err
		}
		if !ok || c.at.After(at) || stopping && c.kind == EffectBreached && c.at.Equal(at) {
			return effects, nil
		}
		told, err := p.tell(c, later(c.at, floor), r)
		if err != nil {
			return nil, err
		}
		effects = append(effects, told...)
	}
}

// tell makes the effects of a checkpoint and counts it as told.
func (p *Promise) tell(c checkpoint, at time.Time, r Rules) ([]Effect, error) {
	e := p.effect(c.kind, at)
	switch c.kind {
	case EffectWarned:
		p.Warned++
		e.Warn = c.warn.String()
		effects := make([]Effect, 0, 1)
		for _, rung := range r.Ladder {
			if rung.On == OnWarning {
				e.Rung = rung.clone()
				effects = append(effects, e)
			}
		}
		if len(effects) == 0 {
			effects = append(effects, e)
		}
		return effects, nil
	case EffectBreached:
		p.BreachedAt, p.State = &at, Breached
		c, ok, err := p.climb(r)
		if err != nil {
			return nil, err
		}
		if ok && c.rung.After.IsZero() {
			e.Rung = c.rung
			p.Climbed++
		}
	case EffectClimbed:
		e.Rung = c.rung
		p.Climbed++
	}
	return []Effect{e}, nil
}

// schedule sets NextAt.
func (p *Promise) schedule(r Rules) error {
	c, ok, err := p.checkpoint(r)
	if err != nil {
		return err
	}
	p.NextAt = nil
	if ok {
		p.NextAt = &c.at
	}
	return nil
}

// checkpoint returns the next one that has not been told; false if there is none, or none before a pause ends.
func (p Promise) checkpoint(r Rules) (checkpoint, bool, error) {
	if !p.Open() {
		return checkpoint{}, false, nil
	}
	if p.BreachedAt != nil {
		return p.climb(r)
	}
	if warnings := p.warnings(); p.Warned < len(warnings) {
		w := warnings[p.Warned]
		at, ok, err := p.warnsAt(w, r)
		return checkpoint{at: at, kind: EffectWarned, warn: w}, ok, err
	}
	if p.DueAt == nil {
		return checkpoint{}, false, nil
	}
	return checkpoint{at: *p.DueAt, kind: EffectBreached}, true, nil
}

// warnings returns those that can fall due, in the order in which they do. One that asks for as much time left as was
// promised, or more, would fall due at the start and says nothing.
func (p Promise) warnings() []Warning {
	list := slices.Clone(p.WarnAt)
	list = slices.DeleteFunc(list, func(w Warning) bool { return w.used(p.Total) <= 0 })
	slices.SortStableFunc(list, func(a, b Warning) int { return cmp.Compare(a.used(p.Total), b.used(p.Total)) })
	return list
}

// warnsAt returns the instant of a warning; false if a pause stops it before.
func (p Promise) warnsAt(w Warning, r Rules) (time.Time, bool, error) {
	return amount{need: w.used(p.Total)}.reach(p.StartedAt, p.Pauses, p.Clock.on(r.Calendar))
}

// warningsPassed returns how many warnings fall due up to and including at.
func (p Promise) warningsPassed(at time.Time, r Rules) (int, error) {
	passed := 0
	for _, w := range p.warnings() {
		t, ok, err := p.warnsAt(w, r)
		if err != nil {
			return 0, err
		}
		if ok && !t.After(at) {
			passed++
		}
	}
	return passed, nil
}

// climb returns the next rung of a breached promise: the Climbed-th in the order in which they fall due. A rung counts
// from the breach, on its own clock, without the pauses; one without a delay falls due with the breach.
func (p Promise) climb(r Rules) (checkpoint, bool, error) {
	var rungs []checkpoint // those that no lasting pause stops; the others come after them
	for _, rung := range r.Ladder {
		if rung.On != OnBreach {
			continue
		}
		at, ok, err := p.climbsAt(rung, r)
		if err != nil {
			return checkpoint{}, false, err
		}
		if ok {
			rungs = append(rungs, checkpoint{at: at, kind: EffectClimbed, rung: rung.clone()})
		}
	}
	if p.Climbed >= len(rungs) {
		return checkpoint{}, false, nil
	}
	slices.SortStableFunc(rungs, func(a, b checkpoint) int { return a.at.Compare(b.at) })
	return rungs[p.Climbed], true, nil
}

// climbsAt returns the instant of a breach rung; false if a pause stops it before.
func (p Promise) climbsAt(rung Rung, r Rules) (time.Time, bool, error) {
	if rung.After.IsZero() {
		return *p.BreachedAt, true, nil
	}
	cal := rung.Clock.on(r.Calendar)
	after, err := rung.After.amount(*p.BreachedAt, rung.Clock, cal)
	if err != nil {
		return time.Time{}, false, err
	}
	return after.reach(*p.BreachedAt, p.Pauses, cal)
}

// clone copies a rung, so that an effect shares nothing with the policy.
func (g Rung) clone() *Rung {
	g.Notify = slices.Clone(g.Notify)
	return &g
}
