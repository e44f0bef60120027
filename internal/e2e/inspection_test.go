package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

type inspectionView struct {
	ID             string                   `json:"id"`
	Month          string                   `json:"month"`
	State          string                   `json:"state"`
	Figures        models.InspectionFigures `json:"figures"`
	MadeBy         string                   `json:"made_by"`
	SignedBy       *string                  `json:"signed_by"`
	Remarks        *string                  `json:"remarks"`
	AllowedActions []string                 `json:"allowed_actions"`
}

func TestEveryMonthIsInspectedByTheSchedule(t *testing.T) {
	t.Parallel()
	s := shared
	b := s.timetable(t)
	until(t, func() bool { _, err := b.Describe(t.Context(), models.InspectionSchedule); return err == nil }, func() string { return "the worker's schedule" })
	d, err := b.Describe(t.Context(), models.InspectionSchedule)
	require.NoError(t, err)
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	require.Equal(t, "01 06:00", d.Next[0].In(shanghai).Format("02 15:04"))
	require.False(t, d.Paused)

	require.NoError(t, b.Trigger(t.Context(), models.InspectionSchedule))
	now := time.Now().In(shanghai)
	month := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC).Format(models.MonthLayout)
	clerk := s.as(t, "clerk1")
	var report inspectionView
	until(t, func() bool {
		for _, i := range all[inspectionView](t, clerk, "/inspections?state=open") {
			if i.Month == month {
				report = i
			}
		}
		return report.ID != ""
	}, func() string { return "the report of " + month })
	require.Equal(t, "system", report.MadeBy)
	require.Nil(t, report.Figures.Score, "nobody has rated a visit of last month")
	require.Equal(t, []string{"sign-off"}, report.AllowedActions)
	tasks := func(box string) (mine []task) {
		for _, o := range all[task](t, clerk, "/tasks?process=inspection&box="+box) {
			if o.SubjectID == report.ID {
				mine = append(mine, o)
			}
		}
		return mine
	}
	require.Len(t, tasks("todo"), 1, "the head of the reception desk is to sign it off")

	manager := s.as(t, "manager1")
	a := manager.try(t, http.MethodPost, "/inspections", M{"month": month})
	require.Equal(t, http.StatusOK, a.status, "a month has one report: %s", a.body)
	require.Equal(t, report.ID, into[inspectionView](t, a).ID)
	path := "/inspections/" + report.ID + "/sign-off"
	refused(t, s.as(t, "clerk2").try(t, http.MethodPost, path, M{"remarks": "Fine."}), http.StatusForbidden, "forbidden")
	refused(t, s.as(t, "am1").try(t, http.MethodPost, path, M{"remarks": "Fine."}), http.StatusForbidden, "forbidden")
	a = clerk.try(t, http.MethodPost, path, M{"remarks": "A quiet month."})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	signed := into[inspectionView](t, a)
	require.Equal(t, []any{"signed", clerk.ID, "A quiet month."}, []any{signed.State, *signed.SignedBy, *signed.Remarks})
	require.Empty(t, signed.AllowedActions)
	require.Empty(t, tasks("todo"))
	require.Len(t, tasks("done"), 1)
	refused(t, manager.try(t, http.MethodPost, path, M{"remarks": "Not quiet at all."}), http.StatusConflict, "conflict")
	require.Equal(t, signed, get[inspectionView](t, clerk, "/inspections/"+report.ID))
}

func TestAManagerHasAPastMonthInspected(t *testing.T) {
	t.Parallel()
	s := shared
	manager := s.as(t, "manager1")
	a := manager.try(t, http.MethodPost, "/inspections", M{"month": "2025-02"})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, manager.ID, into[inspectionView](t, a).MadeBy)
	p := refused(t, manager.try(t, http.MethodPost, "/inspections", M{"month": time.Now().AddDate(0, 1, 0).Format(models.MonthLayout)}),
		http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, "month", p.Errors[0].Field)
	refused(t, manager.try(t, http.MethodPost, "/inspections", M{"month": "2026-13"}), http.StatusUnprocessableEntity, "invalid")
	refused(t, s.as(t, "clerk1").try(t, http.MethodPost, "/inspections", M{"month": "2025-01"}), http.StatusForbidden, "forbidden")
	refused(t, s.as(t, "agent1").try(t, http.MethodGet, "/inspections", nil), http.StatusForbidden, "forbidden")
	refused(t, manager.try(t, http.MethodGet, "/inspections/inspection_01kavc5v4ve2b8v6ng5dq6h1xa", nil), http.StatusNotFound, "not_found")
}
