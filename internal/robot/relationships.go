package robot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

// cares are the courses that the care of a client takes, in turn: steps are actions of relationships. Where a class or a plan
// is due it is seen to before.
var cares = [][]string{
	{"interact", "commit", "keep"},
	{"interact", "lead", "lead-act", "lead-stage", "lead-close"},
	{"interact", "opine", "answer"},
	{"interact", "lead"}, // an opportunity that is left to be followed
}

// Cares is the number of courses that the care of a client may take.
func Cares() int { return len(cares) }

// bond is what the robot looks at of a relationship.
type bond struct {
	Stage          string    `json:"stage"`
	Class          string    `json:"class"`
	Plan           *struct{} `json:"plan"`
	Proposal       *struct{} `json:"proposal"`
	AllowedActions []string  `json:"allowed_actions"`
}

// care is what is to happen with one client.
type care struct {
	by      *member // the account manager
	of      client
	contact string
	made    string // where the latest record of it can be acted on
	rng     *rand.Rand
}

// look sees after clients: those who look after them grade whom they must, plan, speak with them, keep their promises and
// follow leads; whoever speaks for clients answers opinions, and approvers approve.
func (r *Robot) look(ctx context.Context) error {
	if r.c.Clients <= 0 {
		return nil
	}
	var of []*care
	for _, by := range r.withRole("account_manager") {
		err := apiclient.Each(ctx, by.api, "/clients", url.Values{"account_manager_id": {by.ID}}, func(c client) error {
			of = append(of, &care{by: by, of: c})
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i, c := range of[:min(len(of), r.c.Clients)] {
		c.rng = rand.New(rand.NewPCG(r.c.Seed, uint64(2_000_000+i))) //nolint:gosec // a plan, not a secret
		contacts, err := read[client](ctx, c.by, "/clients/"+c.of.ID+"/contacts")
		if err != nil {
			return err
		}
		if len(contacts) > 0 {
			c.contact = pick(c.rng, contacts).ID
		}
		r.tally.Clients++
		for _, step := range append([]string{"classify", "plan-submit"}, cares[i%len(cares)]...) {
			if err := r.careFor(ctx, c, step); err != nil {
				return err
			}
		}
	}
	return nil
}

// careFor takes one step for a client.
func (r *Robot) careFor(ctx context.Context, c *care, step string) error {
	path, now := "/clients/"+c.of.ID, time.Now().UTC()
	say := func(occasion string) string { return pick(c.rng, texts[c.by.Locale][occasion]) }
	switch step {
	case "classify":
		return r.classify(ctx, c)
	case "plan-submit":
		return r.planFor(ctx, c)
	case "interact":
		body := map[string]any{
			"kind": pick(c.rng, []string{"visit", "call", "meeting", "message"}), "at": now.Add(-time.Second).Format(time.RFC3339),
			"summary": say("summary"), "quality": say("quality"),
		}
		if c.contact != "" {
			body["contact_id"] = c.contact
		}
		return r.taken(ctx, c, c.by, step, path+"/interactions", "", body)
	case "commit":
		return r.taken(ctx, c, c.by, step, path+"/commitments", "/commitments/", map[string]any{"text": say(step), "due_at": now.AddDate(0, 0, 7).Format(time.RFC3339)})
	case "lead":
		return r.taken(ctx, c, c.by, step, path+"/leads", "/leads/", map[string]any{"kind": "lead", "title": say(step)})
	case "opine":
		return r.taken(ctx, c, c.by, step, path+"/opinions", "/opinions/", map[string]any{"text": say(step)})
	}
	if c.made == "" { // somebody was faster, and there is nothing to act on
		r.tally.Skipped[step]++
		return nil
	}
	switch step {
	case "keep":
		return r.taken(ctx, c, c.by, step, c.made+"/keep", "", map[string]any{})
	case "lead-act":
		return r.taken(ctx, c, c.by, step, c.made+"/act", "", map[string]any{"note": say(step)})
	case "lead-stage":
		return r.taken(ctx, c, c.by, step, c.made+"/stage", "", map[string]any{"stage": pick(c.rng, []string{"qualified", "screening"})})
	case "lead-close":
		return r.taken(ctx, c, c.by, step, c.made+"/close", "", map[string]any{"outcome": pick(c.rng, []string{"won", "lost"}), "note": say("lead-act")})
	default: // answer
		return r.answer(ctx, c)
	}
}

// taken posts a step and counts it. Where to act on what was made is kept, if it can be acted on.
func (r *Robot) taken(ctx context.Context, c *care, by *member, step, path, acted string, body any) error {
	var made struct{ ID string }
	if acted != "" {
		c.made = ""
	}
	_, err := by.api.Post(ctx, path, "", body, &made)
	var refused *apiclient.Problem
	switch {
	case err == nil:
		r.tally.Done[step]++
		r.say(by, c.of.Name, step, "done")
		if acted != "" {
			c.made = acted + made.ID
		}
	case errors.As(err, &refused) && faster(refused.Status):
		r.tally.Refused[step]++
		r.say(by, c.of.Name, step, "refused: "+refused.Code)
	default:
		return fmt.Errorf("%s for %s as %s: %w", step, c.of.Name, by.Username, err)
	}
	return r.breathe(ctx)
}

// classify proposes the class of a prospect, and confirms that of a client whose review is open.
func (r *Robot) classify(ctx context.Context, c *care) error {
	s, err := r.bondWith(ctx, c)
	if err != nil {
		return err
	}
	due := s.Stage == "prospect"
	err = apiclient.Each(ctx, c.by.api, "/tasks", url.Values{"box": {"todo"}, "process": {"relationship"}}, func(t struct {
		Kind      string `json:"kind"`
		SubjectID string `json:"subject_id"`
	},
	) error {
		due = due || t.Kind == "review_class" && t.SubjectID == c.of.ID
		return nil
	})
	if err != nil {
		return err
	}
	if !due || !slices.Contains(s.AllowedActions, "classify") {
		r.tally.Skipped["classify"]++
		return nil
	}
	var policy struct {
		Document struct {
			Criteria map[string]struct{} `json:"criteria"`
		} `json:"document"`
	}
	if err := c.by.api.Get(ctx, "/policies/classification", nil, &policy); err != nil {
		return err
	}
	criteria := map[string]int{}
	for name := range policy.Document.Criteria {
		criteria[name] = 60
	}
	err = r.taken(ctx, c, c.by, "classify", "/clients/"+c.of.ID+"/classification", "", map[string]any{
		"proposed_class": s.Class, "reason": pick(c.rng, texts[c.by.Locale]["classify"]), "criteria": criteria,
	})
	if err != nil {
		return err
	}
	if s, err = r.bondWith(ctx, c); err != nil || s.Proposal == nil { // confirmed by a review, or refused: nobody is asked
		return err
	}
	return r.approve(ctx, c)
}

// planFor drafts a plan for a key client that has none, and has it approved.
func (r *Robot) planFor(ctx context.Context, c *care) error {
	s, err := r.bondWith(ctx, c)
	if err != nil {
		return err
	}
	if s.Class != "S" && s.Class != "A" || s.Plan != nil || !slices.Contains(s.AllowedActions, "plan") {
		r.tally.Skipped["plan-submit"]++
		return nil
	}
	today := time.Now().UTC()
	say := func(occasion string) string { return pick(c.rng, texts[c.by.Locale][occasion]) }
	err = r.taken(ctx, c, c.by, "plan-draft", "/clients/"+c.of.ID+"/plans", "/plans/", map[string]any{
		"from": today.Format(time.DateOnly), "until": today.AddDate(0, 6, 0).Format(time.DateOnly), "goals": []string{say("goal")},
		"activities": []map[string]any{{"kind": "visit", "title": say("purpose"), "due_at": today.AddDate(0, 1, 0).Format(time.RFC3339)}},
	})
	if err != nil || c.made == "" {
		return err
	}
	if err := r.taken(ctx, c, c.by, "plan-submit", c.made+"/submit", "", map[string]any{}); err != nil {
		return err
	}
	return r.approve(ctx, c)
}

func (r *Robot) bondWith(ctx context.Context, c *care) (s bond, err error) {
	err = c.by.api.Get(ctx, "/clients/"+c.of.ID+"/relationship", nil, &s)
	return s, err
}

// approve has those who are asked approve what the client's relationship waits for, until nobody is asked any more.
func (r *Robot) approve(ctx context.Context, c *care) error {
	p := &plan{view: processView{ID: c.of.ID, Number: c.of.Name}, rng: c.rng}
	for end, decided := time.Now().Add(answersWithin), false; time.Now().Before(end); {
		by, view, err := r.asked(ctx, p)
		switch {
		case err != nil:
			return err
		case by != nil && slices.Contains(view.AllowedActions, "approve"):
			if _, _, err := take[approvalView](ctx, r, by, p, "/approvals/"+view.ID, "approve", r.verbBody(p, "approve", by, view)); err != nil {
				return err
			}
			decided = true
		case by == nil && decided:
			return nil
		}
		if err := apiclient.Pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("nobody was asked to approve what %s waits for", c.of.Name)
}

// answer has whoever may answer the latest opinion.
func (r *Robot) answer(ctx context.Context, c *care) error {
	for _, i := range c.rng.Perm(len(r.staff)) {
		by := r.staff[i]
		var opinion struct {
			AllowedActions []string `json:"allowed_actions"`
		}
		err := by.api.Get(ctx, c.made, nil, &opinion)
		var unseen *apiclient.Problem
		if errors.As(err, &unseen) && faster(unseen.Status) {
			continue
		}
		if err != nil {
			return err
		}
		if slices.Contains(opinion.AllowedActions, "answer") {
			return r.taken(ctx, c, by, "answer", c.made+"/answer", "", map[string]any{"answer": pick(c.rng, texts[by.Locale]["answer"])})
		}
	}
	r.tally.Skipped["answer"]++
	return nil
}
