package rulebook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestCampaign_is_judged_by_the_version_that_it_began_with(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, _, _, err := book.LatestCampaign(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("campaign/default.yaml")
	require.NoError(t, err)
	doc, faults := campaign.ParsePolicy(body)
	require.Empty(t, faults)
	for version := 1; version <= 2; version++ {
		doc.FailureLimit.Percent = 10 * version
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: campaign.Kind, Version: version, Body: raw})
	}

	fresh, version, cal, err := book.LatestCampaign(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{2, 20, "cn"}, []any{version, fresh.FailureLimit.Percent, cal.ID()})
	require.Equal(t, doc, *fresh, "as it was published")
	before := s.reads.Load()
	again, err := book.Campaign(t.Context(), 2)
	require.NoError(t, err)
	require.Same(t, fresh, again)
	require.Equal(t, before, s.reads.Load(), "what is known is not read again")
	old, err := book.Campaign(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 10, old.FailureLimit.Percent)
	_, err = book.Campaign(t.Context(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{Kind: campaign.Kind, Version: 3, Body: []byte("{")})
	_, _, _, err = book.LatestCampaign(t.Context())
	require.ErrorContains(t, err, "policy campaign version 3")
}
