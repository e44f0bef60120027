// Package temporalx is all that knows the engine's client: connecting, sealing payloads, sending commands and telling
// the engine's failures apart.
package temporalx

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// How long a command may take: to be accepted by its process, and then to be answered.
const (
	acceptWithin = 10 * time.Second
	answerWithin = 15 * time.Second
	startTimeout = 12 * time.Second
	// wordWithin is how long word of a first step may take from a worker in the same program.
	wordWithin = 3 * time.Second
	// turnWithin is how long a command may wait for its turn. Whoever is sent away then knows soon that the engine was not asked.
	turnWithin = 5 * time.Second
)

// Options says where the engine is.
type Options struct {
	Address   string
	Namespace string
	Keys      *Keyring // nil: payloads in clear
	Log       *slog.Logger
	Tracer    trace.Tracer // nil: no spans, and nothing of a trace in any history
}

// lateLogger keeps what a logger's lines are about until there is a line to write. slog would write it out for every task, of which
// hardly one logs anything: so its own way to do that is hidden, and the SDK keeps it.
type lateLogger struct{ log.Logger }

// Dial returns a client that connects when it is first used, so that the API starts while the engine is down.
func Dial(o Options) (client.Client, error) {
	var dc converter.DataConverter = DataConverter(o.Keys)
	var interceptors []interceptor.ClientInterceptor
	if o.Tracer != nil {
		traced, err := tracing(o.Tracer)
		if err != nil {
			return nil, err
		}
		interceptors = append(interceptors, traced) // the workers on this client take it as well
	}
	return client.NewLazyClient(client.Options{
		// Sealed payloads do not become smaller, and the engine is near: compressing every message costs time and saves nothing.
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
		HostPort:          o.Address, Namespace: o.Namespace, DataConverter: dc, Logger: lateLogger{log.NewStructuredLogger(o.Log)},
		Interceptors:     interceptors,
		FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: dc, EncodeCommonAttributes: o.Keys != nil}),
	})
}

// Engine sends commands to processes by the engine's client.
type Engine struct {
	client    client.Client
	taskQueue string
	taken     temporal.SearchAttributes
	turns     *turns      // nil: commands are not counted
	beside    *FirstSteps // of the worker in this program; nil: there is none
}

// NewEngine returns an Engine whose processes run on the task queue, where workers of the build take them.
func NewEngine(c client.Client, taskQueue, build string) *Engine {
	builds := temporal.NewSearchAttributeKeyKeywordList(models.BuildsIndex)
	return &Engine{client: c, taskQueue: taskQueue, taken: temporal.NewSearchAttributes(builds.ValueSet([]string{"unversioned", "unversioned:" + build}))}
}

// Bounded is the same Engine for so many commands at once, a quarter of them to one process; more wait for their turn, first come, first
// served.
//
// Processes that fall due share the machine with the commands of people. What the engine is asked beyond what it can do only
// makes it slower at everything, and what fell due would wait behind it.
func (e *Engine) Bounded(commands int) *Engine {
	bounded := *e
	bounded.turns = newTurns(commands)
	return &bounded
}

// Beside is the same Engine for a program in which a worker runs, too, which tells of first steps.
func (e *Engine) Beside(first *FirstSteps) *Engine {
	beside := *e
	beside.beside = first
	return &beside
}

// turn waits until the command may be sent, and returns what ends it. Nothing was sent when it fails: unavailable.
func (e *Engine) turn(ctx context.Context, workflowID string) (func(), error) {
	if e.turns == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	end, err := e.turns.take(ctx, workflowID)
	if err != nil {
		busy := errs.Wrap(err, errs.Unavailable, "unavailable.busy")
		busy.RetryAfter = turnWithin
		return nil, busy
	}
	return end, nil
}

// start is how every process is started: one for its id, ever.
func (e *Engine) start(workflowID string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: workflowID, TaskQueue: e.taskQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		TypedSearchAttributes:    e.taken,
	}
}

// Start starts the process with its first command, or finds it running, and waits for the command's answer. The same
// update id gets the same answer, also when the process was started before.
func (e *Engine) Start(ctx context.Context, workflowType, workflowID string, input any, name, updateID string, cmd any) (models.Reply, error) {
	end, err := e.turn(ctx, workflowID)
	if err != nil {
		return models.Reply{}, err
	}
	defer end()
	if in, ok := input.(models.SelfBeginning); ok && e.beside != nil {
		if answered, err := e.startBeside(ctx, workflowType, workflowID, in.With(cmd)); answered {
			return models.Reply{Seq: 1}, err
		}
	}
	return e.startWith(ctx, workflowType, workflowID, input, name, updateID, cmd)
}

// startBeside starts the process where its worker runs in this program: the engine hands the first task back with the start,
// and word of the first step comes from the worker, which is two transactions of the engine less than an update. The step is
// written by then, and the start before it: whatever dies, the process goes on from there.
//
// There is no answer if the process was started before, or if no word came: another worker may have got the task, after this
// one was too busy or the database was away.
func (e *Engine) startBeside(ctx context.Context, workflowType, workflowID string, input any) (answered bool, err error) {
	word, end := e.beside.await(workflowID)
	defer end()
	if word == nil {
		return false, nil
	}
	start := e.start(workflowID)
	start.EnableEagerStart = true
	start.WorkflowIDConflictPolicy, start.WorkflowExecutionErrorWhenAlreadyStarted = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL, true
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err = e.client.ExecuteWorkflow(starting, start, workflowType, input)
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return true, callError(err, errs.Unavailable)
	}
	select {
	case err := <-word:
		return true, callError(err, errs.Pending)
	case <-time.After(wordWithin):
	case <-ctx.Done():
	}
	return false, nil
}

// startWith starts the process with its first command as an update.
func (e *Engine) startWith(ctx context.Context, workflowType, workflowID string, input any, name, updateID string, cmd any) (reply models.Reply, err error) {
	start := e.client.NewWithStartWorkflowOperation(e.start(workflowID), workflowType, input)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	handle, err := e.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: workflowID, UpdateID: updateID, UpdateName: name, Args: []any{cmd}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return reply, callError(err, errs.Unavailable)
	}
	err = callError(handle.Get(ctx, &reply), errs.Pending)
	return reply, err
}

// Begin starts a process that begins by itself, unless it runs or has run.
func (e *Engine) Begin(ctx context.Context, workflowType, workflowID string, input any) error {
	ctx, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	start := e.start(workflowID)
	start.EnableEagerStart = true // where a worker runs in this program, it begins at once
	_, err := e.client.ExecuteWorkflow(ctx, start, workflowType, input)
	return callError(err, errs.Unavailable) // the client takes one that runs or has run for started
}

// Update sends a command to a running process and waits for its answer, in two steps: until the process has accepted it
// a time-out means that it is safe to repeat; from then on the command is pending.
func (e *Engine) Update(ctx context.Context, workflowID, name, updateID string, cmd any) (reply models.Reply, err error) {
	end, err := e.turn(ctx, workflowID)
	if err != nil {
		return reply, err
	}
	defer end()
	accept, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	handle, err := e.client.UpdateWorkflow(accept, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateID: updateID, UpdateName: name, Args: []any{cmd}, WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return reply, callError(err, errs.Unavailable)
	}
	answer, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err = callError(handle.Get(answer, &reply), errs.Pending)
	return reply, err
}

// Signal tells a running process a fact; a process that is over is not_found.
func (e *Engine) Signal(ctx context.Context, workflowID, name string, arg any) error {
	ctx, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	return callError(e.client.SignalWorkflow(ctx, workflowID, "", name, arg), errs.Unavailable)
}

// SignalWithStart tells a process a fact, and starts the process with the input first if it has never run; one that is over is
// process_closed.
func (e *Engine) SignalWithStart(ctx context.Context, workflowID, workflowType string, input any, name string, arg any) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := e.client.SignalWithStartWorkflow(ctx, workflowID, name, arg, e.start(workflowID), workflowType, input)
	return callError(err, errs.Unavailable)
}

// Clients tells the processes of clients by an engine.
type Clients struct{ Engine *Engine }

// Tell gives news to the process of their client, which is started if it has never run; one that is over is process_closed.
func (c Clients) Tell(ctx context.Context, news models.ClientNews) error {
	return c.Engine.SignalWithStart(ctx, models.RelationshipWorkflowID(news.ClientID), models.RelationshipType,
		models.RelationshipInput{ClientID: news.ClientID}, models.RelationshipTold, news)
}

// Check reports whether the engine can be reached.
func (e *Engine) Check(ctx context.Context) error {
	_, err := e.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return callError(err, errs.Unavailable)
}

// callError tells the engine's failures apart: what the process answered, a process that is not there, a call that the engine
// takes from nobody, and an engine that cannot be reached or did not answer in time (onTimeout).
func callError(err error, onTimeout errs.Code) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		if app.Type() == "AcceptedUpdateCompletedWorkflow" {
			return errs.Wrap(err, errs.ProcessClosed, "process_closed")
		}
		return FromTemporal(err)
	}
	var notFound *serviceerror.NotFound
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	var exhausted *serviceerror.ResourceExhausted
	var invalid *serviceerror.InvalidArgument
	var timeout *client.WorkflowUpdateServiceTimeoutOrCanceledError
	var deadline *serviceerror.DeadlineExceeded
	switch {
	case errors.As(err, &notFound):
		return errs.Wrap(err, errs.NotFound, "process_unknown")
	case errors.As(err, &exists):
		return errs.Wrap(err, errs.ProcessClosed, "process_closed")
	case errors.As(err, &exhausted):
		e := errs.Wrap(err, errs.RateLimited, "rate_limited")
		e.RetryAfter = time.Second
		return e
	case errors.As(err, &invalid): // which another try does not change
		return errs.Wrap(err, errs.Internal, "internal")
	case errors.As(err, &timeout), errors.As(err, &deadline), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		if onTimeout == errs.Pending {
			return errs.Wrap(err, errs.Pending, "pending")
		}
	}
	e := errs.Wrap(err, errs.Unavailable, "unavailable.engine")
	e.RetryAfter = 2 * time.Second
	return e
}
