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

// TestEveryEventIsDocumented: who reads a timeline finds each type of its events in the document of the process.
func TestEveryEventIsDocumented(t *testing.T) {
	t.Parallel()
	written := regexp.MustCompile(`\.event\("([a-z_]+)"`)
	for document, source := range map[string]struct {
		files string
		names *regexp.Regexp
	}{
		"approval":     {"../internal/approval/effects.go", regexp.MustCompile(`Event\w+ += "([a-z_]+)"`)},
		"complaint":    {"../models/complaint*.go", written},
		"follow-up":    {"../models/follow_up*.go", written},
		"reception":    {"../models/reception*.go", written},
		"relationship": {"../models/relationship*.go", written},
	} {
		text, err := os.ReadFile("processes/" + document + ".md")
		require.NoError(t, err)
		files, err := filepath.Glob(source.files)
		require.NoError(t, err)
		found := 0
		for _, file := range files {
			code, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range source.names.FindAllStringSubmatch(string(code), -1) {
				if !strings.HasSuffix(m[1], "_") { // else only the begin of a name
					found++
					require.Contains(t, string(text), "`"+m[1]+"`", "%s: %s", document, file)
				}
			}
		}
		require.Greater(t, found, 5, document)
	}
}
