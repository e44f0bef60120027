package approval

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// Bounds of a check, which takes seconds at them: the requests that it tries, and these times the conditions. A chain that
// combines more is refused as too large.
const (
	maxSamples = 100_000
	maxTrials  = 1_000_000
)

// domain is one fact that the conditions of a chain look at, with the values that can make a difference to them.
type domain struct {
	fact   Fact
	values []Facts // each with this one fact
}

// domains returns what the conditions look at. For a number these are the values at and beside each number that a
// condition compares with; for an enumerated text all of its values; for another text every text that a condition names,
// and one that none does; for the roles of the requester the sets of roles that people have.
func domains(c *Chain, org *Org) []domain {
	var numbers []int64
	var texts []string
	used := map[string]bool{}
	for _, e := range conditions(c) {
		for _, name := range e.uses {
			used[name] = true
		}
		visit(e.ast, func(x ast.Expr) {
			if n, ok := literal[types.Int](x); ok {
				numbers = append(numbers, int64(n)-1, int64(n), int64(n)+1)
			}
			if s, ok := literal[types.String](x); ok {
				texts = append(texts, string(s))
			}
		})
	}
	numbers = slices.DeleteFunc(append(numbers, 0), func(n int64) bool { return n < 0 })
	slices.Sort(numbers)
	slices.Sort(texts)
	numbers, texts = slices.Compact(numbers), slices.Compact(texts)
	var all []domain
	for _, f := range c.subject.Facts {
		if used[f.Name] {
			all = append(all, domain{f, valuesOf(f, numbers, texts, org)})
		}
	}
	return all
}

// conditions lists the conditions of a chain, the branches first.
func conditions(c *Chain) []*expression {
	all := slices.Clone(c.branches)
	for _, id := range slices.Sorted(maps.Keys(c.when)) {
		all = append(all, c.when[id])
	}
	return all
}

func valuesOf(f Fact, numbers []int64, texts []string, org *Org) []Facts {
	var values []Facts
	switch f.Type {
	case FactNumber:
		for _, n := range numbers {
			values = append(values, Facts{Numbers: map[string]int64{f.Name: n}})
		}
	case FactFlag:
		for _, b := range []bool{false, true} {
			values = append(values, Facts{Flags: map[string]bool{f.Name: b}})
		}
	case FactList:
		for _, list := range listsOf(f, texts, org) {
			values = append(values, Facts{Lists: map[string][]string{f.Name: list}})
		}
	default:
		known := f.Values
		if known == nil {
			known = append(slices.Clone(texts), "other")
		}
		for _, s := range known {
			values = append(values, Facts{Texts: map[string]string{f.Name: s}})
		}
	}
	return values
}

// listsOf returns the role sets that people have for the requester's roles; for other lists none, each one and all of the
// texts.
func listsOf(f Fact, texts []string, org *Org) [][]string {
	lists := [][]string{}
	add := func(list []string) {
		if !slices.ContainsFunc(lists, func(l []string) bool { return slices.Equal(l, list) }) {
			lists = append(lists, list)
		}
	}
	if f.Name == factRequesterRoles {
		for _, id := range org.where(active) {
			add(org.People[id].Roles)
		}
		if len(lists) > 0 {
			return lists
		}
	}
	add(nil)
	for _, s := range texts {
		add([]string{s})
	}
	add(texts)
	return lists
}

// size is how many requests the domains make.
func size(all []domain) int {
	n := 1
	for _, d := range all {
		n *= len(d.values)
		if n > maxSamples {
			return n
		}
	}
	return n
}

// each calls do for every combination of values. The facts are do's own.
func each(all []domain, do func(Facts)) {
	var walk func(i int, so Facts)
	walk = func(i int, so Facts) {
		if i == len(all) {
			do(so.normal())
			return
		}
		for _, v := range all[i].values {
			walk(i+1, so.with(v))
		}
	}
	walk(0, Facts{})
}

// with returns a copy of f with the values of v added; it keeps values that normal would drop.
func (f Facts) with(v Facts) Facts {
	return Facts{merged(f.Texts, v.Texts), merged(f.Numbers, v.Numbers), merged(f.Flags, v.Flags), merged(f.Lists, v.Lists)}
}

func merged[V any](a, b map[string]V) map[string]V {
	if len(b) == 0 {
		return a
	}
	m := maps.Clone(a)
	if m == nil {
		m = map[string]V{}
	}
	maps.Copy(m, b)
	return m
}

// witness shows a request to people, the facts that conditions look at in the order of the subject.
func (c *Chain) witness(requester string, all []domain, f Facts) string {
	var parts []string
	if requester != "" {
		parts = append(parts, "requester="+requester)
	}
	for _, d := range all {
		if d.fact.Name != factRequesterRoles || requester == "" {
			parts = append(parts, d.fact.Name+"="+f.text(d.fact))
		}
	}
	if len(parts) == 0 {
		return "any request"
	}
	return strings.Join(parts, ", ")
}
