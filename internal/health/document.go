package health

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// PolicyKind is the kind of policy whose documents this package reads.
const PolicyKind = "health"

// The rules of contributions that no fact makes.
const (
	RuleBase  = "base"  // where every score begins
	RuleLimit = "limit" // what brings a score back to 0 to 100
)

// The bounds of a document and of a score.
const (
	highest        = 100 // score, and points of a rule
	longest        = 5   // years that the window of a rule may last
	maxLevelPoints = 50  // points of a level: two levels off the middle make a whole score
	maxShown       = 80  // characters that a message repeats of the input
)

// Document is the policy of kind `health`: the base of every score, and what facts count, by the name of the rule.
type Document struct {
	Kind    string          `json:"kind"`
	Version int             `json:"version,omitempty"` // given at publication; a document that names one is refused
	Base    *int            `json:"base"`              // 0 to 100
	Rules   map[string]Rule `json:"rules"`
}

// Rule says what facts of one kind count. Either Points or, for levels, PointsPerLevel is set.
type Rule struct {
	Fact Kind `json:"fact"`
	// Points are what one fact counts: of good news 1 to 100, of bad news -100 to -1.
	Points *int `json:"points,omitempty"`
	// PointsPerLevel are what each level above 3 counts, and each below it takes, 1 to 50.
	PointsPerLevel *int `json:"points_per_level,omitempty"`
	// Within is how long a fact counts, by the wall calendar.
	Within calendar.Period `json:"within"`
	// AtMost is the most that all facts of the rule together add or take, 1 to 100.
	AtMost int `json:"at_most"`
}

// Parse reads a health policy written in YAML or JSON, strictly: every fault of structure at once, each with its path
// (rules.contact_kept.within). What the fields say is for Document.Check to judge.
func Parse(body []byte) (Document, []errs.Field) {
	var d Document
	if faults := policy.Decode(body, &d); len(faults) > 0 {
		return Document{}, faults
	}
	return d, nil
}

var word = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Check returns everything that forbids the publication of d; none means that it may be published.
func (d Document) Check() []errs.Field {
	var c checker
	switch {
	case d.Kind == "":
		c.fault("kind", "required")
	case d.Kind != PolicyKind:
		c.fault("kind", "oneof", "values", PolicyKind)
	}
	if d.Version != 0 {
		c.fault("version", "version_given")
	}
	c.points("base", d.Base, 0, highest)
	if len(d.Rules) == 0 {
		c.fault("rules", "required")
	}
	taken := map[Kind]bool{}
	for _, name := range slices.Sorted(maps.Keys(d.Rules)) {
		path := "rules." + shown(name)
		switch {
		case !word.MatchString(name):
			c.fault(path, "bad_name", "value", shown(name))
		case name == RuleBase || name == RuleLimit:
			c.fault(path, "reserved", "value", name)
		}
		c.rule(path, d.Rules[name], taken)
	}
	return c.faults
}

// checker collects the faults of a document.
type checker struct{ faults []errs.Field }

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

func (c *checker) rule(path string, r Rule, taken map[Kind]bool) {
	kinds := Kinds()
	i := slices.Index(kinds, r.Fact)
	switch {
	case r.Fact == "":
		c.fault(path+".fact", "required")
	case i < 0:
		c.fault(path+".fact", "oneof", "values", listed(kinds))
	case taken[r.Fact]:
		c.fault(path+".fact", "duplicate", "value", string(r.Fact))
	}
	taken[r.Fact] = true
	if i >= 0 {
		c.counts(path, r, sides[i].side)
	}
	switch {
	case r.Within.IsZero():
		c.fault(path+".within", "required")
	case r.Within.PerYear() < 1.0/longest-1e-9:
		c.fault(path+".within", "span_too_long", "max", strconv.Itoa(longest)+"y")
	}
	c.between(path+".at_most", r.AtMost, 1, highest)
}

// counts checks the points of a rule: bad news never adds, and good news never takes.
func (c *checker) counts(path string, r Rule, side int) {
	if r.Fact == Level {
		if r.Points != nil {
			c.fault(path+".points", "not_for_kind", "kind", string(r.Fact))
		}
		c.points(path+".points_per_level", r.PointsPerLevel, 1, maxLevelPoints)
		return
	}
	if r.PointsPerLevel != nil {
		c.fault(path+".points_per_level", "not_for_kind", "kind", string(r.Fact))
	}
	low, high := -highest, highest
	switch side {
	case 1:
		low = 1
	case -1:
		high = -1
	}
	c.points(path+".points", r.Points, low, high)
}

func (c *checker) points(path string, points *int, low, high int) {
	if points == nil {
		c.fault(path, "required")
		return
	}
	c.between(path, *points, low, high)
}

// between requires a number from low to high.
func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
}

func listed(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// shown shortens a text of the input for a message.
func shown(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}
