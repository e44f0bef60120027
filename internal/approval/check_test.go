package approval

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/policies"
)

var roles = []string{"staff", "finance", "director", "reception_clerk", "supervisor", "manager", "admin"}

func shipped(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("approval/default.yaml")
	require.NoError(t, err)
	return string(body)
}

// publish returns "path code" of every fault that publishing body meets, and the faults.
func publish(body string) ([]string, []errs.Field) {
	d, faults := Parse([]byte(body))
	if len(faults) == 0 {
		faults = d.Check(Refs{Roles: roles, Org: company(), At: monday})
	}
	var list []string
	for _, f := range faults {
		list = append(list, f.Field+" "+f.Code)
	}
	return list, faults
}

func TestShippedPolicy_can_be_published(t *testing.T) {
	t.Parallel()
	list, _ := publish(shipped(t))
	require.Empty(t, list)
	d, faults := Parse([]byte(shipped(t)))
	require.Empty(t, faults)
	require.Empty(t, d.Check(Refs{Roles: roles}), "also before there are people")
}

func TestShippedPolicy_routes(t *testing.T) {
	t.Parallel()
	d, _ := Parse([]byte(shipped(t)))
	p, err := Compile(d, 1)
	require.NoError(t, err)
	require.Equal(t, Subjects(), p.Names())
	c, err := p.Chain("reception")
	require.NoError(t, err)
	vip := []string{"dept_head", "reception_manager", "finance_over_limit", "general_manager"}
	for _, tc := range []struct {
		level, class string
		amount       int64
		want         []string
	}{
		{"standard", "B", 500000, vip[:2]},
		{"important", "A", 500001, vip[:3]},
		{"vip", "C", 500001, vip},
		{"standard", "S", 0, []string{vip[0], vip[1], vip[3]}},
	} {
		f := reception(tc.level, tc.amount)
		f.Texts["client.class"] = tc.class
		_, path := c.route(f)
		require.Equal(t, tc.want, path)
	}
	_, err = p.Chain("nothing")
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	for _, name := range []string{"accountability-transfer", "extension"} {
		c, err := p.Chain(name)
		require.NoError(t, err)
		begin(t, c, company(), func(r *Request, _ *Env) {
			r.Interested = []string{"sue"}
			if name == "accountability-transfer" {
				r.Facts.Texts = map[string]string{"transfer.from_id": "ben"}
			}
		}).at1("supervisor", "dora")
	}
}

// policyOf is a document of one reception chain.
func policyOf(chain string) string {
	return "kind: approval\nchains:\n  reception:\n" + strings.ReplaceAll(strings.TrimLeft(chain, "\n"), "\t", "  ")
}

func TestCheck_finds_bad_decisions_with_a_witness(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ chain, want, witness string }{
		"unreachable_branch": {
			`
		select:
			- {when: 'client.class in ["S", "A"]', steps: [a]}
			- {when: client.class == "S" && reception.level == "vip", steps: [b]}
			- {when: "true", steps: [a, b]}
		steps: {a: {who: [{user: sue}]}, b: {who: [{user: dora}]}}`,
			"chains.reception.select[1].when branch_unreachable", "reception.level=vip, client.class=S",
		},
		"unreachable_step": {
			`
		select:
			- {when: reception.budget_total > 100, steps: [a, b]}
			- {when: "true", steps: [a]}
		steps: {a: {who: [{user: sue}]}, b: {when: reception.budget_total < 100, who: [{user: dora}]}}`,
			"chains.reception.select[0].steps[1] step_unreachable", "reception.budget_total=101",
		},
		"gap_of_amounts_between_steps": {
			`
		select: [{when: "true", steps: [a, b, c]}]
		steps:
			a: {when: reception.budget_total < 500000, who: [{user: sue}]}
			b: {when: reception.budget_total > 500000, who: [{user: dora}]}
			c: {who: [{user: max}]}`,
			"chains.reception.steps.b.when amount_gap", "reception.budget_total=500000",
		},
		"overlap_of_amounts_between_steps": {
			`
		select: [{when: "true", steps: [a, b]}]
		steps:
			a: {when: reception.budget_total <= 500000, who: [{user: sue}]}
			b: {when: reception.budget_total >= 500000, who: [{user: dora}]}`,
			"chains.reception.steps.b.when amount_overlap", "reception.budget_total=500000",
		},
		"gap_of_amounts_between_branches": {
			`
		select:
			- {when: reception.level == "vip" && reception.budget_total < 1000, steps: [a]}
			- {when: reception.level == "vip" && reception.budget_total > 1000, steps: [b]}
			- {when: "true", steps: [a, b]}
		steps: {a: {who: [{user: sue}]}, b: {who: [{user: dora}]}}`,
			"chains.reception.select[1].when amount_gap", "reception.level=vip, reception.budget_total=1000",
		},
		"overlap_of_amounts_between_branches": {
			`
		select:
			- {when: reception.budget_total <= 1000, steps: [a]}
			- {when: reception.budget_total >= 900, steps: [b]}
			- {when: "true", steps: [a, b]}
		steps: {a: {who: [{user: sue}]}, b: {who: [{user: dora}]}}`,
			"chains.reception.select[1].when amount_overlap", "reception.budget_total=900",
		},
		"self_approval_because_no_step_applies": {
			`
		select: [{when: "true", steps: [a]}]
		steps: {a: {when: reception.budget_total > 1000, who: [{user: sue}]}}`,
			"chains.reception self_approval_path", "requester=ada, reception.budget_total=0",
		},
		"self_approval_because_only_oneself_is_found": {
			`
		select: [{when: "true", steps: [a]}]
		steps: {a: {who: [{role: director}]}}
		rules: {nobody_found: skip}`,
			"chains.reception self_approval_path", "requester=dora",
		},
		"self_approval_because_silence_approves": {
			`
		select: [{when: "true", steps: [a]}]
		steps: {a: {who: [{user: sue}, {user: max}], due: {after: 1d, clock: working}, on_due: approve}}`,
			"chains.reception self_approval_path", "requester=ada",
		},
		"step_nobody_fills": {
			`
		select: [{when: reception.level == "vip", steps: [a, b]}, {when: "true", steps: [a]}]
		steps: {a: {who: [{user: sue}, {user: max}]}, b: {who: [{cel: '"nobody"'}]}}`,
			"chains.reception.steps.b.who nobody_fills", "requester=ada, reception.level=vip",
		},
		"endless_return": {
			`
		select: [{when: reception.level == "vip", steps: [b]}, {when: "true", steps: [a, b]}]
		steps: {a: {mode: all, who: [{user: sue}, {user: max}]}, b: {who: [{user: dora}, {user: max}]}}
		rules: {on_refusal: {any: return}}`,
			"chains.reception.rules.max_returns endless_return", "reception.level=vip",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, faults := publish(policyOf(tc.chain))
			require.Equal(t, []string{tc.want}, list, "exactly that fault: %v", faults)
			require.Equal(t, tc.witness, faults[0].Args["witness"])
		})
	}
}

func TestCheck_accepts_thresholds_upon_thresholds(t *testing.T) {
	t.Parallel()
	list, faults := publish(policyOf(`
		select:
			- {when: reception.budget_total > 1000000, steps: [a, b, c]}
			- {when: reception.budget_total > 500000, steps: [a, b]}
			- {when: "true", steps: [a, d, e]}
		steps:
			a: {who: [{user: sue}, {user: max}]}
			b: {who: [{role: finance}]}
			c: {who: [{user: dora}, {user: max}]}
			d: {when: reception.budget_total > 100, who: [{role: finance}]}
			e: {when: reception.budget_total > 200, who: [{user: dora}, {user: max}]}
		rules: {max_returns: 3, on_refusal: {any: return}}`))
	require.Empty(t, list, "%v", faults)
}

func TestCheck_finds_what_is_wrong_with_the_structure(t *testing.T) {
	t.Parallel()
	const good = `
		select: [{when: "true", steps: [a]}]
		steps: {a: {who: [{user: sue}, {user: max}], due: {after: 1d, clock: working}}}
		rules: {self_approval: forbid}`
	for name, tc := range map[string]struct{ old, changed, want string }{
		"unknown_field":       {"{after: 1d", "{behind: 1d", "chains.reception.steps.a.due.behind unknown_field"},
		"wrong_type":          {"[a]}]", "a}]", "chains.reception.select[0].steps wrong_type"},
		"kind":                {"kind: approval", "kind: sla", "kind oneof"},
		"version":             {"kind: approval", "kind: approval\nversion: 3", "version version_given"},
		"chain":               {"reception:", "holiday:", "chains.holiday unknown_chain"},
		"catch_all":           {`"true"`, `reception.level == "vip"`, "chains.reception.select[0].when catch_all_missing"},
		"syntax":              {`"true"`, `"1 +"`, "chains.reception.select[0].when bad_condition"},
		"arithmetic":          {`"true"`, `reception.budget_total + 1 > 2`, "chains.reception.select[0].when bad_condition"},
		"fact":                {`"true"`, `reception.colour == "red"`, "chains.reception.select[0].when unknown_fact"},
		"value":               {`"true"`, `reception.level == "huge"`, "chains.reception.select[0].when impossible_value"},
		"boolean":             {`"true"`, `reception.level`, "chains.reception.select[0].when condition_not_boolean"},
		"branch_of_no_steps":  {"[a]}]", "[]}, {when: 'true', steps: [a]}]", "chains.reception.select[0].steps required"},
		"unknown_step":        {"[a]}]", "[a, b]}]", "chains.reception.select[0].steps[1] unknown_step"},
		"repeated_step":       {"[a]}]", "[a, a]}]", "chains.reception.select[0].steps[1] duplicate"},
		"unused_step":         {"steps: {a:", "steps: {b: {who: [{user: max}]}, a:", "chains.reception.steps.b step_unused"},
		"reserved_step":       {"steps: {a:", "steps: {requester: {who: [{user: max}]}, a:", "chains.reception.steps.requester reserved"},
		"name_of_step":        {"steps: {a:", "steps: {A-1: {who: [{user: max}]}, a:", "chains.reception.steps.A-1 bad_name"},
		"mode":                {"{a: {", "{a: {mode: some, ", "chains.reception.steps.a.mode oneof"},
		"ratio_without":       {"{a: {", "{a: {mode: ratio, ", "chains.reception.steps.a.percent between"},
		"percent_of_all":      {"{a: {", "{a: {mode: all, percent: 50, ", "chains.reception.steps.a.percent only_with_mode"},
		"weight_of_any":       {"{user: max}", "{user: max, weight: 2}", "chains.reception.steps.a.who[1].weight only_with_mode"},
		"no_who":              {"[{user: sue}, {user: max}]", "[]", "chains.reception.steps.a.who required"},
		"two_whos_in_one":     {"{user: max}", "{user: max, role: staff}", "chains.reception.steps.a.who[1] one_of"},
		"unknown_user":        {"{user: max}", "{user: moritz}", "chains.reception.steps.a.who[1].user unknown"},
		"unknown_role":        {"{user: max}", "{role: king}", "chains.reception.steps.a.who[1].role role"},
		"unknown_team":        {"{user: max}", "{team: fun}", "chains.reception.steps.a.who[1].team unknown"},
		"manager_of_no_user":  {"{user: max}", "{manager_of: reception.level}", "chains.reception.steps.a.who[1].manager_of oneof"},
		"level":               {"{user: max}", "{manager_of: requester, level: 99}", "chains.reception.steps.a.who[1].level between"},
		"people":              {"{user: max}", "{cel: 'reception.budget_total'}", "chains.reception.steps.a.who[1].cel not_people"},
		"choice_not_asked":    {"{user: max}", "{requester_choice: true}", "chains.reception.steps.a.who[1].requester_choice no_choices"},
		"choice_of_a_role":    {"{user: max}", "{requester_choice: true, role: staff}", "chains.reception.steps.a.who[1].requester_choice no_choices"},
		"clock":               {"clock: working", "clock: sand", "chains.reception.steps.a.due.clock oneof"},
		"span":                {"after: 1d", "after: 1 day", "chains.reception.steps.a.due.after bad_span"},
		"span_too_long":       {"after: 1d", "after: 999d", "chains.reception.steps.a.due.after between"},
		"on_due":              {"clock: working}", "clock: working}, on_due: panic", "chains.reception.steps.a.on_due oneof"},
		"on_due_without_time": {"due: {after: 1d, clock: working}", "on_due: escalate", "chains.reception.steps.a.due.after required"},
		"self_approval":       {"self_approval: forbid", "self_approval: allow", "chains.reception.rules.self_approval oneof"},
		"on_refusal_mode":     {"self_approval: forbid", "on_refusal: {most: end}", "chains.reception.rules.on_refusal.most unknown_field"},
		"on_refusal":          {"self_approval: forbid", "on_refusal: {any: majority}", "chains.reception.rules.on_refusal.any oneof"},
		"after_return":        {"self_approval: forbid", "after_return: cry", "chains.reception.rules.after_return oneof"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := policyOf(good)
			list, faults := publish(body)
			require.Empty(t, list, "%v", faults)
			require.Contains(t, body, tc.old)
			list, _ = publish(strings.Replace(body, tc.old, tc.changed, 1))
			require.Contains(t, list, tc.want)
		})
	}
}

// Every approval is asked for by a process, and none of them lets its requester choose people.
func TestCheck_lets_no_chain_leave_a_step_to_the_requester(t *testing.T) {
	t.Parallel()
	for _, name := range Subjects() {
		list, faults := publish("kind: approval\nchains:\n  " + name +
			":\n    select: [{when: \"true\", steps: [a]}]\n    steps: {a: {who: [{requester_choice: true}, {user: sue}]}}\n")
		require.Equal(t, []string{"chains." + name + ".steps.a.who[0].requester_choice no_choices"}, list)
		require.Equal(t, name, faults[0].Args["name"])
	}
	d, faults := Parse([]byte(policyOf(`
		select: [{when: "true", steps: [a]}]
		steps: {a: {who: [{requester_choice: true}]}}`)))
	require.Empty(t, faults)
	_, err := Compile(d, 1)
	require.NoError(t, err, "a version that was published before goes on")
}

func TestDocument_survives_storage(t *testing.T) {
	t.Parallel()
	d, faults := Parse([]byte(shipped(t)))
	require.Empty(t, faults)
	stored, err := json.Marshal(d)
	require.NoError(t, err)
	again, faults := Parse(stored)
	require.Empty(t, faults)
	require.Equal(t, d, again, "as JSON")
	var decoded Document
	require.NoError(t, json.Unmarshal(stored, &decoded))
	require.Equal(t, d, decoded)
	yaml, err := policy.Render(d)
	require.NoError(t, err)
	again, faults = Parse(yaml)
	require.Empty(t, faults)
	require.Equal(t, d, again, "as canonical YAML")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shipped(f)))
	f.Add([]byte(policyOf("\t\tselect: [{when: 'true', steps: [a]}]\n\t\tsteps: {a: {mode: vote, percent: 9, who: [{cel: '[\"x\"]'}]}}")))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, faults := Parse(body)
		if len(faults) > 0 || len(d.Check(Refs{Roles: roles, Org: company(), At: monday})) > 0 {
			return
		}
		p, err := Compile(d, 1)
		require.NoError(t, err, "what may be published can be compiled")
		for _, name := range p.Names() {
			_, _, err := p.chains[name].New(Request{Requester: "ann"}, monday, Env{Org: company()})
			if code := errs.CodeOf(err); err != nil && code != errs.Invalid {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

func TestCheck_is_bounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 60 {
		b.WriteString("    - {when: reception.budget_total > " + strings.Repeat("9", 1+i%9) + string(rune('0'+i%10)) +
			" && reception.visitors > " + strings.Repeat("8", 1+i%8) + string(rune('0'+i%10)) +
			` && reception.kind == "company_visit" && reception.level == "vip" && client.class == "S", steps: [a]}` + "\n")
	}
	list, _ := publish("kind: approval\nchains:\n  reception:\n    select:\n" + b.String() +
		"    - {when: \"true\", steps: [a]}\n    steps: {a: {who: [{user: sue}, {user: max}]}}\n")
	require.Equal(t, []string{"chains.reception check_too_large"}, list)
}
