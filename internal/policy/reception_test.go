package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

func defaultReception(t testing.TB) policy.Reception {
	t.Helper()
	r, faults := policy.ParseReception([]byte(document(t, "reception/default.yaml")))
	require.Empty(t, faults)
	return r
}

func publishReception(body string) []errs.Field {
	r, faults := policy.ParseReception([]byte(body))
	if len(faults) > 0 {
		return faults
	}
	return r.Check(shipped)
}

func TestReception_check_passes_the_shipped_policy(t *testing.T) {
	t.Parallel()
	require.Empty(t, defaultReception(t).Check(shipped))
}

func TestReception_renders_as_the_same_document(t *testing.T) {
	t.Parallel()
	want := defaultReception(t)
	body, err := policy.Render(want)
	require.NoError(t, err)
	got, faults := policy.ParseReception(body)
	require.Empty(t, faults)
	require.Equal(t, want, got)
}

// TestReception_refuses_each_fault_at_its_place: each change of the shipped policy is exactly that fault.
func TestReception_refuses_each_fault_at_its_place(t *testing.T) {
	t.Parallel()
	const vip = `when: reception.level == "vip" && visitor.identity in ["official", "executive"]`
	body := document(t, "reception/default.yaml")
	for _, c := range []struct{ old, replacement, path, code string }{
		{"kind: reception\n", "", "kind", "required"},
		{"kind: reception\n", "kind: sla\n", "kind", "oneof"},
		{"kind: reception\n", "kind: reception\nversion: 1\n", "version", "version_given"},
		{"calendar: cn\n", "", "calendar", "required"},
		{"calendar: cn\n", "calendar: mars\n", "calendar", "unknown_calendar"},
		{"currency: CNY\n", "", "currency", "required"},
		{"currency: CNY", "currency: yuan", "currency", "currency"},
		{"currency: CNY", "currencies: CNY", "currencies", "unknown_field"},
		{"- name: vip\n", "- name: VIP\n", "standards[0].name", "bad_name"},
		{"- name: vip_working\n", "- name: vip\n", "standards[1].name", "duplicate"},
		{vip, `when: ""`, "standards[0].when", "required"},
		{vip, `when: 'case.type == "complaint"'`, "standards[0].when", "unknown_fact"},
		{vip, `when: 'reception.level == "royal"'`, "standards[0].when", "impossible_value"},
		{vip, `when: 'visitor.identity == "expert" && visitor.identity == "other"'`, "standards[0].when", "never_true"},
		{vip, `when: "true"`, "standards[0].when", "catch_all_early"},
		{vip, `when: reception.level == "vip"`, "standards[1].when", "rule_unreachable"},
		{`when: "true"`, `when: reception.level == "standard"`, "standards[3].when", "catch_all_missing"},
		{"room_class: executive", "room_class: Executive suite", "standards[0].room_class", "bad_name"},
		{"host_rank: manager", "host_rank: clerk", "standards[0].host_rank", "oneof"},
		{"meals: 600000, gifts: 300000}", "meals: -1, gifts: 300000}", "standards[0].per_head.meals", "between"},
		{"meals: 600000, gifts: 300000}", "wine: 1}", "standards[0].per_head.wine", "unknown_field"},
		{"meals: 600000, gifts: 300000}", "meals: 6000.00}", "standards[0].per_head.meals", "wrong_type"},
		{"limits: {transport: 20000000", "limits: {travel: 20000000", "limits.travel", "unknown_field"},
		{"limits: {transport: 20000000", "limits: {transport: 100000000000001", "limits.transport", "between"},
		{"percent: 10", "percent: 101", "tolerance.percent", "between"},
		{"at_most: 200000", "at_most: -1", "tolerance.at_most", "between"},
		{"longer: 4h", "longer: 1ms", "tolerance.longer", "between"},
		{"[important, vip]", "[important, royal]", "dedicated[1]", "oneof"},
		{"[important, vip]", "[vip, vip]", "dedicated[1]", "duplicate"},
		{"{chain: reception, ", "{", "approval.chain", "required"},
		{"warn_before: 1d", "warn_before: 0s", "approval.warn_before", "not_positive"},
		{"warn_before: 1d, clock: working", "warn_before: 1d, clock: office", "approval.clock", "oneof"},
		{"{name: room,", "{name: transport,", "checklist[1].name", "duplicate"},
		{"{name: room,", "{", "checklist[0].name", "required"},
		{`'reception.kind != "model_site_visit"'`, `'reception.kind != "party"'`, "checklist[0].when", "impossible_value"},
		{`'reception.kind != "model_site_visit"'`, `"false"`, "checklist[0].when", "never_true"},
		{"for: receptionist", "for: driver", "checklist[0].for", "oneof"},
		{"before: 1d, warn: 4h", "before: 0s, warn: 4h", "checklist[0].before", "not_positive"},
		{"before: 1d, warn: 4h", "before: 1d", "checklist[0].warn", "not_positive"},
		{"remind: 5d", "remind: 30d", "claims.remind", "shorter_than"},
		{"window: 30d", "window: 30 days", "claims.window", "bad_span"},
		{"remind: 5d, clock: working", "remind: 5d", "claims.clock", "required"},
		{"within: 7d", "within: 0s", "split.within", "not_positive"},
		{"limit: 500000", "limit: -5", "split.limit", "between"},
	} {
		require.Equal(t, []string{c.path + " " + c.code}, at(publishReception(change(t, body, c.old, c.replacement))), "%s → %s", c.old, c.replacement)
	}
	require.Contains(t, at(publishReception("kind: reception")), "standards required")
	many := strings.Repeat("\n  - {name: x, when: \"true\"}", 201)
	require.Contains(t, at(publishReception("standards:"+many+"\nchecklist:"+many)), "standards too_many")
}

func TestReception_standard_is_the_first_that_holds(t *testing.T) {
	t.Parallel()
	c, err := policy.CompileReception(defaultReception(t))
	require.NoError(t, err)
	for want, f := range map[string]policy.ReceptionFacts{
		"vip":         {Kind: "company_visit", Level: "vip", Identity: "official", Class: "B"},
		"vip_working": {Kind: "company_visit", Level: "vip", Identity: "expert", Class: "S"},
		"important":   {Kind: "company_visit", Level: "standard", Identity: "official", Class: "S"},
		"standard":    {Kind: "company_visit", Level: "standard", Identity: "official", Class: "A"},
	} {
		require.Equal(t, want, c.Standard(f).Name)
	}
	c.Standard(policy.ReceptionFacts{}).PerHead["meals"] = 0
	require.Equal(t, int64(300_000), c.Standard(policy.ReceptionFacts{}).PerHead["meals"], "the caller's copy")
}

func TestReception_checklist_follows_kind_and_level(t *testing.T) {
	t.Parallel()
	c, err := policy.CompileReception(defaultReception(t))
	require.NoError(t, err)
	names := func(f policy.ReceptionFacts) (list []string) {
		for _, item := range c.Checklist(f) {
			list = append(list, item.Name)
		}
		return list
	}
	require.Equal(t, []string{"transport", "material", "diaries"}, names(policy.ReceptionFacts{Kind: "model_site_visit", Level: "standard"}))
	require.Equal(t, []string{"room", "transport", "lodging", "interpreter", "material", "equipment", "gifts", "diaries"}, names(policy.ReceptionFacts{Kind: "technical_exchange", Level: "vip"}))
}

func TestReception_that_does_not_compile_is_refused_with_every_fault(t *testing.T) {
	t.Parallel()
	r := defaultReception(t)
	r.Standards[0].When, r.Checklist[0].When = "reception.level ==", "visitor.name == 'x'"
	_, err := policy.CompileReception(r)
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{"standards[0].when bad_condition", "checklist[0].when unknown_fact"}, at(e.Fields))
	_, err = policy.CompileReception(policy.Reception{})
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{"standards required"}, at(e.Fields))
}

func TestTolerance_is_a_share_with_a_ceiling(t *testing.T) {
	t.Parallel()
	tolerance := policy.Tolerance{Percent: 10, AtMost: 200_000, Longer: sla.Span{}}
	for budget, want := range map[int64]int64{0: 0, -5: 0, 9: 0, 19: 1, 1_000: 100, 2_000_000: 200_000, 2_000_010: 200_000, 1e14: 200_000} {
		require.Equal(t, want, tolerance.Overrun(budget), budget)
	}
}

// FuzzParseReception holds that whatever is read without a fault is checked, compiled or refused without a panic, and
// renders as the same document.
func FuzzParseReception(f *testing.F) {
	f.Add([]byte(document(f, "reception/default.yaml")))
	f.Add([]byte(`{"kind": "reception", "limits": {"meals": 1}, "standards": [{"when": "true"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, faults := policy.ParseReception(body)
		if len(faults) > 0 {
			return
		}
		bad := r.Check(shipped)
		if c, err := policy.CompileReception(r); err == nil {
			c.Standard(policy.ReceptionFacts{Kind: "company_visit", Level: "vip", Identity: "other", Class: "S"})
		} else {
			require.NotEmpty(t, bad, "what does not compile is not published: %v", err)
		}
		if len(bad) > 0 {
			return
		}
		rendered, err := policy.Render(r)
		require.NoError(t, err)
		again, faults := policy.ParseReception(rendered)
		require.Empty(t, faults)
		require.Empty(t, again.Check(shipped))
	})
}
