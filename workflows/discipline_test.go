package workflows_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

// weeklies is a store of weekly reports in memory; so many calls fail before one does not.
type weeklies struct {
	reports map[string]models.DisciplineOrder
	down    int
}

func (w *weeklies) ReportWeek(_ context.Context, o models.DisciplineOrder) (models.DisciplineReport, bool, error) {
	if w.down > 0 {
		w.down--
		return models.DisciplineReport{}, false, errs.New(errs.Unavailable, "unavailable.database")
	}
	_, exists := w.reports[o.ID]
	w.reports[o.ID] = o
	return o.Report(), !exists, nil
}

func (w *weeklies) FreshOrg(context.Context) (*models.Org, error) { return &models.Org{}, nil }

// weekbook has the shipped policy on cadence.
type weekbook struct{ *testing.T }

func (l weekbook) LatestCadence(context.Context) (*cadence.Policy, int, *calendar.Calendar, error) {
	body, err := policies.FS.ReadFile("cadence/default.yaml")
	require.NoError(l, err)
	p, faults := cadence.ParsePolicy(body)
	require.Empty(l, faults)
	c, err := calendar.New(sample.Calendar(l, "cn"))
	return &p, 1, c, err
}

func TestDiscipline(t *testing.T) {
	t.Parallel()
	report := func(t *testing.T, w *weeklies, scheduled string, in models.DisciplineInput) (models.DisciplineResult, error) {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestWorkflowEnvironment()
		env.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{worker.TypedErrors()}})
		env.SetStartTime(time.Date(2026, 12, 24, 9, 0, 0, 0, time.UTC)) // so late was the engine back
		if scheduled != "" {
			at, err := time.Parse(time.RFC3339, scheduled)
			require.NoError(t, err)
			key := temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
			require.NoError(t, env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(key.ValueSet(at))))
		}
		env.RegisterActivity(&activities.Discipline{Store: w, Rules: weekbook{t}})
		env.ExecuteWorkflow(workflows.Discipline, in)
		var out models.DisciplineResult
		if err := env.GetWorkflowError(); err != nil {
			return out, err
		}
		return out, env.GetWorkflowResult(&out)
	}
	fresh := func() *weeklies { return &weeklies{reports: map[string]models.DisciplineOrder{}} }

	t.Run("the_week_is_the_one_before_the_time_that_the_schedule_meant", func(t *testing.T) {
		t.Parallel()
		w := fresh()
		out, err := report(t, w, "2026-11-16T00:30:00Z", models.DisciplineInput{}) // 08:30 on a Monday in Shanghai
		require.NoError(t, err)
		require.Equal(t, "2026-11-09", out.Week, "not that of December, though it is December now")
		require.True(t, out.Made)
		require.Equal(t, "2026-11-08T16:00:00Z", w.reports[out.ID].Week.From.UTC().Format(time.RFC3339))
		require.Equal(t, models.System, w.reports[out.ID].By)
		again, err := report(t, w, "2026-11-16T00:30:00Z", models.DisciplineInput{})
		require.NoError(t, err)
		require.Equal(t, out.ID, again.ID)
		require.False(t, again.Made)
	})
	t.Run("without_a_schedule_it_is_the_week_before_the_start_or_the_one_named", func(t *testing.T) {
		t.Parallel()
		out, err := report(t, fresh(), "", models.DisciplineInput{})
		require.NoError(t, err)
		require.Equal(t, "2026-12-14", out.Week)
		out, err = report(t, fresh(), "2026-11-16T00:30:00Z", models.DisciplineInput{Week: "2026-09-28"})
		require.NoError(t, err)
		require.Equal(t, "2026-09-28", out.Week)
	})
	t.Run("it_waits_for_a_database_that_is_away", func(t *testing.T) {
		t.Parallel()
		w := fresh()
		w.down = 5
		out, err := report(t, w, "", models.DisciplineInput{})
		require.NoError(t, err)
		require.True(t, out.Made)
	})
	t.Run("a_week_that_is_not_over_or_no_monday_ends_it", func(t *testing.T) {
		t.Parallel()
		for _, week := range []string{"2026-12-21", "2026-12-15", "soon"} {
			w := fresh()
			_, err := report(t, w, "", models.DisciplineInput{Week: week})
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app, week)
			require.Equal(t, string(errs.Invalid), app.Type(), week)
			require.Empty(t, w.reports)
		}
	})
}
