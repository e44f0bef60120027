package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// NextReceptionNumber gives the next number of a day (YYYYMMDD), such as RCP-20261122-0042. A number that is never used
// leaves a gap.
func (s *Store) NextReceptionNumber(ctx context.Context, day string) (string, error) {
	return s.nextNumber(ctx, "RCP", day)
}

// AdvanceReception takes the step of a reception that decide returns: state, plans, timeline, tasks, what is held of
// resources and budgets, records, invitations, messages and who may see it are written in one transaction (see advance).
// Refusals of Take undo the step. Nobody inactive is given a part or a task: that is invalid reception.user_inactive.
// The errors of decide come back as they are.
func (s *Store) AdvanceReception(ctx context.Context, receptionID string, believed *models.ReceptionState, decide models.DecideReception) (behind *models.ReceptionState, mail bool, err error) {
	return advance(ctx, s, &steppedReception, receptionID, believed, decide)
}

var steppedReception = stepped[models.ReceptionState, models.ReceptionStep]{
	noun: "reception", table: "receptions", inactive: errs.New(errs.Invalid, "reception.user_inactive"),
	head: func(s *models.ReceptionState) head { return head{s.ID, s.Seq, s.EventSeq} },
	parts: func(p *models.ReceptionStep) (*models.ReceptionState, []models.TimelineEvent) {
		return &p.State, p.Events
	},
	people:  parties,
	whole:   wholeReception,
	careful: func(p *models.ReceptionStep) bool { return p.Holdings != nil },
	before:  func(ctx context.Context, w *writer, p *models.ReceptionStep) error { return w.take(ctx, p.Holdings) },
	write:   (*writer).reception,
}

// take does what the step does with resources and money. The step is new, so that it cannot have been done before.
func (w *writer) take(ctx context.Context, h *models.Holdings) error {
	if h == nil {
		return nil
	}
	taken, err := TakeHoldings(ctx, w.conn, *h)
	if err == nil && !taken.Applied {
		err = errs.Wrap(fmt.Errorf("holdings of %s are ahead of step %d", h.SubjectID, h.StepSeq), errs.Internal, "internal")
	}
	return err
}

// wholeReception reports a first step without a plan, and holdings of another step.
func wholeReception(old *models.ReceptionState, step *models.ReceptionStep) error {
	s, h := &step.State, step.Holdings
	switch {
	case old == nil && step.Plans == nil:
		return fmt.Errorf("reception %s has no plan", s.ID)
	case h != nil && (h.SubjectID != s.ID || h.StepSeq != s.Seq):
		return fmt.Errorf("reception %s: step %d holds for step %d of %s", s.ID, s.Seq, h.StepSeq, h.SubjectID)
	}
	return nil
}

// parties lists who gets a part or a task by the step. The client's account manager has their part whether they are there
// or not.
func parties(old *models.ReceptionState, step *models.ReceptionStep) []string {
	var before []string
	if old != nil {
		before = old.Involved()
	}
	ids := slices.DeleteFunc(without(step.State.Involved(), before), func(id string) bool { return id == step.State.AccountManagerID })
	for _, t := range step.Tasks {
		if t.State == models.TaskOpen && t.UserID != "" {
			ids = append(ids, t.UserID)
		}
	}
	return ids
}
