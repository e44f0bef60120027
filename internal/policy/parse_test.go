package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

func TestParseSLA_reads_JSON_as_the_same_document(t *testing.T) {
	t.Parallel()
	want := defaultSLA(t)
	compact, err := json.Marshal(want)
	require.NoError(t, err)
	indented, err := json.MarshalIndent(want, "", "\t")
	require.NoError(t, err)
	for _, body := range [][]byte{compact, indented} {
		got, faults := policy.ParseSLA(body)
		require.Empty(t, faults)
		require.Equal(t, want, got)
	}
}

func TestParseSLA_reports_every_fault_of_structure_with_its_place(t *testing.T) {
	t.Parallel()
	_, faults := policy.ParseSLA([]byte(`kind: sla
calender: cn
rules:
  - when: true
    milestones:
      - {name: first_response, target: 10 minutes, warn_at: ["50%", "150%"]}
      - first_response
handover: {target: 15, bounces_before_adjudication: "2"}
ladder: breach
`))
	const fields = "kind, version, calendar, priority, rules, handover, update_every, waiting, confirmation, reopen, extension, ladder"
	require.Equal(t, []errs.Field{
		{Field: "calender", Code: "unknown_field", Args: errs.Args("name", "calender", "known", fields, "line", "2", "column", "1")},
		{Field: "rules[0].when", Code: "wrong_type", Args: errs.Args("want", "text", "got", "boolean", "line", "4", "column", "11")},
		{Field: "rules[0].milestones[0].target", Code: "bad_span", Args: errs.Args("value", "10 minutes", "line", "6", "column", "40")},
		{Field: "rules[0].milestones[0].warn_at[1]", Code: "bad_warning", Args: errs.Args("value", "150%", "line", "6", "column", "69")},
		{Field: "rules[0].milestones[1]", Code: "wrong_type", Args: errs.Args("want", "object", "got", "text", "line", "7", "column", "9")},
		{Field: "handover.target", Code: "wrong_type", Args: errs.Args("want", "duration", "got", "integer", "line", "8", "column", "20")},
		{Field: "handover.bounces_before_adjudication", Code: "wrong_type", Args: errs.Args("want", "integer", "got", "text", "line", "8", "column", "53")},
		{Field: "ladder", Code: "wrong_type", Args: errs.Args("want", "list", "got", "text", "line", "9", "column", "9")},
	}, faults)
}

func TestParseSLA_reports_a_syntax_error_with_its_line(t *testing.T) {
	t.Parallel()
	_, faults := policy.ParseSLA([]byte("kind: sla\nrules: [1\nladder: 2\n"))
	require.Equal(t, []string{"$ bad_yaml"}, at(faults))
	require.Equal(t, "3", faults[0].Args["line"])
	require.NotEmpty(t, faults[0].Args["detail"])
}

func TestParseSLA_refuses_a_body_without_a_document(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                             "$ required",
		"# nothing\n":                  "$ required",
		"hello":                        "$ wrong_type",
		"[]":                           "$ wrong_type",
		"a: *b":                        "$ yaml_feature",
		"<<: {kind: sla}":              "$ yaml_feature",
		"%YAML 1.2\n---\nkind: sla":    "$ yaml_feature",
		"? kind\n: sla":                "$ yaml_feature",
		"\"k\\u0001\": sla":            "$ control_character",
		"version: 9223372036854775808": "version wrong_type",
		"extension: {max: .nan}":       "extension.max wrong_type",
		"7: 1":                         "7 unknown_field",
		"\"kind\": sla\nkind: sla":     "$ bad_yaml",
	} {
		_, faults := policy.ParseSLA([]byte(body))
		require.Equal(t, []string{want}, at(faults), body)
	}
}

func TestParseSLA_takes_null_and_negative_numbers_for_what_they_are(t *testing.T) {
	t.Parallel()
	s, faults := policy.ParseSLA([]byte("kind: ~\nupdate_every: null\nrules: []\nversion: -3\nextension:\n"))
	require.Empty(t, faults)
	require.Equal(t, policy.SLA{Version: -3}, s)
}

func TestParseCalendar_reads_the_shipped_calendars(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"cn", "always"} {
		doc, faults := policy.ParseCalendar([]byte(document(t, "calendars/"+id+".yaml")))
		require.Empty(t, faults)
		require.Equal(t, id, doc.ID)
		_, err := calendar.New(doc)
		require.NoError(t, err)
	}
}

func TestParseCalendar_refuses_each_fault_with_its_path_and_code(t *testing.T) {
	t.Parallel()
	const body = `id: shop
time_zone: Europe/Berlin
week: {monday: ["09:00-12:00", "13:00-18:00"], saturday: []}
exceptions:
  - {from: 2026-02-15, to: 2026-02-23, closed: true, name: holiday}
  - {date: 2026-02-14, as: monday}
  - {date: 2026-12-31, hours: ["09:00-12:00"]}
covered_until: 2026-12-31
`
	_, faults := policy.ParseCalendar([]byte(body))
	require.Empty(t, faults)
	many := strings.Repeat(`"09:00-12:00", `, 48)
	for _, tt := range []struct{ old, replacement, path, code string }{
		{"id: shop", "id: ''", "id", "required"},
		{"Europe/Berlin", "Europe/Bärlin", "time_zone", "unknown_zone"},
		{"monday:", "mon:", "week.mon", "unknown_weekday"},
		{`["09:00-12:00", "13:00-18:00"]`, "[]", "week", "no_open_time"},
		{"09:00-12:00", "9-12", "week.monday[0]", "bad_interval"},
		{"13:00", "11:00", "week.monday[1]", "overlap"},
		{`["09:00-12:00", "13`, "[" + many + `"13`, "week.monday", "too_many"},
		{"as: monday", "as: mon", "exceptions[1].as", "unknown_weekday"},
		{"as: monday", "name: x", "exceptions[1]", "one_of"},
		{"2026-02-14", "2026-02-16", "exceptions[1]", "duplicate_date"},
		{"2026-02-14", "2026-02-30", "exceptions[1].date", "bad_date"},
		{"2026-02-23", "2026-02-13", "exceptions[0].to", "range_reversed"},
		{"covered_until: 2026-12-31", "covered_until: 2026", "covered_until", "wrong_type"},
		{"closed: true", "closed: yes please", "exceptions[0].closed", "wrong_type"},
		{"closed: true", "close: true", "exceptions[0].close", "unknown_field"},
		{"week: {", "week: [", "$", "bad_yaml"},
	} {
		_, faults := policy.ParseCalendar([]byte(change(t, body, tt.old, tt.replacement)))
		require.Equal(t, []string{tt.path + " " + tt.code}, at(faults), tt.replacement)
	}
}

func TestRender_of_the_shipped_documents_reads_as_policies_are_written(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	body, err := policy.Render(s)
	require.NoError(t, err)
	for _, line := range []string{
		"kind: sla",
		"    high: {high: P1, low: P2, medium: P1}",
		`  - when: "case.type == \"inquiry\""`,
		`      - {name: first_response, target: 10m, clock: working, warn_at: ["50%", "80%"]}`,
		`  - when: "true"`,
		"handover: {target: 15m, clock: working, bounces_before_adjudication: 2}",
		"confirmation: {window: 3d, clock: working}",
		"  - {on: warning, notify: [accountable, handler]}",
	} {
		require.Contains(t, strings.Split(string(body), "\n"), line, string(body))
	}
	again, faults := policy.ParseSLA(body)
	require.Empty(t, faults)
	require.Equal(t, s, again)

	doc, faults := policy.ParseCalendar([]byte(document(t, "calendars/cn.yaml")))
	require.Empty(t, faults)
	body, err = policy.Render(&doc)
	require.NoError(t, err)
	require.Contains(t, string(body), "  - {from: \"2026-02-15\", to: \"2026-02-23\", closed: true, name: 春节}\n")
	same, faults := policy.ParseCalendar(body)
	require.Empty(t, faults)
	require.Equal(t, doc, same)
}

func TestRender_refuses_what_no_document_can_hold(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	s.Rules[0].Milestones[0].WarnAt[0] = sla.Warning{}
	_, err := policy.Render(s)
	require.ErrorIs(t, err, sla.ErrWarning)
	_, err = policy.Render(map[string]any{"x": 1.5})
	require.ErrorContains(t, err, "x: a document cannot hold float64")
}

// Any document that a program can build and a text can spell survives being written and read.
func TestRender_and_ParseSLA_are_inverse(t *testing.T) {
	t.Parallel()
	printable := rapid.StringMatching(`[ -~\n\tà-ÿЀ-џ一-龥😀-😎\x{2028}#:"'{}\[\]&*!|>%@,?-]{0,12}`)
	texts := rapid.Custom(func(t *rapid.T) []string {
		return rapid.SliceOfN(printable, 1, 4).Draw(t, "texts")
	})
	span := rapid.Custom(func(t *rapid.T) sla.Span {
		if rapid.Bool().Draw(t, "days") {
			return sla.Span{Days: rapid.IntRange(0, 3660).Draw(t, "n")}
		}
		return sla.Span{Duration: time.Duration(rapid.Int64Range(0, int64(9*365*24*time.Hour)).Draw(t, "d"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return printable.Draw(t, name) }
		s := policy.SLA{
			Kind: text("kind"), Version: rapid.IntRange(-5, 1<<40).Draw(t, "version"), Calendar: text("calendar"),
			Priority: policy.Priority{
				Matrix:          map[string]map[string]string{text("impact"): {text("urgency"): text("priority")}},
				RaiseForClasses: texts.Draw(t, "classes"),
			},
			Rules: []policy.Rule{{When: text("when"), Milestones: []sla.Definition{{
				Name: text("name"), Target: span.Draw(t, "target"), Clock: sla.ClockKind(text("clock")), PausesIn: texts.Draw(t, "pauses"),
				WarnAt: []sla.Warning{{Percent: rapid.IntRange(1, 99).Draw(t, "percent")}, {Left: time.Duration(rapid.Int64Range(1, 1e15).Draw(t, "left"))}},
			}}}, {}},
			Handover:  policy.Handover{Target: span.Draw(t, "handover")},
			Extension: policy.Extension{Max: rapid.Int().Draw(t, "max")},
			Ladder:    []sla.Rung{{After: span.Draw(t, "after"), Notify: texts.Draw(t, "notify")}},
		}
		body, err := policy.Render(s)
		require.NoError(t, err)
		again, faults := policy.ParseSLA(body)
		require.Empty(t, faults, string(body))
		require.Equal(t, s, again, string(body))
	})
}

func FuzzParseSLA(f *testing.F) {
	body := document(f, "sla/default.yaml")
	f.Add([]byte(body))
	for _, tt := range faulty {
		f.Add([]byte(change(f, body, tt.old, tt.replacement)))
	}
	asJSON, err := json.Marshal(defaultSLA(f))
	require.NoError(f, err)
	f.Add(asJSON)
	f.Fuzz(func(t *testing.T, body []byte) {
		s, faults := policy.ParseSLA(body)
		if len(faults) > 0 {
			return
		}
		rendered, err := policy.Render(s)
		require.NoError(t, err)
		again, faults := policy.ParseSLA(rendered)
		require.Empty(t, faults, string(rendered))
		require.Equal(t, s, again, string(rendered))
		if len(s.Check(shipped)) == 0 {
			c, err := policy.CompileSLA(s)
			require.NoError(t, err)
			_, defs := c.Match(policy.CaseFacts{})
			require.NotEmpty(t, defs)
		}
	})
}

func FuzzParseCalendar(f *testing.F) {
	for _, id := range []string{"cn", "always"} {
		f.Add([]byte(document(f, "calendars/"+id+".yaml")))
	}
	f.Add([]byte(`{"id": "x", "time_zone": "UTC", "week": {"friday": ["22:00-06:00"], "sunday": null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, faults := policy.ParseCalendar(body)
		if len(faults) > 0 {
			return
		}
		_, err := calendar.New(doc)
		require.NoError(t, err)
		rendered, err := policy.Render(doc)
		require.NoError(t, err)
		again, faults := policy.ParseCalendar(rendered)
		require.Empty(t, faults, string(rendered))
		require.Equal(t, doc, again, string(rendered))
	})
}
