package models

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
)

// ActionSurveyed is what a follow-up tells the case that it asks about; its data is a FollowUpFact.
const ActionSurveyed CaseAction = "surveyed"

// ruleAnswer is the rule by which the client's answer closes a case or reopens it.
const ruleAnswer = "survey_answer"

// CaseSurvey is the question whether the client is satisfied with the latest resolution.
type CaseSurvey struct {
	InvitationID string    `json:"invitation_id"`
	At           time.Time `json:"at"` // of the resolution
	Answered     bool      `json:"answered,omitempty"`
	Off          int64     `json:"off,omitempty"` // the step since which it need not be answered
}

// CaseSurveyed is the event of what a follow-up tells; one whose step is taken again, because a worker died behind it, counts once.
func CaseSurveyed(f FollowUpFact) CaseEvent {
	return CaseEvent{Meta: Meta{RequestID: fmt.Sprintf("survey:%s:%d", f.InvitationID, f.Seq)}, Action: ActionSurveyed, Data: raw(f)}
}

// SurveyPlan is whom to ask about the resolution of the case; nil when nobody is to be asked. It is derived from what is
// stored, so that it is planned once. A case that a bad answer has opened asks the second question.
func (s *CaseState) SurveyPlan(who Recipient) *FollowUpPlan {
	q := s.Survey
	if q == nil || q.Answered || q.Off != 0 || s.Status != CaseResolved {
		return nil
	}
	p := &FollowUpPlan{
		InvitationID: q.InvitationID, Purpose: PurposeCase, SubjectID: s.ID, Number: s.Number, Process: ComplaintProcess,
		Parent: ComplaintWorkflowID(s.ID), ClientID: s.ClientID, ClientClass: s.ClientClass, AccountManagerID: s.AccountManagerID,
		AccountableID: s.AccountableID, FirstID: s.ResponseID, Recipient: who,
	}
	if s.ResponseID != "" {
		p.Purpose = PurposeRecovery
	}
	return p
}

// askClient asks the client whether they are satisfied with the resolution.
func (t *step) askClient() {
	t.s.Survey = &CaseSurvey{InvitationID: id.DeriveAt(id.Invitation, t.s.ID, "resolved/"+strconv.FormatInt(t.s.Seq+1, 10), t.at), At: t.at}
}

// surveyOff lets a question be that nobody needs an answer to any more: the case is worked on again, or has ended otherwise
// than by being solved.
func (t *step) surveyOff() {
	s := t.s
	if s.Survey == nil || s.Survey.Answered || s.Survey.Off != 0 || s.Merge == nil && (s.Status == CaseResolved || s.Status == CaseClosed) {
		return
	}
	q := *s.Survey
	q.Off = s.Seq
	s.Survey = &q
}

// surveyed learns that the client was asked, or what they answered: a satisfied one closes the case, a dissatisfied one
// reopens it (C-24).
func (t *step) surveyed() error {
	f, err := decode[FollowUpFact](t)
	if err != nil {
		return err
	}
	if f.Status == FollowUpAsked {
		t.event("survey_sent", map[string]any{"invitation_id": f.InvitationID, "channel": f.Channel})
		return nil
	}
	data := map[string]any{"invitation_id": f.InvitationID, "verdict": f.Verdict}
	if f.Score != nil {
		data["score"] = *f.Score
	}
	t.event("survey_answered", data)
	q := t.s.Survey
	if q == nil || q.InvitationID != f.InvitationID || q.Off != 0 || q.Answered {
		return nil // about a resolution that no longer counts
	}
	t.s.Survey = &CaseSurvey{InvitationID: q.InvitationID, At: q.At, Answered: true}
	switch {
	case f.Verdict == survey.Satisfied && t.s.Status == CaseResolved:
		return t.shut("satisfied", "")
	case f.Verdict == survey.Dissatisfied && (t.s.Status == CaseResolved || t.s.Status == CaseClosed) && t.s.Merge == nil:
		return t.reopenBecause("", "case_dissatisfied", "score", strconv.Itoa(*f.Score))
	}
	return nil
}
