package store

import "github.com/mcrflow/mcrflow/models"

// DuplicateStatements are what is read to find possible duplicates, by name; each with its arguments.
func DuplicateStatements(name string, keys, ids []string) map[string][]any {
	key := models.NameKey(name)
	return map[string][]any{
		"candidates": {namedAlike, models.NameRuns(key), key, keys, duplicatesEach},
		"clients":    {alikeClients, ids},
		"contacts":   {alikeContacts, ids, keys, candidateContacts},
	}
}
