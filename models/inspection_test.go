package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
)

func shanghai(t *testing.T) *calendar.Calendar {
	t.Helper()
	c, err := calendar.New(sample.Calendar(t, "cn"))
	require.NoError(t, err)
	return c
}

func TestMonthBefore_is_counted_in_the_calendars_zone(t *testing.T) {
	t.Parallel()
	c := shanghai(t)
	for at, want := range map[string]string{
		"2026-11-30T22:00:00Z": "2026-11", // the first of December in Shanghai
		"2026-11-30T15:59:59Z": "2026-10", // still the last of November
		"2026-12-31T16:00:00Z": "2026-12",
		"2026-01-15T00:00:00Z": "2025-12",
		"2026-03-31T01:00:00Z": "2026-02", // the shorter month
	} {
		now, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		require.Equal(t, want, models.MonthBefore(now, c).Format(models.MonthLayout), at)
	}
}

func TestNewInspection_takes_only_a_month_that_is_over(t *testing.T) {
	t.Parallel()
	c, org := shanghai(t), desk(nil)
	october := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	over := time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC)
	_, err := models.NewInspection(october, models.System, over.Add(-time.Second), c, org)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
	o, err := models.NewInspection(october, models.System, over, c, org)
	require.NoError(t, err)
	require.Equal(t, []time.Time{time.Date(2026, 9, 30, 16, 0, 0, 0, time.UTC), over}, []time.Time{o.From, o.Until})
	require.Equal(t, "2026-11-09", o.Tasks[0].DueAt.In(c.Location()).Format(time.DateOnly), "five working days after the first one")
	again, err := models.NewInspection(october, "mia", over.AddDate(0, 1, 0), c, org)
	require.NoError(t, err)
	require.Equal(t, []string{o.ID, o.Tasks[0].ID}, []string{again.ID, again.Tasks[0].ID}, "a month has one report, whoever asks and when")
	next, err := models.NewInspection(october.AddDate(0, 1, 0), models.System, over.AddDate(0, 2, 0), c, org)
	require.NoError(t, err)
	require.Greater(t, next.ID, o.ID, "ids sort by month")
}

// desk is a reception desk of two clerks under mia, changed.
func desk(change func(map[string]models.OrgUser, map[string]models.OrgTeam)) *models.Org {
	users := map[string]models.OrgUser{
		"cleo": {TeamID: "desk", ManagerID: "mia", Roles: []models.Role{models.RoleReceptionClerk}},
		"lea":  {TeamID: "desk", ManagerID: "mia", Roles: []models.Role{models.RoleReceptionClerk}},
		"mia":  {ManagerID: "dan", Roles: []models.Role{models.RoleManager}},
		"dan":  {Roles: []models.Role{models.RoleDirector}},
		"ada":  {Roles: []models.Role{models.RoleAdmin}},
	}
	teams := map[string]models.OrgTeam{"desk": {ID: "desk"}}
	if change != nil {
		change(users, teams)
	}
	for name, u := range users {
		u.ID, u.Active = name, true
		users[name] = u
	}
	return &models.Org{Users: users, Teams: teams}
}

func TestReceptionManagers_are_the_leading_clerks_or_the_next_above(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(map[string]models.OrgUser, map[string]models.OrgTeam)
		want   []string
	}{
		"a clerk who supervises the team": {func(_ map[string]models.OrgUser, teams map[string]models.OrgTeam) {
			teams["desk"] = models.OrgTeam{ID: "desk", SupervisorID: "lea"}
		}, []string{"lea"}},
		"a clerk who manages another": {func(users map[string]models.OrgUser, _ map[string]models.OrgTeam) {
			users["cleo"] = models.OrgUser{TeamID: "desk", ManagerID: "lea", Roles: users["cleo"].Roles}
		}, []string{"lea"}},
		"who is above the clerks": {nil, []string{"mia"}},
		"no clerk: managers and directors": {func(users map[string]models.OrgUser, _ map[string]models.OrgTeam) {
			delete(users, "cleo")
			delete(users, "lea")
		}, []string{"dan", "mia"}},
		"nobody but the administrator": {func(users map[string]models.OrgUser, _ map[string]models.OrgTeam) {
			for _, u := range []string{"cleo", "lea", "mia", "dan"} {
				delete(users, u)
			}
		}, []string{"ada"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, desk(tc.change).ReceptionManagers())
		})
	}
}

func TestInspection_is_signed_by_its_reviewers_their_deputies_and_managers_once(t *testing.T) {
	t.Parallel()
	person := func(id string, roles ...models.Role) models.Person { return models.Person{ID: id, Roles: roles} }
	i := &models.Inspection{Reviewers: []string{"lea"}}
	for name, tc := range map[string]struct {
		actor models.Actor
		as    string
	}{
		"reviewer":      {models.Actor{Person: person("lea", models.RoleReceptionClerk)}, "lea"},
		"deputy":        {models.Actor{Person: person("cleo", models.RoleReceptionClerk), ActsFor: []models.Person{person("lea")}}, "lea"},
		"manager":       {models.Actor{Person: person("mia", models.RoleManager)}, "mia"},
		"colleague":     {models.Actor{Person: person("cleo", models.RoleReceptionClerk)}, ""},
		"auditor":       {models.Actor{Person: person("aud", models.RoleAuditor)}, ""},
		"who_pays":      {models.Actor{Person: person("fin", models.RoleFinance)}, ""},
		"administrator": {models.Actor{Person: person("ada", models.RoleAdmin)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ok := i.Signer(tc.actor)
			require.Equal(t, tc.as != "", ok)
			require.Equal(t, tc.as, p.ID)
			signed := *i
			signed.SignedAt = new(time.Now())
			_, ok = signed.Signer(tc.actor)
			require.False(t, ok)
		})
	}
}
