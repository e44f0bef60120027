package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/models"
)

var (
	yamlBlock  = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	faultBlock = regexp.MustCompile("(?s)is refused with\n\n```\n(\\S+) (\\S+): (.*?)\n```")
)

func TestApprovalPolicyOfTheDocumentIsRefusedAsItSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("processes/approval.md")
	require.NoError(t, err)
	example, fault := yamlBlock.FindSubmatch(page), faultBlock.FindSubmatch(page)
	require.NotNil(t, example)
	require.NotNil(t, fault)
	doc, faults := approval.Parse(example[1])
	require.Empty(t, faults)
	org := approval.Org{People: map[string]approval.Person{
		"ann":  {ID: "ann", Active: true, Roles: []string{"staff"}, ManagerID: "dora"},
		"dora": {ID: "dora", Active: true, Roles: []string{"director"}, ManagerID: "zoe"},
		"fay":  {ID: "fay", Active: true, Roles: []string{"finance"}, ManagerID: "dora"},
		"zoe":  {ID: "zoe", Active: true, Roles: []string{"director", "finance"}, ManagerID: "dora"},
	}}
	faults = doc.Check(approval.Refs{Roles: models.RoleNames(), Org: org, At: time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)})
	require.Len(t, faults, 1, "%v", faults)
	require.Equal(t, []string{string(fault[1]), string(fault[2]), string(fault[3])}, []string{faults[0].Field, faults[0].Code, faults[0].Args["witness"]})
}

func TestApprovalDocumentNamesWhatTheCodeHas(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("processes/approval.md")
	require.NoError(t, err)
	text := string(page)
	for _, verb := range models.ApprovalVerbs() {
		require.Contains(t, text, "`"+string(verb)+"`")
	}
	for _, chain := range approval.Subjects() {
		require.Contains(t, text, "| `"+chain+"` |")
	}
	for _, s := range models.ApprovalStatuses() {
		require.Contains(t, text, "--> "+string(s))
	}
	commands, err := os.ReadFile("../internal/approval/command.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^\tCode\w+ +errs\.Code = "(\w+)"`).FindAllStringSubmatch(string(commands), -1) {
		if m[1] != string(approval.CodeUnknownVerb) { // there are no other routes
			require.Contains(t, text, "`"+m[1]+"`")
		}
	}
	require.Positive(t, strings.Count(text, "```mermaid"))
}
