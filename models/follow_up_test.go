package models_test

import (
	"encoding/json"
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
	"github.com/mcrflow/mcrflow/policies"
)

// askingRules are the shipped survey and campaign policies as first versions, with the calendar cn.
func askingRules(tb testing.TB, o *models.Org) models.FollowUpRules {
	tb.Helper()
	body, err := policies.FS.ReadFile("campaign/default.yaml")
	require.NoError(tb, err)
	policy, faults := campaign.ParsePolicy(body)
	require.Empty(tb, faults)
	body, err = policies.FS.ReadFile("survey/default.yaml")
	require.NoError(tb, err)
	doc, faults := survey.Parse(body)
	require.Empty(tb, faults)
	book, err := survey.Compile(doc, 1)
	require.NoError(tb, err)
	cal := receptionRules(tb, o).Calendar
	return models.FollowUpRules{
		Policy: policy, PolicyVersion: 1, Book: book, SurveyVersion: 1, Calendar: cal, CalendarID: cal.ID(), CalendarVersion: cal.Version(), Org: o,
		TokenHash: make([]byte, 32),
	}
}

var (
	msLi      = models.Recipient{Name: "Ms Li", Email: "li@blue.example", Phone: "+86 10 5555 0101", Locale: "en"}
	recipient = models.Actor{Person: models.Person{ID: models.TheRecipient}}
)

// scored answers the main question of the templates for cases and receptions.
func scored(n int) survey.Answers { return survey.Answers{"satisfaction": {Score: &n}} }

// talk follows one follow-up, with its invitation, and holds the laws that every history must keep.
type talk struct {
	t     require.TestingT
	r     models.FollowUpRules
	state models.FollowUpState
	steps []models.FollowUpStep
	taken []heard
	open  map[string]bool // tasks
	asks  int             // messages begun, and calls
	cases int
}

// heard is one recorded event with all that it was judged by.
type heard struct {
	e  models.FollowUpEvent
	at time.Time
	r  models.FollowUpRules
}

func (l *talk) attempt(at time.Time, e models.FollowUpEvent) (models.FollowUpStep, error) {
	var old *models.FollowUpState
	if l.state.Seq > 0 {
		s := l.state
		old = &s
	}
	before, _ := json.Marshal(old)
	step, err := models.ApplyFollowUp(old, e, at, l.r)
	after, _ := json.Marshal(old)
	require.Equal(l.t, string(before), string(after), "the given state is not changed")
	if err == nil {
		arrives(l.t, old, &step.State)
		l.taken = append(l.taken, heard{e, at, l.r})
		l.follow(step)
	}
	return step, err
}

func (l *talk) must(at time.Time, e models.FollowUpEvent) models.FollowUpStep {
	step, err := l.attempt(at, e)
	require.NoError(l.t, err)
	return step
}

func (l *talk) follow(step models.FollowUpStep) {
	t, was, s := l.t, l.state, step.State
	require.Equal(t, was.Seq+1, s.Seq)
	require.True(t, was.Seq == 0 || s.UpdatedAt.After(was.UpdatedAt), "every step has an instant of its own")
	for i, e := range step.Events {
		require.Equal(t, was.EventSeq+int64(i)+1, e.Seq, "the timeline has no gap")
		require.NotEmpty(t, e.Actor)
	}
	require.Equal(t, was.EventSeq+int64(len(step.Events)), s.EventSeq)
	if was.Seq > 0 && was.Over() {
		require.Equal(t, was.Status, s.Status, "an end is final")
		require.Equal(t, was.CaseID, s.CaseID)
	}
	if s.Over() {
		require.Nil(t, s.NextAt, "the clock has nothing to look at")
		require.Empty(t, s.Tasks)
	}
	began := s.Sending != nil && (was.Sending == nil || !s.Sending.Since.Equal(was.Sending.Since))
	called := len(s.Tasks) > len(was.Tasks)
	if began || called {
		l.asks++
		require.True(t, s.UpdatedAt.Before(s.ExpiresAt), "nobody is asked when the time to answer has passed")
		require.False(t, was.OptedOut || l.r.Facts.OptedOut, "nobody is asked who does not want to be")
		require.Nil(t, was.AnsweredAt, "nobody is asked who has answered")
		require.False(t, began && called, "by one channel at a time")
	}
	if step.Touch != nil {
		require.True(t, began || called)
		require.Equal(t, l.r.Facts.Known, step.Touch.Known)
	}
	require.LessOrEqual(t, s.Reminded, 1, "the shipped policy reminds once")
	if was.CaseID == "" && s.CaseID != "" {
		l.cases++
	}
	require.LessOrEqual(t, l.cases, 1)
	for _, task := range step.Tasks {
		require.NotEmpty(t, task.UserID, "a task is somebody's")
		if l.open[task.ID] = true; task.State != models.TaskOpen {
			delete(l.open, task.ID)
		}
	}
	require.Len(t, s.Tasks, len(l.open), "the state lists exactly the open tasks")
	if s.Status == models.FollowUpAnswered {
		require.NotNil(t, s.AnsweredAt)
		require.NotNil(t, s.AskedAt)
		require.False(t, s.AnsweredAt.Before(*s.AskedAt), "the question comes before the answer")
	}
	require.NotNil(t, step.Invitation)
	l.r.Invitation = step.Invitation
	l.state = s
	l.steps = append(l.steps, step)
}

// tick lets everything happen that falls due until the instant, as the process's timer does.
func (l *talk) tick(until time.Time) {
	for n := 0; l.state.NextAt != nil && !until.Before(*l.state.NextAt); n++ {
		require.Less(l.t, n, 100, "the clock runs hot at %v in %s", l.state.NextAt, l.state.Status)
		l.must(later(l.state.UpdatedAt, *l.state.NextAt), models.FollowUpEvent{Action: models.FollowUpTick})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (l *talk) sent(at time.Time, result models.SendResult) models.FollowUpStep {
	require.NotNil(l.t, l.state.Sending, "a message is on its way")
	return l.must(at, models.FollowUpSentBy(models.FollowUpSentData{
		Wave: l.state.Sending.Wave, Channel: l.state.Sending.Channel, Result: result, Reason: "address",
	}))
}

func respond(tb require.TestingT, a models.Actor, r models.Response) models.FollowUpEvent {
	raw, err := json.Marshal(r)
	require.NoError(tb, err)
	return models.FollowUpEvent{Meta: models.Meta{Actor: a, RequestID: id.New(id.Request)}, Action: models.FollowUpRespond, Data: raw}
}

func questionPlan(p models.Purpose, who models.Recipient) models.FollowUpPlan {
	return models.FollowUpPlan{
		InvitationID: id.New(id.Invitation), Purpose: p, SubjectID: "case_1", Number: "CMP-1", Process: models.ComplaintProcess, Parent: "case/case_1",
		ClientID: "client", ClientClass: "A", AccountManagerID: "amy", AccountableID: "ann", Recipient: who,
	}
}

// begun is a follow-up that was planned at the instant.
func begun(t require.TestingT, r models.FollowUpRules, p models.FollowUpPlan, at time.Time) *talk {
	l := &talk{t: t, r: r, open: map[string]bool{}}
	l.must(at, models.FollowUpBegins(p))
	return l
}

func (l *talk) timeline() (types []string) {
	for _, s := range l.steps {
		for _, e := range s.Events {
			types = append(types, e.Type)
		}
	}
	return types
}

const oneDay = 24 * time.Hour

func TestFollowUp(t *testing.T) {
	t.Parallel()
	o := agency()
	night := time.Date(2026, 3, 9, 14, 0, 0, 0, time.UTC) // ten in the evening in Shanghai
	start := func(t *testing.T, p models.Purpose, change ...func(*models.FollowUpRules, *models.FollowUpPlan)) *talk {
		r, plan := askingRules(t, o), questionPlan(p, msLi)
		for _, do := range change {
			do(&r, &plan)
		}
		return begun(t, r, plan, monday)
	}
	asked := func(t *testing.T, p models.Purpose) *talk {
		l := start(t, p)
		l.tick(monday.Add(oneDay))
		l.sent(monday.Add(oneDay+time.Minute), models.SendTaken)
		require.Equal(t, models.FollowUpAsked, l.state.Status)
		return l
	}

	byPhone := func(r *models.FollowUpRules, p *models.FollowUpPlan) {
		p.Recipient.Email = ""
		f := r.Policy.FollowUps[campaign.CaseResolved]
		f.Channels = []campaign.Channel{campaign.ByEmail, campaign.ByPhone}
		r.Policy.FollowUps = map[string]campaign.FollowUp{campaign.CaseResolved: f}
	}
	t.Run("a_resolved_case_is_asked_about_at_once", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase)
		require.Equal(t, models.Sending{Channel: campaign.ByEmail, Since: monday}, *l.state.Sending)
		require.Equal(t, "email:li@blue.example", l.steps[0].Touch.Person)
		step := l.sent(monday.Add(time.Minute), models.SendTaken)
		require.Equal(t, models.FollowUpAsked, step.State.Tell.Status)
		require.Equal(t, []string{"planned", "asked"}, l.timeline())
	})
	t.Run("quiet_hours_defer_to_the_morning_of_the_recipient", func(t *testing.T) {
		t.Parallel()
		l := begun(t, askingRules(t, o), questionPlan(models.PurposeCase, msLi), night)
		require.Nil(t, l.state.Sending)
		require.Equal(t, string(campaign.QuietHours), l.state.Reason)
		require.Equal(t, time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC), *l.state.NextAt)
		l.tick(*l.state.NextAt)
		require.NotNil(t, l.state.Sending)
		far := msLi
		far.TimeZone = "America/New_York"
		require.NotNil(t, begun(t, askingRules(t, o), questionPlan(models.PurposeCase, far), night).state.Sending, "it is ten in the morning there")
	})
	t.Run("who_was_asked_often_enough_waits_or_is_left_out", func(t *testing.T) {
		t.Parallel()
		capped := func(ago time.Duration) func(*models.FollowUpRules, *models.FollowUpPlan) {
			return func(r *models.FollowUpRules, _ *models.FollowUpPlan) { r.Facts.Touches = []time.Time{monday.Add(-ago)} }
		}
		l := start(t, models.PurposeReception, capped(10*oneDay))
		l.tick(monday.Add(4 * time.Hour))
		require.Equal(t, string(campaign.Capped), l.state.Reason)
		l.tick(monday.Add(4 * oneDay))
		require.NotNil(t, l.state.Sending, "after fourteen days")
		l = start(t, models.PurposeReception, capped(-4*time.Hour))
		l.tick(monday.Add(20 * oneDay))
		require.Equal(t, []any{models.FollowUpSkipped, string(campaign.Capped)}, []any{l.state.Status, l.state.Reason}, "the cap outlasts the time to answer")
		require.NotNil(t, start(t, models.PurposeCase, capped(time.Hour)).state.Sending, "a resolved case is asked about anyway")
	})
	for name, c := range map[string]struct {
		change func(*models.FollowUpRules, *models.FollowUpPlan)
		reason campaign.Reason
	}{
		"who_has_opted_out_is_not_asked":     {func(r *models.FollowUpRules, _ *models.FollowUpPlan) { r.Facts.OptedOut = true }, campaign.OptedOut},
		"who_cannot_be_reached_is_not_asked": {func(_ *models.FollowUpRules, p *models.FollowUpPlan) { p.Recipient = models.Recipient{Name: "x"} }, campaign.NoAddress},
		"who_waits_for_another_complaint_is_not_asked": {func(r *models.FollowUpRules, _ *models.FollowUpPlan) {
			r.Facts.OpenComplaint = map[string]bool{campaign.OpenAtClient: true}
		}, campaign.OpenComplaint},
		"what_the_policy_does_not_name_is_not_followed_up": {func(r *models.FollowUpRules, _ *models.FollowUpPlan) { r.Policy.FollowUps = nil }, "not_followed_up"},
		"a_template_that_is_gone_asks_nobody": {func(r *models.FollowUpRules, _ *models.FollowUpPlan) {
			r.Policy.FollowUps = map[string]campaign.FollowUp{campaign.CaseResolved: {Template: "gone", Channels: []campaign.Channel{campaign.ByEmail}, ExpiresAfter: sla.Span{Days: 7}}}
		}, "not_followed_up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, models.PurposeCase, c.change)
			require.Equal(t, models.FollowUpSkipped, l.state.Status)
			require.Equal(t, string(c.reason), l.state.Reason)
			require.Zero(t, l.asks)
		})
	}
	t.Run("a_refused_channel_gives_way_to_the_next_and_the_last_is_a_failure", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeReception)
		l.tick(monday.Add(oneDay))
		touch := l.steps[len(l.steps)-1].Touch
		require.NotNil(t, touch)
		step := l.sent(monday.Add(oneDay+time.Minute), models.SendRejected)
		require.Equal(t, campaign.BySMS, step.State.Sending.Channel)
		require.Nil(t, step.Touch, "it is one asking")
		l.sent(monday.Add(oneDay+2*time.Minute), models.SendRejected)
		require.Equal(t, models.FollowUpFailed, l.state.Status)
		require.Equal(t, string(campaign.ChannelsFailed), l.state.Reason)
		require.True(t, l.r.Invitation.Withdrawn)
	})
	t.Run("a_message_on_its_way_when_the_time_ends_keeps_the_clock_still", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase)
		require.Nil(t, l.state.NextAt)
		l.sent(l.state.ExpiresAt.Add(time.Second), models.SendRejected)
		require.Equal(t, models.FollowUpSkipped, l.state.Status)
		require.Equal(t, string(campaign.Expired), l.state.Reason)
	})
	t.Run("one_reminder_then_the_time_to_answer_ends", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		askedAt := *l.state.AskedAt
		l.tick(askedAt.Add(3 * oneDay))
		require.Equal(t, 1, l.state.Sending.Wave)
		l.sent(askedAt.Add(3*oneDay+time.Minute), models.SendTaken)
		l.tick(askedAt.Add(60 * oneDay))
		require.Equal(t, models.FollowUpExpired, l.state.Status)
		require.Equal(t, []string{"planned", "asked", "reminded", "expired"}, l.timeline())
		require.False(t, l.r.Invitation.Withdrawn)
	})
	t.Run("a_reminder_that_is_refused_leaves_by_the_next_channel", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		l.tick(l.state.AskedAt.Add(3 * oneDay))
		l.sent(l.state.UpdatedAt.Add(time.Minute), models.SendRejected)
		l.tick(l.state.UpdatedAt.Add(time.Hour))
		require.Equal(t, campaign.BySMS, l.state.Sending.Channel)
		l.sent(l.state.UpdatedAt.Add(time.Minute), models.SendRejected)
		l.tick(l.state.ExpiresAt)
		require.Equal(t, models.FollowUpExpired, l.state.Status, "nobody is called for a reminder")
	})
	t.Run("an_answer_counts_at_once_when_it_is_complete", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		step := l.must(monday.Add(2*oneDay), respond(t, recipient, models.Response{Answers: scored(5)}))
		require.Equal(t, models.FollowUpAnswered, step.State.Status)
		require.Equal(t, survey.Satisfied, step.State.Tell.Verdict)
		require.Equal(t, step.State.Seq, step.State.Tell.Seq)
		require.Equal(t, 5, *step.Invitation.Score)
		require.Len(t, step.Answers, 1)
		_, err := l.attempt(monday.Add(2*oneDay+time.Minute), respond(t, recipient, models.Response{Answers: scored(1)}))
		require.Equal(t, errs.ProcessClosed, errs.CodeOf(err), "an answer counts once")
	})
	t.Run("an_answer_in_part_settles_after_the_grace_and_ends_reminders", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		at := monday.Add(2 * oneDay)
		l.must(at, respond(t, recipient, models.Response{Answers: scored(1), Partial: true}))
		require.Equal(t, models.FollowUpAsked, l.state.Status)
		require.Equal(t, at.Add(30*time.Minute), *l.state.NextAt)
		l.must(at.Add(29*time.Minute), respond(t, recipient, models.Response{Answers: survey.Answers{"reason": {Text: "late"}}, Partial: true}))
		l.tick(at.Add(45 * time.Minute))
		require.Equal(t, models.FollowUpAsked, l.state.Status, "each further part begins the grace anew")
		l.tick(at.Add(59 * time.Minute))
		require.Equal(t, models.FollowUpAnswered, l.state.Status)
		require.Equal(t, survey.Dissatisfied, l.state.Verdict)
		require.Len(t, l.r.Invitation.Answers, 2)
	})
	t.Run("an_answer_without_the_main_question_counts_when_the_time_ends", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		seven := 7
		l.must(monday.Add(2*oneDay), respond(t, recipient, models.Response{Answers: survey.Answers{"ease": {Score: &seven}}}))
		l.tick(monday.Add(60 * oneDay))
		require.Equal(t, models.FollowUpAnswered, l.state.Status)
		require.Equal(t, survey.NoVerdict, l.state.Verdict)
		require.Zero(t, l.state.Reminded)
	})
	t.Run("an_answer_faster_than_the_news_of_sending_is_taken", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase)
		l.must(monday.Add(time.Minute), respond(t, recipient, models.Response{Answers: scored(4), Partial: true}))
		first := *l.state.AskedAt
		l.sent(monday.Add(2*time.Minute), models.SendTaken)
		require.Equal(t, first, *l.state.AskedAt)
		require.Nil(t, l.state.RemindAt, "who has answered is not reminded")
		l.tick(monday.Add(time.Hour))
		require.Equal(t, models.FollowUpAnswered, l.state.Status)
	})
	t.Run("an_answer_to_a_message_that_counts_as_refused_can_be_completed", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase)
		l.must(monday.Add(time.Minute), respond(t, recipient, models.Response{Answers: scored(4), Partial: true}))
		l.sent(monday.Add(2*time.Minute), models.SendRejected)
		require.Nil(t, l.state.Sending, "nobody is asked again")
		l.must(monday.Add(3*time.Minute), respond(t, recipient, models.Response{Answers: scored(5)}))
		require.Equal(t, 5, *l.state.Score)
	})
	t.Run("answers_out_of_time_or_place_are_refused", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		for _, c := range []struct {
			at   time.Time
			r    models.Response
			code errs.Code
		}{
			{l.state.ExpiresAt, models.Response{Answers: scored(5)}, errs.ProcessClosed},
			{monday.Add(2 * oneDay), models.Response{}, errs.Invalid},
			{monday.Add(2 * oneDay), models.Response{Answers: scored(6)}, errs.Invalid},
			{monday.Add(2 * oneDay), models.Response{Answers: survey.Answers{"nonsense": {Text: "x"}}}, errs.Invalid},
		} {
			_, err := l.attempt(c.at, respond(t, recipient, c.r))
			require.Equal(t, c.code, errs.CodeOf(err), "%+v", c.r)
		}
		_, err := l.attempt(monday.Add(2*oneDay), models.FollowUpSentBy(models.FollowUpSentData{Channel: campaign.ByEmail, Result: models.SendTaken}))
		require.Equal(t, errs.Conflict, errs.CodeOf(err), "nothing is on its way")
		_, err = l.attempt(monday.Add(2*oneDay), models.FollowUpBegins(questionPlan(models.PurposeCase, msLi)))
		require.Equal(t, errs.Conflict, errs.CodeOf(err))
	})
	t.Run("opting_out_ends_it_for_every_address", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		step := l.must(monday.Add(2*oneDay), respond(t, recipient, models.Response{OptOut: true}))
		require.Equal(t, models.FollowUpWithdrawn, step.State.Status)
		require.Equal(t, msLi.Keys(), step.OptOut)
		l = asked(t, models.PurposeCase)
		step = l.must(monday.Add(2*oneDay), respond(t, recipient, models.Response{Answers: scored(2), OptOut: true}))
		require.Equal(t, models.FollowUpAnswered, step.State.Status, "what they said still counts")
		require.NotEmpty(t, step.OptOut)
	})
	t.Run("who_has_only_a_phone_is_called_by_the_account_manager", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase, byPhone)
		require.Equal(t, models.FollowUpAsked, l.state.Status)
		require.Equal(t, "amy", l.state.Tasks[0].UserID)
		require.Equal(t, models.TaskSurveyCall, l.state.Tasks[0].Kind)
		require.Nil(t, l.state.RemindAt, "nobody is called twice")
		step := l.must(monday.Add(time.Hour), respond(t, member(o, "amy"), models.Response{Answers: scored(3)}))
		require.Equal(t, []any{models.TaskDone, "amy"}, []any{step.Tasks[0].State, step.Tasks[0].DoneBy})
	})
	t.Run("what_is_withdrawn_is_over_and_leaves_no_task", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeCase)
		off := models.FollowUpEvent{Action: models.FollowUpWithdraw}
		l.must(monday.Add(2*oneDay), off)
		require.Equal(t, models.FollowUpWithdrawn, l.state.Status)
		_, err := l.attempt(monday.Add(3*oneDay), off)
		require.Equal(t, errs.ProcessClosed, errs.CodeOf(err))
	})
	t.Run("who_opted_out_elsewhere_is_not_called_any_more_but_what_they_said_counts", func(t *testing.T) {
		t.Parallel()
		off := models.FollowUpEvent{Action: models.FollowUpWithdraw}
		l := start(t, models.PurposeCase, byPhone)
		l.r.Facts.OptedOut = true
		step := l.must(monday.Add(time.Hour), off)
		require.Equal(t, []any{models.FollowUpWithdrawn, "opt_out"}, []any{step.State.Status, step.State.Reason})
		require.Equal(t, models.TaskCancelled, step.Tasks[0].State)
		require.False(t, step.State.OptedOut, "they did so elsewhere, where it is counted")

		l = start(t, models.PurposeCase, byPhone)
		l.must(monday.Add(time.Hour), respond(t, member(o, "amy"), models.Response{Answers: scored(2), Partial: true}))
		l.r.Facts.OptedOut = true
		step = l.must(monday.Add(time.Hour+time.Minute), off)
		require.Equal(t, models.FollowUpAnswered, step.State.Status)
	})
	t.Run("the_heir_of_who_was_to_call_calls", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase, byPhone)
		left := func(who string) models.FollowUpEvent {
			data, err := json.Marshal(models.Deactivate{UserID: who, HeirID: "sam"})
			require.NoError(t, err)
			return models.FollowUpEvent{Meta: models.Meta{Actor: member(o, "zoe")}, Action: models.FollowUpInherit, Data: data}
		}
		step := l.must(monday.Add(time.Hour), left("amy"))
		require.Equal(t, []models.TaskState{models.TaskCancelled, models.TaskOpen}, []models.TaskState{step.Tasks[0].State, step.Tasks[1].State})
		require.Len(t, step.State.Tasks, 1)
		require.Equal(t, []any{"sam", &step.State.ExpiresAt}, []any{step.State.Tasks[0].UserID, step.State.Tasks[0].DueAt})
		require.Equal(t, "sam", step.Notices[0].UserID)
		require.Equal(t, "inherited", step.Events[0].Type)
		require.Equal(t, "user_deactivated", step.State.Tasks[0].Why["rule"])
		_, err := l.attempt(monday.Add(2*time.Hour), left("amy"))
		require.Equal(t, errs.Conflict, errs.CodeOf(err), "told twice")

		var next models.FollowUpEvent
		require.NoError(t, json.Unmarshal(models.CallSucceeded(models.Deactivate{UserID: "sam", HeirID: "amy", Rule: "account_handed_over"}).Arg, &next))
		step = l.must(monday.Add(3*time.Hour), next)
		require.Equal(t, "amy", step.State.Tasks[0].UserID)
		require.Equal(t, []any{models.System, "account_handed_over"}, []any{step.Events[0].Actor, step.Events[0].Data["rule"]})
	})
	t.Run("who_looks_after_the_client_when_the_call_is_due_calls", func(t *testing.T) {
		t.Parallel()
		l := start(t, models.PurposeCase, byPhone, func(r *models.FollowUpRules, _ *models.FollowUpPlan) { r.Facts.ManagerID = "sam" })
		require.Equal(t, "sam", l.state.Tasks[0].UserID)
	})
	t.Run("a_bad_answer_of_a_visitor_opens_one_case_with_the_account_manager", func(t *testing.T) {
		t.Parallel()
		l := asked(t, models.PurposeReception)
		l.must(monday.Add(2*oneDay), respond(t, recipient, models.Response{Answers: survey.Answers{"satisfaction": scored(1)["satisfaction"], "remarks": {Text: "cold soup"}}}))
		require.NotEmpty(t, l.state.CaseID)
		amy := "amy"
		need, err := l.state.LowResponseCase(*l.r.Invitation, models.Client{Class: "A", AccountManagerID: &amy}, l.r)
		require.NoError(t, err)
		var record models.RecordCase
		require.NoError(t, json.Unmarshal(need.Event.Data, &record))
		require.Equal(t, []any{l.state.CaseID, "amy", l.state.ID, models.TypeComplaint}, []any{need.CaseID, record.FirstContactID, record.ResponseID, record.Type})
		require.Contains(t, record.Description, "cold soup")
		again, err := l.state.LowResponseCase(*l.r.Invitation, models.Client{Class: "A", AccountManagerID: &amy}, l.r)
		require.NoError(t, err)
		require.Equal(t, need, again, "it is recorded once")
		l = asked(t, models.PurposeCase)
		l.must(monday.Add(2*oneDay), respond(t, recipient, models.Response{Answers: scored(1)}))
		require.Empty(t, l.state.CaseID, "a case that is asked about is reopened instead")
	})
	t.Run("a_bad_answer_about_a_case_that_cannot_be_reopened_any_more_opens_another", func(t *testing.T) {
		t.Parallel()
		for _, p := range []models.Purpose{models.PurposeCase, models.PurposeRecovery} {
			l := asked(t, p)
			l.r.SubjectOver = true
			l.must(monday.Add(12*oneDay), respond(t, recipient, models.Response{Answers: scored(1)}))
			l.tick(l.state.ExpiresAt)
			require.Equal(t, models.FollowUpAnswered, l.state.Status)
			require.NotEmpty(t, l.state.CaseID, p)
		}
	})
	t.Run("the_first_answer_to_a_campaign_begins_a_process", func(t *testing.T) {
		t.Parallel()
		r := askingRules(t, o)
		r.Invitation = &models.SurveyInvitation{
			ID: id.New(id.Invitation), Purpose: models.PurposeCampaign, SubjectID: "campaign_1", RunID: "run_1", RecipientID: "r_1", ClientID: "client",
			Recipient: msLi, Template: "service_day", SurveyVersion: 1, AskedAt: instant(monday), ExpiresAt: monday.Add(7 * oneDay), Verdict: survey.NoVerdict,
		}
		l := &talk{t: t, r: r, open: map[string]bool{}}
		step := l.must(monday.Add(time.Hour), respond(t, recipient, models.Response{Answers: scored(2), Partial: true}))
		require.Equal(t, models.FollowUpAsked, step.State.Status)
		require.Nil(t, step.State.Tell, "a campaign asks nobody to be told")
		l.must(monday.Add(2*time.Hour), respond(t, recipient, models.Response{Answers: scored(1)}))
		require.NotEmpty(t, l.state.CaseID)

		r.Invitation.Withdrawn = true
		l = &talk{t: t, r: r, open: map[string]bool{}}
		_, err := l.attempt(monday.Add(time.Hour), respond(t, recipient, models.Response{Answers: scored(2)}))
		require.Equal(t, errs.ProcessClosed, errs.CodeOf(err))
		r.Invitation = nil
		l = &talk{t: t, r: r, open: map[string]bool{}}
		_, err = l.attempt(monday, respond(t, recipient, models.Response{Answers: scored(2)}))
		require.Equal(t, errs.NotFound, errs.CodeOf(err))
	})
}

// TestFollowUpLaws lets clocks, channels, clients and parents do what they like at random times.
func TestFollowUpLaws(t *testing.T) {
	t.Parallel()
	r := askingRules(t, agency())
	rapid.Check(t, func(rt *rapid.T) {
		who := msLi
		who.Email = rapid.SampledFrom([]string{"", "li@blue.example"}).Draw(rt, "email")
		who.Phone = rapid.SampledFrom([]string{"", "555"}).Draw(rt, "phone")
		who.TimeZone = rapid.SampledFrom([]string{"", "America/New_York", "nowhere"}).Draw(rt, "zone")
		p := questionPlan(rapid.SampledFrom([]models.Purpose{models.PurposeCase, models.PurposeRecovery, models.PurposeReception}).Draw(rt, "purpose"), who)
		p.AccountManagerID = rapid.SampledFrom([]string{"amy", "gus", "", "nobody"}).Draw(rt, "manager")
		at := monday.Add(time.Duration(rapid.IntRange(0, 48).Draw(rt, "hour")) * time.Hour)
		l := begun(rt, r, p, at)
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			at = later(l.state.UpdatedAt, at.Add(time.Duration(rapid.IntRange(0, 2*24*3600).Draw(rt, "pause"))*time.Second))
			l.tick(at)
			l.r.Facts = models.PersonFacts{OptedOut: rapid.IntRange(0, 9).Draw(rt, "opted") == 0, Known: int64(len(l.steps))}
			if rapid.IntRange(0, 4).Draw(rt, "touched") == 0 {
				l.r.Facts.Touches = []time.Time{at.Add(-time.Duration(rapid.IntRange(0, 30).Draw(rt, "ago")) * oneDay)}
			}
			was := l.state
			var err error
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				_, err = l.attempt(at, models.FollowUpEvent{Action: models.FollowUpWithdraw})
				require.Equal(rt, was.Over(), err != nil)
			case 1, 2:
				answer := models.Response{Partial: rapid.Bool().Draw(rt, "partial"), OptOut: rapid.IntRange(0, 5).Draw(rt, "out") == 0}
				if rapid.IntRange(0, 5).Draw(rt, "answers") > 0 {
					answer.Answers = scored(rapid.IntRange(0, 5).Draw(rt, "score"))
				}
				takes := models.CheckFollowUp(&was, at) == nil
				if _, err = l.attempt(at, respond(rt, recipient, answer)); !takes {
					require.Equal(rt, errs.ProcessClosed, errs.CodeOf(err))
				} else if err != nil {
					require.Equal(rt, errs.Invalid, errs.CodeOf(err))
				}
			default:
				d := models.FollowUpSentData{Channel: campaign.ByEmail, Result: rapid.SampledFrom([]models.SendResult{models.SendTaken, models.SendTaken, models.SendRejected, models.SendPostponed}).Draw(rt, "result")}
				if s := was.Sending; s != nil && rapid.IntRange(0, 5).Draw(rt, "right") > 0 {
					d.Wave, d.Channel = s.Wave, s.Channel
				}
				if _, err = l.attempt(at, models.FollowUpSentBy(d)); err != nil {
					require.Equal(rt, errs.Conflict, errs.CodeOf(err))
				}
			}
		}
		for n := 0; !l.state.Over(); n++ { // in the end everybody has an outcome
			require.Less(rt, n, 20)
			if l.state.Sending != nil {
				l.sent(later(l.state.UpdatedAt, l.state.ExpiresAt), models.SendRejected)
			} else {
				l.tick(later(l.state.UpdatedAt, l.state.ExpiresAt))
			}
		}
		ends := []string{"answered", "expired", "skipped", "failed", "withdrawn"}
		require.True(rt, slices.ContainsFunc(l.timeline(), func(e string) bool { return slices.Contains(ends, e) }))
		var state *models.FollowUpState
		for i, h := range l.taken {
			step, err := models.ApplyFollowUp(state, h.e, h.at, h.r)
			require.NoError(rt, err)
			was, _ := json.Marshal(l.steps[i])
			is, _ := json.Marshal(step)
			require.Equal(rt, string(was), string(is), "replayed events give the same step")
			raw, _ := json.Marshal(step.State) // as a continued process remembers it
			state = &models.FollowUpState{}
			require.NoError(rt, json.Unmarshal(raw, state))
		}
	})
}
