// Package id makes the identifiers of the product: TypeIDs, a prefix and a UUIDv7 in lower-case Crockford base32,
// such as case_01kavc5v4ve2b8v6ng5dq6h1xa. They sort by time and explain themselves in a log.
package id

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The prefixes in use.
const (
	User         = "user"
	Team         = "team"
	Client       = "client"
	Contact      = "contact"
	Case         = "case"
	Task         = "task"
	Deputy       = "deputy"
	Token        = "token"
	Session      = "session"
	Notification = "note"
	Webhook      = "hook"
	Request      = "req"
	Message      = "msg"
	Article      = "article"
	Resource     = "resource"
	Booking      = "booking"
	Budget       = "budget"
	Reception    = "reception"
	Activity     = "activity"
	Expense      = "claim"
	Need         = "need"
	Opinion      = "opinion"
	Approval     = "approval"
	Campaign     = "campaign"
	Run          = "run"
	Recipient    = "recipient"
	Invitation   = "invitation"
	Inspection   = "inspection"
	Discipline   = "discipline"
	Travel       = "travel"
	Grading      = "grading"
	Plan         = "plan"
	PlanActivity = "step"
	Assessment   = "assessment"
	Improvement  = "improvement"
	Interaction  = "interaction"
	Commitment   = "commitment"
	Lead         = "lead"
	Shadow       = "shadow"
)

var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New returns a fresh TypeID with the given prefix.
func New(prefix string) string { return Of(prefix, uuid.Must(uuid.NewV7())) }

// Of returns the TypeID of a given UUID. TypeID puts the two spare bits of the 130-bit encoding in front.
func Of(prefix string, u uuid.UUID) string {
	// 16 bytes are 128 bits; two zero bits in front make 26 groups of five.
	var padded [20]byte
	copy(padded[4:], u[:])
	text := alphabet.EncodeToString(padded[:]) // 160 bits: 32 characters, of which the last 26 hold the UUID
	return prefix + "_" + text[6:]
}

// Valid reports whether s is a TypeID with the given prefix.
func Valid(prefix, s string) bool {
	suffix, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(suffix) != 26 || suffix[0] > '7' {
		return false
	}
	_, err := alphabet.DecodeString("000000" + suffix)
	return err == nil
}

// Derive returns a stable TypeID for a name under a parent, so that a step that runs twice makes the same object.
func Derive(prefix, parent, name string) string {
	return Of(prefix, derived(parent, name))
}

// DeriveAt is Derive for what is listed by its id: it sorts by the time among the ids of New, to the millisecond.
func DeriveAt(prefix, parent, name string, at time.Time) string {
	u := derived(parent, name)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(u[:6], ms[2:])
	return Of(prefix, u)
}

func derived(parent, name string) uuid.UUID {
	sum := sha256.Sum256([]byte(parent + "\x00" + name))
	var u uuid.UUID
	copy(u[:], sum[:16])
	u[6] = u[6]&0x0f | 0x80 // version 8: custom
	u[8] = u[8]&0x3f | 0x80
	return u
}
