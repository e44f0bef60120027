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
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

const campaignID = "campaign_01kavc5v4ve2b8v6ng5dq6h1xa"

// board is a store of one campaign in memory: a step is a compare-and-append. The rest of the store is for runs.
type board struct {
	activities.CampaignStore
	state *models.CampaignState
	steps []models.CampaignStep
	empty bool // nobody is in the audience
	lost  int  // calls that are written, but whose answer is lost
}

func (b *board) CampaignState(context.Context, string) (models.CampaignState, error) {
	if b.state == nil {
		return models.CampaignState{}, errs.New(errs.NotFound, "campaign.unknown")
	}
	return *b.state, nil
}

func (b *board) AdvanceCampaign(_ context.Context, _ string, believed *models.CampaignState, decide models.DecideCampaign) (*models.CampaignState, bool, error) {
	if b.state != nil && (believed == nil || b.state.Seq > believed.Seq) {
		return b.state, false, nil
	}
	step, err := decide(b.state)
	if err == nil && step.Launch != nil && b.empty {
		err = errs.New(errs.Conflict, "campaign.empty_audience")
	}
	if err != nil {
		return nil, false, err
	}
	b.state = &step.State
	b.steps = append(b.steps, step)
	if b.lost > 0 {
		b.lost--
		return nil, false, errDown
	}
	return nil, false, nil
}

func (b *board) Org(context.Context) (*models.Org, error) { return sample.Company(), nil }

func (b *board) NextCampaignNumber(context.Context, string) (string, error) { return "CPN-1", nil }

// timetable notes what was wanted of the engine's schedule.
type timetable struct {
	paused  []bool
	deleted int
}

func (s *timetable) Ensure(_ context.Context, spec models.ScheduleSpec) error {
	s.paused = append(s.paused, *spec.Paused)
	return nil
}

func (s *timetable) Delete(context.Context, string) error {
	s.deleted++
	return nil
}

// stage is one campaign in virtual time, with the runs that it starts.
type stage struct {
	*testing.T
	env      *testsuite.TestWorkflowEnvironment
	store    *board
	plans    *timetable
	mu       sync.Mutex // signals are told on goroutines of their own
	runs     []models.CampaignRunInput
	changed  int      // how often a run was told to look
	released []string // firings
	err      map[string]error
}

func onStage(t *testing.T) *stage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &stage{T: t, env: suite.NewTestWorkflowEnvironment(), store: &board{}, plans: &timetable{}, err: map[string]error{}}
	s.env.SetStartTime(sample.Monday)
	s.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(s.env)
	s.env.RegisterActivity(&activities.Campaign{Store: s.store, Rules: shipped(t), Schedules: s.plans, Now: s.env.Now})
	s.env.RegisterActivity(&activities.Notifications{})
	s.env.OnWorkflow(models.CampaignRunType, mock.Anything, mock.Anything).Return(func(ctx workflow.Context, in models.CampaignRunInput) error {
		s.runs = append(s.runs, in)
		err := workflow.Sleep(ctx, 5*24*time.Hour)
		for changed := workflow.GetSignalChannel(ctx, models.CampaignChanged); changed.ReceiveAsync(nil); {
			s.changed++
		}
		return err
	}).Maybe()
	s.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", models.CampaignFiringDone, mock.Anything).Return(func(_, workflowID, _, _ string, _ any) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.released = append(s.released, workflowID)
		return nil
	}).Maybe()
	return s
}

func (s *stage) at(after time.Duration, action models.CampaignAction, data any) string {
	s.Helper()
	req := id.New(id.Request)
	raw, err := json.Marshal(data)
	require.NoError(s, err)
	e := models.CampaignEvent{Meta: models.Meta{Actor: sample.Actor(sample.Company(), "mia"), RequestID: req}, Action: action, Data: raw}
	note := func(err error) { s.err[req] = err }
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(string(action), id.New(id.Request), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, e)
	}, after)
	return req
}

func (s *stage) create(plan *campaign.Schedule) {
	s.at(0, models.CampaignCreate, models.DefineCampaign{Definition: campaign.Definition{
		Name: "service day", Template: "service_day", Channels: []campaign.Channel{campaign.ByEmail}, Rate: 60, ExpiresAfter: sla.Span{Days: 7}, Schedule: plan,
	}})
}

func (s *stage) fires(after time.Duration, name string) {
	s.env.RegisterDelayedCallback(func() {
		s.env.SignalWorkflow(models.CampaignFired, models.CampaignFiring{WorkflowID: name, At: s.env.Now()})
	}, after)
}

func (s *stage) told(after time.Duration, f models.CampaignRunFact) {
	s.env.RegisterDelayedCallback(func() {
		if s.store.state.Run != nil {
			f.RunID = s.store.state.Run.ID
		}
		s.env.SignalWorkflow(models.CampaignRunTold, f)
	}, after)
}

// run lets a week of the campaign pass; it lives for as long as the campaign exists.
func (s *stage) run() models.CampaignState {
	s.Helper()
	s.env.RegisterDelayedCallback(s.env.CancelWorkflow, 7*24*time.Hour)
	s.env.ExecuteWorkflow(workflows.Campaign, models.CampaignInput{CampaignID: campaignID})
	require.ErrorContains(s, s.env.GetWorkflowError(), "canceled")
	for i, step := range s.store.steps {
		require.Equal(s, int64(i+1), step.State.Seq)
	}
	for request, err := range s.err {
		require.NoError(s, err, request)
	}
	return *s.store.state
}

func (s *stage) timeline() (types []string) {
	for _, step := range s.store.steps {
		for _, e := range step.Events {
			if e.Type != "notified" {
				types = append(types, e.Type)
			}
		}
	}
	return types
}

func TestCampaign(t *testing.T) {
	t.Parallel()
	monthly := campaign.Schedule{Kind: campaign.ScheduleCron, Cron: "0 9 1 * *", Timezone: "Asia/Shanghai"}
	patient := monthly
	patient.Overlap = campaign.OverlapBufferOne

	t.Run("a_launch_starts_a_run_and_its_end_ends_the_campaign", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(nil)
		s.at(time.Hour, models.CampaignLaunch, nil)
		s.told(2*time.Hour, models.CampaignRunFact{})
		require.Equal(t, models.CampaignEnded, s.run().Status)
		require.Len(t, s.runs, 1)
		require.Equal(t, []any{campaignID, 1, s.store.steps[1].Launch.RunID}, []any{s.runs[0].CampaignID, s.runs[0].N, s.runs[0].RunID})
	})
	t.Run("a_launch_that_was_written_before_the_worker_died_starts_one_run", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(nil)
		s.env.RegisterDelayedCallback(func() { s.store.lost = 1 }, time.Minute)
		s.at(time.Hour, models.CampaignLaunch, nil)
		require.Equal(t, models.CampaignRunning, s.run().Status)
		require.Len(t, s.runs, 1)
		require.Equal(t, []string{"created", "launched"}, s.timeline())
	})
	t.Run("commands_reach_the_run_that_is_under_way", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(nil)
		s.at(1*time.Hour, models.CampaignLaunch, nil)
		s.at(2*time.Hour, models.CampaignPause, nil)
		s.at(3*time.Hour, models.CampaignResume, nil)
		s.at(4*time.Hour, models.CampaignStop, nil)
		require.Equal(t, models.CampaignStopped, s.run().Status)
		require.Equal(t, 3, s.changed)
		require.Len(t, s.runs, 1)
	})
	t.Run("too_many_failures_pause_it", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(nil)
		s.at(time.Hour, models.CampaignLaunch, nil)
		s.told(2*time.Hour, models.CampaignRunFact{Tripped: true, Failed: 9, Of: 20})
		require.Equal(t, models.CampaignPaused, s.run().Status)
		require.Equal(t, 1, s.changed)
	})
	t.Run("a_firing_waits_for_the_end_of_its_run", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(&monthly)
		s.fires(time.Hour, "f1")
		s.fires(2*time.Hour, "f2")
		s.env.RegisterDelayedCallback(func() { require.Equal(t, []string{"f2"}, s.released, "left out") }, 3*time.Hour)
		s.told(4*time.Hour, models.CampaignRunFact{})
		require.Equal(t, models.CampaignScheduled, s.run().Status)
		require.Equal(t, []string{"f2", "f1"}, s.released)
		require.NotEmpty(t, s.plans.paused)
	})
	t.Run("a_buffered_firing_runs_next_or_is_left_out_when_there_is_nobody", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(&patient)
		s.fires(1*time.Hour, "f1")
		s.fires(2*time.Hour, "f2")
		s.told(3*time.Hour, models.CampaignRunFact{})
		s.fires(4*time.Hour, "f3")
		s.env.RegisterDelayedCallback(func() { s.store.empty = true }, 5*time.Hour)
		s.told(6*time.Hour, models.CampaignRunFact{})
		require.Equal(t, models.CampaignScheduled, s.run().Status)
		require.Len(t, s.runs, 2)
		require.Equal(t, "f1", s.released[0])
		require.ElementsMatch(t, []string{"f2", "f3"}, s.released[1:], "both by the end of the last run")
		require.Equal(t, "launch_skipped", s.timeline()[len(s.timeline())-1])
	})
	t.Run("a_scheduled_launch_for_nobody_is_left_out_and_its_firing_released", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.store.empty = true
		s.create(&monthly)
		s.fires(time.Hour, "f1")
		require.Equal(t, models.CampaignScheduled, s.run().Status)
		require.Equal(t, []string{"f1"}, s.released)
		require.Empty(t, s.runs)
		require.Equal(t, []string{"created", "launch_skipped"}, s.timeline())
	})
	t.Run("a_schedule_for_once_launches_at_its_instant", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(&campaign.Schedule{Kind: campaign.ScheduleOnce, At: sample.Monday.Add(30 * time.Hour)})
		require.Equal(t, sample.Monday.Add(30*time.Hour), s.run().Run.StartedAt)
	})
	t.Run("a_stopped_campaign_has_no_schedule", func(t *testing.T) {
		t.Parallel()
		s := onStage(t)
		s.create(&monthly)
		s.at(time.Hour, models.CampaignPause, nil)
		s.at(2*time.Hour, models.CampaignStop, nil)
		s.run()
		require.Equal(t, []any{[]bool{false, true}, 1}, []any{s.plans.paused, s.plans.deleted})
	})
}

// crowd is the audience of a run: so many are due, those who were asked are due again when the time to answer ends.
type crowd struct {
	*testing.T
	env      *testsuite.TestWorkflowEnvironment
	due      int
	suppress int // the first of them are not to be asked
	open     int
	expires  time.Time
	rest     time.Time // due again
	paused   bool
	rate     int
	downs    int // batches that cannot reach the channel
	trips    int // batch that trips; 0: none
	batches  []models.SendBatch
	when     []time.Time
	sent     int
	ended    int
	facts    []models.CampaignRunFact
}

func (c *crowd) view() models.CampaignRunView {
	now := c.env.Now()
	v := models.CampaignRunView{Paused: c.paused, Working: c.due > 0, Rate: c.rate}
	switch {
	case c.due > 0 && now.Before(c.rest):
		v.Next = &c.rest
	case c.due > 0:
		v.Due, v.Next = min(c.due, 100), &now
	case c.open > 0 && now.Before(c.expires):
		v.Next = &c.expires
	case c.open > 0:
		v.Due, v.Next = min(c.open, 100), &now
	}
	return v
}

func (c *crowd) sendBatch(_ context.Context, in models.SendBatch) (models.BatchSent, error) {
	c.batches, c.when = append(c.batches, in), append(c.when, c.env.Now())
	out := models.BatchSent{}
	switch n := min(in.Limit, c.due); {
	case n == 0:
		c.open -= min(in.Limit, c.open)
	case c.downs > 0:
		c.downs--
		out.Down, c.rest = true, c.env.Now().Add(15*time.Second)
	default:
		skipped := min(c.suppress, n)
		c.suppress -= skipped
		c.due, c.open, c.sent, out.Messages = c.due-n, c.open+n-skipped, c.sent+n-skipped, n-skipped
	}
	out.Tripped = c.trips == len(c.batches)
	out.View = c.view()
	return out, nil
}

func gather(t *testing.T, due, rate int) *crowd {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	c := &crowd{T: t, env: suite.NewTestWorkflowEnvironment(), due: due, rate: rate, expires: sample.Monday.Add(48 * time.Hour)}
	c.env.SetStartTime(sample.Monday)
	c.env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
	worker.Register(c.env)
	c.env.RegisterActivity(&activities.Campaign{})
	c.env.OnActivity((*activities.Campaign)(nil).LookAtRun, mock.Anything, mock.Anything).Return(func(context.Context, models.SendBatch) (models.CampaignRunView, error) {
		return c.view(), nil
	}).Maybe()
	c.env.OnActivity((*activities.Campaign)(nil).SendBatch, mock.Anything, mock.Anything).Return(c.sendBatch).Maybe()
	c.env.OnActivity((*activities.Campaign)(nil).EndRun, mock.Anything, mock.Anything).Return(func(context.Context, models.SendBatch) (struct{}, error) {
		require.Zero(t, c.due, "a run ends only when nobody is pending")
		c.ended++
		return struct{}{}, nil
	}).Maybe()
	c.env.OnSignalExternalWorkflow(mock.Anything, models.CampaignWorkflowID(campaignID), "", models.CampaignRunTold, mock.Anything).Return(
		func(_, _, _, _ string, arg any) error {
			c.facts = append(c.facts, arg.(models.CampaignRunFact))
			return nil
		}).Maybe()
	return c
}

// change lets the campaign be changed at a time after the start, and the run learn that.
func (c *crowd) change(after time.Duration, do func()) {
	c.env.RegisterDelayedCallback(func() {
		do()
		c.env.SignalWorkflow(models.CampaignChanged, nil)
	}, after)
}

func (c *crowd) run() {
	c.Helper()
	c.env.ExecuteWorkflow(workflows.CampaignRun, models.CampaignRunInput{CampaignID: campaignID, RunID: "run_1", N: 1})
	require.True(c, c.env.IsWorkflowCompleted())
	require.NoError(c, c.env.GetWorkflowError())
	require.Equal(c, []int{0, 0, 1}, []int{c.due, c.open, c.ended})
	require.Equal(c, models.CampaignRunFact{RunID: "run_1"}, c.facts[len(c.facts)-1], "the campaign learns the end once")
}

func TestCampaignRun(t *testing.T) {
	t.Parallel()
	t.Run("batches_leave_at_the_pace_until_the_time_to_answer_ends", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 35, 60)
		c.run()
		require.Equal(t, 35, c.sent)
		for i, at := range c.when[:4] {
			require.Equal(t, 10, c.batches[i].Limit)
			require.Equal(t, sample.Monday.Add(time.Duration(i)*10*time.Second), at.UTC())
		}
		require.False(t, c.when[4].Before(c.expires), "then only the time to answer is waited for")
		require.Len(t, c.facts, 1)
	})
	t.Run("more_suppressed_people_in_a_row_than_a_batch_do_not_end_it", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 60, 60)
		c.suppress = 45
		c.run()
		require.Equal(t, 15, c.sent)
	})
	t.Run("a_paused_run_sends_nothing_and_a_resumed_one_starts_counting_failures_anew", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 40, 60)
		c.change(5*time.Second, func() { c.paused = true })
		c.change(2*time.Hour, func() { c.paused = false })
		c.run()
		require.Equal(t, 40, c.sent)
		require.False(t, c.when[1].Before(sample.Monday.Add(2*time.Hour)))
		require.Equal(t, []bool{false, true, false}, []bool{c.batches[0].Resumed, c.batches[1].Resumed, c.batches[2].Resumed})
	})
	t.Run("a_new_rate_holds_for_the_next_batch", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 130, 60)
		c.change(15*time.Second, func() { c.rate = 600 })
		c.run()
		require.Equal(t, 10, c.batches[1].Limit)
		require.Equal(t, 100, c.batches[3].Limit)
	})
	t.Run("a_stop_ends_it_when_those_who_were_asked_have_had_their_time", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 1000, 60)
		c.change(15*time.Second, func() { c.due = 0 }) // withdrawn by the step of the campaign
		c.run()
		require.Equal(t, 20, c.sent)
	})
	t.Run("too_many_failures_are_told_and_nothing_leaves_until_the_campaign_says_so", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 40, 60)
		c.trips = 2
		c.change(time.Hour, func() { c.paused = true })
		c.change(3*time.Hour, func() { c.paused = false })
		c.run()
		require.True(t, c.facts[0].Tripped)
		require.Len(t, c.facts, 2)
		require.False(t, c.when[2].Before(sample.Monday.Add(time.Hour)))
		require.Equal(t, 40, c.sent)
	})
	t.Run("a_channel_that_is_down_is_waited_for_longer_each_time", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 20, 60)
		c.downs = 6
		c.run()
		require.Equal(t, 20, c.sent)
		require.GreaterOrEqual(t, c.when[6].Sub(c.when[5]), 2*time.Minute)
	})
	t.Run("a_long_history_continues_as_new_with_the_number_of_the_batch_and_the_pace", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 300, 60)
		c.env.RegisterDelayedCallback(func() { c.env.SetCurrentHistoryLength(5000) }, 25*time.Second)
		c.env.ExecuteWorkflow(workflows.CampaignRun, models.CampaignRunInput{CampaignID: campaignID, RunID: "run_1", N: 1})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, c.env.GetWorkflowError(), &next)
		var in models.CampaignRunInput
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
		require.Equal(t, int64(len(c.batches)), in.Batch)
		require.Equal(t, c.when[len(c.when)-1].UTC(), in.Pace.At.UTC())
		require.Zero(t, c.ended)
	})
	t.Run("a_history_continues_as_new_when_the_engine_suggests_it", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 300, 60)
		c.env.RegisterDelayedCallback(func() { c.env.SetContinueAsNewSuggested(true) }, 25*time.Second)
		c.env.ExecuteWorkflow(workflows.CampaignRun, models.CampaignRunInput{CampaignID: campaignID, RunID: "run_1", N: 1})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, c.env.GetWorkflowError(), &next)
		require.Zero(t, c.ended)
	})
	t.Run("a_history_that_begins_after_a_trip_notices_that_the_campaign_was_resumed", func(t *testing.T) {
		t.Parallel()
		c := gather(t, 20, 60)
		pace := campaign.PaceState{At: sample.Monday.Add(-time.Second)}
		c.env.ExecuteWorkflow(workflows.CampaignRun, models.CampaignRunInput{CampaignID: campaignID, RunID: "run_1", N: 1, Batch: 7, Pace: pace, Told: true})
		require.NoError(t, c.env.GetWorkflowError())
		require.Equal(t, []any{"8", true}, []any{c.batches[0].Batch, c.batches[0].Resumed})
		require.Equal(t, sample.Monday.Add(9*time.Second), c.when[0].UTC(), "the pace is kept")
		require.Equal(t, 20, c.sent)
	})
}
