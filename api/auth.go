package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/reqctx"
	"github.com/mcrflow/mcrflow/models"
)

const maxToken = 512

// authenticate finds out who asks: by the token in the header, else by the browser's cookie. 401 without one that is good,
// 403 for a cookie that a page of another origin makes use of.
func (e *edge) authenticate(c *gin.Context) {
	token, ok := bearer(c)
	if !ok && c.GetHeader("Authorization") == "" {
		if token = e.browsers.token(c); token != "" {
			if err := e.browsers.check(c); err != nil {
				fail(c, err)
				return
			}
			ok = true
		}
	}
	if !ok {
		fail(c, errs.New(errs.Unauthenticated, "unauthenticated"))
		return
	}
	ctx := c.Request.Context()
	p, err := e.sessions.Authenticate(ctx, token)
	if err != nil {
		fail(c, err)
		return
	}
	c.Set(keyPrincipal, p)
	r := reqctx.From(ctx)
	r.UserID, r.Locale = p.User.ID, localeOf(c)
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("user.id", p.User.ID))
	c.Request = c.Request.WithContext(reqctx.With(ctx, r))
}

func bearer(c *gin.Context) (string, bool) {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxToken && holdable(token)
}

// challenge is the WWW-Authenticate header of a 401.
func challenge(c *gin.Context) string {
	if c.GetHeader("Authorization") == "" {
		return `Bearer realm="mcrflow"`
	}
	return `Bearer realm="mcrflow", error="invalid_token"`
}

// auth serves log-in, log-out and the caller's own view.
type auth struct {
	sessions Sessions
	browsers *browsers
	now      func() time.Time
}

// public registers what needs no login.
func (h *auth) public(r gin.IRouter) { r.POST("/auth/login", h.login) }

func (h *auth) routes(r gin.IRouter) {
	r.POST("/auth/logout", h.logout)
	r.GET("/me", h.me)
}

type loginRequest struct {
	Username string `json:"username" binding:"required,max=64"`
	Password string `json:"password" binding:"required,max=1024"`
	Cookie   bool   `json:"cookie"` // leave the session in a cookie, too
}

type loginView struct {
	Token     string   `json:"token"`
	ExpiresAt Time     `json:"expires_at"`
	User      userView `json:"user"`
}

// login checks a password and opens a session; a browser that asks for it gets the session in a cookie. 401 when it is wrong, 429 while the user or the address is locked out. Its
// Idempotency-Key is accepted and has no effect: the answer is a secret, and a second session harms nobody.
func (h *auth) login(c *gin.Context) {
	var req loginRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	if req.Cookie {
		if err := h.browsers.check(c); err != nil {
			fail(c, err)
			return
		}
	}
	token, expires, u, err := h.sessions.Login(c.Request.Context(), req.Username, req.Password)
	if err != nil {
		fail(c, err)
		return
	}
	if req.Cookie {
		h.browsers.open(c, token, expires)
	}
	answer(c, http.StatusOK, loginView{Token: token, ExpiresAt: Time(expires), User: toUserView(u)})
}

// logout ends the session or token that the request came with, and takes the browser's cookie back.
func (h *auth) logout(c *gin.Context) {
	if err := h.sessions.Logout(c.Request.Context(), caller(c).TokenID); err != nil {
		fail(c, err)
		return
	}
	h.browsers.close(c)
	c.Status(http.StatusNoContent)
}

type meView struct {
	userView
	Permissions []models.Permission `json:"permissions"`
	Supervises  []string            `json:"supervises"`
	ActsFor     []string            `json:"acts_for"`
}

// me answers who the caller is and what they may do.
func (h *auth) me(c *gin.Context) {
	p := caller(c)
	view := meView{
		userView: toUserView(p.User), Permissions: models.PermissionsOf(p.User.Roles),
		Supervises: []string{}, ActsFor: []string{},
	}
	view.Supervises = append(view.Supervises, p.Actor.Supervises...)
	for _, person := range p.Actor.ActsFor {
		view.ActsFor = append(view.ActsFor, person.ID)
	}
	etag(c, p.User.Version)
	answer(c, http.StatusOK, view)
}
