package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// weekReported lets the engine's schedule report the last week.
func (s *stack) weekReported(t *testing.T) {
	c, err := s.dial()
	require.NoError(t, err)
	defer c.Close()
	schedules := temporalx.NewSchedules(c)
	until(t, func() bool { return schedules.Trigger(t.Context(), models.DisciplineSchedule) == nil }, func() string { return "the schedule" })
	type report struct {
		Week   string
		MadeBy string `json:"made_by"`
	}
	var reports []report
	until(t, func() bool {
		reports = all[report](t, s.as(t, "manager1"), "/discipline/reports")
		return len(reports) > 0
	}, func() string { return "the report" })
	require.Len(t, reports, 1)
	require.Equal(t, "system", reports[0].MadeBy)
	monday, err := time.Parse(time.DateOnly, reports[0].Week)
	require.NoError(t, err)
	require.Equal(t, time.Monday, monday.Weekday())
	require.InDelta(t, 10, time.Since(monday).Hours()/24, 5, "the week before this one, in whatever zone")
	require.NotEmpty(t, all[M](t, s.as(t, "manager1"), "/discipline/reports/"+reports[0].Week))
	status, err := schedules.Describe(t.Context(), models.DisciplineSchedule)
	require.NoError(t, err)
	require.NotEmpty(t, status.Recent)
	until(t, func() bool {
		h := s.history(t, status.Recent[0].WorkflowID)
		return h.Events[len(h.Events)-1].EventType == enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
	}, func() string { return "the end of the process" })
	s.keep(t, status.Recent[0].WorkflowID, models.DisciplineProcess, "week")
}
