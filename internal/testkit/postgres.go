// Package testkit gives tests the real things they run on: a PostgreSQL with a database for each test.
package testkit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/store"
)

// server is the PostgreSQL of this test binary: one for all its tests, started by the first that needs it.
var server struct {
	main     bool // Main runs: somebody will stop the server
	once     sync.Once
	url      string // of the database that one connects to in order to make others
	template string // the migrated database that others are copies of
	log      string // the server's, if it was started here
	stop     func() error
	err      error
}

// Main runs the tests of a package and stops what testkit has started for them. A package that uses testkit has
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
func Main(m *testing.M) {
	server.main, server.stop = true, func() error { return nil }
	code := m.Run()
	if code != 0 {
		tellCrash(os.Stderr)
	}
	if err := server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit: stop PostgreSQL:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Store returns a store on a migrated database that nobody else uses; both are gone after the test.
func Store(t testing.TB) *store.Store { return StoreWith(t, store.Options{}) }

// StoreWith is Store with options. Without a log of its own the store logs nothing.
func StoreWith(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := store.Open(t.Context(), Database(t), o)
	if err != nil {
		t.Fatal("open store:", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Database returns the URL of a migrated database that nobody else uses; it is gone after the test. The server is the
// one at TEST_DATABASE_URL, whose user may create databases; without it one is started for the test binary.
func Database(t testing.TB) string { return makeDatabase(t, func() string { return server.template }) }

// EmptyDatabase is Database without any schema.
func EmptyDatabase(t testing.TB) string { return makeDatabase(t, func() string { return "template0" }) }

func makeDatabase(t testing.TB, template func() string) string {
	t.Helper()
	if !server.main {
		t.Fatal("testkit: the package has no TestMain that calls testkit.Main")
	}
	server.once.Do(start)
	if server.err != nil {
		t.Fatal("testkit:", server.err)
	}
	name := "mcrflow_test_" + random()
	if err := admin(t.Context(), fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template())); err != nil {
		t.Fatal("testkit:", err)
	}
	t.Cleanup(func() { // t's context is over by now
		if err := admin(context.Background(), fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)); err != nil {
			t.Error("testkit:", err)
		}
	})
	return withDatabase(server.url, name)
}

func start() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	server.url = os.Getenv("TEST_DATABASE_URL")
	if server.url == "" {
		if server.err = startServer(ctx); server.err != nil {
			return
		}
	}
	server.template, server.err = makeTemplate(ctx)
}

// makeTemplate returns the name of a database with the schema of the migrations. On a server that outlives the tests it
// is made once for all test binaries.
func makeTemplate(ctx context.Context) (string, error) {
	name, err := templateName()
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, server.url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) // gives back the lock
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
		return "", err
	}
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return "", err
	}
	if exists {
		return name, nil
	}
	building := name + "_building" // left behind by a run that died
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + building, "CREATE DATABASE " + building + " TEMPLATE template0"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := store.Migrate(ctx, withDatabase(server.url, building)); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", building, name))
	return name, err
}

// templateName names the schema by its content.
func templateName() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(store.Migrations(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(store.Migrations(), path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(body), body)
		return err
	})
	return "mcrflow_template_" + hex.EncodeToString(sum.Sum(nil))[:16], err
}

func admin(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, server.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(fmt.Sprintf("testkit: TEST_DATABASE_URL is no URL: %v", err))
	}
	u.Path = "/" + name
	return u.String()
}

func random() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}
