package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func TestCampaign_is_read_back_as_its_steps_wrote_it(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 7)
	s := d.launched(t, campaign.Audience{})
	require.Equal(t, "CPN-20261123-0001", s.Number)
	stored, err := d.CampaignState(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, s, stored)
	row, err := d.Campaign(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, s, row.State)
	require.Equal(t, models.RunRow{
		ID: s.Run.ID, CampaignID: s.ID, N: 1, StartedAt: d.now, Until: s.Run.Until, SurveyVersion: 1, PolicyVersion: 1, CalendarID: "cn", CalendarVersion: 1,
		Audience: 7, Pending: 7, SkippedBy: map[string]int64{}, FailedBy: map[string]int64{}, WaitingFor: map[string]int64{},
	}, *row.Run)
	run, err := d.RunOf(t.Context(), s.ID, 1)
	require.NoError(t, err)
	require.Equal(t, *row.Run, run)
	run, err = d.RunOf(t.Context(), s.ID, 0)
	require.NoError(t, err)
	require.Equal(t, *row.Run, run)
	require.Empty(t, d.verify(t))

	for _, err := range []error{
		second(d.CampaignState(t.Context(), "campaign_x")), second(d.Campaign(t.Context(), "campaign_x")), second(d.Run(t.Context(), "run_x")),
		second(d.RunOf(t.Context(), s.ID, 2)), second(d.RunView(t.Context(), s.ID, "run_x", d.now)), second(d.RunHealth(t.Context(), "run_x")),
		d.EndRun(t.Context(), "run_x", d.now),
	} {
		requireCode(t, errs.NotFound, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAdvanceCampaign_takes_a_step_once(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 3)
	s := d.draft(t)
	step := d.next(&s, s, d.launching(campaign.Audience{}))
	for range 2 {
		behind, _, err := d.AdvanceCampaign(t.Context(), s.ID, &s, answer(step))
		require.NoError(t, err)
		if behind != nil {
			require.Equal(t, step.State, *behind)
		}
	}
	require.EqualValues(t, 3, d.run(t, step.State.Run.ID).Pending)
	refusal := errors.New("no")
	_, _, err := d.AdvanceCampaign(t.Context(), s.ID, &step.State, func(*models.CampaignState) (models.CampaignStep, error) { return models.CampaignStep{}, refusal })
	require.ErrorIs(t, err, refusal)
	require.Empty(t, d.verify(t))
}

func TestLaunch_is_refused_without_anybody_and_beside_another_run(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 3)
	s := d.draft(t)
	step := d.next(&s, s, d.launching(campaign.Audience{Class: []string{"S"}}))
	_, _, err := d.AdvanceCampaign(t.Context(), s.ID, &s, answer(step))
	require.Equal(t, "campaign.empty_audience", requireCode(t, errs.Conflict, err).Key)
	runs, _, err := d.Runs(t.Context(), s.ID, models.Page{})
	require.NoError(t, err)
	require.Empty(t, runs)

	s = d.launch(t, s, campaign.Audience{})
	step = d.next(&s, s, d.launching(campaign.Audience{}))
	_, _, err = d.AdvanceCampaign(t.Context(), s.ID, &s, answer(step))
	require.Equal(t, "campaign.run_active", requireCode(t, errs.Conflict, err).Key)

	step = d.next(&s, s, d.launching(campaign.Audience{LastContactBefore: "some day"}))
	_, _, err = d.AdvanceCampaign(t.Context(), s.ID, &s, answer(step))
	requireCode(t, errs.Internal, err)
	stored, err := d.CampaignState(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, s, stored)
}

func TestAudience_is_a_snapshot_in_the_order_of_classes_with_the_keys_of_people(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 8)
	d.exec(t, `UPDATE clients SET class = CASE name WHEN 'c8' THEN 'S' WHEN 'c7' THEN 'C' ELSE 'A' END, region = 'north', account_manager_id = NULL,
		status = CASE name WHEN 'c6' THEN 'lost' ELSE 'active' END`)
	for n, c := range []struct{ email, phone, zone string }{
		{" Änne.MÜLLER@Example.COM\t", "", "Europe/Berlin"}, {"", "0086 (21) 555-1234", ""}, {"", " +86.21.5551234 ", ""}, {"", "", ""}, {"  ", "-", "UTC"},
	} {
		d.exec(t, `UPDATE contacts SET email = ?, phone = ?, time_zone = ?, locale = 'en' WHERE name = ?`, c.email, c.phone, c.zone, fmt.Sprint("p", n+1))
	}
	s := d.launched(t, campaign.Audience{})
	rows := d.recipients(t, s.Run.ID, "")
	require.Len(t, rows, 7)
	var order []string
	for i, r := range rows {
		order = append(order, r.Recipient.Name)
		require.EqualValues(t, i+1, r.Place)
		require.True(t, id.Valid(id.Recipient, r.ID), r.ID)
		require.True(t, i == 0 || rows[i-1].ID < r.ID, "ids sort in the order of sending")
		require.Equal(t, r.Recipient.Person(), r.Person)
		require.NotEmpty(t, r.Recipient.TimeZone)
		require.Equal(t, d.now, *r.DueAt)
		require.Equal(t, models.RecipientPending, r.State)
	}
	require.Equal(t, []string{"p8", "p1", "p2", "p3", "p4", "p5", "p7"}, order)
	require.Equal(t, rows[2].Person, rows[3].Person)
	require.Equal(t, "email:Änne.mÜller@example.com", rows[1].Person)
	require.Equal(t, []string{"Asia/Shanghai", "Europe/Berlin"}, []string{rows[0].Recipient.TimeZone, rows[1].Recipient.TimeZone})

	d.exec(t, `DELETE FROM contacts WHERE name = 'p3'`)
	require.Len(t, d.recipients(t, s.Run.ID, ""), 7, "who was meant to get it stays known")
	require.Error(t, d.DB().Exec(`DELETE FROM campaign_recipients`).Error)
}

func TestAudience_is_who_meets_all_that_is_asked_for(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 8)
	amy := addUser(t, d.Store, "amy")
	d.exec(t, `UPDATE clients SET class = 'A', region = 'north', industry = 'steel', account_manager_id = ? WHERE name IN ('c1', 'c2')`, amy.ID)
	d.exec(t, `UPDATE contacts SET title = 'CTO' WHERE name IN ('p1', 'p3')`)
	day := 24 * time.Hour
	client := func(n int) string { return fmt.Sprintf("client_%026d", n) }
	d.exec(t, `INSERT INTO cases (id, number, type, status, priority, client_id, created_by, accountable_id, assignee_id, category, channel, subject,
			description, contact, external_ref, policy_version, breached, created_at, updated_at, seq, state)
		VALUES ('case_1', 'N1', 'inquiry', 'closed', 'P3', ?, 'x', 'x', 'x', '', 'phone', '', '', '{}', '', 1, false, ?, now(), 1, '{"seq":1,"id":"case_1"}')`,
		client(4), d.now.Add(-day))
	for n, status := range map[int]string{5: "completed", 6: "cancelled", 7: "approved"} {
		starts := d.now.Add(-2 * day)
		if n == 7 {
			starts = d.now.Add(2 * day) // has not been yet
		}
		d.exec(t, `INSERT INTO receptions (id, number, status, kind, level, client_id, requester_id, starts_at, created_at, updated_at, seq, state, plans)
			VALUES ($1, $1, $2, 'company_visit', 'standard', $3, 'x', $4, now(), now(), 1, jsonb_build_object('seq', 1, 'id', $1::text), '{}')`,
			fmt.Sprint("reception_", n), status, client(n), starts)
	}
	d.exec(t, `INSERT INTO invitations (id, purpose, subject_id, client_id, name, email, phone, locale, template, survey_version, token_hash, created_at, asked_at, expires_at)
		VALUES ('i', 'case', 'case_1', ?, '', '', '', '', 't', 1, sha256(''), now(), ?, now())`, client(8), d.now.Add(-3*day))
	d.exec(t, `INSERT INTO interactions (id, client_id, user_id, contact_id, lead_id, subject_id, kind, at, summary, quality, created_at)
		VALUES (?, ?, '', '', '', '', 'visit', ?, '', '', now())`, id.New(id.Interaction), client(8), d.now.Add(-3*day))
	for name, c := range map[string]struct {
		audience campaign.Audience
		want     []string
	}{
		"everybody":    {campaign.Audience{}, []string{"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"}},
		"class":        {campaign.Audience{Class: []string{"A", "S"}}, []string{"p1", "p2"}},
		"region":       {campaign.Audience{Region: []string{"north"}}, []string{"p1", "p2"}},
		"industry":     {campaign.Audience{Industry: []string{"steel"}}, []string{"p1", "p2"}},
		"manager":      {campaign.Audience{AccountManagerID: []string{amy.ID}}, []string{"p1", "p2"}},
		"title":        {campaign.Audience{ContactTitle: []string{"CTO"}}, []string{"p1", "p3"}},
		"all of them":  {campaign.Audience{Class: []string{"A"}, ContactTitle: []string{"CTO"}}, []string{"p1"}},
		"quiet 90d":    {campaign.Audience{LastContactBefore: "90d"}, []string{"p1", "p2", "p3", "p6", "p7"}},
		"quiet a day":  {campaign.Audience{LastContactBefore: "36h"}, []string{"p1", "p2", "p3", "p5", "p6", "p7", "p8"}},
		"since a date": {campaign.Audience{LastContactBefore: "2026-11-24", Class: []string{"A"}}, []string{"p1", "p2"}},
		"events":       {campaign.Audience{Events: campaign.ClientEvents(), EventsSince: "90d"}, []string{"p4", "p5", "p8"}},
		"inquiries":    {campaign.Audience{Events: []string{campaign.EventInquiry, campaign.EventComplaint}, EventsSince: "90d"}, []string{"p4"}},
		"receptions":   {campaign.Audience{Events: []string{campaign.EventReception}, EventsSince: "90d"}, []string{"p5"}},
		"surveys":      {campaign.Audience{Events: []string{campaign.EventSurvey}, EventsSince: "2026-11-01"}, []string{"p8"}},
		"spoken with":  {campaign.Audience{Events: []string{campaign.EventInteraction}, EventsSince: "90d"}, []string{"p8"}},
		"long ago":     {campaign.Audience{Events: []string{campaign.EventInquiry, campaign.EventReception}, EventsSince: "36h"}, []string{"p4"}},
	} {
		s := d.launched(t, c.audience)
		var got []string
		for _, r := range d.recipients(t, s.Run.ID, "") {
			got = append(got, r.Recipient.Name)
		}
		require.Equal(t, c.want, got, name)
		facts, err := d.AudienceFacts(t.Context(), c.audience, d.now, "Asia/Shanghai", campaign.OpenAtClient)
		require.NoError(t, err)
		require.Len(t, facts, len(got), name)
	}
	nobody, err := d.AudienceFacts(t.Context(), campaign.Audience{Events: []string{campaign.EventComplaint}, EventsSince: "90d"}, d.now, "Asia/Shanghai", campaign.OpenAtClient)
	require.NoError(t, err)
	require.Empty(t, nobody)
	for field, a := range map[string]campaign.Audience{
		"audience.last_contact_before": {LastContactBefore: "some day"}, "audience.events_since": {EventsSince: "some day"},
	} {
		_, err := d.AudienceFacts(t.Context(), a, d.now, "Asia/Shanghai", campaign.OpenAtClient)
		require.Equal(t, field, requireCode(t, errs.Invalid, err).Fields[0].Field)
	}
}

func TestAudience_of_who_was_not_in_contact_leaves_out_who_was_spoken_with(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 3)
	for n, kind := range []string{"visit", models.InteractionAction} {
		d.exec(t, `INSERT INTO interactions (id, client_id, user_id, contact_id, lead_id, subject_id, kind, at, summary, quality, created_at)
			SELECT ?, id, '', '', '', '', ?, ?, '', '', now() FROM clients WHERE name = ?`, id.New(id.Interaction), kind, d.now.Add(-24*time.Hour), fmt.Sprint("c", n+1))
	}
	for before, want := range map[string][]string{"90d": {"p2", "p3"}, "12h": {"p1", "p2", "p3"}} {
		s := d.launched(t, campaign.Audience{LastContactBefore: before})
		var got []string
		for _, r := range d.recipients(t, s.Run.ID, "") {
			got = append(got, r.Recipient.Name)
		}
		require.Equal(t, want, got, "a general action on a lead is no contact with the client")
	}
}

func TestForecast_is_told_what_a_batch_is_told(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 5)
	known := d.knownPeople(t)
	facts, err := d.AudienceFacts(t.Context(), campaign.Audience{}, d.now, "Asia/Shanghai", campaign.OpenAtContact)
	require.NoError(t, err)
	s := d.launched(t, campaign.Audience{})
	var items []models.BatchItem
	d.claim(t, s.Run.ID, "1", 10, func(asked []models.BatchItem) ([]models.BatchDecision, error) {
		items = asked
		return d.ask(asked)
	})
	require.Len(t, items, 5)
	for i, item := range items {
		require.Equal(t, known[i], item.Facts, item.Row.Recipient.Name)
		require.Equal(t, campaign.Facts{
			RecipientID: item.Row.Recipient.ContactID, Class: "B", Zone: "Asia/Shanghai", OptedOut: item.Facts.OptedOut,
			OpenComplaint: item.Facts.OpenComplaint[campaign.OpenAtContact], Addresses: item.Row.Recipient.Addresses(), Touches: item.Facts.Touches,
		}, facts[i])
	}
}

// knownPeople makes five people differ: one opted out, one complained, one has a colleague who did, one was asked before.
func (d *drive) knownPeople(t testing.TB) []models.PersonFacts {
	t.Helper()
	before := []time.Time{d.now.Add(-48 * time.Hour), d.now.Add(-24 * time.Hour)}
	d.exec(t, `INSERT INTO opt_outs VALUES ('email:p1@example.com', 'i', now())`)
	d.exec(t, `INSERT INTO asked VALUES ('email:p4@example.com', ARRAY[?::timestamptz, ?], 7)`, before[0], before[1])
	for n, c := range []struct{ kind, status, contact, client string }{
		{"complaint", "in_progress", `{"name":"x","email":"P2@Example.com"}`, "client_other"},
		{"complaint", "waiting_customer", `{"name":"x","email":"somebody@example.com"}`, fmt.Sprintf("client_%026d", 3)},
		{"complaint", "resolved", `{"name":"x","email":"p5@example.com"}`, fmt.Sprintf("client_%026d", 5)},
		{"inquiry", "open", `{"name":"x","email":"p5@example.com"}`, fmt.Sprintf("client_%026d", 5)},
	} {
		d.exec(t, `INSERT INTO clients VALUES (?, 'other', '', '', 'C', NULL, 'lost', '', 1, now(), now()) ON CONFLICT DO NOTHING`, c.client)
		d.exec(t, `INSERT INTO cases (id, number, type, status, priority, client_id, created_by, accountable_id, assignee_id, category, channel, subject,
				description, contact, external_ref, policy_version, breached, created_at, updated_at, seq, state)
			VALUES ($1, $1, $2, $3, 'P3', $4, 'x', 'x', 'x', '', 'phone', '', '', $5, '', 1, false, now(), now(), 1, jsonb_build_object('seq', 1, 'id', $1::text))`,
			fmt.Sprint("case_", n), c.kind, c.status, c.client, c.contact)
	}
	open := func(client, contact bool) map[string]bool {
		return map[string]bool{campaign.OpenAtClient: client, campaign.OpenAtContact: contact}
	}
	return []models.PersonFacts{
		{OptedOut: true, OpenComplaint: open(false, false)},
		{OpenComplaint: open(false, true)},
		{OpenComplaint: open(true, false)},
		{OpenComplaint: open(false, false), Touches: before, Known: 7},
		{OpenComplaint: open(false, false)},
	}
}

func TestStop_withdraws_everybody_but_those_in_hand(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 10)
	s := d.launched(t, campaign.Audience{})
	items := d.claim(t, s.Run.ID, "1", 3, d.ask)
	d.record(t, s.Run.ID, d.sent(items[0].Row, items[1].Row.ID))
	s = d.stop(t, s)
	run := d.run(t, s.Run.ID)
	require.Equal(t, []int64{2, 1, 7}, []int64{run.Pending, run.Sent, run.Withdrawn})
	require.Equal(t, "campaign.run_open", requireCode(t, errs.Conflict, d.EndRun(t.Context(), s.Run.ID, d.now)).Key)
	d.record(t, s.Run.ID, d.sent(items[1].Row, items[2].Row.ID))
	require.NoError(t, d.ReleaseBatch(t.Context(), s.Run.ID, "1", d.now.Add(time.Hour)))
	require.Empty(t, d.claim(t, s.Run.ID, "2", 3, d.ask), "nobody is due")
	d.now = d.now.Add(time.Hour)
	require.Empty(t, d.claim(t, s.Run.ID, "3", 3, func(items []models.BatchItem) ([]models.BatchDecision, error) {
		require.Len(t, items, 1)
		require.True(t, items[0].Row.Trying, "it may have been sent before it was given back")
		return []models.BatchDecision{{RecipientID: items[0].Row.ID, State: models.RecipientWithdrawn}}, nil
	}))
	for range 2 {
		require.NoError(t, d.EndRun(t.Context(), s.Run.ID, d.now))
	}
	run = d.run(t, s.Run.ID)
	require.Equal(t, d.now, *run.EndedAt)
	require.Empty(t, d.verify(t))
}
