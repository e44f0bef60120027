package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// Resource returns one resource; not_found when there is none.
func (s *Store) Resource(ctx context.Context, id string) (models.Resource, error) {
	return find[models.Resource](ctx, s.db, id)
}

// Resources lists resources, the first made first.
func (s *Store) Resources(ctx context.Context, f models.ResourceFilter, p models.Page) ([]models.Resource, string, error) {
	q := all[models.Resource](s.db)
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.Active != nil {
		q = q.Where("active = ?", *f.Active)
	}
	return list(ctx, q, p, ascending, func(r models.Resource) string { return r.ID })
}

// CreateResource stores a new resource, or returns the stored one when the id exists already. Errors: conflict
// resources.name_taken; invalid when the kind is none or the numbers are not for it.
func (s *Store) CreateResource(ctx context.Context, r models.Resource) (models.Resource, error) {
	r.Version = 1
	return create(ctx, s.db, r, r.ID)
}

// UpdateResource writes a resource whose Version is the stored one, and returns the new row; the kind stays. Errors:
// not_found; precondition_failed; conflict resource.in_use when more pieces are booked, now or later, than there would
// be; else as CreateResource.
func (s *Store) UpdateResource(ctx context.Context, r models.Resource) (models.Resource, error) {
	version := r.Version
	r.Version++
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// Writing first takes the lock under which bookings are made.
		if err := update(ctx, tx, &r, r.ID, version, "name", "capacity", "quantity", "calendar_id", "location", "class", "active"); err != nil {
			return err
		}
		if r.Kind.Single() {
			return nil
		}
		busy, err := gorm.G[models.Booking](tx).
			Where("resource_id = ? AND state <> 'released' AND (? OR ends_at > ?)", r.ID, r.Kind.Consumed(), r.UpdatedAt).Find(ctx)
		if err != nil {
			return err
		}
		if used := inUse(r, busy, models.Slot{From: r.UpdatedAt, Until: endOfTime}); used > r.Quantity {
			return errs.New(errs.Conflict, "resource.in_use", "used", strconv.Itoa(used))
		}
		return nil
	})
	if err != nil {
		return models.Resource{}, err
	}
	return r, nil
}

// endOfTime is after every booking.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// inUse is how many pieces the bookings use at once in the slot; of what is consumed, all of them.
func inUse(r models.Resource, busy []models.Booking, slot models.Slot) int {
	if !r.Kind.Consumed() {
		return models.Peak(busy, slot)
	}
	used := 0
	for _, b := range busy {
		used += b.Quantity
	}
	return used
}

// Bookings lists the live bookings of a resource that overlap the slot, in the order in which they begin.
func (s *Store) Bookings(ctx context.Context, resourceID string, slot models.Slot, p models.Page) ([]models.Booking, string, error) {
	q := overlapping(s.db, resourceID, slot)
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		micros, last, _ := strings.Cut(after, ".")
		at, err := strconv.ParseInt(micros, 10, 64)
		if err != nil {
			return nil, "", errs.Wrap(err, errs.Malformed, "cursor")
		}
		q = q.Where("(starts_at, id) > (?, ?)", time.UnixMicro(at).UTC(), last)
	}
	if err := estimate(ctx, q, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	rows, err := q.Order("starts_at, id").Limit(limit + 1).Find(ctx)
	if err != nil || len(rows) <= limit {
		return rows, "", mapped(err)
	}
	rows = rows[:limit]
	end := rows[limit-1]
	return rows, encodeCursor(strconv.FormatInt(end.StartsAt.UnixMicro(), 10) + "." + end.ID), nil
}

// overlapping begins a query over the live bookings of a resource in a slot. No booking is longer than MaxBooking, so
// those that overlap begin in a stretch of the index that does not grow with the past.
func overlapping(db *gorm.DB, resourceID string, slot models.Slot) gorm.ChainInterface[models.Booking] {
	return gorm.G[models.Booking](db).Where("resource_id = ? AND state <> 'released' AND starts_at > ? AND starts_at < ? AND ends_at > ?",
		resourceID, slot.From.Add(-models.MaxBooking), slot.Until, slot.From)
}

// BookingsOf lists the live bookings of a subject, by item.
func (s *Store) BookingsOf(ctx context.Context, subjectID string) ([]models.Booking, error) {
	rows, err := gorm.G[models.Booking](s.db).Where("subject_id = ? AND state <> 'released'", subjectID).Order("item").Find(ctx)
	return rows, mapped(err)
}

// FreeSlots lists the times within the slot in which the quantity of a resource is free for at least the length, in
// order. Of what is consumed, that is the whole slot or none of it. Errors: not_found.
func (s *Store) FreeSlots(ctx context.Context, resourceID string, within models.Slot, quantity int, length time.Duration) ([]models.FreeSlot, error) {
	r, err := s.Resource(ctx, resourceID)
	if err != nil || !r.Active {
		return nil, err
	}
	var busy []models.Booking
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		r, busy, err = taken(ctx, conn, r, within)
		return err
	})
	if err != nil {
		return nil, err
	}
	return models.FreeSlots(r, busy, within, quantity, length), nil
}

const bookingColumns = `id, resource_id, subject_id, item, step_seq, last_seq, starts_at, ends_at, quantity, state, created_by, created_at, updated_at`

const (
	usedUp      = `SELECT coalesce(sum(quantity), 0) FROM bookings WHERE resource_id = $1 AND state <> 'released'`
	inUseDuring = `SELECT ` + bookingColumns + ` FROM bookings WHERE resource_id = $1 AND state <> 'released'
		AND starts_at > $2 AND starts_at < $3 AND ends_at > $4 ORDER BY starts_at, id`
)

// taken reads what uses a resource in a slot. What is consumed is taken off the resource's quantity instead.
func taken(ctx context.Context, q Querier, r models.Resource, slot models.Slot) (models.Resource, []models.Booking, error) {
	if r.Kind.Consumed() {
		var used int
		err := q.QueryRow(ctx, usedUp, r.ID).Scan(&used)
		r.Quantity -= used
		return r, nil, err
	}
	busy, err := rowsOf[models.Booking](ctx, q, inUseDuring, r.ID, slot.From.Add(-models.MaxBooking), slot.Until, slot.From)
	return r, busy, err
}

// openHours says when a resource with a calendar is at hand: a time that begins and ends within the opening hours of one
// day. Nil without a calendar, and when none of that name was published.
func openHours(ctx context.Context, q Querier, calendarID *string) (func(models.Slot) bool, error) {
	if calendarID == nil {
		return nil, nil
	}
	var doc calendar.Document
	var body []byte
	var version int
	err := q.QueryRow(ctx, `SELECT body::text, version FROM calendar_versions WHERE id = $1 ORDER BY version DESC LIMIT 1`, *calendarID).Scan(&body, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("calendar %s: %w", *calendarID, err)
	}
	doc.ID, doc.Version = *calendarID, version
	c, err := calendar.New(doc)
	if err != nil {
		return nil, fmt.Errorf("calendar %s: %w", *calendarID, err)
	}
	day := func(t time.Time) string { return t.In(c.Location()).Format(time.DateOnly) }
	return func(s models.Slot) bool {
		last := s.Until.Add(-time.Nanosecond)
		return c.Open(s.From) && c.Open(last) && day(s.From) == day(last)
	}, nil
}
