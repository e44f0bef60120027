package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

func TestCampaignFromDraftToStopped(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.store.people = []campaign.Facts{{RecipientID: "a"}, {RecipientID: "b"}}
	res := b.call(mia, "POST", "/campaigns", newCampaign(nil))
	view := object(t, res, http.StatusCreated)
	path := "/campaigns/" + view["id"].(string)
	require.Equal(t, "/api/v1"+path, res.Header.Get("Location"))
	require.Equal(t, `"1"`, res.Header.Get("ETag"))
	require.Equal(t, "draft", view["state"])
	require.Equal(t, map[string]any{"class": []any{"S", "A"}}, view["audience"])
	require.Equal(t, map[string]any{"from": "09:00", "to": "18:00", "working": true}, view["window"])
	require.Equal(t, map[string]any{"count": 1.0, "spacing": "3d"}, view["reminders"])
	require.Equal(t, []any{"14d", 60.0, 3.0}, []any{view["expires_after"], view["rate"], view["priority"]})
	require.Nil(t, view["schedule"])
	require.Nil(t, view["policy_version"])
	require.Equal(t, []any{"launch", "change"}, view["allowed_actions"])
	progress := b.get(aud, path+"/progress")
	require.Equal(t, []any{0.0, 0.0, "draft", nil}, []any{progress["audience"], progress["run"], progress["state"], progress["score"]})

	view = b.act(timer, path, "launch")
	require.Equal(t, "running", view["state"])
	require.Equal(t, map[string]any{"n": 1.0, "started_at": "2026-03-06T03:00:00.001Z", "until": "2026-03-20T03:00:00.001Z"}, view["run"])
	require.NotNil(t, view["policy_version"])
	require.Empty(t, view["allowed_actions"], "a scheduler launches and nothing else")
	p := problem(t, b.call(timer, "POST", path+"/launch", ""), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "CPN-20260306-0001")

	require.Equal(t, "paused", b.act(mia, path, "pause")["state"])
	view = b.get(amy, path)
	require.Equal(t, mia, view["paused_by"])
	require.Equal(t, "running", b.act(mia, path, "resume")["state"])
	progress = b.get(mia, path+"/progress")
	require.Equal(t, []any{2.0, 2.0, 1.0, "running"}, []any{progress["audience"], progress["pending"], progress["run"], progress["state"]})
	require.Equal(t, "stopped", b.act(mia, path, "stop")["state"])
	problem(t, b.call(mia, "POST", path+"/pause", ""), http.StatusConflict, "conflict")

	events := b.get(aud, path+"/timeline?limit=2")
	require.Len(t, events["items"], 2)
	require.Equal(t, "2", events["next_cursor"])
	run := b.get(aud, path+"/runs")["items"].([]any)[0].(map[string]any)
	require.Equal(t, []any{1.0, 2.0, "cn"}, []any{run["n"], run["audience"], run["calendar_id"]})
	require.Len(t, b.get(aud, "/campaigns?state=stopped")["items"], 1)
	require.Equal(t, models.CampaignFilter{Status: models.CampaignStopped}, b.store.asked)
}

func TestCreateCampaignStartsItsProcessOnce(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	first := b.call(mia, "POST", "/campaigns", newCampaign(nil), "Idempotency-Key", "k", "X-Request-ID", "trace-1")
	again := b.call(mia, "POST", "/campaigns", newCampaign(nil), "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, first.StatusCode)
	require.Equal(t, bodyText(t, first), bodyText(t, again))
	require.Len(t, b.engine.sent, 1)
	s := b.engine.sent[0]
	require.Equal(t, models.CampaignType, s.workflowType)
	require.True(t, strings.HasPrefix(s.workflowID, "campaign/campaign_"))
	require.Equal(t, "create:"+s.meta.RequestID, s.updateID)
	require.Equal(t, []any{mia, "trace-1"}, []any{s.meta.Actor.ID, s.meta.TraceID})
}

// TestCampaignFaults: every fault at once, each with its place.
func TestCampaignFaults(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	for name, tc := range map[string]struct {
		change map[string]any
		want   []string
	}{
		"nothing": {
			map[string]any{"name": nil, "template": nil, "channels": nil, "rate": nil, "expires_after": nil, "reminders": nil},
			[]string{"name:required", "template:required", "channels:required", "rate:between", "expires_after:required"},
		},
		"rate_0":                   {map[string]any{"rate": 0}, []string{"rate:between"}},
		"unknown_template":         {map[string]any{"template": "party"}, []string{"template:unknown_template"}},
		"cron_that_never_comes":    {map[string]any{"schedule": map[string]any{"kind": "cron", "cron": "0 9 31 2 *", "timezone": "Asia/Shanghai"}}, []string{"schedule.cron:cron_never"}},
		"cron_that_cannot_be_read": {map[string]any{"schedule": map[string]any{"kind": "cron", "cron": "often", "timezone": "Mars/North"}}, []string{"schedule.cron:cron_fields", "schedule.timezone:unknown_zone"}},
		"window_without_any_open_hour": {
			map[string]any{"window": map[string]any{"from": "22:00", "to": "23:00"}, "quiet_hours": map[string]any{"from": "21:00", "to": "08:00"}},
			[]string{"window:no_open_hour"},
		},
		"spans": {
			map[string]any{"expires_after": "a while", "reminders": map[string]any{"count": 1, "spacing": "P3D"}, "schedule": map[string]any{"kind": "once", "at": "9999-01-01T00:00:00Z", "catch_up_window": "x"}},
			[]string{"reminders.spacing:bad_span", "expires_after:bad_span", "schedule.catch_up_window:bad_span", "schedule.at:between"},
		},
		"schedule_of_the_past":   {map[string]any{"schedule": map[string]any{"kind": "once", "at": "2026-03-05T00:00:00Z"}}, []string{"schedule.at:future"}},
		"reminder_after_the_end": {map[string]any{"expires_after": "2d"}, []string{"reminders.spacing:reminder_after_expiry"}},
		"hostile_and_oversized": {
			map[string]any{"name": strings.Repeat("长", 121), "channels": []any{"telepathy", "email", "email"}, "audience": map[string]any{"class": []any{"X"}, "last_contact_before": "'; DROP TABLE"}, "priority": 9},
			[]string{"name:max", "audience.class[0]:oneof", "audience.last_contact_before:date_or_span", "channels[0]:oneof", "channels[2]:duplicate", "priority:between"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem(t, b.call(mia, "POST", "/campaigns", newCampaign(tc.change)), http.StatusUnprocessableEntity, "invalid")
			require.Equal(t, tc.want, p.faults())
		})
	}
	for name, body := range map[string]string{
		"unknown_field":         `{"audience":{"colour":["red"]}}`,
		"wrong_type":            `{"rate":"fast"}`,
		"schedule_at_no_time":   `{"schedule":{"kind":"once","at":"soon"}}`,
		"null_for_what_must_be": `{"name":null}`,
	} {
		problem(t, b.call(mia, "POST", "/campaigns", body), http.StatusBadRequest, "malformed")
		require.NotEmpty(t, name)
	}
	require.Empty(t, b.engine.sent)
}

func TestChangeCampaignMergesFields(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	path := b.make(map[string]any{"schedule": map[string]any{"kind": "cron", "cron": "0 9 1 * *", "timezone": "Asia/Shanghai"}})
	require.Equal(t, "scheduled", b.get(mia, path)["state"])
	res := b.call(mia, "PATCH", path, `{"rate":30,"schedule":null,"reminders":null,"quiet_hours":{}}`, "If-Match", `"1"`)
	view := object(t, res, http.StatusOK)
	require.Equal(t, `"2"`, res.Header.Get("ETag"))
	require.Equal(t, []any{30.0, nil, map[string]any{"count": 0.0}, map[string]any{}, "客户服务日"}, []any{view["rate"], view["schedule"], view["reminders"], view["quiet_hours"], view["name"]})
	require.Equal(t, "draft", view["state"])
	var cmd models.DefineCampaign
	sent := b.engine.sent[len(b.engine.sent)-1]
	require.NoError(t, json.Unmarshal(sent.data, &cmd))
	require.Equal(t, []any{"change", int64(1), "relationship"}, []any{sent.name, cmd.Version, cmd.Definition.Template})

	problem(t, b.call(mia, "PATCH", path, `{"rate":10}`, "If-Match", `"1"`), http.StatusPreconditionFailed, "precondition_failed")
	p := problem(t, b.call(mia, "PATCH", path, `{"rate":0,"expires_after":"1m"}`), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"rate:between", "expires_after:between"}, p.faults())
	require.EqualValues(t, 30, b.get(mia, path)["rate"])
	require.Equal(t, http.StatusOK, b.call(mia, "PATCH", path, `{}`).StatusCode)
}

func TestACampaignSaysItsInstantAsAllAnswersDo(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	path := b.make(map[string]any{"schedule": map[string]any{"kind": "once", "at": "2027-03-01T09:00:00+08:00"}})
	require.Equal(t, map[string]any{"kind": "once", "at": "2027-03-01T01:00:00.000Z"}, b.get(mia, path)["schedule"])
}

func TestLaunchWithoutAudienceIsRefused(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	path := b.make(nil)
	p := problem(t, b.call(timer, "POST", path+"/launch", ""), http.StatusConflict, "conflict")
	require.Equal(t, "Nobody belongs to the audience of this campaign now.", p.Detail)
	require.Equal(t, "draft", b.get(mia, path)["state"])
}

// TestCampaignRoles: a manager makes and changes campaigns, a scheduler launches them and nothing else.
func TestCampaignRoles(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.store.people = []campaign.Facts{{RecipientID: "a"}}
	path := b.make(nil)
	readers, managers := []string{mia, amy, sup, aud}, []string{mia}
	for _, tc := range []struct {
		method, path, body string
		allowed            []string
	}{
		{"GET", "/campaigns", "", readers},
		{"GET", path, "", readers},
		{"GET", path + "/progress", "", readers},
		{"GET", path + "/runs", "", readers},
		{"GET", path + "/recipients", "", readers},
		{"GET", path + "/timeline", "", readers},
		{"POST", path + "/forecast", "", readers},
		{"GET", "/surveys/scores", "", readers},
		{"GET", "/surveys/recovery", "", readers},
		{"GET", "/invitations", "", []string{mia, amy, sup, ben, fin, aud}},
		{"POST", "/campaigns", newCampaign(nil), managers},
		{"PATCH", path, `{"rate":5}`, managers},
		{"POST", path + "/launch", "", []string{timer}},
		{"POST", path + "/pause", "", managers},
		{"POST", path + "/resume", "", managers},
		{"POST", path + "/stop", "", managers},
	} {
		for _, user := range []string{amy, sup, aud, ben, fin, timer, mia} {
			res := b.call(user, tc.method, tc.path, tc.body)
			if slices.Contains(tc.allowed, user) {
				require.Less(t, res.StatusCode, 300, "%s %s as %s: %s", tc.method, tc.path, user, bodyText(t, res))
			} else if user != mia { // who may launch as well, but it runs by then
				problem(t, res, http.StatusForbidden, "forbidden")
			}
		}
	}
}

func TestUnknownCampaign(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	for _, call := range [][2]string{
		{"GET", ""},
		{"PATCH", ""},
		{"GET", "/progress"},
		{"GET", "/runs"},
		{"GET", "/recipients"},
		{"GET", "/timeline"},
		{"POST", "/forecast"},
		{"POST", "/pause"},
		{"POST", "/resume"},
		{"POST", "/stop"},
		{"POST", "/launch"},
	} {
		problem(t, b.call(mia, call[0], "/campaigns/"+campaignNone+call[1], ""), http.StatusNotFound, "not_found")
	}
	problem(t, b.call(mia, "POST", "/campaigns/no-id/launch", ""), http.StatusNotFound, "not_found")
	path := b.make(nil)
	problem(t, b.call(mia, "GET", path+"/progress?run=1", ""), http.StatusNotFound, "not_found")
	require.Equal(t, []string{"run:between"}, problem(t, b.call(mia, "GET", path+"/progress?run=0", ""), http.StatusUnprocessableEntity, "invalid").faults())
	require.Equal(t, []string{"state:oneof"}, problem(t, b.call(mia, "GET", path+"/recipients?state=happy", ""), http.StatusUnprocessableEntity, "invalid").faults())
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	problem(t, b.call(mia, "POST", path+"/launch", ""), http.StatusServiceUnavailable, "unavailable")
	b.engine.err = errs.New(errs.Pending, "pending")
	res := b.call(mia, "POST", path+"/launch", "")
	require.Equal(t, "/api/v1"+path, res.Header.Get("Location"))
	problem(t, res, http.StatusAccepted, "pending")
}

func TestProgressShowsWhyAndTheScore(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.store.people = make([]campaign.Facts, 10)
	path := b.make(nil)
	b.act(timer, path, "launch")
	run := &b.store.runs[0]
	run.Pending, run.Sent, run.Skipped, run.Failed, run.Responded, run.Reminded = 1, 6, 2, 1, 6, 3
	run.SkippedBy, run.FailedBy, run.WaitingFor = map[string]int64{"opt_out": 2}, map[string]int64{"channels_failed": 1}, map[string]int64{"quiet_hours": 1}
	b.store.counts = []models.ScoreCounts{{Template: "relationship", Question: "recommend", Kind: survey.KindNPS, Counts: map[int]int{10: 4, 7: 1, 0: 1}, Asked: 6}}
	v := b.get(amy, path+"/progress?run=1")
	for name, want := range map[string]any{
		"audience": 10.0, "pending": 1.0, "sent": 6.0, "delivered": 6.0, "skipped": 2.0, "failed": 1.0, "withdrawn": 0.0, "responded": 6.0, "reminded": 3.0,
		"expired": 0.0, "repeated": 0.0, "skipped_by": map[string]any{"opt_out": 2.0}, "failed_by": map[string]any{"channels_failed": 1.0},
		"waiting_for": map[string]any{"quiet_hours": 1.0}, "run": 1.0, "state": "running",
	} {
		require.Equal(t, want, v[name], name)
	}
	score := v["score"].(map[string]any)
	require.Equal(t, []any{"nps", 6.0, 50.0, "adjusted_wald", 5.0}, []any{score["name"], score["n"], score["value"], score["method"], score["minimum_n"]})
	require.Equal(t, []any{run.ID, "relationship"}, b.store.asked)

	b.store.counts[0].Counts = map[int]int{10: 4}
	score = b.get(amy, path+"/progress")["score"].(map[string]any)
	require.Nil(t, score["value"], "four answers are too few")
	require.EqualValues(t, 4, score["n"])
}

func TestRecipientsShowWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.store.people = make([]campaign.Facts, 1)
	path := b.make(nil)
	require.Empty(t, b.get(amy, path+"/recipients")["items"], "no run yet")
	b.act(timer, path, "launch")
	b.store.recipients = []models.RecipientRow{{
		ID: "r1", ClientID: acme, Class: "A", State: models.RecipientSkipped, Reason: "opt_out", Recipient: models.Recipient{Name: "Zhang Min", TimeZone: "Asia/Shanghai"},
	}}
	row := b.get(amy, path+"/recipients?run=1&state=skipped")["items"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"skipped", "opt_out", nil, nil}, []any{row["state"], row["reason"], row["channel"], row["campaign_version"]})
	require.Equal(t, []string{b.store.runs[0].ID, "skipped"}, b.store.asked)
}

// TestForecast: it is played by the policy in force, and adds up.
func TestForecast(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	path := b.make(map[string]any{"rate": 1, "channels": []any{"email"}})
	for range 3 {
		b.store.people = append(b.store.people, campaign.Facts{RecipientID: id.New(id.Contact), Class: "A", Zone: "Asia/Shanghai", Addresses: map[campaign.Channel]bool{campaign.ByEmail: true}})
	}
	b.store.people = append(b.store.people, campaign.Facts{RecipientID: "x", Class: "A", OptedOut: true}, campaign.Facts{RecipientID: "y", OpenComplaint: true, Addresses: map[campaign.Channel]bool{campaign.ByEmail: true}})
	v := object(t, b.call(amy, "POST", path+"/forecast", ""), http.StatusOK)
	require.Equal(t, []any{5.0, 3.0, 2.0, map[string]any{"opt_out": 1.0, "open_complaint": 1.0}}, []any{v["audience"], v["sent"], v["skipped"], v["skipped_by"]})
	require.Equal(t, "2026-03-06T03:00:00.000Z", v["starts_at"])
	require.Equal(t, "2026-03-20T03:00:00.000Z", v["until"])
	require.Equal(t, []any{campaign.Audience{Class: []string{"S", "A"}}, friday(3, 0).UTC(), "Asia/Shanghai", "client"}, b.store.asked)
	hour := v["per_hour"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"2026-03-06T03:00:00.000Z", 3.0}, []any{hour["hour"], hour["sent"]})
	require.Empty(t, b.store.runs, "nothing is begun")

	v = object(t, b.call(amy, "POST", path+"/forecast", `{"starts_at":"2026-03-06T14:00:00Z"}`), http.StatusOK)
	require.Equal(t, map[string]any{"quiet_hours": 3.0}, v["deferred_by"], "it is night at the recipients")
	p := problem(t, b.call(amy, "POST", path+"/forecast", `{"starts_at":"2026-03-05T14:00:00Z"}`), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"starts_at:future"}, p.faults())
}

func TestScores(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.store.people = make([]campaign.Facts, 1)
	path := b.make(nil)
	b.act(timer, path, "launch")
	b.store.counts = []models.ScoreCounts{
		{Template: "reception", Question: "satisfaction", Kind: survey.KindCSAT, Counts: map[int]int{5: 3, 4: 1, 2: 1}, Asked: 10},
		{Template: "reception", Question: "expected", Kind: survey.KindExpectation, Counts: map[int]int{5: 5}, Asked: 10},
		{Template: "reception", Question: "perceived", Kind: survey.KindPerception, Counts: map[int]int{-1: 5}, Asked: 10},
		{Template: "case_resolved", Asked: 3},
	}
	campaignID := strings.TrimPrefix(path, "/campaigns/")
	v := b.get(amy, "/surveys/scores?template=reception&campaign_id="+campaignID+"&run=1&client_id="+acme+"&accountable_id="+hal+"&from=2026-01-01T00:00:00Z&until=2026-04-01T00:00:00Z")
	items := v["items"].([]any)
	require.Len(t, items, 2, "what was expected is no score by itself")
	csat, gap := items[0].(map[string]any), items[1].(map[string]any)
	require.Equal(t, []any{"csat", 5.0, 80.0, "wilson"}, []any{csat["name"], csat["n"], csat["value"], csat["method"]})
	require.Less(t, csat["low"], csat["value"])
	rate := csat["response_rate"].(map[string]any)
	require.Equal(t, []any{10.0, 50.0}, []any{rate["n"], rate["value"]})
	require.Equal(t, []any{"gap", -1.0, "student_t"}, []any{gap["name"], gap["value"], gap["method"]})
	f := b.store.asked.(models.ScoreFilter)
	require.Equal(t, []string{"reception", campaignID, b.store.runs[0].ID, acme, hal}, []string{f.Template, f.CampaignID, f.RunID, f.ClientID, f.AccountableID})
	require.Equal(t, 2026, f.From.Year())

	require.Equal(t, []string{"campaign_id:required"}, problem(t, b.call(amy, "GET", "/surveys/scores?run=1", ""), http.StatusUnprocessableEntity, "invalid").faults())
	require.Equal(t, []string{"until:after"}, problem(t, b.call(amy, "GET", "/surveys/scores?from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", ""), http.StatusUnprocessableEntity, "invalid").faults())
	problem(t, b.call(amy, "GET", "/surveys/scores?run=9&campaign_id="+campaignID, ""), http.StatusNotFound, "not_found")

	b.store.recovery = models.Recovery{Opened: 9, Asked: 8, Answered: 6, Recovered: 3, Changes: map[int]int{2: 3, 0: 3}}
	v = b.get(amy, "/surveys/recovery?template=recovery")
	require.Equal(t, []any{9.0, 8.0, 6.0, 3.0, 1.0, 50.0}, []any{v["opened"], v["asked"], v["answered"], v["recovered"], v["average_change"], v["recovery_rate"].(map[string]any)["value"]})
	b.store.recovery = models.Recovery{Opened: 2, Asked: 2, Answered: 1, Recovered: 1, Changes: map[int]int{2: 1}}
	v = b.get(amy, "/surveys/recovery")
	require.Nil(t, v["average_change"], "one answer is too few")
}
