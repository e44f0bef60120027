package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// reports is a store of inspection reports in memory.
type reports map[string]models.Inspection

func (r reports) Inspection(_ context.Context, id string) (models.Inspection, error) {
	if i, ok := r[id]; ok {
		return i, nil
	}
	return models.Inspection{}, none()
}

func (r reports) Inspections(_ context.Context, f models.InspectionFilter, p models.Page) (all []models.Inspection, _ string, _ error) {
	for _, i := range r {
		if f.Signed == nil || *f.Signed == (i.SignedAt != nil) {
			all = append(all, i)
		}
	}
	if p.Estimate != nil {
		*p.Estimate = int64(len(all))
	}
	return all, "", nil
}

func (r reports) Inspect(_ context.Context, o models.InspectionOrder) (models.Inspection, bool, error) {
	if i, ok := r[o.ID]; ok {
		return i, false, nil
	}
	r[o.ID] = models.Inspection{
		ID: o.ID, Month: o.Month, TimeZone: o.TimeZone, Reviewers: o.Reviewers, MadeBy: o.By, MadeAt: o.At,
		Figures: models.InspectionFigures{Receptions: []models.InspectedReceptions{}, Cost: []models.InspectedCost{}, Resources: []models.InspectedResource{}},
	}
	return r[o.ID], true, nil
}

func (r reports) SignInspection(_ context.Context, id string, by models.Signature) (models.Inspection, error) {
	i := r[id]
	if i.SignedAt != nil && i.SignedCommand == by.CommandID {
		return i, nil
	}
	if i.SignedAt != nil {
		return i, errs.New(errs.Conflict, "inspection.signed", "month", i.Month.Format(models.MonthLayout))
	}
	i.SignedBy, i.OnBehalfOf, i.SignedAt, i.Remarks = &by.By, by.OnBehalfOf, &by.At, by.Remarks
	i.SignedCommand = by.CommandID
	r[id] = i
	return i, nil
}

func TestInspections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.Inspections = reports{} })
	publishApproval(t, w)
	publish(t, w)
	publishReception(t, w)
	bossID := id.Derive(id.User, "world", "boss")
	month := noon.AddDate(0, -2, 0).Format(models.MonthLayout)
	made := object(t, w.do("boss", http.MethodPost, "/api/v1/inspections", `{"month":"`+month+`"}`), 201)
	require.Equal(t, []any{month, "open", bossID}, []any{made["month"], made["state"], made["made_by"]})
	path := "/api/v1/inspections/" + made["id"].(string)
	again := object(t, w.do("boss", http.MethodPost, "/api/v1/inspections", `{"month":"`+month+`"}`), 200)
	require.Equal(t, made, again, "a month has one report")
	p := problem(t, w.do("boss", http.MethodPost, "/api/v1/inspections", `{"month":"`+noon.Format(models.MonthLayout)+`"}`), 422, "invalid")
	require.Equal(t, []string{"month:past_month"}, p.faults())
	p = problem(t, w.do("boss", http.MethodPost, "/api/v1/inspections", `{"month":"`+noon.Format(time.DateOnly)+`"}`), 422, "invalid")
	require.Equal(t, []string{"month:month"}, p.faults())
	problem(t, w.do("auditor", http.MethodPost, "/api/v1/inspections", `{"month":"2020-01"}`), 403, "forbidden")
	problem(t, w.do("agent", http.MethodGet, "/api/v1/inspections", ""), 403, "forbidden")

	seen := object(t, w.do("auditor", http.MethodGet, path, ""), 200)
	require.Empty(t, seen["allowed_actions"], "an auditor reads all and changes nothing")
	problem(t, w.do("auditor", http.MethodPost, path+"/sign-off", `{"remarks":"x"}`), 403, "forbidden")
	signed := object(t, w.do("boss", http.MethodPost, path+"/sign-off", `{"remarks":" Good. "}`, "Idempotency-Key", "k"), 200)
	for key, kept := range w.answers { // as if the program had died before it kept the answer
		if kept.Status == http.StatusOK {
			kept.Status = 0
			w.answers[key] = kept
		}
	}
	require.Equal(t, signed, object(t, w.do("boss", http.MethodPost, path+"/sign-off", `{"remarks":" Good. "}`, "Idempotency-Key", "k"), 200))
	require.Equal(t, []any{"signed", bossID, "Good."}, []any{signed["state"], signed["signed_by"], signed["remarks"]})
	problem(t, w.do("boss", http.MethodPost, path+"/sign-off", `{}`), 409, "conflict")
	require.Len(t, object(t, w.do("auditor", http.MethodGet, "/api/v1/inspections?state=signed", ""), 200)["items"], 1)
	require.Empty(t, object(t, w.do("auditor", http.MethodGet, "/api/v1/inspections?state=open", ""), 200)["items"])
	problem(t, w.do("auditor", http.MethodGet, path+"x", ""), 404, "not_found")
}
