package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func ids(items []models.BatchItem) []string {
	list := make([]string, len(items))
	for i := range items {
		list[i] = items[i].Row.ID
	}
	return list
}

func TestBatch_sends_in_order_and_every_recipient_once(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 5)
	s := d.launched(t, campaign.Audience{})
	run := s.Run.ID
	view := func() models.CampaignRunView {
		v, err := d.RunView(t.Context(), s.ID, run, d.now)
		require.NoError(t, err)
		return v
	}
	require.Equal(t, models.CampaignRunView{Rate: 600, Working: true, Due: 5, Next: &d.now}, view())
	var asked []string
	for n := 1; view().Due > 0; n++ {
		items := d.claim(t, run, fmt.Sprint(n), 2, d.ask)
		for i, item := range items {
			require.False(t, item.Row.Trying)
			require.NotEmpty(t, item.Row.InvitationID)
			next := ""
			if i+1 < len(items) {
				next = items[i+1].Row.ID
			}
			o := d.sent(item.Row, next)
			o.Batch, o.DueAt, o.Reminds = fmt.Sprint(n), ptr(d.now.Add(24*time.Hour)), true
			d.record(t, run, o)
			mine, err := d.RecordOutcome(t.Context(), run, o)
			require.NoError(t, err)
			require.False(t, mine, "an outcome is written once")
		}
		asked = append(asked, ids(items)...)
		require.Empty(t, d.claim(t, run, fmt.Sprint(n), 2, d.ask), "a finished batch takes nobody")
	}
	var all []string
	for _, r := range d.recipients(t, run, models.RecipientSent) {
		all = append(all, r.ID)
		require.Equal(t, []any{d.now, campaign.ByEmail, int64(1), true}, []any{*r.SentAt, r.Channel, r.CampaignVersion, r.Reminds})
	}
	require.Equal(t, all, asked)
	next := d.now.Add(24 * time.Hour)
	require.Equal(t, models.CampaignRunView{Rate: 600, Working: true, Next: &next}, view())

	d.now = next
	items := d.claim(t, run, "reminders", 2, d.ask)
	require.Empty(t, items[0].Facts.Touches, "a reminder belongs to the question")
	reminder := models.BatchOutcome{RecipientID: items[0].Row.ID, State: models.RecipientSent, Reminded: true, DueAt: ptr(d.now.Add(time.Hour))}
	d.record(t, run, reminder)
	require.EqualValues(t, 1, d.run(t, run).Reminded)
	d.now = d.now.Add(time.Hour)
	d.claim(t, run, "expiry", 10, func(items []models.BatchItem) ([]models.BatchDecision, error) {
		var all []models.BatchDecision
		for _, item := range items {
			require.Equal(t, models.RecipientSent, item.Row.State)
			all = append(all, models.BatchDecision{RecipientID: item.Row.ID, State: item.Row.State, Expired: true})
		}
		return all, nil
	})
	require.EqualValues(t, 5, d.run(t, run).Expired)
	require.Empty(t, d.verify(t))
}

func TestPause_holds_up_the_run_that_is_under_way_alone(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 1)
	s := d.launched(t, campaign.Audience{})
	first := s.Run.ID
	for _, item := range d.claim(t, first, "1", 1, d.ask) {
		o := d.sent(item.Row, "")
		o.DueAt = ptr(d.now.Add(time.Hour)) // the end of the time to answer
		d.record(t, first, o)
	}
	require.NoError(t, d.EndRun(t.Context(), first, d.now))
	paused := func(runID string) bool {
		v, err := d.RunView(t.Context(), s.ID, runID, d.now)
		require.NoError(t, err)
		return v.Paused
	}
	pause := func(step *models.CampaignStep) { step.State.Status, step.State.PausedBy = models.CampaignPaused, "mia" }
	over := s
	over.Run = nil
	s = d.step(t, &s, over, pause)
	require.False(t, paused(first), "the schedule is paused")
	s = d.launch(t, s, campaign.Audience{})
	s = d.step(t, &s, s, pause)
	require.Equal(t, []bool{false, true}, []bool{paused(first), paused(s.Run.ID)})
}

func TestOutcome_is_final(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 2)
	s := d.launched(t, campaign.Audience{})
	items := d.claim(t, s.Run.ID, "1", 2, d.ask)
	d.record(t, s.Run.ID, d.sent(items[0].Row, items[1].Row.ID))
	for _, state := range []string{"pending", "failed", "skipped", "withdrawn"} {
		require.Error(t, d.DB().Exec(`UPDATE campaign_recipients SET state = ?, due_at = now() WHERE id = ?`, state, items[0].Row.ID).Error, state)
	}
	_, err := d.ClaimBatch(t.Context(), s.Run.ID, "2", 2, d.now.Add(time.Hour), d.now, func(items []models.BatchItem) ([]models.BatchDecision, error) {
		return []models.BatchDecision{{RecipientID: items[0].Row.ID, State: models.RecipientPending}}, nil
	})
	requireCode(t, errs.Internal, err)
	refusal := errors.New("no")
	_, err = d.ClaimBatch(t.Context(), s.Run.ID, "2", 2, d.now.Add(time.Hour), d.now, func([]models.BatchItem) ([]models.BatchDecision, error) { return nil, refusal })
	require.ErrorIs(t, err, refusal)
	for name, decisions := range map[string][]models.BatchDecision{"nothing": nil, "somebody else": {{RecipientID: "x", Send: true}}} {
		_, err = d.ClaimBatch(t.Context(), s.Run.ID, "2", 2, d.now.Add(time.Hour), d.now, func([]models.BatchItem) ([]models.BatchDecision, error) { return decisions, nil })
		require.Equal(t, errs.Internal, requireCode(t, errs.Internal, err).Code, name)
	}
}

func TestBatch_goes_on_where_a_crash_left_it(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 4)
	s := d.launched(t, campaign.Audience{})
	run := s.Run.ID
	items := d.claim(t, run, "1", 3, d.ask)
	d.record(t, run, d.sent(items[0].Row, items[1].Row.ID))

	undecided := func([]models.BatchItem) ([]models.BatchDecision, error) { return nil, errors.New("asked again") }
	again := d.claim(t, run, "1", 3, undecided)
	require.Equal(t, ids(items[1:]), ids(again))
	require.True(t, again[0].Row.Trying, "it may have been sent")
	require.False(t, again[1].Row.Trying)
	require.Equal(t, items[1].Row.InvitationID, again[0].Row.InvitationID)
	o := d.sent(again[0].Row, "") // whoever recorded it did not say what comes next
	o.Repeated = 1
	d.record(t, run, o)
	again = d.claim(t, run, "1", 3, undecided)
	require.Equal(t, ids(items[2:]), ids(again))
	require.False(t, again[0].Row.Trying)

	// The batch is heard of no more. What it had in hand is taken over when its lease has ended, still in doubt.
	require.Equal(t, []string{d.recipients(t, run, "")[3].ID}, ids(d.claim(t, run, "2", 3, d.ask)))
	d.now = d.now.Add(5 * time.Minute)
	touches := 0
	taken := d.claim(t, run, "3", 1, func(items []models.BatchItem) ([]models.BatchDecision, error) {
		touches = len(items[0].Facts.Touches)
		return d.ask(items)
	})
	require.Equal(t, ids(items[2:]), ids(taken))
	require.True(t, taken[0].Row.Trying)
	require.Zero(t, touches, "they are asked for the same question")
	late := d.sent(items[2].Row, "")
	late.Batch = "1"
	mine, err := d.RecordOutcome(t.Context(), run, late)
	require.NoError(t, err)
	require.False(t, mine, "somebody else has it")
	require.EqualValues(t, 2, d.run(t, run).Pending)
	late.Batch = "3"
	d.record(t, run, late)
	require.EqualValues(t, 1, d.run(t, run).Repeated)
	var n, invitations int64
	require.NoError(t, d.DB().Raw(`SELECT n FROM asked WHERE person = ?`, items[2].Row.Person).Scan(&n).Error)
	require.NoError(t, d.DB().Raw(`SELECT count(*) FROM invitations WHERE run_id = ?`, run).Scan(&invitations).Error)
	require.Equal(t, []int64{2, 4}, []int64{n, invitations})
	var times int
	require.NoError(t, d.DB().Raw(`SELECT cardinality(times) FROM asked WHERE person = ?`, items[2].Row.Person).Scan(&times).Error)
	require.Equal(t, 1, times, "who is tried again was asked once")
}

func TestCap_holds_when_campaigns_race_for_one_person(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 20)
	d.exec(t, `UPDATE contacts SET email = 'same@example.com' WHERE name IN ('p3', 'p7', 'p11')`)
	const campaigns = 4
	runs := make([]string, campaigns)
	for i := range runs {
		runs[i] = d.launched(t, campaign.Audience{}).Run.ID
	}
	var group errgroup.Group
	for _, run := range runs {
		group.Go(func() error {
			for n := range 20 {
				items, err := d.ClaimBatch(t.Context(), run, fmt.Sprint(n), 3, d.now, d.now.Add(time.Hour), d.capped)
				if err != nil {
					return err
				}
				for _, item := range items {
					if _, err := d.RecordOutcome(t.Context(), run, d.sent(item.Row, "")); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	asked := map[string]int{}
	for _, run := range runs {
		require.Zero(t, d.run(t, run).Pending)
		for _, r := range d.recipients(t, run, models.RecipientSent) {
			asked[r.Person]++
		}
	}
	require.Len(t, asked, 18)
	for person, n := range asked {
		require.Equal(t, 1, n, person)
	}
	require.Empty(t, d.verify(t))
}

func TestSuppressed_people_in_a_row_do_not_hold_up_the_others(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 30)
	s := d.launched(t, campaign.Audience{})
	suppressed := func(items []models.BatchItem) ([]models.BatchDecision, error) {
		all, _ := d.ask(items)
		for i, item := range items {
			switch {
			case item.Row.Place <= 12:
				all[i] = models.BatchDecision{RecipientID: item.Row.ID, State: models.RecipientSkipped, Reason: string(campaign.OptedOut)}
			case item.Row.Place <= 25:
				later := d.now.Add(time.Hour)
				all[i] = models.BatchDecision{RecipientID: item.Row.ID, State: models.RecipientPending, Reason: string(campaign.QuietHours), DueAt: &later}
			}
		}
		return all, nil
	}
	var sent []models.BatchItem
	for n := range 6 {
		sent = append(sent, d.claim(t, s.Run.ID, fmt.Sprint(n), 5, suppressed)...)
	}
	require.Len(t, sent, 5)
	run := d.run(t, s.Run.ID)
	require.Equal(t, map[string]int64{"opt_out": 12}, run.SkippedBy)
	require.Equal(t, map[string]int64{"quiet_hours": 13}, run.WaitingFor)
	view, err := d.RunView(t.Context(), s.ID, s.Run.ID, d.now)
	require.NoError(t, err)
	require.Zero(t, view.Due)
	require.Equal(t, d.now.Add(5*time.Minute), *view.Next)
	require.Empty(t, d.verify(t))
}

func TestCall_is_a_task_for_a_person_about_the_invitation(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 2)
	amy := addUser(t, d.Store, "amy")
	s := d.launched(t, campaign.Audience{})
	items := d.claim(t, s.Run.ID, "1", 2, d.ask)
	for _, item := range items {
		o := d.sent(item.Row, "")
		o.Channel = campaign.ByPhone
		o.Task = &models.Task{ID: id.Derive(id.Task, item.Row.InvitationID, "call"), Kind: "survey_call", UserID: amy.ID, CreatedAt: d.now, State: models.TaskOpen, Why: map[string]string{"number": s.Number}}
		d.record(t, s.Run.ID, o)
		_, err := d.RecordOutcome(t.Context(), s.Run.ID, o)
		require.NoError(t, err)
	}
	var subjects []string
	require.NoError(t, d.DB().Raw(`SELECT subject_id FROM tasks WHERE process = 'follow_up' AND holder = ? ORDER BY subject_id`, amy.ID).Scan(&subjects).Error)
	want := []string{items[0].Row.InvitationID, items[1].Row.InvitationID}
	slices.Sort(want)
	require.Equal(t, want, subjects)
}

func TestHealth_of_a_run_is_kept(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 1)
	run := d.launched(t, campaign.Audience{}).Run.ID
	health, err := d.RunHealth(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, campaign.Trip{}, health)
	require.NoError(t, d.RecordHealth(t.Context(), run, health.Add(9, 2)))
	health, err = d.RunHealth(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, campaign.Tally{Sent: 9, Failed: 2}, health.Counts())
}
