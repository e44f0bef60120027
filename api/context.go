package api

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// The keys under which the middleware keeps what it found out about a request.
const (
	keyEdge      = "mcrflow.edge"
	keyPrincipal = "mcrflow.principal"
	keyCommand   = "mcrflow.command"
	keyBody      = "mcrflow.body"
	keySecret    = "mcrflow.secret"
	keyEstimate  = "mcrflow.estimate"
	keyNotFinal  = "mcrflow.not_final"
	keyRepeated  = "mcrflow.repeated"
)

func edgeOf(c *gin.Context) *edge { return c.MustGet(keyEdge).(*edge) }

// bodyOf is the whole request body, read by the middleware.
func bodyOf(c *gin.Context) []byte {
	v, _ := c.Get(keyBody)
	body, _ := v.([]byte)
	return body
}

// principalOf is the caller; false before authentication.
func principalOf(c *gin.Context) (Principal, bool) {
	v, ok := c.Get(keyPrincipal)
	if !ok {
		return Principal{}, false
	}
	p, ok := v.(Principal)
	return p, ok
}

// caller is the caller of a route that needs a login.
func caller(c *gin.Context) Principal {
	p, _ := principalOf(c)
	return p
}

// may reports whether the caller has the permission.
func may(c *gin.Context, p models.Permission) bool { return models.May(caller(c).User.Roles, p) }

// need guards a route: the caller must have one of the permissions. 403 names the one that is missing.
func need(any ...models.Permission) gin.HandlerFunc {
	return func(c *gin.Context) {
		for _, p := range any {
			if may(c, p) {
				return
			}
		}
		fail(c, forbidden(any[0]))
	}
}

// needInRight is need for what a deputy may do in somebody's place: the caller, or one of those for whom they act in the
// process, must have the permission.
func needInRight(process string, p models.Permission) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !inRight(caller(c).Actor, process, p) {
			fail(c, forbidden(p))
		}
	}
}

// inRight reports whether the actor has the permission, or somebody for whom they act in the process.
func inRight(actor models.Actor, process string, p models.Permission) bool {
	return slices.ContainsFunc(actor.In(process), func(o models.Person) bool { return o.May(p) })
}

// forbidden is the error for a missing permission.
func forbidden(p models.Permission) error {
	return errs.New(errs.Forbidden, "forbidden.permission", "permission", string(p))
}

// commandID names what this request does: repetitions under one Idempotency-Key have the same one, and it is applied once.
func commandID(c *gin.Context) string { return c.GetString(keyCommand) }

// repeated reports whether the request was sent before under its Idempotency-Key, and the answer has got lost.
func repeated(c *gin.Context) bool { return c.GetBool(keyRepeated) }

// newID is the id of the object that this request makes. It carries the UUID of the command, so that a repeated request
// makes the same object again and not a second one.
func newID(c *gin.Context, prefix string) string {
	_, suffix, _ := strings.Cut(commandID(c), "_")
	return prefix + "_" + suffix
}

// metaOf is the authority on who acts, for a command or a signal.
func metaOf(c *gin.Context) models.Meta {
	return models.Meta{Actor: caller(c).Actor, RequestID: commandID(c), TraceID: requestIDOf(c)}
}
