package standalone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clusterSettings are appended to postgresql.conf when the cluster is made. They
// suit a small machine; whoever has a larger one edits the file.
const clusterSettings = `
# Settings of mcrflow for a small machine. Address and port are given at start.
max_connections = 200
shared_buffers = 128MB
max_wal_size = 1GB
wal_compression = on
synchronous_commit = on
random_page_cost = 1.1
jit = off
log_min_messages = warning
log_checkpoints = off
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
`

// cluster is the directory of a PostgreSQL cluster and who may open it.
type cluster struct {
	dir      string
	account  *Account
	password string
	unsafe   bool
}

// openCluster prepares <dataDir>/postgres without making the cluster yet.
func openCluster(dataDir string, unsafe bool) (*cluster, error) {
	account, err := postgresAccount()
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: filepath.Join(dataDir, "postgres"), account: account, unsafe: unsafe}
	if account != nil {
		barrier, err := account.firstBarrier(c.dir)
		if err != nil {
			return nil, err
		}
		if barrier != "" && runtime.GOOS != "linux" { // Linux: see reference
			return nil, fmt.Errorf("the user %s, as which PostgreSQL runs, may not enter %s: "+
				"choose a data directory that it can reach, or run mcrflow as an ordinary user", account.Name, barrier)
		}
	}
	c.password, err = remember(filepath.Join(dataDir, "postgres.password"), rand.Text)
	return c, err
}

// remember returns the content of a private file, after writing a new value into
// it when it is missing.
func remember(path string, value func() string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	v := value()
	return v, os.WriteFile(path, []byte(v+"\n"), 0o600)
}

// major is the version that made the cluster, 0 when there is none yet.
func (c *cluster) major() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the PostgreSQL cluster: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// reference opens dir for a child, which reaches it under the returned path.
//
// The path goes through an inherited descriptor: when root keeps its data below
// a directory that only root may enter (/root, a private temporary directory),
// the account of PostgreSQL could not walk there by name. The caller closes the
// file once the child has started.
func (c *cluster) reference(dir string) (string, []*os.File, error) {
	if c.account == nil || runtime.GOOS != "linux" {
		return dir, nil, nil
	}
	if barrier, err := c.account.firstBarrier(dir); err != nil || barrier == "" {
		return dir, nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/3", []*os.File{f}, nil
}

// create makes the cluster beside its place and moves it there when it is
// complete, so that an interrupted first start leaves nothing half-made.
func (c *cluster) create(ctx context.Context, programs postgresPrograms) error {
	draft := c.dir + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		return err
	}
	if c.account != nil {
		if err := os.Chown(draft, int(c.account.uid), int(c.account.gid)); err != nil {
			return err
		}
	}
	if err := c.initdb(ctx, programs, draft); err != nil {
		return fmt.Errorf("make the PostgreSQL cluster %s: %w", c.dir, err)
	}
	conf, err := os.OpenFile(filepath.Join(draft, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := conf.WriteString(clusterSettings); err != nil {
		return errors.Join(err, conf.Close())
	}
	if err := errors.Join(conf.Sync(), conf.Close()); err != nil {
		return err
	}
	return os.Rename(draft, c.dir)
}

func (c *cluster) initdb(ctx context.Context, programs postgresPrograms, dir string) error {
	passwordFile, err := c.passwordFile()
	if err != nil {
		return err
	}
	defer os.Remove(passwordFile)
	path, extra, err := c.reference(dir)
	if err != nil {
		return err
	}
	defer closeAll(extra)

	// Collation by code point is the same on every machine; the character type
	// must know all of Unicode, for lower case and text search.
	var fault error
	for _, charType := range []string{"C.UTF-8", "en_US.UTF-8", "C"} {
		args := []string{
			"--pgdata", path, "--username", superuser, "--pwfile", passwordFile, "--auth=scram-sha-256",
			"--encoding=UTF8", "--locale=C", "--lc-ctype=" + charType, "--no-instructions",
		}
		if c.unsafe {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, programs.initdb(), args...)
		cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", childEnvironment(), extra
		if c.account != nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.account.credential()}
		}
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		fault = fmt.Errorf("initdb: %w\n%s", err, strings.TrimSpace(string(out)))
		if !strings.Contains(string(out), "invalid locale name") {
			break
		}
	}
	return fault
}

// passwordFile writes the password where initdb, under its own account, reads it.
func (c *cluster) passwordFile() (string, error) {
	f, err := os.CreateTemp("", "mcrflow-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(c.password)
	if c.account != nil {
		err = errors.Join(err, f.Chown(int(c.account.uid), int(c.account.gid)))
	}
	return f.Name(), errors.Join(err, f.Close())
}

// stopOrphan ends a server that still runs on the cluster. The caller holds the
// data directory, so nobody uses it: its mcrflow was killed.
func (c *cluster) stopOrphan(ctx context.Context, log *slog.Logger) error {
	pidFile := filepath.Join(c.dir, "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return nil // the usual case: shut down cleanly
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return nil // PostgreSQL itself judges a file that it cannot have written
	}
	if !c.isServer(pid) {
		if syscall.Kill(pid, 0) == nil {
			// The number belongs to some other program by now. PostgreSQL would
			// take that for a running server and refuse to start.
			return os.Remove(pidFile)
		}
		return nil
	}
	log.Warn("stopping the PostgreSQL of a mcrflow that was killed", "pid", pid)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		_ = syscall.Kill(pid, signal)
		if err := poll(ctx, 10*time.Second, func() bool { return !c.isServer(pid) }); err == nil {
			return nil
		}
	}
	return fmt.Errorf("a PostgreSQL server (process %d) still runs on %s and does not stop", pid, c.dir)
}

// isServer tells whether pid is a PostgreSQL server that works on this cluster.
func (c *cluster) isServer(pid int) bool {
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil {
		real, err := filepath.EvalSymlinks(c.dir)
		return err == nil && cwd == real // the server works inside its cluster
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		return false
	}
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), c.dir)
}

// childEnvironment is what PostgreSQL needs of the environment: no PG variable
// that would redirect it, and no secret.
func childEnvironment() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
