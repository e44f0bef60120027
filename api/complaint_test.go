package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// newCase is a complete body with some fields replaced; nil takes one out.
func newCase(change map[string]any) string {
	body := map[string]any{
		"type": "complaint", "client_id": acme, "contact": map[string]any{"name": "王芳", "phone": "+86 10 1234"},
		"channel": "phone", "subject": "空调不制冷", "occurred_at": "2026-03-06T10:30:00+08:00",
	}
	for name, v := range change {
		body[name] = v
		if v == nil {
			delete(body, name)
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestCreateCaseStartsItsProcessAndAnswersTheView(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	rec := b.call(ann, "POST", "/cases", newCase(map[string]any{"category": "hvac", "external_ref": "R-9"}), "X-Request-ID", "trace-1")
	view := object(t, rec, http.StatusCreated)
	caseID := view["id"].(string)
	require.True(t, id.Valid(id.Case, caseID))
	require.Equal(t, "/api/v1/cases/"+caseID, rec.Header.Get("Location"))
	require.Equal(t, ann, view["accountable_id"], "the caller is the first contact")
	require.Equal(t, []any{}, view["possible_duplicates"])

	require.Len(t, b.engine.sent, 1)
	s := b.engine.sent[0]
	require.Equal(t, "case/"+caseID, s.workflowID)
	require.Equal(t, "record", s.name)
	require.Equal(t, "record:"+s.event.Meta.RequestID, s.updateID)
	require.Equal(t, ann, s.event.Meta.Actor.ID)
	require.Equal(t, "trace-1", s.event.Meta.TraceID)
	var cmd models.RecordCase
	require.NoError(t, json.Unmarshal(s.event.Data, &cmd))
	occurred := time.Date(2026, 3, 6, 2, 30, 0, 0, time.UTC)
	require.True(t, cmd.OccurredAt.Equal(occurred))
	cmd.OccurredAt = nil
	require.Equal(t, models.RecordCase{
		Type: models.TypeComplaint, ClientID: acme, ClientClass: "A", ClientRegion: "north", AccountManagerID: sup,
		Contact: models.CaseContact{Name: "王芳", Phone: "+86 10 1234"}, Channel: "phone", Subject: "空调不制冷", Category: "hvac",
		Impact: "medium", Urgency: "medium", ExternalRef: "R-9", FirstContactID: ann,
	}, cmd)
}

func TestCreateCaseTwiceUnderOneKeyMakesOneCase(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.engine.err = errs.New(errs.Unavailable, "unavailable.engine")
	rec := b.call(ann, "POST", "/cases", newCase(nil), "Idempotency-Key", "k")
	require.Equal(t, http.StatusServiceUnavailable, rec.StatusCode)
	require.NotEmpty(t, rec.Header.Get("Retry-After"))

	b.engine.err = nil
	attempt := strings.TrimPrefix(b.engine.sent[0].workflowID, "case/")
	b.store.recent = []models.CaseHead{{ID: attempt, Subject: "空调不制冷", Status: models.CaseOpen, CreatedAt: friday(11, 0)}}
	first := b.call(ann, "POST", "/cases", newCase(nil), "Idempotency-Key", "k")
	again := b.call(ann, "POST", "/cases", newCase(nil), "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, first.StatusCode)
	answered := bodyText(t, first)
	require.Equal(t, answered, bodyText(t, again))
	require.Contains(t, answered, `"possible_duplicates":[]`, "an earlier attempt is the case itself")
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))

	require.Len(t, b.engine.sent, 2, "the third call was answered from memory")
	require.Equal(t, b.engine.sent[0].workflowID, b.engine.sent[1].workflowID)
	require.Equal(t, b.engine.sent[0].updateID, b.engine.sent[1].updateID)
}

func TestCreateCaseRefusesBadValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change map[string]any
		want   []string
	}{
		"all_faults_at_once": {
			map[string]any{
				"type": "praise", "channel": "fax", "subject": strings.Repeat("长", 201), "impact": "huge", "urgency": "now",
				"description": strings.Repeat("x", 20_001), "category": strings.Repeat("x", 101), "external_ref": strings.Repeat("x", 201),
				"client_id": unknownFirm, "first_contact_id": nobody, "contact": map[string]any{"name": "x"}, "occurred_at": "2026-03-06T12:00:00Z",
			},
			[]string{
				"type:oneof", "channel:oneof", "subject:max", "impact:oneof", "urgency:oneof", "description:max", "category:max",
				"external_ref:max", "client_id:unknown", "first_contact_id:unknown", "contact:contact_unreachable", "occurred_at:past",
			},
		},
		"missing": {
			map[string]any{"type": nil, "client_id": nil, "contact": nil, "channel": nil, "subject": nil},
			[]string{"type:required", "client_id:required", "contact:required", "channel:required", "subject:required"},
		},
		"blank_subject":        {map[string]any{"subject": " \t　"}, []string{"subject:notblank"}},
		"client_id_is_none":    {map[string]any{"client_id": "acme"}, []string{"client_id:typeid"}},
		"first_contact_left":   {map[string]any{"first_contact_id": gone}, []string{"first_contact_id:inactive"}},
		"first_contact_audits": {map[string]any{"first_contact_id": aud}, []string{"first_contact_id:takes_no_cases"}},
		"contact_empty":        {map[string]any{"contact": map[string]any{}}, []string{"contact:contact_unreachable"}},
		"contact_bad_email":    {map[string]any{"contact": map[string]any{"email": "nobody@"}}, []string{"contact.email:email"}},
		"contact_bad_phone":    {map[string]any{"contact": map[string]any{"phone": "call me"}}, []string{"contact.phone:phone"}},
		"occurred_too_long_ago": {
			map[string]any{"occurred_at": "2025-03-06T10:59:59Z"}, []string{"occurred_at:within_year"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newCaseBench(t)
			require.ElementsMatch(t, tc.want, faultsOf(t, b.call(ann, "POST", "/cases", newCase(tc.change))))
			require.Empty(t, b.engine.sent, "nothing may be started by a bad request")
		})
	}
}

func TestCreateCaseTakesWhatTheLimitsAllow(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]any{
		"long_subject_in_chinese":  {"subject": strings.Repeat("长", 200)},
		"email_only":               {"contact": map[string]any{"email": "wang@example.com"}},
		"a_clock_slightly_ahead":   {"occurred_at": "2026-03-06T11:00:59Z"},
		"a_year_ago":               {"occurred_at": "2025-03-06T11:00:00Z"},
		"no_time":                  {"occurred_at": nil},
		"no_time_in_so_many_words": {"occurred_at": json.RawMessage("null")},
		"somebody_else_first":      {"first_contact_id": ben},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := newCaseBench(t).call(ann, "POST", "/cases", newCase(change))
			require.Equal(t, http.StatusCreated, rec.StatusCode, bodyText(t, rec))
		})
	}
}

func TestCreateCaseRefusesMalformedBodies(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	for _, body := range []string{"", "[]", "{", newCase(map[string]any{"priority": "P1"}), newCase(map[string]any{"subject": 1}), newCase(map[string]any{"occurred_at": "yesterday"})} {
		require.Equal(t, "malformed", object(t, b.call(ann, "POST", "/cases", body), http.StatusBadRequest)["code"], body)
	}
	require.Equal(t, "forbidden", object(t, b.call(aud, "POST", "/cases", newCase(nil)), http.StatusForbidden)["code"])
	require.Empty(t, b.engine.sent)
}

func TestCreateCaseNamesPossibleDuplicates(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.recent = []models.CaseHead{
		{ID: caseA, Number: "CMP-1", Subject: "会议室空调不制冷", Status: models.CaseOpen, CreatedAt: friday(8, 0)},
		{ID: caseB, Number: "CMP-2", Subject: "发票抬头错误", Status: models.CaseOpen, CreatedAt: friday(8, 0)},
		{ID: "case_old", Number: "CMP-3", Subject: "空调不制冷", Status: models.CaseClosed, CreatedAt: friday(10, 0).AddDate(0, 0, -7)},
	}
	view := object(t, b.call(ann, "POST", "/cases", newCase(nil)), http.StatusCreated)
	require.Equal(t, []any{map[string]any{
		"id": caseA, "number": "CMP-1", "subject": "会议室空调不制冷", "state": "open", "created_at": "2026-03-06T08:00:00.000Z", "similarity": 0.66,
	}}, view["possible_duplicates"])

	b.store.hidden = map[string]bool{caseA: true}
	view = object(t, b.call(ann, "POST", "/cases", newCase(nil)), http.StatusCreated)
	require.Equal(t, []any{}, view["possible_duplicates"], "the caller may not know that it exists")
}

func TestCommandWhoseOutcomeIsUnknownIsPending(t *testing.T) {
	t.Parallel()
	t.Run("no_answer_in_time", func(t *testing.T) {
		t.Parallel()
		b := newCaseBench(t)
		b.engine.err = errs.New(errs.Pending, "pending")
		rec := b.call(ann, "POST", "/cases", newCase(nil))
		require.Equal(t, "pending", object(t, rec, http.StatusAccepted)["code"])
		require.Equal(t, "/api/v1/"+b.engine.sent[0].workflowID[:4]+"s"+b.engine.sent[0].workflowID[4:], rec.Header.Get("Location"))

		rec = b.call(ann, "POST", "/cases/"+caseA+"/accept", "")
		require.Equal(t, "pending", object(t, rec, http.StatusAccepted)["code"])
		require.Equal(t, "/api/v1/cases/"+caseA, rec.Header.Get("Location"))
	})
	t.Run("applied_but_not_readable", func(t *testing.T) {
		t.Parallel()
		b := newCaseBench(t)
		b.engine.applied = func() { b.store.unreadable = errs.New(errs.Unavailable, "unavailable.database") }
		rec := b.call(ann, "POST", "/cases/"+caseA+"/respond", `{"message":"on our way"}`)
		require.Equal(t, "pending", object(t, rec, http.StatusAccepted)["code"])
		require.Equal(t, "/api/v1/cases/"+caseA, rec.Header.Get("Location"))
	})
}

// caseActions holds one good body of each action with the data that it becomes, and bad ones with their faults.
var caseActions = map[models.CaseAction]struct {
	body string
	data string
	bad  map[string][]string
}{
	"respond": {`{"message":"已派工程师"}`, `{"message":"已派工程师"}`, map[string][]string{
		`{}`: {"message:required"}, `{"message":"　 "}`: {"message:notblank"}, `{"message":"` + strings.Repeat("x", 20_001) + `"}`: {"message:max"},
	}},
	"assign": {`{"assignee_id":"` + ben + `","note":"yours"}`, `{"assignee_id":"` + ben + `","note":"yours"}`, map[string][]string{
		``: {"assignee_id:one_receiver"}, `{}`: {"assignee_id:one_receiver"}, `{"assignee_id":"` + ben + `","team_id":"` + hotline + `"}`: {"assignee_id:one_receiver"},
		`{"assignee_id":"ben"}`: {"assignee_id:typeid"}, `{"team_id":"` + ben + `"}`: {"team_id:typeid"},
	}},
	"accept":  {``, ``, nil},
	"decline": {`{"reason":"not ours"}`, `{"reason":"not ours"}`, noReason},
	"adjudicate": {`{"assignee_id":"` + ben + `","reason":"settled"}`, `{"assignee_id":"` + ben + `","reason":"settled"}`, map[string][]string{
		`{}`: {"assignee_id:required", "reason:required"},
	}},
	"wait": {`{"reason":"asked for photos","until":"2026-03-07T17:00:00+08:00"}`, `{"reason":"asked for photos","until":"2026-03-07T09:00:00Z"}`, map[string][]string{
		`{"until":"2026-03-06T11:00:00Z"}`:        {"reason:required", "until:future"},
		`{"reason":"x","until":"` + beyond + `"}`: {"until:between"},
	}},
	"resume":         {`{}`, ``, nil},
	"client-message": {`{"text":"any news?"}`, `{"text":"any news?"}`, map[string][]string{`{}`: {"text:required"}}},
	"note": {`{"text":"called"}`, `{"text":"called","visibility":"internal"}`, map[string][]string{
		`{"visibility":"all"}`: {"text:required", "visibility:oneof"},
	}},
	"prioritize": {`{"impact":"high","urgency":"low","reason":"line stopped"}`, `{"impact":"high","urgency":"low","reason":"line stopped"}`, map[string][]string{
		`{"impact":"P1"}`: {"impact:oneof", "urgency:required", "reason:required"},
	}},
	"escalate": {`{"reason":"needs a director"}`, `{"reason":"needs a director"}`, noReason},
	"transfer-accountability": {`{"to_id":"` + ben + `","reason":"on leave"}`, `{"to_id":"` + ben + `","reason":"on leave"}`, map[string][]string{
		`{"to_id":"` + hotline + `"}`: {"to_id:typeid", "reason:required"},
	}},
	"accept-accountability": {``, ``, nil},
	"refuse-accountability": {`{"reason":"no"}`, `{"reason":"no"}`, noReason},
	"extend": {`{"milestone":"resolution","by":"4h","reason":"part on order"}`, `{"milestone":"resolution","by":"4h","reason":"part on order"}`, map[string][]string{
		`{"milestone":"resolution","by":"PT4H","reason":"x"}`: {"by:bad_span"}, `{"milestone":"resolution","by":"0h","reason":"x"}`: {"by:bad_span"},
		`{"milestone":"Resolution!"}`: {"milestone:name", "by:required", "reason:required"},
	}},
	"resolve": {`{"resolution":"filter changed","root_cause":"dust"}`, `{"resolution":"filter changed","root_cause":"dust"}`, map[string][]string{
		`{}`: {"resolution:required"}, `{"resolution":" "}`: {"resolution:notblank"},
	}},
	"reopen": {`{"reason":"warm again"}`, `{"reason":"warm again"}`, noReason},
	"close":  {``, `{}`, map[string][]string{`{"reason":" "}`: {"reason:notblank"}}},
	"cancel": {`{"reason":"withdrawn"}`, `{"reason":"withdrawn"}`, noReason},
	"link": {`{"case_id":"` + caseB + `","kind":"related"}`, `{"case_id":"` + caseB + `","kind":"related"}`, map[string][]string{
		`{"case_id":"` + id.Derive(id.Case, "t", "none") + `","kind":"alike"}`: {"case_id:unknown", "kind:oneof"}, `{}`: {"case_id:required", "kind:required"},
	}},
	"unlink": {`{"case_id":"` + caseB + `"}`, `{"case_id":"` + caseB + `"}`, map[string][]string{`{"case_id":"CMP-1"}`: {"case_id:typeid"}}},
}

var noReason = map[string][]string{`{}`: {"reason:required"}, `{"reason":" "}`: {"reason:notblank"}, `{"reason":"` + strings.Repeat("x", 2001) + `"}`: {"reason:max"}}

func TestEveryActionOfTheProcessHasARoute(t *testing.T) {
	t.Parallel()
	var tested []models.CaseAction
	for action := range caseActions {
		tested = append(tested, action)
	}
	require.ElementsMatch(t, models.CaseActions(), tested)
}

func TestActionsReachTheProcess(t *testing.T) {
	t.Parallel()
	for action, tc := range caseActions {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			b := newCaseBench(t)
			b.store.rows[caseB] = someCase(t, caseB)
			path := "/cases/" + caseA + "/" + string(action)
			b.engine.applied = func() {
				row := b.store.rows[caseA]
				row.State.Seq++
				b.store.rows[caseA] = row
			}
			view := object(t, b.call(ann, "POST", path, tc.body), http.StatusOK)
			require.EqualValues(t, 8, view["version"], "the caller reads its own write")

			require.Len(t, b.engine.sent, 1)
			s := b.engine.sent[0]
			require.Equal(t, "case/"+caseA, s.workflowID)
			require.Equal(t, string(action), s.name)
			require.Equal(t, action, s.event.Action)
			require.Equal(t, string(action)+":"+s.event.Meta.RequestID, s.updateID)
			if tc.data == "" {
				require.Empty(t, s.event.Data)
			} else {
				require.JSONEq(t, tc.data, string(s.event.Data))
			}

			for body, want := range tc.bad {
				rec := b.call(ann, "POST", path, body)
				if body == "" && rec.StatusCode == http.StatusBadRequest {
					continue // without a body, where one is needed
				}
				require.ElementsMatch(t, want, faultsOf(t, rec), body)
			}
			require.Equal(t, http.StatusBadRequest, b.call(ann, "POST", path, `{"surprise":1}`).StatusCode)
			require.Len(t, b.engine.sent, 1, "a bad command must not reach the process")
		})
	}
}

func TestActionOnAnInvisibleCaseIsNotFound(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.hidden[caseA] = true
	b.engine.err = errs.New(errs.Forbidden, "forbidden.case", "action", "respond", "who", "handler") // as the process answers a stranger
	for _, path := range []string{caseA, id.Derive(id.Case, "t", "none"), "x"} {
		for _, call := range [][3]string{
			{"POST", "/respond", `{"message":"x"}`},
			{"POST", "/respond", `{}`},
			{"GET", "", ""},
			{"GET", "/timeline", ""},
			{"GET", "/responsibility", ""},
			{"GET", "/ledger", ""},
			{"GET", "/milestones/resolution/receipt", ""},
		} {
			rec := b.call(ann, call[0], "/cases/"+path+call[1], call[2])
			require.Equal(t, "not_found", object(t, rec, http.StatusNotFound)["code"], call)
		}
	}
}

func TestLinkToAnInvisibleCaseIsUnknown(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.rows[caseB] = someCase(t, caseB)
	b.store.hidden[caseB] = true
	rec := b.call(ann, "POST", "/cases/"+caseA+"/link", `{"case_id":"`+caseB+`","kind":"duplicate"}`)
	require.Equal(t, []string{"case_id:unknown"}, faultsOf(t, rec))
}

func TestWhoHandsACaseAwayStillReadsTheOutcome(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.engine.applied = func() { b.store.hidden[caseA] = true }
	rec := b.call(ben, "POST", "/cases/"+caseA+"/decline", `{"reason":"not ours"}`)
	require.Equal(t, caseA, object(t, rec, http.StatusOK)["id"])
	require.Equal(t, http.StatusNotFound, b.call(ben, "GET", "/cases/"+caseA, "").StatusCode)
}

func TestRefusalsOfTheProcessReachTheCaller(t *testing.T) {
	t.Parallel()
	row := someCase(t, caseA)
	_, conflict := models.CheckCase(&row.State, models.ActionAccept, models.Actor{Person: models.Person{ID: ann}}, friday(11, 0))
	_, forbidden := models.CheckCase(&row.State, models.ActionResolve, models.Actor{Person: models.Person{ID: ben}}, friday(11, 0))
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
		detail []string
	}{
		"conflict_names_state_and_allowed": {conflict, 409, "conflict", []string{"in_progress", "respond"}},
		"forbidden_names_who_may":          {forbidden, 403, "forbidden", []string{"handler"}},
		"invalid_names_the_field":          {errs.NewInvalid(errs.Field{Field: "assignee_id", Code: "inactive"}), 422, "invalid", nil},
		"unavailable":                      {errs.New(errs.Unavailable, "unavailable.engine"), 503, "unavailable", []string{"engine"}},
		"process_code":                     {errs.New("milestone_over", "milestone_over"), 409, "milestone_over", nil},
		"inner_errors_stay_inside":         {errors.New("dial tcp 10.0.0.1: password"), 500, "internal", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newCaseBench(t)
			b.engine.err = tc.err
			rec := b.call(ann, "POST", "/cases/"+caseA+"/resolve", `{"resolution":"done"}`)
			p := object(t, rec, tc.status)
			require.Equal(t, tc.code, p["code"])
			for _, part := range tc.detail {
				require.Contains(t, p["detail"], part)
			}
			require.NotContains(t, bodyText(t, rec), "password")
			if tc.status == 503 {
				require.NotEmpty(t, rec.Header.Get("Retry-After"))
			}
		})
	}
}

// TestProcessThatIsBehindItsStoredStateIsAskedAgain: a refusal by the state stands only if the stored state refuses as well.
func TestProcessThatIsBehindItsStoredStateIsAskedAgain(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	row := b.store.rows[caseA]
	before := row.State
	before.Status = models.CaseClosed
	_, stale := models.CheckCase(&before, models.ActionResolve, models.Actor{Person: models.Person{ID: ann}}, friday(11, 0))
	b.engine.err = stale
	b.engine.told = func() { b.engine.err = nil }
	object(t, b.call(ann, "POST", "/cases/"+caseA+"/resolve", `{"resolution":"done"}`), http.StatusOK)
	var names []string
	for _, s := range b.engine.sent {
		names = append(names, s.name)
	}
	require.Equal(t, []string{"resolve", models.ComplaintAdopt, "resolve"}, names)
	require.Equal(t, b.engine.sent[0].updateID, b.engine.sent[2].updateID, "it is the same command")

	b.engine.sent, b.engine.err = nil, stale
	row.State = before
	b.store.rows[caseA] = row
	object(t, b.call(ann, "POST", "/cases/"+caseA+"/resolve", `{"resolution":"done"}`), http.StatusConflict)
	require.Len(t, b.engine.sent, 1, "the stored state refuses it, too")
}

func TestRefusalsAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	rec := b.call(ann, "POST", "/cases", newCase(map[string]any{"contact": map[string]any{}}), "Accept-Language", "zh-CN")
	require.Equal(t, "zh-CN", rec.Header.Get("Content-Language"))
	require.Regexp(t, `"message":"[^"]*\p{Han}`, bodyText(t, rec))

	row := b.store.rows[caseA]
	_, b.engine.err = models.CheckCase(&row.State, models.ActionAccept, models.Actor{}, friday(11, 0))
	rec = b.call(ann, "POST", "/cases/"+caseA+"/accept", "", "Accept-Language", "zh-CN")
	detail := object(t, rec, http.StatusConflict)["detail"]
	require.Regexp(t, `\p{Han}`, detail)
	require.Contains(t, detail, "in_progress")
}

func TestActionOnAFinishedProcessIsProcessClosed(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	row := b.store.rows[caseA]
	row.State.Status = models.CaseClosed
	b.store.rows[caseA] = row
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	p := object(t, b.call(ann, "POST", "/cases/"+caseA+"/reopen", `{"reason":"again"}`), http.StatusConflict)
	require.Equal(t, "process_closed", p["code"])
	require.Contains(t, p["detail"], "closed")
	require.Contains(t, p["detail"], "CMP-20260306-0001")
}

func TestActionBetweenTwoHistoriesIsToBeRepeated(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	problem(t, b.call(ann, "POST", "/cases/"+caseA+"/respond", `{"message":"x"}`), http.StatusServiceUnavailable, "unavailable")
}

// TestRepeatedActionThatHasEndedItsProcessIsAnswered: the answer got lost, and the process has continued as new since, so that the
// engine does not know the command any more.
func TestRepeatedActionThatHasEndedItsProcessIsAnswered(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.engine.applied = func() {
		row := b.store.rows[caseA]
		row.State.Status, row.State.Handled = models.CaseCancelled, []string{b.engine.sent[0].event.Meta.RequestID}
		b.store.rows[caseA] = row
		b.engine.err = errs.New(errs.Pending, "pending")
	}
	cancel := func(key string) *http.Response {
		return b.call(ann, "POST", "/cases/"+caseA+"/cancel", `{"reason":"x"}`, "Idempotency-Key", key)
	}
	problem(t, cancel("k"), http.StatusAccepted, "pending")
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	require.Equal(t, "cancelled", object(t, cancel("k"), http.StatusOK)["state"])
	problem(t, cancel("another"), http.StatusConflict, "process_closed")
}

func TestBadValuesOfActionsAreTheCallersFault(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	for action, tc := range caseActions {
		var fields map[string]any
		if tc.body != "" {
			require.NoError(t, json.Unmarshal([]byte(tc.body), &fields))
		}
		for _, value := range []string{`null`, `0`, `""`, `"\u0000"`, `[]`, `{}`, `1e400`} {
			bodies := []string{value}
			for field := range fields {
				bodies = append(bodies, fmt.Sprintf(`{%q:%s}`, field, value))
			}
			for _, body := range bodies {
				res := b.call(ann, "POST", "/cases/"+caseA+"/"+string(action), body)
				require.Less(t, res.StatusCode, 500, "%s %s", action, body)
			}
		}
	}
}
