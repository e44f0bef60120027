package rulebook

import (
	"context"

	"github.com/mcrflow/mcrflow/models"
)

// ForRelationship returns the rules in force for relationships: how clients are graded, what a class is owed, and who does
// what. The client, the people and what is open are the caller's to add.
func (b *Book) ForRelationship(ctx context.Context) (models.RelationshipRules, error) {
	grading, err := b.LatestClassification(ctx)
	if err != nil {
		return models.RelationshipRules{}, err
	}
	rhythm, _, calendar, err := b.LatestCadence(ctx)
	if err != nil {
		return models.RelationshipRules{}, err
	}
	matrix, err := b.LatestResponsibility(ctx)
	if err != nil {
		return models.RelationshipRules{}, err
	}
	return models.RelationshipRules{Classification: grading, Cadence: *rhythm, Matrix: matrix, Calendar: calendar}, nil
}
