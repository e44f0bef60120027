package policy

import (
	"fmt"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// CompiledSLA is an SLA policy that is ready to decide. It never changes and is safe for concurrent use.
type CompiledSLA struct {
	doc   SLA
	rules []*condition
}

// CompileSLA compiles the conditions of s. It asks only for what deciding needs, so that a version that was published
// under the checks of an older release goes on to work: the error is an errs.Invalid that carries every condition that
// does not compile, or catch_all_missing when the last rule is not always true. Publishing asks SLA.Check for everything.
func CompileSLA(s SLA) (*CompiledSLA, error) {
	c := &CompiledSLA{doc: s.clone().withDefaults(), rules: make([]*condition, len(s.Rules))}
	var faults []errs.Field
	for i, rule := range s.Rules {
		compiled, bad := caseLanguage.compile(fmt.Sprintf("rules[%d].when", i), rule.When)
		c.rules[i] = compiled
		faults = append(faults, bad...)
	}
	if len(faults) == 0 {
		faults = catchAll("rules", c.rules)
	}
	if len(faults) > 0 {
		return nil, errs.NewInvalid(faults...)
	}
	return c, nil
}

// Priority returns the priority of a case by its impact and urgency, raised one step for the classes that the policy
// names, never above P1. It is empty for an impact or urgency that the matrix does not have.
func (c *CompiledSLA) Priority(impact, urgency, class string) string {
	p := c.doc.Priority.Matrix[impact][urgency]
	if slices.Contains(c.doc.Priority.RaiseForClasses, class) {
		return RaisePriority(p)
	}
	return p
}

// Match returns the first rule, counted from 0, whose condition holds for f, and the milestones that it promises, with
// all defaults filled in. The final catch-all makes sure that there is one.
func (c *CompiledSLA) Match(f CaseFacts) (rule int, defs []sla.Definition) {
	rule = slices.IndexFunc(c.rules, func(r *condition) bool { return r.holds(f) })
	return rule, cloneDefinitions(c.doc.Rules[rule].Milestones)
}

// Starts reports whether the event starts a milestone of any rule.
func (c *CompiledSLA) Starts(event string) bool {
	return slices.ContainsFunc(c.doc.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Milestones, func(d sla.Definition) bool { return d.StartsOn == event })
	})
}

// Document returns the policy with all defaults filled in. It is shared: nobody may change it.
func (c *CompiledSLA) Document() *SLA { return &c.doc }

// withDefaults fills in what a document may leave out: when the two milestones of every rule start and stop, that a
// reopened case gets a new promise, that a new priority counts from the start, and that rungs count working time. It
// changes s, which must be the caller's own copy.
func (s SLA) withDefaults() SLA {
	for _, rule := range s.Rules {
		for i := range rule.Milestones {
			d := &rule.Milestones[i]
			switch d.Name {
			case FirstResponse:
				fill(&d.StartsOn, EventRecorded)
				fill(&d.StopsOn, EventResponded)
			case Resolution:
				fill(&d.StartsOn, EventRecorded)
				fill(&d.StopsOn, EventResolved)
			}
			fill(&d.OnReopen, sla.ReopenNewCycle)
			fill(&d.OnPriorityChange, sla.PriorityRetroactive)
		}
	}
	for i := range s.Ladder {
		fill(&s.Ladder[i].Clock, sla.Working)
	}
	return s
}

func fill[T ~string](value *T, fallback T) {
	if *value == "" {
		*value = fallback
	}
}

// clone returns a copy that shares nothing with s.
func (s SLA) clone() SLA {
	matrix := s.Priority.Matrix
	if matrix != nil {
		s.Priority.Matrix = make(map[string]map[string]string, len(matrix))
		for impact, row := range matrix {
			copied := make(map[string]string, len(row))
			for urgency, p := range row {
				copied[urgency] = p
			}
			s.Priority.Matrix[impact] = copied
		}
	}
	s.Priority.RaiseForClasses = slices.Clone(s.Priority.RaiseForClasses)
	s.Rules = slices.Clone(s.Rules)
	for i := range s.Rules {
		s.Rules[i].Milestones = cloneDefinitions(s.Rules[i].Milestones)
	}
	if s.UpdateEvery != nil {
		interval := *s.UpdateEvery
		s.UpdateEvery = &interval
	}
	s.Ladder = slices.Clone(s.Ladder)
	for i := range s.Ladder {
		s.Ladder[i].Notify = slices.Clone(s.Ladder[i].Notify)
	}
	return s
}

func cloneDefinitions(defs []sla.Definition) []sla.Definition {
	defs = slices.Clone(defs)
	for i := range defs {
		defs[i].PausesIn = slices.Clone(defs[i].PausesIn)
		defs[i].WarnAt = slices.Clone(defs[i].WarnAt)
	}
	return defs
}
