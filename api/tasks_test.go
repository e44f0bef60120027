package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// teamOffer is the task of ann's offer to the hotline, which ben and the supervisor belong to.
func teamOffer(t *testing.T) models.TaskRow {
	t.Helper()
	row := someCase(t, caseA)
	row.State.Offer = &models.Offer{TeamID: hotline, ByID: ann, At: friday(10, 0), ExpiresAt: friday(10, 15)}
	return models.TaskRow{
		Task: models.Task{
			ID: taskA, Kind: models.TaskAccept, TeamID: hotline, CreatedAt: friday(10, 0), DueAt: new(friday(10, 15)),
			Why: map[string]string{"rule": "offered"}, State: models.TaskOpen,
		},
		Process: models.ComplaintProcess, SubjectID: caseA, Number: row.State.Number, Subject: row.Record.Subject, Case: &row.State,
	}
}

func TestTaskSaysWhatItIsAboutAndWhatSettlesIt(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.tasks[taskA] = teamOffer(t)
	list := b.get(ben, "/tasks?process=complaint&due_before=2026-03-06T12:00:00Z")
	due := friday(12, 0)
	require.Equal(t, models.TaskFilter{Box: models.BoxTodo, Process: "complaint", DueBefore: &due}, b.store.taskFilter)
	require.Equal(t, []any{map[string]any{
		"id": taskA, "kind": "accept", "title": "Accept or decline CMP-20260306-0001: 空调不制冷", "process": "complaint", "subject_id": caseA,
		"approval_id": nil, "state": "open", "user_id": nil, "team_id": hotline, "claimed_by": nil,
		"created_at": "2026-03-06T10:00:00.000Z", "due_at": "2026-03-06T10:15:00.000Z", "done_by": nil, "done_at": nil,
		"actions": []any{"accept", "decline"}, "why": map[string]any{"rule": "offered"},
	}}, list["items"])

	rec := b.call(ben, "GET", "/tasks", "", "Accept-Language", "zh-CN")
	require.Regexp(t, `"title":"\p{Han}[^"]*CMP-20260306-0001[^"]*空调不制冷"`, bodyText(t, rec))

	task := teamOffer(t)
	task.State, task.DoneBy, task.DoneAt = models.TaskDone, ben, new(friday(10, 5))
	b.store.tasks[taskA] = task
	done := b.get(ben, "/tasks?box=done")["items"].([]any)[0].(map[string]any)
	require.Equal(t, models.BoxDone, b.store.taskFilter.Box)
	require.Empty(t, done["actions"], "nothing is left to do about it")
	require.Equal(t, ben, done["claimed_by"])

	for query, status := range map[string]int{"?box=trash": 422, "?due_before=soon": 400, "?kind=accept": 400, "?due_before=" + beyond: 422} {
		require.Equal(t, status, b.call(ben, "GET", "/tasks"+query, "").StatusCode, query)
	}
}

func TestEveryKindOfTaskHasATitleAndAnActionForSomebody(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		models.TaskHandle, models.TaskAccept, models.TaskAdjudicate, models.TaskSupervise,
		models.TaskAcceptAccountability, models.TaskCallBack,
	} {
		b := newCaseBench(t)
		task := teamOffer(t)
		task.Kind = kind
		task.Case.Transfer = &models.Transfer{ToID: ben, AskedBy: ann, AskedAt: friday(10, 0)}
		if kind == models.TaskAcceptAccountability {
			task.Case.Transfer.ApprovedAt = new(friday(10, 5))
		}
		task.Case.Extension = &models.ExtensionRequest{Milestone: "resolution", AskedBy: ann, AskedAt: friday(10, 0)}
		b.store.tasks[taskA] = task
		var actions []any
		for _, user := range []string{ann, ben, sup} {
			view := b.get(user, "/tasks")["items"].([]any)[0].(map[string]any)
			require.NotContains(t, view["title"], "task.", "no text for the kind")
			actions = append(actions, view["actions"].([]any)...)
		}
		require.NotEmpty(t, actions, kind)
	}
}

func TestTaskOfAnApprovalOffersTheVerbsOfTheCaller(t *testing.T) {
	t.Parallel()
	approvals, b := newApprovalBench(t), newCaseBench(t)
	state := approvals.store.rows[approvalA].State
	task := models.TaskRow{
		Task: models.Task{
			ID: taskA, Kind: approval.TaskApprove, UserID: ben, CreatedAt: friday(9, 0), State: models.TaskOpen,
			Why: map[string]string{"rule": "user", "step": "first", "fact.reception.level": "vip"},
		},
		Process: models.ApprovalProcess, SubjectID: caseA, Number: "CMP-1", Subject: "空调不制冷", Approval: &state,
	}
	view := func(user string) map[string]any {
		b.store.tasks[taskA] = task
		return b.get(user, "/tasks")["items"].([]any)[0].(map[string]any)
	}
	v := view(ben)
	require.Equal(t, "Decide on CMP-1 (reception): 空调不制冷", v["title"])
	require.Equal(t, []any{approvalA, caseA, "approval"}, []any{v["approval_id"], v["subject_id"], v["process"]})
	require.Equal(t, []any{"approve", "reject", "return", "transfer", "delegate", "add-sign", "cc", "comment"}, v["actions"])
	require.Equal(t, map[string]any{"rule": "user", "step": "first", "fact.reception.level": "vip"}, v["why"])
	require.Empty(t, view(sup)["actions"], "not asked yet")

	for _, kind := range []string{approval.TaskApprove, approval.TaskOpinion, approval.TaskRevise, models.TaskRead} {
		task.Kind = kind
		require.NotContains(t, view(ben)["title"], "task.", kind)
	}
	task.State = models.TaskDone
	require.Empty(t, view(ben)["actions"], "nothing is left to do about it")
	task.Kind, task.State = models.TaskRead, models.TaskCopy
	require.Contains(t, view(ben)["actions"], "comment", "a copy never ends")
	p := problem(t, b.call(ben, "POST", "/tasks/"+taskA+"/claim", ""), http.StatusConflict, "task_not_claimable")
	require.NotEmpty(t, p.Detail)
}

func TestClaimAcceptsTheOfferToTheTeam(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.tasks[taskA] = teamOffer(t)
	b.engine.applied = func() {
		task := b.store.tasks[taskA]
		task.State, task.DoneBy, task.DoneAt = models.TaskDone, ben, new(friday(11, 0))
		b.store.tasks[taskA] = task
	}
	view := object(t, b.call(ben, "POST", "/tasks/"+taskA+"/claim", ""), http.StatusOK)
	require.Equal(t, ben, view["claimed_by"])
	require.Equal(t, "done", view["state"])
	require.Len(t, b.engine.sent, 1)
	require.Equal(t, "accept", b.engine.sent[0].name)
	require.Equal(t, "case/"+caseA, b.engine.sent[0].workflowID)
}

// TestClaimIsRepeated: a claim that was carried out, and answered with pending only, is answered under the same key.
func TestClaimIsRepeated(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	b.store.tasks[taskA] = teamOffer(t)
	b.engine.applied = func() {
		task := b.store.tasks[taskA]
		state := *task.Case
		state.Handled = append(state.Handled, b.engine.sent[0].event.Meta.RequestID)
		task.Case, task.State, task.DoneBy, task.DoneAt = &state, models.TaskDone, ben, new(friday(11, 0))
		b.store.tasks[taskA] = task
		b.engine.err = errs.New(errs.Pending, "pending")
	}
	require.Equal(t, http.StatusAccepted, b.call(ben, "POST", "/tasks/"+taskA+"/claim", "", "Idempotency-Key", "k").StatusCode)
	view := object(t, b.call(ben, "POST", "/tasks/"+taskA+"/claim", "", "Idempotency-Key", "k"), http.StatusOK)
	require.Equal(t, []any{"done", ben}, []any{view["state"], view["claimed_by"]})
	require.Len(t, b.engine.sent, 1)
	problem(t, b.call(ben, "POST", "/tasks/"+taskA+"/claim", "", "Idempotency-Key", "another"), http.StatusConflict, "task_not_claimable")
}

func TestClaimRefusesWhatIsNotOpenToATeam(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	for name, change := range map[string]func(*models.TaskRow){
		"other_kind": func(t *models.TaskRow) { t.Kind = models.TaskHandle },
		"for_one":    func(t *models.TaskRow) { t.TeamID, t.UserID = "", ben },
		"settled":    func(t *models.TaskRow) { t.State = models.TaskDone },
	} {
		task := teamOffer(t)
		change(&task)
		b.store.tasks[taskA] = task
		p := object(t, b.call(ben, "POST", "/tasks/"+taskA+"/claim", ""), http.StatusConflict)
		require.Equal(t, "task_not_claimable", p["code"], name)
	}
	require.Empty(t, b.engine.sent)

	b.store.tasks[taskA] = teamOffer(t)
	require.Equal(t, http.StatusNotFound, b.call(ben, "POST", "/tasks/"+id.Derive(id.Task, "t", "none")+"/claim", "").StatusCode)
	require.Equal(t, http.StatusBadRequest, b.call(ben, "POST", "/tasks/"+taskA+"/claim", `{"x":1}`).StatusCode)

	b.engine.err = errs.New(errs.Conflict, "case.state", "action", "accept", "state", "in_progress", "allowed", "respond")
	require.Equal(t, "conflict", object(t, b.call(ben, "POST", "/tasks/"+taskA+"/claim", ""), http.StatusConflict)["code"], "a colleague was quicker")

	b.engine.err = errs.New(errs.Pending, "pending")
	rec := b.call(ben, "POST", "/tasks/"+taskA+"/claim", "")
	require.Equal(t, http.StatusAccepted, rec.StatusCode)
	require.Equal(t, "/api/v1/cases/"+caseA, rec.Header.Get("Location"))
}

func TestTaskOfARelationshipOffersWhatSettlesIt(t *testing.T) {
	t.Parallel()
	b := newCaseBench(t)
	object(t, b.do("boss", "POST", "/api/v1/policies/responsibility/versions", shippedPolicyOf(t, "responsibility"), "Content-Type", "application/yaml"), http.StatusCreated)
	s := &models.RelationshipState{
		ID: acme, Stage: models.StageActive, Class: "A", AccountManagerID: ann,
		Plans:        []models.PlanState{{ID: "plan_1", Status: models.PlanApproved, OwnerID: ann, Activities: []models.ActivityState{{ID: "step_1", OwnerID: ann}}}},
		Improvements: []models.ImprovementState{{ID: "improvement_1", OwnerID: ann}},
		Commitments:  []models.CommitmentState{{ID: "commitment_1", OwnerID: ann}},
		Opinions:     []models.OpinionState{{ID: "opinion_1", OwnerID: ann}},
		Leads:        []models.LeadState{{ID: "lead_1", OwnerID: ann}},
	}
	offered := *s
	offered.HandOver = &models.HandOver{FromID: ben, ToID: ann}
	draft := *s
	draft.Plans = []models.PlanState{{ID: "plan_2", Status: models.PlanDraft, OwnerID: ann}}
	for kind, want := range map[string]struct {
		state   *models.RelationshipState
		actions []any
	}{
		models.TaskReviewClass: {s, []any{"appraise", "classify"}}, models.TaskReviseClass: {s, []any{"classify"}},
		models.TaskDraftPlan: {s, []any{"plan"}}, models.TaskRevisePlan: {&draft, []any{"plan-revise", "plan-submit", "plan-withdraw"}},
		models.TaskDoActivity: {s, []any{"plan-done", "plan-drop"}}, models.TaskClosePlan: {s, []any{"plan-close"}},
		models.TaskAssessClient: {s, []any{"assess"}}, models.TaskImproveRelation: {s, []any{"improve", "improve-stop"}},
		models.TaskImprovementAction: {s, []any{"improved"}}, models.TaskContactClient: {s, []any{"interact"}},
		models.TaskMeetClient: {s, []any{"interact"}}, models.TaskKeepCommitment: {s, []any{"keep", "revoke"}},
		models.TaskAnswerOpinion: {s, []any{"answer"}}, models.TaskFollowLead: {s, []any{"lead-act", "lead-close"}},
		models.TaskAcceptAccount: {&offered, []any{"accept", "decline"}}, models.TaskRotateManager: {s, []any{"hand-over"}},
	} {
		b.store.tasks[taskA] = models.TaskRow{
			Task:    models.Task{ID: taskA, Kind: kind, UserID: ann, CreatedAt: friday(9, 0), State: models.TaskOpen},
			Process: models.RelationshipProcess, SubjectID: acme, Subject: "Acme", Relationship: want.state,
		}
		v := b.get(ann, "/tasks")["items"].([]any)[0].(map[string]any)
		require.Equal(t, want.actions, v["actions"], kind)
		require.NotContains(t, v["title"], "task.", kind)
	}
}
