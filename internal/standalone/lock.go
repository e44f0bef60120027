package standalone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Lock is the claim of one running instance on a data directory.
type Lock struct {
	file *os.File
}

// LockDataDir makes the data directory if it is missing and claims it. A second
// instance on the same directory gets an error; a crash frees the claim.
func LockDataDir(dir string) (*Lock, error) {
	if err := makeDataDir(dir); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another mcrflow is running on the data directory %s: stop it, or choose another --data-dir", dir)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return &Lock{file: file}, nil
}

// Unlock frees the data directory.
func (l *Lock) Unlock() error { return l.file.Close() }

// makeDataDir makes dir private to this user. Root's must let the account that
// runs PostgreSQL pass through, without showing it what is inside.
func makeDataDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return os.Chmod(dir, mode) // whatever the umask is
}
