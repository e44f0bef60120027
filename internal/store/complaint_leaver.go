package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// attemptsToLeave bounds how often a leaver's cases are looked for, when others go on giving them cases meanwhile.
const attemptsToLeave = 20

// DeactivateUser takes a leaver out of service in one transaction: they become inactive, their tokens end, and decide is
// asked for one step of every live case in which they are accountable, the handler, the receiver of an offer or of
// accountability, or somebody with an open task; the step must leave them none of it. It returns the user as stored. A user
// who is inactive already stays as they are. Errors: not_found; conflict user.no_heir when a step leaves a case
// without an owner or with the leaver; those of decide.
//
// Approvals, receptions, relationships and surveys stay as they are: once the user is inactive nobody can give them a task any more, and
// their processes find others. They and the processes of the cases are told of it by words, which are written with it.
//
// Cases are locked before the user, as every step does: so the two never wait for each other. A case that somebody gave
// the user in between is found once the user is locked, and then all is begun anew.
func (s *Store) DeactivateUser(ctx context.Context, d models.Deactivate, meta models.Meta, at time.Time, decide func(models.CaseState) (models.CaseStep, error)) (models.User, error) {
	for range attemptsToLeave {
		again := false
		err := s.onConn(ctx, func(conn *pgx.Conn) (err error) {
			w := &writer{conn: conn, email: s.email, mail: map[string]bool{}}
			defer w.rollback()
			again, err = w.leave(ctx, d, meta, at, decide)
			return err
		})
		if err != nil {
			return models.User{}, err
		}
		if !again {
			s.forget()
			return s.User(ctx, d.UserID)
		}
	}
	return models.User{}, errs.New(errs.Unavailable, "unavailable.database")
}

// casesHeld finds the live cases that must not stay with a leaver.
const casesHeld = `SELECT c.id FROM case_access a JOIN cases c ON c.id = a.case_id
	WHERE a.principal = $1 AND a.phase = 'live' AND ($1 IN (c.accountable_id, c.assignee_id, c.offer_to_id, c.transfer_to_id)
		OR EXISTS (SELECT FROM tasks t WHERE t.subject_id = c.id AND t.state = 'open' AND t.user_id = $1 AND t.approval_id IS NULL))
	ORDER BY c.id`

// leave makes one attempt. It reports true when the user was given a case that is not locked.
func (w *writer) leave(ctx context.Context, d models.Deactivate, meta models.Meta, at time.Time, decide func(models.CaseState) (models.CaseStep, error)) (again bool, err error) {
	userID := d.UserID
	held, err := w.ids(ctx, casesHeld, userID)
	if err != nil {
		return false, err
	}
	states, err := w.lock(ctx, held)
	if err != nil {
		return false, err
	}
	var active bool
	// Not FOR UPDATE: rows that only refer to the user may go on being written.
	err = w.conn.QueryRow(ctx, `SELECT active FROM users WHERE id = $1 FOR NO KEY UPDATE`, userID).Scan(&active)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, notFound()
	}
	if err != nil {
		return false, err
	}
	now, err := w.ids(ctx, casesHeld, userID)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(now, func(id string) bool { _, locked := states[id]; return !locked }) {
		return true, nil
	}
	if active {
		w.batch.Queue(`UPDATE users SET active = false, version = version + 1, updated_at = $2 WHERE id = $1`, userID, at)
	}
	w.batch.Queue(`UPDATE tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL`, userID, at)
	var steps []models.CaseStep
	for _, id := range now {
		step, err := decide(states[id])
		if err != nil {
			return false, err
		}
		if err := left(&step.State, userID); err != nil {
			return false, err
		}
		steps = append(steps, step)
	}
	words, err := w.ofLeaver(ctx, d, meta)
	if err != nil {
		return false, err
	}
	w.tell(append(models.MovedWords(now), words...))
	return false, w.write(ctx, states, steps)
}

// ofLeaver is what the processes must be told in which the leaver has a part, other than those of cases. The leaver is locked:
// nobody gives them another one.
func (w *writer) ofLeaver(ctx context.Context, d models.Deactivate, meta models.Meta) ([]models.Word, error) {
	approvals, err := w.ids(ctx, openApprovalsOf, d.UserID)
	if err != nil {
		return nil, err
	}
	receptions, err := w.ids(ctx, receptionsOf, d.UserID)
	if err != nil {
		return nil, err
	}
	clients, err := w.ids(ctx, relationshipsOf, d.UserID)
	if err != nil {
		return nil, err
	}
	calls, err := w.inheritCalls(ctx, d)
	if err != nil {
		return nil, err
	}
	return models.LeaverWords(d, meta, approvals, receptions, clients, calls), nil
}

// callsOf finds the invitations to whose people the user is to call.
const callsOf = `SELECT subject_id FROM tasks WHERE holder = $1 AND state = 'open' AND kind = '` + models.TaskSurveyCall + `' ORDER BY subject_id`

// giveCalls gives calls of campaigns to somebody else, who answers for the invitation from then on; those that have a process are given
// away by that. Nobody inactive gets one.
func giveCalls(invitations string) string {
	return `WITH given AS (
			UPDATE tasks t SET user_id = $1 WHERE t.subject_id IN (` + invitations + `) AND t.state = 'open' AND t.kind = '` + models.TaskSurveyCall + `'
			AND NOT EXISTS (SELECT FROM follow_ups f WHERE f.id = t.subject_id)
			AND EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.active) RETURNING t.subject_id
		)
		UPDATE invitations i SET account_manager_id = $1 FROM given WHERE i.id = given.subject_id`
}

// inheritCalls gives the heir the calls of campaigns that the leaver was to make. It lists all calls: those that have a process are given
// away by that. Without an heir they stay until they expire.
func (w *writer) inheritCalls(ctx context.Context, d models.Deactivate) ([]string, error) {
	if d.HeirID == "" {
		return nil, nil
	}
	calls, err := w.ids(ctx, callsOf, d.UserID)
	if err != nil || len(calls) == 0 {
		return nil, err
	}
	if err := w.checkActive(ctx, []string{d.HeirID}, errs.New(errs.Conflict, "user.no_heir")); err != nil {
		return nil, err
	}
	w.batch.Queue(giveCalls(`SELECT unnest($2::text[])`), d.HeirID, calls)
	return calls, nil
}

// left refuses a step after which the leaver, or nobody, still holds something.
func left(s *models.CaseState, userID string) error {
	stays := slices.ContainsFunc(s.Tasks, func(t models.Task) bool { return t.UserID == userID })
	for _, id := range holders(s) {
		stays = stays || id == userID || id == ""
	}
	if stays {
		return errs.Wrap(fmt.Errorf("case %s", s.ID), errs.Conflict, "user.no_heir", "number", s.Number)
	}
	return nil
}

func (w *writer) ids(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := w.conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
