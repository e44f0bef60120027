package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// A lobby is a house where visitors are received: by the activity that takes the steps of receptions, under the shipped
// rules.
type lobby struct {
	*house
	book                             *rulebook.Book
	acts                             *activities.Reception
	client                           models.Client
	amy, hal, sam, cleo, fin, mia, z models.User
	room                             models.Resource
	now                              time.Time
}

// newLobby has a room, and 100,000.00 for meals under strong control.
func newLobby(t testing.TB, o store.Options) *lobby {
	t.Helper()
	l := &lobby{house: newHouseWith(t, o), now: before}
	require.NoError(t, demo.SeedPolicies(t.Context(), l.Store))
	l.book = rulebook.New(l.Store)
	l.acts = &activities.Reception{Store: l.Store, Rules: l.book}
	var err error
	l.client, err = l.CreateClient(t.Context(), aClient("Blue Sky"))
	require.NoError(t, err)
	desk := addTeam(t, l.Store, "desk", nil).ID
	l.amy, l.hal = l.person(t, "amy", l.team, models.RoleAccountManager), l.person(t, "hal", l.team, models.RoleStaff)
	l.sam, l.cleo = l.person(t, "sam", l.team, models.RoleSupervisor), l.person(t, "cleo", desk, models.RoleReceptionClerk)
	l.fin, l.mia = l.person(t, "fin", desk, models.RoleFinance), l.person(t, "mia", desk, models.RoleManager)
	l.z = l.person(t, "zed", desk, models.RoleServiceAgent)
	l.room = l.resource(t, "hall", models.ResourceRoom, 1)
	l.budget(t, models.CostMeals, 10_000_000, models.ControlStrong)
	return l
}

func (l *lobby) person(t testing.TB, name, team string, role models.Role) models.User {
	t.Helper()
	u := aUser(name)
	u.Email, u.TeamID, u.Roles = name+"@example.com", &team, []models.Role{role}
	u, err := l.CreateUser(t.Context(), u, "")
	require.NoError(t, err)
	return u
}

func guest(u models.User) models.Actor {
	return models.Actor{Person: models.Person{ID: u.ID, TeamID: *u.TeamID, Roles: u.Roles}}
}

// plan is a request that keeps to the standard: the room for two hours, and meals for 1,000.00.
func (l *lobby) plan() models.ReceptionPlan {
	return models.ReceptionPlan{
		ClientID: l.client.ID, Kind: "company_visit", Purpose: "see the new line", StartsAt: ptr(visit), EndsAt: ptr(visit.Add(2 * time.Hour)),
		Visitors: []models.Visitor{{Name: "Ms Li", Organisation: "Blue Sky"}}, Hosts: []string{l.hal.ID},
		Resources: []models.WantedResource{{ResourceID: l.room.ID}}, Budget: []models.PlannedAmount{{Item: models.CostMeals, Amount: 100_000}},
	}
}

func (l *lobby) event(who models.Actor, action models.ReceptionAction, data any) models.ReceptionEvent {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return models.ReceptionEvent{Meta: models.Meta{Actor: who, RequestID: id.New(id.Request), TraceID: "trace-4"}, Action: action, Data: raw}
}

// advance takes one step a minute after the one before; the state in the answer is whole.
func (l *lobby) advance(ctx context.Context, receptionID string, s *models.ReceptionState, e models.ReceptionEvent) (models.ReceptionAdvanced, error) {
	l.now = l.now.Add(time.Minute)
	out, err := l.acts.AdvanceReception(ctx, models.AdvanceReception{ReceptionID: receptionID, State: s, Event: e, At: l.now})
	if err == nil {
		out.State, err = out.Onto(s)
	}
	return out, err
}

func (l *lobby) record(t testing.TB, who models.User, plan models.ReceptionPlan) models.ReceptionState {
	t.Helper()
	data := models.PlanReception{ClientClass: "B", AccountManagerID: l.amy.ID, Plan: plan}
	out, err := l.advance(t.Context(), id.New(id.Reception), nil, l.event(guest(who), models.ReceptionRecord, data))
	require.NoError(t, err)
	return *out.State
}

// do takes a command that must be taken.
func (l *lobby) do(t testing.TB, s models.ReceptionState, who models.User, action models.ReceptionAction, data any) models.ReceptionState {
	t.Helper()
	out, err := l.advance(t.Context(), s.ID, &s, l.event(guest(who), action, data))
	require.NoError(t, err, string(action))
	require.False(t, out.Behind)
	return *out.State
}

// decided lets the newest approval answer.
func (l *lobby) decided(t testing.TB, s models.ReceptionState, outcome models.ApprovalOutcome) models.ReceptionState {
	t.Helper()
	d := models.ApprovalDecided{
		ApprovalID: s.Approvals[len(s.Approvals)-1].ID, Seq: s.Seq, Outcome: outcome, ByID: l.sam.ID, Approvers: []string{l.sam.ID}, Steps: []string{"dept_head"},
	}
	out, err := l.advance(t.Context(), s.ID, &s, models.ReceptionDecidedBy(d))
	require.NoError(t, err)
	return *out.State
}

// approved is a reception that was asked for and approved.
func (l *lobby) approved(t testing.TB) models.ReceptionState {
	t.Helper()
	s := l.do(t, l.record(t, l.amy, l.plan()), l.amy, models.ReceptionSubmit, nil)
	return l.decided(t, s, models.OutcomeApproved)
}

// completed is one whose visit is over; a need was raised and stays open.
func (l *lobby) completed(t testing.TB) models.ReceptionState {
	t.Helper()
	s := l.do(t, l.approved(t), l.cleo, models.ReceptionPrepare, nil)
	s = l.do(t, s, l.cleo, models.ReceptionStart, nil)
	s = l.do(t, s, l.cleo, models.ReceptionRaiseNeed, models.RaiseNeed{Text: "a sample of the blue one", Kind: models.TypeInquiry})
	return l.do(t, s, l.cleo, models.ReceptionComplete, nil)
}

func (l *lobby) free(t testing.TB, receptionID string) {
	t.Helper()
	bookings, err := l.BookingsOf(t.Context(), receptionID)
	require.NoError(t, err)
	require.Empty(t, bookings)
	money, err := l.MoneyOf(t.Context(), receptionID)
	require.NoError(t, err)
	for _, m := range money {
		require.Zero(t, m.Held, m.Item)
	}
}

func (l *lobby) clean(t testing.TB) {
	t.Helper()
	require.NoError(t, l.Verify(t.Context(), nil, func(f store.Finding) error { return fmt.Errorf("%+v", f) }))
}
