package models

import "encoding/json"

// Word is what a process must be told because a transaction has changed something that it goes by. It is written with that
// transaction, and told until the engine has taken it: whoever is told twice finds nothing left to do.
type Word struct {
	ID         int64 // given by the database
	WorkflowID string
	Signal     string
	Arg        json.RawMessage // nil: the signal says all
}

// MovedWords tell the processes of cases that a transaction has moved to take the stored state over.
func MovedWords(cases []string) []Word {
	words := make([]Word, len(cases))
	for i, id := range cases {
		words[i] = Word{WorkflowID: ComplaintWorkflowID(id), Signal: ComplaintAdopt}
	}
	return words
}

// RecheckWords tell approvals that people or rules for deputies have changed: each looks again at whom it asks.
func RecheckWords(approvals []string) []Word {
	words := make([]Word, len(approvals))
	for i, id := range approvals {
		words[i] = Word{WorkflowID: ApprovalWorkflowID(id), Signal: ApprovalOrgChanged}
	}
	return words
}

// LeadWords tell approvals that ask somebody who no longer supervises a team.
func LeadWords(fromID string, approvals []string) ([]Word, error) {
	arg, err := json.Marshal(fromID)
	var words []Word
	for _, id := range approvals {
		words = append(words, Word{WorkflowID: ApprovalWorkflowID(id), Signal: ApprovalNewLead, Arg: arg})
	}
	return words, err
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
func LeaverWords(d Deactivate, meta Meta, approvals, receptions, clients, calls []string) ([]Word, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	left, err := json.Marshal(ReceptionEvent{Meta: meta, Action: ReceptionDeactivate, Data: data})
	if err != nil {
		return nil, err
	}
	gone, err := json.Marshal(RelationshipEvent{Meta: meta, Action: RelationshipLeft, Data: data})
	if err != nil {
		return nil, err
	}
	call, err := json.Marshal(FollowUpEvent{Meta: meta, Action: FollowUpInherit, Data: data})
	if err != nil {
		return nil, err
	}
	words := RecheckWords(approvals)
	for _, id := range receptions {
		words = append(words, Word{WorkflowID: ReceptionWorkflowID(id), Signal: ReceptionLeft, Arg: left})
	}
	for _, id := range clients {
		words = append(words, Word{WorkflowID: RelationshipWorkflowID(id), Signal: RelationshipChanged, Arg: gone})
	}
	for _, id := range calls {
		words = append(words, Word{WorkflowID: FollowUpWorkflowID(id), Signal: FollowUpLeft, Arg: call})
	}
	return words, nil
}
