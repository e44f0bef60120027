package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/api/apitest"
	"github.com/mcrflow/mcrflow/models"
)

// operation is one method of one path of the document.
type operation struct{ method, path string }

func operations(t testing.TB) []operation {
	t.Helper()
	doc, err := apitest.Document()
	require.NoError(t, err)
	var all []operation
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, operation{method, path})
		}
	}
	sort.Slice(all, func(i, j int) bool { return fmt.Sprint(all[i]) < fmt.Sprint(all[j]) })
	return all
}

// TestDocument/holds: no route is undocumented, and nothing is documented that no route serves.
func TestDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var documented, served []string
	for _, op := range operations(t) {
		documented = append(documented, op.method+" "+op.path)
	}
	deps := w.deps
	deps.Metrics = prometheus.NewRegistry()
	deps.Codec = http.NotFoundHandler() // its routes exist where payloads are sealed
	routes, err := api.Routes(deps)
	require.NoError(t, err)
	for _, r := range routes {
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if p != "" && (p[0] == ':' || p[0] == '*') {
				parts[i] = "{" + p[1:] + "}"
			}
		}
		served = append(served, r.Method+" "+strings.Join(parts, "/"))
	}
	sort.Strings(documented)
	sort.Strings(served)
	require.Equal(t, documented, served)
}

// TestEveryPostTakesAKey: whoever writes against the document learns that each of them can be repeated.
func TestEveryPostTakesAKey(t *testing.T) {
	t.Parallel()
	doc, err := apitest.Document()
	require.NoError(t, err)
	for path, item := range doc.Paths.Map() {
		if item.Post != nil && strings.HasPrefix(path, "/api/v1/") {
			require.NotNil(t, item.Post.Parameters.GetByInAndName("header", "Idempotency-Key"), path)
		}
	}
}

// TestRequestsSayTimesInAnyZone: answers are in UTC with milliseconds, but a request may say any instant of RFC 3339.
func TestRequestsSayTimesInAnyZone(t *testing.T) {
	t.Parallel()
	doc, err := apitest.Document()
	require.NoError(t, err)
	times := 0
	var look func(at string, s *openapi3.SchemaRef)
	look = func(at string, s *openapi3.SchemaRef) {
		if s == nil {
			return
		}
		if s.Value.Format == "date-time" {
			times++
			require.Empty(t, s.Value.Pattern, at)
		}
		for name, property := range s.Value.Properties {
			look(at+"."+name, property)
		}
		look(at+"[]", s.Value.Items)
		for _, part := range slices.Concat(s.Value.AllOf, s.Value.OneOf, s.Value.AnyOf) {
			look(at, part)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				look(method+" "+path, media.Schema)
			}
		}
	}
	require.Greater(t, times, 20)
}

// TestEveryRouteNeedsLogin/…: whoever adds a route cannot forget it.
func TestEveryRouteNeedsLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, op := range operations(t) {
		if !strings.HasPrefix(op.path, "/api/v1/") || op.path == "/api/v1/auth/login" || op.path == "/api/v1/responses/{token}" {
			continue
		}
		for _, token := range []string{"", "no-such-token", "gone"} {
			p := problem(t, w.do(token, op.method, filled(op.path), ""), http.StatusUnauthorized, "unauthenticated")
			require.NotEmpty(t, p.Detail, op)
		}
	}
}

// filled puts ids of existing objects, or at least well-formed ones, into a path.
func filled(path string) string {
	switch {
	case strings.HasPrefix(path, "/api/v1/users/"):
		path = strings.Replace(path, "{id}", agentID, 1)
	case strings.HasPrefix(path, "/api/v1/teams/"):
		path = strings.Replace(path, "{id}", teamID, 1)
	case strings.HasPrefix(path, "/api/v1/clients/"):
		path = strings.Replace(path, "{id}", firmID, 1)
	case strings.HasPrefix(path, "/api/v1/resources/"):
		path = strings.Replace(path, "{id}", hallID, 1)
	case strings.HasPrefix(path, "/api/v1/budgets/"):
		path = strings.Replace(path, "{id}", mealsID, 1)
	case strings.HasPrefix(path, "/api/v1/calendars/"):
		path = strings.Replace(path, "{id}", "cn", 1)
	case strings.HasPrefix(path, "/api/v1/channels/"):
		path = strings.Replace(path, "{kind}", "webhook", 1)
	case strings.HasPrefix(path, "/api/v1/approvals/"):
		path = strings.Replace(path, "{id}", approvalA, 1)
	case strings.HasPrefix(path, "/api/v1/plans/"):
		path = strings.Replace(path, "{id}", planNone, 1)
	case strings.HasPrefix(path, "/api/v1/receptions/"):
		path = strings.Replace(path, "{id}", receptionA, 1)
	case strings.HasPrefix(path, "/api/v1/campaigns/"):
		path = strings.Replace(path, "{id}", campaignNone, 1)
	case strings.HasPrefix(path, "/api/v1/invitations/"):
		path = strings.Replace(path, "{id}", invitationA, 1)
	}
	path = strings.Replace(path, "{week}", "2026-02-23", 1)
	path = strings.Replace(path, "{token}", linkA, 1)
	return strings.NewReplacer("{id}", "case_01kavc5v4ve2b8v6ng5dq6h1xa", "{kind}", "sla", "{version}", "1", "{name}", "resolution").Replace(path)
}

// TestNoBodyBreaks: whatever is sent, the answer is never a 5xx, and always one that the document allows.
func TestNoBodyBreaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) {
		d.Limits = api.Limits{Burst: 1 << 30, LoginBurst: 1 << 30, LinkBurst: 1 << 30}
		d.Cases = everyCase{noCases: d.Cases.(noCases), row: someCase(t, caseA)}
		d.Approvals = everyApproval{newApprovalBench(t).store.rows[approvalA]}
		d.Receptions = everyPlanned(t)
		d.Campaigns, d.Surveys = everyCampaign(t)
		d.Relationships = everyRelationship(t)
	})
	publish(t, w)
	publishRelationship(t, w)
	publishApproval(t, w)
	publishReception(t, w)
	publishCampaign(t, w)
	body, err := json.Marshal(officeDocument)
	require.NoError(t, err)
	w.calendars = append(w.calendars, models.CalendarVersion{ID: "office", Version: 2, Body: body, PublishedAt: noon})
	var writes []operation
	for _, op := range operations(t) {
		if op.method != http.MethodGet && op.method != http.MethodDelete {
			writes = append(writes, op)
		}
	}
	names := fieldNames(t)
	types := []string{"application/json", "application/json", "application/json", "application/yaml", "text/plain", ""}
	statuses := map[int]int{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 10 {
			op := rapid.SampledFrom(writes).Draw(rt, "operation")
			body := rapid.OneOf(anyJSON(names[op]), anyJSON(names[op]), anyJSON([]string{"id", "x", "state"}), rapid.String()).Draw(rt, "body")
			media := rapid.SampledFrom(types).Draw(rt, "media type")
			user := rapid.SampledFrom([]string{"admin", "agent", "boss"}).Draw(rt, "user")
			res := w.do(user, op.method, filled(op.path), body, "Content-Type", media)
			statuses[res.StatusCode]++
			if res.StatusCode >= 500 {
				rt.Fatalf("%s %s with %q: %d %s", op.method, op.path, body, res.StatusCode, bodyText(t, res))
			}
			for _, caller := range []string{adminID, agentID} { // what was changed must not end the test's callers
				u := w.users.byID[caller]
				u.Active = true
				w.users.put(caller, u)
			}
		}
	})
	require.Positive(t, statuses[http.StatusUnprocessableEntity], "some bodies must get past the decoder: %v", statuses)
	t.Log(statuses)
}

// everyCase is a projection in which every id is a case.
type everyCase struct {
	noCases
	row models.CaseRow
}

func (c everyCase) Case(context.Context, models.Actor, string) (models.CaseRow, error) {
	return c.row, nil
}

func (c everyCase) CaseAfter(context.Context, string, int64) (models.CaseRow, error) {
	return c.row, nil
}

func (everyCase) Timeline(context.Context, string, int64, int) ([]models.TimelineEvent, error) {
	return nil, nil
}

// everyApproval is a projection in which every id is an approval.
type everyApproval struct{ row models.ApprovalRow }

func (a everyApproval) Approval(context.Context, models.Actor, string) (models.ApprovalRow, error) {
	return a.row, nil
}

func (a everyApproval) ApprovalAfter(context.Context, string, int64) (models.ApprovalRow, error) {
	return a.row, nil
}

func (a everyApproval) Approvals(context.Context, models.Actor, models.ApprovalFilter, models.Page) ([]models.ApprovalRow, string, error) {
	return []models.ApprovalRow{a.row}, "", nil
}

func (everyApproval) Timeline(context.Context, string, int64, int) ([]models.TimelineEvent, error) {
	return nil, nil
}

// fieldNames are the names of the fields of each request, by the document: nonsense in the right place goes deepest.
func fieldNames(t testing.TB) map[operation][]string {
	t.Helper()
	doc, err := apitest.Document()
	require.NoError(t, err)
	names := map[operation][]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := operation{method, path}
			names[at] = []string{"unknown"}
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				names[at] = append(names[at], slices.Sorted(maps.Keys(media.Schema.Value.Properties))...)
			}
		}
	}
	return names
}

// anyJSON draws JSON objects with known and unknown names, and values of every kind.
func anyJSON(names []string) *rapid.Generator[string] {
	scalar := rapid.OneOf(
		rapid.SampledFrom([]string{
			"null", "true", "false", "0", "-1", "1e999", "1.5", `""`, `" "`, `"x"`, `"\u0000"`, `"\ud800"`, `"2026-03-06T09:00:00Z"`,
			`"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999999Z"`, `"4h"`, `"9223372036854775807d"`, `"` + agentID + `"`,
			`"` + firmID + `"`, `"complaint"`, `"phone"`, `"high"`, `"' OR 1=1 --"`, `"http://[::1"`, `"投诉"`, "[]", "{}", "[[[[]]]]",
		}),
		rapid.Map(rapid.String(), func(s string) string { return fmt.Sprintf("%q", s) }),
	)
	object := func(value *rapid.Generator[string]) *rapid.Generator[string] {
		return rapid.Custom(func(rt *rapid.T) string {
			var parts []string
			for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(rt, "names") {
				parts = append(parts, fmt.Sprintf("%q:%s", name, value.Draw(rt, "value")))
			}
			return "{" + strings.Join(parts, ",") + "}"
		})
	}
	list := rapid.Map(rapid.SliceOfN(scalar, 0, 4), func(v []string) string { return "[" + strings.Join(v, ",") + "]" })
	return object(rapid.OneOf(scalar, list, object(scalar)))
}
