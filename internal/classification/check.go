package classification

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Bounds of a document.
const (
	maxCriteria   = 30
	maxBands      = 50
	maxHysteresis = 20
	maxLabel      = 80
	maxShown      = 80 // characters that a message repeats of the input
)

// The ends of how often a class is reviewed, in reviews per year, and how they are written.
const (
	mostReviews, mostReviewsText   = 366 * 86400, "1s"
	leastReviews, leastReviewsText = 0.1999, "5y"
)

var (
	// name is what a criterion may be called: names are part of paths and message keys.
	name      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	languages = []string{"en", "zh-CN"}
	plans     = []string{string(PlanNone), string(PlanHalfYear), string(PlanYear)}
)

// Refs names what exists beside the policy and may be referred to in it.
type Refs struct {
	Chains []string // the approval chains in force; nil if that is not known
}

// Check returns everything that forbids the publication of d; none means that it may be published.
func (d Document) Check(refs Refs) []errs.Field {
	var c checker
	c.oneOf("kind", d.Kind, []string{Kind})
	if d.Version != 0 {
		c.fault("version", "version_given")
	}
	for _, criterion := range slices.Sorted(maps.Keys(d.Criteria)) {
		path := "criteria." + shown(criterion)
		if !name.MatchString(criterion) {
			c.fault(path, "bad_name", "value", shown(criterion))
		}
		c.label(path+".label", d.Criteria[criterion].Label)
	}
	c.rules(d)
	switch {
	case d.Chain == "":
		c.fault("chain", "required")
	case refs.Chains != nil && !slices.Contains(refs.Chains, d.Chain):
		c.fault("chain", "no_chain", "name", shown(d.Chain), "known", strings.Join(refs.Chains, ", "))
	}
	return c.faults
}

// checker collects the faults of a document.
type checker struct{ faults []errs.Field }

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// rules checks everything that a proposal is computed from.
func (c *checker) rules(d Document) {
	c.criteria(d.Criteria)
	c.currency(d)
	c.thresholds(d.Thresholds, d.Hysteresis)
	c.gate(d)
	for _, class := range Classes() {
		c.contract("classes."+string(class), d.Classes.of(class))
	}
	c.hundred("abc", map[string]int{"abc.A": d.ABC.A, "abc.B": d.ABC.B, "abc.C": d.ABC.C})
}

func (c *checker) criteria(criteria map[string]Criterion) {
	switch {
	case len(criteria) == 0:
		c.fault("criteria", "required")
		return
	case len(criteria) > maxCriteria:
		c.fault("criteria", "too_many", "max", strconv.Itoa(maxCriteria))
		return
	}
	weights := map[string]int{}
	for _, criterion := range slices.Sorted(maps.Keys(criteria)) {
		path := "criteria." + shown(criterion)
		weights[path+".weight"] = criteria[criterion].Weight
		c.bands(path+".bands", criteria[criterion].Bands)
	}
	c.hundred("criteria", weights)
}

// currency requires one where bands are, which are amounts.
func (c *checker) currency(d Document) {
	banded := false
	for _, criterion := range d.Criteria {
		banded = banded || len(criterion.Bands) > 0
	}
	switch {
	case d.Currency == "" && banded:
		c.fault("currency", "required")
	case d.Currency != "" && !isCurrency(d.Currency):
		c.fault("currency", "currency")
	}
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// hundred requires positive percentages that sum to 100; the sum is judged when each for itself is sound.
func (c *checker) hundred(whole string, parts map[string]int) {
	before, sum := len(c.faults), 0
	for _, path := range slices.Sorted(maps.Keys(parts)) {
		c.between(path, parts[path], 1, 100)
		sum += parts[path]
	}
	if len(c.faults) == before && sum != 100 {
		c.fault(whole, "not_hundred", "sum", strconv.Itoa(sum))
	}
}

// bands requires bands that rise with the sales: more sales never make a worse value.
func (c *checker) bands(path string, bands []Band) {
	if len(bands) > maxBands {
		c.fault(path, "too_many", "max", strconv.Itoa(maxBands))
		return
	}
	low := 0
	for i, band := range bands {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case band.From < 0:
			c.fault(at+".from", "not_negative")
		case i > 0 && band.From <= bands[i-1].From:
			c.fault(at+".from", "more_than", "other", strconv.FormatInt(bands[i-1].From, 10))
		}
		c.between(at+".value", band.Value, low, 100)
		low = min(max(low, band.Value), 100)
	}
}

// thresholds requires thresholds that fall from class to class, and a hysteresis within which every class can be reached
// and left.
func (c *checker) thresholds(t Thresholds, hysteresis int) {
	before := len(c.faults)
	c.between("thresholds.S", t.S, 1, 100)
	c.between("thresholds.A", t.A, 1, 100)
	c.between("thresholds.B", t.B, 1, 100)
	if len(c.faults) > before {
		c.between("hysteresis", hysteresis, 0, maxHysteresis)
		return
	}
	if t.A >= t.S {
		c.fault("thresholds.A", "less_than", "other", strconv.Itoa(t.S))
	}
	if t.B >= t.A {
		c.fault("thresholds.B", "less_than", "other", strconv.Itoa(t.A))
	}
	c.between("hysteresis", hysteresis, 0, min(maxHysteresis, 100-t.S, t.B-1))
}

func (c *checker) gate(d Document) {
	switch _, known := d.Criteria[d.Gate.Criterion]; {
	case d.Gate.Criterion == "":
		c.fault("gate.criterion", "required")
	case !known:
		c.fault("gate.criterion", "oneof", "values", strings.Join(slices.Sorted(maps.Keys(d.Criteria)), ", "))
	}
	c.between("gate.minimum", d.Gate.Minimum, 1, 100)
	c.oneOf("gate.above", string(d.Gate.Above), words(Classes()[1:])) // above S there is nothing to bar anybody from
}

func (c *checker) contract(path string, contract Contract) {
	switch often := contract.ReviewEvery.PerYear(); {
	case contract.ReviewEvery.IsZero():
		c.fault(path+".review_every", "required")
	case often > mostReviews || often < leastReviews:
		c.fault(path+".review_every", "between", "low", mostReviewsText, "high", leastReviewsText)
	}
	c.oneOf(path+".plan", string(contract.Plan), plans)
}

// label requires one text in each language of the product and in no other.
func (c *checker) label(path string, label map[string]string) {
	for _, lang := range slices.Sorted(maps.Keys(label)) {
		if !slices.Contains(languages, lang) {
			c.fault(path+"."+shown(lang), "unknown_field", "name", shown(lang), "known", strings.Join(languages, ", "))
		}
	}
	for _, lang := range languages {
		switch text := label[lang]; {
		case strings.TrimSpace(text) == "":
			c.fault(path+"."+lang, "required")
		case utf8.RuneCountInString(text) > maxLabel:
			c.fault(path+"."+lang, "max", "max", strconv.Itoa(maxLabel))
		}
	}
}

func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
}

func (c *checker) oneOf(path, value string, known []string) {
	switch {
	case value == "":
		c.fault(path, "required")
	case !slices.Contains(known, value):
		c.fault(path, "oneof", "values", strings.Join(known, ", "))
	}
}

// words are the classes as texts.
func words(classes []Class) []string {
	list := make([]string, len(classes))
	for i, class := range classes {
		list[i] = string(class)
	}
	return list
}

// shown shortens a text of the input for a message.
func shown(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}
