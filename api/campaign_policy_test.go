package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/policies"
)

func shippedCampaigns(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("campaign/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func TestCampaignPolicyNamesTemplatesOfTheSurveyPolicyInForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/v1/policies/campaign"
	yaml := []string{"Content-Type", "application/yaml"}
	problem(t, w.do("boss", "GET", path, ""), http.StatusNotFound, "not_found")
	publishCalendar(t, w)
	p := problem(t, w.do("boss", "POST", path+"/versions", shippedCampaigns(t), yaml...), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{
		"follow_ups.case_recovery.template:unknown_template", "follow_ups.case_resolved.template:unknown_template",
		"follow_ups.reception_completed.template:unknown_template",
	}, p.faults(), "there are none yet")

	object(t, w.do("boss", "POST", "/api/v1/policies/survey/versions", shippedSurveys(t), yaml...), http.StatusCreated)
	v := object(t, w.do("boss", "POST", path+"/versions?dry_run=true", shippedCampaigns(t), yaml...), http.StatusOK)
	require.Equal(t, true, v["valid"])
	res := w.do("boss", "POST", path+"/versions?note=first", shippedCampaigns(t), yaml...)
	require.Equal(t, path+"/versions/1", res.Header.Get("Location"))
	object(t, res, http.StatusCreated)
	text := bodyText(t, w.do("agent", "GET", path, "", "Accept", "application/yaml"))
	object(t, w.do("boss", "POST", path+"/versions", text, yaml...), http.StatusCreated)
	require.JSONEq(t, string(w.policies[1].Body), string(w.policies[2].Body), "as YAML it can be published again")
	problem(t, w.do("agent", "POST", path+"/versions", shippedCampaigns(t), yaml...), http.StatusForbidden, "forbidden")
}

func TestEveryFaultOfACampaignPolicyHasItsPathAndAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	yaml := []string{"Content-Type", "application/yaml"}
	object(t, w.do("boss", "POST", "/api/v1/policies/survey/versions", shippedSurveys(t), yaml...), http.StatusCreated)
	for _, locale := range i18n.Locales() {
		text := strings.NewReplacer(
			"calendar: cn", "calendar: mars", `from: "21:00"`, `from: "9 pm"`, "template: recovery", "template: relief",
			"expires_after: 14d\n    obey_cap: true", "expires_after: 3d\n    obey_cap: true", "percent: 20", "percent: 200",
		).Replace(shippedCampaigns(t))
		p := problem(t, w.do("boss", "POST", "/api/v1/policies/campaign/versions", text, append(yaml, "Accept-Language", locale)...),
			http.StatusUnprocessableEntity, "invalid")
		require.Equal(t, []string{
			"calendar:unknown_calendar", "quiet_hours.from:bad_clock", "follow_ups.case_recovery.template:unknown_template",
			"follow_ups.reception_completed.reminders.spacing:reminder_after_expiry", "failure_limit.percent:between",
		}, p.faults())
		for _, e := range p.Errors {
			require.NotEmpty(t, e.Message)
			require.NotContains(t, e.Message, "{{")
			require.NotContains(t, e.Message, "<no value>")
		}
	}
}
