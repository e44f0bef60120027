package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
)

// pagesInABrowser sends personal links, has them opened in a real browser by the tests of the folder pages, and reads from the
// product what came of that.
func (s *stack) pagesInABrowser(t *testing.T, server *testkit.SMTPServer) {
	s.addressees(t, "calmpages", 10)
	m := s.mail(t, "calmpages", 6000)
	m.act(t, "launch")
	visits := []string{"phone", "keyboard", "readable", "language", "optOut"} // in the order of the contacts
	links := map[string]string{}
	for i, visit := range visits {
		links[visit] = "/s/" + linkTo(t, server, fmt.Sprintf("calmpages%d@example.com", i), 0)
	}
	task, err := json.Marshal(M{"url": s.url, "links": links})
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "pages.test.mjs")
	node.Dir, node.Env = "pages", append(os.Environ(), "MCRFLOW_PAGES="+string(task))
	out, err := node.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err, "`make setup-test` installs what this needs: Node.js, Chromium, and the packages that it uses")

	type outcome struct {
		Complete bool
		OptedOut bool `json:"opted_out"`
		Score    int
	}
	became := map[string]outcome{}
	for _, i := range all[struct {
		outcome
		Contact struct{ Name string }
	}](t, m.by, "/invitations?client_id="+id.Derive(id.Client, "calmpages", "0")) {
		became[i.Contact.Name] = i.outcome
	}
	for i, want := range []outcome{{Complete: true, Score: 3}, {Complete: true, Score: 9}, {Complete: true, Score: 10}, {Score: 2}, {OptedOut: true}} {
		require.Equal(t, want, became[fmt.Sprintf("Contact %d", i)], visits[i])
	}
}
