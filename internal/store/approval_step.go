package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// AdvanceApproval takes the step of an approval that decide returns: state, timeline, tasks, copies, messages and who may
// see it are written in one transaction. The caller believes to know the stored state (nil: there is none yet). When the
// stored one is ahead, nothing is applied and it is answered in behind, so that a repeated call never applies a step twice.
// mail reports that messages wait to leave the product.
//
// As a rule the belief is right, and the step is decided and written without reading anything first, in one round trip.
// Where it is not, nothing is written, and decide is asked again with the stored state. Nobody inactive is ever given a task:
// that is invalid approval.user_inactive. The errors of decide come back as they are.
func (s *Store) AdvanceApproval(ctx context.Context, approvalID string, believed *models.ApprovalState, decide models.DecideApproval) (behind *models.ApprovalState, mail bool, err error) {
	step, err := decide(believed)
	if err != nil || continues(approvalID, believed, &step) != nil { // perhaps only by what we believe
		return s.advanceApproval(ctx, approvalID, believed, decide)
	}
	w := &writer{email: s.email, mail: map[string]bool{}}
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w.conn = conn
		w.approval(believed, &step)
		w.stayActive(receivers(&step))
		return w.send(ctx) // what is sent in one batch is one transaction
	})
	if isMisbelief(err) {
		return s.advanceApproval(ctx, approvalID, believed, decide)
	}
	return nil, err == nil && w.mail[approvalID], err
}

// advanceApproval is the careful way: it locks the stored state before it decides.
func (s *Store) advanceApproval(ctx context.Context, approvalID string, believed *models.ApprovalState, decide models.DecideApproval) (behind *models.ApprovalState, mail bool, err error) {
	for try := 1; ; try++ {
		w := &writer{email: s.email, mail: map[string]bool{}}
		err := s.onConn(ctx, func(conn *pgx.Conn) (err error) {
			w.conn = conn
			defer w.rollback()
			behind, err = w.advanceApproval(ctx, approvalID, believed, decide)
			return err
		})
		if isRecorded(err) && try < attemptsOfStep {
			continue // another attempt began the approval just now: it is found next time
		}
		return behind, err == nil && w.mail[approvalID], err
	}
}

func (w *writer) advanceApproval(ctx context.Context, approvalID string, believed *models.ApprovalState, decide models.DecideApproval) (*models.ApprovalState, error) {
	stored, err := w.lockApproval(ctx, approvalID)
	if err != nil {
		return nil, err
	}
	switch now, known := stepOf(stored), stepOf(believed); {
	case now > known:
		return stored, nil
	case now < known: // a step that was applied is gone: only a restored backup can do that
		err := fmt.Errorf("approval %s is at step %d, its process at %d", approvalID, now, known)
		return nil, errs.Wrap(err, errs.Internal, "internal")
	}
	step, err := decide(stored)
	if err != nil {
		return nil, err
	}
	if err := continues(approvalID, stored, &step); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "internal")
	}
	if err := w.checkActive(ctx, receivers(&step), errs.New(errs.Invalid, "approval.user_inactive")); err != nil {
		return nil, err
	}
	w.approval(stored, &step)
	w.batch.Queue("COMMIT")
	return nil, w.send(ctx)
}

// lockApproval begins the transaction and locks the approval; nil when there is none yet.
func (w *writer) lockApproval(ctx context.Context, approvalID string) (*models.ApprovalState, error) {
	var stored *models.ApprovalState
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue(`SELECT state FROM approvals WHERE id = $1 FOR NO KEY UPDATE`, approvalID).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&stored); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return nil
	})
	return stored, w.conn.SendBatch(ctx, &b).Close()
}

func stepOf(s *models.ApprovalState) int64 {
	if s == nil {
		return 0
	}
	return s.Seq
}

// continues reports a step that does not follow the state: it would break the history for good.
func continues(approvalID string, old *models.ApprovalState, step *models.ApprovalStep) error {
	s := &step.State
	var events int64
	if old != nil {
		events = old.EventSeq
	}
	if s.ID != approvalID || s.Seq != stepOf(old)+1 {
		return fmt.Errorf("approval %s: step %d of %s does not follow %d", approvalID, s.Seq, s.ID, stepOf(old))
	}
	for _, e := range step.Events {
		if events++; e.Seq != events {
			return fmt.Errorf("approval %s: event %d in the place of %d", approvalID, e.Seq, events)
		}
	}
	if s.EventSeq != events {
		return fmt.Errorf("approval %s: event %d is missing", approvalID, events+1)
	}
	return nil
}

// receivers lists who gets a task by the step.
func receivers(step *models.ApprovalStep) []string {
	var ids []string
	for _, t := range step.Tasks {
		if t.State == models.TaskOpen {
			ids = append(ids, t.UserID)
		}
	}
	return ids
}

// approval queues everything that one step writes.
func (w *writer) approval(old *models.ApprovalState, step *models.ApprovalStep) {
	s := &step.State
	if old == nil {
		w.batch.Queue(`INSERT INTO approvals (id, outcome, updated_at, ended_at, seq, state, process, chain, subject_id, requester_id, created_at)
			VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			append(outcomeOf(s), s.Process, s.Chain.Chain, s.SubjectID, s.Chain.Request.Requester, s.CreatedAt)...)
	} else { // that there is a row of the step before is counted: a division by zero ends the transaction
		w.batch.Queue(`WITH step AS (UPDATE approvals SET outcome = nullif($2, ''), updated_at = $3, ended_at = $4, seq = $5, state = $6
			WHERE id = $1 AND seq = $5 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, outcomeOf(s)...)
	}
	o := &origin{
		process: models.ApprovalProcess, subjectID: s.ID, about: s.SubjectID, approvalID: s.ID, startedBy: s.Chain.Request.Requester,
		seq: s.Seq, at: s.UpdatedAt, traceID: step.TraceID,
	}
	w.events(o, step.Events)
	w.tasks(o, step.Tasks)
	w.copies(o, step.Copies)
	w.approvalAccess(old, s)
	w.notices(o, step.Notices)
}

// outcomeOf are the columns that may change with a step, in the order of both statements.
func outcomeOf(s *models.ApprovalState) []any {
	return []any{s.ID, string(s.Chain.Outcome), s.UpdatedAt, s.Chain.EndedAt, s.Seq, s}
}

// copies puts a copy for reading into the inboxes of people, one into each however often they are named.
func (w *writer) copies(o *origin, users []string) {
	if len(users) == 0 {
		return
	}
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = id.Derive(id.Task, o.approvalID, "copy/"+u)
	}
	w.batch.Queue(`INSERT INTO tasks (id, process, kind, subject_id, approval_id, user_id, state, due_at, created_at, started_by)
		SELECT c.id, $1, $2, $3, $4, c.user_id, $5, 'infinity', $6, $7 FROM unnest($8::text[], $9::text[]) c(id, user_id)
		ON CONFLICT (id) DO NOTHING`, o.process, models.TaskRead, o.about, o.approvalID, string(models.TaskCopy), o.at, o.startedBy, ids, users)
}

// approvalAccess writes who may see the approval from now on, where that changed.
func (w *writer) approvalAccess(old, s *models.ApprovalState) {
	now := s.ReadPrincipals()
	gone, come := []string(nil), now
	if old != nil {
		gone = old.ReadPrincipals()
		if old.Over() == s.Over() {
			gone, come = without(gone, now), without(now, gone)
		}
	}
	if len(gone) > 0 {
		w.batch.Queue(`DELETE FROM approval_access WHERE principal = ANY($1) AND open = $2 AND created_at = $3 AND approval_id = $4`,
			gone, !old.Over(), old.CreatedAt, s.ID)
	}
	if len(come) > 0 {
		w.batch.Queue(`INSERT INTO approval_access (principal, open, created_at, approval_id) SELECT unnest($1::text[]), $2, $3, $4`,
			come, !s.Over(), s.CreatedAt, s.ID)
	}
}

// without lists what is in all and not in others.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(others, id) })
}
