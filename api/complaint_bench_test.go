package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// The people, clients and cases of these tests.
var (
	ann, ben, sup, aud = id.Derive(id.User, "t", "ann"), id.Derive(id.User, "t", "ben"), id.Derive(id.User, "t", "sup"), id.Derive(id.User, "t", "aud")
	gone, nobody       = id.Derive(id.User, "t", "gone"), id.Derive(id.User, "t", "nobody")
	hotline            = id.Derive(id.Team, "t", "hotline")
	acme, unknownFirm  = id.Derive(id.Client, "t", "acme"), id.Derive(id.Client, "t", "unknown")
	caseA, caseB       = id.Derive(id.Case, "t", "a"), id.Derive(id.Case, "t", "b")
	taskA              = id.Derive(id.Task, "t", "a")
)

// friday is an instant on Friday, 2026-03-06, an ordinary day of the calendar "office".
func friday(hour, minute int) time.Time { return time.Date(2026, 3, 6, hour, minute, 0, 0, time.UTC) }

// caseBench is the API over a projection and an engine that the test scripts. It is 11:00 on Friday.
type caseBench struct {
	t       *testing.T
	handler http.Handler
	engine  *scriptedEngine
	store   *scriptedCases
	people  *scriptedPeople
}

func newCaseBench(t *testing.T) *caseBench {
	t.Helper()
	gin.SetMode(gin.TestMode)
	texts, err := i18n.New()
	require.NoError(t, err)
	b := &caseBench{t: t, engine: &scriptedEngine{}, people: newScriptedPeople()}
	b.store = &scriptedCases{rows: map[string]models.CaseRow{caseA: someCase(t, caseA)}, hidden: map[string]bool{}, tasks: map[string]models.TaskRow{}}
	b.engine.start = func(caseID string, cmd models.RecordCase) {
		row := someCase(t, caseID)
		row.Record.Subject, row.Record.Contact = cmd.Subject, cmd.Contact
		row.State.AccountableID = cmd.FirstContactID
		b.store.rows[caseID] = row
	}
	b.handler, err = api.New(api.Deps{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Texts: texts, Version: "test",
		Now: func() time.Time { return friday(11, 0) },

		Engine: b.engine, Cases: b.store, People: b.people, Clients: scriptedClients{}, Policies: officePolicies{t: t},
		Sessions: b.people, Idempotency: &answers{known: map[string]models.IdempotencyRecord{}},
		Database: unused{}, Deactivator: unused{}, Notifications: unused{}, Webhooks: unused{},
	})
	require.NoError(t, err)
	return b
}

// someCase is a complaint that ann handles: recorded at 09:00, one hour for the answer, four for the solution.
func someCase(t *testing.T, caseID string) models.CaseRow {
	t.Helper()
	rules := sla.Rules{Calendar: office(t)}
	promise := func(name string, target time.Duration) sla.Promise {
		p, _, err := sla.Start(sla.Definition{Name: name, Target: sla.Span{Duration: target}, Clock: sla.Working}, 1, friday(9, 0), rules)
		require.NoError(t, err)
		p, _, err = p.Tick(friday(11, 0), rules)
		require.NoError(t, err)
		return p
	}
	return models.CaseRow{
		State: models.CaseState{
			ID: caseID, Number: "CMP-20260306-0001", Type: models.TypeComplaint, Status: models.CaseInProgress, Priority: "P2",
			Impact: "high", Urgency: "medium", Category: "delivery", Channel: "phone", ClientID: acme, ClientClass: "B",
			CreatedBy: ann, CreatedAt: friday(9, 0), UpdatedAt: friday(10, 0), AccountableID: ann, AccountableTeamID: hotline,
			AssigneeID: ann, TeamID: hotline, PolicyVersion: 3, CalendarID: "office", CalendarVersion: 2,
			Promises: []sla.Promise{promise("first_response", time.Hour), promise("resolution", 4*time.Hour)}, Seq: 7, EventSeq: 12,
		},
		Record: models.CaseRecord{
			Subject: "空调不制冷", Description: "二楼会议室", Contact: models.CaseContact{Name: "王芳", Phone: "+86 10 1234"}, ExternalRef: "R-1",
		},
	}
}

// office is 09:00–12:00 and 13:00–18:00 UTC on weekdays.
func office(t *testing.T) *calendar.Calendar {
	t.Helper()
	cal, err := calendar.New(officeDocument)
	require.NoError(t, err)
	return cal
}

var (
	officeHours    = []string{"09:00-12:00", "13:00-18:00"}
	officeDocument = calendar.Document{ID: "office", Version: 2, TimeZone: "UTC", Week: map[string][]string{
		"monday": officeHours, "tuesday": officeHours, "wednesday": officeHours, "thursday": officeHours, "friday": officeHours,
	}}
)

// call asks as a user, and holds the answer against openapi.yaml. Further headers are name, value pairs.
func (b *caseBench) call(user, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	req := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+user)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, req)
	fitsDocument(b.t, req, rec)
	return rec
}

// get reads an answer of 200 into a map.
func (b *caseBench) get(user, path string) map[string]any {
	b.t.Helper()
	return decoded(b.t, b.call(user, "GET", path, ""), http.StatusOK)
}

func decoded(t *testing.T, rec *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	require.Equal(t, status, rec.Code, rec.Body.String())
	var v map[string]any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &v))
	return v
}

// faultsOf lists the faults of a 422 as field:code.
func faultsOf(t *testing.T, rec *httptest.ResponseRecorder) []string {
	t.Helper()
	var found []string
	for _, f := range decoded(t, rec, http.StatusUnprocessableEntity)["errors"].([]any) {
		fault := f.(map[string]any)
		require.NotContains(t, fault["message"], "field.", "no text for the fault")
		found = append(found, fault["field"].(string)+":"+fault["code"].(string))
	}
	return found
}

var documentRouter = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

// fitsDocument holds an answer against openapi.yaml.
func fitsDocument(t *testing.T, req *http.Request, rec *httptest.ResponseRecorder) {
	t.Helper()
	router, err := documentRouter()
	require.NoError(t, err)
	route, params, err := router.FindRoute(req)
	require.NoError(t, err, "%s %s is not in openapi.yaml", req.Method, req.URL.Path)
	require.NoError(t, openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 rec.Code, Header: rec.Header(), Body: io.NopCloser(strings.NewReader(rec.Body.String())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}), rec.Body.String())
}

// sent is one command that reached the engine.
type sent struct {
	workflowID, name, updateID string
	event                      models.CaseEvent
}

// scriptedEngine keeps what it is sent and answers err. An accepted first command makes the case appear.
type scriptedEngine struct {
	api.Engine
	err     error
	sent    []sent
	start   func(caseID string, cmd models.RecordCase)
	applied func() // when a command is accepted
}

func (e *scriptedEngine) Start(_ context.Context, _, workflowID string, input any, name, updateID string, cmd, _ any) error {
	event := cmd.(models.CaseEvent)
	e.sent = append(e.sent, sent{workflowID, name, updateID, event})
	var record models.RecordCase
	if err := json.Unmarshal(event.Data, &record); err != nil {
		return err
	}
	if e.err == nil {
		e.start(input.(models.ComplaintInput).CaseID, record)
	}
	return e.err
}

func (e *scriptedEngine) Update(_ context.Context, workflowID, name, updateID string, cmd, _ any) error {
	e.sent = append(e.sent, sent{workflowID, name, updateID, cmd.(models.CaseEvent)})
	if e.err == nil && e.applied != nil {
		e.applied()
	}
	return e.err
}

// scriptedCases is the projection. Hidden cases are seen only by those who may read all.
type scriptedCases struct {
	rows                  map[string]models.CaseRow
	hidden                map[string]bool
	unreadable            error // what reading a case answers once it is set
	tasks                 map[string]models.TaskRow
	events                []models.TimelineEvent
	accountable, handling []models.Holding
	recent                []models.CaseHead
	articles              []models.KnowledgeArticle
	caseFilter            models.CaseFilter
	taskFilter            models.TaskFilter
}

func (s *scriptedCases) Case(_ context.Context, actor models.Actor, caseID string) (models.CaseRow, error) {
	row, ok := s.rows[caseID]
	if !ok || s.hidden[caseID] && !actor.May(models.PermCaseReadAll) {
		return models.CaseRow{}, errs.New(errs.NotFound, "not_found")
	}
	return row, s.unreadable
}

func (s *scriptedCases) Cases(_ context.Context, _ models.Actor, f models.CaseFilter, _ models.Page) ([]models.CaseRow, string, error) {
	s.caseFilter = f
	return []models.CaseRow{s.rows[caseA]}, "more", nil
}

func (s *scriptedCases) Timeline(_ context.Context, _ string, after int64, limit int) ([]models.TimelineEvent, error) {
	rest := s.events[min(int(after), len(s.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (s *scriptedCases) Responsibility(context.Context, string) (accountable, handling []models.Holding, err error) {
	return s.accountable, s.handling, nil
}

func (s *scriptedCases) RecentOfClient(_ context.Context, _ string, since time.Time, _ int) ([]models.CaseHead, error) {
	var found []models.CaseHead
	for _, head := range s.recent {
		if !head.CreatedAt.Before(since) {
			found = append(found, head)
		}
	}
	return found, nil
}

func (s *scriptedCases) Tasks(_ context.Context, _ models.Actor, f models.TaskFilter, _ models.Page) ([]models.TaskRow, string, error) {
	s.taskFilter = f
	return []models.TaskRow{s.tasks[taskA]}, "", nil
}

func (s *scriptedCases) Task(_ context.Context, _ models.Actor, taskID string) (models.TaskRow, error) {
	row, ok := s.tasks[taskID]
	if !ok {
		return row, errs.New(errs.NotFound, "not_found")
	}
	return row, nil
}

func (s *scriptedCases) KnowledgeArticles(context.Context, string, models.Page) ([]models.KnowledgeArticle, string, error) {
	return s.articles, "", nil
}

// scriptedPeople are the users; whoever's id comes as the token is the caller.
type scriptedPeople struct {
	api.People
	api.Sessions
	users map[string]models.User
}

func newScriptedPeople() *scriptedPeople {
	user := func(id string, active bool, role models.Role) models.User {
		return models.User{ID: id, Active: active, Roles: []models.Role{role}, TeamID: &hotline, Locale: i18n.English}
	}
	p := &scriptedPeople{users: map[string]models.User{}}
	for _, u := range []models.User{
		user(ann, true, models.RoleServiceAgent), user(ben, true, models.RoleServiceAgent), user(sup, true, models.RoleSupervisor),
		user(aud, true, models.RoleAuditor), user(gone, false, models.RoleServiceAgent),
	} {
		p.users[u.ID] = u
	}
	return p
}

func (p *scriptedPeople) User(_ context.Context, userID string) (models.User, error) {
	u, ok := p.users[userID]
	if !ok {
		return u, errs.New(errs.NotFound, "not_found")
	}
	return u, nil
}

func (p *scriptedPeople) Authenticate(_ context.Context, token string) (models.Principal, error) {
	u, ok := p.users[token]
	if !ok {
		return models.Principal{}, errs.New(errs.Unauthenticated, "unauthenticated")
	}
	actor := models.Actor{Person: models.Person{ID: u.ID, TeamID: hotline, Roles: u.Roles}}
	if u.ID == sup {
		actor.Supervises = []string{hotline}
	}
	return models.Principal{User: u, Actor: actor}, nil
}

// scriptedClients knows one client, of class A.
type scriptedClients struct{ anyClients }

func (scriptedClients) Client(_ context.Context, clientID string) (models.Client, error) {
	if clientID != acme {
		return models.Client{}, errs.New(errs.NotFound, "not_found")
	}
	return models.Client{ID: acme, Name: "Acme", Class: "A", Region: "north", AccountManagerID: &sup}, nil
}

// officePolicies has one calendar version.
type officePolicies struct {
	api.Policies
	t *testing.T
}

func (p officePolicies) Calendar(_ context.Context, calendarID string, version int) (models.CalendarVersion, error) {
	require.Equal(p.t, "office/2", calendarID+"/"+string(rune('0'+version)), "the pinned version")
	body, err := json.Marshal(officeDocument)
	return models.CalendarVersion{ID: calendarID, Version: version, Body: body}, err
}

// answers keeps the answers of POSTs.
type answers struct {
	mu    sync.Mutex
	known map[string]models.IdempotencyRecord
}

func (a *answers) Claim(_ context.Context, userID, key string, fresh models.IdempotencyRecord) (models.IdempotencyRecord, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	rec, seen := a.known[userID+key]
	if !seen {
		a.known[userID+key], rec = fresh, fresh
	}
	return rec, !seen, nil
}

func (a *answers) Answer(_ context.Context, userID, key string, rec models.IdempotencyRecord) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[userID+key] = rec
	return nil
}

// unused stands for what these tests never call.
type unused struct {
	api.Health
	api.Deactivator
	anyNotifications
	anyWebhooks
}

// These interfaces have a method of their own name, which a field of that name would hide.
type (
	anyClients       = api.Clients
	anyNotifications = api.Notifications
	anyWebhooks      = api.Webhooks
)
