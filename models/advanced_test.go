package models_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/models"
)

// arrives holds that a process which knows the state before learns the state after from what it is answered, and only that.
func arrives[S any](t require.TestingT, before, after *S) {
	took, err := models.Took(before, after, false)
	require.NoError(t, err)
	sent, err := json.Marshal(took)
	require.NoError(t, err)
	var received models.Advanced[S]
	require.NoError(t, json.Unmarshal(sent, &received))
	known, _ := json.Marshal(before)
	got, err := received.Onto(before)
	require.NoError(t, err)
	want, _ := json.Marshal(after)
	have, _ := json.Marshal(got)
	require.Equal(t, string(want), string(have))
	left, _ := json.Marshal(before)
	require.Equal(t, string(known), string(left), "the state before has changed")
}

func TestTook_sends_only_what_changed(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC)
	before := models.ApprovalState{
		ID: "apv_1", NextAt: &due, Handled: []string{"a", "b"}, Departures: []models.Departure{{Rule: "r"}},
		Chain: approval.State{Chain: "transfer", Path: []string{"one", "two"}, RecheckAt: &due, LastID: 3},
	}
	later := due.Add(time.Hour)
	after := before
	after.NextAt, after.Handled, after.Departures, after.Seq = &later, []string{"b", "c"}, nil, 1
	after.Chain.Path, after.Chain.RecheckAt = []string{"one", "three"}, nil
	took, err := models.Took(&before, &after, true)
	require.NoError(t, err)
	require.Nil(t, took.State)
	require.JSONEq(t, `{"chain": {"path": ["three"]}, "seq": 1, "handled": ["c"], "next_at": "2026-03-09T10:00:00Z"}`, string(took.Changed))
	require.Equal(t, []string{"chain.recheck_at", "departures"}, took.Cleared)
	require.Equal(t, map[string]models.Kept{"chain.path": {Len: 1}, "handled": {From: 1, Len: 1}}, took.Kept)
	arrives(t, &before, &after)
	arrives(t, &after, &before)
	arrives(t, nil, &after)
	arrives(t, &before, &before)
}

func TestTook_lists_arrive_whatever_stays_of_them(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 6))
		state := func(name string) *models.ApprovalState {
			departures := []models.Departure{}
			for _, rule := range few.Draw(t, name+" departures") {
				departures = append(departures, models.Departure{Rule: rule})
			}
			return &models.ApprovalState{
				Handled: few.Draw(t, name+" handled"), Departures: departures,
				Chain: approval.State{Path: few.Draw(t, name+" path"), CC: few.Draw(t, name+" cc")},
			}
		}
		before, after := state("before"), state("after")
		arrives(t, before, after)
	})
}

// TestAdvanced_of_older_histories_holds_the_whole_state: those are still read.
func TestAdvanced_of_older_histories_holds_the_whole_state(t *testing.T) {
	t.Parallel()
	var out models.CaseAdvanced
	require.NoError(t, json.Unmarshal([]byte(`{"state": {"id": "cas_1", "seq": 4}, "mail": true}`), &out))
	s, err := out.Onto(&models.CaseState{ID: "cas_1", Seq: 3, Category: "light"})
	require.NoError(t, err)
	require.Equal(t, &models.CaseState{ID: "cas_1", Seq: 4}, s)
}

func TestAdvanced_change_without_a_state_before_is_an_error(t *testing.T) {
	t.Parallel()
	_, err := models.Advanced[models.CaseState]{Changed: json.RawMessage(`{}`)}.Onto(nil)
	require.Error(t, err)
	_, err = models.Advanced[models.CaseState]{Changed: json.RawMessage(`{"seq": "x"}`)}.Onto(&models.CaseState{})
	require.ErrorContains(t, err, "seq")
	_, err = models.Advanced[models.CaseState]{
		Changed: json.RawMessage(`{}`), Kept: map[string]models.Kept{"handled": {From: 1, Len: 2}},
	}.Onto(&models.CaseState{Handled: []string{"a", "b"}})
	require.ErrorContains(t, err, "handled keeps elements 1 to 3 of 2")
}

// TestAdvanced_states_have_a_name_for_every_field: a field without one would be lost on the way.
func TestAdvanced_states_have_a_name_for_every_field(t *testing.T) {
	t.Parallel()
	for _, s := range []reflect.Type{
		reflect.TypeFor[models.CaseState](), reflect.TypeFor[models.ApprovalState](), reflect.TypeFor[models.ReceptionState](),
		reflect.TypeFor[models.CampaignState](), reflect.TypeFor[models.FollowUpState](), reflect.TypeFor[models.RelationshipState](),
	} {
		named(t, s)
	}
}

func named(t *testing.T, s reflect.Type) {
	t.Helper()
	var names []string
	for i := range s.NumField() {
		f := s.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		require.True(t, f.IsExported() && !f.Anonymous, "%s.%s", s, f.Name)
		require.NotContains(t, append(names, "", "-"), name, "%s.%s", s, f.Name)
		names = append(names, name)
		if _, encodes := f.Type.MethodByName("MarshalText"); f.Type.Kind() == reflect.Struct && !encodes {
			named(t, f.Type)
		}
	}
}
