package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/wf"
	"github.com/mcrflow/mcrflow/models"
)

// Campaign is the process of one campaign, for as long as the campaign exists: commands, schedule, and one run at a time,
// each of which is a process of its own.
func Campaign(ctx workflow.Context, in models.CampaignInput) error {
	p, err := begin(ctx, in.CampaignID, campaignSpec(in), in.State, in.Unsent, 0)
	if err != nil {
		return err
	}
	return p.run(ctx)
}

func campaignSpec(in models.CampaignInput) spec[models.CampaignState, models.CampaignEvent] {
	type out = outcome[models.CampaignState, models.CampaignEvent]
	var acts *activities.Campaign
	var told []string // firings that know that their wait is over
	var kept int64    // the last step after which the schedule was kept
	return spec[models.CampaignState, models.CampaignEvent]{
		process: models.CampaignProcess, first: string(models.CampaignCreate), actions: names(models.CampaignActions()),
		signals: []string{models.CampaignFired, models.CampaignRunTold}, receive: receiveForCampaign,
		name: func(e models.CampaignEvent) string { return string(e.Action) },
		tick: models.CampaignEvent{Action: models.CampaignTick}, adopt: models.CampaignEvent{Action: models.CampaignTakeOver},
		meta: func(e models.CampaignEvent) models.Meta { return e.Meta },
		look: func(s *models.CampaignState, _ time.Time) seen {
			return seen{seq: s.Seq, handled: s.Handled, nextAt: s.NextAt}
		},
		check: func(s *models.CampaignState, e models.CampaignEvent, _ time.Time) error {
			_, err := models.CheckCampaign(s, e.Action, e.Meta.Actor)
			return err
		},
		unknown: errs.New(errs.NotFound, "campaign.unknown"),
		exists: func(s *models.CampaignState) error {
			return errs.New(errs.Conflict, "campaign.exists", "number", s.Number)
		},
		advance: func(ctx workflow.Context, s *models.CampaignState, e models.CampaignEvent, at time.Time) (out, error) {
			done, err := campaignStep(ctx, models.AdvanceCampaign{CampaignID: in.CampaignID, State: s, Event: e, At: at})
			if refused(err) && e.Planned() { // what a schedule asks for in vain is left out, and said so
				done, err = campaignStep(ctx, models.AdvanceCampaign{CampaignID: in.CampaignID, State: s, Event: e.InVain(refusalKey(err)), At: at})
			}
			if err != nil {
				return out{}, err
			}
			o := landed[models.CampaignEvent](s, done)
			now := o.state
			if run := now.Run; run != nil {
				id := models.CampaignRunWorkflowID(now.ID, run.N)
				if s == nil || s.Run == nil || s.Run.ID != run.ID {
					o.children = []child{{models.CampaignRunType, id, models.CampaignRunInput{CampaignID: now.ID, RunID: run.ID, N: run.N}}}
				} else { // it may be paused, stopped, or send otherwise from now on
					o.asides = append(o.asides, func(ctx workflow.Context) (*models.CampaignEvent, error) {
						return nil, signal(ctx, id, models.CampaignChanged, nil)
					})
				}
			}
			for _, f := range now.Released {
				if !slices.Contains(told, f.WorkflowID) {
					told = append(told, f.WorkflowID)
					o.asides = append(o.asides, func(ctx workflow.Context) (*models.CampaignEvent, error) {
						return nil, signal(ctx, f.WorkflowID, models.CampaignFiringDone, nil)
					})
				}
			}
			if scheduled := s != nil && s.Repeats(); (scheduled || now.Repeats()) && now.Seq > kept {
				kept = now.Seq
				o.asides = append(o.asides, func(ctx workflow.Context) (*models.CampaignEvent, error) {
					_, err := wf.Do(lasting(ctx), acts.KeepSchedule, now.ID)
					return nil, err
				})
			}
			return o, nil
		},
		roll: func(ctx workflow.Context, p *process[models.CampaignState, models.CampaignEvent]) error {
			return workflow.NewContinueAsNewError(ctx, Campaign, models.CampaignInput{CampaignID: in.CampaignID, State: p.state, Unsent: p.unsent})
		},
	}
}

// campaignStep takes a step. One that writes an audience may take long.
func campaignStep(ctx workflow.Context, in models.AdvanceCampaign) (models.Advanced[models.CampaignState], error) {
	var acts *activities.Campaign
	if !in.Event.WritesAudience() {
		return step(ctx, acts.AdvanceCampaign, in)
	}
	return wf.Do(lasting(ctx), acts.AdvanceCampaign, in)
}

// lasting are the options of an activity that may take minutes and is never given up.
func lasting(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 30 * time.Second},
	})
}

// receiveForCampaign reads what schedules ask for, and what the run tells.
func receiveForCampaign(c workflow.ReceiveChannel, name string) (models.CampaignEvent, bool) {
	if name == models.CampaignFired {
		var f models.CampaignFiring
		ok := c.ReceiveAsync(&f)
		return models.CampaignFires(f), ok
	}
	var f models.CampaignRunFact
	ok := c.ReceiveAsync(&f)
	return models.CampaignRunTells(f), ok
}

// CampaignFiring is one instant of a campaign's schedule. It asks the campaign for a run and lasts as long as the run, so that
// the engine knows whether the last one still goes on.
func CampaignFiring(ctx workflow.Context, campaignID string) error {
	info := workflow.GetInfo(ctx)
	at, scheduled := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledAt)
	if !scheduled {
		at = info.WorkflowStartTime
	}
	done := workflow.GetSignalChannel(ctx, models.CampaignFiringDone)
	fact := models.CampaignFiring{WorkflowID: info.WorkflowExecution.ID, At: at}
	if err := workflow.SignalExternalWorkflow(ctx, models.CampaignWorkflowID(campaignID), "", models.CampaignFired, fact).Get(ctx, nil); err != nil {
		return err // without its campaign there is nothing to wait for
	}
	done.Receive(ctx, nil)
	return nil
}
