package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/models"
)

// Reception returns one version of the reception policy.
func (b *Book) Reception(ctx context.Context, version int) (*policy.CompiledReception, error) {
	if c, ok := b.receptions.Get(version); ok {
		return c, nil
	}
	row, err := b.source.Policy(ctx, policy.KindReception, version)
	if err != nil {
		return nil, err
	}
	return b.compileReception(row)
}

// LatestReception returns the reception policy in force and its version.
func (b *Book) LatestReception(ctx context.Context) (*policy.CompiledReception, int, error) {
	row, err := b.source.LatestPolicy(ctx, policy.KindReception)
	if err != nil {
		return nil, 0, err
	}
	if c, ok := b.receptions.Get(row.Version); ok {
		return c, row.Version, nil
	}
	c, err := b.compileReception(row)
	return c, row.Version, err
}

func (b *Book) compileReception(row models.PolicyVersion) (*policy.CompiledReception, error) {
	var doc policy.Reception
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	c, err := policy.CompileReception(doc)
	if err != nil { // not errs.Invalid: no caller can put a stored policy right
		return nil, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
	}
	b.receptions.Add(row.Version, c)
	return c, nil
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
	p, version, err := b.LatestReception(ctx)
	if err != nil {
		return models.ReceptionRules{}, err
	}
	name := org.Teams[teamID].CalendarID
	if name == "" {
		name = p.Document().Calendar
	}
	c, err := b.LatestCalendar(ctx, name)
	return models.ReceptionRules{Policy: p, PolicyVersion: version, Calendar: c, Org: org}, err
}
