package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

const clientID = "client_01kavc5v4ve2b8v6ng5dq6h1xa"

// folder is a store of one relationship in memory: a step is a compare-and-append, and rows are kept by their ids.
type folder struct {
	mu     sync.Mutex
	client models.Client
	state  *models.RelationshipState
	open   models.OpenRows
	steps  []models.RelationshipStep
	lost   int // calls that are written, but whose answer is lost
	org    *models.Org
}

// now is the state that is stored, and taken the steps that led to it. A process that is cancelled leaves a step behind that is still
// being written: whoever looks afterwards looks beside it.
func (a *folder) now() *models.RelationshipState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

func (a *folder) taken() []models.RelationshipStep {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.steps
}

func (a *folder) RelationshipState(context.Context, string) (models.RelationshipState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == nil {
		return models.RelationshipState{}, errs.New(errs.NotFound, "relationship.unknown")
	}
	return *a.state, nil
}

func (a *folder) AdvanceRelationship(_ context.Context, _ string, believed *models.RelationshipState, decide models.DecideRelationship) (*models.RelationshipState, bool, error) {
	if a.ahead(believed) {
		s, err := a.RelationshipState(context.Background(), clientID)
		return &s, false, err
	}
	step, err := decide(a.now())
	if err != nil {
		return nil, false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = &step.State
	a.steps = append(a.steps, step)
	if c := step.Client; c != nil {
		a.client.Class, a.client.Status, a.client.AccountManagerID = c.Class, c.Status, c.AccountManagerID
	}
	a.open.Classifications = put(a.open.Classifications, step.Classifications, func(r models.ClassificationRow) (string, bool) { return r.ID, r.Outcome == "pending" })
	a.open.Plans = put(a.open.Plans, step.Plans, func(r models.PlanRow) (string, bool) {
		return r.ID, slices.Contains([]models.PlanStatus{models.PlanDraft, models.PlanInApproval, models.PlanApproved}, r.Status)
	})
	a.open.Improvements = put(a.open.Improvements, step.Improvements, func(r models.ImprovementRow) (string, bool) { return r.ID, r.EndedAt == nil })
	a.open.Commitments = put(a.open.Commitments, step.Commitments, func(r models.CommitmentRow) (string, bool) { return r.ID, r.EndedAt == nil })
	a.open.Opinions = put(a.open.Opinions, step.Opinions, func(r models.OpinionRow) (string, bool) { return r.ID, r.AnsweredAt == nil })
	a.open.Leads = put(a.open.Leads, step.Leads, func(r models.LeadRow) (string, bool) { return r.ID, r.ClosedAt == nil })
	if a.lost > 0 {
		a.lost--
		return nil, false, errDown
	}
	return nil, false, nil
}

func (a *folder) ahead(believed *models.RelationshipState) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state != nil && (believed == nil || a.state.Seq > believed.Seq)
}

// put keeps the rows that are open after a step has written some.
func put[R any](open []R, written []*R, of func(R) (id string, open bool)) []R {
	rows := slices.Clone(open)
	for _, w := range written {
		id, stays := of(*w)
		rows = slices.DeleteFunc(rows, func(r R) bool { other, _ := of(r); return other == id })
		if stays {
			rows = append(rows, *w)
		}
	}
	return rows
}

func (a *folder) Client(context.Context, string) (models.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.client, nil
}

func (a *folder) OpenRows(context.Context, string) (models.OpenRows, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open, nil
}

func (a *folder) LeftRows(context.Context, string) (models.OpenRows, error) {
	return models.OpenRows{}, nil
}

func (a *folder) Org(context.Context) (*models.Org, error) { return a.org, nil }

func (a *folder) FreshOrg(context.Context) (*models.Org, error) { return a.org, nil }

// bond is the relationship with one client in virtual time, over as many histories as it takes.
type bond struct {
	*testing.T
	store   *folder
	env     *testsuite.TestWorkflowEnvironment
	drafts  []string // receptions that were drafted
	asked   []models.ApprovalOrder
	signals []string // other processes that were told something, and what
	events  int      // of the present history, as the engine would count them
	most    int      // of all histories
	runs    int
	replies
}

func befriend(t *testing.T, class, status string) *bond {
	t.Helper()
	amy := "amy"
	return &bond{T: t, replies: replies{err: map[string]error{}}, store: &folder{
		org: sample.Company(), client: models.Client{ID: clientID, Name: "Blue Sky", Class: class, Status: status, AccountManagerID: &amy},
	}}
}

// history prepares the next history, which begins at the instant.
func (b *bond) history(at time.Time) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b.env, b.events = suite.NewTestWorkflowEnvironment(), 0
	b.runs++
	b.env.SetStartTime(at)
	b.env.SetTestTimeout(5 * time.Minute)
	b.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(b.env)
	b.env.RegisterActivity(&activities.Relationship{Store: b.store, Rules: shipped(b.T)})
	b.env.RegisterActivity(&activities.Notifications{})
	b.env.OnActivity((*activities.Notifications)(nil).Deliver, mock.Anything, mock.Anything).Return(struct{}{}, nil).Maybe()
	b.env.OnWorkflow(models.ApprovalType, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in models.ApprovalInput) (models.ApprovalResult, error) {
		b.asked = append(b.asked, *in.Order)
		return models.ApprovalResult{}, nil
	}).Maybe()
	b.env.OnWorkflow(models.ReceptionType, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in models.ReceptionInput) (models.ReceptionResult, error) {
		b.drafts = append(b.drafts, in.ReceptionID)
		return models.ReceptionResult{}, nil
	}).Maybe()
	b.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(func(_, workflowID, _, name string, _ any) error {
		b.signals = append(b.signals, workflowID+" "+name)
		return nil
	}).Maybe()
	// Each costs the engine its own events, and at most one workflow task of three.
	count := func(events int) {
		b.events += events
		b.most = max(b.most, b.events)
		b.env.SetCurrentHistoryLength(b.events)
	}
	b.env.SetOnLocalActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) { count(4) })
	b.env.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) { count(6) })
	b.env.SetOnTimerScheduledListener(func(string, time.Duration) { count(2) })
	b.env.SetOnTimerFiredListener(func(string) { count(3) })
	b.env.SetOnChildWorkflowStartedListener(func(*workflow.Info, workflow.Context, converter.EncodedValues) { count(5) })
}

// run lives until the horizon, over all histories. calls says what people and other processes do at which instant.
func (b *bond) run(horizon time.Time, calls []call) {
	b.Helper()
	now, in := sample.Monday, models.RelationshipInput{ClientID: clientID}
	for {
		b.history(now)
		for i := range calls {
			if c := &calls[i]; !c.given && c.at.Before(horizon) {
				b.env.RegisterDelayedCallback(func() {
					c.given = true
					b.events += 4
					b.env.SetCurrentHistoryLength(b.events)
					c.give(b)
				}, max(0, c.at.Sub(now)))
			}
		}
		b.env.RegisterDelayedCallback(b.env.CancelWorkflow, horizon.Sub(now))
		b.env.ExecuteWorkflow(workflows.Relationship, in)
		require.True(b, b.env.IsWorkflowCompleted())
		var again *workflow.ContinueAsNewError
		if err := b.env.GetWorkflowError(); !errors.As(err, &again) {
			require.True(b, err == nil || temporal.IsCanceledError(err), "%v", err)
			if next := b.store.now().NextAt; next != nil && !b.store.now().Over() {
				require.False(b, next.Before(horizon), "due at %s, and the clock has not looked", next)
			}
			return
		}
		in = models.RelationshipInput{}
		require.NoError(b, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
		b.same(in.State)
		now = b.env.Now()
	}
}

// same requires that the process knows what is stored.
func (b *bond) same(state *models.RelationshipState) {
	b.Helper()
	believed, err := json.Marshal(state)
	require.NoError(b, err)
	stored, err := json.Marshal(b.store.now())
	require.NoError(b, err)
	require.JSONEq(b, string(stored), string(believed))
}

// call is something that somebody does at an instant, once.
type call struct {
	at    time.Time
	give  func(*bond)
	given bool
}

// command is a command of a person.
func command(at time.Time, who string, action models.RelationshipAction, data func(*models.RelationshipState) any) call {
	request := id.Derive(id.Request, at.Format(time.RFC3339Nano), string(action)+who)
	return call{at: at, give: func(b *bond) {
		raw, err := json.Marshal(data(b.store.now()))
		require.NoError(b, err)
		note := func(err error) { b.err[request] = err }
		b.env.UpdateWorkflow(string(action), request, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, models.RelationshipEvent{Meta: models.Meta{Actor: sample.Actor(b.store.org, who), RequestID: request}, Action: action, Data: raw})
	}}
}

// news is what another process tells.
func news(at time.Time, facts ...models.ClientFact) call {
	return call{at: at, give: func(b *bond) {
		b.env.SignalWorkflow(models.RelationshipTold, models.ClientNews{ClientID: clientID, Seq: 1, Facts: facts})
	}}
}

func given(data any) func(*models.RelationshipState) any {
	return func(*models.RelationshipState) any { return data }
}

// onTime requires that no step came after something had fallen due: the clock looked at its minute, or something else did
// before.
func (b *bond) onTime() {
	b.Helper()
	for i := 1; i < len(b.store.taken()); i++ {
		was, is := b.store.taken()[i-1].State, b.store.taken()[i].State
		require.Equal(b, was.Seq+1, is.Seq)
		if was.NextAt != nil {
			require.False(b, is.UpdatedAt.After(was.NextAt.Add(time.Second)), "step %d at %s, due at %s", is.Seq, is.UpdatedAt, was.NextAt)
		}
	}
}

func TestRelationship_is_begun_with_the_class_of_the_import_and_keeps_its_rhythm(t *testing.T) {
	t.Parallel()
	b := befriend(t, "S", "active")
	b.run(sample.Monday.AddDate(0, 1, 0), []call{
		command(sample.Monday.Add(time.Hour), "amy", models.RelationshipInteract, given(models.Interact{Kind: "visit", At: sample.Monday, Summary: "met"})),
	})
	require.Equal(t, models.StageActive, b.store.now().Stage)
	require.Positive(t, b.store.now().Contact.Missed, "nobody spoke with them after the first day")
	b.onTime()
}

func TestRelationship_answers_a_command_that_comes_with_its_start(t *testing.T) {
	t.Parallel()
	b := befriend(t, "A", "active")
	promise := command(sample.Monday, "amy", models.RelationshipCommit, given(models.Commit{Text: "samples", DueAt: sample.Monday.AddDate(0, 0, 7)}))
	b.run(sample.Monday.AddDate(0, 0, 3), []call{promise})
	require.Len(t, b.store.now().Commitments, 1)
	require.Len(t, b.err, 1)
	for _, err := range b.err {
		require.NoError(t, err)
	}
}

func TestRelationship_takes_what_was_written_when_the_answer_was_lost(t *testing.T) {
	t.Parallel()
	b := befriend(t, "A", "active")
	b.store.lost = 1
	b.run(sample.Monday.AddDate(0, 0, 3), []call{
		command(sample.Monday.Add(time.Hour), "amy", models.RelationshipCommit, given(models.Commit{Text: "samples", DueAt: sample.Monday.AddDate(0, 0, 7)})),
	})
	require.Len(t, b.store.now().Commitments, 1, "the promise is made once")
	b.onTime()
}

func TestRelationship_drafts_a_reception_for_a_planned_visit_once(t *testing.T) {
	t.Parallel()
	b := befriend(t, "S", "active")
	at := sample.Monday
	b.run(at.AddDate(0, 2, 0), []call{
		command(at.Add(time.Hour), "amy", models.RelationshipPlan, given(models.PlanDraftData{
			From: "2026-03-10", Until: "2026-12-31", Goals: []string{"a second plant"},
			Activities: []models.PlanActivity{{Kind: "company_visit", Title: "see the line", DueAt: at.AddDate(0, 1, 0)}},
		})),
		command(at.Add(2*time.Hour), "amy", models.RelationshipPlanSubmit, func(s *models.RelationshipState) any { return models.OfPlan{PlanID: s.Plans[0].ID} }),
		{at: at.Add(3 * time.Hour), give: func(b *bond) {
			b.env.SignalWorkflow(models.RelationshipDecided, models.ApprovalDecided{ApprovalID: b.asked[0].ID, Seq: 2, Outcome: models.OutcomeApproved, ByID: "mia", Approvers: []string{"mia"}})
		}},
	})
	for _, err := range b.err {
		require.NoError(t, err)
	}
	require.Len(t, b.drafts, 1)
	b.onTime()
}

func TestRelationship_ends_when_the_client_was_a_duplicate(t *testing.T) {
	t.Parallel()
	b := befriend(t, "B", "active")
	b.run(sample.Monday.AddDate(1, 0, 0), []call{{at: sample.Monday.Add(time.Hour), give: func(b *bond) {
		data, err := json.Marshal(models.MergedClient{IntoID: "client_2"})
		require.NoError(b, err)
		b.env.SignalWorkflow(models.RelationshipChanged, models.RelationshipEvent{Action: models.RelationshipMerged, Data: data})
	}}})
	require.Equal(t, models.StageMerged, b.store.now().Stage)
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, []string{"client/client_2 changed"}, b.signals, "the survivor is told that it is owed something")
}

// years of a client: what people do and what other processes tell, at random instants. settled are the facts of which
// something older was told after something newer.
func years(n int) (end time.Time, calls []call, settled []string) {
	r := rand.New(rand.NewPCG(1, 5)) //nolint:gosec // a test
	end = sample.Monday.AddDate(n, 0, 0)
	for at := sample.Monday.Add(time.Hour); at.Before(end); at = at.Add(time.Duration(r.IntN(20*24))*time.Hour + time.Duration(r.IntN(3600))*time.Second) {
		name := fmt.Sprintf("n%d", len(calls))
		kind := health.Kinds()[r.IntN(4)+2] // surveys and cases
		score := r.IntN(5) + 1
		switch r.IntN(9) {
		case 0:
			calls = append(calls, command(at, "amy", models.RelationshipCommit, given(models.Commit{Text: name, DueAt: at.AddDate(0, 0, 1+r.IntN(60))})))
		case 1:
			calls = append(calls, command(at, "amy", models.RelationshipKeep, func(s *models.RelationshipState) any {
				if len(s.Commitments) == 0 {
					return models.OfCommitment{}
				}
				return models.OfCommitment{CommitmentID: s.Commitments[0].ID}
			}))
		case 2:
			calls = append(calls, command(at, "amy", models.RelationshipAssess, given(models.Assess{Levels: map[cadence.Level]models.Assessed{cadence.Key: {Level: score, Evidence: name}}})))
		case 3:
			calls = append(calls, command(at, "amy", models.RelationshipLead, given(models.OpenLead{Kind: models.KindLead, Title: name})))
		case 4:
			calls = append(calls, command(at, "amy", models.RelationshipLeadClose, func(s *models.RelationshipState) any {
				if len(s.Leads) == 0 {
					return models.OfLead{}
				}
				return models.OfLead{LeadID: s.Leads[0].ID, Outcome: "lost", Note: "no budget"}
			}))
		case 5:
			fact := models.ClientFact{ID: name, Seq: 1, Kind: kind, At: at}
			calls = append(calls, news(at, fact), news(at.Add(time.Duration(r.IntN(100))*time.Hour), fact)) // told twice
		case 6:
			late, early := models.ClientFact{ID: name, Seq: 2, Kind: health.CaseInTime, At: at}, models.ClientFact{ID: name, Seq: 1, Kind: health.CaseBreached, At: at}
			calls = append(calls, news(at, late), news(at.Add(time.Hour), early)) // out of order
			settled = append(settled, name)
		default:
			calls = append(calls, command(at, "amy", models.RelationshipInteract, given(models.Interact{Kind: "call", At: at.Add(-time.Minute), Summary: name})))
		}
	}
	return end, calls, settled
}

func TestRelationship_lives_through_ten_years_without_missing_an_obligation(t *testing.T) {
	t.Parallel()
	end, calls, settled := years(10)
	b := befriend(t, "S", "active")
	b.run(end, calls)
	b.onTime()
	require.Less(t, b.most, 5000, "events of the longest history")
	require.Greater(t, b.runs, 3, "it has continued as new")
	for i, c := range calls {
		require.True(t, c.given, "call %d", i)
	}
	accepted := 0
	for _, err := range b.err {
		if err == nil {
			accepted++
		}
	}
	require.Greater(t, accepted, 100)
	known, held := map[string]bool{}, 0
	for _, f := range b.store.now().Facts {
		require.False(t, known[f.ID], "%s is known once", f.ID)
		known[f.ID] = true
		if slices.Contains(settled, f.ID) {
			held++
			require.Equal(t, health.CaseInTime, f.Kind, "%s: what is newer stays", f.ID)
		}
	}
	require.Positive(t, held)
	t.Logf("%d steps in %d histories, the longest of about %d events; %d of %d commands accepted", len(b.store.taken()), b.runs, b.most, accepted, len(b.err))
}

func TestRelationship_comes_to_the_same_state_when_it_is_lived_again(t *testing.T) {
	t.Parallel()
	live := func() *bond {
		end, calls, _ := years(2)
		b := befriend(t, "S", "active")
		b.run(end.AddDate(0, 0, -1).Add(time.Minute), calls)
		return b
	}
	b, again := live(), live()
	n := min(len(b.store.taken()), len(again.store.taken())) // the end may cut off the last one
	require.Greater(t, n, 200)
	was, err := json.Marshal(b.store.taken()[n-2].State)
	require.NoError(t, err)
	is, err := json.Marshal(again.store.taken()[n-2].State)
	require.NoError(t, err)
	require.JSONEq(t, string(was), string(is))
}
