package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// course drives one case through time and keeps all its steps.
type course struct {
	life
	t     *testing.T
	r     models.CaseRules
	steps []models.CaseStep
}

func newCourse(t *testing.T, o *models.Org, change func(*models.RecordCase)) *course {
	t.Helper()
	c := &course{life: life{open: map[string]models.Task{}}, t: t, r: rules(t, o)}
	data := models.RecordCase{
		ID: "case_1", Number: "CMP-1", Type: models.TypeComplaint, ClientID: "client", ClientClass: "B", Channel: "phone", Subject: "no light",
		Impact: "high", Urgency: "high", FirstContactID: "ann", AccountManagerID: "amy",
	}
	if change != nil {
		change(&data)
	}
	step, err := models.ApplyCase(nil, event(t, actor(o, "ann"), models.ActionRecord, data), monday, c.r)
	require.NoError(t, err)
	c.take(step)
	return c
}

func (c *course) take(step models.CaseStep) models.CaseStep {
	c.follow(c.t, step)
	c.steps = append(c.steps, step)
	return step
}

// until lets everything happen that falls due until the time of the working Monday (or a later day) in Shanghai.
func (c *course) until(after time.Duration) {
	c.t.Helper()
	at := monday.Add(after)
	for c.state.NextAt != nil && !at.Before(*c.state.NextAt) {
		step, err := models.ApplyCase(&c.state, models.CaseEvent{Action: models.ActionTick}, *c.state.NextAt, c.r)
		require.NoError(c.t, err)
		c.take(step)
	}
}

// do lets time pass and then somebody act.
func (c *course) do(after time.Duration, who string, action models.CaseAction, data any) models.CaseStep {
	c.t.Helper()
	c.until(after)
	step, err := models.ApplyCase(&c.state, event(c.t, actor(c.r.Org, who), action, data), monday.Add(after), c.r)
	require.NoError(c.t, err)
	return c.take(step)
}

func (c *course) promise(name string) sla.Promise {
	c.t.Helper()
	i := slices.IndexFunc(c.state.Promises, func(p sla.Promise) bool { return p.Name == name })
	require.GreaterOrEqual(c.t, i, 0, name)
	return c.state.Promises[i]
}

// dies lets no timer fire until a server is there again; then all that it has missed is taken.
func (c *course) dies(until time.Duration) []models.CaseStep {
	c.t.Helper()
	back, seen := monday.Add(until), len(c.steps)
	for c.state.NextAt != nil && !back.Before(*c.state.NextAt) {
		step, err := models.ApplyCase(&c.state, models.CaseEvent{Action: models.ActionTick}, back, c.r)
		require.NoError(c.t, err)
		c.take(step)
	}
	return c.steps[seen:]
}

// told lists who was told of a kind when, as offsets from Monday nine o'clock.
func (c *course) told(kind, milestone string) map[time.Duration][]string {
	out := map[time.Duration][]string{}
	for _, step := range c.steps {
		for _, n := range step.Notices {
			if n.Kind == kind && n.Data["milestone"] == milestone {
				after := step.State.UpdatedAt.Sub(monday)
				out[after] = append(out[after], n.UserID)
			}
		}
	}
	return out
}

// TestLadder_of_the_shipped_policy: 50 % and 80 % → accountable and handler; breach → supervisor, with a task; one working
// hour later → manager; four working hours after the breach → director, with a task, and the client representative.
func TestLadder_of_the_shipped_policy(t *testing.T) {
	t.Parallel()
	o := company()
	o.Teams["cr"] = models.OrgTeam{ID: "cr", Name: models.ClientRepresentativeTeam, SupervisorID: "clio"}
	o.Users["clio"] = models.OrgUser{ID: "clio", TeamID: "cr", Active: true, Roles: []models.Role{models.RoleSupervisor}}
	c := newCourse(t, o, nil)
	c.do(time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "r"})
	c.do(2*time.Minute, "dan", models.ActionRespond, models.Respond{Message: "m"})
	c.until(30 * time.Hour)

	// Four working hours from nine are over at two in the afternoon: lunch, from twelve to one, is no working time.
	breach := 5 * time.Hour
	require.Equal(t, map[time.Duration][]string{2 * time.Hour: {"ann", "dan"}, 4*time.Hour + 12*time.Minute: {"ann", "dan"}}, c.told("milestone_warned", "resolution"))
	require.Equal(t, map[time.Duration][]string{
		breach: {"sup2"}, breach + time.Hour: {"mia"}, breach + 4*time.Hour: {"zoe", "clio"},
	}, c.told("milestone_breached", "resolution"))
	levels := map[time.Duration]any{}
	tasks := map[string]string{}
	for _, step := range c.steps {
		for _, e := range step.Events {
			if e.Type == "escalated" {
				require.Equal(t, models.System, e.Actor)
				require.NotEmpty(t, e.Data["rule"], "a decision of the system names its rule")
				levels[step.State.UpdatedAt.Sub(monday)] = e.Data["level"]
			}
		}
		for _, task := range step.Tasks {
			if task.Kind == models.TaskSupervise {
				tasks[task.UserID] = task.Why["milestone"]
			}
		}
	}
	require.Equal(t, map[time.Duration]any{breach: 1, breach + time.Hour: 2, breach + 4*time.Hour: 3}, levels)
	require.Equal(t, map[string]string{"sup2": "resolution", "zoe": "resolution"}, tasks)
	require.Equal(t, 3, c.state.EscalationLevel)
}

// TestInquiry breaks both promises at the same instant: each gives the supervisor a task of its own.
func TestTwo_promises_that_break_at_once_give_two_tasks(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Type = models.TypeInquiry })
	c.until(10 * time.Minute)
	var broken []string
	for _, task := range c.state.Tasks {
		if task.Kind == models.TaskSupervise {
			broken = append(broken, task.UserID+" "+task.Why["milestone"])
		}
	}
	require.ElementsMatch(t, []string{"sup1 first_response", "sup1 resolution"}, broken)

	step, err := models.ApplyCase(&c.state, event(t, models.Actor{Person: models.Person{ID: "root"}}, models.ActionDeactivate, models.Deactivate{UserID: "sup1", HeirID: "mia"}), monday.Add(time.Hour), c.r)
	require.NoError(t, err)
	c.take(step)
	broken = nil
	for _, task := range c.state.Tasks {
		if task.Kind == models.TaskSupervise {
			broken = append(broken, task.UserID+" "+task.Why["from"])
		}
	}
	require.Equal(t, []string{"mia sup1", "mia sup1"}, broken, "and both go to the heir")
}

// TestWarnings_wait_for_others five minutes at most, and at most a quarter of the remaining time.
func TestWarnings_wait_for_others(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	rapid.Check(t, func(rt *rapid.T) {
		level := rapid.SampledFrom([]string{"low", "medium", "high"})
		step, err := models.ApplyCase(nil, event(t, actor(o, "ann"), models.ActionRecord, models.RecordCase{
			ID: "case_1", Number: "CMP-1", Type: rapid.SampledFrom([]models.CaseType{models.TypeComplaint, models.TypeInquiry}).Draw(rt, "type"),
			ClientClass: rapid.SampledFrom([]string{"S", "A", "B", "C"}).Draw(rt, "class"), Channel: "phone", Impact: level.Draw(rt, "impact"), Urgency: level.Draw(rt, "urgency"), FirstContactID: "ann",
		}), monday.Add(time.Duration(rapid.IntRange(0, 7*24*60).Draw(rt, "minute"))*time.Minute), r)
		require.NoError(rt, err)
		warned := 0
		for step.State.NextAt != nil && warned < 3 {
			step, err = models.ApplyCase(&step.State, models.CaseEvent{Action: models.ActionTick}, step.State.NextAt.Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "late"))*time.Second), r)
			require.NoError(rt, err)
			for _, n := range step.Notices {
				wait := n.NotBefore.Sub(step.State.UpdatedAt)
				if n.Kind != models.NoticeWarned {
					require.Zero(rt, wait, "only warnings wait")
					continue
				}
				warned++
				due, err := time.Parse(time.RFC3339, n.Data["due_at"])
				require.NoError(rt, err)
				left := max(0, due.Sub(step.State.UpdatedAt)) + time.Second // the data hold whole seconds
				require.GreaterOrEqual(rt, wait, time.Duration(0))
				require.LessOrEqual(rt, wait, 5*time.Minute)
				require.LessOrEqual(rt, wait, left/4)
				require.GreaterOrEqual(rt, wait, min(5*time.Minute, (left-2*time.Second)/4), "nor is it sent sooner than need be")
			}
		}
		require.GreaterOrEqual(rt, warned, 1)
	})
}

func TestUpdateEvery_restarts_at_each_reply_and_ends_with_the_solution(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Impact = "low"; d.Urgency = "low" })
	require.False(t, slices.ContainsFunc(c.state.Promises, func(p sla.Promise) bool { return p.Name == models.MilestoneUpdate }), "before the first answer, that one is due")
	c.do(10*time.Minute, "ann", models.ActionRespond, models.Respond{Message: "we look into it"})
	require.Equal(t, monday.Add(5*time.Hour+10*time.Minute), *c.promise(models.MilestoneUpdate).DueAt, "four working hours from the answer")
	c.do(2*time.Hour, "ann", models.ActionRespond, models.Respond{Message: "still at it"})
	p := c.promise(models.MilestoneUpdate)
	require.Equal(t, monday.Add(7*time.Hour), *p.DueAt, "four working hours from the reply")
	require.Equal(t, 2, p.Cycle)

	c.do(5*time.Hour, "ann", models.ActionWait, models.Wait{Reason: "a photo"})
	require.Equal(t, sla.Paused, c.promise(models.MilestoneUpdate).State, "the client has the ball")
	c.do(7*time.Hour+30*time.Minute, "ann", models.ActionResume, nil)
	p = c.promise(models.MilestoneUpdate)
	require.Equal(t, sla.Running, p.State)
	require.Equal(t, monday.Add(24*time.Hour+30*time.Minute), *p.DueAt, "two hours were left: an hour and a half today, half an hour tomorrow")

	c.until(24*time.Hour + 30*time.Minute)
	require.Equal(t, map[time.Duration][]string{24*time.Hour + 30*time.Minute: {"ann"}}, c.told("update_due", models.MilestoneUpdate))
	require.Zero(t, c.state.EscalationLevel, "a missing interim reply climbs no ladder")

	c.do(25*time.Hour, "ann", models.ActionRespond, models.Respond{Message: "soon"})
	c.do(26*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "done"})
	require.Equal(t, sla.Cancelled, c.promise(models.MilestoneUpdate).State)
}

func TestPrioritize_retroactive_may_breach_at_once(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Impact = "low"; d.Urgency = "low" })
	require.Equal(t, "P4", c.state.Priority)
	c.do(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
	step := c.do(5*time.Hour+30*time.Minute, "sup1", models.ActionPrioritize, models.Prioritize{Impact: "high", Urgency: "high", Reason: "a school"})
	p := c.promise("resolution")
	require.Equal(t, sla.Breached, p.State, "four hours from the start are over")
	require.Equal(t, monday.Add(5*time.Hour), *p.DueAt, "counted from the original start")
	require.False(t, p.BreachedAt.Before(monday.Add(5*time.Hour+30*time.Minute)), "the breach is of the change's time, not before anybody could know")
	var types []string
	for _, e := range step.Events {
		types = append(types, e.Type)
	}
	require.Equal(t, "prioritised", types[0])
	require.Contains(t, types, "milestone_breached", "the timeline says so")
	require.Contains(t, types, "escalated")
	require.Equal(t, []string{"sup1"}, []string{step.Tasks[0].UserID}, "the supervisor gets the task")
}

func TestPriority_rises_with_the_second_reopening(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Impact = "low"; d.Urgency = "low" })
	for i, want := range []string{"P4", "P3"} {
		after := time.Duration(i+1) * time.Hour
		c.do(after, "ann", models.ActionResolve, models.Resolve{Resolution: "done"})
		step := c.do(after+time.Minute, "ann", models.ActionReopen, models.Because{Reason: "still dark"})
		require.Equal(t, want, c.state.Priority)
		call := slices.IndexFunc(step.Tasks, func(task models.Task) bool { return task.Kind == models.TaskCallBack })
		require.Equal(t, "ann", step.Tasks[call].UserID)
		require.Equal(t, monday.Add(after+time.Minute+24*time.Hour), *step.Tasks[call].DueAt, "within one working day")
	}
}

func TestBounces_end_with_the_supervisors_binding_word(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	for i := range 2 {
		require.False(t, c.state.Adjudicating)
		c.do(time.Duration(2*i+1)*time.Minute, "ann", models.ActionAssign, models.Assign{AssigneeID: "dan"})
		c.do(time.Duration(2*i+2)*time.Minute, "dan", models.ActionDecline, models.Because{Reason: "not mine"})
		require.Equal(t, "ann", c.state.AssigneeID, "who held it holds it")
	}
	require.True(t, c.state.Adjudicating)
	require.True(t, slices.ContainsFunc(c.state.Tasks, func(task models.Task) bool { return task.Kind == models.TaskAdjudicate && task.UserID == "sup1" }))
	c.do(5*time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "it is"})
	require.Equal(t, "dan", c.state.AssigneeID)
	require.Equal(t, "ann", c.state.AccountableID, "accountability does not move with the ball (C-01)")
}

func TestInterimReply_is_asked_for_after_a_reopening_and_after_a_wait(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Impact = "low"; d.Urgency = "low" })
	c.do(10*time.Minute, "ann", models.ActionWait, models.Wait{Reason: "a photo"})
	c.do(20*time.Minute, "ann", models.ActionRespond, models.Respond{Message: "which box is it?"})
	require.Equal(t, sla.Paused, c.promise(models.MilestoneUpdate).State, "the client has the ball")
	c.do(time.Hour, "ann", models.ActionResume, nil)
	require.Equal(t, monday.Add(6*time.Hour), *c.promise(models.MilestoneUpdate).DueAt, "the whole four hours are left, lunch apart")

	c.do(2*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "done"})
	c.do(24*time.Hour, "ann", models.ActionReopen, models.Because{Reason: "still broken"})
	require.Equal(t, sla.Running, c.promise(models.MilestoneUpdate).State)
	require.Equal(t, monday.Add(29*time.Hour), *c.promise(models.MilestoneUpdate).DueAt)
}

func TestConfirmation_window_starts_anew_when_the_client_speaks(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "r"})
	c.do(time.Hour, "dan", models.ActionResolve, models.Resolve{Resolution: "done"})
	silent := *c.state.ConfirmBy
	step := c.do(25*time.Hour, "ben", models.ActionClientMessage, models.Note{Text: "it is still broken", Visibility: "client"})
	require.Equal(t, silent.Add(24*time.Hour), *c.state.ConfirmBy)
	var told []string
	for _, n := range step.Notices {
		told = append(told, n.UserID)
	}
	require.ElementsMatch(t, []string{"ann", "dan"}, told, "who may reopen it hears of it")
	c.until(silent.Sub(monday))
	require.Equal(t, models.CaseResolved, c.state.Status, "they were not silent")
	c.until(silent.Sub(monday) + 24*time.Hour)
	require.Equal(t, models.CaseClosed, c.state.Status)
}

func TestHandlersTask_falls_due_with_the_solution(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Impact = "low"; d.Urgency = "low" })
	same := func(why string) {
		t.Helper()
		task := c.state.Tasks[slices.IndexFunc(c.state.Tasks, func(k models.Task) bool { return k.Kind == models.TaskHandle })]
		require.Equal(t, c.promise("resolution").DueAt, task.DueAt, why)
		require.Equal(t, task, c.open[task.ID], "and it is written: %s", why)
	}
	first := *c.promise("resolution").DueAt
	c.do(time.Hour, "ann", models.ActionWait, models.Wait{Reason: "a photo"})
	same("nothing is due while the client has the ball")
	c.do(2*time.Hour, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "r"})
	c.do(3*time.Hour, "dan", models.ActionResume, nil)
	same("after a pause")
	require.True(t, c.promise("resolution").DueAt.After(first))
	c.do(4*time.Hour, "dan", models.ActionExtend, askExtension)
	c.decided(4*time.Hour+time.Minute, models.OutcomeApproved)
	same("extended")
	c.do(5*time.Hour, "sup1", models.ActionPrioritize, models.Prioritize{Impact: "high", Urgency: "high", Reason: "r"})
	same("of another priority")
}

func TestOffer_not_accepted_in_time_comes_back(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"})
	require.Equal(t, monday.Add(16*time.Minute), c.state.Offer.ExpiresAt)
	c.until(16 * time.Minute)
	require.Nil(t, c.state.Offer)
	require.Equal(t, "ann", c.state.AssigneeID)
	require.Equal(t, map[time.Duration][]string{16 * time.Minute: {"sup2", "ann"}}, c.told("offer_expired", ""), "the receiving side's supervisor is told")
}

func TestSilence_of_a_waiting_client_resolves_as_no_answer_after_three_reminders(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(d *models.RecordCase) { d.Contact.Email = "owen@client.example" })
	c.do(time.Hour, "ann", models.ActionWait, models.Wait{Reason: "a photo"})
	day := 24 * time.Hour
	c.until(time.Hour + 4*day - time.Second)
	require.Equal(t, models.CaseWaitingCustomer, c.state.Status)
	require.Equal(t, 3, c.state.Waiting.Chasers)
	c.until(time.Hour + 4*day)
	require.Equal(t, models.CaseResolved, c.state.Status)
	last := c.steps[len(c.steps)-1]
	require.Equal(t, "no_answer", last.Resolution.Resolution)
	require.True(t, slices.ContainsFunc(last.Notices, func(n models.Notice) bool { return n.Kind == "client_no_answer" && n.UserID == "" }), "in words, not by a code")
	require.Equal(t, models.System, last.Events[0].Actor)
}

func TestWait_that_a_dead_server_did_not_end_in_time_ends_at_its_until(t *testing.T) {
	t.Parallel()
	until := monday.Add(2 * time.Hour)
	wait := func() *course {
		c := newCourse(t, company(), nil)
		c.do(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
		c.do(time.Hour, "ann", models.ActionWait, models.Wait{Reason: "a photo", Until: until.Format(time.RFC3339)})
		return c
	}
	c, missed := wait(), wait()
	c.until(2*time.Hour + 30*time.Minute)
	step := missed.dies(2*time.Hour + 30*time.Minute)[0]
	require.Equal(t, c.state.Promises, missed.state.Promises)
	require.Equal(t, []sla.Pause{{From: monday.Add(time.Hour), To: &until}}, missed.promise("resolution").Pauses)
	require.Equal(t, until, step.Events[0].At)
	require.Equal(t, models.Tenure{UserID: "ann", TeamID: "hotline", From: until, Kind: models.HoldWorking, Reason: "resumed"}, *step.Handling, "the ledger counts as the promise does")

	for action, data := range map[models.CaseAction]any{models.ActionResume: nil, models.ActionResolve: models.Resolve{Resolution: "r"}} { // before the clock is looked at
		missed = wait()
		step, err := models.ApplyCase(&missed.state, event(t, actor(missed.r.Org, "ann"), action, data), until.Add(time.Hour), missed.r)
		require.NoError(t, err)
		missed.take(step)
		require.Equal(t, until, *missed.promise("resolution").Pauses[0].To, "no longer than was agreed: %s", action)
	}
}

func TestCheckpoints_that_were_missed_together_come_in_their_order_each_as_of_its_own(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
	c.do(3*time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"})
	c.do(4*time.Minute, "ann", models.ActionWait, models.Wait{Reason: "a photo", Until: monday.Add(time.Hour).Format(time.RFC3339)})
	var got []string
	for _, step := range c.dies(8 * time.Hour) {
		for _, e := range step.Events {
			require.Equal(t, step.State.UpdatedAt, e.At)
			if e.Type != "notified" && e.Type != "milestone_resumed" {
				got = append(got, e.At.Sub(monday).String()+" "+e.Type)
			}
		}
	}
	require.Equal(t, []string{
		"18m0s offer_expired", "1h0m0s resumed", "2h56m0s milestone_warned", "5h8m0s milestone_warned", "5h56m0s milestone_breached", "5h56m0s escalated",
		"5h57m0s milestone_breached", // the interim reply
		"6h56m0s escalated",
	}, got)
}

func TestClient_whom_a_dead_server_did_not_remind_is_reminded_once_and_has_the_whole_time_to_answer(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for late, next := range map[time.Duration]time.Duration{
		time.Minute: 2 * day, // the reminders keep their rhythm
		2 * day:     4 * day,
	} {
		c := newCourse(t, company(), func(d *models.RecordCase) { d.Contact.Email = "owen@client.example" })
		c.do(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
		c.do(time.Hour, "ann", models.ActionWait, models.Wait{Reason: "a photo"})
		require.Len(t, c.dies(time.Hour+day+late), 1, late)
		require.Equal(t, 1, c.state.Waiting.Chasers)
		require.Equal(t, monday.Add(time.Hour+next), c.state.Waiting.NextChaserAt, late)
		require.Len(t, c.told("client_chaser", ""), 1)
		require.Len(t, c.told("client_silent", ""), 1)
	}
}

func TestSilence_that_is_noticed_late_closes_as_of_the_end_of_the_window(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
	until := *c.state.ConfirmBy
	c.dies(5 * 24 * time.Hour)
	require.Equal(t, until, *c.state.ClosedAt)
	require.Equal(t, until.AddDate(0, 0, 7), *c.state.ReopenUntil)
}
