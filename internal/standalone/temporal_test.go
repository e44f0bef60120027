package standalone_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/standalone"
)

func startTemporal(t *testing.T, cfg standalone.TemporalConfig) *standalone.Temporal {
	t.Helper()
	if _, err := os.Stat(temporald); err != nil {
		t.Fatal("bin/temporald is not built: run `make engine`")
	}
	cfg.Binary = temporald
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	p, err := standalone.StartTemporal(ctx, cfg)
	require.NoError(t, err)
	stopAtEnd(t, p)
	return p
}

func dial(t *testing.T, engine *standalone.Temporal) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: engine.Address(), Namespace: engine.Namespace()})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func double(_ workflow.Context, n int) (int, error) { return 2 * n, nil }

func TestTemporalKeepsWorkflowsThroughKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	postgres := startPostgres(t, standalone.PostgresConfig{DataDir: dir, Unsafe: true})
	cfg := standalone.TemporalConfig{PostgresURL: postgres.URL("postgres"), DataDir: dir, UIAddress: "127.0.0.1:0"}

	first := startTemporal(t, cfg)
	require.Equal(t, "mcrflow", first.Namespace())
	c := dial(t, first)
	started, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "w", TaskQueue: "q"}, double, 21)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(first.PID(), syscall.SIGKILL))
	require.ErrorContains(t, <-first.Done(), "temporald ended by itself: signal: killed")

	cfg.Retention, cfg.SearchAttributes = 48*time.Hour, "CaseNumber=Keyword"
	second := startTemporal(t, cfg)
	c = dial(t, second)
	namespace, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "mcrflow"})
	require.NoError(t, err)
	require.Equal(t, cfg.Retention, namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
	attributes, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: "mcrflow"})
	require.NoError(t, err)
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_KEYWORD, attributes.GetCustomAttributes()["CaseNumber"])

	w := worker.New(c, "q", worker.Options{})
	w.RegisterWorkflow(double)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	var result int
	require.NoError(t, c.GetWorkflow(t.Context(), "w", started.GetRunID()).Get(t.Context(), &result))
	require.Equal(t, 42, result)

	require.NoError(t, second.Stop(t.Context()))
	require.NoError(t, <-second.Done())
}

func TestTemporalReportsWhyItDidNotStart(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(temporald); err != nil {
		t.Fatal("bin/temporald is not built: run `make engine`")
	}
	_, err := standalone.StartTemporal(t.Context(), standalone.TemporalConfig{
		Binary: temporald, PostgresURL: "postgres://u:secret@127.0.0.1:1/x?sslmode=disable", DataDir: t.TempDir(),
	})
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.NotContains(t, err.Error(), "secret")
}

func TestFindTemporalNamesEveryPlace(t *testing.T) {
	t.Setenv("MCRFLOW_TEMPORALD", "")
	_, err := standalone.FindTemporal("")
	require.ErrorContains(t, err, filepath.Join("bin", "temporald"))
	require.ErrorContains(t, err, "make engine")

	missing := filepath.Join(t.TempDir(), "temporald")
	_, err = standalone.FindTemporal(missing)
	require.EqualError(t, err, "temporald: "+missing+" is not a program")
	require.NoError(t, os.WriteFile(missing, nil, 0o755))
	t.Setenv("MCRFLOW_TEMPORALD", missing)
	found, err := standalone.FindTemporal("")
	require.NoError(t, err)
	require.Equal(t, missing, found)
}
