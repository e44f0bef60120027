package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

var asYAML = []string{"Content-Type", "application/yaml"}

// shadowWorld is a world with the shipped policies in force, and four clients: two of amy's would move under stricter.
func shadowWorld(t testing.TB) (*world, *graders, string) {
	t.Helper()
	g := &graders{}
	w := newWorld(t, func(d *api.Deps) { d.Grading = g })
	g.world = w
	publishCalendar(t, w)
	for _, kind := range []string{"responsibility", "classification", "cadence"} {
		object(t, w.do("boss", "POST", "/api/v1/policies/"+kind+"/versions", shippedPolicyOf(t, kind), asYAML...), http.StatusCreated)
	}
	criteria := func(all int) classification.Criteria {
		c := classification.Criteria{}
		for _, name := range []string{"strategic_fit", "revenue", "potential", "decision_influence", "credit", "payment", "cooperation", "product_overlap"} {
			c[name] = all
		}
		return c
	}
	for i, firmOf := range firms(4) {
		s := classification.Standing{ClientID: firmOf, AccountManagerID: amy, Class: "A", Criteria: criteria(72)}
		switch i {
		case 2:
			s.Class, s.Criteria = "C", criteria(10)
		case 3:
			s.AccountManagerID, s.Criteria = "", nil
		}
		g.standings = append(g.standings, s)
	}
	stricter := strings.Replace(shippedClassification(t), "A: 70", "A: 80", 1)
	require.NotEqual(t, shippedClassification(t), stricter)
	return w, g, stricter
}

func TestShadowGradingTellsWhatWouldChangeAndChangesNothing(t *testing.T) {
	t.Parallel()
	w, g, stricter := shadowWorld(t)
	path := "/api/v1" + shadowsPath
	problem(t, w.do("agent", "POST", path, stricter, asYAML...), http.StatusForbidden, "forbidden")
	problem(t, w.do("agent", "GET", path, ""), http.StatusForbidden, "forbidden")
	p := problem(t, w.do("boss", "POST", path, strings.Replace(stricter, "B: 50", "B: 95", 1), asYAML...), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, []string{"thresholds.B:less_than"}, p.faults())
	require.Empty(t, g.shadows)

	v := object(t, w.do("boss", "POST", path+"?note=stricter", stricter, asYAML...), http.StatusCreated)
	inForce, err := w.LatestPolicy(t.Context(), "classification")
	require.NoError(t, err)
	require.EqualValues(t, inForce.Version, v["based_on"])
	require.Equal(t, []any{"stricter", nil}, []any{v["note"], v["published_as"]})
	shadow := path + "/" + v["id"].(string)
	require.Len(t, object(t, w.do("auditor", "GET", path, ""), 200)["items"], 1)

	var moves []any
	for cursor := ""; ; {
		page := object(t, w.do("auditor", "GET", shadow+"/report?limit=1&cursor="+cursor, ""), 200)
		moves = append(moves, page["items"].([]any)...)
		if page["next_cursor"] == nil {
			break
		}
		cursor = page["next_cursor"].(string)
	}
	require.Len(t, moves, 3, "two who would move, and one who cannot be graded")
	first, last := moves[0].(map[string]any), moves[2].(map[string]any)
	require.Equal(t, []any{"A", true, "A", "B", "classification"},
		[]any{first["from"], first["moves"], field(first, "in_force", "class"), field(first, "candidate", "class"), first["approval"]})
	require.EqualValues(t, 72, field(first, "candidate", "points"))
	require.Len(t, field(first, "candidate", "parts"), 8)
	require.Equal(t, "name of "+first["client_id"].(string), first["client_name"])
	require.Equal(t, []any{false, nil, nil, 8}, []any{last["moves"], last["candidate"], last["approval"], len(last["missing"].([]any))})

	sum := object(t, w.do("auditor", "GET", shadow+"/summary", ""), 200)
	require.EqualValues(t, 4, sum["clients"])
	require.EqualValues(t, 1, sum["ungraded"])
	require.Equal(t, []any{map[string]any{"from": "A", "to": "B", "clients": 2.0}}, sum["moves"])
	require.Equal(t, map[string]any{"classification": 2.0}, sum["approvals"])
	require.Equal(t, false, sum["outdated"])
	of := sum["by_account_manager"].([]any)
	require.Len(t, of, 2)
	require.Nil(t, field(of[0], "account_manager_id"))
	require.Equal(t, []any{amy, 3.0, 2.0}, []any{field(of[1], "account_manager_id"), field(of[1], "clients"), field(of[1], "moves")})
	require.Greater(t, field(of[1], "before").(float64), field(of[1], "after").(float64), "a B client is owed less than an A client")
	require.Equal(t, field(of[0], "before"), field(of[0], "after"))

	after, err := w.LatestPolicy(t.Context(), "classification")
	require.NoError(t, err)
	require.Equal(t, inForce.Version, after.Version, "only then is it put in force")
	problem(t, w.do("auditor", "GET", shadow+"/report?cursor=x", ""), http.StatusBadRequest, "malformed")
	problem(t, w.do("auditor", "GET", path+"/"+id.New(id.Shadow)+"/summary", ""), http.StatusNotFound, "not_found")
}

func TestShadowIsPutInForceWhileWhatItIsBasedOnIs(t *testing.T) {
	t.Parallel()
	w, _, stricter := shadowWorld(t)
	path := "/api/v1" + shadowsPath
	v := object(t, w.do("boss", "POST", path, stricter, asYAML...), http.StatusCreated)
	shadow := path + "/" + v["id"].(string)
	object(t, w.do("boss", "POST", "/api/v1/policies/classification/versions", shippedClassification(t), asYAML...), http.StatusCreated)
	require.Equal(t, true, object(t, w.do("auditor", "GET", shadow+"/summary", ""), 200)["outdated"])
	problem(t, w.do("auditor", "POST", shadow+"/publish", `{}`), http.StatusForbidden, "forbidden")
	p := problem(t, w.do("boss", "POST", shadow+"/publish", `{}`), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "Compare again")
	v = object(t, w.do("boss", "POST", shadow+"/publish", `{"force":true}`), http.StatusCreated)
	require.EqualValues(t, 80, field(v, "document", "thresholds", "A"))
	require.EqualValues(t, 80, field(object(t, w.do("agent", "GET", "/api/v1/policies/classification", ""), 200), "document", "thresholds", "A"))
	require.NotNil(t, field(object(t, w.do("auditor", "GET", path, ""), 200)["items"].([]any)[0], "published_as"))
	problem(t, w.do("boss", "POST", path+"/"+id.New(id.Shadow)+"/publish", `{}`), http.StatusNotFound, "not_found")
}

func TestSalesAloneRankClientsByCurrency(t *testing.T) {
	t.Parallel()
	w, g, _ := shadowWorld(t)
	for i, firmOf := range firms(5) {
		s := models.ClientSales{ClientID: firmOf, Name: "firm", Currency: "CNY", Amount: []int64{80, 12, 5, 3, 100}[i]}
		if i == 4 {
			s.Currency = "EUR"
		}
		g.sales = append(g.sales, s)
	}
	var ranks, bands []any
	for cursor := ""; ; {
		page := object(t, w.do("auditor", "GET", "/api/v1/clients/grading?limit=2&cursor="+cursor, ""), 200)
		for _, item := range page["items"].([]any) {
			ranks, bands = append(ranks, field(item, "rank")), append(bands, field(item, "band"))
		}
		if page["next_cursor"] == nil {
			break
		}
		cursor = page["next_cursor"].(string)
	}
	require.Equal(t, []any{1.0, 2.0, 3.0, 4.0, 1.0}, ranks)
	require.Equal(t, []any{"A", "B", "B", "C", "A"}, bands)
	figures := object(t, w.do("auditor", "GET", "/api/v1/clients/concentration?currency=CNY", ""), 200)["items"].([]any)
	require.Len(t, figures, 1)
	require.InDelta(t, 0.64, field(figures[0], "top_share"), 1e-9, "four fifths of the first of four")
	require.Equal(t, map[string]any{"clients": 2.0, "sales_12m": 17.0}, field(figures[0], "bands", "B"))
	problem(t, w.do("agent", "GET", "/api/v1/clients/grading", ""), http.StatusForbidden, "forbidden")
	require.Equal(t, []string{"currency:currency"}, problem(t, w.do("auditor", "GET", "/api/v1/clients/concentration?currency=x", ""), 422, "invalid").faults())
	problem(t, w.do("auditor", "GET", "/api/v1/clients/grading?cursor=!", ""), http.StatusBadRequest, "malformed")
	bare := newWorld(t)
	problem(t, bare.do("auditor", "GET", "/api/v1/clients/grading", ""), http.StatusConflict, "conflict")
	object(t, w.do("auditor", "GET", "/api/v1/clients/"+firmID, ""), 200)
}
