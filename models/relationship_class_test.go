package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// criteriaOf are all criteria of the shipped policy at one value, but those given.
func criteriaOf(value int, other classification.Criteria) classification.Criteria {
	c := classification.Criteria{}
	for _, name := range []string{"strategic_fit", "revenue", "potential", "decision_influence", "credit", "payment", "cooperation", "product_overlap"} {
		c[name] = value
	}
	for name, v := range other {
		c[name] = v
	}
	return c
}

// graded lets amy propose a class, and the approval agree.
func (b *bond) graded(after time.Duration, class string) models.RelationshipStep {
	b.do(after, "amy", models.RelationshipClassify, models.Classify{ProposedClass: class, Reason: "they grow", Criteria: criteriaOf(90, nil)})
	return b.decided(after+time.Hour, b.state.Proposal.ApprovalID, models.OutcomeApproved, "sam")
}

func TestRelationship_class_changes_only_when_the_approval_agrees(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	step := b.do(time.Hour, "amy", models.RelationshipClassify, models.Classify{
		ProposedClass: "S", Reason: "they build everywhere", Criteria: criteriaOf(80, nil),
	})
	require.Equal(t, "C", b.state.Class)
	require.Equal(t, models.StageProspect, b.state.Stage)
	require.Nil(t, step.Client)
	require.Len(t, step.Classifications, 1)
	row := step.Classifications[0]
	require.Equal(t, "pending", row.Outcome)
	require.Equal(t, []string{"C", "S", "A"}, []string{row.FromClass, row.Class, row.Computed})
	require.Equal(t, 8000, row.Score.Points)
	require.Equal(t, 1, row.PolicyVersion)

	require.Len(t, b.state.Orders, 1)
	o := b.state.Orders[0]
	require.Equal(t, models.ApprovalStart, o.Verb)
	require.Equal(t, "classification", o.Chain)
	require.Equal(t, models.ApproveClass, o.Purpose)
	require.Equal(t, []string{"amy", b.state.ID}, []string{o.RequesterID, o.SubjectID})
	require.Equal(t, models.ApprovalFacts{
		Texts:   map[string]string{"client.class": "C", "classification.proposed": "S", "classification.computed": "A"},
		Numbers: map[string]int64{"classification.points": 80},
		Flags:   map[string]bool{"classification.departs": true, "classification.raises": true},
	}, o.Facts)
	subject, ok := approval.SubjectOf(o.Chain)
	require.True(t, ok)
	require.Empty(t, approval.Facts(o.Facts).Validate(subject))

	step = b.decided(3*time.Hour, o.ID, models.OutcomeApproved, "zoe")
	require.Equal(t, "S", b.state.Class)
	require.Equal(t, models.StageClassified, b.state.Stage)
	require.Equal(t, bondBegun.Add(3*time.Hour), b.state.ClassSince)
	require.Equal(t, 1, b.state.ClassVersion)
	require.Equal(t, "S", step.Client.Class)
	require.Nil(t, b.state.Proposal)
	require.Empty(t, b.state.Orders)
	require.Equal(t, "approved", b.Grades[row.ID].Outcome)
	require.Equal(t, []string{"zoe"}, b.Grades[row.ID].DecidedBy)
	require.Equal(t, bondBegun.Add(3*time.Hour), *b.Grades[row.ID].DecidedAt)
	require.Contains(t, told(step, "class_changed"), "amy")
	i := slices.Index(happened(step), "classified")
	require.Equal(t, "zoe", step.Events[i].Actor, "the decision has the name of who decided")
	require.Equal(t, "C", step.Events[i].Data["from"])
	require.Equal(t, time.Date(2026, 6, 9, 5, 0, 0, 0, time.UTC), *b.state.Review.DueAt, "an S is reviewed every three months")
}

func TestRelationship_refused_and_withdrawn_classes_change_nothing(t *testing.T) {
	t.Parallel()
	for outcome, kind := range map[models.ApprovalOutcome]string{models.OutcomeRejected: "class_rejected", models.OutcomeWithdrawn: "class_withdrawn"} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			b := newBond(t, relationshipRules(t, marketDepartment()))
			b.do(time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "x", Criteria: criteriaOf(90, nil)})
			p := *b.state.Proposal
			review := b.state.Review
			step := b.decided(2*time.Hour, p.ApprovalID, outcome, "sam")
			require.Equal(t, "C", b.state.Class)
			require.Equal(t, models.StageProspect, b.state.Stage)
			require.Equal(t, review, b.state.Review)
			require.Nil(t, b.state.Proposal)
			require.Empty(t, b.state.Orders)
			require.Equal(t, string(outcome), b.Grades[p.ID].Outcome)
			require.Equal(t, []string{"amy"}, told(step, kind))
			_, err := b.take(bondBegun.Add(3*time.Hour), models.RelationshipDecidedBy(models.ApprovalDecided{ApprovalID: p.ApprovalID, Outcome: models.OutcomeApproved}))
			require.Equal(t, errs.Conflict, errs.CodeOf(err), "an approval answers once")
		})
	}
}

func TestRelationship_proposal_that_was_returned_goes_to_the_same_approval_again(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.do(time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "S", Reason: "x", Criteria: criteriaOf(90, nil)})
	p := *b.state.Proposal
	e := b.refused(2*time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "x"})
	require.Equal(t, "relationship.wrong_state", e.Key, "one proposal at a time")

	step := b.decided(2*time.Hour, p.ApprovalID, models.OutcomeReturned, "sam")
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskReviseClass))
	require.Equal(t, []string{"amy"}, told(step, "class_returned"))
	_, err := b.take(bondBegun.Add(3*time.Hour), models.RelationshipDecidedBy(models.ApprovalDecided{ApprovalID: p.ApprovalID, Seq: 9, Outcome: models.OutcomeReturned}))
	require.Equal(t, errs.Conflict, errs.CodeOf(err))

	b.do(4*time.Hour, "mia", models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "less will do"})
	require.Empty(t, b.tasks(models.TaskReviseClass))
	require.Len(t, b.state.Orders, 1)
	o := b.state.Orders[0]
	require.Equal(t, models.ApprovalResubmit, o.Verb)
	require.Equal(t, p.ApprovalID, o.ID)
	require.Equal(t, b.state.Seq, o.Seq)
	require.Equal(t, "amy", o.RequesterID, "an approval has one requester")
	require.Equal(t, []string{"mia"}, o.Interested)
	require.Equal(t, "A", o.Facts.Texts["classification.proposed"])
	require.Len(t, b.Grades, 1)
	require.Equal(t, "A", b.Grades[p.ID].Class)
	b.decided(5*time.Hour, p.ApprovalID, models.OutcomeApproved, "sam")
	require.Equal(t, "A", b.state.Class)
}

func TestRelationship_proposal_is_taken_back_once_and_stays_until_the_approval_answers(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	e := b.refused(time.Hour, "amy", models.RelationshipUnclassify, nil)
	require.Equal(t, "relationship.wrong_state", e.Key)
	b.do(time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "S", Reason: "x", Criteria: criteriaOf(90, nil)})
	p := *b.state.Proposal
	b.decided(2*time.Hour, p.ApprovalID, models.OutcomeReturned, "sam")
	step := b.do(3*time.Hour, "mia", models.RelationshipUnclassify, models.Because{Reason: "too early"})
	require.Equal(t, []string{"class_taken_back"}, happened(step))
	require.Equal(t, models.ApprovalWithdraw, b.state.Orders[0].Verb)
	require.Equal(t, "amy", b.state.Orders[0].RequesterID)
	require.NotNil(t, b.state.Proposal)
	require.Empty(t, b.tasks(models.TaskReviseClass))
	e = b.refused(4*time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "x"})
	require.Equal(t, "relationship.wrong_state", e.Key, "what is given up is not proposed again")
	ordered := b.state.Orders[0]
	step = b.do(5*time.Hour, "amy", models.RelationshipUnclassify, models.Because{Reason: "again"})
	require.Empty(t, happened(step))
	require.Equal(t, ordered, b.state.Orders[0], "it is ordered once")
	b.decided(6*time.Hour, p.ApprovalID, models.OutcomeWithdrawn, "")
	require.Nil(t, b.state.Proposal)
	require.Equal(t, "withdrawn", b.Grades[p.ID].Outcome)
	require.Empty(t, b.Grades[p.ID].DecidedBy)
}

func TestRelationship_proposal_that_is_returned_after_it_was_taken_back_asks_nobody(t *testing.T) {
	t.Parallel()
	b := classA(t)
	b.do(3*time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "S", Reason: "x"})
	b.do(4*time.Hour, "amy", models.RelationshipPlan, yearPlan())
	of := models.OfPlan{PlanID: b.state.Plans[0].ID}
	b.do(5*time.Hour, "amy", models.RelationshipPlanSubmit, of)
	b.do(6*time.Hour, "amy", models.RelationshipUnclassify, nil)
	b.do(7*time.Hour, "amy", models.RelationshipPlanWithdraw, of)
	for i, o := range b.state.Orders {
		b.decided(time.Duration(8+i)*time.Hour, o.ID, models.OutcomeReturned, "sam")
	}
	require.Empty(t, b.tasks(models.TaskReviseClass))
	require.Empty(t, b.tasks(models.TaskRevisePlan))
	require.Len(t, b.state.Orders, 2)
	for i, o := range b.state.Orders {
		require.Equal(t, models.ApprovalWithdraw, o.Verb)
		b.decided(time.Duration(10+i)*time.Hour, o.ID, models.OutcomeWithdrawn, "")
	}
	require.Nil(t, b.state.Proposal)
	require.Empty(t, b.state.Plans)
}

func TestRelationship_classify_refuses(t *testing.T) {
	t.Parallel()
	full := criteriaOf(90, nil)
	for name, c := range map[string]struct {
		user string
		data models.Classify
		code errs.Code
		want []string
	}{
		"a_gate_that_nobody_can_judge": {"amy", models.Classify{ProposedClass: "A", Reason: "x", Criteria: classification.Criteria{"revenue": 50}}, errs.Invalid, []string{
			"criteria.strategic_fit:required",
		}},
		"criteria_out_of_range_or_unknown": {"amy", models.Classify{ProposedClass: "A", Reason: "x", Criteria: criteriaOf(90, classification.Criteria{"credit": 101, "charm": 3})}, errs.Invalid, []string{
			"criteria.charm:unknown_field", "criteria.credit:between",
		}},
		"what_the_gate_bars":  {"amy", models.Classify{ProposedClass: "A", Reason: "x", Criteria: criteriaOf(100, classification.Criteria{"strategic_fit": 39})}, errs.Invalid, []string{"proposed_class:gated"}},
		"what_is_no_class":    {"amy", models.Classify{ProposedClass: "D", Reason: "x", Criteria: full}, errs.Invalid, []string{"proposed_class:oneof"}},
		"no_reason":           {"amy", models.Classify{ProposedClass: "A", Reason: " ", Criteria: full}, errs.Invalid, []string{"reason:notblank"}},
		"others":              {"ben", models.Classify{ProposedClass: "A", Reason: "x", Criteria: full}, errs.Forbidden, nil},
		"who_only_reads":      {"otto", models.Classify{ProposedClass: "A", Reason: "x", Criteria: full}, errs.Forbidden, nil},
		"the_team_and_others": {"sam", models.Classify{ProposedClass: "A", Reason: "x", Criteria: full}, errs.Forbidden, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBond(t, relationshipRules(t, marketDepartment()))
			e := b.refused(time.Hour, c.user, models.RelationshipClassify, c.data)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.want, faultsOf(e))
		})
	}
}

func TestRelationship_prospect_may_be_given_the_class_it_came_with_and_nobody_else(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.graded(time.Hour, "C")
	require.Equal(t, models.StageClassified, b.state.Stage)
	e := b.refused(5*time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "C", Reason: "x"})
	require.Equal(t, []string{"proposed_class:same_class"}, faultsOf(e))
}

func TestRelationship_criteria_are_recorded_beside_each_other_and_sales_fill_in(t *testing.T) {
	t.Parallel()
	r := relationshipRules(t, marketDepartment())
	sales := int64(500_000_000)
	r.Client.Sales12m = &sales
	b := newBond(t, r)
	for data, want := range map[*models.Appraise][]string{
		{}: {"criteria:required"},
		{Criteria: classification.Criteria{"credit": -1, "charm": 1}}: {"criteria.charm:unknown_field", "criteria.credit:between"},
	} {
		require.Equal(t, want, faultsOf(b.refused(time.Hour, "amy", models.RelationshipAppraise, data)))
	}
	require.Equal(t, errs.Forbidden, b.refused(time.Hour, "ben", models.RelationshipAppraise, models.Appraise{Criteria: classification.Criteria{"credit": 60}}).Code)
	c := criteriaOf(80, nil)
	delete(c, "revenue")
	b.do(time.Hour, "amy", models.RelationshipAppraise, models.Appraise{Criteria: classification.Criteria{"credit": 60, "payment": 40}})
	b.do(2*time.Hour, "amy", models.RelationshipAppraise, models.Appraise{Criteria: classification.Criteria{"payment": 50}})
	require.Equal(t, classification.Criteria{"credit": 60, "payment": 50}, b.state.Criteria)
	require.Equal(t, bondBegun.Add(2*time.Hour), *b.state.AppraisedAt)
	delete(c, "credit")
	delete(c, "payment")
	step := b.do(3*time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "x", Criteria: c})
	require.Equal(t, 85, step.Classifications[0].Criteria["revenue"], "by the sales of the last twelve months")
	require.Equal(t, 60, step.Classifications[0].Criteria["credit"])
	require.NotContains(t, b.state.Criteria, "revenue", "what is computed is not recorded: sales go on")
}

func TestRelationship_review_proposes_from_what_is_known_and_is_confirmed_by_the_same_class(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.graded(time.Hour, "A")
	due := *b.state.Review.DueAt
	require.Equal(t, time.Date(2026, 9, 9, 4, 0, 0, 0, time.UTC), due, "half a year")
	b.do(3*time.Hour, "amy", models.RelationshipAppraise, models.Appraise{Criteria: classification.Criteria{"strategic_fit": 20}})
	b.pass(due.Add(-time.Second))
	require.Empty(t, b.tasks(models.TaskReviewClass))
	b.pass(due)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskReviewClass))
	task := b.state.Tasks[slices.IndexFunc(b.state.Tasks, func(o models.Task) bool { return o.Kind == models.TaskReviewClass })]
	require.Equal(t, []string{"A", "B", "76", ""}, []string{task.Why["class"], task.Why["proposed"], task.Why["points"], task.Why["missing"]}, "the gate has closed")
	require.Equal(t, time.Date(2026, 9, 22, 5, 0, 0, 0, time.UTC), *task.DueAt, "ten working days, of which one is a Sunday")
	require.Equal(t, time.Date(2027, 3, 9, 4, 0, 0, 0, time.UTC), *b.state.Review.DueAt, "the next one is set")

	after := due.Sub(bondBegun)
	e := b.refused(after+time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "A", Reason: "x"})
	require.Equal(t, []string{"proposed_class:gated"}, faultsOf(e))
	step := b.do(after+time.Hour, "amy", models.RelationshipClassify, models.Classify{
		ProposedClass: "A", Reason: "as before", Criteria: classification.Criteria{"strategic_fit": 80},
	})
	require.Equal(t, []string{"class_confirmed"}, happened(step))
	require.Empty(t, b.tasks(models.TaskReviewClass))
	require.Nil(t, b.state.Proposal)
	require.Empty(t, b.state.Orders)
	row := step.Classifications[0]
	require.Equal(t, []string{"A", "A", "approved", ""}, []string{row.FromClass, row.Class, row.Outcome, row.ApprovalID})
	require.Equal(t, []string{"amy"}, row.DecidedBy)
	require.NotNil(t, row.DecidedAt)
	require.Equal(t, due.Year(), b.state.UpdatedAt.Year())
	require.Equal(t, bondBegun.Add(2*time.Hour), b.state.ClassSince, "the class is the one of before")
}

func TestRelationship_review_says_which_criteria_are_missing(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.do(time.Hour, "amy", models.RelationshipAppraise, models.Appraise{Criteria: criteriaOf(50, nil)})
	b.r.Classification = policyWith(t, func(d *classification.Document) {
		c := d.Criteria["credit"]
		delete(d.Criteria, "credit")
		d.Criteria["renown"] = c
	})
	b.pass(*b.state.Review.DueAt)
	i := slices.IndexFunc(b.state.Tasks, func(o models.Task) bool { return o.Kind == models.TaskReviewClass })
	require.Equal(t, "renown", b.state.Tasks[i].Why["missing"])
	require.Equal(t, "45", b.state.Tasks[i].Why["points"])
}

// policyWith is the shipped classification policy, changed, as its second version.
func policyWith(t require.TestingT, change func(*classification.Document)) *classification.Policy {
	d, faults := classification.Parse(shipped(t, "classification/default.yaml"))
	require.Empty(t, faults)
	change(&d)
	p, err := classification.Compile(d, 2)
	require.NoError(t, err)
	return p
}

func TestRelationship_review_that_nobody_did_counts_as_missed_and_goes_to_the_superior(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.graded(time.Hour, "S")
	first := *b.state.Review.DueAt
	b.pass(first)
	require.Zero(t, b.state.Review.Missed)
	second := *b.state.Review.DueAt
	steps := b.pass(second)
	require.Equal(t, 1, b.state.Review.Missed)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskReviewClass), "one review at a time")
	last := steps[len(steps)-1]
	require.Equal(t, []string{"sam"}, told(last, "review_missed"))
	require.Contains(t, happened(last), "review_missed")
	b.pass(*b.state.Review.DueAt)
	require.Equal(t, 2, b.state.Review.Missed)

	at := b.state.UpdatedAt.Sub(bondBegun)
	b.do(at+time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "S", Reason: "x"})
	require.Zero(t, b.state.Review.Missed)
	b.pass(*b.state.Review.DueAt)
	require.Zero(t, b.state.Review.Missed, "the one before was done")
}

func TestRelationship_class_in_force_sets_the_rhythm_of_reviews_and_a_decision_ends_one(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	require.Equal(t, time.Date(2027, 3, 9, 2, 0, 0, 0, time.UTC), *b.state.Review.DueAt, "a C is reviewed every year")
	b.graded(time.Hour, "S")
	b.pass(*b.state.Review.DueAt)
	require.Len(t, b.tasks(models.TaskReviewClass), 1)
	at := b.state.UpdatedAt.Sub(bondBegun)
	b.graded(at+time.Hour, "B")
	require.Empty(t, b.tasks(models.TaskReviewClass), "what is decided anew needs no review")
	require.Equal(t, b.state.ClassSince.AddDate(1, 0, 0), *b.state.Review.DueAt)
}

func TestRelationship_deputy_proposes_in_place_of_the_account_manager(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	step, err := b.attempt(bondBegun.Add(time.Hour), b.who("ben", "amy"), models.RelationshipClassify,
		models.Classify{ProposedClass: "A", Reason: "x", Criteria: criteriaOf(90, nil)})
	require.NoError(t, err)
	require.Equal(t, []string{"ben", "amy"}, []string{step.Events[0].Actor, step.Events[0].OnBehalfOf})
	require.Equal(t, "amy", b.state.Orders[0].RequesterID)
	require.Equal(t, []string{"ben"}, b.state.Orders[0].Interested, "who acts for somebody does not approve it either")
}

func TestRelationship_class_may_be_proposed_while_criteria_are_missing(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	step := b.do(time.Hour, "amy", models.RelationshipClassify, models.Classify{
		ProposedClass: "A", Reason: "a framework contract", Criteria: classification.Criteria{"strategic_fit": 80},
	})
	row := step.Classifications[0]
	require.Empty(t, row.Computed, "of what is not known, the policy makes no class")
	require.Equal(t, 80*20, row.Score.Points)
	facts := b.state.Orders[0].Facts
	require.True(t, facts.Flags["classification.departs"], "who approves sees that no policy says so")
	require.Empty(t, facts.Texts["classification.computed"])
}
