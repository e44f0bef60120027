package temporalx

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// turns bounds how many commands are sent at once; more of them wait, first come, first served. One process has a quarter of
// them at most: when it hangs, the commands to others go on.
type turns struct {
	all   *semaphore.Weighted
	share int64

	mu     sync.Mutex
	shares map[string]*share // by workflow id, while somebody has or awaits a turn
}

type share struct {
	*semaphore.Weighted
	users int
}

func newTurns(n int) *turns {
	return &turns{all: semaphore.NewWeighted(int64(n)), share: int64(max(1, n/4)), shares: map[string]*share{}}
}

// take waits for a turn of the process, and returns what ends it. The error is that of the context.
func (t *turns) take(ctx context.Context, workflowID string) (func(), error) {
	own := t.join(workflowID)
	if err := own.Acquire(ctx, 1); err != nil {
		t.leave(workflowID, own)
		return nil, err
	}
	if err := t.all.Acquire(ctx, 1); err != nil {
		own.Release(1)
		t.leave(workflowID, own)
		return nil, err
	}
	return func() {
		t.all.Release(1)
		own.Release(1)
		t.leave(workflowID, own)
	}, nil
}

func (t *turns) join(workflowID string) *share {
	t.mu.Lock()
	defer t.mu.Unlock()
	own, ok := t.shares[workflowID]
	if !ok {
		own = &share{Weighted: semaphore.NewWeighted(t.share)}
		t.shares[workflowID] = own
	}
	own.users++
	return own
}

func (t *turns) leave(workflowID string, own *share) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.shares, workflowID)
	}
}
