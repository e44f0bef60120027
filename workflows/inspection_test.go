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
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
	"github.com/mcrflow/mcrflow/workflows"
)

// archive is a store of reports in memory; so many calls fail before one does not.
type archive struct {
	reports map[string]models.InspectionOrder
	down    int
	org     *models.Org
}

func (a *archive) Inspect(_ context.Context, o models.InspectionOrder) (models.Inspection, bool, error) {
	if a.down > 0 {
		a.down--
		return models.Inspection{}, false, errs.New(errs.Unavailable, "unavailable.database")
	}
	_, exists := a.reports[o.ID]
	a.reports[o.ID] = o
	return models.Inspection{ID: o.ID}, !exists, nil
}

// yearbook has one calendar.
type yearbook struct{ *testing.T }

func (y yearbook) InspectionCalendar(context.Context) (*calendar.Calendar, error) {
	return calendar.New(sample.Calendar(y, "cn"))
}

func (a *archive) FreshOrg(context.Context) (*models.Org, error) { return a.org, nil }

func TestInspection(t *testing.T) {
	t.Parallel()
	inspect := func(t *testing.T, a *archive, scheduled string, in models.InspectionInput) (models.InspectionResult, error) {
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
		env.RegisterActivity(&activities.Inspection{Store: a, Rules: yearbook{t}})
		env.ExecuteWorkflow(workflows.Inspection, in)
		var out models.InspectionResult
		if err := env.GetWorkflowError(); err != nil {
			return out, err
		}
		return out, env.GetWorkflowResult(&out)
	}
	org := &models.Org{Users: map[string]models.OrgUser{"mia": {ID: "mia", Active: true, Roles: []models.Role{models.RoleManager}}}}
	fresh := func() *archive { return &archive{reports: map[string]models.InspectionOrder{}, org: org} }

	t.Run("the_month_is_the_one_before_the_time_that_the_schedule_meant", func(t *testing.T) {
		t.Parallel()
		a := fresh()
		out, err := inspect(t, a, "2026-10-31T22:00:00Z", models.InspectionInput{}) // 06:00 on the first of November in Shanghai
		require.NoError(t, err)
		require.Equal(t, "2026-10", out.Month, "not November, though it is December now")
		require.True(t, out.Made)
		require.Equal(t, []string{"mia"}, a.reports[out.ID].Reviewers)
		again, err := inspect(t, a, "2026-10-31T22:00:00Z", models.InspectionInput{})
		require.NoError(t, err)
		require.Equal(t, out.ID, again.ID)
		require.False(t, again.Made)
	})
	t.Run("without_a_schedule_it_is_the_month_before_the_start_or_the_one_named", func(t *testing.T) {
		t.Parallel()
		out, err := inspect(t, fresh(), "", models.InspectionInput{})
		require.NoError(t, err)
		require.Equal(t, "2026-11", out.Month)
		out, err = inspect(t, fresh(), "2026-10-31T22:00:00Z", models.InspectionInput{Month: "2026-03"})
		require.NoError(t, err)
		require.Equal(t, "2026-03", out.Month)
	})
	t.Run("it_waits_for_a_database_that_is_away", func(t *testing.T) {
		t.Parallel()
		a := fresh()
		a.down = 5
		out, err := inspect(t, a, "", models.InspectionInput{})
		require.NoError(t, err)
		require.True(t, out.Made)
	})
	t.Run("a_month_that_is_not_over_ends_it", func(t *testing.T) {
		t.Parallel()
		a := fresh()
		_, err := inspect(t, a, "", models.InspectionInput{Month: "2026-12"})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, string(errs.Invalid), app.Type())
		require.Empty(t, a.reports)
	})
}
