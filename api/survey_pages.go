package api

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// surveyPages serves the questionnaire of a personal link to its recipient, who has no login and perhaps no script.
type surveyPages struct {
	answering *answering
	texts     *i18n.Catalogue
	limit     *limiter
}

func (h *surveyPages) public(r gin.IRouter) {
	s := r.Group("/s/:token", h.limited, h.readForm)
	s.GET("", h.ask)
	s.POST("", h.answer)
	s.GET("/opt-out", h.askOptOut)
	s.POST("/opt-out", h.optOut)
}

// limited bounds the requests of one address, so that nobody guesses links.
func (h *surveyPages) limited(c *gin.Context) {
	if h.limit.wait(c) > 0 {
		h.trouble(c, errs.New(errs.RateLimited, "rate_limited.address"))
	}
}

// readForm reads the form of a request up to the size that bodies may have.
func (h *surveyPages) readForm(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	var tooLarge *http.MaxBytesError
	switch err := c.Request.ParseForm(); {
	case errors.As(err, &tooLarge):
		h.trouble(c, errs.Wrap(err, errs.TooLarge, "too_large"))
	case err != nil:
		c.Request.PostForm = url.Values{} // as if nothing had been filled in
	}
}

// ask shows the questions that apply, with what was answered before.
func (h *surveyPages) ask(c *gin.Context) {
	i, err := h.open(c)
	if err != nil {
		h.trouble(c, err)
		return
	}
	h.form(c, i, sheet{questions: i.template.Visible(i.Answers), answers: i.Answers}, http.StatusOK)
}

// open finds the invitation of the link, which must still take answers.
func (h *surveyPages) open(c *gin.Context) (asked, error) {
	i, err := h.answering.find(c.Request.Context(), c.Param("token"))
	if err == nil {
		err = i.over(h.answering.now())
	}
	return i, err
}

// answer takes what was filled in. It is kept even if something is missing or wrong; then the questions are shown again. If
// by the answers more questions apply, they come next; else that was all.
func (h *surveyPages) answer(c *gin.Context) {
	i, err := h.open(c)
	if err != nil {
		h.trouble(c, err)
		return
	}
	lang := i.template.Language(wantedLanguages(c, i.Recipient.Locale)...)
	shown, seen := h.named(c, i, "shown"), h.named(c, i, "seen")
	if len(shown) == 0 {
		shown = i.template.Visible(i.Answers)
	}
	given := survey.Answers{}
	for _, q := range shown {
		given[q.ID] = filledIn(c, q)
	}
	all, cleared := i.with(given)
	applies := i.template.Visible(all)
	apply := func(q survey.Question) bool { return hasQuestion(applies, q.ID) }
	for id := range given { // what another answer on the same page has made pointless
		if q, _ := i.template.Question(id); !apply(q) {
			given[id] = survey.Answer{}
			delete(all, id)
		}
	}
	checked := i.template.Check(all, lang)
	wrong := h.wrong(lang, checked, shown)
	if len(all) == 0 && len(wrong) == 0 && len(shown) > 0 {
		wrong[shown[0].ID] = h.say(lang, "page.nothing")
	}
	next := slices.DeleteFunc(slices.Clone(applies), func(q survey.Question) bool {
		return hasQuestion(shown, q.ID) || hasQuestion(seen, q.ID) && !slices.Contains(checked.Missing, q.ID)
	})
	if len(wrong) > 0 {
		next = slices.DeleteFunc(slices.Clone(shown), func(q survey.Question) bool { return !apply(q) })
	} else {
		seen = append(seen, shown...)
	}
	kept := maps.Clone(given)
	maps.Copy(kept, cleared)
	for _, f := range checked.Faults {
		delete(kept, questionOf(f))
	}
	if err := h.keep(c, i, models.Response{Answers: kept, Locale: lang, Partial: len(next) > 0}); err != nil {
		h.trouble(c, err)
		return
	}
	switch {
	case len(wrong) > 0:
		h.form(c, i, sheet{next, seen, all, wrong}, http.StatusUnprocessableEntity)
	case len(next) > 0:
		h.form(c, i, sheet{next, seen, all, nil}, http.StatusOK)
	default:
		p := page{Lang: lang, Title: h.say(lang, "page.thanks"), Words: []string{i.template.Thanks(lang)}, Sender: i.template.Sender(lang), texts: h.texts}
		p.show(c, http.StatusOK)
	}
}

// keep gives the answers to the process. A part that says nothing is not worth a step.
func (h *surveyPages) keep(c *gin.Context, i asked, r models.Response) error {
	says := false
	for id, a := range r.Answers {
		_, before := i.Answers[id]
		says = says || before || !a.IsZero()
	}
	if !says && (r.Partial || len(i.Answers) == 0) {
		return nil
	}
	return h.answering.submit(c.Request.Context(), i, linkMeta(c), r)
}

// named are the questions that a hidden field of the page names: those shown on it, and those seen before.
func (h *surveyPages) named(c *gin.Context, i asked, field string) []survey.Question {
	var list []survey.Question
	for _, id := range strings.Split(c.PostForm(field), ",") {
		if q, ok := i.template.Question(id); ok && !hasQuestion(list, id) {
			list = append(list, q)
		}
	}
	return list
}

func hasQuestion(list []survey.Question, id string) bool {
	return slices.ContainsFunc(list, func(q survey.Question) bool { return q.ID == id })
}

func questionIDs(list []survey.Question) string {
	return strings.Join(each(list, func(q survey.Question) string { return q.ID }), ",")
}

// fieldOf is the name of the inputs of a question.
func fieldOf(q survey.Question) string { return "a." + q.ID }

// filledIn is the answer to a question as it was filled in.
func filledIn(c *gin.Context, q survey.Question) survey.Answer {
	values := slices.DeleteFunc(slices.Clone(c.PostFormArray(fieldOf(q))), func(v string) bool { return strings.TrimSpace(v) == "" })
	_, _, score := q.Kind.Range()
	switch {
	case len(values) == 0:
		return survey.Answer{}
	case score:
		n, err := strconv.Atoi(values[0])
		if err != nil {
			n = -1 // on no scale
		}
		return survey.Answer{Score: &n}
	case q.Kind == survey.KindChoice:
		return survey.Answer{Choices: values}
	default:
		return survey.Answer{Text: strings.ToValidUTF8(strings.ReplaceAll(values[0], "\x00", ""), "\ufffd")}
	}
}

// questionOf is the id of the question that a fault belongs to.
func questionOf(f errs.Field) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(f.Field, "answers."), ".")
	return id
}

// wrong says by question what stands in the way: what was answered wrongly, and what was on the page and must be answered.
func (h *surveyPages) wrong(lang string, checked survey.Checked, shown []survey.Question) map[string]string {
	wrong, locale := map[string]string{}, i18n.Match(lang, "")
	for _, f := range checked.Faults {
		if wrong[questionOf(f)] == "" {
			wrong[questionOf(f)] = faultText(h.texts, locale, f)
		}
	}
	for _, q := range shown {
		if slices.Contains(checked.Missing, q.ID) {
			wrong[q.ID] = h.say(lang, "page.required")
		}
	}
	return wrong
}

func (h *surveyPages) say(lang, key string) string {
	return h.texts.Text(i18n.Match(lang, ""), key, nil)
}

// sheet is what one page asks: questions, those that were seen on pages before, the answers, and what is wrong by question.
type sheet struct {
	questions []survey.Question
	seen      []survey.Question
	answers   survey.Answers
	wrong     map[string]string
}

// form shows a sheet.
func (h *surveyPages) form(c *gin.Context, i asked, s sheet, status int) {
	lang := i.template.Language(wantedLanguages(c, i.Recipient.Locale)...)
	p := page{
		Lang: lang, Title: i.template.Title(lang), Words: []string{i.template.Why(lang)}, Sender: i.template.Sender(lang), texts: h.texts,
		Button: h.say(lang, "page.send"), Off: url.PathEscape(c.Param("token")) + "/opt-out?lang=" + url.QueryEscape(lang),
		Shown: questionIDs(s.questions), Seen: questionIDs(s.seen),
	}
	if c.Request.Method == http.MethodGet {
		p.named(i.template.Languages())
	}
	for _, q := range s.questions {
		p.Questions = append(p.Questions, h.question(q, lang, s.answers[q.ID], s.wrong[q.ID]))
		if s.wrong[q.ID] != "" {
			p.Faults = append(p.Faults, pageFault{"q-" + q.ID, q.Text[lang], s.wrong[q.ID]})
		}
	}
	p.show(c, status)
}

// question shows one question with its answer.
func (h *surveyPages) question(q survey.Question, lang string, a survey.Answer, wrong string) pageQuestion {
	v := pageQuestion{
		At: "q-" + q.ID, Field: fieldOf(q), Input: "radio", Class: "list", Text: q.Text[lang], Required: q.Required, Error: wrong,
		Needed: h.say(lang, "page.optional"), Value: a.Text, MaxLength: q.MaxLength,
	}
	if q.Required {
		v.Needed = h.say(lang, "page.needed")
	}
	option := func(value, text string, chosen bool) {
		v.Options = append(v.Options, pageOption{v.At + "-" + or(value, "none"), value, text, chosen})
	}
	low, high, score := q.Kind.Range()
	switch {
	case q.Kind == survey.KindText:
		v.Input = "text"
	case score:
		v.Class, v.Hint = "scale", ends(q, lang, low, high)
		for n := low; n <= high; n++ {
			option(strconv.Itoa(n), strconv.Itoa(n), a.Score != nil && *a.Score == n)
		}
	default:
		if q.Many {
			v.Input = "checkbox"
		}
		for _, o := range q.Options {
			option(o.ID, o.Text[lang], slices.Contains(a.Choices, o.ID))
		}
	}
	if v.Input == "radio" && !q.Required { // without a script a choice cannot be taken back
		option("", h.say(lang, "page.no_answer"), a.IsZero())
	}
	return v
}

// ends says what the ends of a scale mean.
func ends(q survey.Question, lang string, low, high int) string {
	var parts []string
	if text := q.Low[lang]; text != "" {
		parts = append(parts, strconv.Itoa(low)+" = "+text)
	}
	if text := q.High[lang]; text != "" {
		parts = append(parts, strconv.Itoa(high)+" = "+text)
	}
	return strings.Join(parts, " · ")
}

// askOptOut asks whether the reader wants never to be asked again: mail programs follow links by themselves.
func (h *surveyPages) askOptOut(c *gin.Context) {
	if _, err := h.answering.find(c.Request.Context(), c.Param("token")); err != nil {
		h.trouble(c, err)
		return
	}
	lang := i18n.Match(strings.Join(wantedLanguages(c, ""), ","), "")
	p := page{
		Lang: lang, Title: h.say(lang, "page.opt_out"), Words: []string{h.say(lang, "page.opt_out_why")}, Button: h.say(lang, "page.opt_out_yes"),
		Back: "../" + url.PathEscape(c.Param("token")) + "?lang=" + url.QueryEscape(lang), texts: h.texts,
	}
	p.named(i18n.Locales())
	p.show(c, http.StatusOK)
}

// optOut lets the person of the link never be asked again, also with one click in a mail program (RFC 8058).
func (h *surveyPages) optOut(c *gin.Context) {
	ctx := c.Request.Context()
	i, err := h.answering.find(ctx, c.Param("token"))
	if err == nil {
		err = h.answering.optOut(ctx, i, linkMeta(c))
	}
	if err != nil {
		h.trouble(c, err)
		return
	}
	h.message(c, http.StatusOK, "page.opted_out", "page.opted_out_why")
}
