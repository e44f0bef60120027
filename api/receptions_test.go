package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func TestReceptionFromRequestToClosed(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	rec := b.call(ann, "POST", "/receptions", newPlan(nil), "X-Request-ID", "trace-1")
	view := object(t, rec, http.StatusCreated)
	receptionID := view["id"].(string)
	path := "/receptions/" + receptionID
	require.True(t, id.Valid(id.Reception, receptionID))
	require.Equal(t, "/api/v1"+path, rec.Header.Get("Location"))
	require.Equal(t, "draft", view["state"])
	require.Nil(t, view["approval"])
	require.Equal(t, []any{"submit", "revise", "cancel"}, view["allowed_actions"])
	require.Equal(t, "2026-03-12T01:30:00.000Z", view["starts_at"])

	view = b.act(ann, path, "submit", "")
	require.Equal(t, "in_approval", view["state"])
	asked := view["approval"].(map[string]any)
	require.True(t, id.Valid(id.Approval, asked["id"].(string)))
	require.Equal(t, "open", asked["state"])
	require.Nil(t, asked["outcome"])
	require.Equal(t, "held", view["resources"].([]any)[0].(map[string]any)["state"])
	budget := []any{map[string]any{"item": "transport", "amount": 100_000.0}, map[string]any{"item": "meals", "amount": 200_000.0}}
	require.Equal(t, budget, view["budget"])
	require.ElementsMatch(t, budget, view["held"])

	b.decide(path, models.OutcomeApproved)
	view = b.get(ann, path)
	require.Equal(t, "approved", view["state"])
	require.Equal(t, "approved", view["approval"].(map[string]any)["outcome"])
	require.Equal(t, "booked", view["resources"].([]any)[0].(map[string]any)["state"])
	require.Len(t, view["invitations"], 2)

	view = b.act(cleo, path, "prepare", `{"items":["room","transport"]}`)
	require.Equal(t, "preparing", view["state"])
	require.Equal(t, cleo, view["receptionist_id"], "whoever of the desk begins")
	item := view["checklist"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"room", "the room", cleo}, []any{item["name"], item["title"], item["done_by"]})
	b.act(hal, path, "start", "")
	activity := view["activities"].([]any)[0].(map[string]any)
	require.Equal(t, "一号厂房", activity["place"])
	view = b.act(cleo, path, "tick-off", `{"activity_id":"`+activity["id"].(string)+`"}`)
	require.Equal(t, cleo, view["activities"].([]any)[0].(map[string]any)["done_by"])
	view = b.act(hal, path, "raise-need", `{"text":"需要一名翻译"}`)
	need := view["raised_needs"].([]any)[0].(map[string]any)
	require.Equal(t, "inquiry", need["kind"])
	view = b.act(cleo, path, "solve-need", `{"need_id":"`+need["id"].(string)+`","solution":"已安排"}`)
	require.Equal(t, "已安排", view["raised_needs"].([]any)[0].(map[string]any)["solution"])

	require.Equal(t, "completed", b.act(hal, path, "complete", "")["state"])
	view = b.act(cleo, path, "feedback", `{"score":4,"visitor":"张敏"}`)
	require.EqualValues(t, 4, view["score"])
	view = b.act(ann, path, "expense-claim", `{"items":[{"item":"meals","amount":180000,"receipt":"FP-1"}]}`)
	require.Equal(t, "settling", view["state"])
	require.Equal(t, "in_check", view["claims"].([]any)[0].(map[string]any)["state"])
	problem(t, b.call(ann, "POST", path+"/pay", ""), http.StatusForbidden, "forbidden")
	view = b.act(fin, path, "pay", `{"reference":"PAY-1"}`)
	require.Equal(t, []any{map[string]any{"item": "meals", "amount": 180_000.0}}, view["actual"])
	require.Empty(t, view["held"], "what is left is free again")
	view = b.act(ann, path, "close", `{"summary":"客户满意"}`)
	require.Equal(t, "closed", view["state"])
	require.NotNil(t, view["closed_at"])
	require.Equal(t, "客户满意", view["summary"].(map[string]any)["summary"])
	require.Empty(t, view["allowed_actions"])
	require.Equal(t, "process_closed", problem(t, b.call(ann, "POST", path+"/cancel", `{"reason":"x"}`), http.StatusConflict, "process_closed").Code)

	events := b.get(aud, path+"/timeline?limit=2")["items"].([]any)
	require.Equal(t, "recorded", events[0].(map[string]any)["type"])
	require.Len(t, events, 2)
}

func TestCreateReceptionStartsItsProcess(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	first := b.call(ann, "POST", "/receptions", newPlan(map[string]any{"departure_reason": "x"}), "Idempotency-Key", "k", "X-Request-ID", "trace-1")
	again := b.call(ann, "POST", "/receptions", newPlan(map[string]any{"departure_reason": "x"}), "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, first.StatusCode)
	require.Equal(t, bodyText(t, first), bodyText(t, again))
	require.Len(t, b.engine.sent, 1)
	s := b.engine.sent[0]
	require.Equal(t, "record", s.name)
	require.Equal(t, "record:"+s.event.Meta.RequestID, s.updateID)
	require.True(t, strings.HasPrefix(s.workflowID, "reception/reception_"))
	require.Equal(t, "trace-1", s.event.Meta.TraceID)
	var cmd models.PlanReception
	require.NoError(t, json.Unmarshal(s.event.Data, &cmd))
	require.Equal(t, "B", cmd.ClientClass)
	require.Equal(t, hal, cmd.AccountManagerID)
	require.Empty(t, cmd.ID, "the number and the id are the process's to give")
	require.Equal(t, models.Visitor{Name: "张敏", Organisation: "北方制造", Identity: "manager"}, cmd.Plan.Visitors[0])
	require.Equal(t, models.PlannedAmount{Item: models.CostMeals, Amount: 200_000}, cmd.Plan.Budget[0])
	require.Equal(t, "x", cmd.Plan.DepartureReason)
}

// badPlans are plans with the faults that they have, each with its place.
var badPlans = map[string]struct {
	change map[string]any
	want   []string
}{
	"nothing": {
		map[string]any{"client_id": nil, "kind": nil}, []string{"client_id:required", "kind:required"},
	},
	"all_faults_at_once": {
		map[string]any{
			"client_id": unknownFirm, "kind": "party", "level": "huge", "purpose": strings.Repeat("长", 2001), "ends_at": "2026-03-12T01:00:00Z",
			"hosts": []any{nobody, gone, hal, hal, "hal"}, "receptionist_id": ann,
			"visitors":   []any{map[string]any{"identity": "king"}},
			"activities": []any{map[string]any{"kind": "tour", "starts_at": "2026-03-12T03:00:00Z", "ends_at": "2026-03-12T02:00:00Z"}},
			"resources":  []any{map[string]any{"resource_id": id.Derive(id.Resource, "t", "none")}, map[string]any{"resource_id": hallID, "quantity": 2}},
			"currency":   "USD",
			"budget":     []any{map[string]any{"item": "bribes", "amount": -1}, map[string]any{"item": "meals", "amount": 1, "currency": "EUR"}},
		},
		[]string{
			"client_id:unknown", "kind:oneof", "level:oneof", "purpose:max", "ends_at:after", "hosts[0]:unknown", "hosts[1]:inactive", "hosts[3]:unique",
			"hosts[4]:typeid", "receptionist_id:no_receptionist", "visitors[0].name:required", "visitors[0].identity:oneof", "activities[0].ends_at:after",
			"resources[0].resource_id:unknown", "resources[1].quantity:max", "currency:oneof", "budget[0].item:oneof", "budget[0].amount:not_negative",
			"budget[1].currency:other_currency",
		},
	},
	"activities_overlap_or_lie_outside": {
		map[string]any{"activities": []any{
			map[string]any{"kind": "tour", "starts_at": "2026-03-12T02:00:00Z", "ends_at": "2026-03-12T03:00:00Z"},
			map[string]any{"kind": "lunch", "starts_at": "2026-03-12T02:30:00Z", "ends_at": "2026-03-12T04:00:00Z"},
			map[string]any{"kind": "dinner", "starts_at": "2026-03-12T07:30:00Z", "ends_at": "2026-03-12T09:00:00Z"},
		}},
		[]string{"activities[1]:overlap", "activities[2]:within_visit"},
	},
	"one_room_twice": {
		map[string]any{"resources": []any{map[string]any{"resource_id": hallID}, map[string]any{"resource_id": hallID, "starts_at": "2026-03-12T07:00:00Z"}}},
		[]string{"resources[1]:overlap"},
	},
	"no_such_time": {
		map[string]any{"starts_at": "0000-01-01T00:00:00+08:00", "ends_at": "9999-12-31T23:59:59-08:00", "activities": nil, "resources": nil},
		[]string{"starts_at:between", "ends_at:between"},
	},
}

func TestPlanIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	for name, tc := range badPlans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newReceptionBench(t)
			path := b.plan(nil)
			for _, at := range []string{"/receptions", "/receptions/preview", path + "/revise"} {
				require.ElementsMatch(t, tc.want, faultsOf(t, b.call(ann, "POST", at, newPlan(tc.change))), at)
			}
			require.Equal(t, 0, strings.Count(b.log.String(), `"level":"ERROR"`))
		})
	}
}

func TestPlanIsMalformed(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	for _, body := range []string{"", "[]", newPlan(map[string]any{"state": "approved"}), newPlan(map[string]any{"hosts": hal}), newPlan(map[string]any{"starts_at": "tomorrow"}), newPlan(map[string]any{"budget": []any{map[string]any{"amount": 1.5}}})} {
		problem(t, b.call(ann, "POST", "/receptions", body), http.StatusBadRequest, "malformed")
	}
	problem(t, b.call(aud, "POST", "/receptions", newPlan(nil)), http.StatusForbidden, "forbidden")
	require.Empty(t, b.engine.sent)
}

func TestHostWhoIsAwayIsRefused(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	b.store.away = map[string][]models.Slot{hal: {{From: friday(0, 0), Until: friday(0, 0).AddDate(0, 0, 10)}}}
	require.Equal(t, []string{"hosts[0]:away"}, faultsOf(t, b.call(ann, "POST", "/receptions", newPlan(nil))))
}

func TestPreviewShowsWhoApprovesAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	v := object(t, b.call(ann, "POST", "/receptions/preview", newPlan(map[string]any{"level": "vip", "visitors": []any{map[string]any{"name": "李强", "identity": "official"}}, "purpose": nil})), http.StatusOK)
	require.Equal(t, "vip", v["standard"])
	require.Equal(t, []any{map[string]any{"field": "resources", "rule": "room_class", "standard": "executive", "planned": ""}}, v["departures"])
	missing := v["missing"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"purpose", "required"}, []any{missing["field"], missing["code"]})
	approval := v["approval"].(map[string]any)
	require.Equal(t, ann, approval["requester_id"])
	step := approval["steps"].([]any)[0].(map[string]any)
	require.Equal(t, "dept_head", step["id"])
	require.Equal(t, "head of department", step["title"])
	require.Equal(t, ben, step["people"].([]any)[0].(map[string]any)["user_id"])
	require.Empty(t, b.engine.sent, "a preview begins nothing")
}

func TestReceptionsAreFiltered(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	list := b.get(ann, "/receptions?state=in_approval&kind=company_visit&level=vip&client_id="+acme+"&requester_id="+ann+"&team_id="+hotline+
		"&host_id="+hal+"&starts_after=2026-03-06T12:00:00%2B08:00&starts_before=2026-03-07T00:00:00Z&limit=10")
	from, until := friday(4, 0), friday(24, 0)
	require.Equal(t, models.ReceptionFilter{
		Status: models.ReceptionInApproval, Kind: "company_visit", Level: "vip", ClientID: acme, RequesterID: ann, TeamID: hotline, HostID: hal,
		StartsFrom: &from, StartsUntil: &until,
	}, b.store.filter)
	require.Equal(t, "more", list["next_cursor"])
	listed, full := list["items"].([]any)[0].(map[string]any), b.get(ann, path)
	for name, v := range listed {
		require.Equal(t, full[name], v, "the list shows the same object: %s", name)
	}
	require.NotContains(t, listed, "claims")
	for query, status := range map[string]int{
		"?state=new": 422, "?kind=party": 422, "?level=P9": 422, "?host_id=hal": 422, "?client_id=" + ann: 422, "?limit=0": 422, "?team_id=x": 422,
		"?starts_after=soon": 400, "?colour=red": 400, "?starts_before=" + beyond: 422,
	} {
		require.Equal(t, status, b.call(ann, "GET", "/receptions"+query, "").StatusCode, query)
	}
}

func TestViewShowsWhatChangedSinceTheApproval(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	b.act(ann, path, "submit", "")
	b.decide(path, models.OutcomeReturned)
	view := b.get(ann, path)
	require.Equal(t, "draft", view["state"])
	require.Equal(t, "returned", view["approval"].(map[string]any)["state"])
	require.Empty(t, view["changes"])

	view = b.act(ann, path, "revise", newPlan(map[string]any{"purpose": "签约"}))
	require.Equal(t, []any{map[string]any{"field": "purpose", "before": "参观新产线", "after": "签约"}}, view["changes"])
	b.act(ann, path, "submit", "")
	b.decide(path, models.OutcomeApproved)

	// Four times the money is a change that is decided anew: approvers see it against what was approved.
	view = b.act(ann, path, "revise", newPlan(map[string]any{
		"purpose": "签约", "budget": []any{map[string]any{"item": "meals", "amount": 250_000}, map[string]any{"item": "transport", "amount": 900_000}},
	}))
	require.Equal(t, "in_approval", view["state"])
	require.Equal(t, "change", view["approval"].(map[string]any)["purpose"])
	require.Len(t, view["approvals"], 2)
	require.Equal(t, []any{
		map[string]any{"field": "budget.transport", "before": "100000", "after": "900000"}, map[string]any{"field": "budget.meals", "before": "200000", "after": "250000"},
	}, view["changes"])
}

func TestSplitOrdersAreShownToThoseWhoDecide(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	day := time.Date(2026, 3, 11, 2, 0, 0, 0, time.UTC)
	b.store.others = []models.OtherReception{{ID: "reception_2", Number: "RCP-2", Hosts: []string{hal}, StartsAt: day, Total: 300_000, Currency: "CNY"}}
	require.Nil(t, b.get(aud, path)["split_orders"], "nothing is asked for yet")
	b.act(ann, path, "submit", "")
	warning := map[string]any{"shared": "host", "value": hal, "numbers": []any{"RCP-2"}, "total": 600_000.0, "limit": 500_000.0}
	for user, want := range map[string]any{ben: []any{warning}, aud: []any{warning}, ann: nil, eve: nil} {
		require.Equal(t, want, b.get(user, path)["split_orders"], user)
	}
	b.store.others[0].StartsAt = day.AddDate(0, 0, 30)
	require.Equal(t, []any{}, b.get(ben, path)["split_orders"])
}

func TestInvitationIsAnEntryForADiary(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	b.act(ann, path, "submit", "")
	b.decide(path, models.OutcomeApproved)
	for _, item := range b.get(ann, path)["invitations"].([]any) {
		i := item.(map[string]any)
		res := b.call(hal, "GET", path+"/invitations/"+i["uid"].(string)+".ics", "")
		text := bodyText(t, res)
		require.Equal(t, http.StatusOK, res.StatusCode, text)
		require.Equal(t, "text/calendar; charset=utf-8", res.Header.Get("Content-Type"))
		require.Contains(t, res.Header.Get("Content-Disposition"), i["uid"].(string)+".ics")
		text = strings.ReplaceAll(text, "\r\n ", "")
		for _, part := range []string{"METHOD:REQUEST", "SUMMARY:RCP-20260306-0001: 参观新产线", "DTSTART:20260312T013000Z", "mailto:" + ann[5:] + "@ours.example", "mailto:" + i["user_id"].(string)[5:] + "@ours.example"} {
			require.Contains(t, text, part)
		}
	}
	for _, file := range []string{"x.ics", b.store.invitations[0].UID, ".ics"} {
		problem(t, b.call(hal, "GET", path+"/invitations/"+file, ""), http.StatusNotFound, "not_found")
	}
	b.store.invitations[0].Cancelled = true
	require.Contains(t, bodyText(t, b.call(hal, "GET", path+"/invitations/"+b.store.invitations[0].UID+".ics", "")), "METHOD:CANCEL")
}

func TestRefusalOfResourcesAndMoneyCarriesItsFacts(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	slot := models.Slot{From: friday(1, 0), Until: friday(3, 0)}
	taken := models.Taken(b.resources.byID[hallID], slot, 0, []models.Slot{
		{From: friday(3, 0), Until: friday(5, 0)}, {From: friday(5, 0), Until: friday(7, 0)}, {From: friday(7, 0), Until: friday(9, 0)},
	})
	taken.Field = "resources[0]"
	left := errs.Field{Field: "budget.meals", Code: "budget_exceeded", Args: errs.Args("asked_text", "2000.00 CNY", "left_text", "3.00 CNY", "left", "300", "asked", "200000", "currency", "CNY")}

	b.engine.err = models.Refusal([]errs.Field{taken, left})
	p := problem(t, b.call(ann, "POST", path+"/submit", ""), http.StatusConflict, "resource_taken")
	require.Equal(t, []string{"resources[0]:resource_taken", "budget.meals:budget_exceeded"}, p.faults())
	require.Len(t, strings.Split(p.Errors[0].Args["free"], ", "), 3, "the three nearest free times")
	require.Equal(t, "2026-03-06T01:00:00.000Z/2026-03-06T03:00:00.000Z", p.Errors[0].Args["taken"])
	require.Equal(t, "300", p.Errors[1].Args["left"])

	b.engine.err = models.Refusal([]errs.Field{left})
	require.Contains(t, problem(t, b.call(ann, "POST", path+"/submit", ""), http.StatusConflict, "budget_exceeded").Detail, "3.00 CNY")
}

func TestReceptionPolicyNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	text := bodyText(t, b.call(ann, "GET", "/policies/reception", "", "Accept", "application/yaml"))
	object(t, b.do("boss", "POST", "/api/v1/policies/reception/versions?dry_run=true", text, "Content-Type", "application/yaml"), http.StatusOK)
	text = strings.NewReplacer("calendar: cn", "calendar: mars", "chain: reception", "chain: nowhere").Replace(text)
	p := problem(t, b.do("boss", "POST", "/api/v1/policies/reception/versions", text, "Content-Type", "application/yaml"), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"calendar:unknown_calendar", "approval.chain:no_chain"}, p.faults())
	require.Contains(t, p.Errors[1].Message, "nowhere")
}
