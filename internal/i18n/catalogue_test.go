package i18n_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/i18n"
)

const root = "../.."

// usedElsewhere are the keys that are built from data, so that no literal of the whole key stands in the code: the
// families, and the bare codes, which stand in for an error whose own key has no text.
var usedElsewhere = regexp.MustCompile(`^(notification|email|title|timeline|task|word|page)\.|^(malformed|invalid|forbidden|conflict|unavailable|field_at)$`)

func TestCatalogues(t *testing.T) {
	t.Parallel()
	texts := map[string]map[string]string{}
	for _, locale := range i18n.Locales() {
		raw, err := os.ReadFile(filepath.Join("locales", locale+".yaml"))
		require.NoError(t, err)
		var entries map[string]string
		require.NoError(t, yaml.Unmarshal(raw, &entries), locale)
		texts[locale] = entries
	}
	english, chinese := texts[i18n.English], texts[i18n.Chinese]
	used := keysInSources(t)

	t.Run("every_locale_has_the_same_keys", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, sorted(english), sorted(chinese))
	})
	t.Run("every_locale_has_the_same_placeholders", func(t *testing.T) {
		t.Parallel()
		for key := range english {
			require.Equal(t, placeholders(english[key]), placeholders(chinese[key]), key)
		}
	})
	t.Run("every_key_in_the_code_has_a_text", func(t *testing.T) {
		t.Parallel()
		var missing []string
		for key, where := range used {
			if english[key] == "" {
				missing = append(missing, key+" ("+where+")")
			}
		}
		sort.Strings(missing)
		require.Empty(t, missing, "add these keys to locales/*.yaml:\n%s", strings.Join(missing, "\n"))
	})
	t.Run("every_text_is_used", func(t *testing.T) {
		t.Parallel()
		for key := range english {
			if _, ok := used[key]; !ok && !usedElsewhere.MatchString(key) {
				t.Errorf("no code uses the text %s", key)
			}
		}
	})
	t.Run("chinese_is_chinese", func(t *testing.T) {
		t.Parallel()
		for key, text := range chinese {
			if placeholderOnly.MatchString(text) {
				continue
			}
			require.Regexp(t, `\p{Han}`, text, key)
		}
	})
}

// keysInSources finds the message keys that the product's code names, with the place of one use: the keys of errs.New,
// errs.Wrap and errs.Error literals, the codes of field faults, and the rules of `binding` tags.
func keysInSources(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "web", "testdata", "bin", "standalone", "testkit":
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".sql") {
			text, err := os.ReadFile(path)
			for _, m := range taken.FindAllStringSubmatch(string(text), -1) {
				found[m[1]+"."+m[2]] = path
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, key := range keysOf(n) {
				position := fset.Position(n.Pos())
				found[key] = strings.TrimPrefix(position.Filename, root+"/") + ":" + strconv.Itoa(position.Line)
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, found, "not_found", "the scan finds nothing")
	return found
}

// helpers are the functions that take a key or the code of a field's fault, and as which argument.
var helpers = []struct {
	name   string
	arg    int
	prefix string
}{
	{"errs.New", 1, ""},
	{"errs.Wrap", 2, ""},
	{"Text", 1, ""},            // i18n.Catalogue
	{"Lookup", 1, ""},          // i18n.Catalogue
	{"unauthenticated", 0, ""}, // store
	{"invalid", 2, "field."},   // store
	{"add", 1, "field."},       // api: faults
	{"fault", 1, "field."},     // policy, calendar
	{"faultAt", 1, "field."},   // approval, survey
	{"celFault", 1, "field."},
	{"documentFault", 0, "field."},
}

// taken finds the unique indexes whose violation is a conflict that a person reads: the key is <table>.<what>_taken.
var taken = regexp.MustCompile(`(?:CREATE UNIQUE INDEX|CONSTRAINT) ([a-z]+)_([a-z_]+_taken)\b`)

var codeLiteral = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func keysOf(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := calledName(n)
		for _, h := range helpers {
			if (name == h.name || strings.HasSuffix(name, "."+h.name)) && len(n.Args) > h.arg {
				return slices.DeleteFunc(literals(h.prefix, n.Args[h.arg]), func(k string) bool {
					return h.prefix != "" && !codeLiteral.MatchString(strings.TrimPrefix(k, h.prefix))
				})
			}
		}
	case *ast.ValueSpec:
		if n.Names[0].Name == "textFaults" { // policy: by type, the code of a text that it refuses
			return codesByType(n)
		}
	case *ast.CompositeLit:
		return keysOfLiteral(n)
	case *ast.Field:
		return keysOfTag(n)
	}
	return nil
}

// codesByType takes the first value of each entry of a map literal.
func codesByType(n *ast.ValueSpec) []string {
	var keys []string
	for _, element := range n.Values[0].(*ast.CompositeLit).Elts {
		code := element.(*ast.KeyValueExpr).Value.(*ast.CompositeLit).Elts[0]
		keys = append(keys, literals("field.", code)...)
	}
	return keys
}

func keysOfLiteral(n *ast.CompositeLit) []string {
	var keys []string
	kind := typeName(n.Type)
	for _, element := range n.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		name, _ := pair.Key.(*ast.Ident)
		switch {
		case name == nil:
		case kind == "errs.Error" && name.Name == "Key":
			keys = append(keys, literals("", pair.Value)...)
		case name.Name == "Code" && (kind == "errs.Field" || kind == "" && hasKey(n, "Field")):
			keys = append(keys, literals("field.", pair.Value)...)
		}
	}
	return keys
}

// hasKey tells an errs.Field inside a []errs.Field literal, which does not repeat its type, from other literals.
func hasKey(n *ast.CompositeLit, want string) bool {
	return slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		name, ok := pair.Key.(*ast.Ident)
		return ok && name.Name == want
	})
}

// keysOfTag takes the rules of a binding tag; omitempty and the like forbid nothing.
func keysOfTag(n *ast.Field) []string {
	if n.Tag == nil {
		return nil
	}
	tag, err := strconv.Unquote(n.Tag.Value)
	if err != nil {
		return nil
	}
	var keys []string
	for _, rule := range strings.Split(reflect.StructTag(tag).Get("binding"), ",") {
		name, _, _ := strings.Cut(rule, "=")
		switch name {
		case "", "omitempty", "omitnil", "dive":
		default:
			keys = append(keys, "field."+name)
		}
	}
	return keys
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return typeName(f.X) + "." + f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func literals(prefix string, e ast.Expr) []string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return nil
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil || s == "" {
		return nil
	}
	return []string{prefix + s}
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var (
	placeholder     = regexp.MustCompile(`{{[^}]*?\.(\w+)\s*}}`)
	placeholderOnly = regexp.MustCompile(`^{{\.\w+}}$`)
)

func placeholders(text string) []string {
	names := []string{}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	sort.Strings(names)
	return slices.Compact(names)
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ header, user, want string }{
		"the_header_wins":             {"zh-CN,zh;q=0.9,en;q=0.8", "en", "zh-CN"},
		"weights_count":               {"zh;q=0.1, en-GB;q=0.9", "", "en"},
		"chinese_of_any_region":       {"zh-SG", "", "zh-CN"},
		"a_foreign_one_leaves_user's": {"fr-FR, de", "zh-CN", "zh-CN"},
		"nothing_is_english":          {"", "", "en"},
		"nonsense_is_ignored":         {";;q==", "zh-CN", "zh-CN"},
		"an_endless_one_is_ignored":   {strings.Repeat("zh,", 1000), "", "en"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, i18n.Match(tc.header, tc.user))
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	texts, err := i18n.New()
	require.NoError(t, err)
	args := map[string]string{"max": "200"}
	require.Contains(t, texts.Text("en", "field.max", args), "200")
	require.Contains(t, texts.Text("zh-CN", "field.max", args), "200")
	require.NotEqual(t, texts.Text("en", "field.max", args), texts.Text("zh-CN", "field.max", args))
	require.Equal(t, texts.Text("en", "field.max", args), texts.Text("fr", "field.max", args), "english stands in")
	require.Equal(t, "no.such.key", texts.Text("zh-CN", "no.such.key", nil), "the key stands in")
	require.NotContains(t, texts.Text("en", "field.max", nil), "no value", "a missing argument leaves a gap")
}

func TestNotice(t *testing.T) {
	t.Parallel()
	texts, err := i18n.New()
	require.NoError(t, err)
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	data := map[string]string{
		"number": "CMP-1", "type": "complaint", "priority": "P1", "milestone": "first_response", "due_at": "2026-03-06T08:30:00Z",
	}
	title, body := texts.Notice("zh-CN", shanghai, "milestone_breached", data)
	require.Equal(t, "CMP-1：“首次响应”已超时", title)
	require.Contains(t, body, "2026-03-06 16:30", "the reader's own clock")
	require.Contains(t, body, "投诉")
	title, _ = texts.Notice("en", time.UTC, "milestone_breached", data)
	require.Equal(t, "CMP-1: first response is overdue", title)
	require.Equal(t, "first_response", data["milestone"], "the caller's data stays")
	skipped := map[string]string{"number": "CPN-1", "name": "服务日", "reason": "campaign.empty_audience"}
	_, body = texts.Notice("zh-CN", shanghai, "campaign_skipped", skipped)
	require.Equal(t, "回访活动“服务日”到期但未能启动：目前没有任何受众。", body)
	_, body = texts.Notice("en", time.UTC, "case_reopened", map[string]string{"reason": "paused"})
	require.NotContains(t, body, "it is paused", "what somebody wrote stays")
	title, body = texts.Notice("en", time.UTC, "no_such_kind", nil)
	require.Equal(t, "notification.no_such_kind.title", title)
	require.NotEmpty(t, body)
}
