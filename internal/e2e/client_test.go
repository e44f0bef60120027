package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api/apitest"
)

// within is how long a test waits for what the product does by itself.
const within = 40 * time.Second

// M is a JSON object.
type M = map[string]any

var (
	quiet = slog.New(slog.DiscardHandler)
	web   = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	count atomic.Int64
)

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into reads the answer's body.
func into[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	return v
}

// call sends one request and holds its answer against openapi.yaml.
func call(base, token, method, path string, body any, headers ...string) (answer, error) {
	var send io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		send = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		send = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, base+path, send)
	if err != nil {
		return answer{}, err
	}
	if send != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := web.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }() // Check reads it to its end
	if err := apitest.Check(res); err != nil {
		return answer{}, &brokenContract{err}
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{res.StatusCode, res.Header, text}
	if kind := res.Header.Get("Content-Type"); a.status >= 400 && path != "/readyz" && !strings.HasPrefix(kind, "application/problem+json") {
		return a, &brokenContract{fmt.Errorf("%s %s: status %d as %q", method, path, a.status, kind)}
	}
	return a, nil
}

// brokenContract is an answer that the document of the API does not allow; no repetition mends it.
type brokenContract struct{ err error }

func (e *brokenContract) Error() string { return e.err.Error() }

// person is somebody with a login at a stack.
type person struct {
	s     *stack
	ID    string
	name  string
	token string
}

type login struct {
	Token string `json:"token"`
	User  struct {
		ID     string  `json:"id"`
		TeamID *string `json:"team_id"`
	} `json:"user"`
}

var logins sync.Map // stack and username → func() (person, error)

// as logs the user in, once for all tests of a stack.
func (s *stack) as(t testing.TB, username string) person {
	t.Helper()
	fresh := sync.OnceValues(func() (person, error) { return s.login(username, "demo") })
	once, _ := logins.LoadOrStore([2]any{s, username}, fresh)
	p, err := once.(func() (person, error))()
	require.NoError(t, err)
	return p
}

func (s *stack) login(username, password string) (person, error) {
	a, err := call(s.url, "", http.MethodPost, "/api/v1/auth/login", M{"username": username, "password": password})
	if err != nil {
		return person{}, err
	}
	var l login
	if err := json.Unmarshal(a.body, &l); err != nil || a.status != http.StatusOK {
		return person{}, fmt.Errorf("log-in of %s: status %d %s", username, a.status, a.body)
	}
	return person{s, l.User.ID, username, l.Token}, nil
}

// try sends a request and answers whatever came back.
func (p person) try(t testing.TB, method, path string, body any, headers ...string) answer {
	t.Helper()
	a, err := call(p.s.url, p.token, method, "/api/v1"+path, body, headers...)
	require.NoError(t, err)
	return a
}

// get reads an object.
func get[T any](t testing.TB, p person, path string) T {
	t.Helper()
	a := p.try(t, http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, a.status, "%s GET %s: %s", p.name, path, a.body)
	return into[T](t, a)
}

// all reads a list to its end.
func all[T any](t testing.TB, p person, path string) []T {
	t.Helper()
	var items []T
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for cursor := ""; ; {
		page := get[struct {
			Items      []T     `json:"items"`
			NextCursor *string `json:"next_cursor"`
		}](t, p, path+join+"limit=200&cursor="+url.QueryEscape(cursor))
		items = append(items, page.Items...)
		if page.NextCursor == nil {
			return items
		}
		cursor = *page.NextCursor
	}
}

type milestone struct {
	Name      string     `json:"name"`
	Cycle     int        `json:"cycle"`
	State     string     `json:"state"`
	DueAt     *time.Time `json:"due_at"`
	Remaining string     `json:"remaining"`
}

// caseView is what the tests look at of a case.
type caseView struct {
	ID              string      `json:"id"`
	Number          string      `json:"number"`
	State           string      `json:"state"`
	Priority        string      `json:"priority"`
	AccountableID   string      `json:"accountable_id"`
	AssigneeID      string      `json:"assignee_id"`
	Offer           *M          `json:"offer"`
	Transfer        *requested  `json:"transfer"`
	Extension       *requested  `json:"extension"`
	Milestones      []milestone `json:"milestones"`
	EscalationLevel int         `json:"escalation_level"`
	ReopenCount     int         `json:"reopen_count"`
	Bounces         int         `json:"bounces"`
	PolicyVersion   int         `json:"policy_version"`
	Resolution      *string     `json:"resolution"`
	MergedInto      *string     `json:"merged_into"`
	MergedContacts  []M         `json:"merged_contacts"`
	AllowedActions  []string    `json:"allowed_actions"`
}

// requested is what a case has asked an approval for.
type requested struct {
	ApprovalID string `json:"approval_id"`
}

func (v caseView) milestone(t testing.TB, name string) milestone {
	t.Helper()
	for _, m := range v.Milestones {
		if m.Name == name {
			return m
		}
	}
	require.Fail(t, "no milestone "+name, "%+v", v.Milestones)
	return milestone{}
}

type event struct {
	Seq        int64     `json:"seq"`
	At         time.Time `json:"at"`
	Type       string    `json:"type"`
	Actor      string    `json:"actor"`
	OnBehalfOf *string   `json:"on_behalf_of"`
	RequestID  *string   `json:"request_id"`
	Data       M         `json:"data"`
}

type task struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Title     string   `json:"title"`
	SubjectID string   `json:"subject_id"`
	ClaimedBy *string  `json:"claimed_by"`
	Actions   []string `json:"actions"`
}

type notification struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	SubjectID string `json:"subject_id"`
	Title     string `json:"title"`
	Data      M      `json:"data"`
}

type problem struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Field   string `json:"field"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
}

// matter is one case in a test: who began it, and how to act on it.
type matter struct {
	t  testing.TB
	s  *stack
	ID string
}

// unique makes a text that no other test uses.
func unique(what string) string {
	return fmt.Sprintf("%s %d-%d", what, count.Add(1), time.Now().UnixNano())
}

// complaint is the body of a new case with what is the same in most tests.
func complaint(clientID string, change M) M {
	body := M{
		"type": "complaint", "client_id": clientID, "contact": M{"name": "Vera Blum", "email": "vera.blum@example.com"},
		"channel": "phone", "subject": unique("The seal leaks"), "description": "It began after the last service.",
		"impact": "high", "urgency": "high",
	}
	for k, v := range change {
		body[k] = v
	}
	return body
}

// client makes a client of its own for a test, so that no other test's cases are similar to its own.
func (s *stack) client(t testing.TB, class string) string {
	t.Helper()
	a := s.as(t, "manager1").try(t, http.MethodPost, "/clients", M{
		"name": unique("Quill & Anchor"), "industry": "paper", "region": "EMEA", "class": class, "status": "active",
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	return into[struct {
		ID string `json:"id"`
	}](t, a).ID
}

// record makes a case under the policy.
func (s *stack) record(t testing.TB, by person, policy string, change M) *matter {
	t.Helper()
	return s.recordFor(t, by, policy, s.client(t, "B"), change)
}

func (s *stack) recordFor(t testing.TB, by person, policy, clientID string, change M) *matter {
	t.Helper()
	var a answer
	s.under(t, policy, func() {
		a = by.try(t, http.MethodPost, "/cases", complaint(clientID, change), "Idempotency-Key", unique("record"))
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	return &matter{t, s, into[caseView](t, a).ID}
}

// do takes an action that must be allowed.
func (m *matter) do(by person, action string, body any) caseView {
	m.t.Helper()
	a := m.try(by, action, body)
	require.Equal(m.t, http.StatusOK, a.status, "%s %s: %s", by.name, action, a.body)
	return into[caseView](m.t, a)
}

func (m *matter) try(by person, action string, body any) answer {
	m.t.Helper()
	if body == nil {
		body = M{}
	}
	return by.try(m.t, http.MethodPost, "/cases/"+m.ID+"/"+action, body)
}

// refused takes an action that must not be allowed.
func (m *matter) refused(by person, action string, body any, status int, code string) problem {
	m.t.Helper()
	return refused(m.t, m.try(by, action, body), status, code)
}

func refused(t testing.TB, a answer, status int, code string) problem {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	p := into[problem](t, a)
	require.Equal(t, code, p.Code, "%s", a.body)
	require.NotEmpty(t, p.Detail)
	return p
}

// view reads the case as the manager, who sees them all.
func (m *matter) view() caseView {
	m.t.Helper()
	return get[caseView](m.t, m.s.as(m.t, "manager1"), "/cases/"+m.ID)
}

// timeline reads all events and requires them to be numbered from 1 without gaps, in the order of time.
func (m *matter) timeline() []event {
	m.t.Helper()
	return m.s.timeline(m.t, "/cases/"+m.ID)
}

// timeline is that of any object.
func (s *stack) timeline(t testing.TB, path string) []event {
	t.Helper()
	events := all[event](t, s.as(t, "manager1"), path+"/timeline")
	for i, e := range events {
		require.EqualValues(t, i+1, e.Seq)
		if i > 0 {
			require.False(t, e.At.Before(events[i-1].At), "event %d is before the one it follows", e.Seq)
		}
	}
	return events
}

// types lists the types of the timeline's events.
func (m *matter) types() []string {
	m.t.Helper()
	var types []string
	for _, e := range m.timeline() {
		types = append(types, e.Type)
	}
	return types
}

// event finds the n-th event of a type, counted from 1.
func (m *matter) event(kind string, n int) event {
	m.t.Helper()
	for _, e := range m.timeline() {
		if e.Type == kind {
			if n--; n == 0 {
				return e
			}
		}
	}
	require.Fail(m.t, "no such event", "%s in %v", kind, m.types())
	return event{}
}

// await waits until the timeline has n events of the type.
func (m *matter) await(kind string, n int) {
	m.t.Helper()
	until(m.t, func() bool {
		seen := 0
		for _, e := range m.timeline() {
			if e.Type == kind {
				seen++
			}
		}
		return seen >= n
	}, func() string { return fmt.Sprintf("%d × %s in %v", n, kind, m.types()) })
}

// tasks lists what waits for the person on this case.
func (m *matter) tasks(p person) []string {
	m.t.Helper()
	kinds := []string{}
	for _, k := range all[task](m.t, p, "/tasks?box=todo") {
		if k.SubjectID == m.ID {
			kinds = append(kinds, k.Kind)
		}
	}
	return kinds
}

// awaitTask waits until somebody is asked: an approval is a process of its own, which begins after the answer.
func (m *matter) awaitTask(p person, kind string) {
	m.t.Helper()
	until(m.t, func() bool { return slices.Contains(m.tasks(p), kind) }, func() string { return "no task " + kind + " for " + p.name })
}

// told lists what the person was told about this case.
func (m *matter) told(p person) []string {
	m.t.Helper()
	kinds := []string{}
	for _, n := range all[notification](m.t, p, "/notifications") {
		if n.SubjectID == m.ID {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

// until waits for a condition with a deadline.
func until(t testing.TB, condition func() bool, missing func() string) {
	t.Helper()
	eventually(t, within, condition, missing)
}

// eventually is until with a deadline of its own.
func eventually(t testing.TB, within time.Duration, condition func() bool, missing func() string) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			require.Fail(t, "waited in vain", missing())
		}
		<-tick.C
	}
}
