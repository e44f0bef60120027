package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

// Health returns one version of the health policy.
func (b *Book) Health(ctx context.Context, version int) (*health.Policy, error) {
	if p, ok := b.healths.Get(version); ok {
		return p, nil
	}
	row, err := b.source.Policy(ctx, health.PolicyKind, version)
	if err != nil {
		return nil, err
	}
	return b.compileHealth(row)
}

// LatestHealth returns the health policy in force; it knows its version.
func (b *Book) LatestHealth(ctx context.Context) (*health.Policy, error) {
	row, err := b.source.LatestPolicy(ctx, health.PolicyKind)
	if err != nil {
		return nil, err
	}
	if p, ok := b.healths.Get(row.Version); ok {
		return p, nil
	}
	return b.compileHealth(row)
}

func (b *Book) compileHealth(row models.PolicyVersion) (*health.Policy, error) {
	var doc health.Document
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	p, err := health.Compile(doc, row.Version)
	if err != nil { // not errs.Invalid: no caller can put a stored policy right
		return nil, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
	}
	b.healths.Add(row.Version, p)
	return p, nil
}
