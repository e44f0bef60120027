package auth_test

import (
	"bytes"
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/auth"
)

func linkKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func TestLink_is_the_same_each_time_and_another_for_each_invitation_and_key(t *testing.T) {
	t.Parallel()
	links := auth.NewLinks(linkKey(1))
	token, hash := links.Token("invitation_1")
	require.Regexp(t, regexp.MustCompile(`^mcq_[A-Za-z0-9_-]{32}$`), token, "192 bits, fit for an address")
	require.Equal(t, sha256.Sum256([]byte(token)), hash)
	again, _ := auth.NewLinks(linkKey(1)).Token("invitation_1")
	require.Equal(t, token, again, "a message that is sent again carries the same link")
	other, _ := links.Token("invitation_2")
	require.NotEqual(t, token, other)
	foreign, _ := auth.NewLinks(linkKey(2)).Token("invitation_1")
	require.NotEqual(t, token, foreign)
	require.NotContains(t, token, "invitation_1")
}

func TestLink_that_was_made_under_an_old_key_is_found_after_a_rotation(t *testing.T) {
	t.Parallel()
	token, hash := auth.NewLinks(linkKey(1)).Token("invitation_1")
	rotated := auth.NewLinks(linkKey(2), linkKey(1))
	again, ok := rotated.Again("invitation_1", hash[:])
	require.True(t, ok)
	require.Equal(t, token, again)
	fresh, _ := rotated.Token("invitation_1")
	require.NotEqual(t, token, fresh, "new links are made under the new key")

	_, ok = rotated.Again("invitation_2", hash[:])
	require.False(t, ok, "the hash is another invitation's")
	_, ok = auth.NewLinks(linkKey(2)).Again("invitation_1", hash[:])
	require.False(t, ok, "the key is gone")
	_, ok = rotated.Again("invitation_1", nil)
	require.False(t, ok)
}

func TestHashLink_refuses_what_cannot_be_a_link(t *testing.T) {
	t.Parallel()
	token, want := auth.NewLinks(linkKey(1)).Token("invitation_1")
	hash, ok := auth.HashLink(token)
	require.True(t, ok)
	require.Equal(t, want, hash)
	service, _ := auth.NewSecret(auth.PrefixService)
	for _, text := range []string{
		"", "mcq_", token[4:], token + "A", token[:35], strings.Replace(token, "mcq_", "mcr_", 1), service,
		"mcq_" + strings.Repeat("=", 32), "mcq_" + strings.Repeat("密", 11), "mcq_" + strings.Repeat("\n", 32),
	} {
		_, ok := auth.HashLink(text)
		require.False(t, ok, "%q", text)
	}
}
