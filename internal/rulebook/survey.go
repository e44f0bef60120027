package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// Surveys returns one version of the survey templates.
func (b *Book) Surveys(ctx context.Context, version int) (*survey.Book, error) {
	if s, ok := b.surveys.Get(version); ok {
		return s, nil
	}
	row, err := b.source.Policy(ctx, survey.Kind, version)
	if err != nil {
		return nil, err
	}
	return b.compileSurveys(row)
}

// LatestSurveys returns the survey templates in force; the book knows its version.
func (b *Book) LatestSurveys(ctx context.Context) (*survey.Book, error) {
	row, err := b.source.LatestPolicy(ctx, survey.Kind)
	if err != nil {
		return nil, err
	}
	if s, ok := b.surveys.Get(row.Version); ok {
		return s, nil
	}
	return b.compileSurveys(row)
}

func (b *Book) compileSurveys(row models.PolicyVersion) (*survey.Book, error) {
	var doc survey.Document
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	s, err := survey.Compile(doc, row.Version)
	if err != nil { // not errs.Invalid: no caller can put a stored policy right
		return nil, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
	}
	b.surveys.Add(row.Version, s)
	return s, nil
}
