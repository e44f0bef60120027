package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// campaignView shows a campaign; the fields of its definition stand at the top, as they are written.
type campaignView struct {
	ID             string                  `json:"id"`
	Number         string                  `json:"number"`
	State          models.CampaignStatus   `json:"state"`
	Name           string                  `json:"name"`
	Audience       campaign.Audience       `json:"audience"`
	Template       string                  `json:"template"`
	Channels       []campaign.Channel      `json:"channels"`
	Rate           int                     `json:"rate"`
	Window         *campaign.Window        `json:"window"`
	QuietHours     *campaign.Quiet         `json:"quiet_hours"`
	Reminders      remindersBody           `json:"reminders"`
	ExpiresAfter   string                  `json:"expires_after"`
	Priority       int                     `json:"priority"`
	Schedule       *scheduleView           `json:"schedule"`
	Runs           int                     `json:"runs"`
	Run            *campaignRunView        `json:"run"`
	PausedBy       *string                 `json:"paused_by"`
	ClientID       *string                 `json:"client_id"`      // always null: a campaign asks many
	PolicyVersion  *int                    `json:"policy_version"` // of the latest run; null before the first
	Version        int64                   `json:"version"`        // of the definition
	CreatedBy      string                  `json:"created_by"`
	CreatedAt      Time                    `json:"created_at"`
	UpdatedAt      Time                    `json:"updated_at"`
	ClosedAt       *Time                   `json:"closed_at"`
	AllowedActions []models.CampaignAction `json:"allowed_actions"`
}

// campaignRunView is the run that is under way.
type campaignRunView struct {
	N         int  `json:"n"`
	StartedAt Time `json:"started_at"`
	Until     Time `json:"until"`
}

func (h *campaigns) view(c *gin.Context, row models.CampaignRow) campaignView {
	s := &row.State
	d := s.Definition
	v := campaignView{
		ID: s.ID, Number: s.Number, State: s.Status, Name: d.Name, Audience: d.Audience, Template: d.Template,
		Channels: append([]campaign.Channel{}, d.Channels...), Rate: d.Rate, Window: d.Window, QuietHours: d.QuietHours,
		Reminders: remindersBody{d.Reminders.Count, spanText(d.Reminders.Spacing)}, ExpiresAfter: spanText(d.ExpiresAfter),
		Priority: or(d.Priority, usualPriority), Schedule: toScheduleView(d.Schedule), Runs: s.Runs, PausedBy: filled(s.PausedBy),
		Version: s.Version, CreatedBy: s.CreatedBy, CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), ClosedAt: timePtr(s.ClosedAt),
		AllowedActions: models.AllowedCampaign(s, caller(c).Actor),
	}
	if s.Run != nil {
		v.Run = &campaignRunView{s.Run.N, Time(s.Run.StartedAt), Time(s.Run.Until)}
	}
	if row.Run != nil {
		v.PolicyVersion = &row.Run.PolicyVersion
	}
	return v
}

// usualPriority is that of a campaign which names none.
const usualPriority = 3

// spanText writes a span as a policy does; nothing for none.
func spanText(s sla.Span) string {
	if s.IsZero() {
		return ""
	}
	return s.String()
}

// scheduleView is a schedule in an answer, which writes its instant as all answers do.
type scheduleView struct {
	scheduleBody
	At *Time `json:"at,omitempty"`
}

func toScheduleView(s *campaign.Schedule) *scheduleView {
	if s == nil {
		return nil
	}
	v := &scheduleView{scheduleBody: scheduleBody{
		Kind: s.Kind, Cron: s.Cron, Timezone: s.Timezone, Overlap: s.Overlap, CatchUpWindow: spanText(s.CatchUpWindow),
	}}
	if !s.At.IsZero() {
		v.At = timePtr(&s.At)
	}
	return v
}

// runCounts are the counts of a run: the first five after the audience add up to it.
type runCounts struct {
	Audience   int64            `json:"audience"`
	Pending    int64            `json:"pending"`
	Sent       int64            `json:"sent"`
	Skipped    int64            `json:"skipped"`
	Failed     int64            `json:"failed"`
	Withdrawn  int64            `json:"withdrawn"`
	Delivered  int64            `json:"delivered"` // taken by the channel
	Reminded   int64            `json:"reminded"`
	Responded  int64            `json:"responded"`
	Expired    int64            `json:"expired"`
	Repeated   int64            `json:"repeated"`
	SkippedBy  map[string]int64 `json:"skipped_by"`
	FailedBy   map[string]int64 `json:"failed_by"`
	WaitingFor map[string]int64 `json:"waiting_for"`
}

func toRunCounts(r models.RunRow) runCounts {
	counts := func(m map[string]int64) map[string]int64 {
		if m == nil {
			return map[string]int64{}
		}
		return m
	}
	return runCounts{
		Audience: r.Audience, Pending: r.Pending, Sent: r.Sent, Skipped: r.Skipped, Failed: r.Failed, Withdrawn: r.Withdrawn,
		Delivered: r.Sent, Reminded: r.Reminded, Responded: r.Responded, Expired: r.Expired, Repeated: r.Repeated,
		SkippedBy: counts(r.SkippedBy), FailedBy: counts(r.FailedBy), WaitingFor: counts(r.WaitingFor),
	}
}

type progressView struct {
	runCounts
	Score *scoreView            `json:"score"` // of the template's main question; null when it has none
	Run   int                   `json:"run"`   // 0: none yet
	State models.CampaignStatus `json:"state"`
}

// progress answers the counts of a run, the latest one unless the parameter run names another. 404 unknown.
func (h *campaigns) progress(c *gin.Context) {
	ctx := c.Request.Context()
	s, run, err := h.run(c, queryOf(c))
	if err != nil {
		fail(c, err)
		return
	}
	v := progressView{runCounts: toRunCounts(run), Run: run.N, State: s.Status}
	if run.N > 0 && run.N < s.Runs {
		v.State = models.CampaignEnded // of an earlier run
	}
	if run.N > 0 {
		v.Score, err = h.score(ctx, s, run)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, v)
}

// run reads the campaign of the path and the run that the parameter names, the latest if absent; an empty one before the
// first. Further parameters were read from q before.
func (h *campaigns) run(c *gin.Context, q *query) (models.CampaignState, models.RunRow, error) {
	n := q.int("run", 1, maxRun, 0)
	if err := q.err(); err != nil {
		return models.CampaignState{}, models.RunRow{}, err
	}
	ctx := c.Request.Context()
	row, err := h.store.Campaign(ctx, c.Param("id"))
	if err != nil || row.State.Runs == 0 && n == 0 {
		return row.State, models.RunRow{}, err
	}
	run, err := h.store.RunOf(ctx, row.State.ID, n)
	return row.State, run, err
}

// maxRun is more than a campaign that runs every minute has in centuries.
const maxRun = 1 << 30

type runView struct {
	ID string `json:"id"`
	N  int    `json:"n"`
	runCounts
	StartedAt       Time   `json:"started_at"`
	Until           Time   `json:"until"`
	EndedAt         *Time  `json:"ended_at"`
	SurveyVersion   int    `json:"survey_version"`
	PolicyVersion   int    `json:"policy_version"`
	CalendarID      string `json:"calendar_id"`
	CalendarVersion int    `json:"calendar_version"`
}

func toRunView(r models.RunRow) runView {
	return runView{
		ID: r.ID, N: r.N, runCounts: toRunCounts(r), StartedAt: Time(r.StartedAt), Until: Time(r.Until), EndedAt: timePtr(r.EndedAt),
		SurveyVersion: r.SurveyVersion, PolicyVersion: r.PolicyVersion, CalendarID: r.CalendarID, CalendarVersion: r.CalendarVersion,
	}
}

// runs lists the runs of a campaign, the latest first. 404 unknown.
func (h *campaigns) runs(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	row, err := h.store.Campaign(ctx, c.Param("id"))
	var rows []models.RunRow
	var next string
	if err == nil {
		rows, next, err = h.store.Runs(ctx, row.State.ID, p)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toRunView)
}

type recipientView struct {
	ID               string                `json:"id"`
	ClientID         string                `json:"client_id"`
	ContactID        *string               `json:"contact_id"`
	Name             string                `json:"name"`
	Email            string                `json:"email"`
	Phone            string                `json:"phone"`
	Locale           string                `json:"locale"`
	TimeZone         string                `json:"time_zone"`
	Class            string                `json:"class"`
	Region           string                `json:"region"`
	AccountManagerID *string               `json:"account_manager_id"`
	State            models.RecipientState `json:"state"`
	Reason           *string               `json:"reason"`
	DueAt            *Time                 `json:"due_at"`
	Channel          *string               `json:"channel"`
	Tried            []campaign.Channel    `json:"tried"`
	Attempts         int                   `json:"attempts"`
	CampaignVersion  *int64                `json:"campaign_version"` // of the definition that they got
	SentAt           *Time                 `json:"sent_at"`
	Reminders        int                   `json:"reminders"`
	Repeated         int                   `json:"repeated"`
	InvitationID     *string               `json:"invitation_id"`
	RespondedAt      *Time                 `json:"responded_at"`
	Expired          bool                  `json:"expired"`
}

func toRecipientView(r models.RecipientRow) recipientView {
	v := recipientView{
		ID: r.ID, ClientID: r.ClientID, ContactID: filled(r.Recipient.ContactID), Name: r.Recipient.Name, Email: r.Recipient.Email,
		Phone: r.Recipient.Phone, Locale: r.Recipient.Locale, TimeZone: r.Recipient.TimeZone, Class: r.Class, Region: r.Region,
		AccountManagerID: filled(r.AccountManagerID), State: r.State, Reason: filled(r.Reason), DueAt: timePtr(r.DueAt),
		Channel: filled(string(r.Channel)), Tried: append([]campaign.Channel{}, r.Tried...), Attempts: r.Attempts, SentAt: timePtr(r.SentAt),
		Reminders: r.Reminders, Repeated: r.Repeated, InvitationID: filled(r.InvitationID), RespondedAt: timePtr(r.RespondedAt), Expired: r.Expired,
	}
	if r.CampaignVersion > 0 {
		v.CampaignVersion = &r.CampaignVersion
	}
	return v
}

// recipients lists whom a run asks, in the order of sending. Filters: run (the latest if absent), state. 404 unknown.
func (h *campaigns) recipients(c *gin.Context) {
	q := queryOf(c)
	state := oneOf(q, "state", models.RecipientStates()...)
	p := q.page()
	_, run, err := h.run(c, q)
	var rows []models.RecipientRow
	var next string
	if err == nil && run.N > 0 {
		rows, next, err = h.store.Recipients(c.Request.Context(), run.ID, state, p)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toRecipientView)
}

// score is that of the template's main question over a run; nil when the template has none.
func (h *campaigns) score(ctx context.Context, s models.CampaignState, run models.RunRow) (*scoreView, error) {
	book, err := h.rules.Surveys(ctx, run.SurveyVersion)
	if err != nil {
		return nil, err
	}
	template, err := book.Template(s.Definition.Template)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, nil // the campaign asks something else by now
	}
	if err != nil {
		return nil, err
	}
	question, ok := template.PrimaryQuestion()
	if !ok {
		return nil, nil
	}
	counts := models.ScoreCounts{Template: template.Name(), Question: question.ID, Kind: question.Kind, Asked: int(run.Sent)}
	if counts.Counts, err = h.store.RunScores(ctx, run.ID, template.Name()); err != nil {
		return nil, err
	}
	v, ok := toScoreView(counts, book.MinimumN())
	if !ok {
		return nil, nil
	}
	return &v, nil
}
