package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// recordKind is a kind of what is recorded of clients: R is its row, V what is answered of it.
type recordKind[R, V any] struct {
	*records
	what   string // as a refusal names it
	prefix string // of its ids
	place  string // where the body of a new one names something that must be open; empty: nowhere
	among  string // the list of the client's in which one is read; empty: one can be read by itself
	read   func(ctx context.Context, id string) (R, error)
	list   func(ctx context.Context, f models.RecordFilter, p models.Page) ([]R, string, error)
	about  func(R) recordAbout
	view   func(R, []string) V
	// sees says who may know of all of a client's; those who have a part in one may know of it anyway.
	sees    func(s *models.RelationshipState, actor models.Actor) bool
	actions []recordAction
	// owners lists whose that is on which an action can be taken, none when there is nothing; nil: the row's owner.
	owners func(row R, action models.RelationshipAction) []string
}

// recordAbout is by what it is judged who may see a row and act on it.
type recordAbout struct {
	clientID string
	ownerID  string
	part     []string // users who have a part in it
	state    string
	open     bool
}

// recordAction is an action of people on something that is open at a client: as the API and as the process calls it, and how
// the body becomes the data of the command, which names the row.
type recordAction struct {
	name   string
	action models.RelationshipAction
	read   func(c *gin.Context, k *checks) (any, error)
	of     func(data any, id string) any
	place  string // where the body names something else that must be open; empty: nowhere
}

// show is what the caller is answered of a row; the state is nil before the relationship has begun.
func (k recordKind[R, V]) show(c *gin.Context, s *models.RelationshipState, row R) V {
	about, names := k.about(row), []string{}
	for _, a := range k.actions {
		owners := []string{about.ownerID}
		if k.owners != nil {
			owners = k.owners(row, a.action)
		}
		if about.open && s != nil && slices.ContainsFunc(owners, func(owner string) bool { return models.MayActOn(s, a.action, owner, caller(c).Actor) }) {
			names = append(names, a.name)
		}
	}
	return k.view(row, names)
}

// page lists what is recorded of the client of the path: all of it to those who may know of all, to others what they have a
// part in. 404 unknown client.
func (k recordKind[R, V]) page(c *gin.Context) {
	q := queryOf(c)
	k.filtered(c, q, models.RecordFilter{ClientID: c.Param("id")})
}

func (k recordKind[R, V]) filtered(c *gin.Context, q *query, f models.RecordFilter) {
	p := q.page()
	err := q.err()
	if err == nil {
		_, err = k.store.Client(c.Request.Context(), f.ClientID)
	}
	var s *models.RelationshipState
	if err == nil {
		s, err = k.stateOf(c, f.ClientID)
	}
	if s == nil || !k.sees(s, caller(c).Actor) {
		f.Of = principals(caller(c).Actor)
	}
	var rows []R
	var next string
	if err == nil {
		rows, next, err = k.list(c.Request.Context(), f, p)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(row R) V { return k.show(c, s, row) })
}

// visible reads the row of the path, and the relationship that it is of; not_found when the caller may not know of it.
func (k recordKind[R, V]) visible(c *gin.Context) (R, *models.RelationshipState, error) {
	row, err := k.read(c.Request.Context(), c.Param("id"))
	if err != nil {
		return row, nil, err
	}
	about := k.about(row)
	s, err := k.stateOf(c, about.clientID)
	if err == nil && !among(c, about.part...) && (s == nil || !k.sees(s, caller(c).Actor)) {
		err = notFound()
	}
	return row, s, err
}

// get answers one row. 404 unknown, or not for the caller to know of.
func (k recordKind[R, V]) get(c *gin.Context) {
	row, s, err := k.visible(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, k.show(c, s, row))
}

// outcome reads a row after the caller's command was applied.
func (k recordKind[R, V]) outcome(c *gin.Context, recordID string) (V, error) {
	var none V
	row, err := k.read(c.Request.Context(), recordID)
	if err != nil {
		return none, unread(err)
	}
	s, err := k.stateOf(c, k.about(row).clientID)
	if err != nil {
		return none, unread(err)
	}
	return k.show(c, s, row), nil
}

// act takes an action on the row of the path and answers it as it is then. 404 unknown or not for the caller to know of; 403
// not theirs to do; 409 conflict when the state does not allow it.
func (k recordKind[R, V]) act(a recordAction) gin.HandlerFunc {
	return func(c *gin.Context) {
		view, clientID, err := k.acted(c, a)
		if err != nil {
			if k.among != "" && errs.CodeOf(err) == errs.Pending {
				c.Header("Location", "/api/v1/clients/"+clientID+"/"+k.among)
			}
			fail(c, err)
			return
		}
		answer(c, http.StatusOK, view)
	}
}

// acted also returns the client that the row is of, once that is known.
func (k recordKind[R, V]) acted(c *gin.Context, a recordAction) (view V, clientID string, err error) {
	row, err := k.read(c.Request.Context(), c.Param("id"))
	if err != nil {
		return view, "", err
	}
	about := k.about(row)
	err = k.once(c, about.clientID, func() error {
		if _, _, err := k.visible(c); err != nil {
			return err
		}
		data, err := a.read(c, &checks{now: k.now(), clientID: about.clientID})
		if err != nil {
			return err
		}
		err = unknownAt(a.place, k.give(c, about.clientID, a.action, a.of(data, c.Param("id"))), about.open)
		if errs.CodeOf(err) == errs.NotFound && !about.open { // the process knows only what is open
			return errs.Wrap(err, errs.Conflict, "relationship.not_open", "what", k.what, "state", about.state)
		}
		return err
	})
	if err == nil {
		view, err = k.outcome(c, c.Param("id"))
	}
	return view, about.clientID, err
}

// record reads the body of a command that records something of the client of the path, gives the command, and answers the id
// under which that is kept. 404 unknown client; 422 with every fault.
func (k recordKind[R, V]) record(c *gin.Context, action models.RelationshipAction, read func(*gin.Context, *checks) (any, error)) (string, error) {
	clientID := c.Param("id")
	if !id.Valid(id.Client, clientID) {
		return "", notFound()
	}
	if _, err := k.store.Client(c.Request.Context(), clientID); err != nil {
		return "", err
	}
	err := k.once(c, clientID, func() error {
		data, err := read(c, &checks{now: k.now(), clientID: clientID})
		if err != nil {
			return err
		}
		return unknownAt(k.place, k.give(c, clientID, action, data), true)
	})
	return newID(c, k.prefix), err
}

// unknownAt says where the body names what is not open at the client; without a place, or when not even that is open which the
// command is about, the error stays.
func unknownAt(place string, err error, open bool) error {
	if place == "" || !open || errs.CodeOf(err) != errs.NotFound {
		return err
	}
	var f faults
	f.add(place, "unknown")
	return f.err()
}

// create records something of the client of the path and answers it, also to those who may not see all of the relationship
// (M-45, U-15). at is where one can be read, empty for what cannot be read by itself.
func (k recordKind[R, V]) create(action models.RelationshipAction, read func(*gin.Context, *checks) (any, error), at string) gin.HandlerFunc {
	return func(c *gin.Context) {
		recordID, err := k.record(c, action, read)
		var view V
		if err == nil {
			view, err = k.outcome(c, recordID)
		}
		if err != nil {
			fail(c, err)
			return
		}
		if at != "" {
			c.Header("Location", "/api/v1/"+at+"/"+recordID)
		}
		answer(c, http.StatusCreated, view)
	}
}

// withContact is readAction for a body that may name a contact, who must be one of the client.
func withContact[R actionRequest](h *records, contactOf func(R) string) func(*gin.Context, *checks) (any, error) {
	return func(c *gin.Context, k *checks) (any, error) {
		var req R
		f, err := softened(bind(c, &req))
		if err != nil {
			return nil, err
		}
		k.faults = f
		data := req.data(k)
		if err := h.contact(c, k, contactOf(req)); err != nil {
			return nil, err
		}
		return data, k.err()
	}
}
