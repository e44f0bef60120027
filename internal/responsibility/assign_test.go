package responsibility_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// company is a small organisation: who is above whom, who left, who has which role, and who supervises which team.
type company struct {
	accountManager string
	above          map[string]string
	left           map[string]bool
	roles          map[string][]string
	teams          map[string]string
}

func (c company) AccountManager() string            { return c.accountManager }
func (c company) WithRole(role string) []string     { return c.roles[role] }
func (c company) TeamSupervisor(team string) string { return c.teams[team] }
func (c company) Active(user string) bool           { return user != "" && !c.left[user] }

func (c company) Manager(user string) string {
	m := c.above[user]
	for range len(c.above) {
		if m == "" || !c.left[m] {
			return m
		}
		m = c.above[m]
	}
	return ""
}

// office is an organisation in which every post of the shipped matrix can be filled.
func office() company {
	return company{
		accountManager: "ann",
		above: map[string]string{
			"ann": "sue", "sue": "olga", "pat": "dan", "dan": "olga", "rob": "tim", "tim": "olga", "olga": "max", "vera": "max",
		},
		left:  map[string]bool{},
		roles: map[string][]string{"director": {"olga", "max"}, "account_manager": {"ann", "bea"}},
		teams: map[string]string{"client_representative": "vera"},
	}
}

// staffed are the client's own people for the posts of the shipped matrix that have no holder.
func staffed() map[string]string {
	return map[string]string{"product_manager": "pat", "regional_maintenance_manager": "rob", "administrative_assistant": "ada"}
}

func assign(t require.TestingT, p *responsibility.Policy, item string, assigned map[string]string, c company) responsibility.Assignment {
	a, err := p.Assign(item, assigned, c)
	require.NoError(t, err)
	sound(t, c, a)
	return a
}

// sound holds what is true of every assignment.
func sound(t require.TestingT, c company, a responsibility.Assignment) {
	doers, monitors := a.Doers(), a.AllMonitors()
	everybody := slices.Concat(doers, monitors)
	for _, m := range monitors {
		require.NotContains(t, doers, m, "a monitor is never a doer")
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(everybody))), len(everybody), "nobody is listed twice")
	parts := len(a.Assistants) + len(a.Monitors)
	for _, u := range []string{a.Primary, a.FirstMonitor} {
		if u != "" {
			parts++
		}
	}
	require.Len(t, everybody, parts, "nobody is listed twice, nor an empty name")
	for _, u := range everybody {
		require.True(t, c.Active(u), "%s is active", u)
	}
	for post, u := range a.Posts {
		require.True(t, c.Active(u))
		require.NotContains(t, a.Unfilled, post)
	}
	holders := slices.Collect(maps.Values(a.Posts))
	for _, l := range a.Reports {
		require.NotEqual(t, l.From, l.To)
		require.Subset(t, holders, []string{l.From, l.To})
	}
}

func TestAssign_fills_the_posts_of_the_item(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	require.Equal(t, responsibility.Assignment{
		Item: "direct_feedback", Primary: "ann", Assistants: []string{"pat", "rob"}, FirstMonitor: "vera", Monitors: []string{"dan", "tim"},
		Reports: []responsibility.Line{{From: "ann", To: "olga"}, {From: "ann", To: "ada"}, {From: "pat", To: "dan"}, {From: "rob", To: "tim"}},
		Posts: map[string]string{
			"account_manager": "ann", "product_manager": "pat", "regional_maintenance_manager": "rob", "client_representative": "vera",
			"product_deputy_director": "dan", "technical_support_assistant": "tim", "office_director": "olga", "administrative_assistant": "ada",
		},
	}, assign(t, p, responsibility.DirectFeedback, staffed(), office()))

	a := assign(t, p, "competitor_analysis", staffed(), office())
	require.Equal(t, []any{"ann", []string{"pat"}, "sue", []string{"dan"}}, []any{a.Primary, a.Assistants, a.FirstMonitor, a.Monitors})
	require.Equal(t, []responsibility.Line{{From: "ann", To: "sue"}, {From: "pat", To: "dan"}}, a.Reports)

	bare := assign(t, p, responsibility.Planning, nil, office())
	require.Equal(t, []string{"product_manager", "regional_maintenance_manager", "product_deputy_director", "technical_support_assistant"}, bare.Unfilled)
	require.Equal(t, []any{"ann", "sue"}, []any{bare.Primary, bare.FirstMonitor})
	require.Equal(t, []responsibility.Line{{From: "ann", To: "sue"}}, bare.Reports)

	nobody := assign(t, p, responsibility.DirectFeedback, nil, company{})
	require.Equal(t, []string{
		"account_manager", "product_manager", "regional_maintenance_manager", "client_representative", "product_deputy_director",
		"technical_support_assistant", "office_director", "administrative_assistant",
	}, nobody.Unfilled)
	body, err := json.Marshal(assign(t, p, responsibility.Planning, nil, company{accountManager: "ann"}))
	require.NoError(t, err)
	require.JSONEq(t, `{"item":"planning","primary":"ann","posts":{"account_manager":"ann"},"unfilled":["product_manager",
		"regional_maintenance_manager","sales_deputy_director","product_deputy_director","technical_support_assistant"]}`, string(body))

	_, err = p.Assign("cleaning", nil, office())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestAssign_takes_the_clients_own_person_before_the_holder(t *testing.T) {
	t.Parallel()
	own := staffed()
	own["sales_deputy_director"], own["account_manager"] = "dan", "bea"
	a := assign(t, compiled(t, shipped(t)), responsibility.Planning, own, office())
	require.Equal(t, []string{"bea", "dan"}, []string{a.Primary, a.FirstMonitor})
	require.Equal(t, []string{"tim"}, a.Monitors, "the product deputy director has the first monitor's place already")
	require.Empty(t, a.Unfilled)
}

func TestAssign_replaces_who_left_by_the_holder_then_up_the_line(t *testing.T) {
	t.Parallel()
	p := compiled(t, texts(small))
	own := map[string]string{"am": "bea", "helper": "pat", "voice": "rob"}
	c := office()
	c.left = map[string]bool{"bea": true, "rob": true, "pat": true}
	a := assign(t, p, responsibility.DirectFeedback, own, c)
	require.Equal(t, "ann", a.Primary, "the holder of the post")
	require.Equal(t, "vera", a.FirstMonitor, "the holder of the post")
	require.Equal(t, []string{"dan"}, a.Assistants, "nobody holds the post: the manager of who left")
	require.Equal(t, "olga", a.Posts["expert"], "the manager of who stands in")

	c.left["ann"], c.left["sue"] = true, true
	a = assign(t, p, responsibility.Planning, own, c)
	require.Equal(t, "olga", a.Primary, "the nearest active manager")
	require.Equal(t, "max", a.FirstMonitor, "whose manager monitors")

	c.left["olga"], c.left["max"] = true, true
	a = assign(t, p, responsibility.Planning, own, c)
	require.Equal(t, []string{"am", "boss"}, a.Unfilled)
}

func TestAssign_takes_the_first_by_id_of_several_with_the_role(t *testing.T) {
	t.Parallel()
	p := compiled(t, texts(small))
	c := office()
	require.Equal(t, "max", assign(t, p, responsibility.DirectFeedback, nil, c).Posts["head"])
	c.left["max"] = true
	require.Equal(t, "olga", assign(t, p, responsibility.DirectFeedback, nil, c).Posts["head"])
}

func TestAssign_never_makes_a_doer_a_monitor(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	own := staffed()
	own["sales_deputy_director"] = "ann" // who is the account manager
	a := assign(t, p, responsibility.Planning, own, office())
	require.Equal(t, "sue", a.FirstMonitor, "her manager instead")
	require.Contains(t, a.Reports, responsibility.Line{From: "ann", To: "sue"})

	own["product_manager"] = "sue"
	a = assign(t, p, responsibility.Planning, own, office())
	require.Equal(t, "olga", a.FirstMonitor, "the nearest who has no part in doing it")

	c := office()
	c.above = map[string]string{"ann": "pat", "pat": "ann"}
	own = map[string]string{"product_manager": "pat"}
	a = assign(t, p, "competitor_analysis", own, c)
	require.Empty(t, a.FirstMonitor)
	require.Empty(t, a.Monitors)
	require.Equal(t, []string{"sales_deputy_director", "product_deputy_director"}, a.Unfilled, "nobody is left to monitor")
	require.Empty(t, a.Reports)
}

func TestAssign_lists_nobody_twice_and_lets_nobody_report_to_themselves(t *testing.T) {
	t.Parallel()
	p := compiled(t, shipped(t))
	own := map[string]string{"product_manager": "ann", "regional_maintenance_manager": "ann", "administrative_assistant": "ann"}
	a := assign(t, p, responsibility.DirectFeedback, own, office())
	require.Equal(t, "ann", a.Primary)
	require.Empty(t, a.Assistants)
	require.Equal(t, []string{"sue"}, a.Monitors)
	require.Equal(t, []responsibility.Line{{From: "ann", To: "olga"}, {From: "ann", To: "sue"}}, a.Reports)
	require.Empty(t, a.Unfilled)
}

// drawCompany draws an organisation of a few people, in which lines may be circles.
func drawCompany(t *rapid.T) (company, map[string]string) {
	people := []string{"", "a", "b", "c", "d", "e", "f"}
	one := func(label string) string { return rapid.SampledFrom(people).Draw(t, label) }
	c := company{
		accountManager: one("account manager"), above: map[string]string{}, left: map[string]bool{},
		roles: map[string][]string{"director": rapid.SliceOf(rapid.SampledFrom(people[1:])).Draw(t, "directors")},
		teams: map[string]string{"client_representative": one("representative")},
	}
	for _, u := range people[1:] {
		c.above[u] = one("above " + u)
		c.left[u] = rapid.IntRange(0, 3).Draw(t, u+" left") == 0
	}
	assigned := map[string]string{}
	for _, post := range slices.Concat([]string{"am", "boss", "helper", "head", "voice", "expert"}, []string{
		"account_manager", "product_manager", "regional_maintenance_manager", "sales_deputy_director", "product_deputy_director",
		"technical_support_assistant", "office_director", "administrative_assistant", "client_representative",
	}) {
		if rapid.Bool().Draw(t, post) {
			assigned[post] = one(post)
		}
	}
	return c, assigned
}

func TestLaw_in_no_organisation_is_a_monitor_a_doer(t *testing.T) {
	t.Parallel()
	matrices := []*responsibility.Policy{compiled(t, shipped(t)), compiled(t, texts(small))}
	rapid.Check(t, func(rt *rapid.T) {
		c, assigned := drawCompany(rt)
		p := rapid.SampledFrom(matrices).Draw(rt, "matrix")
		item := rapid.SampledFrom(p.Items()).Draw(rt, "item")
		a := assign(rt, p, item, assigned, c)
		row, err := p.Item(item)
		require.NoError(rt, err)
		posts := slices.Concat([]string{row.Primary, row.FirstMonitor}, row.Assistants, row.Monitors)
		for _, r := range row.Reports {
			posts = append(posts, r.To...)
		}
		for _, post := range posts {
			_, filled := a.Posts[post]
			require.NotEqual(rt, filled, slices.Contains(a.Unfilled, post), "%s is filled or said to be unfilled", post)
		}
		for _, post := range append([]string{row.Primary}, row.Assistants...) {
			if own := assigned[post]; c.Active(own) {
				require.Equal(rt, own, a.Posts[post], "the client's own person does it")
			}
		}
	})
}

func TestLaw_the_same_organisation_gives_the_same_assignment(t *testing.T) {
	t.Parallel()
	p := compiled(t, texts(small))
	rapid.Check(t, func(rt *rapid.T) {
		c, assigned := drawCompany(rt)
		first := assign(rt, p, responsibility.DirectFeedback, assigned, c)
		other := c
		other.roles = map[string][]string{"director": slices.Clone(c.roles["director"])}
		slices.Reverse(other.roles["director"])
		for range 5 {
			require.Equal(rt, first, assign(rt, p, responsibility.DirectFeedback, maps.Clone(assigned), other), fmt.Sprint(assigned))
		}
	})
}
