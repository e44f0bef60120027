package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestPolicy_versions_count_up_and_keep_the_body_to_the_byte(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	_, err := s.LatestPolicy(t.Context(), "sla")
	requireCode(t, errs.NotFound, err)
	_, err = s.PolicyInForce(t.Context(), "sla")
	requireCode(t, errs.NotFound, err)
	bodies := []string{`{"b": 1,  "a":"承诺", "a":2}`, `{"b":2}`, `{"b":3}`}
	for i, body := range bodies {
		v, err := s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Body: []byte(body), PublishedBy: "user_x", Note: "n"})
		require.NoError(t, err)
		require.Equal(t, i+1, v.Version)
		got, err := s.Policy(t.Context(), "sla", i+1)
		require.NoError(t, err)
		require.Equal(t, v, got)
		require.Equal(t, body, string(got.Body))
	}
	for _, wanted := range []int{3, 5} {
		_, err = s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Version: wanted, Body: []byte("{}")})
		requireCode(t, errs.PreconditionFailed, err)
	}
	v, err := s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "cadence", Version: 1, Body: []byte("{}")})
	require.NoError(t, err)
	require.Equal(t, 1, v.Version, "each kind counts for itself")
	last, err := s.LatestPolicy(t.Context(), "sla")
	require.NoError(t, err)
	require.Equal(t, 3, last.Version)
	inForce, err := s.PolicyInForce(t.Context(), "sla")
	require.NoError(t, err)
	require.Equal(t, 3, inForce)
	_, err = s.Policy(t.Context(), "sla", 4)
	requireCode(t, errs.NotFound, err)

	page, next, err := s.PolicyVersions(t.Context(), "sla", models.Page{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []int{3, 2}, []int{page[0].Version, page[1].Version})
	page, next, err = s.PolicyVersions(t.Context(), "sla", models.Page{Limit: 2, Cursor: next})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, page, 1)
	require.Equal(t, 1, page[0].Version)
}

func TestPolicy_is_published_once_per_command_however_many_ask_at_the_same_time(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	command := id.New(id.Request)
	published := make(chan models.PolicyVersion, 8)
	var group errgroup.Group
	for range cap(published) {
		group.Go(func() error {
			v, err := s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Body: []byte("{}"), PublishedBy: "user_x", CommandID: &command})
			published <- v
			return err
		})
	}
	require.NoError(t, group.Wait())
	close(published)
	for v := range published {
		require.Equal(t, 1, v.Version, "the same publication for all")
		require.Equal(t, "user_x", v.PublishedBy)
	}
	other := id.New(id.Request)
	v, err := s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Body: []byte("{}"), CommandID: &other})
	require.NoError(t, err)
	require.Equal(t, 2, v.Version)
}

func TestCalendar_versions_count_up_also_when_many_publish_at_once(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			_, err := s.PublishCalendar(t.Context(), models.CalendarVersion{ID: "cn", Body: []byte("{}")})
			return err
		})
	}
	require.NoError(t, g.Wait())
	_, err := s.PublishCalendar(t.Context(), models.CalendarVersion{ID: "always", Body: []byte("{}")})
	require.NoError(t, err)
	_, err = s.PublishCalendar(t.Context(), models.CalendarVersion{ID: "cn", Version: 8, Body: []byte("{}")})
	requireCode(t, errs.PreconditionFailed, err)
	last, err := s.LatestCalendar(t.Context(), "cn")
	require.NoError(t, err)
	require.Equal(t, 8, last.Version)
	inForce, err := s.CalendarInForce(t.Context(), "cn")
	require.NoError(t, err)
	require.Equal(t, 8, inForce)
	_, err = s.CalendarInForce(t.Context(), "de")
	requireCode(t, errs.NotFound, err)
	_, err = s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Body: []byte(`{}`), PublishedBy: "user_x"})
	require.NoError(t, err)
	for _, both := range []struct {
		kind, calendar    string
		policy, calendars int
	}{{"sla", "cn", 1, 8}, {"sla", "de", 1, 0}, {"none", "cn", 0, 8}} {
		policyVersion, calendarVersion, err := s.BothInForce(t.Context(), both.kind, both.calendar)
		require.NoError(t, err)
		require.Equal(t, []int{both.policy, both.calendars}, []int{policyVersion, calendarVersion}, both)
	}
	versions, _, err := s.CalendarVersions(t.Context(), "cn", models.Page{})
	require.NoError(t, err)
	require.Len(t, versions, 8)
	ids, err := s.CalendarIDs(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"always", "cn"}, ids)
	_, err = s.Calendar(t.Context(), "cn", 9)
	requireCode(t, errs.NotFound, err)
}

func TestPublished_versions_never_change(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	_, err := s.PublishPolicy(t.Context(), models.PolicyVersion{Kind: "sla", Body: []byte(`{"a":1}`)})
	require.NoError(t, err)
	_, err = s.PublishCalendar(t.Context(), models.CalendarVersion{ID: "cn", Body: []byte(`{"a":1}`)})
	require.NoError(t, err)
	for _, statement := range []string{
		"UPDATE policy_versions SET body = '{}'", "DELETE FROM policy_versions",
		"UPDATE calendar_versions SET version = 2", "DELETE FROM calendar_versions",
	} {
		require.ErrorContains(t, s.DB().Exec(statement).Error, "never changes", statement)
	}
	v, err := s.LatestPolicy(t.Context(), "sla")
	require.NoError(t, err)
	require.Equal(t, `{"a":1}`, string(v.Body))
}
