package cadence

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

const (
	maxContacts = 100
	maxMinimum  = 100
	maxWeeks    = 52
	maxLevel    = 5
	maxListed   = 50
	maxShown    = 80 // characters that a message repeats of the input
	maxWorking  = 366
	longest     = "10y"
)

var (
	word    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	classes = []string{"S", "A", "B", "C"}
)

// Refs names what exists beside the policy and may be referred to in it.
type Refs struct {
	Calendars map[string]bool // by id
	Roles     []string        // nil if they are not known
	// Posts are those of the responsibility policy in force; nil if they are not known.
	Posts map[string]bool
}

// Check returns everything that forbids the publication of p; none means that it may be published.
func (p Policy) Check(refs Refs) []errs.Field {
	var c checker
	c.oneOf("kind", p.Kind, []string{Kind})
	if p.Version != 0 {
		c.fault("version", "version_given")
	}
	switch {
	case p.Calendar == "":
		c.fault("calendar", "required")
	case !refs.Calendars[p.Calendar]:
		c.fault("calendar", "unknown_calendar", "value", shown(p.Calendar))
	}
	for _, class := range slices.Sorted(maps.Keys(p.Classes)) {
		if !slices.Contains(classes, class) {
			c.fault("classes."+shown(class), "unknown_field", "name", shown(class), "known", strings.Join(classes, ", "))
		}
	}
	for _, class := range classes {
		if r, ok := p.Classes[class]; ok {
			c.class("classes."+class, r)
		} else {
			c.fault("classes."+class, "required")
		}
	}
	c.span("remind_before", p.RemindBefore)
	c.between("weekly.minimum", p.Weekly.Minimum, 1, maxMinimum)
	if c.words("weekly.posts", p.Weekly.Posts) && refs.Posts != nil {
		for i, post := range p.Weekly.Posts {
			if !refs.Posts[post] {
				c.fault(fmt.Sprintf("weekly.posts[%d]", i), "oneof", "value", post,
					"values", strings.Join(slices.Sorted(maps.Keys(refs.Posts)), ", "))
			}
		}
	}
	c.period("leads.follow_up_every", p.Leads.FollowUpEvery)
	c.period("improvement.within", p.Improvement.Within)
	c.span("commitments.remind_before", p.Commitments.RemindBefore)
	c.span("opinions.answer_within", p.Opinions.AnswerWithin)
	c.span("classification.review_within", p.Classification.ReviewWithin)
	if p.Rotation != (Rotation{}) {
		c.period("rotation.remind_after", p.Rotation.RemindAfter)
	}
	if !p.Login.IsZero() {
		c.login("login", p.Login, refs.Roles)
	}
	c.oneOf("digest.weekday", p.Digest.Weekday, weekdays[:])
	if _, _, ok := clock(p.Digest.At); p.Digest.At == "" {
		c.fault("digest.at", "required")
	} else if !ok {
		c.fault("digest.at", "bad_clock", "value", shown(p.Digest.At))
	}
	return c.faults
}

// checker collects faults.
type checker struct{ faults []errs.Field }

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

func (c *checker) class(path string, r ClassRules) {
	every := c.period(path+".contact_every", r.ContactEvery)
	if r.Breadth != (BreadthRule{}) {
		c.between(path+".breadth.contacts", r.Breadth.Contacts, 0, maxContacts)
		if r.Breadth.Contacts > 0 {
			c.period(path+".breadth.within", r.Breadth.Within)
		}
	}
	if c.period(path+".dormant_after", r.DormantAfter) && every && !longer(r.DormantAfter, r.ContactEvery) {
		c.fault(path+".dormant_after", "longer_than", "other", r.ContactEvery.String())
	}
	for _, level := range levels {
		c.between(path+".targets."+string(level), r.Targets.Of(level), 1, maxLevel)
	}
	c.period(path+".assess_every", r.AssessEvery)
}

// longer reports whether a is over later than b, whatever day both begin.
func longer(a, b calendar.Period) bool {
	first := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC) // a leap year and three that are none
	for day := first; day.Year() < first.Year()+4; day = day.AddDate(0, 0, 1) {
		if !a.After(day, time.UTC).After(b.After(day, time.UTC)) {
			return false
		}
	}
	return true
}

func (c *checker) login(path string, l Login, roles []string) {
	c.oneOf(path+".every", l.Every, []string{EveryWorkday})
	c.between(path+".travelling_per_week", l.TravellingPerWeek, 1, len(weekdays))
	c.between(path+".weeks", l.Weeks, 1, maxWeeks)
	if c.words(path+".roles", l.Roles) && roles != nil {
		for i, role := range l.Roles {
			if !slices.Contains(roles, role) {
				c.fault(fmt.Sprintf("%s.roles[%d]", path, i), "oneof", "value", role, "values", strings.Join(roles, ", "))
			}
		}
	}
}

func (c *checker) oneOf(path, value string, known []string) {
	switch {
	case value == "":
		c.fault(path, "required")
	case !slices.Contains(known, value):
		c.fault(path, "oneof", "value", shown(value), "values", strings.Join(known, ", "))
	}
}

func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
}

// words requires at least one name and none twice, and reports whether they can be compared with those that are known.
func (c *checker) words(path string, names []string) bool {
	before := len(c.faults)
	if len(names) == 0 {
		c.fault(path, "required")
	}
	if len(names) > maxListed {
		c.fault(path, "too_many", "max", strconv.Itoa(maxListed))
		return false
	}
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !word.MatchString(name):
			c.fault(at, "bad_name", "value", shown(name))
		case slices.Contains(names[:i], name):
			c.fault(at, "duplicate", "value", name)
		}
	}
	return len(c.faults) == before
}

// period requires a period of ten years at most, and reports whether it is one.
func (c *checker) period(path string, p calendar.Period) bool {
	most, err := calendar.ParsePeriod(longest)
	switch {
	case p.IsZero():
		c.fault(path, "required")
	case err != nil || p.PerYear() < most.PerYear():
		c.fault(path, "between", "low", "1s", "high", longest)
	default:
		return true
	}
	return false
}

// span requires working time of a year at most.
func (c *checker) span(path string, s sla.Span) {
	switch {
	case s.IsZero():
		c.fault(path, "required")
	case s.Validate() != nil:
		c.fault(path, "bad_span", "value", s.String())
	case s.Days > maxWorking || s.Duration > maxWorking*day || s.Days == 0 && s.Duration < time.Second:
		c.fault(path, "between", "low", sla.Span{Duration: time.Second}.String(), "high", sla.Span{Days: maxWorking}.String())
	}
}

// shown shortens a text of the input for a message.
func shown(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}
