package models

import (
	"encoding/json"
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

// merge ends the loser in the survivor.
func merge(loser, survivor *step) error {
	l, s := loser.s, survivor.s
	if !l.Held() || !s.Held() {
		return errs.New(errs.Conflict, "case.not_mergeable", "number", l.Number, "state", string(l.Status), "survivor", s.Number, "survivor_state", string(s.Status))
	}
	window := loser.rules.Policy.Document().Reopen
	until, err := loser.due(window.Window, window.Clock)
	if err != nil {
		return err
	}
	l.Merge = &Merge{Into: s.ID, At: loser.at, Status: l.Status, Promises: slices.Clone(l.Promises), Waiting: l.Waiting, Confirm: l.ConfirmBy}
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

// inheritPromise takes over one promise of the merged case when it falls due before the survivor's own, so that nobody's wait grows.
func (t *step) inheritPromise(from *CaseState, p sla.Promise) error {
	if !p.Open() || p.Name == MilestoneUpdate || from.CalendarID != t.s.CalendarID || from.CalendarVersion != t.s.CalendarVersion {
		return nil
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
	op := sla.Promise.Resume
	paused := contains(p.PausesIn, CaseWaitingCustomer) && t.s.Status == CaseWaitingCustomer
	if paused {
		op = sla.Promise.Pause
	}
	if paused != (p.RunningFrom == nil) {
		next, _, err := op(p, t.at, t.rules.sla())
		if err != nil {
			return err
		}
		p = next
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
	for _, in := range s.Inherited {
		if i := s.current(in.Name); in.FromCase == l.ID && i >= 0 && s.Promises[i].Open() {
			if in.Own == nil {
				s.Promises = slices.Delete(s.Promises, i, i+1)
			} else {
				s.Promises[i] = *in.Own
			}
		}
	}
	s.Inherited = slices.DeleteFunc(s.Inherited, func(in Inherited) bool { return in.FromCase == l.ID })
	survivor.Disinherit = l.ID
	if err := loser.promisesFall(); err != nil {
		return err
	}
	return survivor.promisesFall()
}
