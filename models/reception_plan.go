package models

import (
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// ReceptionPlan is the request as its people wrote it: who comes and why, when, with whom and for how much.
// It is recorded beside the state. Amounts are minor units of the one currency.
type ReceptionPlan struct {
	ClientID        string            `json:"client_id"`
	Kind            string            `json:"kind"`
	Level           string            `json:"level,omitempty"` // standard if empty
	Purpose         string            `json:"purpose"`
	Needs           string            `json:"needs,omitempty"` // known in advance
	StartsAt        *time.Time        `json:"starts_at,omitempty"`
	EndsAt          *time.Time        `json:"ends_at,omitempty"`
	Visitors        []Visitor         `json:"visitors,omitempty"`
	Hosts           []string          `json:"hosts,omitempty"` // users
	ReceptionistID  string            `json:"receptionist_id,omitempty"`
	Activities      []PlannedActivity `json:"activities,omitempty"`
	Resources       []WantedResource  `json:"resources,omitempty"`
	Currency        string            `json:"currency,omitempty"` // the policy's if empty
	Budget          []PlannedAmount   `json:"budget,omitempty"`
	DepartureReason string            `json:"departure_reason,omitempty"` // why the plan differs from the standard
}

// Visitor is one of those who come. Identity is their rank: official, executive, manager, expert or other, which it is
// if empty.
type Visitor struct {
	Name         string `json:"name"`
	Title        string `json:"title,omitempty"`
	Organisation string `json:"organisation,omitempty"`
	Identity     string `json:"identity,omitempty"`
	Email        string `json:"email,omitempty"` // for the survey after the visit
	Phone        string `json:"phone,omitempty"`
}

// PlannedActivity is one activity of the visit.
type PlannedActivity struct {
	Kind     string     `json:"kind"`
	StartsAt *time.Time `json:"starts_at,omitempty"`
	EndsAt   *time.Time `json:"ends_at,omitempty"`
	Place    string     `json:"place,omitempty"`
	OwnerID  string     `json:"owner_id,omitempty"`
}

// WantedResource is a resource that the visit needs; without times for as long as it lasts, without a quantity one piece.
type WantedResource struct {
	ResourceID string     `json:"resource_id"`
	StartsAt   *time.Time `json:"starts_at,omitempty"`
	EndsAt     *time.Time `json:"ends_at,omitempty"`
	Quantity   int        `json:"quantity,omitempty"`
}

// PlannedAmount is one line of the budget. A currency, if given, must be the plan's.
type PlannedAmount struct {
	Item     CostType `json:"item"`
	Amount   int64    `json:"amount"`
	Currency string   `json:"currency,omitempty"`
}

// ReceptionPlans are the texts of a reception. Submitted is the plan as approvers saw it last; Approved the one that
// stands while a change of it is decided.
type ReceptionPlans struct {
	Current   ReceptionPlan  `json:"current"`
	Submitted *ReceptionPlan `json:"submitted,omitempty"`
	Approved  *ReceptionPlan `json:"approved,omitempty"`
}

// ReceptionRules is what a reception is judged by: the policy and calendar versions that were in force when it began, the
// organisation and the resources as they stand, and what is recorded of it.
type ReceptionRules struct {
	Policy        *policy.CompiledReception
	PolicyVersion int
	Calendar      *calendar.Calendar
	Org           *Org
	Resources     map[string]Resource // by id; those that the plan names
	Away          map[string][]Slot   // by user: when they are away, as their deputies' windows say
	Plans         ReceptionPlans      // as recorded; empty for the first step
	Deciders      []string            // who has an open step of the running approval
	Shortcomings  []string            // that were recorded of the visit, in order; for its closing only
}

// normal fills in what a plan may leave out, with instants in UTC. It returns a copy that shares nothing with p.
func (p ReceptionPlan) normal(currency string) ReceptionPlan {
	p.StartsAt, p.EndsAt = utc(p.StartsAt), utc(p.EndsAt)
	if p.Level == "" {
		p.Level = ReceptionLevels()[0]
	}
	if p.Currency == "" {
		p.Currency = currency
	}
	p.Visitors, p.Hosts, p.Budget = slices.Clone(p.Visitors), slices.Clone(p.Hosts), slices.Clone(p.Budget)
	p.Activities, p.Resources = slices.Clone(p.Activities), slices.Clone(p.Resources)
	for i := range p.Visitors {
		if p.Visitors[i].Identity == "" {
			p.Visitors[i].Identity = "other"
		}
	}
	for i := range p.Activities {
		a := &p.Activities[i]
		a.StartsAt, a.EndsAt = utc(a.StartsAt), utc(a.EndsAt)
	}
	for i := range p.Resources {
		w := &p.Resources[i]
		w.StartsAt, w.EndsAt = utc(w.StartsAt), utc(w.EndsAt)
		if w.Quantity == 0 {
			w.Quantity = 1
		}
	}
	return p
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(tick)
	return &u
}

// identity is the rank of the highest visitor.
func (p *ReceptionPlan) identity() string {
	for _, rank := range policy.Identities() {
		if slices.ContainsFunc(p.Visitors, func(v Visitor) bool { return v.Identity == rank }) {
			return rank
		}
	}
	return "other"
}

// lines sums the budget by type of cost, in a fixed order, without empty ones.
func (p *ReceptionPlan) lines() []BudgetLine {
	sums := map[CostType]int64{}
	for _, b := range p.Budget {
		sums[b.Item] += b.Amount
	}
	return linesOf(sums)
}

func linesOf(sums map[CostType]int64) []BudgetLine {
	var lines []BudgetLine
	for _, item := range CostTypes() {
		if sums[item] != 0 {
			lines = append(lines, BudgetLine{item, sums[item]})
		}
	}
	return lines
}

func totalOf(lines []BudgetLine) int64 {
	var sum int64
	for _, l := range lines {
		sum += l.Amount
	}
	return sum
}

func amountOf(lines []BudgetLine, item CostType) int64 {
	for _, l := range lines {
		if l.Item == item {
			return l.Amount
		}
	}
	return 0
}

// slot is the time of the visit; it reports false while the plan has none.
func (p *ReceptionPlan) slot() (Slot, bool) { return slotOf(p.StartsAt, p.EndsAt) }

func slotOf(from, until *time.Time) (Slot, bool) {
	if from == nil || until == nil {
		return Slot{}, false
	}
	return Slot{*from, *until}, true
}

// slot is when the thing is wanted.
func (w WantedResource) slot(p *ReceptionPlan) (Slot, bool) {
	from, until := w.StartsAt, w.EndsAt
	if from == nil {
		from = p.StartsAt
	}
	if until == nil {
		until = p.EndsAt
	}
	return slotOf(from, until)
}

// facts are what the policy's conditions look at.
func (p *ReceptionPlan) facts(class string) policy.ReceptionFacts {
	return policy.ReceptionFacts{Kind: p.Kind, Level: p.Level, Identity: p.identity(), Class: class}
}

// departures lists in which points the plan differs from the standard and the limits of the policy.
func (p *ReceptionPlan) departures(class string, r ReceptionRules) []Departure {
	s := r.Policy.Standard(p.facts(class))
	var found []Departure
	for _, w := range p.Resources {
		thing := r.Resources[w.ResourceID]
		off := Departure{"resources", "room_class", s.RoomClass, thing.Class}
		if s.RoomClass != "" && thing.Kind == ResourceRoom && thing.Class != s.RoomClass && !slices.Contains(found, off) {
			found = append(found, off)
		}
	}
	if s.HostRank != "" && !slices.ContainsFunc(p.Hosts, func(u string) bool { return ranksAs(r.Org.Users[u].Roles, Role(s.HostRank)) }) {
		found = append(found, Departure{"hosts", "host_rank", s.HostRank, ""})
	}
	limits := r.Policy.Document().Limits
	for _, l := range p.lines() {
		amount := strconv.FormatInt(l.Amount, 10)
		if each, ok := s.PerHead[string(l.Item)]; ok && l.Amount > each*max(int64(len(p.Visitors)), 1) {
			found = append(found, Departure{"budget." + string(l.Item), "per_head", strconv.FormatInt(each, 10), amount})
		}
		if most, ok := limits[string(l.Item)]; ok && l.Amount > most {
			found = append(found, Departure{"budget." + string(l.Item), "limit", strconv.FormatInt(most, 10), amount})
		}
	}
	return found
}

// ranksAs reports whether one of the roles is the rank or above.
func ranksAs(roles []Role, rank Role) bool {
	ranks := []Role{RoleSupervisor, RoleManager, RoleDirector}
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Index(ranks, r) >= slices.Index(ranks, rank) })
}
