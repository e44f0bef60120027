package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

// moves brings somebody to another team, and their case with them.
func (c *course) moves(after time.Duration, user, team string) models.CaseStep {
	c.t.Helper()
	c.until(after)
	u := c.r.Org.Users[user]
	u.TeamID = team
	c.r.Org = c.r.Org.With(u)
	root := models.Actor{Person: models.Person{ID: "root", Roles: []models.Role{models.RoleAdmin}}}
	step, err := models.ApplyCase(&c.state, event(c.t, root, models.ActionChangeTeam, models.ChangeTeam{UserID: user}), monday.Add(after), c.r)
	require.NoError(c.t, err)
	return c.take(step)
}

func (c *course) holdsTask(user, kind string) bool {
	for _, task := range c.state.Tasks {
		if task.UserID == user && task.Kind == kind {
			return true
		}
	}
	return false
}

func TestCase_goes_with_its_holder_to_another_team(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	step := c.moves(time.Minute, "ann", "backoffice")
	s := c.state
	require.Equal(t, []string{"ann", "ann", "backoffice", "backoffice"}, []string{s.AccountableID, s.AssigneeID, s.AccountableTeamID, s.TeamID})
	require.Nil(t, step.Accountable, "nobody else is accountable")
	require.Nil(t, step.Handling)
	require.Len(t, step.Events, 1)
	e := step.Events[0]
	require.Equal(t, []string{"team_changed", models.System}, []string{e.Type, e.Actor})
	require.Equal(t, map[string]any{"user_id": "ann", "from_team_id": "hotline", "team_id": "backoffice", "rule": "team_changed"}, e.Data)

	at := monday.Add(2 * time.Minute)
	require.NotContains(t, s.AllowedActions(actor(c.r.Org, "sup1"), at), models.ActionAdjudicate, "the old supervisor has no say any more")
	require.Contains(t, s.AllowedActions(actor(c.r.Org, "sup2"), at), models.ActionAdjudicate)
	require.Equal(t, []string{"sup2"}, c.r.Org.Relation("supervisor", &s), "whom the ladder calls may act")

	c.moves(3*time.Minute, "ann", "")
	require.Equal(t, []string{"", ""}, []string{c.state.AccountableTeamID, c.state.TeamID})
}

func TestCase_of_two_goes_with_the_one_who_moves(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "ben", Reason: "r"})
	c.until(11 * time.Minute)
	require.True(t, c.holdsTask("sup1", models.TaskSupervise), "a promise was broken")
	c.moves(12*time.Minute, "ben", "backoffice")
	require.Equal(t, []string{"hotline", "backoffice"}, []string{c.state.AccountableTeamID, c.state.TeamID})
	require.True(t, c.holdsTask("sup1", models.TaskSupervise), "sup1 still supervises the accountable person")
	c.moves(13*time.Minute, "ann", "backoffice")
	require.False(t, c.holdsTask("sup1", models.TaskSupervise))
	require.True(t, c.holdsTask("sup2", models.TaskSupervise))
	require.Equal(t, []string{"sup2"}, c.told("case_supervised", "")[13*time.Minute])
	require.Empty(t, c.told("case_supervised", "")[12*time.Minute])
}

func TestAdjudication_waits_for_the_supervisor_of_the_new_team(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	for i := range 2 {
		c.do(time.Duration(2*i+1)*time.Second, "ann", models.ActionAssign, models.Assign{AssigneeID: "ben"})
		c.do(time.Duration(2*i+2)*time.Second, "ben", models.ActionDecline, models.Because{Reason: "r"})
	}
	require.True(t, c.holdsTask("sup1", models.TaskAdjudicate))
	c.moves(time.Minute, "ann", "backoffice")
	require.False(t, c.holdsTask("sup1", models.TaskAdjudicate))
	require.True(t, c.holdsTask("sup2", models.TaskAdjudicate))
	c.do(2*time.Minute, "sup2", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "r"})
	require.False(t, c.holdsTask("sup2", models.TaskAdjudicate))
}

func TestReopened_case_is_of_the_teams_in_which_its_holders_are_now(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
	c.do(2*time.Minute, "sup1", models.ActionClose, models.Because{Reason: "r"})
	u := c.r.Org.Users["ann"]
	u.TeamID = "backoffice"
	c.r.Org = c.r.Org.With(u)
	c.do(time.Hour, "ben", models.ActionReopen, models.Because{Reason: "still dark"})
	require.Equal(t, []string{"backoffice", "backoffice"}, []string{c.state.AccountableTeamID, c.state.TeamID})
}

// leads gives a team another supervisor, nobody when empty.
func (c *course) leads(after time.Duration, team, from, to string) models.CaseStep {
	c.t.Helper()
	c.until(after)
	lead := models.Team{ID: team, Name: team}
	if to != "" {
		lead.SupervisorID = &to
	}
	c.r.Org = c.r.Org.WithTeam(lead)
	root := models.Actor{Person: models.Person{ID: "root", Roles: []models.Role{models.RoleAdmin}}}
	step, err := models.ApplyCase(&c.state, event(c.t, root, models.ActionChangeLead, models.ChangeLead{TeamID: team, FromID: from}), monday.Add(after), c.r)
	require.NoError(c.t, err)
	return c.take(step)
}

func TestWhat_waits_for_the_supervisor_of_a_team_waits_for_the_new_one(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	for i := range 2 {
		c.do(time.Duration(2*i+1)*time.Second, "ann", models.ActionAssign, models.Assign{AssigneeID: "ben"})
		c.do(time.Duration(2*i+2)*time.Second, "ben", models.ActionDecline, models.Because{Reason: "r"})
	}
	c.do(time.Minute, "ann", models.ActionEscalate, models.Because{Reason: "r"})
	step := c.leads(2*time.Minute, "hotline", "sup1", "sup2")
	for _, kind := range models.SupervisionTasks() {
		require.False(t, c.holdsTask("sup1", kind), kind)
		require.True(t, c.holdsTask("sup2", kind), kind)
	}
	require.Equal(t, map[string]any{"team_id": "hotline", "from_id": "sup1", "supervisor_id": "sup2", "rule": "supervisor_changed"}, step.Events[0].Data)
	require.Equal(t, []string{"supervisor_changed", models.System}, []string{step.Events[0].Type, step.Events[0].Actor})
	require.Equal(t, []string{"sup2"}, c.told("case_led", "")[2*time.Minute])
	for _, task := range step.Tasks {
		if task.State == models.TaskOpen {
			require.Equal(t, map[string]string{"rule": "supervisor_changed", "from": "sup1"}, task.Why)
		}
	}

	c.leads(3*time.Minute, "hotline", "sup2", "")
	require.True(t, c.holdsTask("sup1", models.TaskAdjudicate), "the manager, where nobody supervises")
}

func TestWho_still_has_a_say_in_a_case_keeps_what_waits_for_them(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "r"})
	c.do(2*time.Minute, "ann", models.ActionEscalate, models.Because{Reason: "r"})
	require.True(t, c.holdsTask("sup2", models.TaskSupervise), "of the handler's team")
	lead := "sup2"
	c.r.Org = c.r.Org.WithTeam(models.Team{ID: "hotline", Name: "hotline", SupervisorID: &lead})
	c.leads(3*time.Minute, "backoffice", "sup2", "sup1")
	require.True(t, c.holdsTask("sup2", models.TaskSupervise), "who supervises the accountable person")
}
