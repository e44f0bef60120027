package e2e_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// errand is the approval of a reception that am1 asks for: by manager1, clerk1, finance1 and director1 in turn. It knows how
// much of the timeline was looked at.
type errand struct {
	request
	v    *visit
	seen int
}

func (s *stack) errand(t *testing.T) *errand {
	t.Helper()
	v := s.visit(t, M{
		"level": "vip", "departure_reason": "They come from far away.",
		"budget": []M{{"item": "meals", "amount": 20_000}, {"item": "lodging", "amount": 600_000}},
	})
	e := &errand{v: v, request: request{&matter{t, s, v.ID}, v.do("am1", "submit", nil).Approval.ID}}
	e.awaitTask(s.as(t, "manager1"), "approve")
	return e.now("open", M{"manager1": "approve"}, "approval_started", "step_opened")
}

// cast are the people who may have a task in an errand.
var cast = []string{"am1", "am2", "manager1", "clerk1", "clerk2", "finance1", "director1", "agent1", "agent2", "agent3", "agent4"}

// now requires the state, that the tasks are these and no others, and that exactly these events have come since it was last asked.
func (e *errand) now(state string, tasks M, events ...string) *errand {
	e.t.Helper()
	require.Equal(e.t, state, get[approvalView](e.t, e.s.as(e.t, "manager1"), "/approvals/"+e.id).State)
	types := e.events(e.s.as(e.t, "manager1"))
	require.Equal(e.t, append([]string{}, events...), types[e.seen:])
	e.seen = len(types)
	asked := M{}
	for _, name := range cast {
		for _, o := range all[task](e.t, e.s.as(e.t, name), "/tasks?box=todo&process=approval") {
			if o.SubjectID == e.ID {
				asked[name] = o.Kind
			}
		}
	}
	require.Equal(e.t, tasks, asked)
	return e
}

// use uses a verb that must be allowed.
func (e *errand) use(by, verb string, body M) *errand {
	e.t.Helper()
	e.does(e.s.as(e.t, by), verb, body)
	return e
}

// not uses a verb that must be refused and changes nothing.
func (e *errand) not(by, verb string, body M, status int, code string) *errand {
	e.t.Helper()
	before := get[M](e.t, e.s.as(e.t, "manager1"), "/approvals/"+e.id)
	e.mayNot(e.s.as(e.t, by), verb, body, status, code)
	require.Equal(e.t, before, get[M](e.t, e.s.as(e.t, "manager1"), "/approvals/"+e.id), "a refusal changes nothing")
	return e
}

func (e *errand) to(name string) M { return M{"to_id": e.s.as(e.t, name).ID} }

func (e *errand) add(position, name string) M {
	return M{"position": position, "user_ids": []string{e.s.as(e.t, name).ID}}
}

func (e *errand) user(name string) M { return M{"user_id": e.s.as(e.t, name).ID} }

// states are the states of the visits and of the steps to come, in order.
func (e *errand) states() []string {
	e.t.Helper()
	var states []string
	for _, step := range get[approvalView](e.t, e.s.as(e.t, "manager1"), "/approvals/"+e.id).Steps {
		states = append(states, step.Name+":"+step.State)
	}
	return states
}

func TestATransferredPlaceIsAdvisedOnAndSignedBeforeAndBeside(t *testing.T) {
	t.Parallel()
	e := shared.errand(t)
	nobody := M{"to_id": "user_00000000000000000000000000"}
	for _, verb := range []string{"transfer", "delegate"} {
		e.not("manager1", verb, e.to("manager1"), http.StatusConflict, "to_self").
			not("manager1", verb, e.to("am1"), http.StatusForbidden, "self_approval").
			not("manager1", verb, nobody, http.StatusUnprocessableEntity, "invalid").
			not("am1", verb, e.to("agent1"), http.StatusForbidden, "not_participant")
	}
	e.use("manager1", "transfer", e.to("agent1")).now("open", M{"agent1": "approve"}, "transferred").
		not("manager1", "approve", M{}, http.StatusForbidden, "not_participant").
		not("manager1", "transfer", e.to("agent2"), http.StatusForbidden, "not_participant")

	e.use("agent1", "delegate", e.to("agent2")).now("open", M{"agent2": "opinion"}, "delegated").
		not("agent1", "approve", M{}, http.StatusConflict, "not_your_turn").
		not("agent1", "delegate", e.to("agent3"), http.StatusConflict, "not_your_turn").
		not("agent2", "delegate", e.to("agent1"), http.StatusConflict, "cycle").
		not("agent2", "return", M{"to": "requester"}, http.StatusForbidden, "not_participant").
		not("agent2", "add-sign", e.add("after", "agent3"), http.StatusForbidden, "not_participant").
		use("agent2", "reject", M{"comment": "I would not."}).now("open", M{"agent1": "approve"}, "opinion_given").
		not("agent2", "approve", M{}, http.StatusConflict, "already_decided")

	e.use("agent1", "add-sign", e.add("before", "agent3")).now("open", M{"agent3": "approve"}, "signers_added").
		not("agent1", "approve", M{}, http.StatusConflict, "not_your_turn").
		not("agent3", "add-sign", e.add("before", "agent1"), http.StatusConflict, "cycle").
		not("agent3", "add-sign", e.add("before", "am1"), http.StatusForbidden, "self_approval").
		not("agent3", "add-sign", e.add("before", "agent3"), http.StatusConflict, "to_self").
		not("agent3", "remove-sign", e.user("agent1"), http.StatusConflict, "not_added_by_you").
		use("agent1", "remove-sign", e.user("agent3")).now("open", M{"agent1": "approve"}, "signer_removed").
		not("agent3", "approve", M{}, http.StatusConflict, "step_passed").
		not("agent1", "remove-sign", e.user("agent3"), http.StatusConflict, "not_added_by_you").
		use("agent1", "add-sign", e.add("before", "agent3")).use("agent3", "approve", M{}).
		now("open", M{"agent1": "approve"}, "signers_added", "approved")

	e.use("agent1", "add-sign", e.add("parallel", "agent4")).now("open", M{"agent1": "approve", "agent4": "approve"}, "signers_added").
		not("agent1", "add-sign", e.add("parallel", "agent4"), http.StatusConflict, "already_signer").
		not("agent4", "transfer", e.to("agent1"), http.StatusConflict, "already_signer").
		not("agent1", "remove-sign", e.user("agent3"), http.StatusConflict, "already_decided").
		use("agent1", "approve", M{}).now("open", M{"clerk1": "approve"}, "approved", "step_passed", "step_opened").
		not("agent4", "approve", M{}, http.StatusConflict, "step_passed")
}

func TestWhoHasDecidedMayTakeItBackUntilTheNextStepHasActed(t *testing.T) {
	t.Parallel()
	e := shared.errand(t)
	e.not("manager1", "take-back", M{}, http.StatusConflict, "nothing_to_take_back").
		not("am1", "take-back", M{}, http.StatusConflict, "nothing_to_take_back").
		use("manager1", "approve", M{}).now("open", M{"clerk1": "approve"}, "approved", "step_passed", "step_opened").
		not("manager1", "reject", M{}, http.StatusConflict, "step_passed").
		use("manager1", "take-back", M{"comment": "Too soon."}).now("open", M{"manager1": "approve"}, "taken_back").
		not("clerk1", "approve", M{}, http.StatusConflict, "step_passed").
		use("manager1", "approve", M{}).now("open", M{"clerk1": "approve"}, "approved", "step_passed", "step_opened").
		use("clerk1", "add-sign", e.add("after", "clerk2")).now("open", M{"clerk1": "approve"}, "signers_added").
		not("manager1", "take-back", M{}, http.StatusConflict, "next_step_acted").
		not("clerk2", "approve", M{}, http.StatusConflict, "not_your_turn").
		use("clerk1", "approve", M{}).now("open", M{"clerk2": "approve"}, "approved").
		not("clerk1", "approve", M{}, http.StatusConflict, "already_decided").
		use("clerk2", "reject", M{"comment": "The room is too small."}).
		now("rejected", M{}, "rejected", "step_refused", "approval_ended")
	for _, verb := range []string{"approve", "take-back", "urge", "comment", "withdraw"} {
		body := M{}
		if verb == "comment" {
			body["text"] = "Too late."
		}
		e.not("clerk1", verb, body, http.StatusConflict, "process_closed")
	}
	require.Equal(t, []string{"dept_head:passed", "reception_manager:void", "reception_manager:refused"}, slices.DeleteFunc(e.states(), func(s string) bool { return s == "dept_head:void" }))
	e.v.await("rejected")
}

func TestAReturnToAnEarlierStepWalksAgainOrResumes(t *testing.T) {
	t.Parallel()
	e := shared.errand(t)
	passed := []string{"approved", "step_passed", "step_opened"}
	e.not("manager1", "return", M{"to": "reception_manager"}, http.StatusConflict, "unknown_step").
		not("am1", "return", M{"to": "requester"}, http.StatusForbidden, "self_approval").
		use("manager1", "approve", M{}).now("open", M{"clerk1": "approve"}, passed...).
		use("clerk1", "approve", M{}).now("open", M{"finance1": "approve"}, passed...).
		not("finance1", "return", M{"to": "finance_over_limit"}, http.StatusConflict, "unknown_step").
		not("finance1", "return", M{"to": "general_manager"}, http.StatusConflict, "unknown_step").
		not("manager1", "return", M{"to": "requester"}, http.StatusConflict, "step_passed")

	e.use("finance1", "return", M{"to": "dept_head", "resume": "walk_again", "comment": "Which cost centre?"}).
		now("open", M{"manager1": "approve"}, "returned", "step_opened").
		not("manager1", "take-back", M{}, http.StatusConflict, "step_passed").
		not("finance1", "approve", M{}, http.StatusConflict, "step_passed")
	require.Equal(t, []string{
		"dept_head:void", "reception_manager:void", "finance_over_limit:void", "dept_head:active",
		"reception_manager:pending", "finance_over_limit:pending", "general_manager:pending",
	}, e.states(), "void decisions stay visible")
	e.use("manager1", "approve", M{}).now("open", M{"clerk1": "approve"}, passed...).
		use("clerk1", "approve", M{}).now("open", M{"finance1": "approve"}, passed...).
		use("finance1", "return", M{"to": "dept_head", "resume": "resume"}).now("open", M{"manager1": "approve"}, "returned", "step_opened").
		use("manager1", "approve", M{}).now("open", M{"finance1": "approve"}, passed...).
		use("finance1", "approve", M{}).now("open", M{"director1": "approve"}, passed...).
		use("director1", "approve", M{}).now("approved", M{}, "approved", "step_passed", "approval_ended")
	e.v.await("approved")
}

func TestOnlyTheRequesterWithdrawsAndOnlyAnOnlookerUrges(t *testing.T) {
	t.Parallel()
	e := shared.errand(t)
	reader := e.s.as(t, "am2")
	e.not("manager1", "urge", M{}, http.StatusForbidden, "not_participant").
		not("manager1", "withdraw", M{}, http.StatusForbidden, "not_participant").
		not("manager1", "cc", M{"user_ids": []string{"user_00000000000000000000000000"}}, http.StatusUnprocessableEntity, "invalid").
		not("manager1", "cc", M{"user_ids": []string{}}, http.StatusUnprocessableEntity, "invalid").
		not("manager1", "comment", M{"text": " "}, http.StatusUnprocessableEntity, "invalid").
		not("am2", "comment", M{"text": "Hello."}, http.StatusNotFound, "not_found").
		not("director1", "comment", M{"text": "I see everything."}, http.StatusForbidden, "not_participant").
		not("director1", "cc", M{"user_ids": []string{reader.ID}}, http.StatusForbidden, "not_participant").
		use("am1", "cc", M{"user_ids": []string{reader.ID}}).now("open", M{"manager1": "approve"}, "copied")
	require.True(t, slices.ContainsFunc(all[task](t, reader, "/tasks?box=cc&process=approval"), func(o task) bool { return o.SubjectID == e.ID }))
	for _, verb := range []string{"approve", "reject", "withdraw"} {
		e.not("am2", verb, M{}, http.StatusForbidden, "not_participant")
	}
	e.not("am2", "return", M{"to": "requester"}, http.StatusForbidden, "not_participant").
		not("am2", "add-sign", e.add("after", "agent1"), http.StatusForbidden, "not_participant").
		not("am2", "remove-sign", e.user("manager1"), http.StatusConflict, "not_added_by_you").
		use("am2", "comment", M{"text": "They prefer tea."}).now("open", M{"manager1": "approve"}, "commented").
		use("am2", "urge", M{}).now("open", M{"manager1": "approve"}, "urged").
		not("am1", "urge", M{}, http.StatusConflict, "too_soon")
	require.True(t, slices.ContainsFunc(all[notification](t, e.s.as(t, "manager1"), "/notifications"), func(n notification) bool {
		return n.SubjectID == e.id && n.Kind == "approval_urged"
	}))

	e.use("manager1", "return", M{"to": "requester", "comment": "Which week?"}).now("returned", M{"am1": "revise"}, "returned", "step_opened").
		not("am1", "urge", M{}, http.StatusConflict, "with_requester").
		not("am1", "resubmit", M{}, http.StatusConflict, "conflict").
		use("am1", "withdraw", M{"comment": "They do not come."}).now("withdrawn", M{}, "withdrawn", "approval_ended")
	v := e.v.await("withdrawn")
	require.Empty(t, v.Held, "what is withdrawn holds nothing")
}

func TestABatchNamesEveryRefusalForItself(t *testing.T) {
	t.Parallel()
	mine, done, open := shared.errand(t), shared.errand(t), shared.errand(t)
	manager, requester := shared.as(t, "manager1"), shared.as(t, "am1")
	done.use("manager1", "approve", M{})
	type item struct {
		Status int     `json:"status"`
		Code   *string `json:"code"`
	}
	batch := func(by person, items ...M) []item {
		a := by.try(t, http.MethodPost, "/approvals/batch", M{"items": items})
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		return into[struct {
			Items []item `json:"items"`
		}](t, a).Items
	}
	decide := func(e *errand, action string) M { return M{"approval_id": e.id, "action": action} }
	code := func(s string) *string { return &s }

	require.Equal(t, []item{{403, code("self_approval")}, {403, code("self_approval")}}, batch(requester, decide(mine, "approve"), decide(open, "reject")))
	require.Equal(t, []item{{404, code("not_found")}}, batch(shared.as(t, "agent1"), decide(open, "approve")))
	require.Equal(t, []item{{409, code("step_passed")}, {200, nil}}, batch(manager, decide(done, "approve"), decide(open, "reject")))
	refused(t, manager.try(t, http.MethodPost, "/approvals/batch", M{"items": []M{decide(mine, "approve"), decide(mine, "reject")}}), http.StatusUnprocessableEntity, "invalid")
	refused(t, manager.try(t, http.MethodPost, "/approvals/batch", M{"items": []M{decide(mine, "transfer")}}), http.StatusUnprocessableEntity, "invalid")
	mine.now("open", M{"manager1": "approve"})
	done.now("open", M{"clerk1": "approve"}, "approved", "step_passed", "step_opened")
	open.now("rejected", M{}, "rejected", "step_refused", "approval_ended")
}
