package api

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

const (
	zoneKept      = time.Minute     // how long the zone of the organisation is not asked for again
	noteDayWithin = 2 * time.Second // what no request waits for any longer
)

// presence notes on which days people use the product (U-01): the first request of a person's own session on each day, in the
// zone of the cadence policy's calendar. It never makes a request fail.
type presence struct {
	store Discipline
	rules *rulebook.Book
	log   *slog.Logger
	now   func() time.Time

	mu    sync.Mutex
	noted map[string]string // user → the latest date that is known to be stored
	zone  *time.Location    // nil: not known, so no day either
	asked time.Time         // when the zone was asked for
}

// note notes the day of an authenticated caller. A machine, and a token that was made for one, is nobody's presence.
func (p *presence) note(c *gin.Context) {
	who := caller(c)
	if !id.Valid(id.Session, who.TokenID) || slices.Contains(who.User.Roles, models.RoleScheduler) {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), noteDayWithin)
	defer cancel()
	now := p.now()
	zone := p.zoneAt(ctx, now)
	if zone == nil {
		return
	}
	day := now.In(zone)
	if !p.first(who.User.ID, day.Format(time.DateOnly)) {
		return
	}
	if err := p.store.NoteDay(ctx, who.User.ID, day, now); err != nil {
		p.forget(who.User.ID)
		p.log.WarnContext(ctx, "day of log-in not noted", "user_id", who.User.ID, "err", err)
	}
}

// first reports whether the date is not the latest one known of the user, and takes it to be from now on.
func (p *presence) first(userID, date string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noted[userID] == date {
		return false
	}
	p.noted[userID] = date
	return true
}

// forget has the next request note the day.
func (p *presence) forget(userID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.noted, userID)
}

// zoneAt is the zone of the organisation, as it was known a minute ago at the earliest or could be found out last.
func (p *presence) zoneAt(ctx context.Context, now time.Time) *time.Location {
	p.mu.Lock()
	zone, fresh := p.zone, p.asked.Add(zoneKept).After(now)
	if !fresh {
		p.asked = now // one request asks, the others go on with what is known
	}
	p.mu.Unlock()
	if fresh {
		return zone
	}
	_, _, calendar, err := p.rules.LatestCadence(ctx)
	if err != nil {
		return zone
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zone = calendar.Location()
	return p.zone
}
