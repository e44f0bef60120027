package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcrflow/mcrflow/policies"
)

// signers decide one after the other on every approval of a run. The word of the last is never given: that would end the
// approval, and the process that asked would work, too.
var signers = []string{"supervisor1", "supervisor2", "manager1", "director1", "finance1"}

// measureApprove lets signers approve: together in one step, which stays open while others are asked, and each in a step of their
// own, so that every command closes a step, opens the next one, tells its signer and moves a promise.
func measureApprove(ctx context.Context, b *bench) (lines []line, err error) {
	if err := b.makeClients(ctx); err != nil {
		return nil, err
	}
	shipped, err := policies.FS.ReadFile("approval/default.yaml") // for the measures that follow
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.publish(ctx, "approval", string(shipped))) }()
	for _, way := range []struct {
		name  string
		steps [][]string
		moves bool
	}{
		{"together", [][]string{signers}, false},
		{"in turn", slices.Collect(slices.Chunk(signers, 1)), true},
	} {
		policy, err := b.signersPolicy(ctx, way.steps)
		if err != nil {
			return nil, err
		}
		if err := b.publish(ctx, "approval", policy); err != nil {
			return nil, err
		}
		more, err := b.approve(ctx, way.name, way.moves)
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

func (b *bench) approve(ctx context.Context, way string, timer bool) ([]line, error) {
	n := sized(b, 400, 100)
	body := []byte(`{"comment":"As agreed with the client."}`)
	raw, moves, err := b.rawObjects(ctx, "approve-"+way, n, timer, body)
	if err != nil {
		return nil, err
	}
	var open pile
	return b.compare(ctx, contest{
		name: "approve an open approval (signers " + way + ")",
		stock: func(ctx context.Context, calls int) error {
			more := max((calls-open.left())/(len(signers)-1)+1, b.concurrency)
			ids, err := b.openApprovals(ctx, more)
			open.add(ids)
			return err
		},
		ours: func(ctx context.Context, _ int64) error {
			a, err := open.take()
			if err != nil {
				return err
			}
			if err := b.api.post(ctx, signers[a.decided], "/approvals/"+a.id+"/approve", b.key(), body, nil); err != nil {
				return err
			}
			a.decided++
			open.put(a)
			return nil
		},
		raw:   raw,
		moves: moves,
	})
}

// signersPolicy asks the signers of every step, one step after the other, before accountability moves; each step is due as by the
// default rules.
func (b *bench) signersPolicy(ctx context.Context, asked [][]string) (string, error) {
	var names, steps []string
	for i, users := range asked {
		var who []string
		for _, name := range users {
			var userID string
			if err := b.db.QueryRowContext(ctx, "SELECT id FROM users WHERE username = $1", name).Scan(&userID); err != nil {
				return "", err
			}
			who = append(who, "{user: "+userID+"}")
		}
		names = append(names, fmt.Sprintf("step%d", i+1))
		steps = append(steps, fmt.Sprintf("      %s: {mode: all, who: [%s], due: {after: 4h, clock: working}, on_due: remind}\n", names[i], strings.Join(who, ", ")))
	}
	return fmt.Sprintf("kind: approval\nchains:\n  accountability-transfer:\n    select: [{when: \"true\", steps: [%s]}]\n    steps:\n%s",
		strings.Join(names, ", "), strings.Join(steps, "")), nil
}

// openApprovals records cases whose accountability shall move, and returns the approvals of that once they are open.
func (b *bench) openApprovals(ctx context.Context, n int) ([]string, error) {
	var to string
	if err := b.db.QueryRowContext(ctx, "SELECT id FROM users WHERE username = 'am1'").Scan(&to); err != nil {
		return nil, err
	}
	ids := make([]string, n)
	err := each(ctx, b.concurrency, n, func(ctx context.Context, i int64) error {
		caseID, err := b.submit(ctx, i)
		if err != nil {
			return err
		}
		var view struct {
			Transfer struct {
				ApprovalID string `json:"approval_id"`
			} `json:"transfer"`
		}
		err = b.api.post(ctx, agent(i), "/cases/"+caseID+"/transfer-accountability", b.key(),
			fmt.Appendf(nil, `{"to_id":%q,"reason":"They speak to this client every day."}`, to), &view)
		ids[i] = view.Transfer.ApprovalID
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, b.await(ctx, time.Minute, "SELECT count(*) FROM approvals WHERE id = ANY($1)", n, ids)
}

// opened is an approval and how many have approved it.
type opened struct {
	id      string
	decided int
}

// pile holds the approvals that wait for a word other than the last. What was put back is taken again after all others.
type pile struct {
	mu   sync.Mutex
	open []opened
}

func (p *pile) add(ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.open = append(p.open, opened{id: id})
	}
}

func (p *pile) take() (opened, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		return opened{}, errors.New("more was approved than was opened before")
	}
	a := p.open[0]
	p.open = p.open[1:]
	return a, nil
}

func (p *pile) put(a opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.decided < len(signers)-1 {
		p.open = append(p.open, a)
	}
}

// left is how many words can still be given.
func (p *pile) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, a := range p.open {
		n += len(signers) - 1 - a.decided
	}
	return n
}
