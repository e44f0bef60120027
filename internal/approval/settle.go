package approval

import (
	"slices"
	"time"
)

func (t *turn) finder() finder {
	return finder{chain: t.chain, req: &t.s.Request, org: &t.env.Org, at: t.now}
}

// close ends a visit; nobody is asked in it any more.
func (v *Visit) close(state VisitState, at time.Time) {
	v.State, v.ClosedAt = state, instant(at)
	for i := range v.Participants {
		v.Participants[i].quiet()
	}
}

// quiet takes the clock and the standbys from a participant who is not asked now.
func (p *Participant) quiet() {
	p.AskedAt, p.DueAt, p.NextAt, p.Reminded, p.Standbys = nil, nil, nil, 0, nil
}

// settle draws the consequences of what has happened, until the approval waits for somebody: people who have left are
// replaced, decided steps close and the next ones open; then clocks and deputies are those of the people who are asked.
func (t *turn) settle() {
	for t.s.Outcome == "" {
		v := t.s.Active()
		t.staff(v)
		if t.s.Outcome != "" || v.State != VisitActive || !t.conclude(v) {
			break
		}
	}
	t.s.RecheckAt = nil
	if v := t.s.Active(); v != nil {
		t.ask(v)
	}
}

// conclude closes a visit that is decided and goes on; false when it is undecided.
func (t *turn) conclude(v *Visit) bool {
	switch v.tally() {
	case passed:
		v.close(VisitPassed, t.at)
		t.event(Event{Type: EventStepPassed, Actor: System, Step: v.Step, Visit: v.ID})
		t.walkOn(v, v.ID)
	case skipped:
		v.Rule = ruleRepeated
		v.close(VisitSkipped, t.at)
		t.byRule(ruleRepeated, Event{Type: EventStepSkipped, Step: v.Step, Visit: v.ID})
		t.walkOn(v, v.OpenedBy)
	case refused:
		t.refuse(v)
	default:
		return false
	}
	return true
}

// refuse ends the chain, or returns the request if the policy says so and it was not returned too often.
func (t *turn) refuse(v *Visit) {
	if v.OnRefusal == RefusalReturn && t.s.mayReturn() == nil {
		t.event(Event{Type: EventStepRefused, Actor: System, Step: v.Step, Visit: v.ID, Args: map[string]string{"to": StepRequester}})
		then := t.chain.def.Rules.AfterReturn
		if then == AfterChoose {
			then = AfterWalkAgain
		}
		t.back(v, StepRequester, then)
		return
	}
	v.close(VisitRefused, t.at)
	t.event(Event{Type: EventStepRefused, Actor: System, Step: v.Step, Visit: v.ID})
	t.end(Rejected, t.cause)
}

// walkOn opens what follows the visit.
func (t *turn) walkOn(v *Visit, openedBy int) {
	if v.Next != nil {
		t.walk(*v.Next, openedBy)
		return
	}
	t.walk(v.Position+1, openedBy)
}

// walk opens the step at the position, or ends the chain behind its last one. A chain in which nobody has said anything,
// because there was nobody to ask, is rejected: silence of that kind approves nothing.
func (t *turn) walk(position, openedBy int) {
	if position < len(t.s.Path) {
		t.open(position, openedBy, nil)
		return
	}
	heard := slices.ContainsFunc(t.s.Visits, func(v Visit) bool { return v.State == VisitPassed && v.Position >= 0 })
	if !heard {
		t.end(Rejected, ruleNobodyFound)
		return
	}
	t.end(Approved, t.cause)
}

// open opens the step at the position with the people whom it finds now.
func (t *turn) open(position, openedBy int, next *int) {
	step := t.s.Path[position]
	def, rules := t.chain.def.Steps[step], t.chain.def.Rules
	v := Visit{
		Step: step, Position: position, Mode: def.Mode, Percent: def.Percent, OnRefusal: rules.onRefusal(def.Mode),
		OpenedBy: openedBy, Next: next,
	}
	people := t.finder().find(step)
	if len(people) == 0 {
		switch rules.NobodyFound {
		case NobodySkip:
			t.passOver(v)
			return
		case NobodyToAdmin:
			people, v.Mode = t.finder().admins(), ModeAny
		}
	}
	if len(people) == 0 {
		t.end(Rejected, ruleNobodyFound)
		return
	}
	t.visit(v, people)
}

// passOver records a step for which nobody was found and that the policy skips then, and goes on.
func (t *turn) passOver(v Visit) {
	v.Rule = ruleNobodyFound
	added := t.visit(v, nil)
	added.close(VisitSkipped, t.at)
	t.byRule(ruleNobodyFound, Event{Type: EventStepSkipped, Step: v.Step, Visit: added.ID})
	t.walkOn(added, v.OpenedBy)
}

// visit adds an active visit with the people as its seats; the older visit of the same position no longer counts.
func (t *turn) visit(v Visit, people []found) *Visit {
	for i := range t.s.Visits {
		if t.s.Visits[i].Position == v.Position {
			t.s.Visits[i].State = VisitVoid
		}
	}
	v.ID, v.State, v.OpenedAt = t.newID(), VisitActive, t.at
	for rank, f := range people {
		p := Participant{ID: t.newID(), UserID: f.user, Weight: f.weight, Why: f.why}
		if v.Mode == ModeSequence {
			p.Rank = rank
		}
		if v.Position >= 0 && t.approvedBefore(v.Position, f.user) {
			p.Skipped = ruleRepeated
		}
		v.Participants = append(v.Participants, p)
	}
	t.s.Visits = append(t.s.Visits, v)
	t.event(Event{Type: EventStepOpened, Actor: System, Step: v.Step, Visit: v.ID, UserIDs: users(people)})
	for _, p := range v.Participants {
		if p.Skipped != "" {
			t.byRule(p.Skipped, Event{Type: EventSkipped, Step: v.Step, Visit: v.ID, UserIDs: []string{p.UserID}})
		}
	}
	return &t.s.Visits[len(t.s.Visits)-1]
}

func users(people []found) []string {
	var ids []string
	for _, f := range people {
		ids = append(ids, f.user)
	}
	return ids
}

// approvedBefore reports whether the rule for repeated approvers spares the user the step at the position: they approved
// the step before it, or were spared that one too.
func (t *turn) approvedBefore(position int, user string) bool {
	first := 0
	switch t.chain.def.Rules.RepeatedApprover {
	case RepeatAsk:
		return false
	case RepeatSkipConsecutive:
		first = position - 1
	}
	for i := max(first, 0); i < position; i++ {
		if v := t.s.counting(i); v != nil && (v.State == VisitPassed || v.State == VisitSkipped) && v.approvedBy(user) {
			return true
		}
	}
	return false
}

// approvedBy reports whether the user approved in the visit, or was spared it because they had approved before.
func (v *Visit) approvedBy(user string) bool {
	return slices.ContainsFunc(v.Participants, func(p Participant) bool {
		return p.live() && !p.advises() &&
			(p.Decision == DecisionApproved && p.DecidedBy == user || p.Skipped == ruleRepeated && p.UserID == user)
	})
}

// staff makes sure that everybody who is still to decide is there: who has left is replaced by the nearest superior who
// may decide and has no place in the visit yet, else by an administrator; added people are just taken out.
func (t *turn) staff(v *Visit) {
	if v.Step == StepRequester {
		if !t.env.Org.People[t.s.Request.Requester].Active {
			t.end(Withdrawn, ruleLeft) // nobody else can say what was meant
		}
		return
	}
	for i := range v.Participants {
		p := &v.Participants[i]
		if !p.pending() || t.env.Org.People[p.UserID].Active {
			continue
		}
		left := p.UserID
		heir := t.heir(v, p)
		e := Event{Type: EventReplaced, Step: v.Step, Visit: v.ID, UserIDs: []string{left}}
		if heir == "" {
			v.remove(p, ruleLeft)
		} else {
			e.UserIDs = append(e.UserIDs, heir)
			t.give(p, heir, ruleLeft, "from", left)
		}
		t.byRule(ruleLeft, e)
	}
	if len(v.seats()) == 0 {
		t.restaff(v)
	}
}

// heir returns who takes the place of a seat's holder who has left; empty when nobody does.
func (t *turn) heir(v *Visit, p *Participant) string {
	if p.Parent != 0 || p.AddedBy != "" {
		return ""
	}
	f := t.finder()
	free := func(person Person) bool { return f.eligible(person) && !v.acting(person.ID) }
	if above := t.env.Org.climb(t.env.Org.manager(p.UserID), free); above != "" {
		return above
	}
	for _, admin := range f.admins() {
		if free(t.env.Org.People[admin.user]) {
			return admin.user
		}
	}
	return ""
}

// restaff gives a visit that everybody has left to the administrators; without any the chain ends as rejected.
func (t *turn) restaff(v *Visit) {
	admins := t.finder().admins()
	if len(admins) == 0 {
		t.end(Rejected, ruleNobodyFound)
		return
	}
	v.Mode = ModeAny
	for _, f := range admins {
		v.Participants = append(v.Participants, Participant{ID: t.newID(), UserID: f.user, Weight: 1, Why: f.why})
	}
	t.byRule(ruleNobodyFound, Event{Type: EventReplaced, Step: v.Step, Visit: v.ID, UserIDs: users(admins)})
}
