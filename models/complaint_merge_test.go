package models_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// pair applies a step on two cases and follows both.
func pair(t require.TestingT, a, b *life, e models.CaseEvent, at time.Time, r models.CaseRules) error {
	before, _ := json.Marshal([]models.CaseState{a.state, b.state})
	steps, err := models.ApplyPair(&a.state, &b.state, e, at, r, r)
	after, _ := json.Marshal([]models.CaseState{a.state, b.state})
	require.JSONEq(t, string(before), string(after), "a pair's step changed the states that it was given")
	if err != nil {
		return err
	}
	a.follow(t, steps[0])
	b.follow(t, steps[1])
	return nil
}

func openDue(s models.CaseState) map[string]time.Time {
	due := map[string]time.Time{}
	for _, p := range s.Promises {
		if p.Open() && p.DueAt != nil && p.Name != models.MilestoneUpdate {
			due[p.Name] = *p.DueAt
		}
	}
	return due
}

// openPromises is what a case owes, without what of it was told.
func openPromises(s models.CaseState) []sla.Promise {
	var open []sla.Promise
	for _, p := range s.Promises {
		if p.Open() && p.Name != models.MilestoneUpdate {
			p.Warned, p.Climbed, p.NextAt = 0, 0, nil
			open = append(open, p)
		}
	}
	return open
}

// TestMergeLaws merges random cases and takes some merges back.
func TestMergeLaws(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	rapid.Check(t, func(rt *rapid.T) {
		begin := func(after time.Duration) *life {
			l := &life{open: map[string]models.Task{}}
			l.follow(rt, newCase(t, r, rapid.SampledFrom([]string{"ann", "ben"}).Draw(rt, "first"), monday.Add(after)))
			return l
		}
		older := begin(0)
		younger := begin(time.Duration(rapid.IntRange(1, 20).Draw(rt, "later")) * time.Minute)
		at := monday.Add(25 * time.Minute)
		for range rapid.IntRange(0, 6).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(1, 600).Draw(rt, "pause")) * time.Second)
			l := rapid.SampledFrom([]*life{older, younger}).Draw(rt, "case")
			older.tick(rt, at, r)
			younger.tick(rt, at, r)
			action := rapid.SampledFrom([]models.CaseAction{models.ActionRespond, models.ActionWait, models.ActionResume, models.ActionAssign}).Draw(rt, "action")
			step, err := models.ApplyCase(&l.state, event(t, actor(o, l.state.AssigneeID), action, payloads(rt, l.state, at)[action]), at, r)
			if err == nil {
				l.follow(rt, step)
			}
		}
		at = at.Add(time.Minute)
		older.tick(rt, at, r)
		younger.tick(rt, at, r)
		addressed, other := older, younger
		if rapid.Bool().Draw(rt, "from the younger") {
			addressed, other = younger, older
		}
		oldDue, youngDue, before := openDue(older.state), openDue(younger.state), younger.state
		twin := &life{state: older.state, accountable: slices.Clone(older.accountable), handling: slices.Clone(older.handling), open: maps.Clone(older.open)}
		e := event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: other.state.ID, Kind: models.LinkDuplicate})
		require.NoError(rt, pair(rt, addressed, other, e, at, r))

		require.Equal(rt, models.CaseClosed, younger.state.Status, "the younger case ends")
		require.Equal(rt, older.state.ID, younger.state.Merge.Into)
		for _, id := range []string{older.state.AccountableID, older.state.AssigneeID, older.state.AccountableTeamID, older.state.TeamID} {
			require.Contains(rt, younger.state.Merge.Readers, id, "who has the survivor reads its history")
		}
		require.True(rt, older.state.Held(), "the older case lives on")
		for name, due := range youngDue {
			mine, had := oldDue[name]
			now, has := openDue(older.state)[name]
			if had && has {
				require.False(rt, now.After(due), "%s: nobody waits longer than before", name)
				require.False(rt, now.After(mine), "%s: nobody waits longer than before", name)
			}
		}
		require.Error(rt, pair(rt, addressed, other, event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: other.state.ID, Kind: models.LinkDuplicate}), at.Add(time.Second), r),
			"what is merged cannot be merged again")

		for range rapid.IntRange(0, 4).Draw(rt, "steps of the survivor") {
			at = at.Add(time.Duration(rapid.IntRange(1, 6000).Draw(rt, "pause")) * time.Second)
			action := rapid.SampledFrom([]models.CaseAction{models.ActionRespond, models.ActionWait, models.ActionResume, models.ActionPrioritize}).Draw(rt, "action")
			data := payloads(rt, older.state, at)[action]
			for _, l := range []*life{older, twin} {
				l.tick(rt, at, r)
				if step, err := models.ApplyCase(&l.state, event(t, actor(o, "mia"), action, data), at, r); err == nil {
					l.follow(rt, step)
				} else if step, err := models.ApplyCase(&l.state, event(t, actor(o, l.state.AssigneeID), action, data), at, r); err == nil {
					l.follow(rt, step)
				}
			}
		}
		at = at.Add(time.Minute)
		older.tick(rt, at, r)
		twin.tick(rt, at, r)
		if older.state.Status != twin.state.Status { // the twin was given up
			return
		}
		e = event(t, actor(o, "mia"), models.ActionUnlink, models.Unlink{CaseID: other.state.ID})
		require.NoError(rt, pair(rt, addressed, other, e, at, r))
		waited := before.Waiting != nil && before.Waiting.Until != nil && !at.Before(*before.Waiting.Until)
		if waited {
			require.Equal(rt, models.CaseInProgress, younger.state.Status, "the wait is over")
		} else {
			require.Equal(rt, before.Status, younger.state.Status, "the merge is undone")
		}
		require.Nil(rt, younger.state.Merge)
		require.Empty(rt, older.state.Inherited)
		require.Equal(rt, openPromises(twin.state), openPromises(older.state), "the survivor goes on as if there had been no merge")
		require.Len(rt, younger.state.Promises, len(before.Promises))
		for i, p := range younger.state.Promises {
			if waited && before.Promises[i].RunningFrom == nil {
				continue // it runs again
			}
			if p.State == before.Promises[i].State { // a breach may have come due meanwhile
				require.Equal(rt, before.Promises[i].DueAt, p.DueAt)
			} else {
				require.Equal(rt, sla.Breached, p.State)
			}
		}
	})
}

func TestMerge_refuses_what_is_over_and_what_is_the_same(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	a, b := newCase(t, r, "ann", monday).State, newCase(t, r, "ben", monday.Add(time.Minute)).State
	cancelled, err := models.ApplyCase(&b, event(t, actor(o, "sup1"), models.ActionCancel, models.Because{Reason: "x"}), monday.Add(time.Hour), r)
	require.NoError(t, err)
	link := event(t, actor(o, "sup1"), models.ActionLink, models.Link{CaseID: b.ID, Kind: models.LinkDuplicate})
	_, err = models.ApplyPair(&a, &cancelled.State, link, monday.Add(2*time.Hour), r, r)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	_, err = models.ApplyPair(&a, &a, link, monday.Add(2*time.Hour), r, r)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
}

func TestMerges_are_undone_in_any_order(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	low := func(d *models.RecordCase) { d.Impact, d.Urgency = "low", "low" }
	for _, order := range [][]string{{"case_2", "case_3"}, {"case_3", "case_2"}} {
		survivor := newCourse(t, o, low)
		own := *survivor.promise("resolution").DueAt
		losers := map[string]*course{
			"case_2": newCourse(t, o, func(d *models.RecordCase) { low(d); d.ID, d.Impact = "case_2", "medium" }),
			"case_3": newCourse(t, o, func(d *models.RecordCase) { d.ID = "case_3" }),
		}
		both := func(after time.Duration, loser string, action models.CaseAction, data any) error {
			steps, err := models.ApplyPair(&survivor.state, &losers[loser].state, event(t, actor(o, "mia"), action, data), monday.Add(after), r, r)
			if err == nil {
				survivor.take(steps[0])
				losers[loser].take(steps[1])
			}
			return err
		}
		for i, loser := range []string{"case_2", "case_3"} {
			due := *losers[loser].promise("resolution").DueAt
			require.NoError(t, both(time.Duration(i+1)*time.Minute, loser, models.ActionLink, models.Link{CaseID: loser, Kind: models.LinkDuplicate}))
			require.Equal(t, due, *survivor.promise("resolution").DueAt, "each was promised sooner than what was there")
		}
		survivor.do(10*time.Minute, "ann", models.ActionWait, models.Wait{Reason: "a photo"})
		survivor.do(70*time.Minute, "ann", models.ActionResume, nil)
		for i, loser := range order {
			require.NoError(t, both(time.Duration(80+i)*time.Minute, loser, models.ActionUnlink, models.Unlink{CaseID: loser}), loser)
		}
		require.Empty(t, survivor.state.Inherited)
		require.Equal(t, own.Add(time.Hour), *survivor.promise("resolution").DueAt, "its own promise, an hour later for the hour of the client")
	}
}

func TestUnlink_of_a_merge_whose_promise_an_earlier_program_gave_back(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	for name, stored := range map[string]func(*models.CaseState){
		"it is gone": func(s *models.CaseState) {
			s.Promises = slices.DeleteFunc(slices.Clone(s.Promises), func(p sla.Promise) bool { return p.Name == "resolution" })
		},
		"so is what a later merge set aside": func(s *models.CaseState) {
			s.Inherited = append(slices.Clone(s.Inherited), models.Inherited{FromCase: "case_0", Name: "resolution"})
		},
	} {
		survivor := newCourse(t, o, func(d *models.RecordCase) { d.Impact, d.Urgency = "low", "low" })
		loser := newCourse(t, o, func(d *models.RecordCase) { d.ID = "case_2" })
		link := event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: "case_2", Kind: models.LinkDuplicate})
		steps, err := models.ApplyPair(&survivor.state, &loser.state, link, monday.Add(time.Minute), r, r)
		require.NoError(t, err, name)
		s := steps[0].State
		stored(&s)
		unlink := event(t, actor(o, "mia"), models.ActionUnlink, models.Unlink{CaseID: "case_2"})
		steps, err = models.ApplyPair(&s, &steps[1].State, unlink, monday.Add(time.Hour), r, r)
		require.NoError(t, err, name)
		require.False(t, slices.ContainsFunc(steps[0].State.Inherited, func(in models.Inherited) bool { return in.FromCase == "case_2" }), name)
	}
}

func TestUnlink_is_refused_while_the_survivor_is_merged_itself(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	a, b, c := newCase(t, r, "ann", monday.Add(2*time.Minute)).State, newCase(t, r, "ann", monday.Add(time.Minute)).State, newCase(t, r, "ann", monday).State
	apply := func(after time.Duration, s, other *models.CaseState, action models.CaseAction, data any) error {
		steps, err := models.ApplyPair(s, other, event(t, actor(o, "mia"), action, data), monday.Add(after), r, r)
		if err == nil {
			*s, *other = steps[0].State, steps[1].State
		}
		return err
	}
	require.NoError(t, apply(time.Hour, &a, &b, models.ActionLink, models.Link{CaseID: b.ID, Kind: models.LinkDuplicate}))
	require.NoError(t, apply(2*time.Hour, &b, &c, models.ActionLink, models.Link{CaseID: c.ID, Kind: models.LinkDuplicate}))
	require.Equal(t, errs.Conflict, errs.CodeOf(apply(3*time.Hour, &a, &b, models.ActionUnlink, models.Unlink{CaseID: b.ID})), "what a brought is c's now")
	require.NoError(t, apply(4*time.Hour, &b, &c, models.ActionUnlink, models.Unlink{CaseID: c.ID}))
	require.NoError(t, apply(5*time.Hour, &a, &b, models.ActionUnlink, models.Unlink{CaseID: b.ID}))
}

func TestMerge_counts_a_promise_of_another_calendar_by_the_survivors(t *testing.T) {
	t.Parallel()
	o := company()
	survivor := newCourse(t, o, func(d *models.RecordCase) { d.Impact, d.Urgency = "low", "low" })
	loser := newCourse(t, o, func(d *models.RecordCase) { d.ID = "case_2" })
	loser.state.CalendarVersion++ // of the same hours
	due := *loser.promise("resolution").DueAt
	link := event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: "case_2", Kind: models.LinkDuplicate})
	steps, err := models.ApplyPair(&survivor.state, &loser.state, link, monday.Add(time.Minute), survivor.r, survivor.r)
	require.NoError(t, err)
	survivor.take(steps[0])
	require.Equal(t, due, *survivor.promise("resolution").DueAt)
	require.Empty(t, survivor.promise("resolution").Verify(sla.Rules{Calendar: survivor.r.Calendar}))
}

func TestMerge_into_a_resolved_case_is_for_resolved_ones(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	resolved, younger := newCase(t, r, "ann", monday).State, newCase(t, r, "ben", monday.Add(time.Minute)).State
	resolve := event(t, actor(o, "ann"), models.ActionResolve, models.Resolve{Resolution: "done"})
	step, err := models.ApplyCase(&resolved, resolve, monday.Add(time.Hour), r)
	require.NoError(t, err)
	link := event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: younger.ID, Kind: models.LinkDuplicate})
	_, err = models.ApplyPair(&step.State, &younger, link, monday.Add(2*time.Hour), r, r)
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "somebody still waits for an answer")
	resolve = event(t, actor(o, "ben"), models.ActionResolve, models.Resolve{Resolution: "done"})
	other, err := models.ApplyCase(&younger, resolve, monday.Add(time.Hour), r)
	require.NoError(t, err)
	_, err = models.ApplyPair(&step.State, &other.State, link, monday.Add(2*time.Hour), r, r)
	require.NoError(t, err)
}
