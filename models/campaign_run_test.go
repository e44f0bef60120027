package models_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// runRules are those of a run of the service day that began at the instant.
func runRules(tb testing.TB, at time.Time) models.RunRules {
	tb.Helper()
	d := serviceDay(nil)
	return models.RunRules{
		FollowUpRules: askingRules(tb, agency()), CampaignID: "campaign_1", Number: "CPN-1", Definition: d, Version: 3, Until: d.Expires(at),
		TokenOf: func(id string) [32]byte { return sha256.Sum256([]byte(id)) },
	}
}

func pendingRow(who models.Recipient) models.RecipientRow {
	return models.RecipientRow{
		ID: "recipient_1", RunID: "run_1", ClientID: "client", Class: "A", AccountManagerID: "amy", Recipient: who, Person: who.Person(), State: models.RecipientPending,
	}
}

func TestRun_decides_about_who_is_due(t *testing.T) {
	t.Parallel()
	sentAt := monday.Add(-2 * oneDay)
	night := time.Date(2026, 3, 9, 14, 0, 0, 0, time.UTC)
	asked := func(row *models.RecipientRow) {
		row.State, row.SentAt, row.Reminds = models.RecipientSent, &sentAt, true
	}
	for name, c := range map[string]struct {
		row   func(*models.RecipientRow)
		facts models.PersonFacts
		rules func(*models.RunRules)
		at    time.Time
		want  models.BatchDecision
	}{
		"who_may_be_asked_is_asked":              {want: models.BatchDecision{State: models.RecipientPending, Send: true, Touch: &monday}},
		"who_has_opted_out_is_skipped":           {facts: models.PersonFacts{OptedOut: true}, want: models.BatchDecision{State: models.RecipientSkipped, Reason: "opt_out"}},
		"who_waits_for_an_answer_is_skipped":     {facts: models.PersonFacts{OpenComplaint: map[string]bool{campaign.OpenAtClient: true}}, want: models.BatchDecision{State: models.RecipientSkipped, Reason: "open_complaint"}},
		"without_address_nobody_is_asked":        {row: func(r *models.RecipientRow) { r.Recipient = models.Recipient{Name: "x"} }, want: models.BatchDecision{State: models.RecipientSkipped, Reason: "no_address"}},
		"all_channels_tried_is_a_failure":        {row: func(r *models.RecipientRow) { r.Tried = []campaign.Channel{campaign.ByEmail, campaign.BySMS} }, want: models.BatchDecision{State: models.RecipientFailed, Reason: "channels_failed"}},
		"the_night_is_waited_for":                {at: night, want: models.BatchDecision{State: models.RecipientPending, Reason: "quiet_hours", DueAt: instant(time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))}},
		"who_was_asked_lately_waits":             {facts: models.PersonFacts{Touches: []time.Time{monday.Add(-13 * oneDay)}}, want: models.BatchDecision{State: models.RecipientPending, Reason: "cap", DueAt: instant(monday.Add(oneDay))}},
		"whom_the_cap_keeps_too_long_is_skipped": {facts: models.PersonFacts{Touches: []time.Time{monday.Add(-time.Hour)}}, want: models.BatchDecision{State: models.RecipientSkipped, Reason: "cap"}},
		"after_the_end_nobody_is_asked":          {at: monday.Add(7 * oneDay), want: models.BatchDecision{State: models.RecipientSkipped, Reason: "expired"}},
		"a_stopped_run_withdraws":                {rules: func(r *models.RunRules) { r.Stopped = true }, want: models.BatchDecision{State: models.RecipientWithdrawn}},
		"who_has_not_answered_is_reminded":       {row: asked, facts: models.PersonFacts{Touches: []time.Time{monday.Add(-time.Hour)}}, want: models.BatchDecision{State: models.RecipientSent, Send: true}},
		"nobody_is_reminded_after_opting_out":    {row: asked, facts: models.PersonFacts{OptedOut: true}, want: models.BatchDecision{State: models.RecipientSent, DueAt: instant(sentAt.Add(7 * oneDay))}},
		"a_stopped_run_reminds_nobody":           {row: asked, rules: func(r *models.RunRules) { r.Stopped = true }, want: models.BatchDecision{State: models.RecipientSent, DueAt: instant(sentAt.Add(7 * oneDay))}},
		"reminders_keep_quiet_hours_too":         {row: asked, at: night, want: models.BatchDecision{State: models.RecipientSent, Reminds: true, DueAt: instant(time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))}},
		"nobody_is_reminded_of_a_link_that_is_over": {
			row: func(r *models.RecipientRow) { asked(r); r.ExpiresAt = &monday }, want: models.BatchDecision{State: models.RecipientSent, DueAt: &monday},
		},
		"the_time_to_answer_ends": {row: func(r *models.RecipientRow) { asked(r); r.Reminds = false }, at: sentAt.Add(7 * oneDay), want: models.BatchDecision{State: models.RecipientSent, Expired: true}},
		"nobody_is_reminded_by_phone": {
			row: asked, rules: func(r *models.RunRules) { r.Definition.Channels = []campaign.Channel{campaign.ByPhone} },
			want: models.BatchDecision{State: models.RecipientSent, DueAt: instant(sentAt.Add(7 * oneDay))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, row, at := runRules(t, monday), pendingRow(msLi), monday
			if c.row != nil {
				c.row(&row)
			}
			if c.rules != nil {
				c.rules(&r)
			}
			if !c.at.IsZero() {
				at = c.at
			}
			got := r.Decide(models.BatchItem{Row: row, Facts: c.facts}, at)
			if got.Send && row.State == models.RecipientPending {
				hash := sha256.Sum256([]byte(got.Invitation.ID))
				require.Equal(t, hash[:], got.Invitation.TokenHash)
				require.Equal(t, at.Add(7*oneDay), got.Invitation.ExpiresAt)
				got.Invitation = nil
			}
			c.want.RecipientID, c.want.Version = row.ID, 3
			require.Equal(t, c.want, got)
		})
	}
}

func TestRun_outcome_of_an_attempt(t *testing.T) {
	t.Parallel()
	r := runRules(t, monday)
	o := r.Outcome(pendingRow(msLi), models.Attempt{Channel: campaign.ByEmail}, monday)
	require.Equal(t, []any{models.RecipientSent, true, monday.Add(2 * oneDay)}, []any{o.State, o.Reminds, *o.DueAt})
	o = r.Outcome(pendingRow(msLi), models.Attempt{Channel: campaign.ByEmail, Reason: "address", Final: true}, monday)
	require.Equal(t, []any{models.RecipientPending, monday, []campaign.Channel{campaign.ByEmail}}, []any{o.State, *o.DueAt, o.Tried})
	o = r.Outcome(pendingRow(msLi), models.Attempt{Channel: campaign.ByEmail, Reason: "busy", RetryAfter: time.Hour}, monday)
	require.Equal(t, []any{models.RecipientPending, monday.Add(time.Hour), 1}, []any{o.State, *o.DueAt, o.Attempts}, "as patient as the receiver asks")
	row := pendingRow(msLi)
	row.Tried = []campaign.Channel{campaign.BySMS}
	o = r.Outcome(row, models.Attempt{Channel: campaign.ByEmail, Reason: "address", Final: true}, monday)
	require.Equal(t, []any{models.RecipientFailed, "address"}, []any{o.State, o.Reason})
	r.Definition.Channels = []campaign.Channel{campaign.ByPhone}
	row = pendingRow(msLi)
	row.InvitationID = "invitation_1"
	o = r.Outcome(row, models.Attempt{Channel: campaign.ByPhone}, monday)
	require.Equal(t, monday.Add(7*oneDay), *o.ExpiresAt)
	require.Equal(t, []any{"amy", models.TaskSurveyCall, false}, []any{o.Task.UserID, o.Task.Kind, o.Reminds})
}

func TestRun_next_batch_keeps_to_the_pace(t *testing.T) {
	t.Parallel()
	v := models.CampaignRunView{Working: true, Rate: 60, Due: 100}
	n, at := v.NextBatch(campaign.PaceState{}, 0, monday)
	require.Equal(t, []any{10, monday}, []any{n, *at})
	p := v.Paced(campaign.PaceState{}, n, monday)
	n, at = v.NextBatch(p, 10, monday)
	require.Equal(t, []any{0, monday.Add(10 * time.Second)}, []any{n, *at})
	v.Due = 5
	n, at = v.NextBatch(p, 10, monday)
	require.Zero(t, n)
	require.Nil(t, at, "those in hand may be all")
	v.Due, v.Next = 0, &visitAt
	_, at = v.NextBatch(p, 0, monday)
	require.Equal(t, visitAt, *at)
	require.False(t, v.Over())
	v.Paused = true
	_, at = v.NextBatch(p, 0, monday)
	require.Nil(t, at)
	require.True(t, models.CampaignRunView{}.Over())
}

// TestRunLaws runs small audiences through virtual time, with channels that refuse and clients who answer at random.
func TestRunLaws(t *testing.T) {
	t.Parallel()
	base := runRules(t, monday)
	const attempts = 5 // by one channel
	rapid.Check(t, func(rt *rapid.T) {
		r := base
		r.Definition.Channels = rapid.SampledFrom([][]campaign.Channel{
			{campaign.ByEmail}, {campaign.ByEmail, campaign.BySMS}, {campaign.BySMS, campaign.ByPhone}, {campaign.ByEmail, campaign.BySMS, campaign.ByPhone},
		}).Draw(rt, "channels")
		r.Definition.Reminders.Count = rapid.IntRange(0, 3).Draw(rt, "reminders")
		r.Definition.Reminders.Spacing = sla.Span{Days: 1}
		at := monday.Add(time.Duration(rapid.IntRange(0, 23).Draw(rt, "hour")) * time.Hour)
		r.Until = r.Definition.Expires(at)
		rows := make([]models.RecipientRow, rapid.IntRange(1, 5).Draw(rt, "audience"))
		facts := make([]models.PersonFacts, len(rows))
		touched := make([]*time.Time, len(rows))
		tries, responded := make([]int, len(rows)), make([]bool, len(rows))
		for i := range rows {
			who := models.Recipient{
				ContactID: fmt.Sprint(i), Email: rapid.SampledFrom([]string{"", "a@b.example"}).Draw(rt, "email"), Phone: rapid.SampledFrom([]string{"", "555"}).Draw(rt, "phone"),
				TimeZone: rapid.SampledFrom([]string{"", "Europe/Berlin"}).Draw(rt, "zone"),
			}
			rows[i] = pendingRow(who)
			rows[i].ID, rows[i].DueAt = fmt.Sprint(i), &at
			facts[i].OptedOut = rapid.IntRange(0, 5).Draw(rt, "out") == 0
			if rapid.IntRange(0, 3).Draw(rt, "touched") == 0 {
				facts[i].Touches = []time.Time{at.Add(-time.Duration(rapid.IntRange(0, 20).Draw(rt, "ago")) * oneDay)}
			}
		}
		for n := 0; ; n++ {
			require.Less(rt, n, 1000, "it ends")
			i := -1
			for k, row := range rows {
				if row.DueAt != nil && (i < 0 || row.DueAt.Before(*rows[i].DueAt)) {
					i = k
				}
			}
			if i < 0 {
				break
			}
			row := &rows[i]
			at = later(at, *row.DueAt)
			was := *row
			d := r.Decide(models.BatchItem{Row: *row, Facts: facts[i]}, at)
			require.True(rt, was.State == models.RecipientPending || d.State == was.State, "an outcome is final")
			require.True(rt, d.Send || d.DueAt == nil || d.DueAt.After(at), "who is looked at again is so later")
			require.True(rt, d.Send || d.DueAt != nil || d.State != models.RecipientPending, "nobody stays pending for ever")
			row.State, row.DueAt, row.Reminds, row.Expired = d.State, d.DueAt, d.Reminds || d.Send && was.Reminds, row.Expired || d.Expired
			if !d.Send {
				continue
			}
			require.False(rt, responded[i] || facts[i].OptedOut)
			require.True(rt, at.Before(r.Until) || was.SentAt != nil && at.Before(r.Definition.Expires(*was.SentAt)))
			if d.Touch != nil {
				touched[i] = d.Touch
			}
			if d.Invitation != nil {
				require.Empty(rt, was.InvitationID)
				row.InvitationID = d.Invitation.ID
			}
			a := models.Attempt{Channel: r.Channel(*row)}
			require.NotEmpty(rt, a.Channel)
			if rapid.IntRange(0, 2).Draw(rt, "fails") == 0 && a.Channel != campaign.ByPhone {
				a.Reason, a.Final = "busy", rapid.Bool().Draw(rt, "final")
				a.RetryAfter = time.Duration(rapid.IntRange(0, 3600).Draw(rt, "patience")) * time.Second
			}
			if was.State == models.RecipientPending {
				tries[i]++
			}
			at = at.Add(time.Duration(rapid.IntRange(0, 60).Draw(rt, "took")) * time.Second)
			o := r.Outcome(*row, a, at)
			row.State, row.DueAt, row.Reminds, row.Attempts, row.Tried, row.Channel = o.State, o.DueAt, o.Reminds, o.Attempts, o.Tried, o.Channel
			if o.SentAt != nil {
				row.SentAt = o.SentAt
			}
			if o.Reminded {
				row.Reminders++
			}
			require.True(rt, row.DueAt != nil || row.State != models.RecipientPending)
			if row.State == models.RecipientSent && rapid.IntRange(0, 3).Draw(rt, "answers") == 0 {
				responded[i], row.DueAt, row.Reminds = true, nil, false // as the store does
			}
			if row.State == models.RecipientPending && rapid.IntRange(0, 9).Draw(rt, "gives up") == 0 {
				facts[i].OptedOut = true
			}
		}
		for i, row := range rows {
			require.NotEqual(rt, models.RecipientPending, row.State, "everybody reaches an outcome")
			require.LessOrEqual(rt, tries[i], attempts*len(r.Definition.Channels))
			require.LessOrEqual(rt, row.Reminders, r.Definition.Reminders.Count)
			require.Equal(rt, row.State == models.RecipientSent, row.SentAt != nil)
			if row.State == models.RecipientSent {
				require.True(rt, responded[i] || row.Expired, "who was asked answers or lets the time pass")
				require.NotNil(rt, touched[i], "whoever is asked is counted")
			}
		}
	})
}
