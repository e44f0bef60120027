package health_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/policies"
)

func shipped(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("health/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func document(t testing.TB, text string) health.Document {
	t.Helper()
	d, faults := health.Parse([]byte(text))
	require.Empty(t, faults)
	return d
}

func compiled(t testing.TB, text string) *health.Policy {
	t.Helper()
	p, err := health.Compile(document(t, text), 3)
	require.NoError(t, err)
	return p
}

// at lists faults as "path code".
func at(faults []errs.Field) []string {
	list := make([]string, len(faults))
	for i, f := range faults {
		list[i] = f.Field + " " + f.Code
	}
	return list
}

func TestDocument_that_ships_may_be_published_and_renders_as_itself(t *testing.T) {
	t.Parallel()
	d := document(t, shipped(t))
	require.Empty(t, d.Check())
	ruled := map[health.Kind]bool{}
	for _, r := range d.Rules {
		ruled[r.Fact] = true
	}
	for _, kind := range health.Kinds() {
		require.True(t, ruled[kind], kind)
	}
	require.Equal(t, 3, compiled(t, shipped(t)).Version())

	stored, err := json.Marshal(d)
	require.NoError(t, err)
	var decoded health.Document
	require.NoError(t, json.Unmarshal(stored, &decoded))
	require.Equal(t, d, decoded)
	body, err := policy.Render(d)
	require.NoError(t, err)
	again, faults := health.Parse(body)
	require.Empty(t, faults)
	require.Equal(t, d, again)
}

// TestCheck_refuses_each_fault_at_its_place: each change of the shipped policy is exactly that fault.
func TestCheck_refuses_each_fault_at_its_place(t *testing.T) {
	t.Parallel()
	const kept = "contact_kept: {fact: contact_kept, points: 1, within: 90d, at_most: 8}"
	rule := func(name, body string) string { return name + ": {" + body + "}" }
	for _, tt := range []struct{ old, replacement, want string }{
		{"kind: health\n", "", "kind required"},
		{"kind: health\n", "kind: wealth\n", "kind oneof"},
		{"kind: health\n", "kind: health\nversion: 2\n", "version version_given"},
		{"kind: health\n", "kind: health\ncolour: red\n", "colour unknown_field"},
		{"base: 60\n", "", "base required"},
		{"base: 60", "base: -1", "base between"},
		{"base: 60", "base: 101", "base between"},
		{"base: 60", "base: high", "base wrong_type"},
		{kept, rule("contactKept", "fact: contact_kept, points: 1, within: 90d, at_most: 8"), "rules.contactKept bad_name"},
		{kept, rule("base", "fact: contact_kept, points: 1, within: 90d, at_most: 8"), "rules.base reserved"},
		{kept, rule("limit", "fact: contact_kept, points: 1, within: 90d, at_most: 8"), "rules.limit reserved"},
		{kept, rule("contact_kept", "points: 1, within: 90d, at_most: 8"), "rules.contact_kept.fact required"},
		{kept, rule("contact_kept", "fact: contact_made, points: 1, within: 90d, at_most: 8"), "rules.contact_kept.fact oneof"},
		{kept, rule("zeal", "fact: case_in_time, points: 1, within: 90d, at_most: 8"), "rules.zeal.fact duplicate"},
		{kept, rule("contact_kept", "fact: contact_kept, within: 90d, at_most: 8"), "rules.contact_kept.points required"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 0, within: 90d, at_most: 8"), "rules.contact_kept.points between"},
		{kept, rule("contact_kept", "fact: contact_kept, points: -1, within: 90d, at_most: 8"), "rules.contact_kept.points between"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 1, points_per_level: 2, within: 90d, at_most: 8"), "rules.contact_kept.points_per_level not_for_kind"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 1, at_most: 8"), "rules.contact_kept.within required"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 1, within: 12m, at_most: 8"), "rules.contact_kept.within bad_period"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 1, within: 61mo, at_most: 8"), "rules.contact_kept.within span_too_long"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 1, within: 90d"), "rules.contact_kept.at_most between"},
		{kept, rule("contact_kept", "fact: contact_kept, points: 1, within: 90d, at_most: 101"), "rules.contact_kept.at_most between"},
		{"complaint_opened, points: -3", "complaint_opened, points: 3", "rules.complaint.points between"},
		{"complaint_opened, points: -3", "complaint_opened, points: -101", "rules.complaint.points between"},
		{"survey_neutral, points: -1", "survey_neutral, points: 101", "rules.neutral.points between"},
		{"points_per_level: 3", "points: 3", "rules.relation.points not_for_kind"},
		{"points_per_level: 3, ", "", "rules.relation.points_per_level required"},
		{"points_per_level: 3", "points_per_level: 0", "rules.relation.points_per_level between"},
		{"points_per_level: 3", "points_per_level: 51", "rules.relation.points_per_level between"},
	} {
		require.Contains(t, shipped(t), tt.old)
		d, faults := health.Parse([]byte(strings.Replace(shipped(t), tt.old, tt.replacement, 1)))
		if len(faults) == 0 {
			faults = d.Check()
		}
		require.Contains(t, at(faults), tt.want, tt.replacement)
		if tt.want != "rules.relation.points not_for_kind" { // which also lacks what it needs
			require.Len(t, faults, 1, "%v", at(faults))
		}
	}
	for text, ok := range map[string]bool{"within: 5y": true, "within: 60mo": true, "within: 1826d": true, "within: 1827d": false} {
		faults := document(t, strings.Replace(shipped(t), "within: 15mo", text, 1)).Check()
		require.Equal(t, ok, len(faults) == 0, text)
	}
}

func TestCheck_tells_all_faults_at_once(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"kind required", "version version_given", "base required", "rules required"}, at(health.Document{Version: 1}.Check()))
	text := strings.NewReplacer("base: 60", "base: 200", "fact: level", "fact: height", "within: 90d, at_most: 8", "within: 90d").Replace(shipped(t))
	require.Equal(t, []string{"base between", "rules.contact_kept.at_most between", "rules.relation.fact oneof"}, at(document(t, text).Check()))
}

func TestCompile_asks_for_what_scoring_needs_only(t *testing.T) {
	t.Parallel()
	_, err := health.Compile(document(t, strings.Replace(shipped(t), "points: -3", "points: 300", 1)), 1)
	require.NoError(t, err, "strange points are points")
	_, err = health.Compile(document(t, strings.Replace(shipped(t), "fact: level", "fact: height", 1)), 1)
	require.NoError(t, err, "a kind of another release has no facts")
	for _, change := range [][2]string{
		{"base: 60\n", ""}, {"fact: level", "fact: contact_kept"}, {"points: 1, within: 90d", "points: 1"}, {"points_per_level: 3, ", ""},
	} {
		_, err := health.Compile(document(t, strings.Replace(shipped(t), change[0], change[1], 1)), 1)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), change[0])
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shipped(f)))
	f.Add([]byte(`{"kind":"health","base":0,"rules":{"a":{"fact":"level","points_per_level":50,"within":"5y","at_most":100}}}`))
	f.Add([]byte("kind: health\nbase: 1\nrules: {a: {fact: survey_neutral, points: 0, within: 1d, at_most: 1}}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, faults := health.Parse(body)
		if len(faults) > 0 || len(d.Check()) > 0 {
			return
		}
		p, err := health.Compile(d, 1)
		require.NoError(t, err, "what may be published can be compiled")
		rendered, err := policy.Render(d)
		require.NoError(t, err)
		again, faults := health.Parse(rendered)
		require.Empty(t, faults)
		require.Equal(t, d, again)
		var facts []health.Fact
		for _, kind := range health.Kinds() {
			facts = append(facts, health.Fact{ID: string(kind), Kind: kind, At: noon, Value: 5})
		}
		sound(t, p.Score(facts, noon, time.UTC))
	})
}
