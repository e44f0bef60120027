package models

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Kinds of links between cases.
const (
	LinkDuplicate = "duplicate"
	LinkRelated   = "related"
	LinkCausedBy  = "caused_by"
)

// Partner names the other case that the event changes together with s, and reports whether there is one: a duplicate that
// is merged, or a merge that is undone. Both steps are taken in one transaction.
func (e CaseEvent) Partner(s *CaseState) (string, bool) {
	var c Link // unlink's data is a part of link's
	if e.Action != ActionLink && e.Action != ActionUnlink || json.Unmarshal(e.Data, &c) != nil {
		return "", false
	}
	if e.Action == ActionUnlink {
		i := s.linked(c.CaseID)
		return c.CaseID, i >= 0 && s.Links[i].Kind == LinkDuplicate
	}
	return c.CaseID, c.Kind == LinkDuplicate
}

func (s *CaseState) linked(caseID string) int {
	return slices.IndexFunc(s.Links, func(l CaseLink) bool { return l.CaseID == caseID })
}

// link notes a relation to another case. Duplicates are decided by ApplyPair.
func (t *step) link() error {
	c, err := decode[Link](t)
	if err != nil {
		return err
	}
	if c.CaseID == t.s.ID {
		return errs.New(errs.Conflict, "case.link_self")
	}
	if t.s.linked(c.CaseID) >= 0 {
		return errs.New(errs.Conflict, "case.already_linked")
	}
	t.s.Links = append(t.s.Links, CaseLink{CaseID: c.CaseID, Kind: c.Kind, At: t.at})
	t.event("linked", map[string]any{"case_id": c.CaseID, "kind": c.Kind})
	return nil
}

func (t *step) unlink() error {
	c, err := decode[Unlink](t)
	if err != nil {
		return err
	}
	if t.s.linked(c.CaseID) < 0 {
		return errs.New(errs.Conflict, "case.not_linked")
	}
	t.unlinked(c.CaseID)
	return nil
}

func (t *step) unlinked(caseID string) {
	t.s.Links = slices.DeleteFunc(t.s.Links, func(l CaseLink) bool { return l.CaseID == caseID })
	t.event("unlinked", map[string]any{"case_id": caseID})
}

// ApplyPair decides a step that changes two cases: s was addressed, other is its partner. Merging ends the younger of
// the two; the survivor inherits the earliest open promises and the contacts. The states given are not changed.
func ApplyPair(s, other *CaseState, e CaseEvent, at time.Time, r, otherRules CaseRules) ([]CaseStep, error) {
	me, err := CheckCase(s, e.Action, e.Meta.Actor, at)
	if err != nil {
		return nil, err
	}
	if s.ID == other.ID {
		return nil, errs.New(errs.Conflict, "case.link_cycle")
	}
	a, b := pairStep(s, e, at, r, me), pairStep(other, CaseEvent{Meta: Meta{Actor: e.Meta.Actor, TraceID: e.Meta.TraceID}}, at, otherRules, me)
	if e.Action == ActionUnlink {
		loser, survivor := a, b
		if b.s.Merge != nil && b.s.Merge.Into == a.s.ID {
			loser, survivor = b, a
		}
		err = split(loser, survivor)
	} else {
		loser, survivor := a, b
		if a.s.CreatedAt.Before(b.s.CreatedAt) || a.s.CreatedAt.Equal(b.s.CreatedAt) && a.s.ID < b.s.ID {
			loser, survivor = b, a
		}
		err = merge(loser, survivor)
	}
	if err != nil {
		return nil, err
	}
	if err := a.finish(s); err != nil {
		return nil, err
	}
	if err := b.finish(other); err != nil {
		return nil, err
	}
	return []CaseStep{a.CaseStep, b.CaseStep}, nil
}

func pairStep(old *CaseState, e CaseEvent, at time.Time, r CaseRules, me Person) *step {
	s := old.clone()
	t := &step{s: &s, at: at.UTC().Truncate(tick), actor: e.Meta.Actor.ID, me: me, rules: r}
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	if me.ID != t.actor {
		t.behalf = me.ID
	}
	if earliest := s.UpdatedAt.Add(tick); t.at.Before(earliest) {
		t.at = earliest
	}
	return t
}

// merge ends the loser in the survivor. What is still being worked on is not merged into what is resolved: its promises would be
// forgotten, and its complainants never told of the outcome.
func merge(loser, survivor *step) error {
	l, s := loser.s, survivor.s
	if !l.Held() || !s.Held() || slices.Contains(working, l.Status) && !slices.Contains(working, s.Status) {
		return errs.New(errs.Conflict, "case.not_mergeable", "number", l.Number, "state", string(l.Status), "survivor", s.Number, "survivor_state", string(s.Status))
	}
	window := loser.rules.Policy.Document().Reopen
	until, err := loser.due(window.Window, window.Clock)
	if err != nil {
		return err
	}
	l.Merge = &Merge{Into: s.ID, At: loser.at, Status: l.Status, Promises: slices.Clone(l.Promises), Waiting: l.Waiting, Confirm: l.ConfirmBy, Readers: s.holders()}
	l.Links = append(l.Links, CaseLink{CaseID: s.ID, Kind: LinkDuplicate, At: loser.at})
	s.Links = append(s.Links, CaseLink{CaseID: l.ID, Kind: LinkDuplicate, At: survivor.at})
	loser.event("merged", map[string]any{"into": s.ID, "number": s.Number})
	survivor.event("merged", map[string]any{"from": l.ID, "number": l.Number})
	if slices.Contains(working, s.Status) {
		for _, p := range l.Promises {
			if err := survivor.inheritPromise(l, p); err != nil {
				return err
			}
		}
	}
	l.Status, l.ClosedAt, l.ReopenUntil = CaseClosed, &loser.at, &until
	l.Offer, l.Transfer, l.Extension, l.Waiting, l.ConfirmBy, l.Adjudicating = nil, nil, nil, nil, nil, false
	loser.settle(TaskCancelled, everyTask)
	survivor.Inherit = l.ID
	s.ClientMail = s.ClientMail || l.ClientMail
	loser.notify("case_merged", []string{l.AccountableID, l.AssigneeID}, "into", s.Number)
	return loser.cancelPromises()
}

// holders lists who holds the case, and their teams, each once.
func (s *CaseState) holders() []string {
	ids := []string{s.AccountableID, s.AssigneeID, s.AccountableTeamID, s.TeamID}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
}

// inheritPromise takes over one promise of the merged case when it falls due before the survivor's own, so that nobody's wait grows. One
// that was counted by another calendar is counted by the survivor's from then on; where that would undo a breach, it stays behind.
func (t *step) inheritPromise(from *CaseState, p sla.Promise) error {
	if !p.Open() || p.Name == MilestoneUpdate {
		return nil
	}
	if from.CalendarID != t.s.CalendarID || from.CalendarVersion != t.s.CalendarVersion {
		next, _, err := p.Amend(t.at, t.rulesOf(p))
		if err != nil || p.BreachedAt != nil && next.BreachedAt == nil {
			return err
		}
		p = next
	}
	own := Inherited{FromCase: from.ID, Name: p.Name}
	i := t.s.current(p.Name)
	if i >= 0 {
		mine := t.s.Promises[i]
		if !mine.Open() || !t.sooner(p, mine) {
			return nil
		}
		own.Own = &mine
	}
	p, _, err := t.inStep(p)
	if err != nil {
		return err
	}
	if i >= 0 {
		t.s.Promises[i] = p
	} else {
		t.s.Promises = append(t.s.Promises, p)
	}
	t.s.Inherited = append(t.s.Inherited, own)
	data := map[string]any{"milestone": p.Name, "from": from.ID}
	if p.DueAt != nil {
		data["due_at"] = *p.DueAt
	}
	t.event("milestone_inherited", data)
	return nil
}

// inStep pauses a promise, or lets it run, as the case has it.
func (t *step) inStep(p sla.Promise) (sla.Promise, []sla.Effect, error) {
	paused := contains(p.PausesIn, CaseWaitingCustomer) && t.s.Status == CaseWaitingCustomer
	switch {
	case paused == (p.RunningFrom == nil):
		return p, nil, nil
	case paused:
		return p.Pause(t.at, t.rulesOf(p))
	}
	return p.Resume(t.at, t.rulesOf(p))
}

// sooner reports whether a falls due before b; where one is paused and has no due time, what is left of them decides.
func (t *step) sooner(a, b sla.Promise) bool {
	if a.DueAt != nil && b.DueAt != nil {
		return a.DueAt.Before(*b.DueAt)
	}
	return a.Remaining(t.at, t.rules.sla()) < b.Remaining(t.at, t.rules.sla())
}

// split undoes a merge within the window: the loser goes on as if it had never stopped, and so do the survivor's own promises.
func split(loser, survivor *step) error {
	l, s := loser.s, survivor.s
	m := l.Merge
	if m == nil || m.Into != s.ID {
		return errs.New(errs.Conflict, "case.not_linked")
	}
	if l.Over(loser.at) {
		return errs.New(errs.ProcessClosed, "case.over", "number", l.Number, "state", string(l.Status))
	}
	if s.Merge != nil { // the case that it was merged into has all that it brought
		return errs.New(errs.Conflict, "case.merged_on", "number", s.Number)
	}
	l.Status, l.Promises, l.ConfirmBy = m.Status, slices.Clone(m.Promises), m.Confirm
	if m.Waiting != nil {
		w := *m.Waiting // the record of the merge is the old state's
		l.Waiting = &w
	}
	l.ClosedAt, l.ReopenUntil, l.Merge = nil, nil, nil
	loser.unlinked(s.ID)
	survivor.unlinked(l.ID)
	if err := loser.heirsOfLeavers(); err != nil {
		return err
	}
	if slices.Contains(working, l.Status) {
		loser.hand(l.AssigneeID)
	}
	if err := survivor.giveBack(l.ID, m); err != nil {
		return err
	}
	survivor.Disinherit = l.ID
	if err := loser.tick(); err != nil { // what fell due while it was merged
		return err
	}
	return survivor.promisesFall()
}

// giveBack takes the promises of a merged case out of the survivor, whose own ones go on in their place as if they had never
// stopped. One that was met meanwhile stays: what it asked for was done.
func (t *step) giveBack(caseID string, m *Merge) error {
	given := CaseState{Promises: m.Promises}
	for n, in := range t.s.Inherited {
		if in.FromCase != caseID {
			continue
		}
		later := slices.IndexFunc(t.s.Inherited[n+1:], func(o Inherited) bool { return o.Name == in.Name })
		i, was := t.s.current(in.Name), given.current(in.Name)
		if i < 0 || was < 0 { // an earlier program has given it back with another merge
			continue
		}
		taken := &t.s.Promises[i]
		if later >= 0 { // a second merge has set it aside
			later += n + 1
			taken = t.s.Inherited[later].Own
		}
		if taken == nil || !taken.Open() || taken.Cycle != given.Promises[was].Cycle {
			continue
		}
		own := in.Own
		if own != nil {
			caught, err := t.caughtUp(*own, *taken, m.At)
			if err != nil {
				return err
			}
			own = &caught
		}
		switch {
		case later >= 0:
			t.s.Inherited[later].Own = own
		case own == nil:
			t.s.Promises = slices.Delete(t.s.Promises, i, i+1)
		default:
			t.s.Promises[i] = *own
		}
	}
	t.s.Inherited = slices.DeleteFunc(t.s.Inherited, func(in Inherited) bool { return in.FromCase == caseID })
	return nil
}

// caughtUp gives a promise the pauses, the extensions and the priority that another one has had in its place since the instant,
// and tells what fell due by it meanwhile.
func (t *step) caughtUp(own, taken sla.Promise, since time.Time) (sla.Promise, error) {
	type change struct {
		at time.Time
		do func(sla.Promise, time.Time, sla.Rules) (sla.Promise, []sla.Effect, error)
	}
	var changes []change
	for _, pause := range taken.Pauses {
		if !contains(own.PausesIn, CaseWaitingCustomer) {
			break
		}
		changes = append(changes, change{pause.From, sla.Promise.Pause})
		if pause.To != nil {
			changes = append(changes, change{*pause.To, sla.Promise.Resume})
		}
	}
	for _, ext := range taken.Extensions {
		changes = append(changes, change{ext.At, func(p sla.Promise, at time.Time, r sla.Rules) (sla.Promise, []sla.Effect, error) {
			next, effects, err := p.Extend(ext.By, ext.AskedAt, at, ext.Reason, r)
			if errors.Is(err, sla.ErrExtensionTooLate) {
				return p.Tick(at, r)
			}
			return next, effects, err
		}})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	_, defs := t.rules.Policy.Match(t.facts())
	for _, def := range defs {
		if def.Name == own.Name && def.Target != own.Target {
			changes = append(changes, change{t.at, func(p sla.Promise, at time.Time, r sla.Rules) (sla.Promise, []sla.Effect, error) {
				return p.Retarget(def, at, r)
			}})
		}
	}
	changes = append(changes, change{t.at, func(p sla.Promise, _ time.Time, _ sla.Rules) (sla.Promise, []sla.Effect, error) { return t.inStep(p) }})
	for _, c := range changes {
		if c.at.Before(since) {
			continue
		}
		next, effects, err := c.do(own, c.at, t.rulesOf(own))
		if err != nil {
			return own, err
		}
		own = next
		t.tell(slices.DeleteFunc(effects, func(e sla.Effect) bool { // told of the promise in its place
			return e.Kind == sla.EffectPaused || e.Kind == sla.EffectResumed || e.Kind == sla.EffectExtended
		}))
	}
	return own, nil
}
