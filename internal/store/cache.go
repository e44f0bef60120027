package store

import (
	"context"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/models"
)

// freshness is how old a cached answer may be: what another process changes counts here within a second.
const freshness = time.Second

// cachedApprovals bounds the approvals that are remembered at the same time.
const cachedApprovals = 2048

// cachedPrincipals bounds the callers that are remembered at the same time.
const cachedPrincipals = 4096

// cache remembers what nearly every request asks for. A change in this process empties it.
type cache struct {
	generation atomic.Int64 // counts the changes
	principals *lru.Cache[[32]byte, cachedPrincipal]
	org        atomic.Pointer[cached[*models.Org]]
	cases      caseCache
	approvals  *lru.Cache[string, models.ApprovalState] // as of the last step that this process wrote
	deputies   atomic.Pointer[cached[deputiesSince]]
}

type cachedPrincipal struct {
	models.Principal
	loaded  time.Time
	expires *time.Time
}

// cached is an answer, and when it was true.
type cached[T any] struct {
	answer     T
	loaded     time.Time
	generation int64
}

func (c *cached[T]) fresh(now time.Time, generation int64) bool {
	return c != nil && c.generation == generation && now.Sub(c.loaded) < freshness
}

// deputiesSince are the rules for deputies that were not over at an instant.
type deputiesSince struct {
	rules []models.Deputy
	since time.Time
}

func (c *cache) principal(hash [32]byte, now time.Time) (models.Principal, bool) {
	p, ok := c.principals.Get(hash)
	if !ok || now.Sub(p.loaded) >= freshness || p.expires != nil && !p.expires.After(now) {
		return models.Principal{}, false
	}
	return p.Principal, true
}

// keep remembers what was read while the generation was the one given; if something has changed since, it may be old.
func (c *cache) keep(hash [32]byte, generation int64, p cachedPrincipal) {
	c.principals.Add(hash, p)
	if c.generation.Load() != generation {
		c.principals.Remove(hash)
	}
}

// forget empties the cache: call it after each change of users, teams, deputies and tokens, once it is committed.
func (s *Store) forget() {
	s.cache.generation.Add(1)
	s.cache.principals.Purge()
}

// Org returns who stands where, inactive users included. It may be one second old, except for what this process itself
// has changed, and is shared: read it, never write to it.
func (s *Store) Org(ctx context.Context) (*models.Org, error) {
	now, generation := s.now(), s.cache.generation.Load()
	if o := s.cache.org.Load(); o.fresh(now, generation) {
		return o.answer, nil
	}
	return s.FreshOrg(ctx)
}

// FreshOrg is Org as of now, also where another process has just changed it.
func (s *Store) FreshOrg(ctx context.Context) (*models.Org, error) {
	now, generation := s.now(), s.cache.generation.Load()
	org, err := readOrg(ctx, s.db)
	if err != nil {
		return nil, err
	}
	s.cache.org.Store(&cached[*models.Org]{org, now, generation})
	return org, nil
}

// readOrg reads the organisation as the transaction sees it.
func readOrg(ctx context.Context, db *gorm.DB) (*models.Org, error) {
	users, err := gorm.G[models.User](db).Select("id, username, team_id, manager_id, active, roles").Find(ctx)
	if err != nil {
		return nil, mapped(err)
	}
	teams, err := gorm.G[models.Team](db).Select("id, name, supervisor_id, calendar_id").Find(ctx)
	if err != nil {
		return nil, mapped(err)
	}
	org := &models.Org{Users: make(map[string]models.OrgUser, len(users)), Teams: make(map[string]models.OrgTeam, len(teams))}
	for _, u := range users {
		org.Users[u.ID] = models.OrgUserOf(u)
	}
	for _, t := range teams {
		org.Teams[t.ID] = models.OrgTeam{
			ID: t.ID, Name: t.Name, SupervisorID: deref(t.SupervisorID), CalendarID: deref(t.CalendarID),
		}
	}
	return org, nil
}
