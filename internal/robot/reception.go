package robot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

// Steps of receptions that are an action done in a way of its own: revise to another day or to twice the money, and claim
// more than was approved.
const (
	move      = "move"
	enlarge   = "enlarge"
	overspend = "overspend"
)

var variants = map[string]string{move: "revise", enlarge: "revise", overspend: "expense-claim"}

// visits are the courses that a reception may take. The robot lets its receptions take them in turn, in an order of its own.
var visits = [][]string{
	{"submit", "approve", "prepare", "prepare", "start", "tick-off", "raise-need", "solve-need", "complete", "feedback", "expense-claim", "pay", "close"},
	{"submit", "return", "revise", "submit", "approve", "prepare", "start", "raise-need", "complete", "feedback", "close"},
	{"submit", "approve", "prepare", "start", "complete", overspend, "approve", "pay", "close"},
	{"submit", "approve", "prepare", "start", "complete", "expense-claim", "return-claim", "expense-claim", "pay", "feedback", "close"},
	{"submit", "approve", "prepare", "cancel", "expense-claim", "pay"},
	{"submit", "approve", enlarge, "approve", "prepare"},
	{"submit", "return", "withdraw"},
	{"submit", "withdraw"},
	{"submit", "reject"},
	{"submit", "cancel"},
	{"submit", "approve", "prepare", "start"},
	{"submit", "approve", "prepare", "start", "complete"},
	{"submit", "approve", "prepare", "start", "complete", "expense-claim"},
	{"submit", "approve"},
	{"submit"}, // the approvers are left to wait
	nil,        // a draft that is never submitted
}

// Visits is the number of courses that a reception may take.
func Visits() int { return len(visits) }

// visitView is what the robot looks at of a reception beside what every process has.
type visitView struct {
	RequesterID    string   `json:"requester_id"`
	ReceptionistID string   `json:"receptionist_id"`
	Hosts          []string `json:"hosts"`
	Checklist      []struct {
		Name   string     `json:"name"`
		DoneAt *time.Time `json:"done_at"`
	} `json:"checklist"`
	Activities []struct {
		ID     string     `json:"id"`
		DoneAt *time.Time `json:"done_at"`
	} `json:"activities"`
	RaisedNeeds []struct {
		ID       string     `json:"id"`
		SolvedAt *time.Time `json:"solved_at"`
	} `json:"raised_needs"`
	Budget []amount `json:"budget"`
	Claims []struct {
		State string `json:"state"`
	} `json:"claims"`
}

type amount struct {
	Item   string `json:"item"`
	Amount int64  `json:"amount"` // minor units
}

// undecided reports whether the reception, or a claim for it, waits for an approval.
func (v visitView) undecided(state string) bool {
	return state == "in_approval" || len(v.Claims) > 0 && v.Claims[len(v.Claims)-1].State == "in_approval"
}

// draft plans receptions, in the name of one account manager after another, and returns what is to become of them.
func (r *Robot) draft(ctx context.Context) ([]*plan, error) {
	if r.c.Receptions <= 0 {
		return nil, nil
	}
	askers, clerks, hosts := r.withRole("account_manager"), r.withRole("reception_clerk"), r.withRole("manager")
	if len(askers) == 0 || len(clerks) == 0 || len(hosts) == 0 {
		return nil, errors.New("the robot needs an account manager, a reception clerk and a manager, to plan receptions")
	}
	clients, err := read[client](ctx, askers[0], "/clients")
	if err != nil {
		return nil, err
	}
	things, err := read[thing](ctx, askers[0], "/resources")
	if err != nil {
		return nil, err
	}
	rooms := slices.DeleteFunc(things, func(t thing) bool { return t.Kind != "room" })
	if len(clients) == 0 || len(rooms) == 0 {
		return nil, errors.New("there is no client or no room to plan receptions for")
	}
	var plans []*plan
	course := rand.New(rand.NewPCG(r.c.Seed, 1)).Perm(len(visits)) //nolint:gosec // a plan, not a secret
	for i := range r.c.Receptions {
		by := askers[i%len(askers)]
		p := &plan{steps: visits[course[i%len(visits)]], rng: rand.New(rand.NewPCG(r.c.Seed, uint64(1_000_000+i)))} //nolint:gosec // likewise
		p.request = request(p.rng, by, pick(p.rng, clients), pick(p.rng, rooms), pick(p.rng, clerks), pick(p.rng, hosts))
		if _, err := by.api.Post(ctx, "/receptions", "", p.request, &p.view); err != nil {
			return nil, fmt.Errorf("plan a reception as %s: %w", by.Username, err)
		}
		p.path = "/receptions/" + p.view.ID
		r.tally.Done["plan"]++
		r.say(by, p.view.Number, "plan", "→ "+p.view.State)
		plans = append(plans, p)
	}
	return plans, nil
}

type client struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Class string `json:"class"`
}

type thing struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

func read[T any](ctx context.Context, as *member, path string) ([]T, error) {
	var all []T
	err := apiclient.Each(ctx, as.api, path, nil, func(one T) error {
		all = append(all, one)
		return nil
	})
	return all, err
}

// request is the plan of one visit. What only finance can approve is asked for where nobody above must approve as well, so
// that somebody is left who may pay.
func request(rng *rand.Rand, by *member, of client, room thing, clerk, host *member) map[string]any {
	words := texts[by.Locale]
	body := map[string]any{
		"client_id": of.ID, "purpose": pick(rng, words["purpose"]), "hosts": []string{host.ID}, "receptionist_id": clerk.ID,
		"kind":      pick(rng, []string{"company_visit", "model_site_visit", "on_site_meeting", "technical_exchange", "management_exchange"}),
		"level":     pick(rng, []string{"standard", "standard", "important", "vip"}),
		"visitors":  []map[string]string{{"name": pick(rng, words["visitor"]), "organisation": of.Name, "identity": pick(rng, []string{"executive", "manager", "expert"})}},
		"resources": []map[string]string{{"resource_id": room.ID}},
	}
	budget := []amount{{"meals", 100 * int64(200+rng.IntN(800))}, {"transport", 100 * int64(100+rng.IntN(700))}}
	switch level := body["level"]; {
	case level == "vip":
		body["departure_reason"] = pick(rng, words["departure"])
	case level == "standard" && of.Class != "S" && rng.IntN(3) == 0:
		budget = append(budget, amount{"lodging", 100 * int64(5000+rng.IntN(3000))})
	}
	body["budget"] = budget
	return on(body, by, someDay(rng))
}

// someDay is a day in the coming months.
func someDay(rng *rand.Rand) time.Time {
	return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 3+rng.IntN(200))
}

// on moves a request to a day.
func on(request map[string]any, owner *member, day time.Time) map[string]any {
	at := func(hour time.Duration) string { return day.Add(hour * time.Hour).Format(time.RFC3339) }
	moved := maps.Clone(request)
	moved["starts_at"], moved["ends_at"] = at(2), at(8)
	activity := map[string]string{"kind": "tour", "starts_at": at(3), "ends_at": at(5)}
	if owner != nil {
		activity["owner_id"] = owner.ID
	}
	moved["activities"] = []map[string]string{activity}
	return moved
}

// visitBody is the request for an action on a reception.
func visitBody(p *plan, step string, v processView, say func(string) string) map[string]any {
	switch step {
	case "revise", enlarge, move:
		p.request = revised(p, step)
		return p.request
	case "prepare":
		items := []string{}
		for _, item := range v.Checklist {
			if item.DoneAt == nil && p.rng.IntN(3) > 0 {
				items = append(items, item.Name)
			}
		}
		return map[string]any{"items": items}
	case "tick-off":
		return map[string]any{"activity_id": v.openActivity()}
	case "raise-need":
		return map[string]any{"text": say(step)}
	case "solve-need":
		return map[string]any{"need_id": v.openNeed(), "solution": say(step)}
	case "feedback":
		return map[string]any{"score": 3 + p.rng.IntN(3), "comment": say(step)}
	case "expense-claim", overspend:
		return map[string]any{"items": claimed(p, step, v)}
	case "pay":
		return map[string]any{"reference": "PAY-" + v.Number}
	case "return-claim", "cancel":
		return map[string]any{"reason": say(step + "-visit")}
	case "close":
		return map[string]any{"summary": say("summary")}
	default: // submit, withdraw, start, complete
		return map[string]any{}
	}
}

// revised is the request as it is changed: to another day, to twice the money, or to somewhat less of it.
func revised(p *plan, step string) map[string]any {
	if step == move {
		return on(p.request, nil, someDay(p.rng))
	}
	changed := maps.Clone(p.request)
	budget := slices.Clone(changed["budget"].([]amount))
	for i := range budget {
		if budget[i].Amount = budget[i].Amount * 9 / 10; step == enlarge {
			budget[i].Amount *= 2
		}
	}
	changed["budget"] = budget
	if step == enlarge {
		changed["departure_reason"] = changed["purpose"]
	}
	return changed
}

// claimed are expenses within the budget, or twice as much.
func claimed(p *plan, step string, v processView) []map[string]any {
	var items []map[string]any
	for i, b := range v.Budget {
		spent := b.Amount * int64(50+p.rng.IntN(50)) / 100
		if step == overspend {
			spent = 2 * b.Amount
		}
		items = append(items, map[string]any{
			"item": b.Item, "amount": spent, "receipt": fmt.Sprintf("FP-%s-%d-%d", v.Number, len(v.Claims)+1, i+1),
		})
	}
	return items
}

func (v visitView) openActivity() string {
	for _, a := range v.Activities {
		if a.DoneAt == nil {
			return a.ID
		}
	}
	return ""
}

func (v visitView) openNeed() string {
	for _, n := range v.RaisedNeeds {
		if n.SolvedAt == nil {
			return n.ID
		}
	}
	return ""
}
