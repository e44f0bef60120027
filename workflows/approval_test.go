package workflows_test

import (
	"context"
	"encoding/json"
	"log/slog"
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
	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

const (
	approvalID = "approval_01kavc5v4ve2b8v6ng5dq6h1xa"
	asker      = "case/" + caseID
)

// register is a store of approvals in memory: a step is a compare-and-append.
type register struct {
	mu       sync.Mutex
	state    *models.ApprovalState
	steps    []models.ApprovalStep
	lost     int // calls that are written, but whose answer is lost
	org      *models.Org
	deputies []models.Deputy
}

func (r *register) ApprovalState(context.Context, string) (models.ApprovalState, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil {
		return models.ApprovalState{}, errs.New(errs.NotFound, "approval.unknown")
	}
	return *r.state, nil
}

func (r *register) AdvanceApproval(_ context.Context, _ string, believed *models.ApprovalState, decide models.DecideApproval) (*models.ApprovalState, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != nil && (believed == nil || r.state.Seq > believed.Seq) {
		return r.state, false, nil
	}
	step, err := decide(r.state)
	if err != nil {
		return nil, false, err
	}
	r.state = &step.State
	r.steps = append(r.steps, step)
	if r.lost > 0 {
		r.lost--
		return nil, false, errDown
	}
	return nil, false, nil
}

func (r *register) Org(context.Context) (*models.Org, error)      { return r.org, nil }
func (r *register) FreshOrg(context.Context) (*models.Org, error) { return r.org, nil }
func (r *register) DeputyRules(context.Context, time.Time) ([]models.Deputy, error) {
	return r.deputies, nil
}

func (r *register) FreshDeputyRules(ctx context.Context, at time.Time) ([]models.Deputy, error) {
	return r.DeputyRules(ctx, at)
}

// asked is one approval in virtual time, with what the process that asked was told.
type asked struct {
	*testing.T
	env   *testsuite.TestWorkflowEnvironment
	store *register
	told  []models.ApprovalDecided
	replies
}

func ask(t *testing.T) *asked {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	a := &asked{T: t, env: suite.NewTestWorkflowEnvironment(), replies: replies{err: map[string]error{}}}
	a.store = &register{org: sample.Company()}
	a.env.SetStartTime(sample.Monday)
	a.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(a.env)
	a.env.RegisterActivity(&activities.Approval{Store: a.store, Rules: shipped(t)})
	a.env.OnSignalExternalWorkflow(mock.Anything, asker, "", models.ApprovalDecidedTo, mock.Anything).Return(
		func(_, _, _, _ string, arg any) error {
			a.told = append(a.told, arg.(models.ApprovalDecided))
			return nil
		}).Maybe()
	return a
}

// at sends a verb at a time after the start; its answer is kept under the request id.
func (a *asked) at(after time.Duration, who string, verb approval.Verb, cmd approval.Command) string {
	a.Helper()
	req := id.New(id.Request)
	data, err := json.Marshal(cmd)
	require.NoError(a, err)
	e := models.ApprovalEvent{Meta: models.Meta{Actor: sample.Actor(a.store.org, who), RequestID: req}, Verb: verb, Data: data}
	note := func(err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.err[req] = err
	}
	a.env.RegisterDelayedCallback(func() {
		a.env.UpdateWorkflow(string(verb), id.New(id.Request), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, e)
	}, after)
	return req
}

func (a *asked) signal(after time.Duration, name string, arg any) {
	a.env.RegisterDelayedCallback(func() { a.env.SignalWorkflow(name, arg) }, after)
}

// order is ann's request to move accountability to dan.
func order(verb models.ApprovalVerb, seq int64) models.ApprovalOrder {
	return models.ApprovalOrder{
		Verb: verb, Seq: seq, ID: approvalID, Purpose: models.ApproveTransfer, Chain: models.ChainTransfer, SubjectID: caseID, Number: "CMP-1",
		RequesterID: "ann", Interested: []string{"dan"}, Facts: models.ApprovalFacts{
			Texts: map[string]string{"transfer.from_id": "ann", "transfer.to_id": "dan", "case.type": "complaint", "case.priority": "P3"},
		},
	}
}

func (a *asked) run() models.ApprovalResult {
	a.Helper()
	o := order(models.ApprovalStart, 2)
	return a.runWith(models.ApprovalInput{ApprovalID: approvalID, Process: models.ComplaintProcess, Parent: asker, Order: &o})
}

func (a *asked) runWith(in models.ApprovalInput) models.ApprovalResult {
	a.Helper()
	a.env.ExecuteWorkflow(workflows.Approval, in)
	require.True(a, a.env.IsWorkflowCompleted())
	require.NoError(a, a.env.GetWorkflowError())
	var r models.ApprovalResult
	require.NoError(a, a.env.GetWorkflowResult(&r))
	for i, s := range a.store.steps {
		require.Equal(a, int64(i+1), s.State.Seq)
	}
	return r
}

func (a *asked) code(request string) errs.Code {
	a.Helper()
	err, answered := a.err[request]
	require.True(a, answered)
	if err == nil {
		return ""
	}
	return errs.CodeOf(temporalx.FromTemporal(err))
}

// outcomes are those that the process that asked was told, in order.
func (a *asked) outcomes() []models.ApprovalOutcome {
	var all []models.ApprovalOutcome
	for _, d := range a.told {
		all = append(all, d.Outcome)
	}
	return all
}

func TestApproval(t *testing.T) {
	t.Parallel()
	t.Run("who_asked_learns_the_outcome_once", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		own := a.at(time.Minute, "ann", approval.Approve, approval.Command{})
		other := a.at(2*time.Minute, "ben", approval.Approve, approval.Command{})
		done := a.at(3*time.Minute, "sup1", approval.Approve, approval.Command{Comment: "granted"})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Equal(t, []errs.Code{approval.CodeSelfApproval, approval.CodeNotParticipant, ""}, []errs.Code{a.code(own), a.code(other), a.code(done)})
		require.Equal(t, []models.ApprovalDecided{{
			ApprovalID: approvalID, Seq: 2, Outcome: models.OutcomeApproved, ByID: "sup1", Comment: "granted", Approvers: []string{"sup1"}, Steps: []string{"supervisor"},
			PolicyVersion: 1,
		}}, a.told)
		require.Empty(t, a.store.state.Chain.OpenTasks())
	})

	t.Run("a_returned_request_is_submitted_again_by_order", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.at(time.Minute, "sup1", approval.Return, approval.Command{To: approval.StepRequester, Comment: "why dan?"})
		early := a.at(2*time.Minute, "sup1", approval.Approve, approval.Command{})
		again := order(models.ApprovalResubmit, 5)
		a.signal(3*time.Minute, models.ApprovalOrdered, again)
		a.signal(4*time.Minute, models.ApprovalOrdered, again) // told twice
		a.at(5*time.Minute, "sup1", approval.Reject, approval.Command{Comment: "no"})
		require.Equal(t, approval.Rejected, a.run().Outcome)
		require.NotEmpty(t, a.code(early))
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeReturned, models.OutcomeRejected}, a.outcomes())
	})

	t.Run("a_request_that_is_given_up_is_withdrawn_by_order", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.signal(time.Hour, models.ApprovalOrdered, order(models.ApprovalWithdraw, 7))
		require.Equal(t, approval.Withdrawn, a.run().Outcome)
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeWithdrawn}, a.outcomes())
	})

	t.Run("a_request_that_is_handed_over_by_order_is_decided_by_others", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		over := order(models.ApprovalHandOver, 6)
		over.RequesterID = "sup1"
		a.signal(time.Minute, models.ApprovalOrdered, over)
		own := a.at(2*time.Minute, "sup1", approval.Approve, approval.Command{})
		a.signal(3*time.Minute, models.ApprovalOrdered, order(models.ApprovalWithdraw, 7)) // in the name of who asked first
		done := a.at(4*time.Minute, "mia", approval.Approve, approval.Command{})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Equal(t, []errs.Code{approval.CodeSelfApproval, ""}, []errs.Code{a.code(own), a.code(done)})
		require.Equal(t, []string{"ann", "dan"}, a.store.state.Chain.Request.Interested)
	})

	t.Run("an_overdue_step_escalates_on_working_time", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		late := a.at(26*time.Hour, "mia", approval.Approve, approval.Command{})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Empty(t, a.code(late), "the superior stands by since the step was overdue")
		escalated := a.store.steps[1]
		require.Equal(t, "escalated", escalated.Events[0].Type)
		require.Equal(t, models.System, escalated.Events[0].Actor)
		require.Equal(t, hm(14, 0), escalated.Events[0].At, "four working hours from nine, lunch not counted")
	})

	t.Run("a_deputy_decides_in_the_name_of_who_is_away", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.store.deputies = []models.Deputy{{
			ID: "deputy_1", UserID: "sup1", DeputyID: "ben", From: sample.Monday, Until: sample.Monday.Add(240 * time.Hour), Processes: []string{models.ComplaintProcess},
		}}
		a.at(time.Hour, "ben", approval.Approve, approval.Command{})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Equal(t, []string{"ben", "sup1"}, a.told[0].Approvers)
	})

	t.Run("somebody_who_leaves_is_replaced", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.env.RegisterDelayedCallback(func() {
			gone := a.store.org.Users["sup1"]
			gone.Active = false
			a.store.org.Users["sup1"] = gone
			a.store.org = &models.Org{Users: a.store.org.Users, Teams: a.store.org.Teams} // another snapshot
			a.env.SignalWorkflow(models.ApprovalOrgChanged, nil)
		}, time.Minute)
		a.at(time.Hour, "mia", approval.Approve, approval.Command{})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Equal(t, "mia", a.told[0].ByID)
	})

	t.Run("a_step_that_was_written_before_the_worker_died_is_adopted_and_told", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.env.RegisterDelayedCallback(func() { a.store.lost = 1 }, 30*time.Second)
		done := a.at(time.Minute, "sup1", approval.Approve, approval.Command{})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Empty(t, a.code(done), "the command is answered as done")
		require.Len(t, a.store.steps, 2, "and was applied once")
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeApproved}, a.outcomes())
	})

	t.Run("a_beginning_that_was_written_before_the_worker_died_is_adopted", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.store.lost = 1
		a.at(time.Minute, "sup1", approval.Approve, approval.Command{})
		require.Equal(t, approval.Approved, a.run().Outcome)
		require.Len(t, a.store.steps, 2)
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeApproved}, a.outcomes())
	})

	t.Run("a_request_that_the_chain_refuses_counts_as_withdrawn", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		o := order(models.ApprovalStart, 2)
		o.Facts.Texts["no.such"] = "fact"
		r := a.runWith(models.ApprovalInput{ApprovalID: approvalID, Process: models.ComplaintProcess, Parent: asker, Order: &o})
		require.EqualValues(t, "refused", r.Outcome)
		require.Empty(t, a.store.steps)
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeWithdrawn}, a.outcomes())
	})

	t.Run("a_long_history_continues_as_new_and_tells_nothing_twice", func(t *testing.T) {
		t.Parallel()
		a := ask(t)
		a.at(time.Minute, "sup1", approval.Return, approval.Command{To: approval.StepRequester, Comment: "why?"})
		a.signal(2*time.Minute, models.ApprovalOrdered, order(models.ApprovalResubmit, 5))
		a.env.RegisterDelayedCallback(func() { a.env.SetContinueAsNewSuggested(true) }, 3*time.Minute)
		o := order(models.ApprovalStart, 2)
		a.env.ExecuteWorkflow(workflows.Approval, models.ApprovalInput{ApprovalID: approvalID, Process: models.ComplaintProcess, Parent: asker, Order: &o})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, a.env.GetWorkflowError(), &next)
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeReturned}, a.outcomes())

		b := ask(t)
		b.store.state = a.store.state
		b.env.SetStartTime(sample.Monday.Add(5 * time.Minute))
		done := b.at(time.Minute, "sup1", approval.Approve, approval.Command{})
		b.env.ExecuteWorkflow(workflows.Approval, models.ApprovalInput{ApprovalID: approvalID, State: a.store.state, Told: a.store.state.Tell.Seq})
		require.Empty(t, b.code(done))
		require.NoError(t, b.env.GetWorkflowError())
		require.Equal(t, []models.ApprovalOutcome{models.OutcomeApproved}, b.outcomes())
	})
}
