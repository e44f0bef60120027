package testkit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	server.log = filepath.Join(dir, "logs", "postgres.log")
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

// tellCrash writes what the server's log says of itself and of nobody's statement: nothing, unless a process of it died.
func tellCrash(w io.Writer) {
	text, _ := os.ReadFile(server.log) // there is none for a server that others have started
	said := false
	for line := range bytes.Lines(text) {
		detail := said && bytes.Contains(line, []byte("DETAIL:"))
		said = bytes.Contains(line, []byte("LOG:")) || bytes.Contains(line, []byte("PANIC:"))
		if said || detail {
			fmt.Fprintf(w, "testkit: PostgreSQL: %s", line)
		}
	}
}
