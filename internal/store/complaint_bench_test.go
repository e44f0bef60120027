package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// BenchmarkRecordCase is the first step of a case: the row, an event, two intervals, a task, a promise and a notice.
func BenchmarkRecordCase(b *testing.B) {
	d := newDesk(b, store.Options{Email: true})
	var steps []models.CaseStep
	for range b.N {
		step := d.record(d.one)
		step.Notices = []models.Notice{{Kind: "case_recorded", UserID: d.two.ID, Key: "1/case_recorded/", NotBefore: d.now}}
		steps = append(steps, step)
	}
	b.ResetTimer()
	for _, step := range steps {
		_, err := d.AdvanceCases(b.Context(), []string{step.State.ID}, map[string]int64{step.State.ID: 0}, answers(step))
		require.NoError(b, err)
	}
}

// BenchmarkHandOver is a step that changes the handler and tells somebody.
func BenchmarkHandOver(b *testing.B) {
	d := newDesk(b, store.Options{Email: true})
	s := d.apply(b, d.record(d.one))
	users := []models.User{d.two, d.one}
	b.ResetTimer()
	for i := range b.N {
		step := hand(next(s, s.UpdatedAt.Add(time.Millisecond), "accepted"), users[i%2])
		step.Notices = []models.Notice{{Kind: "case_accepted", UserID: d.away.ID, Key: time.Duration(i).String(), NotBefore: d.now}}
		_, err := d.AdvanceCases(b.Context(), []string{s.ID}, map[string]int64{s.ID: s.Seq}, answers(step))
		require.NoError(b, err)
		s = step.State
	}
}

// BenchmarkNote is the smallest step: one event.
func BenchmarkNote(b *testing.B) {
	d := newDesk(b, store.Options{})
	s := d.apply(b, d.record(d.one))
	b.ResetTimer()
	for range b.N {
		step := next(s, s.UpdatedAt.Add(time.Millisecond), "noted")
		_, err := d.AdvanceCases(b.Context(), []string{s.ID}, map[string]int64{s.ID: s.Seq}, answers(step))
		require.NoError(b, err)
		s = step.State
	}
}
