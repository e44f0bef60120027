package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// The window in which free and busy times are shown, unless the caller asks for another.
const (
	defaultWindow = 7 * 24 * time.Hour
	maxWindow     = 92 * 24 * time.Hour
)

// library serves the resources that receptions book: rooms, vehicles, equipment, interpreters, gifts.
type library struct {
	store    Resources
	policies Policies
	now      func() time.Time
}

func (h *library) routes(r gin.IRouter) {
	r.GET("/resources", need(models.PermResourceRead), h.list)
	r.POST("/resources", need(models.PermResourceManage), h.create)
	r.GET("/resources/:id", need(models.PermResourceRead), h.get)
	r.PATCH("/resources/:id", need(models.PermResourceManage), h.patch)
	r.GET("/resources/:id/bookings", need(models.PermResourceRead), h.bookings)
	r.GET("/resources/:id/free", need(models.PermResourceRead), h.free)
}

type resourceView struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Kind       models.ResourceKind `json:"kind"`
	Capacity   int                 `json:"capacity"`
	Quantity   int                 `json:"quantity"`
	CalendarID *string             `json:"calendar_id"`
	Location   string              `json:"location"`
	Class      string              `json:"class"`
	Active     bool                `json:"active"`
	Version    int64               `json:"version"`
	CreatedAt  Time                `json:"created_at"`
	UpdatedAt  Time                `json:"updated_at"`
}

func toResourceView(r models.Resource) resourceView {
	return resourceView{
		ID: r.ID, Name: r.Name, Kind: r.Kind, Capacity: r.Capacity, Quantity: r.Quantity, CalendarID: r.CalendarID, Location: r.Location,
		Class: r.Class, Active: r.Active, Version: r.Version, CreatedAt: Time(r.CreatedAt), UpdatedAt: Time(r.UpdatedAt),
	}
}

// list lists resources in the order in which they were made. Filters: kind, active.
func (h *library) list(c *gin.Context) {
	q := queryOf(c)
	f := models.ResourceFilter{Kind: oneOf(q, "kind", models.ResourceKinds()...), Active: q.bool("active")}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Resources(c.Request.Context(), f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toResourceView)
}

// get answers one resource. 404 unknown.
func (h *library) get(c *gin.Context) {
	r, err := h.store.Resource(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, r.Version)
	answer(c, http.StatusOK, toResourceView(r))
}

type createResourceRequest struct {
	Name       string  `json:"name" binding:"required,notblank,max=100"`
	Kind       string  `json:"kind" binding:"required,oneof=room vehicle equipment interpreter gift_stock"`
	Capacity   int     `json:"capacity" binding:"min=0,max=1000000"`
	Quantity   *int    `json:"quantity" binding:"omitempty,min=0,max=1000000"` // 1 if absent
	CalendarID *string `json:"calendar_id" binding:"omitempty,slug"`           // always at hand if absent
	Location   string  `json:"location" binding:"max=200"`
	Class      string  `json:"class" binding:"omitempty,name"`
	Active     *bool   `json:"active"` // true if absent
}

// create adds a resource. 409 when the name is taken, 422 bad values.
func (h *library) create(c *gin.Context) {
	var req createResourceRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	now := h.now().UTC()
	r := models.Resource{
		ID: newID(c, id.Resource), Name: strings.TrimSpace(req.Name), Kind: models.ResourceKind(req.Kind), Capacity: req.Capacity, Quantity: 1,
		CalendarID: req.CalendarID, Location: strings.TrimSpace(req.Location), Class: req.Class, Active: true, Version: 1,
		CreatedAt: now, UpdatedAt: now,
	}
	if req.Quantity != nil {
		r.Quantity = *req.Quantity
	}
	if req.Active != nil {
		r.Active = *req.Active
	}
	err := h.fits(c.Request.Context(), r)
	if err == nil {
		r, err = h.store.CreateResource(c.Request.Context(), r)
	}
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, r.Version)
	created(c, r.ID, toResourceView(r))
}

type patchResourceRequest struct {
	Name       patch[string]     `json:"name" binding:"omitnil,notblank,max=100"`
	Capacity   patch[int]        `json:"capacity" binding:"omitnil,min=0,max=1000000"`
	Quantity   patch[int]        `json:"quantity" binding:"omitnil,min=0,max=1000000"`
	CalendarID clearable[string] `json:"calendar_id" binding:"omitnil,slug"`
	Location   patch[string]     `json:"location" binding:"omitnil,max=200"`
	Class      patch[string]     `json:"class" binding:"omitnil,max=40"`
	Active     patch[bool]       `json:"active"`
}

// patch changes a resource; its kind stays. 404 unknown, 409 when more pieces are booked than there would be, 412 when
// If-Match is stale, 422 bad values.
func (h *library) patch(c *gin.Context) {
	var req patchResourceRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	r, err := change(c, func(r models.Resource) int64 { return r.Version }, h.store.Resource,
		func(r *models.Resource) error {
			req.Name.into(&r.Name)
			r.Name = strings.TrimSpace(r.Name)
			req.Capacity.into(&r.Capacity)
			req.Quantity.into(&r.Quantity)
			req.CalendarID.into(&r.CalendarID)
			req.Location.into(&r.Location)
			req.Class.into(&r.Class)
			req.Active.into(&r.Active)
			r.UpdatedAt = h.now().UTC()
			return h.fits(c.Request.Context(), *r)
		}, h.store.UpdateResource)
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, r.Version)
	answer(c, http.StatusOK, toResourceView(r))
}

// fits checks what a resource names, and that its numbers are those of its kind.
func (h *library) fits(ctx context.Context, r models.Resource) error {
	f := faults(r.Faults())
	if r.Class != "" && !namePattern.MatchString(r.Class) {
		f.add("class", "name")
	}
	if err := knownCalendar(ctx, h.policies, &f, "calendar_id", r.CalendarID); err != nil {
		return err
	}
	return f.err()
}

type bookingView struct {
	ID         string              `json:"id"`
	ResourceID string              `json:"resource_id"`
	SubjectID  *string             `json:"subject_id"`
	StartsAt   Time                `json:"starts_at"`
	EndsAt     Time                `json:"ends_at"`
	Quantity   int                 `json:"quantity"`
	State      models.BookingState `json:"state"`
}

// bookings lists when a resource is in use between from and until, in the order of time; for whom is shown to those who
// may know it. 404 unknown.
func (h *library) bookings(c *gin.Context) {
	q := queryOf(c)
	slot, p := h.window(q), q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	if _, err := h.store.Resource(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Bookings(ctx, c.Param("id"), slot, p)
	if err != nil {
		fail(c, err)
		return
	}
	named := may(c, models.PermBookingRead)
	list(c, rows, next, func(b models.Booking) bookingView {
		v := bookingView{
			ID: b.ID, ResourceID: b.ResourceID, StartsAt: Time(b.StartsAt), EndsAt: Time(b.EndsAt), Quantity: b.Quantity, State: b.State,
		}
		if named {
			v.SubjectID = &b.SubjectID
		}
		return v
	})
}

type freeSlotView struct {
	StartsAt  Time `json:"starts_at"`
	EndsAt    Time `json:"ends_at"`
	Available int  `json:"available"`
}

// free lists the times between from and until in which the quantity is free for at least the length. 404 unknown.
func (h *library) free(c *gin.Context) {
	q := queryOf(c)
	slot, length, quantity := h.window(q), q.duration("length"), q.int("quantity", 1, models.MaxQuantity, 1)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	slots, err := h.store.FreeSlots(c.Request.Context(), c.Param("id"), slot, quantity, length)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, slots, "", func(s models.FreeSlot) freeSlotView {
		return freeSlotView{StartsAt: Time(s.From), EndsAt: Time(s.Until), Available: s.Available}
	})
}

// window is the time that is asked for: from, now if absent, until, a week later if absent, and at most 92 days.
func (h *library) window(q *query) models.Slot {
	s := models.Slot{From: h.now().UTC()}
	if t := q.time("from"); t != nil {
		s.From = *t
	}
	s.Until = s.From.Add(defaultWindow)
	if t := q.time("until"); t != nil {
		s.Until = *t
	}
	switch {
	case !s.From.Before(s.Until):
		q.faults.add("until", "after", "other", "from")
	case s.Length() > maxWindow:
		q.faults.add("until", "too_long", "max", strconv.Itoa(int(maxWindow/(24*time.Hour)))+"d")
	}
	return s
}

// duration is a length such as 90m or 2h; zero when absent.
func (q *query) duration(name string) time.Duration {
	v := q.values.Get(name)
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		q.wrongType(name, "90m, 2h")
	case d <= 0 || d > models.MaxBooking:
		q.faults.add(name, "between", "low", "1m", "high", "744h")
	}
	return d
}
