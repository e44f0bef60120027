package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/policies"
)

func shippedCadence(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("cadence/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func TestCadencePolicyIsPublishedAndReadAsYAMLAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/v1/policies/cadence"
	yaml := []string{"Content-Type", "application/yaml"}
	problem(t, w.do("boss", "GET", path, ""), http.StatusNotFound, "not_found")
	p := problem(t, w.do("boss", "POST", path+"/versions", shippedCadence(t), yaml...), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"calendar:unknown_calendar"}, p.faults(), "there is none yet")
	publishCalendar(t, w)
	v := object(t, w.do("boss", "POST", path+"/versions?dry_run=true", shippedCadence(t), yaml...), http.StatusOK)
	require.Equal(t, true, v["valid"])
	res := w.do("boss", "POST", path+"/versions?note=first", shippedCadence(t), yaml...)
	require.Equal(t, path+"/versions/1", res.Header.Get("Location"))
	object(t, res, http.StatusCreated)
	text := bodyText(t, w.do("agent", "GET", path, "", "Accept", "application/yaml"))
	object(t, w.do("boss", "POST", path+"/versions", text, yaml...), http.StatusCreated)
	require.JSONEq(t, string(w.policies[0].Body), string(w.policies[1].Body), "as YAML it can be published again")
	problem(t, w.do("agent", "POST", path+"/versions", shippedCadence(t), yaml...), http.StatusForbidden, "forbidden")
}

func TestCadencePolicyNamesPostsOfTheResponsibilityPolicyInForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publishCalendar(t, w)
	yaml := []string{"Content-Type", "application/yaml"}
	strange := strings.Replace(shippedCadence(t), "product_manager]", "ship_cook]", 1)
	const path = "/api/v1/policies/cadence/versions"
	object(t, w.do("boss", "POST", path, strange, yaml...), http.StatusCreated)
	posts, err := policies.FS.ReadFile("responsibility/default.yaml")
	require.NoError(t, err)
	object(t, w.do("boss", "POST", "/api/v1/policies/responsibility/versions", string(posts), yaml...), http.StatusCreated)
	p := problem(t, w.do("boss", "POST", path, strange, yaml...), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"weekly.posts[1]:oneof"}, p.faults())
	object(t, w.do("boss", "POST", path, shippedCadence(t), yaml...), http.StatusCreated)
}

func TestEveryFaultOfACadencePolicyHasItsPathAndAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publishCalendar(t, w)
	publish := func(locale string, changes ...string) []string {
		text := strings.NewReplacer(changes...).Replace(shippedCadence(t))
		p := problem(t, w.do("boss", "POST", "/api/v1/policies/cadence/versions", text, "Content-Type", "application/yaml", "Accept-Language", locale),
			http.StatusUnprocessableEntity, "invalid")
		for _, e := range p.Errors {
			require.NotEmpty(t, e.Message)
			require.NotContains(t, e.Message, "{{")
			require.NotContains(t, e.Message, "<no value>")
		}
		return p.faults()
	}
	for _, locale := range i18n.Locales() {
		require.Equal(t, []string{
			"calendar:unknown_calendar", "classes.S.dormant_after:longer_than", "classes.A.targets.key:between", "weekly.posts[1]:duplicate",
			"opinions.answer_within:required", "login.roles[3]:oneof", "digest.at:bad_clock",
		}, publish(locale, "calendar: cn", "calendar: mars", "dormant_after: 2mo", "dormant_after: 1w", "{key: 4,", "{key: 9,",
			"product_manager]", "account_manager]", "{answer_within: 3d}", "{}", "director]", "king]", "08:30", "noon"))
		require.Equal(t, []string{"classes.S.contact_every:bad_period", "remind_before:bad_span"},
			publish(locale, "contact_every: 1w", "contact_every: weekly", "\nremind_before: 2d", "\nremind_before: 2mo"))
	}
}
