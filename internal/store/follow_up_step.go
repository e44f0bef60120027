package store

import (
	"context"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// AdvanceFollowUp takes the step of a follow-up that decide returns: state, timeline, tasks, messages, the invitation, its
// answers, that the person is asked, and what they do not want any more are written in one transaction (see advance). decide
// is asked again when the person was asked for another purpose meanwhile (models.Touch.Known); unavailable when that happens
// again and again. Nobody inactive is ever given a task: that is invalid survey.user_inactive. The errors of decide come
// back as they are.
func (s *Store) AdvanceFollowUp(ctx context.Context, invitationID string, believed *models.FollowUpState, decide models.DecideFollowUp) (behind *models.FollowUpState, mail bool, err error) {
	return advance(ctx, s, &steppedFollowUp, invitationID, believed, decide)
}

var steppedFollowUp = stepped[models.FollowUpState, models.FollowUpStep]{
	noun: "follow-up", table: "follow_ups", inactive: errs.New(errs.Invalid, "survey.user_inactive"),
	head: func(s *models.FollowUpState) head { return head{s.ID, s.Seq, s.EventSeq} },
	parts: func(p *models.FollowUpStep) (*models.FollowUpState, []models.TimelineEvent) {
		return &p.State, p.Events
	},
	people: func(_ *models.FollowUpState, p *models.FollowUpStep) []string { return callers(p.Tasks) },
	whole:  wholeFollowUp,
	write:  (*writer).followUp,
}

// callers lists who gets a task.
func callers(tasks []models.Task) []string {
	var ids []string
	for _, t := range tasks {
		if t.State == models.TaskOpen && t.UserID != "" {
			ids = append(ids, t.UserID)
		}
	}
	return ids
}

// wholeFollowUp reports a first step without an invitation, and one of somebody else.
func wholeFollowUp(old *models.FollowUpState, step *models.FollowUpStep) error {
	s, i := &step.State, step.Invitation
	switch {
	case i == nil && (old == nil || step.Answers != nil || step.OptOut != nil):
		return fmt.Errorf("follow-up %s: step %d has no invitation", s.ID, s.Seq)
	case i != nil && i.ID != s.ID:
		return fmt.Errorf("follow-up %s: step %d writes the invitation %s", s.ID, s.Seq, i.ID)
	}
	return nil
}

// followUp queues everything that one step writes. A recipient of a campaign comes before the invitation, in the order in
// which a batch locks them.
func (w *writer) followUp(old *models.FollowUpState, step *models.FollowUpStep) {
	s := &step.State
	if old == nil {
		w.batch.Queue(`INSERT INTO follow_ups (id, status, updated_at, seq, state, purpose, subject_id, client_id, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			s.ID, string(s.Status), s.UpdatedAt, s.Seq, s, string(s.Purpose), s.SubjectID, s.ClientID, s.CreatedAt)
	} else { // that there is a row of the step before is counted: a division by zero ends the transaction
		w.batch.Queue(`WITH step AS (UPDATE follow_ups SET status = $2, updated_at = $3, seq = $4, state = $5
			WHERE id = $1 AND seq = $4 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, s.ID, string(s.Status), s.UpdatedAt, s.Seq, s)
	}
	o := &origin{
		process: models.FollowUpProcess, subjectID: s.ID, about: s.ID, startedBy: models.System, seq: s.Seq, at: s.UpdatedAt, traceID: step.TraceID,
	}
	w.events(o, step.Events)
	w.tasks(o, step.Tasks)
	if i := step.Invitation; i != nil {
		w.recipientOf(s, i)
		w.invitation(old == nil && s.Purpose != models.PurposeCampaign, i)
		w.answers(step, i)
	}
	w.touch(step.Touch)
	w.optOut(s.ID, step.OptOut, s.UpdatedAt)
	w.notices(o, step.Notices)
}

// invitation queues the row as it is from now on. What was asked, and that somebody does not want to be asked or is not to
// be asked any more, is never taken back, since a campaign writes it too.
func (w *writer) invitation(first bool, i *models.SurveyInvitation) {
	changes := []any{
		i.ID, i.Recipient.Locale, i.AskedAt, i.ExpiresAt, i.AnsweredAt, i.Complete, i.OptedOut, i.Withdrawn,
		i.Answers, i.Score, string(verdictOf(i)), i.CaseID,
	}
	if i.Answers == nil {
		changes[8] = nil // not the JSON null
	}
	if !first {
		w.batch.Queue(`WITH invitation AS (UPDATE invitations SET locale = $2, asked_at = coalesce(asked_at, $3), expires_at = $4, answered_at = $5,
				complete = $6, opted_out = opted_out OR $7, withdrawn = withdrawn OR $8, answers = $9, score = $10, verdict = $11, case_id = nullif($12, '')
			WHERE id = $1 RETURNING 1) SELECT 1 / count(*) FROM invitation`, changes...)
		return
	}
	w.batch.Queue(`INSERT INTO invitations (id, locale, asked_at, expires_at, answered_at, complete, opted_out, withdrawn, answers, score, verdict, case_id,
			purpose, subject_id, run_id, recipient_id, first_id, client_id, contact_id, account_manager_id, accountable_id, name, email, phone,
			time_zone, template, survey_version, token_hash, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, nullif($12, ''), $13, $14, nullif($15, ''), nullif($16, ''), nullif($17, ''),
			$18, nullif($19, ''), nullif($20, ''), nullif($21, ''), $22, $23, $24, $25, $26, $27, $28, $29)`,
		append(changes, string(i.Purpose), i.SubjectID, i.RunID, i.RecipientID, i.FirstID, i.ClientID, i.Recipient.ContactID,
			i.AccountManagerID, i.AccountableID, i.Recipient.Name, i.Recipient.Email, i.Recipient.Phone,
			i.Recipient.TimeZone, i.Template, i.SurveyVersion, i.TokenHash, i.CreatedAt)...)
}

// answers replaces the answers by question; nil leaves them as they are. They carry what scores are narrowed by.
func (w *writer) answers(step *models.FollowUpStep, i *models.SurveyInvitation) {
	if step.Answers == nil {
		return
	}
	at := step.State.UpdatedAt
	if i.AnsweredAt != nil {
		at = *i.AnsweredAt
	}
	w.batch.Queue(`DELETE FROM answers WHERE invitation_id = $1`, i.ID)
	w.batch.Queue(`INSERT INTO answers (invitation_id, template, run_id, client_id, accountable_id, at, question, kind, score, gap, choices, text)
		SELECT $1, $2, nullif($3, ''), $4, nullif($5, ''), $6, a.* FROM jsonb_to_recordset($7) a ("Question" text, "Kind" text, "Score" smallint,
			"Gap" smallint, "Choices" text[], "Text" text)`,
		i.ID, i.Template, i.RunID, i.ClientID, i.AccountableID, at, step.Answers)
}

// touch records that a person is asked, unless that was recorded of them more often than the step has seen: then a division
// by zero ends the transaction. What is older than every cap counts is forgotten.
func (w *writer) touch(t *models.Touch) {
	if t == nil {
		return
	}
	w.batch.Queue(`WITH touch AS (
			INSERT INTO asked AS a (person, times, n) VALUES ($1, ARRAY[$2::timestamptz], 1)
			ON CONFLICT (person) DO UPDATE SET n = a.n + 1,
				times = ARRAY(SELECT t FROM unnest(a.times || excluded.times) t WHERE t > $2 - interval '400 days' ORDER BY t)
			WHERE a.n = $3 RETURNING n
		) SELECT 1 / count(*) FROM touch WHERE n = $3 + 1`, t.Person, t.At, t.Known)
}

// recipientOf ends the reminders to a recipient of a campaign who has answered, or does not want to be asked any more.
func (w *writer) recipientOf(s *models.FollowUpState, i *models.SurveyInvitation) {
	if i.RecipientID == "" || s.AnsweredAt == nil && !s.OptedOut {
		return
	}
	w.batch.Queue(`UPDATE campaign_recipients SET responded_at = coalesce(responded_at, $2), reminds = false, due_at = CASE WHEN state = 'pending' THEN due_at END
		WHERE id = $1 AND (due_at IS NOT NULL OR responded_at IS NULL AND $2::timestamptz IS NOT NULL)`, i.RecipientID, s.AnsweredAt)
}
