package store

import "github.com/mcrflow/mcrflow/models"

// InvitationListSQL is the statement of a page of a list of invitations.
func InvitationListSQL(a models.Actor, f models.InvitationFilter, after string, n int) (string, []any) {
	q := invitationList(invitationScope(a), f, after, n)
	return q.text.String(), q.args
}

// ScoreSQL are the statements of Scores and Recovery.
func ScoreSQL(f models.ScoreFilter) map[string]struct {
	SQL  string
	Args []any
} {
	all := map[string]struct {
		SQL  string
		Args []any
	}{}
	for name, q := range map[string]*query{"scores": scoreCounts(f), "asked": askedCounts(f), "recovery": recoveries(f)} {
		all[name] = struct {
			SQL  string
			Args []any
		}{q.text.String(), q.args}
	}
	return all
}

// PersonFactsSQL is the statement of PersonFacts.
const PersonFactsSQL = personFacts

// TellCallsSQL and EndCallsSQL are the statements of an opt-out beside its own rows.
const (
	TellCallsSQL = tellCalls
	EndCallsSQL  = endCalls
)
