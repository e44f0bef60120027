package worker_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	sdkinterceptor "go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
)

func TestFirstSteps_tells_of_what_is_written_or_refused_and_of_no_failure(t *testing.T) {
	t.Parallel()
	refusal := errs.New(errs.Conflict, "case.exists")
	for name, c := range map[string]struct {
		in    models.AdvanceCase
		err   error
		tells bool
	}{
		"written":            {models.AdvanceCase{}, nil, true},
		"refused":            {models.AdvanceCase{}, refusal, true},
		"database away":      {models.AdvanceCase{}, errs.New(errs.Unavailable, "unavailable.database"), false},
		"unknown failure":    {models.AdvanceCase{}, errors.New("boom"), false},
		"a later step":       {models.AdvanceCase{State: &models.CaseState{}}, nil, false},
		"a later, refused":   {models.AdvanceCase{State: &models.CaseState{}}, refusal, false},
		"a later, not taken": {models.AdvanceCase{State: &models.CaseState{}}, errors.New("boom"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told []error
			env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
			env.SetWorkerOptions(sdkworker.Options{Interceptors: []sdkinterceptor.WorkerInterceptor{
				worker.FirstSteps(func(workflowID string, refusal error) {
					require.NotEmpty(t, workflowID)
					told = append(told, refusal)
				}), worker.TypedErrors(),
			}})
			advance := func(context.Context, models.AdvanceCase) error { return c.err }
			env.RegisterActivity(advance)
			_, err := env.ExecuteActivity(advance, c.in)
			require.Equal(t, c.err == nil, err == nil)
			if !c.tells {
				require.Empty(t, told)
				return
			}
			require.Len(t, told, 1)
			if c.err == nil {
				require.NoError(t, told[0])
			} else {
				require.Equal(t, errs.Conflict, errs.CodeOf(temporalx.FromTemporal(told[0])))
			}
		})
	}
}
