// Package apiclient calls mcrflow's HTTP API as a patient caller should: it repeats what the server asks to be repeated,
// under one idempotency key, so that nothing is lost and nothing is done twice.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	basePath    = "/api/v1"
	maxAnswer   = 16 << 20
	callTimeout = 30 * time.Second
	grace       = 10 * time.Second // that a command under way gets to end after its caller gave up
	firstPause  = 100 * time.Millisecond
	longPause   = 5 * time.Second
	maxRepeats  = 5 // of an answer 500, which repeating may or may not cure
)

// Options says where the API is and how to call it.
type Options struct {
	URL       string // of the server, such as http://127.0.0.1:8080
	Token     string // empty until Login
	UserAgent string
	Locale    string        // in which problems are to be told
	Patience  time.Duration // how long one call is repeated; two minutes if zero
	// Pause waits, or returns the error of an ended context. Only tests replace it.
	Pause func(ctx context.Context, d time.Duration) error
}

// Client calls the API. It is safe for concurrent use: when the server asks one call to slow down, all of them do.
type Client struct {
	base     string
	token    string
	o        Options
	http     *http.Client
	resumeAt *atomic.Int64 // Unix nanoseconds before which nothing is sent
}

// New returns a client. It fails when the URL is not one of http or https.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the address of a server, such as http://127.0.0.1:8080", o.URL)
	}
	if o.Patience <= 0 {
		o.Patience = 2 * time.Minute
	}
	if o.Pause == nil {
		o.Pause = Pause
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256 // a connection per worker is kept, not made anew for each row
	return &Client{
		base: strings.TrimRight(o.URL, "/") + basePath, token: o.Token, o: o,
		http: &http.Client{Transport: transport, Timeout: callTimeout}, resumeAt: new(atomic.Int64),
	}, nil
}

// Answer is what a successful call came back with.
type Answer struct {
	Status   int
	Replayed bool // the server had done this before, under the same key
	body     []byte
}

// Problem is a refusal of the server, by RFC 9457.
type Problem struct {
	Status    int     `json:"status"`
	Code      string  `json:"code"`
	Title     string  `json:"title"`
	Detail    string  `json:"detail"`
	RequestID string  `json:"request_id"`
	Errors    []Fault `json:"errors"`
}

// Fault is one failed rule of one field.
type Fault struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error tells the refusal with its faults.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s: %s", p.Status, p.Code, p.Detail)
	for _, f := range p.Errors {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Message)
	}
	return b.String()
}

// UnreachableError is a server that gave no final answer for as long as the client's patience lasted.
type UnreachableError struct {
	URL   string
	After time.Duration
	Err   error // the last answer, or why there was none
}

// Error names the server, the time and the last answer.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s gave no answer for %s: %v", e.URL, e.After.Round(time.Second), e.Err)
}

// Unwrap returns the last answer, or why there was none.
func (e *UnreachableError) Unwrap() error { return e.Err }

// User is a person as the API shows them.
type User struct {
	ID          string   `json:"id"`
	Username    string   `json:"username"`
	DisplayName string   `json:"display_name"`
	Locale      string   `json:"locale"`
	Roles       []string `json:"roles"`
	TeamID      *string  `json:"team_id"`
	Active      bool     `json:"active"`
}

// Login opens a session and returns a client that acts in it.
func (c *Client) Login(ctx context.Context, username, password string) (*Client, User, error) {
	var session struct {
		Token string `json:"token"`
		User  User   `json:"user"`
	}
	if _, err := c.Post(ctx, "/auth/login", "", map[string]string{"username": username, "password": password}, &session); err != nil {
		return nil, User{}, fmt.Errorf("log in %s: %w", username, err)
	}
	as := *c
	as.token = session.Token
	return &as, session.User, nil
}

// Get reads an object into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	a, err := c.call(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	return a.into(out)
}

// Post gives a command and reads its answer into out, which may be nil. An empty key becomes a random one: a repetition
// by the client itself is always safe. Errors: *Problem, *UnreachableError, or that of the context.
func (c *Client) Post(ctx context.Context, path, key string, body, out any) (Answer, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return Answer{}, fmt.Errorf("write request for %s: %w", path, err)
	}
	if key == "" {
		key = uuid.NewString()
	}
	a, err := c.call(ctx, http.MethodPost, path, key, payload)
	if err != nil || out == nil {
		return a, err
	}
	return a, a.into(out)
}

// Each calls do for every item of a list, page by page.
func Each[T any](ctx context.Context, c *Client, path string, query url.Values, do func(T) error) error {
	q := url.Values{"limit": {"200"}}
	for name, values := range query {
		q[name] = values
	}
	for {
		var page struct {
			Items      []T     `json:"items"`
			NextCursor *string `json:"next_cursor"`
		}
		if err := c.Get(ctx, path, q, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := do(item); err != nil {
				return err
			}
		}
		if page.NextCursor == nil {
			return nil
		}
		q.Set("cursor", *page.NextCursor)
	}
}

func (a Answer) into(out any) error {
	if err := json.Unmarshal(a.body, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// call sends a request until its answer is final or the patience is over.
func (c *Client) call(ctx context.Context, method, path, key string, payload []byte) (Answer, error) {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		if err := c.turn(ctx); err != nil {
			return Answer{}, err
		}
		a, after, err := c.once(ctx, method, path, key, payload)
		if ctx.Err() != nil && err != nil {
			return a, ctx.Err()
		}
		var p *Problem
		refused := errors.As(err, &p)
		if err == nil || refused && !repeatable(p.Status) || refused && p.Status == http.StatusInternalServerError && attempt >= maxRepeats {
			return a, err
		}
		wait := max(after, backoff(attempt))
		if waited := time.Since(begun); waited+wait > c.o.Patience {
			return a, &UnreachableError{URL: c.base, After: waited, Err: err}
		}
		if refused && (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable) {
			c.hold(wait)
			continue
		}
		if err := c.o.Pause(ctx, wait); err != nil {
			return a, err
		}
	}
}

// repeatable reports whether the same request may be answered otherwise later. Of 202, only the next answer tells how
// the command ended.
func repeatable(status int) bool {
	switch status {
	case http.StatusAccepted, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// once sends the request and returns how long the server wants to be left alone when its answer is not final.
func (c *Client) once(ctx context.Context, method, path, key string, payload []byte) (Answer, time.Duration, error) {
	if method != http.MethodGet {
		// A command that was sent should also be heard out: its caller wants to know how it ended.
		sent, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
		ctx = sent
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(payload))
	if err != nil {
		return Answer{}, 0, fmt.Errorf("make request: %w", err)
	}
	for name, value := range map[string]string{
		"User-Agent": c.o.UserAgent, "Accept-Language": c.o.Locale, "Idempotency-Key": key, "Accept": "application/json",
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, 0, err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{}, 0, err
	}
	a := Answer{Status: res.StatusCode, Replayed: res.Header.Get("Idempotent-Replayed") == "true", body: body}
	if a.Status >= 200 && a.Status < 300 && a.Status != http.StatusAccepted {
		return a, 0, nil
	}
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Code == "" { // not ours: a proxy, or another server
		p = &Problem{Code: "http_" + strconv.Itoa(a.Status), Detail: http.StatusText(a.Status)}
	}
	p.Status = a.Status
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After")) // a date, or nothing, leaves it to our own pauses
	return a, time.Duration(seconds) * time.Second, p
}

// hold keeps every call of this client and its log-ins back for a while.
func (c *Client) hold(wait time.Duration) {
	until := time.Now().Add(wait).UnixNano()
	for {
		was := c.resumeAt.Load()
		if was >= until || c.resumeAt.CompareAndSwap(was, until) {
			return
		}
	}
}

// turn waits until requests may be sent.
func (c *Client) turn(ctx context.Context) error {
	if wait := time.Until(time.Unix(0, c.resumeAt.Load())); wait > 0 {
		return c.o.Pause(ctx, wait)
	}
	return ctx.Err()
}

// backoff doubles from a tenth of a second to five, with chance so that callers do not march in step.
func backoff(attempt int) time.Duration {
	d := min(firstPause<<min(attempt-1, 10), longPause)
	return d/2 + rand.N(d)
}

// Pause waits, or returns the error of a context that ends before.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
