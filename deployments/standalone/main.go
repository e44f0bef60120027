// Command temporald is the workflow engine of a standalone mcrflow: the
// Temporal server and its web UI in one program, with all state in PostgreSQL.
//
// It makes and upgrades its own databases, registers its namespace, prints one
// line of JSON to standard output when workflows can be started, and runs until
// SIGINT or SIGTERM. Logs go to standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // schedules name time zones, and a small host may have no zone files

	"go.temporal.io/server/common/log"
)

func main() {
	if err := run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "temporald:", err)
		os.Exit(1)
	}
}

// ready is the line that tells a parent process that the engine is usable.
type ready struct {
	Status    string `json:"status"`
	Address   string `json:"address"`
	UI        string `json:"ui,omitempty"`
	Namespace string `json:"namespace"`
}

func run(args []string, getenv func(string) string, stdin io.Reader, stdout io.Writer) error {
	opts, err := parseOptions(args, getenv)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if opts.ExitWithParent {
		// The parent holds the other end of the pipe and never writes: the read
		// ends when the parent does, however it ended.
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			cancel()
		}()
	}

	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: opts.LogLevel, Format: "json"}))
	engine, err := startEngine(ctx, opts, logger)
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while starting
		}
		return err
	}
	line := ready{Status: "ready", Address: opts.Address, Namespace: opts.Namespace}
	if opts.UIAddress != "" {
		line.UI = "http://" + opts.UIAddress
	}
	if err := json.NewEncoder(stdout).Encode(line); err != nil {
		return fmt.Errorf("report readiness: %w", err)
	}

	<-ctx.Done()
	cancel() // a second signal ends the program at once
	return engine.stop(stopTimeout)
}

// stopTimeout bounds a clean shut-down. What is cut off is safe: every state
// change of the engine is a database transaction.
const stopTimeout = 10 * time.Second
