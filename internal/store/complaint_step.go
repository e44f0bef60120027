package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// NextCaseNumber gives the next number of a day (YYYYMMDD), such as CMP-20261122-0042. A number that is never used
// leaves a gap. The counter's row is locked for one statement only, which does not wait for the disk: the case that
// bears the number is written to the log after it, so a crash cannot lose the counter and keep the case.
func (s *Store) NextCaseNumber(ctx context.Context, t models.CaseType, day string) (string, error) {
	prefix := "CMP"
	if t == models.TypeInquiry {
		prefix = "INQ"
	}
	return s.nextNumber(ctx, prefix, day)
}

// nextNumber gives the next number of a day under the prefix.
func (s *Store) nextNumber(ctx context.Context, prefix, day string) (string, error) {
	var last int64
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `INSERT INTO case_numbers SELECT $1, $2, 1 WHERE set_config('synchronous_commit', 'off', true) = 'off'
			ON CONFLICT (prefix, day) DO UPDATE SET last = case_numbers.last + 1 RETURNING last`, prefix, day).Scan(&last)
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s-%s-%04d", prefix, day, last), nil
}

// attempts bounds how often a transaction is tried again that met another one.
const attemptsOfStep = 3

// AdvanceCases takes one step of each of the cases that decide returns, in one transaction. known holds the sequence
// number that the caller has seen of a case: when the stored one is ahead, nothing is applied and the stored state is
// answered in Behind. 0 or less means that the case must not exist yet; a case without an entry is taken as it is.
// A repeated call therefore never applies a step twice.
//
// Nobody inactive is ever given a case: that is invalid case.user_inactive. A case is kept under the team in which its holders are:
// when one has just come to another, it is models.ErrPeopleMoved. The errors of decide come back as they are.
func (s *Store) AdvanceCases(ctx context.Context, ids []string, known map[string]int64, decide models.DecideCases) (models.CasesAdvanced, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for try := 1; ; try++ {
		var out models.CasesAdvanced
		err := s.onConn(ctx, func(conn *pgx.Conn) error {
			w := &writer{conn: conn, email: s.email, mail: map[string]bool{}}
			defer w.rollback()
			states, err := w.lock(ctx, ids)
			if err != nil {
				return err
			}
			if out.Behind, err = behind(ids, known, states); err != nil || len(out.Behind) > 0 {
				return err
			}
			steps, err := decide(maps.Clone(states))
			if err != nil || len(steps) == 0 {
				return err
			}
			out.Mail = w.mail
			return w.write(ctx, states, steps)
		})
		if isRecorded(err) && try < attemptsOfStep {
			continue // another attempt recorded the case just now: it is found next time
		}
		return out, err
	}
}

// behind returns the stored states that are ahead of what the caller knows.
func behind(ids []string, known map[string]int64, states map[string]models.CaseState) (map[string]models.CaseState, error) {
	ahead := map[string]models.CaseState{}
	for _, id := range ids {
		seq, asked := known[id]
		stored, exists := states[id]
		switch {
		case !asked:
		case exists && stored.Seq > max(seq, 0):
			ahead[id] = stored
		case stored.Seq < seq: // a step that was applied is gone: only a restored backup can do that
			err := fmt.Errorf("case %s is at step %d, its process at %d", id, stored.Seq, seq)
			return nil, errs.Wrap(err, errs.Internal, "internal")
		}
	}
	return ahead, nil
}

// isRecorded reports that the first step of a process was not the first.
func isRecorded(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && slices.Contains(objectKeys, pg.ConstraintName)
}

// objectKeys are the primary keys of what processes are about.
var objectKeys = []string{"cases_pkey", "approvals_pkey", "receptions_pkey", "follow_ups_pkey", "campaigns_pkey", "relationships_pkey"}

// writer writes steps in one transaction. It speaks to the server in pipelines, so that a step costs as few round trips
// as it has decisions: lock, (check people,) write and commit.
type writer struct {
	conn  *pgx.Conn
	email bool // there is a way to send e-mail
	batch pgx.Batch
	mail  map[string]bool
}

// lock begins the transaction and locks the cases in the order of their ids, so that two writers never wait for each other.
func (w *writer) lock(ctx context.Context, ids []string) (map[string]models.CaseState, error) {
	states := make(map[string]models.CaseState, len(ids))
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue(`SELECT state FROM cases WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, ids).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowTo[models.CaseState])
		for _, s := range found {
			states[s.ID] = s
		}
		return err
	})
	return states, w.conn.SendBatch(ctx, &b).Close()
}

// write checks the steps and the people that they name, writes everything and commits.
func (w *writer) write(ctx context.Context, states map[string]models.CaseState, steps []models.CaseStep) error {
	var people []stay
	for i := range steps {
		old, exists := states[steps[i].State.ID]
		if err := consistent(old, exists, &steps[i]); err != nil {
			return errs.Wrap(err, errs.Internal, "internal")
		}
		people = append(people, staying(&old, &steps[i].State)...)
		w.step(&old, &steps[i])
	}
	if err := w.checkStay(ctx, people); err != nil {
		return err
	}
	w.batch.Queue("COMMIT")
	return w.send(ctx)
}

// send carries out what is queued.
func (w *writer) send(ctx context.Context) error {
	b := w.batch
	w.batch = pgx.Batch{}
	return w.conn.SendBatch(ctx, &b).Close()
}

// rollback ends a transaction that was not committed; a connection on which that fails is given up.
func (w *writer) rollback() {
	if w.conn.IsClosed() || w.conn.PgConn().TxStatus() == 'I' {
		return
	}
	// The caller's context may be over, and the locks must not wait for the server to find out.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := w.conn.Exec(ctx, "ROLLBACK"); err != nil {
		w.conn.Close(ctx)
	}
}

// consistent reports a step that does not continue the stored state: it would break the history for good.
func consistent(old models.CaseState, exists bool, step *models.CaseStep) error {
	s := &step.State
	if s.Seq != old.Seq+1 {
		return fmt.Errorf("case %s: step %d does not follow %d", s.ID, s.Seq, old.Seq)
	}
	if exists == (step.Record != nil) {
		return fmt.Errorf("case %s: the first step, and no other, records it", s.ID)
	}
	seq := old.EventSeq
	for _, e := range step.Events {
		if seq++; e.Seq != seq {
			return fmt.Errorf("case %s: event %d in the place of %d", s.ID, e.Seq, seq)
		}
	}
	if s.EventSeq != seq {
		return fmt.Errorf("case %s: event %d is missing", s.ID, seq+1)
	}
	return nil
}

// holders lists whose case it is, or will be by their own consent. Nobody holds a case that is over.
func holders(s *models.CaseState) []string {
	if !s.Held() || s.ID == "" {
		return nil
	}
	ids := []string{s.AccountableID, s.AssigneeID}
	if s.Offer != nil && s.Offer.ToID != "" {
		ids = append(ids, s.Offer.ToID)
	}
	if s.Transfer != nil {
		ids = append(ids, s.Transfer.ToID)
	}
	return ids
}

// newcomers lists the holders that a step brings in.
func newcomers(old, state *models.CaseState) []string {
	before := holders(old)
	return slices.DeleteFunc(holders(state), func(id string) bool { return slices.Contains(before, id) })
}

// stay is what must hold of somebody until a transaction ends: they have not left, and are in the team.
type stay struct {
	userID string
	teamID *string // empty: in none; nil: wherever they are
}

// staying lists what a step builds on: that those whom it brings in are there, and that those whom it gives the case, or another
// part in it, are in the team under which it is kept. Who comes to another team meanwhile would not be followed by the case.
func staying(old, state *models.CaseState) []stay {
	if !state.Held() {
		return nil
	}
	if !old.Held() {
		old = &models.CaseState{}
	}
	var all []stay
	if state.AccountableID != old.AccountableID || state.AccountableTeamID != old.AccountableTeamID {
		all = append(all, stay{state.AccountableID, &state.AccountableTeamID})
	}
	if (state.AssigneeID != old.AssigneeID || state.TeamID != old.TeamID) && (len(all) == 0 || state.AssigneeID != state.AccountableID || state.TeamID != state.AccountableTeamID) {
		all = append(all, stay{state.AssigneeID, &state.TeamID})
	}
	for _, id := range newcomers(old, state) {
		if !slices.ContainsFunc(all, func(s stay) bool { return s.userID == id }) {
			all = append(all, stay{userID: id})
		}
	}
	return all
}

// stayingUsers locks the people of $1, in the order of their ids, against leaving and changing teams until the transaction ends.
const stayingUsers = ` FROM users u JOIN unnest($1::text[], $2::text[]) s(id, team) ON s.id = u.id`

// columns of stayingUsers.
func columnsOf(people []stay) (ids []string, teams []*string) {
	for _, s := range people {
		ids, teams = append(ids, s.userID), append(teams, s.teamID)
	}
	return ids, teams
}

// stay ends the transaction by a division by zero when something does not hold of the people.
func (w *writer) stay(people []stay) {
	if ids, teams := columnsOf(people); len(ids) > 0 {
		w.batch.Queue(`SELECT 1 / (count(*) = $3)::int FROM (SELECT`+stayingUsers+`
			WHERE u.active AND coalesce(s.team = coalesce(u.team_id, ''), true) ORDER BY u.id FOR SHARE OF u) held`, ids, teams, len(ids))
	}
}

// checkStay answers the refusal when one of the people has left, and models.ErrPeopleMoved when one is in another team by now.
func (w *writer) checkStay(ctx context.Context, people []stay) error {
	ids, teams := columnsOf(people)
	if len(ids) == 0 {
		return nil
	}
	rows, err := w.conn.Query(ctx, `SELECT u.active, coalesce(s.team = coalesce(u.team_id, ''), true)`+stayingUsers+` ORDER BY u.id FOR SHARE OF u`, ids, teams)
	if err != nil {
		return err
	}
	type held struct{ Active, Stays bool }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[held])
	switch {
	case err != nil:
		return err
	case len(found) < len(ids) || slices.ContainsFunc(found, func(h held) bool { return !h.Active }):
		return errs.New(errs.Invalid, "case.user_inactive")
	case slices.ContainsFunc(found, func(h held) bool { return !h.Stays }):
		return models.ErrPeopleMoved
	}
	return nil
}

func distinct(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// checkActive locks the people against leaving until the transaction ends, and answers the refusal when one has left.
func (w *writer) checkActive(ctx context.Context, people []string, refusal error) error {
	if len(people) == 0 {
		return nil
	}
	people = distinct(people)
	tag, err := w.conn.Exec(ctx, `SELECT FROM users WHERE id = ANY($1) AND active ORDER BY id FOR SHARE`, people)
	if err == nil && tag.RowsAffected() < int64(len(people)) {
		return refusal
	}
	return err
}
