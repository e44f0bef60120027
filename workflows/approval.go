package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// approvalRefused is how an approval ended that could not begin.
const approvalRefused = "refused"

// Approval is the process of one approval chain, from its request until its outcome. The process that asked starts it as a
// child that outlives the asker's histories, and learns by signal when the request is returned and how it ends: a repeated
// signal is told apart by its step.
func Approval(ctx workflow.Context, in models.ApprovalInput) (models.ApprovalResult, error) {
	p, err := begin(ctx, in.ApprovalID, approvalSpec(in), in.State, in.Unsent, 0)
	if err != nil {
		return models.ApprovalResult{}, err
	}
	if err := p.run(ctx); err != nil {
		return models.ApprovalResult{}, err
	}
	if p.rejected {
		return models.ApprovalResult{Outcome: approvalRefused}, nil
	}
	return models.ApprovalResult{Outcome: p.state.Chain.Outcome, Seq: p.state.Seq}, nil
}

func approvalSpec(in models.ApprovalInput) spec[models.ApprovalState, models.ApprovalEvent] {
	var acts *activities.Approval
	told := in.Told
	parent, asker := in.Parent, in.Process
	if in.State != nil {
		parent, asker = in.State.Parent, in.State.Process
	}
	s := spec[models.ApprovalState, models.ApprovalEvent]{
		process: models.ApprovalProcess, actions: names(models.ApprovalVerbs()),
		signals: []string{models.ApprovalOrdered, models.ApprovalOrgChanged, models.ApprovalNewLead}, receive: receiveForApproval,
		name: func(e models.ApprovalEvent) string { return string(e.Verb) },
		tick: models.ApprovalEvent{Verb: models.ApprovalTick}, adopt: models.ApprovalEvent{Verb: models.ApprovalAdopt},
		meta: func(e models.ApprovalEvent) models.Meta { return e.Meta },
		look: func(s *models.ApprovalState, _ time.Time) seen {
			return seen{seq: s.Seq, handled: s.Handled, nextAt: s.NextAt, over: s.Over()}
		},
		check: func(s *models.ApprovalState, e models.ApprovalEvent, at time.Time) error {
			return models.CheckApproval(s, e, at)
		},
		unknown: errs.New(errs.NotFound, "approval.unknown"),
		refusal: func(ctx workflow.Context, err error) {
			tell(ctx, parent, models.ApprovalDecided{ApprovalID: in.ApprovalID, Outcome: models.OutcomeWithdrawn, Comment: refusalKey(err)})
		},
		advance: func(ctx workflow.Context, s *models.ApprovalState, e models.ApprovalEvent, at time.Time) (outcome[models.ApprovalState, models.ApprovalEvent], error) {
			out, err := step(ctx, acts.AdvanceApproval, models.AdvanceApproval{
				ApprovalID: in.ApprovalID, Process: asker, Parent: parent, State: s, Event: e, At: at,
			})
			if err != nil {
				return outcome[models.ApprovalState, models.ApprovalEvent]{}, err
			}
			o := landed[models.ApprovalEvent](s, out)
			o.after = func(ctx workflow.Context) {
				if d := o.state.Tell; d != nil && d.Seq > told {
					told = d.Seq
					tell(ctx, parent, *d)
				}
			}
			return o, nil
		},
		roll: func(ctx workflow.Context, p *process[models.ApprovalState, models.ApprovalEvent]) error {
			return workflow.NewContinueAsNewError(ctx, Approval, models.ApprovalInput{ApprovalID: in.ApprovalID, State: p.state, Unsent: p.unsent, Told: told})
		},
	}
	if in.Order != nil {
		s.opening = models.ApprovalBegins(*in.Order)
	}
	return s
}

// receiveForApproval reads what the process that asked orders, and that people or rules for deputies have changed.
func receiveForApproval(c workflow.ReceiveChannel, signal string) (models.ApprovalEvent, bool) {
	if signal == models.ApprovalOrgChanged {
		return models.ApprovalEvent{Verb: models.ApprovalRecheck}, c.ReceiveAsync(nil)
	}
	if signal == models.ApprovalNewLead {
		var fromID string
		ok := c.ReceiveAsync(&fromID)
		return models.ApprovalLedAnew(fromID), ok
	}
	var o models.ApprovalOrder
	if !c.ReceiveAsync(&o) {
		return models.ApprovalEvent{}, false
	}
	return models.ApprovalOrderedBy(o), true
}

// tell tells the process that asked. One that is over has nothing to learn.
func tell(ctx workflow.Context, parent string, d models.ApprovalDecided) {
	if err := signal(ctx, parent, models.ApprovalDecidedTo, d); err != nil {
		workflow.GetLogger(ctx).Warn("outcome not told", "parent", parent, "err", err)
	}
}

func refusalKey(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return ""
}
