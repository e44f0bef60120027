package models

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
)

const (
	// attemptsOfMessage is how often one recipient is tried by one channel that refuses for the moment.
	attemptsOfMessage = 5
	// firstPatience is how long after the first such refusal; then twice as long each time.
	firstPatience = time.Minute
	// dueCounted is up to which number CampaignRunView.Due counts.
	dueCounted = 100
)

// RunRules is what a run asks by: the definition as it stands, and the versions of the rules that were in force when the run
// began.
type RunRules struct {
	FollowUpRules
	CampaignID string
	Number     string // of the campaign, for people
	Definition campaign.Definition
	Version    int64 // of the definition
	Until      time.Time
	Stopped    bool
	TokenOf    func(invitationID string) [32]byte // the hash of the link's token
}

// NextBatch says how many messages may leave by the next batch of a run, and when it may begin; nil: when something changes.
// inHand is how many recipients other batches look at right now.
func (v CampaignRunView) NextBatch(p campaign.PaceState, inHand int, now time.Time) (limit int, at *time.Time) {
	switch {
	case v.Paused:
		return 0, nil
	case v.Due > inHand || v.Due >= dueCounted: // there may be more than were counted
		n, ready := campaign.Pace{Rate: v.Rate}.Ready(p, now)
		return n, &ready
	case inHand == 0 && v.Next != nil:
		return 0, v.Next
	default:
		return 0, nil
	}
}

// Paced is the pace after a batch has begun that sends up to n messages.
func (v CampaignRunView) Paced(p campaign.PaceState, n int, now time.Time) campaign.PaceState {
	return campaign.Pace{Rate: v.Rate}.Take(p, now, n)
}

// Over reports whether nothing is left to do for the run.
func (v CampaignRunView) Over() bool { return v.Due == 0 && v.Next == nil }

// Decide says what becomes of a recipient who is due.
func (r RunRules) Decide(item BatchItem, at time.Time) BatchDecision {
	row := item.Row
	d := BatchDecision{RecipientID: row.ID, State: row.State, Version: r.Version}
	switch {
	case row.State == RecipientPending && row.RespondedAt != nil: // the message was taken, though nobody said so
		d.State = RecipientSent
	case row.State == RecipientPending && r.Stopped:
		d.State = RecipientWithdrawn
	case row.State == RecipientPending:
		r.question(item, at, &d)
	case row.Reminds && !r.Stopped:
		r.reminder(item, at, &d)
	case row.State == RecipientSent:
		if end := r.expiry(row); at.Before(end) {
			d.DueAt = &end
		} else {
			d.Expired = true
		}
	}
	return d
}

// question decides whether to ask now.
func (r RunRules) question(item BatchItem, at time.Time, d *BatchDecision) {
	row := item.Row
	rules := r.Policy.Rules(r.Definition, r.Calendar, r.Until)
	switch v := campaign.Decide(rules, r.facts(item, rules), at); v.Verdict {
	case campaign.Later:
		d.Reason, d.DueAt = string(v.Reason), &v.Until
	case campaign.Skip:
		d.State, d.Reason = RecipientSkipped, string(v.Reason)
		if v.Reason == campaign.ChannelsFailed {
			d.State = RecipientFailed
		}
	default:
		d.Send, d.Touch = true, &at
		if row.InvitationID == "" {
			d.Invitation = r.invitation(row, at)
		}
	}
}

// reminder decides whether to remind now. Nobody is called twice for one question, and it does not count as asking again.
func (r RunRules) reminder(item BatchItem, at time.Time, d *BatchDecision) {
	rules := r.Policy.Rules(r.Definition, r.Calendar, r.expiry(item.Row))
	rules.ObeyCap = false
	rules.Channels = slices.DeleteFunc(slices.Clone(rules.Channels), func(c campaign.Channel) bool { return c == campaign.ByPhone })
	switch v := campaign.Decide(rules, r.facts(item, rules), at); v.Verdict {
	case campaign.Later:
		d.DueAt, d.Reminds = &v.Until, true
	case campaign.Skip:
		end := r.expiry(item.Row)
		d.DueAt = &end
	default:
		d.Send = true
	}
}

// expiry is when the time to answer ends of who was asked: what their link says, whatever has become of the definition since.
func (r RunRules) expiry(row RecipientRow) time.Time {
	switch {
	case row.SentAt == nil:
		return r.Until
	case row.ExpiresAt != nil:
		return *row.ExpiresAt
	default:
		return r.Definition.Expires(*row.SentAt)
	}
}

func (r RunRules) facts(item BatchItem, rules campaign.Rules) campaign.Facts {
	row := item.Row
	tried := map[campaign.Channel]bool{}
	for _, c := range row.Tried {
		tried[c] = true
	}
	return campaign.Facts{
		RecipientID: row.ID, Class: row.Class, Zone: row.Recipient.TimeZone, OptedOut: item.Facts.OptedOut,
		OpenComplaint: item.Facts.OpenComplaint[rules.OpenComplaint], Addresses: row.Recipient.Addresses(), Tried: tried, Touches: item.Facts.Touches,
	}
}

// invitation is the personal link of a recipient. Its id is derived: whoever asks again, asks by the same link.
func (r RunRules) invitation(row RecipientRow, at time.Time) *SurveyInvitation {
	i := &SurveyInvitation{
		ID: id.DeriveAt(id.Invitation, row.ID, "invitation", at), Purpose: PurposeCampaign, SubjectID: r.CampaignID, RunID: row.RunID,
		RecipientID: row.ID, ClientID: row.ClientID, AccountManagerID: row.AccountManagerID, AccountableID: row.AccountManagerID,
		Recipient: row.Recipient, Template: r.Definition.Template, SurveyVersion: r.SurveyVersion, CreatedAt: at,
		ExpiresAt: r.Definition.Expires(at), Verdict: survey.NoVerdict,
	}
	hash := r.TokenOf(i.ID)
	i.TokenHash = hash[:]
	return i
}

// Channel is by which the next message to the recipient leaves; empty when all that reach them have failed.
func (r RunRules) Channel(row RecipientRow) campaign.Channel {
	reach := row.Recipient.Addresses()
	for _, c := range r.Definition.Channels {
		if reach[c] && !slices.Contains(row.Tried, c) && (c != campaign.ByPhone || row.State == RecipientPending) {
			return c
		}
	}
	return ""
}

// Next is by which the message leaves when the channel does not take it; empty when there is none.
func (r RunRules) Next(row RecipientRow, after campaign.Channel) campaign.Channel {
	row.Tried = append(slices.Clone(row.Tried), after)
	return r.Channel(row)
}

// BatchLater puts off a recipient as they are: their channel cannot be reached now.
func BatchLater(row RecipientRow, due time.Time) BatchOutcome {
	return BatchOutcome{
		RecipientID: row.ID, State: row.State, Reason: row.Reason, Channel: row.Channel, DueAt: &due, Reminds: row.Reminds, Attempts: row.Attempts,
		Tried: slices.Clone(row.Tried), InDoubt: row.Trying,
	}
}

// Attempt is what became of one attempt to send a message. No reason: it was taken.
type Attempt struct {
	Channel    campaign.Channel
	Reason     string
	Final      bool          // the channel never takes it
	RetryAfter time.Duration // the receiver asks for so much patience
}

// Outcome says what is written of a recipient after an attempt: an outcome, or when to try again. A channel that refuses
// for good, or too often, gives way to the next one.
func (r RunRules) Outcome(row RecipientRow, a Attempt, at time.Time) BatchOutcome {
	o := BatchOutcome{RecipientID: row.ID, State: row.State, Channel: row.Channel, Attempts: row.Attempts, Tried: slices.Clone(row.Tried)}
	asks := row.State == RecipientPending
	switch {
	case a.Reason == "" && asks:
		end := r.Definition.Expires(at) // from now on, however long it took until the message was taken
		o.State, o.SentAt, o.ExpiresAt, o.Channel, o.Attempts = RecipientSent, &at, &end, a.Channel, 0
		o.DueAt, o.Reminds = r.nextWord(0, a.Channel, at, end)
		if a.Channel == campaign.ByPhone {
			o.Task = r.call(row, at)
		}
		return o
	case a.Reason == "":
		o.Reminded, o.Attempts = true, 0
		o.DueAt, o.Reminds = r.nextWord(row.Reminders+1, a.Channel, at, r.expiry(row))
		return o
	}
	o.Attempts++
	again := at.Add(max(firstPatience<<min(o.Attempts-1, 10), a.RetryAfter))
	if a.Final || o.Attempts >= attemptsOfMessage {
		o.Tried, o.Attempts, again = append(o.Tried, a.Channel), 0, at
	}
	row.Tried = o.Tried
	switch gone := r.Channel(row) == ""; {
	case gone && asks:
		o.State, o.Reason = RecipientFailed, a.Reason
	case asks:
		o.Reason, o.DueAt = a.Reason, &again
	case gone || !again.Before(r.expiry(row)):
		end := r.expiry(row)
		o.DueAt = &end
	default:
		o.DueAt, o.Reminds = &again, true
	}
	return o
}

// nextWord is when who was reminded so often is due again: to be reminded, or for the end of the time to answer.
func (r RunRules) nextWord(reminders int, by campaign.Channel, at, end time.Time) (*time.Time, bool) {
	if next, more := r.Definition.Reminders.After(reminders+1, at); more && next.Before(end) && by != campaign.ByPhone && !r.Stopped {
		return &next, true
	}
	return &end, false
}

// callOf is the id of the task to ask somebody by phone.
func callOf(invitationID string) string { return id.Derive(id.Task, invitationID, TaskSurveyCall) }

// call is the task to ask somebody by phone.
func (r RunRules) call(row RecipientRow, at time.Time) *Task {
	caller := r.Org.answers(row.AccountManagerID)
	end := r.Definition.Expires(at)
	return &Task{
		ID: callOf(row.InvitationID), Kind: TaskSurveyCall, UserID: caller, CreatedAt: at, DueAt: &end,
		Why: map[string]string{"rule": ruleCampaignPolicy, "number": r.Number}, State: TaskOpen,
	}
}
