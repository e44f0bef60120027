package activities

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/models"
)

// DisciplineStore is what this file needs of storage.
type DisciplineStore interface {
	// ReportWeek makes the report of a week with its notices, in one transaction; made is false when there was one already.
	ReportWeek(ctx context.Context, o models.DisciplineOrder) (r models.DisciplineReport, made bool, err error)
	// FreshOrg is the organisation as it stands.
	FreshOrg(ctx context.Context) (*models.Org, error)
}

// DisciplineBook gives the policy that weeks are judged by, and the calendar that they are counted by.
type DisciplineBook interface {
	LatestCadence(ctx context.Context) (p *cadence.Policy, version int, c *calendar.Calendar, err error)
}

// Discipline holds the dependencies of the process's activities.
type Discipline struct {
	Store DisciplineStore
	Rules DisciplineBook
}

// ReportWeek makes the report of a week and tells everyone whom it concerns, in one transaction. Idempotency key: the week; a
// report that is there is answered as it is. A week that is not over is refused for good; anything else is retried.
func (a *Discipline) ReportWeek(ctx context.Context, in models.ReportWeek) (models.DisciplineResult, error) {
	p, version, c, err := a.Rules.LatestCadence(ctx)
	if err != nil {
		return models.DisciplineResult{}, err
	}
	week := models.WeekBefore(in.ScheduledAt, c)
	if in.Week != "" {
		if week, err = models.WeekBeginning(in.Week, c); err != nil {
			return models.DisciplineResult{}, err
		}
	}
	org, err := a.Store.FreshOrg(ctx)
	if err != nil {
		return models.DisciplineResult{}, err
	}
	o, err := models.NewDiscipline(week, models.System, in.At, p, version, c, org)
	if err != nil {
		return models.DisciplineResult{}, err
	}
	r, made, err := a.Store.ReportWeek(ctx, o)
	return models.DisciplineResult{ID: r.ID, Week: models.Monday(week), Made: made}, err
}
