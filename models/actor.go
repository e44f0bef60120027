package models

import "slices"

// Person is what a rule needs to know of somebody: who they are, where they stand, what they may do.
type Person struct {
	ID         string   `json:"id"`
	TeamID     string   `json:"team_id,omitempty"`
	Roles      []Role   `json:"roles,omitempty"`
	Supervises []string `json:"supervises,omitempty"` // ids of the teams whose supervisor they are
	Processes  []string `json:"processes,omitempty"`  // of those in Actor.ActsFor: in which one acts for them; in all if empty

	// Ceilings are, of those in Actor.ActsFor, up to which amounts one acts for them: one for each rule, none if no rule has any.
	Ceilings []Ceiling `json:"ceilings,omitempty"`
}

// Ceiling is how far one rule for a deputy goes. Like the rule it has no currency: it counts in that of the request.
type Ceiling struct {
	Processes []string `json:"processes,omitempty"`  // all if empty
	MaxAmount int64    `json:"max_amount,omitempty"` // minor units; 0: any
}

// Actor is the person who asks, with those for whom they are a deputy in force.
type Actor struct {
	Person
	ActsFor []Person `json:"acts_for,omitempty"` // in a fixed order
}

// In lists in whose name the actor may act in a process: their own first, then that of those whose deputy they are there.
func (a Actor) In(process string) []Person {
	people := []Person{a.Person}
	for _, p := range a.ActsFor {
		if len(p.Processes) == 0 || slices.Contains(p.Processes, process) {
			people = append(people, p)
		}
	}
	return people
}

// For is In for something that comes to an amount in minor units: without those for whom the actor may not go so far.
func (a Actor) For(process string, amount int64) []Person {
	return slices.DeleteFunc(a.In(process), func(p Person) bool {
		return len(p.Ceilings) > 0 && !slices.ContainsFunc(p.Ceilings, func(c Ceiling) bool {
			return (len(c.Processes) == 0 || slices.Contains(c.Processes, process)) && (c.MaxAmount == 0 || amount <= c.MaxAmount)
		})
	})
}

// Meta travels inside every command: it is the authority on who acted, under which request.
// RequestID is the command's identifier: the same one is applied once.
type Meta struct {
	Actor     Actor  `json:"actor"`
	RequestID string `json:"request_id"`
	TraceID   string `json:"trace_id,omitempty"` // the X-Request-ID of the call, for the timeline and logs
}

// System is the actor of what the process does by rule.
const System = "system"

// OutcomeReader is whoever reads the outcome of a step that was taken: the row rule has been passed by then, and the step itself
// may have ended the caller's part in the object, as declining a case does.
func OutcomeReader() Actor {
	return Actor{Person: Person{ID: System, Roles: []Role{RoleAuditor}}}
}

// May reports whether the person has the permission.
func (p Person) May(perm Permission) bool { return May(p.Roles, perm) }

// Leads reports whether the person supervises the team.
func (p Person) Leads(teamID string) bool {
	return teamID != "" && slices.Contains(p.Supervises, teamID)
}
