package models

import (
	"encoding/json"
	"slices"
)

// Word is what a process must be told because a transaction has changed something that it goes by. It is written with that
// transaction, and told until the engine has taken it: whoever is told twice finds nothing left to do.
type Word struct {
	ID         int64 // given by the database
	WorkflowID string
	Signal     string
	Arg        json.RawMessage // nil: the signal says all
}

// wordsTo are the same signal to the processes of all ids.
func wordsTo(ids []string, process func(id string) string, signal string, arg json.RawMessage) []Word {
	all := make([]Word, len(ids))
	for i, id := range ids {
		all[i] = Word{WorkflowID: process(id), Signal: signal, Arg: arg}
	}
	return all
}

// MovedWords tell the processes of cases that a transaction has moved to take the stored state over.
func MovedWords(cases []string) []Word {
	return wordsTo(cases, ComplaintWorkflowID, ComplaintAdopt, nil)
}

// RecheckWords tell approvals that people or rules for deputies have changed: each looks again at whom it asks.
func RecheckWords(approvals []string) []Word {
	return wordsTo(approvals, ApprovalWorkflowID, ApprovalOrgChanged, nil)
}

// LeadWords tell approvals that ask somebody who no longer supervises a team.
func LeadWords(fromID string, approvals []string) []Word {
	return wordsTo(approvals, ApprovalWorkflowID, ApprovalNewLead, raw(fromID))
}

// AlignWord tells the process of a client that the client's row has changed.
func AlignWord(clientID string) Word {
	return Word{WorkflowID: RelationshipWorkflowID(clientID), Signal: RelationshipChanged, Arg: raw(RelationshipEvent{Action: RelationshipAlign})}
}

// MergedWord tells the process of a client that the client was a duplicate: it ends.
func MergedWord(clientID, intoID string, by Meta) Word {
	e := RelationshipEvent{Meta: by, Action: RelationshipMerged, Data: raw(MergedClient{IntoID: intoID})}
	return Word{WorkflowID: RelationshipWorkflowID(clientID), Signal: RelationshipChanged, Arg: raw(e)}
}

// LeaverWords tell the approvals, the receptions and the clients' relationships in which a leaver has a part, and the surveys for which
// they were to call; each finds somebody else.
func LeaverWords(d Deactivate, meta Meta, approvals, receptions, clients, calls []string) []Word {
	data := raw(d)
	return slices.Concat(
		RecheckWords(approvals),
		wordsTo(receptions, ReceptionWorkflowID, ReceptionLeft, raw(ReceptionEvent{Meta: meta, Action: ReceptionDeactivate, Data: data})),
		wordsTo(clients, RelationshipWorkflowID, RelationshipChanged, raw(RelationshipEvent{Meta: meta, Action: RelationshipLeft, Data: data})),
		wordsTo(calls, FollowUpWorkflowID, FollowUpLeft, raw(FollowUpEvent{Meta: meta, Action: FollowUpInherit, Data: data})),
	)
}
