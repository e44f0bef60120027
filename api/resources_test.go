package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

var (
	hallID  = id.Derive(id.Resource, "world", "hall")
	mealsID = id.Derive(id.Budget, "world", "meals")
)

// newHouse is a world with people who look after its resources and budgets.
func newHouse(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for name, role := range map[string]models.Role{"clerk": models.RoleReceptionClerk, "finance": models.RoleFinance, "staff": models.RoleStaff} {
		key := id.Derive(id.User, "world", name)
		w.users.put(key, models.User{
			ID: key, Username: name, Locale: "zh-CN", TimeZone: "Asia/Shanghai", Roles: []models.Role{role}, Active: true, Version: 1,
		})
	}
	return w
}

// furnish gives the world a hall with a booking, and a budget.
func (w *world) furnish() {
	w.resources.put(hallID, models.Resource{
		ID: hallID, Name: "Hall", Kind: models.ResourceRoom, Quantity: 1, Active: true, Version: 1, CreatedAt: noon, UpdatedAt: noon,
	})
	w.bookings = []models.Booking{{
		ID: id.Derive(id.Booking, "world", "1"), ResourceID: hallID, SubjectID: "reception_1", StartsAt: noon.Add(time.Hour), EndsAt: noon.Add(2 * time.Hour),
		Quantity: 1, State: models.BookingHeld,
	}}
	w.budgets.put(mealsID, models.Budget{
		ID: mealsID, TeamID: teamID, StartsOn: noon.Truncate(24 * time.Hour), EndsOn: noon.AddDate(0, 1, 0).Truncate(24 * time.Hour),
		CostType: models.CostMeals, Amount: 1000, Held: 700, Currency: "CNY", Control: models.ControlStrong, Entries: 1, CreatedBy: adminID,
		CreatedAt: noon, UpdatedAt: noon,
	})
	w.ledger = []models.BudgetEntry{{BudgetID: mealsID, Seq: 1, Kind: models.EntryAdjust, Amount: 1000, By: adminID, At: noon}}
}

func (w *world) Resource(_ context.Context, key string) (models.Resource, error) {
	return read(w, &w.resources, key)
}

func (w *world) Resources(_ context.Context, f models.ResourceFilter, p models.Page) ([]models.Resource, string, error) {
	return listed(w, &w.resources, p, func(r models.Resource) bool {
		return (f.Kind == "" || f.Kind == r.Kind) && (f.Active == nil || *f.Active == r.Active)
	})
}

func (w *world) CreateResource(_ context.Context, r models.Resource) (models.Resource, error) {
	for _, other := range w.resources.all(nil) {
		if other.Name == r.Name && other.ID != r.ID {
			return r, errs.New(errs.Conflict, "resources.name_taken")
		}
	}
	return create(w, &w.resources, r.ID, r)
}

func (w *world) UpdateResource(_ context.Context, r models.Resource) (models.Resource, error) {
	if w.resources.byID[r.ID].Version != r.Version {
		return r, stale()
	}
	r.Version++
	w.resources.put(r.ID, r)
	return r, nil
}

func (w *world) Bookings(_ context.Context, _ string, slot models.Slot, _ models.Page) ([]models.Booking, string, error) {
	var found []models.Booking
	for _, b := range w.bookings {
		if b.Slot().Overlaps(slot) {
			found = append(found, b)
		}
	}
	return found, "", w.broken
}

func (w *world) FreeSlots(_ context.Context, key string, within models.Slot, quantity int, length time.Duration) ([]models.FreeSlot, error) {
	r, err := read(w, &w.resources, key)
	if err != nil {
		return nil, err
	}
	return models.FreeSlots(r, w.bookings, within, quantity, length), nil
}

func (w *world) Budget(_ context.Context, key string) (models.Budget, error) {
	return read(w, &w.budgets, key)
}

func (w *world) Budgets(_ context.Context, f models.BudgetFilter, p models.Page) ([]models.Budget, string, error) {
	return listed(w, &w.budgets, p, func(b models.Budget) bool {
		return (f.TeamID == "" || f.TeamID == b.TeamID) && (f.CostType == "" || f.CostType == b.CostType) &&
			(f.On == nil || !f.On.Before(b.StartsOn) && !f.On.After(b.EndsOn))
	})
}

func (w *world) CreateBudget(_ context.Context, b models.Budget) (models.Budget, error) {
	return create(w, &w.budgets, b.ID, b)
}

func (w *world) BudgetEntries(_ context.Context, _ string, _ models.Page) ([]models.BudgetEntry, string, error) {
	return w.ledger, "", w.broken
}

func (w *world) AdjustBudget(_ context.Context, key string, by int64, a models.Adjustment) (models.Budget, error) {
	b, err := read(w, &w.budgets, key)
	if err != nil {
		return b, err
	}
	e, err := b.Adjust(by, a)
	if err != nil {
		return b, err
	}
	w.ledger = append(w.ledger, e)
	w.budgets.put(key, b)
	return b, nil
}

func TestResources(t *testing.T) {
	t.Parallel()
	t.Run("create_and_patch", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		publish(t, w)
		body := `{"name":" 一号贵宾厅 ","kind":"room","capacity":16,"calendar_id":"cn","class":"executive"}`
		res := w.do("clerk", "POST", "/api/v1/resources", body, "Idempotency-Key", "k")
		v := object(t, res, 201)
		require.Equal(t, "一号贵宾厅", v["name"])
		require.EqualValues(t, 1, v["quantity"], "one if absent")
		require.Equal(t, true, v["active"])
		path := res.Header.Get("Location")
		require.Equal(t, "/api/v1/resources/"+v["id"].(string), path)
		again := w.do("clerk", "POST", "/api/v1/resources", body, "Idempotency-Key", "k")
		require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
		problem(t, w.do("clerk", "POST", "/api/v1/resources", `{"name":"一号贵宾厅","kind":"room"}`), 409, "conflict")

		etag := w.do("staff", "GET", path, "").Header.Get("ETag")
		v = object(t, w.do("clerk", "PATCH", path, `{"capacity":20,"active":false,"calendar_id":null,"class":""}`, "If-Match", etag), 200)
		require.EqualValues(t, 20, v["capacity"])
		require.Equal(t, false, v["active"])
		require.Nil(t, v["calendar_id"])
		require.Equal(t, "room", v["kind"])
		problem(t, w.do("clerk", "PATCH", path, `{"capacity":30}`, "If-Match", etag), 412, "precondition_failed")
		problem(t, w.do("clerk", "PATCH", path, `{"kind":"vehicle"}`), 400, "malformed")
		require.Len(t, object(t, w.do("staff", "GET", "/api/v1/resources?kind=room&active=true", ""), 200)["items"], 1)
	})
	t.Run("values_are_those_of_the_kind", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		for name, tc := range map[string]struct {
			body   string
			faults []string
		}{
			"two_rooms_are_two_resources": {`{"name":"x","kind":"room","quantity":2}`, []string{"quantity:one_of_a_kind"}},
			"gifts_have_no_seats":         {`{"name":"x","kind":"gift_stock","quantity":9,"capacity":2}`, []string{"capacity:not_for_kind"}},
			"no_such_kind":                {`{"name":"x","kind":"boat"}`, []string{"kind:oneof"}},
			"all_at_once":                 {`{"name":" ","kind":"room","capacity":-1,"quantity":-1,"class":"VIP!"}`, []string{"name:notblank", "capacity:min", "quantity:min", "class:name"}},
			"no_such_calendar":            {`{"name":"x","kind":"room","calendar_id":"mars"}`, []string{"calendar_id:unknown"}},
		} {
			t.Run(name, func(t *testing.T) {
				require.Equal(t, tc.faults, problem(t, w.do("clerk", "POST", "/api/v1/resources", tc.body), 422, "invalid").faults())
			})
		}
	})
	t.Run("everybody_sees_when_but_not_for_whom", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		path := "/api/v1/resources/" + hallID + "/bookings"
		items := object(t, w.do("staff", "GET", path, ""), 200)["items"].([]any)
		require.Len(t, items, 1)
		require.Nil(t, items[0].(map[string]any)["subject_id"])
		items = object(t, w.do("clerk", "GET", path+"?from=2026-03-06T10:30:00Z&until=2026-03-06T10:31:00Z", ""), 200)["items"].([]any)
		require.Equal(t, "reception_1", items[0].(map[string]any)["subject_id"])
		require.Empty(t, object(t, w.do("clerk", "GET", path+"?from=2026-03-06T11:00:00Z", ""), 200)["items"])
		problem(t, w.do("clerk", "GET", "/api/v1/resources/"+id.New(id.Resource)+"/bookings", ""), 404, "not_found")
	})
	t.Run("free", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		path := "/api/v1/resources/" + hallID + "/free"
		items := object(t, w.do("staff", "GET", path+"?until=2026-03-06T13:00:00Z&length=2h", ""), 200)["items"].([]any)
		require.Equal(t, []any{map[string]any{"starts_at": "2026-03-06T11:00:00.000Z", "ends_at": "2026-03-06T13:00:00.000Z", "available": 1.0}}, items)
		for query, fault := range map[string]string{
			"?from=2026-03-06T11:00:00Z&until=2026-03-06T11:00:00Z": "until:after", "?until=2026-07-01T00:00:00Z": "until:too_long",
			"?length=-2h": "length:between", "?length=745h": "length:between", "?quantity=0": "quantity:between",
		} {
			require.Equal(t, []string{fault}, problem(t, w.do("staff", "GET", path+query, ""), 422, "invalid").faults(), query)
		}
		problem(t, w.do("staff", "GET", path+"?length=long", ""), 400, "malformed")
	})
	t.Run("only_clerks_and_administrators_change_the_library", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		for _, user := range []string{"staff", "finance", "boss", "auditor", "agent"} {
			problem(t, w.do(user, "POST", "/api/v1/resources", `{"name":"x","kind":"room"}`), 403, "forbidden")
			problem(t, w.do(user, "PATCH", "/api/v1/resources/"+hallID, `{}`), 403, "forbidden")
			object(t, w.do(user, "GET", "/api/v1/resources/"+hallID, ""), 200)
		}
		object(t, w.do("admin", "PATCH", "/api/v1/resources/"+hallID, `{}`), 200)
	})
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		body := `{"team_id":"` + teamID + `","starts_on":"2027-01-01","ends_on":"2027-01-01","cost_type":"gifts","amount":0,"currency":"CNY"}`
		res := w.do("finance", "POST", "/api/v1/budgets", body)
		v := object(t, res, 201)
		require.Equal(t, "strong", v["control"], "strong if absent")
		require.Equal(t, "2027-01-01", v["ends_on"])
		require.Equal(t, id.Derive(id.User, "world", "finance"), v["created_by"])
		object(t, w.do("boss", "GET", res.Header.Get("Location"), ""), 200)
		for name, tc := range map[string]struct {
			body   string
			faults []string
		}{
			"ends_first_for_nobody": {`{"team_id":"` + id.New(id.Team) + `","starts_on":"2027-01-02","ends_on":"2027-01-01","cost_type":"gifts","amount":1,"currency":"CNY"}`, []string{"ends_on:not_before", "team_id:unknown"}},
			"nothing":               {`{}`, []string{"team_id:required", "starts_on:required", "ends_on:required", "cost_type:required", "amount:required", "currency:required"}},
			"nonsense": {
				`{"team_id":"x","starts_on":"2027-02-29","ends_on":"soon","cost_type":"bribes","amount":-1,"currency":"yuan","control":"none"}`,
				[]string{"team_id:typeid", "starts_on:date", "ends_on:date", "cost_type:oneof", "amount:min", "currency:currency", "control:oneof"},
			},
			"beyond_measure": {`{"team_id":"` + teamID + `","starts_on":"2027-01-01","ends_on":"2027-01-01","cost_type":"gifts","amount":100000000000001,"currency":"CNY"}`, []string{"amount:max"}},
		} {
			t.Run(name, func(t *testing.T) {
				require.Equal(t, tc.faults, problem(t, w.do("finance", "POST", "/api/v1/budgets", tc.body), 422, "invalid").faults())
			})
		}
		problem(t, w.do("finance", "POST", "/api/v1/budgets", `{"amount":1.5}`), 400, "malformed")
	})
	t.Run("balance_and_list", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		v := object(t, w.do("auditor", "GET", "/api/v1/budgets/"+mealsID, ""), 200)
		require.Equal(t, []any{1000.0, 700.0, 0.0, 300.0}, []any{v["amount"], v["held"], v["committed"], v["left"]})
		for query, want := range map[string]int{
			"": 1, "?on=2026-03-06": 1, "?on=2026-03-05": 0, "?cost_type=gifts": 0, "?team_id=" + teamID: 1,
		} {
			require.Len(t, object(t, w.do("boss", "GET", "/api/v1/budgets"+query, ""), 200)["items"], want, query)
		}
		problem(t, w.do("boss", "GET", "/api/v1/budgets?on=today", ""), 400, "malformed")
		problem(t, w.do("boss", "GET", "/api/v1/budgets/"+id.New(id.Budget)+"/entries", ""), 404, "not_found")
	})
	t.Run("adjust", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		path := "/api/v1/budgets/" + mealsID
		for range 2 {
			v := object(t, w.do("finance", "POST", path+"/adjust", `{"amount":-100,"reason":" 收回 "}`, "Idempotency-Key", "k"), 200)
			require.EqualValues(t, 200, v["left"])
		}
		p := problem(t, w.do("finance", "POST", path+"/adjust", `{"amount":-201,"reason":"x"}`), 409, "budget_exceeded")
		require.Equal(t, "超出预算", p.Title)
		require.Contains(t, p.Detail, "2.00 CNY")
		require.Equal(t, "200", p.Errors[0].Args["left"])
		require.Equal(t, []string{"amount:required", "reason:required"}, problem(t, w.do("finance", "POST", path+"/adjust", `{}`), 422, "invalid").faults())
		items := object(t, w.do("finance", "GET", path+"/entries", ""), 200)["items"].([]any)
		require.Len(t, items, 2)
		require.Equal(t, "收回", items[1].(map[string]any)["reason"])
	})
	t.Run("only_finance_and_administrators_change_them_and_few_see_them", func(t *testing.T) {
		t.Parallel()
		w := newHouse(t)
		for _, user := range []string{"staff", "clerk", "agent"} {
			problem(t, w.do(user, "GET", "/api/v1/budgets", ""), 403, "forbidden")
		}
		for _, user := range []string{"staff", "clerk", "boss", "auditor"} {
			problem(t, w.do(user, "POST", "/api/v1/budgets/"+mealsID+"/adjust", `{"amount":1,"reason":"x"}`), 403, "forbidden")
			problem(t, w.do(user, "POST", "/api/v1/budgets", `{}`), 403, "forbidden")
		}
		object(t, w.do("admin", "POST", "/api/v1/budgets/"+mealsID+"/adjust", `{"amount":1,"reason":"x"}`), 200)
	})
}

// A room that is taken is told in the reader's language and by the reader's clock, and to programs as facts.
func TestRefusalOfResources(t *testing.T) {
	t.Parallel()
	w := newHouse(t)
	slot := models.Slot{From: noon, Until: noon.Add(2 * time.Hour)}
	later := models.Slot{From: slot.Until, Until: slot.Until.Add(2 * time.Hour)}
	fault := models.Taken(w.resources.byID[hallID], slot, 0, []models.Slot{later})
	fault.Field = "resources[0]"
	w.broken = models.Refusal([]errs.Field{fault})
	p := problem(t, w.do("clerk", "GET", "/api/v1/resources", ""), http.StatusConflict, "resource_taken")
	require.Equal(t, "Hall 已被占用：2026-03-06 17:00–19:00，可用 0。相近的空闲时段：2026-03-06 19:00–21:00。", p.Detail)
	require.Equal(t, p.Detail, p.Errors[0].Message)
	require.Equal(t, "resources[0]", p.Errors[0].Field)
	require.Equal(t, "2026-03-06T11:00:00.000Z/2026-03-06T13:00:00.000Z", p.Errors[0].Args["free"])
	p = problem(t, w.do("boss", "GET", "/api/v1/resources", ""), http.StatusConflict, "resource_taken")
	require.Contains(t, p.Detail, "Free nearby: ")
}
