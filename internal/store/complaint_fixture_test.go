package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// start is a Monday in the office.
var start = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

var clockRules = sla.Rules{Calendar: calendar.Always()}

// A desk is a store with a client and people: two agents of one team with their supervisor, and somebody of another team.
type desk struct {
	*store.Store
	client               models.Client
	team, other          models.Team
	boss, one, two, away models.User
	now                  time.Time
}

func newDesk(t testing.TB, o store.Options) *desk {
	t.Helper()
	return deskIn(t, testkit.StoreWith(t, o))
}

func deskIn(t testing.TB, s *store.Store) *desk {
	t.Helper()
	d := &desk{Store: s, now: start}
	var err error
	d.client, err = d.CreateClient(t.Context(), aClient("华东银行"))
	require.NoError(t, err)
	d.boss = addUser(t, d.Store, "boss")
	d.team = addTeam(t, d.Store, "hotline", &d.boss.ID)
	d.other = addTeam(t, d.Store, "network", nil)
	d.one, d.two, d.away = d.member(t, "one", d.team), d.member(t, "two", d.team), d.member(t, "away", d.other)
	return d
}

func (d *desk) member(t testing.TB, name string, team models.Team) models.User {
	t.Helper()
	u := aUser(name)
	u.Email, u.TeamID = name+"@example.com", &team.ID
	u, err := d.CreateUser(t.Context(), u, "")
	require.NoError(t, err)
	return u
}

// tick is the time of the next step.
func (d *desk) tick() time.Time {
	d.now = d.now.Add(time.Minute)
	return d.now
}

// record is the first step of a case whose handler is u.
func (d *desk) record(u models.User) models.CaseStep {
	at := d.tick()
	caseID := id.New(id.Case)
	promise, _, err := sla.Start(sla.Definition{
		Name: "resolution", Target: sla.Span{Duration: 4 * time.Hour}, Clock: sla.Working, StopsOn: "resolved",
	}, 1, at, clockRules)
	if err != nil {
		panic(err)
	}
	task := models.Task{
		ID: id.New(id.Task), Kind: models.TaskHandle, UserID: u.ID, CreatedAt: at, DueAt: promise.DueAt,
		Why: map[string]string{"rule": "handler"}, State: models.TaskOpen,
	}
	return models.CaseStep{
		State: models.CaseState{
			ID: caseID, Number: "CMP-20261123-" + caseID[len(caseID)-8:], Type: models.TypeComplaint, Status: models.CaseOpen, Priority: "P2",
			Impact: "high", Urgency: "low", Channel: "phone", ClientID: d.client.ID, ClientClass: "B", CreatedBy: u.ID,
			CreatedAt: at, UpdatedAt: at, AccountableID: u.ID, AccountableTeamID: *u.TeamID, AssigneeID: u.ID, TeamID: *u.TeamID,
			Tasks: []models.Task{task}, PolicyVersion: 1, CalendarID: "always", CalendarVersion: 1, Promises: []sla.Promise{promise},
			Seq: 1, EventSeq: 1, NextAt: promise.NextAt,
		},
		Events:      []models.TimelineEvent{{Seq: 1, At: at, Type: "recorded", Actor: u.ID, Data: map[string]any{"channel": "phone"}}},
		Accountable: &models.Tenure{UserID: u.ID, TeamID: *u.TeamID, From: at, Reason: "recorded"},
		Handling:    &models.Tenure{UserID: u.ID, TeamID: *u.TeamID, From: at, Kind: models.HoldWorking, Reason: "recorded"},
		Tasks:       []models.Task{task},
		Record: &models.CaseRecord{
			Subject: "账户被锁", Description: "Since this morning.", Contact: models.CaseContact{Name: "王芳", Email: "wang@bank.example"},
			OccurredAt: ptr(at.Add(-time.Hour)), ExternalRef: "T-1",
		},
		TraceID: "trace-1",
	}
}

// next is a step after a state, with one event.
func next(s models.CaseState, at time.Time, event string) models.CaseStep {
	s.Seq++
	s.EventSeq++
	s.UpdatedAt = at
	s.Tasks, s.Promises = slices.Clone(s.Tasks), slices.Clone(s.Promises)
	return models.CaseStep{State: s, Events: []models.TimelineEvent{{Seq: s.EventSeq, At: at, Type: event, Actor: s.AssigneeID}}}
}

// hand makes the step's new handler, with the task.
func hand(step models.CaseStep, u models.User) models.CaseStep {
	s := &step.State
	s.AssigneeID, s.TeamID, s.Offer = u.ID, *u.TeamID, nil
	for _, task := range s.Tasks {
		task.State, task.DoneBy, task.DoneAt = models.TaskDone, u.ID, &s.UpdatedAt
		step.Tasks = append(step.Tasks, task)
	}
	task := models.Task{ID: id.New(id.Task), Kind: models.TaskHandle, UserID: u.ID, CreatedAt: s.UpdatedAt, State: models.TaskOpen}
	s.Tasks = []models.Task{task}
	step.Tasks = append(step.Tasks, task)
	step.Handling = &models.Tenure{UserID: u.ID, TeamID: *u.TeamID, From: s.UpdatedAt, Kind: models.HoldWorking, Reason: step.Events[0].Type}
	return step
}

// entrust makes the step's new accountable person.
func entrust(step models.CaseStep, u models.User) models.CaseStep {
	step.State.AccountableID, step.State.AccountableTeamID = u.ID, *u.TeamID
	step.Accountable = &models.Tenure{UserID: u.ID, TeamID: *u.TeamID, From: step.State.UpdatedAt, Reason: step.Events[0].Type}
	return step
}

// offer offers the case to a person, or to a team.
func offer(step models.CaseStep, userID, teamID string) models.CaseStep {
	s := &step.State
	s.Offer = &models.Offer{ToID: userID, TeamID: teamID, ByID: s.AssigneeID, At: s.UpdatedAt, ExpiresAt: s.UpdatedAt.Add(time.Hour)}
	step.Handling = &models.Tenure{UserID: s.AssigneeID, TeamID: s.TeamID, From: s.UpdatedAt, Kind: models.HoldAwaitingAcceptance, Reason: "offered"}
	task := models.Task{ID: id.New(id.Task), Kind: models.TaskAccept, UserID: userID, TeamID: teamID, CreatedAt: s.UpdatedAt, DueAt: &s.Offer.ExpiresAt, State: models.TaskOpen}
	s.Tasks = append(s.Tasks, task)
	step.Tasks = append(step.Tasks, task)
	return step
}

// shut closes the case.
func shut(step models.CaseStep) models.CaseStep {
	s := &step.State
	s.Status, s.ClosedAt, s.Offer = models.CaseClosed, &s.UpdatedAt, nil
	for i, p := range s.Promises {
		s.Promises[i], _, _ = p.Cancel(s.UpdatedAt, clockRules)
	}
	for _, task := range s.Tasks {
		task.State, task.DoneBy, task.DoneAt = models.TaskCancelled, models.System, &s.UpdatedAt
		step.Tasks = append(step.Tasks, task)
	}
	s.Tasks = nil
	step.Accountable, step.Handling = &models.Tenure{From: s.UpdatedAt}, &models.Tenure{From: s.UpdatedAt}
	return step
}

// reopen takes it up again.
func reopen(step models.CaseStep, u models.User) models.CaseStep {
	step.State.Status, step.State.ClosedAt = models.CaseInProgress, nil
	return entrust(hand(step, u), u)
}

func answers(steps ...models.CaseStep) models.DecideCases {
	return func(map[string]models.CaseState) ([]models.CaseStep, error) { return steps, nil }
}

// apply takes steps that are already decided, and returns the state of the last.
func (d *desk) apply(t testing.TB, steps ...models.CaseStep) models.CaseState {
	t.Helper()
	for _, step := range steps {
		out, err := d.AdvanceCase(t.Context(), step.State.ID, d.believed(t, step.State.ID), answers(step))
		require.NoError(t, err)
		require.Empty(t, out.Behind)
	}
	return steps[len(steps)-1].State
}

// believed is the stored state as a process knows it; nil before the first step.
func (d *desk) believed(t testing.TB, caseID string) *models.CaseState {
	t.Helper()
	s, err := d.CaseState(t.Context(), caseID)
	if errs.CodeOf(err) == errs.NotFound {
		return nil
	}
	require.NoError(t, err)
	return &s
}

// verify returns what Verify finds, as rules with what they name.
func (d *desk) verify(t testing.TB) []store.Finding {
	t.Helper()
	var found []store.Finding
	rules := func(context.Context, *models.CaseState) (sla.Rules, error) { return clockRules, nil }
	require.NoError(t, d.Verify(t.Context(), rules, func(f store.Finding) error {
		found = append(found, f)
		return nil
	}))
	return found
}

func rulesOf(found []store.Finding) []string {
	names := map[string]bool{}
	for _, f := range found {
		names[f.Rule] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// actor is a person as the product knows them at a request.
func actor(u models.User, supervises ...string) models.Actor {
	p := models.Person{ID: u.ID, Roles: u.Roles, Supervises: supervises}
	if u.TeamID != nil {
		p.TeamID = *u.TeamID
	}
	return models.Actor{Person: p}
}

var everything = models.Actor{Person: models.Person{ID: "user_auditor", Roles: []models.Role{models.RoleAuditor}}}

func count(t testing.TB, s *store.Store, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, s.DB().Raw(fmt.Sprintf("SELECT count(*) FROM %s", sql), args...).Scan(&n).Error)
	return n
}
