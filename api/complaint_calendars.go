package api

import (
	"context"
	"sync"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// calendarVersions compiles published calendar versions, each once. They never change and are few: a company publishes
// one or two a year.
type calendarVersions struct {
	store Policies
	known sync.Map // calendarKey → *calendar.Calendar
}

type calendarKey struct {
	id      string
	version int
}

// get returns a published version. Callers who ask for a new one at the same time may each compile it.
func (v *calendarVersions) get(ctx context.Context, id string, version int) (*calendar.Calendar, error) {
	key := calendarKey{id, version}
	if cal, ok := v.known.Load(key); ok {
		return cal.(*calendar.Calendar), nil
	}
	row, err := v.store.Calendar(ctx, id, version)
	if err != nil {
		return nil, err
	}
	cal, err := compiled(row)
	if err != nil {
		return nil, err
	}
	v.known.Store(key, cal)
	return cal, nil
}
