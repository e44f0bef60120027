package store

import "github.com/mcrflow/mcrflow/models"

// CampaignStatements are what a run reads, and the pages of its lists, by name; each with its arguments. The place is that at
// which the page before has ended.
func CampaignStatements(campaignID, runID string, place int64) map[string][]any {
	statement := func(sql string, args ...any) []any { return append([]any{sql}, args...) }
	built := func(q *query) []any { return statement(q.text.String(), q.args...) }
	all := map[string][]any{
		"claim":      statement(dueNow, runID, "never", "2026-11-23T01:00:00Z", 100),
		"begun":      statement(batchBegun, runID, "b7"),
		"held":       statement(stillHeld, runID, "b7", "2026-11-23T01:05:00Z", "2026-11-23T01:00:00Z"),
		"view":       statement(runView, campaignID, runID, "2026-11-23T01:00:00Z"),
		"run":        statement(runByID, runID),
		"campaigns":  built(campaignList(models.CampaignFilter{}, "", 51)),
		"of a state": built(campaignList(models.CampaignFilter{Status: models.CampaignRunning}, campaignID, 51)),
	}
	for _, state := range append(models.RecipientStates(), "") {
		all["recipients "+string(state)] = built(recipientList(runID, state, 0, 51))
		all["further recipients "+string(state)] = built(recipientList(runID, state, place, 51))
	}
	return all
}
