package store_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// A court is a desk at which somebody away asks for approval: one decides first, then the boss. Two may decide for one.
type court struct {
	*desk
	chain    *approval.Chain
	reader   models.User
	deputies []approval.DeputyRule
	gone     string // has left, as the process believes
}

func newCourt(t testing.TB, o store.Options) *court {
	t.Helper()
	k := &court{desk: newDesk(t, o)}
	k.reader = k.member(t, "reader", k.other)
	step := func(u models.User) approval.Step {
		return approval.Step{Who: []approval.Who{{User: u.ID}}, Due: approval.Due{After: sla.Span{Duration: time.Hour}}}
	}
	policy, err := approval.Compile(approval.Document{Kind: approval.Kind, Chains: map[string]approval.Definition{models.ChainTransfer: {
		Select: []approval.Branch{{When: "true", Steps: []string{"first", "second"}}},
		Steps:  map[string]approval.Step{"first": step(k.one), "second": step(k.boss)},
	}}}, 3)
	require.NoError(t, err)
	k.chain, err = policy.Chain(models.ChainTransfer)
	require.NoError(t, err)
	return k
}

// deputise lets two decide for one.
func (k *court) deputise() {
	k.deputies = []approval.DeputyRule{{ID: "deputy_1", UserID: k.one.ID, DeputyID: k.two.ID, From: start, Until: start.AddDate(1, 0, 0)}}
}

func (k *court) rules() models.ApprovalRules {
	people := map[string]approval.Person{}
	for _, u := range []models.User{k.boss, k.one, k.two, k.away, k.reader} {
		people[u.ID] = approval.Person{ID: u.ID, Active: u.ID != k.gone}
	}
	return models.ApprovalRules{Chain: k.chain, CalendarID: "always", CalendarVersion: 1, Env: approval.Env{
		Org: approval.Org{People: people}, Deputies: k.deputies,
		Deadline: func(from time.Time, span sla.Span, _ sla.ClockKind) time.Time { return from.Add(span.Duration) },
	}}
}

// begins decides the first step of a new approval about a subject.
func (k *court) begins(approvalID string, subject models.CaseState) models.DecideApproval {
	in := models.AdvanceApproval{
		ApprovalID: approvalID, Process: models.ComplaintProcess, Parent: models.ComplaintWorkflowID(subject.ID), At: k.tick(),
		Event: models.ApprovalBegins(models.ApprovalOrder{SubjectID: subject.ID, Number: subject.Number, RequesterID: k.away.ID, Chain: models.ChainTransfer}),
	}
	in.Event.Meta.TraceID = "trace-9"
	return func(stored *models.ApprovalState) (models.ApprovalStep, error) {
		return models.ApplyApproval(stored, in, k.rules())
	}
}

// says decides the step of somebody's command.
func (k *court) says(u models.User, cmd approval.Command) models.DecideApproval {
	data, err := json.Marshal(cmd)
	if err != nil {
		panic(err)
	}
	in := models.AdvanceApproval{At: k.tick(), Event: models.ApprovalEvent{
		Meta: models.Meta{Actor: actor(u), RequestID: id.New(id.Request)}, Verb: cmd.Verb, Data: data,
	}}
	return func(stored *models.ApprovalState) (models.ApprovalStep, error) {
		return models.ApplyApproval(stored, in, k.rules())
	}
}

// ask begins an approval, about a case that nobody of the court but the boss has to do with.
func (k *court) ask(t testing.TB) models.ApprovalState {
	t.Helper()
	return k.askAbout(t, k.apply(t, k.record(k.boss2(t))))
}

// boss2 is somebody whose cases none of the others see.
func (k *court) boss2(t testing.TB) models.User {
	t.Helper()
	name := "stranger_" + id.New(id.User)
	return k.member(t, name, addTeam(t, k.Store, name, nil))
}

func (k *court) askAbout(t testing.TB, subject models.CaseState) models.ApprovalState {
	t.Helper()
	return k.step(t, id.Derive(id.Approval, subject.ID, k.tick().String()), nil, func(approvalID string) models.DecideApproval { return k.begins(approvalID, subject) })
}

// do takes a command, and returns the state after it.
func (k *court) do(t testing.TB, s models.ApprovalState, u models.User, cmd approval.Command) models.ApprovalState {
	t.Helper()
	return k.step(t, s.ID, &s, func(string) models.DecideApproval { return k.says(u, cmd) })
}

func (k *court) step(t testing.TB, approvalID string, believed *models.ApprovalState, decide func(string) models.DecideApproval) models.ApprovalState {
	t.Helper()
	behind, _, err := k.AdvanceApproval(t.Context(), approvalID, believed, decide(approvalID))
	require.NoError(t, err)
	require.Nil(t, behind)
	s, err := k.ApprovalState(t.Context(), approvalID)
	require.NoError(t, err)
	k.remembers(t, s)
	took, err := models.Took(believed, &s, false)
	require.NoError(t, err)
	told, err := took.Onto(believed)
	require.NoError(t, err)
	require.JSONEq(t, asJSON(t, s), asJSON(t, told))
	return s
}

// remembers holds that what is answered from memory after a step is what the database holds.
func (k *court) remembers(t testing.TB, s models.ApprovalState) {
	t.Helper()
	row, err := k.ApprovalAfter(t.Context(), s.ID, s.Seq)
	require.NoError(t, err)
	stored, err := k.Approval(t.Context(), models.Actor{Person: models.Person{ID: "auditor", Roles: []models.Role{models.RoleAuditor}}}, s.ID)
	require.NoError(t, err)
	require.JSONEq(t, asJSON(t, stored), asJSON(t, row))
}

func (k *court) approve(t testing.TB, s models.ApprovalState, u models.User) models.ApprovalState {
	t.Helper()
	return k.do(t, s, u, approval.Command{Verb: approval.Approve, Comment: "fine"})
}

// taskOf is the id of the user's open task in the approval.
func taskOf(t testing.TB, s models.ApprovalState, u models.User) string {
	t.Helper()
	tasks := s.Chain.OpenTasks()
	i := slices.IndexFunc(tasks, func(task approval.Task) bool { return task.UserID == u.ID })
	require.GreaterOrEqual(t, i, 0)
	return id.Derive(id.Task, s.ID, tasks[i].Key)
}

func approvalIDs(rows []models.ApprovalRow) []string {
	ids := []string{}
	for _, r := range rows {
		ids = append(ids, r.State.ID)
	}
	return ids
}
