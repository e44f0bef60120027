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
	_, err = d.MoveUser(t.Context(), stale, "", follows(u))
	requireCode(t, errs.PreconditionFailed, err)
	unknown := u
	unknown.TeamID = ptr(id.New(id.Team))
	_, err = d.MoveUser(t.Context(), unknown, "", follows(u))
	requireCode(t, errs.Invalid, err)
	before := d.contents(t)
	_, err = d.MoveUser(t.Context(), u, "", func(models.CaseState) (models.CaseStep, error) {
		return models.CaseStep{}, errs.New(errs.Conflict, "case.state")
	})
	requireCode(t, errs.Conflict, err)
	require.Equal(t, before, d.contents(t), "all of it or nothing")

	moved, err := d.MoveUser(t.Context(), u, "", follows(u))
	require.NoError(t, err)
	require.Equal(t, u.Version+1, moved.Version)
	require.Equal(t, []any{to.ID, "Moved"}, []any{*moved.TeamID, moved.DisplayName})
	require.ElementsMatch(t, models.MovedWords([]string{both.ID, accountable.ID, handler.ID}), untold(t, d.Store), "their processes are told")
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

	again, err := d.MoveUser(t.Context(), moved, "", follows(u))
	require.NoError(t, err)
	require.Empty(t, untold(t, d.Store))
	require.Equal(t, moved.Version+1, again.Version)
	stored, err := d.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, again, stored)
	_, err = d.MoveUser(t.Context(), models.User{ID: id.New(id.User), Username: "nobody", Version: 1}, "", follows(u))
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
	u, err := d.MoveUser(t.Context(), u, "", follows(u))
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
	u, err := d.MoveUser(t.Context(), u, "", follows(u))
	require.NoError(t, err)
	require.Empty(t, untold(t, d.Store), "what is only offered is not theirs")
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

// overseen gives what waits for somebody in a case to somebody else.
func overseen(s models.CaseState, from, to string) models.CaseStep {
	step := next(s, s.UpdatedAt.Add(time.Millisecond), "supervisor_changed")
	step.State.Tasks = nil
	for _, task := range s.Tasks {
		if task.UserID == from {
			task.State, task.DoneBy, task.DoneAt = models.TaskCancelled, models.System, &step.State.UpdatedAt
			step.Tasks = append(step.Tasks, task)
			task = models.Task{ID: id.New(id.Task), Kind: task.Kind, UserID: to, CreatedAt: step.State.UpdatedAt, State: models.TaskOpen}
			step.Tasks = append(step.Tasks, task)
		}
		step.State.Tasks = append(step.State.Tasks, task)
	}
	return step
}

func TestTasks_of_a_team_go_to_its_new_supervisor(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	supervise := func(s models.CaseState, kind, userID string) models.CaseState {
		step := next(s, d.tick(), "escalated")
		task := models.Task{ID: id.New(id.Task), Kind: kind, UserID: userID, CreatedAt: step.State.UpdatedAt, State: models.TaskOpen}
		step.State.Tasks, step.Tasks = append(step.State.Tasks, task), []models.Task{task}
		return d.apply(t, step)
	}
	broken := supervise(d.apply(t, d.record(d.one)), models.TaskSupervise, d.boss.ID)
	judged := supervise(d.apply(t, d.record(d.two)), models.TaskAdjudicate, d.boss.ID)
	for _, s := range []models.CaseState{d.apply(t, d.record(d.one)), supervise(d.apply(t, d.record(d.away)), models.TaskSupervise, d.boss.ID)} {
		defer func() {
			now, err := d.CaseState(t.Context(), s.ID)
			require.NoError(t, err)
			require.Equal(t, s, now, "nothing waits in it, or it is of another team")
		}()
	}
	chief := addUser(t, d.Store, "chief")
	lead := d.team
	lead.SupervisorID = &chief.ID
	moves := func(c models.CaseState, from string) (models.CaseStep, error) {
		require.Equal(t, d.boss.ID, from)
		return overseen(c, from, chief.ID), nil
	}
	stale := lead
	stale.Version--
	_, err := d.LeadTeam(t.Context(), stale, moves)
	requireCode(t, errs.PreconditionFailed, err)
	before := d.contents(t)
	_, err = d.LeadTeam(t.Context(), lead, func(models.CaseState, string) (models.CaseStep, error) {
		return models.CaseStep{}, errs.New(errs.Conflict, "case.state")
	})
	requireCode(t, errs.Conflict, err)
	require.Equal(t, before, d.contents(t), "all of it or nothing")

	led, err := d.LeadTeam(t.Context(), lead, moves)
	require.NoError(t, err)
	require.Equal(t, lead.Version+1, led.Version)
	require.ElementsMatch(t, models.MovedWords([]string{broken.ID, judged.ID}), untold(t, d.Store), "their processes are told")
	require.Equal(t, 2, count(t, d.Store, "tasks WHERE state = 'open' AND user_id = ?", chief.ID))
	require.Equal(t, 1, count(t, d.Store, "tasks WHERE state = 'open' AND user_id = ?", d.boss.ID))
	require.Empty(t, d.verify(t))
	_, err = d.LeadTeam(t.Context(), led, moves)
	require.NoError(t, err)
	require.Empty(t, untold(t, d.Store), "who supervises it already has it all")
}
