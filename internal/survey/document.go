package survey

import (
	"maps"
	"slices"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// Kind is the kind of policy whose documents this package reads.
const Kind = "survey"

const (
	// defaultMinimum is how many answers a figure needs to be shown unless the document says otherwise.
	defaultMinimum = 5
	// defaultText is the length in characters of an answer in words unless the question says otherwise.
	defaultText = 2000
)

// QuestionKind says what a question asks for.
type QuestionKind string

// The kinds of questions. All scores rise with satisfaction, that of effort too: 7 is "very easy".
const (
	KindCSAT        QuestionKind = "csat"        // satisfaction, 1 to 5
	KindNPS         QuestionKind = "nps"         // would recommend, 0 to 10
	KindCES         QuestionKind = "ces"         // ease, 1 to 7
	KindExpectation QuestionKind = "expectation" // what was expected, 1 to 5 (F-20)
	KindPerception  QuestionKind = "perception"  // what was perceived, 1 to 5, of one expectation (F-20)
	KindChoice      QuestionKind = "choice"      // one or many of the options
	KindText        QuestionKind = "text"        // in words
)

// Range returns the lowest and the highest score of the kind; ok is false for the kinds that are no score.
func (k QuestionKind) Range() (low, high int, ok bool) {
	switch k {
	case KindCSAT, KindExpectation, KindPerception:
		return 1, 5, true
	case KindNPS:
		return 0, 10, true
	case KindCES:
		return 1, 7, true
	default:
		return 0, 0, false
	}
}

// Texts is one text in each language of its template, by language tag such as "en" or "zh-CN".
type Texts map[string]string

// Document is the policy of kind `survey`: all templates, by name.
type Document struct {
	Kind      string                `json:"kind"`
	Version   int                   `json:"version,omitempty"`   // given at publication; a document that names one is refused
	MinimumN  int                   `json:"minimum_n,omitempty"` // no figure is shown over fewer answers; default 5
	Templates map[string]Definition `json:"templates"`
}

// Definition is one template. SatisfiedFrom and DissatisfiedTo judge the answer to the question that Score names: at or
// above the one it is satisfied, at or below the other dissatisfied, between them neutral. The first language is taken for
// a reader whose language the template does not speak.
type Definition struct {
	Languages      []string   `json:"languages"`
	Title          Texts      `json:"title"`
	Sender         Texts      `json:"sender"` // who asks
	Why            Texts      `json:"why"`    // why we ask
	Thanks         Texts      `json:"thanks"`
	Questions      []Question `json:"questions"`
	Score          string     `json:"score,omitempty"` // the id of the primary question; empty: the template gives no verdict
	SatisfiedFrom  *int       `json:"satisfied_from,omitempty"`
	DissatisfiedTo *int       `json:"dissatisfied_to,omitempty"`
}

// Question is one question of a template.
type Question struct {
	ID        string       `json:"id"`
	Kind      QuestionKind `json:"kind"`
	Text      Texts        `json:"text"`
	When      string       `json:"when,omitempty"` // CEL over the ids of earlier questions; empty: always asked
	Required  bool         `json:"required,omitempty"`
	Low       Texts        `json:"low,omitempty"`        // what the lowest score means; only for scores
	High      Texts        `json:"high,omitempty"`       // what the highest score means; only for scores
	Of        string       `json:"of,omitempty"`         // the expectation that a perception is held against
	Options   []Option     `json:"options,omitempty"`    // of a choice
	Many      bool         `json:"many,omitempty"`       // of a choice: more than one option may be chosen
	MaxLength int          `json:"max_length,omitempty"` // of a text, in characters; default 2000
}

// Option is one option of a choice.
type Option struct {
	ID   string `json:"id"`
	Text Texts  `json:"text"`
}

// Parse reads a survey policy written in YAML or JSON. It is strict about names and types and returns every fault at once,
// each with its path (templates.reception.questions[2].when) and, in its arguments, its line and column. What the fields
// say is for Document.Check to judge.
func Parse(body []byte) (Document, []errs.Field) {
	var d Document
	if faults := policy.Decode(body, &d); len(faults) > 0 {
		return Document{}, faults
	}
	return d, nil
}

// option returns the place of the option of the id, -1 if there is none.
func (q *Question) option(id string) int {
	return slices.IndexFunc(q.Options, func(o Option) bool { return o.ID == id })
}

// optionIDs lists the ids of the options in their order.
func (q *Question) optionIDs() []string {
	ids := make([]string, len(q.Options))
	for i, o := range q.Options {
		ids[i] = o.ID
	}
	return ids
}

// clone returns a copy that shares nothing with q, with everything filled in that may be left out.
func (q Question) clone() Question {
	if q.Kind == KindText && q.MaxLength == 0 {
		q.MaxLength = defaultText
	}
	q.Text, q.Low, q.High = maps.Clone(q.Text), maps.Clone(q.Low), maps.Clone(q.High)
	q.Options = slices.Clone(q.Options)
	for i := range q.Options {
		q.Options[i].Text = maps.Clone(q.Options[i].Text)
	}
	return q
}

func joined(list []string) string { return strings.Join(list, ", ") }
