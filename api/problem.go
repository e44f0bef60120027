package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/reqctx"
)

// methodNotAllowed is the code of a path that exists, but not for this method.
const methodNotAllowed errs.Code = "method_not_allowed"

// statuses maps the codes of API.md to HTTP; any other code comes from a process and is a 409.
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

type fieldFault struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
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
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusConflict
	}
	logProblem(c, e, status, err)
	switch status {
	case http.StatusAccepted:
		if c.Writer.Header().Get("Location") == "" {
			c.Header("Location", subject(c.Request.URL.Path, c.Param("id")))
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
	if p.Detail, found = texts.Lookup(locale, e.Key, e.Args); !found { // never a bare key
		p.Detail = texts.Text(locale, genericKey(e.Code), nil)
	}
	if p.Title, found = texts.Lookup(locale, "title."+string(e.Code), nil); !found { // a code of a process
		p.Title = texts.Text(locale, "title."+string(errs.Conflict), nil)
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, fieldFault{Field: f.Field, Code: f.Code, Message: faultText(texts, locale, f)})
	}
	return p
}

// genericKey is the text of a code itself; the codes of processes are conflicts.
func genericKey(code errs.Code) string {
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
	case errs.Unauthenticated, errs.Forbidden, errs.Conflict, errs.ProcessClosed, errs.Pending:
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

// subject is where the outcome of a pending command can be read: the object that it is about.
func subject(path, id string) string {
	if i := strings.Index(path, "/"+id); id != "" && i >= 0 {
		return path[:i+len(id)+1]
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
