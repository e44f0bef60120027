package models_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// pending are what a reception may have open besides its state, each laid over one that has nothing.
var pending = map[string]func(*models.ReceptionState){
	"nothing":  func(*models.ReceptionState) {},
	"approval": func(s *models.ReceptionState) { s.Approvals = []models.ReceptionApproval{{ID: "a"}} },
	"activity": func(s *models.ReceptionState) { s.Activities = []models.ReceptionActivity{{ID: "x", OwnerID: "sam"}} },
	"need":     func(s *models.ReceptionState) { s.Needs = []models.ReceptionNeed{{ID: "n", OwnerID: "cleo"}} },
	"claim in approval": func(s *models.ReceptionState) {
		s.Claim = &models.ExpenseClaim{By: "amy", State: models.ClaimInApproval}
	},
	"claim in check": func(s *models.ReceptionState) { s.Claim = &models.ExpenseClaim{By: "amy", State: models.ClaimInCheck} },
	"substitute": func(s *models.ReceptionState) {
		s.Claim = &models.ExpenseClaim{By: "fin", State: models.ClaimInCheck, Substitute: true}
	},
}

// receptionRights is the process's description, section "Actions", in its own words: in which states, on what is pending,
// and for whom an action is legal, when amy asked for the reception, hal is host, cleo receives, and fay approved it. lea
// leads the reception desk, mia and zoe stand above all. Nobody else is allowed anything.
var receptionRights = []struct {
	action models.ReceptionAction
	states string
	needs  string // what alone it is legal with; with "not ", with all but these
	who    string
}{
	{models.ReceptionSubmit, "draft", "", "amy"},
	{models.ReceptionRevise, "draft approved preparing", "", "amy"},
	{models.ReceptionWithdraw, "draft in_approval", "approval", "amy"},
	{models.ReceptionCancel, "draft in_approval approved preparing", "", "amy lea mia zoe"},
	{models.ReceptionPrepare, "approved preparing", "not activity", "amy hal cleo lea mia zoe"},
	{models.ReceptionPrepare, "approved preparing", "activity", "amy hal cleo lea mia zoe sam"},
	{models.ReceptionStart, "preparing", "", "amy hal cleo lea mia zoe"},
	{models.ReceptionTickOff, "in_progress", "activity", "amy hal cleo lea mia zoe sam"},
	{models.ReceptionRaiseNeed, "in_progress", "not activity", "amy hal cleo lea mia zoe"},
	{models.ReceptionRaiseNeed, "in_progress", "activity", "amy hal cleo lea mia zoe sam"},
	{models.ReceptionSolveNeed, "in_progress", "need", "amy hal cleo lea mia zoe"},
	{models.ReceptionComplete, "in_progress", "", "amy hal cleo lea mia zoe"},
	{models.ReceptionFeedback, "completed settling", "", "amy hal cleo lea mia zoe"},
	{models.ReceptionClaim, "completed settling cancelled", "not claim in approval, claim in check, substitute", "amy hal cleo lea"},
	{models.ReceptionPay, "completed settling cancelled", "claim in check", "fin"},
	{models.ReceptionPay, "completed settling cancelled", "substitute", "mia zoe"},
	{models.ReceptionReturnClaim, "completed settling cancelled", "claim in check", "fin"},
	{models.ReceptionReturnClaim, "completed settling cancelled", "substitute", "mia zoe"},
	{models.ReceptionClose, "completed settling", "not claim in approval, claim in check, substitute", "amy cleo lea mia zoe"},
}

func mayReception(action models.ReceptionAction, state, matter string) (who []string, legal bool) {
	for _, w := range receptionRights {
		except, negated := strings.CutPrefix(w.needs, "not ")
		on := w.needs == "" || slices.Contains(strings.Split(except, ", "), matter) != negated
		if w.action == action && on && slices.Contains(strings.Fields(w.states), state) {
			return strings.Fields(w.who), true
		}
	}
	return nil, false
}

// TestWhoMayDoWhatWithAReception asks for every action in every state, on everything pending, by everybody, in person and
// by a deputy.
func TestWhoMayDoWhatWithAReception(t *testing.T) {
	t.Parallel()
	o := agency()
	until := monday.Add(24 * time.Hour)
	base := models.ReceptionState{
		ID: "r", Number: "REC-1", RequesterID: "amy", Hosts: []string{"hal"}, ReceptionistID: "cleo", Approvers: []string{"fay"}, ClaimUntil: &until,
	}
	stranger := models.Person{ID: "eve", Roles: []models.Role{models.RoleScheduler}}
	for _, status := range models.ReceptionStatuses() {
		for matter, lay := range pending {
			s := base
			s.Status = status
			lay(&s)
			for _, action := range models.ReceptionActions() {
				who, legal := mayReception(action, string(status), matter)
				for name := range o.Users {
					want := errs.Code("")
					switch {
					case slices.Contains([]models.ReceptionStatus{models.ReceptionClosed, models.ReceptionRejected, models.ReceptionWithdrawn}, status):
						want = errs.ProcessClosed
					case !legal:
						want = errs.Conflict
					case !slices.Contains(who, name):
						want = errs.Forbidden
					}
					for _, a := range []models.Actor{member(o, name), {Person: stranger, ActsFor: []models.Person{{ID: "nobody"}, member(o, name).Person}}} {
						p, err := models.CheckReception(&s, action, a, monday)
						if want != "" {
							require.Equal(t, want, errs.CodeOf(err), "%s for %s %s in %s with %s", a.ID, name, action, status, matter)
						} else {
							require.NoError(t, err, "%s for %s %s in %s with %s", a.ID, name, action, status, matter)
							require.Equal(t, name, p.ID, "in whose right")
						}
						require.Equal(t, want == "", slices.Contains(s.AllowedActions(a, monday), action), "what is offered is what is allowed")
					}
				}
			}
		}
	}
}

// TestNobody_pays_their_own_claim_or_what_they_approved in any disguise: as a deputy, by a deputy, or having claimed as one.
func TestNobody_pays_their_own_claim_or_what_they_approved(t *testing.T) {
	t.Parallel()
	o := agency()
	claim := func(by, deputy string, approvers ...string) *models.ReceptionState {
		return &models.ReceptionState{
			Status: models.ReceptionSettling, RequesterID: "amy", Approvers: approvers,
			Claim: &models.ExpenseClaim{By: by, Deputy: deputy, State: models.ClaimInCheck},
		}
	}
	for name, c := range map[string]struct {
		s    *models.ReceptionState
		pays models.Actor
		ok   bool
	}{
		"another of finance pays":                 {claim("amy", ""), member(o, "fin"), true},
		"a deputy of another of finance pays":     {claim("amy", ""), member(o, "sam", "fin"), true},
		"the claimant in person":                  {claim("fin", ""), member(o, "fin"), false},
		"the claimant as somebody's deputy":       {claim("fin", ""), member(o, "fin", "fay"), false},
		"the claimant by a deputy":                {claim("fin", ""), member(o, "sam", "fin"), false},
		"who claimed in another's place":          {claim("amy", "fin"), member(o, "fin"), false},
		"who claimed in another's place, for fay": {claim("amy", "fin"), member(o, "fin", "fay"), false},
		"who approved the reception":              {claim("amy", "", "fin"), member(o, "fin"), false},
		"who approved it, as a deputy":            {claim("amy", "", "fin"), member(o, "fin", "fay"), false},
		"who approved it, by a deputy":            {claim("amy", "", "fin"), member(o, "sam", "fin"), false},
		"a deputy of two, one of whom may":        {claim("amy", "", "fin"), member(o, "sam", "fin", "fay"), true},
	} {
		for _, action := range []models.ReceptionAction{models.ReceptionPay, models.ReceptionReturnClaim} {
			_, err := models.CheckReception(c.s, action, c.pays, monday)
			if c.ok {
				require.NoError(t, err, "%s: %s", name, action)
			} else {
				require.Equal(t, errs.Forbidden, errs.CodeOf(err), "%s: %s", name, action)
			}
		}
	}
}

// upTo is a member who stands in for others, as far as the ceilings of the rules go.
func upTo(o *models.Org, who, whom string, ceilings ...models.Ceiling) models.Actor {
	a := member(o, who, whom)
	a.ActsFor[0].Ceilings = ceilings
	return a
}

func TestDeputy_goes_no_further_than_the_ceiling_of_their_rule(t *testing.T) {
	t.Parallel()
	o := agency()
	draft := &models.ReceptionState{Status: models.ReceptionDraft, RequesterID: "amy", Budget: []models.BudgetLine{{Item: models.CostMeals, Amount: 60_000}, {Item: models.CostOther, Amount: 40_000}}}
	claimed := &models.ReceptionState{
		Status: models.ReceptionSettling, RequesterID: "amy",
		Claim: &models.ExpenseClaim{By: "amy", State: models.ClaimInCheck, Total: 100_000},
	}
	for name, tc := range map[string]struct {
		ceilings []models.Ceiling
		ok       bool
	}{
		"none":                               {nil, true},
		"just_enough":                        {[]models.Ceiling{{MaxAmount: 100_000}}, true},
		"too_little":                         {[]models.Ceiling{{MaxAmount: 99_999}}, false},
		"of_another_process":                 {[]models.Ceiling{{MaxAmount: 100_000, Processes: []string{"complaint"}}, {MaxAmount: 1, Processes: []string{"reception"}}}, false},
		"of_two_rules_the_wider_one":         {[]models.Ceiling{{MaxAmount: 1}, {MaxAmount: 100_000, Processes: []string{"complaint", "reception"}}}, true},
		"beside_a_rule_that_has_none":        {[]models.Ceiling{{MaxAmount: 1}, {Processes: []string{"reception"}}}, true},
		"beside_one_that_has_none_for_other": {[]models.Ceiling{{MaxAmount: 1}, {Processes: []string{"complaint"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				s      *models.ReceptionState
				action models.ReceptionAction
				who    models.Actor
			}{
				{draft, models.ReceptionSubmit, upTo(o, "sam", "amy", tc.ceilings...)},
				{claimed, models.ReceptionPay, upTo(o, "sam", "fin", tc.ceilings...)},
				{claimed, models.ReceptionReturnClaim, upTo(o, "sam", "fin", tc.ceilings...)},
			} {
				p, err := models.CheckReception(c.s, c.action, c.who, monday)
				require.Equal(t, tc.ok, slices.Contains(c.s.AllowedActions(c.who, monday), c.action), string(c.action))
				if tc.ok {
					require.NoError(t, err, string(c.action))
					require.Equal(t, c.who.ActsFor[0].ID, p.ID)
				} else {
					require.Equal(t, errs.Forbidden, errs.CodeOf(err), string(c.action))
				}
			}
			_, err := models.CheckReception(draft, models.ReceptionRevise, upTo(o, "sam", "amy", tc.ceilings...), monday)
			require.NoError(t, err, "what has no amount has no ceiling")
		})
	}
	both := upTo(o, "sam", "fin", models.Ceiling{MaxAmount: 1})
	both.ActsFor = append(both.ActsFor, member(o, "fay").Person)
	p, err := models.CheckReception(claimed, models.ReceptionPay, both, monday)
	require.NoError(t, err)
	require.Equal(t, "fay", p.ID, "in whose place they may go so far")
	own := member(o, "fin")
	own.ActsFor = both.ActsFor[:1]
	_, err = models.CheckReception(claimed, models.ReceptionPay, own, monday)
	require.NoError(t, err, "in person there is no ceiling")
}

func TestDeputy_claims_and_changes_no_more_than_the_ceiling_of_their_rule(t *testing.T) {
	t.Parallel()
	v := visited(t, nil)
	deputy := upTo(v.r.Org, "sam", "hal", models.Ceiling{MaxAmount: 100_000})
	claim := func(amounts ...int64) error {
		var c models.ClaimExpenses
		for i, amount := range amounts {
			c.Items = append(c.Items, expense(models.CostMeals, amount, "A"+strconv.Itoa(i)))
		}
		_, err := v.attempt(monday.Add(5*daylong), deputy, models.ReceptionClaim, c)
		return err
	}
	require.Equal(t, errs.Forbidden, errs.CodeOf(claim(60_000, 40_001)))
	require.Nil(t, v.state.Claim)
	require.NoError(t, claim(60_000, 40_000))
	require.Equal(t, []string{"hal", "sam"}, []string{v.state.Claim.By, v.state.Claim.Deputy})

	v = approved(t, nil) // with 3,000.00
	deputy = upTo(v.r.Org, "sam", "amy", models.Ceiling{MaxAmount: 310_000})
	change := func(amount int64) error {
		_, err := v.attempt(monday.Add(3*time.Hour), deputy, models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.Budget[0].Amount = amount }))
		return err
	}
	require.Equal(t, errs.Forbidden, errs.CodeOf(change(500_000)), "a change that asks for more is a submission")
	deputy.ActsFor[0].Ceilings[0].MaxAmount = 1000
	require.NoError(t, change(1), "one that asks for less is not")
}

func TestCheckReception_says_what_was_missing(t *testing.T) {
	t.Parallel()
	s := models.ReceptionState{Status: models.ReceptionDraft, RequesterID: "amy"}
	var e *errs.Error
	_, err := models.CheckReception(&s, models.ReceptionCancel, member(agency(), "hal"), monday)
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]string{"action": "cancel", "who": "requester, reception_manager"}, e.Args)
	_, err = models.CheckReception(&s, models.ReceptionStart, member(agency(), "amy"), monday)
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]string{"action": "start", "state": "draft", "allowed": "submit, revise, cancel"}, e.Args)
	_, err = models.CheckReception(&s, "dance", member(agency(), "amy"), monday)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestCancelled_reception_is_over_when_its_expenses_can_no_longer_be_claimed(t *testing.T) {
	t.Parallel()
	until := monday.Add(time.Hour)
	s := models.ReceptionState{Status: models.ReceptionCancelled, ClaimUntil: &until}
	require.False(t, s.Over(until.Add(-time.Nanosecond)))
	require.True(t, s.Over(until))
	s.Claim = &models.ExpenseClaim{}
	require.False(t, s.Over(until), "a claim that waits is still paid")
	require.True(t, (&models.ReceptionState{Status: models.ReceptionCancelled}).Over(monday), "nothing was spent on what was not approved")
}
