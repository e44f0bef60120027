package rulebook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestCadence_is_read_once_per_version_and_comes_with_its_calendar_in_force(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, _, _, err := book.LatestCadence(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("cadence/default.yaml")
	require.NoError(t, err)
	doc, faults := cadence.ParsePolicy(body)
	require.Empty(t, faults)
	for version := 1; version <= 2; version++ {
		doc.Weekly.Minimum = 10 * version
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: cadence.Kind, Version: version, Body: raw})
	}

	s.open(t, "cn")
	fresh, version, cal, err := book.LatestCadence(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{2, 20, "cn", 2}, []any{version, fresh.Weekly.Minimum, cal.ID(), cal.Version()})
	require.Equal(t, doc, *fresh, "as it was published")
	before := s.reads.Load()
	again, err := book.Cadence(t.Context(), 2)
	require.NoError(t, err)
	require.Same(t, fresh, again)
	require.Equal(t, before, s.reads.Load(), "what is known is not read again")
	old, err := book.Cadence(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 10, old.Weekly.Minimum)
	_, err = book.Cadence(t.Context(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{Kind: cadence.Kind, Version: 3, Body: []byte("{")})
	_, _, _, err = book.LatestCadence(t.Context())
	require.ErrorContains(t, err, "policy cadence version 3")
}
