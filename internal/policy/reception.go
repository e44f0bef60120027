package policy

import (
	"maps"
	"slices"

	"cel.dev/cel-go/cel"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// KindReception is the kind of the policy on receptions.
const KindReception = "reception"

// Reception is the policy of kind `reception`: the standard of a reception by who comes and why, the limits of
// its budget, its check-list, and the intervals of its process. Amounts are minor units of Currency.
type Reception struct {
	Kind      string            `json:"kind"`
	Version   int               `json:"version,omitempty"` // given at publication; a document that names one is refused
	Calendar  string            `json:"calendar"`
	Currency  string            `json:"currency"` // ISO 4217; the only one that budgets are written in
	Standards []Standard        `json:"standards"`
	Limits    map[string]int64  `json:"limits,omitempty"` // cost type → most that one reception may ask for
	Tolerance Tolerance         `json:"tolerance"`
	Dedicated []string          `json:"dedicated,omitempty"` // levels that need a dedicated room and a named receptionist
	Approval  ReceptionApproval `json:"approval"`
	Checklist []ChecklistItem   `json:"checklist,omitempty"`
	Claims    Claims            `json:"claims"`
	Split     *Split            `json:"split,omitempty"`
}

// Standard is what the receptions are given for which When, a CEL condition, holds. The first match wins. A plan that
// differs from it needs a reason.
type Standard struct {
	Name      string           `json:"name"`
	When      string           `json:"when"`
	RoomClass string           `json:"room_class,omitempty"` // class of the rooms; empty: any
	HostRank  string           `json:"host_rank,omitempty"`  // role that one host has at least; empty: any
	PerHead   map[string]int64 `json:"per_head,omitempty"`   // cost type → most for each visitor
}

// Tolerance is how far a change after the approval, or a claim, may go beyond what was approved without asking again:
// Percent of the budget, but never more than AtMost, and a visit that gets no more than Longer longer.
type Tolerance struct {
	Percent int      `json:"percent"`
	AtMost  int64    `json:"at_most"`
	Longer  sla.Span `json:"longer"`
}

// ReceptionApproval names the approval chain, and says how long before the visit an approval that is not through is
// told of.
type ReceptionApproval struct {
	Chain      string        `json:"chain"`
	WarnBefore sla.Span      `json:"warn_before"`
	Clock      sla.ClockKind `json:"clock"`
}

// ChecklistItem is one thing to prepare before the receptions for which When holds, and who sees to it: done Before the
// visit begins, with a warning Warn before that.
type ChecklistItem struct {
	Name   string        `json:"name"`
	When   string        `json:"when,omitempty"` // CEL; empty: always
	For    string        `json:"for"`            // receptionist | requester | host
	Before sla.Span      `json:"before"`
	Warn   sla.Span      `json:"warn"`
	Clock  sla.ClockKind `json:"clock"`
}

// Claims says how long after a visit, or its cancellation, expenses can be claimed, and when who must settle is reminded.
type Claims struct {
	Window sla.Span      `json:"window"`
	Remind sla.Span      `json:"remind"`
	Clock  sla.ClockKind `json:"clock"`
}

// Split is from when on several requests look like one that was split: those of one host, one visiting organisation or
// one week of a department that together cross Limit, within the span before and after.
type Split struct {
	Limit  int64    `json:"limit"`
	Within sla.Span `json:"within"`
}

// ReceptionFacts are the typed facts that a condition may use: reception.kind (the purpose), reception.level,
// visitor.identity (of the highest-ranking visitor) and client.class.
type ReceptionFacts struct {
	Kind     string
	Level    string
	Identity string
	Class    string
}

// ResolveName makes the facts the variables of a condition.
func (f ReceptionFacts) ResolveName(name string) (any, bool) {
	switch name {
	case factReceptionKind:
		return f.Kind, true
	case factReceptionLevel:
		return f.Level, true
	case factIdentity:
		return f.Identity, true
	case factClass:
		return f.Class, true
	default:
		return nil, false
	}
}

// Parent returns nil: there are no variables beside the facts.
func (ReceptionFacts) Parent() cel.Activation { return nil }

// ParseReception reads a reception policy written in YAML or JSON as strictly as ParseSLA reads an SLA policy. What the
// fields say is for Reception.Check to judge.
func ParseReception(body []byte) (Reception, []errs.Field) {
	var r Reception
	if faults := decode(body, &r); len(faults) > 0 {
		return Reception{}, faults
	}
	return r, nil
}

// CompiledReception is a reception policy that is ready to decide. It never changes and is safe for concurrent use.
type CompiledReception struct {
	doc       Reception
	standards []*condition
	checklist []*condition // nil: always
}

// CompileReception compiles the conditions of r. The error is an errs.Invalid that carries every condition that does not
// compile, or catch_all_missing when the last standard is not for everybody. Publishing asks Reception.Check for everything.
func CompileReception(r Reception) (*CompiledReception, error) {
	r = r.clone()
	c := &CompiledReception{doc: r}
	var faults []errs.Field
	for i, s := range r.Standards {
		compiled, bad := receptionLanguage.compile(indexed("standards", i, "when"), s.When)
		c.standards = append(c.standards, compiled)
		faults = append(faults, bad...)
	}
	for i, item := range r.Checklist {
		var compiled *condition
		if item.When != "" {
			var bad []errs.Field
			compiled, bad = receptionLanguage.compile(indexed("checklist", i, "when"), item.When)
			faults = append(faults, bad...)
		}
		c.checklist = append(c.checklist, compiled)
	}
	if len(faults) == 0 {
		faults = catchAll("standards", c.standards)
	}
	if len(faults) > 0 {
		return nil, errs.NewInvalid(faults...)
	}
	return c, nil
}

// Standard returns the first standard whose condition holds for f. The final catch-all makes sure that there is one.
func (c *CompiledReception) Standard(f ReceptionFacts) Standard {
	i := slices.IndexFunc(c.standards, func(s *condition) bool { return s.holds(f) })
	s := c.doc.Standards[i]
	s.PerHead = maps.Clone(s.PerHead)
	return s
}

// Checklist returns what must be prepared for a reception of these facts, in the order of the policy.
func (c *CompiledReception) Checklist(f ReceptionFacts) []ChecklistItem {
	var items []ChecklistItem
	for i, item := range c.doc.Checklist {
		if when := c.checklist[i]; when == nil || when.holds(f) {
			items = append(items, item)
		}
	}
	return items
}

// Document returns the policy. It is shared: nobody may change it.
func (c *CompiledReception) Document() *Reception { return &c.doc }

// Overrun is how many minor units more than the budget may be asked for or claimed without asking again.
func (t Tolerance) Overrun(budget int64) int64 {
	if budget <= 0 {
		return 0
	}
	return min(budget/100*int64(t.Percent)+budget%100*int64(t.Percent)/100, t.AtMost)
}

// clone returns a copy that shares nothing with r.
func (r Reception) clone() Reception {
	r.Standards = slices.Clone(r.Standards)
	for i := range r.Standards {
		r.Standards[i].PerHead = maps.Clone(r.Standards[i].PerHead)
	}
	r.Limits = maps.Clone(r.Limits)
	r.Dedicated = slices.Clone(r.Dedicated)
	r.Checklist = slices.Clone(r.Checklist)
	if r.Split != nil {
		s := *r.Split
		r.Split = &s
	}
	return r
}
