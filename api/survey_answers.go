package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// answering takes answers to surveys: from the public page, from programs that hold a personal link, and from who asks by
// phone. They are held against the template here, and again by the process.
type answering struct {
	engine Engine
	store  Surveys
	words  Words
	rules  *rulebook.Book
	hash   func(token string) (hash [32]byte, ok bool)
	now    func() time.Time
}

func newAnswering(d Deps, rules *rulebook.Book, now func() time.Time) *answering {
	return &answering{engine: d.Engine, store: d.Surveys, words: d.Words, rules: rules, hash: d.HashLink, now: now}
}

// personalLink reports whether a path holds the secret of a personal link, which is nobody's business but the recipient's:
// no trace has it.
func personalLink(path string) bool {
	return strings.HasPrefix(path, "/s/") || strings.HasPrefix(path, "/api/v1/responses/")
}

// asked is an invitation with the template that it asks by.
type asked struct {
	models.SurveyInvitation
	template *survey.Template
	settled  bool // it was answered in part, and the rest can come no more
}

// find returns the invitation of a personal link; not_found for a link that was never given out.
func (h *answering) find(ctx context.Context, token string) (asked, error) {
	hash, ok := h.hash(token)
	if !ok {
		return asked{}, notFound()
	}
	row, err := h.store.InvitationByToken(ctx, hash[:])
	if err != nil {
		return asked{}, err
	}
	return h.open(ctx, row)
}

// open adds the template in the version that the invitation was made with.
func (h *answering) open(ctx context.Context, row models.SurveyInvitation) (asked, error) {
	if row.SurveyVersion == 0 { // it was skipped before anything was to be asked
		return asked{SurveyInvitation: row}, nil
	}
	book, err := h.rules.Surveys(ctx, row.SurveyVersion)
	if err != nil {
		return asked{}, err
	}
	template, err := book.Template(row.Template)
	if errs.CodeOf(err) == errs.NotFound && row.Template == "" {
		return asked{SurveyInvitation: row}, nil
	}
	i := asked{SurveyInvitation: row, template: template}
	if err != nil || row.AnsweredAt == nil || row.Complete {
		return i, err
	}
	s, err := h.store.FollowUpState(ctx, row.ID)
	i.settled = err == nil && s.Over()
	if errs.CodeOf(err) == errs.NotFound {
		err = nil
	}
	return i, err
}

// over says why the invitation takes no answers any more; nil while it does.
func (i asked) over(now time.Time) error {
	switch {
	case i.Complete, i.settled:
		return errs.New(errs.ProcessClosed, "survey.answered")
	case i.Withdrawn, i.OptedOut, i.template == nil:
		return errs.New(errs.ProcessClosed, "survey.withdrawn")
	case !now.Before(i.ExpiresAt):
		return errs.New(errs.ProcessClosed, "survey.expired")
	}
	return nil
}

// with is what is known when these answers are added to those that are kept: one that says nothing takes the kept one back,
// and so does a question that does not apply any more. cleared are the kept ones that fall away by that.
func (i asked) with(given survey.Answers) (all, cleared survey.Answers) {
	all = maps.Clone(i.Answers)
	if all == nil {
		all = survey.Answers{}
	}
	maps.Copy(all, given)
	all, cleared = i.template.Canonical(all), survey.Answers{}
	applies := i.template.Visible(all)
	for question := range i.Answers {
		_, again := given[question]
		if !again && !slices.ContainsFunc(applies, func(q survey.Question) bool { return q.ID == question }) {
			cleared[question] = survey.Answer{}
			delete(all, question)
		}
	}
	return all, cleared
}

// submit gives answers to the process of the invitation, which it starts if there is none yet. The process keeps them
// beside those that it has.
func (h *answering) submit(ctx context.Context, i asked, meta models.Meta, r models.Response) error {
	data, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of texts and numbers
	}
	_, err = h.engine.Start(ctx, models.FollowUpType, models.FollowUpWorkflowID(i.ID), models.FollowUpInput{InvitationID: i.ID},
		string(models.FollowUpRespond), string(models.FollowUpRespond)+":"+meta.RequestID,
		models.FollowUpEvent{Meta: meta, Action: models.FollowUpRespond, Data: data})
	if errs.CodeOf(err) == errs.NotFound { // it has just ended
		return errs.Wrap(err, errs.ProcessClosed, "survey.answered")
	}
	if err == nil && r.OptOut {
		h.words.Tell(ctx) // that nobody calls any more
	}
	return err
}

// unlessTaken turns the refusal of a command into nil where the process has taken that command before. The link may be used up
// by it, or the caller's task to ask be done: the refusal is only what follows from the command.
func (h *answering) unlessTaken(ctx context.Context, invitationID string, meta models.Meta, err error) error {
	switch errs.CodeOf(err) {
	case errs.ProcessClosed, errs.NotFound, errs.Forbidden, errs.Invalid:
	default:
		return err
	}
	s, readErr := h.store.FollowUpState(ctx, invitationID)
	if readErr != nil && errs.CodeOf(readErr) != errs.NotFound {
		return readErr
	}
	if slices.Contains(s.Handled, meta.RequestID) {
		return nil
	}
	return err
}

// optOut lets the person never be asked again. It is honoured by a link that is over, too.
func (h *answering) optOut(ctx context.Context, i asked, meta models.Meta) error {
	if i.over(h.now()) == nil {
		err := h.submit(ctx, i, meta, models.Response{OptOut: true})
		if errs.CodeOf(err) != errs.ProcessClosed {
			return err
		}
	}
	err := h.store.OptOut(ctx, i.ID, i.Recipient.Keys(), h.now().UTC())
	if err == nil {
		h.words.Tell(ctx)
	}
	return err
}

// linkMeta is the authority of who holds a personal link.
func linkMeta(c *gin.Context) models.Meta {
	return models.Meta{
		Actor: models.Actor{Person: models.Person{ID: models.TheRecipient}}, RequestID: id.New(id.Request), TraceID: requestIDOf(c),
	}
}

// responseMeta is linkMeta for answers from a program. Under an Idempotency-Key the same body is the same command of this link, so
// that one whose answer got lost can be repeated. No answer is kept for who has no login: another body is another command.
func responseMeta(c *gin.Context, i asked) (models.Meta, error) {
	meta := linkMeta(c)
	key, err := keyOf(c)
	if key != "" {
		meta.RequestID = id.Derive(id.Request, i.ID, key+"\x00"+string(bodyOf(c)))
	}
	return meta, err
}

// public registers what needs no login.
func (h *answering) public(r gin.IRouter) { r.POST("/responses/:token", h.respond) }

type answersRequest struct {
	Answers map[string]survey.Answer `json:"answers"`
	Locale  string                   `json:"locale" binding:"max=35"` // in which it was asked
	OptOut  bool                     `json:"opt_out"`
}

type answeredView struct {
	Complete bool     `json:"complete"`
	Missing  []string `json:"missing"` // required questions that apply and have no answer yet
}

// respond takes answers by a personal link. 404 for a link that was never given out, 409 process_closed for one that was
// used, is off or has expired, 422 with every fault.
func (h *answering) respond(c *gin.Context) {
	i, err := h.find(c.Request.Context(), c.Param("token"))
	var meta models.Meta
	if err == nil {
		meta, err = responseMeta(c, i)
	}
	var view answeredView
	if err == nil {
		view, err = h.take(c, i, meta)
		err = h.unlessTaken(c.Request.Context(), i.ID, meta, err)
	}
	if err != nil {
		if errs.CodeOf(err) == errs.Pending {
			c.Header("Location", "/s/"+c.Param("token")) // the page shows what was answered so far
		}
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

// take reads answers from the body of the request and gives them to the process. Where it refuses, the view says how the answers
// stand.
func (h *answering) take(c *gin.Context, i asked, meta models.Meta) (answeredView, error) {
	var req answersRequest
	ctx, view := c.Request.Context(), answeredView{Complete: i.Complete, Missing: []string{}}
	if err := bind(c, &req); err != nil {
		return view, err
	}
	if req.OptOut && len(req.Answers) == 0 {
		return view, h.optOut(ctx, i, meta)
	}
	if err := i.over(h.now()); err != nil {
		if i.template != nil {
			view.Missing = append(view.Missing, i.template.Check(i.Answers, i.template.Language(i.Recipient.Locale)).Missing...)
		}
		return view, err
	}
	if len(req.Answers) == 0 {
		var f faults
		f.add("answers", "required")
		return view, f.err()
	}
	lang := i.template.Language(req.Locale, i.Recipient.Locale)
	all, cleared := i.with(req.Answers)
	checked := i.template.Check(all, lang)
	if len(checked.Faults) > 0 {
		return view, errs.NewInvalid(checked.Faults...)
	}
	maps.Copy(cleared, req.Answers)
	view.Complete, view.Missing = checked.Complete, append(view.Missing, checked.Missing...)
	return view, h.submit(ctx, i, meta, models.Response{Answers: cleared, Locale: lang, OptOut: req.OptOut})
}
