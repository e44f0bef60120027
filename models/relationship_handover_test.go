package models_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// accountOf begins a relationship with an active client of class A, in which amy has a promise, a lead and a plan.
func accountOf(t require.TestingT) *bond {
	r := relationshipRules(t, marketDepartment())
	r.Client.Class, r.Client.Status = "A", "active"
	b := newBond(t, r)
	b.do(time.Hour, "amy", models.RelationshipCommit, models.Commit{Text: "samples", DueAt: bondBegun.AddDate(0, 2, 0)})
	b.do(2*time.Hour, "amy", models.RelationshipLead, models.OpenLead{Kind: models.KindLead, Title: "a second line"})
	b.do(3*time.Hour, "amy", models.RelationshipPlan, models.PlanDraftData{
		From: "2026-04-01", Until: "2026-12-31", Goals: []string{"grow"},
		Activities: []models.PlanActivity{{Kind: "visit", Title: "see them", DueAt: bondBegun.AddDate(0, 3, 0)}},
	})
	return b
}

// hasNothing requires that nothing at the client is the user's.
func (b *bond) hasNothing(user string) {
	require.NotContains(b.t, b.state.ReadPrincipals(), user)
	for _, task := range b.state.Tasks {
		require.NotEqual(b.t, user, task.UserID, "%s", task.Kind)
	}
}

func TestHandOver_leaves_everything_where_it_is_until_it_is_accepted(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	step := b.do(4*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben", Reason: "rotation", Cases: []string{"case_1"}, Receptions: []string{"reception_1"}})
	require.Equal(t, "amy", b.state.AccountManagerID)
	require.Equal(t, "amy", b.state.Commitments[0].OwnerID)
	require.Equal(t, []string{"ben"}, b.tasks(models.TaskAcceptAccount))
	require.Len(t, b.state.HandOver.Items, 7, "promise, lead, plan, activity, case, reception and the account")
	require.Contains(t, told(step, "account_offered"), "ben")

	require.Equal(t, errs.Forbidden, b.refused(5*time.Hour, "amy", models.RelationshipAccept, models.AcceptAccount{}).Code)
	e := b.refused(5*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{Items: []models.HandOverItem{{Kind: models.ItemLead, ID: "lead_9"}}})
	require.Equal(t, []string{"items[0]:not_offered"}, faultsOf(e))
	require.Equal(t, errs.Conflict, b.refused(5*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"}).Code)

	step = b.do(6*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{Items: []models.HandOverItem{
		{Kind: models.ItemCommitment, ID: b.state.Commitments[0].ID}, {Kind: models.ItemCase, ID: "case_1"},
	}})
	require.Equal(t, "ben", b.state.Commitments[0].OwnerID)
	require.Equal(t, "amy", b.state.Leads[0].OwnerID)
	require.Equal(t, &models.Succession{Seq: b.state.Seq, FromID: "amy", ToID: "ben", Cases: []string{"case_1"}}, b.state.Tell)
	require.Equal(t, []string{"ben"}, b.tasks(models.TaskKeepCommitment))
	require.Nil(t, step.Calls, "they come with the account")
}

func TestHandOver_of_the_account_takes_all_that_is_left_and_tells_the_client(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "amy", models.RelationshipHandOver, models.OfferAccount{ToID: "ben", Receptions: []string{"reception_1"}})
	b.do(5*time.Hour, "amy", models.RelationshipCommit, models.Commit{Text: "made since", DueAt: bondBegun.AddDate(0, 1, 0)})
	step := b.do(6*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	require.Equal(t, "ben", b.state.AccountManagerID)
	require.Nil(t, b.state.HandOver)
	require.Equal(t, []string{"reception_1"}, b.state.Tell.Receptions)
	require.Equal(t, "ben", *step.Client.AccountManagerID)
	require.Equal(t, models.MessageAccountManager, step.Messages[0].Kind)
	require.Equal(t, &models.Deactivate{UserID: "amy", HeirID: "ben", Rule: "account_handed_over"}, step.Calls)
	b.hasNothing("amy")
}

// asked is an account with a plan and a class that wait for their approvals, both asked for by amy.
func asked(t require.TestingT) (b *bond, plan, class string) {
	b = accountOf(t)
	b.do(4*time.Hour, "amy", models.RelationshipPlanSubmit, models.OfPlan{PlanID: b.state.Plans[0].ID})
	b.do(5*time.Hour, "amy", models.RelationshipClassify, models.Classify{ProposedClass: "B", Reason: "They buy less", Criteria: criteriaOf(60, nil)})
	return b, b.state.Plans[0].ApprovalID, b.state.Proposal.ApprovalID
}

// askedBy requires that all approvals are told who asks from now on, by the latest step.
func (b *bond) askedBy(user string) {
	for _, o := range b.state.Orders {
		require.Equal(b.t, []any{models.ApprovalHandOver, user, b.state.Seq}, []any{o.Verb, o.RequesterID, o.Seq})
	}
	require.Len(b.t, b.state.Orders, 2)
	require.Equal(b.t, user, b.state.Proposal.RequesterID)
}

func TestHandOver_takes_requests_along_so_that_the_new_account_manager_revises_them(t *testing.T) {
	t.Parallel()
	b, plan, class := asked(t)
	b.do(6*time.Hour, "amy", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	b.do(7*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	b.askedBy("ben")
	b.decided(8*time.Hour, plan, models.OutcomeReturned, "sam")
	b.decided(9*time.Hour, class, models.OutcomeReturned, "sam")
	require.Equal(t, []string{"ben"}, b.tasks(models.TaskRevisePlan))
	require.Equal(t, []string{"ben"}, b.tasks(models.TaskReviseClass))
	b.hasNothing("amy")
	step := b.do(10*time.Hour, "ben", models.RelationshipPlanSubmit, models.OfPlan{PlanID: b.state.Plans[0].ID})
	require.Contains(t, happened(step), "plan_submitted")
	require.Equal(t, "ben", b.state.Orders[len(b.state.Orders)-1].RequesterID)
}

func TestHandOver_to_the_heir_of_a_leaver_lets_nobody_decide_on_what_is_theirs_now(t *testing.T) {
	t.Parallel()
	b, _, _ := asked(t)
	amy := b.r.Org.Users["amy"]
	amy.Active = false
	b.r.Org.Users["amy"] = amy
	_, err := b.attempt(bondBegun.Add(6*time.Hour), models.Actor{}, models.RelationshipLeft, models.Deactivate{UserID: "amy", HeirID: "sam"})
	require.NoError(t, err)
	require.Equal(t, "sam", b.state.AccountManagerID)
	b.askedBy("sam") // the approval asks sam no longer, who was to decide
}

func TestHandOver_leaves_requests_of_others_and_those_that_are_taken_back(t *testing.T) {
	t.Parallel()
	b, plan, _ := asked(t)
	b.do(6*time.Hour, "amy", models.RelationshipUnclassify, models.Because{})
	b.do(7*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	b.do(8*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	for _, o := range b.state.Orders {
		want := []any{models.ApprovalWithdraw, "amy"}
		if o.ID == plan {
			want = []any{models.ApprovalHandOver, "ben"}
		}
		require.Equal(t, want, []any{o.Verb, o.RequesterID})
	}

	b = accountOf(t)
	b.do(4*time.Hour, "mia", models.RelationshipPlanSubmit, models.OfPlan{PlanID: b.state.Plans[0].ID})
	b.do(5*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	b.do(6*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	require.Equal(t, []any{models.ApprovalStart, "mia"}, []any{b.state.Orders[0].Verb, b.state.Orders[0].RequesterID})
	b.decided(7*time.Hour, b.state.Orders[0].ID, models.OutcomeReturned, "zoe")
	require.Equal(t, []string{"mia"}, b.tasks(models.TaskRevisePlan), "the market head may revise it")
}

func TestLost_client_gets_no_tasks_until_it_is_regained(t *testing.T) {
	t.Parallel()
	b, plan, class := asked(t)
	b.do(6*time.Hour, "amy", models.RelationshipLose, models.Because{Reason: "They left"})
	b.decided(7*time.Hour, plan, models.OutcomeReturned, "sam")
	b.decided(8*time.Hour, class, models.OutcomeReturned, "sam")
	require.Empty(t, b.state.Tasks, "nobody can do anything for a lost client")
	b.do(9*time.Hour, "amy", models.RelationshipRegain, models.Because{Reason: "They are back"})
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskRevisePlan))
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskReviseClass))
}

func TestHandOver_who_has_accepted_a_plan_or_an_improvement_may_work_on_it(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "amy", models.RelationshipAssess, levels(1, 0, 0))
	plan, improvement := b.state.Plans[0], b.state.Improvements[0].ID
	b.do(5*time.Hour, "amy", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	more := models.Improve{ImprovementID: improvement, Actions: []models.PlanActivity{{Title: "Dinner", DueAt: daysOn(20)}}}
	draft := yearPlan()
	draft.PlanID = plan.ID
	of := models.OfPlan{PlanID: plan.ID, Note: "x"}
	commands := []struct {
		action models.RelationshipAction
		data   any
	}{
		{models.RelationshipPlanRevise, draft},
		{models.RelationshipPlanSubmit, of},
		{models.RelationshipPlanWithdraw, of},
		{models.RelationshipImprove, more},
		{models.RelationshipImproveStop, models.OfImprovement{ImprovementID: improvement, Note: "x"}},
	}
	for _, c := range commands {
		require.Equal(t, errs.Forbidden, b.refused(6*time.Hour, "ben", c.action, c.data).Code, c.action)
	}
	require.Empty(t, models.AllowedPlan(&b.state, plan.ID, 0, b.who("ben"), bondBegun))
	b.do(7*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{Items: []models.HandOverItem{
		{Kind: models.ItemPlan, ID: plan.ID}, {Kind: models.ItemImprovement, ID: improvement},
	}})
	require.Equal(t, "amy", b.state.AccountManagerID)
	require.Contains(t, models.AllowedPlan(&b.state, plan.ID, 0, b.who("ben"), bondBegun), models.RelationshipPlanSubmit)
	for i, c := range commands {
		b.do(time.Duration(8+i)*time.Hour, "ben", c.action, c.data)
	}
	require.Equal(t, errs.Forbidden, b.refused(20*time.Hour, "ben", models.RelationshipPlan, yearPlan()).Code, "the client is amy's")
}

func TestHandOver_takes_nothing_that_is_somebody_elses_by_now(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "amy", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	activity := b.state.Plans[0].Activities[0]
	b.do(5*time.Hour, "amy", models.RelationshipPlanRevise, models.PlanDraftData{
		PlanID: b.state.Plans[0].ID, From: "2026-04-01", Until: "2026-12-31", Goals: []string{"grow"},
		Activities: []models.PlanActivity{{ID: activity.ID, Kind: activity.Kind, Title: "see them", OwnerID: "pam", DueAt: activity.DueAt}},
	})
	b.do(6*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	require.Equal(t, "ben", b.state.Plans[0].OwnerID)
	require.Equal(t, "pam", b.state.Plans[0].Activities[0].OwnerID)
	require.Equal(t, "pam", b.Planned[b.state.Plans[0].ID].Document.Activities[0].OwnerID)
}

func TestHandOver_that_is_declined_changes_nothing_more(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "amy", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	b.do(5*time.Hour, "ben", models.RelationshipDecline, models.Because{Reason: "no time"})
	require.Nil(t, b.state.HandOver)
	require.Equal(t, "amy", b.state.AccountManagerID)
	require.Empty(t, b.tasks(models.TaskAcceptAccount))
	for to, code := range map[string]string{"gus": "unknown", "nobody": "unknown", "amy": "same_manager"} {
		require.Equal(t, []string{"to_id:" + code}, faultsOf(b.refused(6*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: to})))
	}
}

func TestLeaver_leaves_nothing_and_the_superior_inherits(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "mia", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"product_manager": "pam"}})
	b.do(5*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
	for _, leaver := range []struct{ id, heir string }{{"pam", "tom"}, {"amy", "sam"}} {
		u := b.r.Org.Users[leaver.id]
		u.Active = false
		b.r.Org.Users[leaver.id] = u
		data, err := json.Marshal(models.Deactivate{UserID: leaver.id, HeirID: leaver.heir})
		require.NoError(t, err)
		_, err = b.take(b.state.UpdatedAt.Add(time.Hour), models.RelationshipEvent{Action: models.RelationshipLeft, Data: data})
		require.NoError(t, err)
		b.hasNothing(leaver.id)
	}
	require.Equal(t, "sam", b.state.AccountManagerID)
	require.Nil(t, b.state.HandOver)
	require.NotContains(t, b.state.Posts, "product_manager")
}

func TestTeam_is_assigned_by_the_head_of_the_market_department(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	require.Equal(t, errs.Forbidden, b.refused(4*time.Hour, "amy", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"product_manager": "pam"}}).Code)
	e := b.refused(4*time.Hour, "mia", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"account_manager": "ben", "product_manager": "gus", "wizard": "pam"}})
	require.Equal(t, []string{"posts.account_manager:unknown_post", "posts.product_manager:unknown", "posts.wizard:unknown_post"}, faultsOf(e))
	b.do(5*time.Hour, "mia", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"product_manager": "pam"}})
	require.Equal(t, "pam", b.state.Team["product_manager"])
	b.do(6*time.Hour, "mia", models.RelationshipTeam, models.AssignPosts{Posts: map[string]string{"product_manager": ""}})
	require.Empty(t, b.state.Team["product_manager"])
}

func TestMasterData_that_was_changed_outside_is_taken_over_at_the_next_step(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	ben := "ben"
	b.r.Client.AccountManagerID = &ben
	step := b.do(4*time.Hour, "ben", models.RelationshipInteract, models.Interact{Kind: "call", At: bondBegun, Summary: "hello"})
	require.Equal(t, "ben", b.state.AccountManagerID)
	require.Contains(t, happened(step), "account_reassigned")
	b.hasNothing("amy")

	_, err := b.take(bondBegun.Add(5*time.Hour), models.RelationshipEvent{Action: models.RelationshipAlign})
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "nothing has changed")
	b.r.Client.Status = "lost"
	_, err = b.take(bondBegun.Add(6*time.Hour), models.RelationshipEvent{Action: models.RelationshipAlign})
	require.NoError(t, err)
	require.Equal(t, models.StageLost, b.state.Stage)
	require.Nil(t, b.state.NextAt, "nothing falls due of a lost client")
	b.do(7*time.Hour, "ben", models.RelationshipRegain, models.Because{Reason: "they are back"})
	require.Equal(t, models.StageActive, b.state.Stage)
	require.NotNil(t, b.state.NextAt)
}

func TestMerge_ends_the_relationship(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	data, err := json.Marshal(models.MergedClient{IntoID: "client_2"})
	require.NoError(t, err)
	b.r.Client.Status = "merged"
	_, err = b.take(bondBegun.Add(5*time.Hour), models.RelationshipEvent{Action: models.RelationshipMerged, Data: data})
	require.NoError(t, err)
	require.True(t, b.state.Over())
	require.Empty(t, b.state.Tasks)
	require.Equal(t, errs.ProcessClosed, b.refused(6*time.Hour, "amy", models.RelationshipInteract, models.Interact{Kind: "call", At: bondBegun, Summary: "x"}).Code)
}

func TestRotation_is_suggested_to_the_superior_in_its_rhythm(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.pass(bondBegun.AddDate(3, 0, 2))
	require.Equal(t, []string{"sam"}, b.tasks(models.TaskRotateManager))
	require.Equal(t, bondBegun.AddDate(6, 0, 0), *b.state.Rotation.DueAt)
	b.do(b.state.UpdatedAt.Sub(bondBegun)+time.Hour, "amy", models.RelationshipLose, models.Because{Reason: "gone"})
	b.do(b.state.UpdatedAt.Sub(bondBegun)+time.Hour, "amy", models.RelationshipRegain, models.Because{Reason: "back"})
	require.Equal(t, bondBegun.AddDate(6, 0, 0), *b.state.Rotation.DueAt, "the time of an account manager does not begin anew")
	b.pass(bondBegun.AddDate(6, 0, 2))
	require.Equal(t, []string{"sam"}, b.tasks(models.TaskRotateManager), "again, and once")
	b.do(b.state.UpdatedAt.Sub(bondBegun)+time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben", Reason: "rotation"})
	b.do(b.state.UpdatedAt.Sub(bondBegun)+2*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	require.Empty(t, b.tasks(models.TaskRotateManager), "it was done")
}

func TestHandOver_takes_cases_along_that_came_since_the_offer(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben", Reason: "rotation", Cases: []string{"case_1"}})
	b.do(5*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{Cases: []string{"case_1", "case_2"}, Receptions: []string{"reception_2"}})
	require.Equal(t, []string{"case_1", "case_2"}, b.state.Tell.Cases)
	require.Equal(t, []string{"reception_2"}, b.state.Tell.Receptions)
}

func TestAccount_that_is_left_to_nobody_leaves_promises_with_who_made_them(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.r.Client.AccountManagerID = nil
	_, err := b.take(bondBegun.Add(4*time.Hour), models.RelationshipEvent{Action: models.RelationshipAlign})
	require.NoError(t, err)
	require.Empty(t, b.state.AccountManagerID)
	require.Equal(t, "amy", b.state.Commitments[0].OwnerID)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskKeepCommitment))
	require.Equal(t, "amy", b.state.Leads[0].OwnerID)
}

func TestOpinion_stays_with_who_answers_it_when_the_account_moves(t *testing.T) {
	t.Parallel()
	o := marketDepartment()
	voices := o.Teams["voices"]
	voices.SupervisorID = "amy" // speaks for clients and looks after one
	o.Teams["voices"] = voices
	r := relationshipRules(t, o)
	r.Client.Class, r.Client.Status = "A", "active"
	b := newBond(t, r)
	b.do(time.Hour, "pam", models.RelationshipOpine, models.Opine{Text: "too slow"})
	owner := b.state.Opinions[0].OwnerID
	require.Equal(t, []string{owner}, b.tasks(models.TaskAnswerOpinion))
	b.do(2*time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben", Reason: "rotation"})
	b.do(3*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
	require.Equal(t, []string{owner}, b.tasks(models.TaskAnswerOpinion), "who has the task may answer")
}

func TestRegain_gives_the_tasks_again_of_what_is_still_owed(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	b.do(4*time.Hour, "amy", models.RelationshipAssess, levels(2, 0, 0))
	b.do(5*time.Hour, "amy", models.RelationshipOpine, models.Opine{Text: "too slow"})
	open := func() []string {
		var kinds []string
		for _, task := range b.state.Tasks {
			switch task.Kind {
			case models.TaskKeepCommitment, models.TaskAnswerOpinion, models.TaskImproveRelation:
				kinds = append(kinds, task.Kind+" "+task.UserID)
			}
		}
		slices.Sort(kinds)
		return kinds
	}
	before := open()
	require.Len(t, before, 3)
	b.do(6*time.Hour, "amy", models.RelationshipLose, models.Because{Reason: "gone"})
	require.Empty(t, b.state.Tasks)
	b.do(7*time.Hour, "amy", models.RelationshipRegain, models.Because{Reason: "a mistake"})
	require.Equal(t, before, open())
}

// Whatever somebody has at a client: who takes the account over has it then, and nothing stays with the leaver.
func TestHandOver_leaves_nothing_with_who_gives_law(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := accountOf(rt)
		at := 4 * time.Hour
		given := false
		for i := range rapid.IntRange(1, 12).Draw(rt, "n") {
			at += time.Hour
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				b.do(at, "amy", models.RelationshipCommit, models.Commit{Text: fmt.Sprint(i), DueAt: bondBegun.AddDate(0, 6, i)})
			case 1:
				b.do(at, "amy", models.RelationshipLead, models.OpenLead{Kind: models.KindOpportunity, Title: fmt.Sprint(i)})
			case 2:
				b.do(at, "amy", models.RelationshipAssess, levels(2, 0, 0))
			case 3:
				if !given {
					b.do(at, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
					given = true
				}
			case 4:
				if given && len(b.state.HandOver.Items) > 1 {
					b.do(at, "ben", models.RelationshipAccept, models.AcceptAccount{Items: b.state.HandOver.Items[:1]})
				}
			default:
				b.pass(bondBegun.Add(at + time.Duration(rapid.IntRange(1, 24*40).Draw(rt, "hours"))*time.Hour))
				at = b.state.UpdatedAt.Sub(bondBegun)
			}
		}
		if !given {
			b.do(at+time.Hour, "mia", models.RelationshipHandOver, models.OfferAccount{ToID: "ben"})
		}
		b.do(at+2*time.Hour, "ben", models.RelationshipAccept, models.AcceptAccount{})
		require.Equal(rt, "ben", b.state.AccountManagerID)
		b.hasNothing("amy")
	})
}

func TestRelationship_merge_withdraws_what_was_asked_for_also_a_second_time(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		b := newBond(t, relationshipRules(t, marketDepartment()))
		proposal := models.Classify{ProposedClass: "A", Reason: "they grow", Criteria: criteriaOf(90, nil)}
		b.do(time.Hour, "amy", models.RelationshipClassify, proposal)
		if again {
			b.decided(2*time.Hour, b.state.Proposal.ApprovalID, models.OutcomeReturned, "sam")
			b.do(3*time.Hour, "amy", models.RelationshipClassify, proposal)
			require.Equal(t, models.ApprovalResubmit, b.state.Orders[0].Verb)
		}
		b.do(4*time.Hour, "mia", models.RelationshipMerged, models.MergedClient{IntoID: "client_2"})
		require.Len(t, b.state.Orders, 1)
		require.Equal(t, models.ApprovalWithdraw, b.state.Orders[0].Verb)
		require.Equal(t, b.state.Seq, b.state.Orders[0].Seq)
	}
}
