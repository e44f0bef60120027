package workflows

import (
	"cmp"
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
	// localStep bounds the local attempt of a step; a step that takes longer goes on as an ordinary activity.
	localStep = 2 * time.Second
	// unbegun is how long a process waits for its first command, which travels with its start.
	unbegun = 10 * time.Minute
)

// seen is what the shell must know of a state.
type seen struct {
	seq     int64
	handled []string // ids of the latest commands
	nextAt  *time.Time
	over    bool
	orders  []models.ApprovalOrder // in the order of their steps
	news    *models.ClientNews     // for the client's relationship; nil: none yet
}

// outcome is a step that was taken, or a stored state that had moved on (behind).
type outcome[S, E any] struct {
	state        *S
	behind, mail bool
	after        func(workflow.Context)               // nil: nothing else follows
	children     []child                              // to start, unless they have been
	asides       []func(workflow.Context) (*E, error) // what is done beside the steps; the event that it may return is taken then
}

// landed is the outcome of a step from the state s (nil: none yet). What cannot be read stops the process, until a program
// that can read it runs: going on would lose a step.
func landed[E, S any](s *S, a models.Advanced[S]) outcome[S, E] {
	state, err := a.Onto(s)
	if err != nil {
		panic(err)
	}
	return outcome[S, E]{state: state, behind: a.Behind, mail: a.Mail}
}

// child is a process that is started beside, other than an approval.
type child struct {
	kind, id string
	input    any
}

// spec is what makes a process of the shell: S is its state, E an event that asks it for a step.
type spec[S, E any] struct {
	process string // its name, for the approvals that it asks for
	first   string // the update that begins it; empty: it begins with opening
	ready   string // the update that answers once the first step is taken; empty: none
	again   bool   // first may come again, as any action
	begins  bool   // it begins with opening, and first may come later
	opening E
	refusal func(workflow.Context, error)                   // what follows from an opening that was refused
	actions []string                                        // the updates of people
	signals []string                                        // what it is told, beside adopt
	receive func(workflow.ReceiveChannel, string) (E, bool) // the next fact of the signal
	name    func(E) string
	tick    E
	adopt   E
	meta    func(E) models.Meta
	look    func(*S, time.Time) seen
	check   func(s *S, e E, at time.Time) error // may the command be taken; only reads
	unknown error                               // of a command before the first step
	exists  func(*S) error                      // of a second beginning
	advance func(ctx workflow.Context, s *S, e E, at time.Time) (outcome[S, E], error)
	roll    func(workflow.Context, *process[S, E]) error // continues as new
	events  int                                          // after so many it continues as new; 0: when the engine suggests it
}

// beginWith lets the process begin by itself with the first command.
func (s *spec[S, E]) beginWith(e E) {
	s.begins, s.opening = true, e
	if s.meta(e).Actor.ID != models.System {
		s.refusal = func(workflow.Context, error) {} // whoever asked is told
	}
}

// process is the durable shell of one business object. It takes one step for each command of a person, each fact that it is
// told and each checkpoint of the clock; a step is decided and written by an activity. It waits for commands (updates named
// after the actions), for the next checkpoint (one timer) and for signals. What is decided, it neither knows nor asks.
type process[S, E any] struct {
	spec[S, E]
	id      string
	state   *S                      // nil until the first step
	unsent  []int64                 // steps whose messages have not left yet
	ordered int64                   // the last step whose orders were carried out
	known   int64                   // the last step whose news the client's relationship was told
	pending int                     // what is being done aside
	orders  workflow.Mutex          // orders are carried out one after the other: a word must not overtake the start
	told    []E                     // facts that wait for their step
	news    workflow.ReceiveChannel // adopt
	facts   []workflow.ReceiveChannel
	mail    *activities.Notifications
	mu      workflow.Mutex
	log     log.Logger

	begun    bool  // the first command has arrived
	rejected bool  // and was refused: there is no object
	why      error // it was refused, where it came within the input
	stale    bool  // the stored state has moved on
	rolling  bool

	timer   workflow.Future
	stop    workflow.CancelFunc
	armedAt *time.Time
}

// begin registers all handlers, before the first wait.
func begin[S, E any](ctx workflow.Context, id string, s spec[S, E], state *S, unsent []int64, ordered int64) (*process[S, E], error) {
	p := &process[S, E]{
		spec: s, id: id, state: state, begun: state != nil || s.first == "" || s.begins, ordered: ordered, mu: workflow.NewMutex(ctx), orders: workflow.NewMutex(ctx),
		news: workflow.GetSignalChannel(ctx, models.ComplaintAdopt), log: log.With(workflow.GetLogger(ctx), s.process+"_id", id),
	}
	for _, name := range s.signals {
		p.facts = append(p.facts, workflow.GetSignalChannel(ctx, name))
	}
	if err := workflow.SetQueryHandler(ctx, models.ComplaintStatus, func() (*S, error) { return p.state, nil }); err != nil {
		return nil, err
	}
	if s.ready != "" {
		if err := wf.Handle(ctx, s.ready, func(workflow.Context, E) error { return p.notRolling() }, p.awaitState); err != nil {
			return nil, err
		}
	}
	check, command := p.checkCommand, p.command // one of each, however many actions there are
	for _, action := range s.actions {
		if err := wf.Handle(ctx, action, check, command); err != nil {
			return nil, err
		}
	}
	if s.first != "" { // last: the command that came with the start begins at once, and each further registration would wake it
		if err := wf.Handle(ctx, s.first, p.checkFirst, p.record); err != nil {
			return nil, err
		}
	}
	for _, seq := range unsent {
		p.send(ctx, seq)
	}
	return p, nil
}

// run lives through the object's life.
func (p *process[S, E]) run(ctx workflow.Context) error {
	if err := p.awaitBeginning(ctx); err != nil {
		return err
	}
	for !p.over(ctx) {
		p.arm(ctx)
		err := workflow.Await(ctx, func() bool { return p.over(ctx) || p.mustRoll(ctx) || p.due() || p.moved(ctx) })
		switch {
		case err != nil:
			return err
		case p.over(ctx):
		case p.stale:
			err = p.byItself(ctx, p.adopt, true)
		case len(p.told) > 0:
			err = p.takeFact(ctx)
		case p.due():
			err = p.byItself(ctx, p.tick, false)
		case p.mustRoll(ctx):
			return p.continueAsNew(ctx)
		}
		if err != nil {
			return err
		}
	}
	return p.end(ctx)
}

// awaitBeginning waits for the first command. It comes with the start, so that the time-out is set only if it did not.
func (p *process[S, E]) awaitBeginning(ctx workflow.Context) error {
	if p.first == "" || p.begins {
		return p.open(ctx)
	}
	turn := false
	workflow.Go(ctx, func(workflow.Context) { turn = true }) // lets a command that came with the start begin
	if err := workflow.Await(ctx, func() bool { return turn }); err != nil {
		return err
	}
	if !p.begun {
		if _, err := workflow.AwaitWithTimeout(ctx, unbegun, func() bool { return p.begun }); err != nil {
			return err
		}
	}
	if !p.begun {
		p.rejected = true
	}
	return workflow.Await(ctx, func() bool { return p.state != nil || p.rejected })
}

// open takes the first step of a process that begins by itself. One that is refused ends it.
func (p *process[S, E]) open(ctx workflow.Context) error {
	if p.state != nil {
		return nil
	}
	err := p.byItself(ctx, p.opening, true)
	if p.rejected = refused(err); p.rejected {
		p.why = err
		p.refusal(ctx, err)
		return nil
	}
	return err
}

// takeFact takes the step of the next fact. A fact that no longer fits is dropped: nobody waits for an answer.
func (p *process[S, E]) takeFact(ctx workflow.Context) error {
	e := p.told[0]
	p.told = p.told[1:]
	err := p.byItself(ctx, e, true)
	if refused(err) {
		p.log.Info("fact dropped", "err", err)
		return nil
	}
	return err
}

// byItself takes a step that no person asked for, between the commands; one of the clock only if it is still due.
func (p *process[S, E]) byItself(ctx workflow.Context, e E, always bool) error {
	if err := p.mu.Lock(ctx); err != nil {
		return err
	}
	defer p.mu.Unlock()
	if !always && !p.pastDue(ctx) { // a command that came first has moved the checkpoint
		return nil
	}
	p.stale = false
	return p.take(ctx, e)
}

func (p *process[S, E]) sight(ctx workflow.Context) seen { return p.look(p.state, workflow.Now(ctx)) }

// over reports whether nothing can happen to the object any more.
func (p *process[S, E]) over(ctx workflow.Context) bool { return p.rejected || p.sight(ctx).over }

// arm keeps one timer: for the next checkpoint.
func (p *process[S, E]) arm(ctx workflow.Context) {
	next := p.sight(ctx).nextAt
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

func (p *process[S, E]) due() bool { return p.timer != nil && p.timer.IsReady() }

// moved reports whether there is news: the stored state has moved, a fact was told, or the next checkpoint is another one
// than the timer's.
func (p *process[S, E]) moved(ctx workflow.Context) bool {
	p.drain()
	next := p.sight(ctx).nextAt
	if p.stale || len(p.told) > 0 || (next == nil) != (p.armedAt == nil) {
		return true
	}
	return next != nil && !next.Equal(*p.armedAt)
}

// drain takes what the signals have brought.
func (p *process[S, E]) drain() {
	for p.news.ReceiveAsync(nil) {
		p.stale = true
	}
	for i, facts := range p.facts {
		for facts.Len() > 0 { // which is asked at every turn, and as a rule there is nothing to read
			if e, ok := p.receive(facts, p.signals[i]); ok {
				p.told = append(p.told, e)
			}
		}
	}
}

func (p *process[S, E]) mustRoll(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || p.events > 0 && info.GetCurrentHistoryLength() >= p.events
}

// continueAsNew starts a new history once no command is half done and all that was told has been taken; meanwhile
// validators send callers away for a moment.
func (p *process[S, E]) continueAsNew(ctx workflow.Context) error {
	p.rolling = true
	for {
		err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && p.pending == 0 })
		if err != nil {
			return err
		}
		switch p.drain(); { // what is taken may begin something aside again
		case p.stale:
			err = p.byItself(ctx, p.adopt, true)
		case len(p.told) > 0:
			err = p.takeFact(ctx)
		default:
			return p.roll(ctx, p)
		}
		if err != nil {
			return err
		}
	}
}

// end waits until every answer has been given, every message has left and every order was carried out.
func (p *process[S, E]) end(ctx workflow.Context) error {
	if p.stop != nil {
		p.stop()
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && len(p.unsent) == 0 && p.pending == 0 })
}

func (p *process[S, E]) checkFirst(ctx workflow.Context, e E) error {
	if p.again && p.state != nil {
		return p.checkCommand(ctx, e)
	}
	return p.notRolling()
}

// record takes the first command. A process whose first command is refused ends itself: nothing came to be.
func (p *process[S, E]) record(ctx workflow.Context, e E) (models.Reply, error) {
	p.begun = true
	if p.state == nil && p.opens() { // it came within the input as well
		if _, err := p.awaitState(ctx, e); err != nil {
			return models.Reply{}, cmp.Or(p.why, err)
		}
	}
	if err := p.mu.Lock(ctx); err != nil {
		return models.Reply{}, err
	}
	defer p.mu.Unlock()
	if p.state != nil {
		if p.repeats(ctx, e) {
			return p.reply(ctx), nil
		}
		if !p.again {
			return models.Reply{}, p.exists(p.state)
		}
	}
	if err := p.take(ctx, e); err != nil {
		p.rejected = p.state == nil
		return models.Reply{}, err
	}
	return p.reply(ctx), nil
}

// checkCommand is the validator of every action on an existing object; it only reads.
func (p *process[S, E]) checkCommand(ctx workflow.Context, e E) error {
	if err := p.notRolling(); err != nil {
		return err
	}
	if p.state == nil {
		if p.opens() {
			return nil // its first step is under way: the handler waits for it
		}
		return p.unknown
	}
	if p.repeats(ctx, e) {
		return nil // an answer that got lost is given again
	}
	if p.mu.IsLocked() || p.stale || p.news.Len() > 0 || p.missed(ctx) {
		return nil // a step is under way or comes first, or the stored state is to be adopted: what that leaves, the handler judges by
	}
	return p.check(p.state, e, workflow.Now(ctx))
}

// command applies one action. Commands of one object are applied one after the other: a step yields while it is written,
// and a second one must not be judged by the state before it.
func (p *process[S, E]) command(ctx workflow.Context, e E) (models.Reply, error) {
	if p.state == nil {
		if _, err := p.awaitState(ctx, e); err != nil {
			return models.Reply{}, err
		}
		if err := p.check(p.state, e, workflow.Now(ctx)); err != nil {
			return models.Reply{}, err
		}
	}
	if err := p.mu.Lock(ctx); err != nil {
		return models.Reply{}, err
	}
	defer p.mu.Unlock()
	if err := p.notRolling(); err != nil { // we may have waited; what else has changed meanwhile, the step judges
		return models.Reply{}, err
	}
	if p.repeats(ctx, e) {
		return p.reply(ctx), nil
	}
	if err := p.take(ctx, e); err != nil {
		return models.Reply{}, err
	}
	return p.reply(ctx), nil
}

// opens reports whether the process is about to take its first step by itself.
func (p *process[S, E]) opens() bool { return (p.first == "" || p.begins) && !p.rejected }

// awaitState waits for the first step of a process that begins by itself.
func (p *process[S, E]) awaitState(ctx workflow.Context, _ E) (models.Reply, error) {
	if err := workflow.Await(ctx, func() bool { return p.state != nil || p.rejected }); err != nil {
		return models.Reply{}, err
	}
	if p.rejected {
		return models.Reply{}, p.unknown
	}
	return p.reply(ctx), nil
}

func (p *process[S, E]) reply(ctx workflow.Context) models.Reply {
	return models.Reply{Seq: p.sight(ctx).seq}
}

// take takes one step. Where the stored state has moved on (another transaction moved the object, or a worker died after
// the step was written), it is adopted first and the step is judged again.
func (p *process[S, E]) take(ctx workflow.Context, e E) error {
	if err := p.catchUp(ctx, e); err != nil {
		return err
	}
	for {
		out, err := p.advance(ctx, p.state, e, workflow.Now(ctx))
		if err != nil {
			return err
		}
		now := p.look(out.state, workflow.Now(ctx))
		from := now.seq
		if p.state != nil && out.behind {
			from = p.sight(ctx).seq + 1
		}
		p.state = out.state
		if out.mail {
			for seq := from; seq <= now.seq; seq++ {
				p.send(ctx, seq)
			}
		}
		if out.after != nil {
			out.after(ctx)
		}
		for _, c := range out.children {
			p.aside(ctx, c.id, func(ctx workflow.Context) error { return p.start(ctx, c.kind, c.id, c.input) })
		}
		for _, do := range out.asides {
			p.aside(ctx, "aside", func(ctx workflow.Context) error {
				e, err := do(ctx)
				if e != nil {
					p.told = append(p.told, *e)
				}
				return err
			})
		}
		p.carryOut(ctx, now.orders)
		p.tellClient(ctx, now.news)
		switch {
		case !out.behind, p.name(e) == p.name(p.adopt), p.repeats(ctx, e):
			return nil
		case p.name(e) == p.name(p.tick) && !p.pastDue(ctx):
			return nil
		}
	}
}

// catchUp lets what the clock has missed happen before the event, in its order: whatever a person or another process says, the
// instants of those checkpoints were before.
func (p *process[S, E]) catchUp(ctx workflow.Context, e E) error {
	if name := p.name(e); name == p.name(p.tick) || name == p.name(p.adopt) || !p.missed(ctx) {
		return nil
	}
	if workflow.GetVersion(ctx, "missed-first", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil // it is being replayed as it was
	}
	for p.missed(ctx) {
		checkpoint := *p.sight(ctx).nextAt
		if err := p.take(ctx, p.tick); err != nil {
			return err
		}
		if next := p.sight(ctx).nextAt; next != nil && !next.After(checkpoint) {
			return nil // it cannot be taken now, and must not be in the way
		}
	}
	return nil
}

// missed reports whether a checkpoint is behind us. One of this very instant is not: who acts at the due time is in time.
func (p *process[S, E]) missed(ctx workflow.Context) bool {
	if p.state == nil || p.over(ctx) {
		return false
	}
	next := p.sight(ctx).nextAt
	return next != nil && !workflow.Now(ctx).Before(next.Add(time.Millisecond))
}

func (p *process[S, E]) pastDue(ctx workflow.Context) bool {
	next := p.sight(ctx).nextAt
	return next != nil && !workflow.Now(ctx).Before(*next)
}

// repeats reports whether the command has been applied before.
func (p *process[S, E]) repeats(ctx workflow.Context, e E) bool {
	requestID := p.meta(e).RequestID
	return requestID != "" && p.state != nil && slices.Contains(p.sight(ctx).handled, requestID)
}

// send lets the messages of a step leave, without end and without keeping the process waiting.
func (p *process[S, E]) send(ctx workflow.Context, seq int64) {
	if slices.Contains(p.unsent, seq) {
		return
	}
	p.unsent = append(p.unsent, seq)
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: models.NotificationTaskQueue, StartToCloseTimeout: time.Minute,
			RetryPolicy: &temporal.RetryPolicy{InitialInterval: 2 * time.Second, MaximumInterval: 5 * time.Minute}, // a mail server comes back
		})
		if _, err := wf.Do(ctx, p.mail.Deliver, models.DeliverMessages{SubjectID: p.id, Seq: seq}); err != nil {
			p.log.Warn("messages given up", "seq", seq, "err", err)
		}
		p.unsent = slices.DeleteFunc(p.unsent, func(s int64) bool { return s == seq })
	})
}

func (p *process[S, E]) notRolling() error {
	if !p.rolling {
		return nil
	}
	return errs.New(errs.Unavailable, "unavailable.moment")
}

// step runs the activity of a step, or of its news, as a local one, and without end as an ordinary one when that fails: it is never
// given up.
func step[I, O any](ctx workflow.Context, act wf.Activity[I, O], in I) (O, error) {
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: localStep})
	out, err := wf.DoLocal(local, act, in)
	if err == nil || refused(err) {
		return out, err
	}
	workflow.GetLogger(ctx).Warn("not done at once", "err", err)
	lasting := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 10 * time.Second}, // a database comes back
	})
	return wf.Do(lasting, act, in)
}
