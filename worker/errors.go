package worker

import (
	"context"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/temporalx"
)

// typedErrors gives every error that leaves an activity, a validator or a command's handler its code as the engine's
// error type, so that the caller can tell a refusal from a failure.
type typedErrors struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity wraps activities, local ones too.
func (*typedErrors) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &typedActivity{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

// InterceptWorkflow wraps validators and handlers of commands.
func (*typedErrors) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &typedWorkflow{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type typedActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *typedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := i.Next.ExecuteActivity(ctx, in)
	return out, temporalx.ToTemporal(err)
}

type typedWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (i *typedWorkflow) ValidateUpdate(ctx workflow.Context, in *interceptor.UpdateInput) error {
	return temporalx.ToTemporal(i.Next.ValidateUpdate(ctx, in))
}

func (i *typedWorkflow) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	out, err := i.Next.ExecuteUpdate(ctx, in)
	return out, temporalx.ToTemporal(err)
}

// TypedErrors returns the interceptor by which every error leaves a process with its code; tests use it too.
func TypedErrors() interceptor.WorkerInterceptor { return &typedErrors{} }
