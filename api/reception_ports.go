package api

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/models"
)

// Receptions reads the projection of the reception process. A reception that the actor may not know of is not_found; what
// belongs to one is read without asking again.
type Receptions interface {
	Reception(ctx context.Context, actor models.Actor, id string) (models.ReceptionRow, error)
	Receptions(ctx context.Context, actor models.Actor, f models.ReceptionFilter, p models.Page) ([]models.ReceptionRow, string, error)
	// Timeline lists the events after a sequence number, in order.
	Timeline(ctx context.Context, receptionID string, after int64, limit int) ([]models.TimelineEvent, error)
	ReceptionNeeds(ctx context.Context, receptionID string) ([]models.NeedRow, error)
	ReceptionClaims(ctx context.Context, receptionID string) ([]models.ClaimRow, error)
	ReceptionFeedback(ctx context.Context, receptionID string) ([]models.FeedbackRow, error)
	ReceptionInvitations(ctx context.Context, receptionID string) ([]models.InvitationRow, error)
	// OtherReceptions lists what was asked for or approved and begins from one instant to another, both included.
	OtherReceptions(ctx context.Context, from, until time.Time, currency string) ([]models.OtherReception, error)
	ResourcesByID(ctx context.Context, ids []string) (map[string]models.Resource, error)
	// AwayOf answers when the users are away within the slot, as their rules for deputies say.
	AwayOf(ctx context.Context, users []string, slot models.Slot) (map[string][]models.Slot, error)
}
