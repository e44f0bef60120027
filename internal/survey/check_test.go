package survey_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/policies"
)

// visit is a document without faults that has everything; TEXT stands for a text in both languages.
const visit = `kind: survey
minimum_n: 7
templates:
  visit:
    languages: [en, zh-CN]
    title: TEXT
    sender: TEXT
    why: TEXT
    thanks: TEXT
    questions:
      - {id: sat, kind: csat, required: true, text: TEXT, low: TEXT, high: TEXT}
      - {id: reason, kind: text, when: sat <= 2, required: true, text: TEXT, max_length: 20}
      - {id: hoped, kind: expectation, text: TEXT}
      - {id: seen, kind: perception, of: hoped, text: TEXT}
      - {id: worse, kind: text, when: seen < hoped, text: TEXT}
      - {id: good, kind: choice, many: true, text: TEXT, options: [{id: food, text: TEXT}, {id: talks, text: TEXT}, {id: room, text: TEXT}]}
      - {id: dish, kind: choice, when: '"food" in good || sat == 5', required: true, text: TEXT, options: [{id: rice, text: TEXT}, {id: soup, text: TEXT}]}
      - {id: recipe, kind: nps, when: dish != "soup", text: TEXT}
    score: sat
    satisfied_from: 4
    dissatisfied_to: 2
`

func document(t testing.TB, text string) survey.Document {
	t.Helper()
	d, faults := survey.Parse([]byte(strings.ReplaceAll(text, "TEXT", "{en: words, zh-CN: 字}")))
	require.Empty(t, faults)
	return d
}

func compiled(t testing.TB, text, name string) *survey.Template {
	t.Helper()
	book, err := survey.Compile(document(t, text), 3)
	require.NoError(t, err)
	template, err := book.Template(name)
	require.NoError(t, err)
	return template
}

func shipped(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("survey/default.yaml")
	require.NoError(t, err)
	return string(body)
}

// at lists faults as "path code".
func at(faults []errs.Field) []string {
	list := make([]string, len(faults))
	for i, f := range faults {
		list[i] = f.Field + " " + f.Code
	}
	return list
}

func TestCheck_passes_the_shipped_templates_which_survive_being_stored(t *testing.T) {
	t.Parallel()
	d, faults := survey.Parse([]byte(shipped(t)))
	require.Empty(t, faults)
	require.Empty(t, d.Check())
	book, err := survey.Compile(d, 4)
	require.NoError(t, err)
	require.Equal(t, []string{"case_resolved", "reception", "recovery", "relationship", "service_day"}, book.Names())
	require.Equal(t, 4, book.Version())
	require.Equal(t, 5, book.MinimumN())
	_, err = book.Template("holiday")
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	for _, name := range book.Names() {
		template, err := book.Template(name)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"en", "zh-CN"}, template.Languages(), name)
	}

	stored, err := json.Marshal(d)
	require.NoError(t, err)
	var decoded survey.Document
	require.NoError(t, json.Unmarshal(stored, &decoded))
	require.Equal(t, d, decoded)
	yaml, err := policy.Render(d)
	require.NoError(t, err)
	again, faults := survey.Parse(yaml)
	require.Empty(t, faults)
	require.Equal(t, d, again, "as canonical YAML")
}

func TestCheck_refuses_each_fault_with_its_path_and_code(t *testing.T) {
	t.Parallel()
	require.Empty(t, document(t, visit).Check())
	const questions = "templates.visit.questions"
	long := strings.Repeat("字", 201)
	for _, tt := range []struct{ old, replacement, want string }{
		{"kind: survey", "kind: sla", "kind oneof"},
		{"kind: survey", "", "kind required"},
		{"minimum_n: 7", "version: 1", "version version_given"},
		{"minimum_n: 7", "minimum_n: -1", "minimum_n between"},
		{"  visit:", "  a visit:", "templates.a visit bad_name"},
		{"[en, zh-CN]", "[en, zh-CN, de]", "" +
			"templates.visit.title.de required|"},
		{"[en, zh-CN]", "[en, zh-CN, English]", "templates.visit.languages[2] bad_language"},
		{"[en, zh-CN]", "[en, zh-CN, en]", "templates.visit.languages[2] duplicate"},
		{"sender: TEXT", "sender: {en: We}", "templates.visit.sender.zh-CN required"},
		{"why: TEXT", "why: {en: ' ', zh-CN: 因}", "templates.visit.why.en required"},
		{"thanks: TEXT", "thanks: {en: a, zh-CN: b, de: c}", "templates.visit.thanks.de unknown_field"},
		{"title: TEXT", "title: {en: a, zh-CN: " + long + "}", "templates.visit.title.zh-CN max"},
		{"id: reason", "id: sat", questions + "[1].id duplicate"},
		{"id: reason", "id: ''", questions + "[1].id required"},
		{"id: reason", "id: Reason", questions + "[1].id bad_name"},
		{"id: reason", "id: in", questions + "[1].id reserved"},
		{"{id: reason, kind: text", "{id: reason, kind: essay", questions + "[1].kind oneof"},
		{"text: TEXT, max_length: 20", "text: {en: Why?}", questions + "[1].text.zh-CN required"},
		{"low: TEXT", "low: {en: Bad}", questions + "[0].low.zh-CN required"},
		{"max_length: 20", "low: TEXT", questions + "[1].low only_with_kind"},
		{"max_length: 20", "high: TEXT", questions + "[1].high only_with_kind"},
		{"max_length: 20", "many: true", questions + "[1].many only_with_kind"},
		{"max_length: 20", "of: hoped", questions + "[1].of only_with_kind"},
		{"max_length: 20", "options: [{id: a, text: TEXT}]", questions + "[1].options only_with_kind"},
		{"max_length: 20", "max_length: 10001", questions + "[1].max_length between"},
		{"low: TEXT", "max_length: 5", questions + "[0].max_length only_with_kind"},
		{"of: hoped", "required: true", questions + "[3].of required"},
		{"of: hoped", "of: sat", questions + "[3].of no_expectation"},
		{"of: hoped", "of: later", questions + "[3].of no_expectation"},
		{
			"      - {id: worse",
			"      - {id: twice, kind: perception, of: hoped, text: TEXT}\n      - {id: worse",
			questions + "[4].of duplicate",
		},
		{"{id: rice, text: TEXT}, ", "", questions + "[6].options min"},
		{"{id: rice, text: TEXT}", "{id: soup, text: TEXT}", questions + "[6].options[1].id duplicate"},
		{"{id: talks, text: TEXT}", "{id: Talks, text: TEXT}", questions + "[5].options[1].id bad_name"},
		{"{id: talks, text: TEXT}", "{text: TEXT}", questions + "[5].options[1].id required"},
		{"{id: talks, text: TEXT}", "{id: talks, text: {en: Talks}}", questions + "[5].options[1].text.zh-CN required"},

		{"when: sat <= 2", "when: mood <= 2", questions + "[1].when unknown_question"},
		{"when: sat <= 2", "when: sat.score <= 2", questions + "[1].when unknown_question"},
		{"when: sat <= 2", "when: hoped <= 2", questions + "[1].when later_question"},
		{"when: sat <= 2", "when: reason == 'x'", questions + "[1].when later_question"},
		{"when: seen < hoped", "when: reason == 'x'", questions + "[4].when text_question"},
		{"when: sat <= 2", "when: sat", questions + "[1].when condition_not_boolean"},
		{"when: sat <= 2", "when: sat <=", questions + "[1].when bad_condition"},
		{"when: sat <= 2", "when: sat == 'low'", questions + "[1].when bad_condition"},
		{"when: sat <= 2", "when: sat - 1 <= 1", questions + "[1].when bad_condition"},
		{"when: sat <= 2", "when: sat <= 2.5", questions + "[1].when bad_condition"},
		{"when: sat <= 2", "when: 'string(sat) == \"1\"'", questions + "[1].when bad_condition"},
		{"when: sat <= 2", "when: ' '", questions + "[1].when required"},
		{"when: sat <= 2", "when: sat == 0", questions + "[1].when impossible_value"},
		{"when: sat <= 2", "when: 'sat in [1, 6]'", questions + "[1].when impossible_value"},
		{`"food" in good ||`, `"foot" in good ||`, questions + "[6].when impossible_value"},
		{`"food" in good ||`, `good == ["food"] ||`, questions + "[6].when choices_contain"},
		{`dish != "soup"`, `dish in good`, questions + "[7].when choices_contain"},
		{`dish != "soup"`, `dish != "meat"`, questions + "[7].when impossible_value"},

		{"when: sat <= 2", "when: 'sat <= 2 && sat > 3'", questions + "[1].when question_unreachable"},
		{"when: sat <= 2", "when: 'false'", questions + "[1].when question_unreachable"},
		{"when: sat <= 2", "when: 'true'", questions + "[1].when always_true"},
		{"when: sat <= 2", "when: sat >= 1", questions + "[1].when always_true"},
		// Alone each of the two can hold; what the first asks for makes the second impossible.
		{`dish != "soup"`, `dish == "soup" && !("food" in good) && sat < 5`, questions + "[7].when question_unreachable"},

		{"score: sat", "score: mood", "templates.visit.score unknown_question"},
		{"score: sat", "", "templates.visit.score required"},
		{"score: sat", "score: good", "templates.visit.score score_kind"},
		{"score: sat", "score: hoped", "templates.visit.score score_kind"},
		{"score: sat", "score: recipe", "templates.visit.score score_conditional"},
		{"satisfied_from: 4", "satisfied_from: 6", "templates.visit.satisfied_from between"},
		{"dissatisfied_to: 2", "dissatisfied_to: 0", "templates.visit.dissatisfied_to between"},
		{"dissatisfied_to: 2", "dissatisfied_to: 4", "templates.visit.satisfied_from thresholds_cross"},
		{"    dissatisfied_to: 2\n", "", "templates.visit.dissatisfied_to required"},
	} {
		require.Contains(t, visit, tt.old)
		got := at(document(t, strings.Replace(visit, tt.old, tt.replacement, 1)).Check())
		if first, more := strings.CutSuffix(tt.want, "|"); more {
			require.Equal(t, first, got[0], tt.replacement)
			continue
		}
		require.Equal(t, []string{tt.want}, got, tt.replacement)
	}
}

func TestCheck_reports_all_faults_of_all_templates_at_once(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("when: sat <= 2", "when: mood <= 2", "score: sat", "score: good", "sender: TEXT", "sender: {en: We}").Replace(visit)
	_, rest, _ := strings.Cut(visit, "templates:\n")
	text += strings.Replace(strings.Replace(rest, "  visit:", "  zeal:", 1), "of: hoped", "of: sat", 1)
	require.Equal(t, []string{
		"templates.visit.sender.zh-CN required", "templates.visit.score score_kind", "templates.visit.questions[1].when unknown_question",
		"templates.zeal.questions[3].of no_expectation",
	}, at(document(t, text).Check()))
}

func TestCheck_says_what_was_tried_on_a_question_that_nobody_reaches(t *testing.T) {
	t.Parallel()
	faults := document(t, strings.Replace(visit, `dish != "soup"`, `dish == "soup" && !("food" in good) && sat < 5`, 1)).Check()
	require.Len(t, faults, 1)
	require.Equal(t, "sat, good, dish", faults[0].Args["questions"])
	// sat 1 to 4: good with food and dish rice or soup (2), good without food (1), good unanswered (1); sat 5 asks for the
	// dish in any case: 3 × 2.
	require.Equal(t, "22", faults[0].Args["tried"])
}

func TestCheck_bounds_what_a_document_may_hold(t *testing.T) {
	t.Parallel()
	question := func(i int) string { return fmt.Sprintf("      - {id: q%d, kind: nps, text: TEXT}\n", i) }
	many := func(n int, last string) string {
		var b strings.Builder
		b.WriteString("kind: survey\ntemplates:\n  long:\n    languages: [en, zh-CN]\n    title: TEXT\n    sender: TEXT\n    why: TEXT\n    thanks: TEXT\n    questions:\n")
		for i := range n {
			b.WriteString(question(i))
		}
		return b.String() + last
	}
	require.Empty(t, document(t, many(50, "")).Check())
	require.Equal(t, []string{"templates.long.questions too_many"}, at(document(t, many(51, "")).Check()))
	require.Equal(t, []string{"templates.long.questions required"}, at(document(t, strings.Replace(many(0, ""), "questions:", "score: ''", 1)).Check()))
	require.Equal(t, []string{"templates required"}, at(survey.Document{Kind: survey.Kind}.Check()))

	terms := make([]string, 8)
	for i := range terms {
		terms[i] = fmt.Sprintf("q%d > 9", i)
	}
	greedy := many(8, "      - {id: last, kind: text, text: TEXT, when: "+strings.Join(terms, " && ")+" && q0 < 9}\n")
	require.Equal(t, []string{"templates.long.questions[8].when too_many_combinations"}, at(document(t, greedy).Check()))

	var options []string
	var named []string
	for i := range 13 {
		options = append(options, fmt.Sprintf("{id: o%d, text: TEXT}", i))
		named = append(named, fmt.Sprintf("'o%d' in pick", i))
	}
	sets := many(0, "      - {id: pick, kind: choice, many: true, text: TEXT, options: ["+strings.Join(options, ", ")+"]}\n"+
		"      - {id: last, kind: text, text: TEXT, when: \""+strings.Join(named, " && ")+"\"}\n")
	require.Equal(t, []string{"templates.long.questions[1].when too_many_combinations"}, at(document(t, sets).Check()))
}

func TestParse_is_strict_and_tells_the_place(t *testing.T) {
	t.Parallel()
	_, faults := survey.Parse([]byte("kind: survey\ntemplates:\n  a:\n    question: []\n    title: Hello\n    satisfied_from: high\n"))
	require.Equal(t, []string{
		"templates.a.question unknown_field", "templates.a.title wrong_type", "templates.a.satisfied_from wrong_type",
	}, at(faults))
	require.Equal(t, "4", faults[0].Args["line"])
}

func TestCompile_takes_what_needs_no_asking_and_refuses_what_cannot_be_asked(t *testing.T) {
	t.Parallel()
	d := document(t, strings.Replace(visit, "satisfied_from: 4", "satisfied_from: 6", 1))
	_, err := survey.Compile(d, 1)
	require.NoError(t, err, "a threshold out of range asks nobody anything")
	for _, change := range [][2]string{{"when: sat <= 2", "when: later <= 2"}, {"id: reason", "id: sat"}, {"[en, zh-CN]", "[]"}} {
		_, err := survey.Compile(document(t, strings.Replace(visit, change[0], change[1], 1)), 1)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), change[1])
	}
}

// TestCheck_finds_exactly_the_questions_that_no_answers_reach holds the search of Check against Visible over every set of
// answers, for conditions drawn at random.
func TestCheck_finds_exactly_the_questions_that_no_answers_reach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		first, second := condition(rt, false), condition(rt, true)
		required := rapid.Bool().Draw(rt, "required")
		text := fmt.Sprintf(`kind: survey
templates:
  drawn:
    languages: [en, zh-CN]
    title: TEXT
    sender: TEXT
    why: TEXT
    thanks: TEXT
    questions:
      - {id: a, kind: csat, required: %v, text: TEXT}
      - {id: b, kind: choice, many: true, text: TEXT, options: [{id: x, text: TEXT}, {id: y, text: TEXT}, {id: z, text: TEXT}]}
      - {id: c, kind: choice, when: '%s', required: %v, text: TEXT, options: [{id: x, text: TEXT}, {id: y, text: TEXT}]}
      - {id: d, kind: text, when: '%s', text: TEXT}
`, required, first, required, second)
		d := document(t, text)
		template := compiled(t, text, "drawn")
		ever, always := map[string]bool{}, map[string]bool{"c": true, "d": true}
		for _, answers := range everyAnswer() {
			r := template.Check(answers, "en")
			if len(r.Faults) > 0 {
				continue // an answer to a question that does not apply
			}
			shown := map[string]bool{}
			for _, q := range template.Visible(answers) {
				shown[q.ID], ever[q.ID] = true, true
			}
			for id := range always {
				always[id] = always[id] && (shown[id] || !r.Complete)
			}
		}
		var want []string
		for i, id := range []string{"c", "d"} {
			path := fmt.Sprintf("templates.drawn.questions[%d].when ", i+2)
			switch {
			case !ever[id]:
				want = append(want, path+"question_unreachable")
			case always[id]:
				want = append(want, path+"always_true")
			}
		}
		require.ElementsMatch(rt, want, at(d.Check()), text)
	})
}

// condition draws a condition over a and b, and c if it may.
func condition(t *rapid.T, withC bool) string {
	atoms := []string{"a <= 2", "a > 2", "a == 5", "a >= 1", `"x" in b`, `"y" in b`, `"z" in b`, "true"}
	if withC {
		atoms = append(atoms, `c == "x"`, `c != "x"`, `c in ["x", "y"]`)
	}
	term := func(label string) string {
		atom := rapid.SampledFrom(atoms).Draw(t, label)
		if rapid.Bool().Draw(t, "not "+label) {
			return "!(" + atom + ")"
		}
		return atom
	}
	op := rapid.SampledFrom([]string{" && ", " || "})
	return "(" + term("p") + op.Draw(t, "inner") + term("q") + ")" + op.Draw(t, "outer") + term("r")
}

// everyAnswer lists every set of sound answers to a (csat), b (x, y, z, many) and c (x, y).
func everyAnswer() []survey.Answers {
	var all []survey.Answers
	for a := 0; a <= 5; a++ {
		for b := range 8 {
			for _, c := range []string{"", "x", "y"} {
				answers := survey.Answers{}
				if a > 0 {
					answers["a"] = survey.Answer{Score: &a}
				}
				var chosen []string
				for i, id := range []string{"x", "y", "z"} {
					if b&(1<<i) != 0 {
						chosen = append(chosen, id)
					}
				}
				answers["b"] = survey.Answer{Choices: chosen}
				if c != "" {
					answers["c"] = survey.Answer{Choices: []string{c}}
				}
				all = append(all, answers)
			}
		}
	}
	return all
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shipped(f)))
	f.Add([]byte(strings.ReplaceAll(visit, "TEXT", "{en: words, zh-CN: 字}")))
	f.Add([]byte(`{"kind":"survey","templates":{"a":{"languages":["en"],"questions":[{"id":"q","kind":"nps","when":"q in [1]"}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, faults := survey.Parse(body)
		if len(faults) > 0 || len(d.Check()) > 0 {
			return
		}
		book, err := survey.Compile(d, 1)
		require.NoError(t, err, "what may be published can be compiled")
		for _, name := range book.Names() {
			template, err := book.Template(name)
			require.NoError(t, err)
			require.NotEmpty(t, template.Title(template.Language("xx")), "every text is there in the language that is shown")
			require.NotEmpty(t, template.Questions())
			require.Empty(t, template.Check(survey.Answers{}, template.Language()).Faults, "no answer is a fault yet")
		}
	})
}
