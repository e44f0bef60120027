package rulebook_test

import (
	"context"
	"encoding/json"
	"os"
	"sync/atomic"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// shelf holds published versions, the latest last, and counts how often it is read.
type shelf struct {
	policies  []models.PolicyVersion
	calendars map[string][]models.CalendarVersion
	reads     atomic.Int32
}

func (s *shelf) LatestPolicy(context.Context, string) (models.PolicyVersion, error) {
	return s.policies[len(s.policies)-1], nil
}

func (s *shelf) Policy(_ context.Context, _ string, version int) (models.PolicyVersion, error) {
	s.reads.Add(1)
	if version > len(s.policies) {
		return models.PolicyVersion{}, errs.New(errs.NotFound, "policy.unknown")
	}
	return s.policies[version-1], nil
}

func (s *shelf) LatestCalendar(_ context.Context, id string) (models.CalendarVersion, error) {
	versions := s.calendars[id]
	if len(versions) == 0 {
		return models.CalendarVersion{}, errs.New(errs.NotFound, "calendar.unknown")
	}
	return versions[len(versions)-1], nil
}

func (s *shelf) Calendar(_ context.Context, id string, version int) (models.CalendarVersion, error) {
	s.reads.Add(1)
	return s.calendars[id][version-1], nil
}

func (s *shelf) publish(t *testing.T, window string) {
	t.Helper()
	body, err := os.ReadFile("../../policies/sla/default.yaml")
	require.NoError(t, err)
	doc, faults := policy.ParseSLA(body)
	require.Empty(t, faults)
	require.NoError(t, doc.Handover.Target.UnmarshalText([]byte(window)))
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	s.policies = append(s.policies, models.PolicyVersion{Kind: policy.KindSLA, Version: len(s.policies) + 1, Body: raw})
}

func (s *shelf) open(t *testing.T, id string) {
	t.Helper()
	body, err := os.ReadFile("../../policies/calendars/cn.yaml")
	require.NoError(t, err)
	var doc calendar.Document
	require.NoError(t, yaml.Unmarshal(body, &doc))
	doc.ID = id
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	s.calendars[id] = append(s.calendars[id], models.CalendarVersion{ID: id, Version: len(s.calendars[id]) + 1, Body: raw})
}

func newShelf(t *testing.T) (*shelf, *rulebook.Book) {
	t.Helper()
	s := &shelf{calendars: map[string][]models.CalendarVersion{}}
	s.publish(t, "15m")
	s.open(t, "cn")
	book, err := rulebook.New(s)
	require.NoError(t, err)
	return s, book
}

var org = &models.Org{Teams: map[string]models.OrgTeam{"night": {ID: "night", CalendarID: "night"}, "day": {ID: "day"}}}

func TestForNewCase_takes_what_is_in_force_and_OfCase_what_was_promised(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	before, err := book.ForNewCase(context.Background(), org, "day")
	require.NoError(t, err)
	s.publish(t, "20m")
	s.open(t, "cn")
	after, err := book.ForNewCase(context.Background(), org, "day")
	require.NoError(t, err)
	require.Equal(t, []any{1, 1, "15m"}, []any{before.PolicyVersion, before.Calendar.Version(), before.Policy.Document().Handover.Target.String()})
	require.Equal(t, []any{2, 2, "20m"}, []any{after.PolicyVersion, after.Calendar.Version(), after.Policy.Document().Handover.Target.String()})

	pinned, err := book.OfCase(context.Background(), &models.CaseState{PolicyVersion: 1, CalendarID: "cn", CalendarVersion: 1}, org)
	require.NoError(t, err)
	require.Same(t, before.Policy, pinned.Policy, "compiled once")
	require.Same(t, before.Calendar, pinned.Calendar)
	require.Same(t, org, pinned.Org)
	require.Zero(t, s.reads.Load(), "what is known is not read again")
}

func TestForNewCase_takes_the_teams_own_calendar(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.ForNewCase(context.Background(), org, "night")
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "a missing calendar is an error, not another calendar")
	s.open(t, "night")
	r, err := book.ForNewCase(context.Background(), org, "night")
	require.NoError(t, err)
	require.Equal(t, "night", r.Calendar.ID())
	r, err = book.ForNewCase(context.Background(), org, "no team")
	require.NoError(t, err)
	require.Equal(t, "cn", r.Calendar.ID(), "the policy's")
}

func TestBook_reads_what_it_has_not_seen_and_names_what_it_cannot_read(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.SLA(context.Background(), 1)
	require.NoError(t, err)
	_, err = book.SLA(context.Background(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.reads.Load())
	_, err = book.SLA(context.Background(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	s.policies = append(s.policies, models.PolicyVersion{Kind: policy.KindSLA, Version: 2, Body: []byte("{")})
	_, err = book.SLA(context.Background(), 2)
	require.ErrorContains(t, err, "version 2")
	s.calendars["cn"] = append(s.calendars["cn"], models.CalendarVersion{ID: "cn", Version: 2, Body: []byte("{")})
	_, err = book.Calendar(context.Background(), "cn", 2)
	require.ErrorContains(t, err, "calendar cn version 2")
}
