package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestUser_is_read_back_as_it_was_stored(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	team := addTeam(t, s, "热线", &boss.ID)
	u := aUser("li.na")
	u.DisplayName, u.Email, u.TeamID, u.ManagerID = "李娜 Li Na", "li.na@example.com", &team.ID, &boss.ID
	u.Roles = []models.Role{models.RoleSupervisor, models.RoleServiceAgent}
	made, err := s.CreateUser(t.Context(), u, "demo")
	require.NoError(t, err)
	require.EqualValues(t, 1, made.Version)
	require.False(t, made.CreatedAt.IsZero())
	got, err := s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, made, got)
	require.Equal(t, time.UTC, got.CreatedAt.Location())
	require.Contains(t, got.PasswordHash, "$argon2id$")

	_, err = s.User(t.Context(), id.New(id.User))
	requireCode(t, errs.NotFound, err)
}

func TestUser_made_twice_under_one_id_is_made_once(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	u := aUser("agent1")
	first, err := s.CreateUser(t.Context(), u, "one")
	require.NoError(t, err)
	u.DisplayName = "somebody else"
	second, err := s.CreateUser(t.Context(), u, "two")
	require.NoError(t, err)
	require.Equal(t, first, second)
	_, _, _, err = s.Login(t.Context(), "agent1", "one")
	require.NoError(t, err)
}

func TestUsername_is_taken_in_any_case_of_letters(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	addUser(t, s, "Agent1")
	_, err := s.CreateUser(t.Context(), aUser("aGENT1"), "")
	require.Equal(t, "users.username_taken", requireCode(t, errs.Conflict, err).Key)
	other := addUser(t, s, "agent2")
	other.Username = "agent1"
	_, err = s.UpdateUser(t.Context(), other, "")
	require.Equal(t, "users.username_taken", requireCode(t, errs.Conflict, err).Key)
}

func TestUser_faults_name_the_field(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for field, c := range map[string]struct {
		code  string
		spoil func(*models.User)
	}{
		"team_id":    {"unknown", func(u *models.User) { u.TeamID = ptr(id.New(id.Team)) }},
		"manager_id": {"unknown", func(u *models.User) { u.ManagerID = ptr(id.New(id.User)) }},
		"locale":     {"invalid", func(u *models.User) { u.Locale = "fr" }},
		"roles":      {"invalid", func(u *models.User) { u.Roles = []models.Role{"king"} }},
		"username":   {"invalid", func(u *models.User) { u.Username = "" }},
	} {
		u := aUser(field)
		c.spoil(&u)
		_, err := s.CreateUser(t.Context(), u, "")
		requireField(t, field, c.code, err)
	}
	u := aUser("a\x00b")
	_, err := s.CreateUser(t.Context(), u, "")
	requireCode(t, errs.Malformed, err)
}

func TestUser_update_wins_only_with_the_stored_version(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	u := addUser(t, s, "agent1")
	changed := u
	changed.DisplayName, changed.Email = "王芳", ""
	changed.Roles = nil
	got, err := s.UpdateUser(t.Context(), changed, "")
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Version)
	require.Equal(t, "王芳", got.DisplayName)
	require.Empty(t, got.Roles)
	require.True(t, got.UpdatedAt.After(u.UpdatedAt))
	stored, err := s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, stored, got)

	_, err = s.UpdateUser(t.Context(), changed, "")
	requireCode(t, errs.PreconditionFailed, err)
	_, err = s.UpdateUser(t.Context(), aUser("nobody"), "")
	requireCode(t, errs.NotFound, err)
}

func TestUser_of_many_updates_at_once_one_wins(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	u := addUser(t, s, "agent1")
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, err := s.UpdateUser(t.Context(), u, "")
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else {
			requireCode(t, errs.PreconditionFailed, err)
		}
	}
	require.Equal(t, 1, won)
}

func TestUser_update_does_not_make_inactive(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	u := addUser(t, s, "agent1")
	u.Active = false
	got, err := s.UpdateUser(t.Context(), u, "")
	require.NoError(t, err)
	require.True(t, got.Active)
	require.NoError(t, s.DB().Exec("UPDATE users SET active = false").Error)
	got.Active = true
	got, err = s.UpdateUser(t.Context(), got, "")
	require.NoError(t, err)
	require.True(t, got.Active)
}

func TestReporting_lines_have_no_circle(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	director, manager, agent := addUser(t, s, "director"), addUser(t, s, "manager"), addUser(t, s, "agent")
	manager.ManagerID = &director.ID
	_, err := s.UpdateUser(t.Context(), manager, "")
	require.NoError(t, err)
	agent.ManagerID = &manager.ID
	agent, err = s.UpdateUser(t.Context(), agent, "")
	require.NoError(t, err)

	director.ManagerID = &agent.ID
	_, err = s.UpdateUser(t.Context(), director, "")
	requireField(t, "manager_id", "circle", err)
	agent.ManagerID = &agent.ID
	_, err = s.UpdateUser(t.Context(), agent, "")
	requireField(t, "manager_id", "circle", err)
}

func TestReporting_lines_two_changes_at_once_make_no_circle(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	a, b := addUser(t, s, "a"), addUser(t, s, "b")
	a.ManagerID, b.ManagerID = &b.ID, &a.ID
	var failed [2]error
	var g errgroup.Group
	for i, u := range []models.User{a, b} {
		g.Go(func() error {
			_, failed[i] = s.UpdateUser(t.Context(), u, "")
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.True(t, (failed[0] == nil) != (failed[1] == nil), "%v", failed)
}

func TestUsers_are_filtered(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	team := addTeam(t, s, "hotline", nil)
	in := aUser("In")
	in.TeamID, in.Roles = &team.ID, []models.Role{models.RoleSupervisor}
	in, err := s.CreateUser(t.Context(), in, "")
	require.NoError(t, err)
	out := aUser("out")
	out.Active = false
	_, err = s.CreateUser(t.Context(), out, "")
	require.NoError(t, err)
	for name, f := range map[string]models.UserFilter{
		"team":     {TeamID: team.ID},
		"role":     {Role: models.RoleSupervisor},
		"active":   {Active: ptr(true)},
		"username": {Username: "iN"},
	} {
		users, next, err := s.Users(t.Context(), f, models.Page{})
		require.NoError(t, err, name)
		require.Empty(t, next)
		require.Equal(t, []models.User{in}, users, name)
	}
	users, _, err := s.Users(t.Context(), models.UserFilter{}, models.Page{})
	require.NoError(t, err)
	require.Len(t, users, 2)
}

func TestTeam_name_is_taken_once_and_updates_check_the_version(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	team := addTeam(t, s, "热线", nil)
	_, err := s.CreateTeam(t.Context(), models.Team{ID: id.New(id.Team), Name: "热线"})
	require.Equal(t, "teams.name_taken", requireCode(t, errs.Conflict, err).Key)
	_, err = s.CreateTeam(t.Context(), models.Team{ID: id.New(id.Team), Name: "x", SupervisorID: ptr(id.New(id.User))})
	requireField(t, "supervisor_id", "unknown", err)

	boss := addUser(t, s, "boss")
	changed := team
	changed.SupervisorID = &boss.ID
	got, err := s.UpdateTeam(t.Context(), changed)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Version)
	_, err = s.UpdateTeam(t.Context(), changed)
	requireCode(t, errs.PreconditionFailed, err)
	stored, err := s.Team(t.Context(), team.ID)
	require.NoError(t, err)
	require.Equal(t, got, stored)
	teams, _, err := s.Teams(t.Context(), models.Page{})
	require.NoError(t, err)
	require.Equal(t, []models.Team{got}, teams)
}

func TestDeputy_rules_are_checked(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	a, b := addUser(t, s, "a"), addUser(t, s, "b")
	from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	good := models.Deputy{ID: id.New(id.Deputy), UserID: a.ID, DeputyID: b.ID, From: from, Until: from.Add(time.Hour), CreatedBy: a.ID}

	spoilt := good
	spoilt.Until = from
	_, err := s.CreateDeputy(t.Context(), spoilt, nil)
	requireField(t, "until", "invalid", err)
	spoilt = good
	spoilt.DeputyID = a.ID
	_, err = s.CreateDeputy(t.Context(), spoilt, nil)
	requireField(t, "deputy_id", "invalid", err)
	spoilt.DeputyID = id.New(id.User)
	_, err = s.CreateDeputy(t.Context(), spoilt, nil)
	requireField(t, "deputy_id", "unknown", err)

	made, err := s.CreateDeputy(t.Context(), good, nil)
	require.NoError(t, err)
	again, err := s.CreateDeputy(t.Context(), good, nil)
	require.NoError(t, err)
	require.Equal(t, made, again)
	for user, want := range map[string]int{a.ID: 1, b.ID: 0, "": 1} {
		rules, _, err := s.Deputies(t.Context(), user, models.Page{})
		require.NoError(t, err)
		require.Len(t, rules, want)
	}
	gone, err := s.DeleteDeputy(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, made, gone)
	_, err = s.DeleteDeputy(t.Context(), made.ID)
	requireCode(t, errs.NotFound, err)
	_, err = s.Deputy(t.Context(), made.ID)
	requireCode(t, errs.NotFound, err)
}

func TestOrg_shows_a_change_of_this_process_at_once(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	team := addTeam(t, s, "hotline", &boss.ID)
	agent := aUser("agent")
	agent.TeamID, agent.ManagerID = &team.ID, &boss.ID
	agent, err := s.CreateUser(t.Context(), agent, "")
	require.NoError(t, err)
	org, err := s.Org(t.Context())
	require.NoError(t, err)
	require.Equal(t, &models.Org{
		Users: map[string]models.OrgUser{
			boss.ID:  {ID: boss.ID, Username: "boss", Active: true, Roles: boss.Roles},
			agent.ID: {ID: agent.ID, Username: "agent", TeamID: team.ID, ManagerID: boss.ID, Active: true, Roles: agent.Roles},
		},
		Teams: map[string]models.OrgTeam{team.ID: {ID: team.ID, Name: "hotline", SupervisorID: boss.ID}},
	}, org)
	same, err := s.Org(t.Context())
	require.NoError(t, err)
	require.Same(t, org, same)

	agent.Username = strings.ToUpper(agent.Username)
	_, err = s.UpdateUser(t.Context(), agent, "")
	require.NoError(t, err)
	org, err = s.Org(t.Context())
	require.NoError(t, err)
	require.Equal(t, "AGENT", org.Users[agent.ID].Username)
}
