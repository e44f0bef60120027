package api

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/models"
)

func storedCadence(body []byte) (any, error) {
	doc, err := stored[cadence.Policy](body)
	doc.Version = 0
	return doc, err
}

// checkCadence also holds the document against the responsibility policy in force, if there is one: the posts that it names
// must be there.
func checkCadence(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := cadence.ParsePolicy(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	known, err := h.refs(ctx)
	if err != nil {
		return nil, nil, err
	}
	posts, err := h.posts(ctx)
	return doc, doc.Check(cadence.Refs{Calendars: known.Calendars, Roles: models.RoleNames(), Posts: posts}), err
}

// posts names the posts of the responsibility policy in force; nil while none was published.
func (h *policyDocuments) posts(ctx context.Context) (map[string]bool, error) {
	v, err := h.store.LatestPolicy(ctx, responsibility.Kind)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := stored[responsibility.Document](v.Body)
	names := make(map[string]bool, len(doc.Posts))
	for name := range doc.Posts {
		names[name] = true
	}
	return names, err
}
