package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/wf"
	"github.com/mcrflow/mcrflow/models"
)

// inspectWithin bounds one attempt to count a month; the report is retried until it is made or refused.
const inspectWithin = time.Minute

// scheduledAt is the search attribute, set by the engine, of the time that a schedule meant a process for.
var scheduledAt = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// Inspection makes the report about the receptions of a month and ends: what follows is the task of its reviewers. The month
// is the one before the time that the schedule meant, however late the process runs; without a schedule, before its start.
func Inspection(ctx workflow.Context, in models.InspectionInput) (models.InspectionResult, error) {
	var acts *activities.Inspection
	at, scheduled := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledAt)
	if !scheduled {
		at = workflow.GetInfo(ctx).WorkflowStartTime
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: inspectWithin})
	return wf.Do(ctx, acts.InspectMonth, models.InspectMonth{Month: in.Month, ScheduledAt: at, At: workflow.Now(ctx)})
}
