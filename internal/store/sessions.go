package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

const (
	sessionLife = 12 * time.Hour   // a working day with everything around it
	maxFailures = 5                // wrong passwords in a row until the lock
	lockTime    = 15 * time.Minute // 480 guesses a day at most, and the owner is not kept out for long
	maxPassword = 1024             // bytes
)

// The kinds of tokens.
const (
	kindSession = "session"
	kindService = "service"
)

func unauthenticated(key string) error { return errs.New(errs.Unauthenticated, key) }

func lockedOut(left time.Duration) error {
	e := errs.New(errs.RateLimited, "login.locked")
	e.RetryAfter = left.Round(time.Second)
	return e
}

// Login checks a password and opens a session of 12 hours. The fifth wrong password in a row locks the user out for 15
// minutes, also with the right one. A wrong password, an unknown name, an inactive user and a machine are the same
// unauthenticated, and take the same time; unknown names are locked out like known ones. Other errors: rate_limited
// while locked out, with the time left.
func (s *Store) Login(ctx context.Context, username, password string) (string, time.Time, models.User, error) {
	fail := func(err error) (string, time.Time, models.User, error) { return "", time.Time{}, models.User{}, err }
	name := strings.ToLower(strings.TrimSpace(username))
	users, err := gorm.G[models.User](s.db).Where("lower(username) = lower(?)", name).Find(ctx)
	if err != nil {
		return fail(mapped(err))
	}
	var u models.User // of nobody: without a password
	if len(users) == 1 {
		u = users[0]
	}
	if left := s.lockLeft(name, u); left > 0 {
		return fail(lockedOut(left))
	}
	hash := u.PasswordHash
	if !u.Active || len(password) > maxPassword {
		hash, password = "", ""
	}
	right, err := s.passwords.Verify(ctx, hash, password)
	if err != nil {
		return fail(mapped(err))
	}
	if !right {
		return fail(s.wrongPassword(ctx, name, u))
	}
	return s.openSession(ctx, u)
}

// openSession makes the session of a user who gave the right password. Who was locked out while the password was being
// checked stays out: otherwise many guesses at once would go past the lock.
func (s *Store) openSession(ctx context.Context, u models.User) (string, time.Time, models.User, error) {
	now := s.now()
	secret, hash := auth.NewSecret(auth.PrefixSession)
	expires := now.Add(sessionLife)
	t := models.Token{ID: id.New(id.Session), UserID: u.ID, Hash: hash[:], Kind: kindSession, ExpiresAt: &expires, CreatedAt: now}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Model(&models.User{}).Where("id = ? AND active AND password_hash = ?", u.ID, u.PasswordHash).
			Where("locked_until IS NULL OR locked_until <= ?", now).
			UpdateColumns(map[string]any{"failed_logins": 0, "locked_until": nil})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return lockedOut(lockTime)
		}
		return tx.Create(&t).Error
	})
	if err != nil {
		return "", time.Time{}, models.User{}, err
	}
	u.FailedLogins, u.LockedUntil = 0, nil
	return secret, expires, u, nil
}

// attempts counts the failed log-ins under a name that does not exist.
type attempts struct {
	failed int
	until  time.Time
}

// lockLeft returns how long the name is still locked out.
func (s *Store) lockLeft(name string, u models.User) time.Duration {
	if u.ID == "" {
		a, _ := s.strangers.Get(name)
		return a.until.Sub(s.now())
	}
	if u.LockedUntil == nil {
		return 0
	}
	return u.LockedUntil.Sub(s.now())
}

// wrongPassword counts the failure and answers the log-in.
func (s *Store) wrongPassword(ctx context.Context, name string, u models.User) error {
	until := s.now().Add(lockTime)
	if u.ID == "" {
		a, _ := s.strangers.Get(name)
		if a.failed++; a.failed >= maxFailures {
			a = attempts{until: until}
		}
		s.strangers.Add(name, a)
		return unauthenticated("login.wrong")
	}
	err := s.db.WithContext(ctx).Exec(`UPDATE users SET
			failed_logins = CASE WHEN failed_logins + 1 >= ? THEN 0 ELSE failed_logins + 1 END,
			locked_until = CASE WHEN failed_logins + 1 >= ? THEN ?::timestamptz ELSE locked_until END
		WHERE id = ?`, maxFailures, maxFailures, until, u.ID).Error
	if err != nil {
		return mapped(err)
	}
	return unauthenticated("login.wrong")
}

// Logout ends the session of the token; one that is over already is no error.
func (s *Store) Logout(ctx context.Context, tokenID string) error {
	if err := s.RevokeToken(ctx, tokenID); errs.CodeOf(err) != errs.NotFound {
		return err
	}
	return nil
}

// IssueToken makes a service token for an active user. The secret is returned once and kept nowhere. Errors: invalid
// when the user is unknown or inactive, or the time of expiry has passed; conflict when the id was issued before, whose
// secret nobody can show again.
func (s *Store) IssueToken(ctx context.Context, tokenID, userID, name string, expires *time.Time) (string, models.Token, error) {
	now := s.now()
	if expires != nil && !expires.After(now) {
		return "", models.Token{}, errs.NewInvalid(errs.Field{Field: "expires_at", Code: "future"})
	}
	active, err := gorm.G[models.User](s.db).Where("id = ? AND active", userID).Count(ctx, "id")
	if err != nil {
		return "", models.Token{}, mapped(err)
	}
	if active == 0 {
		return "", models.Token{}, errs.NewInvalid(errs.Field{Field: "user_id", Code: "unknown"})
	}
	secret, hash := auth.NewSecret(auth.PrefixService)
	t := models.Token{
		ID: tokenID, UserID: userID, Hash: hash[:], Kind: kindService, Name: name, ExpiresAt: expires, CreatedAt: now,
	}
	switch res := s.db.WithContext(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&t); {
	case res.Error != nil:
		return "", models.Token{}, mapped(res.Error)
	case res.RowsAffected == 0:
		return "", models.Token{}, errs.New(errs.Conflict, "conflict.secret_shown_once")
	}
	t.Hash = nil
	return secret, t, nil
}

// RevokeToken ends a session or a service token; at once in this process, within a second in the others. A token that
// is revoked already keeps its time. not_found when there is none.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	res := s.db.WithContext(ctx).Exec("UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", s.now(), id)
	if res.Error != nil {
		return mapped(res.Error)
	}
	s.forget()
	if res.RowsAffected == 0 {
		return notFound()
	}
	return nil
}

// ListTokens lists the service tokens, newest first, also those that are over, without their hashes.
func (s *Store) ListTokens(ctx context.Context, p models.Page) ([]models.Token, string, error) {
	q := gorm.G[models.Token](s.db).Where("kind = ?", kindService).Omit("hash")
	return list(ctx, q, p, descending, func(t models.Token) string { return t.ID })
}

// authenticate is one statement, since it runs before every request: the token, its user, the teams that they
// supervise, and the active users for whom they are a deputy at this instant, with theirs and with the ceilings of the rules.
const authenticate = `
SELECT u.id, u.username, u.display_name, u.email, u.locale, u.time_zone, u.roles, u.team_id, u.manager_id, u.active, u.version,
	u.created_at, u.updated_at, t.id AS token_id, t.expires_at,
	(SELECT json_agg(s.id ORDER BY s.id) FROM teams s WHERE s.supervisor_id = u.id) AS supervises,
	(SELECT json_agg(json_build_object('id', p.id, 'team_id', p.team_id, 'roles', p.roles, 'processes', r.processes, 'ceilings', r.ceilings, 'supervises',
			(SELECT json_agg(s.id ORDER BY s.id) FROM teams s WHERE s.supervisor_id = p.id)) ORDER BY p.id)
		FROM users p JOIN (
			SELECT d.user_id, CASE WHEN bool_and(d.processes <> '[]') THEN jsonb_path_query_array(jsonb_agg(d.processes ORDER BY d.id), '$[*][*]') END AS processes,
				CASE WHEN bool_or(d.max_amount IS NOT NULL)
					THEN jsonb_agg(jsonb_build_object('processes', d.processes, 'max_amount', coalesce(d.max_amount, 0)) ORDER BY d.id) END AS ceilings
			FROM deputies d WHERE d.deputy_id = u.id AND d.valid_from <= @now AND d.valid_until > @now GROUP BY d.user_id) r ON r.user_id = p.id
		WHERE p.active) AS acts_for
FROM tokens t JOIN users u ON u.id = t.user_id
WHERE t.hash = @hash AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > @now) AND u.active`

// caller is a row of authenticate.
type caller struct {
	models.User
	TokenID    string     `gorm:"column:token_id"`
	ExpiresAt  *time.Time `gorm:"column:expires_at"`
	Supervises []byte     `gorm:"column:supervises"`
	ActsFor    []byte     `gorm:"column:acts_for"`
}

// Authenticate finds who holds the token: unauthenticated when it is unknown, expired or revoked, or its user inactive.
// The answer may be one second old, except for what this process itself has changed. A deputy acts for those whose rule
// is in force now, in the processes that it names and up to its amount, never for those for whom these are deputies in turn.
func (s *Store) Authenticate(ctx context.Context, token string) (models.Principal, error) {
	hash, ok := auth.HashSecret(token)
	if !ok {
		return models.Principal{}, unauthenticated("unauthenticated")
	}
	now := s.now()
	if p, ok := s.cache.principal(hash, now); ok {
		return p, nil
	}
	began := s.cache.generation.Load()
	var rows []caller
	err := s.db.WithContext(ctx).Raw(authenticate, map[string]any{"hash": hash[:], "now": now}).Scan(&rows).Error
	if err != nil {
		return models.Principal{}, mapped(err)
	}
	if len(rows) == 0 {
		return models.Principal{}, unauthenticated("unauthenticated")
	}
	p, err := rows[0].principal()
	if err != nil {
		return models.Principal{}, mapped(err)
	}
	s.cache.keep(hash, began, cachedPrincipal{Principal: p, loaded: now, expires: rows[0].ExpiresAt})
	return p, nil
}

func (c caller) principal() (models.Principal, error) {
	person := models.Person{ID: c.ID, TeamID: deref(c.TeamID), Roles: c.Roles}
	if err := unmarshal(c.Supervises, &person.Supervises); err != nil {
		return models.Principal{}, err
	}
	actor := models.Actor{Person: person}
	if err := unmarshal(c.ActsFor, &actor.ActsFor); err != nil {
		return models.Principal{}, err
	}
	return models.Principal{User: c.User, TokenID: c.TokenID, Actor: actor}, nil
}

// unmarshal reads JSON of the database; SQL's NULL leaves v as it is.
func unmarshal(data []byte, v any) error {
	if data == nil {
		return nil
	}
	return json.Unmarshal(data, v)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
