package models_test

import (
	"encoding/json"
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
		e := event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: other.state.ID, Kind: models.LinkDuplicate})
		require.NoError(rt, pair(rt, addressed, other, e, at, r))

		require.Equal(rt, models.CaseClosed, younger.state.Status, "the younger case ends")
		require.Equal(rt, older.state.ID, younger.state.Merge.Into)
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

		at = at.Add(time.Minute)
		older.tick(rt, at, r)
		e = event(t, actor(o, "mia"), models.ActionUnlink, models.Unlink{CaseID: other.state.ID})
		require.NoError(rt, pair(rt, addressed, other, e, at, r))
		require.Equal(rt, before.Status, younger.state.Status, "the merge is undone")
		require.Nil(rt, younger.state.Merge)
		require.Empty(rt, older.state.Inherited)
		require.Len(rt, younger.state.Promises, len(before.Promises))
		for i, p := range younger.state.Promises {
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
