package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// visit is 09:00 UTC on a Monday.
var visit = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// hours is the slot from one hour after visit to another.
func hours(from, until float64) models.Slot {
	at := func(h float64) time.Time { return visit.Add(time.Duration(h * float64(time.Hour))) }
	return models.Slot{From: at(from), Until: at(until)}
}

func booked(quantity int, slots ...models.Slot) []models.Booking {
	var all []models.Booking
	for _, s := range slots {
		all = append(all, models.Booking{StartsAt: s.From, EndsAt: s.Until, Quantity: quantity, State: models.BookingHeld})
	}
	return all
}

var (
	hall  = models.Resource{ID: "resource_hall", Kind: models.ResourceRoom, Quantity: 1}
	chair = models.Resource{ID: "resource_chair", Kind: models.ResourceEquipment, Quantity: 10}
)

func TestResource_numbers_are_those_of_its_kind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		resource models.Resource
		want     []string
	}{
		"a_room_is_one_and_seats_people":      {models.Resource{Kind: models.ResourceRoom, Quantity: 1, Capacity: 12}, nil},
		"a_room_is_not_two":                   {models.Resource{Kind: models.ResourceRoom, Quantity: 2}, []string{"quantity:one_of_a_kind"}},
		"an_interpreter_seats_nobody":         {models.Resource{Kind: models.ResourceInterpreter, Quantity: 0, Capacity: 1}, []string{"capacity:not_for_kind", "quantity:one_of_a_kind"}},
		"equipment_and_gifts_are_many":        {models.Resource{Kind: models.ResourceEquipment, Quantity: 40}, nil},
		"a_stock_of_gifts_may_be_used_up":     {models.Resource{Kind: models.ResourceGiftStock, Quantity: 0}, nil},
		"a_stock_of_gifts_has_no_capacity":    {models.Resource{Kind: models.ResourceGiftStock, Capacity: 3}, []string{"capacity:not_for_kind"}},
		"a_vehicle_is_one_and_carries_people": {models.Resource{Kind: models.ResourceVehicle, Quantity: 1, Capacity: 7}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range tc.resource.Faults() {
				got = append(got, f.Field+":"+f.Code)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestPeak_counts_what_is_in_use_at_one_instant(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		busy []models.Booking
		want int
	}{
		"nothing":                      {nil, 0},
		"before_and_after_do_not_meet": {booked(3, hours(-2, 0), hours(2, 4)), 0},
		"those_in_turn_do_not_add_up":  {booked(3, hours(0, 1), hours(1, 2)), 3},
		"those_at_once_do":             {booked(3, hours(-1, 1), hours(0.5, 3)), 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, models.Peak(tc.busy, hours(0, 2)))
		})
	}
}

func TestFreeSlots_are_the_longest_times_with_enough_pieces(t *testing.T) {
	t.Parallel()
	day := hours(0, 10)
	free := models.FreeSlots(hall, booked(1, hours(-1, 1), hours(3, 4), hours(4, 6)), day, 1, 0)
	require.Equal(t, []models.FreeSlot{{Slot: hours(1, 3), Available: 1}, {Slot: hours(6, 10), Available: 1}}, free)
	free = models.FreeSlots(hall, booked(1, hours(-1, 1), hours(3, 4), hours(4, 6)), day, 1, 3*time.Hour)
	require.Equal(t, []models.FreeSlot{{Slot: hours(6, 10), Available: 1}}, free, "two hours are too short")
	busy := append(booked(4, hours(1, 5)), booked(4, hours(3, 7))...)
	require.Equal(t, []models.FreeSlot{{Slot: hours(0, 3), Available: 6}, {Slot: hours(5, 10), Available: 6}}, models.FreeSlots(chair, busy, day, 3, 0))
	require.Equal(t, []models.FreeSlot{{Slot: day, Available: 2}}, models.FreeSlots(chair, busy, day, 1, 0))
	require.Empty(t, models.FreeSlots(chair, nil, day, 11, 0), "there are only ten")
}

func TestFreeSlots_and_peak_agree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		within := hours(0, 24)
		busy, need := drawBusy(rt), rapid.IntRange(1, 10).Draw(rt, "need")
		free := models.FreeSlots(chair, busy, within, need, 0)
		for i := range 24 * 2 {
			half := hours(float64(i)/2, float64(i+1)/2)
			enough := chair.Quantity-models.Peak(busy, half) >= need
			inside := false
			for _, f := range free {
				if !f.From.After(half.From) && !f.Until.Before(half.Until) {
					inside = true
					if chair.Quantity-models.Peak(busy, f.Slot) != f.Available {
						rt.Fatalf("%v: %d are not available throughout", f.Slot, f.Available)
					}
				}
			}
			if enough != inside {
				rt.Fatalf("%v: enough %v, listed %v", half, enough, inside)
			}
		}
	})
}

// drawBusy draws bookings of chairs on a grid of half hours.
func drawBusy(rt *rapid.T) []models.Booking {
	var busy []models.Booking
	for range rapid.IntRange(0, 8).Draw(rt, "bookings") {
		from := rapid.IntRange(-4, 46).Draw(rt, "from")
		until := rapid.IntRange(from+1, from+12).Draw(rt, "until")
		busy = append(busy, booked(rapid.IntRange(1, 5).Draw(rt, "pieces"), hours(float64(from)/2, float64(until)/2))...)
	}
	return busy
}

func TestNearestFree_proposes_three_times_nearest_first(t *testing.T) {
	t.Parallel()
	want := hours(0, 2)
	long := visit.Add(-1000 * time.Hour)
	require.Equal(t, []models.Slot{hours(-2, 0), hours(2, 4), hours(-4, -2)},
		models.NearestFree(hall, booked(1, want), want, 1, long, nil))
	require.Equal(t, []models.Slot{hours(2, 4), hours(4, 6), hours(6, 8)},
		models.NearestFree(hall, booked(1, want), want, 1, visit.Add(-time.Hour), nil), "nothing in the past")
	require.Equal(t, []models.Slot{hours(3.5, 5.5), hours(-4, -2), hours(5.5, 7.5)},
		models.NearestFree(hall, booked(1, hours(-2, 1), hours(1, 3.5)), want, 1, long, nil), "next to what is in the way")
	working := func(s models.Slot) bool { return s.From.Hour() >= 9 && s.Until.Hour() <= 17 && s.Until.Hour() > 9 }
	require.Equal(t, []models.Slot{hours(2, 4), hours(4, 6), hours(6, 8)},
		models.NearestFree(hall, booked(1, want), want, 1, long, working), "within opening hours")
	require.Empty(t, models.NearestFree(hall, booked(1, hours(-400, 400)), want, 1, long, nil), "not in two weeks")
}

func TestNearestFree_proposals_are_free_and_nothing_nearer_on_the_grid_is(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		busy, need := drawBusy(rt), rapid.IntRange(1, 10).Draw(rt, "need")
		from := rapid.IntRange(0, 40).Draw(rt, "wanted")
		want := hours(float64(from)/2, float64(from+rapid.IntRange(1, 8).Draw(rt, "length"))/2)
		earliest := hours(float64(rapid.IntRange(-10, 20).Draw(rt, "earliest")), 0).From
		got := models.NearestFree(chair, busy, want, need, earliest, nil)
		if len(got) != models.Alternatives {
			rt.Fatalf("%d proposals, although weeks are free", len(got))
		}
		free := func(s models.Slot) bool {
			return chair.Quantity-models.Peak(busy, s) >= need && !s.From.Before(earliest)
		}
		for i, s := range got {
			switch {
			case !free(s):
				rt.Fatalf("%v is not free", s)
			case s.Length() != want.Length():
				rt.Fatalf("%v has another length", s)
			case i > 0 && got[i-1].From.Sub(want.From).Abs() > s.From.Sub(want.From).Abs():
				rt.Fatalf("%v is nearer than the one before", s)
			}
			for _, o := range got[:i] {
				if s.Overlaps(o) {
					rt.Fatalf("%v overlaps %v", s, o)
				}
			}
		}
		for d := time.Duration(0); d < got[0].From.Sub(want.From).Abs(); d += 30 * time.Minute {
			for _, by := range []time.Duration{d, -d} {
				if s := (models.Slot{From: want.From.Add(by), Until: want.Until.Add(by)}); free(s) {
					rt.Fatalf("%v is free and nearer than %v", s, got[0])
				}
			}
		}
	})
}

func TestWish_is_judged_by_the_resource(t *testing.T) {
	t.Parallel()
	hall, chair := hall, chair
	hall.Active, chair.Active = true, true
	old := chair
	old.Active = false
	wish := func(s models.Slot, quantity int) models.BookingWish {
		return models.BookingWish{Item: "1", Field: "resources[0]", StartsAt: s.From, EndsAt: s.Until, Quantity: quantity}
	}
	for name, tc := range map[string]struct {
		wish     models.BookingWish
		resource models.Resource
		want     string
	}{
		"good":             {wish(hours(0, 2), 1), hall, ""},
		"ten_chairs":       {wish(hours(0, 2), 10), chair, ""},
		"unknown":          {wish(hours(0, 2), 1), models.Resource{}, "resources[0].resource_id:unknown"},
		"out_of_use":       {wish(hours(0, 2), 1), old, "resources[0].resource_id:resource_inactive"},
		"ends_first":       {wish(hours(2, 0), 1), hall, "resources[0].ends_at:after"},
		"no_time":          {wish(hours(0, 0), 1), hall, "resources[0].ends_at:after"},
		"longer_than_ever": {wish(hours(0, 745), 1), hall, "resources[0].ends_at:too_long"},
		"two_halls":        {wish(hours(0, 2), 2), hall, "resources[0].quantity:between"},
		"no_chair":         {wish(hours(0, 2), 0), chair, "resources[0].quantity:between"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if f := tc.wish.Fault(tc.resource); f != nil {
				got = f.Field + ":" + f.Code
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestRefusal_is_invalid_if_any_value_is_wrong_and_else_the_first_conflict(t *testing.T) {
	t.Parallel()
	taken := models.Taken(hall, hours(0, 2), 0, []models.Slot{hours(2, 4), hours(4, 6)})
	missing := errs.Field{Field: "budget[0]", Code: "budget_missing", Args: errs.Args("day", "2026-11-23")}
	require.NoError(t, models.Refusal(nil))
	var e *errs.Error
	require.ErrorAs(t, models.Refusal([]errs.Field{missing, taken}), &e)
	require.Equal(t, models.BudgetMissing, e.Code)
	require.Equal(t, "2026-11-23", e.Args["day"])
	require.Len(t, e.Fields, 2)
	require.ErrorAs(t, models.Refusal([]errs.Field{taken, missing}), &e)
	require.Equal(t, models.ResourceTaken, e.Code)
	require.Equal(t, "2026-11-23T11:00:00.000Z/2026-11-23T13:00:00.000Z, 2026-11-23T13:00:00.000Z/2026-11-23T15:00:00.000Z", e.Args["free"])
	require.ErrorAs(t, models.Refusal([]errs.Field{taken, {Field: "x", Code: "unknown"}}), &e)
	require.Equal(t, errs.Invalid, e.Code)
}
