package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "mcrflow"
	// ProductDatabase is the database that StartPostgres makes for the product.
	ProductDatabase = "mcrflow"
	loopback        = "127.0.0.1"
	// readyTimeout leaves room for crash recovery of a well-used cluster.
	readyTimeout = 2 * time.Minute
	pollInterval = 20 * time.Millisecond
)

// PostgresConfig says where and how the private cluster runs.
type PostgresConfig struct {
	// DataDir is the data directory of the instance; the cluster is in its
	// folder postgres.
	DataDir string
	// Port on 127.0.0.1. 0 means the port of last time, or a free one.
	Port int
	// Unsafe trades durability for speed. For tests only.
	Unsafe bool
	// Log takes notices and warnings; nil discards them.
	Log *slog.Logger
}

// Postgres is the running private cluster.
type Postgres struct {
	*Process
	password string
	port     int
}

// StartPostgres makes the cluster in cfg.DataDir unless it is there, starts it
// and returns when it takes connections and has the database ProductDatabase.
// ctx bounds the start, not the life of the server. The caller holds the lock of
// the data directory.
//
// A server that a killed mcrflow left behind is stopped first; an unclean
// shut-down is recovered by PostgreSQL. Run as root, the server runs as the user
// postgres.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dataDir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if err := makeDataDir(dataDir); err != nil {
		return nil, err
	}
	c, err := openCluster(dataDir, cfg.Unsafe)
	if err != nil {
		return nil, err
	}
	major, err := c.major()
	if err != nil {
		return nil, err
	}
	programs, err := findPostgres(ctx, major, cfg.Log)
	if err != nil {
		return nil, err
	}
	if major == 0 {
		if err := c.create(ctx, programs); err != nil {
			return nil, err
		}
	}
	if err := c.stopOrphan(ctx, cfg.Log); err != nil {
		return nil, err
	}
	return startServer(ctx, cfg, dataDir, c, programs)
}

// startServer starts the server, again where a second attempt can go better: its
// port was taken meanwhile, or the last processes of a killed server are still
// ending.
func startServer(ctx context.Context, cfg PostgresConfig, dataDir string, c *cluster, programs postgresPrograms) (*Postgres, error) {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		port, err := choosePort(cfg.Port, filepath.Join(dataDir, "postgres.port"))
		if err != nil {
			return nil, err
		}
		p, err := startOnPort(ctx, dataDir, c, programs, port)
		if err == nil {
			return p, nil
		}
		again := strings.Contains(err.Error(), "shared memory block") ||
			(cfg.Port == 0 && strings.Contains(err.Error(), "could not bind"))
		if !again || attempt == attempts {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func startOnPort(ctx context.Context, dataDir string, c *cluster, programs postgresPrograms, port int) (*Postgres, error) {
	path, extra, err := c.reference(c.dir)
	if err != nil {
		return nil, err
	}
	defer closeAll(extra)
	args := []string{
		"-D", path,
		"-c", "listen_addresses=" + loopback,
		"-c", "port=" + strconv.Itoa(port),
		"-c", "unix_socket_directories=",
	}
	if c.unsafe {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	log, err := openLog(dataDir, "postgres")
	if err != nil {
		return nil, err
	}
	process, err := StartProcess(Command{
		Name: "PostgreSQL", Path: programs.postgres(), Args: args, Env: childEnvironment(), Dir: "/",
		LogFile: log, Extra: extra, Account: c.account,
		StopSignal: syscall.SIGINT, // "fast": ends sessions, writes a checkpoint
	})
	if err != nil {
		return nil, err
	}
	p := &Postgres{Process: process, password: c.password, port: port}
	if err := p.waitReady(ctx); err != nil {
		_ = p.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return p, nil
}

// URL is the address of one database of the cluster, with user and password.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, p.password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(p.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the port on 127.0.0.1.
func (p *Postgres) Port() int { return p.port }

// waitReady returns when the product's database can be used.
func (p *Postgres) waitReady(ctx context.Context) error {
	var last error
	err := poll(ctx, readyTimeout, func() bool {
		if p.exited() != nil {
			return true
		}
		last = p.createDatabase(ctx, ProductDatabase)
		return last == nil
	})
	if ended := p.exited(); ended != nil {
		return ended
	}
	if err != nil {
		return fmt.Errorf("PostgreSQL does not take connections: %w", errors.Join(err, last))
	}
	return nil
}

func (p *Postgres) createDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	return err
}

// choosePort returns the wanted port or, when that is 0, the one in the file if
// it is still free, else a free one, which it writes there.
func choosePort(wanted int, file string) (int, error) {
	if wanted != 0 {
		if !isFree(wanted) {
			return 0, fmt.Errorf("port %d for PostgreSQL is in use", wanted)
		}
		return wanted, nil
	}
	if text, err := os.ReadFile(file); err == nil {
		if port, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && isFree(port) {
			return port, nil
		}
	}
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	return port, os.WriteFile(file, []byte(strconv.Itoa(port)+"\n"), 0o600)
}

func isFree(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// poll calls condition until it holds, ctx ends or the timeout has passed.
func poll(ctx context.Context, timeout time.Duration, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
