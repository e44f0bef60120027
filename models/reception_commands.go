package models

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// record begins the reception as a draft: what the plan says must be right, but it need not be complete.
func (t *receptionStep) record() error {
	c, err := decodeReception[PlanReception](t)
	if err != nil {
		return err
	}
	if faults := c.Plan.Faults(t.rules); len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	requester := t.actor
	if requester == System {
		requester, t.rule = c.RequesterID, ruleClientPlan
	}
	t.s = &ReceptionState{
		ID: c.ID, Number: c.Number, Status: ReceptionDraft,
		RequesterID: requester, TeamID: t.rules.Org.Users[requester].TeamID, CreatedBy: requester, CreatedAt: t.at,
		PolicyVersion: t.rules.PolicyVersion, CalendarID: t.rules.Calendar.ID(), CalendarVersion: t.rules.Calendar.Version(),
	}
	t.place(c)
	t.event("recorded", map[string]any{"kind": t.s.Kind, "level": t.s.Level, "client_id": t.s.ClientID})
	return nil
}

// place makes the plan the current one, and derives from it what the process must know.
func (t *receptionStep) place(c PlanReception) {
	s, p := t.s, c.Plan.normal(t.rules.Policy.Document().Currency)
	s.ClientID, s.ClientClass, s.AccountManagerID = p.ClientID, c.ClientClass, c.AccountManagerID
	t.arrange(p)
	t.rules.Plans.Current = p
	t.writePlans()
}

// arrange derives the state from a plan.
func (t *receptionStep) arrange(p ReceptionPlan) {
	s := t.s
	s.Kind, s.Level, s.Visitors, s.Identity = p.Kind, p.Level, len(p.Visitors), p.identity()
	s.StartsAt, s.EndsAt, s.Hosts, s.Currency, s.Budget = p.StartsAt, p.EndsAt, slices.Clone(p.Hosts), p.Currency, p.lines()
	if p.ReceptionistID != "" {
		s.ReceptionistID = p.ReceptionistID
	}
	s.Activities = t.activityStates(&p)
	s.Standard = t.rules.Policy.Standard(p.facts(s.ClientClass)).Name
	s.Departures = p.departures(s.ClientClass, t.rules)
}

// writePlans hands the plans over for writing.
func (t *receptionStep) writePlans() {
	plans := t.rules.Plans
	t.Plans = &plans
}

// revise changes the plan. Once it is approved, a change that goes beyond the approval by more than the tolerance asks
// for a new one; any other takes effect at once.
func (t *receptionStep) revise() error {
	c, err := decodeReception[PlanReception](t)
	if err != nil {
		return err
	}
	s, was := t.s, t.rules.Plans.Current
	p := c.Plan.normal(t.rules.Policy.Document().Currency)
	faults := p.Faults(t.rules)
	if s.Frame != nil {
		faults = p.Missing(c.ClientClass, t.at, t.rules)
		if p.StartsAt != nil && s.StartsAt.Equal(*p.StartsAt) { // that it has begun is no fault of this change
			faults = slices.DeleteFunc(faults, func(f errs.Field) bool { return f.Field == "starts_at" && f.Code == "future" })
		}
	}
	if len(s.Approvals) > 0 && p.ClientID != s.ClientID {
		faults = append(faults, errs.Field{Field: "client_id", Code: "fixed"})
	}
	if len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	changes := was.Changes(p)
	t.place(c)
	t.event("revised", map[string]any{"changes": changes})
	if !slices.Contains(ready, s.Status) {
		return nil
	}
	over, beyond := s.beyond(t.rules)
	if !beyond {
		t.align(t.wanted(p))
		t.refreshChecklist()
		t.followDesk()
		t.notify("reception_changed", s.Involved(), "fields", fieldNames(changes))
		return nil
	}
	s.Back, s.Status = s.Status, ReceptionInApproval
	t.rules.Plans.Approved, t.rules.Plans.Submitted = &was, &p
	t.writePlans()
	t.align(t.wanted(p).and(t.wanted(was)))
	t.watchApproval()
	t.ask(ApproveChange, over, changes)
	t.event("change_submitted", map[string]any{"approval_id": s.open().ID, "over": over})
	return nil
}

func fieldNames(changes []FieldChange) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Field
	}
	return strings.Join(names, ", ")
}

// submit checks that the plan is complete, holds money and resources, and asks for approval: anew, or of the approvers
// who returned it, with what has changed since they saw it.
func (t *receptionStep) submit() error {
	s, p := t.s, t.rules.Plans.Current
	if faults := p.Missing(s.ClientClass, t.at, t.rules); len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	t.arrange(p)
	w := t.wanted(p)
	if before := t.rules.Plans.Approved; before != nil {
		w = w.and(t.wanted(*before))
	}
	t.align(w)
	t.settle(TaskDone, kinds(TaskReviseReception))
	s.Status = ReceptionInApproval
	t.watchApproval()
	data := map[string]any{"total": totalOf(s.Budget), "currency": s.Currency}
	if len(s.Departures) > 0 {
		data["departures"] = s.Departures
	}
	if a := s.open(); a != nil {
		var changes []FieldChange
		if seen := t.rules.Plans.Submitted; seen != nil {
			changes = seen.Changes(p)
		}
		var over int64
		if s.Frame != nil {
			over, _ = s.beyond(t.rules)
		}
		a.Returned = false
		t.order(ApprovalResubmit, *a, over, changes)
		data["approval_id"], data["changes"] = a.ID, changes
		t.event("resubmitted", data)
	} else {
		t.ask(ApproveRequest, 0, nil)
		data["approval_id"] = s.open().ID
		t.event("submitted", data)
	}
	t.rules.Plans.Submitted = &p
	t.writePlans()
	return nil
}

// ask starts an approval.
func (t *receptionStep) ask(purpose ApprovalPurpose, over int64, changes []FieldChange) {
	a := ReceptionApproval{
		ID:      id.Derive(id.Approval, t.s.ID, string(purpose)+"/"+strconv.Itoa(len(t.s.Approvals)+1)),
		Purpose: purpose, StartedAt: t.at,
	}
	t.s.Approvals = append(t.s.Approvals, a)
	t.order(ApprovalStart, a, over, changes)
}

// order tells the process what to do with an approval, in the place of what it was told before.
func (t *receptionStep) order(verb ApprovalVerb, a ReceptionApproval, over int64, changes []FieldChange) {
	s := t.s
	o := &ApprovalOrder{
		Verb: verb, Seq: s.Seq + 1, ID: a.ID, Purpose: a.Purpose, Chain: t.rules.Policy.Document().Approval.Chain, SubjectID: s.ID,
		Number: s.Number, RequesterID: s.RequesterID, Facts: s.ApprovalFacts(), Currency: s.Currency, Over: over, Changes: changes, Departures: s.Departures,
	}
	if s.CreatedBy != s.RequesterID {
		o.Interested = append(o.Interested, s.CreatedBy)
	}
	if d := t.deputy(); d != "" && !oneOf(d, o.Interested...) {
		o.Interested = append(o.Interested, d)
	}
	if c := s.Claim; c != nil && a.Purpose == ApproveClaim {
		o.Levels, o.Version = slices.Clone(s.Steps), s.StepsOf
		o.RequesterID, o.Interested = c.By, nil
		for _, u := range []string{c.Deputy, s.RequesterID} { // who asked for the reception did not approve it either
			if u != "" && u != c.By && !oneOf(u, o.Interested...) {
				o.Interested = append(o.Interested, u)
			}
		}
		o.Facts.Numbers["reception.budget_total"] = totalOf(s.Actual()) + c.Total
	}
	o.Facts.Flags["reception.over_budget"] = over > 0
	t.Approval = o
	s.Orders = append(s.withoutOrder(o.ID), *o)
}

// ApprovalFacts are the facts of the reception that the conditions of an approval chain may use, as for a preview.
func (s *ReceptionState) ApprovalFacts() ApprovalFacts {
	return ApprovalFacts{
		Texts:   map[string]string{"reception.level": s.Level, "reception.kind": s.Kind, "client.class": s.ClientClass},
		Numbers: map[string]int64{"reception.budget_total": totalOf(s.Budget), "reception.visitors": int64(s.Visitors)},
		Flags:   map[string]bool{"reception.departs_from_standard": len(s.Departures) > 0, "reception.over_budget": false},
	}
}

// withdraw takes the request back before the approval has ended; of a change, only the change.
func (t *receptionStep) withdraw() error {
	a := t.s.open()
	t.order(ApprovalWithdraw, *a, 0, nil)
	t.conclude(a, OutcomeWithdrawn)
	if t.s.Back != "" {
		t.event("change_withdrawn", nil)
		t.restore()
		return nil
	}
	t.event("withdrawn", nil)
	t.end(ReceptionWithdrawn)
	t.notify("reception_withdrawn", t.s.Involved())
	return nil
}

// cancel calls the visit off before it starts: everything is given back, expenses that were incurred stay claimable.
func (t *receptionStep) cancel() error {
	c, err := decodeReception[Because](t)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return errs.NewInvalid(errs.Field{Field: "reason", Code: "required"})
	}
	s := t.s
	if a := s.open(); a != nil {
		t.order(ApprovalWithdraw, *a, 0, nil)
		t.conclude(a, OutcomeWithdrawn)
	}
	if s.Frame != nil {
		claims := t.rules.Policy.Document().Claims
		until, err := claims.Window.Due(t.at, claims.Clock, t.rules.Calendar)
		if err != nil {
			return err
		}
		s.ClaimUntil = &until
	}
	people := s.Involved()
	if s.Back != "" { // what was approved is what expenses are measured by
		t.planAsApproved()
	}
	t.event("cancelled", map[string]any{"reason": c.Reason})
	t.end(ReceptionCancelled)
	t.notify("reception_cancelled", people, "reason", c.Reason)
	return nil
}

// conclude ends an approval for the reception.
func (t *receptionStep) conclude(a *ReceptionApproval, outcome ApprovalOutcome) {
	a.Outcome, a.EndedAt, a.Returned = outcome, &t.at, false
	t.s.WarnAt = nil
}

// end ends the reception before the visit: nothing is held any more, no task is open.
func (t *receptionStep) end(status ReceptionStatus) {
	t.s.Status, t.s.ClosedAt = status, &t.at
	t.freeAll()
	t.settle(TaskCancelled, everyTask)
}

// deactivate hands over what somebody who left had to do with the reception.
func (t *receptionStep) deactivate() error {
	c, err := decodeReception[Deactivate](t)
	if err != nil {
		return err
	}
	s := t.s
	hasTask := func(task Task) bool { return task.UserID == c.UserID }
	if s.Over(t.at) || !oneOf(c.UserID, s.Involved()...) && !slices.ContainsFunc(s.Tasks, hasTask) {
		return errs.New(errs.Conflict, "reception.uninvolved")
	}
	heir, ok := t.rules.Org.Users[c.HeirID]
	if !ok || !heir.Active {
		return errs.New(errs.Conflict, "reception.no_heir", "number", s.Number)
	}
	inherit := func(userID *string) {
		if *userID == c.UserID {
			*userID = c.HeirID
		}
	}
	plan := t.rules.Plans.Current.normal(s.Currency)
	asked := s.RequesterID == c.UserID
	for _, part := range []*string{&s.RequesterID, &s.AccountManagerID} {
		inherit(part)
	}
	if a := s.open(); a != nil && asked { // else the approval would hear only whom it knows, and let the heir decide
		t.order(ApprovalHandOver, *a, 0, nil)
	}
	for _, part := range []*string{&s.ReceptionistID, &plan.ReceptionistID} {
		if inherit(part); *part == c.HeirID && !May(heir.Roles, PermReceptionPrepare) {
			*part = "" // the reception desk names another one
		}
	}
	plan.Hosts = heirs(plan.Hosts, c.UserID, c.HeirID)
	s.Hosts = slices.Clone(plan.Hosts)
	for i := range plan.Activities {
		inherit(&plan.Activities[i].OwnerID)
	}
	for i := range s.Activities {
		inherit(&s.Activities[i].OwnerID)
	}
	for i := range s.Needs {
		inherit(&s.Needs[i].OwnerID)
	}
	for i := range s.Checklist {
		inherit(&s.Checklist[i].OwnerID)
	}
	t.rules.Plans.Current = plan
	t.writePlans()
	t.event("inherited", map[string]any{"from_id": c.UserID, "to_id": c.HeirID})
	left := slices.DeleteFunc(slices.Clone(s.Tasks), func(task Task) bool { return !hasTask(task) })
	t.settle(TaskCancelled, hasTask)
	for _, task := range left {
		if task.Kind != TaskCheckClaim { // a claim is for whoever may pay it
			t.openTask(task.Kind, c.HeirID, "", task.DueAt, "rule", cmp.Or(c.Rule, ruleLeft), "item", task.Why["item"])
		}
	}
	if claimInCheck(s) && !slices.ContainsFunc(s.Tasks, kinds(TaskCheckClaim)) {
		t.toFinance()
	}
	t.notify("reception_inherited", []string{c.HeirID})
	return nil
}

// heirs puts the heir in the place of who left, once.
func heirs(users []string, left, heir string) []string {
	var list []string
	for _, u := range users {
		if u == left {
			u = heir
		}
		if !slices.Contains(list, u) {
			list = append(list, u)
		}
	}
	return list
}
