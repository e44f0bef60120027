package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// tokens serves the personal and service tokens that an administrator makes.
type tokens struct {
	sessions Sessions
	people   People
	now      func() time.Time
}

func (h *tokens) routes(r gin.IRouter) {
	r.GET("/tokens", need(models.PermTokenCreate), h.list)
	r.POST("/tokens", need(models.PermTokenCreate), h.create)
	r.DELETE("/tokens/:id", need(models.PermTokenCreate), h.delete)
}

type tokenView struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Name      string `json:"name"`
	ExpiresAt *Time  `json:"expires_at"`
	RevokedAt *Time  `json:"revoked_at"`
	CreatedAt Time   `json:"created_at"`
	Token     string `json:"token,omitempty"` // the secret, once
}

func toTokenView(t models.Token) tokenView {
	return tokenView{
		ID: t.ID, UserID: t.UserID, Name: t.Name, ExpiresAt: timePtr(t.ExpiresAt), RevokedAt: timePtr(t.RevokedAt),
		CreatedAt: Time(t.CreatedAt),
	}
}

// list lists the tokens, without secrets.
func (h *tokens) list(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.sessions.ListTokens(c.Request.Context(), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toTokenView)
}

type createTokenRequest struct {
	UserID    string     `json:"user_id" binding:"required,typeid=user"`
	Name      string     `json:"name" binding:"required,notblank,max=100"`
	ExpiresAt *time.Time `json:"expires_at"` // absent: until revoked
}

// create makes a token for a user and shows its secret, once. 409 when the same request made it before, 422 bad values.
func (h *tokens) create(c *gin.Context) {
	showsSecret(c)
	var req createTokenRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	var f faults
	if req.ExpiresAt != nil && !req.ExpiresAt.After(h.now()) {
		f.add("expires_at", "future")
	}
	_, err := activeUser(ctx, h.people, &f, "user_id", &req.UserID)
	if err == nil {
		err = f.err()
	}
	if err != nil {
		fail(c, err)
		return
	}
	secret, t, err := h.sessions.IssueToken(ctx, newID(c, id.Token), req.UserID, req.Name, req.ExpiresAt)
	if err != nil {
		fail(c, err)
		return
	}
	view := toTokenView(t)
	view.Token = secret
	created(c, t.ID, view)
}

// delete revokes a token. 404 unknown.
func (h *tokens) delete(c *gin.Context) {
	if !id.Valid(id.Token, c.Param("id")) {
		fail(c, notFound())
		return
	}
	if err := h.sessions.RevokeToken(c.Request.Context(), c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
