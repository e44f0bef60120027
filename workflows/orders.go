package workflows

import (
	"errors"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/models"
)

// carryOut does what the state orders of approvals and has not been done yet. Orders stay in the state until the approval
// has answered, so that none is lost when a worker dies after the step was written; a second start or word has no effect.
func (p *process[S, E]) carryOut(ctx workflow.Context, orders []models.ApprovalOrder) {
	done := p.ordered
	for _, o := range orders {
		if o.Seq <= p.ordered {
			continue
		}
		done = max(done, o.Seq)
		p.aside(ctx, string(o.Verb)+" "+o.ID, func(ctx workflow.Context) error {
			if err := p.orders.Lock(ctx); err != nil {
				return err
			}
			defer p.orders.Unlock()
			return p.order(ctx, o)
		})
	}
	p.ordered = done
}

// start starts a child that outlives this history, unless it runs or has run already.
func (p *process[S, E]) start(ctx workflow.Context, kind, workflowID string, in any) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: workflowID, ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, TypedSearchAttributes: taken(ctx),
	})
	err := workflow.ExecuteChildWorkflow(ctx, kind, in).GetChildWorkflowExecution().Get(ctx, nil)
	var twice *temporal.ChildWorkflowExecutionAlreadyStartedError
	if errors.As(err, &twice) {
		return nil
	}
	return err
}

// taken names for a child the builds that the start of its parent named.
func taken(ctx workflow.Context) temporal.SearchAttributes {
	builds := temporal.NewSearchAttributeKeyKeywordList(models.BuildsIndex)
	named, ok := workflow.GetTypedSearchAttributes(ctx).GetKeywordList(builds)
	if !ok {
		return temporal.SearchAttributes{}
	}
	return temporal.NewSearchAttributes(builds.ValueSet(named))
}

// aside does something beside the steps; the process does not end before it is done.
func (p *process[S, E]) aside(ctx workflow.Context, what string, do func(workflow.Context) error) {
	p.pending++
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := do(ctx); err != nil {
			p.log.Warn("not carried out", "what", what, "err", err)
		}
		p.pending--
	})
}

// tellClient tells the relationship of the client what has happened with them, without end. As a rule that costs the history
// one event, like a step. What is told twice counts once.
func (p *process[S, E]) tellClient(ctx workflow.Context, news *models.ClientNews) {
	if news == nil || news.Seq <= p.known {
		return
	}
	p.known = news.Seq
	p.aside(ctx, "news", func(ctx workflow.Context) error {
		var acts *activities.Relationship
		_, err := step(ctx, acts.TellClient, *news)
		return err
	})
}

// order starts an approval, or tells a running one what its requester wants.
func (p *process[S, E]) order(ctx workflow.Context, o models.ApprovalOrder) error {
	if o.Verb != models.ApprovalStart {
		return signal(ctx, models.ApprovalWorkflowID(o.ID), models.ApprovalOrdered, o) // one that is over has told us or will
	}
	return p.start(ctx, models.ApprovalType, models.ApprovalWorkflowID(o.ID), models.ApprovalInput{
		ApprovalID: o.ID, Process: p.process, Parent: workflow.GetInfo(ctx).WorkflowExecution.ID, Order: &o,
	})
}

// signal tells another process a fact. One that is over has nothing to learn.
func signal(ctx workflow.Context, workflowID, name string, fact any) error {
	err := workflow.SignalExternalWorkflow(ctx, workflowID, "", name, fact).Get(ctx, nil)
	var gone *temporal.UnknownExternalWorkflowExecutionError
	if errors.As(err, &gone) {
		return nil
	}
	return err
}
