package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

var (
	activityA = id.Derive(id.Activity, "t", "a")
	needA     = id.Derive(id.Need, "t", "a")
	endless   = strings.Repeat("x", 20_001)
)

// receptionActions holds one good body of each action with the data that it becomes, and bad ones with their faults. That
// of revise is a plan, which has tests of its own.
var receptionActions = map[models.ReceptionAction]struct {
	body string
	data string
	bad  map[string][]string
}{
	"submit":   {``, ``, nil},
	"withdraw": {`{}`, ``, nil},
	"prepare": {`{"items":["room","transport"],"receptionist_id":"` + cleo + `"}`, `{"items":["room","transport"],"receptionist_id":"` + cleo + `"}`, map[string][]string{
		`{"items":["room","Room!","room"],"receptionist_id":"cleo"}`: {"items:unique", "receptionist_id:typeid"}, `{"items":["Room!"]}`: {"items[0]:name"},
	}},
	"start": {``, ``, nil},
	"tick-off": {`{"activity_id":"` + activityA + `"}`, `{"activity_id":"` + activityA + `"}`, map[string][]string{
		`{}`: {"activity_id:required"}, `{"activity_id":"` + needA + `"}`: {"activity_id:typeid"},
	}},
	"raise-need": {`{"text":"water","owner_id":"` + cleo + `","kind":"complaint"}`, `{"text":"water","owner_id":"` + cleo + `","kind":"complaint"}`, map[string][]string{
		`{"text":" ","owner_id":"cleo","kind":"wish"}`: {"text:notblank", "owner_id:typeid", "kind:oneof"}, `{}`: {"text:required"},
	}},
	"solve-need": {`{"need_id":"` + needA + `","solution":"done"}`, `{"need_id":"` + needA + `","solution":"done"}`, map[string][]string{
		`{"need_id":"1"}`: {"need_id:typeid", "solution:required"},
	}},
	"complete": {``, ``, nil},
	"feedback": {`{"score":5,"comment":"周到","visitor":"张敏"}`, `{"score":5,"comment":"周到","visitor":"张敏"}`, map[string][]string{
		`{"score":0}`: {"score:min"}, `{"score":6}`: {"score:max"}, `{"visitor":"x"}`: {"comment:required"}, ``: {"comment:required"},
	}},
	"expense-claim": {
		`{"items":[{"item":"meals","amount":100,"receipt":"FP-1","note":"lunch"}],"currency":"CNY"}`,
		`{"items":[{"item":"meals","amount":100,"receipt":"FP-1","note":"lunch"}],"currency":"CNY"}`,
		map[string][]string{
			`{}`: {"items:required"}, `{"items":[]}`: {"items:min"},
			`{"items":[{"item":"bribes","amount":-1,"receipt":" "},{"item":"meals","amount":1,"receipt":"F"},{"item":"meals","amount":100000000000001,"receipt":"F","currency":"yuan"}]}`: {
				"items[0].item:oneof", "items[0].amount:min", "items[0].receipt:notblank", "items[2].receipt:receipt_claimed", "items[2].amount:max", "items[2].currency:currency",
			},
		},
	},
	"pay":          {`{"reference":"P-1","comment":"ok"}`, `{"reference":"P-1","comment":"ok"}`, map[string][]string{`{"reference":"` + endless + `"}`: {"reference:max"}}},
	"return-claim": {`{"reason":"no"}`, `{"reason":"no"}`, noReason},
	"close": {`{"summary":"good","shortcomings":"late bus"}`, `{"summary":"good","shortcomings":"late bus"}`, map[string][]string{
		`{}`: {"summary:required"}, `{"summary":"` + endless + `"}`: {"summary:max"},
	}},
	"cancel": {`{"reason":"off"}`, `{"reason":"off"}`, noReason},
}

func TestEveryActionOfReceptionsHasARoute(t *testing.T) {
	t.Parallel()
	tested := []models.ReceptionAction{models.ReceptionRevise}
	for action := range receptionActions {
		tested = append(tested, action)
	}
	require.ElementsMatch(t, models.ReceptionActions(), tested)
}

func TestReceptionActionsReachTheProcess(t *testing.T) {
	t.Parallel()
	for action, tc := range receptionActions {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			b := newReceptionBench(t)
			path := b.plan(nil)
			b.engine.deaf, b.engine.sent = true, nil
			b.act(ann, path, string(action), tc.body)
			require.Len(t, b.engine.sent, 1)
			s := b.engine.sent[0]
			require.Equal(t, strings.TrimPrefix(path, "/receptions/"), strings.TrimPrefix(s.workflowID, "reception/"))
			require.Equal(t, string(action), s.name)
			require.Equal(t, action, s.event.Action)
			require.Equal(t, string(action)+":"+s.event.Meta.RequestID, s.updateID)
			require.Equal(t, ann, s.event.Meta.Actor.ID)
			if tc.data == "" {
				require.Empty(t, s.event.Data)
			} else {
				require.JSONEq(t, tc.data, string(s.event.Data))
			}
			for body, want := range tc.bad {
				res := b.call(ann, "POST", path+"/"+string(action), body)
				if body == "" && res.StatusCode == http.StatusBadRequest {
					continue // without a body, where one is needed
				}
				require.ElementsMatch(t, want, faultsOf(t, res), body)
			}
			problem(t, b.call(ann, "POST", path+"/"+string(action), `{"surprise":1}`), http.StatusBadRequest, "malformed")
			require.Len(t, b.engine.sent, 1, "a bad command must not reach the process")
		})
	}
}

func TestReceptionThatIsNotTheCallersToKnowOfIsNotFound(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	b.store.hidden[strings.TrimPrefix(path, "/receptions/")] = true
	for _, at := range []string{path, "/receptions/" + receptionNone, "/receptions/x"} {
		for _, call := range [][3]string{
			{"POST", "/submit", ``},
			{"POST", "/cancel", `{}`},
			{"POST", "/revise", newPlan(nil)},
			{"POST", "/revise", newPlan(map[string]any{"client_id": nil})},
			{"GET", "", ""},
			{"GET", "/timeline", ""},
			{"GET", "/invitations/x.ics", ""},
		} {
			problem(t, b.call(eve, call[0], at+call[1], call[2]), http.StatusNotFound, "not_found")
		}
	}
	b.get(aud, path)
}

func TestRefusalsOfReceptionsReachTheCaller(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	p := problem(t, b.call(ann, "POST", path+"/start", ""), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "draft")
	require.Contains(t, p.Detail, "submit, revise", "the answer names what is allowed")
	p = problem(t, b.call(hal, "POST", path+"/submit", ""), http.StatusForbidden, "forbidden")
	require.Contains(t, p.Detail, "requester")
	b.change(path, func(r *models.ReceptionRow) { r.Plans.Current.Purpose = "" })
	require.Equal(t, []string{"purpose:required"}, faultsOf(t, b.call(ann, "POST", path+"/submit", "")))
	res := b.call(ann, "POST", path+"/start", "", "Accept-Language", "zh-CN")
	require.Regexp(t, `"detail":"[^"]*\p{Han}`, bodyText(t, res))

	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"unavailable":         {errs.New(errs.Unavailable, "unavailable.engine"), 503, "unavailable"},
		"pending":             {errs.New(errs.Pending, "pending"), 202, "pending"},
		"inner_errors":        {errors.New("dial tcp 10.0.0.1: password"), 500, "internal"},
		"between_two_runs":    {errs.New(errs.NotFound, "process_unknown"), 503, "unavailable"},
		"no_room_of_its_own":  {&errs.Error{Code: errs.Conflict, Key: "reception.not_ready", Args: errs.Args("level", "vip"), Fields: []errs.Field{{Field: "resources", Code: "dedicated_room"}}}, 409, "conflict"},
		"department_no_money": {models.Refusal([]errs.Field{{Field: "budget.gifts", Code: "budget_missing", Args: errs.Args("day", "2026-03-12")}}), 409, "budget_missing"},
	} {
		b.engine.err = tc.err
		res := b.call(ann, "POST", path+"/submit", "")
		text := bodyText(t, res)
		require.Equal(t, tc.status, res.StatusCode, "%s %s", name, text)
		require.Contains(t, text, `"code":"`+tc.code+`"`, name)
		require.NotContains(t, text, "password")
		if tc.status == 202 {
			require.Equal(t, "/api/v1"+path, res.Header.Get("Location"))
		}
	}
	b.engine.err = errs.New(errs.Pending, "pending")
	res = b.call(ann, "POST", "/receptions", newPlan(nil))
	require.True(t, strings.HasPrefix(res.Header.Get("Location"), "/api/v1/receptions/reception_"))
	b.engine.err = nil
	b.store.unreadable = errs.New(errs.Unavailable, "unavailable.database")
	problem(t, b.call(ann, "POST", path+"/cancel", `{"reason":"off"}`), http.StatusAccepted, "pending")
}

func TestActionOnAReceptionThatIsOverIsProcessClosed(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	b.change(path, func(r *models.ReceptionRow) { r.State.Status = models.ReceptionClosed })
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	require.Contains(t, problem(t, b.call(ann, "POST", path+"/submit", ""), http.StatusConflict, "process_closed").Detail, "RCP-20260306-0001")
}

func TestRepeatedActionThatHasEndedItsReceptionIsAnswered(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	cancel := func(key string) *http.Response {
		return b.call(ann, "POST", path+"/cancel", `{"reason":"x"}`, "Idempotency-Key", key)
	}
	b.engine.err = errs.New(errs.Pending, "pending")
	problem(t, cancel("k"), http.StatusAccepted, "pending")
	b.change(path, func(r *models.ReceptionRow) {
		r.State.Status, r.State.Handled = models.ReceptionCancelled, []string{b.engine.sent[len(b.engine.sent)-1].event.Meta.RequestID}
	})
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	require.Equal(t, "cancelled", object(t, cancel("k"), http.StatusOK)["state"])
	problem(t, cancel("another"), http.StatusConflict, "process_closed")
}

func TestBadValuesOfReceptionActionsAreTheCallersFault(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	bodies := map[models.ReceptionAction]string{models.ReceptionRevise: newPlan(nil)}
	for action, tc := range receptionActions {
		bodies[action] = tc.body
	}
	for action, body := range bodies {
		fields := map[string]json.RawMessage{}
		if body != "" {
			require.NoError(t, json.Unmarshal([]byte(body), &fields))
		}
		for field := range fields {
			for _, value := range []string{`null`, `0`, `""`, `"\u0000"`, `[]`, `{}`, `1e400`, `[null]`, `[{}]`, `[[]]`} {
				res := b.call(ann, "POST", path+"/"+string(action), fmt.Sprintf(`{%q:%s}`, field, value))
				require.Less(t, res.StatusCode, 500, "%s %s %s", action, field, value)
			}
		}
	}
}

func TestTasksOfReceptionsSayWhatSettlesThem(t *testing.T) {
	t.Parallel()
	for kind, tc := range map[string]struct {
		status models.ReceptionStatus
		item   string
		user   string
		title  string
		action string
	}{
		models.TaskReviseReception:  {models.ReceptionDraft, "", ann, "Revise RCP-1, it was returned: 参观", "submit"},
		models.TaskPrepareReception: {models.ReceptionApproved, "", cleo, "Prepare RCP-1: 参观", "prepare"},
		models.TaskPrepareItem:      {models.ReceptionPreparing, "gifts", cleo, "Prepare the gifts for RCP-1: 参观", "prepare"},
		models.TaskRunReception:     {models.ReceptionInProgress, "", hal, "Receive RCP-1: 参观", "complete"},
		models.TaskSolveNeed:        {models.ReceptionInProgress, needA, cleo, "See to a need raised at RCP-1: 参观", "solve-need"},
		models.TaskSettleReception:  {models.ReceptionCompleted, "", ann, "Settle RCP-1, claim and summary: 参观", "close"},
		models.TaskCheckClaim:       {models.ReceptionSettling, "claim_1", fin, "Check and pay the claim for RCP-1: 参观", "pay"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			state := models.ReceptionState{
				ID: receptionA, Number: "RCP-1", Status: tc.status, RequesterID: ann, Hosts: []string{hal}, ReceptionistID: cleo,
				Needs: []models.ReceptionNeed{{ID: needA, OwnerID: cleo}},
			}
			if kind == models.TaskCheckClaim {
				state.Claim = &models.ExpenseClaim{By: ann, State: models.ClaimInCheck}
			}
			b := newReceptionBench(t)
			b.inbox.tasks[taskA] = models.TaskRow{
				Task:    models.Task{ID: taskA, Kind: kind, UserID: tc.user, CreatedAt: friday(9, 0), Why: map[string]string{"rule": "x", "item": tc.item}, State: models.TaskOpen},
				Process: models.ReceptionProcess, SubjectID: receptionA, Number: "RCP-1", Subject: "参观", Reception: &state,
			}
			view := b.get(tc.user, "/tasks?process=reception")["items"].([]any)[0].(map[string]any)
			require.Equal(t, tc.title, view["title"])
			require.Contains(t, view["actions"], tc.action)
			require.Empty(t, b.get(eve, "/tasks")["items"].([]any)[0].(map[string]any)["actions"])
		})
	}
}
