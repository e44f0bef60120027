package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/mcrflow/mcrflow/examples"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/standalone"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
)

// startWithin bounds the start of one part, and stopWithin its end.
const (
	startWithin = 90 * time.Second
	stopWithin  = 20 * time.Second
)

// stack is the product as it is run: PostgreSQL, the engine, API and worker, each a process of its own.
type stack struct {
	dir    string
	url    string // of the API
	key    string // MCRFLOW_PAYLOAD_KEYS
	unsafe bool
	alone  bool       // worker and API are one program
	traces *collector // nil: none are made
	more   []string   // settings besides

	pg     *standalone.Postgres
	engine *standalone.Temporal
	api    *standalone.Process
	worker *standalone.Process

	program, temporald string
}

// shared is the stack that all tests but those of faults use.
var shared *stack

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	s, err := newStack(true)
	if err == nil {
		s.traces = newCollector()
		err = s.start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "start of the product:", err)
		if s != nil {
			_ = s.stop() // the reason is told already
		}
		return 1
	}
	shared = s
	code := m.Run()
	if err := s.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop of the product:", err)
		code = max(code, 1)
	}
	return code
}

// newStack finds the programs and makes a data directory; nothing runs yet. An unsafe database may lose its data when the
// machine stops, not when the database is killed; but fault tests do not rely on that.
func newStack(unsafe bool) (*stack, error) {
	s := &stack{unsafe: unsafe}
	for _, p := range []struct {
		path           *string
		variable, name string
	}{{&s.program, "MCRFLOW_BIN", "mcrflow"}, {&s.temporald, "MCRFLOW_TEMPORALD", "temporald"}} {
		path := os.Getenv(p.variable)
		if path == "" {
			path = filepath.Join("..", "..", "bin", p.name)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w: build it with `make build`, or name it with %s", err, p.variable)
		}
		*p.path = path
	}
	key, err := os.ReadFile(filepath.Join(histories, "test.key"))
	if err != nil {
		return nil, err
	}
	s.key = strings.TrimSpace(string(key))
	if s.dir, err = os.MkdirTemp("", "mcrflow-e2e-"); err != nil {
		return nil, err
	}
	return s, os.Chmod(s.dir, 0o755) // started by root, PostgreSQL runs as another user
}

// start brings everything up and loads the example organisation.
func (s *stack) start() error {
	for _, step := range []func() error{s.startPostgres, s.startEngine, s.prepare, s.startWorker, s.startAPI} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) startPostgres() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	port := 0
	if s.pg != nil {
		port = s.pg.Port()
	}
	return repeat(ctx, func() (err error) { // the processes of a killed server may hold its port for a moment
		var pg *standalone.Postgres
		if pg, err = standalone.StartPostgres(ctx, standalone.PostgresConfig{DataDir: s.dir, Port: port, Unsafe: s.unsafe}); err == nil {
			s.pg = pg
		}
		return err
	})
}

func (s *stack) startEngine() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	address := ""
	if s.engine != nil {
		address = s.engine.Address()
	}
	return repeat(ctx, func() error {
		engine, err := standalone.StartTemporal(ctx, standalone.TemporalConfig{
			Binary: s.temporald, PostgresURL: s.database(), Address: address, DataDir: s.dir,
		})
		if err == nil {
			s.engine = engine
		}
		return err
	})
}

// prepare migrates the database and loads the example organisation, whose passwords are known.
func (s *stack) prepare() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	if err := store.Migrate(ctx, s.database()); err != nil {
		return err
	}
	db, err := store.Open(ctx, s.database(), store.Options{})
	if err != nil {
		return err
	}
	err = demo.Load(ctx, db, examples.Demo)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	out, err := s.command("migrate")
	if err != nil {
		return fmt.Errorf("mcrflow migrate: %w\n%s", err, out)
	}
	return nil
}

func (s *stack) startWorker() (err error) {
	if !s.alone {
		s.worker, _, err = s.part("worker")
	}
	return err
}

func (s *stack) startAPI() error {
	name, args := "api", []string{}
	if s.alone {
		name, args = "up", []string{"--http=" + s.listen(), "--temporal-ui=", "--data-dir=" + filepath.Join(s.dir, "up")}
	}
	p, line, err := s.part(name, args...)
	if err != nil {
		return err
	}
	s.api = p
	if url := strings.TrimPrefix(line, "ready: "); url != s.url { // the same one after a restart: callers are reading it
		s.url = url
	}
	return nil
}

// part starts `mcrflow <name>` and returns when it says that it is ready.
func (s *stack) part(name string, args ...string) (*standalone.Process, string, error) {
	said := &sayings{ready: make(chan string, 1)}
	p, err := standalone.StartProcess(standalone.Command{
		Name: name, Path: s.program, Args: append([]string{name}, args...), Env: s.environment(), Stdout: said,
		LogFile: filepath.Join(s.dir, name+".log"), StopSignal: syscall.SIGTERM,
	})
	if err != nil {
		return nil, "", err
	}
	select {
	case line := <-said.ready:
		return p, line, nil
	case err := <-p.Done():
		return nil, "", err
	case <-time.After(startWithin):
		return nil, "", errors.Join(fmt.Errorf("mcrflow %s is not ready", name), end(p))
	}
}

// listen is where the API listens, after a restart again where its callers look for it.
func (s *stack) listen() string {
	if s.url == "" {
		return "127.0.0.1:0"
	}
	return strings.TrimPrefix(s.url, "http://")
}

func (s *stack) environment() []string {
	level, collector := "WARN", ""
	if s.traces != nil {
		level, collector = "DEBUG", s.traces.server.URL
	}
	return append(append(os.Environ(),
		"DATABASE_URL="+s.database(), "TEMPORAL_ADDRESS="+s.engine.Address(), "TEMPORAL_NAMESPACE="+s.engine.Namespace(),
		"MCRFLOW_PAYLOAD_KEYS="+s.key, "HTTP_ADDR="+s.listen(), "RATE_LIMIT_PER_SECOND=100000", "LOGIN_RATE_LIMIT_PER_MINUTE=100000",
		"LOG_LEVEL="+level, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector, "OTEL_BSP_SCHEDULE_DELAY=500", "SMTP_HOST="), s.more...)
}

func (s *stack) database() string { return s.pg.URL(standalone.ProductDatabase) }

// command runs one of the program's commands that end by themselves.
func (s *stack) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// verify fails the test unless every promise, interval and list agrees with what happened.
func (s *stack) verify(t testing.TB) {
	t.Helper()
	out, err := s.command("verify")
	if err != nil {
		t.Errorf("mcrflow verify: %v\n%s", err, out)
	}
}

// stop ends what runs, callers first, and removes the data.
func (s *stack) stop() error {
	var all []error
	if s.api != nil {
		all = append(all, end(s.api))
	}
	if s.worker != nil {
		all = append(all, end(s.worker))
	}
	if s.engine != nil {
		all = append(all, end(s.engine))
	}
	if s.pg != nil {
		all = append(all, end(s.pg))
	}
	if s.traces != nil {
		s.traces.server.Close()
	}
	return errors.Join(append(all, os.RemoveAll(s.dir))...)
}

func end(p interface{ Stop(context.Context) error }) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return p.Stop(ctx)
}

// dial returns a client of the engine that opens no payload: it sees what whoever reads the engine's database sees.
func (s *stack) dial() (client.Client, error) {
	return temporalx.Dial(temporalx.Options{Address: s.engine.Address(), Namespace: s.engine.Namespace(), Log: quiet})
}

// repeat tries until it goes well or ctx ends.
func repeat(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// sayings takes the line by which a part says that it is ready.
type sayings struct {
	mu    sync.Mutex
	text  []byte
	said  bool
	ready chan string
}

func (s *sayings) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	for {
		line, rest, found := bytes.Cut(s.text, []byte("\n"))
		if !found {
			return len(p), nil
		}
		s.text = rest
		if bytes.HasPrefix(line, []byte("ready")) && !s.said {
			s.said = true
			s.ready <- string(line)
		}
	}
}
