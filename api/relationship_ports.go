package api

import (
	"context"

	"github.com/mcrflow/mcrflow/models"
)

// Relationships reads the projection of the relationship process. A relationship that the actor may not know of is not_found,
// like one that has not begun; what belongs to one is read without asking again.
type Relationships interface {
	Records

	Client(ctx context.Context, id string) (models.Client, error)
	// Contact answers not_found for a contact of another client.
	Contact(ctx context.Context, clientID, contactID string) (models.Contact, error)

	Relationship(ctx context.Context, actor models.Actor, clientID string) (models.RelationshipState, error)
	// RelationshipState answers the state whoever asks.
	RelationshipState(ctx context.Context, clientID string) (models.RelationshipState, error)
	// OpenRows answers what is open at the client.
	OpenRows(ctx context.Context, clientID string) (models.OpenRows, error)
	// Timeline lists the events after a sequence number, in order.
	Timeline(ctx context.Context, clientID string, after int64, limit int) ([]models.TimelineEvent, error)
	// Overview answers everything about a client that the actor may see.
	Overview(ctx context.Context, actor models.Actor, clientID string) (models.ClientOverview, error)

	Classifications(ctx context.Context, clientID string, p models.Page) ([]models.ClassificationRow, string, error)
	// Plan answers a plan of whatever client.
	Plan(ctx context.Context, id string) (models.PlanRow, error)
	// ClientPlans lists the plans for a client, the latest period first.
	ClientPlans(ctx context.Context, clientID string, p models.Page) ([]models.PlanRow, string, error)

	// OpenOf lists the client's open cases and receptions in which the user has a part that can be handed over.
	OpenOf(ctx context.Context, clientID, userID string) (cases, receptions []string, err error)
}
