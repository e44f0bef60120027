package models

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// planStates are the states of a plan in which people may take an action on it.
var planStates = map[RelationshipAction][]PlanStatus{
	RelationshipPlanRevise:   {PlanDraft},
	RelationshipPlanSubmit:   {PlanDraft},
	RelationshipPlanWithdraw: {PlanDraft, PlanInApproval},
	RelationshipPlanDone:     {PlanApproved},
	RelationshipPlanDrop:     {PlanApproved},
	RelationshipPlanClose:    {PlanApproved},
}

// AllowedPlan lists the actions that the actor may take at the instant on one plan of the client, whose budget comes to the total, in
// the order of AllowedRelationship. On a plan that is over, or whose approval is being withdrawn, there are none.
func AllowedPlan(s *RelationshipState, planID string, total int64, actor Actor, at time.Time) []RelationshipAction {
	allowed := []RelationshipAction{}
	i := slices.IndexFunc(s.Plans, func(p PlanState) bool { return p.ID == planID })
	if i < 0 || s.givenUp(s.Plans[i].ApprovalID) {
		return allowed
	}
	p := s.Plans[i]
	for _, r := range relationshipRules {
		if !slices.Contains(planStates[r.action], p.Status) || !r.legal(s) {
			continue
		}
		_, ok := r.permittedOn(s, p.OwnerID, actor, 0)
		switch r.action {
		case RelationshipPlanSubmit:
			_, ok = r.permittedOn(s, p.OwnerID, actor, total)
		case RelationshipPlanDone, RelationshipPlanDrop:
			ok = slices.ContainsFunc(p.Activities, func(a ActivityState) bool {
				_, mine := r.permittedOn(s, a.OwnerID, actor, 0)
				return mine && a.Outcome == ""
			})
		case RelationshipPlanClose:
			ok = ok && !at.Before(p.From)
		}
		if ok {
			allowed = append(allowed, r.action)
		}
	}
	return allowed
}

// Faults judges a draft by what it says alone: every fault at once. The zone is that of the calendar in which its days begin
// and end; had are the activities that the plan has already. Whether it overlaps another plan is for the process to say.
func (c PlanDraftData) Faults(o *Org, zone *time.Location, had []ActivityState) []errs.Field {
	f := draftFaults{PlanDraftData: c, org: o, zone: zone, had: had}
	f.all()
	return f.relationshipFaults
}
