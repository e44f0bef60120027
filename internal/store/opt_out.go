package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/models"
)

// OptOut notes that the person of the keys (models.Recipient.Keys) is never asked again, and ends the open calls to them. It is for
// links whose process is over; while there is one, its step writes the same.
func (s *Store) OptOut(ctx context.Context, invitationID string, keys []string, at time.Time) error {
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		w := &writer{conn: conn}
		w.optOut(invitationID, keys, at)
		return w.send(ctx)
	})
}

// openCalls are the other invitations by which somebody is to call the person of the keys. They are few, whoever was ever asked:
// the index tasks_calls has the open ones alone.
const openCalls = `t.kind = '` + models.TaskSurveyCall + `' AND t.state = 'open' AND i.id = t.subject_id AND i.id <> $1
	AND array_append(person_keys(jsonb_build_object('email', i.email, 'phone', i.phone)), 'contact:' || i.contact_id) && $2::text[]`

const (
	optOut = `INSERT INTO opt_outs (person, invitation_id, at) SELECT unnest($2::text[]), $1, $3 ORDER BY 1 ON CONFLICT DO NOTHING`
	// tellCalls tells the processes of the calls, which look again at whom they ask.
	tellCalls = `INSERT INTO words (workflow_id, signal) SELECT $3 || i.id, $4 FROM tasks t, invitations i WHERE ` + openCalls
	// endCalls ends the calls of campaigns, which have no process before somebody answers.
	endCalls = `WITH off AS (
			UPDATE tasks t SET state = 'cancelled', done_by = $3, done_at = $4 FROM invitations i
			WHERE ` + openCalls + ` AND NOT EXISTS (SELECT FROM follow_ups f WHERE f.id = i.id) RETURNING i.id, i.recipient_id
		), recipient AS (
			UPDATE campaign_recipients r SET due_at = NULL, reminds = false FROM off WHERE r.id = off.recipient_id AND r.state = $5
		)
		UPDATE invitations i SET withdrawn = true FROM off WHERE i.id = off.id`
)

// optOut queues that a person is never asked again, and that nobody calls them about another invitation any more.
func (w *writer) optOut(invitationID string, keys []string, at time.Time) {
	if len(keys) == 0 {
		return
	}
	w.batch.Queue(optOut, invitationID, keys, at)
	w.batch.Queue(tellCalls, invitationID, keys, models.FollowUpWorkflowID(""), models.FollowUpOff)
	w.batch.Queue(endCalls, invitationID, keys, models.System, at, string(models.RecipientSent))
}
