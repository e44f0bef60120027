package id_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
)

// The vectors of the TypeID specification, version 0.3.
func TestOf_agrees_with_the_TypeID_specification(t *testing.T) {
	t.Parallel()
	for suffix, text := range map[string]string{
		"00000000000000000000000000": "00000000-0000-0000-0000-000000000000",
		"00000000000000000000000001": "00000000-0000-0000-0000-000000000001",
		"0000000000000000000000000a": "00000000-0000-0000-0000-00000000000a",
		"00000000000000000000000010": "00000000-0000-0000-0000-000000000020",
		"7zzzzzzzzzzzzzzzzzzzzzzzzz": "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"0123456789abcdefghjkmnpqrs": "0110c853-1d09-52d8-d73e-1194e95b5f19",
		"01h455vb4pex5vsknk084sn02q": "01890a5d-ac96-774b-bcce-b302099a8057",
	} {
		require.Equal(t, "prefix_"+suffix, id.Of("prefix", uuid.MustParse(text)))
		require.True(t, id.Valid("prefix", "prefix_"+suffix))
	}
}

func TestValid_refuses_what_is_no_TypeID_of_the_prefix(t *testing.T) {
	t.Parallel()
	good := id.New(id.Case)
	require.True(t, id.Valid(id.Case, good))
	for name, s := range map[string]string{
		"empty":            "",
		"prefix only":      "case_",
		"other prefix":     id.New(id.User),
		"no separator":     strings.ReplaceAll(good, "_", ""),
		"upper case":       "case_" + strings.ToUpper(good[5:]),
		"too short":        good[:len(good)-1],
		"too long":         good + "0",
		"letter u":         good[:len(good)-1] + "u",
		"more than 128 b.": "case_8zzzzzzzzzzzzzzzzzzzzzzzzz",
		"trailing space":   good[:len(good)-1] + " ",
	} {
		require.False(t, id.Valid(id.Case, s), name)
	}
}

func TestNew_sorts_by_time(t *testing.T) {
	t.Parallel()
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = id.New(id.Task)
	}
	require.True(t, slices.IsSorted(ids))
	require.Len(t, slices.Compact(ids), 1000)
}

func TestDerive_gives_the_same_id_for_the_same_name_only(t *testing.T) {
	t.Parallel()
	a := id.Derive(id.User, "demo", "agent1")
	require.Equal(t, a, id.Derive(id.User, "demo", "agent1"))
	require.True(t, id.Valid(id.User, a))
	require.NotEqual(t, a, id.Derive(id.User, "demo", "agent2"))
	require.NotEqual(t, id.Derive(id.User, "demo", "1x"), id.Derive(id.User, "demo1", "x"))
}

func TestDeriveAt_gives_the_same_id_and_sorts_by_time(t *testing.T) {
	t.Parallel()
	at := time.Now()
	a := id.DeriveAt(id.Case, "need", "case", at)
	require.Equal(t, a, id.DeriveAt(id.Case, "need", "case", at))
	require.True(t, id.Valid(id.Case, a))
	require.NotEqual(t, a, id.DeriveAt(id.Case, "other", "case", at))
	require.Less(t, id.DeriveAt(id.Case, "need", "case", at.Add(-time.Minute)), id.New(id.Case))
	require.Greater(t, id.DeriveAt(id.Case, "need", "case", at.Add(time.Hour)), id.New(id.Case))
}
