package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// minPostgres is the oldest major version that the product is tested with.
const minPostgres = 14

// postgresPrograms is one installation of the PostgreSQL server.
type postgresPrograms struct {
	dir   string
	major int
}

func (p postgresPrograms) initdb() string   { return filepath.Join(p.dir, "initdb") }
func (p postgresPrograms) postgres() string { return filepath.Join(p.dir, "postgres") }

// findPostgres returns the newest installation, or the one of the given major
// version when that is not 0: a cluster can only be opened by the version that
// made it. When none is installed it takes one that was downloaded before, else
// downloads one: an installed server gets its security fixes from the system.
func findPostgres(ctx context.Context, major int, log *slog.Logger) (postgresPrograms, error) {
	for _, dirs := range [][]string{installedDirs(), downloadedDirs()} {
		var best postgresPrograms
		for _, dir := range dirs {
			found, err := inspectPostgres(ctx, dir)
			if err == nil && found.major > best.major && (major == 0 || found.major == major) {
				best = found
			}
		}
		if best.major >= minPostgres {
			return best, nil
		}
	}
	if major != 0 {
		return postgresPrograms{}, fmt.Errorf("the data was made by PostgreSQL %d, which is not installed: "+
			"install it (Debian, Ubuntu: postgresql-%d), or move the data with pg_upgrade", major, major)
	}
	downloaded, err := downloadPostgres(ctx, log)
	if err != nil {
		return postgresPrograms{}, fmt.Errorf("no PostgreSQL server of version %d or later is installed, and the download failed: %w; "+
			"install one (Debian, Ubuntu: apt install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@17)",
			minPostgres, err)
	}
	return downloaded, nil
}

// installedDirs lists the directories in which a server may be installed.
func installedDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// The server finds its own files beside the real program, not the link.
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // the PostgreSQL project's RPMs
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	} {
		found, _ := filepath.Glob(pattern) // fails on a bad pattern only
		dirs = append(dirs, found...)
	}
	return dirs
}

func downloadedDirs() []string {
	dirs, _ := filepath.Glob(filepath.Join(downloadDir(), "*", "bin")) // fails on a bad pattern only
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func inspectPostgres(ctx context.Context, dir string) (postgresPrograms, error) {
	p := postgresPrograms{dir: dir}
	if _, err := os.Stat(p.initdb()); err != nil {
		return p, err
	}
	out, err := exec.CommandContext(ctx, p.postgres(), "--version").Output()
	if err != nil {
		return p, err
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return p, fmt.Errorf("%s: unknown version %q", p.postgres(), out)
	}
	p.major, err = strconv.Atoi(string(match[1]))
	return p, err
}

// downloadDir is where downloaded servers are kept, one directory a version. As
// root it is one that the account of PostgreSQL can reach, which root's own
// cache is not.
func downloadDir() string {
	if cache, err := os.UserCacheDir(); err == nil && os.Geteuid() != 0 {
		return filepath.Join(cache, "mcrflow", "postgresql")
	}
	return "/var/cache/mcrflow/postgresql"
}

// downloadPostgres fetches a server. The library can only fetch by starting one,
// so it is given a scratch cluster; as root that start fails, after the fetch.
func downloadPostgres(ctx context.Context, log *slog.Logger) (postgresPrograms, error) {
	const version = embeddedpostgres.V17
	dir := filepath.Join(downloadDir(), string(version))
	log.Info("downloading PostgreSQL", "version", string(version), "to", dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return postgresPrograms{}, err
	}
	scratch, err := os.MkdirTemp("", "mcrflow-postgres-")
	if err != nil {
		return postgresPrograms{}, err
	}
	defer os.RemoveAll(scratch)
	port, err := freePort()
	if err != nil {
		return postgresPrograms{}, err
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).Port(uint32(port)).Logger(io.Discard).
		CachePath(filepath.Join(scratch, "archive")).
		RuntimePath(filepath.Join(scratch, "run")).
		DataPath(filepath.Join(scratch, "data")).
		BinariesPath(dir))
	startErr := server.Start()
	if startErr == nil {
		startErr = server.Stop()
	}
	found, err := inspectPostgres(ctx, filepath.Join(dir, "bin"))
	if err != nil {
		return found, errors.Join(startErr, err)
	}
	return found, nil
}
