package models

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// ResourceKind is what sort of thing a resource is; it says how it is shared.
type ResourceKind string

// The kinds of the reception resource library.
const (
	ResourceRoom        ResourceKind = "room"
	ResourceVehicle     ResourceKind = "vehicle"
	ResourceEquipment   ResourceKind = "equipment"
	ResourceInterpreter ResourceKind = "interpreter"
	ResourceGiftStock   ResourceKind = "gift_stock"
)

// ResourceKinds lists the kinds in a fixed order.
func ResourceKinds() []ResourceKind {
	return []ResourceKind{ResourceRoom, ResourceVehicle, ResourceEquipment, ResourceInterpreter, ResourceGiftStock}
}

// Valid reports whether k is a kind of the product.
func (k ResourceKind) Valid() bool { return slices.Contains(ResourceKinds(), k) }

// Single reports whether the resource serves one booking at a time.
func (k ResourceKind) Single() bool {
	return k == ResourceRoom || k == ResourceVehicle || k == ResourceInterpreter
}

// Consumed reports whether what is booked does not come back: a gift is given away, so it counts against the stock for
// good, whenever the booking ends.
func (k ResourceKind) Consumed() bool { return k == ResourceGiftStock }

// Seats reports whether the resource has a capacity for people.
func (k ResourceKind) Seats() bool { return k == ResourceRoom || k == ResourceVehicle }

// Resource is something that receptions book: a room, a car, a projector, an interpreter, a stock of gifts.
type Resource struct {
	ID         string       `gorm:"column:id;primaryKey"`
	Name       string       `gorm:"column:name"`
	Kind       ResourceKind `gorm:"column:kind"`        // never changes
	Capacity   int          `gorm:"column:capacity"`    // people that a room or vehicle takes; 0: not counted
	Quantity   int          `gorm:"column:quantity"`    // pieces of equipment, or gifts ever put into stock; 1 for the rest
	CalendarID *string      `gorm:"column:calendar_id"` // when it is at hand, for proposals of other times; nil: always
	Location   string       `gorm:"column:location"`
	Class      string       `gorm:"column:class"` // a word that the reception's standard asks for; empty: none
	Active     bool         `gorm:"column:active"`
	Version    int64        `gorm:"column:version"`
	CreatedAt  time.Time    `gorm:"column:created_at"`
	UpdatedAt  time.Time    `gorm:"column:updated_at"`
}

// TableName is the table of Resource.
func (Resource) TableName() string { return "resources" }

// MaxQuantity bounds the pieces of a resource, and what one booking may ask for.
const MaxQuantity = 1_000_000

// Faults lists what is wrong with the numbers of a resource of its kind; nil when nothing is.
func (r Resource) Faults() []errs.Field {
	var faults []errs.Field
	if r.Capacity != 0 && !r.Kind.Seats() {
		faults = append(faults, errs.Field{Field: "capacity", Code: "not_for_kind", Args: errs.Args("kind", string(r.Kind))})
	}
	if r.Quantity != 1 && r.Kind.Single() {
		faults = append(faults, errs.Field{Field: "quantity", Code: "one_of_a_kind", Args: errs.Args("kind", string(r.Kind))})
	}
	return faults
}

// BookingState is how firm a booking is.
type BookingState string

// The states of a booking: held until the reception is approved, booked from then on, released when it is not needed.
const (
	BookingHeld     BookingState = "held"
	BookingBooked   BookingState = "booked"
	BookingReleased BookingState = "released"
)

// MaxBooking is the longest booking: what overlaps a time begins at most this long before it.
const MaxBooking = 31 * 24 * time.Hour

// Slot is the time from From, included, until Until, excluded; both in UTC.
type Slot struct {
	From  time.Time
	Until time.Time
}

// Overlaps reports whether the two slots share an instant; slots that only meet do not.
func (s Slot) Overlaps(o Slot) bool { return s.From.Before(o.Until) && o.From.Before(s.Until) }

// Length is the time from the beginning to the end.
func (s Slot) Length() time.Duration { return s.Until.Sub(s.From) }

// String writes the slot as an ISO 8601 interval in UTC with milliseconds.
func (s Slot) String() string {
	const layout = "2006-01-02T15:04:05.000Z"
	return s.From.UTC().Format(layout) + "/" + s.Until.UTC().Format(layout)
}

// Booking is a resource, or some pieces of it, kept for a subject such as a reception.
type Booking struct {
	ID         string       `gorm:"column:id;primaryKey"`
	ResourceID string       `gorm:"column:resource_id"`
	SubjectID  string       `gorm:"column:subject_id"` // whom it is kept for: a reception
	Item       string       `gorm:"column:item"`       // the subject's own name of it; one live booking for each
	StepSeq    int64        `gorm:"column:step_seq"`   // the subject's step that made it
	LastSeq    int64        `gorm:"column:last_seq"`   // the subject's step that changed it last
	StartsAt   time.Time    `gorm:"column:starts_at"`
	EndsAt     time.Time    `gorm:"column:ends_at"`
	Quantity   int          `gorm:"column:quantity"`
	State      BookingState `gorm:"column:state"`
	CreatedBy  string       `gorm:"column:created_by"`
	CreatedAt  time.Time    `gorm:"column:created_at"`
	UpdatedAt  time.Time    `gorm:"column:updated_at"`
}

// TableName is the table of Booking.
func (Booking) TableName() string { return "bookings" }

// Slot is the time of the booking.
func (b Booking) Slot() Slot { return Slot{b.StartsAt, b.EndsAt} }

// FreeSlot is a time in which so many pieces are free throughout.
type FreeSlot struct {
	Slot
	Available int
}

// Peak returns the largest quantity that the bookings use at one instant of the slot.
func Peak(busy []Booking, s Slot) int {
	most := 0
	for _, b := range busy {
		// Use only grows where a booking begins, so the most is in use there or where the slot begins.
		at := b.StartsAt
		if at.Before(s.From) {
			at = s.From
		}
		if !at.Before(s.Until) {
			continue
		}
		used := 0
		for _, o := range busy {
			if !o.StartsAt.After(at) && o.EndsAt.After(at) {
				used += o.Quantity
			}
		}
		most = max(most, used)
	}
	return most
}

// FreeSlots lists the longest times within the slot in which the quantity is free throughout, in order, leaving out
// those that are shorter than length. busy holds every live booking of the resource that overlaps the slot; of a
// consumed resource, what it uses must be taken off its quantity instead.
func FreeSlots(r Resource, busy []Booking, within Slot, quantity int, length time.Duration) []FreeSlot {
	cuts := []time.Time{within.From, within.Until}
	for _, b := range busy {
		for _, t := range []time.Time{b.StartsAt, b.EndsAt} {
			if t.After(within.From) && t.Before(within.Until) {
				cuts = append(cuts, t)
			}
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	var free []FreeSlot
	open := false // the last slot of free ends where the next piece begins
	for i := 1; i < len(cuts); i++ {
		piece := Slot{cuts[i-1], cuts[i]}
		if piece.Length() <= 0 {
			continue
		}
		left := r.Quantity
		for _, b := range busy { // no booking begins or ends within a piece
			if b.Slot().Overlaps(piece) {
				left -= b.Quantity
			}
		}
		switch n := len(free); {
		case left < quantity:
			open = false
		case open:
			free[n-1].Until = piece.Until
			free[n-1].Available = min(free[n-1].Available, left)
		default:
			free, open = append(free, FreeSlot{piece, left}), true
		}
	}
	return slices.DeleteFunc(free, func(f FreeSlot) bool { return f.Length() < length })
}

// The search for other times: how many are proposed, how far away, and the grid on which they lie.
const (
	Alternatives       = 3
	AlternativesWithin = 14 * 24 * time.Hour
	alternativesGrid   = 15 * time.Minute
)

// NearestFree proposes the free times of the same length that are nearest to the wanted one, at most Alternatives, none
// beginning before earliest, none overlapping another, the nearest first. Each touches a booking or the wanted time, or
// lies a multiple of 15 minutes from such a place. open says whether the resource is at hand then; nil: always. busy
// holds every live booking of the resource within AlternativesWithin of the wanted time.
func NearestFree(r Resource, busy []Booking, want Slot, quantity int, earliest time.Time, open func(Slot) bool) []Slot {
	within := Slot{want.From.Add(-AlternativesWithin), want.Until.Add(AlternativesWithin)}
	if within.From.Before(earliest) {
		within.From = earliest
	}
	length := want.Length()
	distance := func(s Slot) time.Duration { return s.From.Sub(want.From).Abs() }
	var places []Slot
	for _, gap := range FreeSlots(r, busy, within, quantity, length) {
		last := gap.Until.Add(-length)
		near := want.From
		if near.Before(gap.From) {
			near = gap.From
		}
		if near.After(last) {
			near = last
		}
		for at := near; !at.After(last); at = at.Add(alternativesGrid) {
			places = append(places, Slot{at, at.Add(length)})
		}
		for at := near.Add(-alternativesGrid); !at.Before(gap.From); at = at.Add(-alternativesGrid) {
			places = append(places, Slot{at, at.Add(length)})
		}
	}
	slices.SortFunc(places, func(a, b Slot) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), a.From.Compare(b.From))
	})
	var chosen []Slot
	for _, p := range places {
		if len(chosen) < Alternatives && !slices.ContainsFunc(chosen, p.Overlaps) && (open == nil || open(p)) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}
