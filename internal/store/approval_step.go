package store

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// AdvanceApproval takes the step of an approval that decide returns: state, timeline, tasks, copies, messages and who may
// see it are written in one transaction (see advance). Nobody inactive is ever given a task: that is invalid
// approval.user_inactive. The errors of decide come back as they are.
func (s *Store) AdvanceApproval(ctx context.Context, approvalID string, believed *models.ApprovalState, decide models.DecideApproval) (behind *models.ApprovalState, mail bool, err error) {
	var written models.ApprovalState
	behind, mail, err = advance(ctx, s, &steppedApproval, approvalID, believed, func(stored *models.ApprovalState) (models.ApprovalStep, error) {
		step, err := decide(stored)
		written = step.State
		return step, err
	})
	if err == nil && behind == nil {
		s.cache.approvals.Add(approvalID, written)
	}
	return behind, mail, err
}

var steppedApproval = stepped[models.ApprovalState, models.ApprovalStep]{
	noun: "approval", table: "approvals", inactive: errs.New(errs.Invalid, "approval.user_inactive"),
	head: func(s *models.ApprovalState) head { return head{s.ID, s.Seq, s.EventSeq} },
	parts: func(p *models.ApprovalStep) (*models.ApprovalState, []models.TimelineEvent) {
		return &p.State, p.Events
	},
	people: func(_ *models.ApprovalState, p *models.ApprovalStep) []string { return receivers(p) },
	write:  (*writer).approval,
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
		w.batch.Queue(`INSERT INTO approvals (id, outcome, updated_at, ended_at, seq, state, requester_id, process, chain, subject_id, created_at)
			VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			append(changing(s), s.Process, s.Chain.Chain, s.SubjectID, s.CreatedAt)...)
	} else { // that there is a row of the step before is counted: a division by zero ends the transaction
		w.batch.Queue(`WITH step AS (UPDATE approvals SET outcome = nullif($2, ''), updated_at = $3, ended_at = $4, seq = $5, state = $6,
			requester_id = $7 WHERE id = $1 AND seq = $5 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, changing(s)...)
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

// changing are the columns that may change with a step, in the order of both statements.
func changing(s *models.ApprovalState) []any {
	return []any{s.ID, string(s.Chain.Outcome), s.UpdatedAt, s.Chain.EndedAt, s.Seq, s, s.Chain.Request.Requester}
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
