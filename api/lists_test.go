package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/api/apitest"
	"github.com/mcrflow/mcrflow/models"
)

// TestListsEstimateTheirLength: every list of the document that has pages takes count=estimate, and answers no number without it.
func TestListsEstimateTheirLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) {
		d.Cases = everyCase{noCases: d.Cases.(noCases), row: someCase(t, caseA)}
		d.Approvals = newApprovalBench(t).store
		d.Receptions = everyPlanned(t)
		d.Campaigns, d.Surveys = everyCampaign(t)
		d.Grading = everyShadow(t)
		d.Relationships = everyRelationship(t)
	})
	publish(t, w)
	publishRelationship(t, w)
	publishApproval(t, w)
	object(t, w.do("boss", http.MethodPost, "/api/v1/discipline/reports", `{"week":"2026-02-23"}`), 201)
	doc, err := apitest.Document()
	require.NoError(t, err)
	lists := 0
	for path, item := range doc.Paths.Map() {
		if item.Get == nil || !slices.ContainsFunc(item.Get.Parameters, func(p *openapi3.ParameterRef) bool {
			return p.Value.Name == "cursor" || p.Value.Name == "count"
		}) {
			continue
		}
		lists++
		user := "auditor"
		if slices.Contains([]string{"/api/v1/tokens", "/api/v1/webhooks", "/api/v1/channels"}, path) {
			user = "admin"
		}
		path = filled(path)
		require.Contains(t, object(t, w.do(user, http.MethodGet, path+"?count=estimate", ""), 200), "estimated_count", path)
		require.NotContains(t, object(t, w.do(user, http.MethodGet, path, ""), 200), "estimated_count", path)
		p := problem(t, w.do(user, http.MethodGet, path+"?count=exact", ""), 422, "invalid")
		require.Equal(t, []string{"count:oneof"}, p.faults(), path)
	}
	require.Greater(t, lists, 12)
	users := object(t, w.do("admin", http.MethodGet, "/api/v1/users?count=estimate&limit=2", ""), 200)
	require.EqualValues(t, len(w.users.order), users["estimated_count"], "of all pages")
	require.Len(t, users["items"], 2)
	events := object(t, w.do("auditor", http.MethodGet, "/api/v1/cases/"+caseA+"/timeline?count=estimate", ""), 200)
	require.EqualValues(t, someCase(t, caseA).State.EventSeq, events["estimated_count"])
}

// TestShortListsComeInPagesToo: a caller reads every list in the same way.
func TestShortListsComeInPagesToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"berlin", "cn"} {
		doc := officeDocument
		doc.ID = name
		body, err := json.Marshal(doc)
		require.NoError(t, err)
		w.calendars = append(w.calendars, models.CalendarVersion{ID: name, Version: 1, Body: body, PublishedAt: noon})
	}
	for _, path := range []string{"/api/v1/calendars", "/api/v1/channels"} {
		all := object(t, w.do("admin", http.MethodGet, path, ""), 200)
		require.Nil(t, all["next_cursor"], path)
		want := all["items"].([]any)
		require.Greater(t, len(want), 1, path)
		got := []any{}
		for at := path + "?limit=1"; at != ""; {
			page := object(t, w.do("admin", http.MethodGet, at, ""), 200)
			require.Len(t, page["items"], 1, at)
			got = append(got, page["items"].([]any)...)
			at = ""
			if next := page["next_cursor"]; next != nil {
				at = path + "?limit=1&cursor=" + next.(string)
			}
		}
		require.Equal(t, want, got, path)
		problem(t, w.do("admin", http.MethodGet, path+"?cursor=forged", ""), 400, "malformed")
	}
}
