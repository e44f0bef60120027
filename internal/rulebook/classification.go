package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/models"
)

// Classification returns one version of the classification policy.
func (b *Book) Classification(ctx context.Context, version int) (*classification.Policy, error) {
	if p, ok := b.classifications.Get(version); ok {
		return p, nil
	}
	row, err := b.source.Policy(ctx, classification.Kind, version)
	if err != nil {
		return nil, err
	}
	return b.compileClassification(row)
}

// LatestClassification returns the classification policy in force; the policy knows its version.
func (b *Book) LatestClassification(ctx context.Context) (*classification.Policy, error) {
	row, err := b.source.LatestPolicy(ctx, classification.Kind)
	if err != nil {
		return nil, err
	}
	if p, ok := b.classifications.Get(row.Version); ok {
		return p, nil
	}
	return b.compileClassification(row)
}

func (b *Book) compileClassification(row models.PolicyVersion) (*classification.Policy, error) {
	var doc classification.Document
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	p, err := classification.Compile(doc, row.Version)
	if err != nil { // not errs.Invalid: no caller can put a stored policy right
		return nil, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
	}
	b.classifications.Add(row.Version, p)
	return p, nil
}
