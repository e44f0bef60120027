package models

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// MilestoneUpdate is the promise of interim replies while a case is being worked on (C-22).
const MilestoneUpdate = "update"

// Rules that a system decision names in the timeline.
const (
	ruleClock      = "sla_clock"
	ruleOffer      = "handover_target"
	ruleUntil      = "wait_until"
	ruleChaser     = "waiting_chaser"
	ruleGiveUp     = "waiting_give_up"
	ruleSilence    = "confirmation_window"
	ruleLadder     = "escalation_ladder"
	ruleBounces    = "bounces_before_adjudication"
	ruleLeaver     = "user_deactivated"
	ruleSuccession = "account_handed_over"
	ruleTeam       = "team_changed"
	ruleLead       = "supervisor_changed"
)

// start begins the promises that the policy gives to the case and that start with the event.
func (t *step) start(event string) error {
	if !t.rules.Policy.Starts(event) { // most events start nothing, and conditions cost more to ask
		return nil
	}
	_, defs := t.rules.Policy.Match(t.facts())
	for _, def := range defs {
		if def.StartsOn != event || t.s.current(def.Name) >= 0 {
			continue
		}
		p, effects, err := sla.Start(def, 1, t.at, t.rules.sla())
		if err != nil {
			return err
		}
		t.s.Promises = append(t.s.Promises, p)
		t.tell(effects)
	}
	return nil
}

// stop keeps the promises that the event fulfils.
func (t *step) stop(event string) error {
	return t.each(func(p sla.Promise) bool { return p.StopsOn == event }, sla.Promise.Stop)
}

func (t *step) pause() error {
	return t.each(func(p sla.Promise) bool { return contains(p.PausesIn, CaseWaitingCustomer) }, sla.Promise.Pause)
}

// unpause lets the promises run on, from the agreed end of the wait at the latest.
func (t *step) unpause() error {
	at := t.at
	if w := t.s.Waiting; w != nil && t.past(w.Until) {
		at = *w.Until
	}
	err := t.each(func(p sla.Promise) bool { return contains(p.PausesIn, CaseWaitingCustomer) }, func(p sla.Promise, _ time.Time, r sla.Rules) (sla.Promise, []sla.Effect, error) {
		return p.Resume(at, r)
	})
	if err != nil {
		return err
	}
	return t.promisesFall() // what has fallen due since
}

func contains(states []string, s CaseStatus) bool {
	for _, state := range states {
		if state == string(s) {
			return true
		}
	}
	return false
}

// each applies an operation to the open promises that match, and tells what happened.
func (t *step) each(match func(sla.Promise) bool, op func(sla.Promise, time.Time, sla.Rules) (sla.Promise, []sla.Effect, error)) error {
	for i, p := range t.s.Promises {
		if !p.Open() || !match(p) {
			continue
		}
		next, effects, err := op(p, t.at, t.rulesOf(p))
		if err != nil {
			return err
		}
		t.s.Promises[i] = next
		t.tell(effects)
	}
	return nil
}

// rulesOf gives the rules that a promise is counted by: the request for interim replies climbs no ladder.
func (t *step) rulesOf(p sla.Promise) sla.Rules {
	r := t.rules.sla()
	if p.Name == MilestoneUpdate {
		r.Ladder = nil
	}
	return r
}

// nextReply keeps the promise of an interim reply, if one is open, and makes the next one (C-22). While the client has the
// ball it rests.
func (t *step) nextReply() error {
	every := t.rules.Policy.Document().UpdateEvery
	if every == nil {
		return nil
	}
	isUpdate := func(p sla.Promise) bool { return p.Name == MilestoneUpdate }
	if err := t.each(isUpdate, sla.Promise.Stop); err != nil {
		return err
	}
	cycle := 1
	if i := t.s.current(MilestoneUpdate); i >= 0 { // only the newest is kept; the timeline has the others
		cycle = t.s.Promises[i].Cycle + 1
		t.s.Promises = append(t.s.Promises[:i:i], t.s.Promises[i+1:]...)
	}
	def := sla.Definition{Name: MilestoneUpdate, Target: every.Interval, Clock: every.Clock, PausesIn: []string{string(CaseWaitingCustomer)}}
	p, effects, err := sla.Start(def, cycle, t.at, sla.Rules{Calendar: t.rules.Calendar})
	if err != nil {
		return err
	}
	t.s.Promises = append(t.s.Promises, p)
	t.tell(effects)
	if t.s.Status == CaseWaitingCustomer {
		return t.each(isUpdate, sla.Promise.Pause)
	}
	return nil
}

// cancelPromises ends what is still promised; names empty means all.
func (t *step) cancelPromises(names ...string) error {
	return t.each(func(p sla.Promise) bool { return len(names) == 0 || oneOf(p.Name, names...) }, sla.Promise.Cancel)
}

func (t *step) facts() policy.CaseFacts {
	s := t.s
	return policy.CaseFacts{
		Type: string(s.Type), Priority: s.Priority, Category: s.Category,
		Channel: s.Channel, Class: s.ClientClass, Region: s.ClientRegion,
	}
}

// tell writes what happened to a promise into the timeline, and tells whom the ladder names.
func (t *step) tell(effects []sla.Effect) {
	for _, e := range effects {
		_ = t.bySystem(ruleClock, func() error { t.tellOne(e); return nil })
	}
}

func (t *step) tellOne(e sla.Effect) {
	data := map[string]any{"milestone": e.Name, "cycle": e.Cycle, "at": e.At}
	if e.DueAt != nil {
		data["due_at"] = *e.DueAt
	}
	if e.Late {
		data["late"] = true
	}
	if e.Warn != "" {
		data["warn"] = e.Warn
	}
	if e.Detail != "" {
		data["detail"] = e.Detail
	}
	if e.Kind != sla.EffectClimbed {
		t.event("milestone_"+string(e.Kind), data)
	}
	due := ""
	if e.DueAt != nil {
		due = e.DueAt.Format(time.RFC3339)
	}
	switch e.Kind {
	case sla.EffectWarned:
		n := Notice{Kind: NoticeWarned, NotBefore: t.bundleUntil(e.DueAt)}
		for _, u := range t.named(e.Rung) {
			n.UserID = u
			t.notice(n, "milestone", e.Name, "warn", e.Warn, "due_at", due)
		}
	case sla.EffectBreached:
		if e.Name == MilestoneUpdate {
			t.notify("update_due", []string{t.s.AccountableID, t.s.AssigneeID}, "milestone", e.Name, "due_at", due)
			return
		}
		t.climb(e, "breach", due)
	case sla.EffectClimbed:
		t.climb(e, e.Rung.After.String(), due)
	}
}

// climb takes one rung of the ladder after a breach: it raises the level, tells whom the rung names and gives the task.
func (t *step) climb(e sla.Effect, rung, due string) {
	level := 1
	for _, r := range t.rules.Policy.Document().Ladder {
		if e.Rung != nil && r.On == "breach" && !r.After.IsZero() && atMost(r.After, e.Rung.After) && !e.Rung.After.IsZero() {
			level++
		}
	}
	people := t.named(e.Rung)
	if level > t.s.EscalationLevel {
		t.s.EscalationLevel = level
		t.rule = ruleLadder
		t.event("escalated", map[string]any{"level": level, "milestone": e.Name, "rung": rung, "told": people})
	}
	t.notify("milestone_breached", people, "milestone", e.Name, "due_at", due, "rung", rung)
	if e.Rung != nil && e.Rung.Task != "" && len(people) > 0 {
		t.open(e.Rung.Task, people[0], "", nil, "rule", ruleLadder, "milestone", e.Name, "rung", rung)
	}
}

func atMost(a, b sla.Span) bool {
	return a.Days < b.Days || a.Days == b.Days && a.Duration <= b.Duration
}

// named resolves the people of a rung, each once.
func (t *step) named(r *sla.Rung) []string {
	if r == nil {
		return nil
	}
	var people []string
	for _, relation := range r.Notify {
		for _, u := range t.rules.Org.Relation(relation, t.s) {
			if !oneOf(u, people...) {
				people = append(people, u)
			}
		}
	}
	return people
}

// bundleUntil is until when a warning may wait for others: five minutes, but never more than a quarter of what is left.
func (t *step) bundleUntil(due *time.Time) time.Time {
	wait := bundleWindow
	if due != nil {
		wait = max(0, min(wait, due.Sub(t.at)/4))
	}
	return t.at.Add(wait)
}

// tick lets everything that falls due at its instant happen, in a fixed order.
func (t *step) tick() error {
	for _, f := range []func() error{t.waitEnds, t.chase, t.promisesFall, t.offerExpires, t.silence} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (t *step) past(at *time.Time) bool { return at != nil && !at.IsZero() && !t.at.Before(*at) }

func (t *step) promisesFall() error {
	return t.each(func(p sla.Promise) bool { return t.past(p.NextAt) }, sla.Promise.Tick)
}

// offerExpires brings an offer back that nobody accepted within the hand-over target, and tells the receiving side's supervisor.
func (t *step) offerExpires() error {
	o := t.s.Offer
	if o == nil || !t.past(&o.ExpiresAt) {
		return nil
	}
	return t.bySystem(ruleOffer, func() error {
		t.withdrawOffer("offer_expired", TaskCancelled)
		supervisor := t.rules.Org.TeamSupervisor(o.TeamID)
		if o.ToID != "" {
			supervisor = t.rules.Org.Supervisor(o.ToID)
		}
		t.notify("offer_expired", []string{supervisor, t.s.AssigneeID})
		return nil
	})
}

// withdrawOffer ends the offer; the handler stays who they were.
func (t *step) withdrawOffer(event string, task TaskState) {
	if t.s.Offer == nil {
		return
	}
	t.event(event, map[string]any{"to_id": t.s.Offer.ToID, "team_id": t.s.Offer.TeamID})
	t.s.Offer = nil
	t.settle(task, kinds(TaskAccept))
}

func (t *step) waitEnds() error {
	w := t.s.Waiting
	if w == nil || !t.past(w.Until) {
		return nil
	}
	return t.bySystem(ruleUntil, t.endWait)
}

// chase reminds a silent client, and after the policy's number of reminders resolves the case as unanswered.
func (t *step) chase() error {
	w := t.s.Waiting
	if w == nil || !t.past(&w.NextChaserAt) {
		return nil
	}
	doc := t.rules.Policy.Document().Waiting
	if doc.GiveUpAfter > 0 && w.Chasers >= doc.GiveUpAfter {
		return t.bySystem(ruleGiveUp, func() error { return t.settleCase(CaseResolution{Resolution: "no_answer", By: System}) })
	}
	next, err := t.due(doc.Chaser, doc.Clock)
	if err == nil && !next.After(t.taken) { // no silence is held against a client whom a dead server did not remind
		next, err = doc.Chaser.Due(t.taken, doc.Clock, t.rules.Calendar)
	}
	if err != nil {
		return err
	}
	w.Chasers++
	w.NextChaserAt = next
	return t.bySystem(ruleChaser, func() error {
		t.event("chased", map[string]any{"reminder": w.Chasers})
		t.notifyClient("client_chaser")
		t.notify("client_silent", []string{t.s.AssigneeID})
		return nil
	})
}

// silence closes a resolved case when the confirmation window passes without a word.
func (t *step) silence() error {
	if t.s.Status != CaseResolved || !t.past(t.s.ConfirmBy) {
		return nil
	}
	return t.bySystem(ruleSilence, func() error { return t.shut("silence", "") })
}
