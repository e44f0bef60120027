package robot

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// processView is what the robot looks at of a case or a reception; what the other has stays empty.
type processView struct {
	ID             string   `json:"id"`
	Number         string   `json:"number"`
	State          string   `json:"state"`
	AllowedActions []string `json:"allowed_actions"`

	AssigneeID    string `json:"assignee_id"`
	AccountableID string `json:"accountable_id"`
	Offer         *struct {
		ToID string `json:"to_id"`
	} `json:"offer"`
	Transfer *struct {
		ToID       string     `json:"to_id"`
		ApprovedAt *time.Time `json:"approved_at"`
	} `json:"transfer"`
	Extension *struct{} `json:"extension"`

	visitView
}

// people are those whom it is about just now.
func (v processView) people() []string {
	ids := make([]string, 0, 8)
	if v.Offer != nil {
		ids = append(ids, v.Offer.ToID)
	}
	if v.Transfer != nil {
		ids = append(ids, v.Transfer.ToID)
	}
	return append(append(ids, v.AssigneeID, v.AccountableID, v.RequesterID, v.ReceptionistID), v.Hosts...)
}

// undecided reports whether it waits for an approval.
func (v processView) undecided() bool {
	return v.Transfer != nil && v.Transfer.ApprovedAt == nil || v.Extension != nil || v.visitView.undecided(v.State)
}

func (v processView) status() string { return v.State }

// plan is what is to happen to one case or reception.
type plan struct {
	path    string // of the API
	view    processView
	steps   []string
	request map[string]any // of a reception: what was asked for last
	rng     *rand.Rand
}

// fates are the courses that a case may take, with how often each comes. A step that nobody may take is passed over.
var fates = []struct {
	often int
	steps []string
}{
	{5, []string{"respond", "note", "resolve"}},
	{3, []string{"respond", "resolve", "close"}},
	{4, []string{"respond", "assign", "accept", "note", "resolve"}},
	{3, []string{"assign", "decline", "assign", "decline", "adjudicate", "respond", "resolve", "close"}},
	{3, []string{"respond", "wait", "resume", "resolve"}},
	{2, []string{"respond", "wait", "client-message", "resolve"}},
	{2, []string{"respond", "extend", "decide", "resolve"}},
	{1, []string{"transfer-accountability", "decide", "accept-accountability", "respond", "resolve"}},
	{1, []string{"respond", "transfer-accountability", "decide", "refuse-accountability", "resolve"}},
	{2, []string{"escalate", "prioritize", "respond", "resolve", "close"}},
	{2, []string{"respond", "resolve", "reopen", "respond", "resolve", "close"}},
	{1, []string{"note", "cancel"}},
	{1, []string{"assign"}}, // an offer that nobody takes up
	{3, nil},                // left alone, until its promises are broken
}

// newPlan draws the fate of the nth case that the robot meets.
func newPlan(seed uint64, n int, c processView) *plan {
	p := &plan{
		path: "/cases/" + c.ID, view: c,
		rng: rand.New(rand.NewPCG(seed, uint64(n))), //nolint:gosec // a plan, not a secret
	}
	total := 0
	for _, f := range fates {
		total += f.often
	}
	draw := p.rng.IntN(total)
	for _, f := range fates {
		if draw -= f.often; draw < 0 {
			p.steps = f.steps
			break
		}
	}
	return p
}

// body is the request for an action, in the words of who takes it.
func (r *Robot) body(p *plan, action string, by *member, view processView) map[string]any {
	say := func(occasion string) string { return pick(p.rng, texts[by.Locale][occasion]) }
	if p.request != nil {
		return visitBody(p, action, view, say)
	}
	switch action {
	case "respond":
		return map[string]any{"message": say(action)}
	case "note":
		return map[string]any{"text": say(action), "visibility": pick(p.rng, []string{"internal", "client"})}
	case "client-message":
		return map[string]any{"text": say(action)}
	case "assign":
		to := pick(p.rng, r.agents(view.AssigneeID))
		if p.rng.IntN(4) == 0 && to.TeamID != nil {
			return map[string]any{"team_id": *to.TeamID, "note": say(action)}
		}
		return map[string]any{"assignee_id": to.ID, "note": say(action)}
	case "adjudicate":
		return map[string]any{"assignee_id": pick(p.rng, r.agents("")).ID, "reason": say(action)}
	case "wait":
		body := map[string]any{"reason": say(action)}
		if p.rng.IntN(2) == 0 {
			body["until"] = time.Now().Add(time.Duration(5+p.rng.IntN(60)) * time.Second).UTC().Format(time.RFC3339)
		}
		return body
	case "prioritize":
		levels := []string{"low", "medium", "high"}
		return map[string]any{"impact": pick(p.rng, levels), "urgency": pick(p.rng, levels), "reason": say(action)}
	case "extend":
		return map[string]any{"milestone": "resolution", "by": "2h", "reason": say(action)}
	case "transfer-accountability":
		return map[string]any{"to_id": pick(p.rng, r.agents(view.AccountableID)).ID, "reason": say(action)}
	case "resolve":
		return map[string]any{"resolution": say(action), "root_cause": say("root_cause")}
	case "accept", "resume", "accept-accountability":
		return map[string]any{}
	default: // decline, escalate, refuse-accountability, reopen, close, cancel
		return map[string]any{"reason": say(action)}
	}
}

// record makes new cases for clients that are there, in the name of one agent after another.
func (r *Robot) record(ctx context.Context) error {
	if r.c.Record <= 0 {
		return nil
	}
	agents := r.agents("")
	clients, err := read[client](ctx, agents[0], "/clients")
	if err != nil {
		return err
	}
	if len(clients) == 0 {
		return fmt.Errorf("there is no client to record cases for")
	}
	levels := []string{"low", "medium", "high"}
	for i := range r.c.Record {
		by, of := agents[i%len(agents)], pick(r.rng, clients)
		words := texts[by.Locale]
		var made processView
		_, err := by.api.Post(ctx, "/cases", "", map[string]any{
			"type": pick(r.rng, []string{"complaint", "complaint", "inquiry"}), "client_id": of.ID,
			"channel": pick(r.rng, []string{"phone", "email", "web", "chat"}),
			"contact": map[string]string{"name": of.Name, "email": "client@robot.example"},
			"subject": pick(r.rng, words["subject"]), "description": pick(r.rng, words["description"]),
			"impact": pick(r.rng, levels), "urgency": pick(r.rng, levels), "external_ref": "robot",
		}, &made)
		if err != nil {
			return fmt.Errorf("record a case as %s: %w", by.Username, err)
		}
		r.tally.Done["record"]++
		r.say(by, made.Number, "record", "→ "+made.State)
	}
	return nil
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
