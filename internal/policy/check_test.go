package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

func TestCheck_passes_the_shipped_policy(t *testing.T) {
	t.Parallel()
	require.Empty(t, defaultSLA(t).Check(shipped))
}

// faulty holds, for every code that a policy can be refused with, changes of the shipped policy that are exactly that fault.
var faulty = []struct{ old, replacement, path, code string }{
	// the document
	{"kind: sla\n", "", "kind", "required"},
	{"kind: sla", "kind: approval", "kind", "oneof"},
	{"kind: sla", "kind: sla\nversion: 3", "version", "version_given"},
	{"calendar: cn\n", "", "calendar", "required"},
	{"calendar: cn", "calendar: mars", "calendar", "unknown_calendar"},
	{"calendar: cn", "calender: cn", "calender", "unknown_field"},
	{"calendar: cn", "calendar: 7", "calendar", "wrong_type"},
	{"calendar: cn", "calendar: [cn]", "calendar", "wrong_type"},
	{"calendar: cn", `calendar: "c\u0000n"`, "calendar", "control_character"},
	{"calendar: cn", "calendar: &c cn", "$", "yaml_feature"},
	{"calendar: cn", "calendar: !!str cn", "$", "yaml_feature"},
	{"calendar: cn", "calendar: cn\ncalendar: cn", "$", "bad_yaml"},
	{"calendar: cn", "calendar: [cn", "$", "bad_yaml"},
	{"calendar: cn", "calendar: \"\xff\"", "$", "bad_yaml"},
	{"kind: sla", "---\nkind: sla\n---\nkind: sla", "$", "several_documents"},
	{"calendar: cn", "calendar: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), "$", "nested_too_deep"},
	{"calendar: cn", "calendar:\n  " + strings.Repeat("- ", 40) + "cn", "$", "nested_too_deep"},
	{"calendar: cn", "calendar: cn\n#" + strings.Repeat("x", 64<<10), "$", "document_too_large"},

	// the matrix
	{"high: {high: P1, medium: P1, low: P2}\n", "\n", "priority.matrix.high", "required"},
	{"medium: P3, ", "", "priority.matrix.medium.medium", "required"},
	{"low: P4", "low: P5", "priority.matrix.low.low", "oneof"},
	{"low: P4", "low: P4, none: P4", "priority.matrix.low.none", "unknown_field"},
	{"  raise_for", "    urgent: {low: P1}\n  raise_for", "priority.matrix.urgent", "unknown_field"},
	{"low: P4", "low: 4", "priority.matrix.low.low", "wrong_type"},
	{"[S, A]", "[S, D]", "priority.raise_for_classes[1]", "oneof"},
	{"[S, A]", "[S, S]", "priority.raise_for_classes[1]", "duplicate"},

	// conditions
	{`when: case.type == "inquiry"`, `when: ""`, "rules[0].when", "required"},
	{`when: case.type == "inquiry"`, `when: 'case.type == '`, "rules[0].when", "bad_condition"},
	{`when: case.type == "inquiry"`, `when: 'case.type == 1'`, "rules[0].when", "bad_condition"},
	{`when: case.type == "inquiry"`, `when: 'case.type.matches("i.*")'`, "rules[0].when", "bad_condition"},
	{`when: case.type == "inquiry"`, `when: 'case.type in {"inquiry": 1}'`, "rules[0].when", "bad_condition"},
	{`when: case.type == "inquiry"`, `when: 'case.typo == "inquiry"'`, "rules[0].when", "unknown_fact"},
	{`when: case.type == "inquiry"`, `when: 'case == "inquiry"'`, "rules[0].when", "unknown_fact"},
	{`when: case.type == "inquiry"`, `when: case.type`, "rules[0].when", "condition_not_boolean"},
	{`when: case.type == "inquiry"`, `when: 'case.type == "complain"'`, "rules[0].when", "impossible_value"},
	{`when: case.type == "inquiry"`, `when: '"inquery" != case.type'`, "rules[0].when", "impossible_value"},
	{`when: case.type == "inquiry"`, `when: 'case.channel in ["phone", "fax"]'`, "rules[0].when", "impossible_value"},
	{`when: case.type == "inquiry"`, `when: '!(client.class == "D")'`, "rules[0].when", "impossible_value"},
	{`when: case.type == "inquiry"`, `when: 'case.type == "inquiry" && case.type == "complaint"'`, "rules[0].when", "never_true"},
	{`when: case.type == "inquiry"`, `when: "false"`, "rules[0].when", "never_true"},
	{`when: case.type == "inquiry"`, `when: "true"`, "rules[0].when", "catch_all_early"},
	{`when: case.type == "inquiry"`, `when: true`, "rules[0].when", "wrong_type"},
	{`when: case.type == "inquiry"`, `when: 'case.priority in ["P1"]' `, "rules[1].when", "rule_unreachable"},
	{`when: "true"`, `when: case.priority == "P4"`, "rules[4].when", "catch_all_missing"},
	{`when: "true"`, `when: 'client.region == ""'`, "rules[4].when", "catch_all_missing"},

	// milestones
	{promise, promise + "\n      - {" + checkBack, "rules[0].milestones[1].name", "required"},
	{promise, promise + "\n      - {name: Check back, " + checkBack, "rules[0].milestones[1].name", "bad_name"},
	{promise, promise + "\n      - {name: handover, " + checkBack, "rules[0].milestones[1].name", "reserved"},
	{promise, promise + "\n      - {name: first_response, " + checkBack, "rules[0].milestones[1].name", "duplicate"},
	{"{name: resolution, target: 10m", "{name: solution, starts_on: recorded, stops_on: resolved, target: 10m", "rules[0].milestones", "milestone_missing"},
	{"target: 10m", "target: 0s", "rules[0].milestones[0].target", "not_positive"},
	{"target: 10m", "target: 999ms", "rules[0].milestones[0].target", "between"},
	{"target: 10m, ", "", "rules[0].milestones[0].target", "not_positive"},
	{"target: 10m", "target: 10min", "rules[0].milestones[0].target", "bad_span"},
	{"target: 10m", "target: -10m", "rules[0].milestones[0].target", "bad_span"},
	{"target: 10m", "target: 10", "rules[0].milestones[0].target", "wrong_type"},
	{"target: 10m", "target: 366d", "rules[0].milestones[0].target", "span_too_long"},
	{"target: 10m", "target: 8761h", "rules[0].milestones[0].target", "span_too_long"},
	{"clock: working, warn", "warn", "rules[0].milestones[0].clock", "required"},
	{"clock: working", "clock: office", "rules[0].milestones[0].clock", "oneof"},
	{`"50%", "80%"`, `"50%", "100%"`, "rules[0].milestones[0].warn_at[1]", "bad_warning"},
	{`"50%", "80%"`, `"0%", "80%"`, "rules[0].milestones[0].warn_at[0]", "bad_warning"},
	{`["50%", "80%"]`, `0.5`, "rules[0].milestones[0].warn_at", "wrong_type"},
	{`["50%", "80%"]`, `[50, "80%"]`, "rules[0].milestones[0].warn_at[0]", "wrong_type"},
	{`"50%", "80%"`, `"50%", 10m`, "rules[0].milestones[0].warn_at[1]", "warning_too_early"},
	{`"50%", "80%"`, `"50%", "50%"`, "rules[0].milestones[0].warn_at[1]", "duplicate"},
	{"[waiting_customer]", "[in_progress]", "rules[0].milestones[1].pauses_in[0]", "oneof"},
	{"[waiting_customer]", "[waiting_customer, waiting_customer]", "rules[0].milestones[1].pauses_in[1]", "duplicate"},
	{"new_cycle", "again", "rules[0].milestones[1].on_reopen", "oneof"},
	{"retroactive", "never", "rules[0].milestones[1].on_priority_change", "oneof"},
	{"target: 10m", "starts_on: received, target: 10m", "rules[0].milestones[0].starts_on", "oneof"},
	{"target: 10m", "stops_on: answered, target: 10m", "rules[0].milestones[0].stops_on", "oneof"},
	{"target: 10m", "stops_on: recorded, target: 10m", "rules[0].milestones[0].stops_on", "stops_as_it_starts"},
	{promise, promise + "\n      - {name: check_back, stops_on: noted, target: 1h, clock: working}", "rules[0].milestones[1].starts_on", "required"},
	{promise, promise + "\n      - {name: check_back, starts_on: noted, target: 1h, clock: working}", "rules[0].milestones[1].stops_on", "required"},

	// the intervals of the process
	{"{target: 15m", "{target: 0m", "handover.target", "not_positive"},
	{"15m, clock: working", "15m, clock: fast", "handover.clock", "oneof"},
	{"bounces_before_adjudication: 2", "bounces_before_adjudication: 0", "handover.bounces_before_adjudication", "between"},
	{"bounces_before_adjudication: 2", "bounces_before_adjudication: 2.5", "handover.bounces_before_adjudication", "wrong_type"},
	{"interval: 4h", "interval: 0h", "update_every.interval", "not_positive"},
	{"4h, clock: working}", "4h}", "update_every.clock", "required"},
	{"chaser: 1d", "chaser: 1ns", "waiting.chaser", "between"},
	{"chaser: 1d", "chaser: 0d", "waiting.chaser", "not_positive"},
	{"chaser: 1d, clock: working", "chaser: 1d", "waiting.clock", "required"},
	{"give_up_after: 3", "give_up_after: -1", "waiting.give_up_after", "between"},
	{"window: 3d", "window: 0d", "confirmation.window", "not_positive"},
	{"3d, clock: working}", "3d, clock: slow}", "confirmation.clock", "oneof"},
	{"reopen: {window: 7d", "reopen: {window: 1w", "reopen.window", "bad_span"},
	{"reopen: {window: 7d, clock: elapsed}", "reopen: {window: 7d}", "reopen.clock", "required"},
	{"give_up_after: 3", "give_up_after: 1001", "waiting.give_up_after", "between"},
	{"{max: 1", "{max: -1", "extension.max", "between"},
	{"extension: {", "extension: {limit: 1, ", "extension.limit", "unknown_field"},
	{"reopen: {window: 7d, clock: elapsed}", "reopen: 7d", "reopen", "wrong_type"},

	// the ladder
	{"{on: warning, ", "{", "ladder[0].on", "required"},
	{"{on: warning, ", "{on: error, ", "ladder[0].on", "oneof"},
	{"{on: warning, ", "{on: warning, after: 1h, ", "ladder[0].after", "after_without_breach"},
	{"after: 4h", "after: 30m", "ladder[3].after", "not_ascending"},
	{"after: 4h, ", "", "ladder[3].after", "not_ascending"},
	{"after: 4h", "after: -4h", "ladder[3].after", "bad_span"},
	{"after: 1h, clock: working", "after: 1h, clock: lunar", "ladder[2].clock", "oneof"},
	{"notify: [supervisor]", "notify: []", "ladder[1].notify", "required"},
	{"[accountable, handler]", "[accountable, boss]", "ladder[0].notify[1]", "oneof"},
	{"[accountable, handler]", "[handler, handler]", "ladder[0].notify[1]", "duplicate"},
	{"[accountable, handler]", "[accountable, null]", "ladder[0].notify[1]", "required"},
	{"task: supervise", "task: fix", "ladder[1].task", "oneof"},
}

const (
	promise   = `- {name: first_response, target: 10m, clock: working, warn_at: ["50%", "80%"]}`
	checkBack = "starts_on: noted, stops_on: escalated, target: 1h, clock: working}"
)

func TestCheck_refuses_each_fault_with_its_path_and_code(t *testing.T) {
	t.Parallel()
	body := document(t, "sla/default.yaml")
	for _, tt := range faulty {
		t.Run(tt.code+"/"+tt.path, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []string{tt.path + " " + tt.code}, at(publish(change(t, body, tt.old, tt.replacement))))
		})
	}
}

// values that no document can spell, but a program could build.
func TestCheck_refuses_values_that_no_text_spells(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*policy.SLA)
		want   []string
	}{
		"no matrix":         {func(s *policy.SLA) { s.Priority.Matrix = nil }, []string{"priority.matrix required"}},
		"no rules":          {func(s *policy.SLA) { s.Rules = nil }, []string{"rules required"}},
		"too many rules":    {func(s *policy.SLA) { s.Rules = slices.Repeat(s.Rules, 50) }, []string{"rules too_many"}},
		"negative span":     {func(s *policy.SLA) { s.Handover.Target.Duration = -time.Second }, []string{"handover.target bad_span"}},
		"days and hours":    {func(s *policy.SLA) { s.Reopen.Window = sla.Span{Days: 1, Duration: time.Hour} }, []string{"reopen.window bad_span"}},
		"negative rung":     {func(s *policy.SLA) { s.Ladder[3].After.Duration = -time.Second }, []string{"ladder[3].after bad_span"}},
		"warning of 0 %":    {func(s *policy.SLA) { s.Rules[0].Milestones[0].WarnAt[0] = sla.Warning{} }, []string{"rules[0].milestones[0].warn_at[0] bad_warning"}},
		"no milestones":     {func(s *policy.SLA) { s.Rules[1].Milestones = nil }, []string{"rules[1].milestones milestone_missing", "rules[1].milestones milestone_missing"}},
		"long condition":    {func(s *policy.SLA) { s.Rules[0].When = strings.Repeat(" ", 2000) + s.Rules[0].When }, []string{"rules[0].when bad_condition"}},
		"deep condition":    {func(s *policy.SLA) { s.Rules[0].When = strings.Repeat("(", 900) + "true" + strings.Repeat(")", 900) }, []string{"rules[0].when bad_condition"}},
		"no updates at all": {func(s *policy.SLA) { s.UpdateEvery = nil }, []string{}},
		"no warning at all": {func(s *policy.SLA) { s.Ladder = nil }, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := defaultSLA(t)
			tt.change(&s)
			require.Equal(t, tt.want, at(s.Check(shipped)))
		})
	}
}

func TestCheck_reports_all_faults_at_once_in_the_order_of_the_document(t *testing.T) {
	t.Parallel()
	body := document(t, "sla/default.yaml")
	for _, c := range [][2]string{
		{"calendar: cn", "calendar: mars"},
		{"low: P4", "low: P9"},
		{`when: case.priority == "P2"`, `when: 'case.typo == "P2" || case.kind == "x"'`},
		{"target: 30m", "target: 0m"},
		{`when: "true"`, "when: client.class == 'S'"},
		{"{max: 1", "{max: -1"},
		{"[manager]", "[nobody]"},
	} {
		body = change(t, body, c[0], c[1])
	}
	want := []string{
		"calendar unknown_calendar",
		"priority.matrix.low.low oneof",
		"rules[2].when unknown_fact",
		"rules[2].when unknown_fact",
		"rules[2].milestones[0].target not_positive",
		"rules[4].when catch_all_missing",
		"extension.max between",
		"ladder[2].notify[0] oneof",
	}
	for range 20 { // maps are in play: the order must not depend on theirs
		require.Equal(t, want, at(publish(body)))
	}
}

// Acceptance checks publish promises of a few seconds on the calendar that is always open.
func TestCheck_takes_seconds(t *testing.T) {
	t.Parallel()
	body := strings.NewReplacer("calendar: cn", "calendar: always", "10m", "3s", "4h", "6s", "1h", "2s", "15m", "1s", "80%", "1s").
		Replace(document(t, "sla/default.yaml"))
	require.Empty(t, publish(body))
}

func TestCheck_leaves_the_document_alone(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	s.Check(shipped)
	require.Equal(t, defaultSLA(t), s)
}

func TestCheck_says_where_in_a_condition_the_fault_is(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ when, code, line, column string }{
		{`case.typo == "x"`, "unknown_fact", "1", "5"},
		{"case.type == \"inquiry\"\n  && case.kind == \"x\"", "unknown_fact", "2", "10"},
		{`case.type ==`, "bad_condition", "1", "13"},
		{"case.type\n  == 1", "bad_condition", "2", "3"},
		{`case.priority in ["P1", "P7"]`, "impossible_value", "1", "25"},
		{`"P7" == case.priority`, "impossible_value", "1", "1"},
	} {
		s := defaultSLA(t)
		s.Rules[0].When = tt.when
		faults := s.Check(shipped)
		require.Len(t, faults, 1, tt.when)
		require.Equal(t, []string{tt.code, tt.line, tt.column}, []string{faults[0].Code, faults[0].Args["line"], faults[0].Args["column"]}, tt.when)
	}
}

func TestCheck_does_not_call_a_rule_unreachable_that_a_case_can_reach(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	s.Rules = slices.Insert(s.Rules, 1,
		policy.Rule{When: `case.priority == "P1" && client.region == "north"`, Milestones: s.Rules[0].Milestones},
		policy.Rule{When: `case.priority == "P1" && case.channel != "phone"`, Milestones: s.Rules[0].Milestones},
		policy.Rule{When: `case.category.startsWith("billing/")`, Milestones: s.Rules[0].Milestones},
	)
	require.Empty(t, s.Check(shipped))
}
