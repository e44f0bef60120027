package classification_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/policies"
)

// small is a document without faults that has everything.
const small = `kind: classification
currency: CNY
criteria:
  fit: {weight: 50, label: {en: Fit, zh-CN: 契合}}
  revenue: {weight: 30, label: {en: Revenue, zh-CN: 销售额}, bands: [{from: 100, value: 20}, {from: 1000, value: 60}, {from: 10000, value: 100}]}
  credit: {weight: 20, label: {en: Credit, zh-CN: 信用}}
thresholds: {S: 80, A: 60, B: 40}
hysteresis: 5
gate: {criterion: fit, minimum: 40, above: B}
classes:
  S: {review_every: 3mo, plan: half_year}
  A: {review_every: 6mo, plan: year}
  B: {review_every: 1y, plan: none}
  C: {review_every: 2y, plan: none}
chain: classification
abc: {A: 75, B: 20, C: 5}
`

func document(t testing.TB, text string) classification.Document {
	t.Helper()
	d, faults := classification.Parse([]byte(text))
	require.Empty(t, faults)
	return d
}

// changed is small with each second text in place of the first one before it.
func changed(t testing.TB, changes ...string) string {
	t.Helper()
	text := small
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i])
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	return text
}

func compiled(t testing.TB, text string) *classification.Policy {
	t.Helper()
	p, err := classification.Compile(document(t, text), 3)
	require.NoError(t, err)
	return p
}

func shipped(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("classification/default.yaml")
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

func TestCheck_passes_the_shipped_policy_which_survives_being_stored(t *testing.T) {
	t.Parallel()
	d := document(t, shipped(t))
	require.Empty(t, d.Check(classification.Refs{}))
	p, err := classification.Compile(d, 4)
	require.NoError(t, err)
	require.Equal(t, 4, p.Version())
	require.Equal(t, "classification", p.Chain())
	require.Equal(t, []string{
		"cooperation", "credit", "decision_influence", "payment", "potential", "product_overlap", "revenue", "strategic_fit",
	}, p.Criteria())
	require.Equal(t, "3mo", p.Contract(classification.ClassS).ReviewEvery.String())
	require.Equal(t, "1y", p.Contract(classification.ClassC).ReviewEvery.String())
	for _, class := range classification.Classes() {
		require.Equal(t, class.Key(), p.Contract(class).Plan != classification.PlanNone, "key clients have a plan")
	}

	for name, text := range map[string]string{"shipped": shipped(t), "small": small} {
		d := document(t, text)
		stored, err := json.Marshal(d)
		require.NoError(t, err)
		var decoded classification.Document
		require.NoError(t, json.Unmarshal(stored, &decoded))
		require.Equal(t, d, decoded, name)
		yaml, err := policy.Render(d)
		require.NoError(t, err)
		require.Equal(t, d, document(t, string(yaml)), name+" as canonical YAML")
	}
}

func TestCheck_refuses_each_fault_with_its_path_and_code(t *testing.T) {
	t.Parallel()
	require.Empty(t, document(t, small).Check(classification.Refs{Chains: []string{"classification"}}))
	for _, tt := range []struct{ old, replacement, want string }{
		{"kind: classification", "kind: sla", "kind oneof"},
		{"currency: CNY\n", "", "currency required"},
		{"currency: CNY", "currency: yuan", "currency currency"},
		{"kind: classification\n", "", "kind required"},
		{"kind: classification", "kind: classification\nversion: 2", "version version_given"},

		{"weight: 20", "weight: 21", "criteria not_hundred"},
		{"weight: 20", "weight: 19", "criteria not_hundred"},
		{"weight: 20", "weight: 0", "criteria.credit.weight between"},
		{"weight: 20", "weight: -20", "criteria.credit.weight between"},
		{"weight: 20", "weight: 101", "criteria.credit.weight between"},
		{"  credit: {weight: 20, ", "  Credit: {weight: 20, ", "criteria.Credit bad_name"},
		{"  credit: {weight: 20, ", "  " + strings.Repeat("c", 90) + ": {weight: 20, ", "criteria." + strings.Repeat("c", 80) + "… bad_name"},
		{", label: {en: Credit, zh-CN: 信用}", "", "criteria.credit.label.en required, criteria.credit.label.zh-CN required"},
		{", zh-CN: 信用", "", "criteria.credit.label.zh-CN required"},
		{"en: Credit", `en: "  "`, "criteria.credit.label.en required"},
		{"en: Credit", "en: Credit, de: Bonität", "criteria.credit.label.de unknown_field"},
		{"en: Credit", "en: " + strings.Repeat("字", 81), "criteria.credit.label.en max"},

		{"from: 1000, ", "from: 100, ", "criteria.revenue.bands[1].from more_than"},
		{"from: 1000, ", "from: 99, ", "criteria.revenue.bands[1].from more_than"},
		{"from: 100, ", "from: -1, ", "criteria.revenue.bands[0].from not_negative"},
		{"value: 60", "value: 19", "criteria.revenue.bands[1].value between"},
		{"value: 100", "value: 101", "criteria.revenue.bands[2].value between"},
		{"value: 20", "value: -1", "criteria.revenue.bands[0].value between"},
		{"{from: 100, value: 20}", manyBands(51), "criteria.revenue.bands too_many"},

		{"S: 80", "S: 101", "thresholds.S between"},
		{"B: 40", "B: 0", "thresholds.B between"},
		{", B: 40", "", "thresholds.B between"},
		{"S: 80", "S: 60", "thresholds.A less_than"},
		{"S: 80", "S: 50", "thresholds.A less_than"},
		{"A: 60", "A: 40", "thresholds.B less_than"},
		{"A: 60", "A: 95", "thresholds.A less_than"},
		{"hysteresis: 5", "hysteresis: 21", "hysteresis between"},
		{"hysteresis: 5", "hysteresis: -1", "hysteresis between"},
		{"S: 80", "S: 96", "hysteresis between"}, // nobody could rise to S
		{"B: 40", "B: 5", "hysteresis between"},  // nobody could fall to C

		{"criterion: fit", "criterion: fitness", "gate.criterion oneof"},
		{"criterion: fit, ", "", "gate.criterion required"},
		{"minimum: 40", "minimum: 0", "gate.minimum between"},
		{"minimum: 40", "minimum: 101", "gate.minimum between"},
		{"above: B", "above: D", "gate.above oneof"},
		{"above: B", "above: S", "gate.above oneof"},
		{", above: B", "", "gate.above required"},
		{"gate: {criterion: fit, minimum: 40, above: B}\n", "", "gate.criterion required, gate.minimum between, gate.above required"},

		{"review_every: 3mo, ", "", "classes.S.review_every required"},
		{"review_every: 3mo", `review_every: ""`, "classes.S.review_every required"},
		{"review_every: 3mo", "review_every: 6y", "classes.S.review_every between"},
		{"review_every: 3mo", "review_every: 61mo", "classes.S.review_every between"},
		{"plan: year", "plan: month", "classes.A.plan oneof"},
		{", plan: year", "", "classes.A.plan required"},
		{"  C: {review_every: 2y, plan: none}\n", "", "classes.C.review_every required, classes.C.plan required"},

		{"chain: classification", `chain: ""`, "chain required"},
		{"chain: classification", "chain: leave", "chain no_chain"},
		{"abc: {A: 75", "abc: {A: 76", "abc not_hundred"},
		{"abc: {A: 75, ", "abc: {", "abc.A between"},
		{"C: 5}", "C: -5}", "abc.C between"},
	} {
		d := document(t, changed(t, tt.old, tt.replacement))
		require.Equal(t, tt.want, strings.Join(at(d.Check(classification.Refs{Chains: []string{"classification", "reception"}})), ", "), tt.replacement)
	}
	for _, ends := range []string{"review_every: 1w", "review_every: 5y", "review_every: 60mo"} {
		require.Empty(t, document(t, changed(t, "review_every: 3mo", ends)).Check(classification.Refs{}), ends)
	}
	require.Equal(t, []string{"criteria required", "gate.criterion oneof"},
		at(document(t, small[:strings.Index(small, "criteria:")]+small[strings.Index(small, "thresholds:"):]).Check(classification.Refs{})))
	var many strings.Builder
	for i := range 31 {
		fmt.Fprintf(&many, "  more_%d: {weight: 1, label: {en: More, zh-CN: 更多}}\n", i)
	}
	require.Equal(t, []string{"criteria too_many"},
		at(document(t, changed(t, "  credit:", many.String()+"  credit:")).Check(classification.Refs{})))
}

func manyBands(n int) string {
	list := make([]string, n)
	for i := range n {
		list[i] = fmt.Sprintf("{from: %d, value: 20}", i)
	}
	return strings.Join(list, ", ")
}

func TestCheck_tells_every_fault_at_once_and_what_would_be_right(t *testing.T) {
	t.Parallel()
	d := document(t, changed(t, "weight: 20", "weight: 25", "A: 60", "A: 80", "criterion: fit", "criterion: mood", "chain: classification", "chain: leave"))
	require.Equal(t, []errs.Field{
		{Field: "criteria", Code: "not_hundred", Args: errs.Args("sum", "105")},
		{Field: "thresholds.A", Code: "less_than", Args: errs.Args("other", "80")},
		{Field: "gate.criterion", Code: "oneof", Args: errs.Args("values", "credit, fit, revenue")},
		{Field: "chain", Code: "no_chain", Args: errs.Args("name", "leave", "known", "classification, reception")},
	}, d.Check(classification.Refs{Chains: []string{"classification", "reception"}}))
	require.NotContains(t, at(d.Check(classification.Refs{})), "chain no_chain", "without an approval policy no chain is unknown")
	hysteresis := document(t, changed(t, "S: 80", "S: 98")).Check(classification.Refs{})
	require.Equal(t, []errs.Field{{Field: "hysteresis", Code: "between", Args: errs.Args("low", "0", "high", "2")}}, hysteresis)
}

func TestParse_refuses_what_no_field_can_hold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ old, replacement, want string }{
		{"  C: {review_every: 2y, plan: none}", "  D: {review_every: 2y, plan: none}", "classes.D unknown_field"},
		{"B: 40", "C: 40", "thresholds.C unknown_field"},
		{"review_every: 3mo", "review_every: 3 months", "classes.S.review_every bad_period"},
		{"review_every: 3mo", "review_every: 3m", "classes.S.review_every bad_period"},
		{"review_every: 3mo", "review_every: 90", "classes.S.review_every wrong_type"},
		{"weight: 20", "weight: 20.5", "criteria.credit.weight wrong_type"},
		{"weight: 20", "wait: 20", "criteria.credit.wait unknown_field"},
		{"from: 1000, ", "from: 1e3, ", "criteria.revenue.bands[1].from wrong_type"},
		{"abc: {", "abc: {D: 1, ", "abc.D unknown_field"},
	} {
		_, faults := classification.Parse([]byte(changed(t, tt.old, tt.replacement)))
		require.Equal(t, []string{tt.want}, at(faults), tt.replacement)
		require.NotEmpty(t, faults[0].Args["line"], tt.replacement)
	}
}

func TestCompile_refuses_what_cannot_be_graded_by_and_nothing_else(t *testing.T) {
	t.Parallel()
	_, err := classification.Compile(document(t, changed(t, "weight: 20", "weight: 25")), 1)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
	require.ErrorContains(t, err, "criteria:not_hundred")
	_, err = classification.Compile(document(t, changed(t, ", label: {en: Credit, zh-CN: 信用}", "", "chain: classification", `chain: ""`)), 1)
	require.NoError(t, err)
	d := document(t, small)
	p, err := classification.Compile(d, 1)
	require.NoError(t, err)
	before := p.With(nil, new(int64(500)), "CNY")
	d.Criteria["revenue"].Bands[0].Value = 99
	delete(d.Criteria, "revenue")
	require.Equal(t, before, p.With(nil, new(int64(500)), "CNY"), "a policy shares nothing with its document")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shipped(f)))
	f.Add([]byte(small))
	f.Add([]byte(`{"kind":"classification","criteria":{"a":{"weight":100}},"thresholds":{"S":3,"A":2,"B":1},"gate":{"criterion":"a"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, faults := classification.Parse(body)
		if len(faults) > 0 || len(d.Check(classification.Refs{})) > 0 {
			return
		}
		p, err := classification.Compile(d, 1)
		require.NoError(t, err, "what may be published can be compiled")
		worst, best := classification.Criteria{}, classification.Criteria{}
		for _, name := range p.Criteria() {
			worst[name], best[name] = 0, 100
		}
		for _, current := range append(classification.Classes(), "") {
			require.Equal(t, classification.ClassC, p.Propose(worst, current).Class, "every class can be lost")
			require.Equal(t, classification.ClassS, p.Propose(best, current).Class, "every class can be had")
		}
		for _, class := range classification.Classes() {
			require.Positive(t, p.Contract(class).ReviewEvery.PerYear())
		}
	})
}
