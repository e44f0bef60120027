package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// The prefixes of secrets: they tell a person, and a scanner for leaked secrets, what they have found.
const (
	PrefixSession = "mcs_" // opened by a log-in, ends by itself
	PrefixService = "mcr_" // issued by an administrator, for a machine or a person
)

const secretSize = 32 // 256 bits: guessing is hopeless, so a fast hash is enough to keep it

// NewSecret returns a fresh token with the prefix, and the hash under which it is stored.
func NewSecret(prefix string) (secret string, hash [sha256.Size]byte) {
	random := make([]byte, secretSize)
	rand.Read(random)
	secret = prefix + base64.RawURLEncoding.EncodeToString(random)
	return secret, sha256.Sum256([]byte(secret))
}

// HashSecret returns the hash under which a token is stored; false when the text cannot be one, so that it need not be
// looked up.
func HashSecret(secret string) (hash [sha256.Size]byte, ok bool) {
	if len(secret) != len(PrefixSession)+base64.RawURLEncoding.EncodedLen(secretSize) ||
		!strings.HasPrefix(secret, PrefixSession) && !strings.HasPrefix(secret, PrefixService) {
		return hash, false
	}
	return sha256.Sum256([]byte(secret)), true
}

// NewPassword returns a random password that a person can type: 20 letters and digits, 100 bits.
func NewPassword() string {
	const alphabet = "abcdefghijkmnpqrstuvwxyz23456789" // 32 characters, without l, o, 0 and 1
	random := make([]byte, 20)
	rand.Read(random)
	for i, b := range random {
		random[i] = alphabet[b%32]
	}
	return string(random)
}
