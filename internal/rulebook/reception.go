package rulebook

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/models"
)

// Reception returns one version of the reception policy.
func (b *Book) Reception(ctx context.Context, version int) (*policy.CompiledReception, error) {
	return b.receptions.version(ctx, version)
}

// LatestReception returns the reception policy in force and its version.
func (b *Book) LatestReception(ctx context.Context) (*policy.CompiledReception, int, error) {
	return b.receptions.latest(ctx)
}

// InspectionCalendar returns the calendar of the reception policy in force: months begin and end in its zone.
func (b *Book) InspectionCalendar(ctx context.Context) (*calendar.Calendar, error) {
	p, _, err := b.LatestReception(ctx)
	if err != nil {
		return nil, err
	}
	return b.LatestCalendar(ctx, p.Document().Calendar)
}

// OfReception returns the rules of a reception that exists: the policy and calendar versions pinned when it began. What is
// recorded of it, and the resources, absences and approvers that a step needs, are the caller's to add.
func (b *Book) OfReception(ctx context.Context, s *models.ReceptionState, org *models.Org) (models.ReceptionRules, error) {
	p, err := b.Reception(ctx, s.PolicyVersion)
	if err != nil {
		return models.ReceptionRules{}, err
	}
	c, err := b.Calendar(ctx, s.CalendarID, s.CalendarVersion)
	return models.ReceptionRules{Policy: p, PolicyVersion: s.PolicyVersion, Calendar: c, Org: org}, err
}

// ForNewReception returns the rules in force for a reception of the team: the team's calendar, else the policy's.
func (b *Book) ForNewReception(ctx context.Context, org *models.Org, teamID string) (models.ReceptionRules, error) {
	p, version, c, err := inForce(ctx, b, b.receptions, func(p *policy.CompiledReception) string {
		return calendarOf(org, teamID, p.Document().Calendar)
	})
	return models.ReceptionRules{Policy: p, PolicyVersion: version, Calendar: c, Org: org}, err
}
