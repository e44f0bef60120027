package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// planDay is ten o'clock in Shanghai on a day of 2026.
func planDay(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 2, 0, 0, 0, time.UTC)
}

// yearPlan is a plan of April to December with a tour of the factory, a visit of ben's, and 2,000.00 for each half.
func yearPlan() models.PlanDraftData {
	return models.PlanDraftData{
		From: "2026-04-01", Until: "2026-12-31", Goals: []string{"become their first supplier"},
		Chain: []models.ChainContact{{ContactID: "contact_1", Role: "decision_maker", Influence: 10, Attitude: "neutral", Strength: 2, KnownBy: []string{"amy"}}},
		Activities: []models.PlanActivity{
			{Kind: "company_visit", Title: "show the new line", DueAt: planDay(6, 10)},
			{Kind: "visit", Title: "see their site", OwnerID: "ben", DueAt: planDay(9, 15)},
		},
		Budget:   []models.PlannedBudget{{Period: "2026-H1", Item: "tour", Amount: 200_000}, {Period: "2026-Q3", Item: "trip", Amount: 200_000}},
		Currency: "CNY",
	}
}

// classA is a bond with a client of class A since two hours after the begin.
func classA(t require.TestingT) *bond {
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.graded(time.Hour, "A")
	return b
}

// planned drafts and submits a plan, which is approved.
func (b *bond) planned(after time.Duration, plan models.PlanDraftData) models.PlanState {
	b.do(after, "amy", models.RelationshipPlan, plan)
	p := b.state.Plans[len(b.state.Plans)-1]
	b.do(after+time.Hour, "amy", models.RelationshipPlanSubmit, models.OfPlan{PlanID: p.ID})
	b.decided(after+2*time.Hour, b.state.Plans[len(b.state.Plans)-1].ApprovalID, models.OutcomeApproved, "sam")
	return b.state.Plans[len(b.state.Plans)-1]
}

// since is how long after the begin an instant is.
func since(at time.Time) time.Duration { return at.Sub(bondBegun) }

func TestPlan_is_submitted_by_no_deputy_beyond_their_ceiling(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ceilings []models.Ceiling
		may      bool
	}{
		"none":                     {nil, true},
		"of_the_budget":            {[]models.Ceiling{{MaxAmount: 400_000}}, true},
		"below_it":                 {[]models.Ceiling{{MaxAmount: 399_999}}, false},
		"below_it_for_this_alone":  {[]models.Ceiling{{Processes: []string{models.RelationshipProcess}, MaxAmount: 1}}, false},
		"below_it_and_one_without": {[]models.Ceiling{{MaxAmount: 1}, {Processes: []string{models.RelationshipProcess}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := classA(t)
			b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
			plan, deputy := b.state.Plans[0].ID, b.who("pam", "amy")
			deputy.ActsFor[0].Ceilings = tc.ceilings
			allowed := models.AllowedPlan(&b.state, plan, b.Planned[plan].Document.Total(), deputy, bondBegun)
			require.Contains(t, allowed, models.RelationshipPlanRevise, "which costs nothing")
			_, err := b.attempt(bondBegun.Add(4*time.Hour), deputy, models.RelationshipPlanSubmit, models.OfPlan{PlanID: plan})
			if tc.may {
				require.NoError(t, err)
				require.Contains(t, allowed, models.RelationshipPlanSubmit)
				return
			}
			require.Equal(t, errs.Forbidden, errs.CodeOf(err))
			require.NotContains(t, allowed, models.RelationshipPlanSubmit)
		})
	}
}

func TestPlan_is_drafted_submitted_and_approved(t *testing.T) {
	t.Parallel()
	b := classA(t)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskDraftPlan), "class A asks for a plan")
	step := b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
	require.Empty(t, b.tasks(models.TaskDraftPlan))
	require.Len(t, step.Plans, 1)
	row := step.Plans[0]
	require.Equal(t, models.PlanDraft, row.Status)
	require.Equal(t, 1, row.Version)
	require.Equal(t, "amy", row.OwnerID)
	require.Equal(t, time.Date(2026, 3, 31, 16, 0, 0, 0, time.UTC), row.From, "midnight in Shanghai")
	require.Equal(t, time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC), row.Until, "the end of the last day")
	require.NotEmpty(t, row.Document.Activities[0].ID)
	require.NotEqual(t, row.Document.Activities[0].ID, row.Document.Activities[1].ID)
	require.Equal(t, []string{"amy", "ben"}, []string{row.Document.Activities[0].OwnerID, row.Document.Activities[1].OwnerID})
	require.Equal(t, "planned", row.Progress[0].State)

	b.do(4*time.Hour, "amy", models.RelationshipPlanSubmit, models.OfPlan{PlanID: row.ID})
	require.Equal(t, models.PlanInApproval, b.state.Plans[0].Status)
	o := b.state.Orders[0]
	require.Equal(t, models.ApprovalStart, o.Verb)
	require.Equal(t, models.ApprovePlan, o.Purpose)
	require.Equal(t, []string{"plan", "amy", b.state.ID, "CNY"}, []string{o.Chain, o.RequesterID, o.SubjectID, o.Currency})
	require.Equal(t, map[string]int64{"plan.budget_total": 400_000, "plan.activities": 2}, o.Facts.Numbers)
	require.Equal(t, "A", o.Facts.Texts["client.class"])
	subject, ok := approval.SubjectOf(o.Chain)
	require.True(t, ok)
	require.Equal(t, "plan.budget_total", subject.Amount)
	require.Empty(t, approval.Facts(o.Facts).Validate(subject))

	step = b.decided(5*time.Hour, o.ID, models.OutcomeApproved, "mia")
	require.Equal(t, models.PlanApproved, b.state.Plans[0].Status)
	require.Equal(t, models.PlanApproved, b.Planned[row.ID].Status)
	require.Equal(t, models.StagePlanned, b.state.Stage)
	require.Contains(t, told(step, "plan_approved"), "amy")
	require.Equal(t, "mia", step.Events[0].Actor)
}

func TestPlan_draft_names_every_fault_at_once(t *testing.T) {
	t.Parallel()
	many := make([]models.PlanActivity, models.MaxPlanActivities+1)
	for i := range many {
		many[i] = models.PlanActivity{Kind: "other", Title: "x", DueAt: planDay(6, 1)}
	}
	for name, c := range map[string]struct {
		change func(*models.PlanDraftData)
		want   []string
	}{
		"no_dates":         {func(p *models.PlanDraftData) { p.From, p.Until = "", "2026-13-01" }, []string{"from:date", "until:date"}},
		"ends_before":      {func(p *models.PlanDraftData) { p.Until = "2026-03-31"; p.Activities = nil }, []string{"until:not_before"}},
		"longer_than_year": {func(p *models.PlanDraftData) { p.Until = "2027-04-06" }, []string{"until:too_long"}},
		"blank_goal":       {func(p *models.PlanDraftData) { p.Goals = []string{"x", " "} }, []string{"goals[1]:notblank"}},
		"decision_chain": {func(p *models.PlanDraftData) {
			p.Chain = []models.ChainContact{
				{Role: "king", Influence: 11, Strength: -1, Attitude: "cross", KnownBy: []string{"amy", "nobody"}},
				{ContactID: "a", Influence: -1, Strength: 6},
				{ContactID: "a"},
			}
		}, []string{
			"decision_chain[0].contact_id:required", "decision_chain[0].role:oneof", "decision_chain[0].attitude:oneof", "decision_chain[0].influence:between",
			"decision_chain[0].strength:between", "decision_chain[0].known_by_ids[1]:unknown", "decision_chain[1].influence:between",
			"decision_chain[1].strength:between", "decision_chain[2].contact_id:duplicate",
		}},
		"activities": {func(p *models.PlanDraftData) {
			p.Activities = []models.PlanActivity{
				{ID: "step_1", Kind: "party", Title: "", OwnerID: "gus", DueAt: planDay(3, 31)},
				{Kind: "other", Title: "x", OwnerID: "nobody"},
				{Kind: "visit", Title: "x", DueAt: time.Date(2026, 12, 31, 16, 0, 1, 0, time.UTC)},
				{Kind: "visit", Title: "the last instant", DueAt: time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC)},
			}
		}, []string{
			"activities[0].id:unknown", "activities[0].kind:oneof", "activities[0].title:notblank", "activities[0].owner_id:inactive",
			"activities[0].due_at:within_period", "activities[1].owner_id:unknown", "activities[1].due_at:required", "activities[2].due_at:within_period",
		}},
		"too_many": {func(p *models.PlanDraftData) { p.Activities = many }, []string{"activities:too_many"}},
		"budget": {func(p *models.PlanDraftData) {
			p.Currency = "yuan"
			p.Budget = []models.PlannedBudget{{Period: "2026-Q5", Item: " ", Amount: -1}, {Period: "2026-13", Item: "x", Amount: models.MaxAmount + 1}, {Period: "2026-H2", Item: "x"}}
		}, []string{
			"budget[0].period:budget_period", "budget[0].item:notblank", "budget[0].amount:between", "budget[1].period:budget_period", "budget[1].amount:between", "currency:currency",
		}},
		"budget_without_currency": {func(p *models.PlanDraftData) { p.Currency = "" }, []string{"currency:currency"}},
		"parts_far_apart": {func(p *models.PlanDraftData) {
			p.From, p.Goals, p.Budget[1].Item, p.Activities[0].Title = "soon", []string{""}, "", ""
		}, []string{"from:date", "goals[0]:notblank", "activities[0].title:notblank", "budget[1].item:notblank"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := classA(t)
			plan := yearPlan()
			c.change(&plan)
			e := b.refused(3*time.Hour, "amy", models.RelationshipPlan, plan)
			require.Equal(t, errs.Invalid, e.Code)
			require.Equal(t, c.want, faultsOf(e))
			require.Empty(t, b.state.Plans)
		})
	}
}

func TestPlan_of_a_day_or_of_370_days_is_one(t *testing.T) {
	t.Parallel()
	for _, until := range []string{"2026-04-01", "2027-04-05"} {
		b := classA(t)
		b.do(3*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2026-04-01", Until: until})
		require.Len(t, b.state.Plans, 1)
	}
}

func TestPlan_never_overlaps_another_one_of_the_client(t *testing.T) {
	t.Parallel()
	b := classA(t)
	b.do(3*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2026-04-01", Until: "2026-06-30"})
	e := b.refused(4*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2026-06-30", Until: "2026-12-31"})
	require.Equal(t, errs.Conflict, e.Code)
	require.Equal(t, "relationship.plan_overlaps", e.Key)
	require.Equal(t, map[string]string{"from": "2026-04-01", "until": "2026-06-30"}, e.Args)
	b.do(5*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2026-07-01", Until: "2026-12-31"})
	second := b.state.Plans[1].ID
	e = b.refused(6*time.Hour, "amy", models.RelationshipPlanRevise, models.PlanDraftData{PlanID: second, From: "2026-06-01", Until: "2026-12-31"})
	require.Equal(t, "relationship.plan_overlaps", e.Key)
	b.do(7*time.Hour, "amy", models.RelationshipPlanWithdraw, models.OfPlan{PlanID: b.state.Plans[0].ID})
	b.do(8*time.Hour, "amy", models.RelationshipPlanRevise, models.PlanDraftData{PlanID: second, From: "2026-06-01", Until: "2026-12-31"})
}

func TestPlan_revision_keeps_the_ids_of_what_stays(t *testing.T) {
	t.Parallel()
	b := classA(t)
	b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
	p := b.state.Plans[0]
	doc := b.Planned[p.ID].Document
	doc.Activities = []models.PlanActivity{doc.Activities[1], {Kind: "executive_meeting", Title: "dinner", DueAt: planDay(10, 1)}}
	doc.Goals = append(doc.Goals, "one more")
	b.do(4*time.Hour, "mia", models.RelationshipPlanRevise, doc)
	row := b.Planned[p.ID]
	require.Equal(t, 2, row.Version)
	require.Equal(t, p.Activities[1].ID, b.state.Plans[0].Activities[0].ID)
	require.NotContains(t, []string{p.Activities[0].ID, p.Activities[1].ID}, b.state.Plans[0].Activities[1].ID)
	require.Equal(t, b.state.Plans[0].Activities[1].ID, row.Progress[1].ActivityID)

	doc.Activities = append(doc.Activities, doc.Activities[0])
	require.Equal(t, []string{"activities[2].id:duplicate"}, faultsOf(b.refused(5*time.Hour, "amy", models.RelationshipPlanRevise, doc)))
	e := b.refused(5*time.Hour, "amy", models.RelationshipPlanRevise, models.PlanDraftData{PlanID: "plan_x", From: "2026-04-01", Until: "2026-12-31"})
	require.Equal(t, errs.NotFound, e.Code)
	require.Equal(t, errs.Forbidden, b.refused(5*time.Hour, "ben", models.RelationshipPlanRevise, doc).Code)
}

func TestPlan_submission_refuses(t *testing.T) {
	t.Parallel()
	b := classA(t)
	plan := yearPlan()
	plan.Goals = nil
	b.do(3*time.Hour, "amy", models.RelationshipPlan, plan)
	p := b.state.Plans[0]
	of := models.OfPlan{PlanID: p.ID}
	require.Equal(t, []string{"goals:required"}, faultsOf(b.refused(4*time.Hour, "amy", models.RelationshipPlanSubmit, of)))
	_, err := b.attempt(p.Until, b.who("amy"), models.RelationshipPlanSubmit, of)
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{"goals:required", "until:future"}, faultsOf(e))
	plan = yearPlan()
	plan.PlanID = p.ID
	b.do(4*time.Hour, "amy", models.RelationshipPlanRevise, plan)
	b.do(5*time.Hour, "amy", models.RelationshipPlanSubmit, of)
	e = b.refused(6*time.Hour, "amy", models.RelationshipPlanRevise, plan)
	require.Equal(t, "relationship.wrong_state", e.Key)
	e = b.refused(6*time.Hour, "amy", models.RelationshipPlanSubmit, of)
	require.Equal(t, "relationship.wrong_state", e.Key)
	b.do(7*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{From: "2027-01-01", Until: "2027-06-30"})
	e = b.refused(8*time.Hour, "amy", models.RelationshipPlanSubmit, of)
	require.Equal(t, "relationship.wrong_state", e.Key, "that another one is a draft makes this none")
	require.Equal(t, "in_approval", e.Args["state"])
}

func TestPlan_that_was_returned_is_submitted_to_the_same_approval(t *testing.T) {
	t.Parallel()
	b := classA(t)
	b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
	of := models.OfPlan{PlanID: b.state.Plans[0].ID}
	b.do(4*time.Hour, "amy", models.RelationshipPlanSubmit, of)
	approvalID := b.state.Plans[0].ApprovalID
	step := b.decided(5*time.Hour, approvalID, models.OutcomeReturned, "sam")
	require.Equal(t, models.PlanDraft, b.state.Plans[0].Status)
	require.True(t, b.state.Plans[0].Returned)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskRevisePlan))
	require.Equal(t, []string{"amy"}, told(step, "plan_returned"))
	_, err := b.take(bondBegun.Add(6*time.Hour), models.RelationshipDecidedBy(models.ApprovalDecided{ApprovalID: approvalID, Seq: 9, Outcome: models.OutcomeReturned}))
	require.Equal(t, errs.Conflict, errs.CodeOf(err))

	b.do(7*time.Hour, "mia", models.RelationshipPlanSubmit, of)
	require.Len(t, b.state.Orders, 1)
	o := b.state.Orders[0]
	require.Equal(t, models.ApprovalResubmit, o.Verb)
	require.Equal(t, []string{approvalID, "amy"}, []string{o.ID, o.RequesterID})
	require.Equal(t, []string{"mia"}, o.Interested)
	require.Equal(t, 2, b.state.Plans[0].Tries)
	require.Empty(t, b.tasks(models.TaskRevisePlan))
	b.decided(8*time.Hour, approvalID, models.OutcomeApproved, "sam")
	require.Equal(t, models.PlanApproved, b.state.Plans[0].Status)
}

func TestPlan_that_is_refused_or_given_up_is_over_and_another_is_asked_for(t *testing.T) {
	t.Parallel()
	for outcome, kind := range map[models.ApprovalOutcome]string{models.OutcomeRejected: "plan_rejected", models.OutcomeWithdrawn: "plan_withdrawn"} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			b := classA(t)
			b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
			of := models.OfPlan{PlanID: b.state.Plans[0].ID}
			b.do(4*time.Hour, "amy", models.RelationshipPlanSubmit, of)
			approvalID := b.state.Plans[0].ApprovalID
			if outcome == models.OutcomeWithdrawn {
				step := b.do(5*time.Hour, "mia", models.RelationshipPlanWithdraw, of)
				require.Equal(t, []string{"plan_taken_back"}, happened(step))
				require.Equal(t, models.ApprovalWithdraw, b.state.Orders[0].Verb)
				require.Equal(t, "amy", b.state.Orders[0].RequesterID)
				require.Len(t, b.state.Plans, 1, "until the approval has answered")
				step = b.do(6*time.Hour, "amy", models.RelationshipPlanWithdraw, of)
				require.Empty(t, happened(step))
			}
			step := b.decided(7*time.Hour, approvalID, outcome, "sam")
			require.Empty(t, b.state.Plans)
			require.Equal(t, models.PlanStatus(outcome), b.Planned[of.PlanID].Status)
			require.Equal(t, []string{"amy"}, told(step, kind))
			require.Equal(t, models.StageClassified, b.state.Stage)
			require.Equal(t, []string{"amy"}, b.tasks(models.TaskDraftPlan))
		})
	}
	t.Run("returned_and_given_up", func(t *testing.T) {
		t.Parallel()
		b := classA(t)
		b.do(3*time.Hour, "amy", models.RelationshipPlan, yearPlan())
		of := models.OfPlan{PlanID: b.state.Plans[0].ID}
		b.do(4*time.Hour, "amy", models.RelationshipPlanSubmit, of)
		b.decided(5*time.Hour, b.state.Plans[0].ApprovalID, models.OutcomeReturned, "sam")
		b.do(6*time.Hour, "amy", models.RelationshipPlanWithdraw, of)
		require.Equal(t, models.ApprovalWithdraw, b.state.Orders[0].Verb)
		require.Empty(t, b.tasks(models.TaskRevisePlan))
		require.Equal(t, "relationship.wrong_state", b.refused(7*time.Hour, "amy", models.RelationshipPlanSubmit, of).Key)
	})
}

func TestPlan_is_asked_for_by_the_class_once(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.graded(time.Hour, "B")
	require.Empty(t, b.tasks(models.TaskDraftPlan), "class B needs no plan")
	b.graded(4*time.Hour, "S")
	b.graded(8*time.Hour, "A")
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskDraftPlan))
	b.graded(12*time.Hour, "B")
	require.Empty(t, b.tasks(models.TaskDraftPlan))

	r := relationshipRules(t, marketDepartment())
	r.Client.Class, r.Client.Status = "S", "active"
	b = newBond(t, r)
	b.tick(bondBegun.Add(time.Hour))
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskDraftPlan), "a client who came with a class")
	step := b.tick(bondBegun.Add(2 * time.Hour))
	require.NotContains(t, happened(step), "plan_wanted")
}
