package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// teams serves the groups of users.
type teams struct {
	people   People
	staffing Staffing
	policies Policies
	now      func() time.Time
}

func (h *teams) routes(r gin.IRouter) {
	r.GET("/teams", need(models.PermPeopleRead), h.list)
	r.POST("/teams", need(models.PermPeopleWrite), h.create)
	r.GET("/teams/:id", need(models.PermPeopleRead), h.get)
	r.PATCH("/teams/:id", need(models.PermPeopleWrite), h.patch)
}

type teamView struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	SupervisorID *string `json:"supervisor_id"`
	CalendarID   *string `json:"calendar_id"`
	Version      int64   `json:"version"`
	CreatedAt    Time    `json:"created_at"`
	UpdatedAt    Time    `json:"updated_at"`
}

func toTeamView(t models.Team) teamView {
	return teamView{
		ID: t.ID, Name: t.Name, SupervisorID: t.SupervisorID, CalendarID: t.CalendarID, Version: t.Version,
		CreatedAt: Time(t.CreatedAt), UpdatedAt: Time(t.UpdatedAt),
	}
}

// list lists teams in the order in which they were made.
func (h *teams) list(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.people.Teams(c.Request.Context(), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toTeamView)
}

// get answers one team. 404 unknown.
func (h *teams) get(c *gin.Context) {
	t, err := h.people.Team(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, t.Version)
	answer(c, http.StatusOK, toTeamView(t))
}

type createTeamRequest struct {
	Name         string  `json:"name" binding:"required,notblank,max=100"`
	SupervisorID *string `json:"supervisor_id" binding:"omitempty,typeid=user"`
	CalendarID   *string `json:"calendar_id" binding:"omitempty,slug"`
}

// create adds a team. 409 when the name is taken, 422 bad values.
func (h *teams) create(c *gin.Context) {
	var req createTeamRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	t := models.Team{
		ID: newID(c, id.Team), Name: strings.TrimSpace(req.Name), SupervisorID: req.SupervisorID, CalendarID: req.CalendarID,
		Version: 1, CreatedAt: h.now().UTC(), UpdatedAt: h.now().UTC(),
	}
	err := h.refer(c.Request.Context(), t)
	if err == nil {
		t, err = h.people.CreateTeam(c.Request.Context(), t)
	}
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, t.Version)
	created(c, t.ID, toTeamView(t))
}

type patchTeamRequest struct {
	Name         patch[string]     `json:"name" binding:"omitnil,notblank,max=100"`
	SupervisorID clearable[string] `json:"supervisor_id" binding:"omitnil,typeid=user"`
	CalendarID   clearable[string] `json:"calendar_id" binding:"omitnil,slug"`
}

// patch changes a team; what waits for its supervisor goes to a new one. 404 unknown, 412 when If-Match is stale, 422 bad values.
func (h *teams) patch(c *gin.Context) {
	var req patchTeamRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	t, err := change(c, func(t models.Team) int64 { return t.Version }, h.people.Team,
		func(t *models.Team) error {
			req.Name.into(&t.Name)
			t.Name = strings.TrimSpace(t.Name)
			req.SupervisorID.into(&t.SupervisorID)
			req.CalendarID.into(&t.CalendarID)
			t.UpdatedAt = h.now().UTC()
			return h.refer(c.Request.Context(), *t)
		},
		func(ctx context.Context, t models.Team) (models.Team, error) {
			if req.SupervisorID.set {
				return h.staffing.Lead(ctx, t, metaOf(c), h.now().UTC())
			}
			return h.people.UpdateTeam(ctx, t)
		})
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, t.Version)
	answer(c, http.StatusOK, toTeamView(t))
}

// refer checks that what a team names exists.
func (h *teams) refer(ctx context.Context, t models.Team) error {
	var f faults
	if _, err := activeUser(ctx, h.people, &f, "supervisor_id", t.SupervisorID); err != nil {
		return err
	}
	if err := knownCalendar(ctx, h.policies, &f, "calendar_id", t.CalendarID); err != nil {
		return err
	}
	return f.err()
}
