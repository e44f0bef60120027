package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/wf"
	"github.com/mcrflow/mcrflow/models"
)

// FollowUp is the process that asks one person one questionnaire and acts on the answer. A case or a reception starts it as
// a child with a plan; an invitation of a campaign has none before its first answer.
func FollowUp(ctx workflow.Context, in models.FollowUpInput) (models.FollowUpResult, error) {
	p, err := begin(ctx, in.InvitationID, followUpSpec(in), in.State, in.Unsent, 0)
	if err != nil {
		return models.FollowUpResult{}, err
	}
	p.known = in.News
	if err := p.run(ctx); err != nil {
		return models.FollowUpResult{}, err
	}
	if p.rejected {
		return models.FollowUpResult{Status: "rejected"}, nil
	}
	return models.FollowUpResult{Status: p.state.Status, Seq: p.state.Seq}, nil
}

func followUpSpec(in models.FollowUpInput) spec[models.FollowUpState, models.FollowUpEvent] {
	var acts *activities.FollowUp
	told := in.Told
	s := spec[models.FollowUpState, models.FollowUpEvent]{
		process: models.FollowUpProcess, first: string(models.FollowUpRespond), again: true,
		signals: []string{models.FollowUpOff, models.FollowUpLeft}, receive: receiveForFollowUp,
		name: func(e models.FollowUpEvent) string { return string(e.Action) },
		tick: models.FollowUpEvent{Action: models.FollowUpTick}, adopt: models.FollowUpEvent{Action: models.FollowUpAdopted},
		meta: func(e models.FollowUpEvent) models.Meta { return e.Meta },
		look: func(s *models.FollowUpState, _ time.Time) seen {
			return seen{seq: s.Seq, handled: s.Handled, nextAt: s.NextAt, over: s.Over(), news: s.News}
		},
		check: func(s *models.FollowUpState, _ models.FollowUpEvent, at time.Time) error {
			return models.CheckFollowUp(s, at)
		},
		unknown: errs.New(errs.NotFound, "survey.unknown"),
		refusal: func(ctx workflow.Context, err error) {
			workflow.GetLogger(ctx).Error("follow-up not begun", "invitation_id", in.InvitationID, "err", err)
		},
	}
	if in.Plan != nil {
		s.begins, s.opening = true, models.FollowUpBegins(*in.Plan)
	}
	var sending models.Sending // what is on its way
	s.advance = func(ctx workflow.Context, state *models.FollowUpState, e models.FollowUpEvent, at time.Time) (outcome[models.FollowUpState, models.FollowUpEvent], error) {
		out, err := step(ctx, acts.AdvanceFollowUp, models.AdvanceFollowUp{InvitationID: in.InvitationID, State: state, Event: e, At: at})
		if err != nil {
			return outcome[models.FollowUpState, models.FollowUpEvent]{}, err
		}
		o := landed[models.FollowUpEvent](state, out.Advanced)
		if out.Case != nil {
			o.children = append(o.children, child{
				models.ComplaintType, models.ComplaintWorkflowID(out.Case.CaseID), models.ComplaintInput{CaseID: out.Case.CaseID, Record: &out.Case.Event},
			})
		}
		if f := o.state.Tell; f != nil && f.Seq > told {
			told = f.Seq
			o.asides = append(o.asides, func(ctx workflow.Context) (*models.FollowUpEvent, error) {
				return nil, signal(ctx, o.state.Parent, models.FollowUpTold, *f)
			})
		}
		if now := o.state.Sending; now != nil && (sending.Wave != now.Wave || sending.Channel != now.Channel || !sending.Since.Equal(now.Since)) {
			sending = *now
			o.asides = append(o.asides, func(ctx workflow.Context) (*models.FollowUpEvent, error) {
				return ask(ctx, o.state)
			})
		}
		return o, nil
	}
	s.roll = func(ctx workflow.Context, p *process[models.FollowUpState, models.FollowUpEvent]) error {
		return workflow.NewContinueAsNewError(ctx, FollowUp, models.FollowUpInput{InvitationID: in.InvitationID, Plan: in.Plan, State: p.state, Unsent: p.unsent, Told: told, News: p.known})
	}
	return s
}

// receiveForFollowUp reads that it is off, and that somebody else is to call.
func receiveForFollowUp(c workflow.ReceiveChannel, signal string) (models.FollowUpEvent, bool) {
	if signal == models.FollowUpOff {
		return models.FollowUpEvent{Action: models.FollowUpWithdraw}, c.ReceiveAsync(nil)
	}
	var e models.FollowUpEvent
	ok := c.ReceiveAsync(&e)
	return e, ok
}

// ask sends a message without keeping the process waiting, and says what became of it. It is tried until the time to answer
// has passed.
func ask(ctx workflow.Context, s *models.FollowUpState) (*models.FollowUpEvent, error) {
	var acts *activities.FollowUp
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: models.NotificationTaskQueue, StartToCloseTimeout: time.Minute,
		ScheduleToCloseTimeout: max(time.Minute, s.ExpiresAt.Sub(workflow.Now(ctx))),
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 2 * time.Second, MaximumInterval: 5 * time.Minute}, // a mail server comes back
	})
	sent, err := wf.Do(ctx, acts.Ask, models.AskFollowUp{
		InvitationID: s.ID, SurveyVersion: s.SurveyVersion, Wave: s.Sending.Wave, Channel: s.Sending.Channel,
	})
	if err != nil {
		sent = models.FollowUpSentData{Wave: s.Sending.Wave, Channel: s.Sending.Channel, Result: models.SendRejected, Reason: "gave_up"}
	}
	e := models.FollowUpSentBy(sent)
	return &e, nil
}

// followUps are processes that ask people, to start.
func followUps(plans []models.FollowUpPlan) []child {
	var all []child
	for _, p := range plans {
		all = append(all, child{models.FollowUpType, models.FollowUpWorkflowID(p.InvitationID), models.FollowUpInput{InvitationID: p.InvitationID, Plan: &p}})
	}
	return all
}
