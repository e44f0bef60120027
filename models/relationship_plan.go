package models

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// ChainPlan is the approval chain of plans.
const ChainPlan = "plan"

// The kinds of tasks of plans.
const (
	TaskDraftPlan  = "draft_plan"  // the class asks for a plan, and there is none
	TaskRevisePlan = "revise_plan" // the plan was returned: revise and submit it again, or withdraw it
	TaskDoActivity = "do_activity" // an activity of the plan falls due
	TaskClosePlan  = "close_plan"  // the period of the plan is over: write its summary (M-62)
)

// rulePlan is what a plan that was approved asks for by itself.
const rulePlan = "plan"

// plan is the plan that is not over, with its row; errs.NotFound when there is none of the id.
func (t *relationshipStep) plan(planID string) (*PlanState, error) {
	i := slices.IndexFunc(t.s.Plans, func(p PlanState) bool { return p.ID == planID })
	if i < 0 {
		return nil, noSuch("plan", planID)
	}
	return &t.s.Plans[i], nil
}

// planOf is the plan that a command is about, which must be in a state for it.
func (t *relationshipStep) planOf(data json.RawMessage, action RelationshipAction) (*PlanState, OfPlan, error) {
	c, err := dataOf[OfPlan](data)
	if err != nil {
		return nil, c, err
	}
	p, err := t.plan(c.PlanID)
	if err != nil {
		return nil, c, err
	}
	return p, c, t.planMust(p, action)
}

// planMust refuses what a plan in its state does not allow. A plan whose approval is being withdrawn allows nothing.
func (t *relationshipStep) planMust(p *PlanState, action RelationshipAction) error {
	if slices.Contains(planStates[action], p.Status) && (action == RelationshipPlanWithdraw || !t.s.givenUp(p.ApprovalID)) {
		return nil
	}
	return errs.New(errs.Conflict, "relationship.wrong_state", "state", string(p.Status), "action", string(action),
		"allowed", words(AllowedRelationship(t.s, t.can, t.rules)))
}

// draftPlan drafts a plan (M-30). It counts from its approval on. Errors: invalid with every fault; conflict when it overlaps
// another plan of the client.
func (t *relationshipStep) draftPlan(data json.RawMessage) error {
	c, err := dataOf[PlanDraftData](data)
	if err != nil {
		return err
	}
	owner := t.s.AccountManagerID
	if owner == "" {
		owner = t.me.ID
	}
	c.PlanID = t.madeID(id.Plan)
	p := PlanState{ID: c.PlanID, Status: PlanDraft, OwnerID: owner}
	if err := t.arrange(&p, &c, nil); err != nil {
		return err
	}
	t.s.Plans = append(t.s.Plans, p)
	row := &PlanRow{
		ID: p.ID, ClientID: t.s.ID, Status: p.Status, From: p.From, Until: p.Until, Version: 1, Document: c, Progress: planned(p.Activities),
		OwnerID: owner, CreatedBy: t.me.ID, CreatedAt: t.at, UpdatedAt: t.at,
	}
	t.Plans = append(t.Plans, row)
	t.event("plan_drafted", "plan_id", p.ID, "from", c.From, "until", c.Until, "activities", len(p.Activities))
	t.done(TaskDone, t.s.ID, TaskDraftPlan)
	return nil
}

// revisePlan puts a whole plan in the place of a draft. Activities that it has already keep their ids.
func (t *relationshipStep) revisePlan(data json.RawMessage) error {
	c, err := dataOf[PlanDraftData](data)
	if err != nil {
		return err
	}
	p, err := t.plan(c.PlanID)
	if err != nil {
		return err
	}
	if err := t.planMust(p, RelationshipPlanRevise); err != nil {
		return err
	}
	if err := t.mustOwn(RelationshipPlanRevise, p.OwnerID); err != nil {
		return err
	}
	if err := t.arrange(p, &c, p.Activities); err != nil {
		return err
	}
	row := t.planRow(p.ID)
	row.From, row.Until, row.Document, row.Progress = p.From, p.Until, c, planned(p.Activities)
	row.Version++
	row.UpdatedAt = t.at
	t.event("plan_revised", "plan_id", p.ID, "version", row.Version, "from", c.From, "until", c.Until, "activities", len(p.Activities))
	return nil
}

// arrange judges what a draft says, gives its new activities their ids, and times the plan by it.
func (t *relationshipStep) arrange(p *PlanState, c *PlanDraftData, had []ActivityState) error {
	f := draftFaults{PlanDraftData: *c, org: t.rules.Org, zone: t.zone(), had: had}
	from, until := f.all()
	if err := f.err(); err != nil {
		return err
	}
	for _, other := range t.s.Plans {
		if other.ID != p.ID && from.Before(other.Until) && other.From.Before(until) {
			return errs.New(errs.Conflict, "relationship.plan_overlaps",
				"from", t.day(other.From), "until", t.day(other.Until.Add(-1)))
		}
	}
	activities := make([]ActivityState, len(c.Activities))
	for i := range c.Activities {
		a := &c.Activities[i]
		if a.ID == "" {
			a.ID = t.newID(id.PlanActivity, p.ID+"/"+at("activities", i, "id"))
		}
		if a.OwnerID == "" {
			a.OwnerID = p.OwnerID
		}
		a.DueAt = a.DueAt.UTC().Truncate(tick)
		activities[i] = ActivityState{ID: a.ID, Kind: a.Kind, OwnerID: a.OwnerID, DueAt: a.DueAt}
	}
	p.From, p.Until, p.Activities = from, until, activities
	return nil
}

// day is the date of an instant on the calendar's clock.
func (t *relationshipStep) day(at time.Time) string { return at.In(t.zone()).Format(time.DateOnly) }

// planned is the progress of activities that nothing has happened to.
func planned(activities []ActivityState) []PlanProgress {
	progress := make([]PlanProgress, len(activities))
	for i, a := range activities {
		progress[i] = PlanProgress{ActivityID: a.ID, State: ActivityPlanned}
	}
	return progress
}

// submitPlan asks the head of the market department to approve a plan; one that was returned goes to the same approval. Errors:
// forbidden for a deputy whose ceiling is below its budget; invalid when it has no goal, or its period is over.
func (t *relationshipStep) submitPlan(data json.RawMessage) error {
	p, _, err := t.planOf(data, RelationshipPlanSubmit)
	if err != nil {
		return err
	}
	row := t.planRow(p.ID)
	total := row.Document.Total()
	if err := t.mustOwnUpTo(RelationshipPlanSubmit, p.OwnerID, total); err != nil {
		return err
	}
	var f relationshipFaults
	if len(row.Document.Goals) == 0 {
		f.add("goals", "required")
	}
	f.future("until", p.Until, t.at)
	if err := f.err(); err != nil {
		return err
	}
	verb, requester := ApprovalStart, t.me.ID
	if p.Returned {
		verb = ApprovalResubmit
		requester = t.s.order(p.ApprovalID).RequesterID
	} else {
		p.ApprovalID = id.Derive(id.Approval, p.ID, string(ApprovePlan))
	}
	p.Status, p.Returned = PlanInApproval, false
	p.Tries++
	row.Status, row.ApprovalID, row.UpdatedAt = p.Status, p.ApprovalID, t.at
	t.done(TaskDone, p.ID, TaskRevisePlan)
	t.event("plan_submitted", "plan_id", p.ID, "version", row.Version, "tries", p.Tries, "total", total, "approval_id", p.ApprovalID)
	t.ask(ApprovePlan, ChainPlan, t.s.ID, verb, p.ApprovalID, ApprovalFacts{
		Texts:   map[string]string{"client.class": t.s.Class},
		Numbers: map[string]int64{"plan.budget_total": total, "plan.activities": int64(len(p.Activities))},
	})
	t.inNameOf(p.ApprovalID, requester)
	t.s.order(p.ApprovalID).Currency = row.Document.Currency
	return nil
}

// order is what is ordered of an approval; nil: nothing, or it has answered.
func (s *RelationshipState) order(approvalID string) *ApprovalOrder {
	i := slices.IndexFunc(s.Orders, func(o ApprovalOrder) bool { return o.ID == approvalID })
	if i < 0 {
		return nil
	}
	return &s.Orders[i]
}

// Total is what the budget of the plan comes to, in minor units of its currency.
func (c PlanDraftData) Total() int64 {
	var sum int64
	for _, b := range c.Budget {
		sum += b.Amount
	}
	return sum
}

// withdrawPlan gives up a plan. One that an approval knows stays until the approval has answered; to withdraw it twice changes
// nothing.
func (t *relationshipStep) withdrawPlan(data json.RawMessage) error {
	p, c, err := t.planOf(data, RelationshipPlanWithdraw)
	if err != nil {
		return err
	}
	if err := t.mustOwn(RelationshipPlanWithdraw, p.OwnerID); err != nil {
		return err
	}
	if t.s.order(p.ApprovalID) == nil {
		t.endPlan(p, PlanWithdrawn, "plan_withdrawn", "reason", c.Note)
		return nil
	}
	if t.giveUp(p.ApprovalID) {
		t.event("plan_taken_back", "plan_id", p.ID, "reason", c.Note)
		t.done(TaskCancelled, p.ID, TaskRevisePlan)
	}
	return nil
}

// endPlan lets a plan be over: it leaves the state, and its row says what became of it.
func (t *relationshipStep) endPlan(p *PlanState, status PlanStatus, event string, pairs ...any) {
	planID := p.ID
	row := t.planRow(planID)
	row.Status, row.UpdatedAt = status, t.at
	t.event(event, append([]any{"plan_id", planID}, pairs...)...)
	t.done(TaskCancelled, planID)
	t.s.Plans = slices.DeleteFunc(t.s.Plans, func(o PlanState) bool { return o.ID == planID })
	_ = t.by(ruleClassification, func() error { t.wantPlan(); return nil })
}

// planDecided takes the answer of the approval of a plan.
func (t *relationshipStep) planDecided(d ApprovalDecided) error {
	i := slices.IndexFunc(t.s.Plans, func(p PlanState) bool { return p.ApprovalID == d.ApprovalID })
	if i < 0 || t.s.Plans[i].Returned && d.Outcome == OutcomeReturned {
		return errs.New(errs.Conflict, "relationship.other_approval")
	}
	p := &t.s.Plans[i]
	row := t.planRow(p.ID)
	people := []string{p.OwnerID, row.CreatedBy}
	about := []string{"from", t.day(p.From), "until", t.day(p.Until.Add(-1)), "comment", d.Comment}
	switch d.Outcome {
	case OutcomeReturned:
		reviser := t.reviser(t.s.order(d.ApprovalID).RequesterID, p.OwnerID)
		p.Status, p.Returned = PlanDraft, true
		row.Status, row.UpdatedAt = p.Status, t.at
		t.event("plan_returned", "plan_id", p.ID, "comment", d.Comment, "approval_id", d.ApprovalID)
		if !t.s.givenUp(d.ApprovalID) {
			t.task(TaskRevisePlan, p.ID, reviser, nil, "rule", ruleApproval, "comment", d.Comment)
			t.tellOf(p.ID, "plan_returned", []string{reviser}, about...)
		}
	case OutcomeApproved:
		parts, err := t.who(responsibility.Planning)
		if err != nil {
			return err
		}
		t.approvePlan(p, row)
		t.event("plan_approved", "plan_id", p.ID, "by", deciders(d), "approval_id", d.ApprovalID)
		t.tellOf(p.ID, "plan_approved", slices.Concat(people, parts.Doers(), parts.AllMonitors(), reportsTo(parts, p.OwnerID)), about...)
	case OutcomeRejected, OutcomeWithdrawn:
		outcome := PlanStatus(d.Outcome)
		planID := p.ID
		t.endPlan(p, outcome, "plan_"+string(outcome), "comment", d.Comment, "approval_id", d.ApprovalID)
		t.tellOf(planID, "plan_"+string(outcome), people, about...)
	default:
		return errs.NewInvalid(errs.Field{Field: "outcome", Code: "oneof", Args: errs.Args("values", "approved, rejected, returned, withdrawn")})
	}
	return nil
}

// approvePlan lets a plan count. Its activities are opened so long before they fall due as the policy of now says.
func (t *relationshipStep) approvePlan(p *PlanState, row *PlanRow) {
	p.Status, p.Returned, p.Summary = PlanApproved, false, false
	row.Status, row.UpdatedAt = p.Status, t.at
	for i := range p.Activities {
		p.Activities[i].OpenAt = t.remindAt(p.Activities[i].DueAt)
	}
	t.done(TaskCancelled, p.ID, TaskRevisePlan)
	if t.s.Stage == StageClassified {
		t.s.Stage = StagePlanned
	}
}

// wantPlan asks whom the responsibility matrix names for a plan where the class asks for one and none is approved or in the
// making for now or later; it is asked for once.
func (t *relationshipStep) wantPlan() {
	s := t.s
	planner := s.AccountManagerID
	if parts, err := t.who(responsibility.Planning); err == nil && parts.Primary != "" {
		planner = parts.Primary
	}
	period := t.rules.Classification.Contract(classification.Class(s.Class)).Plan
	has := slices.ContainsFunc(s.Plans, func(p PlanState) bool { return t.at.Before(p.Until) })
	wanted := period == classification.PlanHalfYear || period == classification.PlanYear
	switch {
	case !wanted || has || s.Stage == StageProspect || s.Stage == StageLost || s.Over():
		t.done(TaskCancelled, s.ID, TaskDraftPlan)
	case !t.has(TaskDraftPlan, s.ID) && t.rules.Org.answers(planner) != "":
		t.task(TaskDraftPlan, s.ID, planner, nil, "rule", ruleClassification, "class", s.Class, "period", string(period))
		t.event("plan_wanted", "class", s.Class, "period", string(period))
		t.tell("plan_wanted", []string{planner}, "class", s.Class)
	}
}

// tellOf is tell about one of several things: two of them are told to the same person in one step.
func (t *relationshipStep) tellOf(about, kind string, users []string, pairs ...string) {
	told := len(t.notices)
	t.tell(kind, users, pairs...)
	for i := range t.notices[told:] {
		t.notices[told+i].Key += "/" + about
	}
}
