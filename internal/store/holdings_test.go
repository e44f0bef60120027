package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// visit is 09:00 UTC on a Monday; steps are taken a week before.
var (
	visit  = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	before = visit.AddDate(0, 0, -7)
)

// house is a store with a department that has budgets, and with things to book.
type house struct {
	*store.Store
	team  string
	clock *clock
}

func newHouse(t testing.TB) *house { return newHouseWith(t, store.Options{}) }

func newHouseWith(t testing.TB, o store.Options) *house {
	t.Helper()
	c := &clock{before}
	o.MaxConns, o.Now = 16, c.now
	s := testkit.StoreWith(t, o)
	return &house{Store: s, team: addTeam(t, s, "sales", nil).ID, clock: c}
}

func (h *house) resource(t testing.TB, name string, kind models.ResourceKind, quantity int) models.Resource {
	t.Helper()
	r, err := h.CreateResource(t.Context(), models.Resource{
		ID: id.New(id.Resource), Name: name, Kind: kind, Quantity: quantity, Active: true, CreatedAt: before, UpdatedAt: before,
	})
	require.NoError(t, err)
	return r
}

func (h *house) budget(t testing.TB, cost models.CostType, amount int64, control models.BudgetControl) models.Budget {
	t.Helper()
	b, err := h.CreateBudget(t.Context(), models.Budget{
		ID: id.New(id.Budget), TeamID: h.team, StartsOn: date(2026, 1, 1), EndsOn: date(2026, 12, 31), CostType: cost, Amount: amount,
		Currency: "CNY", Control: control, CreatedBy: "user_finance", CreatedAt: before, UpdatedAt: before,
	})
	require.NoError(t, err)
	return b
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// wish asks for a resource from one hour after the visit's beginning until another.
func wish(item string, r models.Resource, from, until, quantity int) models.BookingWish {
	return models.BookingWish{
		Item: item, ResourceID: r.ID, Quantity: quantity,
		StartsAt: visit.Add(time.Duration(from) * time.Hour), EndsAt: visit.Add(time.Duration(until) * time.Hour),
	}
}

func (h *house) money(kind models.MoveKind, item string, cost models.CostType, amount int64) models.MoneyMove {
	return models.MoneyMove{Item: item, Kind: kind, Amount: amount, Currency: "CNY", TeamID: h.team, CostType: cost, Day: date(2026, 11, 23)}
}

// take takes a step of a subject.
func (h *house) take(t testing.TB, subject string, seq int64, step models.Holdings) (models.HoldingsTaken, error) {
	t.Helper()
	step.SubjectID, step.StepSeq, step.At, step.By = subject, seq, before.Add(time.Duration(seq)*time.Minute), "user_requester"
	return h.Take(t.Context(), step)
}

func (h *house) balance(t testing.TB, budgetID string) (held, committed, left int64) {
	t.Helper()
	b, err := h.Budget(t.Context(), budgetID)
	require.NoError(t, err)
	return b.Held, b.Committed, b.Left()
}

// verify lists the rules that resources and budgets break.
func (h *house) verify(t testing.TB) []string {
	t.Helper()
	var rules []string
	require.NoError(t, h.Verify(t.Context(), nil, func(f store.Finding) error {
		rules = append(rules, f.Rule)
		return nil
	}))
	return rules
}

func TestHoldings_live_from_hold_to_commit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room, gifts := h.resource(t, "hall", models.ResourceRoom, 1), h.resource(t, "tea", models.ResourceGiftStock, 10)
	meals := h.budget(t, models.CostMeals, 1000, models.ControlStrong)

	got, err := h.take(t, "reception_1", 2, models.Holdings{
		Book:  []models.BookingWish{wish("room", room, 0, 2, 1), wish("tea", gifts, 0, 2, 4)},
		Money: []models.MoneyMove{h.money(models.MoveHold, "meals", models.CostMeals, 600)},
	})
	require.NoError(t, err)
	require.True(t, got.Applied)
	require.Equal(t, []models.ItemMoney{{Item: "meals", BudgetID: meals.ID, Currency: "CNY", Held: 600}}, got.Money)
	require.Len(t, got.Bookings, 2)
	require.Equal(t, models.Booking{
		ID: got.Bookings[0].ID, ResourceID: room.ID, SubjectID: "reception_1", Item: "room", StepSeq: 2, LastSeq: 2, StartsAt: visit,
		EndsAt: visit.Add(2 * time.Hour), Quantity: 1, State: models.BookingHeld, CreatedBy: "user_requester",
		CreatedAt: before.Add(2 * time.Minute), UpdatedAt: before.Add(2 * time.Minute),
	}, got.Bookings[0])

	got, err = h.take(t, "reception_1", 3, models.Holdings{Confirm: true, Release: []string{"tea"}})
	require.NoError(t, err)
	require.Len(t, got.Bookings, 1)
	require.Equal(t, models.BookingBooked, got.Bookings[0].State)

	got, err = h.take(t, "reception_1", 4, models.Holdings{Money: []models.MoneyMove{
		h.money(models.MoveCommit, "meals", models.CostMeals, 450), h.money(models.MoveRelease, "meals", models.CostMeals, 0),
	}})
	require.NoError(t, err)
	require.Equal(t, []models.ItemMoney{{Item: "meals", BudgetID: meals.ID, Currency: "CNY", Committed: 450}}, got.Money)
	held, committed, left := h.balance(t, meals.ID)
	require.Equal(t, []int64{0, 450, 550}, []int64{held, committed, left})

	got, err = h.take(t, "reception_1", 5, models.Holdings{ReleaseAll: true})
	require.NoError(t, err)
	require.Empty(t, got.Bookings)
	mine, err := h.BookingsOf(t.Context(), "reception_1")
	require.NoError(t, err)
	require.Empty(t, mine)
	items, err := h.MoneyOf(t.Context(), "reception_1")
	require.NoError(t, err)
	require.Equal(t, got.Money, items)
	require.Empty(t, h.verify(t))
}

func TestStep_is_applied_once_whenever_it_is_repeated(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room := h.resource(t, "hall", models.ResourceRoom, 1)
	meals := h.budget(t, models.CostMeals, 1000, models.ControlStrong)
	first := models.Holdings{Book: []models.BookingWish{wish("room", room, 0, 2, 1)}, Money: []models.MoneyMove{h.money(models.MoveHold, "meals", models.CostMeals, 600)}}

	var g errgroup.Group
	applied := make([]bool, 8)
	for i := range applied { // a worker that died, and those that took over from it
		g.Go(func() error {
			got, err := h.take(t, "reception_1", 2, first)
			applied[i] = got.Applied
			return err
		})
	}
	require.NoError(t, g.Wait())
	once := 0
	for _, a := range applied {
		if a {
			once++
		}
	}
	require.Equal(t, 1, once)
	_, err := h.take(t, "reception_1", 3, models.Holdings{ReleaseAll: true})
	require.NoError(t, err)
	got, err := h.take(t, "reception_1", 2, first)
	require.NoError(t, err)
	require.False(t, got.Applied)
	require.Empty(t, got.Bookings, "a late repetition holds nothing again")
	held, _, _ := h.balance(t, meals.ID)
	require.Zero(t, held)
	require.Empty(t, h.verify(t))
}

func TestStep_that_is_refused_names_every_item_and_leaves_nothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room, car := h.resource(t, "Hall 一号会议室", models.ResourceRoom, 1), h.resource(t, "car", models.ResourceVehicle, 1)
	meals := h.budget(t, models.CostMeals, 1000, models.ControlStrong)
	_, err := h.take(t, "reception_1", 2, models.Holdings{
		Book: []models.BookingWish{wish("room", room, 0, 2, 1)}, Money: []models.MoneyMove{h.money(models.MoveHold, "meals", models.CostMeals, 700)},
	})
	require.NoError(t, err)
	food := h.money(models.MoveHold, "meals", models.CostMeals, 301)
	food.Field = "budget[0].amount"
	_, err = h.take(t, "reception_2", 2, models.Holdings{
		Book:  []models.BookingWish{wish("car", car, 0, 2, 1), wish("room", room, 1, 2, 1)},
		Money: []models.MoneyMove{food, h.money(models.MoveHold, "lodging", models.CostLodging, 1)},
	})
	e := requireCode(t, models.ResourceTaken, err)
	require.Equal(t, []errs.Field{
		{Field: "room", Code: "resource_taken", Args: map[string]string{
			"resource_id": room.ID, "resource": "Hall 一号会议室", "taken": "2026-11-23T09:00:00.000Z/2026-11-23T11:00:00.000Z", "available": "0",
			"free": "2026-11-23T11:00:00.000Z/2026-11-23T12:00:00.000Z, 2026-11-23T08:00:00.000Z/2026-11-23T09:00:00.000Z, 2026-11-23T12:00:00.000Z/2026-11-23T13:00:00.000Z",
		}},
		{Field: "budget[0].amount", Code: "budget_exceeded", Args: map[string]string{
			"budget_id": meals.ID, "cost_type": "meals", "currency": "CNY", "asked": "301", "asked_text": "3.01 CNY", "left": "300", "left_text": "3.00 CNY",
		}},
		{Field: "lodging", Code: "budget_missing", Args: map[string]string{"team_id": h.team, "cost_type": "lodging", "day": "2026-11-23"}},
	}, e.Fields)
	require.Equal(t, e.Fields[0].Args, e.Args)

	mine, err := h.BookingsOf(t.Context(), "reception_2")
	require.NoError(t, err)
	require.Empty(t, mine, "the car is not held either")
	held, _, left := h.balance(t, meals.ID)
	require.Equal(t, []int64{700, 300}, []int64{held, left})

	_, err = h.take(t, "reception_2", 2, models.Holdings{Book: []models.BookingWish{wish("x", models.Resource{ID: "resource_x"}, 0, 1, 1), wish("room", room, 1, 2, 1)}})
	require.Equal(t, "x.resource_id", requireCode(t, errs.Invalid, err).Fields[0].Field)
	_, err = h.take(t, "reception_2", 2, models.Holdings{Book: []models.BookingWish{wish("room", room, 2, 4, 1)}})
	require.NoError(t, err, "visits may follow each other without a gap")
}

func TestStep_may_give_back_and_take_the_same_room(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room := h.resource(t, "hall", models.ResourceRoom, 1)
	_, err := h.take(t, "reception_1", 2, models.Holdings{Book: []models.BookingWish{wish("room", room, 0, 2, 1)}})
	require.NoError(t, err)
	got, err := h.take(t, "reception_1", 3, models.Holdings{Release: []string{"room"}, Book: []models.BookingWish{wish("room", room, 1, 3, 1)}})
	require.NoError(t, err)
	require.Len(t, got.Bookings, 1)
	require.Equal(t, visit.Add(time.Hour), got.Bookings[0].StartsAt)
	require.Empty(t, h.verify(t))
}

func TestStock_is_given_out_to_its_last_piece(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	chairs, tea := h.resource(t, "chairs", models.ResourceEquipment, 10), h.resource(t, "tea", models.ResourceGiftStock, 10)
	for i, w := range []models.BookingWish{
		wish("c", chairs, 0, 4, 6), wish("c", chairs, 4, 8, 10), wish("c", chairs, 2, 3, 4), // chairs come back
		wish("t", tea, 0, 4, 6), wish("t", tea, 4, 8, 4), // tea does not
	} {
		_, err := h.take(t, fmt.Sprintf("reception_%d", i), 2, models.Holdings{Book: []models.BookingWish{w}})
		require.NoError(t, err, i)
	}
	_, err := h.take(t, "reception_x", 2, models.Holdings{Book: []models.BookingWish{wish("c", chairs, 1, 5, 1)}})
	e := requireCode(t, models.ResourceTaken, err)
	require.Equal(t, "0", e.Args["available"])
	require.Len(t, strings.Split(e.Args["free"], ", "), 3)
	_, err = h.take(t, "reception_x", 2, models.Holdings{Book: []models.BookingWish{wish("t", tea, 100, 101, 1)}})
	e = requireCode(t, models.ResourceTaken, err)
	require.Equal(t, "0", e.Args["available"])
	require.Empty(t, e.Args["free"], "no other time has more of it")

	tea.Quantity = 9
	_, err = h.UpdateResource(t.Context(), tea)
	require.Equal(t, "10", requireCode(t, errs.Conflict, err).Args["used"])
	tea.Quantity = 12
	tea, err = h.UpdateResource(t.Context(), tea)
	require.NoError(t, err)
	_, err = h.take(t, "reception_x", 2, models.Holdings{Book: []models.BookingWish{wish("t", tea, 0, 1, 2)}})
	require.NoError(t, err, "after a delivery")
	chairs.Quantity = 9
	_, err = h.UpdateResource(t.Context(), chairs)
	requireCode(t, errs.Conflict, err)
	require.Empty(t, h.verify(t))
	h.clock.at = visit.Add(8 * time.Hour)
	_, err = h.UpdateResource(t.Context(), chairs)
	require.NoError(t, err, "what is over does not count")
	require.Empty(t, h.verify(t))
}

func TestProposals_are_within_the_opening_hours_of_the_resource(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	doc := calendar.Document{ID: "office", Version: 1, TimeZone: "UTC", Week: map[string][]string{"monday": {"09:00-12:00"}, "tuesday": {"09:00-12:00"}}}
	body, err := json.Marshal(doc)
	require.NoError(t, err)
	_, err = h.PublishCalendar(t.Context(), models.CalendarVersion{ID: "office", Version: 1, Body: body})
	require.NoError(t, err)
	room := h.resource(t, "hall", models.ResourceRoom, 1)
	room.CalendarID = ptr("office")
	room, err = h.UpdateResource(t.Context(), room)
	require.NoError(t, err)
	_, err = h.take(t, "reception_1", 2, models.Holdings{Book: []models.BookingWish{wish("room", room, 0, 2, 1)}})
	require.NoError(t, err)
	_, err = h.take(t, "reception_2", 2, models.Holdings{Book: []models.BookingWish{wish("room", room, 0, 1, 1)}})
	require.Equal(t, "2026-11-23T11:00:00.000Z/2026-11-23T12:00:00.000Z, 2026-11-24T09:00:00.000Z/2026-11-24T10:00:00.000Z, 2026-11-24T10:00:00.000Z/2026-11-24T11:00:00.000Z",
		requireCode(t, models.ResourceTaken, err).Args["free"])
}

// Of fifty who ask at once for one room exactly one gets it, and each of the others three other times.
func TestFifty_at_once_for_one_room(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	room := h.resource(t, "hall", models.ResourceRoom, 1)
	refusals := h.crowd(t, func(i int) models.Holdings {
		return models.Holdings{Book: []models.BookingWish{wish("room", room, i%2, 2, 1)}}
	})
	require.Len(t, refusals, 49)
	for _, e := range refusals {
		require.Equal(t, models.ResourceTaken, e.Code)
		require.Len(t, strings.Split(e.Args["free"], ", "), 3)
	}
	rows, _, err := h.Bookings(t.Context(), room.ID, models.Slot{From: visit, Until: visit.Add(time.Hour * 2)}, models.Page{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Empty(t, h.verify(t))
}

// Of fifty who ask at once for 300 of 1000 exactly three get it, and the others are told that 100 is left.
func TestFifty_at_once_for_the_last_of_a_budget_and_of_a_stock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	meals := h.budget(t, models.CostMeals, 1000, models.ControlStrong)
	refusals := h.crowd(t, func(int) models.Holdings {
		return models.Holdings{Money: []models.MoneyMove{h.money(models.MoveHold, "meals", models.CostMeals, 300)}}
	})
	require.Len(t, refusals, 47)
	for _, e := range refusals {
		require.Equal(t, models.BudgetExceeded, e.Code)
		require.Equal(t, "100", e.Args["left"])
	}
	held, _, left := h.balance(t, meals.ID)
	require.Equal(t, []int64{900, 100}, []int64{held, left})

	tea := h.resource(t, "tea", models.ResourceGiftStock, 20)
	refusals = h.crowd(t, func(i int) models.Holdings {
		return models.Holdings{Book: []models.BookingWish{wish("tea", tea, i, i+1, 3)}}
	})
	require.Len(t, refusals, 44)
	for _, e := range refusals {
		require.Equal(t, models.ResourceTaken, e.Code)
		require.Equal(t, "2", e.Args["available"])
	}
	require.Empty(t, h.verify(t))
}

// crowd lets fifty subjects take a step at once and returns the refusals; nothing else may go wrong.
func (h *house) crowd(t *testing.T, step func(i int) models.Holdings) []*errs.Error {
	t.Helper()
	var mu sync.Mutex
	var refusals []*errs.Error
	var g errgroup.Group
	prefix := id.New("reception")
	for i := range 50 {
		g.Go(func() error {
			_, err := h.take(t, prefix+strconv.Itoa(i), 2, step(i))
			var e *errs.Error
			if err == nil || !asRefusal(err, &e) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			refusals = append(refusals, e)
			return nil
		})
	}
	require.NoError(t, g.Wait())
	return refusals
}

func asRefusal(err error, e **errs.Error) bool {
	code := errs.CodeOf(err)
	if code != models.ResourceTaken && code != models.BudgetExceeded {
		return false
	}
	*e, _ = err.(*errs.Error) //nolint:errorlint // refusals come back as they were made
	return *e != nil
}

// Steps that ask for the same things in opposite orders never wait for each other.
func TestSteps_in_opposite_orders_do_not_deadlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b := h.resource(t, "a", models.ResourceEquipment, 1_000), h.resource(t, "b", models.ResourceEquipment, 1_000)
	h.budget(t, models.CostMeals, 1_000_000, models.ControlStrong)
	h.budget(t, models.CostGifts, 1_000_000, models.ControlStrong)
	var g errgroup.Group
	for i := range 12 {
		g.Go(func() error {
			subject := "reception_" + strconv.Itoa(i)
			for seq := int64(1); seq <= 12; seq++ {
				book := []models.BookingWish{wish("a", a, 0, 2, 1), wish("b", b, 0, 2, 1)}
				money := []models.MoneyMove{h.money(models.MoveHold, "m", models.CostMeals, 5), h.money(models.MoveHold, "g", models.CostGifts, 5)}
				if i%2 == 0 {
					book[0], book[1] = book[1], book[0]
					money[0], money[1] = money[1], money[0]
				}
				if _, err := h.take(t, subject, seq, models.Holdings{ReleaseAll: true, Book: book, Money: money}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.Empty(t, h.verify(t))
}

// over random interleavings of the steps of many receptions, no strong budget is overspent, nothing is
// booked twice, and once all have ended nothing is held: every hold has become a commit or a release.
func TestLaws_hold_over_random_interleavings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rooms := []models.Resource{h.resource(t, "one", models.ResourceRoom, 1), h.resource(t, "two", models.ResourceRoom, 1)}
	chairs, tea := h.resource(t, "chairs", models.ResourceEquipment, 12), h.resource(t, "tea", models.ResourceGiftStock, 60)
	costs := []models.CostType{models.CostMeals, models.CostGifts}
	strong := h.budget(t, models.CostMeals, 2_000, models.ControlStrong)
	h.budget(t, models.CostGifts, 500, models.ControlWeak)
	var granted, refused sync.Map
	rapid.Check(t, func(rt *rapid.T) {
		// What each reception does is drawn; how they interleave is left to chance.
		seeds := rapid.SliceOfN(rapid.Uint64(), 6, 6).Draw(rt, "receptions")
		var g errgroup.Group
		for _, seed := range seeds {
			g.Go(func() error {
				r := rand.New(rand.NewPCG(seed, 0))
				subject, seq := id.New("reception"), int64(0)
				next := func(step models.Holdings) error {
					seq++
					_, err := h.take(t, subject, seq, step)
					switch errs.CodeOf(err) {
					case models.ResourceTaken, models.BudgetExceeded:
						refused.Store(subject, true)
						return nil
					}
					if err == nil {
						granted.Store(subject, true)
					}
					return err
				}
				for range 1 + r.IntN(3) {
					from := r.IntN(20)
					step := models.Holdings{ReleaseAll: r.IntN(2) == 0, Confirm: r.IntN(2) == 0}
					if step.ReleaseAll || seq == 0 {
						step.ReleaseAll = true // an item is held once
						step.Book = []models.BookingWish{
							wish("room", rooms[r.IntN(2)], from, from+1+r.IntN(3), 1), wish("chairs", chairs, from, from+2, 1+r.IntN(6)), wish("tea", tea, from, from+1, 1+r.IntN(5)),
						}[:1+r.IntN(3)]
					}
					for range r.IntN(3) {
						kind := []models.MoveKind{models.MoveHold, models.MoveChange, models.MoveCommit}[r.IntN(3)]
						step.Money = append(step.Money, h.money(kind, string(costs[r.IntN(2)]), costs[r.IntN(2)], 1+r.Int64N(200)))
					}
					if err := next(step); err != nil {
						return err
					}
				}
				return next(models.Holdings{ReleaseAll: true})
			})
		}
		if err := g.Wait(); err != nil {
			rt.Fatal(err)
		}
		if found := h.verify(t); len(found) > 0 {
			rt.Fatalf("broken: %v", found)
		}
		var held, live int64
		require.NoError(t, h.DB().Raw("SELECT sum(held) FROM budgets").Scan(&held).Error)
		require.NoError(t, h.DB().Raw("SELECT count(*) FROM bookings WHERE state <> 'released'").Scan(&live).Error)
		if held != 0 || live != 0 {
			rt.Fatalf("%d of money and %d bookings are still held", held, live)
		}
		if _, committed, left := h.balance(t, strong.ID); committed > 1_000 && left < 1_000 { // make room for the next round
			_, err := h.AdjustBudget(context.Background(), strong.ID, 1_000, models.Adjustment{By: "x", RequestID: id.New(id.Request), At: visit})
			require.NoError(t, err)
		}
	})
	size := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	require.Positive(t, size(&granted))
	require.Positive(t, size(&refused), "some must come too late")
}
