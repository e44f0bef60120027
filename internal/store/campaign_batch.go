package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// ClaimBatch takes up to limit recipients of a run who are due at now, lets decide say what becomes of each, and writes that:
// outcomes, when to look again, who is asked, and their invitations. It returns those to whom a message is to be sent, in
// order. They are in the batch's hand until the lease ends, when another batch may take them over.
//
// Each person is locked while it is decided about them, so that campaigns and follow-ups that race for one person never
// break a cap. Where the recipients of a batch are the same person (see models.RecipientRow.Person), decide is called again
// for each, with the touches of the times before; it must not keep anything between its calls. The touches of a recipient
// never hold the one of their own invitation: a reminder, or a message that is tried again, belongs to it.
//
// A repeated call of the same batch returns what is still in its hand, without facts and without deciding again, and takes
// no further recipients: nobody when the batch is finished. Whoever has Row.Trying may have been sent their message already;
// they come first. Once the lease has ended it is decided about them again: it may be night by now, or they may have opted
// out. The errors of decide come back as they are, and nothing is written then.
func (s *Store) ClaimBatch(ctx context.Context, runID, batch string, limit int, now, lease time.Time, decide models.DecideBatch) ([]models.BatchItem, error) {
	var items []models.BatchItem
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		c := &claim{writer: writer{conn: conn}, runID: runID, batch: batch, limit: limit, now: now, lease: lease, touched: map[string]time.Time{}}
		defer c.rollback()
		held, due, err := c.begin(ctx)
		switch {
		case err != nil:
			return err
		case len(held) > 0:
			items = c.goOn(held)
		case len(due) > 0:
			if items, err = c.decide(ctx, due, decide); err != nil {
				return err
			}
		}
		c.writer.batch.Queue("COMMIT")
		return c.send(ctx)
	})
	return items, err
}

// claim is one call of ClaimBatch.
type claim struct {
	writer
	runID, batch string
	limit        int
	now, lease   time.Time
	touched      map[string]time.Time // when recipients were asked by this run, by id
}

// The statements of a claim. Two calls of one batch wait for each other; other batches pass over what is locked.
const (
	lockBatch  = `SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))`
	batchBegun = `SELECT EXISTS (SELECT FROM campaign_recipients WHERE run_id = $1 AND batch = $2 AND batch <> '')`
	stillHeld  = `UPDATE campaign_recipients r SET due_at = $3 WHERE r.run_id = $1 AND r.batch = $2 AND r.batch <> '' AND r.in_hand AND r.due_at > $4
		RETURNING ` + recipientColumns
	dueNow = `SELECT ` + recipientColumns + ` FROM campaign_recipients r
		WHERE r.run_id = $1 AND r.due_at <= $3 AND (r.in_hand AND r.batch = $2 AND r.batch <> '' OR NOT (` + batchBegun + `))
		ORDER BY r.due_at, r.place LIMIT $4 FOR NO KEY UPDATE OF r SKIP LOCKED`
)

// begin locks what the batch has in hand by a lease that goes on, and what is due: of a batch that has begun, what it had in
// hand.
func (c *claim) begin(ctx context.Context) (held, due []models.RecipientRow, err error) {
	take := func(into *[]models.RecipientRow) func(pgx.Rows) error {
		return func(found pgx.Rows) error {
			return collect(found, func(r storedRecipient) {
				*into = append(*into, r.row())
				if r.TouchedAt != nil {
					c.touched[r.ID] = *r.TouchedAt
				}
			})
		}
	}
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue(lockBatch, c.runID, c.batch)
	b.Queue(stillHeld, c.runID, c.batch, c.lease, c.now).Query(take(&held))
	b.Queue(dueNow, c.runID, c.batch, c.now, c.limit).Query(take(&due))
	return held, due, c.conn.SendBatch(ctx, &b).Close()
}

// goOn returns what the batch has in hand, the message that was in doubt first. Where none was, the first one will be.
func (c *claim) goOn(rows []models.RecipientRow) []models.BatchItem {
	slices.SortFunc(rows, func(a, b models.RecipientRow) int {
		if a.Trying != b.Trying {
			return map[bool]int{true: -1, false: 1}[a.Trying]
		}
		return cmp.Compare(a.Place, b.Place)
	})
	items := make([]models.BatchItem, len(rows))
	for i := range rows {
		items[i].Row = rows[i]
	}
	if len(rows) > 0 && !rows[0].Trying {
		c.writer.batch.Queue(`UPDATE campaign_recipients SET trying = true WHERE id = $1`, rows[0].ID)
	}
	return items
}

// decide asks about all rows, no two of one person at a time, and queues what is written of them.
func (c *claim) decide(ctx context.Context, rows []models.RecipientRow, decide models.DecideBatch) ([]models.BatchItem, error) {
	known, err := loadPersons(ctx, c.conn, rows, true)
	if err != nil {
		return nil, err
	}
	decided := make(map[string]models.BatchDecision, len(rows))
	facts := make(map[string]models.PersonFacts, len(rows))
	for rest := rows; len(rest) > 0; {
		var items []models.BatchItem
		var later []models.RecipientRow
		now := map[string]bool{}
		for _, r := range rest {
			if now[r.Person] {
				later = append(later, r)
				continue
			}
			now[r.Person] = true
			f := known.of(&r)
			f.Touches = less(f.Touches, c.touched[r.ID])
			facts[r.ID] = f
			items = append(items, models.BatchItem{Row: r, Facts: f})
		}
		decisions, err := decide(items)
		if err != nil {
			return nil, err
		}
		if err := whole(items, decisions); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "internal")
		}
		for _, d := range decisions {
			if d.Touch != nil { // what is written equals what is read
				at := d.Touch.UTC().Truncate(time.Microsecond)
				d.Touch = &at
			}
			decided[d.RecipientID] = d
		}
		for _, item := range items {
			c.touch(known, &item.Row, decided[item.Row.ID].Touch)
		}
		rest = later
	}
	var items []models.BatchItem
	for _, r := range rows {
		if d := decided[r.ID]; d.Send {
			item := models.BatchItem{Row: r, Facts: facts[r.ID]}
			item.Row.CampaignVersion = d.Version
			if d.Invitation != nil && r.InvitationID == "" {
				item.Row.InvitationID = d.Invitation.ID
			}
			items = append(items, item)
		}
	}
	c.write(rows, decided)
	c.writeTouches(known)
	return items, nil
}

// less is the times without one of them.
func less(times []time.Time, one time.Time) []time.Time {
	i := slices.IndexFunc(times, one.Equal)
	if i < 0 {
		return times
	}
	return slices.Concat(times[:i], times[i+1:])
}

// touch notes that a person is asked. A recipient is asked once: trying again moves the time.
func (c *claim) touch(known *persons, r *models.RecipientRow, at *time.Time) {
	if at == nil {
		return
	}
	p := known.asked[r.Person]
	p.Times = append(slices.Clone(less(p.Times, c.touched[r.ID])), *at)
	slices.SortFunc(p.Times, time.Time.Compare)
	p.N++
	p.changed = true
	known.asked[r.Person] = p
}

// keepTouches is how long it is remembered that somebody was asked: longer than every cap counts.
const keepTouches = 400 * 24 * time.Hour

func (c *claim) writeTouches(known *persons) {
	var changed []askedPerson
	for _, p := range known.asked {
		if p.changed {
			p.Times = slices.DeleteFunc(p.Times, c.now.Add(-keepTouches).After)
			changed = append(changed, p)
		}
	}
	if len(changed) > 0 {
		c.writer.batch.Queue(`UPDATE asked a SET times = t."Times", n = t."N"
			FROM jsonb_to_recordset($1::text::jsonb) t ("Person" text, "Times" timestamptz[], "N" bigint) WHERE a.person = t."Person"`, jsonText(changed))
	}
}

// whole reports decisions that are not one for each item, and one that nobody would ever come back to.
func whole(items []models.BatchItem, decisions []models.BatchDecision) error {
	left := make(map[string]bool, len(items))
	for _, item := range items {
		left[item.Row.ID] = true
	}
	for _, d := range decisions {
		if !left[d.RecipientID] {
			return fmt.Errorf("recipient %s was not asked about, or only once", d.RecipientID)
		}
		delete(left, d.RecipientID)
		if d.State == models.RecipientPending && !d.Send && d.DueAt == nil {
			return fmt.Errorf("recipient %s stays pending for ever", d.RecipientID)
		}
	}
	for id := range left {
		return fmt.Errorf("nothing was decided about recipient %s", id)
	}
	return nil
}

// decidedRow is what a decision changes of a recipient.
type decidedRow struct {
	ID           string     `json:"id"`
	State        string     `json:"state"`
	Reason       string     `json:"reason"`
	DueAt        *time.Time `json:"due_at"`
	Reminds      bool       `json:"reminds"`
	Expired      bool       `json:"expired"`
	Send         bool       `json:"send"`
	Trying       bool       `json:"trying"`
	Version      int64      `json:"version"`
	TouchedAt    *time.Time `json:"touched_at"`
	InvitationID *string    `json:"invitation_id"`
}

const writeDecisions = `UPDATE campaign_recipients r SET state = d.state, reason = d.reason, due_at = d.due_at, reminds = d.reminds, expired = r.expired OR d.expired,
		batch = $2, in_hand = d.send, trying = d.trying, touched_at = coalesce(d.touched_at, r.touched_at),
		campaign_version = CASE WHEN d.send THEN d.version ELSE r.campaign_version END, invitation_id = coalesce(r.invitation_id, d.invitation_id)
	FROM jsonb_to_recordset($1::text::jsonb) d (id text, state text, reason text, due_at timestamptz, reminds boolean, expired boolean, send boolean, trying boolean,
		version bigint, touched_at timestamptz, invitation_id text)
	WHERE r.id = d.id`

// write queues what the decisions change, in the order in which everybody locks: recipients, the counts of the run, and then
// what nobody else waits for. The first message that is sent may be on its way as soon as this is written.
func (c *claim) write(rows []models.RecipientRow, decided map[string]models.BatchDecision) {
	var changes []decidedRow
	var invitations []*models.SurveyInvitation
	var uncalled []string
	first := true
	for _, r := range rows {
		d := decided[r.ID]
		change := decidedRow{
			ID: r.ID, State: string(d.State), Reason: d.Reason, DueAt: d.DueAt, Reminds: d.Reminds, Expired: d.Expired, Send: d.Send,
			Version: d.Version, TouchedAt: d.Touch,
		}
		// A message that is in doubt stays so until it is known what became of it, or nobody will ever try it again.
		change.Trying = r.Trying && (d.Send || d.Reminds || d.State == models.RecipientPending)
		if d.Send {
			change.DueAt, change.Reminds = &c.lease, r.Reminds
			change.Trying, first = change.Trying || first, false
		}
		if d.Invitation != nil {
			invitations, change.InvitationID = append(invitations, d.Invitation), &d.Invitation.ID
		}
		changes = append(changes, change)
		if d.Expired && r.Channel == campaign.ByPhone {
			uncalled = append(uncalled, r.InvitationID)
		}
	}
	c.writer.batch.Queue(writeDecisions, jsonText(changes), c.batch)
	c.campaignInvitations(invitations)
	c.cancelCalls(uncalled, c.now)
}

// cancelCalls queues the end of the tasks to ask by phone that nobody has done in time.
func (w *writer) cancelCalls(invitations []string, at time.Time) {
	if len(invitations) > 0 {
		w.batch.Queue(`UPDATE tasks SET state = 'cancelled', done_by = $3, done_at = $2 WHERE subject_id = ANY($1) AND state = 'open' AND kind = $4`,
			invitations, at, models.System, models.TaskSurveyCall)
	}
}

// invitedRow is a new invitation of a campaign.
type invitedRow struct {
	ID               string    `json:"id"`
	SubjectID        string    `json:"subject_id"`
	RunID            string    `json:"run_id"`
	RecipientID      string    `json:"recipient_id"`
	ClientID         string    `json:"client_id"`
	ContactID        string    `json:"contact_id"`
	AccountManagerID string    `json:"account_manager_id"`
	AccountableID    string    `json:"accountable_id"`
	Name             string    `json:"name"`
	Email            string    `json:"email"`
	Phone            string    `json:"phone"`
	Locale           string    `json:"locale"`
	Template         string    `json:"template"`
	SurveyVersion    int       `json:"survey_version"`
	TokenHash        []byte    `json:"token_hash"` // in base64
	CreatedAt        time.Time `json:"created_at"`
	ExpiresAt        time.Time `json:"expires_at"`
}

// campaignInvitations queues new invitations. Who takes over a recipient may make the same again.
func (w *writer) campaignInvitations(list []*models.SurveyInvitation) {
	if len(list) == 0 {
		return
	}
	rows := make([]invitedRow, len(list))
	for n, i := range list {
		rows[n] = invitedRow{
			ID: i.ID, SubjectID: i.SubjectID, RunID: i.RunID, RecipientID: i.RecipientID, ClientID: i.ClientID, ContactID: i.Recipient.ContactID,
			AccountManagerID: i.AccountManagerID, AccountableID: i.AccountableID, Name: i.Recipient.Name, Email: i.Recipient.Email,
			Phone: i.Recipient.Phone, Locale: i.Recipient.Locale, Template: i.Template, SurveyVersion: i.SurveyVersion,
			TokenHash: i.TokenHash, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
		}
	}
	w.batch.Queue(`INSERT INTO invitations (id, purpose, subject_id, run_id, recipient_id, client_id, contact_id, account_manager_id, accountable_id,
			name, email, phone, locale, template, survey_version, token_hash, created_at, expires_at)
		SELECT id, $2, subject_id, run_id, recipient_id, client_id, nullif(contact_id, ''), nullif(account_manager_id, ''), nullif(accountable_id, ''),
			name, email, phone, locale, template, survey_version, decode(token_hash, 'base64'), created_at, expires_at
		FROM jsonb_to_recordset($1::text::jsonb) i (id text, subject_id text, run_id text, recipient_id text, client_id text, contact_id text,
			account_manager_id text, accountable_id text, name text, email text, phone text, locale text, template text, survey_version integer,
			token_hash text, created_at timestamptz, expires_at timestamptz)
		ON CONFLICT (id) DO NOTHING`, jsonText(rows), string(models.PurposeCampaign))
}
