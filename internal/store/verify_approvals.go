package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// verifiedApproval is an approval with everything that is written of it.
type verifiedApproval struct {
	ID, Process, Chain, SubjectID, RequesterID, Outcome string

	CreatedAt, UpdatedAt time.Time
	EndedAt              *time.Time
	Seq                  int64
	State                models.ApprovalState

	timeline                  timelineFacts
	tasks, copies, principals []string
}

// verifyApprovals holds every approval against its rules. The case id of a finding is the id of the approval; its number is
// that of what is to be approved.
//
//   - approval.projection.<column>: what lists filter by is what the state says.
//   - approval.timeline: events are numbered from 1 without gaps, up to the number in the state.
//   - approval.tasks: the open tasks are those of the state.
//   - approval.waits: an approval without an outcome waits for somebody.
//   - approval.copies: exactly those have a copy for reading to whom the state says that one was sent.
//   - approval.access.missing, approval.access.surplus: exactly those see an approval who have a part in it.
func (v *verifier) verifyApprovals(ctx context.Context, conn *pgx.Conn) error {
	for after := ""; ; {
		approvals, err := loadApprovals(ctx, conn, after)
		if err != nil || len(approvals) == 0 {
			return err
		}
		for i := range approvals {
			if v.approval(&approvals[i]); v.err != nil {
				return v.err
			}
		}
		after = approvals[len(approvals)-1].ID
	}
}

// loadApprovals reads the next approvals with all that belongs to them, in one snapshot.
func loadApprovals(ctx context.Context, conn *pgx.Conn, after string) ([]verifiedApproval, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(ctx)
	rows, err := tx.Query(ctx, `SELECT id, process, chain, subject_id, requester_id, coalesce(outcome, '') AS outcome, created_at, updated_at, ended_at, seq, state
		FROM approvals WHERE id > $1 ORDER BY id LIMIT $2`, after, verifyBatch)
	if err != nil {
		return nil, err
	}
	approvals, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[verifiedApproval])
	if err != nil || len(approvals) == 0 {
		return nil, err
	}
	byID, ids := map[string]*verifiedApproval{}, make([]string, len(approvals))
	var principals, seen []string
	var open []bool
	var created []time.Time
	for i := range approvals {
		a := &approvals[i]
		byID[a.ID], ids[i] = a, a.ID
		for _, p := range a.State.ReadPrincipals() {
			principals, seen = append(principals, p), append(seen, a.ID)
			open, created = append(open, !a.State.Over()), append(created, a.State.CreatedAt)
		}
	}
	var b pgx.Batch
	each(&b, `SELECT subject_id AS case_id, count(*), min(seq) AS first, max(seq) AS last FROM timeline WHERE subject_id = ANY($1) GROUP BY 1`,
		ids, func(t timelineFacts) { byID[t.CaseID].timeline = t })
	each(&b, `SELECT approval_id AS case_id, id || ' ' || holder || ' ' || subject_id AS id FROM tasks
		WHERE approval_id = ANY($1) AND state IN ('open', 'copy') AND state = 'open' ORDER BY 2`,
		ids, func(t owned) { byID[t.CaseID].tasks = append(byID[t.CaseID].tasks, t.ID) })
	each(&b, `SELECT approval_id AS case_id, holder AS id FROM tasks
		WHERE approval_id = ANY($1) AND state IN ('open', 'copy') AND state = 'copy' ORDER BY 2`,
		ids, func(t owned) { byID[t.CaseID].copies = append(byID[t.CaseID].copies, t.ID) })
	b.Queue(`SELECT approval_id AS case_id, principal AS id FROM approval_access
		JOIN unnest($1::text[], $2::boolean[], $3::timestamptz[], $4::text[]) x(principal, open, created_at, approval_id)
		USING (principal, open, created_at, approval_id) ORDER BY 2`, principals, open, created, seen).Query(func(rows pgx.Rows) error {
		return collect(rows, func(p owned) { byID[p.CaseID].principals = append(byID[p.CaseID].principals, p.ID) })
	})
	return approvals, tx.SendBatch(ctx, &b).Close()
}

func (v *verifier) approval(a *verifiedApproval) {
	s := &a.State
	v.id, v.number = a.ID, s.Number
	for _, f := range []struct {
		column        string
		state, stored any
	}{
		{"process", s.Process, a.Process},
		{"chain", s.Chain.Chain, a.Chain},
		{"subject_id", s.SubjectID, a.SubjectID},
		{"requester_id", s.Chain.Request.Requester, a.RequesterID},
		{"outcome", string(s.Chain.Outcome), a.Outcome},
		{"created_at", moment(&s.CreatedAt), moment(&a.CreatedAt)},
		{"updated_at", moment(&s.UpdatedAt), moment(&a.UpdatedAt)},
		{"ended_at", moment(s.Chain.EndedAt), moment(a.EndedAt)},
		{"seq", s.Seq, a.Seq},
	} {
		v.expect("approval.projection."+f.column, fmt.Sprint(f.state), fmt.Sprint(f.stored))
	}
	v.expect("approval.timeline", span(s.EventSeq, 1, s.EventSeq), span(a.timeline.Count, a.timeline.First, a.timeline.Last))
	var tasks []string
	for _, t := range s.Chain.OpenTasks() {
		tasks = append(tasks, id.Derive(id.Task, s.ID, t.Key)+" "+t.UserID+" "+s.SubjectID)
	}
	slices.Sort(tasks)
	v.expect("approval.tasks", strings.Join(tasks, ", "), strings.Join(a.tasks, ", "))
	if !s.Over() && len(tasks) == 0 {
		v.expect("approval.waits", "an open task", "none")
	}
	copies := slices.Sorted(slices.Values(s.Chain.CC))
	v.expect("approval.copies", strings.Join(copies, ", "), strings.Join(a.copies, ", "))
	v.expect("approval.access.missing", strings.Join(s.ReadPrincipals(), ", "), strings.Join(a.principals, ", "))
}

// surplusApprovalAccess looks over the whole table for rows of people who have no part in the approval.
const surplusApprovalAccess = `SELECT v.approval_id AS case_id, coalesce(a.state ->> 'number', '') AS number, 'approval.access.surplus' AS rule, '' AS expected,
		v.principal || CASE WHEN v.open THEN ' open' ELSE '' END AS found
	FROM approval_access v LEFT JOIN approvals a ON a.id = v.approval_id
	WHERE a.id IS NULL OR v.open <> (a.outcome IS NULL) OR v.created_at <> a.created_at OR NOT (
		v.principal = a.requester_id OR coalesce(a.state #> '{chain,cc}' ? v.principal, false)
		OR jsonb_path_exists(a.state, '$.chain.visits[*].participants[*] ? (@.user_id == $p || @.decided_by == $p || @.standbys[*].user_id == $p)',
			jsonb_build_object('p', v.principal)))`
