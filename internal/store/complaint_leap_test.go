package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestAdvanceCase_on_a_state_that_has_moved_on_writes_nothing_and_answers_the_stored_one(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	first := d.record(d.one)
	old := d.apply(t, first)
	s := d.apply(t, next(old, d.tick(), "noted"))
	before := d.contents(t)
	for name, attempt := range map[string]struct {
		believed *models.CaseState
		step     models.CaseStep
	}{
		"the case exists already": {nil, first},
		"a step was taken since":  {&old, next(old, d.tick(), "noted")},
	} {
		out, err := d.AdvanceCase(t.Context(), s.ID, attempt.believed, answers(attempt.step))
		require.NoError(t, err, name)
		require.Equal(t, map[string]models.CaseState{s.ID: s}, out.Behind, name)
		require.Equal(t, before, d.contents(t), name)
	}
}

func TestAdvanceCase_gives_nothing_to_somebody_who_has_left(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	require.NoError(t, d.DB().Exec("UPDATE users SET active = false WHERE id = ?", d.two.ID).Error)
	before := d.contents(t)
	_, err := d.AdvanceCase(t.Context(), s.ID, &s, answers(hand(next(s, d.tick(), "assigned"), d.two)))
	require.Equal(t, "case.user_inactive", requireCode(t, errs.Invalid, err).Key)
	require.Equal(t, before, d.contents(t))
}

func TestAdvanceCase_from_a_state_that_the_database_has_lost_is_an_error(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	lost := s
	lost.ID = id.New(id.Case)
	_, err := d.AdvanceCase(t.Context(), lost.ID, &lost, answers(next(lost, d.tick(), "noted")))
	requireCode(t, errs.Internal, err)
}

func TestAdvanceCase_decides_again_on_the_stored_state_before_it_refuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	old := d.apply(t, d.record(d.one))
	s := d.apply(t, next(old, d.tick(), "noted"))
	refusal := errs.New(errs.Conflict, "case.state")
	refuse := func(map[string]models.CaseState) ([]models.CaseStep, error) { return nil, refusal }
	out, err := d.AdvanceCase(t.Context(), s.ID, &old, refuse)
	require.NoError(t, err)
	require.Equal(t, s, out.Behind[s.ID])
	_, err = d.AdvanceCase(t.Context(), s.ID, &s, refuse)
	require.ErrorIs(t, err, refusal)
}
