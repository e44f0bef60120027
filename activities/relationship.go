package activities

import (
	"context"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// RelationshipStore is what this file needs of storage.
type RelationshipStore interface {
	// RelationshipState reads a relationship's stored state.
	RelationshipState(ctx context.Context, clientID string) (models.RelationshipState, error)
	// AdvanceRelationship writes what decide answers, in one transaction, if the stored state is the believed one (nil: none
	// yet) and the client's row is the one that the step has seen. Otherwise decide is asked again, or nothing is changed and
	// the stored state is returned as behind. mail: messages must leave the product.
	AdvanceRelationship(ctx context.Context, clientID string, believed *models.RelationshipState, decide models.DecideRelationship) (behind *models.RelationshipState, mail bool, err error)
	// OpenRows reads the rows of what is open at the client.
	OpenRows(ctx context.Context, clientID string) (models.OpenRows, error)
	// LeftRows reads the rows of what is still owed to clients that were merged into this one and whose own processes have ended.
	LeftRows(ctx context.Context, clientID string) (models.OpenRows, error)
	// Client reads a client.
	Client(ctx context.Context, id string) (models.Client, error)
	// Org is the organisation as it stands, or as it stood a moment ago.
	Org(ctx context.Context) (*models.Org, error)
	// FreshOrg is the organisation as it stands.
	FreshOrg(ctx context.Context) (*models.Org, error)
}

// RelationshipBook gives the rules of relationships in force.
type RelationshipBook interface {
	ForRelationship(ctx context.Context) (models.RelationshipRules, error)
}

// Clients tells the processes of clients.
type Clients interface {
	// Tell gives news to the process of their client, which is started if it does not run yet. One that is over is
	// process_closed.
	Tell(ctx context.Context, news models.ClientNews) error
}

// Relationship holds the dependencies of the process's activities.
type Relationship struct {
	Store   RelationshipStore
	Rules   RelationshipBook
	Clients Clients
}

// AdvanceRelationship takes one step of a relationship: it decides by the rules in force, the client's row, the people and
// what is open at this moment, and writes state, rows, timeline, tasks and notices in one transaction. Idempotency key:
// client id and step number; a step that somebody else took first is answered with the stored state and Behind. Refusals are
// final; anything else is retried.
func (a *Relationship) AdvanceRelationship(ctx context.Context, in models.AdvanceRelationship) (models.Advanced[models.RelationshipState], error) {
	if in.Event.Action == models.RelationshipAsIs {
		s, err := a.Store.RelationshipState(ctx, in.ClientID)
		return models.MovedOn(&s), err
	}
	org := a.Store.Org
	if in.Event.Action == models.RelationshipLeft { // what has changed is what is told
		org = a.Store.FreshOrg
	}
	out, err := a.attempt(ctx, in, org)
	if errs.CodeOf(err) == errs.Invalid { // somebody unknown may have come, or somebody known have left, a moment ago
		return a.attempt(ctx, in, a.Store.FreshOrg)
	}
	return out, err
}

func (a *Relationship) attempt(ctx context.Context, in models.AdvanceRelationship, org func(context.Context) (*models.Org, error)) (models.Advanced[models.RelationshipState], error) {
	var step models.RelationshipStep
	behind, mail, err := a.Store.AdvanceRelationship(ctx, in.ClientID, in.State, func(stored *models.RelationshipState) (models.RelationshipStep, error) {
		rules, err := a.rules(ctx, in.ClientID, in.Event.Action, org)
		if err != nil {
			return models.RelationshipStep{}, err
		}
		step, err = models.ApplyRelationship(stored, in.Event, in.At, rules)
		return step, err
	})
	if err != nil {
		return models.Advanced[models.RelationshipState]{}, err
	}
	if behind != nil {
		return models.MovedOn(behind), nil
	}
	return models.Took(in.State, &step.State, mail)
}

// rules reads by what a step is decided, as it is now.
func (a *Relationship) rules(ctx context.Context, clientID string, action models.RelationshipAction, org func(context.Context) (*models.Org, error)) (models.RelationshipRules, error) {
	rules, err := a.Rules.ForRelationship(ctx)
	if err != nil {
		return rules, err
	}
	if rules.Client, err = a.Store.Client(ctx, clientID); err != nil {
		return rules, err
	}
	if rules.Org, err = org(ctx); err != nil {
		return rules, err
	}
	if rules.Open, err = a.Store.OpenRows(ctx, clientID); err != nil {
		return rules, err
	}
	// Merges are rare: a command is not made slower for them. The process is told, else the clock finds out.
	if action == models.RelationshipAlign || action == models.RelationshipTick {
		rules.Left, err = a.Store.LeftRows(ctx, clientID)
	}
	return rules, err
}

// TellClient gives news to the process of the client that they are about; of a client that was merged, to that of the survivor:
// it is the same company. Idempotency key: the ids and steps of the facts, by which the process knows those that it has been
// told. A process that is over, and yet has no survivor, has no use for them: that is no error.
func (a *Relationship) TellClient(ctx context.Context, news models.ClientNews) (struct{}, error) {
	for {
		c, err := a.Store.Client(ctx, news.ClientID)
		if err != nil {
			return struct{}{}, err
		}
		if c.MergedIntoID != nil {
			news.ClientID = *c.MergedIntoID
			continue
		}
		err = a.Clients.Tell(ctx, news)
		if errs.CodeOf(err) != errs.ProcessClosed {
			return struct{}{}, err
		}
		if c, err = a.Store.Client(ctx, news.ClientID); err != nil || c.MergedIntoID == nil {
			return struct{}{}, err
		}
	}
}
