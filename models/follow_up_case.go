package models

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
)

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
