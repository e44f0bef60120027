package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

const (
	// maxRules keeps the check of a policy, which tries every rule on every kind of case, a matter of milliseconds.
	maxRules = 200
	// minSpan keeps a process that waits again and again from spinning.
	minSpan = time.Second
	// maxTarget is the longest promise in days, of work or of 24 hours as its clock says.
	maxTarget = 365
	// maxCount is above every sensible number of bounces, reminders and extensions.
	maxCount = 1000
	// day orders spans of days and of hours; on the working clock it is the most that a day can hold.
	day = 24 * time.Hour
)

// milestoneName is what a milestone may be called: its name is part of URLs.
var milestoneName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Refs names what exists beside the policy and may be referred to in it.
type Refs struct {
	Calendars map[string]bool // by id
}

// Check returns everything that forbids the publication of s, in the order of the document; none means that it may be
// published. Lines and columns in the faults of a condition count from 1 within the condition.
func (s SLA) Check(refs Refs) []errs.Field {
	s = s.clone().withDefaults()
	var c checker
	if s.Kind == "" {
		c.fault("kind", "required")
	} else {
		c.oneOf("kind", s.Kind, []string{KindSLA})
	}
	if s.Version != 0 {
		c.fault("version", "version_given")
	}
	if s.Calendar == "" {
		c.fault("calendar", "required")
	} else if !refs.Calendars[s.Calendar] {
		c.fault("calendar", "unknown_calendar", "value", shown(s.Calendar))
	}
	c.priority(s.Priority)
	c.rules(s.Rules)
	c.process(s)
	c.ladder(s.Ladder)
	return c.faults
}

// checker collects the faults of one policy.
type checker struct{ faults []errs.Field }

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// oneOf requires a value from the list.
func (c *checker) oneOf(path, value string, known []string) {
	switch {
	case value == "":
		c.fault(path, "required")
	case !slices.Contains(known, value):
		c.fault(path, "oneof", "value", shown(value), "values", strings.Join(known, ", "))
	}
}

// allOf requires every value to be from the list, once.
func (c *checker) allOf(path string, values, known []string) {
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if slices.Contains(values[:i], value) {
			c.fault(at, "duplicate", "value", shown(value))
			continue
		}
		c.oneOf(at, value, known)
	}
}

func (c *checker) clock(path string, k sla.ClockKind) { c.oneOf(path, string(k), clocks) }

// span requires at least a second and reports whether it is one.
func (c *checker) span(path string, s sla.Span) bool {
	if s.IsZero() {
		c.fault(path, "not_positive")
		return false
	}
	if s.Validate() != nil {
		c.fault(path, "bad_span", "value", s.String())
		return false
	}
	if length(s) < minSpan {
		c.fault(path, "between", "low", minSpan.String(), "high", sla.Span{Days: maxTarget}.String())
		return false
	}
	return true
}

// between requires a count from low to maxCount.
func (c *checker) between(path string, value, low int) {
	if value < low || value > maxCount {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(maxCount))
	}
}

// length orders spans of one clock.
func length(s sla.Span) time.Duration { return time.Duration(s.Days)*day + s.Duration }

func (c *checker) priority(p Priority) {
	if len(p.Matrix) == 0 {
		c.fault("priority.matrix", "required")
	} else {
		knownNames(c, "priority.matrix", p.Matrix)
		for _, impact := range levels {
			path := "priority.matrix." + impact
			row := p.Matrix[impact]
			if len(row) == 0 {
				c.fault(path, "required")
				continue
			}
			knownNames(c, path, row)
			for _, urgency := range levels {
				c.oneOf(path+"."+urgency, row[urgency], priorities)
			}
		}
	}
	c.allOf("priority.raise_for_classes", p.RaiseForClasses, clientClasses)
}

// knownNames refuses keys of the matrix that are no level of impact or urgency.
func knownNames[V any](c *checker, path string, m map[string]V) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(levels, name) {
			c.fault(path+"."+shown(name), "unknown_field", "name", shown(name), "known", strings.Join(levels, ", "))
		}
	}
}

func (c *checker) rules(rules []Rule) {
	switch {
	case len(rules) == 0:
		c.fault("rules", "required")
		return
	case len(rules) > maxRules:
		c.fault("rules", "too_many", "max", strconv.Itoa(maxRules))
		return
	}
	conditions := make([]*condition, len(rules))
	for i, rule := range rules {
		path := fmt.Sprintf("rules[%d]", i)
		compiled, faults := caseLanguage.compile(path+".when", rule.When)
		if compiled != nil {
			faults = compiled.impossible(path + ".when")
		}
		if len(faults) == 0 {
			conditions[i] = compiled
		}
		c.faults = append(c.faults, faults...)
		c.milestones(path+".milestones", rule.Milestones)
	}
	c.faults = append(c.faults, reachable("rules", conditions, everyCase())...)
	c.faults = append(c.faults, catchAll("rules", conditions)...)
}

// catchAll requires the last rule to be always true; a condition that is nil is reported already.
func catchAll(list string, rules []*condition) []errs.Field {
	if len(rules) == 0 {
		return []errs.Field{{Field: list, Code: "required"}}
	}
	last := len(rules) - 1
	if rules[last] == nil {
		return nil
	}
	if value, ok := rules[last].constant(); ok && value {
		return nil
	}
	return []errs.Field{{Field: fmt.Sprintf("%s[%d].when", list, last), Code: "catch_all_missing"}}
}

// reachable finds the rules before the last that no object can ever reach, by trying every kind of object on them. A rule
// on facts without a fixed set of values counts as one that may hold or not.
func reachable[F cel.Activation](list string, rules []*condition, every []F) []errs.Field {
	var faults []errs.Field
	taken := make([]bool, len(every)) // an earlier rule is sure to take it
	for i, rule := range rules[:len(rules)-1] {
		if rule == nil {
			continue
		}
		path := fmt.Sprintf("%s[%d].when", list, i)
		if value, ok := rule.constant(); ok && value {
			faults = append(faults, errs.Field{Field: path, Code: "catch_all_early"})
			continue // one fault, not one for every rule behind it
		}
		matches, free := false, false
		for k, f := range every {
			if !rule.countable() {
				matches, free = true, free || !taken[k]
				continue
			}
			if !rule.holds(f) {
				continue
			}
			matches, free = true, free || !taken[k]
			taken[k] = true
		}
		switch {
		case !matches:
			faults = append(faults, errs.Field{Field: path, Code: "never_true"})
		case !free:
			faults = append(faults, errs.Field{Field: path, Code: "rule_unreachable"})
		}
	}
	return faults
}

func (c *checker) milestones(path string, defs []sla.Definition) {
	var names []string
	for i, d := range defs {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case d.Name == "":
			c.fault(at+".name", "required")
		case !milestoneName.MatchString(d.Name):
			c.fault(at+".name", "bad_name", "value", shown(d.Name))
		case slices.Contains(reservedMilestones, d.Name):
			c.fault(at+".name", "reserved", "value", d.Name)
		case slices.Contains(names, d.Name):
			c.fault(at+".name", "duplicate", "value", d.Name)
		}
		names = append(names, d.Name)
		c.milestone(at, d)
	}
	for _, name := range []string{FirstResponse, Resolution} {
		if !slices.Contains(names, name) {
			c.fault(path, "milestone_missing", "name", name)
		}
	}
}

func (c *checker) milestone(path string, d sla.Definition) {
	if c.span(path+".target", d.Target) && length(d.Target) > maxTarget*day {
		c.fault(path+".target", "span_too_long", "max", sla.Span{Days: maxTarget}.String())
	}
	c.clock(path+".clock", d.Clock)
	c.oneOf(path+".starts_on", d.StartsOn, caseEvents)
	c.oneOf(path+".stops_on", d.StopsOn, caseEvents)
	if d.StartsOn != "" && d.StartsOn == d.StopsOn {
		c.fault(path+".stops_on", "stops_as_it_starts", "value", shown(d.StopsOn))
	}
	c.allOf(path+".pauses_in", d.PausesIn, pausableStates)
	for i, w := range d.WarnAt {
		at := fmt.Sprintf("%s.warn_at[%d]", path, i)
		if _, err := w.MarshalText(); err != nil {
			c.fault(at, "bad_warning", "value", w.String())
			continue
		}
		if slices.Contains(d.WarnAt[:i], w) {
			c.fault(at, "duplicate", "value", w.String())
		}
		if target := length(d.Target); target > 0 && w.Left >= target {
			c.fault(at, "warning_too_early", "value", w.String(), "target", d.Target.String())
		}
	}
	c.oneOf(path+".on_reopen", d.OnReopen, reopenChoices)
	c.oneOf(path+".on_priority_change", d.OnPriorityChange, changeChoices)
}

// process checks the intervals of the case process.
func (c *checker) process(s SLA) {
	c.span("handover.target", s.Handover.Target)
	c.clock("handover.clock", s.Handover.Clock)
	c.between("handover.bounces_before_adjudication", s.Handover.BouncesBeforeAdjudication, 1)
	if s.UpdateEvery != nil {
		c.span("update_every.interval", s.UpdateEvery.Interval)
		c.clock("update_every.clock", s.UpdateEvery.Clock)
	}
	c.span("waiting.chaser", s.Waiting.Chaser)
	c.clock("waiting.clock", s.Waiting.Clock)
	c.between("waiting.give_up_after", s.Waiting.GiveUpAfter, 0)
	c.span("confirmation.window", s.Confirmation.Window)
	c.clock("confirmation.clock", s.Confirmation.Clock)
	c.span("reopen.window", s.Reopen.Window)
	c.clock("reopen.clock", s.Reopen.Clock)
	c.between("extension.max", s.Extension.Max, 0)
}

// ladder checks the rungs; those after a breach must stand in the order in which they fall due, as far as one clock can
// tell.
func (c *checker) ladder(rungs []sla.Rung) {
	latest := map[sla.ClockKind]sla.Span{}
	for i, r := range rungs {
		path := fmt.Sprintf("ladder[%d]", i)
		c.oneOf(path+".on", r.On, rungTriggers)
		switch {
		case !r.After.IsZero() && !c.span(path+".after", r.After):
		case r.On == OnWarning && !r.After.IsZero():
			c.fault(path+".after", "after_without_breach")
		case r.On == OnBreach && length(r.After) < length(latest[r.Clock]):
			c.fault(path+".after", "not_ascending", "value", r.After.String(), "before", latest[r.Clock].String())
		case r.On == OnBreach:
			latest[r.Clock] = r.After
		}
		c.clock(path+".clock", r.Clock)
		if len(r.Notify) == 0 {
			c.fault(path+".notify", "required")
		}
		c.allOf(path+".notify", r.Notify, notified)
		if r.Task != "" {
			c.oneOf(path+".task", r.Task, rungTasks)
		}
	}
}
