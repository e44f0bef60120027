package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// deputies serves the rules by which one user may act for another: one's own for everyone who works on cases, anyone's
// with deputy.any. Auditors only read them.
type deputies struct {
	people   People
	staffing Staffing
	now      func() time.Time
}

func (h *deputies) routes(r gin.IRouter) {
	allowed := need(models.PermDeputyOwn, models.PermDeputyAny)
	r.GET("/deputies", need(models.PermDeputyOwn, models.PermDeputyAny, models.PermDeputyReadAll), h.list)
	r.POST("/deputies", allowed, h.create)
	r.DELETE("/deputies/:id", allowed, h.delete)
}

type deputyView struct {
	ID        string   `json:"id"`
	UserID    string   `json:"user_id"`
	DeputyID  string   `json:"deputy_id"`
	From      Time     `json:"from"`
	Until     Time     `json:"until"`
	Processes []string `json:"processes"`
	MaxAmount *int64   `json:"max_amount"`
	CreatedBy string   `json:"created_by"`
	CreatedAt Time     `json:"created_at"`
}

func toDeputyView(d models.Deputy) deputyView {
	return deputyView{
		ID: d.ID, UserID: d.UserID, DeputyID: d.DeputyID, From: Time(d.From), Until: Time(d.Until),
		Processes: append([]string{}, d.Processes...), MaxAmount: d.MaxAmount, CreatedBy: d.CreatedBy, CreatedAt: Time(d.CreatedAt),
	}
}

// list lists the caller's rules; with deputy.any or deputy.read_all everybody's, or those of user_id. 403 for somebody else's without it.
func (h *deputies) list(c *gin.Context) {
	q := queryOf(c)
	userID, p := q.id("user_id", id.User), q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	if !may(c, models.PermDeputyAny) && !may(c, models.PermDeputyReadAll) {
		if userID != "" && userID != caller(c).User.ID {
			fail(c, forbidden(models.PermDeputyAny))
			return
		}
		userID = caller(c).User.ID
	}
	rows, next, err := h.people.Deputies(c.Request.Context(), userID, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toDeputyView)
}

type createDeputyRequest struct {
	UserID    string    `json:"user_id" binding:"omitempty,typeid=user"` // the caller if absent
	DeputyID  string    `json:"deputy_id" binding:"required,typeid=user"`
	From      time.Time `json:"from"` // now if absent
	Until     time.Time `json:"until" binding:"required"`
	Processes []string  `json:"processes" binding:"max=20,unique,dive,slug"` // processes or chains; all if absent
	MaxAmount *int64    `json:"max_amount" binding:"omitempty,min=1"`        // minor units; any amount if absent
}

// create names a deputy. 403 for somebody else without deputy.any, 422 bad values, 409 to_self, and cycle for a rule that
// would close a circle of deputies.
func (h *deputies) create(c *gin.Context) {
	var req createDeputyRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	now := h.now().UTC()
	d := models.Deputy{
		ID: newID(c, id.Deputy), UserID: or(req.UserID, caller(c).User.ID), DeputyID: req.DeputyID, From: req.From.UTC(),
		Until: req.Until.UTC(), Processes: req.Processes, MaxAmount: req.MaxAmount, CreatedBy: caller(c).User.ID, CreatedAt: now,
	}
	if d.From.IsZero() {
		d.From = now
	}
	if d.UserID != caller(c).User.ID && !may(c, models.PermDeputyAny) {
		fail(c, forbidden(models.PermDeputyAny))
		return
	}
	var f faults
	switch {
	case !d.Until.After(d.From):
		f.add("until", "after", "other", "from")
	case !d.Until.After(now):
		f.add("until", "future")
	}
	ctx := c.Request.Context()
	_, err := activeUser(ctx, h.people, &f, "deputy_id", &d.DeputyID)
	if err == nil {
		_, err = activeUser(ctx, h.people, &f, "user_id", &d.UserID)
	}
	if err == nil {
		err = f.err()
	}
	if err == nil {
		d, err = h.staffing.AddDeputy(ctx, d, func(others []models.Deputy) error { return acyclic(others, d) })
	}
	if err != nil {
		fail(c, err)
		return
	}
	created(c, d.ID, toDeputyView(d))
}

// acyclic refuses a rule for oneself, and one that would close a circle: nobody in it could be relied upon.
func acyclic(others []models.Deputy, added models.Deputy) error {
	rules := make([]approval.DeputyRule, len(others))
	for i, d := range others {
		rules[i] = d.ForApprovals()
	}
	switch err := approval.CheckDeputyRule(rules, added.ForApprovals()); errs.CodeOf(err) {
	case approval.CodeToSelf:
		return errs.Wrap(err, approval.CodeToSelf, "deputy.self")
	case approval.CodeCycle:
		return errs.Wrap(err, approval.CodeCycle, "deputy.circle")
	default:
		return err
	}
}

// delete ends a rule. 404 unknown, or somebody else's without deputy.any.
func (h *deputies) delete(c *gin.Context) {
	ctx := c.Request.Context()
	d, err := h.people.Deputy(ctx, c.Param("id"))
	if err == nil && d.UserID != caller(c).User.ID && !may(c, models.PermDeputyAny) {
		err = notFound()
	}
	if err == nil {
		err = h.staffing.RemoveDeputy(ctx, d.ID)
	}
	if err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
