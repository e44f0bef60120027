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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/api/apitest"
	"github.com/mcrflow/mcrflow/internal/channel"
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
	merges        []models.ClientMerge
	words         []models.Word // not told yet
	webhooks      rows[models.Webhook]
	channels      map[models.ChannelKind]models.Channel
	messages      []channel.Message
	messageErr    error
	resources     rows[models.Resource]
	bookings      []models.Booking
	budgets       rows[models.Budget]
	ledger        []models.BudgetEntry
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
	moves         []models.Meta
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
	w.furnish()
	w.deps = api.Deps{
		Log: slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Texts: texts,
		Metrics: prometheus.NewRegistry(), Now: func() time.Time { return noon }, Version: "test",
		Stopping: func() bool { return w.stopping },
		Engine:   worldEngine{w}, Database: worldDatabase{w}, Sessions: w, Idempotency: w, People: w, Staffing: w, Words: w, Clients: w,
		Policies: w, Notifications: w, Webhooks: w, Channels: w, Messenger: w, Resources: w, Budgets: w, Organisation: w, Cases: noCases{world: w}, Approvals: noApprovals{}, Receptions: noReceptions{}, Relationships: noRelationships{world: w}, Grading: &graders{world: w},
		Campaigns: noCampaigns{}, Surveys: noSurveys{}, HashLink: worldLink,
		Inspections: reports{}, Discipline: newWeeklies(),
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
	Errors                              []struct {
		Field, Code, Message string
		Args                 map[string]string
	}
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
	if p.Estimate != nil {
		*p.Estimate = int64(len(all))
	}
	if len(all) > p.Limit {
		return all[:p.Limit], "more", nil
	}
	return all, "", nil
}

func stale() error { return errs.New(errs.PreconditionFailed, "precondition_failed") }

type worldEngine struct{ w *world }

func (e worldEngine) Start(context.Context, string, string, any, string, string, any) (models.Reply, error) {
	return models.Reply{}, e.w.engineErr
}

func (e worldEngine) Update(context.Context, string, string, string, any) (models.Reply, error) {
	return models.Reply{}, e.w.engineErr
}

func (e worldEngine) Signal(context.Context, string, string, any) error { return e.w.engineErr }

func (e worldEngine) Check(context.Context) error { return e.w.engineErr }

type worldDatabase struct{ w *world }

func (d worldDatabase) Check(context.Context) error { return d.w.databaseErr }

// noCases is a projection without any case, beside the clients of a world.
type noCases struct {
	caseReader
	world *world
}

type caseReader interface{ api.Cases }

func none() error { return errs.New(errs.NotFound, "not_found") }

func (noCases) Case(context.Context, models.Actor, string) (models.CaseRow, error) {
	return models.CaseRow{}, none()
}

func (noCases) CaseAfter(context.Context, string, int64) (models.CaseRow, error) {
	return models.CaseRow{}, none()
}

func (c noCases) ClientForCase(ctx context.Context, _ models.Actor, id string, _ time.Time, _ int) (models.Client, []models.CaseHead, error) {
	client, err := c.world.Client(ctx, id)
	return client, nil, err
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

func (noCases) KnowledgeArticles(context.Context, models.Actor, string, models.Page) ([]models.KnowledgeArticle, string, error) {
	return nil, "", nil
}

// noApprovals is a projection without any approval.
type noApprovals struct{ approvalReader }

type approvalReader interface{ api.Approvals }

func (noApprovals) Approval(context.Context, models.Actor, string) (models.ApprovalRow, error) {
	return models.ApprovalRow{}, none()
}

func (noApprovals) ApprovalAfter(context.Context, string, int64) (models.ApprovalRow, error) {
	return models.ApprovalRow{}, none()
}

func (noApprovals) Approvals(context.Context, models.Actor, models.ApprovalFilter, models.Page) ([]models.ApprovalRow, string, error) {
	return nil, "", nil
}

// noReceptions is a projection without any reception.
type noReceptions struct{ receptionReader }

type receptionReader interface{ api.Receptions }

func (noReceptions) Reception(context.Context, models.Actor, string) (models.ReceptionRow, error) {
	return models.ReceptionRow{}, none()
}

func (noReceptions) Receptions(context.Context, models.Actor, models.ReceptionFilter, models.Page) ([]models.ReceptionRow, string, error) {
	return nil, "", nil
}

func (noReceptions) ResourcesByID(context.Context, []string) (map[string]models.Resource, error) {
	return nil, nil
}

func (noReceptions) AwayOf(context.Context, []string, models.Slot) (map[string][]models.Slot, error) {
	return nil, nil
}

var errSecret = errors.New("pq: password=hunter2 at 10.0.0.7")

func newRecorder(w *world, method, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec
}
