package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// Reception is the process of one reception, from its draft until nothing can happen to it any more: closed, rejected,
// withdrawn, or cancelled and past the time for claims.
func Reception(ctx workflow.Context, in models.ReceptionInput) (models.ReceptionResult, error) {
	s := reception(in.ReceptionID)
	if in.Record != nil {
		s.beginWith(*in.Record)
	}
	p, err := begin(ctx, in.ReceptionID, s, in.State, in.Unsent, in.Ordered)
	if err != nil {
		return models.ReceptionResult{}, err
	}
	p.known = in.Told
	if err := p.run(ctx); err != nil {
		return models.ReceptionResult{}, err
	}
	if p.rejected {
		return models.ReceptionResult{Status: "refused"}, nil
	}
	return models.ReceptionResult{Status: p.state.Status, Seq: p.state.Seq}, nil
}

func reception(receptionID string) spec[models.ReceptionState, models.ReceptionEvent] {
	var acts *activities.Reception
	return spec[models.ReceptionState, models.ReceptionEvent]{
		process: models.ReceptionProcess, first: string(models.ReceptionRecord), actions: names(models.ReceptionActions()),
		signals: []string{models.ReceptionDecided, models.ReceptionLeft, models.FollowUpTold}, receive: receiveForReception,
		name: func(e models.ReceptionEvent) string { return string(e.Action) },
		tick: models.ReceptionEvent{Action: models.ReceptionTick}, adopt: models.ReceptionEvent{Action: models.ReceptionAdopt},
		meta: func(e models.ReceptionEvent) models.Meta { return e.Meta },
		look: func(s *models.ReceptionState, at time.Time) seen {
			return seen{seq: s.Seq, handled: s.Handled, nextAt: s.NextAt, over: s.Over(at), orders: s.Orders, news: s.News}
		},
		check: func(s *models.ReceptionState, e models.ReceptionEvent, at time.Time) error {
			_, err := models.CheckReception(s, e.Action, e.Meta.Actor, at)
			return err
		},
		unknown: errs.New(errs.NotFound, "reception.unknown"),
		refusal: func(ctx workflow.Context, err error) {
			workflow.GetLogger(ctx).Error("reception not drafted", "reception_id", receptionID, "err", err)
		},
		exists: func(s *models.ReceptionState) error {
			return errs.New(errs.Conflict, "reception.exists", "number", s.Number)
		},
		advance: func(ctx workflow.Context, s *models.ReceptionState, e models.ReceptionEvent, at time.Time) (outcome[models.ReceptionState, models.ReceptionEvent], error) {
			out, err := step(ctx, acts.AdvanceReception, models.AdvanceReception{ReceptionID: receptionID, State: s, Event: e, At: at})
			if err != nil {
				return outcome[models.ReceptionState, models.ReceptionEvent]{}, err
			}
			o := landed[models.ReceptionEvent](s, out.Advanced)
			o.children = append(o.children, followUps(out.FollowUps)...)
			for _, c := range out.Cases {
				o.children = append(o.children, child{
					models.ComplaintType, models.ComplaintWorkflowID(c.CaseID), models.ComplaintInput{CaseID: c.CaseID, Record: &c.Event},
				})
			}
			return o, nil
		},
		roll: func(ctx workflow.Context, p *process[models.ReceptionState, models.ReceptionEvent]) error {
			return workflow.NewContinueAsNewError(ctx, Reception, models.ReceptionInput{
				ReceptionID: receptionID, State: p.state, Unsent: p.unsent, Ordered: p.ordered, Told: p.known,
			})
		},
	}
}

// receiveForReception reads the answers of approvals and of visitors, and who has left.
func receiveForReception(c workflow.ReceiveChannel, signal string) (models.ReceptionEvent, bool) {
	if signal == models.ReceptionLeft {
		var e models.ReceptionEvent
		ok := c.ReceiveAsync(&e)
		return e, ok
	}
	if signal == models.FollowUpTold {
		var f models.FollowUpFact
		for c.ReceiveAsync(&f) {
			if e, matters := models.ReceptionSurveyedBy(f); matters {
				return e, true
			}
		}
		return models.ReceptionEvent{}, false
	}
	var d models.ApprovalDecided
	if !c.ReceiveAsync(&d) {
		return models.ReceptionEvent{}, false
	}
	return models.ReceptionDecidedBy(d), true
}
