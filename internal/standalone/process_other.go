//go:build unix && !linux

package standalone

import "syscall"

// childAttributes has no signal on parent death to set here; see the package
// documentation for what takes its place.
func childAttributes(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
