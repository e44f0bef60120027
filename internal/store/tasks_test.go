package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// inbox walks over a box in pages of two and returns the ids of the tasks.
func (d *desk) inbox(t *testing.T, a models.Actor, f models.TaskFilter) []string {
	t.Helper()
	ids := []string{}
	p := models.Page{Limit: 2}
	for {
		rows, cursor, err := d.Tasks(t.Context(), a, f, p)
		require.NoError(t, err)
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		if p.Cursor = cursor; cursor == "" {
			return ids
		}
	}
}

func TestInbox_holds_what_waits_for_me_my_team_and_those_whose_deputy_I_am_by_due_time(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	give := func(user, team string, due *time.Time) models.Task {
		step := d.record(d.away)
		task := models.Task{ID: id.New(id.Task), Kind: models.TaskSupervise, UserID: user, TeamID: team, CreatedAt: d.now, DueAt: due, State: models.TaskOpen}
		step.State.Tasks, step.Tasks = []models.Task{task}, []models.Task{task}
		d.apply(t, step)
		return task
	}
	never1, late := give(d.one.ID, "", nil), give(d.one.ID, "", ptr(start.Add(3*time.Hour)))
	early, ofTeam := give(d.one.ID, "", ptr(start.Add(time.Hour))), give("", d.team.ID, ptr(start.Add(2*time.Hour)))
	never2, same := give(d.one.ID, "", nil), give(d.one.ID, "", ptr(start.Add(time.Hour)))
	ofAway, ofOther := give(d.away.ID, "", nil), give("", d.other.ID, nil)
	todo := models.TaskFilter{Box: models.BoxTodo}

	require.Equal(t, []string{early.ID, same.ID, ofTeam.ID, late.ID, never1.ID, never2.ID}, d.inbox(t, actor(d.one), todo))
	require.Equal(t, []string{ofTeam.ID}, d.inbox(t, actor(d.two), todo))
	clerk := actor(d.two)
	clerk.Roles = []models.Role{models.RoleScheduler}
	require.Empty(t, d.inbox(t, clerk, todo), "who takes no part in cases has no team's tasks")
	deputy := actor(d.two)
	deputy.ActsFor = []models.Person{actor(d.away).Person, actor(d.one).Person}
	require.Equal(t, []string{early.ID, same.ID, ofTeam.ID, late.ID, never1.ID, never2.ID, ofAway.ID, ofOther.ID}, d.inbox(t, deputy, todo))
	deputy.ActsFor[0].Processes = []string{models.ReceptionProcess}
	deputy.ActsFor[1].Processes = []string{models.ReceptionProcess, models.ComplaintProcess}
	require.Equal(t, []string{early.ID, same.ID, ofTeam.ID, late.ID, never1.ID, never2.ID}, d.inbox(t, deputy, todo), "of one whose deputy they are in other processes, nothing")
	_, err := d.Task(t.Context(), deputy, ofAway.ID)
	requireCode(t, errs.NotFound, err)
	_, err = d.Task(t.Context(), deputy, late.ID)
	require.NoError(t, err)

	todo.DueBefore = ptr(start.Add(3 * time.Hour))
	require.Equal(t, []string{early.ID, same.ID, ofTeam.ID}, d.inbox(t, actor(d.one), todo))
	require.Empty(t, d.inbox(t, actor(d.one), models.TaskFilter{Box: models.BoxTodo, Process: "reception"}))
	require.Empty(t, d.inbox(t, actor(d.one), models.TaskFilter{Box: models.BoxCC}))
	for _, cursor := range []string{"eA", "aW5maW5pdHk", "eHx5"} { // x; infinity; x|y
		_, _, err := d.Tasks(t.Context(), actor(d.one), models.TaskFilter{Box: models.BoxTodo}, models.Page{Cursor: cursor})
		requireCode(t, errs.Malformed, err)
	}
}

func TestInbox_shows_what_I_have_done_and_started_the_latest_first(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	var done, started []string
	for range 5 {
		first := d.record(d.one)
		s := d.apply(t, first)
		step := d.apply(t, hand(next(s, d.tick(), "accepted"), d.two)) // done by two, in a process that one began
		done = append([]string{first.Tasks[0].ID}, done...)
		started = append([]string{step.Tasks[0].ID}, started...)
	}
	require.Equal(t, done, d.inbox(t, actor(d.two), models.TaskFilter{Box: models.BoxDone}))
	require.Equal(t, started, d.inbox(t, actor(d.one), models.TaskFilter{Box: models.BoxStarted}))
	require.Empty(t, d.inbox(t, actor(d.one), models.TaskFilter{Box: models.BoxDone}))
	require.Empty(t, d.inbox(t, actor(d.two), models.TaskFilter{Box: models.BoxStarted}))
}

func TestTask_is_found_by_those_whom_it_concerns_with_its_case(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	first := d.record(d.one)
	s := d.apply(t, first)
	row, err := d.Task(t.Context(), actor(d.one), first.Tasks[0].ID)
	require.NoError(t, err)
	require.Equal(t, models.TaskRow{Task: first.Tasks[0], Process: "complaint", SubjectID: s.ID, Number: s.Number, Subject: "账户被锁", Case: &s}, row)
	_, err = d.Task(t.Context(), actor(d.two), first.Tasks[0].ID)
	require.NoError(t, err, "a colleague sees the case")
	_, err = d.Task(t.Context(), everything, first.Tasks[0].ID)
	require.NoError(t, err)
	_, err = d.Task(t.Context(), actor(d.away), first.Tasks[0].ID)
	requireCode(t, errs.NotFound, err)

	s = d.apply(t, hand(next(s, d.tick(), "accepted"), d.away))
	_, err = d.Task(t.Context(), actor(d.away), first.Tasks[0].ID)
	require.NoError(t, err, "who did it sees it")
}
