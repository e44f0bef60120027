package approval

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Policy is an approval policy that is ready to decide. It never changes and is safe for concurrent use.
type Policy struct {
	version int
	chains  map[string]*Chain
}

// Chain is one chain of a policy, ready to decide.
type Chain struct {
	name     string
	version  int
	subject  Subject
	def      Definition
	branches []*expression
	when     map[string]*expression   // by step
	people   map[string][]*expression // by step, nil where who is not CEL
}

// Compile compiles the chains of d, which was published as the version. It asks only for what deciding needs, so that a
// version published under the checks of an older release goes on to work: the error is an errs.Invalid that carries every
// fault of this kind. Publishing asks Document.Check for everything.
func Compile(d Document, version int) (*Policy, error) {
	p := &Policy{version: version, chains: map[string]*Chain{}}
	var faults []errs.Field
	for _, name := range slices.Sorted(maps.Keys(d.Chains)) {
		chain, bad := compileChain(name, d.Chains[name], version)
		faults = append(faults, bad...)
		p.chains[name] = chain
	}
	if len(faults) > 0 {
		return nil, errs.NewInvalid(faults...)
	}
	return p, nil
}

// Chain returns the chain of the name: errs.NotFound when the policy has none.
func (p *Policy) Chain(name string) (*Chain, error) {
	if c, ok := p.chains[name]; ok {
		return c, nil
	}
	return nil, errs.New(errs.NotFound, "approval.no_chain", "name", name)
}

// Version returns the version as which the policy was published.
func (p *Policy) Version() int { return p.version }

// Names lists the chains of the policy, sorted.
func (p *Policy) Names() []string { return slices.Sorted(maps.Keys(p.chains)) }

// Name returns the name of the chain.
func (c *Chain) Name() string { return c.name }

// compileChain compiles one chain; it is not nil even if there are faults, but then lacks what has them.
func compileChain(name string, def Definition, version int) (*Chain, []errs.Field) {
	path := "chains." + name
	subject, ok := SubjectOf(name)
	c := &Chain{name: name, version: version, subject: subject, when: map[string]*expression{}, people: map[string][]*expression{}}
	if !ok {
		return c, []errs.Field{{Field: path, Code: "unknown_chain", Args: errs.Args("name", name, "known", joined(Subjects()))}}
	}
	c.def = Definition{Select: def.Select, Steps: map[string]Step{}, Rules: def.Rules.withDefaults()}
	k := newCompiler(subject)
	for i, b := range def.Select {
		at := fmt.Sprintf("%s.select[%d]", path, i)
		c.branches = append(c.branches, k.condition(at+".when", b.When))
		for j, id := range b.Steps {
			if _, ok := def.Steps[id]; !ok {
				k.fault(fmt.Sprintf("%s.steps[%d]", at, j), "unknown_step", "name", id, "known", joined(slices.Sorted(maps.Keys(def.Steps))))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(def.Steps)) {
		c.step(k, path+".steps."+id, id, def.Steps[id].withDefaults())
	}
	if len(k.faults) == 0 {
		k.faults = catchAll(path, c)
	}
	return c, k.faults
}

func (c *Chain) step(k *compiler, path, id string, s Step) {
	c.def.Steps[id] = s
	if s.When != "" {
		c.when[id] = k.condition(path+".when", s.When)
	}
	c.people[id] = make([]*expression, len(s.Who))
	for i, w := range s.Who {
		if w.CEL != "" {
			c.people[id][i] = k.people(fmt.Sprintf("%s.who[%d].cel", path, i), w.CEL)
		}
	}
	if _, _, ok := overdue(s.OnDue); !ok {
		k.fault(path+".on_due", "oneof", "value", s.OnDue, "values", "remind, remind(N), escalate, approve, reject")
	}
}

// catchAll requires the last branch to take every request.
func catchAll(path string, c *Chain) []errs.Field {
	last := len(c.branches) - 1
	if last < 0 {
		return []errs.Field{{Field: path + ".select", Code: "required"}}
	}
	if !c.branches[last].always(c.subject) {
		return []errs.Field{{Field: fmt.Sprintf("%s.select[%d].when", path, last), Code: "catch_all_missing"}}
	}
	return nil
}

// route selects the branch of a request, counted from 0, and the steps of it whose own condition holds.
func (c *Chain) route(f Facts) (branch int, path []string) {
	branch = slices.IndexFunc(c.branches, func(e *expression) bool { return e.holds(c.subject, f) })
	for _, id := range c.def.Select[branch].Steps {
		if when := c.when[id]; when == nil || when.holds(c.subject, f) {
			path = append(path, id)
		}
	}
	return branch, path
}

// namedSteps is the branch of a request that names its steps itself.
const namedSteps = -1

// without lists the steps that the chain does not have.
func (c *Chain) without(steps []string) []string {
	return slices.DeleteFunc(slices.Clone(steps), func(id string) bool {
		_, ok := c.def.Steps[id]
		return ok
	})
}

// reason is the conditions that decided that the step of the branch is asked, and the facts that they look at. The steps
// that a request names are asked under no condition.
func (c *Chain) reason(branch int, step string, f Facts) (when, stepWhen string, used map[string]string) {
	if branch == namedSteps {
		return "", "", nil
	}
	return c.def.Select[branch].When, c.def.Steps[step].When, c.used(branch, step, f)
}

// amount is what ceilings of deputies' rules limit; 0 when the subject has none.
func (c *Chain) amount(f Facts) int64 { return f.Numbers[c.subject.Amount] }

// used shows the facts that decided that the branch and the step are asked.
func (c *Chain) used(branch int, step string, f Facts) map[string]string {
	names := slices.Clone(c.branches[branch].uses)
	if when := c.when[step]; when != nil {
		names = append(names, when.uses...)
	}
	if len(names) == 0 {
		return nil
	}
	shown := make(map[string]string, len(names))
	for _, name := range names {
		fact, _ := c.subject.fact(name)
		shown[name] = f.text(fact)
	}
	return shown
}
