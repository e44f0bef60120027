// Package reqctx carries what a request is done for: its identifier, its locale and who asks.
package reqctx

import "context"

type key struct{}

// Request is what travels with one request through logs and traces. It is never the authority on who acted:
// that is the Meta inside each command.
type Request struct {
	ID     string
	UserID string
	Locale string
}

// With returns a context that carries r.
func With(ctx context.Context, r Request) context.Context { return context.WithValue(ctx, key{}, r) }

// From returns the request of ctx, the zero Request when there is none.
func From(ctx context.Context) Request {
	r, _ := ctx.Value(key{}).(Request)
	return r
}
