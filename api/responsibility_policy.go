package api

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/models"
)

func storedResponsibility(body []byte) (any, error) {
	doc, err := stored[responsibility.Document](body)
	doc.Version = 0
	return doc, err
}

func checkResponsibility(_ context.Context, _ *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := responsibility.Parse(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	return doc, doc.Check(responsibility.Refs{Roles: models.RoleNames()}), nil
}
