package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// budgets serves the departments' money for receptions, with its ledgers.
type budgets struct {
	store  Budgets
	people People
	now    func() time.Time
}

func (h *budgets) routes(r gin.IRouter) {
	r.GET("/budgets", need(models.PermBudgetRead), h.list)
	r.POST("/budgets", need(models.PermBudgetManage), h.create)
	r.GET("/budgets/:id", need(models.PermBudgetRead), h.get)
	r.GET("/budgets/:id/entries", need(models.PermBudgetRead), h.entries)
	r.POST("/budgets/:id/adjust", need(models.PermBudgetManage), h.adjust)
}

// budgetView shows money in minor units of the currency.
type budgetView struct {
	ID        string               `json:"id"`
	TeamID    string               `json:"team_id"`
	StartsOn  string               `json:"starts_on"`
	EndsOn    string               `json:"ends_on"`
	CostType  models.CostType      `json:"cost_type"`
	Amount    int64                `json:"amount"`
	Held      int64                `json:"held"`
	Committed int64                `json:"committed"`
	Left      int64                `json:"left"`
	Currency  string               `json:"currency"`
	Control   models.BudgetControl `json:"control"`
	CreatedBy string               `json:"created_by"`
	CreatedAt Time                 `json:"created_at"`
	UpdatedAt Time                 `json:"updated_at"`
}

func toBudgetView(b models.Budget) budgetView {
	return budgetView{
		ID: b.ID, TeamID: b.TeamID, StartsOn: b.StartsOn.Format(time.DateOnly), EndsOn: b.EndsOn.Format(time.DateOnly), CostType: b.CostType,
		Amount: b.Amount, Held: b.Held, Committed: b.Committed, Left: b.Left(), Currency: b.Currency, Control: b.Control,
		CreatedBy: b.CreatedBy, CreatedAt: Time(b.CreatedAt), UpdatedAt: Time(b.UpdatedAt),
	}
}

// list lists budgets with their balances, in the order in which they were made. Filters: team_id, cost_type, on (a date
// of the period).
func (h *budgets) list(c *gin.Context) {
	q := queryOf(c)
	f := models.BudgetFilter{TeamID: q.id("team_id", id.Team), CostType: oneOf(q, "cost_type", models.CostTypes()...), On: q.date("on")}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Budgets(c.Request.Context(), f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toBudgetView)
}

// get answers one budget with its balance. 404 unknown.
func (h *budgets) get(c *gin.Context) {
	b, err := h.store.Budget(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, toBudgetView(b))
}

type createBudgetRequest struct {
	TeamID   string `json:"team_id" binding:"required,typeid=team"`
	StartsOn string `json:"starts_on" binding:"required,date"`
	EndsOn   string `json:"ends_on" binding:"required,date"` // the last day, included
	CostType string `json:"cost_type" binding:"required,oneof=transport lodging meals gifts other"`
	Amount   *int64 `json:"amount" binding:"required,min=0,max=100000000000000"` // minor units
	Currency string `json:"currency" binding:"required,currency"`
	Control  string `json:"control" binding:"omitempty,oneof=strong weak"` // strong if absent
}

// create adds a budget. 409 when the department has one of the type in the period, 422 bad values.
func (h *budgets) create(c *gin.Context) {
	var req createBudgetRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	now, ctx := h.now().UTC(), c.Request.Context()
	b := models.Budget{
		ID: newID(c, id.Budget), TeamID: req.TeamID, StartsOn: dateOf(req.StartsOn), EndsOn: dateOf(req.EndsOn),
		CostType: models.CostType(req.CostType), Amount: *req.Amount, Currency: req.Currency,
		Control: models.BudgetControl(or(req.Control, string(models.ControlStrong))), CreatedBy: caller(c).User.ID, CreatedAt: now, UpdatedAt: now,
	}
	var f faults
	if b.EndsOn.Before(b.StartsOn) {
		f.add("ends_on", "not_before", "other", "starts_on")
	}
	_, err := h.people.Team(ctx, b.TeamID)
	if errs.CodeOf(err) == errs.NotFound {
		f.add("team_id", "unknown")
		err = nil
	}
	if err == nil {
		err = f.err()
	}
	if err == nil {
		b, err = h.store.CreateBudget(ctx, b)
	}
	if err != nil {
		fail(c, err)
		return
	}
	created(c, b.ID, toBudgetView(b))
}

type budgetEntryView struct {
	Seq       int64            `json:"seq"`
	Kind      models.EntryKind `json:"kind"`
	Amount    int64            `json:"amount"`
	SubjectID *string          `json:"subject_id"`
	Item      *string          `json:"item"`
	By        string           `json:"by"`
	Reason    string           `json:"reason"`
	At        Time             `json:"at"`
}

// entries lists the ledger of a budget, the newest entry first. 404 unknown.
func (h *budgets) entries(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	if _, err := h.store.Budget(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.BudgetEntries(ctx, c.Param("id"), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(e models.BudgetEntry) budgetEntryView {
		return budgetEntryView{
			Seq: e.Seq, Kind: e.Kind, Amount: e.Amount, SubjectID: e.SubjectID, Item: e.Item, By: e.By, Reason: e.Reason, At: Time(e.At),
		}
	})
}

type adjustBudgetRequest struct {
	Amount int64  `json:"amount" binding:"required"` // minor units more; negative: less
	Reason string `json:"reason" binding:"required,notblank,max=500"`
}

// adjust raises or lowers the amount of a budget. 404 unknown, 409 budget_exceeded when that would overspend it, 422 bad
// values.
func (h *budgets) adjust(c *gin.Context) {
	var req adjustBudgetRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	b, err := h.store.AdjustBudget(c.Request.Context(), c.Param("id"), req.Amount, models.Adjustment{
		By: caller(c).User.ID, RequestID: commandID(c), Reason: strings.TrimSpace(req.Reason), At: h.now().UTC(),
	})
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, toBudgetView(b))
}

// dateOf reads a date that was checked before.
func dateOf(s string) time.Time {
	t, _ := time.Parse(time.DateOnly, s)
	return t
}

// date is a date such as 2026-01-31, as midnight in UTC; nil when absent.
func (q *query) date(name string) *time.Time {
	v := q.values.Get(name)
	if v == "" {
		return nil
	}
	t, err := time.Parse(time.DateOnly, v)
	if err != nil {
		q.wrongType(name, "2026-01-31")
		return nil
	}
	return &t
}
