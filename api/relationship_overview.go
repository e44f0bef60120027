package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// overviewView is everything about one client on one page, each section the newest of its kind and bounded.
type overviewView struct {
	Client         clientView                  `json:"client"`
	Contacts       []clientContactView         `json:"contacts"`
	Relationship   *bondView                   `json:"relationship"`
	ClassHistory   []classificationView        `json:"class_history"`
	Plans          []clientPlanView            `json:"plans"`
	Assessments    []assessmentView            `json:"assessments"`
	Improvements   []improvementView           `json:"improvements"`
	Interactions   []interactionView           `json:"interactions"`
	Commitments    []commitmentView            `json:"commitments"`
	Opinions       []opinionView               `json:"opinions"`
	Leads          []leadView                  `json:"leads"`
	Tasks          []clientTaskView            `json:"tasks"`
	OpenCases      []clientCaseView            `json:"open_cases"`
	PastCases      []clientCaseView            `json:"past_cases"`
	Receptions     []clientVisitView           `json:"receptions"`
	Responses      []clientResponseView        `json:"responses"`
	Timeline       []clientEventView           `json:"timeline"`
	Hidden         []string                    `json:"hidden"`
	Narrowed       []string                    `json:"narrowed"`
	AllowedActions []models.RelationshipAction `json:"allowed_actions"`
}

// bondView is the relationship in an overview: what does not stand in a section of its own.
type bondView struct {
	Stage            models.Stage     `json:"stage"`
	Class            string           `json:"class"`
	ClassSince       Time             `json:"class_since"`
	AccountManagerID *string          `json:"account_manager_id"`
	Team             []postView       `json:"team"`
	Levels           []levelView      `json:"levels"`
	Cadence          cadenceView      `json:"cadence"`
	Proposal         *proposalView    `json:"proposal"`
	Health           healthView       `json:"health"`
	NextObligations  []obligationView `json:"next_obligations"`
}

type clientCaseView struct {
	ID            string            `json:"id"`
	Number        string            `json:"number"`
	Type          models.CaseType   `json:"type"`
	State         models.CaseStatus `json:"state"`
	Priority      string            `json:"priority"`
	Subject       string            `json:"subject"`
	AccountableID *string           `json:"accountable_id"`
	AssigneeID    *string           `json:"assignee_id"`
	Breached      bool              `json:"breached"`
	NextDueAt     *Time             `json:"next_due_at"`
	CreatedAt     Time              `json:"created_at"`
	ClosedAt      *Time             `json:"closed_at"`
}

type clientVisitView struct {
	ID          string                 `json:"id"`
	Number      string                 `json:"number"`
	State       models.ReceptionStatus `json:"state"`
	Kind        string                 `json:"kind"`
	Level       string                 `json:"level"`
	Purpose     string                 `json:"purpose"`
	RequesterID string                 `json:"requester_id"`
	StartsAt    *Time                  `json:"starts_at"`
	EndsAt      *Time                  `json:"ends_at"`
	CreatedAt   Time                   `json:"created_at"`
}

type clientResponseView struct {
	InvitationID string         `json:"invitation_id"`
	Purpose      models.Purpose `json:"purpose"`
	SubjectID    *string        `json:"subject_id"`
	Template     string         `json:"template"`
	ContactID    *string        `json:"contact_id"`
	Name         string         `json:"name"`
	Score        *int           `json:"score"`
	Verdict      *string        `json:"verdict"`
	Complete     bool           `json:"complete"`
	AnsweredAt   Time           `json:"answered_at"`
}

type clientTaskView struct {
	ID        string  `json:"id"`
	Kind      string  `json:"kind"`
	UserID    *string `json:"user_id"`
	TeamID    *string `json:"team_id"`
	DueAt     *Time   `json:"due_at"`
	CreatedAt Time    `json:"created_at"`
}

type clientEventView struct {
	eventView
	Process   string  `json:"process"`
	SubjectID string  `json:"subject_id"`
	Number    *string `json:"number"`
}

// The sections of more than one part that the row rule of one process governs.
var (
	relationshipSections = []string{"relationship", "class_history", "plans", "assessments", "improvements", "interactions", "commitments", "opinions", "leads", "tasks"}
	caseSections         = []string{"open_cases", "past_cases"}
)

// overview answers everything about one client on one page. What the caller may not see is left out and named in hidden;
// sections that show only what the caller has a part in are named in narrowed. 404 unknown.
func (h *relationships) overview(c *gin.Context) {
	view, err := h.surveyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

func (h *relationships) surveyed(c *gin.Context) (overviewView, error) {
	ctx, actor := c.Request.Context(), caller(c).Actor
	client, err := h.store.Client(ctx, c.Param("id"))
	if err != nil {
		return overviewView{}, err
	}
	o, err := h.store.Overview(ctx, actor, client.ID)
	if err != nil {
		return overviewView{}, err
	}
	v := toOverviewView(client, o)
	if o.Relationship != nil {
		err = h.bond(c, &v, o)
	} else if _, err = h.store.RelationshipState(ctx, client.ID); err == nil {
		v.Hidden = append(v.Hidden, relationshipSections...)
	} else if errs.CodeOf(err) == errs.NotFound { // it has not begun yet
		err = nil
	}
	for _, of := range []struct {
		process  string
		all      models.Permission
		sections []string
	}{
		{models.ComplaintProcess, models.PermCaseReadAll, caseSections},
		{models.ReceptionProcess, models.PermReceptionReadAll, []string{"receptions"}},
		{models.FollowUpProcess, models.PermSurveyReadAll, []string{"responses"}},
	} {
		if !inRight(actor, of.process, of.all) {
			v.Narrowed = append(v.Narrowed, of.sections...)
		}
	}
	if len(v.Hidden)+len(v.Narrowed) > 0 {
		v.Narrowed = append(v.Narrowed, "timeline")
	}
	return v, err
}

// bond adds what the state of the relationship says.
func (h *relationships) bond(c *gin.Context, v *overviewView, o models.ClientOverview) error {
	ctx, s := c.Request.Context(), *o.Relationship
	rules, err := h.ruled(ctx)
	if err != nil {
		return err
	}
	fit, err := h.health(ctx, s, rules)
	if err != nil {
		return err
	}
	v.Relationship = &bondView{
		Stage: s.Stage, Class: s.Class, ClassSince: Time(s.ClassSince), AccountManagerID: filled(s.AccountManagerID), Team: teamViews(c, s, rules),
		Levels: levelViews(s, rules), Cadence: h.cadence(s, rules), Proposal: toProposalView(s.Proposal), Health: fit,
		NextObligations: obligationViews(s, h.now()),
	}
	if !models.MayReadOpinions(&s, caller(c).Actor) { // they go outside the sales line
		v.Narrowed = append(v.Narrowed, "opinions")
		o.Opinions = slices.DeleteFunc(slices.Clone(o.Opinions), func(r models.OpinionRow) bool { return !among(c, partOf(r)...) })
	}
	v.Opinions = each(o.Opinions, toOpinionView)
	v.Plans = each(o.Plans, func(r models.PlanRow) clientPlanView { return h.planView(c, r, s) })
	v.AllowedActions = models.AllowedRelationship(&s, caller(c).Actor, rules)
	return nil
}

func toOverviewView(client models.Client, o models.ClientOverview) overviewView {
	return overviewView{
		Client: toClientView(client), Contacts: each(o.Contacts, toClientContactView), ClassHistory: each(o.Classifications, toClassificationView),
		Assessments: each(o.Assessments, toAssessmentView), Improvements: each(o.Improvements, toImprovementView), Opinions: []opinionView{},
		Plans: []clientPlanView{}, Interactions: each(o.Interactions, toInteractionView), Commitments: each(o.Commitments, toCommitmentView),
		Leads: each(o.Leads, toLeadView), Tasks: each(o.Tasks, toClientTaskView), OpenCases: each(o.OpenCases, toClientCaseView),
		PastCases: each(o.PastCases, toClientCaseView), Receptions: each(o.Receptions, toClientVisitView), Responses: each(o.Responses, toClientResponseView),
		Timeline: each(o.Events, toClientEventView), Hidden: []string{}, Narrowed: []string{}, AllowedActions: []models.RelationshipAction{},
	}
}

func toClientCaseView(k models.ClientCase) clientCaseView {
	return clientCaseView{
		ID: k.ID, Number: k.Number, Type: k.Type, State: k.Status, Priority: k.Priority, Subject: k.Subject, AccountableID: filled(k.AccountableID),
		AssigneeID: filled(k.AssigneeID), Breached: k.Breached, NextDueAt: timePtr(k.NextDueAt), CreatedAt: Time(k.CreatedAt), ClosedAt: timePtr(k.ClosedAt),
	}
}

func toClientVisitView(r models.ClientReception) clientVisitView {
	return clientVisitView{
		ID: r.ID, Number: r.Number, State: r.Status, Kind: r.Kind, Level: r.Level, Purpose: r.Purpose, RequesterID: r.RequesterID,
		StartsAt: timePtr(r.StartsAt), EndsAt: timePtr(r.EndsAt), CreatedAt: Time(r.CreatedAt),
	}
}

func toClientResponseView(r models.ClientResponse) clientResponseView {
	return clientResponseView{
		InvitationID: r.InvitationID, Purpose: r.Purpose, SubjectID: filled(r.SubjectID), Template: r.Template, ContactID: filled(r.ContactID), Name: r.Name,
		Score: r.Score, Verdict: filled(r.Verdict), Complete: r.Complete, AnsweredAt: Time(r.AnsweredAt),
	}
}

func toClientTaskView(t models.ClientTask) clientTaskView {
	return clientTaskView{t.ID, t.Kind, filled(t.UserID), filled(t.TeamID), timePtr(t.DueAt), Time(t.CreatedAt)}
}

func toClientEventView(e models.ClientEvent) clientEventView {
	return clientEventView{
		toEventView(models.TimelineEvent{Seq: e.Seq, At: e.At, Type: e.Type, Actor: e.Actor, OnBehalfOf: e.OnBehalfOf, Data: e.Data, TraceID: e.TraceID}),
		e.Process, e.SubjectID, filled(e.Number),
	}
}
