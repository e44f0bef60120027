package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

func expense(item models.CostType, amount int64, receipt string) models.ClaimItem {
	return models.ClaimItem{Item: item, Amount: amount, Receipt: receipt}
}

func TestClaim_beyond_the_tolerance_goes_back_through_the_original_levels(t *testing.T) {
	t.Parallel()
	v := visited(t, nil)
	step := v.do(5*daylong, "hal", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 330_000, "A")}})
	require.Nil(t, step.Approval, "ten per cent over the budget is finance's to check")
	v.do(5*daylong+time.Hour, "fin", models.ReceptionReturnClaim, models.Because{Reason: "no date"})
	require.Equal(t, map[string]account{"meals/2026-03": {held: 200_000}, "transport/2026-03": {held: 100_000}}, v.money(), "what was held for the claim alone is free again")
	require.Equal(t, []string{"hal"}, v.told("claim_returned"))

	v.state.StepsOf = 3
	step = v.do(5*daylong+2*time.Hour, "hal", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 330_001, "A")}})
	require.Equal(t, models.ApproveClaim, step.Approval.Purpose)
	require.Equal(t, []string{"dept_head", "reception_manager"}, step.Approval.Levels)
	require.Equal(t, 3, step.Approval.Version, "as these levels were then")
	require.Equal(t, "hal", step.Approval.RequesterID, "the claimant never approves: nobody decides on their own request")
	require.Equal(t, []string{"amy"}, step.Approval.Interested, "nor does who asked for the reception")
	require.Equal(t, int64(30_001), step.Approval.Over)
	require.Equal(t, int64(330_001), step.Approval.Facts.Numbers["reception.budget_total"])
	require.True(t, step.Approval.Facts.Flags["reception.over_budget"])
	require.Equal(t, int64(330_001), v.money()["meals/2026-03"].held, "nobody else can spend it meanwhile")
	require.Equal(t, errs.Conflict, v.refused("fin", models.ReceptionPay, nil).Code, "not before it is approved")

	v.outcome(6*daylong, models.OutcomeApproved, "sam", "fin")
	require.Equal(t, []string{"fay " + v.state.Claim.ID}, v.tasks(models.TaskCheckClaim), "fin approved, so fay pays")
	require.Equal(t, errs.Forbidden, v.refused("fin", models.ReceptionPay, nil).Code)
	v.do(6*daylong+time.Hour, "fay", models.ReceptionPay, nil)
	require.Equal(t, map[string]account{"meals/2026-03": {committed: 330_001}, "transport/2026-03": {}}, v.money())

	require.Equal(t, "items[0].receipt receipt_claimed", faults(v.refused("hal", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 1, "A")}})))
	step = v.do(6*daylong+2*time.Hour, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostOther, 1, "B")}})
	require.Equal(t, int64(30_002), step.Approval.Over, "what was paid before counts")
	v.outcome(7*daylong, models.OutcomeRejected)
	require.Nil(t, v.state.Claim)
	require.Zero(t, v.money()["other/2026-03"].held)
}

func TestClaim_returned_by_its_approvers_is_made_anew(t *testing.T) {
	t.Parallel()
	v := visited(t, nil)
	v.do(5*daylong, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 900_000, "A")}})
	step := v.outcome(6*daylong, models.OutcomeReturned)
	require.Equal(t, models.ApprovalWithdraw, step.Approval.Verb)
	require.Nil(t, v.state.Claim)
	require.Equal(t, models.ReceptionSettling, v.state.Status)
	v.do(6*daylong+time.Hour, "amy", models.ReceptionClose, models.CloseReception{Summary: "no expenses"})
	require.Zero(t, v.money()["meals/2026-03"].held)
}

func TestManager_pays_when_all_of_finance_had_a_hand_in_it(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	v.outcome(2*time.Hour, models.OutcomeApproved, "fin", "fay", "mia")
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
	v.do(4*daylong, "hal", models.ReceptionStart, nil)
	v.do(4*daylong+time.Hour, "hal", models.ReceptionComplete, nil)
	v.do(5*daylong, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 1000, "A")}})
	require.Equal(t, []string{"zoe " + v.state.Claim.ID}, v.tasks(models.TaskCheckClaim))
	require.Equal(t, errs.Forbidden, v.refused("fin", models.ReceptionPay, nil).Code)
	require.Equal(t, errs.Forbidden, v.refused("mia", models.ReceptionPay, nil).Code)
	v.do(5*daylong+time.Hour, "zoe", models.ReceptionPay, nil)
	require.Nil(t, v.state.Claim)
}

func TestClaim_refuses_bad_input(t *testing.T) {
	t.Parallel()
	v := visited(t, nil)
	require.Equal(t, "items required", faults(v.refused("amy", models.ReceptionClaim, models.ClaimExpenses{})))
	require.Equal(t, "currency other_currency, items[0].item oneof, items[0].amount positive, items[1].currency other_currency, items[1].amount positive, "+
		"items[1].receipt required, items[2].amount max, items[3].receipt receipt_claimed", faults(v.refused("amy", models.ReceptionClaim, models.ClaimExpenses{
		Currency: "USD",
		Items: []models.ClaimItem{
			expense("fun", 0, "A"),
			{Item: models.CostMeals, Amount: -5, Currency: "EUR"},
			expense(models.CostMeals, models.MaxAmount+1, "B"),
			expense(models.CostMeals, 5, "A"),
		},
	})))
	require.Equal(t, "score between", faults(v.refused("amy", models.ReceptionFeedback, models.ReceptionOpinion{Score: 6})))
	require.Equal(t, "comment required", faults(v.refused("amy", models.ReceptionFeedback, models.ReceptionOpinion{})))
	require.Equal(t, "summary required", faults(v.refused("amy", models.ReceptionClose, nil)))
	_, err := v.attempt(monday.Add(6*daylong), models.Actor{}, models.ReceptionSurveyed, models.ReceptionOpinion{Score: 3})
	require.NoError(t, err)
	require.InDelta(t, 3, *v.state.Score(), 0)
	require.Equal(t, models.System, v.steps[len(v.steps)-1].Events[0].Actor)
}

func TestSurvey_answer_is_one_rating_however_often_it_is_told(t *testing.T) {
	t.Parallel()
	v := visited(t, nil)
	answer := func(seq int64, score int) (models.ReceptionEvent, models.ReceptionStep, error) {
		e, matters := models.ReceptionSurveyedBy(models.FollowUpFact{Seq: seq, InvitationID: "invitation_1", Status: models.FollowUpAnswered, Score: &score})
		require.True(t, matters)
		step, err := models.ApplyReception(&v.state, e, monday.Add(5*daylong), v.r)
		if err == nil {
			v.state = step.State
		}
		return e, step, err
	}
	e, step, err := answer(3, 2)
	require.NoError(t, err)
	require.Equal(t, "survey:invitation_1:3", e.Meta.RequestID)
	require.Equal(t, e.Meta.RequestID, step.RequestID, "by which the process finds a step that was written while its answer got lost")
	_, _, err = answer(3, 2)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	require.Equal(t, []int{1, 2}, []int{v.state.Ratings, v.state.Rated})
	_, _, err = answer(4, 5)
	require.NoError(t, err)
	require.InDelta(t, 3.5, *v.state.Score(), 0)
}

func TestShortcomings_that_were_recorded_go_into_the_summary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		said     string
		recorded []string
		want     string
	}{
		"after_what_is_said_at_the_end": {"the plan was late", []string{"too much tea", "", "cold room"}, "the plan was late\ntoo much tea\ncold room"},
		"each_once":                     {"cold room", []string{"cold room ", "too much tea", "too much tea"}, "cold room\ntoo much tea"},
		"alone":                         {"", []string{"too much tea"}, "too much tea"},
		"none":                          {" ", []string{""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := visited(t, nil)
			v.r.Shortcomings = tc.recorded
			step := v.do(5*daylong, "amy", models.ReceptionClose, models.CloseReception{Summary: "s", Shortcomings: tc.said})
			require.Equal(t, tc.want, step.Summary.Shortcomings)
		})
	}
}

// TestImportant_visits_need_a_room_of_their_own_and_a_named_receptionist.
func TestImportant_visits_need_a_room_of_their_own_and_a_named_receptionist(t *testing.T) {
	t.Parallel()
	important := func(p *models.ReceptionPlan) { p.Level = "important" }
	v := approved(t, func(p *models.ReceptionPlan) {
		important(p)
		p.Resources[0].EndsAt = instant(visitAt.Add(5 * time.Hour))
	})
	e := v.refused("hal", models.ReceptionPrepare, nil)
	require.Equal(t, errs.Conflict, e.Code)
	require.Equal(t, "resources dedicated_room, receptionist_id required", faults(e))
	require.Equal(t, "resources dedicated_room", faults(v.refused("cleo", models.ReceptionPrepare, nil)), "cleo would receive")
	require.Equal(t, "receptionist_id no_receptionist", faults(v.refused("hal", models.ReceptionPrepare, models.PrepareReception{ReceptionistID: "sam"})))
	require.Equal(t, "items[0] unknown", faults(v.refused("cleo", models.ReceptionPrepare, models.PrepareReception{Items: []string{"fireworks"}})))
	v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(important))
	v.do(4*time.Hour, "hal", models.ReceptionPrepare, models.PrepareReception{ReceptionistID: "lea"})
	require.Equal(t, models.ReceptionPreparing, v.state.Status)
	require.Equal(t, []string{"lea"}, v.told("receptionist_named"))
	require.Contains(t, v.tasks(models.TaskPrepareItem), "lea room")
	v.do(5*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { important(p); p.Resources = nil }))
	require.Equal(t, "resources dedicated_room", faults(v.refused("hal", models.ReceptionStart, nil)), "nor may it start without")
}

// TestNeed_that_stays_open_becomes_a_case with the receptionist as first contact.
func TestNeed_that_stays_open_becomes_a_case(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
	v.do(4*daylong+time.Hour, "hal", models.ReceptionStart, nil)
	require.Equal(t, "text required, kind oneof, owner_id unknown", faults(v.refused("hal", models.ReceptionRaiseNeed, models.RaiseNeed{Kind: "wish", OwnerID: "x"})))
	step := v.do(4*daylong+2*time.Hour, "hal", models.ReceptionRaiseNeed, models.RaiseNeed{Text: "a sample", OwnerID: "sam"})
	require.Equal(t, &models.NeedRecord{ID: v.state.Needs[0].ID, Text: "a sample", Kind: models.TypeInquiry, By: "hal"}, step.Need)
	v.do(4*daylong+3*time.Hour, "hal", models.ReceptionRaiseNeed, models.RaiseNeed{Text: "the lift is broken", Kind: models.TypeComplaint})
	require.Equal(t, []string{"cleo " + v.state.Needs[1].ID, "sam " + v.state.Needs[0].ID}, v.tasks(models.TaskSolveNeed))
	require.Equal(t, "need_id unknown", faults(v.refused("sam", models.ReceptionSolveNeed, models.SolveNeed{NeedID: "x"})))
	require.Equal(t, "solution required", faults(v.refused("sam", models.ReceptionSolveNeed, models.SolveNeed{NeedID: v.state.Needs[0].ID})))
	v.do(4*daylong+4*time.Hour, "sam", models.ReceptionSolveNeed, models.SolveNeed{NeedID: v.state.Needs[0].ID, Solution: "sent"})
	require.Equal(t, errs.Conflict, v.refused("hal", models.ReceptionSolveNeed, models.SolveNeed{NeedID: v.state.Needs[0].ID, Solution: "again"}).Code)
	step = v.do(4*daylong+5*time.Hour, "hal", models.ReceptionComplete, nil)
	require.Len(t, step.Cases, 1)
	require.Equal(t, []string{v.state.Needs[1].ID, "client", "cleo"}, []string{step.Cases[0].NeedID, step.Cases[0].ClientID, step.Cases[0].FirstContactID})
	require.Empty(t, v.tasks(models.TaskSolveNeed))
}

func TestGifts_stay_given_when_the_reception_is_over(t *testing.T) {
	t.Parallel()
	v := visited(t, func(p *models.ReceptionPlan) {
		p.Resources = append(p.Resources, models.WantedResource{ResourceID: "pens", Quantity: 5})
	})
	require.Equal(t, map[string]models.BookingState{"r2": models.BookingBooked}, v.bookings, "the room is free, the pens are gone")
	v.do(5*daylong, "amy", models.ReceptionClose, models.CloseReception{Summary: "s"})
	require.Equal(t, map[string]models.BookingState{"r2": models.BookingBooked}, v.bookings)
}
