package models_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// stay drives one reception of amy's through time.
type stay struct {
	*trip
	t *testing.T
}

func newVisit(t *testing.T, change func(*models.ReceptionPlan)) *stay {
	t.Helper()
	v := &stay{newTrip(t, receptionRules(t, agency())), t}
	p := goodPlan()
	if change != nil {
		change(&p)
	}
	v.do(0, "amy", models.ReceptionRecord, models.PlanReception{ID: "reception_1", Number: "REC-1", ClientClass: "B", AccountManagerID: "amy", Plan: p})
	return v
}

// do lets time pass from Monday nine o'clock on, and then somebody act.
func (v *stay) do(after time.Duration, who string, action models.ReceptionAction, data any) models.ReceptionStep {
	v.t.Helper()
	v.until(monday.Add(after))
	step, err := v.attempt(monday.Add(after), member(v.r.Org, who), action, data)
	require.NoError(v.t, err)
	return step
}

func (v *stay) refused(who string, action models.ReceptionAction, data any) *errs.Error {
	v.t.Helper()
	_, err := v.attempt(v.state.UpdatedAt.Add(time.Second), member(v.r.Org, who), action, data)
	var e *errs.Error
	require.ErrorAs(v.t, err, &e)
	return e
}

// outcome lets the running approval have its outcome.
func (v *stay) outcome(after time.Duration, outcome models.ApprovalOutcome, approvers ...string) models.ReceptionStep {
	v.t.Helper()
	v.until(monday.Add(after))
	step, err := v.attempt(monday.Add(after), models.Actor{}, models.ReceptionDecide, models.ApprovalDecided{
		ApprovalID: v.state.Approvals[len(v.state.Approvals)-1].ID, Outcome: outcome, ByID: "sam", Comment: "so", Approvers: approvers, Steps: []string{"dept_head", "reception_manager"},
	})
	require.NoError(v.t, err)
	return step
}

// approved brings a reception to approved at eleven o'clock on Monday.
func approved(t *testing.T, change func(*models.ReceptionPlan)) *stay {
	t.Helper()
	v := newVisit(t, change)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	v.outcome(2*time.Hour, models.OutcomeApproved, "sam", "mia")
	return v
}

// visited brings a reception to completed at three o'clock on Friday, an hour before it was to end.
func visited(t *testing.T, change func(*models.ReceptionPlan)) *stay {
	t.Helper()
	v := approved(t, change)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
	v.do(4*daylong+time.Hour, "hal", models.ReceptionStart, nil)
	v.do(4*daylong+6*time.Hour, "hal", models.ReceptionComplete, nil)
	return v
}

const daylong = 24 * time.Hour

func (v *stay) money() map[string]account { return v.accounts }

func (v *stay) told(kind string) []string {
	var people []string
	for _, step := range v.steps {
		for _, n := range step.Notices {
			if n.Kind == kind {
				people = append(people, n.UserID)
			}
		}
	}
	return people
}

func (v *stay) tasks(kind string) []string {
	var list []string
	for _, task := range v.state.Tasks {
		if task.Kind == kind {
			list = append(list, task.UserID+task.TeamID+" "+task.Why["item"])
		}
	}
	slices.Sort(list)
	return list
}

func planOf(change func(*models.ReceptionPlan)) models.PlanReception {
	p := goodPlan()
	change(&p)
	return models.PlanReception{ClientClass: "B", AccountManagerID: "amy", Plan: p}
}

func TestReception_from_request_to_closed(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	require.Equal(t, models.ReceptionDraft, v.state.Status)
	require.Empty(t, v.bookings, "a draft takes nothing from anybody")

	step := v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	require.Equal(t, models.ReceptionInApproval, v.state.Status)
	require.Equal(t, map[string]account{"meals/2026-03": {held: 200_000}, "transport/2026-03": {held: 100_000}}, v.money())
	require.Equal(t, map[string]models.BookingState{"r1": models.BookingHeld}, v.bookings)
	require.Equal(t, models.BookingWish{Item: "r1", Field: "resources[0]", ResourceID: "blue", StartsAt: visitAt, EndsAt: visitAt.Add(6 * time.Hour), Quantity: 1}, step.Holdings.Book[0])
	require.Equal(t, &models.ApprovalOrder{
		Verb: models.ApprovalStart, Seq: 2, ID: v.state.Approvals[0].ID, Purpose: models.ApproveRequest, Chain: "reception", SubjectID: "reception_1",
		Number: v.state.Number, RequesterID: "amy",
		Facts: models.ApprovalFacts{
			Texts:   map[string]string{"reception.level": "standard", "reception.kind": "company_visit", "client.class": "B"},
			Numbers: map[string]int64{"reception.budget_total": 300_000, "reception.visitors": 1},
			Flags:   map[string]bool{"reception.departs_from_standard": false, "reception.over_budget": false},
		},
		Currency: "CNY",
	}, step.Approval)

	step = v.outcome(2*time.Hour, models.OutcomeApproved, "sam")
	require.Equal(t, models.ReceptionApproved, v.state.Status)
	require.Equal(t, models.BookingBooked, v.bookings["r1"])
	require.Equal(t, []string{"amy diaries", "amy material", "desk room", "desk transport"}, v.tasks(models.TaskPrepareItem))
	require.Equal(t, []string{"desk "}, v.tasks(models.TaskPrepareReception))
	require.Len(t, step.Invitations, 2, "the host's visit, and the welcome that cleo leads")

	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, models.PrepareReception{Items: []string{"room", "transport"}})
	require.Equal(t, models.ReceptionPreparing, v.state.Status)
	require.Equal(t, "cleo", v.state.ReceptionistID, "who begins at the reception desk receives")
	require.Equal(t, []string{"amy diaries", "amy material"}, v.tasks(models.TaskPrepareItem))
	v.do(4*time.Hour, "amy", models.ReceptionPrepare, models.PrepareReception{Items: []string{"material"}})

	step = v.do(4*daylong+time.Hour, "hal", models.ReceptionStart, nil)
	require.Equal(t, []string{"diaries"}, step.Events[0].Data["unprepared"])
	require.Empty(t, v.tasks(models.TaskPrepareItem))
	v.do(4*daylong+2*time.Hour, "cleo", models.ReceptionTickOff, models.TickOff{ActivityID: v.state.Activities[0].ID})
	require.Equal(t, errs.Conflict, v.refused("cleo", models.ReceptionTickOff, models.TickOff{ActivityID: v.state.Activities[0].ID}).Code)

	step = v.do(4*daylong+3*time.Hour, "hal", models.ReceptionComplete, nil)
	require.Equal(t, models.ReceptionCompleted, v.state.Status)
	require.Equal(t, []string{"r1"}, step.Holdings.Release, "the room is free as soon as the visit is over")
	require.Equal(t, &models.SurveyOrder{ReceptionID: "reception_1", ClientID: "client", At: v.state.UpdatedAt}, step.Survey)

	v.do(4*daylong+4*time.Hour, "hal", models.ReceptionFeedback, models.ReceptionOpinion{Score: 5})
	v.do(4*daylong+4*time.Hour+time.Minute, "hal", models.ReceptionFeedback, models.ReceptionOpinion{Score: 4, Shortcomings: "too much tea"})
	step = v.do(4*daylong+5*time.Hour, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{
		{Item: models.CostMeals, Amount: 150_000, Receipt: "A1"}, {Item: models.CostMeals, Amount: 30_000, Receipt: "A2"},
	}})
	require.Equal(t, models.ReceptionSettling, v.state.Status)
	require.Nil(t, step.Approval, "finance alone checks what is within the budget")
	require.Equal(t, []string{"fay " + v.state.Claim.ID, "fin " + v.state.Claim.ID}, v.tasks(models.TaskCheckClaim))
	require.Equal(t, errs.Conflict, v.refused("amy", models.ReceptionClose, models.CloseReception{Summary: "s"}).Code, "while a claim waits")

	v.do(4*daylong+6*time.Hour, "fin", models.ReceptionPay, models.PayClaim{Reference: "P-1"})
	require.Equal(t, map[string]account{"meals/2026-03": {committed: 180_000}, "transport/2026-03": {}}, v.money())
	require.Equal(t, []string{"amy"}, v.told("claim_paid"))

	step = v.do(4*daylong+7*time.Hour, "amy", models.ReceptionClose, models.CloseReception{Summary: "well", Shortcomings: "tea"})
	require.Equal(t, models.ReceptionClosed, v.state.Status)
	mean := 4.5
	require.Equal(t, &models.ReceptionSummary{
		ClientID: "client", Kind: "company_visit", At: visitAt, Summary: "well", Shortcomings: "tea", Score: &mean,
		Budget:   []models.BudgetLine{{Item: models.CostTransport, Amount: 100_000}, {Item: models.CostMeals, Amount: 200_000}},
		Actual:   []models.BudgetLine{{Item: models.CostMeals, Amount: 180_000}},
		Currency: "CNY",
	}, step.Summary)
	require.Equal(t, errs.ProcessClosed, v.refused("amy", models.ReceptionCancel, models.Because{Reason: "r"}).Code)
	v.replay()
}

// TestReception_refuses_bad_input at the door, each with its code at its place, and nothing half-applied.
func TestReception_refuses_bad_input(t *testing.T) {
	t.Parallel()
	hour := func(n int) *time.Time { return instant(visitAt.Add(time.Duration(n) * time.Hour)) }
	for name, c := range map[string]struct {
		change func(*models.ReceptionPlan)
		want   string
	}{
		"no client":          {func(p *models.ReceptionPlan) { p.ClientID = "" }, "client_id required"},
		"no kind":            {func(p *models.ReceptionPlan) { p.Kind = "" }, "kind required"},
		"an unknown kind":    {func(p *models.ReceptionPlan) { p.Kind = "banquet" }, "kind oneof"},
		"an unknown level":   {func(p *models.ReceptionPlan) { p.Level = "royal" }, "level oneof"},
		"ends before starts": {func(p *models.ReceptionPlan) { p.EndsAt, p.Activities, p.Resources = hour(-1), nil, nil }, "ends_at after"},
		"ends as it starts":  {func(p *models.ReceptionPlan) { p.EndsAt, p.Activities, p.Resources = hour(0), nil, nil }, "ends_at after"},
		"longer than a month": {
			func(p *models.ReceptionPlan) { p.EndsAt, p.Resources = hour(32*24), nil },
			"ends_at too_long",
		},
		"a visitor without a name":    {func(p *models.ReceptionPlan) { p.Visitors[0].Name = " " }, "visitors[0].name required"},
		"an unknown rank":             {func(p *models.ReceptionPlan) { p.Visitors[0].Identity = "king" }, "visitors[0].identity oneof"},
		"an unknown host":             {func(p *models.ReceptionPlan) { p.Hosts = []string{"hal", "nobody"} }, "hosts[1] unknown"},
		"a host who left":             {func(p *models.ReceptionPlan) { p.Hosts = []string{"gus"} }, "hosts[0] inactive"},
		"a host who is away":          {func(p *models.ReceptionPlan) { p.Hosts = []string{"sam"} }, "hosts[0] away"},
		"a host twice":                {func(p *models.ReceptionPlan) { p.Hosts = []string{"hal", "hal"} }, "hosts[1] unique"},
		"an unknown receptionist":     {func(p *models.ReceptionPlan) { p.ReceptionistID = "nobody" }, "receptionist_id unknown"},
		"a receptionist of sales":     {func(p *models.ReceptionPlan) { p.ReceptionistID = "hal" }, "receptionist_id no_receptionist"},
		"an activity without a kind":  {func(p *models.ReceptionPlan) { p.Activities[0].Kind = "" }, "activities[0].kind required"},
		"an activity without a time":  {func(p *models.ReceptionPlan) { p.Activities[1].StartsAt = nil }, "activities[1].starts_at required"},
		"an activity without an end":  {func(p *models.ReceptionPlan) { p.Activities[1].EndsAt = nil }, "activities[1].ends_at required"},
		"an activity backwards":       {func(p *models.ReceptionPlan) { p.Activities[1].EndsAt = hour(0) }, "activities[1].ends_at after"},
		"an activity after the visit": {func(p *models.ReceptionPlan) { p.Activities[1].EndsAt = hour(7) }, "activities[1] within_visit"},
		"activities that overlap":     {func(p *models.ReceptionPlan) { p.Activities[0].EndsAt = hour(2) }, "activities[1] overlap"},
		"an unknown owner":            {func(p *models.ReceptionPlan) { p.Activities[0].OwnerID = "nobody" }, "activities[0].owner_id unknown"},
		"no resource":                 {func(p *models.ReceptionPlan) { p.Resources[0].ResourceID = "" }, "resources[0].resource_id required"},
		"an unknown resource":         {func(p *models.ReceptionPlan) { p.Resources[0].ResourceID = "cave" }, "resources[0].resource_id unknown"},
		"a resource out of use":       {func(p *models.ReceptionPlan) { p.Resources[0].ResourceID = "attic" }, "resources[0].resource_id resource_inactive"},
		"two of one room":             {func(p *models.ReceptionPlan) { p.Resources[0].Quantity = 2 }, "resources[0].quantity max"},
		"less than one":               {func(p *models.ReceptionPlan) { p.Resources[0].Quantity = -1 }, "resources[0].quantity between"},
		"a booking backwards":         {func(p *models.ReceptionPlan) { p.Resources[0].EndsAt = hour(0) }, "resources[0].ends_at after"},
		"a room twice at a time": {
			func(p *models.ReceptionPlan) {
				p.Resources = append(p.Resources, models.WantedResource{ResourceID: "blue", StartsAt: hour(5), EndsAt: hour(8)})
			},
			"resources[1] overlap",
		},
		"a negative amount":     {func(p *models.ReceptionPlan) { p.Budget[1].Amount = -1 }, "budget[1].amount not_negative"},
		"an immense amount":     {func(p *models.ReceptionPlan) { p.Budget[1].Amount = models.MaxAmount }, "budget[1].amount max"},
		"mixed currencies":      {func(p *models.ReceptionPlan) { p.Budget[1].Currency = "USD" }, "budget[1].currency other_currency"},
		"a foreign currency":    {func(p *models.ReceptionPlan) { p.Currency = "USD" }, "currency oneof"},
		"an unknown cost type":  {func(p *models.ReceptionPlan) { p.Budget[0].Item = "fireworks" }, "budget[0].item oneof"},
		"two faults, both told": {func(p *models.ReceptionPlan) { p.Kind, p.Hosts = "", []string{"x"} }, "kind required, hosts[0] unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := planOf(c.change)
			data.ID = "reception_1"
			l := newTrip(t, receptionRules(t, agency()))
			l.r.Away = map[string][]models.Slot{"sam": {{From: visitAt.Add(-daylong), Until: visitAt.Add(time.Minute)}}, "hal": {{From: visitAt.Add(-daylong), Until: visitAt}}}
			_, err := l.attempt(monday, member(l.r.Org, "amy"), models.ReceptionRecord, data)
			var e *errs.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, errs.Invalid, e.Code)
			require.Equal(t, c.want, faults(e))
		})
	}
}

// faults writes the fields of an error as "field code".
func faults(e *errs.Error) string {
	list := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		list[i] = f.Field + " " + f.Code
	}
	return strings.Join(list, ", ")
}

func TestSubmit_lists_all_that_is_missing(t *testing.T) {
	t.Parallel()
	v := &stay{newTrip(t, receptionRules(t, agency())), t}
	v.do(0, "amy", models.ReceptionRecord, models.PlanReception{ID: "reception_1", Plan: models.ReceptionPlan{ClientID: "c", Kind: "company_visit"}})
	require.Equal(t, "purpose required, starts_at required, ends_at required, visitors required, hosts required", faults(v.refused("amy", models.ReceptionSubmit, nil)))
	require.Equal(t, models.ReceptionDraft, v.state.Status)
	v = newVisit(t, func(p *models.ReceptionPlan) {
		p.StartsAt, p.Activities = instant(monday.Add(-time.Hour)), nil
		p.Resources = nil
	})
	require.Equal(t, "starts_at future", faults(v.refused("amy", models.ReceptionSubmit, nil)))
}

// TestDeparture_from_the_standard_needs_a_reason_and_shows_in_the_approval.
func TestDeparture_from_the_standard_needs_a_reason_and_shows_in_the_approval(t *testing.T) {
	t.Parallel()
	lavish := func(p *models.ReceptionPlan) {
		p.Level, p.Visitors[0].Identity = "vip", "official"
		p.Budget = append(p.Budget, models.PlannedAmount{Item: models.CostMeals, Amount: 400_001}, models.PlannedAmount{Item: models.CostTransport, Amount: 20_000_000})
	}
	v := newVisit(t, lavish)
	require.Equal(t, []models.Departure{
		{Field: "resources", Rule: "room_class", Standard: "executive", Planned: "plain"},
		{Field: "hosts", Rule: "host_rank", Standard: "manager"},
		{Field: "budget.transport", Rule: "limit", Standard: "20000000", Planned: "20100000"},
		{Field: "budget.meals", Rule: "per_head", Standard: "600000", Planned: "600001"},
	}, v.state.Departures)
	e := v.refused("amy", models.ReceptionSubmit, nil)
	require.Equal(t, "departure_reason departure_reason", faults(e))
	require.Equal(t, "resources, hosts, budget.transport, budget.meals", e.Fields[0].Args["fields"])
	data := planOf(lavish)
	data.Plan.DepartureReason = "the minister asked for it"
	v.do(time.Hour, "amy", models.ReceptionRevise, data)
	step := v.do(2*time.Hour, "amy", models.ReceptionSubmit, nil)
	require.Equal(t, v.state.Departures, step.Approval.Departures)
	require.True(t, step.Approval.Facts.Flags["reception.departs_from_standard"])

	v = newVisit(t, func(p *models.ReceptionPlan) {
		lavish(p)
		p.Hosts = []string{"zoe"}
		p.Resources[0].ResourceID = "gold"
		p.Budget = p.Budget[:3]
	})
	require.Equal(t, []models.Departure{{Field: "budget.meals", Rule: "per_head", Standard: "600000", Planned: "600001"}}, v.state.Departures, "a director is more than a manager")
	v = newVisit(t, func(p *models.ReceptionPlan) {
		p.Budget[0].Amount = 600_000
		p.Visitors = append(p.Visitors, p.Visitors[0])
	})
	require.Empty(t, v.state.Departures, "the limit is for each visitor")
}

func TestReturned_request_is_revised_and_submitted_to_those_who_returned_it(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	first := v.state.Approvals[0].ID
	require.Equal(t, errs.Conflict, v.refused("amy", models.ReceptionRevise, planOf(func(*models.ReceptionPlan) {})).Code, "while it is being decided")
	v.outcome(2*time.Hour, models.OutcomeReturned)
	require.Equal(t, models.ReceptionDraft, v.state.Status)
	require.Equal(t, int64(200_000), v.money()["meals/2026-03"].held, "what a returned request holds stays held")
	require.Equal(t, []string{"amy "}, v.tasks(models.TaskReviseReception))
	require.Equal(t, "client_id fixed", faults(v.refused("amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.ClientID = "other" }))))

	step := v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) {
		p.Budget[0].Amount, p.Purpose, p.Resources[0].ResourceID = 150_000, "sign", "gold"
	}))
	require.Equal(t, []models.FieldChange{
		{Field: "purpose", Before: "see the new line", After: "sign"},
		{Field: "resources", Before: `[{"resource_id":"blue","quantity":1}]`, After: `[{"resource_id":"gold","quantity":1}]`},
		{Field: "budget.meals", Before: "200000", After: "150000"},
	}, step.Events[0].Data["changes"])
	v.do(4*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.Budget[0].Amount, p.Purpose = 150_000, "sign" }))
	step = v.do(5*time.Hour, "amy", models.ReceptionSubmit, nil)
	require.Equal(t, models.ApprovalResubmit, step.Approval.Verb)
	require.Equal(t, first, step.Approval.ID)
	require.Equal(t, []models.FieldChange{{Field: "purpose", Before: "see the new line", After: "sign"}, {Field: "budget.meals", Before: "200000", After: "150000"}}, step.Approval.Changes, "since they saw it")
	require.Equal(t, int64(150_000), v.money()["meals/2026-03"].held)
	require.Empty(t, v.tasks(models.TaskReviseReception))
}

func TestRejected_and_withdrawn_requests_hold_nothing(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	step := v.outcome(2*time.Hour, models.OutcomeRejected)
	require.Equal(t, models.ReceptionRejected, v.state.Status)
	require.True(t, step.Holdings.ReleaseAll)
	require.Equal(t, []string{"amy"}, v.told("reception_rejected"))

	v = newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	step = v.do(2*time.Hour, "amy", models.ReceptionWithdraw, nil)
	require.Equal(t, models.ReceptionWithdrawn, v.state.Status)
	require.Equal(t, models.ApprovalWithdraw, step.Approval.Verb)
	e := v.refused("amy", models.ReceptionSubmit, nil)
	require.Equal(t, errs.ProcessClosed, e.Code)

	v = newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	_, err := v.attempt(monday.Add(daylong), models.Actor{}, models.ReceptionDecide, models.ApprovalDecided{ApprovalID: "another", Outcome: models.OutcomeApproved})
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "the outcome of another approval")
	_, err = v.attempt(monday.Add(daylong), models.Actor{}, models.ReceptionDecide, models.ApprovalDecided{ApprovalID: v.state.Approvals[0].ID, Outcome: "maybe"})
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestReception_is_recorded_once_and_acted_on_only_when_it_exists(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	require.Equal(t, errs.Conflict, v.refused("amy", models.ReceptionRecord, planOf(func(*models.ReceptionPlan) {})).Code)
	_, err := models.ApplyReception(nil, models.ReceptionEvent{Action: models.ReceptionSubmit}, monday, v.r)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	require.Equal(t, errs.Malformed, v.refused("amy", models.ReceptionRevise, "no object").Code)
	require.Equal(t, "reception/reception_1", models.ReceptionWorkflowID(v.state.ID))
}

func TestDeputy_acts_for_the_requester_and_may_not_approve(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	step, err := v.attempt(monday.Add(time.Hour), member(v.r.Org, "sam", "amy"), models.ReceptionSubmit, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"sam", "amy"}, []string{step.Events[0].Actor, step.Events[0].OnBehalfOf})
	require.Equal(t, "amy", step.Approval.RequesterID)
	require.Equal(t, []string{"sam"}, step.Approval.Interested)
	v.outcome(2*time.Hour, models.OutcomeApproved, "mia")
	a, ok := v.state.Approval()
	require.True(t, ok)
	require.Equal(t, models.OutcomeApproved, a.Outcome)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
	v.do(4*time.Hour, "amy", models.ReceptionStart, nil)
	v.do(5*time.Hour, "amy", models.ReceptionComplete, nil)
	step, err = v.attempt(monday.Add(6*time.Hour), member(v.r.Org, "fin", "amy"), models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{
		{Item: models.CostMeals, Amount: 900_000, Receipt: "A"},
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"amy", "fin"}, append([]string{step.Approval.RequesterID}, step.Approval.Interested...))
	require.Equal(t, models.ApproveRequest, a.Purpose)
	last, _ := v.state.Approval()
	require.Equal(t, a.ID, last.ID, "the view shows the reception's own approval, not the claim's")
}

// TestTasks_of_the_desk go to its team, to its only member when there is no team, and to the requester when there is no desk.
func TestTasks_of_the_desk(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*models.Org){
		"desk ": func(*models.Org) {},
		"cleo ": func(o *models.Org) {
			cleo, lea := o.Users["cleo"], o.Users["lea"]
			cleo.TeamID, lea.Active = "", false
			o.Users["cleo"], o.Users["lea"] = cleo, lea
		},
		"amy ": func(o *models.Org) {
			for _, name := range []string{"cleo", "lea"} {
				u := o.Users[name]
				u.Roles = nil
				o.Users[name] = u
			}
		},
	} {
		o := agency()
		change(o)
		v := &stay{newTrip(t, receptionRules(t, o)), t}
		v.do(0, "amy", models.ReceptionRecord, models.PlanReception{ID: "reception_1", Plan: goodPlan()})
		v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
		v.outcome(2*time.Hour, models.OutcomeApproved, "sam")
		require.Equal(t, []string{want}, v.tasks(models.TaskPrepareReception))
	}
}
