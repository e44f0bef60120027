package models

import (
	"slices"

	"github.com/mcrflow/mcrflow/internal/approval"
)

// ForApprovals returns the organisation as the approval engine looks at it. Nobody in it is absent: who is away is known
// from the rules for deputies, not from the organisation.
func (o *Org) ForApprovals() approval.Org {
	people := make(map[string]approval.Person, len(o.Users))
	for id, u := range o.Users {
		roles := make([]string, len(u.Roles))
		for i, r := range u.Roles {
			roles[i] = string(r)
		}
		people[id] = approval.Person{ID: u.ID, Active: u.Active, Roles: roles, TeamID: u.TeamID, ManagerID: u.ManagerID}
	}
	teams := make(map[string]approval.Team, len(o.Teams))
	for id, t := range o.Teams {
		teams[id] = approval.Team{ID: t.ID, Name: t.Name, SupervisorID: t.SupervisorID}
	}
	return approval.Org{People: people, Teams: teams}
}

// RoleNames lists all roles as the approval engine names them.
func RoleNames() []string {
	names := make([]string, len(Roles()))
	for i, r := range Roles() {
		names[i] = string(r)
	}
	return names
}

// ForApprovals returns the rule as the approval engine applies it.
func (d Deputy) ForApprovals() approval.DeputyRule {
	r := approval.DeputyRule{
		ID: d.ID, UserID: d.UserID, DeputyID: d.DeputyID, From: d.From, Until: d.Until, Processes: d.Processes,
	}
	if d.MaxAmount != nil {
		r.MaxAmount = *d.MaxAmount
	}
	return r
}

// DeputyRulesOf are the rules that count for an approval of the chain. A rule names processes, and an approval belongs to the
// process that asked for it.
func DeputyRulesOf(deputies []Deputy, chain, process string) []approval.DeputyRule {
	var rules []approval.DeputyRule
	for _, d := range deputies {
		named := func(name string) bool { return slices.Contains(d.Processes, name) }
		if len(d.Processes) > 0 && !named(process) && !named(ApprovalProcess) && !named(chain) {
			continue
		}
		r := d.ForApprovals()
		r.Processes = nil // judged already
		rules = append(rules, r)
	}
	return rules
}

// ActedFor lists the users, and everybody in whose place one of them may act under the rules: as a deputy, or as the deputy of
// one. A change of the users' own deputies is a change for all of them. Each comes once, the users first.
func ActedFor(rules []Deputy, users ...string) []string {
	var all []string
	add := func(id string) {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	for _, u := range users {
		add(u)
	}
	for i := 0; i < len(all); i++ {
		for _, d := range rules {
			if d.DeputyID == all[i] {
				add(d.UserID)
			}
		}
	}
	return all
}
