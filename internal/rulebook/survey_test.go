package rulebook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestSurveys_are_those_of_the_version_that_an_invitation_began_with(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.LatestSurveys(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("survey/default.yaml")
	require.NoError(t, err)
	doc, faults := survey.Parse(body)
	require.Empty(t, faults)
	for version := 1; version <= 2; version++ {
		doc.MinimumN = 10 * version
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: survey.Kind, Version: version, Body: raw})
	}
	latest, err := book.LatestSurveys(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{2, 20}, []int{latest.Version(), latest.MinimumN()})
	before := s.reads.Load()
	for range 2 {
		again, err := book.Surveys(t.Context(), 2)
		require.NoError(t, err)
		require.Same(t, latest, again)
	}
	require.Equal(t, before, s.reads.Load(), "what is known is not read again")
	pinned, err := book.Surveys(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []int{1, 10}, []int{pinned.Version(), pinned.MinimumN()})
	_, err = book.Surveys(t.Context(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{
		Kind: survey.Kind, Version: 3, Body: []byte(`{"kind":"survey","templates":{"a":{"languages":["en"],"questions":[{"id":"q","when":"later"}]}}}`),
	})
	_, err = book.LatestSurveys(t.Context())
	require.ErrorContains(t, err, "policy survey version 3")
	require.Equal(t, errs.Internal, errs.CodeOf(err), "a stored policy is nobody's bad value")
}
