package approval

import (
	"slices"
	"time"
)

// NextCheckpoint returns the instant of the next tick: somebody's due time or reminder, or a change of deputies. False when
// there is none.
func NextCheckpoint(s State) (time.Time, bool) {
	next := s.RecheckAt
	if v := s.Active(); v != nil {
		for i := range v.Participants {
			if at := v.Participants[i].NextAt; at != nil && (next == nil || at.Before(*next)) {
				next = at
			}
		}
	}
	if next == nil || s.Outcome != "" {
		return time.Time{}, false
	}
	return *next, true
}

// ask gives everybody who is asked in the visit their clock and their standbys, and takes them from everybody else.
func (t *turn) ask(v *Visit) {
	for i := range v.Participants {
		p := &v.Participants[i]
		if !v.open(p) {
			p.quiet()
			continue
		}
		if p.AskedAt == nil {
			p.AskedAt = instant(t.now)
			p.Turn++
			p.DueAt = t.deadline(v.Step, t.now) // nobody is late with what they have not been asked
			p.NextAt = p.DueAt
		}
		if v.Step != StepRequester {
			t.deputise(v, p)
		}
	}
}

// deadline is when somebody must have acted who is asked, or asked again, at the instant; nil when the step has no due time.
func (t *turn) deadline(step string, from time.Time) *time.Time {
	due := t.chain.def.Steps[step].Due
	if due.After.IsZero() || t.env.Deadline == nil {
		return nil
	}
	at := t.env.Deadline(from, due.After, due.Clock)
	if !at.After(from) {
		return nil // a clock that stands still must not make us spin
	}
	return instant(at)
}

// deputise finds the deputies of p anew and offers the task back when there are none any more. Superiors go on standing by
// as long as they may.
func (t *turn) deputise(v *Visit, p *Participant) {
	f := t.finder()
	free := func(person Person) bool { return f.eligible(person) && !v.acting(person.ID) }
	before := p.Standbys
	deputies, recheck := t.env.deputiesOf(p.UserID, t.s.Chain, t.chain.amount(t.s.Request.Facts), t.now, free)
	if !recheck.IsZero() && (t.s.RecheckAt == nil || recheck.Before(*t.s.RecheckAt)) {
		t.s.RecheckAt = instant(recheck)
	}
	var now []Standby
	for _, d := range deputies {
		if b := p.standby(d.UserID); b != nil {
			d.ID = b.ID
		} else {
			d.ID = t.newID()
		}
		now = append(now, d)
	}
	for _, b := range before {
		taken := slices.ContainsFunc(now, func(d Standby) bool { return d.UserID == b.UserID })
		if b.Kind == StandbySuperior && free(t.env.Org.People[b.UserID]) && !taken {
			now = append(now, b)
		}
	}
	p.Standbys = now
	had := slices.ContainsFunc(before, func(b Standby) bool { return b.Kind == StandbyDeputy })
	if had && len(deputies) == 0 {
		t.byRule("deputy", Event{Type: EventOfferedBack, Step: v.Step, Visit: v.ID, UserIDs: []string{p.UserID}})
		t.notify(NoticeOfferedBack, v.Step, []string{p.UserID}, nil)
	}
}

// tick does what the clock has brought by now, one thing after the other in the order in which it fell due, and each as of then.
func (t *turn) tick() {
	for t.s.Outcome == "" {
		v := t.s.Active()
		var due *Participant
		for i := range v.Participants {
			p := &v.Participants[i]
			if p.NextAt != nil && !p.NextAt.After(t.now) && v.open(p) && (due == nil || p.NextAt.Before(*due.NextAt)) {
				due = p
			}
		}
		if due == nil {
			t.at = t.now
			return
		}
		t.at = *due.NextAt
		t.overdue(v, due)
		t.settle()
	}
}

// overdue does what the step says about a participant who has not acted in time.
func (t *turn) overdue(v *Visit, p *Participant) {
	action, times, _ := overdue(t.chain.def.Steps[v.Step].OnDue)
	switch {
	case action == OverdueApprove || action == OverdueReject:
		t.decideByClock(v, p, action)
	case action == OverdueEscalate && t.escalate(v, p):
		p.NextAt = t.deadline(v.Step, t.at)
	default:
		t.remind(v, p, action == OverdueRemind && p.Reminded+1 < times)
	}
}

// decideByClock decides as the system. An opinion that does not come just ends the question.
func (t *turn) decideByClock(v *Visit, p *Participant, action string) {
	if p.advises() {
		v.remove(p, ruleOnDue)
		t.byRule(ruleOnDue, Event{Type: EventSignerGone, Step: v.Step, Visit: v.ID, UserIDs: []string{p.UserID}})
		return
	}
	p.Decision, p.DecidedBy, p.DecidedAt, p.Under = DecisionApproved, System, instant(t.at), []string{ruleOnDue}
	kind := EventApproved
	if action == OverdueReject {
		p.Decision, kind = DecisionRejected, EventRejected
	}
	v.Acted = true
	t.byRule(ruleOnDue, Event{Type: kind, Step: v.Step, Visit: v.ID, OnBehalfOf: p.UserID})
}

func (t *turn) remind(v *Visit, p *Participant, again bool) {
	p.Reminded++
	p.NextAt = nil
	if again {
		p.NextAt = t.deadline(v.Step, t.at)
	}
	t.byRule(ruleOnDue, Event{Type: EventReminded, Step: v.Step, Visit: v.ID, UserIDs: []string{p.UserID}})
	t.notify(NoticeReminded, v.Step, append([]string{p.UserID}, standbyUsers(p)...), nil)
}

// escalate adds the next superior, who may act beside the participant; false when nobody is above.
func (t *turn) escalate(v *Visit, p *Participant) bool {
	last := p.UserID
	for _, b := range p.Standbys {
		if b.Kind == StandbySuperior {
			last = b.UserID
		}
	}
	f := t.finder()
	above := t.env.Org.climb(t.env.Org.manager(last), func(person Person) bool {
		return f.eligible(person) && !v.acting(person.ID) && p.standby(person.ID) == nil
	})
	if above == "" {
		return false
	}
	p.Standbys = append(p.Standbys, Standby{ID: t.newID(), UserID: above, Kind: StandbySuperior, Rules: []string{OverdueEscalate}})
	t.byRule(OverdueEscalate, Event{Type: EventEscalated, Step: v.Step, Visit: v.ID, UserIDs: []string{p.UserID, above}})
	t.notify(NoticeEscalated, v.Step, []string{above}, map[string]string{"participant": p.UserID})
	return true
}
