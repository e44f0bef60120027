package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

const linkPage = "/s/" + linkA

// TestSurveyPageAsksInTwoSteps: a question with a condition comes on the next page, and what was answered before is kept.
func TestSurveyPageAsksInTwoSteps(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	first := b.open(linkPage)
	require.Equal(t, http.StatusOK, first.StatusCode)
	require.Contains(t, first.text, "How did we handle your request?")
	require.Contains(t, words(first.all("main")[0]), "Asked by: Customer Relations", "who asks")
	require.Contains(t, first.text, "One minute tells us", "and why")
	require.Equal(t, []string{"a.satisfaction", "a.ease"}, first.fields())

	form := first.hidden()
	form.Set("a.satisfaction", "1")
	second := b.fill(linkPage, form)
	require.Equal(t, http.StatusOK, second.StatusCode)
	require.Equal(t, []string{"a.reason"}, second.fields(), "what was seen is not asked again")
	kept := b.store.invitations[invitationA]
	require.Equal(t, 1, *kept.Score, "kept before the last page")
	require.False(t, kept.Complete)

	form = second.hidden()
	form.Set("a.reason", "  Too slow\r\nand too late ")
	last := b.fill(linkPage, form)
	require.Equal(t, http.StatusOK, last.StatusCode)
	require.Contains(t, last.text, "Thank you. If you were not satisfied we will call you back.")
	require.Empty(t, last.all("form"))
	kept = b.store.invitations[invitationA]
	require.True(t, kept.Complete)
	require.Equal(t, "Too slow\nand too late", kept.Answers["reason"].Text)
	require.Equal(t, survey.Dissatisfied, kept.Verdict)
	for _, s := range b.engine.sent {
		require.Equal(t, []string{models.FollowUpType, "follow-up/" + invitationA, "respond"}, []string{s.workflowType, s.workflowID, s.name})
		require.Equal(t, models.TheRecipient, s.meta.Actor.ID)
		require.Empty(t, s.meta.Actor.Roles)
	}
	require.Equal(t, http.StatusGone, b.open(linkPage).StatusCode, "single use")
	require.Equal(t, http.StatusGone, b.fill(linkPage, form).StatusCode)
	require.Len(t, b.responses(), 2)
}

// TestSurveyPageTakesNoMoreOnceAnAnswerInPartCounts: nobody fills in what can be kept no more.
func TestSurveyPageTakesNoMoreOnceAnAnswerInPartCounts(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	form := b.open(linkPage).hidden()
	form.Set("a.satisfaction", "1")
	second := b.fill(linkPage, form)
	require.Equal(t, http.StatusOK, second.StatusCode)
	require.Equal(t, http.StatusOK, b.open(linkPage).StatusCode, "the rest may come")
	path := "/invitations/" + invitationA
	require.Equal(t, []any{"answers"}, b.get(amy, path)["allowed_actions"])

	b.store.follows[invitationA].Status = models.FollowUpAnswered // half an hour later
	page := b.open(linkPage)
	require.Equal(t, http.StatusGone, page.StatusCode)
	require.Contains(t, page.text, "This link has been used")
	require.Empty(t, b.get(amy, path)["allowed_actions"])
}

func TestSurveyPageEndsWhenNothingMoreApplies(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	form := b.open(linkPage).hidden()
	form.Set("a.satisfaction", "5")
	form.Set("a.ease", "7")
	require.Contains(t, b.fill(linkPage, form).text, "Thank you")
	require.True(t, b.store.invitations[invitationA].Complete)
	r := b.responses()
	require.Len(t, r, 1)
	require.False(t, r[0].Partial)
}

// TestSurveyPageKeepsWhatIsRight: faults are shown at their questions, and the rest is kept.
func TestSurveyPageKeepsWhatIsRight(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	form := b.open(linkPage).hidden()
	form.Set("a.ease", "3")
	page := b.fill(linkPage, form)
	require.Equal(t, http.StatusUnprocessableEntity, page.StatusCode)
	require.Equal(t, 3, *b.store.invitations[invitationA].Answers["ease"].Score)
	require.True(t, b.responses()[0].Partial)
	summary := page.all("ul")[0]
	require.Contains(t, words(summary), "Please answer this question.")
	at := strings.TrimPrefix(attribute(page.all("li")[0].FirstChild, "href"), "#")
	for _, group := range page.all("fieldset") {
		if attribute(group, "id") == at {
			require.Equal(t, "true", attribute(group, "aria-invalid"))
			require.Contains(t, attribute(group, "aria-describedby"), at+"-error")
		}
	}
	require.Contains(t, page.text, `id="`+at+`-error"`)
	require.True(t, strings.HasPrefix(words(page.all("title")[0]), "Please check:"))

	form = page.hidden()
	form.Set("a.satisfaction", "99")
	form.Set("a.ease", "")
	page = b.fill(linkPage, form)
	require.Equal(t, http.StatusUnprocessableEntity, page.StatusCode)
	require.Contains(t, page.text, "must be from 1 to 5")
	require.NotContains(t, b.store.invitations[invitationA].Answers, "ease", "taken back")

	nothing := b.fill(linkPage, b.open(linkPage).hidden())
	require.Equal(t, http.StatusUnprocessableEntity, nothing.StatusCode)
	sent := len(b.engine.sent)
	b.fill(linkPage, url.Values{"a.satisfaction": {"many"}, "shown": {"satisfaction,no_such"}})
	require.Len(t, b.engine.sent, sent, "what says nothing is not worth a step")
}

// TestSurveyPageTakesAChangedMind: an answer whose question does not apply any more falls away.
func TestSurveyPageTakesAChangedMind(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	two := 2
	b.invite("case_resolved", func(i *models.SurveyInvitation) {
		i.Answers = survey.Answers{"satisfaction": {Score: &two}, "reason": {Text: "slow"}}
	})
	page := b.open(linkPage)
	require.Equal(t, []string{"a.satisfaction", "a.reason", "a.ease"}, page.fields(), "with what was answered before")
	form := page.hidden()
	form.Set("a.satisfaction", "5")
	form.Set("a.reason", "slow")
	require.Contains(t, b.fill(linkPage, form).text, "Thank you")
	require.Equal(t, survey.Answers{"satisfaction": {Score: new(5)}}, b.store.invitations[invitationA].Answers)
}

func TestSurveyPageTakesChoices(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("reception", func(i *models.SurveyInvitation) { i.Purpose = models.PurposeCampaign })
	form := b.open(linkPage).hidden()
	form.Set("a.satisfaction", "4")
	form["a.good"] = []string{"talks", "welcome"}
	require.Equal(t, http.StatusOK, b.fill(linkPage, form).StatusCode)
	require.Equal(t, []string{"welcome", "talks"}, b.store.invitations[invitationA].Answers["good"].Choices)
}

// TestSurveyPageSpeaksTheLanguageOfItsReader: the one chosen, else the recipient's, else the browser's.
func TestSurveyPageSpeaksTheLanguageOfItsReader(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	b.invite("case_resolved")
	page := b.open(linkPage, "Accept-Language", "zh-CN")
	require.Equal(t, "en", attribute(page.all("html")[0], "lang"), "the recipient's own")
	other := page.all("nav")[0].FirstChild.NextSibling
	require.Equal(t, []string{"?lang=zh-CN", "zh-CN", "简体中文"}, []string{attribute(other, "href"), attribute(other, "lang"), words(other)})
	page = b.open(linkPage + "?lang=zh-CN")
	require.Equal(t, "zh-CN", attribute(page.all("html")[0], "lang"))
	require.Contains(t, page.text, "您对本次处理结果满意吗？")
	require.Contains(t, page.text, "提交")
	form := page.hidden()
	form.Set("a.ease", "9")
	page = b.fill(linkPage, form)
	require.Contains(t, page.text, "请回答这个问题", "the form remembers it")

	b.invite("case_resolved", func(i *models.SurveyInvitation) { i.Recipient.Locale = "" })
	page = b.open(linkPage, "Accept-Language", "fr, zh;q=0.5")
	require.Equal(t, "zh-CN", attribute(page.all("html")[0], "lang"), "the browser's")
	require.Equal(t, "en", attribute(b.open(linkPage, "Accept-Language", ";;;").all("html")[0], "lang"))
}

// TestDeadLinksRevealNothing: a link that is over looks like one that never was, but for its words.
func TestDeadLinksRevealNothing(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	secrets := []string{"Zhang", "acme", "Acme", "5555", "handle your request", "Customer Relations", invitationA, campaignNone, linkA, "case_resolved"}
	shapes := map[string]string{}
	for name, tc := range map[string]struct {
		change func(*models.SurveyInvitation)
		path   string
		status int
		want   string
	}{
		"unknown":   {nil, "/s/mcq_unknown", http.StatusNotFound, "This link is not valid"},
		"no_token":  {nil, "/s/" + strings.Repeat("%F0", 40), http.StatusNotFound, "This link is not valid"},
		"used":      {func(i *models.SurveyInvitation) { i.Complete = true }, linkPage, http.StatusGone, "This link has been used"},
		"expired":   {func(i *models.SurveyInvitation) { i.ExpiresAt = friday(3, 0) }, linkPage, http.StatusGone, "The time to answer is over"},
		"withdrawn": {func(i *models.SurveyInvitation) { i.Withdrawn = true }, linkPage, http.StatusGone, "Your answer is no longer needed"},
		"opted_out": {func(i *models.SurveyInvitation) { i.OptedOut = true }, linkPage, http.StatusGone, "Your answer is no longer needed"},
	} {
		if tc.change != nil {
			b.invite("case_resolved", tc.change)
		}
		page := b.open(tc.path)
		require.Equal(t, tc.status, page.StatusCode, name)
		require.Equal(t, tc.want, words(page.all("h1")[0]), name)
		for _, secret := range secrets {
			require.NotContains(t, page.text, secret, name)
		}
		var shape strings.Builder
		for n := range page.doc.Descendants() {
			if n.Type == html.ElementNode {
				shape.WriteString(n.Data + " ")
			}
		}
		shapes[shape.String()] = name
		require.Equal(t, tc.status, b.fill(tc.path, url.Values{"a.satisfaction": {"5"}}).StatusCode, name)
		require.Equal(t, "链接无效", words(b.open("/s/mcq_unknown?lang=zh-CN").all("h1")[0]))
	}
	require.Len(t, shapes, 1, "%v", shapes)
	require.Empty(t, b.engine.sent)
}

// TestHostileTextStaysText: what somebody writes is shown as it was written, and never runs.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t)
	two := 2
	const hostile = `</textarea><script>alert(1)</script><img src=x onerror=alert(2)>"'&{{.}}`
	b.invite("case_resolved", func(i *models.SurveyInvitation) {
		i.Answers = survey.Answers{"satisfaction": {Score: &two}, "reason": {Text: hostile}}
	})
	page := b.open(linkPage)
	require.Empty(t, page.all("script"))
	require.Empty(t, page.all("img"))
	require.Equal(t, hostile, page.all("textarea")[0].FirstChild.Data)
	for _, lang := range []string{`"><script>alert(1)</script>`, "javascript:alert(1)", strings.Repeat("x", 5000)} {
		page = b.open(linkPage + "?lang=" + url.QueryEscape(lang))
		require.Equal(t, http.StatusOK, page.StatusCode)
		require.NotContains(t, page.text, "alert(1)</script>\">")
		require.Empty(t, page.all("script"))
	}
	form := url.Values{"shown": {"satisfaction,reason"}, "a.satisfaction": {"2"}, "a.reason": {"<b>\u202eevil\x00"}}
	page = b.fill(linkPage, form)
	require.Equal(t, http.StatusUnprocessableEntity, page.StatusCode, "text that turns what follows it round")
	require.Empty(t, page.all("b"))
	form.Set("a.reason", strings.Repeat("长", 2001))
	page = b.fill(linkPage, form)
	require.Equal(t, http.StatusUnprocessableEntity, page.StatusCode)
	require.Contains(t, page.text, "at most 2000")
	require.Equal(t, 2, *b.store.invitations[invitationA].Answers["satisfaction"].Score)

	require.Equal(t, http.StatusRequestEntityTooLarge, b.fill(linkPage, url.Values{"a.reason": {strings.Repeat("x", 1<<20)}}).StatusCode)
	require.Equal(t, http.StatusUnprocessableEntity, b.browse("POST", linkPage, "%zz=%zz").StatusCode, "a form that cannot be read is an empty one")
}

// TestOptOut: by the page, by one click, and by a link that is over; a mail program that only looks changes nothing.
func TestOptOut(t *testing.T) {
	t.Parallel()
	keys := []string{"email:zhang@acme.example", "phone:+86215555", "contact:"}
	b := newCampaignBench(t)
	b.invite("case_resolved")
	off := b.open(linkPage).all("a")
	require.Equal(t, linkA+"/opt-out?lang=en", attribute(off[len(off)-1], "href"))
	page := b.open(linkPage + "/opt-out")
	require.Equal(t, http.StatusOK, page.StatusCode)
	require.Empty(t, b.store.optedOut)
	page = b.browse("POST", linkPage+"/opt-out", "List-Unsubscribe=One-Click")
	require.Equal(t, http.StatusOK, page.StatusCode)
	require.Contains(t, page.text, "We will not ask you again")
	require.Subset(t, keys, b.store.optedOut)
	require.NotEmpty(t, b.store.optedOut)
	require.True(t, b.responses()[0].OptOut)
	require.Equal(t, http.StatusGone, b.open(linkPage).StatusCode)

	for name, change := range map[string]func(*models.SurveyInvitation){
		"expired": func(i *models.SurveyInvitation) { i.ExpiresAt = friday(2, 0) },
		"used":    func(i *models.SurveyInvitation) { i.Complete = true },
	} {
		b := newCampaignBench(t)
		b.invite("case_resolved", change)
		require.Equal(t, http.StatusOK, b.fill(linkPage+"/opt-out", nil).StatusCode, name)
		require.NotEmpty(t, b.store.optedOut, name)
	}
	b = newCampaignBench(t)
	b.invite("case_resolved")
	b.engine.err = errs.New(errs.ProcessClosed, "process_closed")
	require.Equal(t, http.StatusOK, b.fill(linkPage+"/opt-out", nil).StatusCode)
	require.NotEmpty(t, b.store.optedOut, "the process ended meanwhile")
	require.Equal(t, http.StatusNotFound, b.fill("/s/mcq_unknown/opt-out", nil).StatusCode)
	require.Equal(t, http.StatusNotFound, b.open("/s/mcq_unknown/opt-out").StatusCode)
}

// TestSurveyPageSaysWhenItFails: kindly, and nothing inner.
func TestSurveyPageSaysWhenItFails(t *testing.T) {
	t.Parallel()
	b := newCampaignBench(t, func(d *api.Deps) { d.Limits = api.Limits{LinkPerMinute: 1, LinkBurst: 3} })
	b.invite("case_resolved")
	form := b.open(linkPage).hidden()
	form.Set("a.satisfaction", "5")
	b.engine.err = errSecret
	page := b.fill(linkPage, form)
	require.Equal(t, http.StatusServiceUnavailable, page.StatusCode)
	require.Contains(t, page.text, "We could not keep your answers.")
	require.NotContains(t, page.text, "hunter2")
	require.NotEmpty(t, page.Header.Get("Retry-After"))
	require.NotContains(t, b.log.String(), linkA, "a link is a secret")
	b.engine.err = errs.New(errs.ProcessClosed, "survey.closed")
	require.Equal(t, http.StatusGone, b.fill(linkPage, form).StatusCode)
	page = b.open(linkPage)
	require.Equal(t, http.StatusTooManyRequests, page.StatusCode)
	require.Contains(t, page.text, "Nothing is lost.")
	problem(t, b.do("", "POST", "/api/v1/responses/"+linkA, `{}`), http.StatusTooManyRequests, "rate_limited")
}
