package models

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// FieldChange is one field of a plan before and after a revision; a list or an object stands as JSON, a budget by type of
// cost in minor units.
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Changes lists what differs between two plans, in the order of the request's fields. Approvers are shown it.
func (p ReceptionPlan) Changes(next ReceptionPlan) []FieldChange {
	var changes []FieldChange
	was, is := reflect.ValueOf(p), reflect.ValueOf(next)
	for i := range was.NumField() {
		name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
		if name == "budget" {
			changes = append(changes, budgetChanges(p.lines(), next.lines())...)
			continue
		}
		if before, after := shownValue(was.Field(i)), shownValue(is.Field(i)); before != after {
			changes = append(changes, FieldChange{name, before, after})
		}
	}
	return changes
}

func budgetChanges(was, is []BudgetLine) []FieldChange {
	var changes []FieldChange
	for _, item := range CostTypes() {
		if before, after := amountOf(was, item), amountOf(is, item); before != after {
			changes = append(changes, FieldChange{"budget." + string(item), shownValue(reflect.ValueOf(before)), shownValue(reflect.ValueOf(after))})
		}
	}
	return changes
}

func shownValue(v reflect.Value) string {
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return ""
	}
	if s, ok := v.Interface().(string); ok {
		return s
	}
	if t, ok := v.Interface().(*time.Time); ok {
		return t.UTC().Format(time.RFC3339)
	}
	raw, _ := json.Marshal(v.Interface()) // a plan came out of JSON
	return string(raw)
}

// beyond reports whether the state's plan goes beyond what was approved by more than the tolerance, so that it must be
// approved again: a higher level, another kind, a longer visit, more money, or a new departure from the standard. How
// many minor units it is over comes with it.
func (s *ReceptionState) beyond(r ReceptionRules) (over int64, beyond bool) {
	f, t := s.Frame, r.Policy.Document().Tolerance
	over = totalOf(s.Budget) - f.Total
	levels := ReceptionLevels()
	longer := s.EndsAt.Sub(*s.StartsAt) - f.Length
	return max(over, 0), s.Kind != f.Kind || slices.Index(levels, s.Level) > slices.Index(levels, f.Level) ||
		over > t.Overrun(f.Total) || longer > time.Duration(t.Longer.Days)*24*time.Hour+t.Longer.Duration ||
		slices.ContainsFunc(s.Departures, func(d Departure) bool { return !slices.ContainsFunc(f.Departures, d.within) })
}

// within reports whether an approved departure is on the same point; how far it goes, the tolerance of money judges.
func (d Departure) within(approved Departure) bool {
	return d.Field == approved.Field && d.Rule == approved.Rule && d.Standard == approved.Standard
}

// OtherReception is what is known of another request when one looks for those that were split.
type OtherReception struct {
	ID            string
	Number        string
	TeamID        string
	Hosts         []string
	Organisations []string
	StartsAt      time.Time
	Total         int64 // minor units
	Currency      string
}

// SplitWarning says that requests which share something cross the policy's limit only together. Approvers are
// shown it.
type SplitWarning struct {
	Shared  string   `json:"shared"` // host | organisation | week
	Value   string   `json:"value"`  // the user, the organisation, or the week as 2026-W10
	Numbers []string `json:"numbers"`
	Total   int64    `json:"total"` // minor units, of all with this one
	Limit   int64    `json:"limit"`
}

// SplitOrders looks among other requests for those that, together with this one, cross the policy's limit though none of
// them does alone: of the same host, of the same visiting organisation, or of the same department and week. Only those of
// the same currency that begin within the policy's span before and after this one count.
func (s *ReceptionState) SplitOrders(plan ReceptionPlan, others []OtherReception, r ReceptionRules) []SplitWarning {
	split := r.Policy.Document().Split
	own := totalOf(s.Budget)
	if split == nil || s.StartsAt == nil || own > split.Limit {
		return nil
	}
	within := time.Duration(split.Within.Days)*24*time.Hour + split.Within.Duration
	near := slices.DeleteFunc(slices.Clone(others), func(o OtherReception) bool {
		return o.ID == s.ID || o.Currency != s.Currency || o.Total > split.Limit || o.StartsAt.Sub(*s.StartsAt).Abs() > within
	})
	slices.SortFunc(near, func(a, b OtherReception) int { return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.ID, b.ID)) })
	var warnings []SplitWarning
	look := func(shared, value string, same func(OtherReception) bool) {
		w := SplitWarning{Shared: shared, Value: value, Total: own, Limit: split.Limit}
		for _, o := range near {
			if same(o) {
				w.Numbers = append(w.Numbers, o.Number)
				w.Total += o.Total
			}
		}
		if len(w.Numbers) > 0 && w.Total > split.Limit {
			warnings = append(warnings, w)
		}
	}
	for _, host := range s.Hosts {
		look("host", host, func(o OtherReception) bool { return slices.Contains(o.Hosts, host) })
	}
	for _, organisation := range plan.organisations() {
		look("organisation", organisation, func(o OtherReception) bool {
			return slices.ContainsFunc(o.Organisations, func(name string) bool { return strings.EqualFold(name, organisation) })
		})
	}
	week := r.week(*s.StartsAt)
	look("week", week, func(o OtherReception) bool { return o.TeamID == s.TeamID && r.week(o.StartsAt) == week })
	return warnings
}

// organisations lists where the visitors come from, each once.
func (p *ReceptionPlan) organisations() []string {
	var names []string
	for _, v := range p.Visitors {
		if v.Organisation != "" && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, v.Organisation) }) {
			names = append(names, v.Organisation)
		}
	}
	return names
}
