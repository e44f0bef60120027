package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
)

func TestPreviewSaysWhoWouldBeAskedAndWhy(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	v := object(t, b.call(ann, "POST", "/approvals/preview", `{"chain":"reception","facts":{"reception.level":"vip","reception.budget_total":101}}`), http.StatusOK)
	person := func(user string) any {
		return map[string]any{"user_id": user, "spared": false, "why": map[string]any{
			"rule": "user", "args": map[string]any{}, "org": []any{}, "at": "2026-03-06T11:00:00.000Z",
		}}
	}
	require.Equal(t, map[string]any{
		"chain": "reception", "policy_version": 1., "requester_id": ann, "steps": []any{
			map[string]any{
				"id": "first", "name": "first", "title": "first", "mode": "any", "nobody": nil, "people": []any{person(ben)},
				"due": map[string]any{"after": "PT4H", "clock": "elapsed"},
				"why": map[string]any{"branch": 0., "when": `reception.level == "vip"`, "step_when": nil, "facts": map[string]any{"reception.level": "vip"}},
			},
			map[string]any{
				"id": "second", "name": "second", "title": "second", "mode": "all", "due": nil, "nobody": nil, "people": []any{person(sup), person(dan)},
				"why": map[string]any{
					"branch": 0., "when": `reception.level == "vip"`, "step_when": "reception.budget_total > 100",
					"facts": map[string]any{"reception.level": "vip", "reception.budget_total": "101"},
				},
			},
		},
	}, v)
	require.Empty(t, b.engine.sent, "nothing is begun")
	v = object(t, b.call(ann, "POST", "/approvals/preview", `{"chain":"reception","choices":{"third":["`+eve+`"]}}`), http.StatusOK)
	require.Equal(t, eve, v["steps"].([]any)[1].(map[string]any)["people"].([]any)[0].(map[string]any)["user_id"])
	v = object(t, b.call(ben, "POST", "/approvals/preview", `{"chain":"reception","facts":{"reception.level":"vip"}}`), http.StatusOK)
	require.Equal(t, "to_admin", v["steps"].([]any)[0].(map[string]any)["nobody"], "ben cannot approve his own")
}

func TestPreviewOfSomebodyElsesRequestNeedsAPermission(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	body := `{"chain":"reception","facts":{"reception.level":"vip"},"requester_id":"` + ann + `"}`
	require.Equal(t, http.StatusOK, b.call(ann, "POST", "/approvals/preview", body).StatusCode)
	problem(t, b.call(eve, "POST", "/approvals/preview", body), http.StatusForbidden, "forbidden")
	require.Equal(t, ann, object(t, b.call(dan, "POST", "/approvals/preview", body), http.StatusOK)["requester_id"])
	p := problem(t, b.call(dan, "POST", "/approvals/preview", `{"chain":"reception","requester_id":"`+nobody+`","choices":{"third":["`+eve+`"]}}`), 422, "invalid")
	require.Equal(t, []string{"requester_id:inactive"}, p.faults())
}

func TestPreviewShowsWhoIsAskedWhereTheRequesterCannotNameAnybody(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	v := object(t, b.call(ann, "POST", "/approvals/preview", `{"chain":"reception"}`), http.StatusOK)
	third := v["steps"].([]any)[1].(map[string]any)
	require.Equal(t, []any{"third", "to_admin"}, []any{third["id"], third["nobody"]})
}

func TestPreviewRefusesWhatARequestCouldNotBe(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	for body, want := range map[string][]string{
		`{}`:                  {"chain:required"},
		`{"chain":"holiday"}`: {"chain:unknown_chain"},
		`{"chain":"reception","facts":{"reception.level":"huge","colour":"red","reception.budget_total":true,"client.class":["S"],"reception.visitors":-1}}`: {
			"facts.colour:unknown_fact", "facts.reception.level:oneof", "facts.reception.budget_total:unknown_fact", "facts.client.class:unknown_fact",
			"facts.reception.visitors:min",
		},
		`{"chain":"reception","choices":{"third":["eve"]},"requester_id":"eve"}`: {"choices[third][0]:typeid", "requester_id:typeid"},
		`{"chain":"reception","choices":{"third":["` + ann + `"]}}`:              {"choices.third[0]:has_a_stake"},
	} {
		user := ann
		if want[len(want)-1] == "requester_id:typeid" {
			user = dan
		}
		require.ElementsMatch(t, want, faultsOf(t, b.call(user, "POST", "/approvals/preview", body)), body)
	}
	for _, fact := range []string{`null`, `1.5`, `{}`, `[1]`, `1e400`} {
		body := `{"chain":"reception","facts":{"reception.level":` + fact + `}}`
		problem(t, b.call(ann, "POST", "/approvals/preview", body), http.StatusBadRequest, "malformed")
	}
	b.world.broken = errs.New(errs.Unavailable, "unavailable.database")
	problem(t, b.call(ann, "POST", "/approvals/preview", `{"chain":"reception"}`), http.StatusServiceUnavailable, "unavailable")
}
