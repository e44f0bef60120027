package standalone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// TemporalConfig says how the workflow engine runs.
type TemporalConfig struct {
	// Binary is the program temporald. Empty: MCRFLOW_TEMPORALD, else beside the
	// running program, else bin/ of the working directory.
	Binary string
	// PostgresURL is any database of a PostgreSQL server whose user may create
	// databases; the engine makes its own two there.
	PostgresURL string
	// Address is the gRPC host:port. Empty or port 0: a free port on 127.0.0.1.
	Address string
	// UIAddress is the host:port of the web UI. Empty: no UI.
	UIAddress string
	// Namespace to register. Empty: mcrflow.
	Namespace string
	// Retention of closed workflows. 0: the engine's default of 30 days.
	Retention time.Duration
	// SearchAttributes to register, as Name=Type,….
	SearchAttributes string
	// CodecEndpoint is the URL with which the web UI decodes payloads.
	CodecEndpoint string
	// DataDir is the data directory of the instance, for the log.
	DataDir string
}

// Temporal is the running workflow engine.
type Temporal struct {
	*Process
	ready engineReady
	input *os.File
}

// engineReady is the line that temporald prints when it is usable.
type engineReady struct {
	Address   string `json:"address"`
	UI        string `json:"ui"`
	Namespace string `json:"namespace"`
}

// StartTemporal starts the engine and returns when workflows can be started in
// its namespace. ctx bounds the start, not the life of the engine.
func StartTemporal(ctx context.Context, cfg TemporalConfig) (*Temporal, error) {
	binary, err := FindTemporal(cfg.Binary)
	if err != nil {
		return nil, err
	}
	if cfg.Address == "" {
		cfg.Address = net.JoinHostPort(loopback, "0")
	}
	log, err := openLog(cfg.DataDir, "temporald")
	if err != nil {
		return nil, err
	}
	// temporald stops when this pipe ends, which it does with this program.
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	line := &firstLine{complete: make(chan struct{})}
	process, err := StartProcess(Command{
		Name: "temporald", Path: binary, Args: []string{"--exit-with-parent"}, Env: cfg.environment(),
		LogFile: log, Stdin: theirs, Stdout: line, StopSignal: syscall.SIGTERM,
	})
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	t := &Temporal{Process: process, input: ours}
	select {
	case <-line.complete:
		err = json.Unmarshal(line.text, &t.ready)
	case <-process.ended:
		err = process.exited()
	case <-ctx.Done():
		err = fmt.Errorf("temporald is not ready: %w%s", ctx.Err(), lastLines(log))
	}
	if err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, t.Stop(stopping))
	}
	return t, nil
}

// environment hands the settings over in variables: the URL holds a password,
// which must not show in the process list. Of this program's own environment the
// engine gets what a PostgreSQL client and the Go runtime read, and no secret of
// the product, such as the key that encrypts the engine's payloads.
func (cfg TemporalConfig) environment() []string {
	// A quarter of the engine's CPU time went into collecting garbage. Less often costs memory; the limit keeps that in
	// bounds. Variables of this program's own environment come later, and win.
	env := append(childEnvironment(), "GOGC=300", "GOMEMLIMIT=1GiB")
	for _, variable := range os.Environ() {
		for _, prefix := range []string{"HOME=", "PG", "GO", "TEMPORALD_"} {
			if strings.HasPrefix(variable, prefix) {
				env = append(env, variable)
			}
		}
	}
	// Later entries win; an empty value leaves the engine's default.
	for name, value := range map[string]string{
		"POSTGRES_URL":      cfg.PostgresURL,
		"ADDRESS":           cfg.Address,
		"UI_ADDRESS":        cfg.UIAddress,
		"UI_CODEC_ENDPOINT": cfg.CodecEndpoint,
		"NAMESPACE":         cfg.Namespace,
		"SEARCH_ATTRIBUTES": cfg.SearchAttributes,
	} {
		env = append(env, "TEMPORALD_"+name+"="+value)
	}
	if cfg.Retention != 0 {
		env = append(env, "TEMPORALD_RETENTION="+cfg.Retention.String())
	}
	return env
}

// Address is the gRPC host:port at which clients and workers connect.
func (t *Temporal) Address() string { return t.ready.Address }

// UI is the URL of the engine's web UI, empty without one.
func (t *Temporal) UI() string { return t.ready.UI }

// Namespace is the namespace that was registered.
func (t *Temporal) Namespace() string { return t.ready.Namespace }

// Stop stops the engine and waits for it, as Process.Stop does.
func (t *Temporal) Stop(ctx context.Context) error {
	err := t.Process.Stop(ctx)
	_ = t.input.Close() // a second Stop finds it closed
	return err
}

// FindTemporal returns the path of the program temporald: the explicit one if
// given, else MCRFLOW_TEMPORALD, else beside the running program, else bin/ of
// the working directory.
func FindTemporal(explicit string) (string, error) {
	if explicit == "" {
		explicit = os.Getenv("MCRFLOW_TEMPORALD")
	}
	if explicit != "" {
		path, err := filepath.Abs(explicit)
		if err != nil {
			return "", err
		}
		if !isProgram(path) {
			return "", fmt.Errorf("temporald: %s is not a program", path)
		}
		return path, nil
	}
	var places []string
	if self, err := os.Executable(); err == nil {
		places = append(places, filepath.Join(filepath.Dir(self), "temporald"))
	}
	if built, err := filepath.Abs(filepath.Join("bin", "temporald")); err == nil {
		places = append(places, built)
	}
	for _, path := range places {
		if isProgram(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("the workflow engine temporald is in none of %q: build it with `make engine`, "+
		"name it with MCRFLOW_TEMPORALD, or use a running Temporal with TEMPORAL_ADDRESS", places)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// firstLine keeps the first line written to it and drops the rest.
type firstLine struct {
	mu       sync.Mutex
	text     []byte
	complete chan struct{}
	closed   bool
}

func (l *firstLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		before, _, found := bytes.Cut(p, []byte("\n"))
		l.text = append(l.text, before...)
		if found {
			l.closed = true
			close(l.complete)
		}
	}
	return len(p), nil
}
