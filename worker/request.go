package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/reqctx"
)

// asked is a command or a step that knows the X-Request-ID of the call that asked for it.
type asked interface{ AskedBy() string }

// requestLogs names in every line that a process or an activity logs the call for which it works, and logs at level DEBUG
// each command and activity, so that a call can be followed from the API's log.
type requestLogs struct {
	interceptor.WorkerInterceptorBase
}

// RequestLogs returns the interceptor that writes the X-Request-ID into the logs of processes and activities.
func RequestLogs() interceptor.WorkerInterceptor { return &requestLogs{} }

// InterceptActivity wraps activities, local ones too.
func (*requestLogs) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &loggedActivity{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

// InterceptWorkflow wraps processes and their handlers.
func (*requestLogs) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &loggedWorkflow{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type loggedActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *loggedActivity) Init(next interceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&activityLogger{interceptor.ActivityOutboundInterceptorBase{Next: next}})
}

func (i *loggedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	start, id, inner := time.Now(), requestOf(in.Args), ctx
	if id != "" {
		inner = reqctx.With(ctx, reqctx.Request{ID: id})
	}
	out, err := i.Next.ExecuteActivity(inner, in)
	activity.GetLogger(ctx).Debug("activity done", outcome(id, err, "took_ms", time.Since(start).Milliseconds())...)
	return out, err
}

type activityLogger struct {
	interceptor.ActivityOutboundInterceptorBase
}

func (i *activityLogger) GetLogger(ctx context.Context) log.Logger {
	return named(i.Next.GetLogger(ctx), reqctx.From(ctx).ID)
}

type loggedWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
}

type requestKey struct{}

func (i *loggedWorkflow) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&workflowLogger{interceptor.WorkflowOutboundInterceptorBase{Next: next}})
}

func (i *loggedWorkflow) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	id := requestOf(in.Args)
	out, err := i.Next.ExecuteUpdate(workflow.WithValue(ctx, requestKey{}, id), in)
	workflow.GetLogger(ctx).Debug("command done", outcome(id, err, "command", in.Name)...)
	return out, err
}

type workflowLogger struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func (i *workflowLogger) GetLogger(ctx workflow.Context) log.Logger {
	id, _ := ctx.Value(requestKey{}).(string) // what a process does by itself works for nobody's call
	return named(i.Next.GetLogger(ctx), id)
}

func requestOf(args []any) string {
	for _, arg := range args {
		if a, ok := arg.(asked); ok {
			return a.AskedBy()
		}
	}
	return ""
}

func named(l log.Logger, requestID string) log.Logger {
	if requestID == "" {
		return l
	}
	return log.With(l, "request_id", requestID)
}

// outcome is what a line tells of what was done for a call. The call is named in it, since a logger made for one line costs more.
func outcome(requestID string, err error, pairs ...any) []any {
	if requestID != "" {
		pairs = append(pairs, "request_id", requestID)
	}
	if err != nil {
		pairs = append(pairs, "err", err)
	}
	return pairs
}
