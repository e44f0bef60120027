package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// RunView returns what a run must know before each batch; not_found when there is no such run. Next is when the earliest
// recipient is due, also one who is due now or is in a batch's hand; nil means that nothing is left to do.
func (s *Store) RunView(ctx context.Context, campaignID, runID string, now time.Time) (models.CampaignRunView, error) {
	var v models.CampaignRunView
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, runView, campaignID, runID, now).Scan(&v.Paused, &v.Rate, &v.Working, &v.Due, &v.Next)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "campaign.unknown")
		}
		return err
	})
	return v, err
}

// A pause is of the latest run: those before only wait for the end of the time to answer, and nobody tells them of a resumption.
const runView = `SELECT c.status = 'paused' AND r.id IS NOT DISTINCT FROM c.state #>> '{run,id}', (c.state #>> '{definition,rate}')::integer,
		r.pending > 0 OR c.status <> 'stopped' AND EXISTS (SELECT FROM campaign_recipients WHERE run_id = r.id AND reminds),
		(SELECT count(*) FROM (SELECT FROM campaign_recipients WHERE run_id = r.id AND due_at <= $3 LIMIT 100) due),
		(SELECT due_at FROM campaign_recipients WHERE run_id = r.id AND due_at IS NOT NULL ORDER BY due_at LIMIT 1)
	FROM campaigns c JOIN campaign_runs r ON r.campaign_id = c.id WHERE c.id = $1 AND r.id = $2`

// RecordOutcome writes what became of one message, in one transaction and one round trip: the recipient leaves the batch's
// hand, the invitation was asked if a question left, there is a task if somebody is to call, and the next message may be on
// its way. mine is false, and nothing is written, when the batch does not have the recipient in hand any more.
func (s *Store) RecordOutcome(ctx context.Context, runID string, o models.BatchOutcome) (mine bool, err error) {
	tried := make([]string, len(o.Tried))
	for i, c := range o.Tried {
		tried[i] = string(c)
	}
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w := &writer{conn: conn} // what is sent in one batch is one transaction
		w.batch.Queue(writeOutcome, o.RecipientID, runID, o.Batch, o.Next, string(o.State), o.Reason, string(o.Channel), o.SentAt, o.Reminded, o.DueAt,
			o.Attempts, tried, o.Repeated, o.Reminds, o.InDoubt)
		if o.SentAt != nil {
			w.batch.Queue(`UPDATE invitations SET asked_at = $2, expires_at = coalesce($3, expires_at) WHERE recipient_id = $1 AND asked_at IS NULL`,
				o.RecipientID, o.SentAt, o.ExpiresAt)
		}
		if t := o.Task; t != nil {
			w.batch.Queue(`INSERT INTO tasks (id, process, kind, subject_id, user_id, team_id, state, due_at, why, created_at, started_by)
				SELECT $1, $2, $3, invitation_id, nullif($4, ''), nullif($5, ''), 'open', coalesce($6::timestamptz, 'infinity'), $7::text::jsonb, $8, $9
				FROM campaign_recipients WHERE id = $10 ON CONFLICT (id) DO NOTHING`,
				t.ID, models.FollowUpProcess, t.Kind, t.UserID, t.TeamID, t.DueAt, jsonText(t.Why), t.CreatedAt, models.System, o.RecipientID)
		}
		return w.send(ctx)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == divisionByZero {
		return false, nil
	}
	return err == nil, err
}

// writeOutcome locks both recipients in order before it changes them. A count of rows that is not 1 ends the transaction.
const writeOutcome = `WITH held AS MATERIALIZED (
		SELECT id, in_hand AND run_id = $2 AND (batch = $3 OR $3 = '') AS mine FROM campaign_recipients WHERE id IN ($1, $4) ORDER BY place FOR NO KEY UPDATE
	), done AS (
		UPDATE campaign_recipients r SET in_hand = false, trying = $15, state = $5, reason = $6, channel = coalesce(nullif($7, ''), r.channel),
			sent_at = coalesce(r.sent_at, $8), reminders = r.reminders + $9::boolean::integer,
			due_at = CASE WHEN r.responded_at IS NULL OR $5 = 'pending' THEN $10::timestamptz END, reminds = $14 AND (r.responded_at IS NULL OR $5 = 'pending'), attempts = $11, tried = $12,
			repeated = r.repeated + $13
		FROM held WHERE r.id = held.id AND r.id = $1 AND held.mine RETURNING 1
	), next AS (
		UPDATE campaign_recipients r SET trying = true FROM held, (SELECT count(*) FROM done) d
		WHERE r.id = held.id AND r.id = $4 AND r.id <> $1 AND held.mine AND d.count = 1
	)
	SELECT 1 / count(*) FROM done`

// KeepBatch keeps whom a batch has in hand until the lease, and says how many they are.
func (s *Store) KeepBatch(ctx context.Context, runID, batch string, lease time.Time) (held int, err error) {
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, `WITH held AS MATERIALIZED (
				SELECT id FROM campaign_recipients WHERE run_id = $1 AND batch = $2 AND batch <> '' AND in_hand ORDER BY place FOR NO KEY UPDATE
			)
			UPDATE campaign_recipients r SET due_at = CASE WHEN r.due_at IS NOT NULL THEN $3::timestamptz END FROM held WHERE r.id = held.id`, runID, batch, lease)
		held = int(tag.RowsAffected())
		return err
	})
	return held, err
}

// ReleaseBatch gives back whom a batch still has in hand: they are due at the instant. A message that may be on its way stays
// in doubt.
func (s *Store) ReleaseBatch(ctx context.Context, runID, batch string, due time.Time) error {
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `WITH held AS MATERIALIZED (
				SELECT id FROM campaign_recipients WHERE run_id = $1 AND batch = $2 AND batch <> '' AND in_hand ORDER BY place FOR NO KEY UPDATE
			)
			UPDATE campaign_recipients r SET in_hand = false, due_at = $3 FROM held WHERE r.id = held.id`, runID, batch, due)
		return err
	})
}

// RunHealth returns the latest outcomes of a run, as RecordHealth has left them; not_found when there is no such run.
func (s *Store) RunHealth(ctx context.Context, runID string) (campaign.Trip, error) {
	var health *campaign.Trip
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT health FROM campaign_runs WHERE id = $1`, runID).Scan(&health)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "campaign.unknown")
		}
		return err
	})
	if health == nil {
		return campaign.Trip{}, err
	}
	return *health, err
}

// RecordHealth keeps the latest outcomes of a run.
func (s *Store) RecordHealth(ctx context.Context, runID string, health campaign.Trip) error {
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE campaign_runs SET health = $2 WHERE id = $1`, runID, health)
		return err
	})
}

// EndRun notes that a run has ended: conflict campaign.run_open while somebody is pending, or may be reminded unless the campaign
// was stopped. Who was asked may still answer; the process of the run waits for the end of that time.
func (s *Store) EndRun(ctx context.Context, runID string, at time.Time) error {
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		var ended bool
		err := conn.QueryRow(ctx, `WITH ended AS (
				UPDATE campaign_runs r SET ended_at = $2 WHERE r.id = $1 AND r.ended_at IS NULL AND r.pending = 0
					AND (EXISTS (SELECT FROM campaigns c WHERE c.id = r.campaign_id AND c.status = 'stopped')
						OR NOT EXISTS (SELECT FROM campaign_recipients x WHERE x.run_id = r.id AND x.reminds)) RETURNING 1
			)
			SELECT ended_at IS NOT NULL OR EXISTS (SELECT FROM ended) FROM campaign_runs WHERE id = $1`, runID, at).Scan(&ended)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return errs.New(errs.NotFound, "campaign.unknown")
		case err == nil && !ended:
			return errs.New(errs.Conflict, "campaign.run_open")
		}
		return err
	})
}
