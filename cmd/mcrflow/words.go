package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// teller tells processes what transactions have written for them.
type teller struct {
	store  *store.Store
	engine *temporalx.Engine
	log    *slog.Logger
}

// tellWithin bounds how long an answer waits until processes are told.
const tellWithin = 2 * time.Second

// Tell implements api.Words. Where it fails, keepTelling comes later.
func (t *teller) Tell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	if err := t.tell(ctx); err != nil {
		t.log.WarnContext(ctx, "processes not told yet", "err", err)
	}
}

const (
	wordsAtOnce = 200              // are told before the next ones are read
	tellAgain   = 10 * time.Second // is when it is tried again
)

// tell tells processes what transactions have written for them. What the engine does not take stays, and holds up nothing behind it,
// unless the engine is away; what is for a process that is over is for nobody.
func (t *teller) tell(ctx context.Context) error {
	var refused error
	for last := int64(0); ; {
		words, err := t.store.Words(ctx, last, wordsAtOnce)
		if err != nil || len(words) == 0 {
			return errors.Join(refused, err)
		}
		var told []int64
		for _, word := range words {
			if err = t.say(ctx, word); away(err) {
				break
			}
			if last = word.ID; err == nil {
				told = append(told, word.ID)
			} else if refused == nil {
				refused = err
			}
		}
		failed := t.store.Told(context.WithoutCancel(ctx), told) // or they are told it twice
		if away(err) || failed != nil {
			return errors.Join(refused, err, failed)
		}
	}
}

// away reports a failure of the engine, and not of what it was asked.
func away(err error) bool {
	code := errs.CodeOf(err)
	return code == errs.Unavailable || code == errs.RateLimited
}

// say tells one process one word; one that is over has nothing to learn.
func (t *teller) say(ctx context.Context, word models.Word) error {
	var arg any
	if word.Arg != nil {
		arg = word.Arg
	}
	err := t.engine.Signal(ctx, word.WorkflowID, word.Signal, arg)
	if code := errs.CodeOf(err); err != nil && code != errs.NotFound && code != errs.ProcessClosed {
		return fmt.Errorf("tell %s %s: %w", word.WorkflowID, word.Signal, err)
	}
	return nil
}

// keepTelling tells what was left untold, because the engine was away or the program died, until the context ends.
func (t *teller) keepTelling(ctx context.Context) {
	again := time.NewTicker(tellAgain)
	defer again.Stop()
	for {
		if err := t.tell(ctx); err != nil && ctx.Err() == nil {
			t.log.WarnContext(ctx, "processes not told yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}
