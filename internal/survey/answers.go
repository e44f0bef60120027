package survey

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Answers are the answers to the questions of a template, by the id of the question.
type Answers map[string]Answer

// Answer is the answer to one question: the field that fits its kind is set, and none if it was not answered.
type Answer struct {
	Score   *int     `json:"score,omitempty"`
	Choices []string `json:"choices,omitempty"` // ids of options; one unless the question allows many
	Text    string   `json:"text,omitempty"`
}

// IsZero reports whether the question was not answered.
func (a Answer) IsZero() bool { return a.Score == nil && len(a.Choices) == 0 && a.Text == "" }

// Verdict is what the primary score says of the client.
type Verdict string

// The verdicts.
const (
	Satisfied    Verdict = "satisfied"
	Neutral      Verdict = "neutral"
	Dissatisfied Verdict = "dissatisfied"
	NoVerdict    Verdict = "none" // the primary question has no answer, or the template has none
)

// Checked is what Template.Check found.
type Checked struct {
	Complete bool         // no fault, and every required question that applies has its answer
	Missing  []string     // the required questions that apply and have no answer, in their order
	Faults   []errs.Field // by path: language, answers.<id>, answers.<id>.choices[1]
}

// Canonical returns the answers as they are stored: without those that say nothing, texts without space around them and
// with line feeds alone, choices in the order of the options. It judges nothing: what Check refuses in the answers, it
// refuses in these.
func (t *Template) Canonical(answers Answers) Answers {
	out := make(Answers, len(answers))
	for id, a := range answers {
		a.Text = strings.TrimSpace(strings.ReplaceAll(a.Text, "\r\n", "\n"))
		if q, ok := t.Question(id); ok && len(a.Choices) > 1 {
			a.Choices = slices.Clone(a.Choices)
			slices.SortStableFunc(a.Choices, func(x, y string) int { return q.option(x) - q.option(y) })
		}
		if _, known := t.index[id]; !a.IsZero() || !known { // an unknown question is for Check to tell of
			out[id] = a
		}
	}
	return out
}

// Visible returns the questions that apply to who gave these answers, in their order. An answer to a question that does not
// apply, and one that does not fit its question, counts as not given.
func (t *Template) Visible(answers Answers) []Question {
	var visible []Question
	t.walk(answers, func(i int, shown bool) {
		if shown {
			visible = append(visible, t.def.Questions[i])
		}
	})
	return visible
}

// walk tells of every question, in their order, whether it applies.
func (t *Template) walk(answers Answers, tell func(i int, shown bool)) {
	known := answered{}
	for i := range t.def.Questions {
		q := &t.def.Questions[i]
		shown := t.when[i] == nil || t.when[i].holds(known)
		tell(i, shown)
		if a, given := answers[q.ID]; given && shown && !a.IsZero() && len(q.check("", a)) == 0 {
			q.put(known, a)
		}
	}
}

// put adds what a condition sees of a sound answer; nothing of a text.
func (q *Question) put(known answered, a Answer) {
	switch {
	case q.celType() == nil:
	case q.Kind != KindChoice:
		known[q.ID] = *a.Score
	case q.Many:
		known[q.ID] = a.Choices
	default:
		known[q.ID] = a.Choices[0]
	}
}

// Check holds the answers, given in the language, against the template: the questions must exist and apply, and the answers
// must fit them. Answers may be partial, which is no fault. The faults are in the order of the questions.
func (t *Template) Check(answers Answers, lang string) Checked {
	var r Checked
	if !slices.Contains(t.def.Languages, lang) {
		r.fault("language", "oneof", "values", joined(t.def.Languages))
	}
	t.walk(answers, func(i int, shown bool) {
		q := &t.def.Questions[i]
		a := answers[q.ID]
		switch path := "answers." + q.ID; {
		case a.IsZero() && shown && q.Required:
			r.Missing = append(r.Missing, q.ID)
		case a.IsZero():
		case !shown:
			r.fault(path, "question_hidden")
		default:
			r.Faults = append(r.Faults, q.check(path, a)...)
		}
	})
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		if _, known := t.index[id]; !known {
			r.fault("answers."+cut(id), "unknown_question", "name", cut(id), "known", joined(t.ids()))
		}
	}
	r.Complete = len(r.Faults) == 0 && len(r.Missing) == 0
	return r
}

func (r *Checked) fault(path, code string, args ...string) {
	r.Faults = append(r.Faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// check returns what is wrong with an answer that says something.
func (q *Question) check(path string, a Answer) []errs.Field {
	var r Checked
	low, high, score := q.Kind.Range()
	for _, part := range []struct {
		given, fits bool
		field       string
	}{
		{a.Score != nil, score, "score"},
		{len(a.Choices) > 0, q.Kind == KindChoice, "choices"},
		{a.Text != "", q.Kind == KindText, "text"},
	} {
		if part.given && !part.fits {
			r.fault(path+"."+part.field, "answer_kind", "kind", string(q.Kind))
		}
	}
	if len(r.Faults) > 0 {
		return r.Faults
	}
	switch q.Kind {
	case KindChoice:
		r.choices(path, q, a.Choices)
	case KindText:
		if utf8.RuneCountInString(a.Text) > q.MaxLength {
			r.fault(path, "max", "max", strconv.Itoa(q.MaxLength))
		}
		if !utf8.ValidString(a.Text) || strings.ContainsFunc(a.Text, refusedRune) {
			r.fault(path, "control_character")
		}
	default:
		if *a.Score < low || *a.Score > high {
			r.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
		}
	}
	return r.Faults
}

// refusedRune reports what no answer in words needs: control characters beside those of lines, and those that turn the
// direction of the text that follows, so that a reader sees something else than was written.
func refusedRune(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) && r > 0x200f
}

func (r *Checked) choices(path string, q *Question, chosen []string) {
	if len(chosen) > 1 && !q.Many {
		r.fault(path+".choices", "too_many", "max", "1")
		return
	}
	if len(chosen) > len(q.Options) {
		r.fault(path+".choices", "too_many", "max", strconv.Itoa(len(q.Options)))
		return
	}
	for i, id := range chosen {
		at := path + ".choices[" + strconv.Itoa(i) + "]"
		switch {
		case q.option(id) < 0:
			r.fault(at, "oneof", "values", joined(q.optionIDs()))
		case slices.Contains(chosen[:i], id):
			r.fault(at, "duplicate", "value", id)
		}
	}
}

// Primary returns the answer to the question that the template is judged by.
func (t *Template) Primary(answers Answers) (score int, ok bool) {
	q, known := t.Question(t.def.Score)
	a := answers[t.def.Score]
	if !known || a.Score == nil || len(q.check("", a)) > 0 {
		return 0, false
	}
	return *a.Score, true
}

// Verdict judges the primary score by the thresholds of the template.
func (t *Template) Verdict(answers Answers) Verdict {
	score, ok := t.Primary(answers)
	switch {
	case !ok:
		return NoVerdict
	case t.def.SatisfiedFrom != nil && score >= *t.def.SatisfiedFrom:
		return Satisfied
	case t.def.DissatisfiedTo != nil && score <= *t.def.DissatisfiedTo:
		return Dissatisfied
	default:
		return Neutral
	}
}

// Gaps returns what was perceived less what was expected, by the id of the perception, where both were answered (F-20).
func (t *Template) Gaps(answers Answers) map[string]int {
	gaps := map[string]int{}
	scores := map[string]int{}
	t.walk(answers, func(i int, shown bool) {
		q := &t.def.Questions[i]
		if a := answers[q.ID]; shown && a.Score != nil && len(q.check("", a)) == 0 {
			scores[q.ID] = *a.Score
		}
	})
	for _, q := range t.def.Questions {
		perceived, seen := scores[q.ID]
		if expected, ok := scores[q.Of]; ok && seen && q.Kind == KindPerception {
			gaps[q.ID] = perceived - expected
		}
	}
	return gaps
}

func (t *Template) ids() []string {
	ids := make([]string, len(t.def.Questions))
	for i, q := range t.def.Questions {
		ids[i] = q.ID
	}
	return ids
}

// cut shortens a text of the input for a message.
func cut(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
