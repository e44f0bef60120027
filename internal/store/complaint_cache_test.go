package store_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// twoProcesses are a desk and the store of another process on the same database.
func twoProcesses(t *testing.T) (d *desk, other *store.Store) {
	t.Helper()
	url := testkit.Database(t)
	var both [2]*store.Store
	for i := range both {
		s, err := store.Open(t.Context(), url, store.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		both[i] = s
	}
	return deskIn(t, both[0]), both[1]
}

// storedCase is a case as the database holds it.
func storedCase(t *testing.T, s *store.Store, caseID string) string {
	t.Helper()
	row, err := s.Case(t.Context(), models.Actor{Person: models.Person{Roles: []models.Role{models.RoleAuditor}}}, caseID)
	require.NoError(t, err)
	return asJSON(t, row)
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestCaseAfter_answers_from_memory_what_the_database_holds_after_every_step(t *testing.T) {
	t.Parallel()
	d, other := twoProcesses(t)
	first := d.record(d.one)
	s := d.apply(t, first)
	after := func() string {
		row, err := d.CaseAfter(t.Context(), s.ID, s.Seq)
		require.NoError(t, err)
		require.Equal(t, s.Seq, row.State.Seq)
		return asJSON(t, row)
	}
	for _, step := range []func() models.CaseStep{
		func() models.CaseStep { return next(s, d.tick(), "noted") },
		func() models.CaseStep { return hand(next(s, d.tick(), "assigned"), d.two) },
		func() models.CaseStep {
			step := next(s, d.tick(), "resolved")
			step.Resolution = &models.CaseResolution{Resolution: "Unlocked.", RootCause: "Three wrong passwords.", By: d.two.ID}
			return step
		},
	} {
		require.JSONEq(t, storedCase(t, other, s.ID), after())
		s = d.apply(t, step())
	}
	require.JSONEq(t, storedCase(t, other, s.ID), after())

	require.NoError(t, d.DB().Exec("UPDATE cases SET subject = 'nobody asked' WHERE id = ?", s.ID).Error)
	require.Contains(t, after(), first.Record.Subject, "the database was not asked")
}

func TestCaseAfter_asks_the_database_where_another_process_took_a_step(t *testing.T) {
	t.Parallel()
	d, other := twoProcesses(t)
	s := d.apply(t, d.record(d.one))
	elsewhere := next(s, d.tick(), "resolved")
	elsewhere.Resolution = &models.CaseResolution{Resolution: "Unlocked.", By: d.one.ID}
	_, err := other.AdvanceCase(t.Context(), s.ID, &s, answers(elsewhere))
	require.NoError(t, err)
	row, err := d.CaseAfter(t.Context(), s.ID, elsewhere.State.Seq)
	require.NoError(t, err)
	require.Equal(t, "Unlocked.", row.Resolution)

	again := next(elsewhere.State, d.tick(), "noted")
	_, err = other.AdvanceCase(t.Context(), s.ID, &elsewhere.State, answers(again))
	require.NoError(t, err)
	s = d.apply(t, next(again.State, d.tick(), "noted"))
	row, err = d.CaseAfter(t.Context(), s.ID, s.Seq)
	require.NoError(t, err)
	require.JSONEq(t, storedCase(t, other, s.ID), asJSON(t, row))
}
