package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// draft is a row as it will be sent, but for what only the server knows.
type draft struct {
	line    int
	key     string // as the file tells its rows apart
	payload payload
}

// payload is what a row says.
type payload interface{ shown() any } // what would be sent, for a dry run

// kind is what the rows become in one run of a map.
type kind interface {
	// draft reads a row, one after another, and notes what is wrong with it.
	draft(key string, take func(field string, r *Rule) string, f *faults) payload
	// send does what the draft says; the result has the row's line and key already. An *errs.Error of code invalid is a fault
	// of this row.
	send(ctx context.Context, d draft, result Result) (Result, error)
}

// plan is a map that was held against a header.
type plan struct {
	head      head
	cells     map[string]int // column → its place
	templates map[string][]segment
	zones     map[string]*time.Location
	now       time.Time
}

// bind finds the columns of the map in the header. Errors: invalid, with every column that is missing.
func bind(m Mapping, header []string, now time.Time) (*plan, error) {
	p := &plan{
		head: m.head(), cells: make(map[string]int, len(header)), now: now,
		templates: map[string][]segment{}, zones: map[string]*time.Location{},
	}
	for i, name := range header {
		p.cells[name] = i
	}
	var f faults
	for _, n := range m.rules() {
		for _, column := range p.compile(n.rule) {
			if _, ok := p.cells[column]; !ok {
				f.add(n.path, "no_column", "name", shown(column))
			}
		}
	}
	if len(f) > 0 {
		f.add("header", "columns", "known", strings.Join(header, ", "))
	}
	return p, f.err()
}

// compile prepares a rule, whose texts were checked when the map was read, and returns the columns that it names.
func (p *plan) compile(r *Rule) []string {
	if r.Time != nil {
		p.zones[r.Time.Zone], _ = time.LoadLocation(r.Time.Zone)
	}
	if r.Column != "" {
		return []string{r.Column}
	}
	var names []string
	for _, t := range r.templates() {
		p.templates[t], _ = parseTemplate(t)
		for _, s := range p.templates[t] {
			if !s.isText {
				names = append(names, s.column)
			}
		}
	}
	return names
}

// draft makes what the kind says of a row, or tells all of its faults.
func (p *plan) draft(r row, k kind) (draft, faults) {
	d := draft{line: r.line}
	if r.fault != nil {
		return d, faults{*r.fault}
	}
	var f faults
	take := func(field string, rule *Rule) string {
		if rule == nil {
			return ""
		}
		return p.value(&f, field, rule, r.cells)
	}
	d.key = take("key", p.head.key)
	f.need("key", d.key != "" || f.has("key"))
	d.payload = k.draft(d.key, take, &f)
	return d, f
}

// value applies a rule to the cells of a row.
func (p *plan) value(f *faults, field string, r *Rule, cells []string) string {
	s := strings.TrimSpace(p.source(r, cells))
	if slices.Contains(r.Blank, s) {
		s = ""
	}
	if r.Values != nil && s != "" {
		known, ok := r.Values[s]
		if !ok && r.Default == nil {
			f.add(field, "not_in_table", "value", shown(s))
			return ""
		}
		s = known // empty, and so the default, for a value that the table lacks
	}
	if s == "" && r.Default != nil {
		s = *r.Default
	}
	if r.Time != nil && s != "" {
		s = p.time(f, field, r.Time, s)
	}
	if r.Max > 0 && utf8.RuneCountInString(s) > r.Max {
		s = string([]rune(s)[:r.Max-1]) + "…"
	}
	return s
}

func (p *plan) source(r *Rule, cells []string) string {
	if r.Column != "" {
		return cells[p.cells[r.Column]]
	}
	if r.Value != "" {
		return r.Value
	}
	var parts []string
	for _, t := range r.templates() {
		if text, filled := p.fill(t, r.Blank, cells); filled {
			parts = append(parts, text)
		}
	}
	join := r.Join
	if join == "" {
		join = "\n"
	}
	return strings.Join(parts, join)
}

// fill fills a template and reports whether it says anything: whether it names no column, or one that is not blank.
func (p *plan) fill(template string, blank, cells []string) (string, bool) {
	var b strings.Builder
	named, filled := false, false
	for _, s := range p.templates[template] {
		if s.isText {
			b.WriteString(s.text)
			continue
		}
		named = true
		if v := strings.TrimSpace(cells[p.cells[s.column]]); v != "" && !slices.Contains(blank, v) {
			filled = true
			b.WriteString(v)
		}
	}
	return b.String(), filled || !named
}

func (p *plan) time(f *faults, field string, r *TimeRule, s string) string {
	at, err := time.ParseInLocation(r.Layout, s, p.zones[r.Zone])
	switch {
	case err != nil:
		f.add(field, "bad_time", "value", shown(s), "layout", r.Layout)
		return ""
	case r.OmitOld && at.Before(p.now.AddDate(-1, 0, 1)): // a day early: a long import must not cross the limit
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// idempotencyKey is the row's own: the same for every run of a map of this name over a row of this key.
func (p *plan) idempotencyKey(rowKey string) string {
	return "import:" + p.head.name + ":" + portable(rowKey)
}

// portable is a key fit for a header: itself, or its hash when it is long or has other signs than a header takes.
func portable(key string) string {
	plain := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(key) <= 150 && !strings.ContainsFunc(key, plain) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:])
}

func (f faults) has(field string) bool {
	return slices.ContainsFunc(f, func(e errs.Field) bool { return e.Field == field })
}

var (
	phonePattern = regexp.MustCompile(`^[0-9+()/. -]{3,40}$`)
	rules        = newRules()
)

func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.SetTagName("binding")
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	if err := v.RegisterValidation("phone", func(l validator.FieldLevel) bool { return phonePattern.MatchString(l.Field().String()) }); err != nil {
		panic(err) // a mistake in the rules themselves
	}
	return v
}

// breaks adds the rules of the API that a struct breaks. A field that could not be made has its fault already.
func (f *faults) breaks(body any) {
	var broken validator.ValidationErrors
	if !errors.As(rules.Struct(body), &broken) {
		return
	}
	for _, b := range broken {
		_, path, _ := strings.Cut(b.Namespace(), ".")
		if f.has(path) {
			continue
		}
		fault := errs.Field{Field: path, Code: b.Tag()}
		switch b.Tag() {
		case "max", "min":
			fault.Args = errs.Args(b.Tag(), b.Param())
		case "oneof":
			fault.Args = errs.Args("values", strings.ReplaceAll(b.Param(), " ", ", "))
		}
		*f = append(*f, fault)
	}
}
