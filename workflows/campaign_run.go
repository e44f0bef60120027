package workflows

import (
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/wf"
	"github.com/mcrflow/mcrflow/models"
)

const (
	// batchesAtOnce is how many batches of a run are under way at most: a slow mail server need not slow down the rate.
	batchesAtOnce = 4
	// longestRest bounds how long a run waits that cannot reach a channel.
	longestRest = 5 * time.Minute
	// rollAfter is the length of a history after which a run continues as new, if the engine does not suggest it sooner.
	rollAfter = 2000
)

// CampaignRun is one run of a campaign: it lets batches leave at the campaign's pace until everybody has an outcome, then
// reminders, and stays until the time to answer has passed for all. Who is in which state is in the database; the process
// knows only when to look next. A batch that is under way when a worker dies is continued by the next one.
func CampaignRun(ctx workflow.Context, in models.CampaignRunInput) error {
	r := &run{
		CampaignRunInput: in, changed: workflow.GetSignalChannel(ctx, models.CampaignChanged),
		ask:  models.SendBatch{CampaignID: in.CampaignID, RunID: in.RunID},
		view: models.CampaignRunView{Paused: in.Told}, // the campaign may have been resumed before this history began
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	for {
		if err := r.settle(ctx); err != nil || r.view.Over() && r.inHand == 0 {
			return err
		}
		if info := workflow.GetInfo(ctx); info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > rollAfter {
			return r.continueAsNew(ctx)
		}
		if err := r.next(ctx); err != nil {
			return err
		}
	}
}

// run is a run as its process knows it.
type run struct {
	models.CampaignRunInput
	ask     models.SendBatch
	view    models.CampaignRunView
	changed workflow.ReceiveChannel
	inHand  int           // recipients of the batches that are under way
	batches int           // that are under way
	news    bool          // a batch has ended
	rest    time.Duration // because a channel cannot be reached
	until   time.Time     // the end of the rest
	failed  error         // of a batch, for good
}

// look reads what there is to do.
func (r *run) look(ctx workflow.Context) error {
	var acts *activities.Campaign
	view, err := step(ctx, acts.LookAtRun, r.ask)
	if err != nil {
		return err
	}
	if r.view.Paused && !view.Paused {
		r.Resumed, r.Told = true, false
	}
	r.view = view
	return nil
}

// settle tells the campaign, once, that everybody has an outcome and nobody will be reminded.
func (r *run) settle(ctx workflow.Context) error {
	if r.view.Working || r.batches > 0 || r.Ended {
		return nil
	}
	var acts *activities.Campaign
	if _, err := wf.Do(lasting(ctx), acts.EndRun, r.ask); err != nil {
		return err
	}
	r.Ended = true
	return r.tell(ctx, models.CampaignRunFact{RunID: r.RunID})
}

func (r *run) tell(ctx workflow.Context, f models.CampaignRunFact) error {
	return signal(ctx, models.CampaignWorkflowID(r.CampaignID), models.CampaignRunTold, f)
}

// next waits until a batch may begin, and begins it; or until something has changed.
func (r *run) next(ctx workflow.Context) error {
	now := workflow.Now(ctx)
	limit, at := r.view.NextBatch(r.Pace, r.inHand, now)
	if r.batches >= batchesAtOnce {
		limit, at = 0, nil
	}
	if at != nil && at.Before(r.until) {
		limit, at = 0, &r.until
	}
	if limit > 0 && !at.After(now) {
		r.begin(ctx, limit)
		return nil
	}
	if err := r.wait(ctx, at); err != nil {
		return err
	}
	if r.failed != nil {
		return r.failed
	}
	changed := false
	for r.changed.ReceiveAsync(nil) { // one look is enough for all of them
		changed = true
	}
	if changed || !r.news && r.view.Due <= r.inHand { // somebody else has fallen due
		return r.look(ctx)
	}
	r.news = false
	return nil
}

// wait lasts until the instant, or until there are news.
func (r *run) wait(ctx workflow.Context, at *time.Time) error {
	news := func() bool { return r.news || r.failed != nil || r.changed.Len() > 0 }
	if at == nil {
		return workflow.Await(ctx, news)
	}
	_, err := workflow.AwaitWithTimeout(ctx, max(0, at.Sub(workflow.Now(ctx))), news)
	return err
}

// begin lets a batch leave, beside others.
func (r *run) begin(ctx workflow.Context, limit int) {
	ask := r.ask
	r.Batch++
	ask.Batch, ask.Limit, ask.Resumed = strconv.FormatInt(r.Batch, 10), limit, r.Resumed
	r.Resumed = false
	r.Pace = r.view.Paced(r.Pace, limit, workflow.Now(ctx))
	r.batches++
	r.inHand += limit
	workflow.Go(ctx, func(ctx workflow.Context) {
		var acts *activities.Campaign
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: models.NotificationTaskQueue, StartToCloseTimeout: 10 * time.Minute, HeartbeatTimeout: 30 * time.Second,
			RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 30 * time.Second},
		})
		out, err := wf.Do(ctx, acts.SendBatch, ask)
		r.batches--
		r.inHand -= limit
		if err != nil {
			r.failed = err
			return
		}
		r.news = true
		tripped := r.Told
		r.view = out.View
		r.restAfter(ctx, out)
		if r.view.Paused = r.view.Paused || tripped; out.Tripped && !tripped {
			r.Told, r.view.Paused = true, true // until the campaign says otherwise
			r.failed = r.tell(ctx, models.CampaignRunFact{RunID: r.RunID, Tripped: true, Failed: out.Failed, Of: out.Of})
		}
	})
}

// restAfter rests, longer each time, while a channel cannot be reached.
func (r *run) restAfter(ctx workflow.Context, out models.BatchSent) {
	if !out.Down {
		r.rest = 0
		return
	}
	r.rest = min(max(2*r.rest, 5*time.Second), longestRest)
	r.until = workflow.Now(ctx).Add(r.rest)
}

// continueAsNew starts a new history once no batch is under way and all that was told has been seen.
func (r *run) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return r.batches == 0 }); err != nil {
		return err
	}
	if r.failed != nil {
		return r.failed
	}
	for r.changed.ReceiveAsync(nil) { // the next history begins with a look
	}
	return workflow.NewContinueAsNewError(ctx, CampaignRun, r.CampaignRunInput)
}
