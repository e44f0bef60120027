package api

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/models"
)

// Campaigns reads the projection of the campaign process and the audiences of its runs. What does not exist is not_found.
type Campaigns interface {
	Campaign(ctx context.Context, id string) (models.CampaignRow, error)
	Campaigns(ctx context.Context, f models.CampaignFilter, p models.Page) ([]models.CampaignRow, string, error)
	// RunOf returns the n-th run of a campaign with its counts; 0 is the latest.
	RunOf(ctx context.Context, campaignID string, n int) (models.RunRow, error)
	// Runs lists the runs of a campaign, the latest first.
	Runs(ctx context.Context, campaignID string, p models.Page) ([]models.RunRow, string, error)
	// Recipients lists the recipients of a run in the order of sending; an empty state is all.
	Recipients(ctx context.Context, runID string, state models.RecipientState, p models.Page) ([]models.RecipientRow, string, error)
	// AudienceFacts lists what is known at the instant of everybody whom an audience selects; zone is for those without one, and
	// openComplaint is what the policy says about them.
	AudienceFacts(ctx context.Context, a campaign.Audience, at time.Time, zone, openComplaint string) ([]campaign.Facts, error)
	// RunScores counts the answers to the main question of the template that came to a run, by value.
	RunScores(ctx context.Context, runID, template string) (map[int]int, error)
	// Timeline lists the events after a sequence number, in order.
	Timeline(ctx context.Context, campaignID string, after int64, limit int) ([]models.TimelineEvent, error)
}

// Surveys reads invitations and what was answered. What does not exist is not_found.
type Surveys interface {
	Invitation(ctx context.Context, id string) (models.SurveyInvitation, error)
	// InvitationByToken finds the invitation of a personal link by the hash of its token.
	InvitationByToken(ctx context.Context, hash []byte) (models.SurveyInvitation, error)
	// Invitations lists those that the actor may know of, the newest first.
	Invitations(ctx context.Context, actor models.Actor, f models.InvitationFilter, p models.Page) ([]models.SurveyInvitation, string, error)
	// Scores counts the answers to each question that is a score, by value.
	Scores(ctx context.Context, f models.ScoreFilter) ([]models.ScoreCounts, error)
	Recovery(ctx context.Context, f models.ScoreFilter) (models.Recovery, error)
	// FollowUpState answers the state of the process of an invitation, whoever asks; not_found where nobody has answered yet.
	FollowUpState(ctx context.Context, invitationID string) (models.FollowUpState, error)
	// OptOut notes that the person of the keys is never asked again, whatever became of the invitation.
	OptOut(ctx context.Context, invitationID string, keys []string, at time.Time) error
}
