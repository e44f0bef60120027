package models

import (
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// relationshipWho is a relation of a person to a client, or a right; a refusal names those that would do.
type relationshipWho string

const (
	whoAccountManager relationshipWho = "account_manager"
	whoClientTeam     relationshipWho = "client_team" // who holds a post for the client
	whoOwner          relationshipWho = "owner"       // of something open that the action is about
	whoPlanOwner      relationshipWho = "plan_owner"
	whoImprover       relationshipWho = "improvement_owner"
	whoSuccessor      relationshipWho = "receiver"    // of what is handed over
	whoMarketHead     relationshipWho = "market_head" // the head of the market department, or above
	whoContributor    relationshipWho = "contributor" // everybody who works with clients (M-45)
)

// is reports whether the person stands in the relation to the client.
func (w relationshipWho) is(p Person, s *RelationshipState) bool {
	switch w {
	case whoAccountManager:
		return p.ID == s.AccountManagerID
	case whoClientTeam:
		return s.holdsPost(p.ID)
	case whoOwner:
		return s.owns(p.ID)
	case whoPlanOwner:
		return slices.ContainsFunc(s.Plans, func(o PlanState) bool { return o.OwnerID == p.ID })
	case whoImprover:
		return slices.ContainsFunc(s.Improvements, func(o ImprovementState) bool { return o.OwnerID == p.ID })
	case whoSuccessor:
		return s.HandOver != nil && s.HandOver.ToID == p.ID
	case whoMarketHead:
		return p.May(PermRelationshipManage)
	default:
		return p.May(PermRelationshipWork)
	}
}

// owns reports whether the relation is to one of several things, of whom only the owner of that one counts which an action is about.
func (w relationshipWho) owns() bool { return w == whoOwner || w == whoPlanOwner || w == whoImprover }

// holdsPost reports whether somebody has a post for the client. The order of the posts does not matter.
//
//workflowcheck:ignore
func (s *RelationshipState) holdsPost(userID string) bool {
	for _, u := range s.Team {
		if u == userID {
			return true
		}
	}
	return false
}

// owns reports whether something open is the person's to do.
func (s *RelationshipState) owns(userID string) bool { return slices.Contains(s.owners(), userID) }

// owners lists whose something open is, each as often as it is.
func (s *RelationshipState) owners() []string {
	var all []string
	for _, p := range s.Plans {
		all = append(all, p.OwnerID)
		for _, a := range p.Activities {
			if a.Outcome == "" {
				all = append(all, a.OwnerID)
			}
		}
	}
	for _, i := range s.Improvements {
		all = append(all, i.OwnerID)
		for _, a := range i.Actions {
			if a.Outcome == "" {
				all = append(all, a.OwnerID)
			}
		}
	}
	for _, c := range s.Commitments {
		all = append(all, c.OwnerID)
	}
	for _, o := range s.Opinions {
		all = append(all, o.OwnerID)
	}
	for _, l := range s.Leads {
		all = append(all, l.OwnerID)
	}
	return all
}

// relationshipRule says at which stages an action is legal, what else must hold, and who may take it. What of several open
// things the action is about, and whose that is, the step judges.
type relationshipRule struct {
	action RelationshipAction
	in     []Stage
	when   func(*RelationshipState) bool // nil: nothing else
	who    []relationshipWho
}

var (
	anyStage   = []Stage{StageProspect, StageClassified, StagePlanned, StageActive, StageDormant}
	classified = []Stage{StageClassified, StagePlanned, StageActive, StageDormant}
	lost       = []Stage{StageLost}

	keeper      = []relationshipWho{whoAccountManager, whoMarketHead}
	keepers     = []relationshipWho{whoAccountManager, whoClientTeam, whoMarketHead}
	owning      = []relationshipWho{whoAccountManager, whoOwner, whoMarketHead}
	planning    = []relationshipWho{whoAccountManager, whoPlanOwner, whoMarketHead}
	contributor = []relationshipWho{whoContributor}
)

// relationshipRules is the transition table of the relationship process: the one place that says what is allowed. The order
// is the one in which a console shows the buttons.
var relationshipRules = []relationshipRule{
	{RelationshipInteract, anyStage, nil, contributor},
	{RelationshipCommit, anyStage, func(s *RelationshipState) bool { return len(s.Commitments) < MaxOpenCommitments }, contributor},
	{RelationshipOpine, anyStage, func(s *RelationshipState) bool { return len(s.Opinions) < MaxOpenOpinions }, contributor},
	{RelationshipLead, anyStage, func(s *RelationshipState) bool { return len(s.Leads) < MaxOpenLeads }, contributor},
	{RelationshipKeep, anyStage, someCommitment, owning},
	{RelationshipRevoke, anyStage, someCommitment, owning},
	{RelationshipAnswer, anyStage, func(s *RelationshipState) bool { return len(s.Opinions) > 0 }, []relationshipWho{whoOwner}},
	{RelationshipLeadAct, anyStage, someLead, []relationshipWho{whoAccountManager, whoClientTeam, whoOwner, whoMarketHead}},
	{RelationshipLeadStage, anyStage, someLead, owning},
	{RelationshipLeadClose, anyStage, someLead, owning},
	{RelationshipAppraise, anyStage, nil, keepers},
	{RelationshipClassify, anyStage, (*RelationshipState).mayPropose, keeper},
	{RelationshipUnclassify, anyStage, func(s *RelationshipState) bool { return s.Proposal != nil }, keeper},
	{RelationshipPlan, classified, func(s *RelationshipState) bool { return len(s.Plans) < MaxOpenPlans }, keeper},
	{RelationshipPlanRevise, classified, planIn(PlanDraft), planning},
	{RelationshipPlanSubmit, classified, planIn(PlanDraft), planning},
	{RelationshipPlanWithdraw, classified, planIn(PlanDraft, PlanInApproval), planning},
	{RelationshipPlanDone, classified, someActivityOpen, owning},
	{RelationshipPlanDrop, classified, someActivityOpen, owning},
	{RelationshipPlanClose, classified, planIn(PlanApproved), planning},
	{RelationshipAssess, classified, nil, []relationshipWho{whoAccountManager, whoClientTeam}}, // of them, only doers (RelationshipRules.assessor)
	{RelationshipImprove, classified, someImprovement, []relationshipWho{whoAccountManager, whoClientTeam, whoImprover, whoMarketHead}},
	{RelationshipImproved, classified, someImprovement, owning},
	{RelationshipImproveStop, classified, someImprovement, []relationshipWho{whoAccountManager, whoImprover, whoMarketHead}},
	{RelationshipTeam, anyStage, nil, []relationshipWho{whoMarketHead}},
	{RelationshipHandOver, anyStage, func(s *RelationshipState) bool { return s.HandOver == nil && s.AccountManagerID != "" }, keeper},
	{RelationshipAccept, anyStage, handedOver, []relationshipWho{whoSuccessor}},
	{RelationshipDecline, anyStage, handedOver, []relationshipWho{whoSuccessor, whoAccountManager, whoMarketHead}},
	{RelationshipLose, anyStage, nil, keeper},
	{RelationshipRegain, lost, nil, keeper},
}

func someCommitment(s *RelationshipState) bool  { return len(s.Commitments) > 0 }
func someLead(s *RelationshipState) bool        { return len(s.Leads) > 0 }
func someImprovement(s *RelationshipState) bool { return len(s.Improvements) > 0 }
func handedOver(s *RelationshipState) bool      { return s.HandOver != nil }

func someActivityOpen(s *RelationshipState) bool {
	return slices.ContainsFunc(s.Plans, func(p PlanState) bool {
		return p.Status == PlanApproved && slices.ContainsFunc(p.Activities, func(a ActivityState) bool { return a.Outcome == "" })
	})
}

func planIn(status ...PlanStatus) func(*RelationshipState) bool {
	return func(s *RelationshipState) bool {
		return slices.ContainsFunc(s.Plans, func(p PlanState) bool { return slices.Contains(status, p.Status) })
	}
}

// RelationshipActions lists the actions that people may take, in a fixed order.
func RelationshipActions() []RelationshipAction {
	names := make([]RelationshipAction, len(relationshipRules))
	for i, r := range relationshipRules {
		names[i] = r.action
	}
	return names
}

// Over reports whether nothing can happen to the relationship any more.
func (s *RelationshipState) Over() bool { return s.Stage == StageMerged }

func (r relationshipRule) legal(s *RelationshipState) bool {
	return slices.Contains(r.in, s.Stage) && (r.when == nil || r.when(s))
}

// ruleOf returns the rule of an action.
func ruleOf(action RelationshipAction) (relationshipRule, bool) {
	i := slices.IndexFunc(relationshipRules, func(r relationshipRule) bool { return r.action == action })
	if i < 0 {
		return relationshipRule{}, false
	}
	return relationshipRules[i], true
}

// permitted returns for whom the actor may take the action: their own id, or else the first person whose deputy they are.
func (r relationshipRule) permitted(s *RelationshipState, actor Actor) (Person, bool) {
	for _, p := range actor.In(RelationshipProcess) {
		if slices.ContainsFunc(r.who, func(w relationshipWho) bool { return w.is(p, s) }) {
			return p, true
		}
	}
	return Person{}, false
}

// permittedOn is permitted for one thing that the action is about, and that comes to the amount: of all owners, only its own counts,
// and of those whose deputy the actor is, only those for whom they may go so far.
func (r relationshipRule) permittedOn(s *RelationshipState, ownerID string, actor Actor, amount int64) (Person, bool) {
	for _, p := range actor.For(RelationshipProcess, amount) {
		if slices.ContainsFunc(r.who, func(w relationshipWho) bool { return w.owns() && p.ID == ownerID || !w.owns() && w.is(p, s) }) {
			return p, true
		}
	}
	return Person{}, false
}

// forbidden is the refusal of the action to somebody who stands in none of the relations it asks for.
func (r relationshipRule) forbidden() error {
	return errs.New(errs.Forbidden, "relationship.not_yours", "action", string(r.action), "who", words(r.who))
}

// AllowedRelationship lists the actions that the actor may take now. Of the rules it asks for Matrix and Org, which say who does what.
func AllowedRelationship(s *RelationshipState, actor Actor, rules RelationshipRules) []RelationshipAction {
	return slices.DeleteFunc(permittedRelationship(s, actor), func(a RelationshipAction) bool {
		if a != RelationshipAssess {
			return false
		}
		_, err := rules.assessor(s, actor)
		return err != nil
	})
}

// permittedRelationship lists what the table alone permits the actor now.
func permittedRelationship(s *RelationshipState, actor Actor) []RelationshipAction {
	allowed := []RelationshipAction{}
	for _, r := range relationshipRules {
		if _, ok := r.permitted(s, actor); ok && r.legal(s) {
			allowed = append(allowed, r.action)
		}
	}
	return allowed
}

// CheckRelationship reports whether the actor may take the action now, and in whose right. It only reads.
func CheckRelationship(s *RelationshipState, action RelationshipAction, actor Actor) (Person, error) {
	r, ok := ruleOf(action)
	if !ok {
		return Person{}, errs.New(errs.NotFound, "relationship.unknown_action", "action", string(action))
	}
	if s.Over() {
		return Person{}, errs.New(errs.ProcessClosed, "relationship.over", "state", string(s.Stage))
	}
	me, ok := r.permitted(s, actor)
	if !ok {
		return Person{}, r.forbidden()
	}
	if !r.legal(s) {
		return Person{}, errs.New(errs.Conflict, "relationship.wrong_state", "state", string(s.Stage), "action", string(action),
			"allowed", words(permittedRelationship(s, actor)))
	}
	return me, nil
}

// words joins names for people.
func words[W ~string](all []W) string {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = string(w)
	}
	return strings.Join(names, ", ")
}

// MayReadRelationship reports whether the actor may see all of a client's relationship: who has a part in it, in person or
// as a deputy, and who may read all.
func MayReadRelationship(s *RelationshipState, actor Actor) bool {
	part := s.ReadPrincipals()
	for _, p := range actor.In(RelationshipProcess) {
		if p.May(PermRelationshipReadAll) || slices.Contains(part, p.ID) {
			return true
		}
	}
	return false
}

// ReadPrincipals lists the users who may see the relationship because they have a part in it, sorted.
func (s *RelationshipState) ReadPrincipals() []string {
	all := append(s.owners(), s.AccountManagerID)
	for _, u := range s.Team {
		all = append(all, u)
	}
	if s.HandOver != nil {
		all = append(all, s.HandOver.ToID)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(u string) bool { return u == "" })
}

// DueKind says what falls due.
type DueKind string

// What falls due.
const (
	DueReview      DueKind = "review"
	DuePlan        DueKind = "plan" // the end of its period: the summary is asked for
	DueActivity    DueKind = "activity"
	DueAssessment  DueKind = "assessment"
	DueImprovement DueKind = "improvement"
	DueAction      DueKind = "action" // of an improvement plan
	DueContact     DueKind = "contact"
	DueCommitment  DueKind = "commitment"
	DueOpinion     DueKind = "opinion"
	DueLead        DueKind = "lead"
	DueRotation    DueKind = "rotation"
	DueDormancy    DueKind = "dormancy"
)

// Due is an obligation of the relationship.
type Due struct {
	Kind    DueKind
	ID      string // of what is owed; empty where there is only one of the kind
	OwnerID string
	DueAt   time.Time
	At      time.Time // when the clock must look at it next; zero: it has seen all of it
}

// Obligations lists what is owed, the earliest first.
func (s *RelationshipState) Obligations() []Due {
	if s.Over() || s.Stage == StageLost {
		return nil
	}
	var all []Due
	for _, of := range []func() []Due{
		s.reviewDues, s.planDues, s.assessmentDues, s.improvementDues, s.contactDues, s.commitmentDues, s.opinionDues, s.leadDues, s.rotationDues,
	} {
		all = append(all, of()...)
	}
	slices.SortStableFunc(all, func(a, b Due) int { return a.DueAt.Compare(b.DueAt) })
	return all
}

// NextCheckpoint is when the clock must look again: at the earliest obligation; nil: never.
func (s *RelationshipState) NextCheckpoint() *time.Time {
	var next *time.Time
	for _, d := range s.Obligations() {
		if !d.At.IsZero() && (next == nil || d.At.Before(*next)) {
			next = &d.At
		}
	}
	return next
}

// due is the obligation's entry among all; empty when there is none.
func (o Obligation) due(kind DueKind, id, owner string) []Due {
	if o.DueAt == nil {
		return nil
	}
	d := Due{Kind: kind, ID: id, OwnerID: owner, DueAt: *o.DueAt, At: *o.DueAt}
	if o.RemindAt != nil && o.RemindAt.Before(d.At) {
		d.At = *o.RemindAt
	}
	return []Due{d}
}
