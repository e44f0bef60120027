package approval

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// The rules under which people are asked, skipped or replaced, beside the kinds of Who.
const (
	ruleUser            = "user"
	ruleRole            = "role"
	ruleRoleLead        = "role_lead"
	ruleTeam            = "team"
	ruleTeamLead        = "team_lead"
	ruleManagerOf       = "manager_of"
	ruleSupervisorOf    = "supervisor_of"
	ruleChainOfManagers = "chain_of_managers"
	ruleRequesterChoice = "requester_choice"
	ruleExpression      = "expression"
	ruleRequester       = "requester" // the request came back to them

	ruleToManager   = "self_approval" // in place of an interested person
	ruleNobodyFound = "nobody_found"
	ruleRepeated    = "repeated_approver"
	ruleLeft        = "left"
	ruleOnDue       = "on_due"
	ruleTransferred = "transferred"
	ruleAdded       = "added"
	ruleDelegated   = "delegated"
	ruleHandedOver  = "handed_over"
	ruleNewLead     = "supervisor_changed"
)

// found is somebody whom a step asks for.
type found struct {
	user   string
	weight int
	why    Reason
}

// finder looks for the people of one step.
type finder struct {
	chain *Chain
	req   *Request
	org   *Org
	at    time.Time
}

// find returns whom the step asks, in order, each once. Interested people are left out or give their place to their
// superior, as the rules say. Nobody found is not for it to handle.
func (f finder) find(step string) []found {
	var all []found
	def := f.chain.def.Steps[step]
	for i, who := range def.Who {
		for _, one := range f.who(step, i, who) {
			one, ok := f.impartial(one)
			if !ok || slices.ContainsFunc(all, func(a found) bool { return a.user == one.user }) {
				continue
			}
			one.weight = max(who.Weight, 1)
			all = append(all, one)
		}
	}
	return all
}

func (f finder) interested(user string) bool {
	return user == f.req.Requester || slices.Contains(f.req.Interested, user)
}

// eligible reports whether the person may take part: active, without a stake in the request.
func (f finder) eligible(p Person) bool { return p.Active && !f.interested(p.ID) }

// impartial returns the person, or who takes the place of one with a stake in the request.
func (f finder) impartial(one found) (found, bool) {
	if f.eligible(f.org.People[one.user]) {
		return one, true
	}
	if f.chain.def.Rules.SelfApproval != SelfToManager || !f.interested(one.user) {
		return found{}, false
	}
	above := f.org.climb(f.org.manager(one.user), f.eligible)
	return found{user: above, why: f.reason(ruleToManager, []OrgFact{{"manager", one.user, above}}, "of", one.user)}, above != ""
}

func (f finder) reason(rule string, org []OrgFact, pairs ...string) Reason {
	r := Reason{Rule: rule, Org: org, At: *instant(f.at)}
	for i := 0; i+1 < len(pairs); i += 2 {
		put(&r.Args, pairs[i], pairs[i+1], true)
	}
	return r
}

// who returns the people whom one entry names.
func (f finder) who(step string, index int, w Who) []found {
	switch {
	case w.User != "":
		return []found{{user: w.User, why: f.reason(ruleUser, nil)}}
	case w.RequesterChoice:
		return f.choice(step, w)
	case w.Role != "":
		return f.role(w)
	case w.Team != "":
		return f.team(w)
	case w.ManagerOf != "":
		return f.above(ruleManagerOf, w.ManagerOf, "manager", f.org.manager, max(w.Level, 1))
	case w.SupervisorOf != "":
		return f.above(ruleSupervisorOf, w.SupervisorOf, "supervisor", f.org.supervisor, max(w.Level, 1))
	case w.ChainOfManagers != "":
		return f.line(w)
	}
	var all []found
	if e := f.chain.people[step][index]; e != nil {
		for _, id := range e.users(f.chain.subject, f.req.Facts) {
			all = append(all, found{user: id, why: f.reason(ruleExpression, nil, "expression", e.source)})
		}
	}
	return all
}

// choice returns whom the requester named for the step.
func (f finder) choice(step string, w Who) []found {
	var all []found
	for _, id := range f.req.Choices[step] {
		if w.Role == "" || slices.Contains(f.org.People[id].Roles, w.Role) {
			all = append(all, found{user: id, why: f.reason(ruleRequesterChoice, nil, "requester", f.req.Requester)})
		}
	}
	return all
}

func (f finder) role(w Who) []found {
	ids, rule := f.org.withRole(w.Role), ruleRole
	if w.Lead {
		ids, rule = f.org.leadsOf(w.Role), ruleRoleLead
	}
	var all []found
	for _, id := range ids {
		all = append(all, found{user: id, why: f.reason(rule, []OrgFact{{"role", w.Role, id}}, "role", w.Role)})
	}
	return all
}

func (f finder) team(w Who) []found {
	t, ok := f.org.team(w.Team)
	if !ok {
		return nil
	}
	if w.Lead {
		return []found{{user: t.SupervisorID, why: f.reason(ruleTeamLead, []OrgFact{{"supervisor", t.ID, t.SupervisorID}}, "team", t.Name)}}
	}
	var all []found
	for _, id := range f.org.where(func(p Person) bool { return p.Active && p.TeamID == t.ID }) {
		all = append(all, found{user: id, why: f.reason(ruleTeam, []OrgFact{{"team", t.ID, id}}, "team", t.Name)})
	}
	return all
}

// start is the person whom manager_of and its like start from.
func (f finder) start(of string) string {
	if of == StepRequester {
		return f.req.Requester
	}
	return f.req.Facts.Texts[of]
}

// above climbs level people who may take part: the first by first, the others by manager. People who have left or have a
// stake in the request do not count as a level, so that their superior decides in their stead.
func (f finder) above(rule, of, relation string, first func(string) string, level int) []found {
	var facts []OrgFact
	user := f.start(of)
	next := first
	for range level {
		above := f.org.climb(next(user), f.eligible)
		if above == "" {
			return nil
		}
		facts = append(facts, OrgFact{relation, user, above})
		user, next, relation = above, f.org.manager, "manager"
	}
	return []found{{user: user, why: f.reason(rule, facts, "of", of, "level", strconv.Itoa(level))}}
}

// line returns the superiors one after the other, up to the level or the top.
func (f finder) line(w Who) []found {
	var all []found
	user := f.start(w.ChainOfManagers)
	for level := 1; level <= max(w.Level, 1); level++ {
		above := f.org.climb(f.org.manager(user), f.eligible)
		if above == "" || slices.ContainsFunc(all, func(a found) bool { return a.user == above }) {
			break
		}
		why := f.reason(ruleChainOfManagers, []OrgFact{{"manager", user, above}}, "of", w.ChainOfManagers, "level", fmt.Sprint(level))
		all = append(all, found{user: above, why: why})
		user = above
	}
	return all
}

// admins returns who decides when nobody else can.
func (f finder) admins() []found {
	var all []found
	for _, id := range f.org.where(func(p Person) bool { return f.eligible(p) && slices.Contains(p.Roles, roleAdmin) }) {
		all = append(all, found{user: id, weight: 1, why: f.reason(ruleNobodyFound, []OrgFact{{"role", roleAdmin, id}})})
	}
	return all
}
