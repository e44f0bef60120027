package models

import (
	"slices"
	"strings"

	"github.com/mcrflow/mcrflow/internal/id"
)

// longestSubject is how many characters of a need become the subject of its case.
const longestSubject = 100

// CaseID is the id of the case that takes the need over when it is not solved on the spot.
func (n ReceptionNeed) CaseID() string { return id.DeriveAt(id.Case, n.ID, "case", n.RaisedAt) }

// NeedCases lists the cases that take over what was asked and not solved, in the order in which it was raised. The
// texts of the needs, the plan and the client are as they are stored. The first contact is the receptionist, or whoever of
// the reception is still with us. The product itself records them: nobody else has.
func (s *ReceptionState) NeedCases(texts []NeedRow, plan ReceptionPlan, client Client, org *Org) []NeedCase {
	t := &receptionStep{s: s, rules: ReceptionRules{Org: org}}
	var cases []NeedCase
	for _, n := range s.Needs {
		i := slices.IndexFunc(texts, func(r NeedRow) bool { return r.ID == n.ID })
		if !n.CaseOf || i < 0 {
			continue
		}
		text := texts[i]
		record := RecordCase{
			Type: text.Kind, ClientID: s.ClientID, ClientClass: client.Class, ClientRegion: client.Region,
			Channel: "visit", Subject: subjectOf(text.Text), Description: text.Text, Impact: "medium", Urgency: "medium",
			OccurredAt: &n.RaisedAt, ExternalRef: s.Number, FirstContactID: t.firstContact(),
		}
		if client.AccountManagerID != nil {
			record.AccountManagerID = *client.AccountManagerID
		}
		if len(plan.Visitors) > 0 {
			record.Contact.Name = plan.Visitors[0].Name
		}
		cases = append(cases, NeedCase{CaseID: n.CaseID(), Event: CaseEvent{
			Meta:   Meta{Actor: Actor{Person: Person{ID: System}}, RequestID: id.Derive(id.Request, s.ID, "case/"+n.ID)},
			Action: ActionRecord, Data: raw(record),
		}})
	}
	return cases
}

// subjectOf is the first line of a text, cut to the length of a subject.
func subjectOf(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(line); len(r) > longestSubject {
		return string(r[:longestSubject-1]) + "…"
	}
	return strings.TrimSpace(line)
}
