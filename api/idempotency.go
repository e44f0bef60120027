package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

const (
	maxKey     = 255
	headerKey  = "Idempotency-Key"
	headerSeen = "Idempotent-Replayed"
)

// keptHeaders are repeated with a kept answer.
var keptHeaders = []string{"Content-Type", "Content-Language", "Location", "ETag"}

// idempotent gives every request its command id, and a POST with an Idempotency-Key the one answer.
//
// A key is claimed durably, with the command id of its first attempt, before anything is done. A repetition gets the
// kept answer; while there is none (the first attempt still runs, or died on its way) it acts under the same command
// id, which the engine and the store apply once. Kept are final answers: success, and the refusals that the state or
// the values cause (409, 412, 422). Not kept are 202, 429 and 5xx, which ask to be repeated, nor what changes nothing
// and may be put right elsewhere (400, 401, 403, 404, 413).
func (e *edge) idempotent(c *gin.Context) {
	c.Set(keyCommand, id.New(id.Request))
	if c.Request.Method != http.MethodPost {
		return
	}
	key, err := keyOf(c)
	if err != nil {
		fail(c, err)
		return
	}
	if key == "" {
		return
	}
	ctx, userID := c.Request.Context(), caller(c).User.ID
	fresh := IdempotencyRecord{CommandID: commandID(c), Fingerprint: fingerprint(c)}
	rec, first, err := e.idempotency.Claim(ctx, userID, key, fresh)
	switch {
	case err != nil:
		fail(c, err)
		return
	case !first && subtle.ConstantTimeCompare(rec.Fingerprint, fresh.Fingerprint) == 0:
		fail(c, errs.New(errs.IdempotencyKeyReused, "idempotency_key_reused"))
		return
	case !first && rec.Status != 0:
		for name, value := range rec.Header {
			c.Header(name, value)
		}
		c.Header(headerSeen, "true")
		c.Status(rec.Status)
		_, _ = c.Writer.Write(rec.Body) // the only error is a caller who hung up
		c.Abort()
		return
	}
	c.Set(keyCommand, rec.CommandID)
	c.Set(keyRepeated, !first)

	// The answer is held back until it is kept: a caller who has it and repeats at once finds it.
	held := &heldWriter{ResponseWriter: c.Writer}
	c.Writer = held
	func() {
		defer func() { c.Writer = held.ResponseWriter }() // a panic, too, is answered on the real one
		c.Next()
	}()
	if final(held.status()) && !c.GetBool(keyNotFinal) {
		e.keep(c, userID, key, rec, held)
	}
	held.release()
}

// keyOf is the Idempotency-Key of the request; empty for none. A key that cannot be one is malformed.
func keyOf(c *gin.Context) (string, error) {
	key := c.GetHeader(headerKey)
	if utf8.RuneCountInString(key) > maxKey || !holdable(key) {
		return "", errs.New(errs.Malformed, "idempotency_key_bad")
	}
	return key, nil
}

// keep stores the answer. When that fails the caller still gets it: a repetition then acts again under the same id.
func (e *edge) keep(c *gin.Context, userID, key string, rec IdempotencyRecord, held *heldWriter) {
	var err error
	rec.Status, rec.Body, rec.Header = held.status(), held.body.Bytes(), map[string]string{}
	for _, name := range keptHeaders {
		if v := held.Header().Get(name); v != "" {
			rec.Header[name] = v
		}
	}
	if c.GetBool(keySecret) && rec.Status < http.StatusBadRequest {
		// A secret is never stored in clear: a repetition is told that the object was made.
		p := newProblem(c, http.StatusConflict, errs.New(errs.Conflict, "conflict.secret_shown_once"))
		rec.Status, rec.Header = p.Status, map[string]string{"Content-Type": problemType, "Content-Language": localeOf(c)}
		if rec.Body, err = json.Marshal(p); err != nil {
			panic(err) // a struct of strings
		}
	}
	// The caller may be gone: their next attempt wants the answer all the more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), 5*time.Second)
	defer cancel()
	if err = e.idempotency.Answer(ctx, userID, key, rec); err != nil {
		e.log.WarnContext(ctx, "answer not kept", "request_id", requestIDOf(c), "err", err)
	}
}

// showsSecret marks an answer that must not be kept: it carries a secret that is shown once.
func showsSecret(c *gin.Context) { c.Set(keySecret, true) }

// notFinal marks an answer, whatever its status, that asks to be repeated: it must not be kept.
func notFinal(c *gin.Context) { c.Set(keyNotFinal, true) }

func final(status int) bool {
	switch status {
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return true
	default:
		return status >= 200 && status < 300 && status != http.StatusAccepted
	}
}

// fingerprint tells two requests under one key apart.
func fingerprint(c *gin.Context) []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(c.Request.Method), []byte(c.Request.URL.RequestURI()), bodyOf(c)} {
		h.Write(part)
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// heldWriter keeps an answer back until release.
type heldWriter struct {
	gin.ResponseWriter
	code int
	body bytes.Buffer
}

// WriteHeader notes the status.
func (w *heldWriter) WriteHeader(code int) { w.code = code }

// WriteHeaderNow does nothing yet.
func (w *heldWriter) WriteHeaderNow() {}

// Write keeps a piece of the body.
func (w *heldWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

// WriteString keeps a piece of the body.
func (w *heldWriter) WriteString(s string) (int, error) { return w.body.WriteString(s) }

// Status is the status that will be sent.
func (w *heldWriter) Status() int { return w.status() }

// Size is the length of the body so far.
func (w *heldWriter) Size() int { return w.body.Len() }

// Written is false: until release the answer can still be replaced.
func (w *heldWriter) Written() bool { return false }

func (w *heldWriter) status() int { return or(w.code, http.StatusOK) }

func (w *heldWriter) release() {
	w.ResponseWriter.WriteHeader(w.status())
	_, _ = w.ResponseWriter.Write(w.body.Bytes()) // the only error is a caller who hung up
}
