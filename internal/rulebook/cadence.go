package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/models"
)

// Cadence returns one version of the cadence policy. The document is shared: nobody may change it.
func (b *Book) Cadence(ctx context.Context, version int) (*cadence.Policy, error) {
	if p, ok := b.cadences.Get(version); ok {
		return p, nil
	}
	row, err := b.source.Policy(ctx, cadence.Kind, version)
	if err != nil {
		return nil, err
	}
	return b.readCadence(row)
}

// LatestCadence returns the cadence policy in force, its version, and its calendar in force.
func (b *Book) LatestCadence(ctx context.Context) (*cadence.Policy, int, *calendar.Calendar, error) {
	row, err := b.source.LatestPolicy(ctx, cadence.Kind)
	if err != nil {
		return nil, 0, nil, err
	}
	p, ok := b.cadences.Get(row.Version)
	if !ok {
		if p, err = b.readCadence(row); err != nil {
			return nil, 0, nil, err
		}
	}
	c, err := b.LatestCalendar(ctx, p.Calendar)
	return p, row.Version, c, err
}

func (b *Book) readCadence(row models.PolicyVersion) (*cadence.Policy, error) {
	var p cadence.Policy
	if err := json.Unmarshal(row.Body, &p); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	b.cadences.Add(row.Version, &p)
	return &p, nil
}
