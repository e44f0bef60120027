package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// approvalVerbs holds for each verb who may use it, after what (as user verb body), a good body with the data that it becomes, and
// bad ones with their faults.
var approvalVerbs = map[approval.Verb]struct {
	user   string
	before [][3]string
	body   string
	data   approval.Command
	bad    map[string][]string
}{
	approval.Approve: {ben, nil, `{"comment":"fine"}`, approval.Command{Comment: "fine"}, tooLong},
	approval.Reject:  {ben, nil, ``, approval.Command{}, tooLong},
	approval.Return: {
		ben, nil, `{"to":"requester","resume":"resume","comment":"a second offer, please"}`,
		approval.Command{To: "requester", Resume: "resume", Comment: "a second offer, please"},
		map[string][]string{`{}`: {"to:required"}, `{"to":"Step 1","resume":"never"}`: {"to:name", "resume:oneof"}},
	},
	approval.Transfer: {ben, nil, `{"to_id":"` + eve + `"}`, approval.Command{ToID: eve}, badToID},
	approval.Delegate: {ben, nil, `{"to_id":"` + eve + `","comment":"?"}`, approval.Command{ToID: eve, Comment: "?"}, badToID},
	approval.AddSign: {
		ben, nil, `{"position":"parallel","user_ids":["` + eve + `"]}`,
		approval.Command{Position: approval.Parallel, UserIDs: []string{eve}},
		map[string][]string{
			`{}`: {"position:required", "user_ids:required"}, `{"position":"above","user_ids":[]}`: {"position:oneof", "user_ids:min"},
			`{"position":"before","user_ids":["eve"]}`:                       {"user_ids[0]:typeid"},
			`{"position":"before","user_ids":["` + eve + `","` + eve + `"]}`: {"user_ids:unique"},
		},
	},
	approval.RemoveSign: {
		ben,
		[][3]string{{ben, "add-sign", `{"position":"before","user_ids":["` + eve + `"]}`}},
		`{"user_id":"` + eve + `"}`,
		approval.Command{UserID: eve},
		map[string][]string{`{}`: {"user_id:required"}, `{"user_id":"eve"}`: {"user_id:typeid"}},
	},
	approval.TakeBack: {ben, [][3]string{{ben, "approve", ``}}, `{"comment":"too soon"}`, approval.Command{Comment: "too soon"}, tooLong},
	approval.Resubmit: {
		ann,
		[][3]string{{ben, "return", `{"to":"requester"}`}},
		`{"choices":{"third":["` + eve + `"]},"comment":"now with the offer"}`,
		approval.Command{Choices: map[string][]string{"third": {eve}}, Comment: "now with the offer"},
		map[string][]string{`{"choices":{"third":["eve"]}}`: {"choices[third][0]:typeid"}},
	},
	approval.Withdraw: {ann, nil, `{"comment":"no longer needed"}`, approval.Command{Comment: "no longer needed"}, tooLong},
	approval.Urge:     {ann, nil, ``, approval.Command{}, nil},
	approval.CC: {ben, nil, `{"user_ids":["` + eve + `"]}`, approval.Command{UserIDs: []string{eve}}, map[string][]string{
		`{}`: {"user_ids:required"}, `{"user_ids":["x"]}`: {"user_ids[0]:typeid"},
	}},
	approval.Comment: {ben, nil, `{"text":"I know them well"}`, approval.Command{Comment: "I know them well"}, map[string][]string{
		`{}`: {"text:required"}, `{"text":" "}`: {"text:notblank"}, `{"text":"` + strings.Repeat("x", 20_001) + `"}`: {"text:max"},
	}},
}

var (
	tooLong = map[string][]string{`{"comment":"` + strings.Repeat("x", 2001) + `"}`: {"comment:max"}}
	badToID = map[string][]string{
		`{}`: {"to_id:required"}, `{"to_id":"` + hotline + `","comment":"` + strings.Repeat("x", 2001) + `"}`: {"to_id:typeid", "comment:max"},
	}
)

func TestEveryVerbOfPeopleHasARoute(t *testing.T) {
	t.Parallel()
	var tested []approval.Verb
	for verb := range approvalVerbs {
		tested = append(tested, verb)
	}
	require.ElementsMatch(t, models.ApprovalVerbs(), tested)
}

func TestVerbsReachTheApproval(t *testing.T) {
	t.Parallel()
	for verb, tc := range approvalVerbs {
		t.Run(string(verb), func(t *testing.T) {
			t.Parallel()
			b := newApprovalBench(t)
			for _, before := range tc.before {
				b.act(before[0], before[1], before[2])
			}
			path := "/approvals/" + approvalA + "/" + string(verb)
			n := len(b.engine.sent)
			for body, want := range tc.bad {
				require.ElementsMatch(t, want, faultsOf(t, b.call(tc.user, "POST", path, body)), body)
			}
			require.Equal(t, http.StatusBadRequest, b.call(tc.user, "POST", path, `{"surprise":1}`).StatusCode)
			require.Len(t, b.engine.sent, n, "a bad command must not reach the process")

			seen := object(t, b.call(tc.user, "GET", "/approvals/"+approvalA, ""), http.StatusOK)
			require.Contains(t, seen["allowed_actions"], string(verb))
			view := object(t, b.call(tc.user, "POST", path, tc.body, "X-Request-ID", "trace-1"), http.StatusOK)
			require.InDelta(t, n+2, view["version"], 0, "the caller reads their own write")
			require.Len(t, b.engine.sent, n+1)
			sent := b.engine.sent[n]
			require.Equal(t, "approval/"+approvalA, sent.workflowID)
			require.Equal(t, string(verb), sent.name)
			require.Equal(t, verb, sent.event.Verb)
			require.Equal(t, string(verb)+":"+sent.event.Meta.RequestID, sent.updateID)
			require.Equal(t, []string{tc.user, "trace-1"}, []string{sent.event.Meta.Actor.ID, sent.event.Meta.TraceID})
			var cmd approval.Command
			require.NoError(t, json.Unmarshal(sent.event.Data, &cmd))
			require.Equal(t, tc.data, cmd)
		})
	}
}

func TestApprovalSaysWhereItStandsAndWhatTheCallerMayDo(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.change(approvalA, func(s *models.ApprovalState) {
		s.Currency, s.OverBy = "CNY", 300
		s.Changes = []models.FieldChange{{Field: "ends_at", Before: "1", After: "2"}}
		s.Departures = []models.Departure{{Field: "meals", Rule: "per_head", Standard: "100", Planned: "200"}}
	})
	b.act(ben, "approve", `{"comment":"fine"}`)
	v := object(t, b.call(sup, "GET", "/approvals/"+approvalA, ""), http.StatusOK)
	steps := v["steps"]
	delete(v, "steps")
	require.Equal(t, map[string]any{
		"id": approvalA, "number": "CMP-1", "process": "complaint", "subject_id": caseA, "subject": "空调不制冷", "chain": "reception",
		"purpose": "transfer", "requester_id": ann, "state": "open", "outcome": nil, "outcome_by": nil, "outcome_rule": nil,
		"policy_version": 1., "cc": []any{}, "facts": map[string]any{"reception.level": "vip", "reception.budget_total": 500., "requester.roles": []any{"service_agent"}},
		"changes":    []any{map[string]any{"field": "ends_at", "before": "1", "after": "2"}},
		"departures": []any{map[string]any{"field": "meals", "rule": "per_head", "standard": "100", "planned": "200"}},
		"over":       300., "currency": "CNY", "created_at": "2026-03-06T09:00:00.000Z", "updated_at": "2026-03-06T11:00:00.000Z", "ended_at": nil,
		"closed_at": nil, "created_by": ann, "client_id": nil,
		"version": 2., "allowed_actions": []any{"approve", "reject", "return", "transfer", "delegate", "add-sign", "cc", "comment"},
	}, v)
	participant := func(user, state string, decided, comment any) any {
		return map[string]any{
			"user_id": user, "on_behalf_of": nil, "rules": []any{}, "position": nil, "added_by": nil, "state": state, "opinion": nil,
			"decided_at": decided, "due_at": nil, "comment": comment,
		}
	}
	require.Equal(t, []any{
		map[string]any{
			"id": "first", "name": "first", "title": "first", "mode": "any", "state": "passed", "rule": nil, "opened_at": "2026-03-06T09:00:00.000Z",
			"closed_at": "2026-03-06T11:00:00.000Z", "due_at": nil, "participants": []any{participant(ben, "approved", "2026-03-06T11:00:00.000Z", "fine")},
		},
		map[string]any{
			"id": "second", "name": "second", "title": "second", "mode": "all", "state": "active", "rule": nil, "opened_at": "2026-03-06T11:00:00.000Z",
			"closed_at": nil, "due_at": nil, "participants": []any{participant(sup, "open", nil, nil), participant(dan, "open", nil, nil)},
		},
	}, steps)

	view := b.act(sup, "reject", `{}`)
	require.Equal(t, []any{"rejected", "rejected", sup, []any{}}, []any{view["state"], view["outcome"], view["outcome_by"], view["allowed_actions"]})
	require.Equal(t, "2026-03-06T11:00:00.001Z", view["ended_at"])
	require.Equal(t, view["ended_at"], view["closed_at"])
}

func TestStepsAreCalledWhatTheReaderCallsThem(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.act(ben, "return", `{"to":"requester","comment":"more"}`)
	v := object(t, b.call(ann, "GET", "/approvals/"+approvalA, "", "Accept-Language", "zh-CN"), http.StatusOK)
	require.Equal(t, "returned", v["state"])
	steps := v["steps"].([]any)
	returned := steps[1].(map[string]any)
	require.Equal(t, []any{"requester", "requester", "申请人", "active"}, []any{returned["id"], returned["name"], returned["title"], returned["state"]})
	require.Equal(t, "void", steps[0].(map[string]any)["state"], "what was returned stays visible")
	require.Equal(t, []any{"resubmit", "withdraw", "cc", "comment"}, v["allowed_actions"])
}

func TestApprovalsAreListedByWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	v := object(t, b.call(ann, "GET", "/approvals?process=complaint&subject_id="+caseA+"&requester_id="+ann+"&outcome=approved&open=false", ""), http.StatusOK)
	require.Equal(t, "more", v["next_cursor"])
	require.Len(t, v["items"], 1)
	open := false
	require.Equal(t, models.ApprovalFilter{
		Process: "complaint", SubjectID: caseA, RequesterID: ann, Outcome: approval.Approved, Open: &open,
	}, b.store.filter)
	for query, status := range map[string]int{"outcome=maybe": 422, "requester_id=ann": 422, "open=perhaps": 400, "chain=x": 400, "limit=0": 422} {
		require.Equal(t, status, b.call(ann, "GET", "/approvals?"+query, "").StatusCode, query)
	}
}

func TestTimelineOfAnApproval(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	for i := range 3 {
		b.store.events = append(b.store.events, models.TimelineEvent{
			Seq: int64(i + 1), At: friday(9, i), Type: approval.EventApproved, Actor: sup, OnBehalfOf: ben, Data: map[string]any{"step": "first"},
		})
	}
	v := object(t, b.call(ann, "GET", "/approvals/"+approvalA+"/timeline?limit=2", ""), http.StatusOK)
	require.Equal(t, "2", v["next_cursor"])
	v = object(t, b.call(ann, "GET", "/approvals/"+approvalA+"/timeline?limit=2&cursor=2", ""), http.StatusOK)
	require.Equal(t, []any{map[string]any{
		"seq": 3., "at": "2026-03-06T09:02:00.000Z", "type": "approved", "actor": sup, "on_behalf_of": ben, "request_id": nil, "data": map[string]any{"step": "first"},
	}}, v["items"])
	require.Nil(t, v["next_cursor"])
	require.Equal(t, http.StatusBadRequest, b.call(ann, "GET", "/approvals/"+approvalA+"/timeline?cursor=x", "").StatusCode)
}

func TestApprovalThatOneMayNotKnowOfIsNotFound(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.store.hidden[approvalA] = true
	for _, approvalID := range []string{approvalA, approvalNone, "x", caseA} {
		for _, call := range [][3]string{
			{"GET", "", ""},
			{"GET", "/timeline", ""},
			{"POST", "/approve", ""},
			{"POST", "/approve", `{"comment":"` + strings.Repeat("x", 2001) + `"}`},
			{"POST", "/resubmit", ""},
			{"POST", "/comment", `{"text":"hello?"}`},
		} {
			problem(t, b.call(eve, call[0], "/approvals/"+approvalID+call[1], call[2]), http.StatusNotFound, "not_found")
		}
	}
	require.Equal(t, http.StatusOK, b.call(aud, "GET", "/approvals/"+approvalA, "").StatusCode)
}

func TestWhoGivesAnApprovalAwayStillReadsTheOutcome(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.store.hidden[approvalA] = true
	require.Equal(t, approvalA, b.act(ben, "transfer", `{"to_id":"`+eve+`"}`)["id"])
}

func TestOutcomeThatCannotBeReadIsPending(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.store.broken = errs.New(errs.Unavailable, "unavailable.database")
	res := b.call(ben, "POST", "/approvals/"+approvalA+"/approve", "")
	problem(t, res, http.StatusAccepted, "pending")
	require.Equal(t, "/api/v1/approvals/"+approvalA, res.Header.Get("Location"))
}

// refusals are commands that the process refuses, after what was done before.
var refusals = map[string]struct {
	before [][3]string
	user   string
	verb   string
	body   string
	status int
	code   string
}{
	"not_participant":      {nil, eve, "approve", ``, 403, "not_participant"},
	"self_approval":        {nil, ann, "approve", ``, 403, "self_approval"},
	"to_the_requester":     {nil, ben, "transfer", `{"to_id":"` + ann + `"}`, 403, "self_approval"},
	"to_self":              {nil, ben, "delegate", `{"to_id":"` + ben + `"}`, 409, "to_self"},
	"already_decided":      {[][3]string{{ben, "approve", ""}, {sup, "approve", ""}}, sup, "approve", ``, 409, "already_decided"},
	"step_passed":          {[][3]string{{ben, "approve", ""}}, ben, "reject", ``, 409, "step_passed"},
	"not_your_turn":        {[][3]string{{ben, "add-sign", `{"position":"before","user_ids":["` + eve + `"]}`}}, ben, "approve", ``, 409, "not_your_turn"},
	"already_signer":       {[][3]string{{ben, "approve", ""}}, sup, "add-sign", `{"position":"after","user_ids":["` + dan + `"]}`, 409, "already_signer"},
	"not_added_by_you":     {nil, ben, "remove-sign", `{"user_id":"` + eve + `"}`, 409, "not_added_by_you"},
	"next_step_acted":      {[][3]string{{ben, "approve", ""}, {sup, "approve", ""}}, ben, "take-back", ``, 409, "next_step_acted"},
	"nothing_to_take_back": {nil, ben, "take-back", ``, 409, "nothing_to_take_back"},
	"too_soon":             {[][3]string{{ann, "urge", ""}}, ann, "urge", ``, 409, "too_soon"},
	"unknown_step":         {nil, ben, "return", `{"to":"second"}`, 409, "unknown_step"},
	"returned_enough":      {[][3]string{{ben, "return", `{"to":"requester"}`}, {ann, "resubmit", ""}}, ben, "return", `{"to":"requester"}`, 409, "returned_enough"},
	"with_requester":       {[][3]string{{ben, "return", `{"to":"requester"}`}}, ann, "urge", ``, 409, "with_requester"},
	"not_with_requester":   {nil, ann, "resubmit", ``, 409, "not_with_requester"},
	"cycle":                {[][3]string{{ben, "add-sign", `{"position":"before","user_ids":["` + eve + `"]}`}}, eve, "delegate", `{"to_id":"` + ben + `"}`, 409, "cycle"},
	"process_closed":       {[][3]string{{ann, "withdraw", ""}}, ben, "approve", ``, 409, "process_closed"},
	"unknown_user":         {nil, ben, "transfer", `{"to_id":"` + nobody + `"}`, 422, "invalid"},
}

func TestRefusalsOfTheApprovalReachTheCaller(t *testing.T) {
	t.Parallel()
	for name, tc := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newApprovalBench(t)
			for _, before := range tc.before {
				b.act(before[0], before[1], before[2])
			}
			path := "/approvals/" + approvalA + "/" + tc.verb
			p := problem(t, b.call(tc.user, "POST", path, tc.body), tc.status, tc.code)
			require.NotRegexp(t, `^approval\.`, p.Detail, "a bare key")
			require.NotContains(t, p.Detail, "user_", "a bare id")
			zh := problem(t, b.call(tc.user, "POST", path, tc.body, "Accept-Language", "zh-CN"), tc.status, tc.code)
			require.Regexp(t, `\p{Han}`, zh.Detail)
			require.Regexp(t, `\p{Han}`, zh.Title)
			if tc.status == http.StatusForbidden {
				require.Equal(t, "Not allowed", p.Title)
			}
		})
	}
}

func TestFailuresOfTheEngineSayNothingOfTheApproval(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"unavailable":           {errs.New(errs.Unavailable, "unavailable.engine"), 503, "unavailable"},
		"pending":               {errs.New(errs.Pending, "pending"), 202, "pending"},
		"between_two_histories": {errs.New(errs.NotFound, "process_unknown"), 503, "unavailable"},
		"inner_errors":          {errSecret, 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newApprovalBench(t)
			b.engine.err = tc.err
			p := problem(t, b.call(ben, "POST", "/approvals/"+approvalA+"/approve", ``), tc.status, tc.code)
			require.NotContains(t, p.Detail, "hunter2")
		})
	}
}

func TestRepeatedVerbThatHasEndedItsApprovalIsAnswered(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	approve := func(key string) *http.Response {
		return b.call(ben, "POST", "/approvals/"+approvalA+"/approve", ``, "Idempotency-Key", key)
	}
	b.engine.err = errs.New(errs.Pending, "pending")
	problem(t, approve("k"), http.StatusAccepted, "pending")
	b.change(approvalA, func(s *models.ApprovalState) {
		s.Chain.Outcome, s.Handled = approval.Approved, []string{b.engine.sent[0].event.Meta.RequestID}
	})
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	require.Equal(t, "approved", object(t, approve("k"), http.StatusOK)["state"])
	problem(t, approve("another"), http.StatusConflict, "process_closed")
}

func TestRequestOfAnotherProcessIsResubmittedThere(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.change(approvalA, func(s *models.ApprovalState) { s.Process = models.ReceptionProcess })
	v := b.act(ben, "return", `{"to":"requester"}`)
	require.Equal(t, "returned", v["state"])
	n := len(b.engine.sent)
	seen := object(t, b.call(ann, "GET", "/approvals/"+approvalA, ""), http.StatusOK)
	require.NotContains(t, seen["allowed_actions"], "resubmit")
	p := problem(t, b.call(ann, "POST", "/approvals/"+approvalA+"/resubmit", ``), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "CMP-1")
	require.Len(t, b.engine.sent, n)
}

func TestBadValuesOfVerbsAreTheCallersFault(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	for verb, tc := range approvalVerbs {
		var fields map[string]any
		if tc.body != "" {
			require.NoError(t, json.Unmarshal([]byte(tc.body), &fields))
		}
		for _, value := range []string{`null`, `0`, `""`, `"\u0000"`, `[]`, `{}`, `[null]`, `{"x":null}`, `1e400`} {
			bodies := []string{value}
			for field := range fields {
				bodies = append(bodies, fmt.Sprintf(`{%q:%s}`, field, value))
			}
			for _, body := range bodies {
				res := b.call(eve, "POST", "/approvals/"+approvalA+"/"+string(verb), body)
				require.Less(t, res.StatusCode, 500, "%s %s", verb, body)
			}
		}
	}
	require.True(t, id.Valid(id.Approval, approvalNone))
}
