package rulebook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestResponsibility_is_that_of_the_version_that_is_asked_for(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.LatestResponsibility(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("responsibility/default.yaml")
	require.NoError(t, err)
	doc, faults := responsibility.Parse(body)
	require.Empty(t, faults)
	for version := 1; version <= 2; version++ {
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: responsibility.Kind, Version: version, Body: raw})
		delete(doc.Items, "competitor_analysis")
	}
	latest, err := book.LatestResponsibility(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, latest.Version())
	require.Len(t, latest.Items(), 8)
	before := s.reads.Load()
	again, err := book.Responsibility(t.Context(), 2)
	require.NoError(t, err)
	require.Same(t, latest, again)
	require.Equal(t, before, s.reads.Load(), "what is known is not read again")
	pinned, err := book.Responsibility(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, pinned.Items(), 9)
	_, err = book.Responsibility(t.Context(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{
		Kind: responsibility.Kind, Version: 3, Body: []byte(`{"kind":"responsibility","items":{"planning":{"primary":"am","first_monitor":"am"}}}`),
	})
	_, err = book.LatestResponsibility(t.Context())
	require.ErrorContains(t, err, "policy responsibility version 3")
	require.Equal(t, errs.Internal, errs.CodeOf(err), "a stored policy is nobody's bad value")
}
