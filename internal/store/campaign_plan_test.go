package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// What a run reads again and again never walks over its audience, however large it is.
func TestRun_is_read_by_indexes_alone(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 20_000)
	var s models.CampaignState
	for range 3 {
		s = d.launched(t, campaign.Audience{})
		d.exec(t, `UPDATE campaign_recipients SET state = CASE place % 4 WHEN 1 THEN 'sent' WHEN 2 THEN 'skipped' WHEN 3 THEN 'failed' ELSE 'withdrawn' END, due_at = NULL,
			sent_at = now(), reason = 'x', batch = 'b' || place / 50 WHERE run_id = ? AND place <= 15000`, s.Run.ID)
	}
	d.exec(t, `INSERT INTO campaigns SELECT 'campaign_' || i, 'N' || i, '', CASE WHEN i % 100 = 0 THEN 'running' ELSE 'ended' END, '', now(), now(), 1, 1,
		jsonb_build_object('seq', 1, 'id', 'campaign_' || i) FROM generate_series(1, 5000) i`)
	d.exec(t, `INSERT INTO campaign_runs (id, campaign_id, n, started_at, until, ended_at, survey_version, policy_version, calendar_id, calendar_version, audience, pending, sent)
		SELECT 'run_' || i, 'campaign_' || i, 1, now(), now(), now(), 1, 1, '', 1, 1, 0, 1 FROM generate_series(1, 5000) i`)
	d.exec(t, `ANALYZE campaigns, campaign_runs, campaign_recipients, campaign_reasons`)
	conns, err := d.DB().DB()
	require.NoError(t, err)
	for name, statement := range store.CampaignStatements(s.ID, s.Run.ID, 9_000) {
		rows, err := conns.QueryContext(t.Context(), "EXPLAIN "+statement[0].(string), statement[1:]...)
		require.NoError(t, err, name)
		var plan strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Err())
		require.Contains(t, plan.String(), "Index", "%s\n%s", name, plan.String())
		require.NotRegexp(t, `Seq Scan on (campaigns|campaign_recipients)`, plan.String(), "%s\n%s", name, plan.String())
		require.NotRegexp(t, `(?m)^ *(->  )?Sort `, plan.String(), "%s\n%s", name, plan.String())
	}
}

func TestLists_of_campaigns_go_through_all_pages(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 2)
	var want []string
	for range 5 {
		want = append([]string{d.draft(t).ID}, want...)
	}
	s := d.launched(t, campaign.Audience{})
	s = d.launch(t, d.over(t, s), campaign.Audience{})
	want = append([]string{s.ID}, want...)
	var got []string
	for p := (models.Page{Limit: 2}); ; {
		rows, next, err := d.Campaigns(t.Context(), models.CampaignFilter{}, p)
		require.NoError(t, err)
		for _, r := range rows {
			got = append(got, r.State.ID)
			require.Equal(t, r.State.ID == s.ID, r.Run != nil)
		}
		if p.Cursor = next; next == "" {
			break
		}
	}
	require.Equal(t, want, got)
	running, _, err := d.Campaigns(t.Context(), models.CampaignFilter{Status: models.CampaignRunning}, models.Page{})
	require.NoError(t, err)
	require.Len(t, running, 1)
	require.Equal(t, 2, running[0].Run.N)
	runs, next, err := d.Runs(t.Context(), s.ID, models.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, 2, runs[0].N)
	runs, next, err = d.Runs(t.Context(), s.ID, models.Page{Limit: 1, Cursor: next})
	require.NoError(t, err)
	require.Equal(t, []any{1, "", 1}, []any{runs[0].N, next, len(runs)})
	_, _, err = d.Runs(t.Context(), s.ID, models.Page{Cursor: "eA"})
	require.Error(t, err)
}

// over stops the run and ends it.
func (d *drive) over(t testing.TB, s models.CampaignState) models.CampaignState {
	t.Helper()
	s = d.stop(t, s)
	require.NoError(t, d.EndRun(t.Context(), s.Run.ID, d.now))
	return s
}

func TestVerify_finds_every_kind_of_corruption_of_a_campaign(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper string
		want   []string
	}{
		"name":             {`UPDATE campaigns SET name = 'x' WHERE id = $1`, []string{"campaign.projection.name"}},
		"status":           {`UPDATE campaigns SET status = 'ended' WHERE id = $1`, []string{"campaign.projection.status"}},
		"number":           {`UPDATE campaigns SET number = 'x' WHERE id = $1`, []string{"campaign.projection.number"}},
		"lost event":       {`DELETE FROM timeline WHERE subject_id = $1 AND seq = 1`, []string{"campaign.timeline"}},
		"all events":       {`DELETE FROM timeline WHERE subject_id = $1`, []string{"campaign.timeline"}},
		"runs":             {`UPDATE campaigns SET state = jsonb_set(state, '{runs}', '3') WHERE id = $1`, []string{"campaign.runs"}},
		"counts":           {`UPDATE campaign_runs SET sent = sent + 1, failed = failed - 1, reminded = 7 WHERE campaign_id = $1`, []string{"campaign.run.failed", "campaign.run.reminded", "campaign.run.sent"}},
		"reasons":          {`UPDATE campaign_reasons SET n = n + 1 WHERE run_id IN (SELECT id FROM campaign_runs WHERE campaign_id = $1) AND state = 'failed'`, []string{"campaign.run.reasons"}},
		"lost reason":      {`DELETE FROM campaign_reasons WHERE run_id IN (SELECT id FROM campaign_runs WHERE campaign_id = $1) AND state = 'failed'`, []string{"campaign.run.reasons"}},
		"due after end":    {`UPDATE campaign_recipients SET due_at = now() WHERE place = 2 AND $1 <> ''`, []string{"campaign.run.ended"}},
		"sent when":        {`UPDATE campaign_recipients SET sent_at = NULL WHERE place = 1 AND $1 <> ''`, []string{"campaign.recipient.outcome"}},
		"failed why":       {`UPDATE campaign_recipients SET reason = '' WHERE place = 2 AND $1 <> ''`, []string{"campaign.recipient.outcome"}},
		"withdrawn asked":  {`UPDATE campaign_recipients SET sent_at = now() WHERE place = 3 AND $1 <> ''`, []string{"campaign.recipient.outcome"}},
		"lost invitation":  {`DELETE FROM invitations WHERE $1 <> ''`, []string{"campaign.recipient.invitation"}},
		"other invitation": {`UPDATE campaign_recipients SET invitation_id = 'x' WHERE place = 1 AND $1 <> ''`, []string{"campaign.recipient.invitation"}},
		"never asked":      {`UPDATE invitations SET asked_at = NULL WHERE $1 <> ''`, []string{"campaign.recipient.invitation"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			d := newDrive(t)
			d.contacts(t, 4)
			s := d.launched(t, campaign.Audience{})
			items := d.claim(t, s.Run.ID, "1", 2, d.ask)
			d.record(t, s.Run.ID, d.sent(items[0].Row, items[1].Row.ID))
			d.record(t, s.Run.ID, models.BatchOutcome{RecipientID: items[1].Row.ID, State: models.RecipientFailed, Reason: "rejected"})
			s = d.over(t, s)
			require.Empty(t, d.verify(t))
			d.exec(t, c.tamper, s.ID)
			var rules []string
			require.NoError(t, d.Verify(t.Context(), nil, func(f store.Finding) error {
				rules = append(rules, f.Rule)
				require.Equal(t, s.ID, f.CaseID)
				require.NotEqual(t, f.Expected, f.Found)
				return nil
			}))
			require.Equal(t, c.want, rules)
		})
	}
}

// BenchmarkRecipient is what the database does for one recipient of a run: the audience, the claim and the outcome.
func BenchmarkRecipient(b *testing.B) {
	for _, n := range []int{1_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				d := newDrive(b)
				d.contacts(b, n)
				s := d.draft(b)
				b.StartTimer()
				start := time.Now()
				s = d.launch(b, s, campaign.Audience{})
				launched := time.Since(start)
				for i := 0; ; i++ {
					items := d.claim(b, s.Run.ID, fmt.Sprint(i), 100, d.ask)
					if len(items) == 0 {
						break
					}
					for k, item := range items {
						next := ""
						if k+1 < len(items) {
							next = items[k+1].Row.ID
						}
						d.record(b, s.Run.ID, d.sent(item.Row, next))
					}
				}
				b.ReportMetric(float64(launched.Microseconds())/float64(n), "launch-µs/recipient")
				b.ReportMetric(float64(time.Since(start).Microseconds())/float64(n), "µs/recipient")
			}
		})
	}
}
