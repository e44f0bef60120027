package e2e_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

type receptionView struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Approval  *struct{ ID, State string }
	Held      []M `json:"held"`
	Resources []struct {
		State string `json:"state"`
	} `json:"resources"`
	Activities []struct {
		ID string `json:"id"`
	} `json:"activities"`
	Checklist []struct {
		Name   string  `json:"name"`
		DoneAt *string `json:"done_at"`
	} `json:"checklist"`
	RaisedNeeds []struct {
		CaseID *string `json:"case_id"`
	} `json:"raised_needs"`
	Claims []struct {
		State string `json:"state"`
	} `json:"claims"`
	Score   *float64 `json:"score"`
	Changes []M      `json:"changes"`
}

// visit is one reception that am1 plans.
type visit struct {
	t    *testing.T
	s    *stack
	ID   string
	plan M
}

// days gives every visit a day of its own, so that none is in another one's way.
var days atomic.Int64

func (s *stack) plan(t *testing.T, change M) M {
	t.Helper()
	am := s.as(t, "am1")
	room := all[M](t, am, "/resources?kind=room")[0]["id"]
	day := time.Now().UTC().AddDate(0, 0, 20+int(days.Add(1))).Format(time.DateOnly)
	plan := M{
		"client_id": all[M](t, am, "/clients")[0]["id"], "kind": "company_visit", "level": "standard", "purpose": "A tour of the new line",
		"starts_at": day + "T01:30:00Z", "ends_at": day + "T08:00:00Z",
		"visitors": []M{{"name": "Han Xu", "title": "Head of equipment", "organisation": "Beichen", "identity": "manager"}},
		"hosts":    []string{s.as(t, "manager1").ID}, "activities": []M{{"kind": "tour", "starts_at": day + "T02:00:00Z", "ends_at": day + "T04:00:00Z", "place": "Hall 1", "owner_id": am.ID}},
		"resources": []M{{"resource_id": room}}, "budget": []M{{"item": "meals", "amount": 20000}},
	}
	for key, v := range change {
		plan[key] = v
	}
	return plan
}

func (s *stack) visit(t *testing.T, change M) *visit {
	t.Helper()
	plan := s.plan(t, change)
	a := s.as(t, "am1").try(t, http.MethodPost, "/receptions", plan)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	return &visit{t, s, into[receptionView](t, a).ID, plan}
}

func (v *visit) do(by, action string, body any) receptionView {
	v.t.Helper()
	a := v.try(by, action, body)
	require.Equal(v.t, http.StatusOK, a.status, "%s %s: %s", by, action, a.body)
	return into[receptionView](v.t, a)
}

func (v *visit) try(by, action string, body any) answer {
	v.t.Helper()
	if body == nil {
		body = M{}
	}
	return v.s.as(v.t, by).try(v.t, http.MethodPost, "/receptions/"+v.ID+"/"+action, body)
}

func (v *visit) view() receptionView {
	v.t.Helper()
	return get[receptionView](v.t, v.s.as(v.t, "am1"), "/receptions/"+v.ID)
}

// decide lets who is asked next use a verb; it waits until they are asked.
func (v *visit) decide(by, verb string, body M) {
	v.t.Helper()
	v.s.decide(v.t, by, v.ID, verb, body)
}

// decide lets somebody use a verb on the approval of a subject; it waits until they are asked.
func (s *stack) decide(t testing.TB, by, subjectID, verb string, body M) {
	t.Helper()
	p := s.as(t, by)
	var approvalID string
	until(t, func() bool {
		for _, o := range all[struct {
			SubjectID  string `json:"subject_id"`
			ApprovalID string `json:"approval_id"`
		}](t, p, "/tasks?box=todo&process=approval") {
			if o.SubjectID == subjectID {
				approvalID = o.ApprovalID
			}
		}
		return approvalID != ""
	}, func() string { return by + " is not asked" })
	a := p.try(t, http.MethodPost, "/approvals/"+approvalID+"/"+verb, body)
	require.Equal(t, http.StatusOK, a.status, "%s %s: %s", by, verb, a.body)
}

// takesPlace leads a draft through approval and preparation until the visit is over.
func (v *visit) takesPlace() {
	v.t.Helper()
	v.do("am1", "submit", nil)
	v.decide("manager1", "approve", M{})
	v.decide("clerk1", "approve", M{})
	var items []string
	for _, item := range v.await("approved").Checklist {
		items = append(items, item.Name)
	}
	v.do("clerk1", "prepare", M{"items": items})
	v.do("clerk1", "start", nil)
	v.do("clerk1", "complete", nil)
}

func (v *visit) await(state string) receptionView {
	v.t.Helper()
	until(v.t, func() bool { return v.view().State == state }, func() string { return fmt.Sprintf("%s, it is %s", state, v.view().State) })
	return v.view()
}

func (v *visit) keep(path string) {
	v.t.Helper()
	v.s.keep(v.t, models.ReceptionWorkflowID(v.ID), models.ReceptionProcess, path)
}

func TestAReceptionFromRequestToClosed(t *testing.T) {
	t.Parallel()
	s := shared
	v := s.visit(t, nil)
	require.Empty(t, v.view().Held, "a draft holds nothing")
	submitted := v.do("am1", "submit", nil)
	require.Equal(t, "in_approval", submitted.State)
	require.Equal(t, "held", submitted.Resources[0].State)

	other := s.visit(t, M{"starts_at": v.plan["starts_at"], "ends_at": v.plan["ends_at"], "activities": []M{}})
	refused(t, other.try("am1", "submit", nil), http.StatusConflict, "resource_taken")
	require.Equal(t, "draft", other.view().State, "nothing half-applied")

	v.decide("manager1", "return", M{"to": "requester", "comment": "Fewer meals, please."})
	v.await("draft")
	v.plan["budget"] = []M{{"item": "meals", "amount": 15000}}
	v.do("am1", "revise", v.plan)
	require.NotEmpty(t, v.view().Changes, "what changed is shown")
	v.do("am1", "submit", nil)
	v.decide("manager1", "approve", M{"comment": "Better."})
	v.decide("clerk1", "approve", M{})
	approved := v.await("approved")
	require.Equal(t, "booked", approved.Resources[0].State)

	var items []string
	for _, item := range approved.Checklist {
		items = append(items, item.Name)
	}
	v.do("clerk1", "prepare", M{"items": items})
	require.Equal(t, "in_progress", v.do("clerk1", "start", nil).State)
	v.do("am1", "tick-off", M{"activity_id": approved.Activities[0].ID})
	v.do("am1", "raise-need", M{"text": "Please send the manual."})
	completed := v.do("clerk1", "complete", nil)
	require.NotNil(t, completed.RaisedNeeds[0].CaseID)
	until(t, func() bool {
		return s.as(t, "manager1").try(t, http.MethodGet, "/cases/"+*completed.RaisedNeeds[0].CaseID, nil).status == http.StatusOK
	}, func() string { return "the case of the need" })

	v.do("clerk1", "feedback", M{"score": 5, "visitor": "Han Xu"})
	v.do("am1", "expense-claim", M{"items": []M{{"item": "meals", "amount": 14000, "receipt": "FP-1-" + v.ID}}})
	refused(t, v.try("am1", "pay", nil), http.StatusForbidden, "forbidden")
	paid := v.do("finance1", "pay", M{"reference": "PAY-1"})
	require.Equal(t, "paid", paid.Claims[0].State)
	closed := v.do("am1", "close", M{"summary": "They liked it."})
	require.Equal(t, "closed", closed.State)
	require.Empty(t, closed.Held, "a closed reception holds nothing")
	refused(t, v.try("am1", "cancel", M{"reason": "too late"}), http.StatusConflict, "process_closed")
	v.keep("full")
}

func TestARejectedAndACancelledReceptionHoldNothing(t *testing.T) {
	t.Parallel()
	s := shared
	rejected := s.visit(t, nil)
	rejected.do("am1", "submit", nil)
	rejected.decide("manager1", "reject", M{"comment": "Not this year."})
	require.Empty(t, rejected.await("rejected").Held)
	rejected.keep("rejected")

	cancelled := s.visit(t, nil)
	cancelled.do("am1", "submit", nil)
	require.Empty(t, cancelled.do("am1", "cancel", M{"reason": "The client is ill."}).Held)
	cancelled.keep("cancelled")

	again := s.visit(t, M{"starts_at": rejected.plan["starts_at"], "ends_at": rejected.plan["ends_at"], "activities": []M{}})
	require.Equal(t, "in_approval", again.do("am1", "submit", nil).State, "the room is free again")
}

func TestEveryFaultOfAPlanIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	s := shared
	plan := s.plan(t, nil)
	plan["ends_at"] = plan["starts_at"]
	plan["hosts"] = []string{"user_00000000000000000000000000"}
	plan["budget"] = []M{{"item": "meals", "amount": -1}}
	p := refused(t, s.as(t, "am1").try(t, http.MethodPost, "/receptions", plan), http.StatusUnprocessableEntity, "invalid")
	require.GreaterOrEqual(t, len(p.Errors), 3, "%v", p.Errors)
}
