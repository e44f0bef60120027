// Package robot plays the staff: it logs in as several users, works open cases and sees receptions through by a seeded random
// plan, looks after clients, and decides what is to be approved, through the API and with those users' rights only. It is for demonstrations and tests, and says that it is a robot wherever it can.
package robot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

const (
	atOnce    = 12              // cases and receptions under way at the same time
	lookAgain = 2 * time.Second // for new cases, while there is time left
)

// DemoUsers are the users of `mcrflow up --demo` that work cases and receptions.
func DemoUsers() []string {
	return []string{
		"agent1", "agent2", "agent3", "agent4", "supervisor1", "supervisor2", "manager1",
		"am1", "am2", "clerk1", "clerk2", "finance1", "director1",
	}
}

// Config says whom the robot plays, where, and for how long.
type Config struct {
	URL      string
	Users    []string // DemoUsers if empty
	Password string   // of all of them; "demo" if empty
	Seed     uint64   // the same seed makes the same plan for the same cases
	Cases    int      // how many to work at most; 50 if zero
	Record   int      // how many to record before
	// Receptions is how many to plan and see through; as many as there are Visits bring about every state.
	Receptions int
	Clients    int // how many to look after; Cares of them take every course
	// For is how long to go on looking for new cases; zero ends when the cases found at first are worked.
	For       time.Duration
	Pace      time.Duration // mean time between two actions; none if zero
	Out       io.Writer     // a line per action; nil for none
	UserAgent string        // mcrflow-robot if empty
	Patience  time.Duration // with a server that does not answer; two minutes if zero
}

// Robot plays the staff once.
type Robot struct {
	c     Config
	rng   *rand.Rand
	staff []*member
	tally Tally
}

// member is a user whom the robot plays.
type member struct {
	apiclient.User
	api *apiclient.Client
}

// New returns a robot; nothing is checked or sent before Run.
func New(c Config) *Robot {
	if len(c.Users) == 0 {
		c.Users = DemoUsers()
	}
	if c.Password == "" {
		c.Password = "demo"
	}
	if c.Cases <= 0 {
		c.Cases = 50
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.UserAgent == "" {
		c.UserAgent = "mcrflow-robot"
	}
	return &Robot{c: c, rng: rand.New(rand.NewPCG(c.Seed, 0)), tally: newTally()} //nolint:gosec // a plan, not a secret
}

// Run works until cases and receptions are done, the time is over or the context ends, and returns what it did. Actions that the
// server refuses because somebody was faster are counted, not errors; a server that stays away, or a login that fails, is.
// The context's own end is returned as its error, the end of Config.For is none.
func (r *Robot) Run(ctx context.Context) (Tally, error) {
	began := time.Now()
	limited := ctx
	if r.c.For > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, r.c.For)
		defer cancel()
	}
	err := r.run(limited)
	r.tally.Took = time.Since(began)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return r.tally, err
}

func (r *Robot) run(ctx context.Context) error {
	if err := r.logIn(ctx); err != nil {
		return err
	}
	if err := r.record(ctx); err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	visits, err := r.draft(ctx)
	if err != nil {
		return err
	}
	met := map[string]bool{}
	for {
		found, err := r.find(ctx, met)
		if err != nil {
			return err
		}
		if err := r.work(ctx, append(visits, found...)); err != nil {
			return err
		}
		visits = nil
		if r.c.For <= 0 || len(met) >= r.c.Cases {
			return nil
		}
		if err := apiclient.Pause(ctx, lookAgain); err != nil {
			return err
		}
	}
}

func (r *Robot) logIn(ctx context.Context) error {
	api, err := apiclient.New(apiclient.Options{URL: r.c.URL, UserAgent: r.c.UserAgent, Patience: r.c.Patience})
	if err != nil {
		return err
	}
	for _, name := range r.c.Users {
		as, user, err := api.Login(ctx, name, r.c.Password)
		if err != nil {
			return err
		}
		r.staff = append(r.staff, &member{user, as})
	}
	if len(r.agents("")) < 2 {
		return errors.New("the robot needs two service agents at least, to hand cases over")
	}
	return nil
}

// agents are those of the staff who handle cases, but for one.
func (r *Robot) agents(but string) []*member {
	return slices.DeleteFunc(r.withRole("service_agent"), func(m *member) bool { return m.ID == but })
}

func (r *Robot) withRole(role string) []*member {
	var out []*member
	for _, m := range r.staff {
		if slices.Contains(m.Roles, role) {
			out = append(out, m)
		}
	}
	return out
}

// find returns plans for open cases that were not met before, the newest first. Who may see all cases looks for all.
func (r *Robot) find(ctx context.Context, met map[string]bool) ([]*plan, error) {
	eyes := r.staff
	for _, m := range r.staff {
		if slices.Contains(m.Roles, "manager") || slices.Contains(m.Roles, "director") {
			eyes = []*member{m}
		}
	}
	enough := errors.New("enough")
	var plans []*plan
	for _, m := range eyes {
		for _, state := range []string{"open", "in_progress", "waiting_customer"} {
			err := apiclient.Each(ctx, m.api, "/cases", url.Values{"state": {state}}, func(c processView) error {
				if len(met) >= r.c.Cases {
					return enough
				}
				if !met[c.ID] {
					met[c.ID] = true
					plans = append(plans, newPlan(r.c.Seed, len(met), c))
				}
				return nil
			})
			if err != nil && !errors.Is(err, enough) {
				return nil, err
			}
		}
	}
	return plans, nil
}

// work carries the plans out, some at a time and in a random order, as people do.
func (r *Robot) work(ctx context.Context, waiting []*plan) error {
	var active []*plan
	for len(waiting) > 0 || len(active) > 0 {
		for len(active) < atOnce && len(waiting) > 0 {
			next := waiting[0]
			waiting = waiting[1:]
			if next.request != nil {
				r.tally.Receptions++
			} else {
				r.tally.Cases++
			}
			if len(next.steps) == 0 {
				r.tally.LeftAlone++
				r.say(nil, next.view.Number, "left alone", "")
				continue
			}
			active = append(active, next)
		}
		if len(active) == 0 {
			continue
		}
		i := r.rng.IntN(len(active))
		p := active[i]
		step := p.steps[0]
		p.steps = p.steps[1:]
		if err := r.step(ctx, p, step); err != nil {
			return err
		}
		if len(p.steps) == 0 {
			active = slices.Delete(active, i, i+1)
		}
	}
	return nil
}

// step has somebody take the action who may take it now; nobody may when others have changed the case meanwhile.
func (r *Robot) step(ctx context.Context, p *plan, step string) error {
	if intent, ok := decisions[step]; ok {
		return r.decide(ctx, p, intent)
	}
	action := step
	if usual, ok := variants[step]; ok {
		action = usual
	}
	by, view, err := r.first(ctx, p, func(v processView) bool { return slices.Contains(v.AllowedActions, action) })
	if err != nil {
		return err
	}
	if by == nil {
		r.tally.Skipped[action]++
		return nil
	}
	after, refused, err := take[processView](ctx, r, by, p, p.path, action, r.body(p, step, by, view))
	switch {
	case err != nil:
		return err
	case refused == nil:
		p.view = after
	case refused.Code == "resource_taken": // another day will do
		p.steps = append([]string{move, action}, p.steps...)
	}
	return r.breathe(ctx)
}

// breathe lets the pause pass that people make between two actions.
func (r *Robot) breathe(ctx context.Context) error {
	if r.c.Pace <= 0 {
		return ctx.Err()
	}
	return apiclient.Pause(ctx, r.c.Pace/2+time.Duration(r.rng.Int64N(int64(r.c.Pace))))
}

// take has somebody take an action and counts it. A refusal that one gets who comes too late is counted and no error.
func take[V interface{ status() string }](ctx context.Context, r *Robot, by *member, p *plan, path, action string, body any) (V, *apiclient.Problem, error) {
	var after V
	_, err := by.api.Post(ctx, path+"/"+action, "", body, &after)
	var refused *apiclient.Problem
	switch {
	case err == nil:
		r.tally.Done[action]++
		r.say(by, p.view.Number, action, "→ "+after.status())
	case errors.As(err, &refused) && faster(refused.Status):
		r.tally.Refused[action]++
		r.say(by, p.view.Number, action, "refused: "+refused.Code)
		return after, refused, nil
	default:
		err = fmt.Errorf("%s %s as %s: %w", action, p.view.Number, by.Username, err)
	}
	return after, nil, err
}

// faster reports whether a refusal is what one gets who comes too late.
func faster(status int) bool {
	return status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusConflict
}

// first returns one of the staff to whom the case or reception shows itself as wanted: first of those whom it is about, then
// of anybody. Nil when it does to nobody.
func (r *Robot) first(ctx context.Context, p *plan, wanted func(processView) bool) (*member, processView, error) {
	asked := map[string]bool{}
	ask := func(m *member) (bool, processView, error) {
		if m == nil || asked[m.ID] {
			return false, processView{}, nil
		}
		asked[m.ID] = true
		var view processView
		err := m.api.Get(ctx, p.path, nil, &view)
		var unseen *apiclient.Problem
		if errors.As(err, &unseen) && faster(unseen.Status) {
			return false, view, nil
		}
		if err == nil {
			p.view = view
		}
		return err == nil && wanted(view), view, err
	}
	others := p.rng.Perm(len(r.staff))
	for i := 0; ; i++ {
		var m *member
		about := p.view.people()
		switch {
		case i < len(about):
			m = r.member(about[i])
		case i-len(about) < len(others):
			m = r.staff[others[i-len(about)]]
		default:
			return nil, processView{}, nil
		}
		found, view, err := ask(m)
		if found || err != nil {
			return m, view, err
		}
	}
}

func (r *Robot) member(id string) *member {
	for _, m := range r.staff {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// say writes a line; a robot that cannot be heard goes on.
func (r *Robot) say(by *member, number, action, what string) {
	who := "nobody"
	if by != nil {
		who = by.Username + " (" + by.DisplayName + ")"
	}
	_, _ = fmt.Fprintf(r.c.Out, "robot %s %s %s: %s %s\n", time.Now().Format("15:04:05"), who, number, action, what)
}
