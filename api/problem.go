package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/reqctx"
)

// methodNotAllowed is the code of a path that exists, but not for this method.
const methodNotAllowed errs.Code = "method_not_allowed"

// statuses maps the codes of API.md to HTTP; any other code comes from a process and is a 409, unless it says who may not.
var statuses = map[errs.Code]int{
	errs.Pending:              http.StatusAccepted,
	errs.Malformed:            http.StatusBadRequest,
	errs.Unauthenticated:      http.StatusUnauthorized,
	errs.Forbidden:            http.StatusForbidden,
	errs.NotFound:             http.StatusNotFound,
	methodNotAllowed:          http.StatusMethodNotAllowed,
	errs.Conflict:             http.StatusConflict,
	errs.ProcessClosed:        http.StatusConflict,
	errs.PreconditionFailed:   http.StatusPreconditionFailed,
	errs.TooLarge:             http.StatusRequestEntityTooLarge,
	errs.Invalid:              http.StatusUnprocessableEntity,
	errs.IdempotencyKeyReused: http.StatusUnprocessableEntity,
	errs.RateLimited:          http.StatusTooManyRequests,
	errs.Internal:             http.StatusInternalServerError,
	errs.Unavailable:          http.StatusServiceUnavailable,

	approval.CodeNotParticipant: http.StatusForbidden,
	approval.CodeSelfApproval:   http.StatusForbidden,
}

// statusOf is the HTTP status of a code.
func statusOf(code errs.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusConflict
}

// statusClientGone is what the log shows for a caller who hung up; nobody reads the answer.
const statusClientGone = 499

// retryAfter is what callers are told when the error does not say how long to wait.
const retryAfter = time.Second

const problemType = "application/problem+json"

// problem is the RFC 9457 document of every answer that is not a success.
type problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	Instance  string       `json:"instance"`
	Code      errs.Code    `json:"code"`
	RequestID string       `json:"request_id"`
	Errors    []fieldFault `json:"errors,omitempty"`
}

// fieldFault is one refused value. Args are the facts of a refusal that a program may act on, such as the free times of a
// room that is taken, or the request that shows a fault of a policy: the code says which there are.
type fieldFault struct {
	Field   string            `json:"field"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Args    map[string]string `json:"args,omitempty"`
}

// fail answers err as a problem document in the reader's language, and ends the request. Only the text of *errs.Error
// reaches the caller; anything else is internal with a fixed text, and is logged here, once.
func fail(c *gin.Context, err error) {
	ctx := c.Request.Context()
	e := asError(ctx, err)
	if e == nil { // the caller hung up
		c.AbortWithStatus(statusClientGone)
		return
	}
	status := statusOf(e.Code)
	logProblem(c, e, status, err)
	switch status {
	case http.StatusAccepted:
		if at := subject(c); at != "" && c.Writer.Header().Get("Location") == "" {
			c.Header("Location", at)
		}
		c.Header("Retry-After", "1")
	case http.StatusUnauthorized:
		c.Header("WWW-Authenticate", challenge(c))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait := e.RetryAfter
		if wait <= 0 {
			wait = retryAfter
		}
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	writeProblem(c, status, e)
}

// newProblem renders the document.
func newProblem(c *gin.Context, status int, e *errs.Error) problem {
	texts, locale := edgeOf(c).texts, localeOf(c)
	p := problem{
		Type: "urn:mcrflow:problem:" + string(e.Code), Status: status, Code: e.Code,
		Instance: c.Request.URL.EscapedPath(), RequestID: requestIDOf(c),
	}
	var found bool
	if p.Detail, found = texts.Lookup(locale, e.Key, readable(c, e.Args)); !found { // never a bare key
		p.Detail = texts.Text(locale, genericKey(e.Code), nil)
	}
	if p.Title, found = texts.Lookup(locale, "title."+string(e.Code), nil); !found { // a code of a process
		p.Title = texts.Text(locale, "title."+genericKey(e.Code), nil)
	}
	for _, f := range e.Fields {
		fault := fieldFault{Field: f.Field, Code: f.Code}
		switch witness := f.Args["witness"]; {
		case status == http.StatusConflict:
			fault.Args, f.Args = f.Args, readable(c, f.Args)
		case witness != "":
			fault.Args = errs.Args("witness", witness)
		}
		fault.Message = faultText(texts, locale, f)
		p.Errors = append(p.Errors, fault)
	}
	return p
}

// readable writes the instants, the ISO 8601 intervals and the lists of them among the arguments of a text as the reader's
// own clock shows them. Whoever reads without a login gets UTC.
func readable(c *gin.Context, args map[string]string) map[string]string {
	zone := time.UTC
	if p, ok := principalOf(c); ok {
		if own, err := time.LoadLocation(p.User.TimeZone); err == nil {
			zone = own
		}
	}
	out := maps.Clone(args)
	for name, value := range args {
		if text, ok := readableTimes(value, zone); ok {
			out[name] = text
		}
	}
	return out
}

// readableTimes rewrites "instant", "instant/instant" and "a, b" of these; false for anything else.
func readableTimes(value string, zone *time.Location) (string, bool) {
	if len(value) < len("2026-01-31T09:00:00Z") || value[4] != '-' { // most arguments are no times
		return "", false
	}
	parts := strings.Split(value, ", ")
	for i, part := range parts {
		ends := strings.Split(part, "/")
		for j, end := range ends {
			t, err := time.Parse(time.RFC3339, end)
			if err != nil {
				return "", false
			}
			ends[j] = t.In(zone).Format("2006-01-02 15:04")
			if j > 0 && ends[j][:10] == ends[0][:10] { // the day once
				ends[j] = ends[j][11:]
			}
		}
		parts[i] = strings.Join(ends, "–")
	}
	return strings.Join(parts, ", "), true
}

// genericKey is the text of a code itself; for the codes of processes, that of their status.
func genericKey(code errs.Code) string {
	switch code {
	case approval.CodeNotParticipant, approval.CodeSelfApproval:
		return string(errs.Forbidden)
	}
	if _, known := statuses[code]; known {
		return string(code)
	}
	return string(errs.Conflict)
}

// faultText is the text of one fault, with its place when it has one in a document.
func faultText(texts *i18n.Catalogue, locale string, f errs.Field) string {
	message, found := texts.Lookup(locale, "field."+f.Code, f.Args)
	if !found {
		message = texts.Text(locale, "field.invalid", nil)
	}
	if f.Args["line"] == "" {
		return message
	}
	return texts.Text(locale, "field_at", errs.Args("message", message, "line", f.Args["line"], "column", f.Args["column"]))
}

func writeProblem(c *gin.Context, status int, e *errs.Error) {
	c.Header("Content-Type", problemType)
	c.Header("Content-Language", localeOf(c))
	c.Header("Vary", "Accept-Language")
	c.AbortWithStatusJSON(status, newProblem(c, status, e))
}

// asError finds what to tell the caller; nil when the caller is gone.
func asError(ctx context.Context, err error) *errs.Error {
	var e *errs.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return errs.Wrap(err, errs.Unavailable, "unavailable.timeout")
	default:
		return errs.Wrap(err, errs.Internal, "internal")
	}
}

// logProblem writes one line at the level of the table of errors.
func logProblem(c *gin.Context, e *errs.Error, status int, err error) {
	level := slog.LevelDebug
	switch e.Code {
	case errs.Unauthenticated, errs.Forbidden, errs.Conflict, errs.ProcessClosed, errs.Pending, approval.CodeNotParticipant, approval.CodeSelfApproval:
		level = slog.LevelInfo
	case errs.RateLimited, errs.Unavailable:
		level = slog.LevelWarn
	case errs.Internal:
		level = slog.LevelError
	}
	attrs := []any{"code", string(e.Code), "status", status, "route", c.FullPath(), "request_id", requestIDOf(c), "err", err}
	if e.Code == errs.Internal {
		attrs = append(attrs, "stack", string(debug.Stack()))
	}
	edgeOf(c).log.Log(c.Request.Context(), level, "request failed", attrs...)
}

// subject is where the outcome of a pending command can be read: the object that it is about. It is empty for what nobody can
// GET; a handler that knows a better place has named that already.
func subject(c *gin.Context) string {
	path, route := c.Request.URL.Path, c.FullPath()
	if id := "/" + c.Param("id"); id != "/" {
		if i := strings.Index(path, id); i >= 0 {
			path = path[:i+len(id)]
		}
		if i := strings.Index(route, "/:id"); i >= 0 {
			route = route[:i+len("/:id")]
		}
	}
	if _, readable := edgeOf(c).parameters[http.MethodGet+" "+route]; !readable {
		return ""
	}
	return path
}

// localeOf is the language of the answer: what the caller asks for, else the user's own.
func localeOf(c *gin.Context) string {
	var own string
	if p, ok := principalOf(c); ok {
		own = p.User.Locale
	}
	return i18n.Match(c.GetHeader("Accept-Language"), own)
}

func requestIDOf(c *gin.Context) string { return reqctx.From(c.Request.Context()).ID }
