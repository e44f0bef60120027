package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/policies"
)

func shippedSurveys(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("survey/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func TestSurveyPolicyIsPublishedCheckedAndReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/v1/policies/survey"
	problem(t, w.do("boss", "GET", path, ""), http.StatusNotFound, "not_found")
	yaml := []string{"Content-Type", "application/yaml"}
	v := object(t, w.do("boss", "POST", path+"/versions?dry_run=true", shippedSurveys(t), yaml...), http.StatusOK)
	require.Equal(t, true, v["valid"])
	require.Empty(t, w.policies)
	res := w.do("boss", "POST", path+"/versions?note=first", shippedSurveys(t), yaml...)
	require.Equal(t, path+"/versions/1", res.Header.Get("Location"))
	require.Equal(t, "survey", object(t, res, http.StatusCreated)["kind"])
	v = object(t, w.do("agent", "GET", path, ""), http.StatusOK)
	require.Contains(t, v["document"].(map[string]any)["templates"], "service_day")
	require.Len(t, object(t, w.do("agent", "GET", path+"/versions", ""), http.StatusOK)["items"], 1)

	text := bodyText(t, w.do("boss", "GET", path+"/versions/1", "", "Accept", "application/yaml"))
	object(t, w.do("boss", "POST", path+"/versions", text, yaml...), http.StatusCreated)
	require.Len(t, w.policies, 2)
	require.JSONEq(t, string(w.policies[0].Body), string(w.policies[1].Body), "as YAML it can be published again")
	problem(t, w.do("agent", "POST", path+"/versions", shippedSurveys(t), yaml...), http.StatusForbidden, "forbidden")
}

func TestEveryFaultOfASurveyPolicyHasItsPathAndAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publish := func(changes ...string) problemDoc {
		text := shippedSurveys(t)
		for i := 0; i < len(changes); i += 2 {
			require.Contains(t, text, changes[i])
			text = strings.Replace(text, changes[i], changes[i+1], 1)
		}
		res := w.do("boss", "POST", "/api/v1/policies/survey/versions", text, "Content-Type", "application/yaml")
		return problem(t, res, http.StatusUnprocessableEntity, "invalid")
	}
	p := publish("kind: csat\n", "kind: csat\n        colour: red\n")
	require.Equal(t, []string{"templates.case_resolved.questions[0].colour:unknown_field"}, p.faults())
	require.Contains(t, p.Errors[0].Message, "line ")
	p = publish("when: satisfaction <= 2", "when: satisfaction <= 2 && satisfaction == 5", "of: expected", "of: satisfaction")
	require.Equal(t, []string{
		"templates.case_resolved.questions[1].when:question_unreachable", "templates.reception.questions[2].of:no_expectation",
	}, p.faults())
	require.Contains(t, p.Errors[0].Message, "none of 5 combinations of answers to satisfaction")
	require.Contains(t, p.Errors[1].Message, "expected")
	require.Empty(t, w.policies)
}
