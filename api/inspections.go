package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// Inspections is the store of inspection reports.
type Inspections interface {
	Inspection(ctx context.Context, id string) (models.Inspection, error)
	Inspections(ctx context.Context, f models.InspectionFilter, p models.Page) ([]models.Inspection, string, error)
	// Inspect makes the report of a month with its tasks; made is false when there was one already.
	Inspect(ctx context.Context, o models.InspectionOrder) (i models.Inspection, made bool, err error)
	// SignInspection signs a report off, once; the same command again answers the report as signed.
	SignInspection(ctx context.Context, id string, by models.Signature) (models.Inspection, error)
}

// inspections serves the monthly reports about receptions.
type inspections struct {
	store Inspections
	org   Organisation
	rules *rulebook.Book
	now   func() time.Time
}

func (h *inspections) routes(r gin.IRouter) {
	read := need(models.PermReceptionReadAll)
	r.GET("/inspections", read, h.list)
	r.POST("/inspections", need(models.PermInspectionManage), h.create)
	r.GET("/inspections/:id", read, h.get)
	r.POST("/inspections/:id/sign-off", read, h.signOff)
}

// actionSignOff is the one action that a report allows.
const actionSignOff = "sign-off"

type inspectionView struct {
	ID             string                   `json:"id"`
	Month          string                   `json:"month"`
	TimeZone       string                   `json:"time_zone"`
	State          string                   `json:"state"` // open | signed
	Figures        models.InspectionFigures `json:"figures"`
	Reviewers      []string                 `json:"reviewers"`
	MadeBy         string                   `json:"made_by"`
	MadeAt         Time                     `json:"made_at"`
	SignedBy       *string                  `json:"signed_by"`
	OnBehalfOf     *string                  `json:"on_behalf_of"`
	SignedAt       *Time                    `json:"signed_at"`
	Remarks        *string                  `json:"remarks"`
	AllowedActions []string                 `json:"allowed_actions"`
}

func (h *inspections) view(c *gin.Context, i models.Inspection) inspectionView {
	v := inspectionView{
		ID: i.ID, Month: i.Month.Format(models.MonthLayout), TimeZone: i.TimeZone, State: "open", Figures: i.Figures, Reviewers: i.Reviewers,
		MadeBy: i.MadeBy, MadeAt: Time(i.MadeAt), SignedBy: i.SignedBy, OnBehalfOf: filled(i.OnBehalfOf), SignedAt: timePtr(i.SignedAt),
		Remarks: filled(i.Remarks), AllowedActions: []string{},
	}
	if i.SignedAt != nil {
		v.State = "signed"
	}
	if _, ok := i.Signer(caller(c).Actor); ok {
		v.AllowedActions = []string{actionSignOff}
	}
	return v
}

// list lists the reports, the latest month first. Filter: state.
func (h *inspections) list(c *gin.Context) {
	q := queryOf(c)
	var f models.InspectionFilter
	if state := oneOf(q, "state", "open", "signed"); state != "" {
		f.Signed = new(state == "signed")
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Inspections(c.Request.Context(), f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(i models.Inspection) inspectionView { return h.view(c, i) })
}

// get answers one report. 404 unknown.
func (h *inspections) get(c *gin.Context) {
	i, err := h.store.Inspection(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, h.view(c, i))
}

type createInspectionRequest struct {
	Month string `json:"month" binding:"required,month"`
}

// create makes the report of a past month, as the schedule does after its end: 201; 200 with the report that is there
// already, which stays as it is. 422 when the month is not over.
func (h *inspections) create(c *gin.Context) {
	i, made, err := h.created(c)
	switch {
	case err != nil:
		fail(c, err)
	case made:
		created(c, i.ID, h.view(c, i))
	default:
		answer(c, http.StatusOK, h.view(c, i))
	}
}

func (h *inspections) created(c *gin.Context) (models.Inspection, bool, error) {
	var req createInspectionRequest
	if err := bind(c, &req); err != nil {
		return models.Inspection{}, false, err
	}
	month, err := time.Parse(models.MonthLayout, req.Month)
	if err != nil {
		return models.Inspection{}, false, errs.Wrap(err, errs.Internal, "internal") // bind has checked it
	}
	ctx := c.Request.Context()
	calendar, err := h.rules.InspectionCalendar(ctx)
	if err != nil {
		return models.Inspection{}, false, err
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return models.Inspection{}, false, err
	}
	o, err := models.NewInspection(month, caller(c).User.ID, h.now(), calendar, org)
	if err != nil {
		return models.Inspection{}, false, err
	}
	return h.store.Inspect(ctx, o)
}

type signOffRequest struct {
	Remarks string `json:"remarks" binding:"max=4000"`
}

// signOff signs a report off; nothing of it changes afterwards. 404 unknown, 403 not the caller's to sign, 409 signed
// already.
func (h *inspections) signOff(c *gin.Context) {
	i, err := h.signed(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, h.view(c, i))
}

func (h *inspections) signed(c *gin.Context) (models.Inspection, error) {
	ctx, me := c.Request.Context(), caller(c)
	i, err := h.store.Inspection(ctx, c.Param("id"))
	if err != nil {
		return i, err
	}
	var req signOffRequest
	if err := bind(c, &req); err != nil {
		return i, err
	}
	s := models.Signature{By: me.User.ID, At: h.now().UTC(), Remarks: strings.TrimSpace(req.Remarks), CommandID: commandID(c)}
	if i.SignedAt == nil { // else the store says so, unless it was by this command
		p, ok := i.Signer(me.Actor)
		if !ok {
			return i, errs.New(errs.Forbidden, "inspection.not_yours", "month", i.Month.Format(models.MonthLayout))
		}
		if p.ID != s.By {
			s.OnBehalfOf = p.ID
		}
	}
	return h.store.SignInspection(ctx, i.ID, s)
}
