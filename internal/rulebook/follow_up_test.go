package rulebook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// asks publishes the shipped surveys and campaign policy; change may change both.
func (s *shelf) asks(t *testing.T, change func(*survey.Document, *campaign.Policy)) {
	t.Helper()
	body, err := policies.FS.ReadFile("survey/default.yaml")
	require.NoError(t, err)
	doc, faults := survey.Parse(body)
	require.Empty(t, faults)
	body, err = policies.FS.ReadFile("campaign/default.yaml")
	require.NoError(t, err)
	policy, faults := campaign.ParsePolicy(body)
	require.Empty(t, faults)
	change(&doc, &policy)
	for kind, v := range map[string]any{survey.Kind: doc, campaign.Kind: policy} {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: kind, Version: len(s.of(kind)) + 1, Body: raw})
	}
}

func TestFollowUp_is_judged_by_the_versions_that_it_began_with(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.ForNewCampaign(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	s.asks(t, func(d *survey.Document, _ *campaign.Policy) { d.MinimumN = 7 })
	began, err := book.ForNewCampaign(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{1, 1, 1, "cn", 7}, []any{began.PolicyVersion, began.SurveyVersion, began.CalendarVersion, began.CalendarID, began.Book.MinimumN()})

	s.asks(t, func(d *survey.Document, p *campaign.Policy) { d.MinimumN, p.FailureLimit.Percent = 9, 50 })
	s.open(t, "cn")
	fresh, err := book.ForNewCampaign(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{2, 2, 2, 50, 9}, []any{
		fresh.PolicyVersion, fresh.SurveyVersion, fresh.CalendarVersion, fresh.Policy.FailureLimit.Percent, fresh.Book.MinimumN(),
	})
	pinned, err := book.OfFollowUp(t.Context(), &models.FollowUpState{SurveyVersion: 1, PolicyVersion: 1, CalendarID: "cn", CalendarVersion: 1})
	require.NoError(t, err)
	require.Equal(t, began, pinned)
	require.Same(t, began.Book, pinned.Book, "compiled once")
	mixed, err := book.ForCampaign(t.Context(), 2, 1, "cn", 1)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1}, []int{mixed.SurveyVersion, mixed.PolicyVersion, mixed.CalendarVersion})
	for _, missing := range [][]int{{9, 1}, {1, 9}} {
		_, err = book.ForCampaign(t.Context(), missing[0], missing[1], "cn", 1)
		require.Equal(t, errs.NotFound, errs.CodeOf(err))
	}
}
