package models

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// lose notes that the client has left: nothing falls due any more.
func (t *relationshipStep) lose(data json.RawMessage) error {
	c, err := dataOf[Because](data)
	if err != nil {
		return err
	}
	t.s.Stage = StageLost
	t.s.Tasks = t.settle(t.s.Tasks, TaskCancelled)
	t.event("lost", "reason", c.Reason)
	t.tell("client_lost", t.s.ReadPrincipals(), "reason", c.Reason)
	return nil
}

// regain notes that the client is back: everything falls due anew.
func (t *relationshipStep) regain(data json.RawMessage) error {
	c, err := dataOf[Because](data)
	if err != nil {
		return err
	}
	t.s.Stage = StageActive
	t.s.LastContact = &t.at
	t.event("regained", "reason", c.Reason)
	t.reopenTasks()
	return t.retime()
}

// reopenTasks gives the tasks again that ended when the client was lost: of what was open then, and still is.
func (t *relationshipStep) reopenTasks() {
	s := t.s
	t.owedTasks()
	for _, p := range s.Plans {
		if p.Returned && !s.givenUp(p.ApprovalID) {
			t.task(TaskRevisePlan, p.ID, t.reviser(s.order(p.ApprovalID).RequesterID, p.OwnerID), nil, "rule", ruleApproval)
		}
		for _, a := range p.Activities {
			if a.Opened && a.Outcome == "" {
				t.task(TaskDoActivity, a.ID, a.OwnerID, &a.DueAt, "rule", rulePlan, "plan_id", p.ID, "kind", a.Kind)
			}
		}
		if p.Summary {
			t.task(TaskClosePlan, p.ID, p.OwnerID, nil, "rule", rulePlan)
		}
	}
	for _, i := range s.Improvements {
		t.task(TaskImproveRelation, i.ID, i.OwnerID, &i.DueAt, "rule", ruleCadence, "level", string(i.Level))
		for _, a := range i.Actions {
			if a.Outcome == "" {
				t.task(TaskImprovementAction, a.ID, a.OwnerID, &a.DueAt, "improvement_id", i.ID, "level", string(i.Level))
			}
		}
	}
	if p := s.Proposal; p != nil && p.Returned && !s.givenUp(p.ApprovalID) {
		t.task(TaskReviseClass, s.ID, t.reviser(p.RequesterID, s.AccountManagerID), nil, "rule", ruleApproval)
	}
	if h := s.HandOver; h != nil {
		t.task(TaskAcceptAccount, s.ID, h.ToID, nil, "rule", "hand_over", "from_id", h.FromID)
	}
}

// owedTasks gives the tasks of what is owed to the client, but those that are open already.
func (t *relationshipStep) owedTasks() {
	for _, o := range t.s.Commitments {
		t.task(TaskKeepCommitment, o.ID, o.OwnerID, &o.DueAt, "rule", "commitment")
	}
	for _, o := range t.s.Opinions {
		t.task(TaskAnswerOpinion, o.ID, o.OwnerID, &o.DueAt, "rule", ruleResponsibility)
	}
}

// left takes everything from somebody who has left; their superior is the heir.
func (t *relationshipStep) left(data json.RawMessage) error {
	c, err := dataOf[Deactivate](data)
	if err != nil {
		return err
	}
	heir := t.rules.Org.answers(c.HeirID) // who has left may have had nobody above them
	return t.by("leaver", func() error {
		if t.s.HandOver != nil && (t.s.HandOver.ToID == c.UserID || t.s.HandOver.FromID == c.UserID) {
			t.dropOffer()
		}
		for _, post := range slices.Sorted(maps.Keys(t.s.Posts)) {
			if t.s.Posts[post] == c.UserID {
				delete(t.s.Posts, post)
			}
		}
		for i := range t.s.Opinions {
			if t.s.Opinions[i].OwnerID == c.UserID {
				t.s.Opinions[i].OwnerID = heir
				t.opinionRow(t.s.Opinions[i].ID).OwnerID = heir
			}
		}
		if t.s.AccountManagerID == c.UserID {
			t.manage(heir, "account_inherited")
			return nil
		}
		t.succeed(c.UserID, heir, t.s.owned(c.UserID))
		t.reassignTasks(c.UserID, heir, "")
		if keeper := cmp.Or(t.s.AccountManagerID, heir); keeper != "" {
			t.askedBy(c.UserID, keeper)
		}
		t.assignTeam()
		t.event("leaver_succeeded", "from_id", c.UserID, "to_id", heir)
		return nil
	})
}

// align takes over what was changed in the client's row outside of the process: the account manager and the status.
func (t *relationshipStep) align() error {
	c := t.rules.Client
	return t.by("master_data", func() error {
		if to := text(c.AccountManagerID); to != t.s.AccountManagerID {
			t.manage(to, "account_reassigned")
		}
		if c.Status == t.s.Stage.ClientStatus() {
			return nil
		}
		lost := t.s.Stage == StageLost
		switch c.Status {
		case string(StageLost):
			return t.lose(raw(Because{}))
		case string(StageActive), string(StageDormant):
			t.s.Stage = Stage(c.Status)
		default:
			t.s.Stage = StageProspect
		}
		t.event("status_changed", "status", c.Status)
		if lost {
			t.reopenTasks()
		}
		return t.retime()
	})
}
