package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// follows keeps a case of the user under their team.
func follows(u models.User) func(models.CaseState) (models.CaseStep, error) {
	return func(s models.CaseState) (models.CaseStep, error) {
		step := next(s, s.UpdatedAt.Add(time.Millisecond), "team_changed")
		if s.AccountableID == u.ID {
			step.State.AccountableTeamID = *u.TeamID
		}
		if s.AssigneeID == u.ID {
			step.State.TeamID = *u.TeamID
		}
		return step, nil
	}
}

func TestCases_go_with_a_user_to_another_team(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	_, err := d.UpdateUser(t.Context(), d.one, "s3cret-pass")
	require.NoError(t, err)
	chief := addUser(t, d.Store, "chief")
	to := addTeam(t, d.Store, "field", &chief.ID)

	both := d.apply(t, d.record(d.one))
	s := d.apply(t, d.record(d.one))
	accountable := d.apply(t, hand(next(s, d.tick(), "accepted"), d.two))
	s = d.apply(t, d.record(d.two))
	handler := d.apply(t, hand(next(s, d.tick(), "accepted"), d.one))
	s = d.apply(t, d.record(d.two))
	offered := d.apply(t, offer(next(s, d.tick(), "offered"), d.one.ID, ""))
	s = d.apply(t, d.record(d.one))
	closed := d.apply(t, shut(next(s, d.tick(), "closed")))
	foreign := d.apply(t, d.record(d.two))

	u, err := d.User(t.Context(), d.one.ID)
	require.NoError(t, err)
	u.TeamID, u.DisplayName = &to.ID, "Moved"
	stale := u
	stale.Version--
	_, _, err = d.MoveUser(t.Context(), stale, "", follows(u))
	requireCode(t, errs.PreconditionFailed, err)
	unknown := u
	unknown.TeamID = ptr(id.New(id.Team))
	_, _, err = d.MoveUser(t.Context(), unknown, "", follows(u))
	requireCode(t, errs.Invalid, err)
	before := d.contents(t)
	_, _, err = d.MoveUser(t.Context(), u, "", func(models.CaseState) (models.CaseStep, error) {
		return models.CaseStep{}, errs.New(errs.Conflict, "case.state")
	})
	requireCode(t, errs.Conflict, err)
	require.Equal(t, before, d.contents(t), "all of it or nothing")

	moved, touched, err := d.MoveUser(t.Context(), u, "", follows(u))
	require.NoError(t, err)
	require.Equal(t, u.Version+1, moved.Version)
	require.Equal(t, []any{to.ID, "Moved"}, []any{*moved.TeamID, moved.DisplayName})
	require.ElementsMatch(t, []string{both.ID, accountable.ID, handler.ID}, touched)
	for _, s := range []models.CaseState{offered, closed, foreign} {
		got, err := d.CaseState(t.Context(), s.ID)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	old, now := actor(d.boss, d.team.ID), actor(chief, to.ID)
	for name, c := range map[string]struct {
		id       string
		old, now bool
	}{
		"both": {both.ID, false, true}, "accountable": {accountable.ID, true, true}, "handler": {handler.ID, true, true}, "foreign": {foreign.ID, true, false},
	} {
		for who, sees := range map[*models.Actor]bool{&old: c.old, &now: c.now} {
			_, err := d.Case(t.Context(), *who, c.id)
			require.Equal(t, sees, err == nil, "%s: %v", name, err)
		}
	}
	require.Empty(t, d.verify(t))

	again, touched, err := d.MoveUser(t.Context(), moved, "", follows(u))
	require.NoError(t, err)
	require.Empty(t, touched)
	require.Equal(t, moved.Version+1, again.Version)
	stored, err := d.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, again, stored)
	_, _, err = d.MoveUser(t.Context(), models.User{ID: id.New(id.User), Username: "nobody", Version: 1}, "", follows(u))
	requireCode(t, errs.NotFound, err)
}

// Others go on giving the user cases while they move. Whatever comes before goes with them; who then still takes them to be in the
// old team is sent away to look again.
func TestCases_that_a_user_is_given_meanwhile_are_of_their_team(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{MaxConns: 12})
	const givers, each = 8, 12
	states := make([]models.CaseState, givers)
	for i := range states {
		states[i] = d.apply(t, d.record(d.two))
	}
	begun := make(chan struct{}, 2*givers*each)
	g, ctx := errgroup.WithContext(t.Context())
	for i, s := range states {
		g.Go(func() error {
			one := d.one
			for k := range each {
				for again := true; again; {
					step := hand(next(s, s.UpdatedAt.Add(time.Millisecond), "accepted"), []models.User{one, d.two}[k%2])
					var err error
					if i%2 == 0 {
						_, err = d.AdvanceCases(ctx, []string{s.ID}, map[string]int64{s.ID: s.Seq}, answers(step))
					} else {
						_, err = d.AdvanceCase(ctx, s.ID, &s, answers(step))
					}
					if again = errs.CodeOf(err) == errs.Unavailable; again {
						one, err = d.User(ctx, one.ID)
					}
					if err != nil {
						return err
					}
				}
				var err error
				if s, err = d.CaseState(ctx, s.ID); err != nil {
					return err
				}
				begun <- struct{}{}
			}
			return nil
		})
	}
	<-begun
	u := d.one
	u.TeamID = &d.other.ID
	u, _, err := d.MoveUser(t.Context(), u, "", follows(u))
	require.NoError(t, err)
	require.NoError(t, g.Wait())
	require.Zero(t, count(t, d.Store, "cases WHERE assignee_id = ? AND team_id <> ? OR accountable_id = ? AND accountable_team_id <> ?",
		d.one.ID, d.other.ID, d.one.ID, d.other.ID))
	require.Empty(t, d.verify(t))
}

func TestCase_is_not_given_to_somebody_under_a_team_in_which_they_are_not(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	mine := d.apply(t, d.record(d.two))
	offered := d.apply(t, offer(next(mine, d.tick(), "offered"), d.one.ID, ""))
	u := d.one
	u.TeamID = &d.other.ID
	u, touched, err := d.MoveUser(t.Context(), u, "", follows(u))
	require.NoError(t, err)
	require.Empty(t, touched, "what is only offered is not theirs")
	for name, step := range map[string]models.CaseStep{
		"accept": hand(next(offered, d.tick(), "accepted"), d.one), "accountable": entrust(next(offered, d.tick(), "accountability_transferred"), d.one), "record": d.record(d.one),
	} {
		_, err := d.AdvanceCase(t.Context(), step.State.ID, d.believed(t, step.State.ID), answers(step))
		requireCode(t, errs.Unavailable, err)
		require.ErrorIs(t, err, models.ErrPeopleMoved, name)
	}
	d.apply(t, hand(next(offered, d.tick(), "accepted"), u))
	d.apply(t, d.record(u))
}
