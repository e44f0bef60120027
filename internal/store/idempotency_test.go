package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func fresh() models.IdempotencyRecord {
	return models.IdempotencyRecord{CommandID: id.New(id.Request), Fingerprint: []byte("body")}
}

func TestIdempotency_of_many_claims_at_once_exactly_one_is_first(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	type answer struct {
		rec   models.IdempotencyRecord
		first bool
		err   error
	}
	answers := make(chan answer, 50)
	for range cap(answers) {
		go func() {
			var a answer
			a.rec, a.first, a.err = s.Claim(t.Context(), "user_1", "key", fresh())
			answers <- a
		}()
	}
	firsts, commands := 0, map[string]bool{}
	for range cap(answers) {
		a := <-answers
		require.NoError(t, a.err)
		commands[a.rec.CommandID] = true
		if a.first {
			firsts++
		}
	}
	require.Equal(t, 1, firsts)
	require.Len(t, commands, 1, "every retry acts under the first one's command id")
}

func TestIdempotency_a_key_belongs_to_its_user(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, user := range []string{"user_1", "user_2"} {
		_, first, err := s.Claim(t.Context(), user, "key", fresh())
		require.NoError(t, err)
		require.True(t, first)
	}
}

func TestIdempotency_keeps_the_first_answer(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	rec, _, err := s.Claim(t.Context(), "user_1", "key", fresh())
	require.NoError(t, err)
	rec.Status, rec.Header, rec.Body = 200, map[string]string{"Content-Type": "application/json"}, []byte(`{"state":"closed"}`)
	require.NoError(t, s.Answer(t.Context(), "user_1", "key", rec))
	late := rec
	late.Status, late.Body = 409, []byte(`{"code":"conflict"}`)
	require.NoError(t, s.Answer(t.Context(), "user_1", "key", late), "a second attempt that ran at the same time")
	got, _, err := s.Claim(t.Context(), "user_1", "key", fresh())
	require.NoError(t, err)
	require.Equal(t, rec, got)
}

func TestIdempotency_repeats_the_answer_for_24_hours(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := testkit.StoreWith(t, store.Options{Now: c.now})
	rec, first, err := s.Claim(t.Context(), "user_1", "key", fresh())
	require.NoError(t, err)
	require.True(t, first)
	rec.Status, rec.Header, rec.Body = 201, map[string]string{"Location": "/x"}, []byte(`{"名":1}`)
	require.NoError(t, s.Answer(t.Context(), "user_1", "key", rec))
	c.at = c.at.Add(24 * time.Hour)
	got, first, err := s.Claim(t.Context(), "user_1", "key", fresh())
	require.NoError(t, err)
	require.False(t, first)
	require.Equal(t, rec, got)

	c.at = c.at.Add(time.Second)
	renewed := fresh()
	got, first, err = s.Claim(t.Context(), "user_1", "key", renewed)
	require.NoError(t, err)
	require.True(t, first)
	require.Equal(t, renewed, got)
	require.NoError(t, s.Answer(t.Context(), "user_1", "key", rec), "a late answer of the old command")
	got, _, err = s.Claim(t.Context(), "user_1", "key", fresh())
	require.NoError(t, err)
	require.Equal(t, renewed, got, "does not answer the new one")
}
