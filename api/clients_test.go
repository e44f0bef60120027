package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func addFirm(t testing.TB, w *world, body string) (map[string]any, string) {
	t.Helper()
	v := object(t, w.do("boss", "POST", "/api/v1/clients", body), 201)
	return v, "/api/v1/clients/" + v["id"].(string)
}

func TestClientSalesAreMoneyOfTwelveMonths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, path := addFirm(t, w, `{"name":"北方公司","sales_12m":1250000000,"currency":"CNY"}`)
	require.InDelta(t, 1250000000, v["sales_12m"], 0)
	require.Equal(t, "CNY", v["currency"])
	v = object(t, w.do("boss", "PATCH", path, `{"sales_12m":0}`), 200)
	require.InDelta(t, 0, v["sales_12m"], 0)
	require.Nil(t, object(t, w.do("boss", "PATCH", path, `{"sales_12m":null}`), 200)["sales_12m"], "not known any more")
	for body, fault := range map[string]string{
		`{"name":"x","sales_12m":5}`:                                     "currency:required",
		`{"name":"x","sales_12m":-1,"currency":"CNY"}`:                   "sales_12m:min",
		`{"name":"x","sales_12m":100000000000001,"currency":"CNY"}`:      "sales_12m:max",
		`{"name":"x","sales_12m":5,"currency":"yuan"}`:                   "currency:currency",
		`{"name":"x","status":"merged"}`:                                 "status:oneof",
		`{"name":"x","account_manager_id":"` + goneID + `","class":"B"}`: "account_manager_id:inactive",
	} {
		require.Equal(t, []string{fault}, problem(t, w.do("boss", "POST", "/api/v1/clients", body), 422, "invalid").faults(), body)
	}
	problem(t, w.do("boss", "POST", "/api/v1/clients", `{"name":"x","sales_12m":1.5,"currency":"CNY"}`), 400, "malformed")
	_, bare := addFirm(t, w, `{"name":"裸"}`)
	require.Equal(t, []string{"currency:required"}, problem(t, w.do("boss", "PATCH", bare, `{"sales_12m":5}`), 422, "invalid").faults())
}

func TestContactsCarryTheDecisionChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := "/api/v1/clients/" + firmID + "/contacts"
	res := w.do("boss", "POST", base, `{"name":"王芳","role":"decision_maker","influence":0,"attitude":"sceptical","relation_strength":5,
		"known_by_ids":["`+agentID+`"],"preferences":"short letters","worries":"delivery"}`)
	v := object(t, res, 201)
	require.Equal(t, `"1"`, res.Header.Get("ETag"))
	path := base + "/" + v["id"].(string)
	require.Equal(t, path, res.Header.Get("Location"))
	require.Equal(t, "decision_maker", v["role"])
	require.InDelta(t, 0, v["influence"], 0, "none is not unknown")
	require.Equal(t, []any{agentID}, v["known_by_ids"])
	require.Equal(t, false, v["left"])
	require.Equal(t, v, object(t, w.do("agent", "GET", path, ""), 200))

	v = object(t, w.do("boss", "PATCH", path, `{"attitude":"champion","influence":null,"known_by_ids":[],"phone":"021 5555 0101","left":true}`, "If-Match", `"1"`), 200)
	require.Equal(t, "champion", v["attitude"])
	require.Nil(t, v["influence"])
	require.Equal(t, []any{}, v["known_by_ids"])
	require.Equal(t, true, v["left"])
	require.Equal(t, "delivery", v["worries"], "what is not named stays")
	v = object(t, w.do("boss", "PATCH", path, `{"role":null,"phone":null}`), 200)
	require.Nil(t, v["role"])
	require.Equal(t, "", v["phone"])
	problem(t, w.do("boss", "PATCH", path, `{"title":"late"}`, "If-Match", `"1"`), 412, "precondition_failed")
	problem(t, w.do("agent", "PATCH", path, `{}`), 403, "forbidden")
	problem(t, w.do("boss", "PATCH", "/api/v1/clients/"+id.New(id.Client)+"/contacts/"+v["id"].(string), `{}`), 404, "not_found")
	problem(t, w.do("boss", "GET", base+"/"+id.New(id.Contact), ""), 404, "not_found")
	for body, faults := range map[string][]string{
		`{"role":"king","influence":11,"attitude":"meh","relation_strength":6}`: {"role:oneof", "influence:max", "attitude:oneof", "relation_strength:max"},
		`{"known_by_ids":["` + goneID + `","` + id.New(id.User) + `"]}`:         {"known_by_ids[0]:inactive", "known_by_ids[1]:unknown"},
		`{"known_by_ids":["` + agentID + `","` + agentID + `"]}`:                {"known_by_ids:unique"},
		`{"name":" ","phone":"call","email":"at"}`:                              {"name:notblank", "phone:phone", "email:email"},
	} {
		require.Equal(t, faults, problem(t, w.do("boss", "PATCH", path, body), 422, "invalid").faults(), body)
		if body[2] == 'k' || body[2] == 'r' {
			require.Equal(t, faults, problem(t, w.do("boss", "POST", base, `{"name":"x",`+body[1:]), 422, "invalid").faults(), body)
		}
	}
}

func TestANewClientNamesItsPossibleDuplicatesAndIsNeverRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, path := addFirm(t, w, `{"name":"晨曦精密仪器有限公司","region":"华东"}`)
	require.Equal(t, []any{}, first["possible_duplicates"])
	object(t, w.do("boss", "POST", path+"/contacts", `{"name":"陈静","phone":"021 5555 0101","email":"chen@chenxi.example"}`), 201)
	second, _ := addFirm(t, w, `{"name":"晨曦精密仪器（集团）股份有限公司"}`)
	found := second["possible_duplicates"].([]any)
	require.Len(t, found, 1)
	require.Equal(t, first["id"], found[0].(map[string]any)["id"])
	require.Equal(t, "name", found[0].(map[string]any)["reasons"].([]any)[0].(map[string]any)["kind"])

	items := object(t, w.do("agent", "GET", path+"/duplicates", ""), 200)["items"].([]any)
	require.Len(t, items, 1)
	require.Equal(t, second["id"], items[0].(map[string]any)["id"])
	checked := w.do("agent", "POST", "/api/v1/clients/duplicates", `{"name":"Chenxi","contacts":[{"phone":"+86 21 55550101"}]}`)
	items = object(t, checked, 200)["items"].([]any)
	require.Len(t, items, 1)
	require.Equal(t, "021 5555 0101", items[0].(map[string]any)["reasons"].([]any)[0].(map[string]any)["value"])
	require.Empty(t, object(t, w.do("agent", "POST", "/api/v1/clients/duplicates", `{"name":"东海造船厂"}`), 200)["items"])
	problem(t, w.do("agent", "GET", "/api/v1/clients/"+id.New(id.Client)+"/duplicates", ""), 404, "not_found")
	problem(t, w.do("agent", "POST", "/api/v1/clients/duplicates", `{"name":"","contacts":[{"email":"at"}]}`), 422, "invalid")
}

func TestAMergedClientLeadsToTheSurvivorAndTakesNothingNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from, path := addFirm(t, w, `{"name":"Acme Ltd","external_ref":"CRM-1"}`)
	body := `{"into_id":"` + firmID + `","reason":"recorded twice"}`
	for _, user := range []string{"agent", "auditor"} {
		problem(t, w.do(user, "POST", path+"/merge", body), 403, "forbidden")
	}
	v := object(t, w.do("boss", "POST", path+"/merge", body, "Idempotency-Key", "merge-1"), 200)
	require.Equal(t, "merged", v["status"])
	require.Equal(t, firmID, v["merged_into_id"])
	require.Equal(t, "CRM-1", v["external_ref"])
	require.Equal(t, v, object(t, w.do("boss", "POST", path+"/merge", body, "Idempotency-Key", "merge-1"), 200))
	require.Len(t, w.merges, 1)
	require.Equal(t, "recorded twice", w.merges[0].Reason)
	require.Equal(t, v, object(t, w.do("agent", "GET", path, ""), 200))
	require.Empty(t, object(t, w.do("agent", "GET", path+"/duplicates", ""), 200)["items"])

	other, _ := addFirm(t, w, `{"name":"other"}`)
	unknown := problem(t, w.do("boss", "POST", "/api/v1/clients/"+firmID+"/merge", `{"into_id":"`+id.New(id.Client)+`","reason":"x"}`), 422, "invalid")
	require.Equal(t, []string{"into_id:unknown"}, unknown.faults())
	itself := problem(t, w.do("boss", "POST", "/api/v1/clients/"+firmID+"/merge", `{"into_id":"`+firmID+`","reason":"x"}`), 422, "invalid")
	require.Equal(t, []string{"into_id:client_itself"}, itself.faults())
	problem(t, w.do("boss", "POST", path+"/merge", `{"into_id":"","reason":" "}`), 422, "invalid")
	problem(t, w.do("boss", "POST", "/api/v1/clients/"+id.New(id.Client)+"/merge", body), 404, "not_found")

	for name, refused := range map[string]problemDoc{
		"again":         problem(t, w.do("boss", "POST", path+"/merge", body), 409, "client_merged"),
		"into_a_merged": problem(t, w.do("boss", "POST", "/api/v1/clients/"+other["id"].(string)+"/merge", `{"into_id":"`+from["id"].(string)+`","reason":"x"}`), 409, "client_merged"),
		"change":        problem(t, w.do("boss", "PATCH", path, `{"name":"back"}`), 409, "client_merged"),
		"case": problem(t, w.do("agent", "POST", "/api/v1/cases", `{"type":"complaint","client_id":"`+from["id"].(string)+`","channel":"phone","subject":"x",
			"contact":{"name":"王芳","phone":"13900000001"}}`), 409, "client_merged"),
	} {
		require.Contains(t, refused.Detail, firmID, name)
		require.Equal(t, firmID, refused.Errors[0].Args["into"], name)
	}
	require.Equal(t, models.ClientMerged, w.clients.byID[from["id"].(string)].Status)
}

func TestAReceptionBegunBeforeTheMergeGoesOnAndNoneBeginsAfterIt(t *testing.T) {
	t.Parallel()
	b := newReceptionBench(t)
	path := b.plan(nil)
	merged := b.clients.byID[acme]
	survivor := firmID
	merged.Status, merged.MergedIntoID = models.ClientMerged, &survivor
	b.clients.put(acme, merged)
	sent := len(b.engine.sent)
	for _, at := range []string{"/receptions", "/receptions/preview"} {
		refused := problem(t, b.call(ann, "POST", at, newPlan(nil)), 409, "client_merged")
		require.Equal(t, firmID, refused.Errors[0].Args["into"], at)
	}
	require.Len(t, b.engine.sent, sent, "no process was started")
	object(t, b.call(ann, "POST", path+"/revise", newPlan(nil)), 200)
}
