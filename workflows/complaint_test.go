package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

const caseID = "case_01kavc5v4ve2b8v6ng5dq6h1xa"

// monday is a working Monday at nine in Shanghai.
var monday = time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC)

// ledger is a store in memory with the one rule that matters to the process: a step is a compare-and-append.
type ledger struct {
	mu     sync.Mutex
	cases  map[string]models.CaseState
	steps  []models.CaseStep
	mail   bool
	broken int // calls that fail before the store comes back
	lost   int // calls that are written, but whose answer is lost
	org    *models.Org
}

var errDown = errs.New(errs.Unavailable, "unavailable.database")

func (l *ledger) CaseState(_ context.Context, id string) (models.CaseState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.cases[id]
	if !ok {
		return s, errs.New(errs.NotFound, "case.unknown")
	}
	return s, nil
}

func (l *ledger) AdvanceCases(_ context.Context, ids []string, known map[string]int64, decide models.DecideCases) (models.CasesAdvanced, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken > 0 {
		l.broken--
		return models.CasesAdvanced{}, errDown
	}
	out := models.CasesAdvanced{Behind: map[string]models.CaseState{}, Mail: map[string]bool{}}
	stored := map[string]models.CaseState{}
	for _, id := range ids {
		s, exists := l.cases[id]
		if exists {
			stored[id] = s
		}
		if seq, asked := known[id]; asked && s.Seq > seq {
			out.Behind[id] = s
		}
	}
	if len(out.Behind) > 0 {
		return out, nil
	}
	steps, err := decide(maps.Clone(stored))
	if err != nil {
		return out, err
	}
	for _, step := range steps {
		l.cases[step.State.ID] = step.State
		l.steps = append(l.steps, step)
		out.Mail[step.State.ID] = l.mail && len(step.Notices) > 0
	}
	if l.lost > 0 {
		l.lost--
		return models.CasesAdvanced{}, errDown
	}
	return out, nil
}

func (l *ledger) NextCaseNumber(_ context.Context, t models.CaseType, day string) (string, error) {
	return string(t) + "-" + day + "-0001", nil
}

func (l *ledger) Org(context.Context) (*models.Org, error) { return l.org, nil }

func (l *ledger) FreshOrg(context.Context) (*models.Org, error) { return l.org, nil }

// rulebook gives the shipped policy and calendar.
type rulebook struct {
	policy *policy.CompiledSLA
	cal    *calendar.Calendar
}

func (r rulebook) OfCase(_ context.Context, _ *models.CaseState, org *models.Org) (models.CaseRules, error) {
	return models.CaseRules{Policy: r.policy, PolicyVersion: 1, Calendar: r.cal, Org: org}, nil
}

func (r rulebook) ForNewCase(ctx context.Context, org *models.Org, _ string) (models.CaseRules, error) {
	return r.OfCase(ctx, nil, org)
}

func shipped(t *testing.T) rulebook {
	t.Helper()
	body, err := os.ReadFile("../policies/sla/default.yaml")
	require.NoError(t, err)
	doc, faults := policy.ParseSLA(body)
	require.Empty(t, faults)
	compiled, err := policy.CompileSLA(doc)
	require.NoError(t, err)
	body, err = os.ReadFile("../policies/calendars/cn.yaml")
	require.NoError(t, err)
	var cn calendar.Document
	require.NoError(t, yaml.Unmarshal(body, &cn))
	cal, err := calendar.New(cn)
	require.NoError(t, err)
	return rulebook{compiled, cal}
}

func company() *models.Org {
	o := &models.Org{Users: map[string]models.OrgUser{}, Teams: map[string]models.OrgTeam{
		"hotline":    {ID: "hotline", Name: "hotline", SupervisorID: "sup"},
		"backoffice": {ID: "backoffice", Name: "backoffice", SupervisorID: "sup2"},
	}}
	for _, u := range []models.OrgUser{
		{ID: "ann", TeamID: "hotline", ManagerID: "sup", Roles: []models.Role{models.RoleServiceAgent}},
		{ID: "ben", TeamID: "hotline", ManagerID: "sup", Roles: []models.Role{models.RoleServiceAgent}},
		{ID: "dan", TeamID: "backoffice", ManagerID: "sup2", Roles: []models.Role{models.RoleServiceAgent}},
		{ID: "sup", TeamID: "hotline", ManagerID: "mia", Roles: []models.Role{models.RoleSupervisor}},
		{ID: "sup2", TeamID: "backoffice", ManagerID: "mia", Roles: []models.Role{models.RoleSupervisor}},
		{ID: "mia", ManagerID: "zoe", Roles: []models.Role{models.RoleManager}},
		{ID: "zoe", Roles: []models.Role{models.RoleDirector}},
	} {
		u.Active, u.Username = true, u.ID
		o.Users[u.ID] = u
	}
	return o
}

func actor(o *models.Org, id string) models.Actor {
	u := o.Users[id]
	p := models.Person{ID: id, TeamID: u.TeamID, Roles: u.Roles}
	for _, t := range []string{"hotline", "backoffice"} {
		if o.Teams[t].SupervisorID == id {
			p.Supervises = append(p.Supervises, t)
		}
	}
	return models.Actor{Person: p}
}

// outbox counts what the process asked to leave.
type outbox struct {
	mu   sync.Mutex
	seqs []int64
}

func (o *outbox) deliver(_ context.Context, in models.DeliverMessages) (struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seqs = append(o.seqs, in.Seq)
	return struct{}{}, nil
}

// bundle is one process in virtual time.
type bundle struct {
	*testing.T
	env      *testsuite.TestWorkflowEnvironment
	store    *ledger
	outbox   *outbox
	expected []string // requests that must have been carried out
	replies
}

type replies struct {
	mu  sync.Mutex
	err map[string]error // by request id; nil: accepted and done
}

func setup(t *testing.T) *bundle {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b := &bundle{T: t, env: suite.NewTestWorkflowEnvironment(), outbox: &outbox{}, replies: replies{err: map[string]error{}}}
	b.store = &ledger{cases: map[string]models.CaseState{}, org: company()}
	b.env.SetStartTime(monday)
	b.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(b.env)
	b.env.RegisterActivity(&activities.Complaint{Store: b.store, Rules: shipped(t)})
	b.env.RegisterActivity(&activities.Notifications{})
	b.env.OnActivity((*activities.Notifications)(nil).Deliver, mock.Anything, mock.Anything).Return(b.outbox.deliver).Maybe()
	return b
}

// at sends a command at a time after the start; its answer is kept under the request id.
func (b *bundle) at(after time.Duration, who string, action models.CaseAction, data any, request ...string) string {
	b.Helper()
	req := id.New(id.Request)
	if len(request) > 0 {
		req = request[0]
	}
	raw, err := json.Marshal(data)
	require.NoError(b, err)
	e := models.CaseEvent{Meta: models.Meta{Actor: actor(b.store.org, who), RequestID: req}, Action: action, Data: raw}
	note := func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.err[req] = err
	}
	b.env.RegisterDelayedCallback(func() {
		b.env.UpdateWorkflow(string(action), id.New(id.Request), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, e)
	}, after)
	return req
}

func (b *bundle) record(kind models.CaseType) string {
	return b.at(0, "ann", models.ActionRecord, models.RecordCase{
		Type: kind, ClientID: "client", ClientClass: "B", Channel: "phone", Subject: "s", Impact: "high", Urgency: "high", FirstContactID: "ann",
	})
}

func (b *bundle) run() models.ComplaintResult {
	b.Helper()
	b.env.ExecuteWorkflow(workflows.Complaint, models.ComplaintInput{CaseID: caseID})
	require.True(b, b.env.IsWorkflowCompleted())
	require.NoError(b, b.env.GetWorkflowError())
	var r models.ComplaintResult
	require.NoError(b, b.env.GetWorkflowResult(&r))
	return r
}

// must notes commands that have to be carried out; check looks after the run.
func (b *bundle) must(requests ...string) { b.expected = append(b.expected, requests...) }

// check requires that the commands of must were carried out, and that the steps follow each other without gap.
func (b *bundle) check() {
	b.Helper()
	for i, s := range b.store.steps {
		require.Equal(b, int64(i+1), s.State.Seq)
	}
	for i, r := range b.expected {
		err, answered := b.err[r]
		require.True(b, answered, "command %d", i)
		require.NoError(b, err, "command %d", i)
	}
}

// refused requires that the command was answered with the code.
func (b *bundle) refused(request string, code errs.Code) {
	b.Helper()
	err, answered := b.err[request]
	require.True(b, answered)
	require.Equal(b, code, errs.CodeOf(temporalx.FromTemporal(err)), "%v", err)
}

// timeline is the types of the case's events, of all steps in order.
func (b *bundle) timeline() []string {
	var types []string
	for _, s := range b.store.steps {
		for _, e := range s.Events {
			types = append(types, e.Type)
		}
	}
	return types
}

func (b *bundle) when(kind, milestone string) time.Time {
	b.Helper()
	for _, s := range b.store.steps {
		for _, e := range s.Events {
			if e.Type == kind && (milestone == "" || e.Data["milestone"] == milestone) {
				return e.At
			}
		}
	}
	require.Fail(b, "no such event", "%s %s in %v", kind, milestone, b.timeline())
	return time.Time{}
}

func hm(hour, minute int) time.Time { // on that Monday in Shanghai
	return time.Date(2026, 3, 9, hour-8, minute, 0, 0, time.UTC)
}

func TestComplaint(t *testing.T) {
	t.Parallel()

	t.Run("answered_resolved_and_closed_by_the_supervisor_ends_after_the_reopening_window", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"}),
			b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}), b.at(2*time.Hour, "sup", models.ActionClose, nil))
		require.Equal(t, models.CaseClosed, b.run().Status)
		b.check()
		require.Equal(t, 4, len(b.store.steps), "record, respond, resolve, close: the end of the window is no step")
		require.WithinDuration(t, monday.Add(2*time.Hour+7*24*time.Hour), b.env.Now(), time.Second)
	})

	t.Run("silence_closes_a_resolved_case_after_three_working_days", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		require.Equal(t, models.CaseClosed, b.run().Status)
		b.check()
		require.Equal(t, time.Date(2026, 3, 12, 1, 1, 0, 0, time.UTC), b.when("closed", ""))
	})

	t.Run("unanswered_promises_warn_breach_and_climb_the_ladder_to_the_minute", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(48*time.Hour, "sup", models.ActionCancel, models.Because{Reason: "test"}))
		require.Equal(t, models.CaseCancelled, b.run().Status)
		b.check()
		require.Equal(t, hm(9, 5), b.when("milestone_warned", "first_response"))
		require.Equal(t, hm(9, 10), b.when("milestone_breached", "first_response"))
		require.Equal(t, hm(14, 0), b.when("milestone_breached", "resolution"))
		told := map[string][]string{}
		for _, s := range b.store.steps {
			for _, n := range s.Notices {
				told[n.Kind] = append(told[n.Kind], n.UserID)
			}
		}
		require.Subset(t, told["milestone_breached"], []string{"sup", "mia", "zoe"}, "supervisor, then manager, then director")
		require.Contains(t, told["milestone_warned"], "ann")
		require.Contains(t, b.timeline(), "escalated")
	})

	t.Run("waiting_pauses_the_promise_and_chases_until_it_gives_up", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionWait, models.Wait{Reason: "papers"}))
		require.Equal(t, models.CaseClosed, b.run().Status)
		b.check()
		require.Equal(t, 3, count(b.timeline(), "chased"), "three reminders before the case counts as unanswered")
		require.NotContains(t, breached(b), "resolution", "the paused promise is not broken")
		require.Contains(t, b.timeline(), "resolved")
	})

	t.Run("wait_ends_at_its_until", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		until := hm(10, 30)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionWait, models.Wait{Reason: "papers", Until: until.Format(time.RFC3339)}),
			b.at(3*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, until, b.when("resumed", ""))
	})

	t.Run("an_offer_expires_after_fifteen_working_minutes_and_the_handler_keeps_the_case", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"}),
			b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, hm(9, 16), b.when("offer_expired", ""))
		require.Equal(t, "ann", b.store.cases[caseID].AssigneeID)
	})

	t.Run("two_members_accept_one_team_offer_and_one_gets_a_conflict", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"}),
			b.at(2*time.Minute, "dan", models.ActionAccept, nil))
		second := b.at(2*time.Minute, "sup2", models.ActionAccept, nil)
		b.must(b.at(time.Hour, "dan", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(second, errs.Conflict)
	})

	t.Run("two_bounces_lead_to_adjudication", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		for i := range 2 {
			m := time.Duration(i*2+1) * time.Minute
			b.must(b.at(m, "ann", models.ActionAssign, models.Assign{AssigneeID: "ben"}), b.at(m+time.Minute, "ben", models.ActionDecline, models.Because{Reason: "no"}))
		}
		blocked := b.at(10*time.Minute, "ann", models.ActionAssign, models.Assign{AssigneeID: "dan"})
		b.must(b.at(11*time.Minute, "sup", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "ben", Reason: "yes"}),
			b.at(time.Hour, "ben", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(blocked, errs.Conflict)
	})

	t.Run("accountability_moves_when_approved_and_accepted", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionTransfer, models.TransferAccountability{ToID: "ben", Reason: "leave"}))
		own := b.at(2*time.Minute, "ann", models.ActionDecideTransfer, models.Decide{Approve: true})
		early := b.at(3*time.Minute, "ben", models.ActionAcceptAccountability, nil)
		b.must(b.at(4*time.Minute, "sup", models.ActionDecideTransfer, models.Decide{Approve: true}),
			b.at(5*time.Minute, "ben", models.ActionAcceptAccountability, nil), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(own, errs.Forbidden)
		b.refused(early, errs.Conflict)
		require.Equal(t, "ben", b.store.cases[caseID].AccountableID)
	})

	t.Run("an_approved_extension_moves_the_due_time", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionExtend, models.Extend{Milestone: "resolution", By: "2h", Reason: "part"}),
			b.at(2*time.Minute, "sup", models.ActionDecideExtension, models.Decide{Approve: true}))
		again := b.at(3*time.Minute, "ann", models.ActionExtend, models.Extend{Milestone: "resolution", By: "2h", Reason: "part"})
		b.must(b.at(50*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(again, errs.Conflict)
		require.Equal(t, hm(16, 0), b.when("milestone_breached", "resolution"), "four and two working hours from nine, lunch not counted")
	})

	t.Run("reopening_starts_a_new_cycle_and_the_second_raises_the_priority", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "sup", models.ActionPrioritize, models.Prioritize{Impact: "low", Urgency: "low", Reason: "small"}))
		for i := range 2 {
			h := time.Duration(i+1) * time.Hour
			b.must(b.at(h, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}), b.at(h+time.Minute, "ann", models.ActionReopen, models.Because{Reason: "not solved"}))
		}
		b.must(b.at(4*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		s := b.store.cases[caseID]
		require.Equal(t, 2, s.ReopenCount)
		require.Equal(t, "P3", s.Priority)
	})

	t.Run("a_refused_record_ends_the_process_without_a_case", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		bad := b.at(0, "ann", models.ActionRecord, models.RecordCase{Type: models.TypeComplaint, FirstContactID: "nobody"})
		require.Equal(t, models.CaseStatus("rejected"), b.run().Status)
		b.refused(bad, errs.Invalid)
		require.Empty(t, b.store.cases)
	})

	t.Run("a_process_whose_first_command_never_comes_ends_by_itself", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, models.CaseStatus("rejected"), setup(t).run().Status)
	})

	t.Run("commands_before_the_record_are_not_found", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		early := b.at(0, "ann", models.ActionRespond, models.Respond{Message: "m"})
		b.run()
		b.refused(early, errs.NotFound)
	})

	t.Run("the_same_request_is_applied_once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionNote, models.Note{Text: "n"}, "note:same"),
			b.at(2*time.Minute, "ann", models.ActionNote, models.Note{Text: "n"}, "note:same"), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, 1, count(b.timeline(), "noted"))
	})

	t.Run("a_step_is_written_once_however_often_the_store_fails", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() { b.store.broken = 8 }, 30*time.Second)
		b.must(b.at(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"}))
		b.env.RegisterDelayedCallback(func() { b.store.lost = 3 }, 29*time.Minute)
		b.must(b.at(30*time.Minute, "ann", models.ActionNote, models.Note{Text: "n"}), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, 1, count(b.timeline(), "responded"))
		require.Equal(t, 1, count(b.timeline(), "noted"))
	})

	t.Run("a_case_that_another_transaction_moved_is_adopted", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() {
			b.leave("ann", "sup")
			b.env.SignalWorkflow(models.ComplaintAdopt, nil)
		}, time.Minute)
		gone := b.at(2*time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
		b.must(b.at(3*time.Minute, "sup", models.ActionRespond, models.Respond{Message: "m"}), b.at(4*time.Minute, "sup", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(gone, errs.Forbidden)
		require.Equal(t, "sup", b.store.cases[caseID].AccountableID)
	})

	t.Run("a_moved_case_is_adopted_also_when_the_signal_got_lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() { b.leave("ann", "sup") }, time.Minute)
		gone := b.at(2*time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
		b.must(b.at(3*time.Minute, "sup", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(gone, errs.Forbidden)
	})

	t.Run("messages_leave_once_for_each_step_that_has_some", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.store.mail = true
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionAssign, models.Assign{AssigneeID: "ben"}),
			b.at(2*time.Minute, "ben", models.ActionAccept, nil), b.at(time.Hour, "ben", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		var want []int64
		for _, s := range b.store.steps {
			if len(s.Notices) > 0 {
				want = append(want, s.State.Seq)
			}
		}
		require.ElementsMatch(t, want, b.outbox.seqs)
	})

	t.Run("continues_as_new_with_its_state", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() { b.env.SetContinueAsNewSuggested(true) }, time.Minute)
		b.must(b.at(30*time.Second, "ann", models.ActionNote, models.Note{Text: "n"}))
		b.env.ExecuteWorkflow(workflows.Complaint, models.ComplaintInput{CaseID: caseID})
		b.check()
		var next *workflow.ContinueAsNewError
		require.True(t, errors.As(b.env.GetWorkflowError(), &next))

		again := setup(t)
		again.store = b.store
		last := b.store.cases[caseID]
		again.env.RegisterActivity(&activities.Complaint{Store: b.store, Rules: shipped(t)})
		again.must(again.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		again.env.ExecuteWorkflow(workflows.Complaint, models.ComplaintInput{CaseID: caseID, State: &last})
		require.NoError(t, again.env.GetWorkflowError())
		again.check()
		require.Equal(t, models.CaseClosed, b.store.cases[caseID].Status)
	})
}

// TestEveryActionHasAnUpdate sends each action in the first moment: a handler that is registered late would be unknown.
func TestEveryActionHasAnUpdate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.record(models.TypeComplaint))
	var sent []string
	for _, action := range models.CaseActions() {
		sent = append(sent, b.at(0, "zoe", action, nil))
	}
	b.must(b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
	b.run()
	for i, request := range sent {
		err, answered := b.err[request]
		require.True(t, answered, "%s", models.CaseActions()[i])
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.CodeOf(temporalx.FromTemporal(err)), "%s: %v", models.CaseActions()[i], err)
		}
	}
}

func (b *bundle) leave(leaver, heir string) {
	s := b.store.cases[caseID]
	u := b.store.org.Users[leaver]
	u.Active = false
	b.store.org.Users[leaver] = u
	data, _ := json.Marshal(models.Deactivate{UserID: leaver, HeirID: heir})
	rules, _ := shipped(b.T).OfCase(context.Background(), &s, b.store.org)
	step, err := models.ApplyCase(&s, models.CaseEvent{Meta: models.Meta{Actor: actor(b.store.org, "zoe")}, Action: models.ActionDeactivate, Data: data}, b.env.Now(), rules)
	require.NoError(b, err)
	b.store.cases[caseID] = step.State
	b.store.steps = append(b.store.steps, step)
}

func count(types []string, kind string) int {
	n := 0
	for _, t := range types {
		if t == kind {
			n++
		}
	}
	return n
}

func breached(b *bundle) []string {
	var names []string
	for _, s := range b.store.steps {
		for _, e := range s.Events {
			if e.Type == "milestone_breached" {
				names = append(names, e.Data["milestone"].(string))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
