package store

import "github.com/mcrflow/mcrflow/models"

// RecordStatements are the lists of what is recorded of clients, by name; each with its arguments.
func RecordStatements(clientID, userID string) map[string][]any {
	all := map[string][]any{}
	add := func(name string, q *query, err error) {
		if err != nil {
			panic(err)
		}
		all[name] = append([]any{q.text.String()}, q.args...)
	}
	const after = "2026-11-23T01:00:00Z|x"
	mine := []string{userID}
	q, err := interactionRecords.statement(interactionsWhere(models.RecordFilter{ClientID: clientID, Kind: "call"}), after, 51)
	add("interactions of a client", q, err)
	q, err = interactionRecords.statement(interactionsWhere(models.RecordFilter{ClientID: clientID, UserID: userID}), after, 51)
	add("interactions of a person with a client", q, err)
	q, err = commitmentRecords.statement(commitmentRecords.where(clientID, mine), after, 51)
	add("own commitments", q, err)
	q, err = opinionRecords.statement(opinionRecords.where(clientID, mine), after, 51)
	add("own opinions", q, err)
	q, err = assessmentRecords.statement(assessmentRecords.where(clientID, nil), after, 51)
	add("assessments", q, err)
	q, err = improvementRecords.statement(improvementRecords.where(clientID, nil), after, 51)
	add("improvements", q, err)
	q, err = leadRecords.statement(leadsWhere(models.LeadFilter{}), after, 51)
	add("all leads", q, err)
	q, err = leadRecords.statement(leadsWhere(models.LeadFilter{OwnerID: userID, Open: new(false)}), after, 51)
	add("closed leads of an owner", q, err)
	all["opened by an assessment"] = []any{improvements.columns + openedBy, clientID, "assessment_1"}
	return all
}
