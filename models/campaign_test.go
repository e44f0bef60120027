package models_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// serviceDay is a campaign that may be launched.
func serviceDay(plan *campaign.Schedule) campaign.Definition {
	return campaign.Definition{
		Name: "service day", Template: "service_day", Channels: []campaign.Channel{campaign.ByEmail, campaign.BySMS}, Rate: 60,
		Reminders: campaign.Reminders{Count: 2, Spacing: sla.Span{Days: 2}}, ExpiresAfter: sla.Span{Days: 7}, Schedule: plan,
	}
}

var (
	onceAt  = monday.Add(48 * time.Hour)
	once    = campaign.Schedule{Kind: campaign.ScheduleOnce, At: onceAt}
	monthly = campaign.Schedule{Kind: campaign.ScheduleCron, Cron: "0 9 1 * *", Timezone: "Asia/Shanghai"}
	patient = campaign.Schedule{Kind: campaign.ScheduleCron, Cron: "0 9 1 * *", Timezone: "Asia/Shanghai", Overlap: campaign.OverlapBufferOne}
)

// drive follows one campaign, and holds the laws that every history must keep.
type drive struct {
	t        require.TestingT
	r        models.FollowUpRules
	state    models.CampaignState
	steps    []models.CampaignStep
	taken    []models.CampaignEvent
	at       []time.Time
	waiting  map[string]bool // firings that wait for the end of their run
	released map[string]bool
}

func (l *drive) attempt(at time.Time, e models.CampaignEvent) (models.CampaignStep, error) {
	var old *models.CampaignState
	if l.state.Seq > 0 {
		s := l.state
		old = &s
	}
	before, _ := json.Marshal(old)
	step, err := models.ApplyCampaign(old, e, at, l.r)
	after, _ := json.Marshal(old)
	require.Equal(l.t, string(before), string(after), "the given state is not changed")
	if err == nil {
		arrives(l.t, old, &step.State)
		l.taken, l.at = append(l.taken, e), append(l.at, at)
		l.follow(step)
	}
	return step, err
}

func (l *drive) must(at time.Time, e models.CampaignEvent) models.CampaignStep {
	step, err := l.attempt(at, e)
	require.NoError(l.t, err)
	return step
}

func (l *drive) follow(step models.CampaignStep) {
	t, was, s := l.t, l.state, step.State
	require.Equal(t, was.Seq+1, s.Seq)
	require.True(t, was.Seq == 0 || s.UpdatedAt.After(was.UpdatedAt), "every step has an instant of its own")
	for i, e := range step.Events {
		require.Equal(t, was.EventSeq+int64(i)+1, e.Seq, "the timeline has no gap")
		require.NotEmpty(t, e.Actor)
	}
	require.Equal(t, was.EventSeq+int64(len(step.Events)), s.EventSeq)
	if step.Launch != nil {
		require.True(t, was.Run == nil || s.Run.ID != was.Run.ID)
		require.Equal(t, []any{s.Run.ID, s.Run.N, s.Runs, was.Runs + 1}, []any{step.Launch.RunID, step.Launch.N, s.Runs, s.Runs})
		require.Equal(t, models.CampaignRunning, s.Status)
	} else {
		require.Equal(t, was.Runs, s.Runs, "every run has its audience")
	}
	if was.Run != nil && (s.Run == nil || s.Run.ID != was.Run.ID) {
		require.True(t, slices.ContainsFunc(step.Events, func(e models.TimelineEvent) bool { return e.Type == "run_ended" }), "a run goes only by its end")
	}
	closed := s.Status == models.CampaignEnded || s.Status == models.CampaignStopped
	require.Equal(t, closed, s.ClosedAt != nil, s.Status)
	require.True(t, s.Status != models.CampaignRunning || s.Run != nil)
	require.True(t, s.Waiting == nil || s.Run != nil, "only behind a run is there somebody to wait for")
	require.Equal(t, s.Status == models.CampaignPaused, s.PausedBy != "", "who has paused it is known while it is paused")
	for _, f := range s.Released {
		l.released[f.WorkflowID] = true
		delete(l.waiting, f.WorkflowID)
	}
	var held []string
	if s.Run != nil && s.Run.Firing != nil {
		held = append(held, s.Run.Firing.WorkflowID)
	}
	if s.Waiting != nil {
		held = append(held, s.Waiting.WorkflowID)
	}
	for _, f := range held {
		l.waiting[f] = true
		require.False(t, l.released[f], "who is released waits no more")
	}
	require.Len(t, l.waiting, len(held), "no firing is forgotten")
	l.state = s
	l.steps = append(l.steps, step)
}

func campaignEvent(tb require.TestingT, a models.Actor, action models.CampaignAction, data any) models.CampaignEvent {
	raw, err := json.Marshal(data)
	require.NoError(tb, err)
	return models.CampaignEvent{Meta: models.Meta{Actor: a, RequestID: id.New(id.Request)}, Action: action, Data: raw}
}

func newDrive(t require.TestingT, r models.FollowUpRules, plan *campaign.Schedule) *drive {
	l := &drive{t: t, r: r, waiting: map[string]bool{}, released: map[string]bool{}}
	l.must(monday, campaignEvent(t, member(r.Org, "mia"), models.CampaignCreate, models.DefineCampaign{ID: id.New(id.Campaign), Number: "CPN-1", Definition: serviceDay(plan)}))
	return l
}

func (l *drive) do(at time.Time, action models.CampaignAction) models.CampaignStep {
	return l.must(at, campaignEvent(l.t, member(l.r.Org, "mia"), action, nil))
}

func (l *drive) fires(at time.Time, name string) models.CampaignStep {
	return l.must(at, models.CampaignFires(models.CampaignFiring{WorkflowID: name, At: at}))
}

func (l *drive) ends(at time.Time) models.CampaignStep {
	return l.must(at, models.CampaignRunTells(models.CampaignRunFact{RunID: l.state.Run.ID}))
}

func (l *drive) timeline() (types []string) {
	for _, s := range l.steps {
		for _, e := range s.Events {
			types = append(types, e.Type)
		}
	}
	return types
}

// campaignIn is a campaign of each state, without a run where that is possible and with one.
func campaignIn(t *testing.T, r models.FollowUpRules) map[string]models.CampaignState {
	t.Helper()
	is := map[string]models.CampaignState{}
	hour := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
	l := newDrive(t, r, nil)
	is["draft"] = l.state
	l.do(hour(1), models.CampaignLaunch)
	is["running"] = l.state
	l.do(hour(2), models.CampaignPause)
	is["paused in a run"] = l.state
	l.do(hour(3), models.CampaignStop)
	is["stopped in a run"] = l.state
	l.ends(hour(4))
	is["stopped"] = l.state
	l.do(hour(5), models.CampaignLaunch)
	l.ends(hour(6))
	is["ended"] = l.state
	l = newDrive(t, r, &monthly)
	is["scheduled"] = l.state
	l.do(hour(1), models.CampaignPause)
	is["paused"] = l.state
	return is
}

func TestCampaign_who_may_do_what_in_which_state(t *testing.T) {
	t.Parallel()
	o := agency()
	r := askingRules(t, o)
	legal := map[models.CampaignAction][]string{
		models.CampaignLaunch: {"draft", "scheduled", "ended", "stopped"},
		models.CampaignPause:  {"running", "scheduled"},
		models.CampaignResume: {"paused", "paused in a run"},
		models.CampaignStop:   {"running", "paused", "paused in a run", "scheduled"},
		models.CampaignChange: {"draft", "scheduled", "running", "paused", "paused in a run", "ended", "stopped", "stopped in a run"},
	}
	machine := models.Actor{Person: models.Person{ID: "cron", Roles: []models.Role{models.RoleScheduler}}}
	deputy := member(o, "hal", "mia")
	for state, s := range campaignIn(t, r) {
		for _, action := range models.CampaignActions() {
			for _, a := range []models.Actor{
				member(o, "amy"), member(o, "hal"), member(o, "sam"), member(o, "cleo"), member(o, "fin"), member(o, "mia"), member(o, "zoe"), member(o, "otto"), machine, deputy,
			} {
				me, err := models.CheckCampaign(&s, action, a)
				may := a.ID == "mia" || a.ID == "zoe" || len(a.ActsFor) > 0 || a.ID == "cron" && action == models.CampaignLaunch
				about := []any{action, state, a.ID}
				switch {
				case !may:
					require.Equal(t, errs.Forbidden, errs.CodeOf(err), about...)
				case !slices.Contains(legal[action], state):
					require.Equal(t, errs.Conflict, errs.CodeOf(err), about...)
				default:
					require.NoError(t, err, about...)
					require.Equal(t, len(a.ActsFor) == 0, me.ID == a.ID, about...)
				}
				require.Equal(t, err == nil, slices.Contains(models.AllowedCampaign(&s, a), action), about...)
			}
		}
	}
	s := campaignIn(t, r)["draft"]
	_, err := models.CheckCampaign(&s, "explode", member(o, "mia"))
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	step, err := models.ApplyCampaign(&s, campaignEvent(t, deputy, models.CampaignLaunch, nil), monday.Add(time.Hour), r)
	require.NoError(t, err)
	require.Equal(t, []any{"hal", "mia"}, []any{step.Events[0].Actor, step.Events[0].OnBehalfOf}, "a deputy is recorded as B for A")
}

func TestCampaign(t *testing.T) {
	t.Parallel()
	r := askingRules(t, agency())
	hour := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }

	t.Run("a_launch_pins_the_rules_and_says_until_when_it_asks", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, nil)
		step := l.do(hour(1), models.CampaignLaunch)
		require.Equal(t, hour(1).Add(7*oneDay), step.Launch.Until)
		require.Equal(t, []any{1, 1, "cn", "Asia/Shanghai"}, []any{step.Launch.SurveyVersion, step.Launch.PolicyVersion, step.Launch.CalendarID, step.Launch.TimeZone})
		_, err := l.attempt(hour(2), campaignEvent(t, member(r.Org, "mia"), models.CampaignLaunch, nil))
		require.Equal(t, errs.Conflict, errs.CodeOf(err), "twice")
		l.ends(hour(3))
		require.Equal(t, models.CampaignEnded, l.state.Status)
	})
	t.Run("a_bad_definition_is_refused_naming_every_field", func(t *testing.T) {
		t.Parallel()
		l := &drive{t: t, r: r}
		d := serviceDay(nil)
		d.Rate, d.Name = 0, ""
		_, err := l.attempt(monday, campaignEvent(t, member(r.Org, "mia"), models.CampaignCreate, models.DefineCampaign{Definition: d}))
		require.Equal(t, errs.Invalid, errs.CodeOf(err))
		d = serviceDay(nil)
		d.Template = "no_such"
		_, err = l.attempt(monday, campaignEvent(t, member(r.Org, "mia"), models.CampaignCreate, models.DefineCampaign{Definition: d}))
		require.Equal(t, errs.Invalid, errs.CodeOf(err))
		_, err = l.attempt(monday, campaignEvent(t, member(r.Org, "mia"), models.CampaignLaunch, nil))
		require.Equal(t, errs.NotFound, errs.CodeOf(err))
	})
	t.Run("a_change_from_a_version_that_is_not_the_latest_is_refused", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, nil)
		change := func(version int64, rate int) error {
			d := serviceDay(nil)
			d.Rate = rate
			_, err := l.attempt(l.state.UpdatedAt.Add(time.Minute), campaignEvent(t, member(r.Org, "mia"), models.CampaignChange, models.DefineCampaign{Definition: d, Version: version}))
			return err
		}
		require.NoError(t, change(1, 10))
		require.Equal(t, errs.PreconditionFailed, errs.CodeOf(change(1, 20)))
		require.NoError(t, change(0, 30), "who does not care says 0")
		require.Equal(t, []any{int64(3), 30}, []any{l.state.Version, l.state.Definition.Rate})
	})
	t.Run("a_schedule_for_once_launches_once_at_its_instant", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &once)
		require.Equal(t, onceAt, *l.state.NextAt)
		tick := models.CampaignEvent{Action: models.CampaignTick}
		require.Nil(t, l.must(onceAt.Add(-time.Minute), tick).Launch, "not before")
		require.NotNil(t, l.must(onceAt, tick).Launch)
		l.ends(onceAt.Add(time.Hour))
		require.Equal(t, models.CampaignEnded, l.state.Status)
		require.Nil(t, l.state.NextAt)
		_, wanted := l.state.ScheduleSpec()
		require.False(t, wanted)
	})
	t.Run("an_instant_that_is_set_after_a_run_comes", func(t *testing.T) {
		t.Parallel()
		set := func(l *drive, at time.Time) {
			l.must(at, campaignEvent(t, member(r.Org, "mia"), models.CampaignChange, models.DefineCampaign{Definition: serviceDay(&once)}))
		}
		l := newDrive(t, r, nil)
		l.do(hour(1), models.CampaignLaunch)
		l.ends(hour(2))
		set(l, hour(3))
		require.Equal(t, []any{models.CampaignScheduled, onceAt}, []any{l.state.Status, *l.state.NextAt})
		l.do(hour(4), models.CampaignPause)
		l.do(hour(5), models.CampaignResume)
		require.NotNil(t, l.must(onceAt, models.CampaignEvent{Action: models.CampaignTick}).Launch)
		l.ends(onceAt.Add(time.Hour))
		set(l, onceAt.Add(2*time.Hour))
		require.Equal(t, models.CampaignEnded, l.state.Status, "it has been")

		l = newDrive(t, r, nil)
		l.do(hour(1), models.CampaignLaunch)
		set(l, hour(2))
		l.ends(hour(3))
		require.Equal(t, models.CampaignScheduled, l.state.Status)
	})
	t.Run("a_launch_at_its_instant_for_nobody_is_left_out_and_told", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &once)
		step := l.must(onceAt, models.CampaignEvent{Action: models.CampaignTick}.InVain("campaign.empty_audience"))
		require.Equal(t, models.CampaignEnded, step.State.Status)
		require.Equal(t, []string{"created", "launch_skipped", "notified"}, l.timeline())
		require.Equal(t, "mia", step.Notices[0].UserID)
	})
	t.Run("a_template_that_the_survey_has_lost_is_not_launched_and_told", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &monthly)
		book, err := survey.Compile(survey.Document{Kind: survey.Kind}, 2)
		require.NoError(t, err)
		l.r.Book = book
		for _, e := range []models.CampaignEvent{
			campaignEvent(t, member(r.Org, "mia"), models.CampaignLaunch, nil), models.CampaignFires(models.CampaignFiring{WorkflowID: "f1", At: hour(1)}),
		} {
			_, err := l.attempt(hour(1), e)
			var refusal *errs.Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "campaign.unknown_template", refusal.Key)
		}
		step := l.must(hour(1), models.CampaignFires(models.CampaignFiring{WorkflowID: "f1", At: hour(1)}).InVain("campaign.unknown_template"))
		require.Equal(t, []any{models.CampaignScheduled, "mia"}, []any{step.State.Status, step.Notices[0].UserID})
		require.True(t, l.released["f1"])
	})
	t.Run("when_the_owner_has_left_their_superior_is_told", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &monthly)
		o := *r.Org
		o.Users = maps.Clone(o.Users)
		gone := o.Users["mia"]
		gone.Active = false
		o.Users["mia"] = gone
		l.r.Org = &o
		step := l.must(hour(1), models.CampaignFires(models.CampaignFiring{WorkflowID: "f1", At: hour(1)}).InVain("campaign.empty_audience"))
		require.Equal(t, "zoe", step.Notices[0].UserID)
		l.fires(hour(2), "f2")
		step = l.must(hour(3), models.CampaignRunTells(models.CampaignRunFact{RunID: l.state.Run.ID, Tripped: true, Failed: 9, Of: 20}))
		require.Equal(t, "zoe", step.Notices[0].UserID)
	})
	t.Run("a_cron_campaign_waits_for_the_next_time", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &monthly)
		spec, wanted := l.state.ScheduleSpec()
		require.True(t, wanted)
		require.Equal(t, []any{"0 9 1 * *", "Asia/Shanghai", false}, []any{spec.Cron, spec.TimeZone, *spec.Paused})
		step := l.fires(hour(1), "f1")
		require.Equal(t, models.System, step.State.Run.By)
		l.ends(hour(2))
		require.Equal(t, models.CampaignScheduled, l.state.Status)
		require.Equal(t, "f1", l.state.Released[0].WorkflowID)
	})
	t.Run("a_firing_during_a_run_is_left_out", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &monthly)
		l.fires(hour(1), "f1")
		l.fires(hour(2), "f2")
		require.True(t, l.released["f2"])
		require.False(t, l.released["f1"])
		l.ends(hour(3))
		require.Nil(t, l.state.Run)
	})
	t.Run("with_buffer_one_the_first_waits_and_the_second_is_left_out", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &patient)
		l.fires(hour(1), "f1")
		l.fires(hour(2), "f2")
		l.fires(hour(3), "f3")
		require.Equal(t, []bool{false, false, true}, []bool{l.released["f1"], l.released["f2"], l.released["f3"]})
		step := l.ends(hour(4))
		require.NotNil(t, step.Launch)
		require.Equal(t, "f2", step.State.Run.Firing.WorkflowID)
		require.True(t, l.released["f1"])
	})
	t.Run("a_waiting_firing_for_nobody_is_left_out_and_the_campaign_goes_on", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &patient)
		l.fires(hour(1), "f1")
		l.fires(hour(2), "f2")
		e := models.CampaignRunTells(models.CampaignRunFact{RunID: l.state.Run.ID})
		require.True(t, e.Planned())
		l.must(hour(3), e.InVain("campaign.empty_audience"))
		require.Equal(t, models.CampaignScheduled, l.state.Status)
		require.True(t, l.released["f2"])
	})
	t.Run("a_stop_releases_the_firing_that_waits_and_withdraws_the_pending", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &patient)
		l.fires(hour(1), "f1")
		l.fires(hour(2), "f2")
		run := l.state.Run.ID
		require.Equal(t, run, l.do(hour(3), models.CampaignStop).Stop)
		require.True(t, l.released["f2"])
		l.fires(hour(4), "f3")
		require.True(t, l.released["f3"], "a stopped campaign launches nothing")
		l.ends(hour(5))
		require.Equal(t, []any{models.CampaignStopped, true}, []any{l.state.Status, l.released["f1"]})
	})
	t.Run("a_pause_of_the_schedule_outlasts_the_run", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &patient)
		l.fires(hour(1), "f1")
		l.fires(hour(2), "f2")
		l.do(hour(3), models.CampaignPause)
		l.ends(hour(4))
		require.Equal(t, models.CampaignPaused, l.state.Status)
		require.True(t, l.released["f2"])
		spec, wanted := l.state.ScheduleSpec()
		require.True(t, wanted && *spec.Paused)
		l.do(hour(5), models.CampaignResume)
		require.Equal(t, models.CampaignScheduled, l.state.Status)
	})
	t.Run("too_many_failures_pause_the_run_and_tell_its_owner", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, nil)
		l.do(hour(1), models.CampaignLaunch)
		tripped := models.CampaignRunTells(models.CampaignRunFact{RunID: l.state.Run.ID, Tripped: true, Failed: 9, Of: 20})
		step := l.must(hour(2), tripped)
		require.Equal(t, []any{models.CampaignPaused, models.System, "mia"}, []any{step.State.Status, step.State.PausedBy, step.Notices[0].UserID})
		require.Equal(t, models.System, step.Events[0].Actor)
		l.do(hour(3), models.CampaignResume)
		require.Equal(t, models.CampaignRunning, l.state.Status)
		l.do(hour(4), models.CampaignStop)
		step = l.must(hour(5), tripped)
		require.Empty(t, step.Events)
		require.Equal(t, models.CampaignStopped, step.State.Status, "a stopped run only looks again")
		l.ends(hour(6))
		_, err := l.attempt(hour(7), tripped)
		require.Equal(t, errs.Conflict, errs.CodeOf(err))
	})
	t.Run("a_change_of_the_schedule_is_obeyed_from_then_on", func(t *testing.T) {
		t.Parallel()
		l := newDrive(t, r, &monthly)
		l.must(hour(1), campaignEvent(t, member(r.Org, "mia"), models.CampaignChange, models.DefineCampaign{Definition: serviceDay(&once)}))
		require.Equal(t, onceAt, *l.state.NextAt)
		require.Nil(t, l.fires(hour(2), "late").Launch, "the old schedule launches nothing")
		require.True(t, l.released["late"])
	})
}

// TestCampaignLaws lets people, schedules and runs do what they like.
func TestCampaignLaws(t *testing.T) {
	t.Parallel()
	o := agency()
	r := askingRules(t, o)
	plans := []*campaign.Schedule{nil, &once, &monthly, &patient}
	rapid.Check(t, func(rt *rapid.T) {
		l := newDrive(rt, r, rapid.SampledFrom(plans).Draw(rt, "plan"))
		at, firings := monday, 0
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(1, 10*3600).Draw(rt, "pause")) * time.Second)
			if next := l.state.NextAt; next != nil && !at.Before(*next) {
				e := models.CampaignEvent{Action: models.CampaignTick}
				if rapid.IntRange(0, 3).Draw(rt, "empty") == 0 {
					e = e.InVain("campaign.empty_audience")
				}
				l.must(at, e)
				require.Nil(rt, l.state.NextAt, "once is once")
				continue
			}
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				firings++
				e := models.CampaignFires(models.CampaignFiring{WorkflowID: "f" + time.Duration(firings).String(), At: at})
				if rapid.IntRange(0, 3).Draw(rt, "empty") == 0 {
					e = e.InVain("campaign.empty_audience")
				}
				l.must(at, e)
			case 1:
				if l.state.Run == nil {
					continue
				}
				e := models.CampaignRunTells(models.CampaignRunFact{RunID: l.state.Run.ID, Tripped: rapid.Bool().Draw(rt, "trips")})
				if e.Planned() && rapid.IntRange(0, 3).Draw(rt, "empty") == 0 {
					e = e.InVain("campaign.empty_audience")
				}
				l.must(at, e)
			default:
				a := member(o, rapid.SampledFrom([]string{"mia", "zoe", "amy"}).Draw(rt, "who"))
				action := rapid.SampledFrom(models.CampaignActions()).Draw(rt, "action")
				data := models.DefineCampaign{Definition: serviceDay(rapid.SampledFrom(plans).Draw(rt, "new plan"))}
				_, refused := models.CheckCampaign(&l.state, action, a)
				_, err := l.attempt(at, campaignEvent(rt, a, action, data))
				require.Equal(rt, errs.CodeOf(refused), errs.CodeOf(err))
			}
		}
		var state *models.CampaignState
		for i, e := range l.taken {
			step, err := models.ApplyCampaign(state, e, l.at[i], r)
			require.NoError(rt, err)
			was, _ := json.Marshal(l.steps[i])
			is, _ := json.Marshal(step)
			require.Equal(rt, string(was), string(is), "replayed events give the same step")
			raw, _ := json.Marshal(step.State)
			state = &models.CampaignState{}
			require.NoError(rt, json.Unmarshal(raw, state))
		}
	})
}
