package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

const responses = "/responses/" + linkA

// TestResponsesByLink: partial answers are kept, the last required one uses the link up.
func TestResponsesByLink(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	v := object(t, b.call("", "POST", responses, `{"answers":{"ease":{"score":6}},"locale":"zh-CN"}`, "X-Request-ID", "trace-1"), http.StatusOK)
	require.Equal(t, map[string]any{"complete": false, "missing": []any{"satisfaction"}}, v)
	require.Equal(t, "zh-CN", b.responses()[0].Locale)
	require.Equal(t, "trace-1", b.engine.sent[0].meta.TraceID)
	v = object(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":2},"reason":{"text":"slow"}}}`), http.StatusOK)
	require.Equal(t, map[string]any{"complete": true, "missing": []any{}}, v)
	kept := b.store.invitations[invitationA]
	require.Len(t, kept.Answers, 3)
	require.True(t, kept.Complete)
	p := problem(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":5}}}`), http.StatusConflict, "process_closed")
	require.Equal(t, "This survey was answered already.", p.Detail)
	require.Equal(t, 2, *b.store.invitations[invitationA].Score, "the first response stands")
}

// TestResponseIsRepeated: a response whose answer got lost can be given again under the same key.
func TestResponseIsRepeated(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	part, rest := `{"answers":{"ease":{"score":6}}}`, `{"answers":{"satisfaction":{"score":4}}}`
	for range 2 {
		v := object(t, b.call("", "POST", responses, part, "Idempotency-Key", "k"), http.StatusOK)
		require.Equal(t, map[string]any{"complete": false, "missing": []any{"satisfaction"}}, v)
	}
	for range 2 {
		v := object(t, b.call("", "POST", responses, rest, "Idempotency-Key", "k"), http.StatusOK)
		require.Equal(t, map[string]any{"complete": true, "missing": []any{}}, v, "another body is another response")
	}
	require.Len(t, b.store.follows[invitationA].Handled, 2, "each is taken once")
	require.Equal(t, "respond:"+b.engine.sent[0].meta.RequestID, b.engine.sent[1].updateID)
	object(t, b.call("", "POST", responses, part, "Idempotency-Key", "k"), http.StatusOK)
	problem(t, b.call("", "POST", responses, rest, "Idempotency-Key", "another"), http.StatusConflict, "process_closed")
	problem(t, b.call("", "POST", responses, rest), http.StatusConflict, "process_closed")
	problem(t, b.call("", "POST", responses, rest, "Idempotency-Key", strings.Repeat("k", 256)), http.StatusBadRequest, "malformed")
}

func TestResponsesAreHeldAgainstTheTemplate(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	p := problem(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":6},"ease":{"text":"very"},"reason":{"text":"x"},"colour":{"choices":["red"]}}}`), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"answers.satisfaction:between", "answers.reason:question_hidden", "answers.ease.text:answer_kind", "answers.colour:unknown_question"}, p.faults())
	p = problem(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":1},"reason":{"text":"`+strings.Repeat("长", 2001)+`"}}}`), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"answers.reason:max"}, p.faults())
	p = problem(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":1},"reason":{"text":"\u202eevil"}}}`), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"answers.reason:control_character"}, p.faults())
	p = problem(t, b.call("", "POST", responses, ``), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"answers:required"}, p.faults())
	problem(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"stars":1}}}`), http.StatusBadRequest, "malformed")
	problem(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":"5"}}}`), http.StatusBadRequest, "malformed")
	problem(t, b.call("", "POST", responses, `{"answers":{"reason":{"text":"`+strings.Repeat("x", 1<<20)+`"}}}`), http.StatusRequestEntityTooLarge, "too_large")
	require.Empty(t, b.engine.sent)

	// Text is data: it is kept and answered as it was written.
	const hostile = `<script>alert(1)</script>'; DROP TABLE answers; -- {{.}}`
	object(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":1},"reason":{"text":"`+hostile+`"}}}`), http.StatusOK)
	require.Equal(t, hostile, b.store.invitations[invitationA].Answers["reason"].Text)
}

func TestResponsesByDeadLinks(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	body := `{"answers":{"satisfaction":{"score":5}}}`
	for _, token := range []string{"mcq_unknown", "x", "mcs_session", "%00", strings.Repeat("y", 3000)} {
		problem(t, b.call("", "POST", "/responses/"+token, body), http.StatusNotFound, "not_found")
	}
	for want, change := range map[string]func(*models.SurveyInvitation){
		"The time to answer this survey is over.": func(i *models.SurveyInvitation) { i.ExpiresAt = friday(3, 0) },
		"This survey takes no answers any more.":  func(i *models.SurveyInvitation) { i.Withdrawn = true },
		"This survey was answered already.":       func(i *models.SurveyInvitation) { i.Complete = true },
	} {
		b.invite("case_resolved", change)
		require.Equal(t, want, problem(t, b.call("", "POST", responses, body), http.StatusConflict, "process_closed").Detail)
		object(t, b.call("", "POST", responses, `{"opt_out":true}`), http.StatusOK)
		require.NotEmpty(t, b.store.optedOut, "that is always taken")
	}
	b.invite("case_resolved")
	b.engine.err = errs.New(errs.NotFound, "process_unknown")
	problem(t, b.call("", "POST", responses, body), http.StatusConflict, "process_closed")
	b.engine.err = errs.New(errs.Unavailable, "unavailable.engine")
	problem(t, b.call("", "POST", responses, body), http.StatusServiceUnavailable, "unavailable")
	b.engine.err = errs.New(errs.Pending, "pending")
	res := b.call("", "POST", responses, body)
	problem(t, res, http.StatusAccepted, "pending")
	require.Equal(t, http.StatusOK, b.do("", "GET", res.Header.Get("Location"), "").StatusCode)
}

func TestOptOutWithTheAnswer(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	v := object(t, b.call("", "POST", responses, `{"answers":{"satisfaction":{"score":5}},"opt_out":true}`), http.StatusOK)
	require.Equal(t, true, v["complete"])
	require.NotEmpty(t, b.store.optedOut)
	require.True(t, b.store.invitations[invitationA].OptedOut)
}

const invitation = "/invitations/"

// TestInvitationIsAFormForThePhone: for the account manager, and who has the task to call.
func TestInvitationIsAFormForThePhone(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	path := invitation + invitationA
	v := b.get(amy, path)
	require.Equal(t, []any{"asked", "campaign", false, []any{"answers"}, []any{"satisfaction"}}, []any{v["state"], v["purpose"], v["complete"], v["allowed_actions"], v["missing"]})
	require.Equal(t, "Zhang Min", v["contact"].(map[string]any)["name"])
	form := v["form"].(map[string]any)
	require.Equal(t, []any{"en", "How did we handle your request?", "Customer Relations"}, []any{form["language"], form["title"], form["sender"]})
	questions := form["questions"].([]any)
	require.Len(t, questions, 3)
	reason := questions[1].(map[string]any)
	require.Equal(t, []any{"reason", "text", false, "satisfaction <= 2", 2000.0}, []any{reason["id"], reason["kind"], reason["applies"], reason["when"], reason["max_length"]})
	scale := questions[0].(map[string]any)
	require.Equal(t, []any{1.0, 5.0, "Very dissatisfied", true}, []any{scale["min"], scale["max"], scale["low"], scale["required"]})

	v = object(t, b.call(amy, "POST", path+"/answers", `{"answers":{"satisfaction":{"score":2},"reason":{"text":"slow"}}}`), http.StatusOK)
	require.Equal(t, []any{"answered", true, 2.0, "dissatisfied", []any{}}, []any{v["state"], v["complete"], v["score"], v["verdict"], v["allowed_actions"]})
	require.Equal(t, map[string]any{"text": "slow"}, v["answers"].(map[string]any)["reason"])
	require.NotNil(t, v["case_id"])
	sent := b.engine.sent[0]
	require.Equal(t, amy, sent.meta.Actor.ID, "who recorded it is known")
	require.Equal(t, "respond:"+sent.meta.RequestID, sent.updateID)
	problem(t, b.call(amy, "POST", path+"/answers", `{"answers":{"satisfaction":{"score":5}}}`), http.StatusConflict, "process_closed")
}

// TestWhoMayAskByPhone: 404 for those who may not know of it, 403 for those who only read it.
func TestWhoMayAskByPhone(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	path, body := invitation+invitationA, `{"answers":{"satisfaction":{"score":5}}}`
	for _, user := range []string{ben, fin, sup} {
		problem(t, b.call(user, "GET", path, ""), http.StatusNotFound, "not_found")
		problem(t, b.call(user, "POST", path+"/answers", body), http.StatusNotFound, "not_found")
	}
	problem(t, b.call(timer, "GET", path, ""), http.StatusForbidden, "forbidden")
	for _, user := range []string{mia, aud} {
		v := b.get(user, path)
		require.Empty(t, v["allowed_actions"])
		problem(t, b.call(user, "POST", path+"/answers", body), http.StatusForbidden, "forbidden")
	}
	problem(t, b.call(mia, "GET", invitation+id.Derive(id.Invitation, "t", "none"), ""), http.StatusNotFound, "not_found")
	problem(t, b.call(mia, "GET", invitation+"x", ""), http.StatusNotFound, "not_found")
	require.Empty(t, b.engine.sent)

	b.inbox.tasks[taskA] = models.TaskRow{Task: models.Task{ID: taskA, Kind: models.TaskSurveyCall, State: models.TaskOpen, UserID: ben}, SubjectID: invitationA}
	require.Equal(t, []any{"answers"}, b.get(ben, path)["allowed_actions"])
	require.Equal(t, models.TaskFilter{Box: models.BoxTodo, SubjectID: invitationA}, b.inbox.taskFilter)
	object(t, b.call(ben, "POST", path+"/answers", body), http.StatusOK)
	task := b.get(ben, "/tasks?box=todo")["items"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"answers"}, task["actions"])
}

// TestAnswersByPhoneAreRepeated: answers that were taken, and answered with pending only, are answered under the same key, even
// though with them the invitation is used up and the task to call is done, which was the caller's only right.
func TestAnswersByPhoneAreRepeated(t *testing.T) {
	t.Parallel()
	for _, user := range []string{amy, ben} {
		b := newCampaignBench(t)
		b.invite("case_resolved")
		path, body := invitation+invitationA+"/answers", `{"answers":{"satisfaction":{"score":5}}}`
		b.inbox.tasks[taskA] = models.TaskRow{Task: models.Task{ID: taskA, Kind: models.TaskSurveyCall, State: models.TaskOpen, UserID: ben}, SubjectID: invitationA}
		b.engine.late = errs.New(errs.Pending, "pending")
		problem(t, b.call(user, "POST", path, body, "Idempotency-Key", "k"), http.StatusAccepted, "pending")
		b.engine.late = nil
		delete(b.inbox.tasks, taskA)
		v := object(t, b.call(user, "POST", path, body, "Idempotency-Key", "k"), http.StatusOK)
		require.Equal(t, []any{"answered", true, 5.0, []any{}}, []any{v["state"], v["complete"], v["score"], v["allowed_actions"]})
		require.Len(t, b.store.follows[invitationA].Handled, 1)
	}
	b := newCampaignBench(t)
	b.invite("case_resolved", func(i *models.SurveyInvitation) { i.Complete = true })
	for user, status := range map[string]int{amy: http.StatusConflict, ben: http.StatusNotFound, mia: http.StatusForbidden} {
		require.Equal(t, status, b.call(user, "POST", invitation+invitationA+"/answers", `{"answers":{"satisfaction":{"score":5}}}`, "Idempotency-Key", "k").StatusCode)
	}
}

// TestAccountableReadsTheAnswers: who was accountable for what it asks about may read it, and not answer.
func TestAccountableReadsTheAnswers(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved", func(i *models.SurveyInvitation) { i.AccountableID = ben })
	require.Empty(t, b.get(ben, invitation+invitationA)["allowed_actions"])
	problem(t, b.call(ben, "POST", invitation+invitationA+"/answers", `{}`), http.StatusForbidden, "forbidden")
}

func TestListInvitations(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	row := b.invite("reception", func(i *models.SurveyInvitation) { i.Verdict = survey.NoVerdict })
	items := b.get(amy, "/invitations?subject_id="+campaignNone+"&client_id="+acme+"&run="+row.RunID+"&answered=false")["items"].([]any)
	require.Equal(t, invitationA, items[0].(map[string]any)["id"])
	require.Equal(t, models.InvitationFilter{SubjectID: campaignNone, ClientID: acme, RunID: row.RunID, Answered: new(false)}, b.store.asked)
	require.Equal(t, amy, b.store.actor.ID)
	require.Equal(t, []string{"client_id:typeid", "run:typeid"}, problem(t, b.call(amy, "GET", "/invitations?client_id=x&run=1", ""), http.StatusUnprocessableEntity, "invalid").faults())
}

// TestSkippedInvitationAsksNothing: what was skipped before there was a template can be read all the same.
func TestSkippedInvitationAsksNothing(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("", func(i *models.SurveyInvitation) { i.SurveyVersion, i.Withdrawn, i.AskedAt = 0, true, nil })
	v := b.get(mia, invitation+invitationA)
	require.Equal(t, []any{"withdrawn", nil}, []any{v["state"], v["form"]})
	require.Equal(t, http.StatusGone, b.open(linkPage).StatusCode)
}

func TestContactsHaveATimeZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("admin", "POST", "/api/v1/clients/"+firmID+"/contacts", `{"name":"Zhang Min","time_zone":"Europe/Berlin"}`), http.StatusCreated)
	require.Equal(t, "Europe/Berlin", v["time_zone"])
	v = object(t, w.do("admin", "GET", "/api/v1/clients/"+firmID+"/contacts", ""), http.StatusOK)
	require.Equal(t, "Europe/Berlin", v["items"].([]any)[0].(map[string]any)["time_zone"])
	p := problem(t, w.do("admin", "POST", "/api/v1/clients/"+firmID+"/contacts", `{"name":"x","time_zone":"Mars/North"}`), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"time_zone:time_zone"}, p.faults())
}
