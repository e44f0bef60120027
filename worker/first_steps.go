package worker

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// firstSteps tells of every first step that an activity has taken, or that was refused.
type firstSteps struct {
	interceptor.WorkerInterceptorBase
	taken func(workflowID string, refusal error)
}

// FirstSteps returns the interceptor that tells taken of every first step; it must see errors as TypedErrors gives them.
func FirstSteps(taken func(workflowID string, refusal error)) interceptor.WorkerInterceptor {
	return &firstSteps{taken: taken}
}

// InterceptActivity wraps activities, local ones too.
func (f *firstSteps) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &tellingActivity{interceptor.ActivityInboundInterceptorBase{Next: next}, f.taken}
}

type tellingActivity struct {
	interceptor.ActivityInboundInterceptorBase
	taken func(workflowID string, refusal error)
}

func (i *tellingActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := i.Next.ExecuteActivity(ctx, in)
	var app *temporal.ApplicationError
	if begins(in.Args) && (err == nil || errors.As(err, &app) && app.NonRetryable()) { // anything else is tried again
		i.taken(activity.GetInfo(ctx).WorkflowExecution.ID, err)
	}
	return out, err
}

// begins reports whether the activity is asked for the first step of its process.
func begins(args []any) bool {
	for _, arg := range args {
		if a, ok := arg.(interface{ Begins() bool }); ok {
			return a.Begins()
		}
	}
	return false
}
