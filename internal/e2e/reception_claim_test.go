package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// visited is a reception that has taken place: manager1 and clerk1 approved a budget of 200.00 for it.
func (s *stack) visited(t *testing.T) *visit {
	t.Helper()
	v := s.visit(t, nil)
	v.do("am1", "submit", nil)
	v.decide("manager1", "approve", M{})
	v.decide("clerk1", "approve", M{})
	v.await("approved")
	v.do("clerk1", "prepare", M{})
	v.do("clerk1", "start", nil)
	v.do("clerk1", "complete", nil)
	return v
}

// claims lets somebody claim 6,000.00: a request of that amount would meet finance as well.
func (v *visit) claims(by string) {
	v.t.Helper()
	v.do(by, "expense-claim", M{"items": []M{{"item": "meals", "amount": 600000, "receipt": "FP-" + by + "-" + v.ID}}})
}

// ofClaim is the approval of the claim.
func (v *visit) ofClaim() string {
	v.t.Helper()
	all := get[struct {
		Approvals []struct{ ID, Purpose string } `json:"approvals"`
	}](v.t, v.s.as(v.t, "am1"), "/receptions/"+v.ID).Approvals
	last := all[len(all)-1]
	require.Equal(v.t, "claim", last.Purpose)
	return last.ID
}

// asked lists the steps of the claim's approval with who is asked in them, in order.
func (v *visit) asked() [][2]string {
	v.t.Helper()
	var out [][2]string
	for _, step := range get[approvalView](v.t, v.s.as(v.t, "manager1"), "/approvals/"+v.ofClaim()).Steps {
		who := ""
		for _, p := range step.Participants {
			who += p.UserID + ":" + p.State
		}
		out = append(out, [2]string{step.Name, who})
	}
	return out
}

func TestAClaimOverTheBudgetIsDecidedByTheOriginalLevels(t *testing.T) {
	t.Parallel()
	s := shared
	v := s.visited(t)
	v.claims("am1")
	refused(t, v.try("finance1", "pay", nil), http.StatusConflict, "conflict")
	v.decide("manager1", "approve", M{"comment": "They stayed for dinner."})
	v.decide("clerk1", "approve", M{})
	until(t, func() bool { return v.view().Claims[0].State == "in_check" }, func() string { return "the approval of the claim" })
	manager, clerk := s.as(t, "manager1"), s.as(t, "clerk1")
	require.Equal(t, [][2]string{{"dept_head", manager.ID + ":approved"}, {"reception_manager", clerk.ID + ":approved"}}, v.asked())
	for _, name := range []string{"am1", "manager1", "clerk1"} { // the claimant and the approvers
		refused(t, v.try(name, "pay", nil), http.StatusForbidden, "forbidden")
	}
	require.Equal(t, "paid", v.do("finance1", "pay", M{"reference": "PAY-2"}).Claims[0].State, "finance was not among the levels, and so may pay")
	require.Equal(t, "closed", v.do("am1", "close", M{"summary": "Long but good."}).State)
	v.keep("claim_over_budget")
}

func TestAClaimantNeitherApprovesNorPays(t *testing.T) {
	t.Parallel()
	s := shared
	v := s.visited(t)
	v.claims("clerk1") // who approved the reception as its manager
	v.decide("manager1", "comment", M{"text": "I look into it."})
	approvalID := v.ofClaim()
	refused(t, s.as(t, "clerk1").try(t, http.MethodPost, "/approvals/"+approvalID+"/approve", M{}), http.StatusForbidden, "self_approval")
	v.decide("manager1", "approve", M{})
	until(t, func() bool { return v.view().Claims[0].State == "in_check" }, func() string { return "the approval of the claim" })
	manager := s.as(t, "manager1")
	require.Equal(t, [][2]string{{"dept_head", manager.ID + ":approved"}, {"reception_manager", manager.ID + ":skipped"}}, v.asked(), "the claimant's place went to their superior")
	refused(t, v.try("clerk1", "pay", nil), http.StatusForbidden, "forbidden")
	require.Equal(t, "paid", v.do("finance1", "pay", M{"reference": "PAY-3"}).Claims[0].State)
}
