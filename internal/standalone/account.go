package standalone

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Account is the operating-system user under which a child runs.
type Account struct {
	Name   string
	uid    uint32
	gid    uint32
	groups []uint32
}

// postgresAccount returns the user for PostgreSQL, which refuses to run as root:
// the user postgres when this program runs as root, else nil for its own user.
func postgresAccount() (*Account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	const name = "postgres"
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL cannot run as root, and there is no user %q to run it as: "+
			"make one with `useradd --system %s`, or run mcrflow as an ordinary user", name, name)
	}
	a := &Account{Name: name}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %s: %w", name, err)
	}
	for _, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: id %q is no number", name, id)
		}
		a.groups = append(a.groups, uint32(n))
	}
	a.uid, a.gid, a.groups = a.groups[0], a.groups[1], a.groups[2:]
	return a, nil
}

func (a *Account) credential() *syscall.Credential {
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// firstBarrier returns the first directory on the way to dir that the account
// may not pass, or "" when it can reach dir.
func (a *Account) firstBarrier(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	var way []string
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		way = append(way, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	for _, d := range slices.Backward(way) {
		info, err := os.Stat(d)
		if err != nil {
			return "", err
		}
		if !a.mayPass(info) {
			return d, nil
		}
	}
	return "", nil
}

func (a *Account) mayPass(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid == a.uid:
		return mode&0o100 != 0
	case ok && (stat.Gid == a.gid || slices.Contains(a.groups, stat.Gid)):
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
