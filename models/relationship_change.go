package models

import (
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
	return t.retime()
}

// left takes everything from somebody who has left; their superior is the heir.
func (t *relationshipStep) left(data json.RawMessage) error {
	c, err := dataOf[Deactivate](data)
	if err != nil {
		return err
	}
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
				t.s.Opinions[i].OwnerID = c.HeirID
				t.opinionRow(t.s.Opinions[i].ID).OwnerID = c.HeirID
			}
		}
		if t.s.AccountManagerID == c.UserID {
			t.manage(c.HeirID, "account_inherited")
			return nil
		}
		t.succeed(c.UserID, c.HeirID, t.s.owned(c.UserID))
		t.reassignTasks(c.UserID, c.HeirID, "")
		t.assignTeam()
		t.event("leaver_succeeded", "from_id", c.UserID, "to_id", c.HeirID)
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
		switch c.Status {
		case string(StageLost):
			return t.lose(raw(Because{}))
		case string(StageActive), string(StageDormant):
			t.s.Stage = Stage(c.Status)
		default:
			t.s.Stage = StageProspect
		}
		t.event("status_changed", "status", c.Status)
		return t.retime()
	})
}

// merged ends the relationship of a client that was a duplicate.
func (t *relationshipStep) merged(e RelationshipEvent) error {
	c, err := dataOf[MergedClient](e.Data)
	if err != nil {
		return err
	}
	if e.Meta.Actor.ID != "" {
		t.actor = e.Meta.Actor.ID
	}
	t.s.Stage = StageMerged
	for _, o := range t.s.Orders {
		t.giveUp(o.ID)
	}
	t.s.Tasks = t.settle(t.s.Tasks, TaskCancelled)
	t.event("merged", "into_id", c.IntoID)
	return nil
}

// gone ends the relationship of a client whose merge it was not told of. A command of a person is refused: it ends with
// whatever happens by itself.
func (t *relationshipStep) gone(e RelationshipEvent, intoID string) error {
	if slices.Contains(RelationshipActions(), e.Action) {
		return t.rules.Client.Open()
	}
	return t.merged(RelationshipEvent{Data: raw(MergedClient{IntoID: intoID})})
}
