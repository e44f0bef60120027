package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// rivals is how many visits are submitted at the same moment.
const rivals = 50

// submitAtOnce plans the visits and submits them all at the same moment. It answers the refusals; the others are submitted.
func (s *stack) submitAtOnce(t *testing.T, change M) []problem {
	t.Helper()
	by, plan := s.as(t, "am1"), s.plan(t, change)
	visits := make([]*visit, rivals)
	for i := range visits {
		a := by.try(t, http.MethodPost, "/receptions", plan)
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		visits[i] = &visit{t, s, into[receptionView](t, a).ID, plan}
	}
	answers := make([]answer, rivals)
	errs := make([]error, rivals)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, v := range visits {
		all.Go(func() {
			<-start
			answers[i], errs[i] = call(s.url, by.token, http.MethodPost, "/api/v1/receptions/"+v.ID+"/submit", M{})
		})
	}
	close(start)
	all.Wait()
	var refusals []problem
	for i, a := range answers {
		require.NoError(t, errs[i])
		if a.status != http.StatusOK {
			require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
			require.Equal(t, "draft", get[receptionView](t, by, "/receptions/"+visits[i].ID).State, "nothing is half submitted")
			refusals = append(refusals, into[problem](t, a))
		}
	}
	return refusals
}

func TestOfFiftyWhoWantOneRoomExactlyOneGetsIt(t *testing.T) {
	t.Parallel()
	s := shared
	refusals := s.submitAtOnce(t, M{"budget": []M{}})
	require.Len(t, refusals, rivals-1)
	for _, p := range refusals {
		require.Equal(t, "resource_taken", p.Code)
		require.Equal(t, "resources[0]", p.Errors[0].Field)
		require.Equal(t, 4, strings.Count(p.Errors[0].Message, "–"), "what is taken, and the three nearest free times: %s", p.Errors[0].Message)
	}
}

func TestOfFiftyWhoWantTheLastOfABudgetOnlyTheAllowedOnesGetIt(t *testing.T) {
	t.Parallel()
	s := shared
	finance := s.as(t, "finance1")
	team := into[struct {
		TeamID string `json:"team_id"`
	}](t, s.as(t, "am1").try(t, http.MethodGet, "/me", nil)).TeamID
	a := finance.try(t, http.MethodPost, "/budgets", M{
		"team_id": team, "starts_on": "2028-01-01", "ends_on": "2028-12-31", "cost_type": "meals", "amount": 7 * 20000, "currency": "CNY", "control": "strong",
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	budget := into[struct{ ID string }](t, a).ID
	refusals := s.submitAtOnce(t, M{
		"starts_at": "2028-03-07T01:30:00Z", "ends_at": "2028-03-07T08:00:00Z", "resources": []M{}, "budget": []M{{"item": "meals", "amount": 20000}},
		"activities": []M{{"kind": "tour", "starts_at": "2028-03-07T02:00:00Z", "ends_at": "2028-03-07T04:00:00Z", "place": "Hall 1"}},
	})
	require.Len(t, refusals, rivals-7)
	for _, p := range refusals {
		require.Equal(t, "budget_exceeded", p.Code)
		require.Equal(t, "budget.meals", p.Errors[0].Field)
		require.Contains(t, p.Errors[0].Message, "CNY", "what is left is named")
	}
	v := get[struct {
		Held int64 `json:"held"`
	}](t, finance, "/budgets/"+budget)
	require.EqualValues(t, 7*20000, v.Held)
}
