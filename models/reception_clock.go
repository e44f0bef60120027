package models

import (
	"slices"
	"sort"
	"time"

	"github.com/mcrflow/mcrflow/internal/sla"
)

// Rules that a system decision or a task names.
const (
	ruleApproval   = "approval_chain"
	ruleChecklist  = "checklist"
	ruleSettle     = "settle_reminder"
	ruleClaims     = "claims_window"
	ruleSurvey     = "survey"
	ruleLeft       = "user_deactivated"
	ruleClientPlan = "client_plan" // an activity of the client's plan has fallen due
	ruleNobody     = "nobody_of_finance"
)

// searchBack is how far back the start of a preparation is looked for.
const searchBack = 400 * 24 * time.Hour

// before returns the latest whole minute before an instant from which the span still fits before it, on the clock.
func (r ReceptionRules) before(at time.Time, span sla.Span, clock sla.ClockKind) time.Time {
	if clock == sla.Elapsed {
		return at.Add(-span.Duration).AddDate(0, 0, -span.Days)
	}
	n := sort.Search(int(searchBack/time.Minute), func(i int) bool {
		due, err := span.Due(at.Add(-time.Duration(i)*time.Minute), clock, r.Calendar)
		return err == nil && !due.After(at)
	})
	return at.Add(-time.Duration(n) * time.Minute)
}

// fall lets everything that has fallen due happen, in a fixed order.
func (t *receptionStep) fall() {
	t.system(ruleApproval, t.approvalLate)
	if t.s.preparing() {
		t.system(ruleChecklist, t.checklistFalls)
	}
	t.system(ruleSettle, t.remindToSettle)
	t.system(ruleClaims, t.claimsEnd)
}

func (t *receptionStep) system(rule string, f func()) {
	_ = t.bySystem(rule, func() error { f(); return nil })
}

func (t *receptionStep) past(at *time.Time) bool { return at != nil && !t.at.Before(*at) }

// checklistFalls warns who prepares something before it is due, and once it is late also those above them.
func (t *receptionStep) checklistFalls() {
	s := t.s
	for i := range s.Checklist {
		e := &s.Checklist[i]
		owners := []string{e.OwnerID}
		if e.OwnerID == "" {
			owners = t.rules.Org.members(e.TeamID, RoleReceptionClerk)
		}
		due := e.DueAt.Format(time.RFC3339)
		if e.DoneAt == nil && !e.Warned && t.past(&e.WarnAt) {
			e.Warned = true
			if !t.past(&e.DueAt) {
				t.event("checklist_warned", map[string]any{"item": e.Name, "due_at": e.DueAt})
				t.notify("checklist_warned", owners, "item", e.Name, "due_at", due)
			}
		}
		if e.DoneAt == nil && !e.Late && t.past(&e.DueAt) {
			e.Late = true
			people := slices.Clone(owners)
			for _, u := range owners {
				people = append(people, t.rules.Org.Supervisor(u))
			}
			people = append(people, s.RequesterID)
			t.event("checklist_late", map[string]any{"item": e.Name, "due_at": e.DueAt})
			t.notify("checklist_late", people, "item", e.Name, "due_at", due)
		}
	}
}

// members lists the active users of a team with the role, by id.
func (o *Org) members(teamID string, r Role) []string {
	return slices.DeleteFunc(o.WithRole(r), func(u string) bool { return o.Users[u].TeamID != teamID })
}

// remindToSettle tells who asked for the reception, and their superior, that it is not settled.
func (t *receptionStep) remindToSettle() {
	s := t.s
	if !slices.Contains(afterVisit, s.Status) || !t.past(s.SettleBy) {
		return
	}
	s.SettleBy = nil
	t.event("settle_reminded", nil)
	t.notify("settle_reminder", []string{s.RequesterID, t.rules.Org.Supervisor(s.RequesterID)})
}

// claimsEnd ends a cancelled reception when its expenses can no longer be claimed.
func (t *receptionStep) claimsEnd() {
	s := t.s
	if s.Status != ReceptionCancelled || s.Claim != nil || !t.past(s.ClaimUntil) {
		return
	}
	s.ClaimUntil = nil
	t.event("claims_ended", nil)
}

// watchApproval sets the instant at which an approval that is not through is told of: so long before the visit as the
// policy says, but not before its first approvers can have been found.
func (t *receptionStep) watchApproval() {
	a := t.rules.Policy.Document().Approval
	at := t.rules.before(*t.s.StartsAt, a.WarnBefore, a.Clock)
	if earliest := t.at.Add(bundleWindow); at.Before(earliest) {
		at = earliest
	}
	t.s.WarnAt = &at
}

// approvalLate tells the requester, and the superior of each who has not decided, that the visit is near.
func (t *receptionStep) approvalLate() {
	s := t.s
	if s.Status != ReceptionInApproval || s.WarnAt == nil || t.at.Before(*s.WarnAt) {
		return
	}
	s.WarnAt = nil
	people := []string{s.RequesterID}
	for _, u := range t.rules.Deciders {
		if sup := t.rules.Org.Supervisor(u); sup != "" && !oneOf(sup, people...) {
			people = append(people, sup)
		}
	}
	t.event("approval_late", map[string]any{"starts_at": *s.StartsAt, "told": people})
	t.notify("approval_late", people, "due_at", s.StartsAt.Format(time.RFC3339))
}
