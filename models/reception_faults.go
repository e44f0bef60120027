package models

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// longestStay is MaxBooking as policies write it.
const longestStay = "31d"

// planFaults collects what is wrong with a plan.
type planFaults struct {
	*ReceptionPlan
	r      ReceptionRules
	faults []errs.Field
}

func (f *planFaults) add(field, code string, args ...string) {
	f.faults = append(f.faults, errs.Field{Field: field, Code: code, Args: errs.Args(args...)})
}

// Faults lists everything that is wrong with what the plan says; what it does not say yet is no fault.
func (p ReceptionPlan) Faults(r ReceptionRules) []errs.Field {
	p = p.normal(r.Policy.Document().Currency)
	f := &planFaults{ReceptionPlan: &p, r: r}
	if p.ClientID == "" {
		f.add("client_id", "required")
	}
	f.oneOf("kind", p.Kind, ReceptionKinds())
	f.oneOf("level", p.Level, ReceptionLevels())
	if slot, ok := p.slot(); ok && slot.Length() <= 0 {
		f.add("ends_at", "after", "other", "starts_at")
	} else if ok && slot.Length() > MaxBooking {
		f.add("ends_at", "too_long", "max", longestStay)
	}
	for i, v := range p.Visitors {
		if strings.TrimSpace(v.Name) == "" {
			f.add(at("visitors", i, "name"), "required")
		}
		f.oneOf(at("visitors", i, "identity"), v.Identity, policy.Identities())
	}
	f.people()
	f.activities()
	f.resources()
	f.money()
	return f.faults
}

// Missing lists what a plan must say before it can be submitted: its faults, and what it leaves out.
func (p ReceptionPlan) Missing(class string, now time.Time, r ReceptionRules) []errs.Field {
	p = p.normal(r.Policy.Document().Currency)
	f := &planFaults{ReceptionPlan: &p, r: r, faults: p.Faults(r)}
	if strings.TrimSpace(p.Purpose) == "" {
		f.add("purpose", "required")
	}
	if p.StartsAt == nil {
		f.add("starts_at", "required")
	} else if !p.StartsAt.After(now) {
		f.add("starts_at", "future")
	}
	if p.EndsAt == nil {
		f.add("ends_at", "required")
	}
	if len(p.Visitors) == 0 {
		f.add("visitors", "required")
	}
	if len(p.Hosts) == 0 {
		f.add("hosts", "required")
	}
	if strings.TrimSpace(p.DepartureReason) == "" && len(f.faults) == 0 {
		if off := p.departures(class, r); len(off) > 0 {
			fields := make([]string, len(off))
			for i, d := range off {
				fields[i] = d.Field
			}
			f.add("departure_reason", "departure_reason", "fields", strings.Join(slices.Compact(fields), ", "))
		}
	}
	return f.faults
}

func at(list string, i int, field string) string {
	if field == "" {
		return fmt.Sprintf("%s[%d]", list, i)
	}
	return fmt.Sprintf("%s[%d].%s", list, i, field)
}

func (f *planFaults) oneOf(field, value string, known []string) {
	switch {
	case value == "":
		f.add(field, "required")
	case !slices.Contains(known, value):
		f.add(field, "oneof", "values", strings.Join(known, ", "))
	}
}

// user checks that somebody can be given a part in the visit.
func (f *planFaults) user(field, userID string) {
	switch u, ok := f.r.Org.Users[userID]; {
	case !ok:
		f.add(field, "unknown")
	case !u.Active:
		f.add(field, "inactive")
	}
}

func (f *planFaults) people() {
	visit, dated := f.slot()
	for i, u := range f.Hosts {
		field := at("hosts", i, "")
		if slices.Contains(f.Hosts[:i], u) {
			f.add(field, "unique")
			continue
		}
		f.user(field, u)
		if dated && slices.ContainsFunc(f.r.Away[u], visit.Overlaps) {
			f.add(field, "away")
		}
	}
	if f.ReceptionistID == "" {
		return
	}
	f.user("receptionist_id", f.ReceptionistID)
	if u := f.r.Org.Users[f.ReceptionistID]; u.Active && !May(u.Roles, PermReceptionPrepare) {
		f.add("receptionist_id", "no_receptionist")
	}
}

func (f *planFaults) activities() {
	visit, dated := f.ReceptionPlan.slot()
	for i, a := range f.Activities {
		if strings.TrimSpace(a.Kind) == "" {
			f.add(at("activities", i, "kind"), "required")
		}
		if a.OwnerID != "" {
			f.user(at("activities", i, "owner_id"), a.OwnerID)
		}
		if a.StartsAt == nil {
			f.add(at("activities", i, "starts_at"), "required")
		}
		if a.EndsAt == nil {
			f.add(at("activities", i, "ends_at"), "required")
		}
		slot, ok := slotOf(a.StartsAt, a.EndsAt)
		if !ok {
			continue
		}
		if slot.Length() <= 0 {
			f.add(at("activities", i, "ends_at"), "after", "other", "starts_at")
			continue
		}
		if dated && visit.Length() > 0 && (slot.From.Before(visit.From) || slot.Until.After(visit.Until)) {
			f.add(at("activities", i, ""), "within_visit")
		}
		for j, b := range f.Activities[:i] {
			if other, ok := slotOf(b.StartsAt, b.EndsAt); ok && other.Length() > 0 && slot.Overlaps(other) {
				f.add(at("activities", i, ""), "overlap", "value", slot.String(), "other", at("activities", j, ""))
			}
		}
	}
}

func (f *planFaults) resources() {
	for i, w := range f.Resources {
		switch thing, ok := f.r.Resources[w.ResourceID]; {
		case w.ResourceID == "":
			f.add(at("resources", i, "resource_id"), "required")
		case !ok:
			f.add(at("resources", i, "resource_id"), "unknown")
		case !thing.Active:
			f.add(at("resources", i, "resource_id"), "resource_inactive")
		case thing.Kind.Single() && w.Quantity > 1:
			f.add(at("resources", i, "quantity"), "max", "max", "1")
		}
		if w.Quantity < 1 || w.Quantity > MaxQuantity {
			f.add(at("resources", i, "quantity"), "between", "low", "1", "high", strconv.Itoa(MaxQuantity))
		}
		slot, ok := w.slot(f.ReceptionPlan)
		if !ok {
			continue
		}
		if slot.Length() <= 0 {
			if w.EndsAt != nil {
				f.add(at("resources", i, "ends_at"), "after", "other", "starts_at")
			}
			continue
		}
		if slot.Length() > MaxBooking {
			f.add(at("resources", i, "ends_at"), "too_long", "max", longestStay)
		}
		for j, b := range f.Resources[:i] {
			if other, ok := b.slot(f.ReceptionPlan); ok && b.ResourceID == w.ResourceID && slot.Overlaps(other) {
				f.add(at("resources", i, ""), "overlap", "value", slot.String(), "other", at("resources", j, ""))
			}
		}
	}
}

func (f *planFaults) money() {
	if want := f.r.Policy.Document().Currency; f.Currency != want {
		f.add("currency", "oneof", "values", want)
	}
	var total int64
	for i, b := range f.Budget {
		if !b.Item.Valid() {
			f.add(at("budget", i, "item"), "oneof", "values", costTypeNames())
		}
		if b.Currency != "" && b.Currency != f.Currency {
			f.add(at("budget", i, "currency"), "other_currency", "currency", f.Currency)
		}
		switch {
		case b.Amount < 0:
			f.add(at("budget", i, "amount"), "not_negative")
		case b.Amount > MaxAmount-total:
			f.add(at("budget", i, "amount"), "max", "max", strconv.FormatInt(MaxAmount, 10))
		default:
			total += b.Amount
		}
	}
}

func costTypeNames() string {
	names := make([]string, len(CostTypes()))
	for i, t := range CostTypes() {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}
