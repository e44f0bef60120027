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
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

const invitationID = "invitation_01kavc5v4ve2b8v6ng5dq6h1xa"

// notebook is a store of one follow-up in memory: a step is a compare-and-append.
type notebook struct {
	mu         sync.Mutex
	state      *models.FollowUpState
	invitation *models.SurveyInvitation
	steps      []models.FollowUpStep
	lost       int // calls that are written, but whose answer is lost
	org        *models.Org
}

func (n *notebook) FollowUpState(context.Context, string) (models.FollowUpState, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == nil {
		return models.FollowUpState{}, errs.New(errs.NotFound, "survey.unknown")
	}
	return *n.state, nil
}

func (n *notebook) AdvanceFollowUp(_ context.Context, _ string, believed *models.FollowUpState, decide models.DecideFollowUp) (*models.FollowUpState, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != nil && (believed == nil || n.state.Seq > believed.Seq) {
		return n.state, false, nil
	}
	step, err := decide(n.state)
	if err != nil {
		return nil, false, err
	}
	n.state, n.invitation = &step.State, step.Invitation
	n.steps = append(n.steps, step)
	if n.lost > 0 {
		n.lost--
		return nil, false, errDown
	}
	return nil, false, nil
}

func (n *notebook) CaseState(context.Context, string) (models.CaseState, error) {
	return models.CaseState{Status: models.CaseResolved}, nil
}

func (n *notebook) PersonFacts(context.Context, []string, string, string) (models.PersonFacts, error) {
	return models.PersonFacts{}, nil
}

func (n *notebook) Invitation(context.Context, string) (models.SurveyInvitation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.invitation == nil {
		return models.SurveyInvitation{}, errs.New(errs.NotFound, "survey.unknown")
	}
	return *n.invitation, nil
}

func (n *notebook) Client(context.Context, string) (models.Client, error) {
	amy := "amy"
	return models.Client{Class: "A", AccountManagerID: &amy}, nil
}

func (n *notebook) Org(context.Context) (*models.Org, error) { return n.org, nil }

// tokens are no secrets here.
type tokens struct{}

func (tokens) Token(string) (string, [32]byte)     { return "t", [32]byte{1} }
func (tokens) Again(string, []byte) (string, bool) { return "t", true }

// inquiry is one follow-up in virtual time, with what the process that it asks about was told.
type inquiry struct {
	*testing.T
	env   *testsuite.TestWorkflowEnvironment
	store *notebook
	told  []models.FollowUpStatus
	asks  []models.AskFollowUp
	cases []models.ComplaintInput
	send  func(models.AskFollowUp) (models.SendResult, error) // nil: all is taken
	replies
}

func inquire(t *testing.T) *inquiry {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	q := &inquiry{T: t, env: suite.NewTestWorkflowEnvironment(), replies: replies{err: map[string]error{}}, store: &notebook{org: sample.Company()}}
	q.env.SetStartTime(sample.Monday)
	q.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(q.env)
	q.env.RegisterActivity(&activities.FollowUp{Store: q.store, Rules: shipped(t), Questions: activities.Questions{Links: tokens{}}})
	q.env.OnActivity((*activities.FollowUp)(nil).Ask, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in models.AskFollowUp) (models.FollowUpSentData, error) {
			q.mu.Lock()
			q.asks = append(q.asks, in)
			q.mu.Unlock()
			sent := models.FollowUpSentData{Wave: in.Wave, Channel: in.Channel, Result: models.SendTaken}
			var err error
			if q.send != nil {
				sent.Result, err = q.send(in)
			}
			return sent, err
		}).Maybe()
	q.env.OnSignalExternalWorkflow(mock.Anything, asker, "", models.FollowUpTold, mock.Anything).Return(
		func(_, _, _, _ string, arg any) error {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.told = append(q.told, arg.(models.FollowUpFact).Status)
			return nil
		}).Maybe()
	q.env.OnWorkflow(models.ComplaintType, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in models.ComplaintInput) (models.ComplaintResult, error) {
		q.cases = append(q.cases, in)
		return models.ComplaintResult{}, nil
	}).Maybe()
	return q
}

// answers sends an answer at a time after the start.
func (q *inquiry) answers(after time.Duration, score int, partial bool) string {
	q.Helper()
	req := id.New(id.Request)
	data, err := json.Marshal(models.Response{Answers: survey.Answers{"satisfaction": {Score: &score}}, Partial: partial})
	require.NoError(q, err)
	e := models.FollowUpEvent{Meta: models.Meta{Actor: models.Actor{Person: models.Person{ID: models.TheRecipient}}, RequestID: req}, Action: models.FollowUpRespond, Data: data}
	note := func(err error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.err[req] = err
	}
	q.env.RegisterDelayedCallback(func() {
		q.env.UpdateWorkflow(string(models.FollowUpRespond), id.New(id.Request), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, e)
	}, after)
	return req
}

func (q *inquiry) code(request string) errs.Code {
	q.Helper()
	err, answered := q.err[request]
	require.True(q, answered)
	if err == nil {
		return ""
	}
	return errs.CodeOf(temporalx.FromTemporal(err))
}

func followUpPlan(p models.Purpose) *models.FollowUpPlan {
	return &models.FollowUpPlan{
		InvitationID: invitationID, Purpose: p, SubjectID: caseID, Process: models.ComplaintProcess, Parent: asker, ClientID: "client", ClientClass: "A",
		AccountManagerID: "amy", Recipient: models.Recipient{Name: "Ms Li", Email: "li@blue.example", Phone: "555", Locale: "en"},
	}
}

func (q *inquiry) run(plan *models.FollowUpPlan) models.FollowUpStatus {
	q.Helper()
	q.env.ExecuteWorkflow(workflows.FollowUp, models.FollowUpInput{InvitationID: invitationID, Plan: plan})
	require.True(q, q.env.IsWorkflowCompleted())
	require.NoError(q, q.env.GetWorkflowError())
	var r models.FollowUpResult
	require.NoError(q, q.env.GetWorkflowResult(&r))
	for i, s := range q.store.steps {
		require.Equal(q, int64(i+1), s.State.Seq)
	}
	return r.Status
}

func TestFollowUp(t *testing.T) {
	t.Parallel()
	both := []models.FollowUpStatus{models.FollowUpAsked, models.FollowUpAnswered}

	t.Run("asked_reminded_and_answered_the_case_learns_each_once", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		done := q.answers(4*24*time.Hour, 5, false)
		require.Equal(t, models.FollowUpAnswered, q.run(followUpPlan(models.PurposeCase)))
		require.Empty(t, q.code(done))
		require.Len(t, q.asks, 2)
		require.Equal(t, 1, q.asks[1].Wave)
		require.Equal(t, both, q.told)
		require.Empty(t, q.cases)
	})
	t.Run("steps_written_before_a_worker_died_are_adopted_and_told_once", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.store.lost = 2
		q.env.RegisterDelayedCallback(func() {
			q.store.mu.Lock()
			defer q.store.mu.Unlock()
			q.store.lost = 3
		}, 5*time.Hour)
		done := q.answers(6*time.Hour, 1, false)
		require.Equal(t, models.FollowUpAnswered, q.run(followUpPlan(models.PurposeReception)))
		require.Empty(t, q.code(done))
		require.Equal(t, models.FollowUpAnswered, q.told[len(q.told)-1])
		require.Len(t, q.cases, 1, "one response opens one case")
	})
	t.Run("nobody_who_keeps_silent_is_asked_more_than_twice", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		require.Equal(t, models.FollowUpExpired, q.run(followUpPlan(models.PurposeCase)))
		require.Len(t, q.asks, 2)
		require.Equal(t, both[:1], q.told)
	})
	t.Run("a_bad_answer_of_a_visitor_starts_the_case_once", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.answers(30*time.Hour, 1, true)
		require.Equal(t, models.FollowUpAnswered, q.run(followUpPlan(models.PurposeReception)))
		require.Len(t, q.cases, 1)
		require.Equal(t, q.store.state.CaseID, q.cases[0].CaseID)
		require.Equal(t, models.ActionRecord, q.cases[0].Record.Action)
	})
	t.Run("the_first_answer_to_a_campaign_begins_and_the_second_completes", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		askedAt := sample.Monday
		q.store.invitation = &models.SurveyInvitation{
			ID: invitationID, Purpose: models.PurposeCampaign, SubjectID: "campaign_1", ClientID: "client", Template: "service_day", SurveyVersion: 1,
			Recipient: models.Recipient{Name: "Ms Li", Email: "li@blue.example"}, AskedAt: &askedAt, ExpiresAt: sample.Monday.Add(24 * time.Hour),
		}
		first, second := q.answers(0, 4, true), q.answers(time.Minute, 2, false)
		require.Equal(t, models.FollowUpAnswered, q.run(nil))
		require.Equal(t, []errs.Code{"", ""}, []errs.Code{q.code(first), q.code(second)})
		require.Equal(t, 2, *q.store.state.Score)
		require.Len(t, q.cases, 1)
		require.Empty(t, q.told)
		require.Empty(t, q.asks)
	})
	t.Run("an_answer_to_nothing_is_refused_and_begins_nothing", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		lost := q.answers(0, 4, false)
		require.EqualValues(t, "rejected", q.run(nil))
		require.Equal(t, errs.NotFound, q.code(lost))
	})
	t.Run("what_is_withdrawn_is_not_asked_any_more", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.env.RegisterDelayedCallback(func() { q.env.SignalWorkflow(models.FollowUpOff, nil) }, time.Hour)
		require.Equal(t, models.FollowUpWithdrawn, q.run(followUpPlan(models.PurposeCase)))
		require.Len(t, q.asks, 1)
	})
	t.Run("the_heir_of_who_was_to_call_is_asked_to", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.send = func(models.AskFollowUp) (models.SendResult, error) { return models.SendRejected, nil }
		var caller string
		q.env.RegisterDelayedCallback(func() {
			caller = q.store.state.Tasks[0].UserID
			data, err := json.Marshal(models.Deactivate{UserID: caller, HeirID: "heir"})
			require.NoError(t, err)
			q.env.SignalWorkflow(models.FollowUpLeft, models.FollowUpEvent{Action: models.FollowUpInherit, Data: data})
		}, 30*time.Hour)
		q.env.RegisterDelayedCallback(func() {
			require.NotEqual(t, "heir", caller)
			require.Len(t, q.store.state.Tasks, 1)
			require.Equal(t, "heir", q.store.state.Tasks[0].UserID)
		}, 31*time.Hour)
		q.answers(32*time.Hour, 5, false)
		require.Equal(t, models.FollowUpAnswered, q.run(followUpPlan(models.PurposeCase)))
		require.NotEmpty(t, caller)
	})
	t.Run("a_channel_that_is_down_is_waited_for", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.send = func(models.AskFollowUp) (models.SendResult, error) {
			if len(q.asks) < 8 {
				return "", errs.New(errs.Unavailable, "unavailable.database")
			}
			return models.SendTaken, nil
		}
		q.answers(10*time.Hour, 5, false)
		require.Equal(t, models.FollowUpAnswered, q.run(followUpPlan(models.PurposeCase)))
		require.Equal(t, both, q.told)
		require.Equal(t, campaign.ByEmail, q.store.state.Channel)
		require.Len(t, q.asks, 8)
	})
	t.Run("a_refused_channel_gives_way_to_the_next", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.send = func(in models.AskFollowUp) (models.SendResult, error) {
			if in.Channel == campaign.ByEmail {
				return models.SendRejected, nil
			}
			return models.SendTaken, nil
		}
		q.answers(time.Hour, 5, false)
		require.Equal(t, models.FollowUpAnswered, q.run(followUpPlan(models.PurposeCase)))
		require.Equal(t, campaign.BySMS, q.store.state.Channel)
	})
	t.Run("a_long_history_continues_as_new_only_when_no_message_is_on_its_way", func(t *testing.T) {
		t.Parallel()
		q := inquire(t)
		q.send = func(in models.AskFollowUp) (models.SendResult, error) {
			if in.Channel == campaign.ByEmail {
				q.env.SetContinueAsNewSuggested(true)
				return models.SendRejected, nil
			}
			return models.SendTaken, nil
		}
		q.env.ExecuteWorkflow(workflows.FollowUp, models.FollowUpInput{InvitationID: invitationID, Plan: followUpPlan(models.PurposeCase)})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, q.env.GetWorkflowError(), &next)
		require.Equal(t, models.FollowUpAsked, q.store.state.Status)
		require.Nil(t, q.store.state.Sending)
		require.Equal(t, both[:1], q.told)
	})
}
