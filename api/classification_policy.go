package api

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
)

// classificationKind is the one kind that has candidates beside the version in force.
var classificationKind = policyKind{classification.Kind, storedClassification, checkClassification}

func storedClassification(body []byte) (any, error) {
	doc, err := stored[classification.Document](body)
	doc.Version = 0
	return doc, err
}

// checkClassification also holds the document against the approval policy in force: the chain that it names must be there.
func checkClassification(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := classification.Parse(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	chains, err := h.chains(ctx)
	return doc, doc.Check(classification.Refs{Chains: chains}), err
}
