package models

import "slices"

// RecordFilter limits what is listed of what is recorded of a client. Empty fields do not limit.
type RecordFilter struct {
	ClientID string
	Of       []string // only what one of these users has a part in; nil: everything
	UserID   string   // interactions: who was in contact
	Kind     string   // interactions
}

// LeadFilter limits a list of leads and opportunities. Empty fields do not limit.
type LeadFilter struct {
	ClientID string
	Of       []string // only those that one of these users owns or has opened; nil: all
	OwnerID  string
	Stage    LeadStage
	Open     *bool
}

// MayReadOpinions reports whether the actor may read all opinions of the client: they go outside the sales line, to the
// client's team and who may read all. Whoever else has a part in the relationship reads those in which they have one.
func MayReadOpinions(s *RelationshipState, actor Actor) bool {
	return s.InTeam(actor) || slices.ContainsFunc(actor.In(RelationshipProcess), func(p Person) bool { return p.May(PermRelationshipReadAll) })
}

// MayActOn reports whether the actor may take an action now on something that is open at the client and belongs to the owner.
// CheckRelationship only says whether there is anything on which they may.
func MayActOn(s *RelationshipState, action RelationshipAction, ownerID string, actor Actor) bool {
	if _, err := CheckRelationship(s, action, actor); err != nil {
		return false
	}
	r, _ := ruleOf(action)
	_, ok := r.permittedOn(s, ownerID, actor, 0)
	return ok
}

// InTeam reports whether one of the persons in whose right the actor acts looks after the client: as its account manager, or
// in one of its posts.
func (s *RelationshipState) InTeam(actor Actor) bool {
	return slices.ContainsFunc(actor.In(RelationshipProcess), func(p Person) bool {
		return whoAccountManager.is(p, s) || whoClientTeam.is(p, s)
	})
}
