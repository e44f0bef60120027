package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// drafted makes a plan of amy's and answers it with its path.
func (b *relationshipBench) drafted(change map[string]any) (map[string]any, string) {
	b.t.Helper()
	view := object(b.t, b.call(amy, "POST", firm+"/plans", newClientPlan(change)), http.StatusCreated)
	return view, "/plans/" + view["id"].(string)
}

func TestPlanFromDraftToItsSummary(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	res := b.call(amy, "POST", firm+"/plans", newClientPlan(nil))
	view := object(t, res, http.StatusCreated)
	require.True(t, id.Valid(id.Plan, view["id"].(string)))
	path := "/plans/" + view["id"].(string)
	require.Equal(t, "/api/v1"+path, res.Header.Get("Location"))
	require.Equal(t, []any{"draft", "2026-04-01", "2027-03-31", amy}, []any{view["state"], view["from"], view["until"], view["owner_id"]})
	require.Equal(t, []any{"2026-03-31T16:00:00.000Z", "2027-03-31T16:00:00.000Z"}, []any{view["starts_at"], view["ends_at"]}, "days of the calendar's zone")
	require.Equal(t, []any{"revise", "submit", "withdraw"}, view["allowed_actions"])
	activities := view["activities"].([]any)
	require.Equal(t, []any{amy, hal}, []any{field(activities[0], "owner_id"), field(activities[1], "owner_id")})
	require.Equal(t, 2.0, field(view, "progress", "planned"))
	require.Equal(t, []any{amy}, field(view["decision_chain"].([]any)[0], "known_by_ids"))
	require.Equal(t, view, b.get(amy, path))
	require.Equal(t, view, b.get(amy, firm+"/plans")["items"].([]any)[0])
	require.Equal(t, view, field(b.get(amy, firm+"/relationship"), "plan"))

	first := activities[0].(map[string]any)
	view = b.post(amy, path+"/revise", newClientPlan(map[string]any{"goals": []any{"a", "b"}, "activities": []any{
		map[string]any{"id": first["id"], "kind": "visit", "title": "每月拜访", "due_at": "2026-05-31T09:00:00Z"},
	}}))
	require.EqualValues(t, 2, view["version"])
	require.Equal(t, first["id"], field(view["activities"].([]any)[0], "id"))
	view = b.post(amy, path+"/submit", "")
	require.Equal(t, []any{"in_approval", []any{"withdraw"}}, []any{view["state"], view["allowed_actions"]})
	b.refused(amy, path+"/revise", newClientPlan(nil), http.StatusConflict, "conflict")
	b.decide(view["approval_id"], models.OutcomeApproved)
	view = b.get(amy, path)
	require.Equal(t, []any{"approved", []any{"complete-activity", "drop-activity"}}, []any{view["state"], view["allowed_actions"]}, "it has not begun")
	require.Equal(t, "planned", b.get(amy, firm+"/relationship")["stage"])
	b.refused(amy, path+"/close", `{"summary":"x"}`, http.StatusConflict, "conflict")

	activity := `{"activity_id":"` + first["id"].(string) + `"`
	require.Equal(t, []string{"activity_id:required"}, b.refused(amy, path+"/complete-activity", "{}", 422, "invalid").faults())
	require.Equal(t, []string{"reason:required"}, b.refused(amy, path+"/drop-activity", activity+"}", 422, "invalid").faults())
	b.refused(amy, path+"/complete-activity", `{"activity_id":"activity_x"}`, http.StatusNotFound, "not_found")
	view = b.post(amy, path+"/complete-activity", activity+`,"note":"谈妥"}`)
	done := view["activities"].([]any)[0]
	require.Equal(t, []any{"done", amy, "谈妥", false}, []any{field(done, "state"), field(done, "ended_by"), field(done, "note"), field(done, "late")})
	require.Equal(t, 1.0, field(view, "progress", "done"))
	b.refused(amy, path+"/drop-activity", activity+`,"reason":"x"}`, http.StatusConflict, "conflict")

	b.engine.now = friday(3, 0).AddDate(0, 2, 0)
	require.Equal(t, []any{"close"}, b.get(amy, path)["allowed_actions"])
	require.Equal(t, []string{"summary:required"}, b.refused(amy, path+"/close", "{}", 422, "invalid").faults())
	view = b.post(amy, path+"/close", `{"summary":"目标达成"}`)
	require.Equal(t, []any{"closed", "目标达成", []any{}}, []any{view["state"], view["summary"], view["allowed_actions"]})
	require.Equal(t, "2026-05-06T16:00:00.000Z", view["ends_at"], "the period ends with the day of its closing")
	require.Equal(t, view["updated_at"], view["closed_at"])
	require.Contains(t, b.refused(amy, path+"/submit", "", http.StatusConflict, "conflict").Detail, "closed")
}

func TestPlanIsForWhoLooksAfterTheClient(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	b.refused(eve, firm+"/plans", newClientPlan(nil), http.StatusForbidden, "forbidden")
	problem(t, b.call(eve, "GET", firm+"/plans", ""), http.StatusNotFound, "not_found")
	_, path := b.drafted(nil)
	problem(t, b.call(eve, "GET", path, ""), http.StatusNotFound, "not_found")
	for _, verb := range []string{"submit", "withdraw", "complete-activity", "drop-activity", "close", "revise"} {
		b.refused(eve, path+"/"+verb, "", http.StatusNotFound, "not_found")
		b.refused(amy, "/plans/"+planNone[5:]+"/"+verb, "", http.StatusNotFound, "not_found")
	}
	require.Empty(t, b.get(ben, path)["allowed_actions"], "who holds a post may see it")
	b.refused(ben, path+"/submit", "", http.StatusForbidden, "forbidden")
	b.get(aud, path)

	b.post(mia, path+"/submit", "")
	b.decide(b.get(mia, path)["approval_id"], models.OutcomeApproved)
	require.Equal(t, []any{"complete-activity", "drop-activity"}, b.get(hal, path)["allowed_actions"], "an activity is theirs")
	theirs := field(b.get(hal, path)["activities"].([]any)[1], "id").(string)
	others := field(b.get(hal, path)["activities"].([]any)[0], "id").(string)
	b.refused(hal, path+"/complete-activity", `{"activity_id":"`+others+`"}`, http.StatusForbidden, "forbidden")
	view := b.post(hal, path+"/drop-activity", `{"activity_id":"`+theirs+`","reason":"no time"}`)
	require.Equal(t, "dropped", field(view["activities"].([]any)[1], "state"), "answered though they have no part in it any more")
}

// TestPlanCommandIsRepeated: what was carried out, and answered with pending only, is answered under the same key, even if it
// has ended the plan, or the caller's part in it.
func TestPlanCommandIsRepeated(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	lost := func(user, path, body string) map[string]any {
		t.Helper()
		b.engine.late = errs.New(errs.Pending, "pending")
		problem(t, b.call(user, "POST", path, body, "Idempotency-Key", path), http.StatusAccepted, "pending")
		b.engine.late = nil
		events := len(b.store.events)
		view := object(t, b.call(user, "POST", path, body, "Idempotency-Key", path), http.StatusOK)
		require.Len(t, b.store.events, events, "it is applied once")
		return view
	}
	view, path := b.drafted(nil)
	had := field(view["activities"].([]any)[0], "id").(string)
	kept := newClientPlan(map[string]any{"activities": []any{map[string]any{"id": had, "kind": "visit", "title": "拜访", "due_at": "2026-05-06T02:00:00Z"}}})
	b.engine.late = errs.New(errs.Pending, "pending")
	problem(t, b.call(amy, "POST", path+"/revise", kept, "Idempotency-Key", "kept"), http.StatusAccepted, "pending")
	b.engine.late = nil
	b.post(mia, path+"/revise", newClientPlan(map[string]any{"activities": []any{}}))
	view = object(t, b.call(amy, "POST", path+"/revise", kept, "Idempotency-Key", "kept"), http.StatusOK)
	require.Empty(t, view["activities"], "what it had asked for was done, and somebody has revised the plan since")
	require.Equal(t, "withdrawn", lost(amy, path+"/withdraw", `{"reason":"too early"}`)["state"])
	require.Contains(t, b.refused(amy, path+"/withdraw", `{"reason":"too early"}`, http.StatusConflict, "conflict").Detail, "withdrawn")

	_, path = b.drafted(nil)
	b.post(amy, path+"/submit", "")
	b.decide(b.get(amy, path)["approval_id"], models.OutcomeApproved)
	theirs := field(b.get(hal, path)["activities"].([]any)[1], "id").(string)
	view = lost(hal, path+"/complete-activity", `{"activity_id":"`+theirs+`"}`)
	require.Equal(t, "done", field(view["activities"].([]any)[1], "state"))
	problem(t, b.call(hal, "GET", path, ""), http.StatusNotFound, "not_found")

	b.engine.now = friday(3, 0).AddDate(0, 2, 0)
	view = lost(amy, path+"/close", `{"summary":"目标达成"}`)
	require.Equal(t, []any{"closed", "目标达成"}, []any{view["state"], view["summary"]})
	require.Contains(t, b.refused(amy, path+"/close", `{"summary":"x"}`, http.StatusConflict, "conflict").Detail, "closed")
}

func TestPlanNeedsAClassAndAPeriodOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.refused(amy, firm+"/plans", newClientPlan(nil), http.StatusConflict, "conflict")
	b.classified("A")
	_, path := b.drafted(nil)
	p := b.refused(amy, firm+"/plans", newClientPlan(map[string]any{"from": "2027-03-31", "until": "2027-12-31", "activities": nil}), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "2026-04-01")
	require.Contains(t, p.Detail, "2027-03-31")
	b.drafted(map[string]any{"from": "2027-04-01", "until": "2027-12-31", "activities": nil, "goals": nil})
	view := b.post(amy, path+"/withdraw", `{"reason":"too early"}`)
	require.Equal(t, []any{"withdrawn", []any{}}, []any{view["state"], view["allowed_actions"]})
	_, again := b.drafted(nil)
	require.NotEqual(t, path, again)
	require.Len(t, b.get(amy, firm+"/plans")["items"], 3)
	b.refused(amy, "/clients/"+unknownFirm+"/plans", newClientPlan(nil), http.StatusNotFound, "not_found")
}

func TestClientPlanIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	_, path := b.drafted(map[string]any{"from": "2028-01-01", "until": "2028-12-31", "activities": nil})
	stranger := id.Derive(id.Contact, "t", "stranger")
	b.contacts.put(stranger, models.Contact{ID: stranger, ClientID: unknownFirm, Name: "x"})
	for name, tc := range map[string]struct {
		change map[string]any
		want   []string
	}{
		"no_period":             {map[string]any{"from": nil, "until": "31.12.2026", "activities": nil}, []string{"from:date", "until:date"}},
		"ends_before_it_begins": {map[string]any{"from": "2027-01-01", "until": "2026-01-01", "activities": nil}, []string{"until:not_before"}},
		"too_long":              {map[string]any{"until": "2028-03-31"}, []string{"until:too_long"}},
		"no_such_time":          {map[string]any{"from": "1900-01-01", "until": "1900-12-31", "activities": nil}, []string{"from:between", "until:between"}},
		"everything": {map[string]any{
			"goals": []any{" ", strings.Repeat("长", 2001)},
			"decision_chain": []any{
				map[string]any{"contact_id": contactA, "role": "king", "influence": 11, "attitude": "angry", "strength": -1, "known_by_ids": []any{nobody, "hal"}},
				map[string]any{"contact_id": contactA},
				map[string]any{"contact_id": stranger},
				map[string]any{},
				map[string]any{"contact_id": "x"},
			},
			"activities": []any{
				map[string]any{"id": "activity_x", "kind": "party", "title": " ", "owner_id": gone, "due_at": "2026-03-31T15:59:59Z"},
				map[string]any{"kind": "visit", "title": strings.Repeat("长", 201), "owner_id": nobody},
			},
			"budget":   []any{map[string]any{"period": "2026-13", "item": "", "amount": -1}},
			"currency": "yuan",
		}, []string{
			"goals[0]:notblank", "goals[1]:max", "decision_chain[0].role:oneof", "decision_chain[0].influence:between", "decision_chain[0].attitude:oneof",
			"decision_chain[0].strength:between", "decision_chain[0].known_by_ids[0]:unknown", "decision_chain[0].known_by_ids[1]:typeid",
			"decision_chain[1].contact_id:duplicate", "decision_chain[2].contact_id:unknown", "decision_chain[3].contact_id:required",
			"decision_chain[4].contact_id:typeid", "activities[0].id:unknown", "activities[0].kind:oneof", "activities[0].title:notblank",
			"activities[0].owner_id:inactive", "activities[0].due_at:within_period", "activities[1].title:max", "activities[1].owner_id:unknown",
			"activities[1].due_at:required", "budget[0].period:budget_period", "budget[0].item:notblank", "budget[0].amount:between", "currency:currency",
		}},
		"too_much": {map[string]any{"activities": make([]any, models.MaxPlanActivities+1)}, nil},
	} {
		for _, at := range []string{firm + "/plans", path + "/revise"} {
			p := b.refused(amy, at, newClientPlan(tc.change), 422, "invalid")
			if tc.want == nil {
				require.Contains(t, p.faults(), "activities:max", name)
				continue
			}
			require.ElementsMatch(t, tc.want, p.faults(), name)
		}
	}
	require.Len(t, b.store.planned, 1, "a refused plan leaves nothing")
	for _, body := range []string{"[]", newClientPlan(map[string]any{"state": "approved"}), newClientPlan(map[string]any{"goals": "x"})} {
		problem(t, b.call(amy, "POST", firm+"/plans", body), http.StatusBadRequest, "malformed")
	}
	b.refused(amy, firm+"/plans", "", http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"goals:required"}, b.refused(amy, b.noGoals()+"/submit", "", 422, "invalid").faults())
}

// noGoals drafts a plan without any.
func (b *relationshipBench) noGoals() string {
	_, path := b.drafted(map[string]any{"goals": nil})
	return path
}
