package activities

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// ApprovalStore is what this file needs of storage.
type ApprovalStore interface {
	// ApprovalState reads an approval's stored state.
	ApprovalState(ctx context.Context, id string) (models.ApprovalState, error)
	// AdvanceApproval writes what decide answers, in one transaction, if the stored state is the believed one (nil: none
	// yet). Otherwise it changes nothing and returns the stored state as behind. mail: messages must leave the product.
	AdvanceApproval(ctx context.Context, id string, believed *models.ApprovalState, decide models.DecideApproval) (behind *models.ApprovalState, mail bool, err error)
	// Org is the organisation as it stands, or as it stood a moment ago.
	Org(ctx context.Context) (*models.Org, error)
	// FreshOrg is the organisation as it stands.
	FreshOrg(ctx context.Context) (*models.Org, error)
	// DeputyRules lists the rules for deputies that are not over at the instant.
	DeputyRules(ctx context.Context, at time.Time) ([]models.Deputy, error)
	// FreshDeputyRules is DeputyRules, not as they stood a moment ago.
	FreshDeputyRules(ctx context.Context, at time.Time) ([]models.Deputy, error)
}

// ApprovalBook gives the rules that an approval is decided by, without the rules for deputies.
type ApprovalBook interface {
	OfApproval(ctx context.Context, s *models.ApprovalState, org *models.Org) (models.ApprovalRules, error)
	ForNewApproval(ctx context.Context, o models.ApprovalOrder, org *models.Org) (models.ApprovalRules, error)
}

// Approval holds the dependencies of the process's activities.
type Approval struct {
	Store ApprovalStore
	Rules ApprovalBook
}

// AdvanceApproval takes one step of an approval: it decides by the chain in the version that the approval began with and by
// the people as they stand, and writes state, timeline, tasks and notices in one transaction. Idempotency key: approval id
// and step number; a step that somebody else took first is answered with the stored state and Behind. Refusals are final;
// anything else is retried.
func (a *Approval) AdvanceApproval(ctx context.Context, in models.AdvanceApproval) (models.Advanced[models.ApprovalState], error) {
	if in.Event.Verb == models.ApprovalAdopt {
		s, err := a.Store.ApprovalState(ctx, in.ApprovalID)
		return models.MovedOn(&s), err
	}
	read := a.Store.Org
	if in.Event.Verb == models.ApprovalRecheck { // what has changed is what is asked for
		read = a.Store.FreshOrg
	}
	out, err := a.attempt(ctx, in, read)
	if errs.CodeOf(err) == errs.Invalid { // somebody unknown may have come, or somebody known have left, a moment ago
		return a.attempt(ctx, in, a.Store.FreshOrg)
	}
	return out, err
}

func (a *Approval) attempt(ctx context.Context, in models.AdvanceApproval, read func(context.Context) (*models.Org, error)) (models.Advanced[models.ApprovalState], error) {
	rules, err := a.rules(ctx, in, read)
	if err != nil {
		return models.Advanced[models.ApprovalState]{}, err
	}
	var step models.ApprovalStep
	behind, mail, err := a.Store.AdvanceApproval(ctx, in.ApprovalID, in.State, func(stored *models.ApprovalState) (models.ApprovalStep, error) {
		var err error
		step, err = models.ApplyApproval(stored, in, rules)
		return step, err
	})
	if err != nil {
		return models.Advanced[models.ApprovalState]{}, err
	}
	if behind != nil {
		return models.MovedOn(behind), nil
	}
	return models.Took(in.State, &step.State, mail)
}

// rules reads all that the decision needs.
func (a *Approval) rules(ctx context.Context, in models.AdvanceApproval, read func(context.Context) (*models.Org, error)) (models.ApprovalRules, error) {
	org, err := read(ctx)
	if err != nil {
		return models.ApprovalRules{}, err
	}
	var rules models.ApprovalRules
	chain, process := "", in.Process
	if in.State != nil {
		chain, process = in.State.Chain.Chain, in.State.Process
		rules, err = a.Rules.OfApproval(ctx, in.State, org)
	} else {
		var o models.ApprovalOrder
		if err := json.Unmarshal(in.Event.Data, &o); err != nil {
			return rules, errs.Wrap(err, errs.Malformed, "malformed.command")
		}
		chain = o.Chain
		rules, err = a.Rules.ForNewApproval(ctx, o, org)
	}
	if err != nil {
		return rules, err
	}
	deputise := a.Store.DeputyRules
	if in.Event.Verb == models.ApprovalRecheck {
		deputise = a.Store.FreshDeputyRules
	}
	deputies, err := deputise(ctx, in.At)
	rules.Env.Deputies = models.DeputyRulesOf(deputies, chain, process)
	return rules, err
}
