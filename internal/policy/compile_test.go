package policy_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

func compiled(t testing.TB) *policy.CompiledSLA {
	t.Helper()
	c, err := policy.CompileSLA(defaultSLA(t))
	require.NoError(t, err)
	return c
}

func TestPriority_follows_the_matrix_and_raises_S_and_A_one_step(t *testing.T) {
	t.Parallel()
	c := compiled(t)
	for _, tt := range []struct{ impact, urgency, ordinary, raised string }{
		{"high", "high", "P1", "P1"},
		{"high", "medium", "P1", "P1"},
		{"high", "low", "P2", "P1"},
		{"medium", "high", "P2", "P1"},
		{"medium", "medium", "P3", "P2"},
		{"medium", "low", "P3", "P2"},
		{"low", "high", "P3", "P2"},
		{"low", "medium", "P4", "P3"},
		{"low", "low", "P4", "P3"},
		{"none", "low", "", ""},
		{"low", "none", "", ""},
	} {
		for _, class := range []string{"B", "C", ""} {
			require.Equal(t, tt.ordinary, c.Priority(tt.impact, tt.urgency, class), "%s × %s for %q", tt.impact, tt.urgency, class)
		}
		for _, class := range []string{"S", "A"} {
			require.Equal(t, tt.raised, c.Priority(tt.impact, tt.urgency, class), "%s × %s for %q", tt.impact, tt.urgency, class)
		}
	}
}

func TestRaisePriority_stops_at_P1(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]string{"P4": "P3", "P3": "P2", "P2": "P1", "P1": "P1", "": "", "P5": "P5"} {
		require.Equal(t, want, policy.RaisePriority(p))
	}
}

// The table of the design, C-20 and C-21.
func TestMatch_gives_the_promises_of_the_shipped_policy(t *testing.T) {
	t.Parallel()
	c := compiled(t)
	for _, tt := range []struct {
		facts                     policy.CaseFacts
		rule                      int
		firstResponse, resolution string
	}{
		{policy.CaseFacts{Type: "inquiry", Priority: "P1"}, 0, "10m", "10m"},
		{policy.CaseFacts{Type: "inquiry", Priority: "P4", Class: "S"}, 0, "10m", "10m"},
		{policy.CaseFacts{Type: "complaint", Priority: "P1"}, 1, "10m", "4h"},
		{policy.CaseFacts{Type: "complaint", Priority: "P2"}, 2, "30m", "4h"},
		{policy.CaseFacts{Type: "complaint", Priority: "P3"}, 3, "1h", "8h"},
		{policy.CaseFacts{Type: "complaint", Priority: "P4", Category: "billing", Channel: "phone", Class: "C", Region: "north"}, 4, "4h", "3d"},
		{policy.CaseFacts{}, 4, "4h", "3d"},
	} {
		rule, defs := c.Match(tt.facts)
		require.Equal(t, tt.rule, rule)
		require.Len(t, defs, 2)
		first, resolution := defs[0], defs[1]
		require.Equal(t, []string{"first_response", tt.firstResponse, "recorded", "responded"},
			[]string{first.Name, first.Target.String(), first.StartsOn, first.StopsOn})
		require.Equal(t, []string{"resolution", tt.resolution, "recorded", "resolved"},
			[]string{resolution.Name, resolution.Target.String(), resolution.StartsOn, resolution.StopsOn})
		require.Equal(t, []string{"waiting_customer"}, resolution.PausesIn)
		for _, d := range defs {
			require.Equal(t, sla.Working, d.Clock)
			require.Equal(t, sla.ReopenNewCycle, d.OnReopen)
			require.Equal(t, sla.PriorityRetroactive, d.OnPriorityChange)
		}
	}
}

func TestMatch_takes_the_first_rule_that_holds(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	promises := s.Rules[0].Milestones
	s.Rules = nil
	for _, when := range []string{
		`case.category.startsWith("billing/") && !(client.region in ["north", "east"])`,
		`case.channel == "letter" ? client.class == "S" : case.category.endsWith("/urgent")`,
		`case.category.contains("/") || case.priority != "P4"`,
		"true",
	} {
		s.Rules = append(s.Rules, policy.Rule{When: when, Milestones: promises})
	}
	require.Empty(t, s.Check(shipped))
	c, err := policy.CompileSLA(s)
	require.NoError(t, err)
	for _, tt := range []struct {
		facts policy.CaseFacts
		rule  int
	}{
		{policy.CaseFacts{Category: "billing/urgent", Region: "south"}, 0},
		{policy.CaseFacts{Category: "billing/urgent", Region: "north"}, 1},
		{policy.CaseFacts{Channel: "letter", Class: "S", Priority: "P4"}, 1},
		{policy.CaseFacts{Channel: "letter", Class: "A", Priority: "P1"}, 2},
		{policy.CaseFacts{Category: "billing/late", Region: "east", Priority: "P4"}, 2},
		{policy.CaseFacts{Priority: "P4"}, 3},
	} {
		rule, _ := c.Match(tt.facts)
		require.Equal(t, tt.rule, rule, "%+v", tt.facts)
	}
}

// Whatever condition the language lets through, it answers for every case: Match has no error to return.
func TestMatch_always_finds_a_rule(t *testing.T) {
	t.Parallel()
	text := rapid.SampledFrom([]string{"case.type", "case.priority", "case.category", "case.channel", "client.class", "client.region", `"P1"`, `"inquiry"`, `""`, `"a\"中\n"`})
	var boolean func(depth int) *rapid.Generator[string]
	boolean = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			form := rapid.IntRange(0, 9).Draw(t, "form")
			if depth == 0 && form > 5 {
				form = 0
			}
			a, b := text.Draw(t, "a"), text.Draw(t, "b")
			switch form {
			case 0:
				return a + " == " + b
			case 1:
				return a + " != " + b
			case 2:
				return a + " in [" + b + ", " + a + "]"
			case 3:
				return a + rapid.SampledFrom([]string{".startsWith(", ".endsWith(", ".contains("}).Draw(t, "method") + b + ")"
			case 4:
				return "true"
			case 5:
				return a + " in []"
			case 6:
				return "!(" + boolean(depth-1).Draw(t, "not") + ")"
			case 7:
				return "(" + boolean(depth-1).Draw(t, "left") + " && " + boolean(depth-1).Draw(t, "right") + ")"
			case 8:
				return "(" + boolean(depth-1).Draw(t, "left") + " || " + boolean(depth-1).Draw(t, "right") + ")"
			default:
				return "(" + boolean(depth-1).Draw(t, "if") + " ? " + boolean(depth-1).Draw(t, "then") + " : " + boolean(depth-1).Draw(t, "else") + ")"
			}
		})
	}
	s := defaultSLA(t)
	word := rapid.SampledFrom([]string{"", "inquiry", "P1", "a", "S", "中"})
	rapid.Check(t, func(t *rapid.T) {
		when := boolean(3).Draw(t, "when")
		both := s
		both.Rules = []policy.Rule{{When: when}, {When: "!(" + when + ")"}, {When: "true"}}
		c, err := policy.CompileSLA(both)
		require.NoError(t, err, when)
		rule, _ := c.Match(policy.CaseFacts{
			Type: word.Draw(t, "type"), Priority: word.Draw(t, "priority"), Category: word.Draw(t, "category"),
			Channel: word.Draw(t, "channel"), Class: word.Draw(t, "class"), Region: word.Draw(t, "region"),
		})
		require.Less(t, rule, 2, "either a condition or its contrary holds: %s", when)
	})
}

func TestCompileSLA_refuses_what_it_cannot_decide_by(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*policy.SLA)
		want   []string
	}{
		"conditions": {func(s *policy.SLA) { s.Rules[1].When, s.Rules[2].When = "case.typo", "1 +" }, []string{"rules[1].when unknown_fact", "rules[2].when bad_condition"}},
		"catch-all":  {func(s *policy.SLA) { s.Rules = s.Rules[:2] }, []string{"rules[1].when catch_all_missing"}},
		"no rules":   {func(s *policy.SLA) { s.Rules = nil }, []string{"rules required"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := defaultSLA(t)
			tt.change(&s)
			_, err := policy.CompileSLA(s)
			var invalid *errs.Error
			require.True(t, errors.As(err, &invalid))
			require.Equal(t, errs.Invalid, invalid.Code)
			require.Equal(t, tt.want, at(invalid.Fields))
		})
	}
}

// A version that an older release published goes on to work when a newer one would ask for more.
func TestCompileSLA_takes_what_publication_would_refuse_today(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	s.Version, s.Ladder[0].Notify, s.Rules[0].When = 7, []string{"somebody"}, `case.type == "praise"`
	require.NotEmpty(t, s.Check(shipped))
	c, err := policy.CompileSLA(s)
	require.NoError(t, err)
	rule, _ := c.Match(policy.CaseFacts{Type: "praise"})
	require.Zero(t, rule)
}

func TestCompiledSLA_is_not_changed_by_its_source_nor_by_what_was_matched(t *testing.T) {
	t.Parallel()
	s := defaultSLA(t)
	c, err := policy.CompileSLA(s)
	require.NoError(t, err)
	same, err := policy.CompileSLA(defaultSLA(t))
	require.NoError(t, err)

	s.Priority.Matrix["high"]["high"] = "P4"
	delete(s.Priority.Matrix, "low")
	s.Priority.RaiseForClasses[0] = "C"
	s.Rules[0].When = "false"
	s.Rules[0].Milestones[1].PausesIn[0] = "closed"
	s.Rules[0].Milestones[0].WarnAt[0].Percent = 1
	s.UpdateEvery.Clock = sla.Elapsed
	s.Ladder[0].Notify[0] = "admin"
	s.Ladder[0].On = "breach"
	_, defs := c.Match(policy.CaseFacts{Type: "inquiry"})
	defs[1].PausesIn[0], defs[0].Name = "closed", "none"

	require.Equal(t, same.Document(), c.Document())
	require.Equal(t, "P1", c.Priority("high", "high", "B"))
}

func TestMatch_is_safe_for_concurrent_use(t *testing.T) {
	t.Parallel()
	c := compiled(t)
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 500 {
				rule, _ := c.Match(policy.CaseFacts{Type: "complaint", Priority: "P3"})
				require.Equal(t, 3, rule)
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	c := compiled(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Match(policy.CaseFacts{Type: "complaint", Priority: "P4", Category: "billing", Channel: "phone", Class: "C"})
	}
}

func BenchmarkCheck(b *testing.B) {
	s := defaultSLA(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Check(shipped)
	}
}
