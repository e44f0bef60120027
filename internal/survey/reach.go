package survey

import (
	"fmt"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

const (
	// maxTrials bounds how often the check of a document evaluates a condition; that many take about a second.
	maxTrials = 1_000_000
	// maxNamed bounds the options of one question that conditions name: every set of them is tried.
	maxNamed = 12
)

// reach finds the questions that no answers lead to and the conditions that hold whatever is answered, by trying every
// combination of answers to what a condition looks at, directly or because a question that it looks at has a condition.
// Choices among many options are tried as far as conditions name them. A document that combines more than maxTrials is
// refused.
func (c *checker) reach(path string, t *Template) {
	named := t.named()
	for i := range t.def.Questions {
		if t.when[i] == nil {
			continue
		}
		at := fmt.Sprintf("%s.questions[%d].when", path, i)
		s := search{template: t, target: i, named: named, questions: t.behind(i), trials: &c.trials, always: true, known: answered{}}
		s.from(0)
		switch {
		case c.trials < 0:
			c.fault(at, "too_many_combinations", "max", strconv.Itoa(maxTrials))
			return
		case !s.ever:
			ids := make([]string, len(s.questions))
			for k, q := range s.questions {
				ids[k] = t.def.Questions[q].ID
			}
			c.fault(at, "question_unreachable", "questions", joined(ids), "tried", strconv.Itoa(s.tried))
		case s.always:
			c.fault(at, "always_true")
		}
	}
}

// named lists, by question, the options that conditions name.
func (t *Template) named() map[string][]string {
	named := map[string][]string{}
	for _, when := range t.when {
		if when == nil {
			continue
		}
		visit(when.ast, func(e ast.Expr) {
			if e.Kind() != ast.LiteralKind {
				return
			}
			text, ok := e.AsLiteral().(types.String)
			for _, id := range when.uses {
				q := &t.def.Questions[t.index[id]]
				if ok && q.option(string(text)) >= 0 && !slices.Contains(named[id], string(text)) {
					named[id] = append(named[id], string(text))
				}
			}
		})
	}
	return named
}

// behind lists the questions that decide whether the one at i applies, in their order.
func (t *Template) behind(i int) []int {
	needed := make([]bool, i+1)
	needed[i] = true
	for k := i; k >= 0; k-- { // a condition looks back only
		if needed[k] && t.when[k] != nil {
			for _, id := range t.when[k].uses {
				needed[t.index[id]] = true
			}
		}
	}
	var list []int
	for k := range i {
		if needed[k] {
			list = append(list, k)
		}
	}
	return list
}

// search tries the answers that can be given to the questions on the condition of the target.
type search struct {
	template  *Template
	target    int
	questions []int
	named     map[string][]string
	trials    *int // left
	tried     int  // combinations
	known     answered
	ever      bool // a combination makes the condition true
	always    bool // all do, among complete answers
}

// holds evaluates the condition of a question.
func (s *search) holds(i int) bool {
	*s.trials--
	return s.template.when[i] == nil || s.template.when[i].holds(s.known)
}

// from tries all answers to the questions from the k-th on. It ends early once nothing more can be learnt.
func (s *search) from(k int) {
	if *s.trials < 0 || s.ever && !s.always {
		return
	}
	if k == len(s.questions) {
		s.tried++
		holds := s.holds(s.target)
		s.ever, s.always = s.ever || holds, s.always && holds
		return
	}
	q := &s.template.def.Questions[s.questions[k]]
	shown := s.holds(s.questions[k])
	if shown {
		values, ok := s.values(q)
		if !ok {
			*s.trials = -1
			return
		}
		for _, value := range values {
			s.known[q.ID] = value
			s.from(k + 1)
		}
		delete(s.known, q.ID)
	}
	if !shown || !q.Required {
		s.from(k + 1)
	}
}

// values lists the answers to a question that can make a difference; ok is false if there are too many.
func (s *search) values(q *Question) (values []any, ok bool) {
	if low, high, score := q.Kind.Range(); score {
		for score := low; score <= high; score++ {
			values = append(values, score)
		}
		return values, true
	}
	if !q.Many {
		for _, id := range q.optionIDs() {
			values = append(values, id)
		}
		return values, true
	}
	named := s.named[q.ID]
	if len(named) > maxNamed {
		return nil, false
	}
	other := slices.IndexFunc(q.Options, func(o Option) bool { return !slices.Contains(named, o.ID) })
	for set := range 1 << len(named) {
		var chosen []string
		for i, id := range named {
			if set&(1<<i) != 0 {
				chosen = append(chosen, id)
			}
		}
		switch {
		case set != 0:
			values = append(values, chosen)
		case other >= 0:
			values = append(values, []string{q.Options[other].ID})
		}
	}
	return values, true
}
