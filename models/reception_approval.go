package models

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// ReceptionDecidedBy is what a reception is told of its approval: an outcome that is told twice counts once.
func ReceptionDecidedBy(d ApprovalDecided) ReceptionEvent {
	return ReceptionEvent{Meta: Meta{RequestID: fmt.Sprintf("approval:%s:%d", d.ApprovalID, d.Seq)}, Action: ReceptionDecide, Data: raw(d)}
}

// withoutOrder lists the orders but that of the approval.
func (s *ReceptionState) withoutOrder(approvalID string) []ApprovalOrder {
	var rest []ApprovalOrder
	for _, o := range s.Orders {
		if o.ID != approvalID {
			rest = append(rest, o)
		}
	}
	return rest
}

// decide takes what an approval answers. One that was given up meanwhile only ends its order; one that has answered
// before, or was never asked, is a conflict and changes nothing.
func (t *receptionStep) decide() error {
	d, err := decodeReception[ApprovalDecided](t)
	if err != nil {
		return err
	}
	waits := slices.ContainsFunc(t.s.Orders, func(o ApprovalOrder) bool { return o.ID == d.ApprovalID })
	if d.Outcome != OutcomeReturned {
		t.s.Orders = t.s.withoutOrder(d.ApprovalID)
	}
	a := t.s.open()
	if waits && d.Outcome != OutcomeReturned && (a == nil || a.ID != d.ApprovalID) {
		return nil
	}
	if a == nil || a.ID != d.ApprovalID || a.Returned && d.Outcome != OutcomeWithdrawn {
		return errs.New(errs.Conflict, "reception.other_approval")
	}
	if d.Outcome == OutcomeApproved {
		for _, u := range d.Approvers {
			if u != System && !oneOf(u, t.s.Approvers...) {
				t.s.Approvers = append(t.s.Approvers, u)
			}
		}
	}
	data := map[string]any{"approval_id": d.ApprovalID, "by_id": d.ByID, "comment": d.Comment}
	switch {
	case a.Purpose == ApproveClaim:
		return t.claimDecided(a, d, data)
	case d.Outcome == OutcomeReturned:
		t.returned(a, d, data)
	case a.Purpose == ApproveChange:
		t.changeDecided(a, d, data)
	default:
		return t.requestDecided(a, d, data)
	}
	return nil
}

// returned gives the request back to its requester; what it holds stays held.
func (t *receptionStep) returned(a *ReceptionApproval, d ApprovalDecided, data map[string]any) {
	a.Returned = true
	t.s.Status = ReceptionDraft
	t.event("returned", data)
	t.openTask(TaskReviseReception, t.s.RequesterID, "", t.s.StartsAt, "rule", ruleApproval, "comment", d.Comment)
	t.notify("reception_returned", []string{t.s.RequesterID}, "comment", d.Comment)
}

func (t *receptionStep) requestDecided(a *ReceptionApproval, d ApprovalDecided, data map[string]any) error {
	s := t.s
	t.conclude(a, d.Outcome)
	switch d.Outcome {
	case OutcomeApproved:
		s.Status = ReceptionApproved
		t.frame(d)
		t.event("approved", data)
		t.refreshChecklist()
		user, team := t.desk()
		t.openTask(TaskPrepareReception, user, team, s.StartsAt, "rule", ruleApproval)
		t.notify("reception_approved", s.Involved())
	case OutcomeRejected:
		t.event("rejected", data)
		t.end(ReceptionRejected)
		t.notify("reception_rejected", []string{s.RequesterID}, "comment", d.Comment)
	case OutcomeWithdrawn:
		t.event("withdrawn", data)
		t.end(ReceptionWithdrawn)
		t.notify("reception_withdrawn", s.Involved())
	default:
		return errs.NewInvalid(errs.Field{Field: "outcome", Code: "oneof", Args: errs.Args("values", "approved, rejected, returned, withdrawn")})
	}
	return nil
}

// changeDecided lets the change take effect, or what was approved before stand. Either is held already.
func (t *receptionStep) changeDecided(a *ReceptionApproval, d ApprovalDecided, data map[string]any) {
	s := t.s
	t.conclude(a, d.Outcome)
	if d.Outcome != OutcomeApproved {
		t.event("change_"+string(d.Outcome), data)
		t.restore()
		t.notify("change_refused", []string{s.RequesterID}, "comment", d.Comment)
		return
	}
	s.Status, s.Back = s.Back, ""
	t.frame(d)
	t.event("change_approved", data)
	t.rules.Plans.Approved = nil
	t.writePlans()
	t.align(t.wanted(t.rules.Plans.Current))
	t.refreshChecklist()
	t.followDesk()
	t.notify("reception_changed", s.Involved(), "fields", "")
}

// frame notes what was approved, and by which levels: expenses beyond it go back through them.
func (t *receptionStep) frame(d ApprovalDecided) {
	s := t.s
	s.Steps, s.StepsOf = slices.Clone(d.Steps), d.PolicyVersion
	s.Frame = &ReceptionFrame{
		Kind: s.Kind, Level: s.Level, Total: totalOf(s.Budget), Length: s.EndsAt.Sub(*s.StartsAt), Departures: slices.Clone(s.Departures),
	}
}

// restore makes the plan that was approved the current one again.
func (t *receptionStep) restore() {
	t.s.Status = t.s.Back
	t.settle(TaskCancelled, kinds(TaskReviseReception))
	t.planAsApproved()
	t.align(t.wanted(t.rules.Plans.Current))
	t.refreshChecklist()
	t.followDesk()
}

// planAsApproved drops the change that was not decided. Whoever has left since then is followed by their superior, else by
// the requester; another receptionist is for the desk to name.
func (t *receptionStep) planAsApproved() {
	org := t.rules.Org
	follower := func(u string) string { return cmp.Or(org.active(u), org.Supervisor(u), t.s.RequesterID) }
	p := t.rules.Plans.Approved.normal(t.s.Currency)
	for _, u := range slices.Clone(p.Hosts) {
		p.Hosts = heirs(p.Hosts, u, follower(u))
	}
	for i, a := range p.Activities {
		if a.OwnerID != "" {
			p.Activities[i].OwnerID = follower(a.OwnerID)
		}
	}
	p.ReceptionistID = org.active(p.ReceptionistID)
	t.s.Back = ""
	t.arrange(p)
	t.rules.Plans = ReceptionPlans{Current: p, Submitted: &p}
	t.writePlans()
}
