package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/wf"
	"github.com/mcrflow/mcrflow/models"
)

// reportWithin bounds one attempt to report a week; it is retried until the report is made or refused.
const reportWithin = 5 * time.Minute

// Discipline makes the report about the interactions and log-ins of a week (U-01, U-06, U-13) and ends: whom it concerns has
// been told then. The week is the one before the time that the schedule meant, however late the process runs; without a
// schedule, before its start.
func Discipline(ctx workflow.Context, in models.DisciplineInput) (models.DisciplineResult, error) {
	var acts *activities.Discipline
	at, scheduled := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledAt)
	if !scheduled {
		at = workflow.GetInfo(ctx).WorkflowStartTime
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: reportWithin})
	return wf.Do(ctx, acts.ReportWeek, models.ReportWeek{Week: in.Week, ScheduledAt: at, At: workflow.Now(ctx)})
}
