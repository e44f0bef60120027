package api

import (
	"context"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// The days between which a visit can be planned: far enough for everybody, and storable everywhere.
var (
	firstDay = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	lastDay  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// planRequest is the body of a new reception, of a revision and of a preview. Its tags hold what a single value can break;
// what the plan as a whole can break is in models.ReceptionPlan.
type planRequest struct {
	ClientID        string                   `json:"client_id" binding:"required,typeid=client"`
	Kind            string                   `json:"kind" binding:"required,oneof=company_visit model_site_visit on_site_meeting technical_exchange management_exchange"`
	Level           string                   `json:"level" binding:"omitempty,oneof=standard important vip"` // standard if absent
	Purpose         string                   `json:"purpose" binding:"max=2000"`
	Needs           string                   `json:"needs" binding:"max=2000"`
	StartsAt        *time.Time               `json:"starts_at"`
	EndsAt          *time.Time               `json:"ends_at"`
	Visitors        []visitorRequest         `json:"visitors" binding:"max=500,dive"`
	Hosts           []string                 `json:"hosts" binding:"max=50,dive,typeid=user"`
	ReceptionistID  string                   `json:"receptionist_id" binding:"omitempty,typeid=user"`
	Activities      []plannedActivityRequest `json:"activities" binding:"max=200,dive"`
	Resources       []wantedResourceRequest  `json:"resources" binding:"max=100,dive"`
	Currency        string                   `json:"currency" binding:"omitempty,currency"` // the policy's if absent
	Budget          []plannedAmountRequest   `json:"budget" binding:"max=50,dive"`
	DepartureReason string                   `json:"departure_reason" binding:"max=2000"`
}

type visitorRequest struct {
	Name         string `json:"name" binding:"required,notblank,max=200"`
	Title        string `json:"title" binding:"max=200"`
	Organisation string `json:"organisation" binding:"max=200"`
	Identity     string `json:"identity" binding:"omitempty,oneof=official executive manager expert other"` // other if absent
	Email        string `json:"email" binding:"omitempty,email,max=254"`                                    // for the survey after the visit
	Phone        string `json:"phone" binding:"max=50"`
}

type plannedActivityRequest struct {
	Kind     string     `json:"kind" binding:"required,notblank,max=100"`
	StartsAt *time.Time `json:"starts_at" binding:"required"`
	EndsAt   *time.Time `json:"ends_at" binding:"required"`
	Place    string     `json:"place" binding:"max=200"`
	OwnerID  string     `json:"owner_id" binding:"omitempty,typeid=user"`
}

type wantedResourceRequest struct {
	ResourceID string     `json:"resource_id" binding:"required,typeid=resource"`
	StartsAt   *time.Time `json:"starts_at"` // as the visit if absent
	EndsAt     *time.Time `json:"ends_at"`   // as the visit if absent
	Quantity   int        `json:"quantity"`  // 1 if absent
}

type plannedAmountRequest struct {
	Item     models.CostType `json:"item"`
	Amount   int64           `json:"amount"`                                // minor units
	Currency string          `json:"currency" binding:"omitempty,currency"` // the plan's if absent
}

// plan is the request as the process takes it.
func (r *planRequest) plan() models.ReceptionPlan {
	return models.ReceptionPlan{
		ClientID: r.ClientID, Kind: r.Kind, Level: r.Level, Purpose: r.Purpose, Needs: r.Needs, StartsAt: r.StartsAt, EndsAt: r.EndsAt,
		Visitors: each(r.Visitors, func(v visitorRequest) models.Visitor { return models.Visitor(v) }),
		Hosts:    r.Hosts, ReceptionistID: r.ReceptionistID,
		Activities: each(r.Activities, func(a plannedActivityRequest) models.PlannedActivity { return models.PlannedActivity(a) }),
		Resources:  each(r.Resources, func(w wantedResourceRequest) models.WantedResource { return models.WantedResource(w) }),
		Currency:   r.Currency, Budget: each(r.Budget, func(b plannedAmountRequest) models.PlannedAmount { return models.PlannedAmount(b) }),
		DepartureReason: r.DepartureReason,
	}
}

// times notes the instants that no visit can have.
func (r *planRequest) times(f *faults) {
	check := func(field string, at *time.Time) {
		if at != nil && !f.has(field) && (at.Before(firstDay) || at.After(lastDay)) {
			f.add(field, "between", "low", firstDay.Format(time.DateOnly), "high", lastDay.Format(time.DateOnly))
		}
	}
	check("starts_at", r.StartsAt)
	check("ends_at", r.EndsAt)
	for i, a := range r.Activities {
		check(indexed("activities", i, "starts_at"), a.StartsAt)
		check(indexed("activities", i, "ends_at"), a.EndsAt)
	}
	for i, w := range r.Resources {
		check(indexed("resources", i, "starts_at"), w.StartsAt)
		check(indexed("resources", i, "ends_at"), w.EndsAt)
	}
}

// indexed names a field of an element of a list.
func indexed(list string, i int, field string) string {
	return fmt.Sprintf("%s[%d].%s", list, i, field)
}

// readPlan reads the body of a plan, with what the process must know of the client, and the faults of its values.
func (h *receptions) readPlan(c *gin.Context) (models.PlanReception, models.Client, faults, error) {
	var req planRequest
	f, err := softened(bind(c, &req))
	if err != nil {
		return models.PlanReception{}, models.Client{}, nil, err
	}
	req.times(&f)
	cmd := models.PlanReception{Plan: req.plan()}
	var client models.Client
	if !f.has("client_id") {
		client, err = h.clients.Client(c.Request.Context(), req.ClientID)
		switch {
		case errs.CodeOf(err) == errs.NotFound:
			f.add("client_id", "unknown")
		case err != nil:
			return cmd, client, nil, err
		}
		cmd.ClientClass, cmd.AccountManagerID = client.Class, textOf(client.AccountManagerID)
	}
	return cmd, client, f, nil
}

// join adds those faults of the plan that its values do not have already.
func (f *faults) join(more []errs.Field) {
	for _, m := range more {
		if !f.has(m.Field) {
			*f = append(*f, m)
		}
	}
}

// supplied gives rules what the plan is judged by: what it books, and when its hosts are away.
func (h *receptions) supplied(ctx context.Context, rules models.ReceptionRules, plan models.ReceptionPlan) (models.ReceptionRules, error) {
	ids := make([]string, len(plan.Resources))
	for i, w := range plan.Resources {
		ids[i] = w.ResourceID
	}
	var err error
	if rules.Resources, err = h.store.ResourcesByID(ctx, ids); err != nil {
		return rules, err
	}
	if plan.StartsAt != nil && plan.EndsAt != nil && plan.StartsAt.Before(*plan.EndsAt) && len(plan.Hosts) > 0 {
		rules.Away, err = h.store.AwayOf(ctx, plan.Hosts, models.Slot{From: plan.StartsAt.UTC(), Until: plan.EndsAt.UTC()})
	}
	return rules, err
}

// readNew reads and checks a plan as one of the caller that begins now: every fault at once. The process would refuse it as
// well, but only after it has been started. A client that was merged is client_merged.
func (h *receptions) readNew(c *gin.Context) (models.PlanReception, models.ReceptionRules, error) {
	ctx := c.Request.Context()
	cmd, client, f, err := h.readPlan(c)
	if err != nil {
		return cmd, models.ReceptionRules{}, err
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return cmd, models.ReceptionRules{}, err
	}
	rules, err := h.rules.ForNewReception(ctx, org, textOf(caller(c).User.TeamID))
	if err == nil {
		rules, err = h.supplied(ctx, rules, cmd.Plan)
	}
	if err != nil {
		return cmd, rules, err
	}
	f.join(cmd.Plan.Faults(rules))
	if err := f.err(); err != nil {
		return cmd, rules, err
	}
	return cmd, rules, client.Open()
}

// create records a reception as a draft and starts its process. 422 with every fault of what the plan says; it need not be
// complete before it is submitted.
func (h *receptions) create(c *gin.Context) {
	receptionID := newID(c, id.Reception)
	view, err := h.recorded(c, receptionID)
	if err != nil {
		if errs.CodeOf(err) == errs.Pending {
			c.Header("Location", c.Request.URL.Path+"/"+receptionID)
		}
		fail(c, err)
		return
	}
	created(c, receptionID, view)
}

func (h *receptions) recorded(c *gin.Context, receptionID string) (fullReceptionView, error) {
	cmd, _, err := h.readNew(c)
	if err != nil {
		return fullReceptionView{}, err
	}
	_, err = h.engine.Start(c.Request.Context(), models.ReceptionType, models.ReceptionWorkflowID(receptionID),
		models.ReceptionInput{ReceptionID: receptionID}, string(models.ReceptionRecord), receptionUpdateID(c, models.ReceptionRecord),
		receptionEvent(c, models.ReceptionRecord, cmd))
	if err != nil {
		return fullReceptionView{}, err
	}
	return h.outcome(c, receptionID)
}

// readRevised reads a revision. The process finds the faults of the plan as a whole; they are found here, too, when single
// values are wrong already, so that the caller learns of all at once.
func (h *receptions) readRevised(c *gin.Context, _ *checks) (any, error) {
	ctx := c.Request.Context()
	cmd, client, f, err := h.readPlan(c)
	if err != nil || len(f) == 0 && client.MergedIntoID == nil {
		return cmd, err
	}
	row, err := h.visible(c)
	if err != nil {
		return nil, err
	}
	if row.State.ClientID == client.ID {
		client.MergedIntoID = nil // what was begun under it goes on
	}
	if len(f) == 0 {
		return cmd, client.Open()
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := h.rules.OfReception(ctx, &row.State, org)
	if err == nil {
		rules, err = h.supplied(ctx, rules, cmd.Plan)
	}
	if err != nil {
		return nil, err
	}
	if row.State.Frame == nil {
		f.join(cmd.Plan.Faults(rules))
	} else {
		f.join(cmd.Plan.Missing(cmd.ClientClass, h.now(), rules))
	}
	return nil, f.err()
}
