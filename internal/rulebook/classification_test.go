package rulebook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestClassification_is_that_of_the_version_that_a_grade_was_given_by(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.LatestClassification(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("classification/default.yaml")
	require.NoError(t, err)
	doc, faults := classification.Parse(body)
	require.Empty(t, faults)
	for version, chain := range []string{"first", "second"} {
		doc.Chain = chain
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: classification.Kind, Version: version + 1, Body: raw})
	}
	latest, err := book.LatestClassification(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{2, "second"}, []any{latest.Version(), latest.Chain()})
	before := s.reads.Load()
	for range 2 {
		again, err := book.Classification(t.Context(), 2)
		require.NoError(t, err)
		require.Same(t, latest, again)
	}
	require.Equal(t, before, s.reads.Load(), "what is known is not read again")
	pinned, err := book.Classification(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []any{1, "first"}, []any{pinned.Version(), pinned.Chain()})
	_, err = book.Classification(t.Context(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{Kind: classification.Kind, Version: 3, Body: []byte(`{"kind":"classification"}`)})
	_, err = book.LatestClassification(t.Context())
	require.ErrorContains(t, err, "policy classification version 3")
	require.Equal(t, errs.Internal, errs.CodeOf(err), "a stored policy is nobody's bad value")
}
