package models

import (
	"cmp"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// record begins the case: the employee whom the client contacted first is accountable (C-01) and handler.
func (t *step) record() error {
	c, err := decode[RecordCase](t)
	if err != nil {
		return err
	}
	if err := t.person("first_contact_id", c.FirstContactID); err != nil {
		return err
	}
	t.s = &CaseState{
		ID: c.ID, Number: c.Number, Type: c.Type, Status: CaseOpen, Impact: c.Impact, Urgency: c.Urgency, Category: c.Category, Channel: c.Channel,
		Priority: t.rules.Policy.Priority(c.Impact, c.Urgency, c.ClientClass),
		ClientID: c.ClientID, ClientClass: c.ClientClass, ClientRegion: c.ClientRegion, AccountManagerID: c.AccountManagerID, ClientMail: c.Contact.Email != "", ResponseID: c.ResponseID,
		CreatedBy: t.actor, CreatedAt: t.at,
		PolicyVersion: t.rules.PolicyVersion, CalendarID: t.rules.Calendar.ID(), CalendarVersion: t.rules.Calendar.Version(),
	}
	t.Record = &CaseRecord{Subject: c.Subject, Description: c.Description, Contact: c.Contact, OccurredAt: c.OccurredAt, ExternalRef: c.ExternalRef}
	t.entrust(c.FirstContactID)
	t.event("recorded", map[string]any{
		"type": c.Type, "channel": c.Channel, "priority": t.s.Priority, "accountable_id": c.FirstContactID,
	})
	if err := t.start("recorded"); err != nil {
		return err
	}
	t.hand(c.FirstContactID)
	t.notify("case_recorded", []string{c.FirstContactID})
	if oneOf(c.ClientClass, "S", "A") {
		t.notify("key_client_case", []string{c.AccountManagerID}, "class", c.ClientClass)
	}
	return nil
}

// respond answers the client: the first answer meets first_response, later ones are interim replies (C-22).
func (t *step) respond() error {
	c, err := decode[Respond](t)
	if err != nil {
		return err
	}
	t.event("responded", map[string]any{"message": c.Message})
	t.work()
	t.settle(TaskDone, kinds(TaskCallBack))
	if err := t.stop("responded"); err != nil {
		return err
	}
	if oneOf(t.s.Channel, "email", "web") {
		t.notifyClient("client_answer", "message", c.Message)
	}
	return t.nextReply()
}

// work moves a fresh case on: somebody has begun.
func (t *step) work() {
	if t.s.Status == CaseOpen {
		t.s.Status = CaseInProgress
	}
}

// wait gives the ball to the client and pauses what the policy says.
func (t *step) wait() error {
	c, err := decode[Wait](t)
	if err != nil {
		return err
	}
	doc := t.rules.Policy.Document().Waiting
	w := &Waiting{Since: t.at}
	if w.NextChaserAt, err = t.due(doc.Chaser, doc.Clock); err != nil {
		return err
	}
	data := map[string]any{"reason": c.Reason}
	if until, err := time.Parse(time.RFC3339Nano, c.Until); err == nil {
		if !until.After(t.at) {
			return errs.NewInvalid(errs.Field{Field: "until", Code: "future"})
		}
		until = until.UTC()
		w.Until, data["until"] = &until, until
	}
	t.s.Waiting, t.s.Status = w, CaseWaitingCustomer
	t.event("waiting", data)
	return t.pause()
}

func (t *step) resume() error { return t.endWait() }

// endWait takes the ball back.
func (t *step) endWait() error {
	t.s.Status = CaseInProgress
	t.event("resumed", nil)
	err := t.unpause()
	t.s.Waiting = nil
	return err
}

// clientMessage records that the client has written or called; it ends a wait.
func (t *step) clientMessage() error {
	c, err := decode[Note](t)
	if err != nil {
		return err
	}
	t.event("client_message", map[string]any{"text": c.Text})
	t.notify("client_message", []string{t.s.AssigneeID})
	switch t.s.Status {
	case CaseWaitingCustomer:
		return t.bySystem("client_message", t.endWait)
	case CaseResolved: // a client who speaks is not silent (C-23)
		t.notify("client_message", []string{t.s.AccountableID})
		return t.awaitConfirmation()
	}
	return nil
}

func (t *step) note() error {
	c, err := decode[Note](t)
	if err != nil {
		return err
	}
	t.event("noted", map[string]any{"text": c.Text, "visibility": c.Visibility})
	return nil
}

// prioritize judges impact and urgency anew; what was promised follows by the policy's choice.
func (t *step) prioritize() error {
	c, err := decode[Prioritize](t)
	if err != nil {
		return err
	}
	t.s.Impact, t.s.Urgency, t.s.Raised = c.Impact, c.Urgency, 0
	return t.reprioritize(t.rules.Policy.Priority(c.Impact, c.Urgency, t.s.ClientClass), c.Reason)
}

// reprioritize sets the priority and retargets the open promises to those that the policy gives now.
func (t *step) reprioritize(priority, reason string) error {
	from := t.s.Priority
	t.s.Priority = priority
	t.event("prioritised", map[string]any{"from": from, "to": priority, "impact": t.s.Impact, "urgency": t.s.Urgency, "reason": reason})
	if from == priority {
		return nil
	}
	_, defs := t.rules.Policy.Match(t.facts())
	for _, def := range defs {
		i := t.s.current(def.Name)
		if i < 0 || !t.s.Promises[i].Open() {
			continue
		}
		p, effects, err := t.s.Promises[i].Retarget(def, t.at, t.rulesOf(t.s.Promises[i]))
		if err != nil {
			return err
		}
		t.s.Promises[i] = p
		t.tell(effects)
	}
	return nil
}

// escalate asks the next level for help (C-30): supervisor, then manager, then director.
func (t *step) escalate() error {
	c, err := decode[Because](t)
	if err != nil {
		return err
	}
	t.s.EscalationLevel++
	relation := [...]string{"supervisor", "manager", "director"}[min(t.s.EscalationLevel, 3)-1]
	people := t.rules.Org.Relation(relation, t.s)
	t.event("escalated", map[string]any{"level": t.s.EscalationLevel, "reason": c.Reason, "told": people})
	t.notify("case_escalated", people, "reason", c.Reason)
	if len(people) > 0 {
		t.open(TaskSupervise, people[0], "", nil, "rule", "escalated_by_hand", "reason", c.Reason)
	}
	return nil
}

// extend asks for an approval of more time; the promise runs on until then.
func (t *step) extend() error {
	c, err := decode[Extend](t)
	if err != nil {
		return err
	}
	by, err := sla.ParseSpan(c.By)
	if err != nil {
		return errs.NewInvalid(errs.Field{Field: "by", Code: "span"})
	}
	i := t.s.current(c.Milestone)
	if i < 0 {
		return errs.NewInvalid(errs.Field{Field: "milestone", Code: "unknown"})
	}
	now, _, err := t.s.Promises[i].Tick(t.at, t.rulesOf(t.s.Promises[i])) // it may have been broken a moment ago
	switch {
	case err != nil:
		return err
	case !extendable(now):
		return errs.New(errs.Conflict, "case.not_extendable", "milestone", c.Milestone, "state", string(now.State))
	case len(t.s.Promises[i].Extensions) >= t.rules.Policy.Document().Extension.Max:
		return errs.New(errs.Conflict, "case.extended_enough", "milestone", c.Milestone)
	}
	asked := ExtensionRequest{Milestone: c.Milestone, By: by, Reason: c.Reason, AskedBy: t.me.ID, Deputy: t.deputy(), AskedAt: t.at}
	asked.ApprovalID = t.ask(ApproveExtension, cmp.Or(t.rules.Policy.Document().Extension.Chain, ChainExtension), []string{asked.Deputy}, ApprovalFacts{
		Texts:   map[string]string{"case.accountable_id": t.s.AccountableID, "extension.milestone": c.Milestone},
		Numbers: map[string]int64{"extension.count": int64(len(t.s.Promises[i].Extensions))},
	})
	t.s.Extension = &asked
	t.event("extension_asked", map[string]any{"milestone": c.Milestone, "by": c.By, "reason": c.Reason, "approval_id": asked.ApprovalID})
	return nil
}

func (t *step) resolve() error {
	c, err := decode[Resolve](t)
	if err != nil {
		return err
	}
	return t.settleCase(CaseResolution{Resolution: c.Resolution, RootCause: c.RootCause, By: t.me.ID})
}

// settleCase resolves the case: the promises are kept, open matters end, and the client is asked to confirm.
func (t *step) settleCase(r CaseResolution) error {
	if err := t.awaitConfirmation(); err != nil {
		return err
	}
	if t.s.Status == CaseWaitingCustomer { // the pause ends before the promise is kept
		if err := t.unpause(); err != nil {
			return err
		}
	}
	t.s.Status, t.s.Waiting = CaseResolved, nil
	t.s.ResolvedAt = &t.at
	t.s.Offer, t.s.Adjudicating, t.s.Extension = nil, false, nil
	t.event("resolved", map[string]any{"resolution": r.Resolution, "root_cause": r.RootCause, "confirm_by": *t.s.ConfirmBy})
	t.settle(TaskDone, kinds(TaskHandle, TaskCallBack))
	t.settle(TaskCancelled, kinds(TaskAccept, TaskAdjudicate, TaskSupervise))
	for _, event := range []string{"responded", "resolved"} { // an answer that solves the matter is an answer
		if err := t.stop(event); err != nil {
			return err
		}
	}
	if err := t.cancelPromises(MilestoneUpdate); err != nil {
		return err
	}
	t.Resolution = &r
	t.askClient()
	t.notify("case_resolved", []string{t.s.AccountableID})
	if r.By == System {
		t.notifyClient("client_no_answer")
	} else {
		t.notifyClient("client_resolved", "resolution", r.Resolution)
	}
	return nil
}

// awaitConfirmation gives the client the policy's window, from now on, after which silence closes the case.
func (t *step) awaitConfirmation() error {
	window := t.rules.Policy.Document().Confirmation
	until, err := t.due(window.Window, window.Clock)
	if err != nil {
		return err
	}
	t.s.ConfirmBy = &until
	return nil
}

func (t *step) closeByHand() error {
	c, err := decode[Because](t)
	if err != nil {
		return err
	}
	return t.shut("supervisor", c.Reason)
}

// shut closes a solved case; it can be reopened within the policy's window, after which its process ends.
func (t *step) shut(how, reason string) error {
	window := t.rules.Policy.Document().Reopen
	until, err := t.due(window.Window, window.Clock)
	if err != nil {
		return err
	}
	t.s.Status, t.s.ClosedAt, t.s.ReopenUntil, t.s.ConfirmBy = CaseClosed, &t.at, &until, nil
	t.s.Transfer = nil
	t.event("closed", map[string]any{"how": how, "reason": reason, "reopen_until": until})
	t.settle(TaskCancelled, everyTask)
	if err := t.cancelPromises(); err != nil {
		return err
	}
	t.notify("case_closed", []string{t.s.AccountableID})
	return nil
}

// reopen takes up a case whose solution did not hold: the accountable person calls back within a working day, and the
// second time the priority rises one step.
func (t *step) reopen() error {
	c, err := decode[Because](t)
	if err != nil {
		return err
	}
	return t.reopenBecause(c.Reason, "case_reopened", "reason", c.Reason)
}

// reopenBecause reopens the case and tells its people by the notice.
func (t *step) reopenBecause(reason, notice string, pairs ...string) error {
	t.s.Status, t.s.ClosedAt, t.s.ReopenUntil, t.s.ConfirmBy, t.s.ResolvedAt = CaseInProgress, nil, nil, nil, nil
	t.s.ReopenCount++
	t.event("reopened", map[string]any{"reason": reason, "count": t.s.ReopenCount})
	if err := t.heirsOfLeavers(); err != nil {
		return err
	}
	for i, p := range t.s.Promises {
		if p.StopsOn != "resolved" || t.s.current(p.Name) != i {
			continue
		}
		kept, next, effects, err := p.Reopen(t.at, t.rules.sla())
		if err != nil {
			return err
		}
		t.s.Promises[i] = kept
		if next != nil {
			t.s.Promises = append(t.s.Promises, *next)
		}
		t.tell(effects)
	}
	if err := t.nextReply(); err != nil {
		return err
	}
	t.hand(t.s.AssigneeID)
	due, err := t.due(sla.Span{Days: 1}, sla.Working)
	if err != nil {
		return err
	}
	t.open(TaskCallBack, t.s.AccountableID, "", &due, append([]string{"rule", "reopened"}, pairs...)...)
	t.notify(notice, []string{t.s.AccountableID, t.s.AssigneeID}, pairs...)
	if t.s.ReopenCount != 2 || t.s.Priority == "P1" {
		return nil
	}
	t.s.Raised++
	return t.bySystem("second_reopening", func() error {
		return t.reprioritize(policy.RaisePriority(t.s.Priority), "reopened")
	})
}

// cancel ends a case that should not be worked on; it stays visible in every report of cancelled cases.
func (t *step) cancel() error {
	c, err := decode[Because](t)
	if err != nil {
		return err
	}
	t.s.Status, t.s.ClosedAt = CaseCancelled, &t.at
	t.s.Offer, t.s.Transfer, t.s.Extension, t.s.Waiting, t.s.Adjudicating = nil, nil, nil, nil, false
	t.event("cancelled", map[string]any{"reason": c.Reason})
	t.settle(TaskCancelled, everyTask)
	if err := t.cancelPromises(); err != nil {
		return err
	}
	t.notify("case_cancelled", []string{t.s.AccountableID, t.s.AssigneeID}, "reason", c.Reason)
	return nil
}
