package docs

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func relationshipPage(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile("processes/relationship.md")
	require.NoError(t, err)
	return string(body)
}

// TestRelationshipDocumentNamesWhatTheCodeHas: every stage, action and obligation, every stage of a lead, and what an
// interaction can be.
func TestRelationshipDocumentNamesWhatTheCodeHas(t *testing.T) {
	t.Parallel()
	page := relationshipPage(t)
	for _, s := range models.Stages() {
		require.Contains(t, page, "--> "+string(s)+":", s)
	}
	for _, a := range models.RelationshipActions() {
		require.Contains(t, page, "`"+string(a)+"`", a)
	}
	for _, due := range []models.DueKind{
		models.DueReview, models.DuePlan, models.DueActivity, models.DueAssessment, models.DueImprovement, models.DueAction,
		models.DueContact, models.DueCommitment, models.DueOpinion, models.DueLead, models.DueRotation, models.DueDormancy,
	} {
		require.Regexp(t, "(?m)^\\| [^|]*`"+string(due)+"`[^|]* \\|", page, due)
	}
	for _, l := range models.LeadStages() {
		require.Contains(t, page, "`"+string(l)+"`")
	}
	for _, kind := range models.InteractionKinds()[:8] { // the five means have their names in words
		require.Contains(t, page, "`"+kind+"`")
	}
}

// TestRelationshipDocumentShowsTheShippedPolicies: every rule of health with its figures, and the weight of every criterion.
func TestRelationshipDocumentShowsTheShippedPolicies(t *testing.T) {
	t.Parallel()
	page := relationshipPage(t)
	body, err := policies.FS.ReadFile("health/default.yaml")
	require.NoError(t, err)
	counted, faults := health.Parse(body)
	require.Empty(t, faults)
	require.Len(t, counted.Rules, len(health.Kinds()))
	for name, r := range counted.Rules {
		points := ""
		if r.Points != nil {
			points = fmt.Sprint(*r.Points)
		} else {
			points = fmt.Sprintf("%d per level above 3, -%d per level below", *r.PointsPerLevel, *r.PointsPerLevel)
		}
		require.Contains(t, page, fmt.Sprintf("| `%s` | `%s` | %s | %s | %d |", name, r.Fact, points, r.Within, r.AtMost))
	}
	body, err = policies.FS.ReadFile("classification/default.yaml")
	require.NoError(t, err)
	graded, faults := classification.Parse(body)
	require.Empty(t, faults)
	for name, c := range graded.Criteria {
		require.Regexp(t, fmt.Sprintf("(?m)^\\| [^|]*`%s`[^|]* \\| %d( each)? \\|", name, c.Weight), page)
	}
}
