// Package workflows holds the process definitions, one per file, and the shell that they share (process.go). They wait and
// carry out; the rules are in models.
package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// Complaint is the process of one case, complaint or inquiry, from its record until nothing can happen to it any more:
// cancelled, merged, or closed and past the window for reopening.
func Complaint(ctx workflow.Context, in models.ComplaintInput) (models.ComplaintResult, error) {
	s := complaint(in.CaseID)
	if in.Record != nil {
		s.beginWith(*in.Record)
	}
	p, err := begin(ctx, in.CaseID, s, in.State, in.Unsent, in.Ordered)
	if err != nil {
		return models.ComplaintResult{}, err
	}
	p.known = in.Told
	if err := p.run(ctx); err != nil {
		return models.ComplaintResult{}, err
	}
	if p.rejected {
		return models.ComplaintResult{Status: "rejected"}, nil
	}
	return models.ComplaintResult{Status: p.state.Status, Seq: p.state.Seq}, nil
}

func complaint(caseID string) spec[models.CaseState, models.CaseEvent] {
	var acts *activities.Complaint
	var off int64 // the last step that let a survey be
	return spec[models.CaseState, models.CaseEvent]{
		process: models.ComplaintProcess, first: string(models.ActionRecord), actions: names(models.CaseActions()),
		signals: []string{models.ApprovalDecidedTo, models.FollowUpTold, models.ComplaintSucceeded}, receive: receiveForComplaint,
		name: func(e models.CaseEvent) string { return string(e.Action) },
		tick: models.CaseEvent{Action: models.ActionTick}, adopt: models.CaseEvent{Action: models.ActionAdopt},
		meta: func(e models.CaseEvent) models.Meta { return e.Meta },
		look: func(s *models.CaseState, at time.Time) seen {
			return seen{seq: s.Seq, handled: s.Handled, nextAt: s.NextAt, over: s.Over(at), orders: s.Orders, news: s.News}
		},
		check: func(s *models.CaseState, e models.CaseEvent, at time.Time) error {
			_, err := models.CheckCase(s, e.Action, e.Meta.Actor, at)
			return err
		},
		unknown: errs.New(errs.NotFound, "case.unknown"),
		refusal: func(ctx workflow.Context, err error) {
			workflow.GetLogger(ctx).Error("case not recorded", "case_id", caseID, "err", err)
		},
		exists: func(s *models.CaseState) error {
			return errs.New(errs.Conflict, "case.exists", "number", s.Number)
		},
		advance: func(ctx workflow.Context, s *models.CaseState, e models.CaseEvent, at time.Time) (outcome[models.CaseState, models.CaseEvent], error) {
			out, err := step(ctx, acts.Advance, models.AdvanceCase{CaseID: caseID, State: s, Event: e, At: at})
			if err != nil {
				return outcome[models.CaseState, models.CaseEvent]{}, err
			}
			o := landed[models.CaseEvent](s, out.Advanced)
			o.after = func(ctx workflow.Context) {
				if q := o.state.Survey; q != nil && q.Off > off {
					off = q.Off
					workflow.SignalExternalWorkflow(ctx, models.FollowUpWorkflowID(q.InvitationID), "", models.FollowUpOff, nil)
				}
				for _, id := range out.Touched {
					// Delivery is the engine's business: a case that ended meanwhile has nothing to adopt.
					workflow.SignalExternalWorkflow(ctx, models.ComplaintWorkflowID(id), "", models.ComplaintAdopt, nil)
				}
			}
			if out.FollowUp != nil {
				o.children = followUps([]models.FollowUpPlan{*out.FollowUp})
			}
			return o, nil
		},
		roll: func(ctx workflow.Context, p *process[models.CaseState, models.CaseEvent]) error {
			return workflow.NewContinueAsNewError(ctx, Complaint, models.ComplaintInput{CaseID: caseID, State: p.state, Unsent: p.unsent, Ordered: p.ordered, Told: p.known})
		},
	}
}

// receiveForComplaint reads the answers of approvals and of clients.
func receiveForComplaint(c workflow.ReceiveChannel, signal string) (models.CaseEvent, bool) {
	if signal == models.FollowUpTold {
		var f models.FollowUpFact
		ok := c.ReceiveAsync(&f)
		return models.CaseSurveyed(f), ok
	}
	if signal == models.ComplaintSucceeded {
		var e models.CaseEvent
		ok := c.ReceiveAsync(&e)
		return e, ok
	}
	var d models.ApprovalDecided
	ok := c.ReceiveAsync(&d)
	return models.CaseDecided(d), ok
}

// names are actions as names of updates.
func names[A ~string](actions []A) []string {
	all := make([]string, len(actions))
	for i, a := range actions {
		all[i] = string(a)
	}
	return all
}
