package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of database/sql
	"go.temporal.io/sdk/client"

	"github.com/mcrflow/mcrflow/examples"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/standalone"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
)

const (
	product           = "mcrflow"
	rawWorker         = "raw worker"
	rawWorkerArgument = "raw-worker"
	readyWithin       = time.Minute
	stopWithin        = 40 * time.Second
)

// stand is everything that is measured, running: database and engine, the product in one process as mcrflow up runs it, and
// beside it a worker of the raw engine.
type stand struct {
	dir     string
	mcrflow string
	env     []string
	group   *standalone.Group
	pids    map[string]int
	pg      *standalone.Postgres
	db      *sql.DB
	engine  client.Client
	address string // of the product's API
	running *standalone.Process
	api     *apiCaller
}

func newStand(ctx context.Context, dir, mcrflow string) (_ *stand, err error) {
	s := &stand{dir: dir, group: standalone.NewGroup(), pids: map[string]int{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.mcrflow, err = filepath.Abs(mcrflow); err != nil {
		return nil, err
	}
	if s.pg, err = standalone.StartPostgres(ctx, standalone.PostgresConfig{DataDir: dir}); err != nil {
		return nil, err
	}
	s.group.Add("database", s.pg)
	s.pids["database"] = s.pg.PID()
	engine, err := standalone.StartTemporal(ctx, standalone.TemporalConfig{
		PostgresURL: s.pg.URL(standalone.ProductDatabase), Namespace: "mcrflow", DataDir: dir,
	})
	if err != nil {
		return nil, err
	}
	s.group.Add("engine", engine)
	s.pids["engine"] = engine.PID()
	return s, s.startParts(ctx, engine.Address())
}

// startParts prepares the database and starts what works on it.
func (s *stand) startParts(ctx context.Context, engineAddress string) error {
	key, err := temporalx.NewKey("k1")
	if err != nil {
		return err
	}
	url := s.pg.URL(standalone.ProductDatabase)
	if err := prepare(ctx, url); err != nil {
		return err
	}
	if s.db, err = sql.Open("pgx", url); err != nil {
		return err
	}
	if err := s.exec(ctx, rawSchema); err != nil {
		return err
	}
	s.env = append(os.Environ(), "TEMPORAL_ADDRESS="+engineAddress, "TEMPORAL_NAMESPACE=mcrflow", "MCRFLOW_PAYLOAD_KEYS="+key,
		"RATE_LIMIT_PER_SECOND=1000000", "LOGIN_RATE_LIMIT_PER_MINUTE=100000")
	if s.engine, err = dialRaw(engineAddress, "mcrflow", slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.address, err = freeAddress(ctx); err != nil {
		return err
	}
	if _, err := s.child(ctx, rawWorker, self, []string{"DATABASE_URL=" + url}, rawWorkerArgument); err != nil {
		return err
	}
	if err := s.startProduct(ctx); err != nil {
		return err
	}
	s.api, err = newAPICaller(ctx, "http://"+s.address)
	return err
}

// startProduct starts the product, after it has ended if it runs, with further settings.
func (s *stand) startProduct(ctx context.Context, settings ...string) error {
	if s.running != nil {
		ending, cancel := context.WithTimeout(ctx, stopWithin)
		defer cancel()
		if err := s.running.Stop(ending); err != nil {
			return err
		}
	}
	var err error
	s.running, err = s.child(ctx, product, s.mcrflow, append(settings, "DATABASE_URL="+s.pg.URL(standalone.ProductDatabase)),
		"up", "--temporal-ui=", "--http="+s.address, "--data-dir="+filepath.Join(s.dir, product))
	return err
}

// prepare makes the schema, the default rules and the example organisation.
func prepare(ctx context.Context, url string) error {
	if err := store.Migrate(ctx, url); err != nil {
		return err
	}
	st, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := demo.SeedPolicies(ctx, st); err != nil {
		return err
	}
	return demo.Load(ctx, st, examples.Demo)
}

// startAPI starts an API on a database and logs in whom the loads need.
func (s *stand) startAPI(ctx context.Context, name, url string) (*apiCaller, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.child(ctx, name, s.mcrflow, []string{"DATABASE_URL=" + url, "HTTP_ADDR=" + address}, "api"); err != nil {
		return nil, err
	}
	return newAPICaller(ctx, "http://"+address)
}

// freeAddress is one that nobody listens on now. The setting takes no port 0, by which the system would choose one that
// nobody else gets.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// child starts a program and returns when it has printed that it is ready.
func (s *stand) child(ctx context.Context, name, path string, env []string, args ...string) (*standalone.Process, error) {
	log := filepath.Join(s.dir, "logs", strings.ReplaceAll(name, " ", "-")+".log")
	ready := &readyLine{complete: make(chan struct{})}
	p, err := standalone.StartProcess(standalone.Command{
		Name: name, Path: path, Args: args, Env: slices.Concat(s.env, env),
		LogFile: log, Stdout: ready, StopSignal: syscall.SIGTERM,
	})
	if err != nil {
		return nil, err
	}
	s.group.Add(name, p)
	s.pids[name] = p.PID()
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	select {
	case <-ready.complete:
		return p, nil
	case err := <-p.Done():
		return nil, err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s is not ready: %w", name, ctx.Err())
	}
}

func (s *stand) exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.db.ExecContext(ctx, statement, args...)
	return err
}

func (s *stand) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if s.engine != nil {
		s.engine.Close()
	}
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.group.Stop(ctx))
}

// readyLine tells when the program has said that it is ready, and drops what is written.
type readyLine struct {
	mu       sync.Mutex
	line     []byte
	done     bool
	complete chan struct{}
}

var _ io.Writer = (*readyLine)(nil)

// Write takes a piece of the output.
func (l *readyLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return len(p), nil
	}
	l.line = append(l.line, p...)
	for {
		line, rest, whole := bytes.Cut(l.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if l.line = rest; bytes.HasPrefix(line, []byte("ready")) {
			l.done = true
			close(l.complete)
			return len(p), nil
		}
	}
}
