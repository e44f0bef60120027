package api_test

import (
	"context"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/models"
)

// campaignRows is the projection.
type campaignRows struct {
	rows        map[string]models.CampaignRow
	runs        []models.RunRow
	people      []campaign.Facts
	recipients  []models.RecipientRow
	events      []models.TimelineEvent
	invitations map[string]models.SurveyInvitation
	follows     map[string]*models.FollowUpState
	counts      []models.ScoreCounts
	recovery    models.Recovery
	optedOut    []string
	asked       any // the filter of the latest question
	actor       models.Actor
}

func (s *campaignRows) Campaign(_ context.Context, campaignID string) (models.CampaignRow, error) {
	row, ok := s.rows[campaignID]
	if !ok {
		return row, none()
	}
	return row, nil
}

func (s *campaignRows) Campaigns(_ context.Context, f models.CampaignFilter, _ models.Page) ([]models.CampaignRow, string, error) {
	s.asked = f
	var rows []models.CampaignRow
	for _, row := range s.rows {
		rows = append(rows, row)
	}
	return rows, "more", nil
}

func (s *campaignRows) RunOf(_ context.Context, campaignID string, n int) (models.RunRow, error) {
	for _, r := range slices.Backward(s.runs) {
		if r.CampaignID == campaignID && (n == 0 || r.N == n) {
			return r, nil
		}
	}
	return models.RunRow{}, none()
}

func (s *campaignRows) Runs(context.Context, string, models.Page) ([]models.RunRow, string, error) {
	return s.runs, "", nil
}

func (s *campaignRows) Recipients(_ context.Context, runID string, state models.RecipientState, _ models.Page) ([]models.RecipientRow, string, error) {
	s.asked = []string{runID, string(state)}
	return s.recipients, "", nil
}

func (s *campaignRows) AudienceFacts(_ context.Context, a campaign.Audience, at time.Time, zone, openComplaint string) ([]campaign.Facts, error) {
	s.asked = []any{a, at, zone, openComplaint}
	return s.people, nil
}

func (s *campaignRows) Timeline(_ context.Context, _ string, after int64, limit int) ([]models.TimelineEvent, error) {
	rest := s.events[min(int(after), len(s.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (s *campaignRows) Invitation(_ context.Context, invitationID string) (models.SurveyInvitation, error) {
	row, ok := s.invitations[invitationID]
	if !ok {
		return row, none()
	}
	return row, nil
}

func (s *campaignRows) FollowUpState(_ context.Context, invitationID string) (models.FollowUpState, error) {
	if state := s.follows[invitationID]; state != nil {
		return *state, nil
	}
	return models.FollowUpState{}, none()
}

func (s *campaignRows) InvitationByToken(_ context.Context, hash []byte) (models.SurveyInvitation, error) {
	for _, row := range s.invitations {
		if slices.Equal(row.TokenHash, hash) {
			return row, nil
		}
	}
	return models.SurveyInvitation{}, none()
}

func (s *campaignRows) Invitations(_ context.Context, actor models.Actor, f models.InvitationFilter, _ models.Page) ([]models.SurveyInvitation, string, error) {
	s.asked, s.actor = f, actor
	var rows []models.SurveyInvitation
	for _, row := range s.invitations {
		rows = append(rows, row)
	}
	return rows, "", nil
}

func (s *campaignRows) Scores(_ context.Context, f models.ScoreFilter) ([]models.ScoreCounts, error) {
	s.asked = f
	return s.counts, nil
}

func (s *campaignRows) RunScores(_ context.Context, runID, template string) (map[int]int, error) {
	s.asked = []any{runID, template}
	for _, c := range s.counts {
		if c.Template == template {
			return c.Counts, nil
		}
	}
	return nil, nil
}

func (s *campaignRows) Recovery(_ context.Context, f models.ScoreFilter) (models.Recovery, error) {
	s.asked = f
	return s.recovery, nil
}

func (s *campaignRows) OptOut(_ context.Context, _ string, keys []string, _ time.Time) error {
	s.optedOut = append(s.optedOut, keys...)
	return nil
}
