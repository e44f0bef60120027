package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/config"
)

// The raw engine's side: the least that can be done durably. A workflow that takes updates, and for each of them one local
// activity that writes two rows in one statement.
const (
	rawQueue    = "bench-raw"
	rawWorkflow = "RawObject"
	rawUpdate   = "write"
	rawRow      = "WriteRows"
)

const rawSchema = `CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE IF NOT EXISTS bench.objects (id text PRIMARY KEY, seq bigint NOT NULL, body jsonb NOT NULL, updated_at timestamptz NOT NULL) WITH (fillfactor = 80);
CREATE TABLE IF NOT EXISTS bench.events (object_id text NOT NULL, seq bigint NOT NULL, body jsonb NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (object_id, seq));`

// rawInput starts an object. With Fires it has one bare timer, after which it writes and ends. With Moves every write sets its one
// timer anew, to so long a time from then.
type rawInput struct {
	ID    string        `json:"id"`
	Fires *time.Time    `json:"fires,omitempty"`
	Moves time.Duration `json:"moves,omitempty"`
}

type rawRows struct {
	ID   string          `json:"id"`
	Seq  int64           `json:"seq"`
	Body json.RawMessage `json:"body"`
}

type rawReply struct {
	Seq int64 `json:"seq"`
}

// rawObject is the trivial workflow.
func rawObject(ctx workflow.Context, in rawInput) error {
	var seq int64
	stop := func() {}
	write := func(ctx workflow.Context, body json.RawMessage) (rawReply, error) {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: 10 * time.Second})
		seq++
		reply := rawReply{Seq: seq}
		if err := workflow.ExecuteLocalActivity(ctx, rawRow, rawRows{ID: in.ID, Seq: seq, Body: body}).Get(ctx, nil); err != nil {
			return reply, err
		}
		if in.Moves > 0 {
			stop()
			ctx, stop = workflow.WithCancel(ctx)
			workflow.NewTimer(ctx, in.Moves)
		}
		return reply, nil
	}
	if err := workflow.SetUpdateHandler(ctx, rawUpdate, write); err != nil {
		return err
	}
	if in.Fires == nil {
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
		return nil
	}
	if err := workflow.NewTimer(ctx, in.Fires.Sub(workflow.Now(ctx))).Get(ctx, nil); err != nil {
		return err
	}
	_, err := write(ctx, json.RawMessage(`{"fired":true}`))
	return err
}

type rawActivities struct{ db *sql.DB }

// WriteRows writes the object and the event; it may run twice.
func (a *rawActivities) WriteRows(ctx context.Context, in rawRows) error {
	_, err := a.db.ExecContext(ctx, `WITH object AS (
			INSERT INTO bench.objects (id, seq, body, updated_at) VALUES ($1, $2, $3, clock_timestamp())
			ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, body = excluded.body, updated_at = excluded.updated_at)
		INSERT INTO bench.events (object_id, seq, body, at) VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING`,
		in.ID, in.Seq, []byte(in.Body))
	return err
}

// dialRaw connects as the engine's SDK does by itself: payloads in clear, and its own choice of everything else.
func dialRaw(address, namespace string, log *slog.Logger) (client.Client, error) {
	return client.NewLazyClient(client.Options{HostPort: address, Namespace: namespace, Logger: sdklog.NewStructuredLogger(log)})
}

// runRawWorker is the child process that runs the raw workflows, with as many pollers, cached workflows and connections as
// the product's worker has.
func runRawWorker(ctx context.Context, out io.Writer) error {
	environ := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", string(c.DatabaseURL))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(c.DBConns)
	db.SetMaxIdleConns(c.DBConns)
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	engine, err := dialRaw(c.TemporalAddress, c.TemporalNamespace, log)
	if err != nil {
		return err
	}
	defer engine.Close()
	sdkworker.SetStickyWorkflowCacheSize(c.CachedProcesses)
	w := sdkworker.New(engine, rawQueue, sdkworker.Options{
		MaxConcurrentWorkflowTaskPollers: c.WorkflowPollers, MaxConcurrentActivityTaskPollers: 2, WorkerStopTimeout: c.StopTimeout,
	})
	w.RegisterWorkflowWithOptions(rawObject, workflow.RegisterOptions{Name: rawWorkflow})
	w.RegisterActivityWithOptions((&rawActivities{db}).WriteRows, activity.RegisterOptions{Name: rawRow})
	if err := w.Start(); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	<-ctx.Done()
	w.Stop()
	return nil
}

func rawID(name string, n int64) string { return fmt.Sprintf("raw/%s/%d", name, n) }

// rawStart starts an object with its first update, as the API starts a case with its record.
func (s *stand) rawStart(ctx context.Context, in rawInput, body json.RawMessage) error {
	handle, err := s.engine.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.engine.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: in.ID, TaskQueue: rawQueue, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		}, rawWorkflow, in),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: in.ID, UpdateName: rawUpdate, Args: []any{body}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, new(rawReply))
}

// rawWrite sends an update to an open object.
func (s *stand) rawWrite(ctx context.Context, id string, body json.RawMessage) error {
	handle, err := s.engine.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: rawUpdate, Args: []any{body}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, new(rawReply))
}

// rawTimer starts an object with a bare timer.
func (s *stand) rawTimer(ctx context.Context, id string, fires time.Time) error {
	_, err := s.engine.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: rawQueue}, rawWorkflow,
		rawInput{ID: id, Fires: &fires})
	return err
}
