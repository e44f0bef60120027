package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// AdvanceCase is AdvanceCases for one case whose stored state the caller believes to know (nil: there is none yet). As a
// rule it is right, and the step is decided and written without reading anything first, in one round trip. Where it is not,
// a statement among them fails, nothing is written, and AdvanceCases finds out why.
func (s *Store) AdvanceCase(ctx context.Context, caseID string, believed *models.CaseState, decide models.DecideCases) (models.CasesAdvanced, error) {
	var old models.CaseState
	states := map[string]models.CaseState{}
	if believed != nil {
		old, states[caseID] = *believed, *believed
	}
	known := map[string]int64{caseID: old.Seq}
	steps, err := decide(states)
	if err != nil || len(steps) != 1 || steps[0].State.ID != caseID || steps[0].State.Seq != old.Seq+1 {
		return s.AdvanceCases(ctx, []string{caseID}, known, decide) // refused, perhaps only by what we believe
	}
	w := &writer{email: s.email, mail: map[string]bool{}}
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w.conn = conn
		return w.leap(ctx, old, &steps[0])
	})
	if isMisbelief(err) {
		return s.AdvanceCases(ctx, []string{caseID}, known, decide)
	}
	if err == nil {
		s.cache.cases.follow(&steps[0])
	}
	return models.CasesAdvanced{Mail: w.mail}, err
}

// leap writes a step on a believed state. What is sent in one batch is one transaction. The case comes before the people, in
// the order in which a leaver's cases are locked.
func (w *writer) leap(ctx context.Context, old models.CaseState, step *models.CaseStep) error {
	if err := consistent(old, old.ID != "", step); err != nil {
		return errs.Wrap(err, errs.Internal, "internal")
	}
	w.step(&old, step)
	w.stay(staying(&old, &step.State))
	return w.send(ctx)
}

// isMisbelief reports whether a step was not written because the stored state is another one, or somebody has left or moved: a count
// of rows was not the expected one, by which nothing can be divided, or the object exists already.
func isMisbelief(err error) bool {
	var pg *pgconn.PgError
	return isRecorded(err) || errors.As(err, &pg) && pg.Code == divisionByZero
}

const divisionByZero = "22012"
