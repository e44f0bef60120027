package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// NextCampaignNumber gives the next number of a day (YYYYMMDD), such as CPN-20261122-0042. A number that is never used
// leaves a gap.
func (s *Store) NextCampaignNumber(ctx context.Context, day string) (string, error) {
	return s.nextNumber(ctx, "CPN", day)
}

// CampaignState returns the stored state of a campaign; not_found when there is none.
func (s *Store) CampaignState(ctx context.Context, id string) (models.CampaignState, error) {
	var state models.CampaignState
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT state FROM campaigns WHERE id = $1`, id).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.New(errs.NotFound, "campaign.unknown")
		}
		return err
	})
	return state, err
}

// AdvanceCampaign takes the step of a campaign that decide returns: state, timeline, messages, the run that begins with its
// audience as a snapshot, and what a stop withdraws are written in one transaction (see advance). A run of nobody is the
// conflict campaign.empty_audience, one beside another that is under way is campaign.run_active. The errors of decide come
// back as they are.
func (s *Store) AdvanceCampaign(ctx context.Context, id string, believed *models.CampaignState, decide models.DecideCampaign) (behind *models.CampaignState, mail bool, err error) {
	behind, mail, err = advance(ctx, s, &steppedCampaign, id, believed, decide)
	return behind, mail, refusedRun(err)
}

// refusedRun names what forbids a run by the constraint that says so.
func refusedRun(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.ConstraintName {
		case "campaign_runs_audience_check":
			return errs.Wrap(err, errs.Conflict, "campaign.empty_audience")
		case "campaign_runs_one":
			return errs.Wrap(err, errs.Conflict, "campaign.run_active")
		}
	}
	return err
}

var steppedCampaign = stepped[models.CampaignState, models.CampaignStep]{
	noun: "campaign", table: "campaigns",
	head: func(s *models.CampaignState) head { return head{s.ID, s.Seq, s.EventSeq} },
	parts: func(p *models.CampaignStep) (*models.CampaignState, []models.TimelineEvent) {
		return &p.State, p.Events
	},
	people:  func(*models.CampaignState, *models.CampaignStep) []string { return nil },
	whole:   wholeCampaign,
	careful: func(p *models.CampaignStep) bool { return p.Launch != nil || p.Stop != "" },
	write:   (*writer).campaign,
}

// wholeCampaign reports a run of something else, and an audience that would be larger than it was meant.
func wholeCampaign(_ *models.CampaignState, step *models.CampaignStep) error {
	l := step.Launch
	if l == nil {
		return nil
	}
	if l.CampaignID != step.State.ID {
		return fmt.Errorf("campaign %s: step %d launches %s", step.State.ID, step.State.Seq, l.CampaignID)
	}
	return l.Audience.Readable()
}

// campaign queues everything that one step writes.
func (w *writer) campaign(old *models.CampaignState, step *models.CampaignStep) {
	s := &step.State
	facts := []any{s.ID, s.Definition.Name, string(s.Status), s.UpdatedAt, s.Version, s.Seq, s}
	if old == nil {
		w.batch.Queue(`INSERT INTO campaigns (id, name, status, updated_at, version, seq, state, number, created_by, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, append(facts, s.Number, s.CreatedBy, s.CreatedAt)...)
	} else { // that there is a row of the step before is counted: a division by zero ends the transaction
		w.batch.Queue(`WITH step AS (UPDATE campaigns SET name = $2, status = $3, updated_at = $4, version = $5, seq = $6, state = $7
			WHERE id = $1 AND seq = $6 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, facts...)
	}
	o := &origin{
		process: models.CampaignProcess, subjectID: s.ID, about: s.ID, startedBy: s.CreatedBy, seq: s.Seq, at: s.UpdatedAt, traceID: step.TraceID,
	}
	w.events(o, step.Events)
	w.notices(o, step.Notices)
	w.stopRun(step.Stop, s.UpdatedAt)
	w.launch(step.Launch)
}

// launch writes the run and its audience in one statement. A recipient's id begins with the time of the run's and goes on
// with the place, so that ids sort in the order of sending; the rest tells apart runs that begin in the same millisecond.
func (w *writer) launch(l *models.CampaignLaunching) {
	if l == nil {
		return
	}
	var q query
	q.add(`WITH people AS MATERIALIZED (`)
	q.audience(l.Audience, l.StartedAt, cmp.Or(l.TimeZone, "UTC"))
	q.add(`), run AS (
			INSERT INTO campaign_runs (id, campaign_id, n, started_at, until, survey_version, policy_version, calendar_id, calendar_version, audience, pending)
			SELECT $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, n, n FROM (SELECT count(*) AS n FROM people) counted
		)
		INSERT INTO campaign_recipients (id, run_id, place, client_id, contact_id, class, region, account_manager_id, name, email, phone, locale,
			time_zone, person, state, due_at)`,
		l.RunID, l.CampaignID, l.N, l.StartedAt, l.Until, l.SurveyVersion, l.PolicyVersion, l.CalendarID, l.CalendarVersion)
	run := q.arg(l.RunID)
	fmt.Fprintf(&q.text, `
		SELECT 'recipient_' || substr($%[1]d, 5, 10) || lpad(to_hex(place), 7, '0') || left(md5($%[1]d || '/' || contact_id), 9), $%[1]d, place,
			client_id, contact_id, class, region, nullif(account_manager_id, ''), name, email, phone, locale, time_zone,
			coalesce((person_keys(jsonb_build_object('email', email, 'phone', phone)))[1], 'contact:' || contact_id), 'pending', $%[2]d
		FROM people`, run, q.arg(l.StartedAt))
	w.batch.Queue(q.text.String(), q.args...)
}

// stopRun withdraws who is pending, reminds nobody any more and has nobody called. Whoever a batch has in hand gets the outcome that is on its way. They are locked in order, so that
// a message that is on its way and the stop never wait for each other.
func (w *writer) stopRun(runID string, at time.Time) {
	if runID == "" {
		return
	}
	w.batch.Queue(`WITH held AS MATERIALIZED (
			SELECT id FROM campaign_recipients WHERE run_id = $1 AND due_at IS NOT NULL AND NOT in_hand ORDER BY place FOR NO KEY UPDATE
		)
		UPDATE campaign_recipients r SET state = CASE state WHEN 'pending' THEN 'withdrawn' ELSE state END,
			reason = CASE state WHEN 'pending' THEN '' ELSE reason END, due_at = NULL, reminds = false
		FROM held WHERE r.id = held.id`, runID)
	w.batch.Queue(`UPDATE tasks t SET state = 'cancelled', done_by = $2, done_at = $3 FROM campaign_recipients r
		WHERE r.run_id = $1 AND r.state = 'sent' AND r.channel = $4 AND t.subject_id = r.invitation_id AND t.state = 'open' AND t.kind = $5`,
		runID, models.System, at, string(campaign.ByPhone), models.TaskSurveyCall)
}
