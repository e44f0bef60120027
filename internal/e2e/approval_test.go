package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

type approvalView struct {
	ID             string   `json:"id"`
	State          string   `json:"state"`
	Outcome        *string  `json:"outcome"`
	AllowedActions []string `json:"allowed_actions"`
	Steps          []struct {
		Name         string `json:"name"`
		State        string `json:"state"`
		Participants []struct {
			UserID     string  `json:"user_id"`
			OnBehalfOf *string `json:"on_behalf_of"`
			State      string  `json:"state"`
		} `json:"participants"`
	} `json:"steps"`
}

// request is one approval as people see it: agent1 asks to move the accountability for a case to agent3.
type request struct {
	*matter
	id string
}

func (s *stack) ask(t *testing.T) request {
	t.Helper()
	from, to := s.as(t, "agent1"), s.as(t, "agent3")
	m := s.record(t, from, "calm", nil)
	m.do(from, "transfer-accountability", M{"to_id": to.ID, "reason": "On leave from tomorrow."})
	m.awaitTask(s.as(t, "supervisor1"), "approve")
	return request{m, m.view().Transfer.ApprovalID}
}

// does uses a verb that must be allowed.
func (r request) does(by person, verb string, body M) approvalView {
	r.t.Helper()
	a := by.try(r.t, http.MethodPost, "/approvals/"+r.id+"/"+verb, body)
	require.Equal(r.t, http.StatusOK, a.status, "%s %s: %s", by.name, verb, a.body)
	return into[approvalView](r.t, a)
}

func (r request) mayNot(by person, verb string, body M, status int, code string) {
	r.t.Helper()
	refused(r.t, by.try(r.t, http.MethodPost, "/approvals/"+r.id+"/"+verb, body), status, code)
}

func (r request) keepApproval(path string) {
	r.t.Helper()
	r.s.keep(r.t, models.ApprovalWorkflowID(r.id), models.ApprovalProcess, path)
}

// events are the types of the approval's timeline, numbered without gaps.
func (r request) events(p person) []string {
	r.t.Helper()
	var types []string
	for i, e := range all[event](r.t, p, "/approvals/"+r.id+"/timeline") {
		require.EqualValues(r.t, i+1, e.Seq)
		types = append(types, e.Type)
	}
	return types
}

func TestAReturnedRequestIsSubmittedAgainAndDecidedByAnAddedSignerToo(t *testing.T) {
	t.Parallel()
	s := shared
	asks, chief, signer, stranger := s.as(t, "agent1"), s.as(t, "supervisor1"), s.as(t, "manager1"), s.as(t, "agent4")
	r := s.ask(t)

	refused(t, stranger.try(t, http.MethodGet, "/approvals/"+r.id, nil), http.StatusNotFound, "not_found")
	r.mayNot(stranger, "approve", M{}, http.StatusNotFound, "not_found")
	r.mayNot(asks, "approve", M{}, http.StatusForbidden, "self_approval")
	r.mayNot(chief, "return", M{"to": "nowhere", "comment": "?"}, http.StatusConflict, "unknown_step")
	r.mayNot(chief, "transfer", M{"to_id": asks.ID}, http.StatusForbidden, "self_approval")

	require.Equal(t, "returned", r.does(chief, "return", M{"to": "requester", "comment": "Why not agent2?"}).State)
	r.mayNot(chief, "approve", M{}, http.StatusConflict, "step_passed")
	require.Equal(t, "open", r.does(asks, "resubmit", M{"comment": "agent2 is away."}).State)
	r.does(asks, "urge", M{})
	r.mayNot(asks, "urge", M{}, http.StatusConflict, "too_soon")
	r.does(chief, "cc", M{"user_ids": []string{stranger.ID}})
	require.Equal(t, r.ID, all[task](t, stranger, "/tasks?box=cc&process=approval")[0].SubjectID)
	r.does(stranger, "comment", M{"text": "Fine with me."})
	r.does(chief, "add-sign", M{"position": "after", "user_ids": []string{signer.ID}})
	r.mayNot(chief, "add-sign", M{"position": "after", "user_ids": []string{signer.ID}}, http.StatusConflict, "already_signer")
	require.Equal(t, "open", r.does(chief, "approve", M{"comment": "Granted."}).State, "the added signer has not decided")
	r.mayNot(chief, "approve", M{}, http.StatusConflict, "already_decided")
	r.does(chief, "take-back", M{})
	r.does(chief, "approve", M{"comment": "Granted after all."})
	require.Equal(t, "approved", r.does(signer, "approve", M{}).State)

	r.await("accountability_transfer_approved", 1)
	r.mayNot(signer, "approve", M{}, http.StatusConflict, "process_closed")
	types := r.events(asks)
	for _, kind := range []string{"approval_started", "returned", "resubmitted", "urged", "copied", "commented", "signers_added", "taken_back", "approval_ended"} {
		require.Contains(t, types, kind)
	}
	require.Empty(t, slices.DeleteFunc(all[task](t, chief, "/tasks?box=todo&process=approval"), func(o task) bool { return o.SubjectID != r.ID }), "no task is left")
	r.keepApproval("returned_and_signed")
	r.keep("transfer_after_return")
}

func TestADeputyDecidesInTheNameOfWhoIsAway(t *testing.T) {
	t.Parallel()
	s := shared
	chief, deputy := s.as(t, "supervisor1"), s.as(t, "supervisor2")
	r := s.ask(t)
	r.mayNot(deputy, "approve", M{}, http.StatusNotFound, "not_found")
	rule := chief.try(t, http.MethodPost, "/deputies", M{"deputy_id": deputy.ID, "until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "processes": []string{"accountability-transfer"}})
	require.Equal(t, http.StatusCreated, rule.status, "%s", rule.body)
	made := into[struct {
		ID string `json:"id"`
	}](t, rule)
	t.Cleanup(func() { chief.try(t, http.MethodDelete, "/deputies/"+made.ID, nil) })
	r.awaitTask(deputy, "approve") // the open approval is told of the rule
	v := r.does(deputy, "reject", M{"comment": "Not now."})
	require.Equal(t, "rejected", v.State)
	p := v.Steps[0].Participants[0]
	require.Equal(t, deputy.ID, p.UserID)
	require.Equal(t, chief.ID, *p.OnBehalfOf)
	r.await("accountability_transfer_refused", 1)
	require.Nil(t, r.view().Transfer)
	r.keepApproval("deputy_rejects")
}

func TestWhatIsGivenUpIsWithdrawnFromApproval(t *testing.T) {
	t.Parallel()
	s := shared
	r := s.ask(t)
	chief := s.as(t, "supervisor1")
	r.do(chief, "cancel", M{"reason": "A test of ours."})
	until(t, func() bool { return get[approvalView](t, chief, "/approvals/"+r.id).State == "withdrawn" }, func() string { return "the withdrawal" })
	require.Empty(t, slices.DeleteFunc(all[task](t, chief, "/tasks?box=todo&process=approval"), func(o task) bool { return o.SubjectID != r.ID }))
	r.keepApproval("withdrawn_by_order")
	r.keep("cancelled_while_asking")
}

func TestABatchDecidesEachForItself(t *testing.T) {
	t.Parallel()
	s := shared
	first, second := s.ask(t), s.ask(t)
	chief := s.as(t, "supervisor1")
	a := chief.try(t, http.MethodPost, "/approvals/batch", M{"items": []M{
		{"approval_id": first.id, "action": "approve"},
		{"approval_id": second.id, "action": "reject", "comment": "No."},
		{"approval_id": id.New(id.Approval), "action": "approve"},
	}})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	first.await("accountability_transfer_approved", 1)
	second.await("accountability_transfer_refused", 1)
}
