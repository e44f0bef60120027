package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func TestRelationshipIsBegunWhenItIsReadFirst(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	view := b.get(amy, firm+"/relationship")
	require.Equal(t, []any{acme, "prospect", "C", amy}, []any{view["client_id"], view["stage"], view["class"], view["account_manager_id"]})
	for name, want := range map[string]any{"id": acme, "number": nil, "state": "prospect", "created_by": "system", "policy_version": nil, "closed_at": nil} {
		got, there := view[name]
		require.True(t, there, name)
		require.Equal(t, want, got, "%s, as of every object of a process", name)
	}
	require.Len(t, b.engine.sent, 1)
	require.Equal(t, []any{models.RelationshipReady, "client/" + acme}, []any{b.engine.sent[0].name, b.engine.sent[0].workflowID})
	require.Contains(t, view["allowed_actions"], "classify")
	require.NotContains(t, view["allowed_actions"], "team")
	require.Nil(t, view["plan"])
	require.Nil(t, view["proposal"])
	require.Equal(t, "P3M", field(view, "cadence", "contact_every"))

	b.get(aud, firm+"/relationship")
	require.Len(t, b.engine.sent, 1, "it is begun once")
	problem(t, b.call(eve, "GET", firm+"/relationship", ""), http.StatusNotFound, "not_found")
	require.Len(t, b.engine.sent, 1, "who may not see it begins nothing anew")
	problem(t, b.call(amy, "GET", "/clients/"+unknownFirm+"/relationship", ""), http.StatusNotFound, "not_found")
	events := b.get(amy, firm+"/timeline")["items"].([]any)
	require.Equal(t, "begun", field(events[0], "type"))
	problem(t, b.call(eve, "GET", firm+"/timeline", ""), http.StatusNotFound, "not_found")
}

func TestRelationshipThatCannotBeBegunIsUnavailable(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.engine.err = errs.New(errs.Unavailable, "unavailable.engine")
	problem(t, b.call(amy, "GET", firm+"/relationship", ""), http.StatusServiceUnavailable, "unavailable")
	b.refused(amy, firm+"/lose", `{"reason":"x"}`, http.StatusServiceUnavailable, "unavailable")
}

func TestPostsOfAClientAreHeldByPolicyOrByAssignment(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	holder := func(view map[string]any, post string) []any {
		for _, p := range view["team"].([]any) {
			if field(p, "post") == post {
				return []any{field(p, "title"), field(p, "user_id"), field(p, "assigned")}
			}
		}
		return nil
	}
	view := b.get(amy, firm+"/relationship")
	require.Equal(t, []any{"Sales deputy director of the office", ben, false}, holder(view, "sales_deputy_director"))
	require.Equal(t, []any{"Product manager", nil, false}, holder(view, "product_manager"))
	view = b.post(mia, firm+"/team", `{"posts":{"product_manager":"`+hal+`"}}`)
	require.Equal(t, []any{"Product manager", hal, true}, holder(view, "product_manager"))
	require.Equal(t, []any{"Product deputy director of the office", ben, false}, holder(view, "product_deputy_director"))
	b.get(hal, firm+"/relationship")
	view = b.post(mia, firm+"/team", `{"posts":{"product_manager":null}}`)
	require.Equal(t, []any{"Product manager", nil, false}, holder(view, "product_manager"))
	problem(t, b.call(hal, "GET", firm+"/relationship", ""), http.StatusNotFound, "not_found")

	b.refused(amy, firm+"/team", `{"posts":{"product_manager":"`+hal+`"}}`, http.StatusForbidden, "forbidden")
	p := b.refused(mia, firm+"/team", `{"posts":{"typist":"`+hal+`","account_manager":"`+hal+`","product_manager":"`+gone+`","office_director":"`+nobody+`"}}`, 422, "invalid")
	require.ElementsMatch(t, []string{"posts.account_manager:unknown_post", "posts.office_director:unknown", "posts.product_manager:unknown", "posts.typist:unknown_post"}, p.faults())
	require.Contains(t, p.Errors[3].Message, "typist")
	require.Equal(t, []string{"posts.product_manager:typeid"}, b.refused(mia, firm+"/team", `{"posts":{"product_manager":"hal"}}`, 422, "invalid").faults())
	require.Equal(t, []string{"posts:name"}, b.refused(mia, firm+"/team", `{"posts":{"ÄRGER":"`+hal+`"}}`, 422, "invalid").faults())
	require.Equal(t, []string{"posts:required"}, b.refused(mia, firm+"/team", `{"posts":null}`, 422, "invalid").faults())
}

func TestClassHoldsOnceItIsApproved(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	res := b.call(amy, "POST", firm+"/classification", `{"proposed_class":"A","reason":"grows","criteria":`+allCriteria+`}`, "X-Request-ID", "trace-1")
	view := object(t, res, http.StatusCreated)
	require.Equal(t, "/api/v1"+firm+"/relationship", res.Header.Get("Location"))
	require.Equal(t, []any{"C", "prospect"}, []any{view["class"], view["stage"]}, "nothing changes before the approval")
	require.Equal(t, []any{"A", amy, false}, []any{field(view, "proposal", "class"), field(view, "proposal", "requester_id"), field(view, "proposal", "returned")})
	approvalID := field(view, "proposal", "approval_id")
	require.True(t, id.Valid(id.Approval, approvalID.(string)))
	last := b.engine.sent[len(b.engine.sent)-1]
	require.Equal(t, []any{"classify", "classify:" + last.event.Meta.RequestID, "trace-1"}, []any{last.name, last.updateID, last.event.Meta.TraceID})
	b.refused(amy, firm+"/classification", `{"proposed_class":"S","reason":"grows"}`, http.StatusConflict, "conflict")
	pending := b.get(amy, firm+"/classifications")["items"].([]any)[0]
	require.Equal(t, []any{"pending", "C", "A", "A", 73.5}, []any{field(pending, "outcome"), field(pending, "from_class"), field(pending, "class"), field(pending, "computed"), field(pending, "points")})
	sum := 0.0
	for _, p := range field(pending, "parts").([]any) {
		sum += field(p, "points").(float64)
	}
	require.InDelta(t, 73.5, sum, 1e-9)

	b.decide(approvalID, models.OutcomeApproved)
	view = b.get(amy, firm+"/relationship")
	require.Equal(t, []any{"A", "classified", nil}, []any{view["class"], view["stage"], view["proposal"]})
	require.Equal(t, "A", b.clients.byID[acme].Class, "the master data follow")
	require.Equal(t, []any{"approved", []any{mia}}, []any{field(view["class_history"].([]any)[0], "outcome"), field(view["class_history"].([]any)[0], "decided_by")})
	require.Contains(t, view["review_due_at"], "2026-09-06T03:00:00", "half a year on")
	var owed []any
	for _, o := range view["next_obligations"].([]any) {
		require.Equal(t, false, field(o, "overdue"))
		owed = append(owed, field(o, "kind"))
	}
	require.Subset(t, owed, []any{"review", "contact", "assessment", "rotation"})
	require.Equal(t, "P14D", field(view, "cadence", "contact_every"))
	require.Equal(t, map[string]any{"have": 0.0, "want": 3.0, "within": "P3M"}, field(view, "cadence", "breadth"))
	require.Equal(t, map[string]any{"level": "key", "have": nil, "target": 4.0}, view["levels"].([]any)[0])
}

func TestAProposalIsTakenBackOrReturned(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.refused(amy, firm+"/classification/withdraw", "", http.StatusConflict, "conflict")
	propose := `{"proposed_class":"B","reason":"grows","criteria":` + allCriteria + `}`
	view := object(t, b.call(amy, "POST", firm+"/classification", propose), http.StatusCreated)
	b.decide(field(view, "proposal", "approval_id"), models.OutcomeReturned)
	require.Equal(t, true, field(b.get(amy, firm+"/relationship"), "proposal", "returned"))
	view = object(t, b.call(amy, "POST", firm+"/classification", propose), http.StatusCreated)
	require.Equal(t, false, field(view, "proposal", "returned"))
	b.refused(eve, firm+"/classification/withdraw", `{"reason":"x"}`, http.StatusForbidden, "forbidden")
	view = b.post(amy, firm+"/classification/withdraw", `{"reason":"too early"}`)
	require.NotNil(t, view["proposal"], "until its approval has answered")
	b.decide(field(view, "proposal", "approval_id"), models.OutcomeWithdrawn)
	view = b.get(amy, firm+"/relationship")
	require.Equal(t, []any{nil, "C"}, []any{view["proposal"], view["class"]})
}

func TestClassificationIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	path := firm + "/classification"
	b.refused(eve, path, `{"proposed_class":"A","reason":"x","criteria":`+allCriteria+`}`, http.StatusForbidden, "forbidden")
	for body, faults := range map[string][]string{
		`{"reason":" ","criteria":{}}`:        {"proposed_class:required", "reason:notblank"},
		`{"proposed_class":"D","reason":"x"}`: {"proposed_class:oneof"},
		`{"proposed_class":"A","reason":"` + strings.Repeat("长", 2001) + `","criteria":{"Bad Name":1}}`:                                      {"reason:max", "criteria:name"},
		`{"proposed_class":"A","reason":"x","criteria":` + strings.Replace(allCriteria, `"strategic_fit":80`, `"strategic_fit":30`, 1) + `}`: {"proposed_class:gated"},
	} {
		require.ElementsMatch(t, faults, b.refused(amy, path, body, 422, "invalid").faults(), body)
	}
	p := b.refused(amy, path, `{"proposed_class":"A","reason":"x","criteria":`+strings.NewReplacer(`"credit":70`, `"credit":101`, `"payment":70`, `"charm":70`).Replace(allCriteria)+`}`, 422, "invalid")
	require.Len(t, p.Errors, 2)
	for _, f := range p.Errors {
		require.Contains(t, []string{"criteria.charm", "criteria.credit"}, f.Field)
	}
	for _, body := range []string{"[]", `{"class":"A"}`, `{"proposed_class":"A","reason":"x","criteria":{"credit":"high"}}`, `{"proposed_class":"A","reason":"x","criteria":{"credit":1.5}}`} {
		problem(t, b.call(amy, "POST", path, body), http.StatusBadRequest, "malformed")
	}
	require.Empty(t, b.store.grades, "a refused proposal leaves nothing")
}

func TestCriteriaAreRecordedBesideOthers(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.post(amy, firm+"/criteria", `{"criteria":{"credit":40}}`)
	view := b.post(ben, firm+"/criteria", `{"criteria":{"payment":50}}`)
	require.Equal(t, map[string]any{"credit": 40.0, "payment": 50.0}, view["criteria"])
	require.NotNil(t, view["appraised_at"])
	b.refused(eve, firm+"/criteria", `{"criteria":{"credit":90}}`, http.StatusForbidden, "forbidden")
	require.Equal(t, []string{"criteria:required"}, b.refused(amy, firm+"/criteria", `{}`, 422, "invalid").faults())
	require.Len(t, b.refused(amy, firm+"/criteria", `{"criteria":{"credit":-1}}`, 422, "invalid").Errors, 1)
}

func TestHealthIsTheSumOfItsContributions(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.get(amy, firm+"/relationship")
	for i, kind := range []health.Kind{health.ComplaintOpened, health.CaseInTime, health.SurveySatisfied} {
		require.NoError(t, b.engine.step(acme, models.RelationshipToldBy(models.ClientNews{
			ClientID: acme, Seq: 1, Facts: []models.ClientFact{{ID: "case_" + string(kind), Seq: int64(i + 1), Kind: kind, At: friday(2, 0)}},
		})))
	}
	shown := b.get(amy, firm+"/relationship")["health"]
	sum, facts := 0.0, 0
	for _, x := range field(shown, "contributions").([]any) {
		sum += field(x, "points").(float64)
		if field(x, "fact") != nil {
			facts++
			require.Equal(t, "2026-03-06T02:00:00.000Z", field(x, "at"))
		}
		require.NotEmpty(t, field(x, "rule"))
	}
	require.Equal(t, 3, facts)
	require.Equal(t, field(shown, "score"), sum)
	require.EqualValues(t, 63, sum, "60, less 3 for the complaint, 2 for its handling, 4 for the answer")
}

func TestAccountIsHandedOverItemByItem(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	object(t, b.call(amy, "POST", firm+"/plans", newClientPlan(nil)), http.StatusCreated)
	b.store.cases, b.store.receptions = []string{caseA}, []string{receptionA}
	b.refused(hal, firm+"/hand-over/accept", "", http.StatusForbidden, "forbidden")
	b.refused(amy, firm+"/hand-over/decline", `{"reason":"x"}`, http.StatusConflict, "conflict")
	b.refused(eve, firm+"/hand-over", `{"to_id":"`+hal+`","reason":"x"}`, http.StatusForbidden, "forbidden")
	for body, fault := range map[string]string{
		`{"to_id":"` + gone + `","reason":"x"}`:   "to_id:unknown",
		`{"to_id":"` + nobody + `","reason":"x"}`: "to_id:unknown",
		`{"to_id":"` + amy + `","reason":"x"}`:    "to_id:same_manager",
		`{"to_id":"hal","reason":"x"}`:            "to_id:typeid",
		`{"to_id":"` + hal + `"}`:                 "reason:required",
	} {
		require.Equal(t, []string{fault}, b.refused(amy, firm+"/hand-over", body, 422, "invalid").faults(), body)
	}
	view := b.post(amy, firm+"/hand-over", `{"to_id":"`+hal+`","reason":"moves to the north"}`)
	kinds := map[any]int{}
	for _, i := range field(view, "hand_over", "items").([]any) {
		kinds[field(i, "kind")]++
	}
	require.Equal(t, map[any]int{"account": 1, "plan": 1, "activity": 1, "case": 1, "reception": 1}, kinds)
	require.Contains(t, b.get(hal, firm+"/relationship")["allowed_actions"], "accept", "who is to take it may see it")
	b.refused(amy, firm+"/hand-over", `{"to_id":"`+hal+`","reason":"x"}`, http.StatusConflict, "conflict")

	b.refused(amy, firm+"/hand-over/accept", "", http.StatusForbidden, "forbidden")
	require.Equal(t, []string{"items[0]:not_offered"}, b.refused(hal, firm+"/hand-over/accept", `{"items":[{"kind":"case","id":"`+caseB+`"}]}`, 422, "invalid").faults())
	require.Equal(t, []string{"items[0].kind:oneof", "items[0].id:required"}, b.refused(hal, firm+"/hand-over/accept", `{"items":[{"kind":"chair"}]}`, 422, "invalid").faults())
	view = b.post(hal, firm+"/hand-over/accept", `{"items":[{"kind":"case","id":"`+caseA+`"}]}`)
	require.Len(t, field(view, "hand_over", "items"), 4)
	require.Equal(t, amy, view["account_manager_id"])
	view = b.post(hal, firm+"/hand-over/accept", "")
	require.Equal(t, []any{nil, hal, hal}, []any{view["hand_over"], view["account_manager_id"], field(view, "plan", "owner_id")})
	require.Equal(t, hal, *b.clients.byID[acme].AccountManagerID)
	problem(t, b.call(amy, "GET", firm+"/relationship", ""), http.StatusNotFound, "not_found")
}

func TestAnOfferIsDeclined(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.post(amy, firm+"/hand-over", `{"to_id":"`+hal+`","reason":"x"}`)
	require.Equal(t, []string{"reason:required"}, b.refused(hal, firm+"/hand-over/decline", "{}", 422, "invalid").faults())
	view := b.post(hal, firm+"/hand-over/decline", `{"reason":"too much to do"}`)
	require.Equal(t, []any{nil, amy}, []any{view["hand_over"], view["account_manager_id"]}, "answered though it is not theirs to see any more")
	problem(t, b.call(hal, "GET", firm+"/relationship", ""), http.StatusNotFound, "not_found")
	b.refused(hal, firm+"/hand-over/decline", `{"reason":"again"}`, http.StatusForbidden, "forbidden")
}

func TestAClientIsLostAndRegained(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.refused(eve, firm+"/lose", `{"reason":"x"}`, http.StatusForbidden, "forbidden")
	b.refused(amy, firm+"/regain", `{"reason":"x"}`, http.StatusConflict, "conflict")
	view := b.post(amy, firm+"/lose", `{"reason":"bankrupt"}`)
	require.Equal(t, []any{"lost", []any{}}, []any{view["stage"], view["next_obligations"]})
	require.Equal(t, []any{"regain"}, view["allowed_actions"])
	require.Equal(t, "lost", b.clients.byID[acme].Status)
	b.refused(amy, firm+"/lose", `{"reason":"x"}`, http.StatusConflict, "conflict")
	require.Equal(t, "active", b.post(mia, firm+"/regain", `{"reason":"back"}`)["stage"])
	b.refused(amy, "/clients/"+unknownFirm+"/lose", `{"reason":"x"}`, http.StatusNotFound, "not_found")
	b.refused(amy, "/clients/acme/lose", `{"reason":"x"}`, http.StatusNotFound, "not_found")
}

// The process takes over what the row says: whoever may only keep clients' data must not move one by it.
func TestAClientIsTakenFromItsAccountManagerByNobodyElse(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	for _, body := range []string{`{"account_manager_id":"` + hal + `"}`, `{"account_manager_id":null}`, `{"status":"lost"}`} {
		problem(t, b.call(hal, "PATCH", firm, body), http.StatusForbidden, "forbidden")
	}
	require.Equal(t, amy, *b.clients.byID[acme].AccountManagerID)
	object(t, b.call(hal, "PATCH", firm, `{"region":"north","account_manager_id":"`+amy+`"}`), http.StatusOK)
	object(t, b.call(amy, "PATCH", firm, `{"account_manager_id":"`+hal+`"}`), http.StatusOK)
	require.Equal(t, hal, *b.clients.byID[acme].AccountManagerID, "their own they may give away")
	object(t, b.call(mia, "PATCH", firm, `{"account_manager_id":null}`), http.StatusOK)
	object(t, b.call(hal, "PATCH", firm, `{"account_manager_id":"`+hal+`"}`), http.StatusOK)
}

func TestMasterDataReachTheProcessOfTheClient(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	view := object(t, b.call("boss", "POST", "/clients", `{"name":"Blue Sky","account_manager_id":"`+amy+`"}`), http.StatusCreated)
	other := view["id"].(string)
	require.Equal(t, models.StageProspect, b.store.states[other].Stage, "it is begun with the client")
	object(t, b.call("boss", "PATCH", "/clients/"+other, `{"region":"north"}`), http.StatusOK)
	require.Len(t, b.engine.sent, 1, "what it does not depend on it is not told")
	object(t, b.call("boss", "PATCH", "/clients/"+other, `{"account_manager_id":"`+hal+`"}`), http.StatusOK)
	require.Equal(t, hal, b.store.states[other].AccountManagerID)
	object(t, b.call("boss", "POST", "/clients/"+other+"/merge", `{"into_id":"`+acme+`","reason":"the same"}`), http.StatusOK)
	require.Equal(t, models.StageMerged, b.store.states[other].Stage)
	b.refused(amy, "/clients/"+other+"/lose", `{"reason":"x"}`, http.StatusConflict, "client_merged")
	problem(t, b.call(eve, "GET", "/clients/"+other+"/relationship", ""), http.StatusNotFound, "not_found")

	third := object(t, b.call("boss", "POST", "/clients", `{"name":"Green Hill"}`), http.StatusCreated)["id"].(string)
	b.engine.err = errs.New(errs.Unavailable, "unavailable.engine")
	object(t, b.call("boss", "POST", "/clients", `{"name":"Red Sea"}`), http.StatusCreated)
	require.Contains(t, b.log.String(), "client's process not begun yet")
	object(t, b.call("boss", "PATCH", "/clients/"+third, `{"status":"active"}`), http.StatusOK)
	require.Equal(t, []models.Word{models.AlignWord(third)}, b.words, "a worker tells it later")
}
