package models

import (
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Bounds of a plan.
const (
	maxPlanDays   = 370 // a year, and some days so that it can end with a week
	maxPlanGoals  = 50
	maxPlanBudget = 200
	maxInfluence  = 10
	maxStrength   = 5
)

// budgetPeriod is a half-year, a quarter or a month of a year.
var budgetPeriod = regexp.MustCompile(`^[0-9]{4}-(H[12]|Q[1-4]|0[1-9]|1[0-2])$`)

// attitudes and contactRoles are what a plan may say of somebody in the decision chain; nothing is said by an empty one.
var (
	attitudes    = []string{"", string(AttitudeOpponent), string(AttitudeSceptical), string(AttitudeNeutral), string(AttitudeSupportive), string(AttitudeChampion)}
	contactRoles = []string{
		"", string(ContactDecisionMaker), string(ContactApprover), string(ContactInfluencer), string(ContactUser), string(ContactGatekeeper), string(ContactOther),
	}
)

// draftFaults collects everything that is wrong with the draft of a plan.
type draftFaults struct {
	relationshipFaults
	PlanDraftData
	org  *Org
	zone *time.Location
	had  []ActivityState // that the plan has already
}

// all judges the draft, and returns its period: the begin of the first day and the end of the last one.
func (f *draftFaults) all() (from, until time.Time) {
	from, until = f.period()
	f.few("goals", len(f.Goals), maxPlanGoals)
	for i, goal := range f.Goals {
		f.text(at("goals", i, ""), goal)
	}
	f.chain()
	f.activities(from, until)
	f.budget()
	return from, until
}

func (f *draftFaults) few(field string, n, most int) {
	if n > most {
		f.add(field, "too_many", "max", strconv.Itoa(most))
	}
}

func (f *draftFaults) between(field string, n int64, low, high int64) {
	if n < low || n > high {
		f.add(field, "between", "low", strconv.FormatInt(low, 10), "high", strconv.FormatInt(high, 10))
	}
}

// period is that of the plan; zero when it has none.
func (f *draftFaults) period() (from, until time.Time) {
	from, okFrom := f.date("from", f.From)
	until, okUntil := f.date("until", f.Until)
	if !okFrom || !okUntil {
		return time.Time{}, time.Time{}
	}
	until = until.AddDate(0, 0, 1)
	switch {
	case !from.Before(until):
		f.add("until", "not_before", "other", "from")
	case until.After(from.AddDate(0, 0, maxPlanDays)):
		f.add("until", "too_long", "max", strconv.Itoa(maxPlanDays)+"d")
	}
	return from.UTC(), until.UTC()
}

func (f *draftFaults) date(field, value string) (time.Time, bool) {
	day, err := time.ParseInLocation(time.DateOnly, value, f.zone)
	if err != nil {
		f.add(field, "date")
	}
	return day, err == nil
}

func (f *draftFaults) chain() {
	f.few("decision_chain", len(f.Chain), KeptContacts)
	seen := map[string]bool{}
	for i, c := range f.Chain {
		path := func(field string) string { return at("decision_chain", i, field) }
		switch {
		case c.ContactID == "":
			f.add(path("contact_id"), "required")
		case seen[c.ContactID]:
			f.add(path("contact_id"), "duplicate", "value", c.ContactID)
		}
		seen[c.ContactID] = true
		f.oneOf(path("role"), c.Role, contactRoles)
		f.oneOf(path("attitude"), c.Attitude, attitudes)
		f.between(path("influence"), int64(c.Influence), 0, maxInfluence)
		f.between(path("strength"), int64(c.Strength), 0, maxStrength)
		for j, u := range c.KnownBy {
			if _, known := f.org.Users[u]; !known {
				f.add(at(path("known_by_ids"), j, ""), "unknown")
			}
		}
	}
}

func (f *draftFaults) activities(from, until time.Time) {
	f.few("activities", len(f.Activities), MaxPlanActivities)
	seen := map[string]bool{}
	for i, a := range f.Activities {
		path := func(field string) string { return at("activities", i, field) }
		switch {
		case a.ID == "":
		case !slices.ContainsFunc(f.had, func(o ActivityState) bool { return o.ID == a.ID }):
			f.add(path("id"), "unknown")
		case seen[a.ID]:
			f.add(path("id"), "duplicate", "value", a.ID)
		}
		seen[a.ID] = true
		f.oneOf(path("kind"), a.Kind, PlanActivityKinds())
		f.text(path("title"), a.Title)
		if a.OwnerID != "" {
			f.person(path("owner_id"), a.OwnerID, f.org)
		}
		switch {
		case a.DueAt.IsZero():
			f.add(path("due_at"), "required")
		case !from.IsZero() && (a.DueAt.Before(from) || a.DueAt.After(until)):
			f.add(path("due_at"), "within_period")
		}
	}
}

func (f *draftFaults) budget() {
	f.few("budget", len(f.Budget), maxPlanBudget)
	for i, b := range f.Budget {
		if !budgetPeriod.MatchString(b.Period) {
			f.add(at("budget", i, "period"), "budget_period")
		}
		f.text(at("budget", i, "item"), b.Item)
		f.between(at("budget", i, "amount"), b.Amount, 0, MaxAmount)
	}
	if len(f.Budget) == 0 && f.Currency == "" {
		return
	}
	if !ValidCurrency(f.Currency) {
		f.add("currency", "currency")
	}
}
