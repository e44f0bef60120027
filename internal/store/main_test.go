package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// aUser is a user that may be stored.
func aUser(username string) models.User {
	return models.User{
		ID: id.New(id.User), Username: username, DisplayName: username, Locale: "zh-CN", TimeZone: "Asia/Shanghai",
		Roles: []models.Role{models.RoleServiceAgent}, Active: true,
	}
}

func addUser(t testing.TB, s *store.Store, username string) models.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), aUser(username), "")
	require.NoError(t, err)
	return u
}

func addTeam(t testing.TB, s *store.Store, name string, supervisor *string) models.Team {
	t.Helper()
	team, err := s.CreateTeam(t.Context(), models.Team{ID: id.New(id.Team), Name: name, SupervisorID: supervisor})
	require.NoError(t, err)
	return team
}

func aClient(name string) models.Client {
	return models.Client{ID: id.New(id.Client), Name: name, Class: "B", Status: "active"}
}

func requireCode(t testing.TB, code errs.Code, err error) *errs.Error {
	t.Helper()
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
	return e
}

func requireField(t testing.TB, field, code string, err error) {
	t.Helper()
	e := requireCode(t, errs.Invalid, err)
	require.Equal(t, []errs.Field{{Field: field, Code: code}}, e.Fields)
}

// A clock is a time that a test sets.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func ptr[T any](v T) *T { return &v }
