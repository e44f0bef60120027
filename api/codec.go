package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// codecCookie holds an administrator's session for the engine's web UI, for nothing but the codec's paths.
const codecCookie = "mcrflow_codec"

// codec opens the sealed payloads of the engine's history for its web UI: administrators only. The UI's pages call it from
// the administrator's browser, so it takes a cookie beside the bearer token.
type codec struct {
	sessions Sessions
	handler  http.Handler
	uiOrigin string
	secure   bool // the product is reached by HTTPS

	limitLogin gin.HandlerFunc
}

func (h *codec) routes(r gin.IRouter) {
	g := r.Group("/codec", h.cors)
	g.OPTIONS("/decode", func(c *gin.Context) { c.Status(http.StatusNoContent) }) // the UI's pages ask before they post
	g.GET("/login", h.limitLogin, h.login)
	g.POST("/decode", h.decode)
}

// cors lets the engine's web UI, and no other page, read the answers.
func (h *codec) cors(c *gin.Context) {
	if origin := c.GetHeader("Origin"); origin != "" && origin == h.uiOrigin {
		c.Header("Access-Control-Allow-Origin", origin)
		c.Header("Access-Control-Allow-Credentials", "true")
		c.Header("Access-Control-Allow-Headers", "Content-Type, X-Namespace, Authorization")
		c.Header("Vary", "Origin")
	}
}

// login asks the browser for an administrator's name and password, and leaves the cookie with which the UI's pages may call
// decode. 401 without, 403 for others.
func (h *codec) login(c *gin.Context) {
	name, password, ok := c.Request.BasicAuth()
	if !ok {
		c.Header("WWW-Authenticate", `Basic realm="mcrflow", charset="UTF-8"`)
		fail(c, errs.New(errs.Unauthenticated, "unauthenticated"))
		return
	}
	token, expires, u, err := h.sessions.Login(c.Request.Context(), name, password)
	if err != nil {
		c.Header("WWW-Authenticate", `Basic realm="mcrflow", charset="UTF-8"`)
		fail(c, err)
		return
	}
	if !models.May(u.Roles, models.PermCodecUse) {
		fail(c, errs.New(errs.Forbidden, "forbidden.permission", "permission", string(models.PermCodecUse)))
		return
	}
	http.SetCookie(c.Writer, &http.Cookie{
		Name: codecCookie, Value: token, Path: "/codec", Expires: expires, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: h.secure || c.Request.TLS != nil,
	})
	c.Status(http.StatusNoContent)
}

// decode opens payloads. 401 without a login, 403 for all but administrators.
func (h *codec) decode(c *gin.Context) {
	token, ok := bearer(c)
	if !ok {
		token, _ = c.Cookie(codecCookie) // an empty token is nobody's
	}
	p, err := h.sessions.Authenticate(c.Request.Context(), token)
	if err != nil {
		fail(c, err)
		return
	}
	if !models.May(p.User.Roles, models.PermCodecUse) {
		fail(c, errs.New(errs.Forbidden, "forbidden.permission", "permission", string(models.PermCodecUse)))
		return
	}
	c.Request.URL.Path = "/decode"
	h.handler.ServeHTTP(c.Writer, c.Request)
}
