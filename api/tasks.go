package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// taskNotClaimable is the code of a task that is not open to the members of a team.
const taskNotClaimable errs.Code = "task_not_claimable"

// taskActions says which actions of its case settle a task of a kind, or help to.
var taskActions = map[string][]models.CaseAction{
	models.TaskHandle: {
		models.ActionRespond, models.ActionResolve, models.ActionWait, models.ActionResume, models.ActionAssign, models.ActionExtend,
	},
	models.TaskAccept:     {models.ActionAccept, models.ActionDecline},
	models.TaskAdjudicate: {models.ActionAdjudicate},
	models.TaskSupervise: {
		models.ActionAdjudicate, models.ActionPrioritize, models.ActionAssign, models.ActionEscalate, models.ActionNote,
	},
	models.TaskAcceptAccountability: {models.ActionAcceptAccountability, models.ActionRefuseAccountability},
	models.TaskCallBack:             {models.ActionRespond, models.ActionResolve},
}

// receptionTaskActions says the same of receptions.
var receptionTaskActions = map[string][]models.ReceptionAction{
	models.TaskReviseReception:  {models.ReceptionRevise, models.ReceptionSubmit, models.ReceptionWithdraw},
	models.TaskPrepareReception: {models.ReceptionPrepare},
	models.TaskPrepareItem:      {models.ReceptionPrepare},
	models.TaskRunReception: {
		models.ReceptionPrepare, models.ReceptionStart, models.ReceptionTickOff, models.ReceptionRaiseNeed, models.ReceptionComplete,
	},
	models.TaskSolveNeed:       {models.ReceptionSolveNeed},
	models.TaskSettleReception: {models.ReceptionFeedback, models.ReceptionClaim, models.ReceptionClose},
	models.TaskCheckClaim:      {models.ReceptionPay, models.ReceptionReturnClaim},
}

// relationshipTaskActions says the same of relationships.
var relationshipTaskActions = map[string][]models.RelationshipAction{
	models.TaskReviewClass:       {models.RelationshipClassify, models.RelationshipAppraise},
	models.TaskReviseClass:       {models.RelationshipClassify, models.RelationshipUnclassify},
	models.TaskDraftPlan:         {models.RelationshipPlan},
	models.TaskRevisePlan:        {models.RelationshipPlanRevise, models.RelationshipPlanSubmit, models.RelationshipPlanWithdraw},
	models.TaskDoActivity:        {models.RelationshipPlanDone, models.RelationshipPlanDrop},
	models.TaskClosePlan:         {models.RelationshipPlanClose},
	models.TaskAssessClient:      {models.RelationshipAssess},
	models.TaskImproveRelation:   {models.RelationshipImprove, models.RelationshipImproveStop},
	models.TaskImprovementAction: {models.RelationshipImproved},
	models.TaskContactClient:     {models.RelationshipInteract},
	models.TaskMeetClient:        {models.RelationshipInteract},
	models.TaskKeepCommitment:    {models.RelationshipKeep, models.RelationshipRevoke},
	models.TaskAnswerOpinion:     {models.RelationshipAnswer},
	models.TaskFollowLead:        {models.RelationshipLeadAct, models.RelationshipLeadClose},
	models.TaskAcceptAccount:     {models.RelationshipAccept, models.RelationshipDecline},
	models.TaskRotateManager:     {models.RelationshipHandOver},
}

// settling are the allowed actions that settle a task, or help to.
func settling[A ~string](names []string, allowed, settle []A) []string {
	for _, a := range allowed {
		if slices.Contains(settle, a) {
			names = append(names, string(a))
		}
	}
	return names
}

// tasks serves the inbox over all processes.
type tasks struct {
	cases *cases
	org   Organisation
}

func (h *tasks) routes(r gin.IRouter) {
	r.GET("/tasks", h.list)
	r.POST("/tasks/:id/claim", h.claim)
}

type taskView struct {
	ID         string            `json:"id"`
	Kind       string            `json:"kind"`
	Title      string            `json:"title"`
	Process    string            `json:"process"`
	SubjectID  string            `json:"subject_id"`
	ApprovalID *string           `json:"approval_id"`
	State      models.TaskState  `json:"state"`
	UserID     *string           `json:"user_id"`
	TeamID     *string           `json:"team_id"`
	ClaimedBy  *string           `json:"claimed_by"`
	CreatedAt  Time              `json:"created_at"`
	DueAt      *Time             `json:"due_at"`
	DoneBy     *string           `json:"done_by"`
	DoneAt     *Time             `json:"done_at"`
	Actions    []string          `json:"actions"`
	Why        map[string]string `json:"why"`
}

// who are the rules that say who does what for clients, where one of the tasks is about a relationship.
func (h *tasks) who(ctx context.Context, rows []models.TaskRow) (rules models.RelationshipRules, err error) {
	if !slices.ContainsFunc(rows, func(t models.TaskRow) bool { return t.Relationship != nil }) {
		return rules, nil
	}
	if rules.Matrix, err = h.cases.rules.LatestResponsibility(ctx); err == nil {
		rules.Org, err = h.org.Org(ctx)
	}
	return rules, err
}

// view shows a task to the caller, in their language and with what they may do about it now by the rules.
func (h *tasks) view(c *gin.Context, t models.TaskRow, rules models.RelationshipRules) taskView {
	v := taskView{
		ID: t.ID, Kind: t.Kind, Process: t.Process, SubjectID: t.SubjectID, State: t.State,
		UserID: filled(t.UserID), TeamID: filled(t.TeamID), ClaimedBy: filled(or(t.UserID, t.DoneBy)),
		CreatedAt: Time(t.CreatedAt), DueAt: timePtr(t.DueAt), DoneBy: filled(t.DoneBy), DoneAt: timePtr(t.DoneAt),
		Actions: h.actions(c, t, rules), Why: filledMap(t.Why), Title: title(c, t),
	}
	if t.Approval != nil {
		v.ApprovalID = &t.Approval.ID
	}
	return v
}

// title is what the task is called, in the reader's language.
func title(c *gin.Context, t models.TaskRow) string {
	args := map[string]string{"number": t.Number, "subject": t.Subject}
	if item := t.Why["item"]; item != "" {
		args["item"] = word(c, "item", item)
	}
	if t.Approval != nil {
		args["chain"] = word(c, "chain", t.Approval.Chain.Chain)
	}
	return edgeOf(c).texts.Text(localeOf(c), "task."+t.Kind, args)
}

// actions lists what the caller may do now that settles the task, or helps to. A copy for reading is never settled: what
// may be done to its approval may be done as long as that lasts.
func (h *tasks) actions(c *gin.Context, t models.TaskRow, rules models.RelationshipRules) []string {
	names := []string{}
	switch {
	case t.Approval != nil && (t.State == models.TaskOpen || t.State == models.TaskCopy):
		for _, v := range t.Approval.AllowedVerbs(caller(c).User.ID, h.cases.now()) {
			names = append(names, string(v))
		}
	case t.Kind == models.TaskSurveyCall && t.State == models.TaskOpen && may(c, models.PermSurveyAsk):
		names = append(names, answersAction)
	case t.Reception != nil && t.State == models.TaskOpen:
		names = settling(names, t.Reception.AllowedActions(caller(c).Actor, h.cases.now()), receptionTaskActions[t.Kind])
	case t.Relationship != nil && t.State == models.TaskOpen:
		names = settling(names, models.AllowedRelationship(t.Relationship, caller(c).Actor, rules), relationshipTaskActions[t.Kind])
	case t.Kind == models.TaskReviewInspection && t.State == models.TaskOpen:
		if _, ok := (&models.Inspection{Reviewers: []string{t.UserID}}).Signer(caller(c).Actor); ok {
			names = append(names, actionSignOff)
		}
	case t.Case != nil && t.State == models.TaskOpen:
		names = settling(names, t.Case.AllowedActions(caller(c).Actor, h.cases.now()), taskActions[t.Kind])
	}
	return names
}

// list lists the caller's tasks: the box todo (what waits for them, their teams, and those whose deputy they are), done,
// started or cc. Filters: process, due_before.
func (h *tasks) list(c *gin.Context) {
	q := queryOf(c)
	f := models.TaskFilter{
		Box:     or(oneOf(q, "box", models.BoxTodo, models.BoxDone, models.BoxStarted, models.BoxCC), models.BoxTodo),
		Process: q.text("process"), DueBefore: q.time("due_before"),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.cases.store.Tasks(c.Request.Context(), caller(c).Actor, f, p)
	var rules models.RelationshipRules
	if err == nil {
		rules, err = h.who(c.Request.Context(), rows)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(t models.TaskRow) taskView { return h.view(c, t, rules) })
}

// claim takes a hand-over that was offered to the caller's team: it accepts the case. 404 not the caller's to see; 409
// task_not_claimable for any other task, conflict when a colleague was quicker. Whose own command has settled the task is
// answered again.
func (h *tasks) claim(c *gin.Context) {
	task, err := h.claimed(c)
	if err != nil {
		if errs.CodeOf(err) == errs.Pending {
			c.Header("Location", "/api/v1/cases/"+task.SubjectID) // a task has no page of its own
		}
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, h.view(c, task, models.RelationshipRules{})) // it is a case's
}

func (h *tasks) claimed(c *gin.Context) (models.TaskRow, error) {
	ctx, actor := c.Request.Context(), caller(c).Actor
	task, err := h.cases.store.Task(ctx, actor, c.Param("id"))
	if err != nil {
		return task, err
	}
	if err := bind(c, new(emptyRequest)); err != nil {
		return task, err
	}
	if task.Kind == models.TaskAccept && task.Case != nil && slices.Contains(task.Case.Handled, commandID(c)) {
		return task, nil // to accept again could take another hand-over
	}
	if task.Kind != models.TaskAccept || task.TeamID == "" || task.State != models.TaskOpen {
		return task, errs.New(taskNotClaimable, "task_not_claimable", "kind", task.Kind, "state", string(task.State))
	}
	if _, err := h.cases.update(c, task.SubjectID, models.ActionAccept, nil); err != nil {
		return task, err
	}
	done, err := h.cases.store.Task(ctx, actor, task.ID)
	if err != nil {
		return task, unread(err)
	}
	return done, nil
}

// knowledge serves the solutions worth keeping (C-41).
type knowledge struct{ store Cases }

func (h *knowledge) routes(r gin.IRouter) {
	r.GET("/knowledge-articles", need(models.PermKnowledgeRead), h.list)
}

type articleView struct {
	ID        string `json:"id"`
	CaseID    string `json:"case_id"`
	Title     string `json:"title"`
	RootCause string `json:"root_cause"`
	Body      string `json:"body"`
	State     string `json:"state"`
	CreatedBy string `json:"created_by"`
	CreatedAt Time   `json:"created_at"`
}

// list lists published articles, and drafts from cases that the caller may see, the newest first. Filter: state.
func (h *knowledge) list(c *gin.Context) {
	q := queryOf(c)
	state, p := oneOf(q, "state", "draft", "published"), q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.KnowledgeArticles(c.Request.Context(), caller(c).Actor, state, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(a models.KnowledgeArticle) articleView {
		return articleView{a.ID, a.CaseID, a.Title, a.RootCause, a.Body, a.State, a.CreatedBy, Time(a.CreatedAt)}
	})
}
