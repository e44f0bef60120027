package models

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
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
		ClientID: c.ClientID, ClientClass: c.ClientClass, ClientRegion: c.ClientRegion, AccountManagerID: c.AccountManagerID, ClientMail: c.Contact.Email != "",
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
	if t.s.Status == CaseWaitingCustomer {
		return nil
	}
	return t.replied()
}

// work moves a fresh case on: somebody has begun.
func (t *step) work() {
	if t.s.Status == CaseOpen {
		t.s.Status = CaseInProgress
	}
}

// assign offers the case to a person or a team; until somebody accepts, the handler keeps it and the clock.
func (t *step) assign() error {
	c, err := decode[Assign](t)
	if err != nil {
		return err
	}
	if (c.AssigneeID == "") == (c.TeamID == "") {
		return errs.NewInvalid(errs.Field{Field: "assignee_id", Code: "one_receiver"})
	}
	if c.AssigneeID != "" {
		if err := t.person("assignee_id", c.AssigneeID); err != nil {
			return err
		}
		if c.AssigneeID == t.s.AssigneeID {
			return errs.New(errs.Conflict, "case.already_handler")
		}
	} else if _, ok := t.rules.Org.Teams[c.TeamID]; !ok {
		return errs.NewInvalid(errs.Field{Field: "team_id", Code: "unknown"})
	}
	target := t.rules.Policy.Document().Handover
	expires, err := t.due(target.Target, target.Clock)
	if err != nil {
		return err
	}
	data := map[string]any{"to_id": c.AssigneeID, "team_id": c.TeamID, "expires_at": expires}
	if c.Note != "" {
		data["note"] = c.Note
	}
	if t.s.Offer != nil { // the one who may assign may also offer it elsewhere; the first receiver is told
		data["replaces"] = map[string]string{"to_id": t.s.Offer.ToID, "team_id": t.s.Offer.TeamID}
		t.notify("offer_withdrawn", []string{t.s.Offer.ToID})
		t.settle(TaskCancelled, kinds(TaskAccept))
	}
	by := t.actor
	if t.behalf != "" {
		by = t.behalf
	}
	t.s.Offer = &Offer{ToID: c.AssigneeID, TeamID: c.TeamID, ByID: by, At: t.at, ExpiresAt: expires}
	t.event("offered", data)
	t.open(TaskAccept, c.AssigneeID, c.TeamID, &expires, "rule", "handover", "by", by)
	t.notify("case_offered", []string{c.AssigneeID}, "expires_at", expires.Format(time.RFC3339))
	return nil
}

// accept makes the receiver the handler: the person of the offer, or the member of the team who was first.
func (t *step) accept() error {
	old := t.s.AssigneeID
	t.s.Offer = nil
	t.s.Bounces = 0
	t.settle(TaskDone, kinds(TaskAccept))
	t.event("accepted", map[string]any{"from_id": old, "assignee_id": t.me.ID})
	t.hand(t.me.ID)
	t.work()
	t.notify("case_accepted", []string{old})
	return nil
}

// decline gives an offer back with a reason. It counts as a bounce (C-02); after too many the supervisor adjudicates.
func (t *step) decline() error {
	c, err := decode[Because](t)
	if err != nil {
		return err
	}
	t.s.Bounces++
	t.s.Offer = nil
	t.settle(TaskDone, kinds(TaskAccept))
	t.event("declined", map[string]any{"reason": c.Reason, "bounces": t.s.Bounces})
	t.notify("offer_declined", []string{t.s.AssigneeID}, "reason", c.Reason)
	if t.s.Bounces < t.rules.Policy.Document().Handover.BouncesBeforeAdjudication {
		return nil
	}
	return t.bySystem(ruleBounces, func() error {
		t.s.Adjudicating = true
		supervisor := t.rules.Org.Supervisor(t.s.AccountableID)
		t.event("adjudication_asked", map[string]any{"bounces": t.s.Bounces, "supervisor_id": supervisor})
		if supervisor != "" {
			t.open(TaskAdjudicate, supervisor, "", nil, "rule", ruleBounces)
			t.notify("adjudication_asked", []string{supervisor})
		}
		return nil
	})
}

// adjudicate is the supervisor's binding assignment: nobody is asked.
func (t *step) adjudicate() error {
	c, err := decode[Adjudicate](t)
	if err != nil {
		return err
	}
	if err := t.person("assignee_id", c.AssigneeID); err != nil {
		return err
	}
	old := t.s.AssigneeID
	t.s.Offer, t.s.Bounces, t.s.Adjudicating = nil, 0, false
	t.settle(TaskDone, kinds(TaskAdjudicate))
	t.settle(TaskCancelled, kinds(TaskAccept))
	t.event("adjudicated", map[string]any{"assignee_id": c.AssigneeID, "from_id": old, "reason": c.Reason})
	if c.AssigneeID != old {
		t.hand(c.AssigneeID)
	}
	t.notify("case_assigned", []string{c.AssigneeID, old}, "reason", c.Reason)
	return nil
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
	t.s.Waiting, t.s.Status = nil, CaseInProgress
	t.event("resumed", nil)
	return t.unpause()
}

// clientMessage records that the client has written or called; it ends a wait.
func (t *step) clientMessage() error {
	c, err := decode[Note](t)
	if err != nil {
		return err
	}
	t.event("client_message", map[string]any{"text": c.Text})
	t.notify("client_message", []string{t.s.AssigneeID})
	if t.s.Status != CaseWaitingCustomer {
		return nil
	}
	return t.bySystem("client_message", t.endWait)
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

// transfer asks the supervisor to move accountability; it moves only when approved and then accepted.
func (t *step) transfer() error {
	c, err := decode[TransferAccountability](t)
	if err != nil {
		return err
	}
	if err := t.person("to_id", c.ToID); err != nil {
		return err
	}
	if c.ToID == t.s.AccountableID {
		return errs.New(errs.Conflict, "case.already_accountable")
	}
	t.s.Transfer = &Transfer{ToID: c.ToID, AskedBy: t.me.ID, Deputy: t.deputy(), AskedAt: t.at}
	t.event("accountability_transfer_asked", map[string]any{"to_id": c.ToID, "reason": c.Reason})
	return t.askDecision(TaskDecideAccountability, "transfer_asked", c.Reason, t.s.Transfer.interested())
}

// askDecision gives a supervisor's decision to the nearest person up the line who is not interested in it.
func (t *step) askDecision(task, kind, reason string, interested []string) error {
	decider := t.decider(t.rules.Org.Supervisor(t.s.AccountableID), interested)
	if decider == "" {
		return errs.New(errs.Conflict, "case.nobody_decides")
	}
	t.open(task, decider, "", nil, "rule", "supervisor_decides", "reason", reason)
	t.notify(kind, []string{decider}, "reason", reason)
	return nil
}

// decider is the user, or else the nearest person above them who is not interested. Empty when there is nobody.
func (t *step) decider(userID string, interested []string) string {
	for userID != "" && oneOf(userID, interested...) {
		userID = t.rules.Org.Manager(userID)
	}
	return userID
}

func (t *step) decideTransfer() error {
	c, err := decode[Decide](t)
	if err != nil {
		return err
	}
	asked := *t.s.Transfer
	t.settle(TaskDone, kinds(TaskDecideAccountability))
	data := map[string]any{"to_id": asked.ToID, "comment": c.Comment}
	if !c.Approve {
		t.s.Transfer = nil
		t.event("accountability_transfer_refused", data)
		t.notify("transfer_refused", []string{asked.AskedBy}, "comment", c.Comment)
		return nil
	}
	asked.ApprovedBy, asked.ApprovedAt = t.me.ID, &t.at
	t.s.Transfer = &asked
	t.event("accountability_transfer_approved", data)
	t.open(TaskAcceptAccountability, asked.ToID, "", nil, "rule", "transfer_approved", "by", t.me.ID)
	t.notify("transfer_approved", []string{asked.ToID, asked.AskedBy}, "comment", c.Comment)
	return nil
}

func (t *step) acceptAccountability() error {
	from := t.s.AccountableID
	asked := *t.s.Transfer
	t.s.Transfer = nil
	t.settle(TaskDone, kinds(TaskAcceptAccountability))
	t.event("accountability_transferred", map[string]any{"from_id": from, "to_id": asked.ToID, "approved_by": asked.ApprovedBy})
	t.entrust(asked.ToID)
	t.notify("accountability_transferred", []string{from, asked.ToID, asked.AskedBy})
	return nil
}

func (t *step) refuseAccountability() error {
	c, err := decode[Because](t)
	if err != nil {
		return err
	}
	asked := *t.s.Transfer
	t.s.Transfer = nil
	t.settle(TaskDone, kinds(TaskAcceptAccountability))
	t.event("accountability_transfer_refused", map[string]any{"to_id": asked.ToID, "reason": c.Reason})
	t.notify("transfer_refused", []string{asked.AskedBy, asked.ApprovedBy}, "comment", c.Reason)
	return nil
}

// extend asks a supervisor for more time; the promise runs on until then.
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
	switch {
	case i < 0:
		return errs.NewInvalid(errs.Field{Field: "milestone", Code: "unknown"})
	case !t.s.Promises[i].Open() || t.s.Promises[i].State == sla.Breached:
		return errs.New(errs.Conflict, "case.not_extendable", "milestone", c.Milestone, "state", string(t.s.Promises[i].State))
	case len(t.s.Promises[i].Extensions) >= t.rules.Policy.Document().Extension.Max:
		return errs.New(errs.Conflict, "case.extended_enough", "milestone", c.Milestone)
	}
	t.s.Extension = &ExtensionRequest{Milestone: c.Milestone, By: by, Reason: c.Reason, AskedBy: t.me.ID, Deputy: t.deputy(), AskedAt: t.at}
	t.event("extension_asked", map[string]any{"milestone": c.Milestone, "by": c.By, "reason": c.Reason})
	return t.askDecision(TaskDecideExtension, "extension_asked", c.Reason, t.s.Extension.interested())
}

func (t *step) decideExtension() error {
	c, err := decode[Decide](t)
	if err != nil {
		return err
	}
	asked := *t.s.Extension
	t.s.Extension = nil
	t.settle(TaskDone, kinds(TaskDecideExtension))
	data := map[string]any{"milestone": asked.Milestone, "by": asked.By.String(), "comment": c.Comment}
	if !c.Approve {
		t.event("extension_refused", data)
		t.notify("extension_refused", []string{asked.AskedBy}, "milestone", asked.Milestone, "comment", c.Comment)
		return nil
	}
	t.event("extension_approved", data)
	if i := t.s.current(asked.Milestone); i >= 0 && t.s.Promises[i].Open() {
		p, effects, err := t.s.Promises[i].Extend(asked.By, asked.AskedAt, t.at, asked.Reason, t.rulesOf(t.s.Promises[i]))
		if err != nil {
			return err
		}
		t.s.Promises[i] = p
		t.tell(effects)
	}
	t.notify("extension_approved", []string{asked.AskedBy}, "milestone", asked.Milestone, "comment", c.Comment)
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
	window := t.rules.Policy.Document().Confirmation
	confirm, err := t.due(window.Window, window.Clock)
	if err != nil {
		return err
	}
	if t.s.Status == CaseWaitingCustomer { // the pause ends before the promise is kept
		if err := t.unpause(); err != nil {
			return err
		}
	}
	t.s.Status, t.s.Waiting = CaseResolved, nil
	t.s.ResolvedAt, t.s.ConfirmBy = &t.at, &confirm
	t.s.Offer, t.s.Adjudicating, t.s.Extension = nil, false, nil
	t.event("resolved", map[string]any{"resolution": r.Resolution, "root_cause": r.RootCause, "confirm_by": confirm})
	t.settle(TaskDone, kinds(TaskHandle, TaskCallBack))
	t.settle(TaskCancelled, kinds(TaskAccept, TaskAdjudicate, TaskSupervise, TaskDecideExtension))
	for _, event := range []string{"responded", "resolved"} { // an answer that solves the matter is an answer
		if err := t.stop(event); err != nil {
			return err
		}
	}
	if err := t.cancelPromises(MilestoneUpdate); err != nil {
		return err
	}
	t.Resolution = &r
	t.notify("case_resolved", []string{t.s.AccountableID})
	t.notifyClient("client_resolved", "resolution", r.Resolution)
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
	t.s.Status, t.s.ClosedAt, t.s.ReopenUntil, t.s.ConfirmBy, t.s.ResolvedAt = CaseInProgress, nil, nil, nil, nil
	t.s.ReopenCount++
	t.event("reopened", map[string]any{"reason": c.Reason, "count": t.s.ReopenCount})
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
	t.hand(t.s.AssigneeID)
	due, err := t.due(sla.Span{Days: 1}, sla.Working)
	if err != nil {
		return err
	}
	t.open(TaskCallBack, t.s.AccountableID, "", &due, "rule", "reopened", "reason", c.Reason)
	t.notify("case_reopened", []string{t.s.AccountableID, t.s.AssigneeID}, "reason", c.Reason)
	if t.s.ReopenCount != 2 || t.s.Priority == "P1" {
		return nil
	}
	t.s.Raised++
	return t.bySystem("second_reopening", func() error {
		return t.reprioritize(raised(t.s.Priority), "reopened")
	})
}

func raised(priority string) string {
	switch priority {
	case "P4":
		return "P3"
	case "P3":
		return "P2"
	default:
		return "P1"
	}
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

// deactivate hands what a leaver holds to their heir, the supervisor: a leaver never owns anything.
func (t *step) deactivate() error {
	c, err := decode[Deactivate](t)
	if err != nil {
		return err
	}
	return t.inherit(c.UserID, c.HeirID)
}

// heirsOfLeavers moves a case that is taken up again away from people who left while it was closed.
func (t *step) heirsOfLeavers() error {
	for _, u := range []string{t.s.AccountableID, t.s.AssigneeID} {
		if t.rules.Org.Users[u].Active {
			continue
		}
		heir := t.rules.Org.Supervisor(u)
		if heir == "" {
			return errs.New(errs.Conflict, "case.nobody_inherits")
		}
		if err := t.inherit(u, heir); err != nil {
			return err
		}
	}
	return nil
}

func (t *step) inherit(leaver, heir string) error {
	return t.bySystem(ruleLeaver, func() error {
		s := t.s
		if o := s.Offer; o != nil && (o.ToID == leaver || o.ToID == heir && s.AssigneeID == leaver) {
			t.withdrawOffer("offer_expired", TaskCancelled)
		}
		if to := s.Transfer; to != nil && (to.ToID == leaver || to.ToID == heir && s.AccountableID == leaver) {
			s.Transfer = nil
			t.settle(TaskCancelled, kinds(TaskDecideAccountability, TaskAcceptAccountability))
			t.event("accountability_transfer_refused", map[string]any{"to_id": to.ToID, "reason": "left"})
		}
		if s.AccountableID == leaver {
			t.event("accountability_transferred", map[string]any{"from_id": leaver, "to_id": heir})
			t.entrust(heir)
		}
		if s.AssigneeID == leaver {
			t.event("adjudicated", map[string]any{"from_id": leaver, "assignee_id": heir, "reason": "left"})
			t.hand(heir)
		}
		for _, task := range slices.Clone(s.Tasks) { // decisions and supervision that waited for the leaver wait for the heir
			if task.UserID == leaver {
				t.settle(TaskCancelled, func(o Task) bool { return o.ID == task.ID })
				t.open(task.Kind, t.successor(task.Kind, heir), "", task.DueAt, "rule", ruleLeaver, "from", leaver)
			}
		}
		t.notify("case_inherited", []string{heir}, "leaver", leaver)
		return nil
	})
}

// successor is who takes over a leaver's task: the heir, but for a decision that would be on the heir's own request.
func (t *step) successor(kind, heir string) string {
	var interested []string
	switch {
	case kind == TaskDecideAccountability && t.s.Transfer != nil:
		interested = t.s.Transfer.interested()
	case kind == TaskDecideExtension && t.s.Extension != nil:
		interested = t.s.Extension.interested()
	}
	if to := t.decider(heir, interested); to != "" {
		return to
	}
	return heir // nobody stands above: anybody who oversees cases may decide
}
