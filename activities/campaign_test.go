package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A mailing takes the messages that leave a real database, as the test says.
type mailing struct {
	*store.Store
	activities.Campaign
	now  time.Time
	sent []string                                       // addresses, in order
	fate func(kind models.ChannelKind, to string) error // of a message; nil: taken
}

func (p *mailing) Open(_ context.Context, kind models.ChannelKind) (channel.Batch, error) {
	return &slot{p, kind}, nil
}

type slot struct {
	*mailing
	kind models.ChannelKind
}

func (s *slot) Close() error { return nil }

func (s *slot) Send(_ context.Context, m channel.Message) error {
	if s.fate != nil {
		if err := s.fate(s.kind, m.To.Email); err != nil {
			return err
		}
	}
	s.sent = append(s.sent, m.To.Email)
	return nil
}

// newMailing is a mailing to n contacts of clients of class B, p1@example.com and so on, on a Monday morning in Shanghai.
func newMailing(t *testing.T, n int) *mailing {
	t.Helper()
	p := &mailing{Store: testkit.Store(t), now: time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC)}
	require.NoError(t, demo.SeedPolicies(t.Context(), p.Store))
	texts, err := i18n.New()
	require.NoError(t, err)
	p.Campaign = activities.Campaign{
		Store: p.Store, Rules: rulebook.New(p.Store), Now: func() time.Time { return p.now },
		Questions: activities.Questions{Channels: p, Links: auth.NewLinks(make([]byte, 32)), Texts: texts, PublicURL: "https://ask.example"},
	}
	p.exec(t, `INSERT INTO clients SELECT 'client_' || lpad(i::text, 26, '0'), 'c' || i, '', '', 'B', NULL, 'active', '', 1, now(), now() FROM generate_series(1, ?) i`, n)
	p.exec(t, `INSERT INTO contacts SELECT 'contact_' || lpad(i::text, 26, '0'), 'client_' || lpad(i::text, 26, '0'), 'p' || i, '', '',
		'p' || i || '@example.com', '', now(), '' FROM generate_series(1, ?) i`, n)
	return p
}

func (p *mailing) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	require.NoError(t, p.DB().WithContext(context.WithoutCancel(t.Context())).Exec(sql, args...).Error)
}

// does takes a step of a campaign by a manager.
func (p *mailing) does(t *testing.T, s *models.CampaignState, campaignID string, action models.CampaignAction, data any) models.CampaignState {
	t.Helper()
	raw, err := json.Marshal(data)
	require.NoError(t, err)
	mia := models.Actor{Person: models.Person{ID: "mia", Roles: []models.Role{models.RoleManager}}}
	_, err = p.Campaign.AdvanceCampaign(t.Context(), models.AdvanceCampaign{
		CampaignID: campaignID, State: s, At: p.now,
		Event: models.CampaignEvent{Meta: models.Meta{Actor: mia, RequestID: id.New(id.Request)}, Action: action, Data: raw},
	})
	require.NoError(t, err)
	state, err := p.CampaignState(t.Context(), campaignID)
	require.NoError(t, err)
	return state
}

// launched is a service day that runs.
func (p *mailing) launched(t *testing.T, change func(*campaign.Definition)) models.CampaignState {
	t.Helper()
	d := campaign.Definition{
		Name: "service day", Template: "service_day", Channels: []campaign.Channel{campaign.ByEmail}, Rate: 600, ExpiresAfter: sla.Span{Days: 7},
	}
	if change != nil {
		change(&d)
	}
	campaignID := id.New(id.Campaign)
	s := p.does(t, nil, campaignID, models.CampaignCreate, models.DefineCampaign{Definition: d})
	s = p.does(t, &s, campaignID, models.CampaignLaunch, nil)
	p.now = p.now.Add(time.Second) // every step has an instant of its own
	return s
}

// batch lets a batch of a run leave.
func (p *mailing) batch(t *testing.T, s models.CampaignState, name string, limit int) (models.BatchSent, error) {
	t.Helper()
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	env.RegisterActivity(p.SendBatch)
	value, err := env.ExecuteActivity(p.SendBatch, models.SendBatch{CampaignID: s.ID, RunID: s.Run.ID, Batch: name, Limit: limit})
	var out models.BatchSent
	if err == nil {
		require.NoError(t, value.Get(&out))
	}
	return out, err
}

func (p *mailing) must(t *testing.T, s models.CampaignState, name string, limit int) models.BatchSent {
	t.Helper()
	out, err := p.batch(t, s, name, limit)
	require.NoError(t, err)
	return out
}

// renamed publishes the survey in force anew, with a template under another name.
func (p *mailing) renamed(t *testing.T, old, name string) {
	t.Helper()
	v, err := p.LatestPolicy(t.Context(), survey.Kind)
	require.NoError(t, err)
	body := bytes.Replace(v.Body, []byte(`"`+old+`":`), []byte(`"`+name+`":`), 1)
	_, err = p.PublishPolicy(t.Context(), models.PolicyVersion{Kind: survey.Kind, Body: body, PublishedBy: "mia"})
	require.NoError(t, err)
}

func TestCampaign_that_is_changed_while_it_runs_asks_by_a_template_that_is_newer_than_the_run(t *testing.T) {
	t.Parallel()
	p := newMailing(t, 3)
	s := p.launched(t, nil)
	p.must(t, s, "1", 1)
	p.renamed(t, "service_day", "service_day_2")
	d := s.Definition
	d.Template = "service_day_2"
	s = p.does(t, &s, s.ID, models.CampaignChange, models.DefineCampaign{Definition: d})
	p.must(t, s, "2", 2)
	require.Len(t, p.sent, 3)
	rows, _, err := p.Invitations(t.Context(), models.Actor{Person: models.Person{ID: "mia", Roles: []models.Role{models.RoleManager}}}, models.InvitationFilter{RunID: s.Run.ID}, models.Page{})
	require.NoError(t, err)
	by := map[string]int{}
	for _, r := range rows {
		by[r.Template] += r.SurveyVersion
	}
	require.Equal(t, map[string]int{"service_day": 1, "service_day_2": 4}, by, "each keeps what they were asked by")
}

func TestBatch_of_a_slow_server_keeps_its_recipients_for_as_long_as_it_sends(t *testing.T) {
	t.Parallel()
	p := newMailing(t, 100)
	s := p.launched(t, nil)
	began, beside := p.now, false
	p.fate = func(models.ChannelKind, string) error {
		p.now = p.now.Add(4 * time.Second)
		if !beside && p.now.After(began.Add(5*time.Minute)) {
			beside = true
			p.must(t, s, "2", 100)
		}
		return nil
	}
	p.must(t, s, "1", 100)
	require.True(t, beside)
	require.Len(t, p.sent, 100, "nobody is asked twice")
}

func TestCampaign_gives_the_whole_time_to_answer_however_late_the_question_leaves(t *testing.T) {
	t.Parallel()
	p := newMailing(t, 1)
	s := p.launched(t, nil)
	p.fate = func(models.ChannelKind, string) error {
		return &channel.Error{Class: channel.Temporary, Reason: "smtp_451", RetryAfter: 3 * 24 * time.Hour}
	}
	p.must(t, s, "1", 1)
	p.now, p.fate = p.now.Add(3*24*time.Hour), nil
	p.must(t, s, "2", 1)
	require.Len(t, p.sent, 1)
	rows, _, err := p.Recipients(t.Context(), s.Run.ID, "", models.Page{})
	require.NoError(t, err)
	end := p.now.Add(7 * 24 * time.Hour)
	require.Equal(t, []time.Time{end, end}, []time.Time{*rows[0].ExpiresAt, *rows[0].DueAt})
}

func TestBatch_goes_on_with_the_channels_that_can_be_reached(t *testing.T) {
	t.Parallel()
	begun := func(t *testing.T, fault channel.Error) *mailing {
		p := newMailing(t, 4)
		p.exec(t, `UPDATE contacts SET phone = '+86215550' || right(id, 3) WHERE name IN ('p1', 'p2')`)
		p.exec(t, `UPDATE contacts SET email = '' WHERE name = 'p1'`)
		p.fate = func(kind models.ChannelKind, _ string) error {
			if kind == models.ChannelSMS {
				return &fault
			}
			return nil
		}
		s := p.launched(t, func(d *campaign.Definition) { d.Channels = []campaign.Channel{campaign.BySMS, campaign.ByEmail} })
		out := p.must(t, s, "1", 4)
		require.False(t, out.Down, "something has left")
		p.now = p.now.Add(time.Minute)
		require.True(t, p.must(t, s, "2", 4).Down)
		r, err := p.Run(t.Context(), s.Run.ID)
		require.NoError(t, err)
		require.EqualValues(t, len(p.sent), r.Sent)
		require.EqualValues(t, 4-len(p.sent), r.Pending)
		sent := len(p.sent)
		p.now, p.fate = p.now.Add(time.Minute), nil
		p.must(t, s, "3", 4)
		r, err = p.Run(t.Context(), s.Run.ID)
		require.NoError(t, err)
		require.Equal(t, []int64{4, 0}, []int64{r.Sent, r.Repeated}, "nothing was in doubt")
		p.sent = p.sent[:sent]
		return p
	}
	p := begun(t, channel.Error{Class: channel.Down, Reason: "unreachable"})
	require.Equal(t, []string{"p3@example.com", "p4@example.com"}, p.sent, "who is reached otherwise does not wait")
	p = begun(t, channel.Error{Class: channel.Down, Reason: channel.NotConfigured})
	require.ElementsMatch(t, []string{"p2@example.com", "p3@example.com", "p4@example.com"}, p.sent, "what is not set up gives way to the next channel")
}

func TestBatch_that_a_crash_has_interrupted_is_decided_about_anew(t *testing.T) {
	t.Parallel()
	night := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	morning := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *mailing, models.CampaignState)
		at        time.Time
		sent      []string
		states    map[models.RecipientState]int
	}{
		"at_once_it_goes_on": {
			at: night.Add(-13 * time.Hour).Add(time.Minute), sent: []string{"p2@example.com", "p3@example.com"}, states: map[models.RecipientState]int{"sent": 3},
		},
		"at_night_nobody_is_asked": {at: night, states: map[models.RecipientState]int{"sent": 1, "pending": 2}},
		"nobody_is_asked_who_has_opted_out": {
			at: morning, sent: []string{"p3@example.com"}, states: map[models.RecipientState]int{"sent": 2, "skipped": 1},
			meanwhile: func(t *testing.T, p *mailing, _ models.CampaignState) {
				require.NoError(t, p.OptOut(t.Context(), "invitation", []string{"email:p2@example.com"}, p.now))
			},
		},
		"a_stopped_campaign_asks_nobody": {
			at: morning, states: map[models.RecipientState]int{"sent": 1, "withdrawn": 2},
			meanwhile: func(t *testing.T, p *mailing, s models.CampaignState) { p.does(t, &s, s.ID, models.CampaignStop, nil) },
		},
		"a_paused_campaign_asks_nobody": {
			at: morning, states: map[models.RecipientState]int{"sent": 1, "pending": 2},
			meanwhile: func(t *testing.T, p *mailing, s models.CampaignState) { p.does(t, &s, s.ID, models.CampaignPause, nil) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newMailing(t, 3)
			s := p.launched(t, nil)
			p.fate = func(_ models.ChannelKind, to string) error {
				if to == "p2@example.com" {
					return errors.New("the worker dies")
				}
				return nil
			}
			_, err := p.batch(t, s, "1", 3)
			require.Error(t, err)
			if c.meanwhile != nil {
				c.meanwhile(t, p, s)
			}
			p.now, p.fate = c.at, nil
			p.must(t, s, "1", 3)
			require.Equal(t, append([]string{"p1@example.com"}, c.sent...), p.sent)
			rows, _, err := p.Recipients(t.Context(), s.Run.ID, "", models.Page{})
			require.NoError(t, err)
			states := map[models.RecipientState]int{}
			for _, r := range rows {
				states[r.State]++
			}
			require.Equal(t, c.states, states)
		})
	}
}
