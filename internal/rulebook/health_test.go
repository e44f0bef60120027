package rulebook_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestHealth_is_scored_by_the_version_that_is_asked_for(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.LatestHealth(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("health/default.yaml")
	require.NoError(t, err)
	doc, faults := health.Parse(body)
	require.Empty(t, faults)
	for version := 1; version <= 2; version++ {
		base := 10 * version
		doc.Base = &base
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: health.PolicyKind, Version: version, Body: raw})
	}
	latest, err := book.LatestHealth(t.Context())
	require.NoError(t, err)
	score := latest.Score(nil, time.Now(), time.UTC)
	require.Equal(t, []int{2, 20}, []int{score.Version, score.Points})
	before := s.reads.Load()
	again, err := book.Health(t.Context(), 2)
	require.NoError(t, err)
	require.Same(t, latest, again)
	require.Equal(t, before, s.reads.Load(), "what is known is not read again")
	pinned, err := book.Health(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 10, pinned.Score(nil, time.Now(), time.UTC).Points)
	_, err = book.Health(t.Context(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{Kind: health.PolicyKind, Version: 3, Body: []byte(`{"kind":"health","rules":{}}`)})
	_, err = book.LatestHealth(t.Context())
	require.ErrorContains(t, err, "policy health version 3")
	require.Equal(t, errs.Internal, errs.CodeOf(err), "a stored policy is nobody's bad value")
}
