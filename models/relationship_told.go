package models

// CaseSucceeded is what a case is told when somebody takes its client over.
func CaseSucceeded(s Succession) CaseEvent {
	return CaseEvent{Meta: bySystem, Action: ActionSucceed, Data: raw(Deactivate{UserID: s.FromID, HeirID: s.ToID})}
}

// ReceptionSucceeded is what a reception is told when somebody takes its client over.
func ReceptionSucceeded(s Succession) ReceptionEvent {
	return ReceptionEvent{Meta: bySystem, Action: ReceptionDeactivate, Data: raw(Deactivate{UserID: s.FromID, HeirID: s.ToID, Rule: ruleSuccession})}
}

// CallSucceeded is what surveys are told for which somebody was to call who no longer looks after the client; whose they are is added
// where they are found.
func CallSucceeded(d Deactivate) Word {
	return Word{Signal: FollowUpLeft, Arg: raw(FollowUpEvent{Meta: bySystem, Action: FollowUpInherit, Data: raw(d)})}
}

// bySystem is who gives the commands that a process derives.
var bySystem = Meta{Actor: Actor{Person: Person{ID: System}}}

// DraftedBy is the event that drafts a reception for an activity of a plan. Class and account manager are the client's.
func (s *RelationshipState) DraftedBy(d DraftReception) ReceptionEvent {
	return ReceptionEvent{
		Meta: Meta{Actor: bySystem.Actor, RequestID: "draft:" + d.ReceptionID}, Action: ReceptionRecord,
		Data: raw(PlanReception{
			ClientClass: s.Class, AccountManagerID: s.AccountManagerID, RequesterID: d.OwnerID,
			Plan: ReceptionPlan{ClientID: s.ID, Kind: d.Kind},
		}),
	}
}
