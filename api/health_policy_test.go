package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/policies"
)

func shippedPolicyOf(t testing.TB, kind string) string {
	t.Helper()
	body, err := policies.FS.ReadFile(kind + "/default.yaml")
	require.NoError(t, err)
	return string(body)
}

// publishChanged publishes the shipped policy of the kind with pairs of texts replaced, and returns the refusal.
func publishChanged(t testing.TB, w *world, kind string, changes ...string) problemDoc {
	t.Helper()
	text := shippedPolicyOf(t, kind)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i])
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	res := w.do("boss", "POST", "/api/v1/policies/"+kind+"/versions", text, "Content-Type", "application/yaml")
	p := problem(t, res, http.StatusUnprocessableEntity, "invalid")
	require.Empty(t, w.policies)
	return p
}

func TestPoliciesOfHealthAndResponsibilityArePublishedCheckedAndReadBack(t *testing.T) {
	t.Parallel()
	for kind, part := range map[string]string{"health": "rules", "responsibility": "items"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := "/api/v1/policies/" + kind
			problem(t, w.do("boss", "GET", path, ""), http.StatusNotFound, "not_found")
			yaml := []string{"Content-Type", "application/yaml"}
			v := object(t, w.do("boss", "POST", path+"/versions?dry_run=true", shippedPolicyOf(t, kind), yaml...), http.StatusOK)
			require.Equal(t, true, v["valid"])
			require.Empty(t, w.policies)
			res := w.do("boss", "POST", path+"/versions", shippedPolicyOf(t, kind), yaml...)
			require.Equal(t, kind, object(t, res, http.StatusCreated)["kind"])
			v = object(t, w.do("agent", "GET", path, ""), http.StatusOK)
			require.NotEmpty(t, v["document"].(map[string]any)[part])

			text := bodyText(t, w.do("boss", "GET", path+"/versions/1", "", "Accept", "application/yaml"))
			object(t, w.do("boss", "POST", path+"/versions", text, yaml...), http.StatusCreated)
			require.Len(t, w.policies, 2)
			require.JSONEq(t, string(w.policies[0].Body), string(w.policies[1].Body), "as YAML it can be published again")
			problem(t, w.do("agent", "POST", path+"/versions", shippedPolicyOf(t, kind), yaml...), http.StatusForbidden, "forbidden")
		})
	}
}

func TestEveryFaultOfAHealthPolicyHasItsPathAndAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := publishChanged(t, w, "health", "within: 15mo", "within: 15 months")
	require.Equal(t, []string{"rules.relation.within:bad_period"}, p.faults())
	require.Contains(t, p.Errors[0].Message, "3mo")
	p = publishChanged(t, w, "health", "base: 60", "base: 600", "points: -3, within: 90d", "points: 3, within: 90d", "fact: case_in_time", "fact: complaint_opened")
	require.Equal(t, []string{
		"base:between", "rules.case_in_time.points:between", "rules.complaint.fact:duplicate", "rules.contact_missed.points:between",
	}, p.faults())
}
