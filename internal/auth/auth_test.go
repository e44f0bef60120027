package auth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/auth"
)

func TestPasswords_verify_only_the_password_that_was_hashed(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(2)
	hash, err := p.Hash(t.Context(), "密码 and more")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
	for password, want := range map[string]bool{
		"密码 and more": true, "密码 and morf": false, "": false, "密码 and more ": false,
	} {
		got, err := p.Verify(t.Context(), hash, password)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", password)
	}
	again, err := p.Hash(t.Context(), "密码 and more")
	require.NoError(t, err)
	require.NotEqual(t, hash, again, "each hash has a salt of its own")
}

// A test vector of the reference implementation: password "password", salt "somesalt", 256 KiB, two passes.
func TestPasswords_verify_hashes_made_elsewhere_at_another_cost(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	ok, err := auth.NewPasswords(1).Verify(t.Context(), hash, "password")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestPasswords_without_a_hash_nothing_is_right(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(1)
	for _, password := range []string{"", "x"} {
		ok, err := p.Verify(t.Context(), "", password)
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestPasswords_refuse_broken_and_unbounded_hashes(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(1)
	for _, hash := range []string{
		"demo",
		"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=256,t=2,p=1$?$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
	} {
		ok, err := p.Verify(t.Context(), hash, "password")
		require.Error(t, err, hash)
		require.False(t, ok)
	}
}

func TestPasswords_wait_for_a_slot_no_longer_than_the_context(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := auth.NewPasswords(0).Hash(ctx, "x")
	require.ErrorIs(t, err, context.Canceled)
}

func TestSecret_is_found_by_its_hash_and_says_what_it_is(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{auth.PrefixSession, auth.PrefixService} {
		secret, hash := auth.NewSecret(prefix)
		require.True(t, strings.HasPrefix(secret, prefix))
		got, ok := auth.HashSecret(secret)
		require.True(t, ok)
		require.Equal(t, hash, got)
		for _, bad := range []string{"", prefix, secret + "x", secret[:len(secret)-1], "xxx_" + secret[4:]} {
			_, ok := auth.HashSecret(bad)
			require.False(t, ok, bad)
		}
		other, _ := auth.NewSecret(prefix)
		require.NotEqual(t, secret, other)
	}
}

func TestNewPassword_is_long_and_never_the_same(t *testing.T) {
	t.Parallel()
	a, b := auth.NewPassword(), auth.NewPassword()
	require.Len(t, a, 20)
	require.NotEqual(t, a, b)
}
