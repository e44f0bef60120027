package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// A drive asks the contacts of clients, by steps and batches that a test decides.
type drive struct {
	*store.Store
	now time.Time
}

func newDrive(t testing.TB) *drive {
	t.Helper()
	return &drive{Store: testkit.Store(t), now: time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)}
}

// contacts adds clients of class B with one contact each, p1@example.com and so on.
func (d *drive) contacts(t testing.TB, n int) {
	t.Helper()
	d.exec(t, `INSERT INTO clients SELECT 'client_' || lpad(i::text, 26, '0'), 'c' || i, '', '', 'B', NULL, 'active', '', 1, now(), now() FROM generate_series(1, ?) i`, n)
	d.exec(t, `INSERT INTO contacts SELECT 'contact_' || lpad(i::text, 26, '0'), 'client_' || lpad(i::text, 26, '0'), 'p' || i, '', '',
		'p' || i || '@example.com', '', now(), '' FROM generate_series(1, ?) i`, n)
	d.exec(t, `ANALYZE clients, contacts`)
}

// draft records a campaign.
func (d *drive) draft(t testing.TB) models.CampaignState {
	t.Helper()
	number, err := d.NextCampaignNumber(t.Context(), "20261123")
	require.NoError(t, err)
	s := models.CampaignState{
		ID: id.New(id.Campaign), Number: number, Status: models.CampaignDraft, Version: 1, CreatedBy: models.System, CreatedAt: d.now,
		Definition: campaign.Definition{Name: "wave", Template: "quarterly", Channels: []campaign.Channel{campaign.ByEmail}, Rate: 600},
	}
	return d.step(t, nil, s, nil)
}

// step takes a step that must be taken.
func (d *drive) step(t testing.TB, old *models.CampaignState, s models.CampaignState, change func(*models.CampaignStep)) models.CampaignState {
	t.Helper()
	step := d.next(old, s, change)
	behind, _, err := d.AdvanceCampaign(t.Context(), s.ID, old, answer(step))
	require.NoError(t, err)
	require.Nil(t, behind)
	return step.State
}

func (d *drive) next(old *models.CampaignState, s models.CampaignState, change func(*models.CampaignStep)) models.CampaignStep {
	if old != nil {
		s.Seq, s.EventSeq = old.Seq, old.EventSeq
	}
	s.Seq, s.EventSeq, s.UpdatedAt = s.Seq+1, s.EventSeq+1, d.now
	step := models.CampaignStep{State: s, Events: []models.TimelineEvent{{Seq: s.EventSeq, At: d.now, Type: "changed", Actor: models.System}}}
	if change != nil {
		change(&step)
	}
	return step
}

func answer(step models.CampaignStep) models.DecideCampaign {
	return func(*models.CampaignState) (models.CampaignStep, error) { return step, nil }
}

// launched is a campaign with a run of the audience, which lasts for 30 days.
func (d *drive) launched(t testing.TB, a campaign.Audience) models.CampaignState {
	t.Helper()
	s := d.draft(t)
	return d.launch(t, s, a)
}

func (d *drive) launch(t testing.TB, s models.CampaignState, a campaign.Audience) models.CampaignState {
	t.Helper()
	return d.step(t, &s, s, d.launching(a))
}

func (d *drive) launching(a campaign.Audience) func(*models.CampaignStep) {
	return func(step *models.CampaignStep) {
		s := &step.State
		s.Status, s.Runs = models.CampaignRunning, s.Runs+1
		s.Run = &models.CampaignRunState{ID: id.New(id.Run), N: s.Runs, StartedAt: d.now, Until: d.now.Add(30 * 24 * time.Hour), By: models.System}
		step.Launch = &models.CampaignLaunching{
			RunID: s.Run.ID, CampaignID: s.ID, N: s.Runs, Audience: a, StartedAt: d.now, Until: s.Run.Until, SurveyVersion: 1, PolicyVersion: 1,
			CalendarID: "cn", CalendarVersion: 1, TimeZone: "Asia/Shanghai",
		}
	}
}

func (d *drive) stop(t testing.TB, s models.CampaignState) models.CampaignState {
	t.Helper()
	return d.step(t, &s, s, func(step *models.CampaignStep) {
		step.State.Status, step.Stop = models.CampaignStopped, s.Run.ID
	})
}

// claim takes a batch for five minutes.
func (d *drive) claim(t testing.TB, runID, batch string, limit int, decide models.DecideBatch) []models.BatchItem {
	t.Helper()
	items, err := d.ClaimBatch(t.Context(), runID, batch, limit, d.now, d.now.Add(5*time.Minute), decide)
	require.NoError(t, err)
	return items
}

// ask sends to everybody, and makes the invitation with the first message.
func (d *drive) ask(items []models.BatchItem) ([]models.BatchDecision, error) {
	decisions := make([]models.BatchDecision, len(items))
	for i, item := range items {
		decisions[i] = d.asking(item)
	}
	return decisions, nil
}

func (d *drive) asking(item models.BatchItem) models.BatchDecision {
	r := item.Row
	decision := models.BatchDecision{RecipientID: r.ID, State: r.State, Send: true, Version: 1}
	if r.State == models.RecipientPending {
		token := sha256.Sum256([]byte(r.ID))
		at := d.now
		decision.Touch = &at
		decision.Invitation = &models.SurveyInvitation{
			ID: id.Derive(id.Invitation, r.ID, "question"), Purpose: models.PurposeCampaign, SubjectID: "campaign", RunID: r.RunID, RecipientID: r.ID,
			ClientID: r.ClientID, Recipient: r.Recipient, Template: "quarterly", SurveyVersion: 1, TokenHash: token[:],
			CreatedAt: d.now, ExpiresAt: d.now.Add(30 * 24 * time.Hour),
		}
	}
	return decision
}

// capped asks nobody more than once in 30 days.
func (d *drive) capped(items []models.BatchItem) ([]models.BatchDecision, error) {
	decisions := make([]models.BatchDecision, len(items))
	for i, item := range items {
		decisions[i] = d.asking(item)
		if len(item.Facts.Touches) > 0 {
			decisions[i] = models.BatchDecision{RecipientID: item.Row.ID, State: models.RecipientSkipped, Reason: string(campaign.Capped)}
		}
	}
	return decisions, nil
}

// sent is a question that has left.
func (d *drive) sent(r models.RecipientRow, next string) models.BatchOutcome {
	at := d.now
	return models.BatchOutcome{RecipientID: r.ID, State: models.RecipientSent, Channel: campaign.ByEmail, SentAt: &at, Next: next}
}

func (d *drive) record(t testing.TB, runID string, o models.BatchOutcome) {
	t.Helper()
	mine, err := d.RecordOutcome(t.Context(), runID, o)
	require.NoError(t, err)
	require.True(t, mine)
}

func (d *drive) run(t testing.TB, id string) models.RunRow {
	t.Helper()
	r, err := d.Run(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, r.Audience, r.Pending+r.Sent+r.Skipped+r.Failed+r.Withdrawn)
	return r
}

// recipients are all of a run, in the order of sending.
func (d *drive) recipients(t testing.TB, runID string, state models.RecipientState) []models.RecipientRow {
	t.Helper()
	var all []models.RecipientRow
	for p := (models.Page{Limit: 3}); ; {
		rows, next, err := d.Recipients(t.Context(), runID, state, p)
		require.NoError(t, err)
		all = append(all, rows...)
		if p.Cursor = next; next == "" {
			return all
		}
	}
}

func (d *drive) verify(t testing.TB) []string {
	t.Helper()
	var rules []string
	require.NoError(t, d.Verify(t.Context(), nil, func(f store.Finding) error {
		rules = append(rules, fmt.Sprintf("%s: %s, not %s", f.Rule, f.Expected, f.Found))
		return nil
	}))
	return rules
}

func (d *drive) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	require.NoError(t, d.DB().WithContext(context.WithoutCancel(t.Context())).Exec(sql, args...).Error)
}
