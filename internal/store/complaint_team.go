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
// theirs. It returns the user as stored. Errors: those of UpdateUser and of decide.
//
// As with leavers, cases are locked before the user, and all is begun anew when the user was given one in between.
func (s *Store) MoveUser(ctx context.Context, u models.User, password string, decide func(models.CaseState) (models.CaseStep, error)) (models.User, error) {
	write, err := s.userChange(ctx, &u, password)
	if err != nil {
		return models.User{}, err
	}
	if err := s.move(ctx, casesElsewhere, []any{u.ID, deref(u.TeamID)}, write, decide, nil); err != nil {
		return models.User{}, err
	}
	return u, nil
}

// LeadTeam is UpdateTeam for a team that may have another supervisor: in the same transaction, decide is asked for one step of
// every live case of the team in which something waits for the supervisor whom it had; the step gives that to the new one. It
// returns the team as stored. Approvals that ask the supervisor whom it had are told by words, which are written with it. Errors:
// those of UpdateTeam and of decide.
func (s *Store) LeadTeam(ctx context.Context, t models.Team, decide func(c models.CaseState, from string) (models.CaseStep, error)) (models.Team, error) {
	stored, err := s.Team(ctx, t.ID)
	if err != nil {
		return models.Team{}, err
	}
	from := deref(stored.SupervisorID)
	if from == "" || from == deref(t.SupervisorID) || stored.Version != t.Version { // nobody loses anything, or it will be refused
		return s.UpdateTeam(ctx, t)
	}
	err = s.move(ctx, casesOverseen, []any{from, t.ID, models.SupervisionTasks()}, teamChange(ctx, &t), func(c models.CaseState) (models.CaseStep, error) {
		return decide(c, from)
	}, func(w *writer) ([]models.Word, error) {
		approvals, err := w.ids(ctx, openApprovalsOf, from)
		if err != nil {
			return nil, err
		}
		return models.LeadWords(from, approvals), nil
	})
	if err != nil {
		return models.Team{}, err
	}
	return t, nil
}

// casesElsewhere finds the live cases of a holder that are kept under another team than the given one.
const casesElsewhere = `SELECT c.id FROM case_access a JOIN cases c ON c.id = a.case_id
	WHERE a.principal = $1 AND a.phase = 'live' AND (c.accountable_id = $1 AND coalesce(c.accountable_team_id, '') <> $2
		OR c.assignee_id = $1 AND coalesce(c.team_id, '') <> $2)
	ORDER BY c.id`

// casesOverseen finds the live cases of a team in which something of the kinds waits for its supervisor.
const casesOverseen = `SELECT c.id FROM case_access a JOIN cases c ON c.id = a.case_id
	WHERE a.principal = $1 AND a.phase = 'live' AND $2 IN (c.team_id, c.accountable_team_id)
		AND EXISTS (SELECT FROM tasks t WHERE t.subject_id = c.id AND t.state = 'open' AND t.user_id = $1 AND t.kind = ANY($3) AND t.approval_id IS NULL)
	ORDER BY c.id`

// move makes a change of people, and in its transaction a step of each case that find finds then. The processes of these cases are
// told by words, and whom others names (nil: nobody).
func (s *Store) move(ctx context.Context, find string, args []any, change func(*gorm.DB) error,
	decide func(models.CaseState) (models.CaseStep, error), others func(*writer) ([]models.Word, error),
) error {
	for range attemptsToLeave {
		again, err := s.tryToMove(ctx, find, args, change, decide, others)
		if err != nil {
			return err
		}
		if !again {
			s.forget()
			return nil
		}
	}
	return errs.New(errs.Unavailable, "unavailable.database")
}

// tryToMove makes one attempt. It reports true when there is a case by now that is not locked. The steps of cases and the change
// of people take turns on one connection.
func (s *Store) tryToMove(ctx context.Context, find string, args []any, change func(*gorm.DB) error,
	decide func(models.CaseState) (models.CaseStep, error), others func(*writer) ([]models.Word, error),
) (again bool, err error) {
	conn, err := s.conns.Conn(ctx)
	if err != nil {
		return false, mapped(err)
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
		held, err := w.ids(ctx, find, args...)
		if err == nil {
			states, err = w.lock(ctx, held)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	tx := s.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	tx.Statement.ConnPool = conn
	if err := change(tx); err != nil {
		return false, mapped(err)
	}
	err = onIt(func(w *writer) error {
		now, err := w.ids(ctx, find, args...)
		if err != nil {
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
		w.tell(models.MovedWords(now))
		if others != nil {
			words, err := others(w)
			if err != nil {
				return err
			}
			w.tell(words)
		}
		return w.write(ctx, states, steps)
	})
	return again, err
}
