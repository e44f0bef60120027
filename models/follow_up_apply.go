package models

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/survey"
)

// FollowUpRules is what follow-ups and campaigns are judged by: the versions of policies and calendar that were in force
// when they began, and the organisation as it stands.
type FollowUpRules struct {
	Policy          campaign.Policy
	PolicyVersion   int
	Book            *survey.Book
	SurveyVersion   int
	Calendar        *calendar.Calendar
	CalendarID      string
	CalendarVersion int
	Org             *Org

	Invitation *SurveyInvitation // as it is stored; nil before the first step of a plan
	TokenHash  []byte            // of the link of an invitation that is planned
	Facts      PersonFacts       // of the recipient, at this moment

	SubjectOver bool // the case that is asked about can no longer be reopened
}

const (
	// TaskSurveyCall is the kind of the task to ask somebody by phone.
	TaskSurveyCall = "survey_call"
	// TheRecipient is the actor of what somebody does by their personal link.
	TheRecipient = "recipient"
	// graceOfAnswer is how long who has answered the main question may take for the rest, before the answer counts.
	graceOfAnswer = 30 * time.Minute
)

// The rules by which a follow-up decides.
const (
	ruleCampaignPolicy = "campaign_policy"
	ruleLowResponse    = "low_response"
)

// events of the policy by purpose; a campaign brings its own definition.
var followUpEvents = map[Purpose]string{
	PurposeCase: campaign.CaseResolved, PurposeRecovery: campaign.CaseRecovery, PurposeReception: campaign.ReceptionCompleted,
}

// Over reports whether nothing can happen to the follow-up any more.
func (s *FollowUpState) Over() bool { return s.Status != FollowUpPlanned && s.Status != FollowUpAsked }

// CheckFollowUp reports whether the follow-up takes an answer at the instant.
func CheckFollowUp(s *FollowUpState, at time.Time) error {
	if s.Over() || s.Status == FollowUpPlanned && s.Sending == nil || !at.Before(s.ExpiresAt) {
		return errs.New(errs.ProcessClosed, "survey.closed", "state", string(s.Status))
	}
	return nil
}

// followUpStep builds one FollowUpStep.
type followUpStep struct {
	frame
	FollowUpStep
	s     *FollowUpState
	rules FollowUpRules
}

// ApplyFollowUp decides one step of a follow-up: it returns the new state with everything to write, or the refusal. The
// given state is not changed. A refused answer has no effect at all.
func ApplyFollowUp(old *FollowUpState, e FollowUpEvent, at time.Time, r FollowUpRules) (FollowUpStep, error) {
	t := &followUpStep{s: &FollowUpState{}, rules: r}
	if old != nil {
		s := *old
		s.Tried, s.Tasks = slices.Clone(old.Tried), slices.Clone(old.Tasks)
		t.s = &s
	}
	t.frame = frameOf(at, t.s.UpdatedAt, &t.s.EventSeq)
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	if r.Invitation != nil {
		row := *r.Invitation
		t.Invitation = &row
	}
	if err := t.take(old, e); err != nil {
		return FollowUpStep{}, err
	}
	t.finish()
	return t.FollowUpStep, nil
}

func (t *followUpStep) take(old *FollowUpState, e FollowUpEvent) error {
	begins := e.Action == FollowUpBegin
	switch {
	case begins && old != nil:
		return errs.New(errs.Conflict, "survey.planned")
	case !begins && t.Invitation == nil:
		return errs.New(errs.NotFound, "survey.unknown")
	case begins:
		return t.by(ruleCampaignPolicy, func() error { return t.begin(e) })
	case e.Action == FollowUpRespond:
		return t.respond(e)
	case old == nil:
		return errs.New(errs.NotFound, "survey.unknown")
	case e.Action == FollowUpSent:
		return t.by(ruleCampaignPolicy, func() error { return t.sent(e) })
	case e.Action == FollowUpWithdraw:
		if t.s.Over() {
			return errs.New(errs.ProcessClosed, "survey.closed", "state", string(t.s.Status))
		}
		t.withdraw()
		return nil
	case e.Action == FollowUpInherit:
		return t.inherit(e)
	default:
		return t.by(ruleCampaignPolicy, t.fall)
	}
}

// withdraw ends the follow-up because what it asks about is off, or because the person does not want to be asked any more.
func (t *followUpStep) withdraw() {
	if t.rules.Facts.OptedOut {
		t.leaveAlone()
	} else {
		t.end(FollowUpWithdrawn, "", "withdrawn")
	}
}

// finish numbers the step and sets when the clock must look again.
func (t *followUpStep) finish() {
	s := t.s
	s.Seq++
	s.UpdatedAt = t.at
	s.Handled = handle(s.Handled, t.RequestID)
	s.NextAt = s.nextCheckpoint()
	t.told()
	t.State, t.Events, t.Notices, t.Tasks = *s, t.events, t.notices, t.tasks
}

// nextCheckpoint is when the clock must look again; nil: never.
func (s *FollowUpState) nextCheckpoint() *time.Time {
	if s.Over() {
		return nil
	}
	if s.Status == FollowUpPlanned && s.Sending != nil {
		return nil // what becomes of the message is told, also when the time to answer has passed
	}
	next := s.ExpiresAt
	for _, at := range []*time.Time{s.NotBefore, s.RemindAt, s.SettleAt} {
		if at != nil && at.Before(next) && (s.Sending == nil || at == s.SettleAt) {
			next = *at
		}
	}
	return &next
}

// begin plans to ask somebody after an event, as the policy says.
func (t *followUpStep) begin(e FollowUpEvent) error {
	p, err := dataOf[FollowUpPlan](e.Data)
	if err != nil {
		return err
	}
	f, follows := t.rules.Policy.FollowUps[followUpEvents[p.Purpose]]
	if follows { // the survey may have lost the template since the policy was published
		_, err := t.rules.Book.Template(f.Template)
		follows = err == nil
	}
	from := f.From(t.at)
	*t.s = FollowUpState{
		ID: p.InvitationID, Purpose: p.Purpose, Process: p.Process, Parent: p.Parent, SubjectID: p.SubjectID, Number: p.Number,
		ClientID: p.ClientID, ClientClass: p.ClientClass, AccountManagerID: p.AccountManagerID, FirstID: p.FirstID,
		Template: f.Template, SurveyVersion: t.rules.SurveyVersion, PolicyVersion: t.rules.PolicyVersion,
		CalendarID: t.rules.CalendarID, CalendarVersion: t.rules.CalendarVersion,
		Status: FollowUpPlanned, NotBefore: &from, ExpiresAt: f.Expires(from), CreatedAt: t.at,
	}
	t.Invitation = &SurveyInvitation{
		ID: p.InvitationID, Purpose: p.Purpose, SubjectID: p.SubjectID, FirstID: p.FirstID, ClientID: p.ClientID,
		AccountManagerID: p.AccountManagerID, AccountableID: p.AccountableID, Recipient: p.Recipient, Template: f.Template,
		SurveyVersion: t.rules.SurveyVersion, TokenHash: t.rules.TokenHash, CreatedAt: t.at, ExpiresAt: t.s.ExpiresAt, Verdict: survey.NoVerdict,
	}
	t.event("planned", "purpose", p.Purpose, "subject_id", p.SubjectID, "template", f.Template)
	if !follows {
		t.end(FollowUpSkipped, "not_followed_up", "skipped")
		return nil
	}
	return t.fall()
}

// fall lets happen what is due.
func (t *followUpStep) fall() error {
	s := t.s
	switch past := func(at *time.Time) bool { return at != nil && !t.at.Before(*at) }; {
	case s.Over():
	case past(s.SettleAt), s.AnsweredAt != nil && past(&s.ExpiresAt):
		t.settleAnswer()
	case s.Status == FollowUpAsked && past(&s.ExpiresAt):
		t.end(FollowUpExpired, "", "expired")
	case s.Sending == nil && s.Status == FollowUpPlanned && past(s.NotBefore), s.Sending == nil && past(s.RemindAt):
		t.ask()
	}
	return nil
}

// end ends the follow-up without an answer.
func (t *followUpStep) end(status FollowUpStatus, reason, event string) {
	s := t.s
	s.Status, s.Reason = status, reason
	s.NotBefore, s.RemindAt, s.SettleAt = nil, nil, nil
	s.Tasks = t.settle(s.Tasks, TaskCancelled)
	t.Invitation.Withdrawn = status != FollowUpExpired
	if reason == "" {
		t.event(event)
	} else {
		t.event(event, "reason", reason)
	}
}

func (t *followUpStep) tell(status FollowUpStatus) {
	s := t.s
	if s.Parent != "" {
		s.Tell = &FollowUpFact{Seq: s.Seq + 1, InvitationID: s.ID, Status: status, Channel: s.Channel, Score: s.Score, Verdict: s.Verdict}
	}
}

// answerer is who speaks with the client: the account manager, else the nearest active person up their line, else an
// administrator.
func (t *followUpStep) answerer() string {
	return t.rules.Org.answers(cmp.Or(t.rules.Facts.ManagerID, t.s.AccountManagerID))
}

// answers is who answers in somebody's place: they themselves, else the nearest active person up their line, else an
// administrator. Empty only in a company without any.
func (o *Org) answers(userID string) string {
	if o.active(userID) != "" {
		return userID
	}
	if up := o.Manager(userID); up != "" {
		return up
	}
	for _, r := range []Role{RoleManager, RoleDirector, RoleAdmin} {
		if all := o.WithRole(r); len(all) > 0 {
			return all[0]
		}
	}
	return ""
}
