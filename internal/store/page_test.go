package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestLists_estimate_what_all_their_pages_have(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for i := range 200 {
		c := aClient(fmt.Sprintf("Client %d", i))
		if i%4 == 0 {
			c.Class = "S"
		}
		_, err := s.CreateClient(t.Context(), c)
		require.NoError(t, err)
	}
	require.NoError(t, s.DB().Exec("ANALYZE clients").Error)
	about := func(f models.ClientFilter, cursor string) (estimate int64, next string) {
		rows, next, err := s.Clients(t.Context(), f, models.Page{Limit: 10, Cursor: cursor, Estimate: &estimate})
		require.NoError(t, err)
		require.Len(t, rows, 10)
		return estimate, next
	}
	everyone, next := about(models.ClientFilter{}, "")
	require.InDelta(t, 200, everyone, 20)
	later, _ := about(models.ClientFilter{}, next)
	require.Equal(t, everyone, later, "the whole list, whatever the page")
	class, _ := about(models.ClientFilter{Class: "S"}, "")
	require.InDelta(t, 50, class, 10)
}

func TestLists_estimate_cases_tasks_and_versions(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	const cases = 60
	for range cases {
		d.apply(t, d.record(d.one))
	}
	for range 3 {
		_, err := d.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Body: []byte(`{}`), PublishedBy: d.boss.ID})
		require.NoError(t, err)
	}
	require.NoError(t, d.DB().Exec("ANALYZE").Error)
	actor := models.Actor{Person: models.Person{ID: d.one.ID}}
	for name, list := range map[string]struct {
		want float64
		read func(models.Page) error
	}{
		"every case": {cases, func(p models.Page) error {
			_, _, err := d.Cases(t.Context(), everything, models.CaseFilter{}, p)
			return err
		}},
		"cases in sight": {cases, func(p models.Page) error {
			_, _, err := d.Cases(t.Context(), actor, models.CaseFilter{}, p)
			return err
		}},
		"to do": {cases, func(p models.Page) error {
			_, _, err := d.Tasks(t.Context(), actor, models.TaskFilter{Box: models.BoxTodo}, p)
			return err
		}},
		"versions": {3, func(p models.Page) error {
			_, _, err := d.PolicyVersions(t.Context(), "sla", p)
			return err
		}},
	} {
		var estimate int64
		require.NoError(t, list.read(models.Page{Limit: 2, Estimate: &estimate}), name)
		require.InEpsilon(t, list.want, estimate, 0.5, name)
	}
}
