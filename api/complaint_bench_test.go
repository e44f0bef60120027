package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

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

// caseBench is a world with people who work on cases, and with a projection and an engine that the test scripts. It is
// 11:00 on Friday.
type caseBench struct {
	*world
	engine *scriptedEngine
	store  *scriptedCases
}

func newCaseBench(t *testing.T) *caseBench {
	t.Helper()
	b := &caseBench{engine: &scriptedEngine{}}
	b.store = &scriptedCases{rows: map[string]models.CaseRow{caseA: someCase(t, caseA)}, hidden: map[string]bool{}, tasks: map[string]models.TaskRow{}}
	b.engine.start = func(caseID string, cmd models.RecordCase) {
		row := someCase(t, caseID)
		row.Record.Subject, row.Record.Contact = cmd.Subject, cmd.Contact
		row.State.AccountableID = cmd.FirstContactID
		b.store.rows[caseID] = row
	}
	b.world = newWorld(t, func(d *api.Deps) {
		d.Now = func() time.Time { return friday(11, 0) }
		d.Engine, d.Cases, d.Sessions = b.engine, b.store, hotlineSessions{d.Sessions}
	})
	b.store.client = b.Client
	user := func(userID string, active bool, role models.Role) { // whose name, and so whose token, is their id
		b.users.put(userID, models.User{ID: userID, Username: userID, Active: active, Roles: []models.Role{role}, TeamID: &hotline, Locale: i18n.English})
	}
	user(ann, true, models.RoleServiceAgent)
	user(ben, true, models.RoleServiceAgent)
	user(sup, true, models.RoleSupervisor)
	user(aud, true, models.RoleAuditor)
	user(gone, false, models.RoleServiceAgent)
	b.clients.put(acme, models.Client{ID: acme, Name: "Acme", Class: "A", Region: "north", AccountManagerID: &sup, Version: 1})
	body, err := json.Marshal(officeDocument)
	require.NoError(t, err)
	b.calendars = append(b.calendars, models.CalendarVersion{ID: "office", Version: 2, Body: body})
	return b
}

// hotlineSessions puts everybody into the hotline, which sup supervises.
type hotlineSessions struct{ api.Sessions }

func (s hotlineSessions) Authenticate(ctx context.Context, token string) (models.Principal, error) {
	p, err := s.Sessions.Authenticate(ctx, token)
	p.Actor.TeamID = hotline
	if p.User.ID == sup {
		p.Actor.Supervises = []string{hotline}
	}
	return p, err
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

// call asks as a user. Further headers are name, value pairs.
func (b *caseBench) call(user, method, path, body string, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(user, method, "/api/v1"+path, body, headers...)
}

// get reads an answer of 200.
func (b *caseBench) get(user, path string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "GET", path, ""), http.StatusOK)
}

// faultsOf lists the faults of a 422 as field:code, each of which has a text.
func faultsOf(t *testing.T, res *http.Response) []string {
	t.Helper()
	p := problem(t, res, http.StatusUnprocessableEntity, "invalid")
	for _, f := range p.Errors {
		require.NotContains(t, f.Message, "field.")
	}
	return p.faults()
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
	told    func() // when the process is to adopt the stored state
}

func (e *scriptedEngine) Signal(_ context.Context, workflowID, name string, _ any) error {
	e.sent = append(e.sent, sent{workflowID: workflowID, name: name})
	if e.told != nil {
		e.told()
	}
	return nil
}

func (e *scriptedEngine) Start(_ context.Context, _, workflowID string, input any, name, updateID string, cmd any) (models.Reply, error) {
	event := cmd.(models.CaseEvent)
	e.sent = append(e.sent, sent{workflowID, name, updateID, event})
	var record models.RecordCase
	if err := json.Unmarshal(event.Data, &record); err != nil {
		return models.Reply{}, err
	}
	if e.err == nil {
		e.start(input.(models.ComplaintInput).CaseID, record)
	}
	return models.Reply{}, e.err
}

func (e *scriptedEngine) Update(_ context.Context, workflowID, name, updateID string, cmd any) (models.Reply, error) {
	e.sent = append(e.sent, sent{workflowID, name, updateID, cmd.(models.CaseEvent)})
	if e.err == nil && e.applied != nil {
		e.applied()
	}
	return models.Reply{}, e.err
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
	client                func(ctx context.Context, id string) (models.Client, error)
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

func (s *scriptedCases) CaseAfter(ctx context.Context, caseID string, _ int64) (models.CaseRow, error) {
	return s.Case(ctx, models.Actor{Person: models.Person{Roles: []models.Role{models.RoleAuditor}}}, caseID)
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

func (s *scriptedCases) ClientForCase(ctx context.Context, actor models.Actor, clientID string, since time.Time, _ int) (models.Client, []models.CaseHead, error) {
	client, err := s.client(ctx, clientID)
	if err != nil {
		return client, nil, err
	}
	var found []models.CaseHead
	for _, head := range s.recent {
		if !head.CreatedAt.Before(since) && (!s.hidden[head.ID] || actor.May(models.PermCaseReadAll)) {
			found = append(found, head)
		}
	}
	return client, found, nil
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

func (s *scriptedCases) KnowledgeArticles(_ context.Context, actor models.Actor, _ string, _ models.Page) ([]models.KnowledgeArticle, string, error) {
	var seen []models.KnowledgeArticle
	for _, a := range s.articles {
		if a.State == "published" || !s.hidden[a.CaseID] || actor.May(models.PermCaseReadAll) {
			seen = append(seen, a)
		}
	}
	return seen, "", nil
}
