// Package wf is the small kit that every workflow uses.
package wf

import (
	"context"

	"go.temporal.io/sdk/workflow"
)

// Activity is an activity with its input and output.
type Activity[I, O any] = func(context.Context, I) (O, error)

// Do runs an activity; the compiler checks its input and output.
func Do[I, O any](ctx workflow.Context, act Activity[I, O], in I) (O, error) {
	var out O
	err := workflow.ExecuteActivity(ctx, act, in).Get(ctx, &out)
	return out, err
}

// DoLocal is Do for a local activity.
func DoLocal[I, O any](ctx workflow.Context, act Activity[I, O], in I) (O, error) {
	var out O
	err := workflow.ExecuteLocalActivity(ctx, act, in).Get(ctx, &out)
	return out, err
}

// Handle registers an update; check and apply get the same typed command. check must only read.
func Handle[C, R any](ctx workflow.Context, name string, check func(workflow.Context, C) error, apply func(workflow.Context, C) (R, error)) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, name, apply, workflow.UpdateHandlerOptions{Validator: check})
}
