package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/reqctx"
)

const (
	maxBody      = 1 << 20
	maxRequestID = 128
	maxParameter = 2000
	keptClients  = 20_000 // addresses whose rate is remembered
)

// edge is what every request passes: it names, limits, watches and authenticates them.
type edge struct {
	log         *slog.Logger
	texts       *i18n.Catalogue
	now         func() time.Time
	timeout     time.Duration
	sessions    Sessions
	idempotency Idempotency
	browsers    *browsers
	parameters  map[string]map[string]bool // "GET /api/v1/users" → the query parameters of the document
	requests    *prometheus.HistogramVec
	perAddress  *limiter
	logins      *limiter
	links       *limiter
}

func newEdge(d Deps) (*edge, error) {
	parameters, err := queryParameters()
	if err != nil {
		return nil, err
	}
	browsers, err := newBrowsers(d.PublicURL)
	if err != nil {
		return nil, err
	}
	e := &edge{
		log: d.Log, texts: d.Texts, now: d.Now, sessions: d.Sessions, idempotency: d.Idempotency, browsers: browsers, parameters: parameters,
		timeout:    or(d.Limits.Request, 15*time.Second),
		perAddress: newLimiter(rate.Limit(or(d.Limits.PerSecond, 500)), or(d.Limits.Burst, 1000)),
		logins:     newLimiter(rate.Limit(or(d.Limits.LoginPerMinute, 30)/60), or(d.Limits.LoginBurst, 20)),
		links:      newLimiter(rate.Limit(or(d.Limits.LinkPerMinute, 120)/60), or(d.Limits.LinkBurst, 60)),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mcrflow_http_request_duration_seconds",
			Help:    "Time to answer an HTTP request, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
	}
	if e.now == nil {
		e.now = func() time.Time { return time.Now().Truncate(time.Millisecond) } // the precision of every answer
	}
	if d.Metrics != nil {
		if err := d.Metrics.Register(e.requests); err != nil {
			return nil, fmt.Errorf("register http metrics: %w", err)
		}
	}
	return e, nil
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// identify gives the request its id: the caller's own when it is fit for a header and a log, else a fresh one.
func (e *edge) identify(c *gin.Context) {
	c.Set(keyEdge, e)
	requestID := c.GetHeader("X-Request-ID")
	if !fitForLog(requestID) {
		requestID = id.New(id.Request)
	}
	c.Header("X-Request-ID", requestID)
	ctx := c.Request.Context()
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(c.Writer.Header()))
	c.Request = c.Request.WithContext(reqctx.With(ctx, reqctx.Request{ID: requestID, Locale: localeOf(c)}))
}

func fitForLog(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// observe counts and logs the request: never its body, its query or who is behind an address.
func (e *edge) observe(c *gin.Context) {
	start := time.Now()
	c.Next()
	took, status := time.Since(start), c.Writer.Status()
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	e.requests.WithLabelValues(c.Request.Method, route, strconv.Itoa(status)).Observe(took.Seconds())
	level := slog.LevelInfo
	if !strings.HasPrefix(route, "/api/") {
		level = slog.LevelDebug
	}
	if !e.log.Enabled(c.Request.Context(), level) {
		return
	}
	e.log.LogAttrs(c.Request.Context(), level, "request",
		slog.String("method", c.Request.Method), slog.String("route", route), slog.Int("status", status),
		slog.Int64("took_ms", took.Milliseconds()), slog.Int("bytes", c.Writer.Size()),
		slog.String("request_id", requestIDOf(c)), slog.String("user_id", reqctx.From(c.Request.Context()).UserID),
		slog.String("trace_id", trace.SpanContextFromContext(c.Request.Context()).TraceID().String()))
}

// recover answers a panic as internal. What a half-written answer needs is only that the connection ends.
func (e *edge) recover(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
		e.log.ErrorContext(c.Request.Context(), "request panicked", "route", c.FullPath(), "request_id", requestIDOf(c),
			"err", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		writeProblem(c, http.StatusInternalServerError, errs.New(errs.Internal, "internal"))
	}()
	c.Next()
}

// secure sets what keeps a browser from making more of an answer than it is.
func secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// deadline bounds the time of a request, so that a stuck engine or database ends in a 503 and not in silence.
func (e *edge) deadline(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), e.timeout)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// limit bounds the requests of one address.
func (e *edge) limit(c *gin.Context) { e.perAddress.check(c) }

// limitLogin bounds the attempts of one address to guess a password.
func (e *edge) limitLogin(c *gin.Context) { e.logins.check(c) }

// limitLink bounds the attempts of one address to guess a personal link.
func (e *edge) limitLink(c *gin.Context) { e.links.check(c) }

// limiter holds one token bucket per address. An address that was quiet for ten minutes has a full bucket anyway.
type limiter struct {
	every   rate.Limit
	burst   int
	buckets *expirable.LRU[netip.Addr, *rate.Limiter]
}

func newLimiter(every rate.Limit, burst int) *limiter {
	return &limiter{every, burst, expirable.NewLRU[netip.Addr, *rate.Limiter](keptClients, nil, 10*time.Minute)}
}

// check refuses the request of an address that asks too often.
func (l *limiter) check(c *gin.Context) {
	if wait := l.wait(c); wait > 0 {
		fail(c, &errs.Error{Code: errs.RateLimited, Key: "rate_limited.address", RetryAfter: wait})
	}
}

// wait counts a request of the address. It returns how long it has to wait; then it is not counted.
func (l *limiter) wait(c *gin.Context) time.Duration {
	address := network(c.ClientIP())
	bucket, ok := l.buckets.Get(address)
	if !ok {
		bucket = rate.NewLimiter(l.every, l.burst)
		l.buckets.Add(address, bucket)
	}
	if r := bucket.Reserve(); r.Delay() > 0 {
		wait := r.Delay()
		r.Cancel()
		return wait
	}
	return 0
}

// forwardedFor names the addresses that a request came through, each proxy adding the one that it saw.
const forwardedFor = "X-Forwarded-For"

// oneForwardedFor makes one header of several, as some proxies add a line of their own: only the last counts, and gin reads
// the first.
func oneForwardedFor(c *gin.Context) {
	if lines := c.Request.Header.Values(forwardedFor); len(lines) > 1 {
		c.Request.Header.Set(forwardedFor, strings.Join(lines, ", "))
	}
}

// network is the address whose rate counts: one person commonly holds a whole IPv6 /64.
func network(ip string) netip.Addr {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		prefix, _ := addr.Prefix(64) // no error for 64 bits of an IPv6 address
		return prefix.Addr()
	}
	return addr
}

// readBody reads the whole body, so that what comes later can look at it more than once. 413 beyond 1 MiB.
func readBody(c *gin.Context) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	if c.Request.ContentLength > maxBody {
		fail(c, errs.New(errs.TooLarge, "too_large"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		fail(c, errs.New(errs.TooLarge, "too_large"))
	case err != nil:
		fail(c, errs.Wrap(err, errs.Malformed, "body.unreadable"))
	default:
		c.Set(keyBody, body)
		c.Request.Body = io.NopCloser(bytes.NewReader(body)) // for handlers that are not ours, as the codec's
	}
}

// onlyKnownParameters refuses a query parameter that the document of the API does not name for the route, one that is
// given twice, and text that the database cannot hold.
func (e *edge) onlyKnownParameters(c *gin.Context) {
	if c.Request.URL.RawQuery == "" {
		return
	}
	known, documented := e.parameters[c.Request.Method+" "+c.FullPath()]
	values, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		fail(c, errs.Wrap(err, errs.Malformed, "query.unreadable"))
		return
	}
	for name, v := range values {
		switch {
		case documented && !known[name]:
			fail(c, errs.New(errs.Malformed, "query.unknown", "parameter", printable(name)))
		case len(v) > 1:
			fail(c, errs.New(errs.Malformed, "query.duplicate", "parameter", printable(name)))
		case !holdable(v[0]) || len(v[0]) > maxParameter:
			fail(c, errs.New(errs.Malformed, "query.bad_text", "parameter", printable(name)))
		default:
			continue
		}
		return
	}
}

// cleanPath answers 404 for an id that no database can hold.
func cleanPath(c *gin.Context) {
	for _, p := range c.Params {
		if !holdable(p.Value) || len(p.Value) > maxParameter {
			fail(c, errs.New(errs.NotFound, "not_found"))
			return
		}
	}
}

func holdable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// printable makes a name of the caller's fit for a message.
func printable(s string) string {
	if r := []rune(strings.ToValidUTF8(s, "?")); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

func noRoute(c *gin.Context) { fail(c, errs.New(errs.NotFound, "not_found.path")) }

// noMethod answers OPTIONS with what is allowed, which gin has put into the header, and refuses the rest.
func noMethod(c *gin.Context) {
	if c.Request.Method == http.MethodOptions {
		c.AbortWithStatus(http.StatusNoContent)
		return
	}
	fail(c, errs.New(methodNotAllowed, "method_not_allowed", "allowed", c.Writer.Header().Get("Allow")))
}

// headAsGet answers HEAD as GET without the body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r
			get.Method = http.MethodGet
			next.ServeHTTP(headWriter{w}, &get)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type headWriter struct{ http.ResponseWriter }

// Write counts the body and drops it.
func (headWriter) Write(b []byte) (int, error) { return len(b), nil }
