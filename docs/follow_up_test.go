package docs

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/models"
)

// TestFollowUpDocumentNamesWhatTheCodeHas: every reason, in the order in which they are looked for, and every action,
// channel and state.
func TestFollowUpDocumentNamesWhatTheCodeHas(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("processes/follow-up.md")
	require.NoError(t, err)
	page := string(body)
	var told []campaign.Reason
	for _, m := range regexp.MustCompile("(?m)^\\| \\d \\| `(\\w+)` \\|").FindAllStringSubmatch(page, -1) {
		told = append(told, campaign.Reason(m[1]))
	}
	require.Equal(t, campaign.Reasons(), told)
	for _, c := range campaign.Channels() {
		require.Contains(t, page, "`"+string(c)+"`")
	}
	for _, s := range models.CampaignStatuses() {
		require.Regexp(t, `(?m)^  (\[\*\] --> `+string(s)+`|\w+ --> `+string(s)+`):`, page)
	}
	for _, s := range models.RecipientStates() {
		require.Contains(t, page, "`"+string(s)+"`")
	}
	for _, a := range models.CampaignActions() {
		if a != models.CampaignChange { // PATCH
			require.Regexp(t, "/"+string(a)+"\\b", page)
		}
	}
}
