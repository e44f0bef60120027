package store

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/models"
)

// storedRecipient is a row of campaign_recipients.
type storedRecipient struct {
	ID, RunID, ClientID, ContactID, Class, Region, AccountManagerID string
	Name, Email, Phone, Locale, TimeZone, Person, State, Reason     string

	Place                            int64
	DueAt, SentAt                    *time.Time
	RespondedAt, TouchedAt           *time.Time
	Batch, Channel                   string
	InHand, Trying, Expired, Reminds bool
	Attempts                         int
	Tried                            []string
	CampaignVersion                  int64
	Reminders, Repeated              int
	InvitationID                     string
	ExpiresAt                        *time.Time
}

// recipientColumns is what a storedRecipient is made of; r is the recipient.
const recipientColumns = `r.id, r.run_id, r.place, r.client_id, r.contact_id, r.class, r.region, coalesce(r.account_manager_id, '') AS account_manager_id,
	r.name, r.email, r.phone, r.locale, r.time_zone, r.person, r.state, r.reason, r.due_at, r.batch, r.in_hand, r.trying, r.attempts, r.tried,
	r.channel, r.reminds, r.touched_at, r.campaign_version, r.sent_at, r.reminders, r.repeated, coalesce(r.invitation_id, '') AS invitation_id,
	r.responded_at, r.expired, (SELECT i.expires_at FROM invitations i WHERE i.id = r.invitation_id) AS expires_at`

func (r *storedRecipient) row() models.RecipientRow {
	var tried []campaign.Channel
	for _, c := range r.Tried {
		tried = append(tried, campaign.Channel(c))
	}
	return models.RecipientRow{
		ID: r.ID, RunID: r.RunID, Place: r.Place, ClientID: r.ClientID, Class: r.Class, Region: r.Region, AccountManagerID: r.AccountManagerID,
		Recipient: models.Recipient{
			ContactID: r.ContactID, Name: r.Name, Email: r.Email, Phone: r.Phone, Locale: r.Locale, TimeZone: r.TimeZone,
		},
		Person: r.Person, State: models.RecipientState(r.State), Reason: r.Reason, DueAt: r.DueAt, Reminds: r.Reminds, Trying: r.Trying, Attempts: r.Attempts,
		Tried: tried, Channel: campaign.Channel(r.Channel), CampaignVersion: r.CampaignVersion, SentAt: r.SentAt, Reminders: r.Reminders,
		Repeated: r.Repeated, InvitationID: r.InvitationID, ExpiresAt: r.ExpiresAt, RespondedAt: r.RespondedAt, Expired: r.Expired,
	}
}

// runColumns is what a storedRun is made of; r is the run.
const runColumns = `r.id, r.campaign_id, r.n, r.started_at, r.until, r.ended_at, r.survey_version, r.policy_version, r.calendar_id, r.calendar_version,
	r.audience, r.pending, r.sent, r.skipped, r.failed, r.withdrawn, r.reminded, r.responded, r.expired, r.repeated,
	coalesce((SELECT jsonb_object_agg(x.reason, x.n) FROM campaign_reasons x WHERE x.run_id = r.id AND x.state = 'skipped' AND x.n > 0), '{}') AS skipped_by,
	coalesce((SELECT jsonb_object_agg(x.reason, x.n) FROM campaign_reasons x WHERE x.run_id = r.id AND x.state = 'failed' AND x.n > 0), '{}') AS failed_by,
	coalesce((SELECT jsonb_object_agg(x.reason, x.n) FROM campaign_reasons x WHERE x.run_id = r.id AND x.state = 'pending' AND x.n > 0), '{}') AS waiting_for`
