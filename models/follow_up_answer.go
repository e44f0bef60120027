package models

import (
	"maps"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
)

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

// settleAnswer lets the answer count: who asked is told, and a bad one opens a case (F-30), unless it reopens the one that it
// is about.
func (t *followUpStep) settleAnswer() {
	s := t.s
	s.Status, s.SettleAt, s.RemindAt, s.NotBefore = FollowUpAnswered, nil, nil, nil
	s.Tasks = t.settle(s.Tasks, TaskDone)
	t.tell(FollowUpAnswered)
	t.tellClient()
	reopens := (s.Purpose == PurposeCase || s.Purpose == PurposeRecovery) && !t.rules.SubjectOver
	if s.Verdict != survey.Dissatisfied || reopens || s.CaseID != "" {
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
	if !s.Over() {
		t.leaveAlone()
	}
}

// leaveAlone ends what is under way with somebody who does not want to be asked any more; what they said counts.
func (t *followUpStep) leaveAlone() {
	if t.s.AnsweredAt != nil {
		t.settleAnswer()
	} else {
		t.end(FollowUpWithdrawn, string(campaign.OptedOut), "withdrawn")
	}
}
