package standalone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
)

// Command describes a child program. Stop sends StopSignal, and so does the
// kernel when this program dies (on Linux).
type Command struct {
	Name       string
	Path       string
	Args       []string
	Env        []string // nil: the environment of this program
	Dir        string
	LogFile    string // appended to by the child; its last lines go into errors
	Stdout     io.Writer
	Stdin      *os.File
	Extra      []*os.File // descriptors 3, 4, … of the child
	Account    *Account   // nil: the user of this program
	StopSignal syscall.Signal
}

// Process is a running child program.
type Process struct {
	command  Command
	process  *os.Process
	ended    chan struct{}
	done     chan error
	err      error // valid when ended is closed
	stopping atomic.Bool
}

// StartProcess starts a child in a process group of its own, so that Ctrl-C in a
// terminal reaches only this program, which then stops its parts in order.
func StartProcess(c Command) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = c.Env, c.Dir, c.Extra
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	log, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", c.Name, err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	cmd.SysProcAttr = childAttributes(c.StopSignal)
	if c.Account != nil {
		cmd.SysProcAttr.Credential = c.Account.credential()
	}

	p := &Process{command: c, ended: make(chan struct{}), done: make(chan error, 1)}
	started := make(chan error)
	go func() {
		// The kernel's parent-death signal follows the thread that forked. This
		// goroutine keeps its thread until the child has ended.
		runtime.LockOSThread()
		err := cmd.Start()
		if err == nil {
			p.process = cmd.Process
		}
		started <- err
		if err == nil {
			p.end(cmd.Wait())
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

func (p *Process) end(err error) {
	if !p.stopping.Load() {
		reason := "exit status 0"
		if err != nil {
			reason = err.Error()
		}
		p.err = fmt.Errorf("%s ended by itself: %s%s", p.command.Name, reason, lastLines(p.command.LogFile))
		p.done <- p.err
	}
	close(p.done)
	close(p.ended)
}

// PID is the process id of the child.
func (p *Process) PID() int { return p.process.Pid }

// Done delivers one error if the child ends without Stop having been called, and
// is closed when the child has ended.
func (p *Process) Done() <-chan error { return p.done }

// Stop asks the child to end and waits for it. When ctx ends first, it kills the
// child and returns ctx's error.
func (p *Process) Stop(ctx context.Context) error {
	p.stopping.Store(true)
	if err := p.process.Signal(p.command.StopSignal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.command.Name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		_ = p.process.Kill()
		<-p.ended
		return fmt.Errorf("stop %s: killed: %w", p.command.Name, ctx.Err())
	}
}

// exited returns the reason if the child has ended, else nil.
func (p *Process) exited() error {
	select {
	case <-p.ended:
		if p.err == nil {
			return fmt.Errorf("%s was stopped", p.command.Name)
		}
		return p.err
	default:
		return nil
	}
}

// openLog makes the log directory of an instance, sets the log of the last run
// aside and returns the path of the new one: a log is as long as one run.
func openLog(dataDir, name string) (string, error) {
	dir := filepath.Join(dataDir, "logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".log")
	if err := os.Rename(path, path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return path, nil
}

// lastLines quotes the end of a log for an error message.
func lastLines(path string) string {
	const limit = 2000
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > limit {
		_, _ = f.Seek(-limit, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return ""
	}
	return fmt.Sprintf("\nlast lines of %s:\n%s", path, text)
}
