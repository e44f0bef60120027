// Package workflows holds the process definitions, one per file. They wait and carry out; the rules are in models.
package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/wf"
	"github.com/mcrflow/mcrflow/models"
)

const (
	// complaintLocal bounds the local attempt of a step; a step that takes longer goes on as an ordinary activity.
	complaintLocal = 2 * time.Second
	// complaintUnrecorded is how long a process waits for its first command, which travels with its start.
	complaintUnrecorded = 10 * time.Minute
)

// Complaint is the process of one case, complaint or inquiry, from its record until nothing can happen to it any more:
// cancelled, merged, or closed and past the window for reopening. It takes one step for each command of a person and for
// each checkpoint of the clock; a step is decided and written by the activity Advance. It waits for commands (updates named
// after the actions), for the next checkpoint (one timer) and for the news that another transaction moved its case (signal).
func Complaint(ctx workflow.Context, in models.ComplaintInput) (models.ComplaintResult, error) {
	p, err := newComplaint(ctx, in)
	if err != nil {
		return models.ComplaintResult{}, err
	}
	return p.run(ctx)
}

type complaint struct {
	caseID string
	state  *models.CaseState // nil until the case is recorded
	unsent []int64           // steps whose messages have not left yet
	acts   *activities.Complaint
	mail   *activities.Notifications
	adopt  workflow.ReceiveChannel
	mu     workflow.Mutex
	log    log.Logger

	begun    bool // the first command has arrived
	rejected bool // and was refused: there is no case
	stale    bool // the stored state has moved on
	rolling  bool

	timer   workflow.Future
	stop    workflow.CancelFunc
	armedAt *time.Time
}

func newComplaint(ctx workflow.Context, in models.ComplaintInput) (*complaint, error) {
	p := &complaint{
		caseID: in.CaseID, state: in.State, begun: in.State != nil, mu: workflow.NewMutex(ctx),
		adopt: workflow.GetSignalChannel(ctx, models.ComplaintAdopt),
		log:   log.With(workflow.GetLogger(ctx), "case_id", in.CaseID),
	}
	if err := workflow.SetQueryHandler(ctx, models.ComplaintStatus, func() (*models.CaseState, error) { return p.state, nil }); err != nil {
		return nil, err
	}
	if err := wf.Handle(ctx, string(models.ActionRecord), p.checkRecord, p.record); err != nil {
		return nil, err
	}
	for _, action := range models.CaseActions() {
		if err := wf.Handle(ctx, string(action), p.check, p.command); err != nil {
			return nil, err
		}
	}
	for _, seq := range in.Unsent {
		p.send(ctx, seq)
	}
	return p, nil
}

func (p *complaint) run(ctx workflow.Context) (models.ComplaintResult, error) {
	if err := p.awaitRecord(ctx); err != nil {
		return models.ComplaintResult{}, err
	}
	for !p.over(ctx) {
		p.arm(ctx)
		err := workflow.Await(ctx, func() bool { return p.over(ctx) || p.mustRoll(ctx) || p.due() || p.moved() })
		switch {
		case err != nil:
			return models.ComplaintResult{}, err
		case p.over(ctx):
		case p.stale:
			err = p.byItself(ctx, models.ActionAdopt)
		case p.due() && p.state.Status != models.CaseClosed:
			err = p.byItself(ctx, models.ActionTick)
		case p.mustRoll(ctx):
			return models.ComplaintResult{}, p.roll(ctx)
		}
		if err != nil {
			return models.ComplaintResult{}, err
		}
	}
	return p.end(ctx)
}

// awaitRecord waits for the first command. It comes with the start, so that the time-out is set only if it did not.
func (p *complaint) awaitRecord(ctx workflow.Context) error {
	turn := false
	workflow.Go(ctx, func(workflow.Context) { turn = true }) // lets a command that came with the start begin
	if err := workflow.Await(ctx, func() bool { return turn }); err != nil {
		return err
	}
	if !p.begun {
		if _, err := workflow.AwaitWithTimeout(ctx, complaintUnrecorded, func() bool { return p.begun }); err != nil {
			return err
		}
	}
	if !p.begun {
		p.rejected = true
	}
	return workflow.Await(ctx, func() bool { return p.state != nil || p.rejected })
}

// byItself takes a step that no person asked for, between the commands.
func (p *complaint) byItself(ctx workflow.Context, action models.CaseAction) error {
	if err := p.mu.Lock(ctx); err != nil {
		return err
	}
	defer p.mu.Unlock()
	if action == models.ActionTick && !p.pastDue(ctx) { // a command that came first has moved the checkpoint
		return nil
	}
	p.stale = false
	return p.advance(ctx, models.CaseEvent{Action: action})
}

// over reports whether nothing can happen to the case any more.
func (p *complaint) over(ctx workflow.Context) bool {
	return p.rejected || p.state.Over(workflow.Now(ctx))
}

// arm keeps one timer: for the next checkpoint.
func (p *complaint) arm(ctx workflow.Context) {
	next := p.state.NextAt
	if p.timer != nil && !p.timer.IsReady() && next != nil && p.armedAt != nil && p.armedAt.Equal(*next) {
		return
	}
	if p.stop != nil {
		p.stop()
	}
	p.timer, p.stop, p.armedAt = nil, nil, next
	if next == nil {
		return
	}
	tctx, stop := workflow.WithCancel(ctx)
	p.timer, p.stop = workflow.NewTimer(tctx, max(0, next.Sub(workflow.Now(ctx)))), stop
}

func (p *complaint) due() bool { return p.timer != nil && p.timer.IsReady() }

// moved reports whether the next checkpoint is another one than the timer's, or the stored state has moved.
func (p *complaint) moved() bool {
	for p.adopt.ReceiveAsync(nil) {
		p.stale = true
	}
	if p.stale || (p.state.NextAt == nil) != (p.armedAt == nil) {
		return true
	}
	return p.state.NextAt != nil && !p.state.NextAt.Equal(*p.armedAt)
}

func (p *complaint) mustRoll(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// roll continues as new once no command is half done; meanwhile validators send callers away for a moment.
func (p *complaint) roll(ctx workflow.Context) error {
	p.rolling = true
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	if p.moved(); p.stale {
		if err := p.byItself(ctx, models.ActionAdopt); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Complaint, models.ComplaintInput{CaseID: p.caseID, State: p.state, Unsent: p.unsent})
}

// end waits until every answer has been given and every message has left.
func (p *complaint) end(ctx workflow.Context) (models.ComplaintResult, error) {
	if p.stop != nil {
		p.stop()
	}
	err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && len(p.unsent) == 0 })
	if p.rejected {
		return models.ComplaintResult{Status: "rejected"}, err
	}
	return models.ComplaintResult{Status: p.state.Status, Seq: p.state.Seq}, err
}

func (p *complaint) checkRecord(workflow.Context, models.CaseEvent) error { return p.notRolling() }

// record takes the first command. A process whose first command is refused ends itself: no case came to be.
func (p *complaint) record(ctx workflow.Context, e models.CaseEvent) (models.CaseReply, error) {
	p.begun = true
	if err := p.mu.Lock(ctx); err != nil {
		return models.CaseReply{}, err
	}
	defer p.mu.Unlock()
	if p.state != nil {
		if p.seen(e.Meta.RequestID) {
			return models.CaseReply{Seq: p.state.Seq}, nil
		}
		return models.CaseReply{}, errs.New(errs.Conflict, "case.exists", "number", p.state.Number)
	}
	if err := p.advance(ctx, e); err != nil {
		p.rejected = p.state == nil
		return models.CaseReply{}, err
	}
	return models.CaseReply{Seq: p.state.Seq}, nil
}

// check is the validator of every action on an existing case; it only reads.
func (p *complaint) check(ctx workflow.Context, e models.CaseEvent) error {
	if err := p.notRolling(); err != nil {
		return err
	}
	if p.state == nil {
		return errs.New(errs.NotFound, "case.unknown")
	}
	if p.seen(e.Meta.RequestID) {
		return nil // an answer that got lost is given again
	}
	_, err := models.CheckCase(p.state, e.Action, e.Meta.Actor, workflow.Now(ctx))
	return err
}

// command applies one action. Commands of one case are applied one after the other: a step yields while it is written, and
// a second one must not be judged by the state before it.
func (p *complaint) command(ctx workflow.Context, e models.CaseEvent) (models.CaseReply, error) {
	if err := p.mu.Lock(ctx); err != nil {
		return models.CaseReply{}, err
	}
	defer p.mu.Unlock()
	if err := p.check(ctx, e); err != nil { // again: we may have waited
		return models.CaseReply{}, err
	}
	if p.seen(e.Meta.RequestID) {
		return models.CaseReply{Seq: p.state.Seq}, nil
	}
	if err := p.advance(ctx, e); err != nil {
		return models.CaseReply{}, err
	}
	return models.CaseReply{Seq: p.state.Seq}, nil
}

// advance takes one step. Where the stored state has moved on (another transaction moved the case, or a worker died after
// the step was written), it is adopted first and the step is judged again.
func (p *complaint) advance(ctx workflow.Context, e models.CaseEvent) error {
	for {
		out, err := p.write(ctx, models.AdvanceCase{CaseID: p.caseID, State: p.state, Event: e, At: workflow.Now(ctx)})
		if err != nil {
			return err
		}
		from := out.State.Seq
		if p.state != nil && out.Behind {
			from = p.state.Seq + 1
		}
		p.state = &out.State
		if out.Mail {
			for seq := from; seq <= out.State.Seq; seq++ {
				p.send(ctx, seq)
			}
		}
		for _, id := range out.Touched {
			// Delivery is the engine's business: a case that ended meanwhile has nothing to adopt.
			workflow.SignalExternalWorkflow(ctx, models.ComplaintWorkflowID(id), "", models.ComplaintAdopt, nil)
		}
		switch {
		case !out.Behind, e.Action == models.ActionAdopt, p.seen(e.Meta.RequestID):
			return nil
		case e.Action == models.ActionTick && !p.pastDue(ctx):
			return nil
		}
	}
}

func (p *complaint) pastDue(ctx workflow.Context) bool {
	return p.state.NextAt != nil && !workflow.Now(ctx).Before(*p.state.NextAt)
}

// write runs Advance as a local activity, and without end as an ordinary one when that fails: a step is never given up.
func (p *complaint) write(ctx workflow.Context, in models.AdvanceCase) (models.CaseAdvanced, error) {
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: complaintLocal})
	out, err := wf.DoLocal(local, p.acts.Advance, in)
	if err == nil || refused(err) {
		return out, err
	}
	p.log.Warn("step not written yet", "action", string(in.Event.Action), "err", err)
	lasting := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 10 * time.Second}, // a database comes back
	})
	return wf.Do(lasting, p.acts.Advance, in)
}

// send lets the messages of a step leave, without end and without keeping the process waiting.
func (p *complaint) send(ctx workflow.Context, seq int64) {
	if slices.Contains(p.unsent, seq) {
		return
	}
	p.unsent = append(p.unsent, seq)
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: models.NotificationTaskQueue, StartToCloseTimeout: time.Minute,
			RetryPolicy: &temporal.RetryPolicy{InitialInterval: 2 * time.Second, MaximumInterval: 5 * time.Minute}, // a mail server comes back
		})
		if _, err := wf.Do(ctx, p.mail.Deliver, models.DeliverMessages{SubjectID: p.caseID, Seq: seq}); err != nil {
			p.log.Warn("messages given up", "seq", seq, "err", err)
		}
		p.unsent = slices.DeleteFunc(p.unsent, func(s int64) bool { return s == seq })
	})
}

func (p *complaint) notRolling() error {
	if !p.rolling {
		return nil
	}
	return errs.New(errs.Unavailable, "unavailable.moment")
}

func (p *complaint) seen(requestID string) bool {
	return requestID != "" && p.state != nil && slices.Contains(p.state.Handled, requestID)
}
