package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/policies"
)

func shippedClassification(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("classification/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func TestClassificationPolicyIsPublishedCheckedAndReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/v1/policies/classification"
	problem(t, w.do("boss", "GET", path, ""), http.StatusNotFound, "not_found")
	yaml := []string{"Content-Type", "application/yaml"}
	v := object(t, w.do("boss", "POST", path+"/versions?dry_run=true", shippedClassification(t), yaml...), http.StatusOK)
	require.Equal(t, true, v["valid"])
	require.Empty(t, w.policies)
	res := w.do("boss", "POST", path+"/versions?note=first", shippedClassification(t), yaml...)
	require.Equal(t, path+"/versions/1", res.Header.Get("Location"))
	require.Equal(t, "classification", object(t, res, http.StatusCreated)["kind"])
	v = object(t, w.do("agent", "GET", path, ""), http.StatusOK)
	require.Contains(t, v["document"].(map[string]any)["criteria"], "strategic_fit")
	require.Len(t, object(t, w.do("agent", "GET", path+"/versions", ""), http.StatusOK)["items"], 1)

	text := bodyText(t, w.do("boss", "GET", path+"/versions/1", "", "Accept", "application/yaml"))
	object(t, w.do("boss", "POST", path+"/versions", text, yaml...), http.StatusCreated)
	require.Len(t, w.policies, 2)
	require.JSONEq(t, string(w.policies[0].Body), string(w.policies[1].Body), "as YAML it can be published again")
	problem(t, w.do("agent", "POST", path+"/versions", shippedClassification(t), yaml...), http.StatusForbidden, "forbidden")
}

func TestClassificationPolicyNamesAChainOfTheApprovalPolicyInForce(t *testing.T) {
	t.Parallel()
	w := withHierarchy(t)
	const path = "/api/v1/policies/classification/versions"
	yaml := []string{"Content-Type", "application/yaml"}
	decidedBy := func(chain string) string {
		require.Contains(t, shippedClassification(t), "chain: classification")
		return strings.Replace(shippedClassification(t), "chain: classification", "chain: "+chain, 1)
	}
	object(t, w.do("boss", "POST", path, decidedBy("nobody"), yaml...), http.StatusCreated) // no chain is known yet
	object(t, w.do("boss", "POST", "/api/v1/policies/approval/versions", shippedApproval(t), yaml...), http.StatusCreated)
	p := problem(t, w.do("boss", "POST", path, decidedBy("nobody"), yaml...), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"chain:no_chain"}, p.faults())
	require.Contains(t, p.Errors[0].Message, "reception")
	object(t, w.do("boss", "POST", path, decidedBy("reception"), yaml...), http.StatusCreated)
}

func TestEveryFaultOfAClassificationPolicyHasItsPathAndAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, locale := range i18n.Locales() {
		publish := func(changes ...string) problemDoc {
			text := shippedClassification(t)
			for i := 0; i < len(changes); i += 2 {
				require.Contains(t, text, changes[i])
				text = strings.Replace(text, changes[i], changes[i+1], 1)
			}
			res := w.do("boss", "POST", "/api/v1/policies/classification/versions", text, "Content-Type", "application/yaml", "Accept-Language", locale)
			p := problem(t, res, http.StatusUnprocessableEntity, "invalid")
			for _, e := range p.Errors {
				require.NotEmpty(t, e.Message)
				require.NotContains(t, e.Message, "{{")
				require.NotContains(t, e.Message, "<no value>")
			}
			return p
		}
		p := publish("credit: {weight: 10, ", "credit: {weight: 12, ", "en: Credit, ", "", "from: 50000000,", "from: 10000000,",
			"A: 70", "A: 85", "B: 50", "B: 90", "hysteresis: 3", "hysteresis: 30", "criterion: strategic_fit", "criterion: fit",
			"above: B", "above: S", "plan: year", "plan: month", "A: 75", "A: 74", `chain: classification`, `chain: ""`)
		require.Equal(t, []string{
			"criteria.credit.label.en:required", "criteria.revenue.bands[2].from:more_than", "criteria:not_hundred",
			"thresholds.A:less_than", "thresholds.B:less_than", "hysteresis:between", "gate.criterion:oneof", "gate.above:oneof",
			"classes.A.plan:oneof", "abc:not_hundred", "chain:required",
		}, p.faults())
		p = publish("review_every: 3mo", "review_every: quarterly", "  C: {review_every", "  D: {review_every")
		require.Equal(t, []string{"classes.S.review_every:bad_period", "classes.D:unknown_field"}, p.faults())
		require.Contains(t, p.Errors[0].Message, "quarterly")
	}
	require.Empty(t, w.policies)
}
