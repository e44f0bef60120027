package store

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// step queues everything that one step writes.
func (w *writer) step(old *models.CaseState, step *models.CaseStep) {
	s := &step.State
	if step.Record != nil {
		w.insertCase(s, step.Record)
	} else {
		w.updateCase(s)
	}
	o := &origin{
		process: models.ComplaintProcess, subjectID: s.ID, about: s.ID, startedBy: s.CreatedBy, seq: s.Seq, at: s.UpdatedAt, traceID: step.TraceID,
	}
	w.events(o, step.Events)
	w.tenures(old, s.ID, step)
	w.tasks(o, step.Tasks)
	w.milestones(old, s)
	w.access(old, s)
	w.contacts(step)
	w.resolution(step)
	w.notices(o, step.Notices)
}

// facts are the columns that may change with a step, in the order of both statements below.
func facts(s *models.CaseState) []any {
	var offerTo, offerTeam, transferTo string
	if s.Offer != nil {
		offerTo, offerTeam = s.Offer.ToID, s.Offer.TeamID
	}
	if s.Transfer != nil {
		transferTo = s.Transfer.ToID
	}
	return []any{
		s.ID, s.Status, s.Priority, s.AccountManagerID, s.AccountableID, s.AccountableTeamID, s.AssigneeID, s.TeamID,
		offerTo, offerTeam, transferTo, s.Category, s.PolicyVersion, breached(s), nextDue(s), s.UpdatedAt, s.ClosedAt, s.Seq, s,
	}
}

// breached reports whether a promise was broken and the breach stands.
func breached(s *models.CaseState) bool {
	return slices.ContainsFunc(s.Promises, func(p sla.Promise) bool { return p.BreachedAt != nil })
}

// nextDue is the earliest due time of a promise that is still to be met; nil when nothing is owed, or all of it is paused.
func nextDue(s *models.CaseState) *time.Time {
	var next *time.Time
	for i := range s.Promises {
		if p := &s.Promises[i]; s.Held() && p.Open() && p.DueAt != nil && (next == nil || p.DueAt.Before(*next)) {
			next = p.DueAt
		}
	}
	return next
}

func (w *writer) insertCase(s *models.CaseState, r *models.CaseRecord) {
	w.batch.Queue(`INSERT INTO cases (id, status, priority, account_manager_id, accountable_id, accountable_team_id, assignee_id, team_id,
			offer_to_id, offer_team_id, transfer_to_id, category, policy_version, breached, next_due_at, updated_at, closed_at, seq, state,
			number, type, client_id, created_by, channel, created_at, subject, description, contact, occurred_at, external_ref)
		VALUES ($1, $2, $3, nullif($4, ''), $5, nullif($6, ''), $7, nullif($8, ''), nullif($9, ''), nullif($10, ''), nullif($11, ''), $12,
			$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)`,
		append(facts(s), s.Number, s.Type, s.ClientID, s.CreatedBy, s.Channel, s.CreatedAt,
			r.Subject, r.Description, r.Contact, r.OccurredAt, r.ExternalRef)...)
}

// updateCase replaces the row of the step before. That there is one is counted: a division by zero ends the transaction.
func (w *writer) updateCase(s *models.CaseState) {
	w.batch.Queue(`WITH step AS (UPDATE cases SET status = $2, priority = $3, account_manager_id = nullif($4, ''), accountable_id = $5,
			accountable_team_id = nullif($6, ''), assignee_id = $7, team_id = nullif($8, ''), offer_to_id = nullif($9, ''),
			offer_team_id = nullif($10, ''), transfer_to_id = nullif($11, ''), category = $12, policy_version = $13, breached = $14,
			next_due_at = $15, updated_at = $16, closed_at = $17, seq = $18, state = $19
		WHERE id = $1 AND seq = $18 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, facts(s)...)
}

// tenures closes the open interval and opens the next in one statement. Counting what was closed makes sure that it is
// closed before the insertion looks for an open one. The first step has nothing to close.
func (w *writer) tenures(old *models.CaseState, caseID string, step *models.CaseStep) {
	if t := step.Accountable; t != nil {
		with, closed := closing(old, "case_accountability")
		w.batch.Queue(with+`INSERT INTO case_accountability (case_id, user_id, during, reason)
			SELECT $1, $3, tstzrange($2, NULL), $4`+closed, caseID, t.From, t.UserID, t.Reason)
	}
	if t := step.Handling; t != nil {
		with, closed := closing(old, "case_handling")
		w.batch.Queue(with+`INSERT INTO case_handling (case_id, user_id, during, reason, kind)
			SELECT $1, $3, tstzrange($2, NULL), $4, $5`+closed, caseID, t.From, t.UserID, t.Reason, string(t.Kind))
	}
}

// closing is what goes around the insertion of an interval.
func closing(old *models.CaseState, table string) (with, closed string) {
	if old.ID == "" {
		return "", ""
	}
	return `WITH closed AS (UPDATE ` + table + ` SET during = tstzrange(lower(during), $2)
		WHERE case_id = $1 AND upper_inf(during) RETURNING 1) `, ` FROM (SELECT count(*) FROM closed) c WHERE $3 <> ''`
}

// milestone is a row of case_milestones.
type milestone struct {
	Name, State, Clock, Target            string
	Cycle                                 int
	StartedAt                             time.Time
	DueAt, MetAt, BreachedAt, CancelledAt *time.Time
}

type milestoneKey struct {
	name  string
	cycle int
}

func milestonesOf(s *models.CaseState) map[milestoneKey]milestone {
	all := make(map[milestoneKey]milestone, len(s.Promises))
	for i := range s.Promises {
		p := &s.Promises[i]
		all[milestoneKey{p.Name, p.Cycle}] = milestone{
			Name: p.Name, Cycle: p.Cycle, State: string(p.State), Clock: string(p.Clock), Target: p.Target.String(),
			StartedAt: p.StartedAt, DueAt: p.DueAt, MetAt: p.MetAt, BreachedAt: p.BreachedAt, CancelledAt: p.CancelledAt,
		}
	}
	return all
}

// equal compares what a database can tell apart.
func (m milestone) equal(o milestone) bool {
	return m.Name == o.Name && m.Cycle == o.Cycle && m.State == o.State && m.Clock == o.Clock && m.Target == o.Target &&
		m.StartedAt.Equal(o.StartedAt) && sameTime(m.DueAt, o.DueAt) && sameTime(m.MetAt, o.MetAt) &&
		sameTime(m.BreachedAt, o.BreachedAt) && sameTime(m.CancelledAt, o.CancelledAt)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// milestones writes the promises that the step changed, and removes those that it dropped: of a promise that is given again the last
// one, which the new one replaces, and one that went back to a case that was merged.
func (w *writer) milestones(old, s *models.CaseState) {
	before, now := milestonesOf(old), milestonesOf(s)
	dropped := map[string][]int{} // cycles, by name
	for key := range before {
		if _, ok := now[key]; !ok {
			dropped[key.name] = append(dropped[key.name], key.cycle)
		}
	}
	for key, m := range now {
		was, known := before[key]
		if known && was.equal(m) {
			continue
		}
		row := []any{s.ID, m.Name, m.Cycle, m.State, m.Clock, m.Target, m.StartedAt, m.DueAt, m.MetAt, m.BreachedAt, m.CancelledAt}
		if last := dropped[m.Name]; !known && len(last) > 0 {
			dropped[m.Name] = last[1:]
			w.batch.Queue(`UPDATE case_milestones SET cycle = $3, state = $4, clock = $5, target = $6, started_at = $7, due_at = $8,
					met_at = $9, breached_at = $10, cancelled_at = $11
				WHERE case_id = $1 AND name = $2 AND cycle = $12`, append(row, last[0])...)
			continue
		}
		w.batch.Queue(`INSERT INTO case_milestones (case_id, name, cycle, state, clock, target, started_at, due_at, met_at, breached_at, cancelled_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (case_id, name, cycle) DO UPDATE SET state = excluded.state, clock = excluded.clock, target = excluded.target,
				started_at = excluded.started_at, due_at = excluded.due_at, met_at = excluded.met_at,
				breached_at = excluded.breached_at, cancelled_at = excluded.cancelled_at`, row...)
	}
	for name, cycles := range dropped {
		for _, cycle := range cycles {
			w.batch.Queue(`DELETE FROM case_milestones WHERE case_id = $1 AND name = $2 AND cycle = $3`, s.ID, name, cycle)
		}
	}
}

// access writes who may see the case from now on, where that changed.
func (w *writer) access(old, s *models.CaseState) {
	var before []string
	if old.ID != "" {
		before = principalsOf(old)
	}
	now := principalsOf(s)
	if slices.Equal(before, now) && phaseOf(old.Status) == phaseOf(s.Status) && breached(old) == breached(s) {
		return
	}
	if len(before) > 0 {
		w.batch.Queue(`DELETE FROM case_access WHERE principal = ANY($1) AND phase = $2 AND breached = $3 AND case_id = $4`,
			before, phaseOf(old.Status), breached(old), s.ID)
	}
	w.batch.Queue(`INSERT INTO case_access (principal, phase, breached, case_id) SELECT unnest($1::text[]), $2, $3, $4`,
		now, phaseOf(s.Status), breached(s), s.ID)
}

// contacts takes over the complainants of a case that was merged into this one, its own and those it had taken over
// itself, or gives them back.
func (w *writer) contacts(step *models.CaseStep) {
	if step.Inherit != "" {
		w.batch.Queue(`INSERT INTO case_contacts (case_id, from_case_id, position, contact)
			SELECT $1, $2, row_number() OVER (ORDER BY own DESC, from_case_id, position), contact FROM (
				SELECT true AS own, id AS from_case_id, 0 AS position, contact FROM cases WHERE id = $2
				UNION ALL SELECT false, from_case_id, position, contact FROM case_contacts WHERE case_id = $2) c
			ON CONFLICT DO NOTHING`, step.State.ID, step.Inherit)
	}
	if step.Disinherit != "" {
		w.batch.Queue(`DELETE FROM case_contacts WHERE case_id = $1 AND from_case_id = $2`, step.State.ID, step.Disinherit)
	}
}

// resolution keeps how the case was solved, and drafts a knowledge article from it (C-41). A second resolution rewrites
// the draft, unless somebody has published it. From a silence nothing can be learnt.
func (w *writer) resolution(step *models.CaseStep) {
	r := step.Resolution
	if r == nil {
		return
	}
	w.batch.Queue(`UPDATE cases SET resolution = $2, root_cause = $3 WHERE id = $1`, step.State.ID, r.Resolution, r.RootCause)
	if r.By == models.System {
		return
	}
	w.batch.Queue(`WITH again AS (UPDATE knowledge_articles SET root_cause = $3, body = $4 WHERE case_id = $2 AND state = 'draft' RETURNING 1)
		INSERT INTO knowledge_articles (id, case_id, title, root_cause, body, state, created_by, created_at)
		SELECT $1, $2, subject, $3, $4, 'draft', $5, $6 FROM cases WHERE id = $2 AND NOT EXISTS (SELECT FROM again)`,
		id.New(id.Article), step.State.ID, r.RootCause, r.Resolution, r.By, step.State.UpdatedAt)
}
