package models

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
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
		t.end(FollowUpWithdrawn, "", "withdrawn")
		return nil
	default:
		return t.by(ruleCampaignPolicy, t.fall)
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

// ask decides whether to ask, or to remind, now.
func (t *followUpStep) ask() {
	s, reminds := t.s, t.s.Status == FollowUpAsked
	f := t.rules.Policy.FollowUps[followUpEvents[s.Purpose]]
	rules := t.rules.Policy.FollowUpRules(f, t.rules.Calendar, s.ExpiresAt)
	asked := reminds || len(s.Tried) > 0 // this asking is counted already
	rules.ObeyCap = rules.ObeyCap && !asked
	if reminds { // nobody is called twice for one question
		rules.Channels = slices.DeleteFunc(slices.Clone(rules.Channels), func(c campaign.Channel) bool { return c == campaign.ByPhone })
	}
	d := campaign.Decide(rules, t.facts(rules), t.at)
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
	caller := t.answerer()
	s.Tasks = append(s.Tasks, t.open(s.ID, TaskSurveyCall, caller, &s.ExpiresAt, "rule", ruleCampaignPolicy, "number", s.Number))
	t.notify(s.Seq+1, "survey_call", []string{caller}, "number", s.Number)
	t.asked(by)
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

// respond takes an answer, whole or in part, or the wish never to be asked again.
func (t *followUpStep) respond(e FollowUpEvent) error {
	r, err := dataOf[Response](e.Data)
	if err != nil {
		return err
	}
	if t.s.Seq == 0 {
		if err := t.adoptInvitation(); err != nil {
			return err
		}
	}
	if err := CheckFollowUp(t.s, t.at); err != nil {
		return err
	}
	t.actor = e.Meta.Actor.ID
	if t.actor == System {
		t.actor = TheRecipient
	}
	if err := t.answer(r); err != nil {
		return err
	}
	if r.OptOut {
		t.optOut()
	}
	return nil
}

// adoptInvitation begins the process of a campaign's invitation, which has none before somebody answers.
func (t *followUpStep) adoptInvitation() error {
	i := t.Invitation
	if i.Purpose != PurposeCampaign || i.Withdrawn || i.OptedOut {
		return errs.New(errs.ProcessClosed, "survey.closed", "state", string(FollowUpWithdrawn))
	}
	*t.s = FollowUpState{
		ID: i.ID, Purpose: i.Purpose, Process: CampaignProcess, SubjectID: i.SubjectID, RunID: i.RunID, ClientID: i.ClientID,
		AccountManagerID: i.AccountManagerID, Template: i.Template, SurveyVersion: i.SurveyVersion, PolicyVersion: t.rules.PolicyVersion,
		CalendarID: t.rules.CalendarID, CalendarVersion: t.rules.CalendarVersion,
		Status: FollowUpAsked, Channel: i.Channel, AskedAt: i.AskedAt, ExpiresAt: i.ExpiresAt, CreatedAt: t.at,
	}
	if i.Channel == campaign.ByPhone { // somebody has the task to call
		t.s.Tasks = []Task{{ID: callOf(i.ID), Kind: TaskSurveyCall, UserID: t.answerer(), CreatedAt: i.CreatedAt, DueAt: &i.ExpiresAt, State: TaskOpen}}
	}
	return nil
}

// answer keeps what was answered. An answer that is given again replaces the one before.
func (t *followUpStep) answer(r Response) error {
	if len(r.Answers) == 0 {
		if !r.OptOut {
			return errs.NewInvalid(errs.Field{Field: "answers", Code: "required"})
		}
		return nil
	}
	template, err := t.rules.Book.Template(t.s.Template)
	if err != nil {
		return err
	}
	all := maps.Clone(t.Invitation.Answers)
	if all == nil {
		all = survey.Answers{}
	}
	maps.Copy(all, r.Answers)
	all = template.Canonical(all)
	checked := template.Check(all, template.Language(r.Locale))
	if len(checked.Faults) > 0 {
		return errs.NewInvalid(checked.Faults...)
	}
	s, i := t.s, t.Invitation
	i.Answers, i.AnsweredAt, i.Complete, i.Verdict = all, &t.at, checked.Complete && !r.Partial, template.Verdict(all)
	i.Score = nil
	if score, ok := template.Primary(all); ok {
		i.Score = &score
	}
	s.AnsweredAt, s.Complete, s.Score, s.Verdict = &t.at, i.Complete, i.Score, i.Verdict
	t.Answers = answerRows(template, all)
	event := []any{"complete", s.Complete, "verdict", s.Verdict}
	if s.Score != nil {
		event = append(event, "score", *s.Score)
	}
	t.event("answered", event...)
	s.RemindAt = nil
	if i.AskedAt == nil { // the answer was faster than the news that the question had left
		i.AskedAt, s.AskedAt = &t.at, &t.at
	}
	s.Status = FollowUpAsked
	switch {
	case s.Complete:
		t.settleAnswer()
	case s.Score != nil:
		at := t.at.Add(graceOfAnswer)
		s.SettleAt = &at
	}
	return nil
}

// answerRows are the answers by question, in the order of the template.
func answerRows(template *survey.Template, all survey.Answers) []AnswerRow {
	gaps := template.Gaps(all)
	rows := []AnswerRow{} // not nil: they replace those before, even if none is left
	for _, q := range template.Questions() {
		a, given := all[q.ID]
		if !given {
			continue
		}
		row := AnswerRow{Question: q.ID, Kind: q.Kind, Score: a.Score, Choices: a.Choices, Text: a.Text}
		if gap, ok := gaps[q.ID]; ok {
			row.Gap = &gap
		}
		rows = append(rows, row)
	}
	return rows
}

// settleAnswer lets the answer count: who asked is told, and a bad one opens a case (F-30).
func (t *followUpStep) settleAnswer() {
	s := t.s
	s.Status, s.SettleAt, s.RemindAt, s.NotBefore = FollowUpAnswered, nil, nil, nil
	s.Tasks = t.settle(s.Tasks, TaskDone)
	t.tell(FollowUpAnswered)
	if s.Verdict != survey.Dissatisfied || s.Purpose != PurposeCampaign && s.Purpose != PurposeReception || s.CaseID != "" {
		return
	}
	_ = t.by(ruleLowResponse, func() error {
		s.CaseID = id.DeriveAt(id.Case, s.ID, "case", t.at)
		t.Invitation.CaseID = s.CaseID
		t.event("case_opened", "case_id", s.CaseID)
		return nil
	})
}

// optOut never asks the person again, by whatever address.
func (t *followUpStep) optOut() {
	s := t.s
	s.OptedOut, t.Invitation.OptedOut = true, true
	t.OptOut = t.Invitation.Recipient.Keys()
	t.event("opted_out")
	switch {
	case s.Over():
	case s.AnsweredAt != nil:
		t.settleAnswer()
	default:
		t.end(FollowUpWithdrawn, string(campaign.OptedOut), "withdrawn")
	}
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
func (t *followUpStep) answerer() string { return t.rules.Org.answers(t.s.AccountManagerID) }

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

// LowResponseCase is the case that a bad answer opens, with the account manager as first contact (F-30). The product itself
// records it. It is derived from what is stored, so that it is recorded once.
func (s *FollowUpState) LowResponseCase(i SurveyInvitation, client Client, r FollowUpRules) (NeedCase, error) {
	template, err := r.Book.Template(s.Template)
	if err != nil {
		return NeedCase{}, err
	}
	low := r.Policy.LowResponse
	lang := template.Language(i.Recipient.Locale)
	record := RecordCase{
		Type: CaseType(low.Opens), ClientID: s.ClientID, ClientClass: client.Class, ClientRegion: client.Region,
		Contact: CaseContact{Name: i.Recipient.Name, Phone: i.Recipient.Phone, Email: i.Recipient.Email}, Channel: "web",
		Subject: template.Title(lang), Description: transcript(template, i.Answers, lang), Category: low.Category, Impact: low.Impact,
		Urgency: low.Urgency, OccurredAt: s.AnsweredAt, ExternalRef: s.ID, ResponseID: s.ID,
	}
	if client.AccountManagerID != nil {
		record.AccountManagerID = *client.AccountManagerID
	}
	record.FirstContactID = r.Org.answers(record.AccountManagerID)
	return NeedCase{CaseID: s.CaseID, Event: CaseEvent{
		Meta:   Meta{Actor: Actor{Person: Person{ID: System}}, RequestID: id.Derive(id.Request, s.ID, "case")},
		Action: ActionRecord, Data: raw(record),
	}}, nil
}

// transcript is questions and answers as a text.
func transcript(template *survey.Template, answers survey.Answers, lang string) string {
	var lines []string
	for _, q := range template.Questions() {
		if a, given := answers[q.ID]; given {
			lines = append(lines, q.Text[lang]+"\n"+said(q, a, lang))
		}
	}
	return strings.Join(lines, "\n\n")
}

// said is one answer as a text.
func said(q survey.Question, a survey.Answer, lang string) string {
	if a.Score != nil {
		return strconv.Itoa(*a.Score)
	}
	var parts []string
	for _, o := range q.Options {
		if slices.Contains(a.Choices, o.ID) {
			parts = append(parts, o.Text[lang])
		}
	}
	return strings.TrimSpace(strings.Join(append(parts, a.Text), " "))
}
