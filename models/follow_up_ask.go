package models

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
)

// ask decides whether to ask, or to remind, now.
func (t *followUpStep) ask() {
	s, reminds := t.s, t.s.Status == FollowUpAsked
	asked := reminds || len(s.Tried) > 0 || s.Counted // this asking is counted already
	d := t.judged(asked)
	switch {
	case d.Verdict == campaign.Later && reminds:
		s.RemindAt = &d.Until
	case d.Verdict == campaign.Later:
		s.NotBefore, s.Reason = &d.Until, string(d.Reason)
		t.event("deferred", "reason", d.Reason, "until", d.Until)
	case d.Verdict == campaign.Skip && reminds:
		s.RemindAt = nil
	case d.Verdict == campaign.Skip && d.Reason == campaign.ChannelsFailed:
		t.end(FollowUpFailed, string(d.Reason), "failed")
	case d.Verdict == campaign.Skip:
		t.end(FollowUpSkipped, string(d.Reason), "skipped")
	default:
		if !asked {
			t.Touch = &Touch{Person: t.Invitation.Recipient.Person(), At: t.at, Known: t.rules.Facts.Known}
		}
		t.send(d.Channel)
	}
}

// judged is whether to ask, or to remind, now; the cap does not hold back what it counts already.
func (t *followUpStep) judged(counted bool) campaign.Decision {
	f := t.rules.Policy.FollowUps[followUpEvents[t.s.Purpose]]
	rules := t.rules.Policy.FollowUpRules(f, t.rules.Calendar, t.s.ExpiresAt)
	rules.ObeyCap = rules.ObeyCap && !counted
	if t.s.Status == FollowUpAsked { // nobody is called twice for one question
		rules.Channels = slices.DeleteFunc(slices.Clone(rules.Channels), func(c campaign.Channel) bool { return c == campaign.ByPhone })
	}
	return campaign.Decide(rules, t.facts(rules), t.at)
}

// MaySend reports whether the message that is on its way may leave at the instant: it is tried until it is taken, and
// meanwhile night may have come, or the recipient have opted out. The rules hold the invitation and the facts.
func (s *FollowUpState) MaySend(r FollowUpRules, at time.Time) bool {
	t := &followUpStep{frame: frame{at: at}, s: s, rules: r}
	t.Invitation = r.Invitation
	return t.judged(true).Verdict == campaign.Send
}

// facts are what is known of the recipient.
func (t *followUpStep) facts(r campaign.Rules) campaign.Facts {
	tried := map[campaign.Channel]bool{}
	for _, c := range t.s.Tried {
		tried[c] = true
	}
	who := t.Invitation.Recipient
	return campaign.Facts{
		RecipientID: t.s.ID, Class: t.s.ClientClass, Zone: who.TimeZone, OptedOut: t.rules.Facts.OptedOut,
		OpenComplaint: t.rules.Facts.OpenComplaint[r.OpenComplaint], Addresses: who.Addresses(), Tried: tried, Touches: t.rules.Facts.Touches,
	}
}

// send lets a message leave, or gives somebody the task to call.
func (t *followUpStep) send(by campaign.Channel) {
	s := t.s
	s.NotBefore, s.Reason = nil, ""
	if by != campaign.ByPhone {
		wave := 0
		if s.Status == FollowUpAsked {
			wave = s.Reminded + 1
		}
		s.Sending = &Sending{Wave: wave, Channel: by, Since: t.at}
		return
	}
	t.call(t.answerer(), ruleCampaignPolicy)
	t.asked(by)
}

// call gives somebody the task to call.
func (t *followUpStep) call(caller, rule string) {
	s := t.s
	s.Tasks = append(s.Tasks, t.open(s.ID, TaskSurveyCall, caller, &s.ExpiresAt, "rule", rule, "number", s.Number))
	t.notify(s.Seq+1, "survey_call", []string{caller}, "number", s.Number)
}

// inherit gives the call of somebody who has left, or no longer looks after the client, to who follows them.
func (t *followUpStep) inherit(e FollowUpEvent) error {
	d, err := dataOf[Deactivate](e.Data)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(t.s.Tasks, func(call Task) bool { return call.UserID == d.UserID }) {
		return errs.New(errs.Conflict, "survey.uninvolved")
	}
	t.actor, t.rule = e.Meta.Actor.ID, cmp.Or(d.Rule, ruleLeft)
	t.s.Tasks = t.settle(t.s.Tasks, TaskCancelled)
	t.event("inherited", "from_id", d.UserID, "to_id", d.HeirID)
	t.call(d.HeirID, t.rule)
	return nil
}

// asked records that the question has left.
func (t *followUpStep) asked(by campaign.Channel) {
	s := t.s
	s.Status, s.Channel = FollowUpAsked, by
	if s.AskedAt == nil { // otherwise the answer was faster than the news
		s.AskedAt, t.Invitation.AskedAt = &t.at, &t.at
	}
	t.event("asked", "channel", by, "expires_at", s.ExpiresAt)
	t.tell(FollowUpAsked)
	if by != campaign.ByPhone {
		t.remindNext()
	}
}

// remindNext sets when the next reminder is due, if there is one. Who has answered, if in part, is not reminded.
func (t *followUpStep) remindNext() {
	f := t.rules.Policy.FollowUps[followUpEvents[t.s.Purpose]]
	t.s.RemindAt = nil
	if at, more := f.Reminders.After(t.s.Reminded+1, t.at); more && t.s.AnsweredAt == nil && at.Before(t.s.ExpiresAt) {
		t.s.RemindAt = &at
	}
}

// sent learns what became of a message.
func (t *followUpStep) sent(e FollowUpEvent) error {
	d, err := dataOf[FollowUpSentData](e.Data)
	if err != nil {
		return err
	}
	s := t.s
	if s.Sending == nil || s.Sending.Wave != d.Wave || s.Sending.Channel != d.Channel {
		return errs.New(errs.Conflict, "survey.not_sending")
	}
	s.Sending = nil
	if s.Over() {
		return nil // it was answered or withdrawn meanwhile
	}
	switch {
	case d.Result == SendTaken && d.Wave == 0:
		t.asked(d.Channel)
	case d.Result == SendPostponed:
		s.Counted = true
		if s.AnsweredAt == nil {
			t.ask()
		}
	case d.Result == SendTaken:
		s.Reminded = d.Wave
		t.event("reminded", "channel", d.Channel, "count", d.Wave)
		t.remindNext()
	default:
		s.Tried = append(s.Tried, d.Channel)
		t.event("not_taken", "channel", d.Channel, "reason", d.Reason)
		if s.Status == FollowUpPlanned && s.AnsweredAt == nil {
			t.ask() // by the next channel
		}
	}
	return nil
}
