package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// clientPlanView shows a plan for a client (M-30). Days are those of the cadence policy's calendar.
type clientPlanView struct {
	ID             string                 `json:"id"`
	ClientID       string                 `json:"client_id"`
	State          models.PlanStatus      `json:"state"`
	From           string                 `json:"from"`
	Until          string                 `json:"until"`
	StartsAt       Time                   `json:"starts_at"`
	EndsAt         Time                   `json:"ends_at"` // of the last day; of that of its closing, if it was closed before
	Goals          []string               `json:"goals"`
	DecisionChain  []chainContactBody     `json:"decision_chain"`
	Activities     []plannedActivityView  `json:"activities"`
	Progress       map[string]int         `json:"progress"` // how many activities are in each state
	Budget         []models.PlannedBudget `json:"budget"`
	Currency       *string                `json:"currency"`
	OwnerID        string                 `json:"owner_id"`
	ApprovalID     *string                `json:"approval_id"` // of the latest submission
	Summary        string                 `json:"summary"`
	Version        int                    `json:"version"` // counts the revisions
	CreatedBy      string                 `json:"created_by"`
	CreatedAt      Time                   `json:"created_at"`
	UpdatedAt      Time                   `json:"updated_at"`
	ClosedAt       *Time                  `json:"closed_at"` // null while it is not over
	AllowedActions []string               `json:"allowed_actions"`
}

// planView shows a plan to the caller, with what they may do about it now.
func (h *relationships) planView(c *gin.Context, r models.PlanRow, s models.RelationshipState) clientPlanView {
	d := r.Document
	v := clientPlanView{
		ID: r.ID, ClientID: r.ClientID, State: r.Status, From: d.From, Until: d.Until, StartsAt: Time(r.From), EndsAt: Time(r.Until),
		Goals: append([]string{}, d.Goals...), DecisionChain: each(d.Chain, toChainContactBody), Activities: plannedViews(d.Activities, r.Progress),
		Progress: map[string]int{}, Budget: append([]models.PlannedBudget{}, d.Budget...), Currency: filled(d.Currency), OwnerID: r.OwnerID,
		ApprovalID: filled(r.ApprovalID), Summary: r.Summary, Version: r.Version, CreatedBy: r.CreatedBy, CreatedAt: Time(r.CreatedAt),
		UpdatedAt: Time(r.UpdatedAt), AllowedActions: []string{},
	}
	if r.Status.Over() { // by the last change
		v.ClosedAt = timePtr(&r.UpdatedAt)
	}
	for _, state := range []string{models.ActivityPlanned, models.ActivityDue, models.ActivityOverdue, models.ActivityComplete, models.ActivityGivenUp} {
		v.Progress[state] = 0
	}
	for _, a := range v.Activities {
		v.Progress[a.State]++
	}
	for _, action := range models.AllowedPlan(&s, r.ID, d.Total(), caller(c).Actor, h.now()) {
		i := slices.IndexFunc(planCommands, func(p relationshipCommand) bool { return p.action == action })
		v.AllowedActions = append(v.AllowedActions, planCommands[i].path)
	}
	return v
}

type clientPlanRequest struct {
	From          string                `json:"from" binding:"max=20"`
	Until         string                `json:"until" binding:"max=20"`
	Goals         []string              `json:"goals" binding:"max=50,dive,max=2000"`
	DecisionChain []chainContactBody    `json:"decision_chain" binding:"max=100,dive"`
	Activities    []planActivityRequest `json:"activities" binding:"max=100,dive"`
	Budget        []planBudgetRequest   `json:"budget" binding:"max=200,dive"`
	Currency      string                `json:"currency" binding:"max=10"`
}

// chainContactBody is somebody in the purchase decision chain of the client, as a plan sees them (M-44).
type chainContactBody struct {
	ContactID string   `json:"contact_id" binding:"omitempty,typeid=contact"`
	Role      string   `json:"role" binding:"max=40"`
	Influence int      `json:"influence"`
	Attitude  string   `json:"attitude" binding:"max=40"`
	Strength  int      `json:"strength"`
	KnownBy   []string `json:"known_by_ids" binding:"max=20,unique,dive,typeid=user"`
}

func toChainContactBody(m models.ChainContact) chainContactBody {
	b := chainContactBody(m)
	b.KnownBy = append([]string{}, m.KnownBy...)
	return b
}

type planActivityRequest struct {
	ID      string    `json:"id" binding:"max=64"` // of one that the plan has already
	Kind    string    `json:"kind" binding:"max=40"`
	Title   string    `json:"title" binding:"max=200"`
	OwnerID string    `json:"owner_id" binding:"omitempty,typeid=user"` // the plan's owner if absent
	DueAt   time.Time `json:"due_at"`
}

type planBudgetRequest struct {
	Period string `json:"period" binding:"max=20"`
	Item   string `json:"item" binding:"max=200"`
	Amount int64  `json:"amount"` // minor units
}

func (r clientPlanRequest) draft() models.PlanDraftData {
	return models.PlanDraftData{
		From: r.From, Until: r.Until, Goals: r.Goals, Currency: r.Currency,
		Chain:      each(r.DecisionChain, func(b chainContactBody) models.ChainContact { return models.ChainContact(b) }),
		Activities: each(r.Activities, func(a planActivityRequest) models.PlanActivity { return models.PlanActivity(a) }),
		Budget:     each(r.Budget, func(b planBudgetRequest) models.PlannedBudget { return models.PlannedBudget(b) }),
	}
}

// readPlan reads and checks the draft of a plan for a client: lengths and forms here, the rest by the rules of the process,
// so that the caller learns of every fault at once. had are the activities that the plan has already.
func (h *relationships) readPlan(c *gin.Context, clientID string, had []models.ActivityState) (models.PlanDraftData, error) {
	ctx := c.Request.Context()
	var req clientPlanRequest
	f, err := softened(bind(c, &req))
	if err != nil {
		return models.PlanDraftData{}, err
	}
	draft := req.draft()
	if err := h.known(ctx, &f, clientID, draft.Chain); err != nil {
		return draft, err
	}
	rules, err := h.ruled(ctx)
	if err != nil {
		return draft, err
	}
	f.join(draft.Faults(rules.Org, rules.Calendar.Location(), had))
	req.days(&f)
	return draft, f.err()
}

// days notes the days that no plan can have.
func (r clientPlanRequest) days(f *faults) {
	check := func(field, text string) {
		if day, err := time.Parse(time.DateOnly, text); err == nil && !f.has(field) && (day.Before(firstDay) || day.After(lastDay)) {
			f.add(field, "between", "low", firstDay.Format(time.DateOnly), "high", lastDay.Format(time.DateOnly))
		}
	}
	check("from", r.From)
	check("until", r.Until)
}

// known checks that who is named in a decision chain is a contact of the client.
func (h *relationships) known(ctx context.Context, f *faults, clientID string, chain []models.ChainContact) error {
	for i, p := range chain {
		field := indexed("decision_chain", i, "contact_id")
		if p.ContactID == "" || f.has(field) {
			continue
		}
		switch _, err := h.store.Contact(ctx, clientID, p.ContactID); {
		case errs.CodeOf(err) == errs.NotFound:
			f.add(field, "unknown")
		case err != nil:
			return err
		}
	}
	return nil
}

// plans lists the plans for a client, the latest period first.
func (h *relationships) plans(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	s, err := h.visible(c, c.Param("id"))
	var rows []models.PlanRow
	var next string
	if err == nil {
		rows, next, err = h.store.ClientPlans(c.Request.Context(), s.ID, p)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(r models.PlanRow) clientPlanView { return h.planView(c, r, s) })
}

// plan answers one plan. 404 unknown, or of a client of whose relationship the caller may not know.
func (h *relationships) plan(c *gin.Context) {
	row, s, err := h.planOf(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, h.planView(c, row, s))
}

// planOf reads the plan of the path with the relationship that it belongs to, under the row rule.
func (h *relationships) planOf(c *gin.Context) (models.PlanRow, models.RelationshipState, error) {
	row, err := h.store.Plan(c.Request.Context(), c.Param("id"))
	if err != nil {
		return row, models.RelationshipState{}, err
	}
	s, err := h.store.Relationship(c.Request.Context(), caller(c).Actor, row.ClientID)
	return row, s, err
}

// draftPlan drafts a plan for a client. 403 not theirs to do; 409 when it overlaps another plan, or the client has no class or
// too many plans; 422 with every fault.
func (h *relationships) draftPlan(c *gin.Context) {
	clientID := c.Param("id")
	row, s, err := h.drafted(c, clientID)
	if err != nil {
		fail(c, err)
		return
	}
	c.Header("Location", "/api/v1/plans/"+row.ID)
	answer(c, http.StatusCreated, h.planView(c, row, s))
}

func (h *relationships) drafted(c *gin.Context, clientID string) (models.PlanRow, models.RelationshipState, error) {
	ctx := c.Request.Context()
	if _, err := h.store.Client(ctx, clientID); err != nil {
		return models.PlanRow{}, models.RelationshipState{}, err
	}
	err := h.once(c, clientID, func() error {
		draft, err := h.readPlan(c, clientID, nil)
		if err != nil {
			return err
		}
		return h.give(c, clientID, models.RelationshipPlan, draft)
	})
	if err != nil {
		return models.PlanRow{}, models.RelationshipState{}, err
	}
	row, err := h.store.Plan(ctx, newID(c, id.Plan))
	if err != nil {
		return models.PlanRow{}, models.RelationshipState{}, unread(err)
	}
	s, err := h.store.Relationship(ctx, models.OutcomeReader(), clientID)
	if err != nil {
		return models.PlanRow{}, s, unread(err)
	}
	return row, s, nil
}

// planCommands lists the actions on a plan; one that reads nothing has a plan as its body. Whether and by whom each may be taken is not said here but in models.AllowedPlan.
var planCommands = []relationshipCommand{
	{"submit", models.RelationshipPlanSubmit, readAction[submitPlanRequest]},
	{"revise", models.RelationshipPlanRevise, nil},
	{"withdraw", models.RelationshipPlanWithdraw, readAction[withdrawPlanRequest]},
	{"complete-activity", models.RelationshipPlanDone, readAction[completeActivityRequest]},
	{"drop-activity", models.RelationshipPlanDrop, readAction[dropActivityRequest]},
	{"close", models.RelationshipPlanClose, readAction[closePlanRequest]},
}

type submitPlanRequest struct{}

func (submitPlanRequest) data(*checks) any { return models.OfPlan{} }

type withdrawPlanRequest struct {
	Reason string `json:"reason" binding:"max=2000"`
}

func (r withdrawPlanRequest) data(*checks) any { return models.OfPlan{Note: r.Reason} }

type completeActivityRequest struct {
	ActivityID string `json:"activity_id" binding:"required,max=64"`
	Note       string `json:"note" binding:"max=2000"`
}

func (r completeActivityRequest) data(*checks) any {
	return models.OfPlan{ActivityID: r.ActivityID, Note: r.Note}
}

type dropActivityRequest struct {
	ActivityID string `json:"activity_id" binding:"required,max=64"`
	Reason     string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r dropActivityRequest) data(*checks) any {
	return models.OfPlan{ActivityID: r.ActivityID, Note: r.Reason}
}

type closePlanRequest struct {
	Summary string `json:"summary" binding:"required,notblank,max=20000"`
}

func (r closePlanRequest) data(*checks) any { return models.OfPlan{Note: r.Summary} }

// actOnPlan takes an action on the plan of the path and answers the plan as it is then. 404 unknown, or not for the caller to
// know of; 403 not theirs to do; 409 when its state does not allow it; 422 with every fault.
func (h *relationships) actOnPlan(command relationshipCommand) gin.HandlerFunc {
	return func(c *gin.Context) {
		row, s, err := h.actedOnPlan(c, command)
		if err != nil {
			fail(c, err)
			return
		}
		answer(c, http.StatusOK, h.planView(c, row, s))
	}
}

func (h *relationships) actedOnPlan(c *gin.Context, command relationshipCommand) (models.PlanRow, models.RelationshipState, error) {
	ctx := c.Request.Context()
	if !id.Valid(id.Plan, c.Param("id")) {
		return models.PlanRow{}, models.RelationshipState{}, notFound()
	}
	row, err := h.store.Plan(ctx, c.Param("id"))
	if err != nil {
		return row, models.RelationshipState{}, err
	}
	planID, clientID := row.ID, row.ClientID
	err = h.once(c, clientID, func() error {
		data, err := h.planData(c, command, row)
		if err != nil {
			return err
		}
		return h.give(c, clientID, command.action, data)
	})
	if err != nil {
		return row, models.RelationshipState{}, h.planReason(c, planID, err)
	}
	var s models.RelationshipState
	if row, err = h.store.Plan(ctx, planID); err == nil {
		s, err = h.store.Relationship(ctx, models.OutcomeReader(), clientID)
	}
	if err != nil {
		return row, s, unread(err)
	}
	return row, s, nil
}

// planData reads what a command says of the plan. Whether the plan is open is for the process to say.
func (h *relationships) planData(c *gin.Context, command relationshipCommand, row models.PlanRow) (any, error) {
	if command.read == nil {
		draft, err := h.readPlan(c, row.ClientID, each(row.Document.Activities, func(a models.PlanActivity) models.ActivityState {
			return models.ActivityState{ID: a.ID}
		}))
		draft.PlanID = row.ID
		return draft, err
	}
	data, err := command.read(c, &checks{now: h.now()})
	if err != nil {
		return nil, err
	}
	of := data.(models.OfPlan)
	of.PlanID = row.ID
	return of, nil
}

// planReason is what the caller is told of a command on a plan that was not taken: not_found where they may not know of the plan,
// and conflict where it is over.
func (h *relationships) planReason(c *gin.Context, planID string, err error) error {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.Pending, errs.RateLimited, errs.Internal: // says nothing of the plan
		return err
	}
	row, s, readErr := h.planOf(c)
	if readErr != nil {
		return readErr
	}
	if !slices.ContainsFunc(s.Plans, func(p models.PlanState) bool { return p.ID == planID }) {
		return errs.Wrap(err, errs.Conflict, "relationship.plan_over", "state", string(row.Status))
	}
	return err
}
