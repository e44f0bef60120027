package models

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

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

// transfer asks for an approval to move accountability; it moves only when approved and then accepted.
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
	asked := Transfer{ToID: c.ToID, AskedBy: t.me.ID, Deputy: t.deputy(), AskedAt: t.at}
	asked.ApprovalID = t.ask(ApproveTransfer, ChainTransfer, []string{asked.ToID, asked.Deputy}, ApprovalFacts{
		Texts: map[string]string{"transfer.from_id": t.s.AccountableID, "transfer.to_id": c.ToID},
		Lists: map[string][]string{"transfer.to_roles": rolesOf(t.rules.Org.Users[c.ToID])},
	})
	t.s.Transfer = &asked
	t.event("accountability_transfer_asked", map[string]any{"to_id": c.ToID, "reason": c.Reason, "approval_id": asked.ApprovalID})
	return nil
}

func rolesOf(u OrgUser) []string {
	names := make([]string, len(u.Roles))
	for i, r := range u.Roles {
		names[i] = string(r)
	}
	return names
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

// deactivate hands what a leaver holds to their heir, the supervisor: a leaver never owns anything.
func (t *step) deactivate() error {
	c, err := decode[Deactivate](t)
	if err != nil {
		return err
	}
	return t.inherit(ruleLeaver, "left", c.UserID, c.HeirID)
}

// succeed hands what an account manager holds to who has taken the client over. A case that is closed keeps its history.
func (t *step) succeed() error {
	c, err := decode[Deactivate](t)
	if err != nil {
		return err
	}
	if t.s.Held() {
		if err := t.inherit(ruleSuccession, "handed_over", c.UserID, c.HeirID); err != nil {
			return err
		}
	}
	if t.s.AccountManagerID == c.UserID {
		t.s.AccountManagerID = c.HeirID
	}
	return nil
}

// heirsOfLeavers moves a case that is taken up again away from people who left while it was closed, and to the team in which its
// holders are now.
func (t *step) heirsOfLeavers() error {
	for _, u := range []string{t.s.AccountableID, t.s.AssigneeID} {
		if t.rules.Org.Users[u].Active {
			continue
		}
		heir := t.rules.Org.Supervisor(u)
		if heir == "" {
			return errs.New(errs.Conflict, "case.nobody_inherits")
		}
		if err := t.inherit(ruleLeaver, "left", u, heir); err != nil {
			return err
		}
	}
	t.s.AccountableTeamID, t.s.TeamID = t.rules.Org.Users[t.s.AccountableID].TeamID, t.rules.Org.Users[t.s.AssigneeID].TeamID
	return nil
}

// inherit lets the heir have what the leaver holds; reason is of the events.
func (t *step) inherit(rule, reason, leaver, heir string) error {
	return t.bySystem(rule, func() error {
		s := t.s
		if o := s.Offer; o != nil && (o.ToID == leaver || o.ToID == heir && s.AssigneeID == leaver) {
			t.withdrawOffer("offer_expired", TaskCancelled)
		}
		if to := s.Transfer; to != nil && (to.ToID == leaver || to.ToID == heir && s.AccountableID == leaver) {
			s.Transfer = nil
			t.settle(TaskCancelled, kinds(TaskAcceptAccountability))
			t.event("accountability_transfer_refused", map[string]any{"to_id": to.ToID, "reason": reason})
		}
		if s.AccountableID == leaver {
			t.event("accountability_transferred", map[string]any{"from_id": leaver, "to_id": heir})
			t.entrust(heir)
		}
		if s.AssigneeID == leaver {
			t.event("adjudicated", map[string]any{"from_id": leaver, "assignee_id": heir, "reason": reason})
			t.hand(heir)
		}
		for _, task := range slices.Clone(s.Tasks) { // decisions and supervision that waited for the leaver wait for the heir
			if task.UserID == leaver {
				t.settle(TaskCancelled, func(o Task) bool { return o.ID == task.ID })
				t.open(task.Kind, heir, "", task.DueAt, "rule", rule, "from", leaver)
			}
		}
		t.notify("case_inherited", []string{heir}, "leaver", leaver)
		return nil
	})
}
