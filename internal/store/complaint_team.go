package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// MoveUser is UpdateUser for a user who may have changed teams: in the same transaction, decide is asked for one step of every
// live case in which they are accountable or the handler and which is kept under another team than theirs; the step moves it to
// theirs. It returns the user as stored and the ids of the cases that moved. Errors: those of UpdateUser and of decide.
//
// As with leavers, cases are locked before the user, and all is begun anew when the user was given one in between.
func (s *Store) MoveUser(ctx context.Context, u models.User, password string, decide func(models.CaseState) (models.CaseStep, error)) (models.User, []string, error) {
	write, err := s.userChange(ctx, &u, password)
	if err != nil {
		return models.User{}, nil, err
	}
	for range attemptsToLeave {
		touched, again, err := s.move(ctx, u.ID, deref(u.TeamID), write, decide)
		if err != nil {
			return models.User{}, nil, err
		}
		if !again {
			s.forget()
			return u, touched, nil
		}
	}
	return models.User{}, nil, errs.New(errs.Unavailable, "unavailable.database")
}

// casesElsewhere finds the live cases of a holder that are kept under another team than the given one.
const casesElsewhere = `SELECT c.id FROM case_access a JOIN cases c ON c.id = a.case_id
	WHERE a.principal = $1 AND a.phase = 'live' AND (c.accountable_id = $1 AND coalesce(c.accountable_team_id, '') <> $2
		OR c.assignee_id = $1 AND coalesce(c.team_id, '') <> $2)
	ORDER BY c.id`

// move makes one attempt. It reports true when the user was given a case that is not locked. The steps of cases and the change of
// the user take turns on one connection.
func (s *Store) move(ctx context.Context, userID, teamID string, change func(*gorm.DB) error, decide func(models.CaseState) (models.CaseStep, error)) (now []string, again bool, err error) {
	conn, err := s.conns.Conn(ctx)
	if err != nil {
		return nil, false, mapped(err)
	}
	defer conn.Close()
	onIt := func(fn func(*writer) error) error {
		return mapped(conn.Raw(func(c any) error {
			return fn(&writer{conn: c.(*stdlib.Conn).Conn(), email: s.email, mail: map[string]bool{}})
		}))
	}
	defer onIt(func(w *writer) error { w.rollback(); return nil })
	var states map[string]models.CaseState
	err = onIt(func(w *writer) error {
		held, err := w.ids(ctx, casesElsewhere, userID, teamID)
		if err == nil {
			states, err = w.lock(ctx, held)
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	tx := s.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	tx.Statement.ConnPool = conn
	if err := change(tx); err != nil {
		return nil, false, mapped(err)
	}
	err = onIt(func(w *writer) error {
		if now, err = w.ids(ctx, casesElsewhere, userID, teamID); err != nil {
			return err
		}
		if again = slices.ContainsFunc(now, func(id string) bool { _, locked := states[id]; return !locked }); again {
			return nil
		}
		var steps []models.CaseStep
		for _, id := range now {
			step, err := decide(states[id])
			if err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return w.write(ctx, states, steps)
	})
	return now, again, err
}
