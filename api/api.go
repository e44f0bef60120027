// Package api is the HTTP surface of the product: routes, request and answer types, and what every request passes on
// its way in. It reads from the projections and sends commands to the engine through the interfaces of ports.go.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/rulebook"
)

// Limits bound what one address may ask, and how long one request may take. Zero fields take the default.
type Limits struct {
	PerSecond      float64       // requests per second and address; 500
	Burst          int           // requests at once and address; 1000
	LoginPerMinute float64       // log-ins per minute and address; 30
	LoginBurst     int           // log-ins at once and address; 20
	LinkPerMinute  float64       // requests for personal links per minute and address; 120
	LinkBurst      int           // requests for personal links at once and address; 60
	Request        time.Duration // time for one request; 15 s
}

// Deps is all that the surface needs. Every field is required unless it says otherwise.
type Deps struct {
	Log            *slog.Logger
	Texts          *i18n.Catalogue
	Metrics        *prometheus.Registry // optional: others register theirs in it, /metrics shows all
	Tracer         trace.TracerProvider // optional: no spans are made
	Now            func() time.Time     // optional: the wall clock
	Stopping       func() bool          // optional: true once the program shuts down, so that /readyz says 503
	Version        string
	PublicURL      string   // where people reach the product: cookies are for HTTPS only where it is; its pages may use them
	TrustedProxies []string // optional: whose X-Forwarded-For is believed; nobody's
	Limits         Limits

	Engine      Engine
	Database    Health
	Sessions    Sessions
	Idempotency Idempotency

	People        People
	Staffing      Staffing
	Words         Words
	Clients       Clients
	Policies      Policies
	Notifications Notifications
	Webhooks      Webhooks
	Channels      Channels
	Messenger     Messenger
	Email         bool // the messenger has a mail server
	Resources     Resources
	Budgets       Budgets

	Organisation Organisation

	// cases and tasks
	Cases      Cases
	Approvals  Approvals
	Receptions Receptions

	Relationships Relationships
	Grading       Grading

	// surveys and campaigns
	Campaigns Campaigns
	Surveys   Surveys
	HashLink  func(token string) (hash [32]byte, ok bool) // of a personal link; false for what cannot be one

	Inspections Inspections
	Discipline  Discipline

	Codec         http.Handler // optional: opens sealed payloads for the engine's web UI
	CodecUIOrigin string       // origin of that UI
}

// New builds the handler of all routes. It fails when a dependency is missing or the document of the API is unreadable.
func New(d Deps) (http.Handler, error) {
	if err := d.complete(); err != nil {
		return nil, err
	}
	e, err := newEdge(d)
	if err != nil {
		return nil, err
	}
	r, err := newRouter(d, e)
	if err != nil {
		return nil, err
	}
	return headAsGet(r), nil
}

// traced makes a span for every call. Without a provider it only notes the trace that the caller says the call belongs to.
// A personal link stands in no trace.
func traced(provider trace.TracerProvider) gin.HandlerFunc {
	var propagator propagation.TraceContext
	if provider != nil {
		return otelgin.Middleware("mcrflow", otelgin.WithTracerProvider(provider), otelgin.WithPropagators(propagator),
			otelgin.WithFilter(func(r *http.Request) bool { return !personalLink(r.URL.Path) }))
	}
	return func(c *gin.Context) {
		if c.GetHeader("Traceparent") != "" && !personalLink(c.Request.URL.Path) {
			c.Request = c.Request.WithContext(propagator.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header)))
		}
	}
}

// newRouter makes the gin engine. The order of the middleware matters: what comes first sees what comes later fail.
func newRouter(d Deps, e *edge) (*gin.Engine, error) {
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.UseRawPath = true // an escaped slash belongs to the id that it stands in
	r.UnescapePathValues = true
	r.RemoteIPHeaders = []string{forwardedFor} // proxies pass any other on as the caller wrote it
	if err := r.SetTrustedProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	r.Use(
		oneForwardedFor, traced(d.Tracer), e.identify, e.observe, e.recover, secure,
	)
	r.NoRoute(noRoute)
	r.NoMethod(noMethod)

	(&system{deps: d, log: e.log}).routes(r)

	if d.Codec != nil {
		(&codec{sessions: d.Sessions, handler: d.Codec, uiOrigin: d.CodecUIOrigin, secure: e.browsers.secure, limitLogin: e.limitLogin}).routes(r.Group("", e.limit, readBody))
	}

	v1 := r.Group("/api/v1", e.limit, e.deadline, readBody, e.onlyKnownParameters, cleanPath)
	(&auth{sessions: d.Sessions, browsers: e.browsers, now: e.now}).public(v1.Group("", e.limitLogin))

	rules := rulebook.New(d.Policies)
	byLink := newAnswering(d, rules, e.now)
	byLink.public(v1.Group("", e.limitLink))
	(&surveyPages{answering: byLink, texts: d.Texts, limit: e.links}).public(r.Group("", e.deadline))

	seen := &presence{store: d.Discipline, rules: rules, log: e.log, now: e.now, noted: map[string]string{}}
	signedIn := v1.Group("", e.authenticate, seen.note, e.idempotent)
	for _, h := range resources(d, rules, e) {
		h.routes(signedIn)
	}
	return r, nil
}

// resource is a set of routes for callers with a login.
type resource interface{ routes(r gin.IRouter) }

// resources lists all of them: one line per file.
func resources(d Deps, rules *rulebook.Book, e *edge) []resource {
	now := e.now
	bonds := relationshipCommands{engine: d.Engine, store: d.Relationships}
	recorded := &records{relationshipCommands: bonds, now: now}
	documents := &policyDocuments{store: d.Policies, org: d.Organisation, now: now}
	work := &cases{
		engine: d.Engine, store: d.Cases, people: d.People, rules: rules, now: now,
	}
	return []resource{
		&auth{sessions: d.Sessions, browsers: e.browsers, now: now},
		&users{people: d.People, staffing: d.Staffing, now: now},
		&teams{people: d.People, staffing: d.Staffing, policies: d.Policies, now: now},
		&deputies{people: d.People, staffing: d.Staffing, now: now},
		&tokens{sessions: d.Sessions, people: d.People, now: now},
		&notifications{store: d.Notifications, now: now},
		&webhooks{store: d.Webhooks, now: now},
		&channels{store: d.Channels, sender: d.Messenger, email: d.Email, now: now},
		&clients{store: d.Clients, people: d.People, words: d.Words, bonds: bonds, now: now},
		&relationships{relationshipCommands: bonds, org: d.Organisation, rules: rules, now: now},
		&assessments{recorded}, &interactions{recorded}, &commitments{recorded}, &opinions{recorded}, &leads{recorded},
		&concentration{store: d.Grading, rules: rules},
		&library{store: d.Resources, policies: d.Policies, now: now},
		&budgets{store: d.Budgets, people: d.People, now: now},
		documents,
		&shadows{store: d.Grading, policies: documents, rules: rules, now: now},
		&calendars{store: d.Policies, rules: rules, now: now},
		work,
		&approvals{engine: d.Engine, store: d.Approvals, people: d.People, org: d.Organisation, rules: rules, now: now},
		&receptions{
			engine: d.Engine, store: d.Receptions, approvals: d.Approvals, clients: d.Clients, people: d.People, org: d.Organisation,
			rules: rules, now: now,
		},
		&inspections{store: d.Inspections, org: d.Organisation, rules: rules, now: now},
		&disciplines{store: d.Discipline, org: d.Organisation, rules: rules, now: now},
		&campaigns{engine: d.Engine, store: d.Campaigns, rules: rules, now: now},
		&surveys{store: d.Surveys, campaigns: d.Campaigns, rules: rules},
		&invitations{answering: newAnswering(d, rules, now), store: d.Surveys, clients: d.Clients, inbox: d.Cases, now: now},
		&tasks{cases: work, org: d.Organisation},
		&knowledge{store: d.Cases},
	}
}

// complete reports every dependency that is missing.
func (d Deps) complete() error {
	optional := map[string]bool{"Metrics": true, "Tracer": true, "Now": true, "Stopping": true, "TrustedProxies": true, "Codec": true}
	var missing []error
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i); f.Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Func:
			if f.IsNil() && !optional[name] {
				missing = append(missing, fmt.Errorf("api: %s is missing", name))
			}
		}
	}
	return errors.Join(missing...)
}
