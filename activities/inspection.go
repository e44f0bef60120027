package activities

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// InspectionStore is what this file needs of storage.
type InspectionStore interface {
	// Inspect makes the report of a month with its tasks, in one transaction; made is false when there was one already.
	Inspect(ctx context.Context, o models.InspectionOrder) (i models.Inspection, made bool, err error)
	// FreshOrg is the organisation as it stands.
	FreshOrg(ctx context.Context) (*models.Org, error)
}

// InspectionBook gives the calendar that months and due times are counted by.
type InspectionBook interface {
	InspectionCalendar(ctx context.Context) (*calendar.Calendar, error)
}

// Inspection holds the dependencies of the process's activities.
type Inspection struct {
	Store InspectionStore
	Rules InspectionBook
}

// InspectMonth makes the report of a month and gives its reviewers their tasks, in one transaction. Idempotency key: the
// month; a report that is there is answered as it is. A month that is not over is refused for good; anything else is retried.
func (a *Inspection) InspectMonth(ctx context.Context, in models.InspectMonth) (models.InspectionResult, error) {
	c, err := a.Rules.InspectionCalendar(ctx)
	if err != nil {
		return models.InspectionResult{}, err
	}
	month := models.MonthBefore(in.ScheduledAt, c)
	if in.Month != "" {
		if month, err = time.Parse(models.MonthLayout, in.Month); err != nil {
			return models.InspectionResult{}, errs.NewInvalid(errs.Field{Field: "month", Code: "month"})
		}
	}
	org, err := a.Store.FreshOrg(ctx)
	if err != nil {
		return models.InspectionResult{}, err
	}
	o, err := models.NewInspection(month, models.System, in.At, c, org)
	if err != nil {
		return models.InspectionResult{}, err
	}
	i, made, err := a.Store.Inspect(ctx, o)
	return models.InspectionResult{ID: i.ID, Month: month.Format(models.MonthLayout), Made: made}, err
}
