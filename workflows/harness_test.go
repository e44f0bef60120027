package workflows_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

const caseID = "case_01kavc5v4ve2b8v6ng5dq6h1xa"

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

func (l *ledger) AdvanceCase(ctx context.Context, id string, believed *models.CaseState, decide models.DecideCases) (models.CasesAdvanced, error) {
	known := map[string]int64{id: 0}
	if believed != nil {
		known[id] = believed.Seq
	}
	return l.AdvanceCases(ctx, []string{id}, known, decide)
}

func (l *ledger) Complainant(context.Context, string) (models.Recipient, error) {
	return models.Recipient{Name: "Ms Li", Email: "li@blue.example"}, nil
}

func (l *ledger) NextCaseNumber(_ context.Context, t models.CaseType, day string) (string, error) {
	return string(t) + "-" + day + "-0001", nil
}

func (l *ledger) Org(context.Context) (*models.Org, error) { return l.org, nil }

func (l *ledger) FreshOrg(context.Context) (*models.Org, error) { return l.org, nil }

// shipped gives the shipped rules.
func shipped(t *testing.T) *rulebook.Book {
	t.Helper()
	return rulebook.New(sample.Source(t))
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
	opening  *models.CaseEvent     // that comes within the input; nil: none
	expected []string              // requests that must have been carried out
	asked    []models.FollowUpPlan // follow-ups that were started
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
	b.store = &ledger{cases: map[string]models.CaseState{}, org: sample.Company()}
	b.env.SetStartTime(sample.Monday)
	b.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(b.env)
	b.env.RegisterActivity(&activities.Complaint{Store: b.store, Rules: shipped(t)})
	b.env.RegisterActivity(&activities.Notifications{})
	b.env.OnWorkflow(models.ApprovalType, mock.Anything, mock.Anything).Return(models.ApprovalResult{}, nil).Maybe()
	b.env.OnWorkflow(models.FollowUpType, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in models.FollowUpInput) (models.FollowUpResult, error) {
		b.asked = append(b.asked, *in.Plan)
		return models.FollowUpResult{}, nil
	}).Maybe()
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
	b.send(after, b.event(req, who, action, data))
	return req
}

func (b *bundle) event(request, who string, action models.CaseAction, data any) models.CaseEvent {
	b.Helper()
	raw, err := json.Marshal(data)
	require.NoError(b, err)
	return models.CaseEvent{Meta: models.Meta{Actor: sample.Actor(b.store.org, who), RequestID: request}, Action: action, Data: raw}
}

func (b *bundle) send(after time.Duration, e models.CaseEvent) {
	note := func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.err[e.Meta.RequestID] = err
	}
	b.env.RegisterDelayedCallback(func() {
		b.env.UpdateWorkflow(string(e.Action), id.New(id.Request), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, e)
	}, after)
}

// decided lets the case's approval, of which there is one, answer at a time after the start.
func (b *bundle) decided(after time.Duration, outcome models.ApprovalOutcome) {
	b.Helper()
	var asked string
	b.env.RegisterDelayedCallback(func() {
		if orders := b.store.cases[caseID].Orders; len(orders) > 0 {
			asked = orders[0].ID
		}
		b.env.SignalWorkflow(models.ApprovalDecidedTo, models.ApprovalDecided{ApprovalID: asked, Seq: 2, Outcome: outcome, ByID: "sup1"})
	}, after)
}

func (b *bundle) record(kind models.CaseType) string {
	return b.at(0, "ann", models.ActionRecord, recordOf(kind))
}

func recordOf(kind models.CaseType) models.RecordCase {
	return models.RecordCase{
		Type: kind, ClientID: "client", ClientClass: "B", Channel: "phone", Subject: "s", Impact: "high", Urgency: "high", FirstContactID: "ann",
	}
}

func (b *bundle) run() models.ComplaintResult {
	b.Helper()
	b.env.ExecuteWorkflow(workflows.Complaint, models.ComplaintInput{CaseID: caseID, Record: b.opening})
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

func (b *bundle) leave(leaver, heir string) {
	s := b.store.cases[caseID]
	u := b.store.org.Users[leaver]
	u.Active = false
	b.store.org.Users[leaver] = u
	data, _ := json.Marshal(models.Deactivate{UserID: leaver, HeirID: heir})
	rules, _ := shipped(b.T).OfCase(context.Background(), &s, b.store.org)
	step, err := models.ApplyCase(&s, models.CaseEvent{Meta: models.Meta{Actor: sample.Actor(b.store.org, "zoe")}, Action: models.ActionDeactivate, Data: data}, b.env.Now(), rules)
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
