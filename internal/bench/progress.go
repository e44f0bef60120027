package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/campaign"
)

// measureProgress compares reading how far a campaign is that asks few with one that asks many.
func measureProgress(ctx context.Context, b *bench) ([]line, error) {
	campaignID, err := b.makeCampaign(ctx, "nobody")
	if err != nil {
		return nil, err
	}
	var row []byte
	if err := b.db.QueryRowContext(ctx, "SELECT to_jsonb(c) FROM campaigns c WHERE id = $1", campaignID).Scan(&row); err != nil {
		return nil, err
	}
	p, err := b.pair(ctx, "recipients", sized(b, [2]int{1000, 1_000_000}, [2]int{1000, 20_000}), func(ctx context.Context, conn *pgx.Conn, n int) error {
		return manyRecipients(ctx, conn, n, campaignID, row)
	})
	if err != nil {
		return nil, err
	}
	path := "/campaigns/" + campaignID
	for i, side := range p.sides { // what is read is what was made
		var v struct {
			Audience int `json:"audience"`
			Score    *struct {
				N int `json:"n"`
			} `json:"score"`
		}
		if err := side.get(ctx, "manager1", path+"/progress", &v); err != nil {
			return nil, err
		}
		if v.Audience != p.sizes[i] || v.Score == nil || v.Score.N == 0 {
			return nil, errors.New("the progress is not that of the recipients that were made")
		}
	}
	return b.race(ctx, p, []question{
		{"progress of a campaign", "manager1", func(int) string { return path + "/progress" }},
		{"recipients of a campaign, first page", "manager1", func(int) string { return path + "/recipients" }},
	})
}

// makeCampaign defines a campaign for the clients of an industry, at the highest rate and without any hour that is left out.
func (b *bench) makeCampaign(ctx context.Context, industry string) (string, error) {
	var view struct {
		ID string `json:"id"`
	}
	err := b.api.post(ctx, "manager1", "/campaigns", b.key(), fmt.Appendf(nil, `{"name":"Relationship","audience":{"industry":[%q]},"template":"relationship",
		"channels":["email"],"rate":%d,"quiet_hours":{},"expires_after":"14d"}`, industry, campaign.MaxRate), &view)
	return view.ID, err
}

// manyRecipients makes a run of n recipients: of twenty, eighteen were sent their invitation, one was skipped and one waits;
// every tenth has answered.
func manyRecipients(ctx context.Context, conn *pgx.Conn, n int, campaignID string, row []byte) error {
	const runID = "run_00000000000000000000000001"
	now := time.Now()
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO campaigns SELECT c.id, c.number, c.name, 'running', c.created_by, c.created_at, c.updated_at, c.version, c.seq,
				c.state || '{"status": "running", "runs": 1}' FROM jsonb_populate_record(NULL::campaigns, $1) c`, []any{row}},
		{`INSERT INTO campaign_runs (id, campaign_id, n, started_at, until, survey_version, policy_version, calendar_id, calendar_version, audience, pending)
			VALUES ($1, $2, 1, $3, $3::timestamptz + interval '14 days', 1, 1, 'cn', 1, $4, $4)`, []any{runID, campaignID, now, n}},
		{`INSERT INTO campaign_recipients (id, run_id, place, client_id, contact_id, class, region, name, email, phone, locale, time_zone, person, state, reason,
				due_at, channel, touched_at, sent_at, invitation_id, responded_at)
			SELECT 'recipient_' || lpad(i::text, 26, '0'), $1, i, 'client_' || i, 'contact_' || i, 'B', 'EMEA', 'Owen Marsh', i || '@client.example', '', 'en',
				'Asia/Shanghai', 'email:' || i || '@client.example', state, CASE state WHEN 'skipped' THEN 'cap' ELSE '' END, $2::timestamptz + interval '14 days', 'email',
				asked_at, asked_at, CASE WHEN asked_at IS NOT NULL THEN 'invitation_' || lpad(i::text, 26, '0') END, CASE WHEN i % 10 = 0 THEN asked_at END
			FROM (SELECT i, CASE i % 20 WHEN 1 THEN 'skipped' WHEN 2 THEN 'pending' ELSE 'sent' END AS state,
				CASE WHEN i % 20 NOT IN (1, 2) THEN $2::timestamptz END AS asked_at FROM generate_series(1, $3::int) i) r`, []any{runID, now, n}},
		{`INSERT INTO campaign_reasons (run_id, state, reason, n) SELECT run_id, state, reason, count(*) FROM campaign_recipients WHERE reason <> '' GROUP BY 1, 2, 3`, nil},
		{`UPDATE campaign_runs SET (pending, sent, skipped, responded) = (SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'sent'),
				count(*) FILTER (WHERE state = 'skipped'), count(responded_at) FROM campaign_recipients)`, nil},
		{`INSERT INTO invitations (id, purpose, subject_id, run_id, recipient_id, client_id, contact_id, name, email, phone, locale, template, survey_version,
				token_hash, created_at, asked_at, expires_at, answered_at, complete, score)
			SELECT invitation_id, 'campaign', $1, run_id, id, client_id, contact_id, name, email, phone, locale, 'relationship', 1, sha256(id::bytea), sent_at, sent_at,
				due_at, responded_at, responded_at IS NOT NULL, CASE WHEN responded_at IS NOT NULL THEN place / 10 % 11 END
			FROM campaign_recipients WHERE invitation_id IS NOT NULL`, []any{campaignID}},
		{`INSERT INTO answers (invitation_id, question, kind, score, template, run_id, client_id, at)
			SELECT id, 'recommend', 'nps', score, template, run_id, client_id, answered_at FROM invitations WHERE complete`, nil},
		{`INSERT INTO campaign_scores (run_id, template, score, n) SELECT run_id, template, score, count(*) FROM invitations WHERE score IS NOT NULL GROUP BY 1, 2, 3`, nil},
	} {
		if _, err := conn.Exec(ctx, s.sql, s.args...); err != nil {
			return err
		}
	}
	return nil
}
