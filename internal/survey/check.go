package survey

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

// Bounds of a document, so that its pages stay readable and its check a matter of a second.
const (
	maxTemplates = 50
	maxLanguages = 10
	maxQuestions = 50
	maxOptions   = 20
	maxText      = 10_000 // characters that a text question may allow
	maxMinimum   = 1000
	maxTitle     = 200
	maxWords     = 1000 // why, thanks and a question
	maxLabel     = 200  // an option, an end of a scale
)

var (
	// name is what a template, a question and an option may be called: names are part of URLs, forms and conditions.
	name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	// languageTag is the form of tags such as en, zh-CN and zh-Hant-TW.
	languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$`)
)

// reservedNames are words and types of CEL, which no question can be called.
var reservedNames = []string{
	"as", "bool", "break", "bytes", "const", "continue", "double", "dyn", "else", "false", "for", "function", "if", "import", "in", "int",
	"let", "list", "loop", "map", "namespace", "null", "null_type", "package", "return", "string", "true", "type", "uint", "var",
	"void", "while",
}

// goodName reports whether a question may have the id.
func goodName(id string) bool { return name.MatchString(id) && !slices.Contains(reservedNames, id) }

// kinds lists the kinds of questions, those that are scores first.
var kinds = []QuestionKind{KindCSAT, KindNPS, KindCES, KindExpectation, KindPerception, KindChoice, KindText}

// primaryKinds are the kinds that can judge a template: what a client expects is no judgement.
var primaryKinds = []QuestionKind{KindCSAT, KindNPS, KindCES, KindPerception}

// Check returns everything that forbids the publication of d: first what is wrong with its structure, and for the templates
// with nothing wrong, which questions can never be asked and which conditions say nothing. None means that it may be
// published.
func (d Document) Check() []errs.Field {
	c := checker{trials: maxTrials}
	switch {
	case d.Kind == "":
		c.fault("kind", "required")
	case d.Kind != Kind:
		c.fault("kind", "oneof", "values", Kind)
	}
	if d.Version != 0 {
		c.fault("version", "version_given")
	}
	if d.MinimumN != 0 {
		c.between("minimum_n", d.MinimumN, 1, maxMinimum)
	}
	switch {
	case len(d.Templates) == 0:
		c.fault("templates", "required")
	case len(d.Templates) > maxTemplates:
		c.fault("templates", "too_many", "max", strconv.Itoa(maxTemplates))
		return c.faults
	}
	for _, name := range slices.Sorted(maps.Keys(d.Templates)) {
		c.template(name, d.Templates[name])
	}
	return c.faults
}

// checker collects the faults of a document.
type checker struct {
	languages []string // of the template
	trials    int      // how many more answers the search for questions that nobody reaches may try
	faults    []errs.Field
}

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// between requires a number from low to high.
func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
}

// texts requires one text in each language of the template and in no other.
func (c *checker) texts(path string, t Texts, most int) {
	for _, lang := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(c.languages, lang) {
			c.fault(path+"."+cut(lang), "unknown_field", "name", cut(lang), "known", joined(c.languages))
		}
	}
	for _, lang := range c.languages {
		switch text := t[lang]; {
		case strings.TrimSpace(text) == "":
			c.fault(path+"."+lang, "required")
		case utf8.RuneCountInString(text) > most:
			c.fault(path+"."+lang, "max", "max", strconv.Itoa(most))
		}
	}
}

func (c *checker) template(template string, def Definition) {
	path := "templates." + template
	before := len(c.faults)
	if !name.MatchString(template) {
		c.fault(path, "bad_name", "value", cut(template))
	}
	c.tags(path+".languages", def.Languages)
	c.texts(path+".title", def.Title, maxTitle)
	c.texts(path+".sender", def.Sender, maxTitle)
	c.texts(path+".why", def.Why, maxWords)
	c.texts(path+".thanks", def.Thanks, maxWords)
	switch {
	case len(def.Questions) == 0:
		c.fault(path+".questions", "required")
	case len(def.Questions) > maxQuestions:
		c.fault(path+".questions", "too_many", "max", strconv.Itoa(maxQuestions))
		return
	}
	for i := range def.Questions {
		c.question(fmt.Sprintf("%s.questions[%d]", path, i), def, i)
	}
	c.primary(path, def)
	t, faults := compileTemplate(template, def, 0)
	c.faults = append(c.faults, slices.DeleteFunc(faults, func(f errs.Field) bool {
		return f.Field == path+".languages" // told of already
	})...)
	if len(c.faults) == before {
		c.reach(path, t)
	}
}

// tags requires languages, each once; it leaves those that texts can be asked in.
func (c *checker) tags(path string, languages []string) {
	c.languages = nil
	switch {
	case len(languages) == 0:
		c.fault(path, "required")
	case len(languages) > maxLanguages:
		c.fault(path, "too_many", "max", strconv.Itoa(maxLanguages))
		return
	}
	for i, tag := range languages {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !languageTag.MatchString(tag):
			c.fault(at, "bad_language", "value", cut(tag))
		case slices.Contains(languages[:i], tag):
			c.fault(at, "duplicate", "value", tag)
		default:
			c.languages = append(c.languages, tag)
		}
	}
}

// question checks one question by itself and against those before it; its id's uniqueness and its condition are for
// compileTemplate.
func (c *checker) question(path string, def Definition, i int) {
	q := def.Questions[i]
	switch {
	case q.ID == "":
		c.fault(path+".id", "required")
	case !name.MatchString(q.ID):
		c.fault(path+".id", "bad_name", "value", cut(q.ID))
	case !goodName(q.ID):
		c.fault(path+".id", "reserved", "value", q.ID)
	}
	c.texts(path+".text", q.Text, maxWords)
	if !slices.Contains(kinds, q.Kind) {
		c.fault(path+".kind", "oneof", "values", listed(kinds))
		return
	}
	_, _, score := q.Kind.Range()
	c.only(path+".low", len(q.Low) > 0, score, "csat, nps, ces, expectation, perception")
	c.only(path+".high", len(q.High) > 0, score, "csat, nps, ces, expectation, perception")
	c.only(path+".of", q.Of != "", q.Kind == KindPerception, "perception")
	c.only(path+".options", len(q.Options) > 0, q.Kind == KindChoice, "choice")
	c.only(path+".many", q.Many, q.Kind == KindChoice, "choice")
	c.only(path+".max_length", q.MaxLength != 0, q.Kind == KindText, "text")
	if len(q.Low) > 0 && score {
		c.texts(path+".low", q.Low, maxLabel)
	}
	if len(q.High) > 0 && score {
		c.texts(path+".high", q.High, maxLabel)
	}
	switch q.Kind {
	case KindPerception:
		c.expectation(path+".of", def, i)
	case KindChoice:
		c.options(path+".options", q.Options)
	case KindText:
		if q.MaxLength != 0 {
			c.between(path+".max_length", q.MaxLength, 1, maxText)
		}
	}
}

// only refuses a field that is given with a kind of question that has no use for it.
func (c *checker) only(path string, given, fits bool, kinds string) {
	if given && !fits {
		c.fault(path, "only_with_kind", "values", kinds)
	}
}

// expectation requires an earlier question of that kind, which no other perception is held against.
func (c *checker) expectation(path string, def Definition, i int) {
	of := def.Questions[i].Of
	if of == "" {
		c.fault(path, "required")
		return
	}
	var known []string
	for k, q := range def.Questions[:i] {
		if q.Kind == KindExpectation {
			known = append(known, def.Questions[k].ID)
		}
		if q.Kind == KindPerception && q.Of == of {
			c.fault(path, "duplicate", "value", cut(of))
			return
		}
	}
	if !slices.Contains(known, of) {
		c.fault(path, "no_expectation", "name", cut(of), "known", joined(known))
	}
}

func (c *checker) options(path string, options []Option) {
	if len(options) < 2 {
		c.fault(path, "min", "min", "2")
	}
	if len(options) > maxOptions {
		c.fault(path, "too_many", "max", strconv.Itoa(maxOptions))
		return
	}
	for i, o := range options {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case o.ID == "":
			c.fault(at+".id", "required")
		case !name.MatchString(o.ID):
			c.fault(at+".id", "bad_name", "value", cut(o.ID))
		case slices.ContainsFunc(options[:i], func(other Option) bool { return other.ID == o.ID }):
			c.fault(at+".id", "duplicate", "value", o.ID)
		}
		c.texts(at+".text", o.Text, maxLabel)
	}
}

// primary checks the question that the template is judged by, and the thresholds.
func (c *checker) primary(path string, def Definition) {
	if def.Score == "" {
		if def.SatisfiedFrom != nil || def.DissatisfiedTo != nil {
			c.fault(path+".score", "required")
		}
		return
	}
	i := slices.IndexFunc(def.Questions, func(q Question) bool { return q.ID == def.Score })
	if i < 0 {
		c.fault(path+".score", "unknown_question", "name", cut(def.Score), "known", joined((&Template{def: def}).ids()))
		return
	}
	q := def.Questions[i]
	if !slices.Contains(primaryKinds, q.Kind) {
		c.fault(path+".score", "score_kind", "values", listed(primaryKinds))
		return
	}
	if q.When != "" {
		c.fault(path+".score", "score_conditional", "name", q.ID)
	}
	low, high, _ := q.Kind.Range()
	sound := true
	for _, threshold := range []struct {
		path  string
		value *int
	}{{path + ".satisfied_from", def.SatisfiedFrom}, {path + ".dissatisfied_to", def.DissatisfiedTo}} {
		if threshold.value == nil {
			c.fault(threshold.path, "required")
			sound = false
			continue
		}
		before := len(c.faults)
		c.between(threshold.path, *threshold.value, low, high)
		sound = sound && len(c.faults) == before
	}
	if sound && *def.SatisfiedFrom <= *def.DissatisfiedTo {
		c.fault(path+".satisfied_from", "thresholds_cross", "low", strconv.Itoa(*def.DissatisfiedTo))
	}
}

func listed(kinds []QuestionKind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return joined(names)
}
