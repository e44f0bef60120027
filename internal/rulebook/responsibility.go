package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/models"
)

// Responsibility returns one version of the responsibility policy.
func (b *Book) Responsibility(ctx context.Context, version int) (*responsibility.Policy, error) {
	if p, ok := b.responsibilities.Get(version); ok {
		return p, nil
	}
	row, err := b.source.Policy(ctx, responsibility.Kind, version)
	if err != nil {
		return nil, err
	}
	return b.compileResponsibility(row)
}

// LatestResponsibility returns the responsibility policy in force; it knows its version.
func (b *Book) LatestResponsibility(ctx context.Context) (*responsibility.Policy, error) {
	row, err := b.source.LatestPolicy(ctx, responsibility.Kind)
	if err != nil {
		return nil, err
	}
	if p, ok := b.responsibilities.Get(row.Version); ok {
		return p, nil
	}
	return b.compileResponsibility(row)
}

func (b *Book) compileResponsibility(row models.PolicyVersion) (*responsibility.Policy, error) {
	var doc responsibility.Document
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	p, err := responsibility.Compile(doc, row.Version)
	if err != nil { // not errs.Invalid: no caller can put a stored policy right
		return nil, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
	}
	b.responsibilities.Add(row.Version, p)
	return p, nil
}
