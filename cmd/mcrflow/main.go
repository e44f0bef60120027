// Command mcrflow is the product: everything on one machine (up), or its parts.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/gin-gonic/gin"
	"github.com/spf13/cobra"

	"github.com/mcrflow/mcrflow/internal/config"
)

// version is set at build time.
var version = "dev"

func main() {
	gin.SetMode(gin.ReleaseMode)
	collectLess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop() // a second signal ends the program at once
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "mcrflow:", err)
		os.Exit(1)
	}
}

// collectLess spends memory to save time: what lives is a few dozen MiB, and collecting it whenever as much has been used
// again takes a tenth of the program's CPU time. GOGC and GOMEMLIMIT say otherwise.
func collectLess() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(1 << 30)
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use: "mcrflow", Short: "Runs the processes by which a company keeps its promises to its clients",
		SilenceUsage: true, SilenceErrors: true,
	}
	cmd.AddCommand(upCommand(), apiCommand(), workerCommand(), migrateCommand(), verifyCommand(), importCommand(), simulateCommand(),
		configCommand(), versionCommand())
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, Run: func(cmd *cobra.Command, _ []string) {
		revision := ""
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					revision = " " + s.Value
				}
			}
		}
		fmt.Fprintln(cmd.OutOrStdout(), "mcrflow", version+revision)
	}}
}

// settings reads the environment.
func settings() (config.Config, error) {
	environ := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	return config.Load(environ)
}

// logger writes JSON lines to standard error.
func logger(c config.Config) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
}
