// Package docs holds the tests of the documents.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence = regexp.MustCompile("(?s)```sh\n.*?```")
)

func TestLinksBetweenDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../*.md")
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	}))
	checked := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(page), target))
			require.NoError(t, err, "%s links to %s", page, m[1])
			checked++
		}
	}
	require.Greater(t, checked, 20)
}

func TestBothReadmesGiveTheSameCommands(t *testing.T) {
	t.Parallel()
	english, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	chinese, err := os.ReadFile("../README.zh-CN.md")
	require.NoError(t, err)
	commands := fence.FindAllString(string(english), -1)
	require.NotEmpty(t, commands)
	require.Equal(t, commands, fence.FindAllString(string(chinese), -1))
}
