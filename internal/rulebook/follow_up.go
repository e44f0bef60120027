package rulebook

import (
	"context"

	"github.com/mcrflow/mcrflow/models"
)

// OfFollowUp returns the rules of a follow-up that exists: the versions of policies and calendar pinned when it began.
func (b *Book) OfFollowUp(ctx context.Context, s *models.FollowUpState) (models.FollowUpRules, error) {
	return b.ForCampaign(ctx, s.SurveyVersion, s.PolicyVersion, s.CalendarID, s.CalendarVersion)
}

// ForNewCampaign returns the rules in force for a run of a campaign that begins: the calendar is the policy's.
func (b *Book) ForNewCampaign(ctx context.Context) (models.FollowUpRules, error) {
	p, version, c, err := b.LatestCampaign(ctx)
	if err != nil {
		return models.FollowUpRules{}, err
	}
	s, err := b.LatestSurveys(ctx)
	if err != nil {
		return models.FollowUpRules{}, err
	}
	return models.FollowUpRules{
		Policy: *p, PolicyVersion: version, Book: s, SurveyVersion: s.Version(),
		Calendar: c, CalendarID: c.ID(), CalendarVersion: c.Version(),
	}, nil
}

// ForCampaign returns the rules of a run that exists: the versions that were pinned when it began.
func (b *Book) ForCampaign(ctx context.Context, surveyVersion, policyVersion int, calendarID string, calendarVersion int) (models.FollowUpRules, error) {
	p, err := b.Campaign(ctx, policyVersion)
	if err != nil {
		return models.FollowUpRules{}, err
	}
	s, err := b.Surveys(ctx, surveyVersion)
	if err != nil {
		return models.FollowUpRules{}, err
	}
	c, err := b.Calendar(ctx, calendarID, calendarVersion)
	return models.FollowUpRules{
		Policy: *p, PolicyVersion: policyVersion, Book: s, SurveyVersion: surveyVersion,
		Calendar: c, CalendarID: calendarID, CalendarVersion: calendarVersion,
	}, err
}
