package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// PrefixLink begins the token of a personal link to a survey.
const PrefixLink = "mcq_"

const linkSize = 24 // 192 bits, 32 characters: hopeless to guess, and short enough for a text message

// Links makes the tokens of personal links to surveys. A token follows from the id of the invitation and a key: a message
// that is sent again carries the same link, and the secret itself is stored nowhere, neither in the database nor in the
// history of a process. It is safe for concurrent use.
type Links struct{ keys [][]byte }

// NewLinks returns the links under a key; old are those that links were made under before it. Each has 32 bytes, made for
// this purpose alone (temporalx.Keyring.Derive with LinkPurpose).
func NewLinks(key []byte, old ...[]byte) *Links { return &Links{append([][]byte{key}, old...)} }

// LinkPurpose is what the keys of links are derived for.
const LinkPurpose = "personal links to surveys"

// Token returns the token of the link of a new invitation, and the hash under which it is stored.
func (l *Links) Token(invitationID string) (token string, hash [sha256.Size]byte) {
	token = linkOf(l.keys[0], invitationID)
	return token, sha256.Sum256([]byte(token))
}

// Again returns the token of the link of an invitation whose stored hash is known, also after the key was rotated; ok is
// false when the key that it was made under is gone. A link that has left goes on to work without it.
func (l *Links) Again(invitationID string, hash []byte) (token string, ok bool) {
	for _, key := range l.keys {
		token := linkOf(key, invitationID)
		if made := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(made[:], hash) == 1 {
			return token, true
		}
	}
	return "", false
}

func linkOf(key []byte, invitationID string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(invitationID))
	return PrefixLink + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:linkSize])
}

// HashLink returns the hash under which a link's token is stored; false when the text cannot be one, so that it need not be
// looked up.
func HashLink(token string) (hash [sha256.Size]byte, ok bool) {
	random, ok := strings.CutPrefix(token, PrefixLink)
	if !ok || len(random) != base64.RawURLEncoding.EncodedLen(linkSize) {
		return hash, false
	}
	if bytes, err := base64.RawURLEncoding.DecodeString(random); err != nil || len(bytes) != linkSize { // line feeds are skipped
		return hash, false
	}
	return sha256.Sum256([]byte(token)), true
}
