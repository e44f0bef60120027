package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/campaign"
)

type forecastRequest struct {
	StartsAt *time.Time `json:"starts_at"` // now if absent
}

// forecastView is what a run would do: sent and the counts of skipped_by add up to the audience.
type forecastView struct {
	StartsAt        Time                    `json:"starts_at"`
	Until           Time                    `json:"until"`
	EndsAt          Time                    `json:"ends_at"`
	LastReminderAt  *Time                   `json:"last_reminder_at"`
	Audience        int                     `json:"audience"`
	Sent            int                     `json:"sent"`
	Skipped         int                     `json:"skipped"`
	SkippedBy       map[campaign.Reason]int `json:"skipped_by"`
	DeferredBy      map[campaign.Reason]int `json:"deferred_by"`
	Reminded        int                     `json:"reminded"`
	PerHour         []forecastHour          `json:"per_hour"`
	PolicyVersion   int                     `json:"policy_version"`
	CalendarID      string                  `json:"calendar_id"`
	CalendarVersion int                     `json:"calendar_version"`
}

type forecastHour struct {
	Hour     Time `json:"hour"`
	Sent     int  `json:"sent"`
	Reminded int  `json:"reminded"`
}

// forecast answers what a run of the campaign would do, by the rules in force and what is known of its audience now.
// Nothing is begun. 404 unknown, 422 for a start that lies behind.
func (h *campaigns) forecast(c *gin.Context) {
	view, err := h.forecasted(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

func (h *campaigns) forecasted(c *gin.Context) (forecastView, error) {
	ctx, start := c.Request.Context(), h.now().UTC()
	var req forecastRequest
	if err := bind(c, &req); err != nil {
		return forecastView{}, err
	}
	if req.StartsAt != nil {
		var f faults
		if req.StartsAt.Before(start) {
			f.add("starts_at", "future")
		} else if req.StartsAt.After(lastDay) {
			f.add("starts_at", "between", "low", start.Format(time.DateOnly), "high", lastDay.Format(time.DateOnly))
		}
		if err := f.err(); err != nil {
			return forecastView{}, err
		}
		start = req.StartsAt.UTC()
	}
	row, err := h.store.Campaign(ctx, c.Param("id"))
	if err != nil {
		return forecastView{}, err
	}
	return h.play(ctx, row.State.Definition, start)
}

// play plays a run that starts then, in virtual time.
func (h *campaigns) play(ctx context.Context, d campaign.Definition, start time.Time) (forecastView, error) {
	policy, version, cal, err := h.rules.LatestCampaign(ctx)
	if err != nil {
		return forecastView{}, err
	}
	people, err := h.store.AudienceFacts(ctx, d.Audience, start, cal.Location().String(), policy.OpenComplaint)
	if err != nil {
		return forecastView{}, err
	}
	until := d.Expires(start)
	f := campaign.Plan{Rules: policy.Rules(d, cal, until), Pace: d.Pace(), Reminders: d.Reminders, Start: start}.Run(people)
	v := forecastView{
		StartsAt: Time(start), Until: Time(until), EndsAt: Time(f.EndsAt), Audience: len(people), Sent: f.Sent, Skipped: len(people) - f.Sent,
		SkippedBy: f.SkippedBy, DeferredBy: f.DeferredBy, Reminded: f.Reminded, PolicyVersion: version, CalendarID: cal.ID(), CalendarVersion: cal.Version(),
		PerHour: each(f.PerHour, func(h campaign.Hour) forecastHour { return forecastHour{Time(h.Hour), h.Sent, h.Reminded} }),
	}
	if !f.LastReminderAt.IsZero() {
		v.LastReminderAt = timePtr(&f.LastReminderAt)
	}
	return v, nil
}
