package api

import (
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// records is what the resources of everything that is recorded of clients have in common. Whoever works with clients records
// for any of them (M-45, U-15) and is answered what they have recorded; who has no part in the client's relationship is shown
// their own records only.
type records struct {
	relationshipCommands
	now func() time.Time
}

// principals lists in whose right the caller acts for clients: their own id, and those whose deputy they are.
func principals(actor models.Actor) []string {
	return each(actor.In(models.RelationshipProcess), func(p models.Person) string { return p.ID })
}

// among reports whether the caller acts in the right of one of the users.
func among(c *gin.Context, users ...string) bool {
	return slices.ContainsFunc(principals(caller(c).Actor), func(p string) bool { return slices.Contains(users, p) })
}

// stateOf is the relationship with a client, whoever asks: for what the caller may do. One that has not begun allows nothing.
func (h *records) stateOf(c *gin.Context, clientID string) (*models.RelationshipState, error) {
	s, err := h.store.RelationshipState(c.Request.Context(), clientID)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// contact refuses somebody who is no contact of the client.
func (h *records) contact(c *gin.Context, k *checks, contactID string) error {
	if contactID == "" || k.has("contact_id") {
		return nil
	}
	_, err := h.store.Contact(c.Request.Context(), k.clientID, contactID)
	if errs.CodeOf(err) == errs.NotFound {
		k.add("contact_id", "not_of_client")
		return nil
	}
	return err
}

// recent checks an instant that must have come. Our clock tells milliseconds: a caller's may tell that it is later in the same one.
func (k *checks) recent(field string, at *time.Time) {
	if at != nil && at.Truncate(time.Millisecond).After(k.now) {
		k.add(field, "past")
	}
}

// coming checks an instant that must not have come yet.
func (k *checks) coming(field string, at *time.Time) {
	if at != nil && !at.After(k.now) {
		k.add(field, "future")
	}
}

// valueOf is what a pointer points to, or the zero value.
func valueOf[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// oneOf checks a word that was given.
func (k *checks) oneOf(field, word string, known []string) {
	if word != "" && !slices.Contains(known, word) {
		k.add(field, "oneof", "values", strings.Join(known, ", "))
	}
}
