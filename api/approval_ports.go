package api

import (
	"context"

	"github.com/mcrflow/mcrflow/models"
)

// Approvals reads the projection of the approval process. An approval that the actor may not know of is not_found.
type Approvals interface {
	Approval(ctx context.Context, actor models.Actor, id string) (models.ApprovalRow, error)
	// ApprovalAfter returns an approval as of the step or later, whoever asks. It is shared: nobody may change it.
	ApprovalAfter(ctx context.Context, id string, seq int64) (models.ApprovalRow, error)
	Approvals(ctx context.Context, actor models.Actor, f models.ApprovalFilter, p models.Page) ([]models.ApprovalRow, string, error)
	// Timeline lists the events after a sequence number, in order.
	Timeline(ctx context.Context, approvalID string, after int64, limit int) ([]models.TimelineEvent, error)
}

// Organisation knows who stands where. What it answers is shared: read it, never write to it.
type Organisation interface {
	Org(ctx context.Context) (*models.Org, error)
}
