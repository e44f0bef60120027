package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

// histories are recorded by the tests of internal/e2e with UPDATE_HISTORIES=1, before a change, on the old code.
const histories = "testdata/histories"

// replayer opens payloads with the key that the tests seal them with.
func replayer(t *testing.T) sdkworker.WorkflowReplayer {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(histories, "test.key"))
	require.NoError(t, err)
	keys, err := temporalx.ParseKeyring(strings.TrimSpace(string(key)))
	require.NoError(t, err)
	r, err := sdkworker.NewWorkflowReplayerWithOptions(sdkworker.WorkflowReplayerOptions{DataConverter: temporalx.DataConverter(keys)})
	require.NoError(t, err)
	return r
}

func recorded(t *testing.T, path string) *history.History {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // it is only read
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return h
}

var quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

func TestReplay(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			r := replayer(t)
			worker.Register(r)
			require.NoError(t, r.ReplayWorkflowHistory(quiet, recorded(t, path)))
		})
	}
}

// TestReplayFindsAChangedProcess: a process that does one thing more than it did when the history was recorded.
func TestReplayFindsAChangedProcess(t *testing.T) {
	t.Parallel()
	r := replayer(t)
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in models.ComplaintInput) (models.ComplaintResult, error) {
		_ = workflow.NewTimer(ctx, time.Hour)
		return workflows.Complaint(ctx, in)
	}, workflow.RegisterOptions{Name: models.ComplaintType})
	err := r.ReplayWorkflowHistory(quiet, recorded(t, filepath.Join(histories, "complaint", "happy.json")))
	require.ErrorContains(t, err, "TMPRL1100")
}
