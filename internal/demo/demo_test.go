package demo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/examples"
	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// dump is every row of the demo's tables as text.
func dump(t *testing.T, s *store.Store) []string {
	t.Helper()
	var rows []string
	require.NoError(t, s.DB().Raw(`SELECT to_jsonb(x)::text FROM users x UNION ALL SELECT to_jsonb(x)::text FROM teams x
		UNION ALL SELECT to_jsonb(x)::text FROM clients x UNION ALL SELECT to_jsonb(x)::text FROM contacts x
		UNION ALL SELECT to_jsonb(x)::text FROM resources x UNION ALL SELECT to_jsonb(x)::text FROM budgets x
		UNION ALL SELECT to_jsonb(x)::text FROM budget_entries x ORDER BY 1`).Scan(&rows).Error)
	return rows
}

func TestDemo_has_the_organisation_that_its_users_expect(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	org, err := s.Org(t.Context())
	require.NoError(t, err)
	names, ids := map[string]string{"": ""}, map[string]string{}
	for _, u := range org.Users {
		names[u.ID], ids[u.Username] = u.Username, u.ID
		require.True(t, u.Active)
		require.True(t, id.Valid(id.User, u.ID))
	}
	for _, team := range org.Teams {
		names[team.ID] = team.Name
	}
	type place struct{ team, manager string }
	got := map[string]place{}
	for _, u := range org.Users {
		got[u.Username] = place{names[u.TeamID], names[u.ManagerID]}
	}
	require.Equal(t, map[string]place{
		"director1": {}, "manager1": {"", "director1"},
		"supervisor1": {"hotline", "manager1"}, "supervisor2": {"backoffice", "manager1"},
		"agent1": {"hotline", "supervisor1"}, "agent2": {"hotline", "supervisor1"}, "agent3": {"hotline", "supervisor1"},
		"agent4": {"backoffice", "supervisor2"},
		"am1":    {"sales", "manager1"}, "am2": {"sales", "manager1"},
		"supervisor3": {"products", "manager1"}, "pm1": {"products", "supervisor3"},
		"supervisor4": {"maintenance", "manager1"}, "rmm1": {"maintenance", "supervisor4"}, "assistant1": {"", "manager1"},
		"clerk1": {"reception", "manager1"}, "clerk2": {"reception", "manager1"}, "finance1": {"", "manager1"},
		"auditor1": {}, "scheduler1": {}, "admin": {},
	}, got)
	require.Equal(t, "supervisor1", names[org.Supervisor(ids["agent1"])])
	require.Equal(t, "supervisor2", names[org.Supervisor(ids["agent4"])])
	for _, relation := range []string{"supervisor", "manager", "director", "client_representative"} {
		require.NotEmpty(t, org.Relation(relation, &models.CaseState{AssigneeID: ids["agent1"]}), "the default ladder tells %s", relation)
	}
	for _, name := range []string{"agent1", "scheduler1", "admin"} {
		_, _, _, err := s.Login(t.Context(), name, "demo")
		require.NoError(t, err)
	}
}

func TestDemo_has_twelve_clients_of_all_classes_that_can_be_reached(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	clients, _, err := s.Clients(t.Context(), models.ClientFilter{}, models.Page{})
	require.NoError(t, err)
	require.Len(t, clients, 12)
	classes := map[string]int{}
	for _, c := range clients {
		classes[c.Class]++
		require.NotNil(t, c.AccountManagerID)
		require.NotNil(t, c.Sales12m, c.Name)
		require.Equal(t, "CNY", c.Currency)
		contacts, _, err := s.Contacts(t.Context(), c.ID, models.Page{})
		require.NoError(t, err)
		require.NotEmpty(t, contacts)
		for _, p := range contacts {
			require.NotEmpty(t, p.Phone+p.Email, p.Name)
			if c.Class == "S" {
				require.NotEmpty(t, p.Role, p.Name)
				require.NotEmpty(t, p.Attitude, p.Name)
				require.NotNil(t, p.Influence, p.Name)
				require.NotNil(t, p.RelationStrength, p.Name)
				require.NotEmpty(t, p.KnownByIDs, p.Name)
			}
		}
	}
	require.Len(t, classes, 4)
}

func TestDemo_has_something_of_every_kind_to_book_and_money_for_every_type_of_cost(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	for _, kind := range models.ResourceKinds() {
		found, _, err := s.Resources(t.Context(), models.ResourceFilter{Kind: kind}, models.Page{})
		require.NoError(t, err)
		require.NotEmpty(t, found, kind)
		for _, r := range found {
			require.Empty(t, r.Faults(), r.Name)
		}
	}
	org, err := s.Org(t.Context())
	require.NoError(t, err)
	for _, team := range org.Teams {
		if team.Name != "sales" && team.Name != "reception" {
			continue
		}
		for _, cost := range models.CostTypes() {
			for _, day := range []time.Time{time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)} {
				found, _, err := s.Budgets(t.Context(), models.BudgetFilter{TeamID: team.ID, CostType: cost, On: &day}, models.Page{})
				require.NoError(t, err)
				require.Len(t, found, 1, "%s %s", team.Name, cost)
				require.Positive(t, found[0].Left())
			}
		}
	}
	require.NoError(t, s.Verify(t.Context(), nil, func(f store.Finding) error { return fmt.Errorf("%+v", f) }))
}

func TestDemo_loaded_again_changes_nothing(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	teams, _, err := s.Teams(t.Context(), models.Page{})
	require.NoError(t, err)
	teams[0].SupervisorID = nil // by hand, since the first start
	_, err = s.UpdateTeam(t.Context(), teams[0])
	require.NoError(t, err)
	before := dump(t, s)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	require.Equal(t, before, dump(t, s))
}

func TestDemo_continues_a_load_that_was_interrupted(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	half := examples.Demo[:bytes.Index(examples.Demo, []byte("  - {username: supervisor2"))]
	require.Error(t, demo.Load(t.Context(), s, half), "supervisor2 is not there yet")
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	whole := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), whole, examples.Demo))
	require.Len(t, dump(t, s), len(dump(t, whole)))
	org, err := s.Org(t.Context())
	require.NoError(t, err)
	for _, team := range org.Teams {
		require.NotEmpty(t, team.SupervisorID, team.Name)
	}
}

func TestDemo_refuses_unknown_fields_and_references(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, body := range []string{
		"passwort: demo",
		"users: [{username: a, locale: en, manager: nobody}]",
		"users: [{username: a, locale: en, team: nowhere}]",
		"users: [{username: a, locale: en, roles: [king]}]",
		"clients: [{name: a, class: S, status: active, account_manager: nobody}]",
		"clients: [{name: a, class: S, status: active, contacts: [{name: b, known_by: [nobody]}]}]",
		"resources: [{name: a, kind: boat}]",
		"budgets: [{team: nowhere, from: 2026-01-01, until: 2026-12-31, currency: CNY, control: weak, amounts: {meals: 1}}]",
		"budgets: [{team: nowhere, from: soon, until: 2026-12-31}]",
	} {
		require.Error(t, demo.Load(t.Context(), s, []byte(body)), body)
	}
}

func TestFirst_administrator_is_made_once_with_a_password_that_works(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	passwords := make([]string, 4)
	var g errgroup.Group
	for i := range passwords { // processes that start at once
		g.Go(func() (err error) {
			passwords[i], err = demo.EnsureAdmin(t.Context(), s)
			return err
		})
	}
	require.NoError(t, g.Wait())
	given := ""
	for _, p := range passwords {
		if p != "" {
			require.Empty(t, given, "only one is told a password")
			given = p
		}
	}
	_, _, u, err := s.Login(t.Context(), "admin", given)
	require.NoError(t, err)
	require.Equal(t, []models.Role{models.RoleAdmin}, u.Roles)
	again, err := demo.EnsureAdmin(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestDefault_policies_are_published_once_as_version_one(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	var g errgroup.Group
	for range 3 {
		g.Go(func() error { return demo.SeedPolicies(t.Context(), s) })
	}
	require.NoError(t, g.Wait())
	files, err := fs.Glob(policies.FS, "calendars/*.yaml")
	require.NoError(t, err)
	ids, err := s.CalendarIDs(t.Context())
	require.NoError(t, err)
	require.Len(t, ids, len(files))
	for _, name := range ids {
		v, err := s.LatestCalendar(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, 1, v.Version)
		var doc calendar.Document
		require.NoError(t, json.Unmarshal(v.Body, &doc))
		_, err = calendar.New(doc)
		require.NoError(t, err)
	}
	v, err := s.LatestPolicy(t.Context(), policy.KindSLA)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	require.Equal(t, models.System, v.PublishedBy)
	stored, faults := policy.ParseSLA(v.Body)
	require.Empty(t, faults)
	_, err = policy.CompileSLA(stored)
	require.NoError(t, err)

	v, err = s.LatestPolicy(t.Context(), approval.Kind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	chains, faults := approval.Parse(v.Body)
	require.Empty(t, faults)
	compiled, err := approval.Compile(chains, 1)
	require.NoError(t, err)
	require.Equal(t, approval.Subjects(), compiled.Names(), "every process that asks finds its chain")

	v, err = s.LatestPolicy(t.Context(), survey.Kind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	templates, faults := survey.Parse(v.Body)
	require.Empty(t, faults)
	book, err := survey.Compile(templates, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"case_resolved", "reception", "recovery", "relationship", "service_day"}, book.Names())

	v, err = s.LatestPolicy(t.Context(), campaign.Kind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	asked, faults := campaign.ParsePolicy(v.Body)
	require.Empty(t, faults)
	for event, f := range asked.FollowUps {
		require.Contains(t, book.Names(), f.Template, event)
	}

	v, err = s.LatestPolicy(t.Context(), health.PolicyKind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	counted, faults := health.Parse(v.Body)
	require.Empty(t, faults)
	scores, err := health.Compile(counted, 1)
	require.NoError(t, err)
	require.Equal(t, 60, scores.Score(nil, time.Now(), time.UTC).Points, "a client of whom nothing is known")

	v, err = s.LatestPolicy(t.Context(), responsibility.Kind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	rows, faults := responsibility.Parse(v.Body)
	require.Empty(t, faults)
	matrix, err := responsibility.Compile(rows, 1)
	require.NoError(t, err)
	require.Len(t, matrix.Items(), 9, "the nine rows of D-24")

	v, err = s.LatestPolicy(t.Context(), cadence.Kind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	rhythm, faults := cadence.ParsePolicy(v.Body)
	require.Empty(t, faults)
	require.Subset(t, matrix.Posts(), rhythm.Weekly.Posts, "U-13 asks posts that there are")

	v, err = s.LatestPolicy(t.Context(), classification.Kind)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	grades, faults := classification.Parse(v.Body)
	require.Empty(t, faults)
	_, err = classification.Compile(grades, 1)
	require.NoError(t, err)
}

func TestDefault_approval_policy_finds_its_people_in_the_demo(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	org, err := s.Org(t.Context())
	require.NoError(t, err)
	body, err := policies.FS.ReadFile("approval/default.yaml")
	require.NoError(t, err)
	doc, faults := approval.Parse(body)
	require.Empty(t, faults)
	require.Empty(t, doc.Check(approval.Refs{Roles: models.RoleNames(), Org: org.ForApprovals(), At: time.Now()}))
}

func TestDefault_responsibility_policy_finds_its_people_in_the_demo(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	require.NoError(t, demo.Load(t.Context(), s, examples.Demo))
	org, err := s.Org(t.Context())
	require.NoError(t, err)
	body, err := policies.FS.ReadFile("responsibility/default.yaml")
	require.NoError(t, err)
	doc, faults := responsibility.Parse(body)
	require.Empty(t, faults)
	matrix, err := responsibility.Compile(doc, 1)
	require.NoError(t, err)
	of := func(name string) string { return id.Derive(id.User, "demo", name) }
	posts := map[string]string{
		"product_manager": of("pm1"), "regional_maintenance_manager": of("rmm1"), "administrative_assistant": of("assistant1"),
	}
	for _, item := range matrix.Items() {
		who, err := matrix.Assign(item, posts, org.ForClient(of("am1")))
		require.NoError(t, err)
		require.Empty(t, who.Unfilled, item)
		monitor := of("manager1")
		if item == responsibility.DirectFeedback {
			monitor = of("supervisor2")
		}
		require.Equal(t, monitor, who.FirstMonitor, item)
		require.Contains(t, who.Monitors, of("supervisor3"), item)
	}
}
