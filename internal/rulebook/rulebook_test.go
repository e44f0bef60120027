package rulebook_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// shelf holds published versions, the latest last, and counts how often it is read.
type shelf struct {
	policies  []models.PolicyVersion
	calendars map[string][]models.CalendarVersion
	reads     atomic.Int32
	singles   atomic.Int32 // how often the policy in force was asked for by itself
	pairs     atomic.Int32 // and with its calendar
}

func (s *shelf) of(kind string) []models.PolicyVersion {
	return slices.DeleteFunc(slices.Clone(s.policies), func(v models.PolicyVersion) bool { return v.Kind != kind })
}

func (s *shelf) PolicyInForce(_ context.Context, kind string) (int, error) {
	s.singles.Add(1)
	versions := s.of(kind)
	if len(versions) == 0 {
		return 0, errs.New(errs.NotFound, "policy.unknown")
	}
	return versions[len(versions)-1].Version, nil
}

func (s *shelf) Policy(_ context.Context, kind string, version int) (models.PolicyVersion, error) {
	s.reads.Add(1)
	versions := s.of(kind)
	if version > len(versions) {
		return models.PolicyVersion{}, errs.New(errs.NotFound, "policy.unknown")
	}
	return versions[version-1], nil
}

func (s *shelf) CalendarInForce(_ context.Context, id string) (int, error) {
	versions := s.calendars[id]
	if len(versions) == 0 {
		return 0, errs.New(errs.NotFound, "calendar.unknown")
	}
	return versions[len(versions)-1].Version, nil
}

func (s *shelf) BothInForce(_ context.Context, kind, calendarID string) (policyVersion, calendarVersion int, err error) {
	s.pairs.Add(1)
	return len(s.of(kind)), len(s.calendars[calendarID]), nil
}

func (s *shelf) Calendar(_ context.Context, id string, version int) (models.CalendarVersion, error) {
	s.reads.Add(1)
	return s.calendars[id][version-1], nil
}

func (s *shelf) publish(t *testing.T, window string) {
	t.Helper()
	s.publishFor(t, window, "cn")
}

func (s *shelf) publishFor(t *testing.T, window, calendarID string) {
	t.Helper()
	doc := sample.SLA(t)
	doc.Calendar = calendarID
	require.NoError(t, doc.Handover.Target.UnmarshalText([]byte(window)))
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	s.policies = append(s.policies, models.PolicyVersion{Kind: policy.KindSLA, Version: len(s.policies) + 1, Body: raw})
}

func (s *shelf) open(t *testing.T, id string) {
	t.Helper()
	doc := sample.Calendar(t, "cn")
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
	return s, rulebook.New(s)
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
	require.EqualValues(t, 4, s.reads.Load(), "two versions of each: what is known is not read again")
}

func TestPolicy_in_force_and_its_calendar_are_asked_for_at_once_while_neither_changes_place(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	s.open(t, "night")
	counted := func() []any {
		r, err := book.ForNewCase(context.Background(), org, "day")
		require.NoError(t, err)
		return []any{r.PolicyVersion, r.Calendar.ID(), r.Calendar.Version(), s.singles.Load(), s.pairs.Load()}
	}
	one := int32(1)
	require.Equal(t, []any{1, "cn", 1, one, int32(0)}, counted(), "nothing is known yet")
	require.Equal(t, []any{1, "cn", 1, one, one}, counted())
	s.open(t, "cn")
	require.Equal(t, []any{1, "cn", 2, one, one + 1}, counted(), "a new version of the calendar needs no second question")
	s.publishFor(t, "20m", "night")
	require.Equal(t, []any{2, "night", 1, one + 1, one + 2}, counted(), "a new policy may name another calendar")
	require.Equal(t, []any{2, "night", 1, one + 1, one + 3}, counted())
	delete(s.calendars, "night")
	_, err := book.ForNewCase(context.Background(), org, "day")
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "which calendar is missing, only the second question tells")
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

// chains publishes an approval policy with the one chain.
func (s *shelf) chains(t *testing.T, step string) {
	t.Helper()
	doc, faults := approval.Parse([]byte("kind: approval\nchains:\n  reception:\n    select: [{when: 'true', steps: [" + step +
		"]}]\n    steps: {" + step + ": {who: [{role: director}]}}"))
	require.Empty(t, faults)
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	s.policies = append(s.policies, models.PolicyVersion{Kind: approval.Kind, Version: len(s.of(approval.Kind)) + 1, Body: raw})
}

func TestApproval_is_compiled_once_per_version(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, err := book.LatestApproval(context.Background())
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "the sla policy is another kind")
	s.chains(t, "one")
	first, err := book.LatestApproval(context.Background())
	require.NoError(t, err)
	s.chains(t, "two")
	second, err := book.LatestApproval(context.Background())
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, []int{first.Version(), second.Version()})
	for range 2 {
		pinned, err := book.Approval(context.Background(), 1)
		require.NoError(t, err)
		require.Same(t, first, pinned)
	}
	require.EqualValues(t, 2, s.reads.Load(), "what is known is not read again")
	_, err = book.Approval(context.Background(), 9)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestForNewApproval_takes_what_is_in_force_or_the_version_that_the_order_names(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	s.chains(t, "one")
	s.chains(t, "two")
	people := approval.Org{People: map[string]approval.Person{"ann": {ID: "ann", Active: true}}}
	for version, want := range map[int]string{0: "two", 1: "one", 2: "two"} {
		r, err := book.ForNewApproval(t.Context(), models.ApprovalOrder{Chain: "reception", Version: version}, org)
		require.NoError(t, err)
		steps, err := r.Chain.Preview(approval.Request{Requester: "ann"}, time.Unix(0, 0), people)
		require.NoError(t, err)
		require.Equal(t, want, steps[0].Step)
	}
	_, err := book.ForNewApproval(t.Context(), models.ApprovalOrder{Chain: "reception", Version: 9}, org)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestApproval_that_cannot_be_compiled_is_nobodys_bad_value(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	for _, body := range []string{"{", `{"kind":"approval","chains":{"holiday":{"select":[],"steps":{}}}}`} {
		s.policies = append(s.policies, models.PolicyVersion{Kind: approval.Kind, Version: len(s.of(approval.Kind)) + 1, Body: []byte(body)})
		_, err := book.Approval(context.Background(), len(s.of(approval.Kind)))
		require.ErrorContains(t, err, "policy approval version")
		require.Equal(t, errs.Internal, errs.CodeOf(err))
	}
}

func TestReception_is_judged_by_the_version_that_it_began_with(t *testing.T) {
	t.Parallel()
	s, book := newShelf(t)
	_, _, err := book.LatestReception(t.Context())
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	body, err := policies.FS.ReadFile("reception/default.yaml")
	require.NoError(t, err)
	doc, faults := policy.ParseReception(body)
	require.Empty(t, faults)
	for version := 1; version <= 2; version++ {
		doc.Tolerance.Percent = 10 * version
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		s.policies = append(s.policies, models.PolicyVersion{Kind: policy.KindReception, Version: version, Body: raw})
	}
	s.open(t, "night")

	fresh, err := book.ForNewReception(t.Context(), org, "day")
	require.NoError(t, err)
	require.Equal(t, []any{2, 20, "cn"}, []any{fresh.PolicyVersion, fresh.Policy.Document().Tolerance.Percent, fresh.Calendar.ID()})
	fresh, err = book.ForNewReception(t.Context(), org, "night")
	require.NoError(t, err)
	require.Equal(t, "night", fresh.Calendar.ID())
	old, err := book.OfReception(t.Context(), &models.ReceptionState{PolicyVersion: 1, CalendarID: "cn", CalendarVersion: 1}, org)
	require.NoError(t, err)
	require.Equal(t, []any{1, 10}, []any{old.PolicyVersion, old.Policy.Document().Tolerance.Percent})

	s.policies = append(s.policies, models.PolicyVersion{Kind: policy.KindReception, Version: 3, Body: []byte(`{"kind": "reception"}`)})
	_, _, err = book.LatestReception(t.Context())
	require.Error(t, err)
	require.NotEqual(t, errs.Invalid, errs.CodeOf(err), "no caller can put a stored policy right")
}
