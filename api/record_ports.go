package api

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/models"
)

// Records reads what is recorded of clients. What is read by its id is read whoever asks; the lists are limited by their
// filters alone.
type Records interface {
	Assessment(ctx context.Context, id string) (models.AssessmentRow, error)
	Improvement(ctx context.Context, id string) (models.ImprovementRow, error)
	// ImprovementsFrom lists the improvement plans that an assessment has opened.
	ImprovementsFrom(ctx context.Context, clientID, assessmentID string) ([]models.ImprovementRow, error)
	Interaction(ctx context.Context, id string) (models.InteractionRow, error)
	Commitment(ctx context.Context, id string) (models.CommitmentRow, error)
	Opinion(ctx context.Context, id string) (models.OpinionRow, error)
	Lead(ctx context.Context, id string) (models.LeadRow, error)

	Assessments(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.AssessmentRow, string, error)
	Improvements(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.ImprovementRow, string, error)
	Interactions(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.InteractionRow, string, error)
	Commitments(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.CommitmentRow, string, error)
	Opinions(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.OpinionRow, string, error)
	Leads(ctx context.Context, f models.LeadFilter, p models.Page) ([]models.LeadRow, string, error)
	// RelationshipStates answers the states of clients by the client's id, whoever asks.
	RelationshipStates(ctx context.Context, clientIDs []string) (map[string]models.RelationshipState, error)
}

// Grading is the store of candidates for policies, and of what clients are graded by.
type Grading interface {
	// CreatePolicyShadow answers the stored candidate when the id exists already.
	CreatePolicyShadow(ctx context.Context, p models.PolicyShadow) (models.PolicyShadow, error)
	PolicyShadow(ctx context.Context, kind, id string) (models.PolicyShadow, error)
	PolicyShadows(ctx context.Context, kind string, p models.Page) ([]models.PolicyShadow, string, error)
	// PublishPolicyShadow puts a candidate in force; v lacks the version and the body, which are the candidate's. Errors:
	// conflict when it was published by another command, or, unless forced, is based on another version than the one in force.
	PublishPolicyShadow(ctx context.Context, id string, force bool, v models.PolicyVersion) (models.PolicyVersion, error)
	// Standings lists by what the clients after this one are graded, in the order of their ids.
	Standings(ctx context.Context, after string, limit int) ([]classification.Standing, error)
	ClientNames(ctx context.Context, ids []string) (map[string]string, error)
	// ClientSales lists the sales of all clients of whom they are known, in the order of their ids.
	ClientSales(ctx context.Context, f models.SalesFilter) ([]models.ClientSales, error)
}
