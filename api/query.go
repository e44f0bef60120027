package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

func parseQuery(raw string) (url.Values, error) { return url.ParseQuery(raw) }

// query reads the query parameters of a request and collects their faults. Unknown ones were refused before. Use:
//
//	q := queryOf(c)
//	f := filter{TeamID: q.id("team_id", id.Team), Active: q.bool("active")}
//	p := q.page()
//	if err := q.err(); err != nil { … }
type query struct {
	request   *gin.Context
	values    url.Values
	malformed error
	faults    faults
}

func queryOf(c *gin.Context) *query { return &query{request: c, values: c.Request.URL.Query()} }

// err is malformed for the first value of a wrong type, else invalid with every value that breaks a rule, else nil.
func (q *query) err() error {
	if q.malformed != nil {
		return q.malformed
	}
	return q.faults.err()
}

func (q *query) wrongType(name, want string) {
	if q.malformed == nil {
		q.malformed = errs.New(errs.Malformed, "query.wrong_type", "parameter", name, "want", want)
	}
}

// text is a free text; empty when absent.
func (q *query) text(name string) string { return strings.TrimSpace(q.values.Get(name)) }

// id is an identifier with the given prefix; empty when absent.
func (q *query) id(name, prefix string) string {
	v := q.values.Get(name)
	if v != "" && !id.Valid(prefix, v) {
		q.faults.add(name, "typeid", "prefix", prefix)
	}
	return v
}

// bool is nil when absent.
func (q *query) bool(name string) *bool {
	switch q.values.Get(name) {
	case "true":
		return new(true)
	case "false":
		return new(false)
	case "":
	default:
		q.wrongType(name, "true, false")
	}
	return nil
}

// time is an RFC 3339 instant; nil when absent.
func (q *query) time(name string) *time.Time {
	v := q.values.Get(name)
	if v == "" {
		return nil
	}
	// A + of the offset arrives as a blank from callers who did not escape it.
	t, err := time.Parse(time.RFC3339, strings.Replace(v, " ", "+", 1))
	if err != nil {
		q.wrongType(name, "2026-01-31T09:00:00Z")
		return nil
	}
	q.faults.instant(name, t)
	return new(t.UTC())
}

// int is a whole number from low to high; the fallback when absent.
func (q *query) int(name string, low, high, fallback int) int {
	v := q.values.Get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		q.wrongType(name, strconv.Itoa(low)+" … "+strconv.Itoa(high))
	case n < low || n > high:
		q.faults.add(name, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
	return n
}

// page is the part of the list that is asked for. With count=estimate the list answers about how long it is, too.
func (q *query) page() models.Page {
	p := models.Page{Limit: q.int("limit", 1, maxLimit, defaultLimit), Cursor: q.values.Get("cursor")}
	if oneOf(q, "count", "estimate") != "" {
		p.Estimate = new(int64)
		q.request.Set(keyEstimate, p.Estimate)
	}
	return p
}

// portion is the page of a list that is short enough to be known as a whole. Its cursor is the key of the item before it.
func portion[T any](q *query, p models.Page, rows []T, key func(T) string) (page []T, next string) {
	if p.Cursor != "" {
		last := slices.IndexFunc(rows, func(row T) bool { return key(row) == p.Cursor })
		if last < 0 {
			q.wrongType("cursor", "next_cursor")
			return nil, ""
		}
		rows = rows[last+1:]
	}
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = key(rows[p.Limit-1])
	}
	return rows, next
}

// oneOf is one of the allowed words; empty when absent.
func oneOf[T ~string](q *query, name string, allowed ...T) T {
	v := T(q.values.Get(name))
	if v != "" && !slices.Contains(allowed, v) {
		words := make([]string, len(allowed))
		for i, a := range allowed {
			words[i] = string(a)
		}
		q.faults.add(name, "oneof", "values", strings.Join(words, ", "))
	}
	return v
}

// list answers a page of views, with the estimate of the whole that page asked for.
func list[T, V any](c *gin.Context, rows []T, next string, view func(T) V) {
	items := make([]V, len(rows))
	for i, row := range rows {
		items[i] = view(row)
	}
	out := struct {
		Items    []V     `json:"items"`
		Next     *string `json:"next_cursor"`
		Estimate *int64  `json:"estimated_count,omitempty"`
	}{Items: items}
	if v, ok := c.Get(keyEstimate); ok {
		out.Estimate = v.(*int64)
	}
	if next != "" {
		out.Next = &next
	}
	answer(c, http.StatusOK, out)
}

// answer writes v as JSON, without the escapes that only matter inside HTML.
func answer(c *gin.Context, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		fail(c, fmt.Errorf("encode answer: %w", err))
		return
	}
	c.Data(status, "application/json; charset=utf-8", body.Bytes())
}
