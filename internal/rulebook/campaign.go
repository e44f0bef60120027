package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/models"
)

// Campaign returns one version of the campaign policy. The document is shared: nobody may change it.
func (b *Book) Campaign(ctx context.Context, version int) (*campaign.Policy, error) {
	if p, ok := b.campaigns.Get(version); ok {
		return p, nil
	}
	row, err := b.source.Policy(ctx, campaign.Kind, version)
	if err != nil {
		return nil, err
	}
	return b.readCampaign(row)
}

// LatestCampaign returns the campaign policy in force, its version, and its calendar in force.
func (b *Book) LatestCampaign(ctx context.Context) (*campaign.Policy, int, *calendar.Calendar, error) {
	row, err := b.source.LatestPolicy(ctx, campaign.Kind)
	if err != nil {
		return nil, 0, nil, err
	}
	p, ok := b.campaigns.Get(row.Version)
	if !ok {
		if p, err = b.readCampaign(row); err != nil {
			return nil, 0, nil, err
		}
	}
	c, err := b.LatestCalendar(ctx, p.Calendar)
	return p, row.Version, c, err
}

func (b *Book) readCampaign(row models.PolicyVersion) (*campaign.Policy, error) {
	var p campaign.Policy
	if err := json.Unmarshal(row.Body, &p); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	b.campaigns.Add(row.Version, &p)
	return &p, nil
}
