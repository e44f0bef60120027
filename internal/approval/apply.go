package approval

import (
	"fmt"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// turn is one step of an approval: a copy of the state that is worked on, and what it makes.
type turn struct {
	chain *Chain
	env   Env
	at    time.Time // of what happens; earlier than now when the clock's step comes late
	now   time.Time
	s     *State
	fx    Effects
	actor string
	cause string // the rule that an outcome follows from, when it is not a person's word
	here  place  // for the verbs of participants
}

// New begins the approval of a request at the instant: the path is selected and its first step opened. It refuses with
// errs.Invalid, all faults at once, if the facts are not those of the chain or a step needs people whom the requester has
// not named, with steps_gone if the request names steps that the chain does not have, and with nobody_to_approve if no step
// at all is to be asked.
func (c *Chain) New(req Request, at time.Time, env Env) (State, Effects, error) {
	req, path, branch, err := c.prepare(req, &env.Org)
	if err != nil {
		return State{}, Effects{}, err
	}
	s := State{
		Chain: c.name, PolicyVersion: c.version, Request: req, Branch: branch, Path: path,
		MaxReturns: c.def.Rules.MaxReturns, StartedAt: *instant(at),
	}
	t := &turn{chain: c, env: env, at: *instant(at), now: *instant(at), s: &s, actor: req.Requester}
	t.event(Event{Type: EventStarted, Args: map[string]string{"steps": joined(path)}})
	t.walk(0, 0)
	t.settle()
	t.fx.Open, t.fx.Close = c.diff(&State{}, &s)
	return s, t.fx, nil
}

// Apply carries out a command at the instant. It returns the new state and what follows from it, or the refusal with the
// state as it was; s itself never changes. The same state, command, instant and env always give the same.
func (c *Chain) Apply(s State, cmd Command, at time.Time, env Env) (State, Effects, error) {
	at = *instant(at)
	if err := s.may(cmd.Verb, cmd.Actor, at); err != nil {
		return s, Effects{}, err
	}
	next := s.clone()
	t := &turn{chain: c, env: env, at: at, now: at, s: &next, actor: cmd.Actor}
	switch cmd.Verb {
	case Tick:
		t.cause = ruleOnDue
	case OrgChanged:
		t.cause = ruleLeft
	case HandOver:
		t.cause = ruleHandedOver
	}
	if slices.Contains([]Verb{Approve, Reject, Return, Transfer, Delegate, AddSign}, cmd.Verb) {
		t.here, _ = next.placeOf(cmd.Actor, at) // may has found it
	}
	if err := t.do(cmd); err != nil {
		return s, Effects{}, err
	}
	t.settle()
	t.fx.Open, t.fx.Close = c.diff(&s, &next)
	return next, t.fx, nil
}

// do carries out a command that is allowed; what it still refuses are its arguments.
func (t *turn) do(cmd Command) error {
	switch cmd.Verb {
	case Approve:
		t.decide(t.here.participant, DecisionApproved, cmd.Comment)
	case Reject:
		t.decide(t.here.participant, DecisionRejected, cmd.Comment)
	case Return:
		return t.sendBack(cmd)
	case Transfer:
		return t.transfer(cmd)
	case Delegate:
		return t.delegate(cmd)
	case AddSign:
		return t.addSign(cmd)
	case RemoveSign:
		return t.removeSign(cmd)
	case TakeBack:
		t.takeBack(cmd)
	case Resubmit:
		return t.resubmit(cmd)
	case Withdraw:
		t.event(Event{Type: EventWithdrawn, Comment: cmd.Comment})
		t.end(Withdrawn, "")
	case Urge:
		t.urge()
	case CC:
		return t.copyTo(cmd)
	case Comment:
		if cmd.Comment == "" {
			return errs.NewInvalid(errs.Field{Field: "text", Code: "required"})
		}
		t.event(Event{Type: EventCommented, Comment: cmd.Comment})
	case Tick:
		t.tick()
	case HandOver:
		return t.handOver(cmd)
	case OrgChanged: // settling is all of it, but for those who are there and no longer lead
		t.newLead(cmd.UserID)
	}
	return nil
}

// prepare checks a request and selects its path.
func (c *Chain) prepare(req Request, org *Org) (_ Request, path []string, branch int, err error) {
	facts := req.Facts.normal()
	delete(facts.Lists, factRequesterRoles)
	faults := facts.Validate(c.subject)
	if p := org.People[req.Requester]; !p.Active {
		faults = append(faults, errs.Field{Field: "requester", Code: "inactive"})
	} else if _, known := c.subject.fact(factRequesterRoles); known {
		put(&facts.Lists, factRequesterRoles, slices.Clone(p.Roles), len(p.Roles) > 0)
	}
	if len(faults) > 0 {
		return Request{}, nil, 0, errs.NewInvalid(faults...)
	}
	req.Facts = facts.normal()
	req.Interested = slices.Compact(slices.Sorted(slices.Values(req.Interested)))
	req.Choices = normalChoices(req.Choices)
	branch, path = c.route(req.Facts)
	if len(req.Steps) > 0 {
		if gone := c.without(req.Steps); len(gone) > 0 {
			return Request{}, nil, 0, errs.New(CodeStepsGone, "approval.steps_gone", "steps", joined(gone))
		}
		branch, path = namedSteps, slices.Clone(req.Steps)
	}
	if len(path) == 0 {
		return Request{}, nil, 0, errs.New(CodeNobodyToApprove, "approval.nobody_to_approve")
	}
	if faults := c.unchosen(req, path, org); len(faults) > 0 {
		return Request{}, nil, 0, errs.NewInvalid(faults...)
	}
	return req, path, branch, nil
}

func normalChoices(choices map[string][]string) map[string][]string {
	var n map[string][]string
	for step, users := range choices {
		put(&n, step, slices.Clone(users), len(users) > 0)
	}
	return n
}

// unchosen returns a fault for every choice that the requester has to make and has not made well. Policies were once free to leave
// a choice to requesters who cannot make any: nobody is found by it then, and the rule for that says what follows.
func (c *Chain) unchosen(req Request, path []string, org *Org) []errs.Field {
	var faults []errs.Field
	for _, step := range path {
		for _, who := range c.def.Steps[step].Who {
			if !who.RequesterChoice {
				continue
			}
			field := "choices." + step
			if len(req.Choices[step]) == 0 && c.subject.Choices {
				faults = append(faults, errs.Field{Field: field, Code: "required"})
			}
			for i, id := range req.Choices[step] {
				at := fmt.Sprintf("%s[%d]", field, i)
				p, known := org.People[id]
				switch {
				case !known:
					faults = append(faults, errs.Field{Field: at, Code: "unknown"})
				case !p.Active:
					faults = append(faults, errs.Field{Field: at, Code: "inactive"})
				case id == req.Requester || slices.Contains(req.Interested, id):
					faults = append(faults, errs.Field{Field: at, Code: "has_a_stake"})
				case who.Role != "" && !slices.Contains(p.Roles, who.Role):
					faults = append(faults, errs.Field{Field: at, Code: "lacks_role", Args: errs.Args("role", who.Role)})
				}
			}
		}
	}
	return faults
}

// event records an event of this turn; the actor is the one of the command unless the event names another.
func (t *turn) event(e Event) {
	e.At = t.at
	if e.Actor == "" {
		e.Actor = t.actor
	}
	if t.here.standby != nil && e.Actor == t.actor {
		e.OnBehalfOf, e.Rules = t.here.participant.UserID, t.here.standby.Rules
	}
	if v := t.here.visit; v != nil && e.Step == "" {
		e.Step, e.Visit = v.Step, v.ID
	}
	t.fx.Events = append(t.fx.Events, e)
}

// byRule records what a rule did.
func (t *turn) byRule(rule string, e Event) {
	e.Actor, e.Rules = System, []string{rule}
	t.event(e)
}

func (t *turn) notify(kind, step string, users []string, args map[string]string) {
	if len(users) > 0 {
		t.fx.Notices = append(t.fx.Notices, Notice{Kind: kind, UserIDs: users, Step: step, Args: args})
	}
}

// end gives the approval its outcome; rule is empty when a person's word brought it.
func (t *turn) end(o Outcome, rule string) {
	t.s.Outcome, t.s.OutcomeRule, t.s.EndedAt = o, rule, instant(t.at)
	t.s.OutcomeBy = t.actor
	if rule != "" {
		t.s.OutcomeBy = System
	}
	if v := t.s.Active(); v != nil {
		v.close(VisitCancelled, t.at)
	}
	t.fx.Ended = o
	t.event(Event{Type: EventEnded, Actor: t.s.OutcomeBy, Args: map[string]string{"outcome": string(o), "rule": rule}})
	t.notify(NoticeEnded, "", append([]string{t.s.Request.Requester}, t.s.CC...), map[string]string{"outcome": string(o)})
}

func (t *turn) newID() int {
	t.s.LastID++
	return t.s.LastID
}
