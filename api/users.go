package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// maxLine bounds the walk up a reporting line: no company is deeper.
const maxLine = 100

// users serves the people of the company.
type users struct {
	people   People
	staffing Staffing
	now      func() time.Time
}

func (h *users) routes(r gin.IRouter) {
	r.GET("/users", need(models.PermPeopleRead), h.list)
	r.POST("/users", need(models.PermPeopleWrite), h.create)
	r.GET("/users/:id", need(models.PermPeopleRead), h.get)
	r.PATCH("/users/:id", need(models.PermPeopleWrite), h.patch)
	r.POST("/users/:id/deactivate", need(models.PermPeopleWrite), h.deactivate)
}

type userView struct {
	ID          string        `json:"id"`
	Username    string        `json:"username"`
	DisplayName string        `json:"display_name"`
	Email       string        `json:"email"`
	Locale      string        `json:"locale"`
	TimeZone    string        `json:"time_zone"`
	Roles       []models.Role `json:"roles"`
	TeamID      *string       `json:"team_id"`
	ManagerID   *string       `json:"manager_id"`
	Active      bool          `json:"active"`
	Version     int64         `json:"version"`
	CreatedAt   Time          `json:"created_at"`
	UpdatedAt   Time          `json:"updated_at"`
}

func toUserView(u models.User) userView {
	return userView{
		ID: u.ID, Username: u.Username, DisplayName: u.DisplayName, Email: u.Email, Locale: u.Locale, TimeZone: u.TimeZone,
		Roles: append([]models.Role{}, u.Roles...), TeamID: u.TeamID, ManagerID: u.ManagerID, Active: u.Active,
		Version: u.Version, CreatedAt: Time(u.CreatedAt), UpdatedAt: Time(u.UpdatedAt),
	}
}

// list lists users in the order in which they were made. Filters: team_id, role, active, username.
func (h *users) list(c *gin.Context) {
	q := queryOf(c)
	f := UserFilter{
		TeamID: q.id("team_id", id.Team), Role: oneOf(q, "role", models.Roles()...), Active: q.bool("active"), Username: q.text("username"),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.people.Users(c.Request.Context(), f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toUserView)
}

// get answers one user. 404 unknown.
func (h *users) get(c *gin.Context) {
	u, err := h.people.User(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, u.Version)
	answer(c, http.StatusOK, toUserView(u))
}

type createUserRequest struct {
	Username    string        `json:"username" binding:"required,username"`
	DisplayName string        `json:"display_name" binding:"required,notblank,max=100"`
	Email       string        `json:"email" binding:"omitempty,email,max=254"`
	Locale      string        `json:"locale" binding:"omitempty,locale"`
	TimeZone    string        `json:"time_zone" binding:"omitempty,time_zone"`
	Roles       []models.Role `json:"roles" binding:"required,min=1,max=11,unique,dive,role"`
	TeamID      *string       `json:"team_id" binding:"omitempty,typeid=team"`
	ManagerID   *string       `json:"manager_id" binding:"omitempty,typeid=user"`
	Password    string        `json:"password" binding:"omitempty,min=8,max=128"` // absent: the user cannot log in, only use a token
}

// create adds a user. 409 when the username is taken, 422 bad values.
func (h *users) create(c *gin.Context) {
	var req createUserRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	u := models.User{
		ID: newID(c, id.User), Username: req.Username, DisplayName: strings.TrimSpace(req.DisplayName), Email: req.Email,
		Locale: or(req.Locale, i18n.English), TimeZone: or(req.TimeZone, "Asia/Shanghai"), Roles: req.Roles,
		TeamID: req.TeamID, ManagerID: req.ManagerID, Active: true, Version: 1, CreatedAt: h.now().UTC(), UpdatedAt: h.now().UTC(),
	}
	if err := h.place(c.Request.Context(), u, req.Password); err != nil {
		fail(c, err)
		return
	}
	u, err := h.people.CreateUser(c.Request.Context(), u, req.Password)
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, u.Version)
	created(c, u.ID, toUserView(u))
}

type patchUserRequest struct {
	DisplayName patch[string]        `json:"display_name" binding:"omitnil,notblank,max=100"`
	Email       clearable[string]    `json:"email" binding:"omitnil,email,max=254"`
	Locale      patch[string]        `json:"locale" binding:"omitnil,locale"`
	TimeZone    patch[string]        `json:"time_zone" binding:"omitnil,time_zone"`
	Roles       patch[[]models.Role] `json:"roles" binding:"omitnil,min=1,max=11,unique,dive,role"`
	TeamID      clearable[string]    `json:"team_id" binding:"omitnil,typeid=team"`
	ManagerID   clearable[string]    `json:"manager_id" binding:"omitnil,typeid=user"`
	Active      patch[bool]          `json:"active"`
	Password    patch[string]        `json:"password" binding:"omitnil,min=8,max=128"`
}

// patch changes a user. 404 unknown, 412 when If-Match is stale, 422 bad values; a user is taken out of service by
// deactivate, never here. To name a team takes their open cases along, also one in which they are already.
func (h *users) patch(c *gin.Context) {
	var req patchUserRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	u, err := change(c, func(u models.User) int64 { return u.Version }, h.people.User,
		func(u *models.User) error {
			if req.Active.set && !req.Active.value && u.Active {
				return errs.NewInvalid(errs.Field{Field: "active", Code: "use_deactivate"})
			}
			req.DisplayName.into(&u.DisplayName)
			if req.Email.set {
				u.Email = textOf(req.Email.value)
			}
			req.Locale.into(&u.Locale)
			req.TimeZone.into(&u.TimeZone)
			req.Roles.into(&u.Roles)
			req.TeamID.into(&u.TeamID)
			req.ManagerID.into(&u.ManagerID)
			req.Active.into(&u.Active)
			u.UpdatedAt = h.now().UTC()
			return h.place(c.Request.Context(), *u, req.Password.value)
		},
		func(ctx context.Context, u models.User) (models.User, error) {
			if req.TeamID.set {
				return h.staffing.Move(ctx, u, req.Password.value, metaOf(c), h.now().UTC())
			}
			return h.people.UpdateUser(ctx, u, req.Password.value)
		})
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, u.Version)
	answer(c, http.StatusOK, toUserView(u))
}

// place checks where a user stands: the team and the manager exist, and nobody reports to themselves. A password must not
// be the username.
func (h *users) place(ctx context.Context, u models.User, password string) error {
	var f faults
	if password != "" && strings.EqualFold(password, u.Username) {
		f.add("password", "same_as_username")
	}
	if u.TeamID != nil {
		_, err := h.people.Team(ctx, *u.TeamID)
		switch {
		case errs.CodeOf(err) == errs.NotFound:
			f.add("team_id", "unknown")
		case err != nil:
			return err
		}
	}
	manager, err := activeUser(ctx, h.people, &f, "manager_id", u.ManagerID)
	if err != nil {
		return err
	}
	line := []string{u.ID}
	for up := manager; up.ID != ""; {
		if slices.Contains(line, up.ID) || len(line) > maxLine {
			f.add("manager_id", "circle")
			break
		}
		line = append(line, up.ID)
		if up.ManagerID == nil {
			break
		}
		if up, err = h.people.User(ctx, *up.ManagerID); err != nil {
			return err
		}
	}
	return f.err()
}

// deactivate takes a leaver out of service: their sessions end, and what they were responsible for goes to their
// supervisor at once. 404 unknown, 409 when nobody is above them to take it. Doing it again changes nothing.
func (h *users) deactivate(c *gin.Context) {
	ctx := c.Request.Context()
	if err := bind(c, &struct{}{}); err != nil {
		fail(c, err)
		return
	}
	if c.Param("id") == caller(c).User.ID {
		fail(c, errs.New(errs.Conflict, "conflict.deactivate_self"))
		return
	}
	if _, err := h.people.User(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	u, err := h.staffing.Deactivate(ctx, c.Param("id"), metaOf(c), h.now().UTC())
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, u.Version)
	answer(c, http.StatusOK, toUserView(u))
}
