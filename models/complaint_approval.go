package models

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// What a case asks an approval for.
const (
	ApproveTransfer  ApprovalPurpose = "transfer"
	ApproveExtension ApprovalPurpose = "extension"
)

// CaseDecided is what a case is told of its approval: an outcome that is told twice counts once.
func CaseDecided(d ApprovalDecided) CaseEvent {
	return CaseEvent{Meta: Meta{RequestID: fmt.Sprintf("approval:%s:%d", d.ApprovalID, d.Seq)}, Action: ActionDecided, Data: raw(d)}
}

// ask orders an approval and returns its id. Who acts in the requester's place has a stake in it like the requester.
func (t *step) ask(purpose ApprovalPurpose, chain string, interested []string, facts ApprovalFacts) string {
	o := ApprovalOrder{
		Verb: ApprovalStart, Seq: t.s.Seq + 1, ID: id.Derive(id.Approval, t.s.ID, fmt.Sprintf("%s/%d", purpose, t.s.Seq+1)),
		Purpose: purpose, Chain: chain, SubjectID: t.s.ID, Number: t.s.Number, RequesterID: t.me.ID, Facts: facts,
	}
	for _, u := range interested {
		if u != "" && u != o.RequesterID && !oneOf(u, o.Interested...) {
			o.Interested = append(o.Interested, u)
		}
	}
	o.Facts.Texts["case.type"], o.Facts.Texts["case.priority"], o.Facts.Texts["client.class"] = string(t.s.Type), t.s.Priority, t.s.ClientClass
	t.s.Orders = append(t.s.Orders, o)
	return o.ID
}

// dropped withdraws the approvals of what the step has given up. It stays ordered until the approval answers.
func (t *step) dropped() {
	for i, o := range t.s.Orders {
		wanted := t.s.Transfer != nil && t.s.Transfer.ApprovalID == o.ID || t.s.Extension != nil && t.s.Extension.ApprovalID == o.ID
		if !wanted && o.Verb == ApprovalStart {
			t.s.Orders[i].Verb, t.s.Orders[i].Seq = ApprovalWithdraw, t.s.Seq
		}
	}
}

// decided takes what an approval tells: an outcome, or that the request was returned to who asked.
func (t *step) decided() error {
	d, err := decode[ApprovalDecided](t)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(t.s.Orders, func(o ApprovalOrder) bool { return o.ID == d.ApprovalID }) {
		return errs.New(errs.Conflict, "case.other_approval")
	}
	if d.Outcome == OutcomeReturned {
		return nil // the approval itself asks for a revision
	}
	t.s.Orders = slices.DeleteFunc(t.s.Orders, func(o ApprovalOrder) bool { return o.ID == d.ApprovalID })
	if d.ByID != "" && d.ByID != System {
		t.actor = d.ByID
	}
	switch {
	case t.s.Transfer != nil && t.s.Transfer.ApprovalID == d.ApprovalID:
		t.transferDecided(d)
	case t.s.Extension != nil && t.s.Extension.ApprovalID == d.ApprovalID:
		return t.extensionDecided(d)
	}
	return nil // of what was given up meanwhile
}

func (t *step) transferDecided(d ApprovalDecided) {
	asked := *t.s.Transfer
	data := map[string]any{"to_id": asked.ToID, "comment": d.Comment, "approval_id": d.ApprovalID}
	if d.Outcome != OutcomeApproved {
		t.s.Transfer = nil
		t.event("accountability_transfer_refused", data)
		t.notify("transfer_refused", []string{asked.AskedBy}, "comment", d.Comment)
		return
	}
	asked.ApprovedBy, asked.ApprovedAt = d.ByID, &t.at
	t.s.Transfer = &asked
	t.event("accountability_transfer_approved", data)
	t.open(TaskAcceptAccountability, asked.ToID, "", nil, "rule", "transfer_approved", "by", d.ByID)
	t.notify("transfer_approved", []string{asked.ToID, asked.AskedBy}, "comment", d.Comment)
}

func (t *step) extensionDecided(d ApprovalDecided) error {
	asked := *t.s.Extension
	t.s.Extension = nil
	data := map[string]any{"milestone": asked.Milestone, "by": asked.By.String(), "comment": d.Comment, "approval_id": d.ApprovalID}
	if d.Outcome != OutcomeApproved {
		t.event("extension_refused", data)
		t.notify("extension_refused", []string{asked.AskedBy}, "milestone", asked.Milestone, "comment", d.Comment)
		return nil
	}
	i := t.s.current(asked.Milestone)
	if i < 0 || !t.s.Promises[i].Open() {
		t.extended(asked, data, d.Comment)
		return nil
	}
	p, effects, err := t.s.Promises[i].Extend(asked.By, asked.AskedAt, t.at, asked.Reason, t.rulesOf(t.s.Promises[i]))
	if errors.Is(err, sla.ErrExtensionTooLate) { // a merge has brought a promise that was broken before it was asked
		return t.bySystem(ruleClock, func() error {
			t.event("extension_refused", data)
			t.notify("extension_too_late", []string{asked.AskedBy}, "milestone", asked.Milestone)
			return nil
		})
	}
	if err != nil {
		return err
	}
	t.s.Promises[i] = p
	t.extended(asked, data, d.Comment)
	t.tell(effects)
	return nil
}

func (t *step) extended(asked ExtensionRequest, data map[string]any, comment string) {
	t.event("extension_approved", data)
	t.notify("extension_approved", []string{asked.AskedBy}, "milestone", asked.Milestone, "comment", comment)
}
