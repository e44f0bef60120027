package models

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/id"
)

// ReceptionSurveyedBy is the event of what a follow-up tells a reception: an answer that is told twice, or whose step is taken
// again because a worker died behind it, is one rating. False when it is nothing to record.
func ReceptionSurveyedBy(f FollowUpFact) (ReceptionEvent, bool) {
	if f.Status != FollowUpAnswered || f.Score == nil || *f.Score < 1 || *f.Score > 5 {
		return ReceptionEvent{}, false
	}
	return ReceptionEvent{
		Meta:   Meta{RequestID: fmt.Sprintf("survey:%s:%d", f.InvitationID, f.Seq)},
		Action: ReceptionSurveyed, Data: raw(ReceptionOpinion{Score: *f.Score}),
	}, true
}

// AsksVisitors reports whether the visitors are asked how it was, or have been: from the visit until it is settled.
func (s *ReceptionState) AsksVisitors() bool { return slices.Contains(afterVisit, s.Status) }

// SurveyPlans are the visitors to ask how it was, right after the visit: those who can be reached, by what the plan
// says of them or by what is known of the client's contact of that name. They are derived from what is stored, so that
// each is planned once.
func (s *ReceptionState) SurveyPlans(plan ReceptionPlan, client Client, contacts []Contact) []FollowUpPlan {
	if !s.AsksVisitors() {
		return nil
	}
	var plans []FollowUpPlan
	for i, v := range plan.Visitors {
		who := Recipient{Name: v.Name, Email: v.Email, Phone: v.Phone}
		if n := slices.IndexFunc(contacts, func(c Contact) bool { return strings.EqualFold(c.Name, v.Name) }); n >= 0 {
			c := contacts[n]
			who.ContactID, who.Locale, who.TimeZone = c.ID, c.Locale, c.TimeZone
			if who.Email == "" && who.Phone == "" {
				who.Email, who.Phone = c.Email, c.Phone
			}
		}
		if who.Email == "" && who.Phone == "" {
			continue
		}
		p := FollowUpPlan{
			InvitationID: id.DeriveAt(id.Invitation, s.ID, "visitor/"+strconv.Itoa(i), s.CreatedAt), Purpose: PurposeReception,
			SubjectID: s.ID, Number: s.Number, Process: ReceptionProcess, Parent: ReceptionWorkflowID(s.ID), ClientID: s.ClientID,
			ClientClass: client.Class, AccountManagerID: s.AccountManagerID, AccountableID: s.ReceptionistID, Recipient: who,
		}
		if p.AccountableID == "" {
			p.AccountableID = s.RequesterID
		}
		plans = append(plans, p)
	}
	return plans
}
