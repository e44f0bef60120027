package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/text/language"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
)

//go:embed survey_page.html
var surveyPageSource string

//go:embed survey_page.css
var surveyPageStyle string

var surveyPage = template.Must(template.New("page").Parse(surveyPageSource))

// surveyPagePolicy lets the page of a survey use its own style and post to where it came from, and nothing else: it runs no
// script and loads nothing from anywhere.
var surveyPagePolicy = func() string {
	sum := sha256.Sum256([]byte(surveyPageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// page is what the page of a survey shows. A page without a button has only words.
type page struct {
	Lang      string // of the words that the survey itself brings
	Title     string
	Words     []string
	Sender    string
	Languages []pageLanguage // to switch to
	Faults    []pageFault
	Questions []pageQuestion
	Shown     string // the ids of the questions
	Seen      string // those of pages before
	Button    string
	Off       string // where to opt out
	Back      string

	texts *i18n.Catalogue
}

type pageLanguage struct{ Tag, Name string }

// pageFault is a fault with the question that it belongs to, and the id of its field.
type pageFault struct{ At, Question, Text string }

// pageQuestion is a question as a form shows it.
type pageQuestion struct {
	At        string // the id of its element
	Field     string // the name of its inputs
	Input     string // text, radio or checkbox
	Class     string // of its options: scale or list
	Text      string
	Hint      string // what the ends of a scale mean
	Needed    string // that it must, or need not, be answered
	Required  bool
	Error     string
	Value     string
	MaxLength int
	Options   []pageOption
}

type pageOption struct {
	At, Value, Text string
	Chosen          bool
}

// DescribedBy names what describes the question as a whole.
func (q pageQuestion) DescribedBy() string {
	var ids []string
	if q.Error != "" {
		ids = append(ids, q.At+"-error")
	}
	if q.Hint != "" {
		ids = append(ids, q.At+"-hint")
	}
	return strings.Join(ids, " ")
}

// Say is a text of the product in the language of the page, or the nearest that the product speaks.
func (p page) Say(key string) string { return p.texts.Text(i18n.Match(p.Lang, ""), key, nil) }

// Style is the style of the page.
func (page) Style() template.CSS { return template.CSS(surveyPageStyle) } //nolint:gosec // it is ours

// named fills in the languages to switch to: all but that of the page.
func (p *page) named(tags []string) {
	for _, tag := range tags {
		if tag == p.Lang {
			continue
		}
		name := tag
		if i18n.Valid(tag) {
			name = p.texts.Text(tag, "page.language", nil)
		}
		p.Languages = append(p.Languages, pageLanguage{tag, name})
	}
}

// show writes the page.
func (p page) show(c *gin.Context, status int) {
	var body bytes.Buffer
	if err := surveyPage.Execute(&body, p); err != nil {
		fail(c, err)
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", surveyPagePolicy)
	h.Set("Content-Language", p.Lang)
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Vary", "Accept-Language")
	c.Abort()
	c.Data(status, "text/html; charset=utf-8", body.Bytes())
}

// wantedLanguages are the languages that the reader prefers: the one that they chose, that of the recipient if known, then
// those of the browser.
func wantedLanguages(c *gin.Context, own string) []string {
	wanted := []string{}
	chosen := c.Query("lang")
	if chosen == "" {
		chosen = c.PostForm("lang")
	}
	for _, tag := range []string{chosen, own} {
		if tag != "" && len(tag) <= maxLanguageTag {
			wanted = append(wanted, tag)
		}
	}
	if header := c.GetHeader("Accept-Language"); len(header) <= maxAcceptLanguage {
		tags, _, _ := language.ParseAcceptLanguage(header) // what cannot be read asks for nothing
		for _, tag := range tags {
			wanted = append(wanted, tag.String())
		}
	}
	return wanted
}

const (
	maxLanguageTag    = 35
	maxAcceptLanguage = 500
)

// message is a page of words alone, in the language of the reader. It knows nothing of any invitation, so that a link that
// is over looks like one that never was.
func (h *surveyPages) message(c *gin.Context, status int, title string, words ...string) {
	p := page{Lang: i18n.Match(strings.Join(wantedLanguages(c, ""), ","), ""), texts: h.texts}
	p.Title = p.Say(title)
	for _, key := range words {
		p.Words = append(p.Words, p.Say(key))
	}
	if c.Request.Method == http.MethodGet {
		p.named(i18n.Locales())
	}
	p.show(c, status)
}

// trouble says on a page why a request was not served.
func (h *surveyPages) trouble(c *gin.Context, err error) {
	e := asError(c.Request.Context(), err)
	if e == nil { // the reader hung up
		c.AbortWithStatus(statusClientGone)
		return
	}
	logProblem(c, e, statusOf(e.Code), err)
	switch e.Code {
	case errs.NotFound:
		h.message(c, http.StatusNotFound, "page.unknown", "page.unknown_why")
	case errs.ProcessClosed:
		title := map[string]string{"survey.answered": "page.answered", "survey.expired": "page.expired"}[e.Key]
		h.message(c, http.StatusGone, or(title, "page.withdrawn"), "page.over_why")
	case errs.TooLarge:
		h.message(c, http.StatusRequestEntityTooLarge, "page.too_large", "page.too_large_why")
	case errs.RateLimited:
		c.Header("Retry-After", "60")
		h.message(c, http.StatusTooManyRequests, "page.busy", "page.busy_why")
	default:
		c.Header("Retry-After", "5")
		h.message(c, http.StatusServiceUnavailable, "page.trouble", "page.trouble_why")
	}
}
