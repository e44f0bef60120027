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

// NextReceptionNumber gives the next number of a day (YYYYMMDD), such as RCP-20261122-0042. A number that is never used
// leaves a gap.
func (s *Store) NextReceptionNumber(ctx context.Context, day string) (string, error) {
	return s.nextNumber(ctx, "RCP", day)
}

// AdvanceReception takes the step of a reception that decide returns: state, plans, timeline, tasks, what is held of
// resources and budgets, records, invitations, messages and who may see it are written in one transaction. The caller
// believes to know the stored state (nil: there is none yet). When the stored one is ahead, nothing is applied and it is
// answered in behind, so that a repeated call never applies a step twice. mail reports that messages wait to leave the
// product.
//
// As a rule the belief is right, and a step that holds nothing is decided and written in one round trip, without reading
// anything first. Where it is not, nothing is written, and decide is asked again with the stored state; so it is for a step
// with Holdings, whose locks must be taken in order. Refusals of Take undo the step. Nobody inactive is given a part or a
// task: that is invalid reception.user_inactive. The errors of decide come back as they are.
func (s *Store) AdvanceReception(ctx context.Context, receptionID string, believed *models.ReceptionState, decide models.DecideReception) (behind *models.ReceptionState, mail bool, err error) {
	step, err := decide(believed)
	if err != nil || step.Holdings != nil || followsReception(receptionID, believed, &step) != nil { // perhaps only by what we believe
		return s.advanceReception(ctx, receptionID, believed, decide)
	}
	w := &writer{email: s.email, mail: map[string]bool{}}
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w.conn = conn
		w.reception(believed, &step)
		w.stayActive(parties(believed, &step))
		return w.send(ctx) // what is sent in one batch is one transaction
	})
	if isMisbelief(err) {
		return s.advanceReception(ctx, receptionID, believed, decide)
	}
	return nil, err == nil && w.mail[receptionID], err
}

// advanceReception is the careful way: it locks the stored state before it decides.
func (s *Store) advanceReception(ctx context.Context, receptionID string, believed *models.ReceptionState, decide models.DecideReception) (behind *models.ReceptionState, mail bool, err error) {
	for try := 1; ; try++ {
		w := &writer{email: s.email, mail: map[string]bool{}}
		err := s.onConn(ctx, func(conn *pgx.Conn) (err error) {
			w.conn = conn
			defer w.rollback()
			behind, err = w.advanceReception(ctx, receptionID, believed, decide)
			return err
		})
		if isRecorded(err) && try < attemptsOfStep {
			continue // another attempt recorded the reception just now: it is found next time
		}
		return behind, err == nil && w.mail[receptionID], err
	}
}

func (w *writer) advanceReception(ctx context.Context, receptionID string, believed *models.ReceptionState, decide models.DecideReception) (*models.ReceptionState, error) {
	stored, err := w.lockReception(ctx, receptionID)
	if err != nil {
		return nil, err
	}
	switch now, known := receptionStepOf(stored), receptionStepOf(believed); {
	case now > known:
		return stored, nil
	case now < known: // a step that was applied is gone: only a restored backup can do that
		err := fmt.Errorf("reception %s is at step %d, its process at %d", receptionID, now, known)
		return nil, errs.Wrap(err, errs.Internal, "internal")
	}
	step, err := decide(stored)
	if err != nil {
		return nil, err
	}
	if err := followsReception(receptionID, stored, &step); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "internal")
	}
	if err := w.checkActive(ctx, parties(stored, &step), errs.New(errs.Invalid, "reception.user_inactive")); err != nil {
		return nil, err
	}
	if err := w.take(ctx, step.Holdings); err != nil {
		return nil, err
	}
	w.reception(stored, &step)
	w.batch.Queue("COMMIT")
	return nil, w.send(ctx)
}

// take does what the step does with resources and money. The step is new, so that it cannot have been done before.
func (w *writer) take(ctx context.Context, h *models.Holdings) error {
	if h == nil {
		return nil
	}
	taken, err := TakeHoldings(ctx, w.conn, *h)
	if err == nil && !taken.Applied {
		err = errs.Wrap(fmt.Errorf("holdings of %s are ahead of step %d", h.SubjectID, h.StepSeq), errs.Internal, "internal")
	}
	return err
}

// lockReception begins the transaction and locks the reception; nil when there is none yet.
func (w *writer) lockReception(ctx context.Context, receptionID string) (*models.ReceptionState, error) {
	var stored *models.ReceptionState
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue(`SELECT state FROM receptions WHERE id = $1 FOR NO KEY UPDATE`, receptionID).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&stored); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return nil
	})
	return stored, w.conn.SendBatch(ctx, &b).Close()
}

func receptionStepOf(s *models.ReceptionState) int64 {
	if s == nil {
		return 0
	}
	return s.Seq
}

// followsReception reports a step that does not continue the state: it would break the history for good.
func followsReception(receptionID string, old *models.ReceptionState, step *models.ReceptionStep) error {
	s := &step.State
	var events int64
	if old != nil {
		events = old.EventSeq
	}
	switch {
	case s.ID != receptionID || s.Seq != receptionStepOf(old)+1:
		return fmt.Errorf("reception %s: step %d of %s does not follow %d", receptionID, s.Seq, s.ID, receptionStepOf(old))
	case old == nil && step.Plans == nil:
		return fmt.Errorf("reception %s has no plan", receptionID)
	case step.Holdings != nil && (step.Holdings.SubjectID != s.ID || step.Holdings.StepSeq != s.Seq):
		return fmt.Errorf("reception %s: step %d holds for step %d of %s", receptionID, s.Seq, step.Holdings.StepSeq, step.Holdings.SubjectID)
	}
	for _, e := range step.Events {
		if events++; e.Seq != events {
			return fmt.Errorf("reception %s: event %d in the place of %d", receptionID, e.Seq, events)
		}
	}
	if s.EventSeq != events {
		return fmt.Errorf("reception %s: event %d is missing", receptionID, events+1)
	}
	return nil
}

// parties lists who gets a part or a task by the step. The client's account manager has their part whether they are there
// or not.
func parties(old *models.ReceptionState, step *models.ReceptionStep) []string {
	var before []string
	if old != nil {
		before = old.Involved()
	}
	ids := slices.DeleteFunc(without(step.State.Involved(), before), func(id string) bool { return id == step.State.AccountManagerID })
	for _, t := range step.Tasks {
		if t.State == models.TaskOpen && t.UserID != "" {
			ids = append(ids, t.UserID)
		}
	}
	return ids
}
