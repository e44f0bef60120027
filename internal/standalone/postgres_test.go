package standalone_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/standalone"
)

const deadline = time.Minute

func startPostgres(t *testing.T, cfg standalone.PostgresConfig) *standalone.Postgres {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	p, err := standalone.StartPostgres(ctx, cfg)
	require.NoError(t, err)
	stopAtEnd(t, p)
	return p
}

func stopAtEnd(t *testing.T, p standalone.Part) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		_ = p.Stop(ctx)
	})
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func write(t *testing.T, p *standalone.Postgres) {
	t.Helper()
	_, err := connect(t, p.URL(standalone.ProductDatabase)).Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n")
	require.NoError(t, err)
}

func requireWritten(t *testing.T, p *standalone.Postgres) {
	t.Helper()
	var n int
	require.NoError(t, connect(t, p.URL(standalone.ProductDatabase)).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n))
	require.Equal(t, 7, n)
}

func requireEnds(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, deadline, 10*time.Millisecond,
		"process %d still runs", pid)
}

func TestPostgresSecondStartFindsDataAtSameAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startPostgres(t, standalone.PostgresConfig{DataDir: dir})
	write(t, first)
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, <-first.Done())

	second := startPostgres(t, standalone.PostgresConfig{DataDir: dir})
	require.Equal(t, first.URL("x"), second.URL("x"))
	requireWritten(t, second)
}

func TestPostgresKeepsCommittedDataThroughKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startPostgres(t, standalone.PostgresConfig{DataDir: dir})
	write(t, first)
	require.NoError(t, syscall.Kill(first.PID(), syscall.SIGKILL))
	require.ErrorContains(t, <-first.Done(), "PostgreSQL ended by itself: signal: killed")

	requireWritten(t, startPostgres(t, standalone.PostgresConfig{DataDir: dir}))
}

func TestPostgresStopsServerLeftBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := startPostgres(t, standalone.PostgresConfig{DataDir: dir})
	write(t, left)

	requireWritten(t, startPostgres(t, standalone.PostgresConfig{DataDir: dir}))
	require.Error(t, <-left.Done())
}

func TestPostgresStartsBesideStaleProcessID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startPostgres(t, standalone.PostgresConfig{DataDir: dir})
	require.NoError(t, first.Stop(t.Context()))
	stale := strconv.Itoa(os.Getpid()) + "\n" // a program that lives and is no server
	require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres", "postmaster.pid"), []byte(stale), 0o600))

	startPostgres(t, standalone.PostgresConfig{DataDir: dir})
}

func TestPostgresSortsByCodePointAndKnowsUnicode(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, standalone.PostgresConfig{DataDir: t.TempDir(), Unsafe: true})
	var lower, encoding, zone string
	require.NoError(t, connect(t, p.URL("postgres")).QueryRow(t.Context(),
		"SELECT lower('ÄÉ'), current_setting('server_encoding'), current_setting('timezone')").Scan(&lower, &encoding, &zone))
	require.Equal(t, []string{"äé", "UTF8", "UTC"}, []string{lower, encoding, zone})
}

func TestPostgresListensOnLoopbackWithPasswordOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgres(t, standalone.PostgresConfig{DataDir: dir, Unsafe: true})
	var addresses, sockets string
	require.NoError(t, connect(t, p.URL("postgres")).QueryRow(t.Context(),
		"SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')").Scan(&addresses, &sockets))
	require.Equal(t, []string{"127.0.0.1", ""}, []string{addresses, sockets})

	conn, err := pgx.ParseConfig(p.URL("postgres"))
	require.NoError(t, err)
	conn.Password = "wrong"
	_, err = pgx.ConnectConfig(t.Context(), conn)
	require.ErrorContains(t, err, "password authentication failed")

	info, err := os.Stat(filepath.Join(dir, "postgres.password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestPostgresRefuses(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, cfg standalone.PostgresConfig) error {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		_, err := standalone.StartPostgres(ctx, cfg)
		return err
	}

	t.Run("port_in_use", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		port := listener.Addr().(*net.TCPAddr).Port
		require.ErrorContains(t, start(t, standalone.PostgresConfig{DataDir: t.TempDir(), Port: port, Unsafe: true}),
			"port "+strconv.Itoa(port)+" for PostgreSQL is in use")
	})
	t.Run("data_directory_that_is_a_file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.ErrorContains(t, start(t, standalone.PostgresConfig{DataDir: file}), file)
	})
	t.Run("cluster_of_a_version_that_is_not_installed", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "postgres"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte("9\n"), 0o600))
		require.ErrorContains(t, start(t, standalone.PostgresConfig{DataDir: dir}), "made by PostgreSQL 9, which is not installed")
	})
	t.Run("broken_settings_with_the_servers_own_words", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first := startPostgres(t, standalone.PostgresConfig{DataDir: dir, Unsafe: true})
		require.NoError(t, first.Stop(t.Context()))
		conf := filepath.Join(dir, "postgres", "postgresql.conf")
		require.NoError(t, os.WriteFile(conf, []byte("no_such_setting = 1\n"), 0o600))
		require.ErrorContains(t, start(t, standalone.PostgresConfig{DataDir: dir}),
			`unrecognized configuration parameter "no_such_setting"`)
	})
}

func TestPartsDieWithTheirProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	victim := exec.Command(self)
	victim.Env = append(os.Environ(), victimVariable+"="+dir)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)

	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
	for _, pid := range strings.Fields(line) {
		n, err := strconv.Atoi(pid)
		require.NoError(t, err)
		requireEnds(t, n)
	}
	startPostgres(t, standalone.PostgresConfig{DataDir: dir, Unsafe: true})
}
