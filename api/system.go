package api

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/swaggest/swgui/v5emb"
)

// checkTime bounds how long a readiness check may take.
const checkTime = 2 * time.Second

// system serves what operators and integrators look at; none of it needs a login.
type system struct {
	deps Deps
	log  *slog.Logger
}

func (h *system) routes(r gin.IRouter) {
	r.GET("/healthz", h.healthz)
	r.GET("/readyz", h.readyz)
	if h.deps.Metrics != nil {
		r.GET("/metrics", gin.WrapH(promhttp.HandlerFor(h.deps.Metrics, promhttp.HandlerOpts{Registry: h.deps.Metrics})))
	}
	r.GET("/openapi.yaml", h.openapi)
	assets := v5emb.New("mcrflow", "/openapi.yaml", "/docs/assets/")
	r.GET("/docs", h.docs)
	r.GET("/docs/start.js", h.docsStart)
	r.GET("/docs/assets/*file", h.docsAsset(assets))
}

// healthz says that the process lives.
func (h *system) healthz(c *gin.Context) {
	answer(c, http.StatusOK, gin.H{"status": "ok", "version": h.deps.Version})
}

type readiness struct {
	Status string            `json:"status"` // ok | unavailable
	Checks map[string]string `json:"checks"` // database, engine, process → ok | down | stopping
}

// readyz says whether requests can be served, and names what is down. 503 when anything is.
func (h *system) readyz(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkTime)
	defer cancel()
	out, status := readiness{Status: "ok", Checks: map[string]string{}}, http.StatusOK
	down := func(name, how string) {
		out.Checks[name], out.Status, status = how, "unavailable", http.StatusServiceUnavailable
	}
	checks := []struct {
		name  string
		check func(context.Context) error
	}{{"database", h.deps.Database.Check}, {"engine", h.deps.Engine.Check}}
	results := make([]chan error, len(checks))
	for i, check := range checks {
		results[i] = make(chan error, 1)
		go func() { results[i] <- check.check(ctx) }()
	}
	for i, check := range checks {
		out.Checks[check.name] = "ok"
		select {
		case err := <-results[i]:
			if err != nil {
				h.log.WarnContext(ctx, "not ready", "check", check.name, "err", err)
				down(check.name, "down")
			}
		case <-ctx.Done(): // a check that does not heed its deadline is down, too
			down(check.name, "down")
		}
	}
	if h.deps.Stopping != nil && h.deps.Stopping() {
		down("process", "stopping")
	}
	answer(c, status, out)
}

//go:embed openapi.yaml
var document []byte

// OpenAPI returns the document of the API, OpenAPI 3.1 in YAML.
func OpenAPI() []byte { return document }

func (h *system) openapi(c *gin.Context) {
	c.Header("Cache-Control", "no-cache")
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", document)
}

// The page loads its scripts and styles from this program only, and runs no inline script.
const (
	docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	docsPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mcrflow API</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`
	docsScript = `SwaggerUIBundle({
  url: "/openapi.yaml",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0
});
`
)

// docs is the browsable page of the document.
func (h *system) docs(c *gin.Context) {
	c.Header("Content-Security-Policy", docsPolicy)
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(docsPage))
}

func (h *system) docsStart(c *gin.Context) {
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", []byte(docsScript))
}

// docsAsset serves the embedded files of the page; the bare folder is not one of them.
func (h *system) docsAsset(assets http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Param("file") == "/" {
			noRoute(c)
			return
		}
		c.Header("Cache-Control", "public, max-age=3600")
		assets.ServeHTTP(c.Writer, c.Request)
	}
}
