package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/api/apitest"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

// world is master data in memory behind the API, with the rules that the ports promise. It is 09:00 UTC on 2026-03-06.
type world struct {
	mu            sync.Mutex
	users         rows[models.User]
	teams         rows[models.Team]
	deputies      rows[models.Deputy]
	clients       rows[models.Client]
	contacts      rows[models.Contact]
	webhooks      rows[models.Webhook]
	tokens        rows[models.Token]
	notes         rows[models.Notification]
	policies      []models.PolicyVersion
	calendars     []models.CalendarVersion
	answers       map[string]models.IdempotencyRecord
	broken        error // what every read and write answers, when set
	engineErr     error
	databaseErr   error
	stopping      bool
	deactivations []models.Meta
	pages         []models.Page

	t       testing.TB
	deps    api.Deps
	handler http.Handler
	log     bytes.Buffer
}

var noon = time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)

// The people of the world; a user's name is their token.
var (
	adminID = id.Derive(id.User, "world", "admin")
	agentID = id.Derive(id.User, "world", "agent")
	goneID  = id.Derive(id.User, "world", "gone")
	teamID  = id.Derive(id.Team, "world", "team")
	firmID  = id.Derive(id.Client, "world", "firm")
)

func newWorld(t testing.TB, change ...func(*api.Deps)) *world {
	t.Helper()
	texts, err := i18n.New()
	require.NoError(t, err)
	w := &world{t: t, answers: map[string]models.IdempotencyRecord{}}
	user := func(userID, name, locale string, active bool, roles ...models.Role) {
		w.users.put(userID, models.User{
			ID: userID, Username: name, DisplayName: strings.ToUpper(name), Locale: locale, TimeZone: "Asia/Shanghai", Roles: roles,
			Active: active, Version: 1, CreatedAt: noon, UpdatedAt: noon,
		})
	}
	user(adminID, "admin", "en", true, models.RoleAdmin)
	user(agentID, "agent", "zh-CN", true, models.RoleServiceAgent)
	user(goneID, "gone", "en", false, models.RoleServiceAgent)
	user(id.Derive(id.User, "world", "boss"), "boss", "en", true, models.RoleManager)
	user(id.Derive(id.User, "world", "auditor"), "auditor", "en", true, models.RoleAuditor)
	w.teams.put(teamID, models.Team{ID: teamID, Name: "hotline", Version: 1, CreatedAt: noon, UpdatedAt: noon})
	w.clients.put(firmID, models.Client{
		ID: firmID, Name: "Acme", Class: "A", Status: "active", Version: 3, CreatedAt: noon, UpdatedAt: noon,
	})
	w.notes.put("note_1", models.Notification{
		ID: "note_1", UserID: agentID, Kind: "milestone_breached", Process: "complaint", SubjectID: "case_1", CreatedAt: noon,
		Data: map[string]string{
			"number": "CMP-1", "type": "complaint", "priority": "P1", "milestone": "resolution", "due_at": "2026-03-06T08:30:00Z",
		},
	})
	w.deps = api.Deps{
		Log: slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Texts: texts,
		Metrics: prometheus.NewRegistry(), Now: func() time.Time { return noon }, Version: "test",
		Stopping: func() bool { return w.stopping },
		Engine:   worldEngine{w}, Database: worldDatabase{w}, Sessions: w, Idempotency: w, People: w, Deactivator: w, Clients: w,
		Policies: w, Notifications: w, Webhooks: w, Cases: noCases{},
	}
	for _, f := range change {
		f(&w.deps)
	}
	w.handler, err = api.New(w.deps)
	require.NoError(t, err)
	return w
}

// do sends a request as the user and holds the answer against the document. Further headers are name, value pairs.
func (w *world) do(user, method, path, body string, headers ...string) *http.Response {
	w.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+user)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	res := rec.Result()
	res.Request = req
	apitest.Validate(w.t, res)
	return res
}

// problemDoc is a problem as a client sees it.
type problemDoc struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
	RequestID                           string `json:"request_id"`
	Errors                              []struct{ Field, Code, Message string }
}

func (p problemDoc) faults() []string {
	var all []string
	for _, f := range p.Errors {
		all = append(all, f.Field+":"+f.Code)
	}
	return all
}

// problem reads the problem that a request must have ended in.
func problem(t testing.TB, res *http.Response, status int, code string) problemDoc {
	t.Helper()
	body := bodyText(t, res)
	require.Equal(t, status, res.StatusCode, body)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
	var p problemDoc
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	require.Equal(t, code, p.Code, body)
	require.Equal(t, status, p.Status)
	return p
}

// object reads the JSON object that a request must have ended in.
func object(t testing.TB, res *http.Response, status int) map[string]any {
	t.Helper()
	body := bodyText(t, res)
	require.Equal(t, status, res.StatusCode, body)
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}

func bodyText(t testing.TB, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// rows keeps entities in the order in which they were made.
type rows[T any] struct {
	order []string
	byID  map[string]T
}

func (r *rows[T]) put(key string, v T) {
	if r.byID == nil {
		r.byID = map[string]T{}
	}
	if _, ok := r.byID[key]; !ok {
		r.order = append(r.order, key)
	}
	r.byID[key] = v
}

func (r *rows[T]) get(key string) (T, error) {
	v, ok := r.byID[key]
	if !ok {
		return v, errs.New(errs.NotFound, "not_found")
	}
	return v, nil
}

func (r *rows[T]) all(keep func(T) bool) []T {
	out := []T{}
	for _, key := range r.order {
		if v, ok := r.byID[key]; ok && (keep == nil || keep(v)) {
			out = append(out, v)
		}
	}
	return out
}

// create answers the stored entity when the id exists already, as the ports promise.
func create[T any](w *world, r *rows[T], key string, v T) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return v, w.broken
	}
	if old, ok := r.byID[key]; ok {
		return old, nil
	}
	r.put(key, v)
	return v, nil
}

func read[T any](w *world, r *rows[T], key string) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		var zero T
		return zero, w.broken
	}
	return r.get(key)
}

func listed[T any](w *world, r *rows[T], p models.Page, keep func(T) bool) ([]T, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages = append(w.pages, p)
	if w.broken != nil {
		return nil, "", w.broken
	}
	all := r.all(keep)
	if len(all) > p.Limit {
		return all[:p.Limit], "more", nil
	}
	return all, "", nil
}

func stale() error { return errs.New(errs.PreconditionFailed, "precondition_failed") }

func (w *world) Login(_ context.Context, username, password string) (string, time.Time, models.User, error) {
	for _, u := range w.users.all(nil) {
		if u.Username == username && password == "demo" {
			return username, noon.Add(time.Hour), u, nil
		}
	}
	return "", time.Time{}, models.User{}, errs.New(errs.Unauthenticated, "login.wrong")
}

func (w *world) Logout(context.Context, string) error { return w.broken }

func (w *world) Authenticate(_ context.Context, token string) (models.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.users.all(nil) {
		if u.Username == token && u.Active {
			return models.Principal{User: u, TokenID: "token_1", Actor: models.Actor{Person: models.Person{ID: u.ID, Roles: u.Roles}}}, nil
		}
	}
	return models.Principal{}, errs.New(errs.Unauthenticated, "unauthenticated")
}

func (w *world) IssueToken(_ context.Context, userID, name string, expires *time.Time, _ string) (string, models.Token, error) {
	t := models.Token{ID: id.New(id.Token), UserID: userID, Name: name, ExpiresAt: expires, CreatedAt: noon}
	t, err := create(w, &w.tokens, t.ID, t)
	return "the-secret", t, err
}

func (w *world) RevokeToken(_ context.Context, key string) error {
	_, err := read(w, &w.tokens, key)
	return err
}

func (w *world) ListTokens(_ context.Context, p models.Page) ([]models.Token, string, error) {
	return listed(w, &w.tokens, p, nil)
}

func (w *world) User(_ context.Context, key string) (models.User, error) {
	return read(w, &w.users, key)
}

func (w *world) Users(_ context.Context, f api.UserFilter, p models.Page) ([]models.User, string, error) {
	return listed(w, &w.users, p, func(u models.User) bool {
		return (f.Role == "" || slices.Contains(u.Roles, f.Role)) && (f.Active == nil || *f.Active == u.Active)
	})
}

func (w *world) CreateUser(_ context.Context, u models.User, _ string) (models.User, error) {
	for _, other := range w.users.all(nil) {
		if other.Username == u.Username && other.ID != u.ID {
			return u, errs.New(errs.Conflict, "users.username_taken")
		}
	}
	return create(w, &w.users, u.ID, u)
}

func (w *world) UpdateUser(_ context.Context, u models.User, _ string) (models.User, error) {
	if w.users.byID[u.ID].Version != u.Version {
		return u, stale()
	}
	u.Version++
	w.users.put(u.ID, u)
	return u, nil
}

func (w *world) Team(_ context.Context, key string) (models.Team, error) {
	return read(w, &w.teams, key)
}

func (w *world) Teams(_ context.Context, p models.Page) ([]models.Team, string, error) {
	return listed(w, &w.teams, p, nil)
}

func (w *world) CreateTeam(_ context.Context, t models.Team) (models.Team, error) {
	return create(w, &w.teams, t.ID, t)
}

func (w *world) UpdateTeam(_ context.Context, t models.Team) (models.Team, error) {
	if w.teams.byID[t.ID].Version != t.Version {
		return t, stale()
	}
	t.Version++
	w.teams.put(t.ID, t)
	return t, nil
}

func (w *world) Deputies(_ context.Context, userID string, p models.Page) ([]models.Deputy, string, error) {
	return listed(w, &w.deputies, p, func(d models.Deputy) bool { return userID == "" || d.UserID == userID })
}

func (w *world) CreateDeputy(_ context.Context, d models.Deputy) (models.Deputy, error) {
	return create(w, &w.deputies, d.ID, d)
}

func (w *world) Deputy(_ context.Context, key string) (models.Deputy, error) {
	return read(w, &w.deputies, key)
}

func (w *world) DeleteDeputy(_ context.Context, key string) (models.Deputy, error) {
	d, err := read(w, &w.deputies, key)
	delete(w.deputies.byID, key)
	return d, err
}

func (w *world) Deactivate(_ context.Context, userID string, meta models.Meta, _ time.Time) (models.User, error) {
	u, err := read(w, &w.users, userID)
	if err == nil {
		w.deactivations = append(w.deactivations, meta)
		u.Active, u.Version = false, u.Version+1
		w.users.put(userID, u)
	}
	return u, err
}

func (w *world) Client(_ context.Context, key string) (models.Client, error) {
	return read(w, &w.clients, key)
}

func (w *world) Clients(_ context.Context, f api.ClientFilter, p models.Page) ([]models.Client, string, error) {
	return listed(w, &w.clients, p, func(c models.Client) bool { return strings.Contains(c.Name, f.Query) })
}

func (w *world) CreateClient(_ context.Context, c models.Client) (models.Client, error) {
	return create(w, &w.clients, c.ID, c)
}

func (w *world) UpdateClient(_ context.Context, c models.Client) (models.Client, error) {
	if w.clients.byID[c.ID].Version != c.Version {
		return c, stale()
	}
	c.Version++
	w.clients.put(c.ID, c)
	return c, nil
}

func (w *world) Contacts(_ context.Context, clientID string, p models.Page) ([]models.Contact, string, error) {
	return listed(w, &w.contacts, p, func(c models.Contact) bool { return c.ClientID == clientID })
}

func (w *world) CreateContact(_ context.Context, c models.Contact) (models.Contact, error) {
	return create(w, &w.contacts, c.ID, c)
}

func newest[T any](all []T, is func(T) bool) (T, error) {
	for _, v := range slices.Backward(all) {
		if is(v) {
			return v, nil
		}
	}
	var none T
	return none, errs.New(errs.NotFound, "not_found")
}

func (w *world) LatestPolicy(_ context.Context, kind string) (models.PolicyVersion, error) {
	return newest(w.policies, func(v models.PolicyVersion) bool { return v.Kind == kind })
}

func (w *world) Policy(_ context.Context, kind string, version int) (models.PolicyVersion, error) {
	return newest(w.policies, func(v models.PolicyVersion) bool { return v.Kind == kind && v.Version == version })
}

func (w *world) PolicyVersions(context.Context, string, models.Page) ([]models.PolicyVersion, string, error) {
	all := slices.Clone(w.policies)
	slices.Reverse(all)
	return all, "", nil
}

func (w *world) PublishPolicy(_ context.Context, v models.PolicyVersion) (models.PolicyVersion, error) {
	v.Version = len(w.policies) + 1
	w.policies = append(w.policies, v)
	return v, w.broken
}

func (w *world) LatestCalendar(_ context.Context, key string) (models.CalendarVersion, error) {
	return newest(w.calendars, func(v models.CalendarVersion) bool { return v.ID == key })
}

func (w *world) Calendar(_ context.Context, key string, version int) (models.CalendarVersion, error) {
	return newest(w.calendars, func(v models.CalendarVersion) bool { return v.ID == key && v.Version == version })
}

func (w *world) CalendarIDs(context.Context) ([]string, error) {
	var ids []string
	for _, v := range w.calendars {
		if !slices.Contains(ids, v.ID) {
			ids = append(ids, v.ID)
		}
	}
	slices.Sort(ids)
	return ids, w.broken
}

func (w *world) CalendarVersions(_ context.Context, key string, _ models.Page) ([]models.CalendarVersion, string, error) {
	var all []models.CalendarVersion
	for _, v := range slices.Backward(w.calendars) {
		if v.ID == key {
			all = append(all, v)
		}
	}
	return all, "", nil
}

func (w *world) PublishCalendar(ctx context.Context, v models.CalendarVersion) (models.CalendarVersion, error) {
	all, _, err := w.CalendarVersions(ctx, v.ID, models.Page{})
	v.Version = len(all) + 1
	w.calendars = append(w.calendars, v)
	return v, err
}

func (w *world) Notifications(_ context.Context, userID string, unread *bool, p models.Page) ([]models.Notification, string, error) {
	return listed(w, &w.notes, p, func(n models.Notification) bool {
		return n.UserID == userID && (unread == nil || *unread == (n.ReadAt == nil))
	})
}

func (w *world) MarkRead(_ context.Context, userID, key string, at time.Time) (models.Notification, error) {
	n, err := read(w, &w.notes, key)
	if err != nil || n.UserID != userID {
		return n, errs.New(errs.NotFound, "not_found")
	}
	n.ReadAt = &at
	w.notes.put(key, n)
	return n, nil
}

func (w *world) Webhooks(_ context.Context, p models.Page) ([]models.Webhook, string, error) {
	return listed(w, &w.webhooks, p, nil)
}

func (w *world) CreateWebhook(_ context.Context, h models.Webhook) (models.Webhook, error) {
	return create(w, &w.webhooks, h.ID, h)
}

func (w *world) DeleteWebhook(_ context.Context, key string) error {
	_, err := read(w, &w.webhooks, key)
	return err
}

func (w *world) Claim(_ context.Context, userID, key string, fresh models.IdempotencyRecord) (models.IdempotencyRecord, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.answers[userID+key]; ok {
		return old, false, nil
	}
	w.answers[userID+key] = fresh
	return fresh, true, nil
}

func (w *world) Answer(_ context.Context, userID, key string, rec models.IdempotencyRecord) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[userID+key] = rec
	return nil
}

type worldEngine struct{ w *world }

func (e worldEngine) Start(context.Context, string, string, any, string, string, any, any) error {
	return e.w.engineErr
}

func (e worldEngine) Update(context.Context, string, string, string, any, any) error {
	return e.w.engineErr
}

func (e worldEngine) Signal(context.Context, string, string, any) error { return e.w.engineErr }

func (e worldEngine) Check(context.Context) error { return e.w.engineErr }

type worldDatabase struct{ w *world }

func (d worldDatabase) Check(context.Context) error { return d.w.databaseErr }

// noCases is a projection without any case.
type noCases struct{ caseReader }

type caseReader interface{ api.Cases }

func none() error { return errs.New(errs.NotFound, "not_found") }

func (noCases) Case(context.Context, models.Actor, string) (models.CaseRow, error) {
	return models.CaseRow{}, none()
}

func (noCases) RecentOfClient(context.Context, string, time.Time, int) ([]models.CaseHead, error) {
	return nil, nil
}

func (noCases) Task(context.Context, models.Actor, string) (models.TaskRow, error) {
	return models.TaskRow{}, none()
}

func (noCases) Cases(context.Context, models.Actor, models.CaseFilter, models.Page) ([]models.CaseRow, string, error) {
	return nil, "", nil
}

func (noCases) Tasks(context.Context, models.Actor, models.TaskFilter, models.Page) ([]models.TaskRow, string, error) {
	return nil, "", nil
}

func (noCases) KnowledgeArticles(context.Context, string, models.Page) ([]models.KnowledgeArticle, string, error) {
	return nil, "", nil
}

var errSecret = errors.New("pq: password=hunter2 at 10.0.0.7")

func newRecorder(w *world, method, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec
}
