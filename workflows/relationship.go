package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// historyOfRelationship is after how many events a relationship continues as new: it lives for years, and a short history is
// quick to load again.
const historyOfRelationship = 2000

// Relationship is the process of one client, for as long as the client exists.
func Relationship(ctx workflow.Context, in models.RelationshipInput) (models.RelationshipResult, error) {
	p, err := begin(ctx, in.ClientID, relationship(in), in.State, in.Unsent, in.Ordered)
	if err != nil {
		return models.RelationshipResult{}, err
	}
	if err := p.run(ctx); err != nil {
		return models.RelationshipResult{}, err
	}
	if p.rejected {
		return models.RelationshipResult{Stage: "refused"}, nil
	}
	return models.RelationshipResult{Stage: p.state.Stage, Seq: p.state.Seq}, nil
}

func relationship(in models.RelationshipInput) spec[models.RelationshipState, models.RelationshipEvent] {
	var acts *activities.Relationship
	told := in.Told
	return spec[models.RelationshipState, models.RelationshipEvent]{
		process: models.RelationshipProcess, actions: names(models.RelationshipActions()), events: historyOfRelationship,
		opening: models.RelationshipBegins(in.ClientID), ready: models.RelationshipReady,
		signals: []string{models.RelationshipDecided, models.RelationshipTold, models.RelationshipChanged}, receive: receiveForRelationship,
		name: func(e models.RelationshipEvent) string { return string(e.Action) },
		tick: models.RelationshipEvent{Action: models.RelationshipTick}, adopt: models.RelationshipEvent{Action: models.RelationshipAsIs},
		meta: func(e models.RelationshipEvent) models.Meta { return e.Meta },
		look: func(s *models.RelationshipState, _ time.Time) seen {
			return seen{seq: s.Seq, handled: s.Handled, nextAt: s.NextAt, over: s.Over(), orders: s.Orders}
		},
		check: func(s *models.RelationshipState, e models.RelationshipEvent, _ time.Time) error {
			_, err := models.CheckRelationship(s, e.Action, e.Meta.Actor)
			return err
		},
		unknown: errs.New(errs.NotFound, "relationship.unknown"),
		refusal: func(ctx workflow.Context, err error) {
			workflow.GetLogger(ctx).Error("relationship not begun", "client_id", in.ClientID, "err", err)
		},
		exists: func(*models.RelationshipState) error { return errs.New(errs.Conflict, "relationship.exists") },
		advance: func(ctx workflow.Context, s *models.RelationshipState, e models.RelationshipEvent, at time.Time) (outcome[models.RelationshipState, models.RelationshipEvent], error) {
			out, err := step(ctx, acts.AdvanceRelationship, models.AdvanceRelationship{ClientID: in.ClientID, State: s, Event: e, At: at})
			if err != nil {
				return outcome[models.RelationshipState, models.RelationshipEvent]{}, err
			}
			o := landed[models.RelationshipEvent](s, out)
			last := told
			if tell := o.state.Tell; tell != nil && tell.Seq > told {
				last = max(last, tell.Seq)
				o.asides = append(o.asides, func(ctx workflow.Context) (*models.RelationshipEvent, error) { return nil, succeed(ctx, *tell) })
			}
			if into := o.state.Merged; into != nil && into.Seq > told {
				last = max(last, into.Seq)
				o.asides = append(o.asides, func(ctx workflow.Context) (*models.RelationshipEvent, error) {
					return nil, signal(ctx, models.RelationshipWorkflowID(into.IntoID), models.RelationshipChanged, models.RelationshipEvent{Action: models.RelationshipAlign})
				})
			}
			if drafts := o.state.Drafts; drafts != nil && drafts.Seq > told {
				last = max(last, drafts.Seq)
				for _, d := range drafts.Items {
					o.children = append(o.children, child{
						models.ReceptionType, models.ReceptionWorkflowID(d.ReceptionID), models.ReceptionInput{ReceptionID: d.ReceptionID, Record: new(o.state.DraftedBy(d))},
					})
				}
			}
			told = last
			return o, nil
		},
		roll: func(ctx workflow.Context, p *process[models.RelationshipState, models.RelationshipEvent]) error {
			return workflow.NewContinueAsNewError(ctx, Relationship, models.RelationshipInput{
				ClientID: in.ClientID, State: p.state, Unsent: p.unsent, Ordered: p.ordered, Told: told,
			})
		},
	}
}

// succeed tells cases and receptions that somebody has taken the client over.
func succeed(ctx workflow.Context, s models.Succession) error {
	for _, id := range s.Cases {
		if err := signal(ctx, models.ComplaintWorkflowID(id), models.ComplaintSucceeded, models.CaseSucceeded(s)); err != nil {
			return err
		}
	}
	for _, id := range s.Receptions {
		if err := signal(ctx, models.ReceptionWorkflowID(id), models.ReceptionLeft, models.ReceptionSucceeded(s)); err != nil {
			return err
		}
	}
	return nil
}

// receiveForRelationship reads the answers of approvals, what other processes tell, and what has changed outside.
func receiveForRelationship(c workflow.ReceiveChannel, name string) (models.RelationshipEvent, bool) {
	switch name {
	case models.RelationshipDecided:
		var d models.ApprovalDecided
		ok := c.ReceiveAsync(&d)
		return models.RelationshipDecidedBy(d), ok
	case models.RelationshipTold:
		var n models.ClientNews
		ok := c.ReceiveAsync(&n)
		return models.RelationshipToldBy(n), ok
	default:
		var e models.RelationshipEvent
		ok := c.ReceiveAsync(&e)
		return e, ok
	}
}
