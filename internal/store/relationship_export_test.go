package store

import "github.com/mcrflow/mcrflow/models"

// RelationshipStatements are what is read of a client and of a person's clients, by name; each with its arguments.
func RelationshipStatements(clientID, userID string) map[string][]any {
	statement := func(sql string, args ...any) []any { return append([]any{sql}, args...) }
	var open models.OpenRows
	var o models.ClientOverview
	var news []newsRow
	all := map[string][]any{
		"relationships of": statement(relationshipsOf, userID),
		"open cases of":    statement(openCasesOf, clientID, userID),
		"open receptions":  statement(openReceptionsOf, clientID, userID),
	}
	for _, s := range append(openSections(clientID, &open), overviewSections(seesAll, clientID, &o, &news)...) {
		all[s.name] = statement(s.sql, s.args...)
	}
	for _, after := range []string{"", "2026-11-23T01:00:00Z|x"} {
		list := func(name string, q *query, err error) {
			if err != nil {
				panic(err)
			}
			all["list of "+name+" after "+after] = statement(q.text.String(), q.args...)
		}
		for name, of := range map[string]func(string) (*query, error){
			"classifications": func(a string) (*query, error) {
				return classificationRecords.statement(classificationRecords.where(clientID, nil), a, 51)
			},
			"plans": func(a string) (*query, error) { return planRecords.statement(planRecords.where(clientID, nil), a, 51) },
		} {
			q, err := of(after)
			list(name, q, err)
		}
	}
	return all
}

var seesAll = sight{scope{all: true}, scope{all: true}, scope{all: true}, scope{all: true}}

// ClientNewsSQL is the statement of the newest events of a client, for who sees everything.
var ClientNewsSQL, _ = seesAll.news("", 0)
