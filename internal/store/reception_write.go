package store

import (
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// reception queues everything that one step writes, but what it holds.
func (w *writer) reception(old *models.ReceptionState, step *models.ReceptionStep) {
	s := &step.State
	if old == nil {
		w.batch.Queue(`INSERT INTO receptions (id, status, kind, level, client_id, requester_id, team_id, starts_at, ends_at, updated_at, closed_at,
				seq, state, plans, number, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9, $10, $11, $12, $13, $14::text::jsonb, $15, $16)`,
			append(receptionFacts(s, step.Plans), s.Number, s.CreatedAt)...)
	} else { // that there is a row of the step before is counted: a division by zero ends the transaction
		w.batch.Queue(`WITH step AS (UPDATE receptions SET status = $2, kind = $3, level = $4, client_id = $5, requester_id = $6,
				team_id = nullif($7, ''), starts_at = $8, ends_at = $9, updated_at = $10, closed_at = $11, seq = $12, state = $13,
				plans = coalesce($14::text::jsonb, plans)
			WHERE id = $1 AND seq = $12 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, receptionFacts(s, step.Plans)...)
	}
	o := &origin{
		process: models.ReceptionProcess, subjectID: s.ID, about: s.ID, startedBy: s.CreatedBy, seq: s.Seq, at: s.UpdatedAt, traceID: step.TraceID,
	}
	w.events(o, step.Events)
	w.tasks(o, step.Tasks)
	w.receptionAccess(old, s)
	w.receptionRecords(step)
	w.invitations(o, step.Invitations, s.Number)
	w.notices(o, step.Notices)
}

// receptionFacts are the columns that may change with a step, in the order of both statements. Without plans those that
// are stored stay.
func receptionFacts(s *models.ReceptionState, plans *models.ReceptionPlans) []any {
	var text *string
	if plans != nil {
		text = jsonText(plans)
	}
	return []any{
		s.ID, string(s.Status), s.Kind, s.Level, s.ClientID, s.RequesterID, s.TeamID, s.StartsAt, s.EndsAt, s.UpdatedAt, s.ClosedAt, s.Seq, s, text,
	}
}

// receptionAccess writes who may see the reception from now on, where that changed.
func (w *writer) receptionAccess(old, s *models.ReceptionState) {
	var before []string
	if old != nil {
		before = old.Involved()
	}
	now := s.Involved()
	if gone := without(before, now); len(gone) > 0 {
		w.batch.Queue(`DELETE FROM reception_access WHERE principal = ANY($1) AND reception_id = $2`, gone, s.ID)
	}
	if come := without(now, before); len(come) > 0 {
		w.batch.Queue(`INSERT INTO reception_access (principal, reception_id) SELECT unnest($1::text[]), $2`, come, s.ID)
	}
}

// receptionRecords keeps the texts of the step beside the state.
func (w *writer) receptionRecords(step *models.ReceptionStep) {
	s := &step.State
	if n := step.Need; n != nil && n.Solution == "" {
		w.batch.Queue(`INSERT INTO reception_needs (id, reception_id, text, kind, raised_by) VALUES ($1, $2, $3, $4, $5)`,
			n.ID, s.ID, n.Text, string(n.Kind), n.By)
	} else if n != nil {
		w.batch.Queue(`UPDATE reception_needs SET solution = $2, solved_by = $3 WHERE id = $1`, n.ID, n.Solution, n.By)
	}
	for _, c := range step.Cases {
		for _, n := range s.Needs {
			if n.ID == c.NeedID {
				w.batch.Queue(`UPDATE reception_needs SET case_id = $2 WHERE id = $1`, n.ID, n.CaseID())
			}
		}
	}
	if f := step.Feedback; f != nil {
		w.batch.Queue(`INSERT INTO reception_feedback (id, reception_id, score, comment, shortcomings, visitor, by_id, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, f.ID, s.ID, f.Score, f.Comment, f.Shortcomings, f.Visitor, f.By, s.UpdatedAt)
	}
	if c := step.Claim; c != nil && c.Items != nil {
		var total int64
		for _, i := range c.Items {
			total += i.Amount
		}
		w.batch.Queue(`INSERT INTO reception_claims (id, reception_id, state, items, total, currency, by_id, comment, created_at, updated_at)
			VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, $9, $9)`,
			c.ID, s.ID, string(c.State), jsonText(c.Items), total, s.Currency, c.By, c.Comment, s.UpdatedAt)
	} else if c != nil {
		w.batch.Queue(`UPDATE reception_claims SET state = $2, comment = $3, updated_at = $4 WHERE id = $1`, c.ID, string(c.State), c.Comment, s.UpdatedAt)
	}
	if sum := step.Summary; sum != nil {
		w.batch.Queue(`INSERT INTO reception_summaries (reception_id, client_id, at, body, created_at) VALUES ($1, $2, $3, $4::text::jsonb, $5)`,
			s.ID, sum.ClientID, sum.At, jsonText(sum), s.UpdatedAt)
	}
}

// invitations keeps what stands in diaries, and makes the e-mails that bring it there.
func (w *writer) invitations(o *origin, list []models.Invitation, number string) {
	if len(list) == 0 {
		return
	}
	n := len(list)
	ids, uids, users, kinds, texts := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	sequences, from, until, cancelled := make([]int64, n), make([]time.Time, n), make([]time.Time, n), make([]bool, n)
	for i, v := range list {
		sequence := strconv.FormatInt(v.Sequence, 10)
		ids[i] = id.Derive(id.Message, o.subjectID, v.UID+"/"+sequence)
		uids[i], users[i], sequences[i], from[i], until[i], cancelled[i] = v.UID, v.UserID, v.Sequence, v.StartsAt, v.EndsAt, v.Cancel
		kinds[i] = models.NoticeInvitation
		if v.Cancel {
			kinds[i] = models.NoticeUninvited
		}
		texts[i] = *jsonText(map[string]string{
			"uid": v.UID, "sequence": sequence, "number": number,
			"starts_at": v.StartsAt.UTC().Format(time.RFC3339), "ends_at": v.EndsAt.UTC().Format(time.RFC3339),
		})
	}
	w.batch.Queue(`INSERT INTO reception_invitations (uid, reception_id, user_id, sequence, starts_at, ends_at, cancelled, updated_at)
		SELECT v.uid, $1, v.user_id, v.sequence, v.starts_at, v.ends_at, v.cancelled, $2
		FROM unnest($3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::boolean[])
			v(uid, user_id, sequence, starts_at, ends_at, cancelled)
		ON CONFLICT (uid) DO UPDATE SET sequence = excluded.sequence, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
			cancelled = excluded.cancelled, updated_at = excluded.updated_at`, o.subjectID, o.at, uids, users, sequences, from, until, cancelled)
	if !w.email {
		return
	}
	w.batch.Queue(`INSERT INTO deliveries (id, subject_id, step_seq, channel, user_id, kind, data, not_before, created_at)
		SELECT v.id, $1, $2, 'email', u.id, v.kind, v.data::jsonb || jsonb_build_object('subject', r.purpose), $3, $3
		FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) v(id, user_id, kind, data)
		JOIN users u ON u.id = v.user_id JOIN receptions r ON r.id = $1 WHERE u.email <> '' AND u.active
		ON CONFLICT (id) DO NOTHING`, o.subjectID, o.seq, o.at, ids, users, kinds, texts).Exec(w.counts(o))
}
