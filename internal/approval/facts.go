package approval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// FactType says what a fact is, and so how conditions may compare it.
type FactType string

// The types of facts.
const (
	FactText   FactType = "text"
	FactNumber FactType = "number" // whole and not negative; amounts in minor units
	FactFlag   FactType = "flag"
	FactList   FactType = "list" // of texts
	FactUser   FactType = "user" // the id of a user; who may start from it
)

// Fact is one thing that conditions may ask about a request. Values lists all values of an enumerated one.
type Fact struct {
	Name   string
	Type   FactType
	Values []string
}

// Subject is what a chain decides on: its name is the name of the chain, its facts are the vocabulary of the conditions,
// and Amount names the fact that ceilings of deputies' rules limit, empty when there is none. Choices says that the process
// that asks takes from its requester whom they choose for a step, and hands it on with the request: none does yet. A step
// that is left to the requester of another would refuse every request, when the process has long said that it was submitted.
type Subject struct {
	Name    string
	Facts   []Fact
	Amount  string
	Choices bool
}

// factRequesterRoles is the one fact that the engine fills itself, from the organisation.
const factRequesterRoles = "requester.roles"

var (
	requesterRoles = Fact{Name: factRequesterRoles, Type: FactList}
	classes        = []string{"S", "A", "B", "C"}
	clientClass    = Fact{Name: "client.class", Type: FactText, Values: classes}
	caseType       = Fact{Name: "case.type", Type: FactText, Values: []string{"complaint", "inquiry"}}
	casePriority   = Fact{Name: "case.priority", Type: FactText, Values: []string{"P1", "P2", "P3", "P4"}}
)

// subjects are the chains that there can be: a process that asks for approval has its entry here.
var subjects = map[string]Subject{
	"reception": {Name: "reception", Amount: "reception.budget_total", Facts: []Fact{
		{Name: "reception.level", Type: FactText, Values: []string{"standard", "important", "vip"}},
		{Name: "reception.kind", Type: FactText, Values: []string{
			"company_visit", "model_site_visit", "on_site_meeting", "technical_exchange", "management_exchange",
		}},
		{Name: "reception.budget_total", Type: FactNumber},
		{Name: "reception.visitors", Type: FactNumber},
		{Name: "reception.departs_from_standard", Type: FactFlag},
		{Name: "reception.over_budget", Type: FactFlag},
		clientClass, requesterRoles,
	}},
	"accountability-transfer": {Name: "accountability-transfer", Facts: []Fact{
		caseType, casePriority, clientClass, requesterRoles,
		{Name: "transfer.from_id", Type: FactUser},
		{Name: "transfer.to_id", Type: FactUser},
		{Name: "transfer.to_roles", Type: FactList},
	}},
	"classification": {Name: "classification", Facts: []Fact{
		clientClass, requesterRoles,
		{Name: "classification.proposed", Type: FactText, Values: classes},
		{Name: "classification.computed", Type: FactText, Values: classes}, // what the classification policy would propose
		{Name: "classification.points", Type: FactNumber},                  // 0 to 100
		{Name: "classification.departs", Type: FactFlag},                   // proposed is not computed
		{Name: "classification.raises", Type: FactFlag},                    // proposed is better than the class that the client has
	}},
	"plan": {Name: "plan", Amount: "plan.budget_total", Facts: []Fact{
		clientClass, requesterRoles,
		{Name: "plan.budget_total", Type: FactNumber},
		{Name: "plan.activities", Type: FactNumber},
	}},
	"extension": {Name: "extension", Facts: []Fact{
		caseType, casePriority, clientClass, requesterRoles,
		{Name: "case.accountable_id", Type: FactUser},
		{Name: "extension.milestone", Type: FactText},
		{Name: "extension.count", Type: FactNumber}, // extensions of this promise before
	}},
}

// SubjectOf returns what the chain of that name decides on.
func SubjectOf(chain string) (Subject, bool) {
	s, ok := subjects[chain]
	return s, ok
}

// Subjects lists the names of all chains that there can be, sorted.
func Subjects() []string { return slices.Sorted(maps.Keys(subjects)) }

func (s Subject) fact(name string) (Fact, bool) {
	i := slices.IndexFunc(s.Facts, func(f Fact) bool { return f.Name == name })
	if i < 0 {
		return Fact{}, false
	}
	return s.Facts[i], true
}

// names lists the facts of the given types, of all types without any, in order of declaration.
func (s Subject) names(types ...FactType) []string {
	var names []string
	for _, f := range s.Facts {
		if len(types) == 0 || slices.Contains(types, f.Type) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Facts are the values of a request by name and type; people stand among the texts. A fact that is not given is empty,
// zero or false.
type Facts struct {
	Texts   map[string]string   `json:"texts,omitempty"`
	Numbers map[string]int64    `json:"numbers,omitempty"`
	Flags   map[string]bool     `json:"flags,omitempty"`
	Lists   map[string][]string `json:"lists,omitempty"`
}

// Validate returns a fault for every fact that the subject does not have, or not with this type or value; the fields are
// facts.<name>.
func (f Facts) Validate(s Subject) []errs.Field {
	var faults []errs.Field
	check := func(name string, types ...FactType) Fact {
		fact, ok := s.fact(name)
		if !ok || !slices.Contains(types, fact.Type) {
			faults = append(faults, errs.Field{Field: "facts." + name, Code: "unknown_fact", Args: errs.Args(
				"name", name, "known", strings.Join(s.names(types...), ", "))})
		}
		return fact
	}
	for _, name := range slices.Sorted(maps.Keys(f.Texts)) {
		fact := check(name, FactText, FactUser)
		if value := f.Texts[name]; value != "" && fact.Values != nil && !slices.Contains(fact.Values, value) {
			faults = append(faults, errs.Field{Field: "facts." + name, Code: "oneof", Args: errs.Args(
				"value", value, "values", strings.Join(fact.Values, ", "))})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Numbers)) {
		check(name, FactNumber)
		if f.Numbers[name] < 0 {
			faults = append(faults, errs.Field{Field: "facts." + name, Code: "min", Args: errs.Args("min", "0")})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Flags)) {
		check(name, FactFlag)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Lists)) {
		check(name, FactList)
	}
	return faults
}

// text shows the value of a fact as people read it.
func (f Facts) text(fact Fact) string {
	switch fact.Type {
	case FactNumber:
		return fmt.Sprint(f.Numbers[fact.Name])
	case FactFlag:
		return fmt.Sprint(f.Flags[fact.Name])
	case FactList:
		return strings.Join(f.Lists[fact.Name], ",")
	default:
		return f.Texts[fact.Name]
	}
}

// normal returns a copy that shares nothing with f and has no empty maps or values, so that equal facts are equal values.
func (f Facts) normal() Facts {
	var n Facts
	for name, v := range f.Texts {
		put(&n.Texts, name, v, v != "")
	}
	for name, v := range f.Numbers {
		put(&n.Numbers, name, v, v != 0)
	}
	for name, v := range f.Flags {
		put(&n.Flags, name, v, v)
	}
	for name, v := range f.Lists {
		put(&n.Lists, name, slices.Clone(v), len(v) > 0)
	}
	return n
}

func put[V any](m *map[string]V, name string, v V, given bool) {
	if !given {
		return
	}
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

// equal reports whether two normal facts say the same.
func (f Facts) equal(other Facts) bool {
	return maps.Equal(f.Texts, other.Texts) && maps.Equal(f.Numbers, other.Numbers) && maps.Equal(f.Flags, other.Flags) &&
		maps.EqualFunc(f.Lists, other.Lists, slices.Equal)
}
