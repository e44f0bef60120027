package testkit

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mcrflow/mcrflow/internal/standalone"
)

// startServer starts a PostgreSQL that may lose its data when the machine does: it lives as long as the tests.
func startServer(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mcrflow-test-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // started by root, PostgreSQL runs as another user
		return err
	}
	pg, err := standalone.StartPostgres(ctx, standalone.PostgresConfig{DataDir: dir, Unsafe: true})
	if err != nil {
		os.RemoveAll(dir)
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	server.url = pg.URL("postgres")
	server.stop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := pg.Stop(ctx); err != nil {
			return err
		}
		return os.RemoveAll(dir)
	}
	return nil
}
