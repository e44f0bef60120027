package approval

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// monday is when the tests begin.
var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// elapsed counts a working day as 24 hours: the arithmetic of calendars is not ours.
func elapsed(from time.Time, span sla.Span, _ sla.ClockKind) time.Time {
	return from.Add(time.Duration(span.Days)*24*time.Hour + span.Duration)
}

// company is a hotline of ann, ben and cat under sue, finance of fay and fin under max, a clerk rex under max; sue and max
// answer to dora, the director; ada administers.
func company() Org {
	o := Org{People: map[string]Person{}, Teams: map[string]Team{"t1": {ID: "t1", Name: "hotline", SupervisorID: "sue"}}}
	for _, p := range []Person{
		{ID: "ann", TeamID: "t1", ManagerID: "sue", Roles: []string{"staff"}},
		{ID: "ben", TeamID: "t1", ManagerID: "sue", Roles: []string{"staff"}},
		{ID: "cat", TeamID: "t1", ManagerID: "sue", Roles: []string{"staff"}},
		{ID: "sue", TeamID: "t1", ManagerID: "dora", Roles: []string{"supervisor"}},
		{ID: "fay", ManagerID: "max", Roles: []string{"finance"}},
		{ID: "fin", ManagerID: "max", Roles: []string{"finance"}},
		{ID: "rex", ManagerID: "max", Roles: []string{"reception_clerk"}},
		{ID: "max", ManagerID: "dora", Roles: []string{"manager"}},
		{ID: "dora", Roles: []string{"director"}},
		{ID: "ada", Roles: []string{"admin"}},
	} {
		p.Active = true
		o.People[p.ID] = p
	}
	return o
}

// with returns the organisation with one person changed.
func (o Org) with(id string, change func(*Person)) Org {
	o.People = maps.Clone(o.People)
	p := o.People[id]
	p.ID = id
	change(&p)
	o.People[id] = p
	return o
}

func left(p *Person) { p.Active = false }
func away(p *Person) { p.Absent = true }

// chainOf compiles the one chain of a definition.
func chainOf(tb testing.TB, name string, def Definition) *Chain {
	tb.Helper()
	p, err := Compile(Document{Kind: Kind, Chains: map[string]Definition{name: def}}, 7)
	require.NoError(tb, err)
	c, err := p.Chain(name)
	require.NoError(tb, err)
	return c
}

// steps is a chain of the steps, in order.
func steps(tb testing.TB, rules Rules, all ...Step) *Chain {
	tb.Helper()
	def := Definition{Steps: map[string]Step{}, Rules: rules}
	var ids []string
	for i, s := range all {
		id := string(rune('a' + i))
		def.Steps[id] = s
		ids = append(ids, id)
	}
	def.Select = []Branch{{When: "true", Steps: ids}}
	return chainOf(tb, "reception", def)
}

// by is a step of people.
func by(mode Mode, users ...string) Step {
	s := Step{Mode: mode}
	for _, u := range users {
		s.Who = append(s.Who, Who{User: u})
	}
	return s
}

func (s Step) due(after time.Duration, onDue string) Step {
	s.Due, s.OnDue = Due{After: sla.Span{Duration: after}}, onDue
	return s
}

// course is one approval on its way.
type course struct {
	testing.TB
	chain *Chain
	env   Env
	at    time.Time
	state State
	fx    Effects
}

// begin starts the approval of ann's request.
func begin(tb testing.TB, c *Chain, org Org, change ...func(*Request, *Env)) *course {
	tb.Helper()
	r := Request{ID: "approval_1", Requester: "ann"}
	env := Env{Org: org, Deadline: elapsed}
	for _, f := range change {
		f(&r, &env)
	}
	s, fx, err := c.New(r, monday, env)
	require.NoError(tb, err)
	return &course{TB: tb, chain: c, env: env, at: monday, state: s, fx: fx}
}

// do carries out a command a minute later, which must be accepted.
func (c *course) do(actor string, verb Verb, change ...func(*Command)) *course {
	c.Helper()
	s, fx, err := c.try(actor, verb, change...)
	require.NoError(c, err)
	require.Contains(c, Allowed(c.state, actor, c.at), verb)
	c.state, c.fx = s, fx
	return c
}

func (c *course) try(actor string, verb Verb, change ...func(*Command)) (State, Effects, error) {
	c.at = c.at.Add(time.Minute)
	cmd := Command{Actor: actor, Verb: verb}
	for _, f := range change {
		f(&cmd)
	}
	return c.chain.Apply(c.state, cmd, c.at, c.env)
}

// refused tries a command that must be refused with the code, and must change nothing.
func (c *course) refused(code errs.Code, actor string, verb Verb, change ...func(*Command)) *course {
	c.Helper()
	s, fx, err := c.try(actor, verb, change...)
	require.Error(c, err)
	require.Equal(c, code, errs.CodeOf(err), err.Error())
	require.Equal(c, c.state, s)
	require.Empty(c, fx)
	return c
}

// wait lets the time pass and ticks at every checkpoint on the way.
func (c *course) wait(d time.Duration) *course {
	c.Helper()
	until := c.at.Add(d)
	for {
		at, ok := NextCheckpoint(c.state)
		if !ok || at.After(until) {
			break
		}
		c.at = at.Add(-time.Minute)
		c.do(System, Tick)
	}
	c.at = until
	return c
}

func (c *course) org(id string, change func(*Person)) *course {
	c.Helper()
	c.env.Org = c.env.Org.with(id, change)
	return c.do(System, OrgChanged)
}

// asked lists who is asked, in their own name, in order.
func (c *course) asked() []string {
	var users []string
	for _, t := range c.state.OpenTasks() {
		if t.OnBehalfOf == "" {
			users = append(users, t.UserID)
		}
	}
	return users
}

// step is the step that is active; "" when the approval is over.
func (c *course) step() string {
	if v := c.state.Active(); v != nil {
		return v.Step
	}
	return ""
}

func (c *course) at1(step string, asked ...string) *course {
	c.Helper()
	require.Equal(c, step, c.step())
	require.Equal(c, asked, c.asked())
	return c
}

func (c *course) ended(o Outcome) *course {
	c.Helper()
	require.Equal(c, o, c.state.Outcome)
	require.Empty(c, c.state.OpenTasks())
	require.Nil(c, c.state.Active())
	return c
}

func (c *course) event(kind string) Event {
	c.Helper()
	i := slices.IndexFunc(c.fx.Events, func(e Event) bool { return e.Type == kind })
	require.GreaterOrEqual(c, i, 0, "no event %s in %v", kind, c.fx.Events)
	return c.fx.Events[i]
}

func (c *course) notice(kind string) []string {
	for _, n := range c.fx.Notices {
		if n.Kind == kind {
			return n.UserIDs
		}
	}
	return nil
}

func to(id string) func(*Command)     { return func(c *Command) { c.ToID, c.To, c.UserID = id, id, id } }
func then(rule string) func(*Command) { return func(c *Command) { c.Resume = rule } }
func saying(s string) func(*Command)  { return func(c *Command) { c.Comment = s } }
func facts(f Facts) func(*Command)    { return func(c *Command) { c.Facts = &f } }
func people(ids ...string) func(*Command) {
	return func(c *Command) { c.UserIDs = ids }
}

func add(where Position, ids ...string) func(*Command) {
	return func(c *Command) { c.Position, c.UserIDs = where, ids }
}

// jsonOf is the state as it is stored.
func jsonOf(tb interface {
	require.TestingT
}, s State,
) string {
	raw, err := json.Marshal(s)
	require.NoError(tb, err)
	return string(raw)
}
