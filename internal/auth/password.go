// Package auth holds the arithmetic of log-ins: password hashes and the secrets of tokens. It keeps nothing.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
)

// The cost of a hash: 19 MiB and two passes, as OWASP recommends for argon2id. More memory would not fit a small
// machine when many people log in at once.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltSize  = 16
	keySize   = 32
)

// The most that a stored hash may ask for, so that a wrong row cannot take all memory.
const (
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxLanes     = 16
)

// Passwords hashes and verifies passwords, only a few at a time: each one takes 19 MiB of memory. It is safe for
// concurrent use. Make one with NewPasswords.
type Passwords struct {
	slots *semaphore.Weighted
	dummy string // a hash that no password has
}

// NewPasswords returns Passwords that work on at most parallel hashes at the same time.
func NewPasswords(parallel int) *Passwords {
	salt, key := make([]byte, saltSize), make([]byte, keySize)
	rand.Read(salt)
	rand.Read(key)
	return &Passwords{slots: semaphore.NewWeighted(int64(parallel)), dummy: phc(memoryKiB, passes, lanes, salt, key)}
}

// Hash returns the argon2id hash of the password in PHC form, with a salt of its own. It waits for a free slot; the
// only error is ctx's.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer p.slots.Release(1)
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return phc(memoryKiB, passes, lanes, salt, argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, keySize)), nil
}

// Verify reports whether the password has the hash. An empty hash, of a machine or of nobody, has no password, and
// takes as long to refuse as any other, so that the time does not tell which names exist. Errors: ctx's, and a hash
// that is none.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		hash = p.dummy
	}
	var memory, time uint32
	var threads uint8
	parts := strings.Split(hash, "$") // "", argon2id, v=19, m=…,t=…,p=…, salt, key
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, fmt.Errorf("password hash: unknown form")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false, fmt.Errorf("password hash: %w", err)
	}
	if memory > maxMemoryKiB || time == 0 || time > maxPasses || threads == 0 || threads > maxLanes {
		return false, fmt.Errorf("password hash: cost out of range")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("password hash: salt: %w", err)
	}
	key, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("password hash: key: %w", err)
	}
	if len(key) < 16 { // a short key would be matched by chance
		return false, fmt.Errorf("password hash: short key")
	}
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer p.slots.Release(1)
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

func phc(memory, time, threads int, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads, b64(salt), b64(key))
}
