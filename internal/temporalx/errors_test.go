package temporalx

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// crossed sends an error over the engine's wire and back.
func crossed(t *testing.T, err error) error {
	t.Helper()
	keys, kerr := NewKey("k")
	require.NoError(t, kerr)
	ring, kerr := ParseKeyring(keys)
	require.NoError(t, kerr)
	wire := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: DataConverter(ring), EncodeCommonAttributes: true})
	return wire.FailureToError(wire.ErrorToFailure(err))
}

var everyCode = []errs.Code{
	errs.Malformed, errs.Invalid, errs.Unauthenticated, errs.Forbidden, errs.NotFound, errs.Conflict, errs.ProcessClosed, errs.PreconditionFailed,
	errs.TooLarge, errs.IdempotencyKeyReused, errs.RateLimited, errs.Unavailable, errs.Pending, errs.Internal,
}

func TestErrors_cross_the_engine_whole(t *testing.T) {
	t.Parallel()
	for _, code := range everyCode {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			in := &errs.Error{
				Code: code, Key: "case.state", Args: map[string]string{"state": "closed"}, RetryAfter: 3 * time.Second,
				Fields: []errs.Field{{Field: "until", Code: "future", Args: map[string]string{"max": "1"}}}, Err: errors.New("secret cause"),
			}
			back := crossed(t, ToTemporal(fmt.Errorf("outer: %w", in)))
			var app *temporal.ApplicationError
			require.ErrorAs(t, back, &app)
			require.Equal(t, string(code), app.Type())
			require.Equal(t, !code.Retryable(), app.NonRetryable(), "a refusal is final, a failure is not")
			require.NotContains(t, back.Error(), "secret cause", "the inner cause stays where it happened")

			var out *errs.Error
			require.ErrorAs(t, FromTemporal(back), &out)
			require.Equal(t, []any{in.Code, in.Key, in.Args, in.Fields, in.RetryAfter}, []any{out.Code, out.Key, out.Args, out.Fields, out.RetryAfter})
		})
	}
}

func TestToTemporal_gives_every_error_a_type(t *testing.T) {
	t.Parallel()
	require.NoError(t, ToTemporal(nil))
	var app *temporal.ApplicationError
	require.ErrorAs(t, ToTemporal(errors.New("boom")), &app)
	require.Equal(t, string(errs.Internal), app.Type())
	require.False(t, app.NonRetryable(), "what nobody expected is tried again")

	typed := temporal.NewApplicationError("case.over", string(errs.ProcessClosed))
	require.Equal(t, typed, ToTemporal(fmt.Errorf("activity: %w", typed)), "a type is kept")
	require.True(t, temporal.IsCanceledError(ToTemporal(temporal.NewCanceledError())), "a cancellation stays one")
}

func TestFromTemporal_leaves_foreign_errors_alone(t *testing.T) {
	t.Parallel()
	foreign := errors.New("foreign")
	require.Equal(t, foreign, FromTemporal(foreign))
	require.Equal(t, errs.Internal, errs.CodeOf(FromTemporal(temporal.NewApplicationError("m", ""))))
	var e *errs.Error
	require.ErrorAs(t, FromTemporal(temporal.NewApplicationError("case.over", string(errs.ProcessClosed))), &e, "details are not needed")
	require.Equal(t, "case.over", e.Key)
}

// TestErrors_survive_an_activity goes through the engine's own wrapping: the failure of an activity inside that of a workflow.
func TestErrors_survive_an_activity(t *testing.T) {
	t.Parallel()
	env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
	attempts := 0
	refuse := func(context.Context) error {
		attempts++
		return ToTemporal(errs.New(errs.Forbidden, "forbidden.case", "who", "handler"))
	}
	env.RegisterActivity(refuse)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Second})
		err := workflow.ExecuteActivity(ctx, refuse).Get(ctx, nil)
		var wrapped *temporal.ActivityError
		if !errors.As(err, &wrapped) {
			return fmt.Errorf("not an activity's failure: %w", err)
		}
		return ToTemporal(err)
	})
	var e *errs.Error
	require.ErrorAs(t, FromTemporal(env.GetWorkflowError()), &e)
	require.Equal(t, errs.Forbidden, e.Code)
	require.Equal(t, map[string]string{"who": "handler"}, e.Args)
	require.Equal(t, 1, attempts, "a refusal is not tried again")
}

func TestCallError_tells_the_engines_failures_apart(t *testing.T) {
	t.Parallel()
	late := client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded)
	for _, c := range []struct {
		name                     string
		err                      error
		beforeAccept, afterwards errs.Code
		retry                    bool
	}{
		{"process unknown or over", serviceerror.NewNotFound("workflow execution already completed"), errs.NotFound, errs.NotFound, false},
		{"process over for good", serviceerror.NewWorkflowExecutionAlreadyStarted("m", "r", "i"), errs.ProcessClosed, errs.ProcessClosed, false},
		{"too much at once", serviceerror.NewResourceExhausted(0, "limit"), errs.RateLimited, errs.RateLimited, true},
		{"taken from nobody", serviceerror.NewInvalidArgument("the id is too long"), errs.Internal, errs.Internal, false},
		{"engine down", serviceerror.NewUnavailable("down"), errs.Unavailable, errs.Unavailable, true},
		{"engine broken", serviceerror.NewInternal("oops"), errs.Unavailable, errs.Unavailable, true},
		{"update timed out", late, errs.Unavailable, errs.Pending, false},
		{"server's deadline", serviceerror.NewDeadlineExceeded("late"), errs.Unavailable, errs.Pending, false},
		{"our deadline", fmt.Errorf("call: %w", context.DeadlineExceeded), errs.Unavailable, errs.Pending, false},
		{"caller went away", context.Canceled, errs.Unavailable, errs.Pending, false},
		{"process ended before it answered", temporal.NewApplicationError("m", "AcceptedUpdateCompletedWorkflow"), errs.ProcessClosed, errs.ProcessClosed, false},
		{"process refused", ToTemporal(errs.New(errs.Conflict, "case.state")), errs.Conflict, errs.Conflict, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.beforeAccept, errs.CodeOf(callError(c.err, errs.Unavailable)))
			var e *errs.Error
			require.ErrorAs(t, callError(c.err, errs.Pending), &e)
			require.Equal(t, c.afterwards, e.Code)
			require.ErrorIs(t, e, c.err, "the cause is kept for the log")
			if c.retry {
				require.Positive(t, e.RetryAfter)
			}
		})
	}
	require.NoError(t, callError(nil, errs.Unavailable))
}
