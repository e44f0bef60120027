package approval

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Env is what the engine must be told beside the state: the people, the rules for deputies, and the arithmetic of due
// times. Deadline returns when a span that begins at from is over on the clock; nil means that nothing is ever due.
type Env struct {
	Org      Org
	Deputies []DeputyRule
	Deadline func(from time.Time, span sla.Span, clock sla.ClockKind) time.Time
}

// Org is a snapshot of who stands where, by id.
type Org struct {
	People map[string]Person
	Teams  map[string]Team
}

// Person is a user in the snapshot. Absent means known to be away, whatever the rules for deputies say: still asked, but never
// a deputy.
type Person struct {
	ID        string
	Active    bool
	Absent    bool
	Roles     []string
	TeamID    string
	ManagerID string
}

// Team is a team in the snapshot.
type Team struct {
	ID           string
	Name         string
	SupervisorID string
}

// roleAdmin are the people who decide who decides, when nobody else can.
const roleAdmin = "admin"

// manager returns who is entered as the manager, else the supervisor of the team.
func (o *Org) manager(id string) string {
	p := o.People[id]
	if p.ManagerID != "" {
		return p.ManagerID
	}
	if sup := o.Teams[p.TeamID].SupervisorID; sup != id {
		return sup
	}
	return ""
}

// supervisor returns who supervises the team; for that supervisor, their manager.
func (o *Org) supervisor(id string) string {
	p := o.People[id]
	if sup := o.Teams[p.TeamID].SupervisorID; o.People[sup].Active && sup != id {
		return sup
	}
	return o.manager(id)
}

// climb returns first, or the nearest person above who passes. Empty when there is nobody.
func (o *Org) climb(first string, passes func(Person) bool) string {
	for range len(o.People) { // a line longer than the company is a circle
		p, ok := o.People[first]
		if !ok {
			return ""
		}
		if passes(p) {
			return first
		}
		first = o.manager(first)
	}
	return ""
}

// where lists the people who pass, by id.
func (o *Org) where(passes func(Person) bool) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(o.People)) {
		if passes(o.People[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func active(p Person) bool { return p.Active }

func (o *Org) withRole(role string) []string {
	return o.where(func(p Person) bool { return p.Active && slices.Contains(p.Roles, role) })
}

// team finds a team by its id or name.
func (o *Org) team(idOrName string) (Team, bool) {
	if t, ok := o.Teams[idOrName]; ok {
		return t, true
	}
	for _, id := range slices.Sorted(maps.Keys(o.Teams)) {
		if o.Teams[id].Name == idOrName {
			return o.Teams[id], true
		}
	}
	return Team{}, false
}

// leadsOf returns who leads the holders of a role: those of them who supervise a team or manage another holder; if there
// is none, the nearest superiors of the holders.
func (o *Org) leadsOf(role string) []string {
	holders := o.withRole(role)
	leads := slices.DeleteFunc(slices.Clone(holders), func(id string) bool {
		for _, t := range o.Teams {
			if t.SupervisorID == id {
				return false
			}
		}
		return !slices.ContainsFunc(holders, func(other string) bool { return other != id && o.People[other].ManagerID == id })
	})
	if len(leads) > 0 {
		return leads
	}
	for _, id := range holders {
		if above := o.climb(o.supervisor(id), active); above != "" && !slices.Contains(leads, above) {
			leads = append(leads, above)
		}
	}
	slices.Sort(leads)
	return leads
}

// DeputyRule says that within the window the deputy may act for the user, in the named chains (all when empty), up to
// the amount (any when 0) in minor units. From is inside the window, Until is not.
type DeputyRule struct {
	ID        string
	UserID    string
	DeputyID  string
	From      time.Time
	Until     time.Time
	Processes []string
	MaxAmount int64
}

// covers reports whether the rule is about this kind of request at all, in its window or not.
func (r DeputyRule) covers(chain string, amount int64) bool {
	return (len(r.Processes) == 0 || slices.Contains(r.Processes, chain)) && (r.MaxAmount == 0 || amount <= r.MaxAmount)
}

func (r DeputyRule) in(at time.Time) bool { return !at.Before(r.From) && at.Before(r.Until) }

func (r DeputyRule) overlaps(o DeputyRule) bool {
	return r.From.Before(o.Until) && o.From.Before(r.Until)
}

// CheckDeputyRule refuses a new rule with the code to_self if it names its own user, and cycle if it closes a circle of
// deputies whose windows overlap: nobody in it could be relied upon. Ceilings and processes do not matter.
func CheckDeputyRule(rules []DeputyRule, added DeputyRule) error {
	if added.UserID == added.DeputyID {
		return errs.New(CodeToSelf, "approval.to_self")
	}
	reached := []string{added.DeputyID}
	for i := 0; i < len(reached); i++ {
		for _, r := range rules {
			if r.UserID != reached[i] || !r.overlaps(added) {
				continue
			}
			if r.DeputyID == added.UserID {
				return errs.New(CodeCycle, "approval.cycle", "user", added.DeputyID)
			}
			if !slices.Contains(reached, r.DeputyID) {
				reached = append(reached, r.DeputyID)
			}
		}
	}
	return nil
}

// deputiesOf finds who may act for the user at the instant: the deputies under the rules in force. One who does not pass is
// passed over for their own deputies; so is one who has such a rule in force, because they are away, but only for somebody who
// does pass. recheck is the next instant at which the answer may change; zero for never.
func (e *Env) deputiesOf(user, chain string, amount int64, at time.Time, passes func(Person) bool) (found []Standby, recheck time.Time) {
	var walk func(user string, via []string, since, until time.Time, seen []string) []Standby
	walk = func(user string, via []string, since, until time.Time, seen []string) (found []Standby) {
		for _, r := range e.Deputies {
			if r.UserID != user || !r.covers(chain, amount) || slices.Contains(seen, r.DeputyID) {
				continue // who was met on the way is a circle
			}
			for _, edge := range []time.Time{r.From, r.Until} {
				if edge.After(at) && (recheck.IsZero() || edge.Before(recheck)) {
					recheck = edge
				}
			}
			if !r.in(at) {
				continue
			}
			from, to := later(since, r.From), r.Until
			if !until.IsZero() && until.Before(to) {
				to = until
			}
			rules := append(slices.Clone(via), r.ID)
			further := walk(r.DeputyID, rules, from, to, append(slices.Clone(seen), r.DeputyID))
			if p, ok := e.Org.People[r.DeputyID]; len(further) == 0 && ok && p.Active && !p.Absent && passes(p) {
				further = []Standby{{UserID: p.ID, Kind: StandbyDeputy, Rules: rules, From: instant(from), Until: instant(to)}}
			}
			found = append(found, further...)
		}
		return found
	}
	found = walk(user, nil, time.Time{}, time.Time{}, []string{user})
	slices.SortStableFunc(found, func(a, b Standby) int { return strings.Compare(a.UserID, b.UserID) })
	return slices.CompactFunc(found, func(a, b Standby) bool { return a.UserID == b.UserID }), recheck
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// instant is t as the state keeps it: UTC, without a monotonic reading.
func instant(t time.Time) *time.Time {
	t = t.UTC().Round(0)
	return &t
}
