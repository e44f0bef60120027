package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/mcrflow/mcrflow/api/apitest"
)

// site is a page as its reader gets it.
type site struct {
	*http.Response
	text string
	doc  *html.Node
}

// open asks for a page of the link; fill sends a form to it.
func (b *campaignBench) open(path string, headers ...string) site {
	b.t.Helper()
	return b.browse(http.MethodGet, path, "", headers...)
}

func (b *campaignBench) fill(path string, form url.Values) site {
	b.t.Helper()
	return b.browse(http.MethodPost, path, form.Encode())
}

func (b *campaignBench) browse(method, path, body string, headers ...string) site {
	b.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, req)
	res := rec.Result()
	res.Request = req
	apitest.Validate(b.t, res)
	s := site{Response: res, text: bodyText(b.t, res)}
	var err error
	s.doc, err = html.Parse(strings.NewReader(s.text))
	require.NoError(b.t, err)
	require.Equal(b.t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
	return s
}

// all finds the elements of a name.
func (s site) all(name string) []*html.Node {
	var found []*html.Node
	for n := range s.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// hidden are the hidden fields of the form.
func (s site) hidden() url.Values {
	form := url.Values{}
	for _, in := range s.all("input") {
		if attribute(in, "type") == "hidden" {
			form.Set(attribute(in, "name"), attribute(in, "value"))
		}
	}
	return form
}

// fields are the names of the fields that a person fills in, in their order.
func (s site) fields() []string {
	var names []string
	for n := range s.doc.Descendants() {
		if n.Type == html.ElementNode && (n.Data == "input" || n.Data == "textarea") && attribute(n, "type") != "hidden" {
			names = append(names, attribute(n, "name"))
		}
	}
	return slices.Compact(names)
}

// TestSurveyPageIsAccessible: what a screen reader and a keyboard need is there, on every page of a template with all kinds
// of questions.
func TestSurveyPageIsAccessible(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("reception")
	pages := []site{b.open(linkPage), b.fill(linkPage, b.open(linkPage).hidden()), b.open(linkPage + "/opt-out"), b.open("/s/mcq_unknown")}
	require.NotEmpty(t, pages[1].all("textarea"))
	for _, page := range pages {
		ids, labels := map[string]bool{}, map[string]bool{}
		for n := range page.doc.Descendants() {
			if at := attribute(n, "id"); at != "" {
				require.False(t, ids[at], "two elements are called %s", at)
				ids[at] = true
			}
			if n.Type == html.ElementNode && n.Data == "label" {
				require.NotEmpty(t, words(n))
				labels[attribute(n, "for")] = true
			}
		}
		for n := range page.doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if (n.Data == "input" || n.Data == "textarea") && attribute(n, "type") != "hidden" {
				require.True(t, labels[attribute(n, "id")], "no label for %s", attribute(n, "id"))
			}
			if n.Data == "fieldset" {
				first := n.FirstChild
				for first.Type != html.ElementNode {
					first = first.NextSibling
				}
				require.Equal(t, "legend", first.Data)
			}
			for _, ref := range append(strings.Fields(attribute(n, "aria-describedby")), strings.Fields(attribute(n, "aria-labelledby"))...) {
				require.True(t, ids[ref], "nothing is called %s", ref)
			}
			if link := attribute(n, "href"); strings.HasPrefix(link, "#") {
				require.True(t, ids[link[1:]], "no %s", link)
			}
			require.NotContains(t, []string{"script", "img", "iframe", "link"}, n.Data)
			require.Empty(t, attribute(n, "style"))
			if tab := attribute(n, "tabindex"); tab != "" {
				require.Equal(t, "-1", tab, "the order of the keyboard is that of the page")
			}
		}
		require.NotEmpty(t, attribute(page.all("html")[0], "lang"))
		require.NotEmpty(t, words(page.all("title")[0]))
		require.Len(t, page.all("h1"), 1)
		require.Len(t, page.all("main"), 1)
		require.Contains(t, page.text, `name="viewport"`)
	}
}

// TestSurveyPageIsClosedToTheOutside: nothing is loaded, run, kept or told elsewhere.
func TestSurveyPageIsClosedToTheOutside(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	for _, path := range []string{linkPage, linkPage + "/opt-out", "/s/mcq_unknown", "/s/x"} {
		page := b.open(path)
		style := page.all("style")[0].FirstChild.Data
		sum := sha256.Sum256([]byte(style))
		policy := page.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.Contains(t, policy, "form-action 'self'")
		require.Contains(t, policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "the style that is there, and no other")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, []string{"no-referrer", "no-store", "noindex, nofollow", "nosniff"}, []string{
			page.Header.Get("Referrer-Policy"), page.Header.Get("Cache-Control"), page.Header.Get("X-Robots-Tag"), page.Header.Get("X-Content-Type-Options"),
		})
		require.NotRegexp(t, `https?://`, page.text)
	}
}

// TestTextsOfThePageAreUsed: the catalogues hold what the page says, and nothing else.
func TestTextsOfThePageAreUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, file := range []string{"survey_page.go", "survey_pages.go", "survey_page.html"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`"(page\.[a-z_]+)"`).FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	raw, err := os.ReadFile("../internal/i18n/locales/en.yaml")
	require.NoError(t, err)
	var texts map[string]string
	require.NoError(t, yaml.Unmarshal(raw, &texts))
	known := map[string]bool{}
	for key := range texts {
		if strings.HasPrefix(key, "page.") {
			known[key] = true
		}
	}
	require.Equal(t, known, used)
}

// TestSurveyPageContrast: text and its ground differ by 4.5 to 1 at least, borders of fields by 3 to 1.
func TestSurveyPageContrast(t *testing.T) {
	t.Parallel()
	style, err := os.ReadFile("survey_page.css")
	require.NoError(t, err)
	colours := regexp.MustCompile(`[ {;]color: (#[0-9a-f]+)`).FindAllStringSubmatch(string(style), -1)
	require.NotEmpty(t, colours)
	grounds := map[string]string{"#fff": "#0b4fa8"} // white stands on the button
	for _, c := range colours {
		ground := "#fff"
		if g, ok := grounds[c[1]]; ok {
			ground = g
		}
		require.GreaterOrEqual(t, contrast(c[1], ground), 4.5, c[1])
	}
	require.GreaterOrEqual(t, contrast("#767676", "#fff"), 3.0)
	require.Contains(t, string(style), "border: 1px solid #767676")
}

// contrast is the ratio of two colours by WCAG 2.
func contrast(a, b string) float64 {
	luminance := func(colour string) float64 {
		digits := colour[1:]
		if len(digits) == 3 {
			digits = strings.Repeat(digits[:1], 2) + strings.Repeat(digits[1:2], 2) + strings.Repeat(digits[2:], 2)
		}
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			panic(err)
		}
		part := func(shift uint) float64 {
			c := float64(n>>shift&0xff) / 255
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
	}
	light, dark := luminance(a)+0.05, luminance(b)+0.05
	return max(light, dark) / min(light, dark)
}
