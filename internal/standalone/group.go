package standalone

import (
	"context"
	"errors"
	"fmt"
)

// Part is something that runs until it is stopped: a child program, or a server
// inside this program.
type Part interface {
	// Stop ends the part; ctx bounds how long that may take.
	Stop(ctx context.Context) error
	// Done delivers an error if the part ends without having been stopped, and
	// is closed when it has ended.
	Done() <-chan error
}

// Group is a set of parts of which each needs those before it. It is used by one
// goroutine.
type Group struct {
	parts  []namedPart
	failed chan error
}

type namedPart struct {
	name string
	Part
}

// NewGroup returns an empty group.
func NewGroup() *Group { return &Group{failed: make(chan error, 1)} }

// Add puts a running part at the end of the group and watches it.
func (g *Group) Add(name string, p Part) {
	g.parts = append(g.parts, namedPart{name, p})
	go func() {
		if err := <-p.Done(); err != nil {
			select {
			case g.failed <- fmt.Errorf("%s failed: %w", name, err):
			default: // only the first failure is the cause
			}
		}
	}()
}

// Wait returns nil when ctx ends, or an error that names the first part which
// ended by itself.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-g.failed:
		return err
	}
}

// Stop stops the parts in reverse order under the one deadline of ctx, and joins
// their errors.
func (g *Group) Stop(ctx context.Context) error {
	var faults []error
	for i := len(g.parts) - 1; i >= 0; i-- {
		if err := g.parts[i].Stop(ctx); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", g.parts[i].name, err))
		}
	}
	g.parts = nil
	return errors.Join(faults...)
}
