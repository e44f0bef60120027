package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// withUser returns a store on the clock with the user agent1, password "demo".
func withUser(t testing.TB, c *clock) (*store.Store, models.User) {
	t.Helper()
	s := testkit.StoreWith(t, store.Options{Now: c.now})
	u, err := s.CreateUser(t.Context(), aUser("agent1"), "demo")
	require.NoError(t, err)
	return s, u
}

func login(t testing.TB, s *store.Store, username, password string) string {
	t.Helper()
	token, _, _, err := s.Login(t.Context(), username, password)
	require.NoError(t, err)
	return token
}

func TestLogin_opens_a_session_of_twelve_hours(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	token, expires, who, err := s.Login(t.Context(), " Agent1 ", "demo")
	require.NoError(t, err)
	require.Equal(t, u, who)
	require.Equal(t, c.at.Add(12*time.Hour), expires)
	p, err := s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, u.ID, p.User.ID)
	require.Equal(t, "agent1", p.User.Username)
	require.Empty(t, p.User.PasswordHash, "a hash leaves the database for a log-in only")
	require.True(t, id.Valid(id.Session, p.TokenID))

	c.at = expires.Add(-time.Millisecond)
	_, err = s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	c.at = expires // within the second for which the answer above is remembered
	_, err = s.Authenticate(t.Context(), token)
	requireCode(t, errs.Unauthenticated, err)
}

func TestLogin_refuses_everybody_else_in_the_same_words(t *testing.T) {
	t.Parallel()
	s, _ := withUser(t, newClock())
	machine := addUser(t, s, "machine") // without a password
	gone := aUser("gone")
	gone.Active = false
	_, err := s.CreateUser(t.Context(), gone, "demo")
	require.NoError(t, err)
	var first *errs.Error
	for name, password := range map[string]string{
		"agent1": "Demo", machine.Username: "", "nobody": "demo", "gone": "demo", "": "",
	} {
		_, _, _, err := s.Login(t.Context(), name, password)
		e := requireCode(t, errs.Unauthenticated, err)
		if first == nil {
			first = e
		}
		require.Equal(t, first, e, name)
	}
}

func TestLogin_five_wrong_passwords_lock_out_for_fifteen_minutes(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]string{"agent1": "demo", "nobody": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s, _ := withUser(t, c)
			for range 5 {
				_, _, _, err := s.Login(t.Context(), name, "wrong")
				requireCode(t, errs.Unauthenticated, err)
			}
			c.at = c.at.Add(5 * time.Minute)
			for _, password := range []string{"wrong", "demo"} {
				_, _, _, err := s.Login(t.Context(), name, password)
				require.Equal(t, 10*time.Minute, requireCode(t, errs.RateLimited, err).RetryAfter)
			}
			c.at = c.at.Add(10 * time.Minute)
			_, _, _, err := s.Login(t.Context(), name, "demo")
			if right == "" {
				requireCode(t, errs.Unauthenticated, err)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestLogin_the_right_password_forgives_earlier_failures(t *testing.T) {
	t.Parallel()
	s, _ := withUser(t, newClock())
	for range 3 {
		for range 4 {
			_, _, _, err := s.Login(t.Context(), "agent1", "wrong")
			requireCode(t, errs.Unauthenticated, err)
		}
		login(t, s, "agent1", "demo")
	}
}

func TestLogin_many_guesses_at_once_do_not_pass_the_lock(t *testing.T) {
	t.Parallel()
	s, u := withUser(t, newClock())
	results := make(chan error, 30)
	for range cap(results) {
		go func() {
			_, _, _, err := s.Login(t.Context(), "agent1", "wrong")
			results <- err
		}()
	}
	for range cap(results) {
		require.Error(t, <-results)
	}
	_, _, _, err := s.Login(t.Context(), "agent1", "demo")
	requireCode(t, errs.RateLimited, err)
	u, err = s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.NotNil(t, u.LockedUntil)
}

func TestLogin_many_people_at_once_all_get_in(t *testing.T) {
	t.Parallel()
	s, _ := withUser(t, newClock())
	results := make(chan error, 12)
	for range cap(results) {
		go func() {
			_, _, _, err := s.Login(t.Context(), "agent1", "demo")
			results <- err
		}()
	}
	for range cap(results) {
		require.NoError(t, <-results)
	}
}

func TestLogout_ends_the_session_at_once(t *testing.T) {
	t.Parallel()
	s, _ := withUser(t, newClock())
	token, other := login(t, s, "agent1", "demo"), login(t, s, "agent1", "demo")
	p, err := s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.NoError(t, s.Logout(t.Context(), p.TokenID))
	_, err = s.Authenticate(t.Context(), token)
	requireCode(t, errs.Unauthenticated, err)
	require.NoError(t, s.Logout(t.Context(), p.TokenID), "twice is no error")
	_, err = s.Authenticate(t.Context(), other)
	require.NoError(t, err)
}

func TestToken_is_shown_once_listed_without_secrets_and_revoked_at_once(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	expires := c.at.Add(time.Hour)
	secret, issued, err := s.IssueToken(t.Context(), id.New(id.Token), u.ID, "nightly job", &expires)
	require.NoError(t, err)
	require.Contains(t, secret, auth.PrefixService)
	p, err := s.Authenticate(t.Context(), secret)
	require.NoError(t, err)
	require.Equal(t, issued.ID, p.TokenID)

	login(t, s, "agent1", "demo")
	tokens, next, err := s.ListTokens(t.Context(), models.Page{})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Equal(t, []models.Token{issued}, tokens, "sessions are not listed")
	require.Nil(t, issued.Hash)

	require.NoError(t, s.RevokeToken(t.Context(), issued.ID))
	_, err = s.Authenticate(t.Context(), secret)
	requireCode(t, errs.Unauthenticated, err)
	requireCode(t, errs.NotFound, s.RevokeToken(t.Context(), id.New(id.Token)))
}

func TestToken_is_issued_once_per_id_however_many_ask_at_the_same_time(t *testing.T) {
	t.Parallel()
	s, u := withUser(t, newClock())
	tokenID := id.New(id.Token)
	secrets := make(chan string, 8)
	var group errgroup.Group
	for range cap(secrets) {
		group.Go(func() error {
			secret, _, err := s.IssueToken(t.Context(), tokenID, u.ID, "robot", nil)
			if err == nil {
				secrets <- secret
				return nil
			}
			var e *errs.Error
			if !errors.As(err, &e) || e.Key != "conflict.secret_shown_once" {
				return err
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Len(t, secrets, 1, "one caller has the secret, all others know that it was made")
	p, err := s.Authenticate(t.Context(), <-secrets)
	require.NoError(t, err)
	require.Equal(t, tokenID, p.TokenID)
}

func TestToken_is_issued_only_for_an_active_user_and_a_time_to_come(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	_, _, err := s.IssueToken(t.Context(), id.New(id.Token), id.New(id.User), "x", nil)
	requireField(t, "user_id", "unknown", err)
	_, _, err = s.IssueToken(t.Context(), id.New(id.Token), u.ID, "x", &c.at)
	requireField(t, "expires_at", "future", err)
}

func TestAuthenticate_refuses_what_is_no_token(t *testing.T) {
	t.Parallel()
	s, _ := withUser(t, newClock())
	stranger, _ := auth.NewSecret(auth.PrefixSession)
	for _, token := range []string{"", "demo", "mcs_", stranger, "mcs_' OR true --"} {
		_, err := s.Authenticate(t.Context(), token)
		requireCode(t, errs.Unauthenticated, err)
	}
}

func TestAuthenticate_remembers_for_one_second(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	token := login(t, s, "agent1", "demo")
	_, err := s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	// What another process does:
	require.NoError(t, s.DB().Exec("UPDATE users SET active = false WHERE id = ?", u.ID).Error)
	_, err = s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	c.at = c.at.Add(time.Second)
	_, err = s.Authenticate(t.Context(), token)
	requireCode(t, errs.Unauthenticated, err)
}

func TestPassword_change_ends_sessions_but_not_service_tokens(t *testing.T) {
	t.Parallel()
	s, u := withUser(t, newClock())
	session := login(t, s, "agent1", "demo")
	service, _, err := s.IssueToken(t.Context(), id.New(id.Token), u.ID, "job", nil)
	require.NoError(t, err)
	for range 5 {
		_, _, _, err := s.Login(t.Context(), "agent1", "wrong")
		requireCode(t, errs.Unauthenticated, err)
	}
	u, err = s.User(t.Context(), u.ID)
	require.NoError(t, err)
	_, err = s.UpdateUser(t.Context(), u, "changed")
	require.NoError(t, err)
	_, err = s.Authenticate(t.Context(), session)
	requireCode(t, errs.Unauthenticated, err)
	_, err = s.Authenticate(t.Context(), service)
	require.NoError(t, err)
	login(t, s, "agent1", "changed") // which also ended the lock-out
}

func TestActor_knows_how_far_they_may_go_as_a_deputy(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	token := login(t, s, "agent1", "demo")
	rule := func(p models.User, until time.Duration, most *int64, processes ...string) {
		_, err := s.CreateDeputy(t.Context(), models.Deputy{
			ID: id.New(id.Deputy), UserID: p.ID, DeputyID: u.ID, Processes: processes, MaxAmount: most,
			From: c.at.Add(-2 * time.Hour), Until: c.at.Add(until), CreatedBy: p.ID,
		}, nil)
		require.NoError(t, err)
	}
	one, two, three := addUser(t, s, "one"), addUser(t, s, "two"), addUser(t, s, "three")
	rule(one, time.Hour, ptr(int64(100_000)))
	rule(two, time.Hour, ptr(int64(5)), "reception")
	rule(two, time.Hour, nil, "complaint")
	rule(two, -time.Hour, ptr(int64(100_000)), "reception")
	rule(three, time.Hour, nil)

	p, err := s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, []models.Ceiling{{Processes: []string{}, MaxAmount: 100_000}}, p.Actor.ActsFor[0].Ceilings)
	require.Equal(t, []models.Ceiling{{Processes: []string{"reception"}, MaxAmount: 5}, {Processes: []string{"complaint"}}}, p.Actor.ActsFor[1].Ceilings)
	require.Nil(t, p.Actor.ActsFor[2].Ceilings)
	require.Len(t, p.Actor.In(models.ReceptionProcess), 4)
	for amount, want := range map[int64][]string{
		5:       {u.ID, one.ID, two.ID, three.ID},
		6:       {u.ID, one.ID, three.ID},
		100_001: {u.ID, three.ID},
	} {
		var ids []string
		for _, person := range p.Actor.For(models.ReceptionProcess, amount) {
			ids = append(ids, person.ID)
		}
		require.Equal(t, want, ids, amount)
	}
}

func TestActor_knows_teams_and_those_for_whom_they_are_a_deputy_now(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	token := login(t, s, "agent1", "demo")
	own := addTeam(t, s, "own", &u.ID)

	add := func(name string, from, until time.Duration, processes ...string) models.User {
		p := addUser(t, s, name)
		_, err := s.CreateDeputy(t.Context(), models.Deputy{
			ID: id.New(id.Deputy), UserID: p.ID, DeputyID: u.ID, Processes: processes,
			From: c.at.Add(from), Until: c.at.Add(until), CreatedBy: p.ID,
		}, nil)
		require.NoError(t, err)
		return p
	}
	now := add("now", 0, time.Hour)
	led := addTeam(t, s, "led", &now.ID)
	complaint := add("complaint", -time.Hour, time.Hour, "reception", "complaint")
	add("past", -time.Hour, 0)
	add("future", time.Second, time.Hour)
	reception := add("reception", 0, time.Hour, "reception")
	gone := add("gone", 0, time.Hour)
	require.NoError(t, s.DB().Exec("UPDATE users SET active = false WHERE id = ?", gone.ID).Error)
	// A second rule for the same person, and a deputy of a deputy.
	_, err := s.CreateDeputy(t.Context(), models.Deputy{
		ID: id.New(id.Deputy), UserID: now.ID, DeputyID: u.ID, From: c.at.Add(-time.Hour), Until: c.at.Add(time.Hour), CreatedBy: now.ID,
	}, nil)
	require.NoError(t, err)
	far := addUser(t, s, "far")
	_, err = s.CreateDeputy(t.Context(), models.Deputy{
		ID: id.New(id.Deputy), UserID: far.ID, DeputyID: now.ID, From: c.at, Until: c.at.Add(time.Hour), CreatedBy: far.ID,
	}, nil)
	require.NoError(t, err)

	p, err := s.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, models.Actor{
		Person: models.Person{ID: u.ID, Roles: u.Roles, Supervises: []string{own.ID}},
		ActsFor: []models.Person{
			{ID: now.ID, Roles: now.Roles, Supervises: []string{led.ID}},
			{ID: complaint.ID, Roles: complaint.Roles, Processes: []string{"reception", "complaint"}},
			{ID: reception.ID, Roles: reception.Roles, Processes: []string{"reception"}},
		},
	}, p.Actor, "a second rule that names no process makes it all of them")
	ids := func(process string) (ids []string) {
		for _, person := range p.Actor.In(process) {
			ids = append(ids, person.ID)
		}
		return ids
	}
	require.Equal(t, []string{u.ID, now.ID, complaint.ID, reception.ID}, ids("reception"))
	require.Equal(t, []string{u.ID, now.ID, complaint.ID}, ids("complaint"))
	require.Equal(t, []string{u.ID, now.ID}, ids("approval"))
}

func TestPurge_removes_what_nobody_can_need(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, u := withUser(t, c)
	token := login(t, s, "agent1", "demo")
	_, _, err := s.IssueToken(t.Context(), id.New(id.Token), u.ID, "job", ptr(c.at.Add(time.Hour)))
	require.NoError(t, err)
	_, _, err = s.Claim(t.Context(), u.ID, "key", models.IdempotencyRecord{CommandID: "req_1", Fingerprint: []byte{1}})
	require.NoError(t, err)
	began := c.at
	for _, step := range []struct {
		after time.Duration
		rows  int64
	}{{24 * time.Hour, 0}, {25 * time.Hour, 1}, {31 * 24 * time.Hour, 1}} {
		c.at = began.Add(step.after)
		n, err := s.Purge(t.Context())
		require.NoError(t, err)
		require.Equal(t, step.rows, n, "after %s", step.after)
	}
	c.at = began
	_, err = s.Authenticate(t.Context(), token)
	requireCode(t, errs.Unauthenticated, err)
	tokens, _, err := s.ListTokens(t.Context(), models.Page{})
	require.NoError(t, err)
	require.Len(t, tokens, 1, "who held a service token stays on record")
}
