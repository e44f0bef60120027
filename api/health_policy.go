package api

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
)

func storedHealth(body []byte) (any, error) {
	doc, err := stored[health.Document](body)
	doc.Version = 0
	return doc, err
}

func checkHealth(_ context.Context, _ *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := health.Parse(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	return doc, doc.Check(), nil
}
