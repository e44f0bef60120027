package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkinterceptor "go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/worker"
)

// names keeps the names under which processes are registered.
type names []string

func (n *names) RegisterWorkflowWithOptions(_ any, o workflow.RegisterOptions) {
	*n = append(*n, o.Name)
}

func TestRegister_under_the_names_on_the_wire(t *testing.T) {
	t.Parallel()
	var got names
	worker.Register(&got)
	require.Equal(t, names{"Complaint", "Approval", "FollowUp", "Campaign", "CampaignRun", "CampaignFiring", "Reception", "Relationship", "Inspection", "Discipline"}, got, "a name is never changed once released")
}

func TestTypedErrors_type_every_error(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		code  errs.Code
		final bool
	}{
		"refusal": {errs.New(errs.Conflict, "case.state", "state", "closed"), errs.Conflict, true},
		"failure": {errs.New(errs.Unavailable, "unavailable.database"), errs.Unavailable, false},
		"unknown": {errors.New("boom"), errs.Internal, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
			env.SetWorkerOptions(sdkworker.Options{Interceptors: []sdkinterceptor.WorkerInterceptor{worker.TypedErrors()}})
			attempts := 0
			fail := func(context.Context) error { attempts++; return c.err }
			env.RegisterActivity(fail)
			var rejected, failed error
			env.RegisterDelayedCallback(func() {
				env.UpdateWorkflow("checked", "u1", &testsuite.TestUpdateCallback{
					OnReject: func(err error) { rejected = err }, OnAccept: func() {}, OnComplete: func(any, error) {},
				})
				env.UpdateWorkflow("failing", "u2", &testsuite.TestUpdateCallback{
					OnReject: func(error) {}, OnAccept: func() {}, OnComplete: func(_ any, err error) { failed = err },
				})
			}, time.Second)
			env.ExecuteWorkflow(func(ctx workflow.Context) error {
				handler := func(workflow.Context) error { return c.err }
				if err := workflow.SetUpdateHandlerWithOptions(ctx, "checked", handler, workflow.UpdateHandlerOptions{Validator: handler}); err != nil {
					return err
				}
				if err := workflow.SetUpdateHandler(ctx, "failing", handler); err != nil {
					return err
				}
				if err := workflow.Sleep(ctx, time.Minute); err != nil {
					return err
				}
				ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
					StartToCloseTimeout: time.Second, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
				})
				return workflow.ExecuteActivity(ctx, fail).Get(ctx, nil)
			})
			for from, err := range map[string]error{"validator": rejected, "handler": failed, "activity": env.GetWorkflowError()} {
				var app *temporal.ApplicationError
				require.ErrorAs(t, err, &app, from)
				require.Equal(t, string(c.code), app.Type(), from)
				require.Equal(t, c.final, app.NonRetryable(), from)
			}
			if c.final {
				require.Equal(t, 1, attempts, "a refusal is not tried again")
			} else {
				require.Equal(t, 3, attempts)
			}
		})
	}
}
