package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// invitations serves who was asked what, with the questionnaire as a form for who asks by phone.
type invitations struct {
	answering *answering
	store     Surveys
	clients   Clients
	inbox     Cases
	now       func() time.Time
}

func (h *invitations) routes(r gin.IRouter) {
	read := need(models.PermSurveyAsk, models.PermSurveyReadAll)
	r.GET("/invitations", read, h.list)
	r.GET("/invitations/:id", read, h.get)
	r.POST("/invitations/:id/answers", need(models.PermSurveyAsk), h.answer)
}

// answersAction is what may be done with an invitation, and with the task to ask by phone.
const answersAction = "answers"

type invitationView struct {
	ID               string         `json:"id"`
	State            string         `json:"state"`
	Purpose          models.Purpose `json:"purpose"`
	SubjectID        string         `json:"subject_id"`
	RunID            *string        `json:"run_id"`
	RecipientID      *string        `json:"recipient_id"`
	FirstID          *string        `json:"first_id"`
	ClientID         string         `json:"client_id"`
	Contact          invitedView    `json:"contact"`
	AccountManagerID *string        `json:"account_manager_id"`
	AccountableID    *string        `json:"accountable_id"`
	Template         string         `json:"template"`
	SurveyVersion    int            `json:"survey_version"`
	CreatedAt        Time           `json:"created_at"`
	AskedAt          *Time          `json:"asked_at"`
	ExpiresAt        Time           `json:"expires_at"`
	AnsweredAt       *Time          `json:"answered_at"`
	Complete         bool           `json:"complete"`
	OptedOut         bool           `json:"opted_out"`
	Score            *int           `json:"score"`
	Verdict          survey.Verdict `json:"verdict"`
	CaseID           *string        `json:"case_id"`
}

type invitedView struct {
	ID     *string `json:"id"`
	Name   string  `json:"name"`
	Email  string  `json:"email"`
	Phone  string  `json:"phone"`
	Locale string  `json:"locale"`
}

func (h *invitations) view(i models.SurveyInvitation) invitationView {
	return invitationView{
		ID: i.ID, State: h.state(i), Purpose: i.Purpose, SubjectID: i.SubjectID, RunID: filled(i.RunID), RecipientID: filled(i.RecipientID),
		FirstID: filled(i.FirstID), ClientID: i.ClientID, Contact: invitedView{filled(i.Recipient.ContactID), i.Recipient.Name, i.Recipient.Email, i.Recipient.Phone, i.Recipient.Locale},
		AccountManagerID: filled(i.AccountManagerID), AccountableID: filled(i.AccountableID), Template: i.Template, SurveyVersion: i.SurveyVersion,
		CreatedAt: Time(i.CreatedAt), AskedAt: timePtr(i.AskedAt), ExpiresAt: Time(i.ExpiresAt), AnsweredAt: timePtr(i.AnsweredAt), Complete: i.Complete,
		OptedOut: i.OptedOut, Score: i.Score, Verdict: or(i.Verdict, survey.NoVerdict), CaseID: filled(i.CaseID),
	}
}

// state says what became of an invitation: planned, asked, answered (perhaps in part), expired or withdrawn.
func (h *invitations) state(i models.SurveyInvitation) string {
	switch {
	case i.AnsweredAt != nil:
		return "answered"
	case i.Withdrawn || i.OptedOut:
		return "withdrawn"
	case !h.now().Before(i.ExpiresAt):
		return "expired"
	case i.AskedAt != nil:
		return "asked"
	}
	return "planned"
}

// list lists the invitations that the caller may know of, the newest first. Filters: subject_id, client_id, run (its id),
// answered.
func (h *invitations) list(c *gin.Context) {
	q := queryOf(c)
	f := models.InvitationFilter{
		SubjectID: q.text("subject_id"), ClientID: q.id("client_id", id.Client), RunID: q.id("run", id.Run), Answered: q.bool("answered"),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Invitations(c.Request.Context(), caller(c).Actor, f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, h.view)
}

type fullInvitationView struct {
	invitationView
	Form    *formView      `json:"form"` // null when there was nothing to ask
	Answers survey.Answers `json:"answers"`
	Missing []string       `json:"missing"` // required questions that apply and have no answer yet
	// AllowedActions holds answers as long as the caller may answer for the client.
	AllowedActions []string `json:"allowed_actions"`
}

// formView is the questionnaire in one language, all questions with their conditions.
type formView struct {
	Language  string         `json:"language"`
	Languages []string       `json:"languages"`
	Title     string         `json:"title"`
	Sender    string         `json:"sender"`
	Why       string         `json:"why"`
	Thanks    string         `json:"thanks"`
	Questions []questionView `json:"questions"`
}

type questionView struct {
	ID        string              `json:"id"`
	Kind      survey.QuestionKind `json:"kind"`
	Text      string              `json:"text"`
	Required  bool                `json:"required"`
	Applies   bool                `json:"applies"` // by the answers that there are
	When      *string             `json:"when"`
	Of        *string             `json:"of"`
	Min       *int                `json:"min"`
	Max       *int                `json:"max"`
	Low       *string             `json:"low"`
	High      *string             `json:"high"`
	Options   []optionView        `json:"options"`
	Many      bool                `json:"many"`
	MaxLength *int                `json:"max_length"`
}

type optionView struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

func toFormView(t *survey.Template, lang string, answers survey.Answers) *formView {
	applies := map[string]bool{}
	for _, q := range t.Visible(answers) {
		applies[q.ID] = true
	}
	return &formView{
		Language: lang, Languages: t.Languages(), Title: t.Title(lang), Sender: t.Sender(lang), Why: t.Why(lang), Thanks: t.Thanks(lang),
		Questions: each(t.Questions(), func(q survey.Question) questionView {
			v := questionView{
				ID: q.ID, Kind: q.Kind, Text: q.Text[lang], Required: q.Required, Applies: applies[q.ID], When: filled(q.When), Of: filled(q.Of), Many: q.Many,
				Low: filled(q.Low[lang]), High: filled(q.High[lang]),
				Options: each(q.Options, func(o survey.Option) optionView { return optionView{o.ID, o.Text[lang]} }),
			}
			if low, high, ok := q.Kind.Range(); ok {
				v.Min, v.Max = &low, &high
			}
			if q.Kind == survey.KindText {
				v.MaxLength = &q.MaxLength
			}
			return v
		}),
	}
}

// get answers an invitation with its questionnaire and the answers. 404 unknown or not for the caller to know of.
func (h *invitations) get(c *gin.Context) {
	i, asks, err := h.visible(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, h.full(c, i, asks))
}

func (h *invitations) full(c *gin.Context, i asked, asks bool) fullInvitationView {
	v := fullInvitationView{invitationView: h.view(i.SurveyInvitation), Answers: i.Answers, Missing: []string{}, AllowedActions: []string{}}
	if v.Answers == nil {
		v.Answers = survey.Answers{}
	}
	if i.template != nil {
		lang := i.template.Language(i.Recipient.Locale, localeOf(c))
		v.Form = toFormView(i.template, lang, i.Answers)
		v.Missing = append(v.Missing, i.template.Check(i.Answers, lang).Missing...)
	}
	if asks && may(c, models.PermSurveyAsk) && i.over(h.now()) == nil {
		v.AllowedActions = append(v.AllowedActions, answersAction)
	}
	return v
}

// visible reads the invitation of the path: for who reads all of them, for who may answer for the client, which asks says,
// and for who was accountable for what it asks about.
func (h *invitations) visible(c *gin.Context) (i asked, asks bool, err error) {
	ctx, actor := c.Request.Context(), caller(c).Actor
	if !id.Valid(id.Invitation, c.Param("id")) {
		return i, false, notFound()
	}
	row, err := h.store.Invitation(ctx, c.Param("id"))
	if err != nil {
		return i, false, err
	}
	if asks, err = h.asks(ctx, actor, row); err != nil {
		return i, false, err
	}
	if !asks && !may(c, models.PermSurveyReadAll) && !inRightOf(actor, row.AccountableID) {
		return i, false, notFound()
	}
	i, err = h.answering.open(ctx, row)
	return i, asks, err
}

// asks reports whether the actor may answer for the client: the account manager, and who has the task to call; or who acts
// for one of them.
func (h *invitations) asks(ctx context.Context, actor models.Actor, row models.SurveyInvitation) (bool, error) {
	client, err := h.clients.Client(ctx, row.ClientID)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return false, err
	}
	if inRightOf(actor, textOf(client.AccountManagerID)) {
		return true, nil
	}
	calls, _, err := h.inbox.Tasks(ctx, actor, models.TaskFilter{Box: models.BoxTodo, SubjectID: row.ID}, models.Page{Limit: maxLimit})
	return slices.ContainsFunc(calls, func(t models.TaskRow) bool { return t.SubjectID == row.ID && t.Kind == models.TaskSurveyCall }), err
}

// inRightOf reports whether the actor is the user, or acts for them.
func inRightOf(actor models.Actor, userID string) bool {
	is := func(p models.Person) bool { return userID != "" && p.ID == userID }
	return slices.ContainsFunc(actor.In(models.FollowUpProcess), is)
}

// answer takes what a client said by phone. 404 not for the caller to know of, 403 not theirs to ask, 409 process_closed
// when it takes no answers any more, 422 with every fault.
func (h *invitations) answer(c *gin.Context) {
	invitationID := c.Param("id")
	if !id.Valid(id.Invitation, invitationID) {
		fail(c, notFound())
		return
	}
	i, asks, err := h.visible(c)
	if err == nil && !asks {
		err = errs.New(errs.Forbidden, "forbidden.survey")
	}
	if err == nil {
		_, err = h.answering.take(c, i, metaOf(c))
	}
	if err = h.answering.unlessTaken(c.Request.Context(), invitationID, metaOf(c), err); err == nil {
		i, err = h.again(c.Request.Context(), invitationID)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, h.full(c, i, asks))
}

// again reads an invitation after an answer was taken.
func (h *invitations) again(ctx context.Context, invitationID string) (asked, error) {
	row, err := h.store.Invitation(ctx, invitationID)
	var i asked
	if err == nil {
		i, err = h.answering.open(ctx, row)
	}
	if err != nil {
		return i, unread(err)
	}
	return i, nil
}
