package standalone_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mcrflow/mcrflow/internal/standalone"
)

// victimVariable makes the test program play a mcrflow that is about to be
// killed: it starts its parts on the data directory that the variable names,
// prints their process ids and waits.
const victimVariable = "MCRFLOW_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dataDir := os.Getenv(victimVariable); dataDir != "" {
		if err := playVictim(dataDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func playVictim(dataDir string) error {
	ctx := context.Background()
	postgres, err := standalone.StartPostgres(ctx, standalone.PostgresConfig{DataDir: dataDir, Unsafe: true})
	if err != nil {
		return err
	}
	pids := []any{postgres.PID()}
	if _, err := os.Stat(temporald); err == nil {
		temporal, err := standalone.StartTemporal(ctx, standalone.TemporalConfig{
			Binary: temporald, PostgresURL: postgres.URL("postgres"), DataDir: dataDir,
		})
		if err != nil {
			return err
		}
		pids = append(pids, temporal.PID())
	}
	fmt.Println(pids...)
	select {}
}

// temporald is where `make engine` puts the engine.
var temporald = filepath.Join("..", "..", "bin", "temporald")
