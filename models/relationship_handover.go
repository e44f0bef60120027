package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// The kinds of tasks of a hand-over, and the message to the client about it.
const (
	TaskAcceptAccount     = "accept_account"
	TaskRotateManager     = "rotate_manager"
	MessageAccountManager = "account_manager_changed"
)

// offerAccount offers everything that the account manager has at this client to somebody else. Until it is accepted, each of
// them is responsible for what is theirs.
func (t *relationshipStep) offerAccount(data json.RawMessage) error {
	c, err := dataOf[OfferAccount](data)
	if err != nil {
		return err
	}
	from := t.s.AccountManagerID
	switch {
	case t.rules.Org.active(c.ToID) == "":
		return errs.NewInvalid(errs.Field{Field: "to_id", Code: "unknown"})
	case c.ToID == from:
		return errs.NewInvalid(errs.Field{Field: "to_id", Code: "same_manager"})
	}
	t.s.HandOver = &HandOver{FromID: from, ToID: c.ToID, ByID: t.me.ID, OfferedAt: t.at, Items: t.s.owned(from)}
	t.s.HandOver.Items = append(t.s.HandOver.with(c.Cases, c.Receptions), HandOverItem{ItemAccount, t.s.ID})
	t.event("account_offered", "from_id", from, "to_id", c.ToID, "reason", c.Reason, "items", len(t.s.HandOver.Items))
	t.task(TaskAcceptAccount, t.s.ID, c.ToID, nil, "rule", "hand_over", "from_id", from)
	t.tell("account_offered", []string{c.ToID, from}, "reason", c.Reason)
	return nil
}

// with lists what is offered, with the cases and receptions that are not among it yet.
func (h *HandOver) with(cases, receptions []string) []HandOverItem {
	items := slices.Clone(h.Items)
	add := func(kind string, ids []string) {
		for _, id := range ids {
			if item := (HandOverItem{kind, id}); !slices.Contains(items, item) {
				items = append(items, item)
			}
		}
	}
	add(ItemCase, cases)
	add(ItemReception, receptions)
	return items
}

// owned lists what somebody owns at the client, but the account itself and what other processes keep.
func (s *RelationshipState) owned(userID string) []HandOverItem {
	var items []HandOverItem
	add := func(kind, id, owner string) {
		if owner == userID {
			items = append(items, HandOverItem{kind, id})
		}
	}
	for _, p := range s.Plans {
		add(ItemPlan, p.ID, p.OwnerID)
		for _, a := range p.Activities {
			if a.Outcome == "" {
				add(ItemActivity, a.ID, a.OwnerID)
			}
		}
	}
	for _, i := range s.Improvements {
		add(ItemImprovement, i.ID, i.OwnerID)
		for _, a := range i.Actions {
			if a.Outcome == "" {
				add(ItemActivity, a.ID, a.OwnerID)
			}
		}
	}
	for _, c := range s.Commitments {
		add(ItemCommitment, c.ID, c.OwnerID)
	}
	for _, l := range s.Leads {
		add(ItemLead, l.ID, l.OwnerID)
	}
	return items
}

// acceptAccount takes items of the offer, or with the account all that is left: then nothing stays with who gives.
func (t *relationshipStep) acceptAccount(data json.RawMessage) error {
	c, err := dataOf[AcceptAccount](data)
	if err != nil {
		return err
	}
	h := t.s.HandOver
	for i, item := range c.Items {
		if !slices.Contains(h.Items, item) {
			return errs.NewInvalid(errs.Field{Field: fmt.Sprintf("items[%d]", i), Code: "not_offered"})
		}
	}
	if len(c.Items) == 0 || slices.ContainsFunc(c.Items, func(i HandOverItem) bool { return i.Kind == ItemAccount }) {
		t.succeed(h.FromID, h.ToID, h.with(c.Cases, c.Receptions)) // with those that have come since the offer
		t.manage(h.ToID, "account_handed_over")
		return nil
	}
	t.succeed(h.FromID, h.ToID, c.Items)
	h.Items = slices.DeleteFunc(h.Items, func(i HandOverItem) bool { return slices.Contains(c.Items, i) })
	t.event("items_handed_over", "from_id", h.FromID, "to_id", h.ToID, "items", c.Items)
	return nil
}

// manage gives the account to somebody, with everything that the one before owned at the client, and tells the client. Where
// nobody follows, the rest stays with who has it.
func (t *relationshipStep) manage(toID, event string) {
	s, from := t.s, t.s.AccountManagerID
	if from != "" && toID != "" {
		t.succeed(from, toID, s.owned(from)) // what has come to them since the offer goes along
		t.reassignTasks(from, toID, "")
		t.askedBy(from, toID)
		t.Calls = &Deactivate{UserID: from, HeirID: toID, Rule: ruleSuccession}
	}
	t.dropOffer()
	t.done(TaskDone, s.ID, TaskRotateManager)
	s.AccountManagerID, s.ManagerSince = toID, t.at
	t.assignTeam()
	t.setRotation()
	t.event(event, "from_id", from, "to_id", toID)
	t.tell("account_handed_over", append(s.ReadPrincipals(), from))
	if toID != "" && from != "" {
		t.Messages = append(t.Messages, ClientMessage{Kind: MessageAccountManager, Data: map[string]string{"manager_id": toID}})
	}
}

// askedBy lets what somebody has asked approvals for be asked by who follows them: who looks after the client now revises and
// withdraws it, hears of it, and decides on it no more than the one before.
func (t *relationshipStep) askedBy(from, to string) {
	for i := range t.s.Orders {
		if o := &t.s.Orders[i]; o.RequesterID == from && o.Verb != ApprovalWithdraw {
			o.Verb, o.Seq, o.RequesterID = ApprovalHandOver, t.s.Seq+1, to
		}
	}
	if p := t.s.Proposal; p != nil && p.RequesterID == from {
		p.RequesterID = to
	}
}

// dropOffer ends the offer, if there is one.
func (t *relationshipStep) dropOffer() {
	if t.s.HandOver != nil {
		t.done(TaskDone, t.s.ID, TaskAcceptAccount)
		t.s.HandOver = nil
	}
}

// succeed lets somebody take over items of somebody else, those of them that are still theirs. Cases and receptions are told by the
// process.
func (t *relationshipStep) succeed(from, to string, items []HandOverItem) {
	s := t.s
	told := &Succession{Seq: s.Seq + 1, FromID: from, ToID: to}
	if s.Tell != nil && s.Tell.Seq == told.Seq {
		told = s.Tell
	}
	for _, item := range items {
		switch item.Kind {
		case ItemCase:
			told.Cases = append(told.Cases, item.ID)
		case ItemReception:
			told.Receptions = append(told.Receptions, item.ID)
		case ItemPlan:
			for i := range s.Plans {
				if s.Plans[i].ID == item.ID && s.Plans[i].OwnerID == from {
					s.Plans[i].OwnerID = to
					t.planRow(item.ID).OwnerID = to
				}
			}
		case ItemActivity:
			t.succeedActivity(item.ID, from, to)
		case ItemImprovement:
			for i := range s.Improvements {
				if s.Improvements[i].ID == item.ID && s.Improvements[i].OwnerID == from {
					s.Improvements[i].OwnerID = to
					t.improvementRow(item.ID).OwnerID = to
				}
			}
		case ItemCommitment:
			for i := range s.Commitments {
				if s.Commitments[i].ID == item.ID && s.Commitments[i].OwnerID == from {
					s.Commitments[i].OwnerID = to
					t.commitmentRow(item.ID).OwnerID = to
				}
			}
		case ItemLead:
			for i := range s.Leads {
				if s.Leads[i].ID == item.ID && s.Leads[i].OwnerID == from {
					s.Leads[i].OwnerID = to
					t.leadRow(item.ID).OwnerID = to
				}
			}
		}
		t.reassignTasks(from, to, item.ID)
	}
	if len(told.Cases)+len(told.Receptions) > 0 {
		s.Tell = told
	}
}

// succeedActivity gives an activity of a plan, or an action of an improvement plan, to who follows its owner.
func (t *relationshipStep) succeedActivity(activityID, from, to string) {
	for i := range t.s.Plans {
		for j, a := range t.s.Plans[i].Activities {
			if a.ID == activityID && a.OwnerID == from {
				t.s.Plans[i].Activities[j].OwnerID = to
				row := t.planRow(t.s.Plans[i].ID)
				row.Document.Activities = ownedBy(row.Document.Activities, activityID, to)
			}
		}
	}
	for i := range t.s.Improvements {
		for j, a := range t.s.Improvements[i].Actions {
			if a.ID == activityID && a.OwnerID == from {
				t.s.Improvements[i].Actions[j].OwnerID = to
				row := t.improvementRow(t.s.Improvements[i].ID)
				row.Actions = ownedBy(row.Actions, activityID, to)
			}
		}
	}
}

func ownedBy(all []PlanActivity, id, owner string) []PlanActivity {
	all = slices.Clone(all)
	for i := range all {
		if all[i].ID == id {
			all[i].OwnerID = owner
		}
	}
	return all
}

// answersFor reports whether the task is to answer an opinion that the user owns: it stays with them, outside the sales line.
func (t *relationshipStep) answersFor(userID string, task Task) bool {
	return task.Kind == TaskAnswerOpinion && slices.ContainsFunc(t.s.Opinions, func(o OpinionState) bool {
		return o.ID == task.Why["about"] && o.OwnerID == userID
	})
}

// reassignTasks gives somebody's open tasks about something to somebody else; an empty about means all of them.
func (t *relationshipStep) reassignTasks(from, to, about string) {
	for _, task := range slices.Clone(t.s.Tasks) {
		if task.UserID != from || about != "" && task.Why["about"] != about || t.answersFor(from, task) {
			continue
		}
		t.s.Tasks, t.tasks = settled(t.s.Tasks, t.tasks, Task{State: TaskCancelled, DoneBy: t.actor, DoneAt: &t.at}, func(o Task) bool { return o.ID == task.ID })
		var why []string
		for _, k := range slices.Sorted(maps.Keys(task.Why)) {
			if k != "about" {
				why = append(why, k, task.Why[k])
			}
		}
		t.task(task.Kind, task.Why["about"], to, task.DueAt, why...)
	}
}

// declineAccount ends the offer: what is not accepted stays where it is.
func (t *relationshipStep) declineAccount(data json.RawMessage) error {
	c, err := dataOf[Because](data)
	if err != nil {
		return err
	}
	h := t.s.HandOver
	t.event("account_declined", "from_id", h.FromID, "to_id", h.ToID, "reason", c.Reason, "left", len(h.Items))
	t.tell("account_declined", []string{h.FromID, h.ByID, h.ToID}, "reason", c.Reason)
	t.dropOffer()
	return nil
}

// assignPosts says who holds a post for this client; an empty user leaves the post to the policy.
func (t *relationshipStep) assignPosts(data json.RawMessage) error {
	c, err := dataOf[AssignPosts](data)
	if err != nil {
		return err
	}
	var faults []errs.Field
	for _, post := range slices.Sorted(maps.Keys(c.Posts)) {
		switch user := c.Posts[post]; {
		case !slices.Contains(t.rules.Matrix.Posts(), post), post == responsibility.AccountManager: // whose post is the account itself
			faults = append(faults, errs.Field{Field: "posts." + post, Code: "unknown_post", Args: errs.Args("name", post, "known", strings.Join(t.rules.Matrix.Posts(), ", "))})
		case user == "":
			delete(t.s.Posts, post)
		case t.rules.Org.active(user) == "":
			faults = append(faults, errs.Field{Field: "posts." + post, Code: "unknown"})
		default:
			if t.s.Posts == nil {
				t.s.Posts = map[string]string{}
			}
			t.s.Posts[post] = user
		}
	}
	if len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	t.assignTeam()
	t.event("team_assigned", "posts", c.Posts)
	return nil
}

// setRotation reminds of the rotation of the account manager (M-65) as the policy says.
func (t *relationshipStep) setRotation() {
	t.s.Rotation = Obligation{}
	if after := t.rules.Cadence.Rotation.RemindAfter; !after.IsZero() && t.s.AccountManagerID != "" {
		due := after.After(t.s.ManagerSince, t.zone())
		t.s.Rotation.DueAt = &due
	}
}

// retimeRotation sets the reminder where there is none: another class does not begin the account manager's time anew.
func (t *relationshipStep) retimeRotation() error {
	if t.s.Rotation.DueAt == nil {
		t.setRotation()
	}
	return nil
}

func (s *RelationshipState) rotationDues() []Due {
	return s.Rotation.due(DueRotation, "", s.AccountManagerID)
}

// rotationFalls reminds the superior, and again after the same time.
func (t *relationshipStep) rotationFalls() error {
	due := t.s.Rotation.DueAt
	if due == nil || t.at.Before(*due) {
		return nil
	}
	return t.by(ruleCadence, func() error {
		superior := t.superior(t.s.AccountManagerID)
		t.done(TaskCancelled, t.s.ID, TaskRotateManager) // of the time before
		t.task(TaskRotateManager, t.s.ID, superior, nil, "rule", ruleCadence, "since", t.s.ManagerSince.Format(time.DateOnly))
		t.event("rotation_due", "account_manager_id", t.s.AccountManagerID)
		t.s.Rotation = next(t.rules.Cadence.Rotation.RemindAfter, *due, t.at, t.zone())
		return nil
	})
}

// next is the first obligation of a rhythm after the instant.
func next(every calendar.Period, last, at time.Time, zone *time.Location) Obligation {
	due := every.After(last, zone)
	for !due.After(at) {
		due = every.After(due, zone)
	}
	return Obligation{DueAt: &due}
}
