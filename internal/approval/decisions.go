package approval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// maxRequesters bounds the people whom a check tries as requesters: one for each combination of roles, team and manager.
const maxRequesters = 100

// decisions is the search for requests that a chain decides badly. It is brute force over a small world: every
// combination of the values that can make a difference to the conditions (see domains), for the kinds of requester that
// there are today. Within these bounds it is complete, since conditions can only compare facts with what they name. What
// it does not see: conditions that compare two numbers with each other, and people who join tomorrow.
type decisions struct {
	path   string
	c      *Chain
	org    *Org
	at     time.Time
	all    []domain
	routes []route
	faults []errs.Field
}

// route is one way through the chain, with the first request that takes it.
type route struct {
	branch int
	steps  []string
	facts  Facts
}

// checkDecisions returns the faults in what the chain would decide; every one names a request that shows it. The people
// are judged only if there are any.
func checkDecisions(path string, c *Chain, refs Refs) []errs.Field {
	d := &decisions{path: path, c: c, org: &refs.Org, at: refs.At, all: domains(c, &refs.Org)}
	if n := size(d.all); n > maxSamples || n*len(conditions(c)) > maxTrials {
		return []errs.Field{{Field: path, Code: "check_too_large", Args: errs.Args("max", strconv.Itoa(maxSamples))}}
	}
	d.reach()
	for _, dom := range d.all {
		if dom.fact.Type == FactNumber {
			d.amounts(dom)
		}
	}
	d.returns()
	if requesters := representatives(d.org); len(requesters) > 0 {
		d.people(requesters)
	}
	return d.faults
}

func (d *decisions) fault(path, code string, args ...string) {
	d.faults = append(d.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

func (d *decisions) branchPath(i int) string { return fmt.Sprintf("%s.select[%d].when", d.path, i) }

// reach walks every request through the chain: it collects the routes, and finds branches and steps on none of them.
func (d *decisions) reach() {
	taken := make([]bool, len(d.c.branches))
	met := map[string]bool{}
	instead := make([]*route, len(d.c.branches)) // what takes a request that meets the condition
	var first *route
	each(d.all, func(f Facts) {
		branch, steps := d.c.route(f)
		r := route{branch, steps, f}
		if first == nil {
			first = &r
		}
		taken[branch] = true
		for i := branch + 1; i < len(d.c.branches); i++ {
			if instead[i] == nil && d.c.branches[i].holds(d.c.subject, f) {
				instead[i] = &r
			}
		}
		for _, id := range steps {
			met[id] = true
		}
		if !slices.ContainsFunc(d.routes, func(o route) bool { return d.same(o, r) }) {
			d.routes = append(d.routes, r)
		}
	})
	for i := range taken[:len(taken)-1] { // the catch-all may be left with nothing
		if !taken[i] {
			r := instead[i]
			if r == nil {
				r = first
			}
			d.fault(d.branchPath(i), "branch_unreachable", "witness", d.c.witness("", d.all, r.facts), "taken", strconv.Itoa(r.branch))
		}
	}
	for i, b := range d.c.def.Select {
		for j, id := range b.Steps {
			if k := slices.IndexFunc(d.routes, func(r route) bool { return r.branch == i }); k >= 0 && !met[id] {
				d.fault(fmt.Sprintf("%s.select[%d].steps[%d]", d.path, i, j), "step_unreachable", "name", id,
					"witness", d.c.witness("", d.all, d.routes[k].facts))
			}
		}
	}
}

// same reports whether two routes ask the same steps of the same kind of requester.
func (d *decisions) same(a, b route) bool {
	return a.branch == b.branch && slices.Equal(a.steps, b.steps) &&
		slices.Equal(a.facts.Lists[factRequesterRoles], b.facts.Lists[factRequesterRoles])
}

// amounts looks, with all other facts fixed, at how the branches and the steps of one branch divide a number among them.
func (d *decisions) amounts(number domain) {
	others := slices.DeleteFunc(slices.Clone(d.all), func(o domain) bool { return o.fact.Name == number.fact.Name })
	reported := map[string]bool{}
	each(others, func(rest Facts) {
		requests, took := make([]Facts, len(number.values)), make([]int, len(number.values))
		for i, v := range number.values {
			requests[i] = rest.with(v)
			took[i], _ = d.c.route(requests[i])
		}
		var ranges []amountRange
		for i, e := range d.c.branches[:len(d.c.branches)-1] {
			ranges = d.divide(ranges, e, d.branchPath(i), number, requests, nil)
		}
		d.compare(ranges, requests, reported)
		for b, branch := range d.c.def.Select {
			if !slices.Contains(took, b) {
				continue
			}
			outside := make([]bool, len(took))
			for i := range took {
				outside[i] = took[i] != b
			}
			ranges = nil
			for _, id := range branch.Steps {
				ranges = d.divide(ranges, d.c.when[id], d.path+".steps."+id+".when", number, requests, outside)
			}
			d.compare(ranges, requests, reported)
		}
	})
}

// amountRange is for which of the sampled amounts a condition holds.
type amountRange struct {
	path  string
	holds []bool
}

// divide adds the range of a condition if it looks at the number, and holds for any of the requests at all; those outside
// do not count.
func (d *decisions) divide(ranges []amountRange, e *expression, path string, number domain, requests []Facts, outside []bool) []amountRange {
	if e == nil || !slices.Contains(e.uses, number.fact.Name) {
		return ranges
	}
	r := amountRange{path, make([]bool, len(requests))}
	for i, f := range requests {
		r.holds[i] = (outside == nil || !outside[i]) && e.holds(d.c.subject, f)
	}
	if !slices.Contains(r.holds, true) {
		return ranges
	}
	return append(ranges, r)
}

// compare reports ranges that overlap in part, and amounts between ranges that none of them covers. A range within another
// is a threshold upon a threshold, and meant.
func (d *decisions) compare(ranges []amountRange, requests []Facts, reported map[string]bool) {
	first := func(path, of string) bool {
		known := reported[path+" "+of]
		reported[path+" "+of] = true
		return !known
	}
	witness := func(at int) string { return d.c.witness("", d.all, requests[at]) }
	for i, a := range ranges {
		for _, b := range ranges[:i] {
			both, onlyA, onlyB := -1, false, false
			for k := range requests {
				if a.holds[k] && b.holds[k] && both < 0 {
					both = k
				}
				onlyA, onlyB = onlyA || a.holds[k] && !b.holds[k], onlyB || b.holds[k] && !a.holds[k]
			}
			if both >= 0 && onlyA && onlyB && first(a.path, b.path) {
				d.fault(a.path, "amount_overlap", "witness", witness(both), "other", b.path)
			}
		}
	}
	if len(ranges) < 2 {
		return
	}
	last := -1 // the highest amount so far that is covered
	for k := range requests {
		by := slices.IndexFunc(ranges, func(r amountRange) bool { return r.holds[k] })
		if by < 0 {
			continue
		}
		if last >= 0 && k > last+1 && first(ranges[by].path, "gap") {
			d.fault(ranges[by].path, "amount_gap", "witness", witness(last+1))
		}
		last = k
	}
}

// returns finds routes on which every refusal returns the request and nothing limits how often.
func (d *decisions) returns() {
	rules := d.c.def.Rules
	if rules.MaxReturns > 0 {
		return
	}
	for _, r := range d.routes {
		ends := slices.ContainsFunc(r.steps, func(id string) bool { return rules.onRefusal(d.c.def.Steps[id].Mode) != RefusalReturn })
		if len(r.steps) > 0 && !ends {
			d.fault(d.path+".rules.max_returns", "endless_return", "witness", d.c.witness("", d.all, r.facts), "steps", joined(r.steps))
			return // one witness says it
		}
	}
}

// representatives returns one active person for each combination of roles, team and manager, up to maxRequesters.
func representatives(org *Org) []string {
	var ids []string
	seen := map[string]bool{}
	for _, id := range org.where(active) {
		p := org.People[id]
		kind := strings.Join(p.Roles, ",") + "|" + p.TeamID + "|" + p.ManagerID
		if !seen[kind] && len(ids) < maxRequesters {
			seen[kind] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// people walks the kinds of requester over every route: somebody else must have to agree, and every step must find people.
func (d *decisions) people(requesters []string) {
	filled := map[string]bool{}
	nobody := map[string]string{} // witness by step
	stuck := map[string]string{}
	var order []string
	alone := ""
	for _, r := range d.routes {
		for _, id := range requesters {
			if !d.takes(id, r) {
				continue
			}
			w := d.c.witness(id, d.all, r.facts)
			needs := false
			for _, step := range r.steps {
				found, admins := d.fill(id, r.facts, step)
				filled[step] = filled[step] || found
				if _, known := nobody[step]; !found && !known {
					nobody[step] = w
					order = append(order, step)
				}
				if !found && !admins && d.c.def.Rules.NobodyFound == NobodyToAdmin && stuck[step] == "" && !d.admin(id) {
					stuck[step] = w
				}
				needs = needs || d.needsSomebody(step, found)
			}
			if !needs && alone == "" {
				alone = w
			}
		}
	}
	if alone != "" {
		d.fault(d.path, "self_approval_path", "witness", alone)
	}
	for _, step := range order {
		switch at := d.path + ".steps." + step + ".who"; {
		case !filled[step]:
			d.fault(at, "nobody_fills", "witness", nobody[step])
		case stuck[step] != "":
			d.fault(at, "nobody_fills", "witness", stuck[step])
		}
	}
}

// admin reports whether the person is an administrator. That the only one cannot ask for approval themselves is no fault.
func (d *decisions) admin(id string) bool { return slices.Contains(d.org.People[id].Roles, roleAdmin) }

// takes reports whether the person can be the requester of the route.
func (d *decisions) takes(requester string, r route) bool {
	for _, dom := range d.all {
		if dom.fact.Name == factRequesterRoles {
			return slices.Equal(d.org.People[requester].Roles, r.facts.Lists[factRequesterRoles])
		}
	}
	return true
}

// fill reports whether the step would find people for the request, and whether an administrator could stand in. People
// among the facts that no condition looks at are the requester; the requester's choice is always somebody.
func (d *decisions) fill(requester string, facts Facts, step string) (found, admins bool) {
	for _, w := range d.c.def.Steps[step].Who {
		if w.RequesterChoice {
			return true, true
		}
	}
	people := Facts{Texts: map[string]string{}}
	for _, name := range d.c.subject.names(FactUser) {
		people.Texts[name] = requester
	}
	req := &Request{Requester: requester, Facts: people.with(facts)}
	f := finder{chain: d.c, req: req, org: d.org, at: d.at}
	return len(f.find(step)) > 0, len(f.admins()) > 0
}

// needsSomebody reports whether the step asks for a word of somebody: not if it is skipped because nobody is found, and
// not if silence approves it.
func (d *decisions) needsSomebody(step string, found bool) bool {
	if !found {
		return d.c.def.Rules.NobodyFound != NobodySkip
	}
	return d.c.def.Steps[step].OnDue != OverdueApprove
}
