package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

func TestCaseViewShowsPromisesOnThePinnedCalendar(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	view := b.get(ann, "/cases/"+caseA)
	require.Equal(t, []any{
		map[string]any{
			"name": "first_response", "cycle": 1.0, "state": "breached", "target": "PT1H", "clock": "working", "started_at": "2026-03-06T09:00:00.000Z",
			"due_at": "2026-03-06T10:00:00.000Z", "met_at": nil, "breached_at": "2026-03-06T10:00:00.000Z", "elapsed": "PT2H", "remaining": "-PT1H",
		},
		map[string]any{
			"name": "resolution", "cycle": 1.0, "state": "running", "target": "PT4H", "clock": "working", "started_at": "2026-03-06T09:00:00.000Z",
			"due_at": "2026-03-06T14:00:00.000Z", "met_at": nil, "breached_at": nil, "elapsed": "PT2H", "remaining": "PT2H",
		},
	}, view["milestones"])
	require.Equal(t, "in_progress", view["state"])
	require.Equal(t, 7.0, view["version"])
	require.Equal(t, map[string]any{"name": "王芳", "phone": "+86 10 1234", "email": ""}, view["contact"])
	require.Contains(t, view["allowed_actions"], "resolve")
	require.Nil(t, view["offer"])
}

func TestCaseViewShowsTheNewestCycleOfEachMilestone(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	row := b.store.rows[caseA]
	again := row.State.Promises[1]
	again.Cycle, again.Target = 2, sla.Span{Days: 3}
	row.State.Promises = append(row.State.Promises, again)
	b.store.rows[caseA] = row
	view := b.get(ann, "/cases/"+caseA)

	milestones := view["milestones"].([]any)
	require.Len(t, milestones, 2)
	require.Equal(t, 2.0, milestones[1].(map[string]any)["cycle"])
	require.Equal(t, "P3D", milestones[1].(map[string]any)["target"])
	past := view["past_milestones"].([]any)
	require.Len(t, past, 1)
	require.Equal(t, 1.0, past[0].(map[string]any)["cycle"])
}

func TestCaseViewShowsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	row := b.store.rows[caseA]
	row.State.Offer = &models.Offer{TeamID: hotline, ByID: ann, At: friday(10, 0), ExpiresAt: friday(10, 15)}
	row.State.Transfer = &models.Transfer{ToID: ben, ApprovalID: approvalA, AskedBy: ann, AskedAt: friday(10, 0)}
	row.State.Extension = &models.ExtensionRequest{Milestone: "resolution", By: sla.Span{Duration: 4 * time.Hour}, Reason: "part", AskedBy: ann, AskedAt: friday(10, 0), ApprovalID: approvalB}
	row.State.Waiting = &models.Waiting{Since: friday(10, 0), NextChaserAt: friday(16, 0), Chasers: 1}
	row.State.Links = []models.CaseLink{{CaseID: caseB, Kind: "related", At: friday(10, 0)}}
	row.State.Merge = &models.Merge{Into: caseB}
	row.Satisfied, row.Resolution = new(4), "filter changed"
	b.store.rows[caseA] = row
	view := b.get(ann, "/cases/"+caseA)
	at := "2026-03-06T10:00:00.000Z"
	require.Equal(t, map[string]any{"team_id": hotline, "by_id": ann, "at": at, "expires_at": "2026-03-06T10:15:00.000Z"}, view["offer"])
	require.Equal(t, map[string]any{"to_id": ben, "asked_by": ann, "asked_at": at, "approval_id": approvalA, "approved_by": nil, "approved_at": nil}, view["transfer"])
	require.Equal(t, map[string]any{"milestone": "resolution", "by": "PT4H", "reason": "part", "approval_id": approvalB, "asked_by": ann, "asked_at": at}, view["extension"])
	require.Equal(t, map[string]any{"since": at, "until": nil, "next_chaser_at": "2026-03-06T16:00:00.000Z", "chasers": 1.0}, view["waiting"])
	require.Equal(t, []any{map[string]any{"case_id": caseB, "kind": "related", "at": at}}, view["links"])
	require.Equal(t, caseB, view["merged_into"])
	require.Equal(t, 4.0, view["satisfaction"])
	require.Equal(t, "filter changed", view["resolution"])
	require.Nil(t, view["root_cause"])
}

func TestAllowedActionsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	require.Contains(t, b.get(sup, "/cases/"+caseA)["allowed_actions"], "cancel")
	require.NotContains(t, b.get(ann, "/cases/"+caseA)["allowed_actions"], "cancel")
	require.Empty(t, b.get(aud, "/cases/"+caseA)["allowed_actions"], "an auditor changes nothing")
}

func TestCasesAreFiltered(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	list := b.get(ann, "/cases?state=waiting_customer&type=inquiry&priority=P1&assignee_id="+ben+"&accountable_id="+ann+"&client_id="+acme+
		"&breached=true&due_before=2026-03-06T12:00:00%2B08:00&limit=10")
	due := friday(4, 0)
	require.Equal(t, models.CaseFilter{
		Status: models.CaseWaitingCustomer, Type: models.TypeInquiry, Priority: "P1", AssigneeID: ben, AccountableID: ann, ClientID: acme,
		Breached: new(true), DueBefore: &due,
	}, b.store.caseFilter)
	require.Equal(t, "more", list["next_cursor"])
	require.Equal(t, b.get(ann, "/cases/"+caseA), list["items"].([]any)[0], "the list shows the same object")

	for query, status := range map[string]int{
		"?state=new": 422, "?type=praise": 422, "?priority=P9": 422, "?assignee_id=ann": 422, "?client_id=" + ann: 422, "?limit=0": 422,
		"?breached=perhaps": 400, "?due_before=friday": 400, "?colour=red": 400, "?limit=ten": 400,
		"?due_before=0000-01-01T00:00:00Z": 422, "?due_before=" + beyond: 422, "?due_before=9998-12-31T23:59:59Z": 200,
	} {
		require.Equal(t, status, b.call(ann, "GET", "/cases"+query, "").StatusCode, query)
	}
}

func TestTimelineWritesTheInstantsOfItsFactsAsAllAnswersDo(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.events = []models.TimelineEvent{{Seq: 1, At: friday(9, 0), Type: "noted", Actor: ann, Data: map[string]any{
		"due_at": "2026-03-06T10:00:00Z", "at": "2026-03-06T10:00:00.12Z", "text": "no later than 2026-03-06T10:00:00Z", "day": "2026-03-06", "count": 2.0,
		"items": []any{map[string]any{"until": "2026-03-06T10:00:00.123456Z"}},
	}}}
	event := b.get(ann, "/cases/"+caseA+"/timeline")["items"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{
		"due_at": "2026-03-06T10:00:00.000Z", "at": "2026-03-06T10:00:00.120Z", "text": "no later than 2026-03-06T10:00:00Z", "day": "2026-03-06", "count": 2.0,
		"items": []any{map[string]any{"until": "2026-03-06T10:00:00.123Z"}},
	}, event["data"])
}

func TestTimelineIsReadInPages(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	for i := range 5 {
		b.store.events = append(b.store.events, models.TimelineEvent{Seq: int64(i + 1), At: friday(9, i), Type: "noted", Actor: ann, Data: map[string]any{"text": "你好"}, TraceID: "trace-1"})
	}
	b.store.events[4].TraceID = ""
	b.store.events[4].Actor, b.store.events[4].Data, b.store.events[3].OnBehalfOf = models.System, nil, ben

	var seqs []any
	path := "/cases/" + caseA + "/timeline?limit=2"
	cursor := ""
	for range 3 {
		page := b.get(ann, path+cursor)
		for _, item := range page["items"].([]any) {
			seqs = append(seqs, item.(map[string]any)["seq"])
		}
		if page["next_cursor"] != nil {
			cursor = "&cursor=" + page["next_cursor"].(string)
		} else {
			cursor = "end"
		}
	}
	require.Equal(t, []any{1.0, 2.0, 3.0, 4.0, 5.0}, seqs)
	require.Equal(t, "end", cursor)
	last := b.get(ann, "/cases/"+caseA+"/timeline?cursor=3")["items"].([]any)
	require.Equal(t, ben, last[0].(map[string]any)["on_behalf_of"])
	require.Equal(t, "trace-1", last[0].(map[string]any)["request_id"], "the X-Request-ID of the call")
	require.Equal(t, map[string]any{
		"seq": 5.0, "at": "2026-03-06T09:04:00.000Z", "type": "noted", "actor": "system", "on_behalf_of": nil, "request_id": nil, "data": map[string]any{},
	}, last[1])
	for _, bad := range []string{"x", "-1", "1.5", "99999999999999999999"} {
		require.Equal(t, http.StatusBadRequest, b.call(ann, "GET", path+"&cursor="+bad, "").StatusCode, bad)
	}
}

// holdings is ann from 09:00, with an offer out from 10:00, and ben from 10:30.
func holdings() []models.Holding {
	return []models.Holding{
		{UserID: ann, From: friday(9, 0), Until: new(friday(10, 0)), Kind: models.HoldWorking, Reason: "recorded"},
		{UserID: ann, From: friday(10, 0), Until: new(friday(10, 30)), Kind: models.HoldAwaitingAcceptance, Reason: "offered"},
		{UserID: ben, From: friday(10, 30), Kind: models.HoldWorking, Reason: "accepted"},
	}
}

func TestResponsibilityJoinsNeighbouringIntervals(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.accountable = []models.Holding{{UserID: ann, From: friday(9, 0), Reason: "recorded"}}
	b.store.handling = holdings()
	require.Equal(t, map[string]any{
		"accountable": []any{map[string]any{"user_id": ann, "from": "2026-03-06T09:00:00.000Z", "until": nil, "reason": "recorded"}},
		"handling": []any{
			map[string]any{"user_id": ann, "from": "2026-03-06T09:00:00.000Z", "until": "2026-03-06T10:30:00.000Z", "reason": "recorded"},
			map[string]any{"user_id": ben, "from": "2026-03-06T10:30:00.000Z", "until": nil, "reason": "accepted"},
		},
	}, b.get(ann, "/cases/"+caseA+"/responsibility"))
}

func TestLedgerShowsWhoseTimeItWas(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.handling = holdings()
	ledger := b.get(ann, "/cases/"+caseA+"/ledger")
	require.Equal(t, []any{
		map[string]any{"user_id": ann, "working": "PT1H", "awaiting_acceptance": "PT30M", "awaiting_client": "PT0S", "total": "PT1H30M"},
		map[string]any{"user_id": ben, "working": "PT30M", "awaiting_acceptance": "PT0S", "awaiting_client": "PT0S", "total": "PT30M"},
	}, ledger["people"])
	require.Equal(t, []any{map[string]any{
		"milestone": "first_response", "cycle": 1.0, "elapsed": "PT2H", "overrun": "PT1H", "elsewhere": "PT0S",
		"shares": []any{
			map[string]any{"user_id": ann, "time": "PT1H30M", "percent": 75.0},
			map[string]any{"user_id": ben, "time": "PT30M", "percent": 25.0},
		},
	}}, ledger["breaches"])
}

func TestReceiptSumsToTheTarget(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	path := "/cases/" + caseA + "/milestones/"
	receipt := b.get(ann, path+"resolution/receipt")
	require.Equal(t, []any{
		map[string]any{"from": "2026-03-06T09:00:00.000Z", "to": "2026-03-06T12:00:00.000Z", "counted": "PT3H"},
		map[string]any{"from": "2026-03-06T13:00:00.000Z", "to": "2026-03-06T14:00:00.000Z", "counted": "PT1H"},
	}, receipt["segments"])
	for name, want := range map[string]any{
		"policy_version": 3.0, "calendar_id": "office", "calendar_version": 2.0, "start": "2026-03-06T09:00:00.000Z", "target": "PT4H", "total": "PT4H",
		"counted": "PT4H", "clock": "working", "pauses": []any{}, "due_at": "2026-03-06T14:00:00.000Z", "elapsed": "PT2H", "remaining": "PT2H",
	} {
		require.Equal(t, want, receipt[name], name)
	}
	require.Equal(t, receipt, b.get(ann, path+"resolution/receipt?cycle=1"))
	for query, status := range map[string]int{"resolution/receipt?cycle=2": 404, "update/receipt": 404, "resolution/receipt?cycle=0": 422, "resolution/receipt?cycle=x": 400} {
		require.Equal(t, status, b.call(ann, "GET", path+query, "").StatusCode, query)
	}
}

func TestKnowledgeArticlesAreListed(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.articles = []models.KnowledgeArticle{{ID: "kb_1", CaseID: caseA, Title: "空调不制冷", RootCause: "dust", Body: "change the filter", State: "draft", CreatedBy: ann, CreatedAt: friday(10, 0)}}
	items := b.get(ann, "/knowledge-articles?state=draft")["items"].([]any)
	require.Equal(t, "change the filter", items[0].(map[string]any)["body"])
	require.Equal(t, http.StatusUnprocessableEntity, b.call(ann, "GET", "/knowledge-articles?state=secret", "").StatusCode, fmt.Sprint(items))

	b.store.hidden = map[string]bool{caseA: true}
	require.Empty(t, b.get(ann, "/knowledge-articles")["items"], "a draft of a case that is not for the caller")
	require.Len(t, b.get(aud, "/knowledge-articles")["items"], 1)
}
