package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// withHierarchy gives the world the people whom the shipped approval policy asks for.
func withHierarchy(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	person := func(name string, manager string, roles ...models.Role) string {
		userID := id.Derive(id.User, "world", name)
		u := models.User{ID: userID, Username: name, DisplayName: name, Locale: i18n.English, Roles: roles, Active: true, Version: 1}
		if manager != "" {
			u.ManagerID = &manager
		}
		w.users.put(userID, u)
		return userID
	}
	director := person("director", "", models.RoleDirector)
	for name, role := range map[string]models.Role{"boss": models.RoleManager, "clerk": models.RoleReceptionClerk, "money": models.RoleFinance} {
		person(name, director, role)
	}
	person("second", director, models.RoleDirector)
	return w
}

func shippedApproval(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("approval/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func TestApprovalPolicyIsPublishedCheckedAndReadBack(t *testing.T) {
	t.Parallel()
	w := withHierarchy(t)
	const path = "/api/v1/policies/approval"
	problem(t, w.do("boss", "GET", path, ""), http.StatusNotFound, "not_found")
	yaml := []string{"Content-Type", "application/yaml"}
	v := object(t, w.do("boss", "POST", path+"/versions?dry_run=true", shippedApproval(t), yaml...), http.StatusOK)
	require.Equal(t, true, v["valid"])
	require.Empty(t, w.policies)
	res := w.do("boss", "POST", path+"/versions?note=first", shippedApproval(t), yaml...)
	require.Equal(t, path+"/versions/1", res.Header.Get("Location"))
	require.Equal(t, "approval", object(t, res, http.StatusCreated)["kind"])
	v = object(t, w.do("agent", "GET", path, ""), http.StatusOK)
	require.Contains(t, v["document"].(map[string]any)["chains"], "extension")
	require.Len(t, object(t, w.do("agent", "GET", path+"/versions", ""), http.StatusOK)["items"], 1)

	text := bodyText(t, w.do("boss", "GET", path+"/versions/1", "", "Accept", "application/yaml"))
	object(t, w.do("boss", "POST", path+"/versions", text, yaml...), http.StatusCreated)
	require.Len(t, w.policies, 2)
	require.JSONEq(t, string(w.policies[0].Body), string(w.policies[1].Body), "as YAML it can be published again")
	problem(t, w.do("agent", "POST", path+"/versions", shippedApproval(t), yaml...), http.StatusForbidden, "forbidden")
}

func TestEveryFaultOfAnApprovalPolicyHasItsPathAndAWitness(t *testing.T) {
	t.Parallel()
	w := withHierarchy(t)
	publish := func(old, changed string) problemDoc {
		text := shippedApproval(t)
		require.Contains(t, text, old)
		res := w.do("boss", "POST", "/api/v1/policies/approval/versions", strings.Replace(text, old, changed, 1), "Content-Type", "application/yaml")
		return problem(t, res, http.StatusUnprocessableEntity, "invalid")
	}
	p := publish("mode: all\n", "mode: most\n        speed: 9\n")
	require.Equal(t, []string{"chains.reception.steps.finance_over_limit.speed:unknown_field"}, p.faults())
	require.Contains(t, p.Errors[0].Message, "line ")
	p = publish("{role: finance}", "{role: king}, {cel: 'reception.budget_total'}")
	require.ElementsMatch(t, []string{
		"chains.reception.steps.finance_over_limit.who[0].role:role", "chains.reception.steps.finance_over_limit.who[1].cel:not_people",
	}, p.faults())
	p = publish(`when: reception.level == "vip" || client.class == "S"`, `when: reception.level == "vip" && reception.level == "standard"`)
	require.Equal(t, []string{"chains.reception.select[0].when:branch_unreachable"}, p.faults())
	require.True(t, strings.HasPrefix(p.Errors[0].Args["witness"], "reception.level="), p.Errors[0].Args)
	require.Contains(t, p.Errors[0].Message, p.Errors[0].Args["witness"])
	require.Empty(t, w.policies)
}

// TestEverythingThatApprovalsSayHasAText: the names are those of the constants of the engine.
func TestEverythingThatApprovalsSayHasAText(t *testing.T) {
	t.Parallel()
	texts, err := i18n.New()
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/approval/effects.go", nil, 0)
	require.NoError(t, err)
	keys := []string{
		"task." + models.TaskRead, "notification.approval_asked.title", "notification.approval_asked.body",
		"notification.approval_returned.title", "notification.approval_returned.body",
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		require.NoError(t, err)
		switch name := spec.Names[0].Name; {
		case strings.HasPrefix(name, "Event"):
			keys = append(keys, "timeline.approval."+value)
		case strings.HasPrefix(name, "Notice"):
			keys = append(keys, "notification.approval_"+value+".title", "notification.approval_"+value+".body")
		case strings.HasPrefix(name, "Task"):
			keys = append(keys, "task."+value)
		}
		return true
	})
	require.Greater(t, len(keys), 40)
	for _, locale := range i18n.Locales() {
		for _, key := range keys {
			_, found := texts.Lookup(locale, key, map[string]string{"number": "1", "chain": "c", "step": "s", "outcome": "o", "subject": "x"})
			require.True(t, found, key)
		}
	}
}
