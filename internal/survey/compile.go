package survey

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Book is a survey policy that is ready to ask. It never changes and is safe for concurrent use.
type Book struct {
	version   int
	minimum   int
	templates map[string]*Template
}

// Template is one template of a book, ready to ask. It never changes and is safe for concurrent use.
type Template struct {
	name    string
	version int
	def     Definition
	when    []*condition   // by question; nil: always asked
	index   map[string]int // question by id
}

// Compile compiles the templates of d, which was published as the version. It asks only for what asking needs, so that a
// version published under the checks of an older release goes on to work: the error is an errs.Invalid that carries every
// fault of this kind. Publishing asks Document.Check for everything.
func Compile(d Document, version int) (*Book, error) {
	b := &Book{version: version, minimum: d.MinimumN, templates: map[string]*Template{}}
	if b.minimum == 0 {
		b.minimum = defaultMinimum
	}
	var faults []errs.Field
	for _, name := range slices.Sorted(maps.Keys(d.Templates)) {
		t, bad := compileTemplate(name, d.Templates[name], version)
		faults = append(faults, bad...)
		b.templates[name] = t
	}
	if len(faults) > 0 {
		return nil, errs.NewInvalid(faults...)
	}
	return b, nil
}

// compileTemplate compiles one template; it is not nil even if there are faults, but then lacks what has them.
func compileTemplate(name string, def Definition, version int) (*Template, []errs.Field) {
	path := "templates." + name
	t := &Template{name: name, version: version, def: def.clone(), index: map[string]int{}}
	t.when = make([]*condition, len(t.def.Questions))
	c := newCompiler(t.def.Questions)
	if len(def.Languages) == 0 {
		c.fault(path+".languages", "required")
	}
	for i := range t.def.Questions {
		q := &t.def.Questions[i]
		at := fmt.Sprintf("%s.questions[%d]", path, i)
		if _, known := t.index[q.ID]; known {
			c.fault(at+".id", "duplicate", "value", q.ID)
			continue
		}
		t.index[q.ID] = i
		if q.When != "" {
			t.when[i] = c.condition(at+".when", i)
		}
	}
	return t, c.faults
}

// clone returns a copy that shares nothing with d.
func (d Definition) clone() Definition {
	d.Languages = slices.Clone(d.Languages)
	d.Title, d.Sender = maps.Clone(d.Title), maps.Clone(d.Sender)
	d.Why, d.Thanks = maps.Clone(d.Why), maps.Clone(d.Thanks)
	d.Questions = slices.Clone(d.Questions)
	for i, q := range d.Questions {
		d.Questions[i] = q.clone()
	}
	return d
}

// Version returns the version as which the policy was published.
func (b *Book) Version() int { return b.version }

// MinimumN returns how many answers a figure needs to be shown.
func (b *Book) MinimumN() int { return b.minimum }

// Names lists the templates of the policy, sorted.
func (b *Book) Names() []string { return slices.Sorted(maps.Keys(b.templates)) }

// Template returns the template of the name: errs.NotFound when the policy has none.
func (b *Book) Template(name string) (*Template, error) {
	if t, ok := b.templates[name]; ok {
		return t, nil
	}
	return nil, errs.New(errs.NotFound, "survey.no_template", "name", name)
}

// Name returns the name of the template.
func (t *Template) Name() string { return t.name }

// Version returns the version of the policy that the template is of.
func (t *Template) Version() int { return t.version }

// Languages lists the languages of the template; the first is the one for everybody else.
func (t *Template) Languages() []string { return slices.Clone(t.def.Languages) }

// Language returns the language of the template that suits best who prefers the wanted ones, in this order: one of them,
// else one of the same primary language (zh for zh-CN), else the first of the template.
func (t *Template) Language(wanted ...string) string {
	same := func(a, b string) bool { return strings.EqualFold(a, b) }
	primary := func(tag string) string { head, _, _ := strings.Cut(tag, "-"); return head }
	for _, w := range wanted {
		if i := slices.IndexFunc(t.def.Languages, func(l string) bool { return same(l, w) }); i >= 0 {
			return t.def.Languages[i]
		}
		if i := slices.IndexFunc(t.def.Languages, func(l string) bool { return same(primary(l), primary(w)) }); i >= 0 {
			return t.def.Languages[i]
		}
	}
	return t.def.Languages[0]
}

// Title returns the title in a language that Language returned.
func (t *Template) Title(lang string) string { return t.def.Title[lang] }

// Sender returns who asks, in a language that Language returned.
func (t *Template) Sender(lang string) string { return t.def.Sender[lang] }

// Why returns why we ask, in a language that Language returned.
func (t *Template) Why(lang string) string { return t.def.Why[lang] }

// Thanks returns the words of thanks in a language that Language returned.
func (t *Template) Thanks(lang string) string { return t.def.Thanks[lang] }

// Questions returns all questions in their order, those too that are asked only at times. They share their texts with the
// template and are not for changing.
func (t *Template) Questions() []Question { return slices.Clone(t.def.Questions) }

// PrimaryQuestion returns the question that the template is judged by; false if there is none.
func (t *Template) PrimaryQuestion() (Question, bool) { return t.Question(t.def.Score) }

// Question returns the question of the id.
func (t *Template) Question(id string) (Question, bool) {
	i, ok := t.index[id]
	if !ok {
		return Question{}, false
	}
	return t.def.Questions[i], true
}
