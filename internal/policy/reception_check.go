package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// The facts of a reception, as conditions name them, beside client.class.
const (
	factReceptionKind  = "reception.kind"
	factReceptionLevel = "reception.level"
	factIdentity       = "visitor.identity"
)

// maxMoney bounds every amount in a policy, in minor units, as it bounds every amount of the product.
const maxMoney = 1e14

var (
	receptionKinds  = []string{"company_visit", "model_site_visit", "on_site_meeting", "technical_exchange", "management_exchange"}
	receptionLevels = []string{"standard", "important", "vip"}
	identities      = []string{"official", "executive", "manager", "expert", "other"} // from the highest rank down
	costTypes       = []string{"transport", "lodging", "meals", "gifts", "other"}
	hostRanks       = []string{"supervisor", "manager", "director"}
	caretakers      = []string{"receptionist", "requester", "host"}

	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
)

var receptionLanguage = newLanguage(
	[]string{factReceptionKind, factReceptionLevel, factIdentity, factClass},
	map[string][]string{
		factReceptionKind: receptionKinds, factReceptionLevel: receptionLevels, factIdentity: identities, factClass: clientClasses,
	},
)

// everyReception returns one reception for each combination of the facts.
var everyReception = sync.OnceValue(func() []ReceptionFacts {
	var all []ReceptionFacts
	for _, kind := range receptionKinds {
		for _, level := range receptionLevels {
			for _, identity := range identities {
				for _, class := range clientClasses {
					all = append(all, ReceptionFacts{Kind: kind, Level: level, Identity: identity, Class: class})
				}
			}
		}
	}
	return all
})

// Identities lists the ranks of visitors, from the highest down.
func Identities() []string { return slices.Clone(identities) }

// Check returns everything that forbids the publication of r, in the order of the document; none means that it may be
// published. Lines and columns in the faults of a condition count from 1 within the condition.
func (r Reception) Check(refs Refs) []errs.Field {
	var c checker
	c.oneOf("kind", r.Kind, []string{KindReception})
	if r.Version != 0 {
		c.fault("version", "version_given")
	}
	switch {
	case r.Calendar == "":
		c.fault("calendar", "required")
	case !refs.Calendars[r.Calendar]:
		c.fault("calendar", "unknown_calendar", "value", shown(r.Calendar))
	}
	switch {
	case r.Currency == "":
		c.fault("currency", "required")
	case !currencyCode.MatchString(r.Currency):
		c.fault("currency", "currency")
	}
	c.standards(r.Standards)
	c.amounts("limits", r.Limits)
	c.percent("tolerance.percent", r.Tolerance.Percent)
	c.amount("tolerance.at_most", r.Tolerance.AtMost)
	c.optionalSpan("tolerance.longer", r.Tolerance.Longer)
	c.allOf("dedicated", r.Dedicated, receptionLevels)
	c.name("approval.chain", r.Approval.Chain)
	c.span("approval.warn_before", r.Approval.WarnBefore)
	c.clock("approval.clock", r.Approval.Clock)
	c.checklist(r.Checklist)
	c.span("claims.window", r.Claims.Window)
	if c.span("claims.remind", r.Claims.Remind) && length(r.Claims.Remind) >= length(r.Claims.Window) {
		c.fault("claims.remind", "shorter_than", "value", r.Claims.Remind.String(), "other", r.Claims.Window.String())
	}
	c.clock("claims.clock", r.Claims.Clock)
	if r.Split != nil {
		c.amount("split.limit", r.Split.Limit)
		c.span("split.within", r.Split.Within)
	}
	return c.faults
}

func (c *checker) standards(standards []Standard) {
	switch {
	case len(standards) == 0:
		c.fault("standards", "required")
		return
	case len(standards) > maxRules:
		c.fault("standards", "too_many", "max", strconv.Itoa(maxRules))
		return
	}
	conditions := make([]*condition, len(standards))
	var names []string
	for i, s := range standards {
		if c.name(indexed("standards", i, "name"), s.Name) && slices.Contains(names, s.Name) {
			c.fault(indexed("standards", i, "name"), "duplicate", "value", s.Name)
		}
		names = append(names, s.Name)
		conditions[i] = c.condition(indexed("standards", i, "when"), s.When)
		if s.RoomClass != "" {
			c.name(indexed("standards", i, "room_class"), s.RoomClass)
		}
		if s.HostRank != "" {
			c.oneOf(indexed("standards", i, "host_rank"), s.HostRank, hostRanks)
		}
		c.amounts(indexed("standards", i, "per_head"), s.PerHead)
	}
	c.faults = append(c.faults, reachable("standards", conditions, everyReception())...)
	c.faults = append(c.faults, catchAll("standards", conditions)...)
}

// condition compiles a condition on receptions; nil when it has faults, which are reported.
func (c *checker) condition(path, when string) *condition {
	compiled, faults := receptionLanguage.compile(path, when)
	if compiled != nil {
		faults = compiled.impossible(path)
	}
	if len(faults) > 0 {
		c.faults = append(c.faults, faults...)
		return nil
	}
	return compiled
}

func (c *checker) checklist(items []ChecklistItem) {
	if len(items) > maxRules {
		c.fault("checklist", "too_many", "max", strconv.Itoa(maxRules))
		return
	}
	var names []string
	for i, item := range items {
		if c.name(indexed("checklist", i, "name"), item.Name) && slices.Contains(names, item.Name) {
			c.fault(indexed("checklist", i, "name"), "duplicate", "value", item.Name)
		}
		names = append(names, item.Name)
		if item.When != "" {
			path := indexed("checklist", i, "when")
			compiled := c.condition(path, item.When)
			if compiled != nil && !slices.ContainsFunc(everyReception(), func(f ReceptionFacts) bool { return compiled.holds(f) }) {
				c.fault(path, "never_true")
			}
		}
		c.oneOf(indexed("checklist", i, "for"), item.For, caretakers)
		c.span(indexed("checklist", i, "before"), item.Before)
		c.span(indexed("checklist", i, "warn"), item.Warn)
		c.clock(indexed("checklist", i, "clock"), item.Clock)
	}
}

// name requires a word that can be part of a message key or a URL, and reports whether it is one.
func (c *checker) name(path, value string) bool {
	switch {
	case value == "":
		c.fault(path, "required")
	case !milestoneName.MatchString(value):
		c.fault(path, "bad_name", "value", shown(value))
	default:
		return true
	}
	return false
}

// amounts checks money by cost type.
func (c *checker) amounts(path string, m map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(costTypes, name) {
			c.fault(path+"."+shown(name), "unknown_field", "name", shown(name), "known", strings.Join(costTypes, ", "))
			continue
		}
		c.amount(path+"."+name, m[name])
	}
}

func (c *checker) amount(path string, value int64) {
	if value < 0 || value > maxMoney {
		c.fault(path, "between", "low", "0", "high", strconv.FormatInt(maxMoney, 10))
	}
}

func (c *checker) percent(path string, value int) {
	if value < 0 || value > 100 {
		c.fault(path, "between", "low", "0", "high", "100")
	}
}

func (c *checker) optionalSpan(path string, s sla.Span) {
	if !s.IsZero() {
		c.span(path, s)
	}
}

func indexed(list string, i int, field string) string {
	return fmt.Sprintf("%s[%d].%s", list, i, field)
}
