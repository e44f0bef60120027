package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// stepped is a kind of object that moves in steps: S is its state, P a step of it.
type stepped[S, P any] struct {
	noun     string // in faults of this program
	table    string // with the columns id and state
	head     func(*S) head
	parts    func(*P) (*S, []models.TimelineEvent)
	people   func(old *S, step *P) []string // who must not have left
	inactive *errs.Error                    // when one of them has
	whole    func(old *S, step *P) error    // what else a step must have; nil: nothing
	careful  func(*P) bool                  // a step that needs locks in order before it is written; nil: none does
	before   func(ctx context.Context, w *writer, step *P) error
	write    func(w *writer, old *S, step *P)
}

// head is where a state stands.
type head struct {
	id          string
	seq, events int64
}

// advance takes the step of an object that decide returns, in one transaction. The caller believes to know the stored state
// (nil: there is none yet). When the stored one is ahead, nothing is applied and it is answered in behind, so that a
// repeated call never applies a step twice. mail reports that messages wait to leave the product.
//
// As a rule the belief is right, and the step is decided and written in one round trip, without reading anything first.
// Where it is not, nothing is written, and decide is asked again with the stored state; so it is for a careful step.
// The errors of decide come back as they are.
func advance[S, P any](ctx context.Context, s *Store, o *stepped[S, P], id string, believed *S, decide func(*S) (P, error)) (behind *S, mail bool, err error) {
	step, err := decide(believed)
	if err != nil || o.careful != nil && o.careful(&step) || o.follows(id, believed, &step) != nil { // perhaps only by what we believe
		return lockAndAdvance(ctx, s, o, id, believed, decide)
	}
	w := &writer{email: s.email, mail: map[string]bool{}}
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w.conn = conn
		o.write(w, believed, &step)
		w.stayActive(o.people(believed, &step))
		return w.send(ctx) // what is sent in one batch is one transaction
	})
	if isMisbelief(err) {
		return lockAndAdvance(ctx, s, o, id, believed, decide)
	}
	return nil, err == nil && w.mail[id], err
}

// lockAndAdvance is the careful way: it locks the stored state before it decides.
func lockAndAdvance[S, P any](ctx context.Context, s *Store, o *stepped[S, P], id string, believed *S, decide func(*S) (P, error)) (behind *S, mail bool, err error) {
	for try := 1; ; try++ {
		w := &writer{email: s.email, mail: map[string]bool{}}
		err := s.onConn(ctx, func(conn *pgx.Conn) (err error) {
			w.conn = conn
			defer w.rollback()
			behind, err = o.advance(ctx, w, id, believed, decide)
			return err
		})
		if isMisbelief(err) {
			if try < attemptsOfStep {
				continue // another attempt recorded the object, or something else that was read, just now: it is found next time
			}
			err = unavailable(err)
		}
		return behind, err == nil && w.mail[id], err
	}
}

func (o *stepped[S, P]) advance(ctx context.Context, w *writer, id string, believed *S, decide func(*S) (P, error)) (*S, error) {
	stored, err := o.lock(ctx, w, id)
	if err != nil {
		return nil, err
	}
	switch now, known := o.at(stored).seq, o.at(believed).seq; {
	case now > known:
		return stored, nil
	case now < known: // a step that was applied is gone: only a restored backup can do that
		err := fmt.Errorf("%s %s is at step %d, its process at %d", o.noun, id, now, known)
		return nil, errs.Wrap(err, errs.Internal, "internal")
	}
	step, err := decide(stored)
	if err != nil {
		return nil, err
	}
	if err := o.follows(id, stored, &step); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "internal")
	}
	if err := w.checkActive(ctx, o.people(stored, &step), o.inactive); err != nil {
		return nil, err
	}
	if o.before != nil {
		if err := o.before(ctx, w, &step); err != nil {
			return nil, err
		}
	}
	o.write(w, stored, &step)
	w.batch.Queue("COMMIT")
	return nil, w.send(ctx)
}

// lock begins the transaction and locks the object; nil when there is none yet.
func (o *stepped[S, P]) lock(ctx context.Context, w *writer, id string) (*S, error) {
	var stored *S
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue(`SELECT state FROM `+o.table+` WHERE id = $1 FOR NO KEY UPDATE`, id).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&stored); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return nil
	})
	return stored, w.conn.SendBatch(ctx, &b).Close()
}

func (o *stepped[S, P]) at(s *S) head {
	if s == nil {
		return head{}
	}
	return o.head(s)
}

// follows reports a step that does not continue the state: it would break the history for good.
func (o *stepped[S, P]) follows(id string, old *S, step *P) error {
	state, events := o.parts(step)
	was, now := o.at(old), o.head(state)
	if now.id != id || now.seq != was.seq+1 {
		return fmt.Errorf("%s %s: step %d of %s does not follow %d", o.noun, id, now.seq, now.id, was.seq)
	}
	for _, e := range events {
		if was.events++; e.Seq != was.events {
			return fmt.Errorf("%s %s: event %d in the place of %d", o.noun, id, e.Seq, was.events)
		}
	}
	if now.events != was.events {
		return fmt.Errorf("%s %s: event %d is missing", o.noun, id, was.events+1)
	}
	if o.whole != nil {
		return o.whole(old, step)
	}
	return nil
}

// without lists what is in all and not in others.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(others, id) })
}
