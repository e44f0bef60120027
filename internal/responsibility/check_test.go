package responsibility_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/policies"
)

var refs = responsibility.Refs{Roles: []string{"account_manager", "director"}}

func shipped(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("responsibility/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func document(t testing.TB, text string) responsibility.Document {
	t.Helper()
	d, faults := responsibility.Parse([]byte(text))
	require.Empty(t, faults)
	return d
}

func compiled(t testing.TB, text string) *responsibility.Policy {
	t.Helper()
	p, err := responsibility.Compile(document(t, text), 3)
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

// TestDefault_matrix_is_the_nine_rows spells the table of the requirements out (D-24): AM account manager, PM product
// manager, RMM regional maintenance manager, OD office director, AA administrative assistant, SDD sales deputy director, PDD
// product deputy director, TSA technical-support assistant, CRD client-representative management department.
func TestDefault_matrix_is_the_nine_rows(t *testing.T) {
	t.Parallel()
	short := map[string]string{
		"account_manager": "AM", "product_manager": "PM", "regional_maintenance_manager": "RMM", "office_director": "OD",
		"administrative_assistant": "AA", "sales_deputy_director": "SDD", "product_deputy_director": "PDD",
		"technical_support_assistant": "TSA", "client_representative": "CRD",
	}
	const sales = "AM→SDD; PM→PDD; RMM→TSA"
	p := compiled(t, shipped(t))
	require.Len(t, p.Posts(), len(short))
	want := map[string][]string{
		"direct_feedback":      {"客户意见直接反馈", "Opinion feedback form", "AM", "PM, RMM", "CRD", "PDD, TSA", "AM→OD and AA; PM→PDD; RMM→TSA"},
		"assessment":           {"客户关系评估与分析", "Assessment and analysis report", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
		"planning":             {"客户关系规划", "Improvement design and implementation plan", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
		"new_relations":        {"建立新的客户关系", "Summary of how design and plan were carried out; visit report", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
		"improvement":          {"改进已有的客户关系", "Summary of how design and plan were carried out; visit report", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
		"market_information":   {"市场信息收集与维护", "Accurate, timely market information", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
		"client_analysis":      {"客户分析", "", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
		"competitor_analysis":  {"竞争对手分析", "", "AM", "PM", "SDD", "PDD", "AM→SDD; PM→PDD"},
		"own_company_analysis": {"公司自身分析", "", "AM", "PM, RMM", "SDD", "PDD, TSA", sales},
	}
	require.Len(t, p.Items(), len(want))
	list := func(posts []string, sep string) string {
		var names []string
		for _, post := range posts {
			require.Contains(t, short, post)
			names = append(names, short[post])
		}
		return strings.Join(names, sep)
	}
	for name, row := range want {
		item, err := p.Item(name)
		require.NoError(t, err)
		var lines []string
		for _, r := range item.Reports {
			lines = append(lines, short[r.From]+"→"+list(r.To, " and "))
		}
		require.Equal(t, row, []string{
			p.ItemTitle(name, "zh-CN"), p.Output(name, "en"), short[item.Primary], list(item.Assistants, ", "), short[item.FirstMonitor],
			list(item.Monitors, ", "), strings.Join(lines, "; "),
		}, name)
	}
}

func TestDocument_that_ships_may_be_published_and_renders_as_itself(t *testing.T) {
	t.Parallel()
	d := document(t, shipped(t))
	require.Empty(t, d.Check(refs))
	stored, err := json.Marshal(d)
	require.NoError(t, err)
	var decoded responsibility.Document
	require.NoError(t, json.Unmarshal(stored, &decoded))
	require.Equal(t, d, decoded)
	body, err := policy.Render(d)
	require.NoError(t, err)
	again, faults := responsibility.Parse(body)
	require.Empty(t, faults)
	require.Equal(t, d, again)
}

func TestTitles_are_in_the_language_of_the_reader_else_in_English(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	require.Equal(t, 3, p.Version())
	require.Equal(t, "客户经理", p.Title("account_manager", "zh-CN"))
	require.Equal(t, "Account manager", p.Title("account_manager", "de"))
	require.Equal(t, "客户意见反馈单", p.Output(responsibility.DirectFeedback, "zh-CN"))
	require.Empty(t, p.Title("janitor", "en"))
	_, err := p.Item("cleaning")
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

// small is a matrix without faults that has everything; TEXT stands for a text in both languages.
const small = `kind: responsibility
posts:
  am: {title: TEXT, holder: {client: account_manager}}
  boss: {title: TEXT, holder: {manager_of: am}}
  helper: {title: TEXT}
  head: {title: TEXT, holder: {role: director}}
  voice: {title: TEXT, holder: {team_supervisor: client_representative}}
  expert: {title: TEXT, holder: {manager_of: helper}}
items:
  direct_feedback: {title: TEXT, output: TEXT, primary: am, assistants: [helper], first_monitor: voice, monitors: [expert, boss], reports: [{from: am, to: [head, boss]}, {from: voice, to: [head]}]}
  assessment: {title: TEXT, primary: am, first_monitor: boss}
  planning: {title: TEXT, primary: am, first_monitor: boss}
  improvement: {title: TEXT, primary: am, first_monitor: boss}
`

func texts(s string) string { return strings.ReplaceAll(s, "TEXT", "{en: words, zh-CN: 字}") }

// TestCheck_refuses_each_fault_at_its_place: each change of a sound matrix is exactly that fault.
func TestCheck_refuses_each_fault_at_its_place(t *testing.T) {
	t.Parallel()
	require.Empty(t, document(t, texts(small)).Check(refs))
	const feedback = "items.direct_feedback."
	long := strings.Repeat("字", 201)
	for _, tt := range []struct{ old, replacement, want string }{
		{"kind: responsibility", "", "kind required"},
		{"kind: responsibility", "kind: sla", "kind oneof"},
		{"kind: responsibility", "kind: responsibility\nversion: 1", "version version_given"},
		{"kind: responsibility", "kind: responsibility\nrows: []", "rows unknown_field"},

		{"  helper: {title: TEXT}", "  helper: {title: TEXT}\n  Clerk: {title: TEXT}", "posts.Clerk bad_name"},
		{"helper: {title: TEXT}", "helper: {}", "posts.helper.title.en required, posts.helper.title.zh-CN required"},
		{"helper: {title: TEXT}", "helper: {title: {en: Helper}}", "posts.helper.title.zh-CN required"},
		{"helper: {title: TEXT}", "helper: {title: {en: ' ', zh-CN: 助}}", "posts.helper.title.en required"},
		{"helper: {title: TEXT}", "helper: {title: {en: H, zh-CN: " + long + "}}", "posts.helper.title.zh-CN max"},
		{"helper: {title: TEXT}", "helper: {title: {en: H, zh-CN: 助, de: H}}", "posts.helper.title.de unknown_field"},
		{"{client: account_manager}", "{}", "posts.am.holder one_of"},
		{"{client: account_manager}", "{client: account_manager, role: director}", "posts.am.holder one_of"},
		{"{client: account_manager}", "{client: deputy}", "posts.am.holder.client oneof"},
		{"{role: director}", "{role: king}", "posts.head.holder.role oneof"},
		{"{team_supervisor: client_representative}", "{team_supervisor: ' '}", "posts.voice.holder.team_supervisor required"},
		{"{team_supervisor: client_representative}", "{team_supervisor: " + long + "}", "posts.voice.holder.team_supervisor max"},
		{"{manager_of: am}", "{manager_of: pm}", "posts.boss.holder.manager_of unknown_post"},
		{"{manager_of: am}", "{manager_of: boss}", "posts.boss.holder.manager_of post_circle"},
		{"{client: account_manager}", "{manager_of: boss}", "posts.am.holder.manager_of post_circle"},

		{"  planning:", "  plotting:", "items.planning required"},
		{"  improvement:", "  Improvement: {title: TEXT, primary: am, first_monitor: boss}\n  improvement:", "items.Improvement bad_name"},
		{"planning: {title: TEXT", "planning: {title: {zh-CN: 规划}", "items.planning.title.en required"},
		{"output: TEXT", "output: {en: Form}", feedback + "output.zh-CN required"},
		{"planning: {title: TEXT, primary: am", "planning: {title: TEXT", "items.planning.primary required"},
		{"planning: {title: TEXT, primary: am, first_monitor: boss", "planning: {title: TEXT, primary: am", "items.planning.first_monitor required"},
		{"primary: am, assistants", "primary: pm, assistants", feedback + "primary unknown_post, " + feedback + "reports[0].from no_part"},
		{"assistants: [helper]", "assistants: [helper, pm]", feedback + "assistants[1] unknown_post"},
		{"assistants: [helper]", "assistants: [helper, helper]", feedback + "assistants[1] duplicate"},
		{"assistants: [helper]", "assistants: [helper, am]", feedback + "assistants[1] duplicate"},
		{"assistants: [helper]", "assistants: helper", feedback + "assistants wrong_type"},
		{"first_monitor: voice", "first_monitor: pm", feedback + "first_monitor unknown_post, " + feedback + "reports[1].from no_part"},
		{"monitors: [expert, boss]", "monitors: [expert, '']", feedback + "monitors[1] required"},
		{"monitors: [expert, boss]", "monitors: [expert, pm]", feedback + "monitors[1] unknown_post"},
		{"monitors: [expert, boss]", "monitors: [expert, expert]", feedback + "monitors[1] duplicate"},
		{"monitors: [expert, boss]", "monitors: [expert, voice]", feedback + "monitors[1] duplicate"},
		{"monitors: [expert, boss]", "monitors: [" + strings.Repeat("boss, ", 21) + "]", feedback + "monitors too_many"},

		{"monitors: [expert, boss]", "monitors: [expert, helper]", feedback + "monitors[1] monitor_is_doer"},
		{"monitors: [expert, boss]", "monitors: [am, boss]", feedback + "monitors[0] monitor_is_doer"},
		{"first_monitor: voice", "first_monitor: helper", feedback + "first_monitor monitor_is_doer, " + feedback + "reports[1].from no_part"},
		{"planning: {title: TEXT, primary: am, first_monitor: boss", "planning: {title: TEXT, primary: am, first_monitor: am", "items.planning.first_monitor monitor_is_doer"},

		{"{from: voice, to: [head]}", "{to: [head]}", feedback + "reports[1].from required"},
		{"{from: voice, to: [head]}", "{from: pm, to: [head]}", feedback + "reports[1].from unknown_post"},
		{"{from: voice, to: [head]}", "{from: head, to: [boss]}", feedback + "reports[1].from no_part"},
		{"{from: voice, to: [head]}", "{from: am, to: [expert]}", feedback + "reports[1].from duplicate"},
		{"{from: voice, to: [head]}", "{from: voice}", feedback + "reports[1].to required"},
		{"{from: voice, to: [head]}", "{from: voice, to: [head, pm]}", feedback + "reports[1].to[1] unknown_post"},
		{"{from: voice, to: [head]}", "{from: voice, to: [head, head]}", feedback + "reports[1].to[1] duplicate"},
		{"{from: voice, to: [head]}", "{from: voice, to: [head, voice]}", feedback + "reports[1].to[1] reports_to_itself"},
		{"{from: voice, to: [head]}", "{from: voice, to: [" + strings.Repeat("head, ", 21) + "]}", feedback + "reports[1].to too_many"},
	} {
		require.Contains(t, small, tt.old)
		d, faults := responsibility.Parse([]byte(texts(strings.Replace(small, tt.old, tt.replacement, 1))))
		if len(faults) == 0 {
			faults = d.Check(refs)
		}
		require.Equal(t, tt.want, strings.Join(at(faults), ", "), "%s → %s", tt.old, tt.replacement)
	}
}

func TestCheck_tells_all_faults_at_once(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"kind required", "version version_given", "posts required",
		"items.assessment required", "items.direct_feedback required", "items.improvement required", "items.planning required",
	}, at(responsibility.Document{Version: 1}.Check(refs)))
	text := strings.NewReplacer(
		"{role: director}", "{role: king}", "monitors: [expert, boss]", "monitors: [am, helper]", "{from: voice", "{from: expert",
	).Replace(small)
	faults := document(t, texts(text)).Check(refs)
	require.Equal(t, []string{
		"posts.head.holder.role oneof", "items.direct_feedback.monitors[0] monitor_is_doer", "items.direct_feedback.monitors[1] monitor_is_doer",
		"items.direct_feedback.reports[1].from no_part",
	}, at(faults))
	require.Equal(t, map[string]string{"name": "helper", "place": "assistants[0]"}, faults[2].Args, "the fault names the place")
}

func TestCheck_tells_of_each_circle_once(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("{client: account_manager}", "{manager_of: boss}", "{role: director}", "{manager_of: head}", "{manager_of: helper}", "{manager_of: am}").Replace(small)
	faults := document(t, texts(text)).Check(refs)
	require.Equal(t, []string{"posts.am.holder.manager_of post_circle", "posts.head.holder.manager_of post_circle"}, at(faults))
	require.Equal(t, "am, boss, am", faults[0].Args["posts"])
}

func TestCheck_bounds_what_a_document_may_hold(t *testing.T) {
	t.Parallel()
	d := document(t, texts(small))
	for i := range 100 {
		d.Posts[fmt.Sprintf("post%d", i)] = d.Posts["helper"]
		d.Items[fmt.Sprintf("item%d", i)] = d.Items["planning"]
	}
	require.Equal(t, []string{"posts too_many", "items too_many"}, at(d.Check(refs)))
}

func TestCompile_asks_for_what_assigning_needs_only(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]string{{"  planning:", "  plotting:"}, {"{role: director}", "{role: king}"}, {"helper: {title: TEXT}", "helper: {}"}} {
		_, err := responsibility.Compile(document(t, texts(strings.Replace(small, change[0], change[1], 1))), 1)
		require.NoError(t, err, change[1])
	}
	for _, change := range [][2]string{
		{"{manager_of: am}", "{manager_of: boss}"},
		{"{manager_of: am}", "{manager_of: pm}"},
		{"assistants: [helper]", "assistants: [pm]"},
		{"[head, boss]", "[head, pm]"},
		{"[expert, boss]", "[expert, helper]"},
	} {
		_, err := responsibility.Compile(document(t, texts(strings.Replace(small, change[0], change[1], 1))), 1)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), change[1])
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shipped(f)))
	f.Add([]byte(texts(small)))
	f.Add([]byte(`{"kind":"responsibility","posts":{"a":{"holder":{"manager_of":"b"}},"b":{"holder":{"manager_of":"a"}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, faults := responsibility.Parse(body)
		if len(faults) > 0 || len(d.Check(refs)) > 0 {
			return
		}
		p, err := responsibility.Compile(d, 1)
		require.NoError(t, err, "what may be published can be compiled")
		rendered, err := policy.Render(d)
		require.NoError(t, err)
		again, faults := responsibility.Parse(rendered)
		require.Empty(t, faults)
		require.Equal(t, d, again)
		for _, item := range p.Items() {
			require.NotEmpty(t, p.ItemTitle(item, "xx"))
			a, err := p.Assign(item, nil, office())
			require.NoError(t, err)
			sound(t, office(), a)
		}
	})
}
