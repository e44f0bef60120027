package survey_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/survey"
)

func score(n int) survey.Answer { return survey.Answer{Score: &n} }

func chosen(ids ...string) survey.Answer { return survey.Answer{Choices: ids} }

func words(s string) survey.Answer { return survey.Answer{Text: s} }

func shownIDs(template *survey.Template, answers survey.Answers) []string {
	var ids []string
	for _, q := range template.Visible(answers) {
		ids = append(ids, q.ID)
	}
	return ids
}

func TestVisible_asks_what_the_answers_call_for(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	always := []string{"sat", "hoped", "seen", "good"}
	with := func(more ...string) []string { return append(slices.Clone(always), more...) }
	for name, tt := range map[string]struct {
		answers survey.Answers
		want    []string
	}{
		"nothing answered":                           {survey.Answers{}, always},
		"a low score asks for the reason":            {survey.Answers{"sat": score(2)}, with("reason")},
		"a middling one does not":                    {survey.Answers{"sat": score(3)}, always},
		"one side of an alternative is enough":       {survey.Answers{"sat": score(5)}, with("dish")},
		"the other side too":                         {survey.Answers{"good": chosen("room", "food")}, with("dish")},
		"neither side":                               {survey.Answers{"sat": score(4), "good": chosen("room")}, always},
		"a comparison needs both":                    {survey.Answers{"seen": score(1)}, always},
		"two answers compared":                       {survey.Answers{"seen": score(1), "hoped": score(2)}, with("worse")},
		"a negation does not hold of nothing":        {survey.Answers{"sat": score(5)}, with("dish")},
		"a negation holds of another answer":         {survey.Answers{"sat": score(5), "dish": chosen("rice")}, with("dish", "recipe")},
		"an answer to a hidden question counts not":  {survey.Answers{"dish": chosen("rice")}, always},
		"an answer off the scale counts not":         {survey.Answers{"sat": score(-1)}, always},
		"an answer of another kind counts not":       {survey.Answers{"sat": words("2"), "good": words("food")}, always},
		"an unknown option counts not":               {survey.Answers{"good": chosen("food", "wine")}, always},
		"an answer to an unknown question is nobody": {survey.Answers{"mood": score(1)}, always},
	} {
		require.ElementsMatch(t, tt.want, shownIDs(template, tt.answers), name)
	}
	require.Equal(t, []string{"sat", "reason", "hoped", "seen", "worse", "good"},
		shownIDs(template, survey.Answers{"sat": score(1), "hoped": score(5), "seen": score(2)}), "in the order of the template")
}

func TestCheck_of_answers_refuses_what_does_not_fit(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	for name, tt := range map[string]struct {
		answers survey.Answers
		want    []string
	}{
		"below the scale":             {survey.Answers{"sat": score(0)}, []string{"answers.sat between"}},
		"above the scale":             {survey.Answers{"sat": score(6)}, []string{"answers.sat between"}},
		"a text for a score":          {survey.Answers{"sat": words("5")}, []string{"answers.sat.text answer_kind"}},
		"a score for a text":          {survey.Answers{"sat": score(1), "reason": score(3)}, []string{"answers.reason.score answer_kind"}},
		"a choice for a score":        {survey.Answers{"sat": chosen("x")}, []string{"answers.sat.choices answer_kind"}},
		"a score and more":            {survey.Answers{"sat": {Score: new(3), Text: "so so"}}, []string{"answers.sat.text answer_kind"}},
		"an unknown question":         {survey.Answers{"mood": score(3)}, []string{"answers.mood unknown_question"}},
		"an unknown one, empty":       {survey.Answers{"mood": {}}, []string{"answers.mood unknown_question"}},
		"a question that is hidden":   {survey.Answers{"sat": score(3), "reason": words("?")}, []string{"answers.reason question_hidden"}},
		"an unknown option":           {survey.Answers{"good": chosen("food", "wine")}, []string{"answers.good.choices[1] oneof"}},
		"an option twice":             {survey.Answers{"good": chosen("food", "food")}, []string{"answers.good.choices[1] duplicate"}},
		"more than there are":         {survey.Answers{"good": chosen("a", "b", "c", "d")}, []string{"answers.good.choices too_many"}},
		"two where one is to be had":  {survey.Answers{"sat": score(5), "dish": chosen("rice", "soup")}, []string{"answers.dish.choices too_many"}},
		"a text too long":             {survey.Answers{"sat": score(1), "reason": words(strings.Repeat("字", 21))}, []string{"answers.reason max"}},
		"a control character":         {survey.Answers{"sat": score(1), "reason": words("a\x00b")}, []string{"answers.reason control_character"}},
		"a turned direction":          {survey.Answers{"sat": score(1), "reason": words("a\u202eb")}, []string{"answers.reason control_character"}},
		"no text at all":              {survey.Answers{"sat": score(1), "reason": words("\xff")}, []string{"answers.reason control_character"}},
		"several, in order":           {survey.Answers{"sat": score(9), "hoped": score(9), "zeal": score(1)}, []string{"answers.sat between", "answers.hoped between", "answers.zeal unknown_question"}},
		"an empty answer to a hidden": {survey.Answers{"sat": score(3), "reason": {}}, []string{}},
		"all that fits":               {survey.Answers{"sat": score(1), "reason": words("a\r\nb\t" + strings.Repeat("字", 15)), "good": chosen("room")}, []string{}},
	} {
		require.Equal(t, tt.want, at(template.Check(tt.answers, "en").Faults), name)
	}
	require.Equal(t, []string{"language oneof"}, at(template.Check(survey.Answers{}, "de").Faults))
}

func TestCheck_of_answers_tells_complete_from_partial(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	for name, tt := range map[string]struct {
		answers  survey.Answers
		missing  []string
		complete bool
	}{
		"nothing":                         {survey.Answers{}, []string{"sat"}, false},
		"what is required of everybody":   {survey.Answers{"sat": score(3)}, nil, true},
		"what a low score requires":       {survey.Answers{"sat": score(1)}, []string{"reason"}, false},
		"two are missing":                 {survey.Answers{"good": chosen("food")}, []string{"sat", "dish"}, false},
		"everything that it calls for":    {survey.Answers{"sat": score(1), "reason": words("rude")}, nil, true},
		"a fault keeps it from complete":  {survey.Answers{"sat": score(3), "reason": words("rude")}, nil, false},
		"an answer that says nothing yet": {survey.Answers{"sat": {}}, []string{"sat"}, false},
	} {
		r := template.Check(tt.answers, "zh-CN")
		require.Equal(t, tt.missing, r.Missing, name)
		require.Equal(t, tt.complete, r.Complete, name)
	}
}

func TestVerdict_follows_the_thresholds(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	want := map[int]survey.Verdict{
		0: survey.NoVerdict, 1: survey.Dissatisfied, 2: survey.Dissatisfied, 3: survey.Neutral, 4: survey.Satisfied, 5: survey.Satisfied, 6: survey.NoVerdict,
	}
	for n, verdict := range want {
		require.Equal(t, verdict, template.Verdict(survey.Answers{"sat": score(n)}), n)
		primary, ok := template.Primary(survey.Answers{"sat": score(n)})
		require.Equal(t, verdict != survey.NoVerdict, ok)
		if ok {
			require.Equal(t, n, primary)
		}
	}
	require.Equal(t, survey.NoVerdict, template.Verdict(survey.Answers{"sat": words("5")}))
	require.Equal(t, survey.NoVerdict, template.Verdict(nil))
	unjudged := compiled(t, strings.NewReplacer("score: sat", "", "satisfied_from: 4", "", "dissatisfied_to: 2", "").Replace(visit), "visit")
	require.Equal(t, survey.NoVerdict, unjudged.Verdict(survey.Answers{"sat": score(5)}))
}

func TestGaps_are_what_was_perceived_less_what_was_expected(t *testing.T) { // F-20
	t.Parallel()
	template := compiled(t, visit, "visit")
	require.Equal(t, map[string]int{"seen": -3}, template.Gaps(survey.Answers{"hoped": score(5), "seen": score(2)}))
	require.Equal(t, map[string]int{"seen": 0}, template.Gaps(survey.Answers{"hoped": score(4), "seen": score(4)}))
	require.Empty(t, template.Gaps(survey.Answers{"seen": score(2)}))
	require.Empty(t, template.Gaps(survey.Answers{"hoped": score(5), "seen": score(7)}))
}

func TestCanonical_is_what_is_stored(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	given := survey.Answers{
		"sat": score(1), "reason": words(" slow\r\nand rude \n"), "good": chosen("room", "food"), "seen": {}, "worse": words(" "), "mood": {},
	}
	got := template.Canonical(given)
	require.Equal(t, survey.Answers{"sat": score(1), "reason": words("slow\nand rude"), "good": chosen("food", "room"), "mood": {}}, got)
	require.Equal(t, []string{"room", "food"}, given["good"].Choices, "what was given stays as it is")
	require.Equal(t, got, template.Canonical(got))
	body, err := json.Marshal(survey.Answers{"sat": score(0), "good": chosen("room"), "reason": words("x"), "seen": {}})
	require.NoError(t, err)
	require.JSONEq(t, `{"sat":{"score":0},"good":{"choices":["room"]},"reason":{"text":"x"},"seen":{}}`, string(body))
}

func TestLanguage_is_the_best_that_the_template_speaks(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	for want, wanted := range map[string][][]string{
		"en":    {{}, {"en"}, {"fr"}, {"en-GB"}, {"fr", "EN"}},
		"zh-CN": {{"zh-CN"}, {"zh"}, {"zh-TW", "en"}, {"ZH-cn"}, {"fr", "zh"}},
	} {
		for _, w := range wanted {
			require.Equal(t, want, template.Language(w...), w)
		}
	}
	require.Equal(t, "字", template.Why(template.Language("zh")))
}

func TestQuestion_of_a_text_has_its_default_length(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	q, ok := template.Question("worse")
	require.True(t, ok)
	require.Equal(t, 2000, q.MaxLength)
	_, ok = template.Question("mood")
	require.False(t, ok)
}

// drawAnswers draws answers to the questions of visit, sound ones and others.
func drawAnswers(t *rapid.T) survey.Answers {
	answers := survey.Answers{}
	for _, id := range []string{"sat", "hoped", "seen", "recipe"} {
		if rapid.Bool().Draw(t, id+" answered") {
			answers[id] = score(rapid.IntRange(-1, 6).Draw(t, id))
		}
	}
	for _, id := range []string{"reason", "worse"} {
		answers[id] = words(rapid.SampledFrom([]string{"", "bad", "x\x00"}).Draw(t, id))
	}
	if rapid.Bool().Draw(t, "good answered") {
		answers["good"] = chosen(rapid.SliceOfN(rapid.SampledFrom([]string{"food", "talks", "room", "wine"}), 0, 3).Draw(t, "good")...)
	}
	if rapid.Bool().Draw(t, "dish answered") {
		answers["dish"] = chosen(rapid.SampledFrom([]string{"rice", "soup", "meat"}).Draw(t, "dish"))
	}
	return answers
}

// TestLaw_visible_is_what_the_conditions_say holds Visible against the conditions of visit written out in Go.
func TestLaw_visible_is_what_the_conditions_say(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	rapid.Check(t, func(rt *rapid.T) {
		answers := drawAnswers(rt)
		number := func(id string) int { // 0: not answered, or not on the scale
			if s := answers[id].Score; s != nil && *s >= 1 && *s <= 5 {
				return *s
			}
			return 0
		}
		good := answers["good"].Choices
		if slices.Contains(good, "wine") || len(good) != len(slices.Compact(slices.Sorted(slices.Values(good)))) {
			good = nil
		}
		dish := slices.Contains(good, "food") || number("sat") == 5
		want := map[string]bool{
			"sat": true, "hoped": true, "seen": true, "good": true,
			"reason": number("sat") == 1 || number("sat") == 2,
			"worse":  number("seen") != 0 && number("seen") < number("hoped"),
			"dish":   dish,
			"recipe": dish && slices.Equal(answers["dish"].Choices, []string{"rice"}),
		}
		shown := shownIDs(template, answers)
		for id, is := range want {
			require.Equal(rt, is, slices.Contains(shown, id), id)
		}
	})
}

func TestLaw_complete_is_no_fault_and_every_required_visible_question_answered(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	rapid.Check(t, func(rt *rapid.T) {
		answers := drawAnswers(rt)
		r := template.Check(answers, "en")
		all := true
		for _, q := range template.Visible(answers) {
			all = all && (!q.Required || !answers[q.ID].IsZero())
		}
		require.Equal(rt, all && len(r.Faults) == 0, r.Complete)
		require.Equal(rt, all, len(r.Missing) == 0)
	})
}

func TestLaw_an_answer_to_a_question_that_does_not_apply_is_refused(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	sound := map[string]survey.Answer{"reason": words("x"), "worse": words("x"), "dish": chosen("rice"), "recipe": score(3)}
	rapid.Check(t, func(rt *rapid.T) {
		answers := drawAnswers(rt)
		shown := shownIDs(template, answers)
		for id, answer := range sound {
			more := maps.Clone(answers)
			more[id] = answer
			refused := slices.Contains(at(template.Check(more, "en").Faults), "answers."+id+" question_hidden")
			require.Equal(rt, !slices.Contains(shown, id), refused, id)
		}
	})
}

func TestLaw_one_more_answer_never_hides_a_question(t *testing.T) {
	t.Parallel()
	template := compiled(t, visit, "visit")
	rapid.Check(t, func(rt *rapid.T) {
		answers := drawAnswers(rt)
		fewer := maps.Clone(answers)
		for _, id := range slices.Sorted(maps.Keys(answers)) {
			if rapid.Bool().Draw(rt, "without "+id) {
				delete(fewer, id)
			}
		}
		require.Subset(rt, shownIDs(template, answers), shownIDs(template, fewer))
	})
}
