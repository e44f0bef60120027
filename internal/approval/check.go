package approval

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Bounds of a document, so that its check and its states stay small.
const (
	maxBranches  = 100
	maxSteps     = 50
	maxWho       = 20
	maxClimb     = 10
	maxWeight    = 1000
	maxReturning = 100
	maxSpan      = 365 // days
)

// stepName is what a step may be called: its name is part of commands.
var stepName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Refs is what exists beside the policy: the roles of the product and the organisation as it is at the instant.
type Refs struct {
	Roles []string
	Org   Org
	At    time.Time
}

// Check returns everything that forbids the publication of d: first what is wrong with its structure, and if nothing is,
// what is wrong with the decisions that it would make, each with a concrete request that shows it (see checkDecisions for
// the bounds of that search). None means that it may be published.
func (d Document) Check(refs Refs) []errs.Field {
	c := checker{refs: refs}
	switch {
	case d.Kind == "":
		c.fault("kind", "required")
	case d.Kind != Kind:
		c.fault("kind", "oneof", "values", Kind)
	}
	if d.Version != 0 {
		c.fault("version", "version_given")
	}
	if len(d.Chains) == 0 {
		c.fault("chains", "required")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Chains)) {
		before := len(c.faults)
		chain, faults := compileChain(name, d.Chains[name], 0)
		c.faults = append(c.faults, faults...)
		c.chain("chains."+name, chain, d.Chains[name])
		if len(c.faults) == before {
			c.faults = append(c.faults, checkDecisions("chains."+name, chain, refs)...)
		}
	}
	return c.faults
}

// checker collects the faults of a document's structure.
type checker struct {
	refs   Refs
	faults []errs.Field
}

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// oneOf requires a value from the list, if one is given.
func (c *checker) oneOf(path, value string, known ...string) {
	if value != "" && !slices.Contains(known, value) {
		c.fault(path, "oneof", "value", value, "values", joined(known))
	}
}

// between requires a number from low to high.
func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
}

func (c *checker) chain(path string, chain *Chain, def Definition) {
	if len(def.Select) > maxBranches {
		c.fault(path+".select", "too_many", "max", strconv.Itoa(maxBranches))
	}
	if len(def.Steps) > maxSteps {
		c.fault(path+".steps", "too_many", "max", strconv.Itoa(maxSteps))
	}
	used := map[string]bool{}
	for i, b := range def.Select {
		at := fmt.Sprintf("%s.select[%d]", path, i)
		if len(b.Steps) == 0 {
			c.fault(at+".steps", "required")
		}
		for j, id := range b.Steps {
			if slices.Contains(b.Steps[:j], id) {
				c.fault(fmt.Sprintf("%s.steps[%d]", at, j), "duplicate", "value", id)
			}
			used[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(def.Steps)) {
		at := path + ".steps." + id
		switch {
		case id == StepRequester:
			c.fault(at, "reserved", "value", id)
		case !stepName.MatchString(id):
			c.fault(at, "bad_name", "value", id)
		case !used[id]:
			c.fault(at, "step_unused")
		}
		c.step(at, chain, def.Steps[id])
	}
	c.rules(path+".rules", def.Rules)
}

func (c *checker) step(path string, chain *Chain, s Step) {
	c.oneOf(path+".mode", string(s.Mode), string(ModeAny), string(ModeAll), string(ModeRatio), string(ModeSequence), string(ModeVote))
	switch {
	case s.Mode == ModeRatio:
		c.between(path+".percent", s.Percent, 1, 100)
	case s.Mode == ModeVote && s.Percent != 0:
		c.between(path+".percent", s.Percent, 1, 100)
	case s.Mode != ModeVote && s.Percent != 0:
		c.fault(path+".percent", "only_with_mode", "values", "ratio, vote")
	}
	if len(s.Who) == 0 {
		c.fault(path+".who", "required")
	}
	if len(s.Who) > maxWho {
		c.fault(path+".who", "too_many", "max", strconv.Itoa(maxWho))
	}
	for i, w := range s.Who {
		c.who(fmt.Sprintf("%s.who[%d]", path, i), chain, s, w)
	}
	c.due(path, s)
}

func (c *checker) due(path string, s Step) {
	c.oneOf(path+".due.clock", string(s.Due.Clock), string(sla.Working), string(sla.Elapsed))
	action, _, _ := overdue(s.withDefaults().OnDue)
	span := s.Due.After
	switch length := time.Duration(span.Days)*24*time.Hour + span.Duration; {
	case span.IsZero() && s.OnDue != "" && action != OverdueRemind:
		c.fault(path+".due.after", "required")
	case span.IsZero():
	case span.Validate() != nil:
		c.fault(path+".due.after", "bad_span", "value", span.String())
	case length < time.Second || length > maxSpan*24*time.Hour:
		c.fault(path+".due.after", "between", "low", "1s", "high", sla.Span{Days: maxSpan}.String())
	}
}

// who requires exactly one way of naming people, and people, roles and teams that exist.
func (c *checker) who(path string, chain *Chain, s Step, w Who) {
	ways := 0
	for _, given := range []bool{
		w.User != "", w.Role != "" && !w.RequesterChoice, w.Team != "", w.ManagerOf != "", w.SupervisorOf != "",
		w.ChainOfManagers != "", w.RequesterChoice, w.CEL != "",
	} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		c.fault(path, "one_of", "fields", "user, role, team, manager_of, supervisor_of, chain_of_managers, requester_choice, cel")
		return
	}
	if w.RequesterChoice && !chain.subject.Choices {
		c.fault(path+".requester_choice", "no_choices", "name", chain.name)
	}
	if p, ok := c.refs.Org.People[w.User]; w.User != "" && !ok {
		c.fault(path+".user", "unknown")
	} else if w.User != "" && !p.Active {
		c.fault(path+".user", "inactive")
	}
	if w.Role != "" && !slices.Contains(c.refs.Roles, w.Role) {
		c.fault(path+".role", "role")
	}
	if _, ok := c.refs.Org.team(w.Team); w.Team != "" && !ok {
		c.fault(path+".team", "unknown")
	}
	c.start(path+".manager_of", chain, w.ManagerOf)
	c.start(path+".supervisor_of", chain, w.SupervisorOf)
	c.start(path+".chain_of_managers", chain, w.ChainOfManagers)
	if w.Level != 0 {
		c.between(path+".level", w.Level, 1, maxClimb)
	}
	if w.Weight != 0 {
		c.between(path+".weight", w.Weight, 1, maxWeight)
		if s.Mode != ModeVote {
			c.fault(path+".weight", "only_with_mode", "values", string(ModeVote))
		}
	}
}

// start requires the requester or a fact that is a person.
func (c *checker) start(path string, chain *Chain, of string) {
	if of != "" {
		c.oneOf(path, of, append([]string{StepRequester}, chain.subject.names(FactUser)...)...)
	}
}

func (c *checker) rules(path string, r Rules) {
	c.oneOf(path+".self_approval", r.SelfApproval, SelfForbid, SelfToManager)
	c.oneOf(path+".repeated_approver", r.RepeatedApprover, RepeatSkipConsecutive, RepeatSkipAny, RepeatAsk)
	c.oneOf(path+".nobody_found", r.NobodyFound, NobodyToAdmin, NobodySkip, NobodyReject)
	c.oneOf(path+".after_return", r.AfterReturn, AfterResume, AfterWalkAgain, AfterChoose)
	c.between(path+".max_returns", r.MaxReturns, 0, maxReturning)
	for _, mode := range slices.Sorted(maps.Keys(r.OnRefusal)) {
		at := path + ".on_refusal." + mode
		switch Mode(mode) {
		case ModeAll:
			c.oneOf(at, r.OnRefusal[mode], RefusalEnd, RefusalReturn, RefusalMajority, RefusalContinue)
		case ModeAny, ModeRatio, ModeSequence, ModeVote:
			c.oneOf(at, r.OnRefusal[mode], RefusalEnd, RefusalReturn)
		default:
			c.fault(at, "unknown_field", "name", mode, "known", strings.Join([]string{"any", "all", "ratio", "sequence", "vote"}, ", "))
		}
	}
}
