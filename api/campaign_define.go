package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// campaignRequest is the body of a new campaign and of a change: fields that are absent stay as they are, null takes out
// what may be missing. Spans are written as policies do (3d, 4h).
type campaignRequest struct {
	Name         patch[string]              `json:"name"`
	Audience     patch[campaign.Audience]   `json:"audience"`
	Template     patch[string]              `json:"template"`
	Channels     patch[[]campaign.Channel]  `json:"channels"`
	Rate         patch[int]                 `json:"rate"`
	Window       clearable[campaign.Window] `json:"window"`
	QuietHours   clearable[campaign.Quiet]  `json:"quiet_hours"`
	Reminders    clearable[remindersBody]   `json:"reminders"`
	ExpiresAfter patch[string]              `json:"expires_after"`
	Priority     patch[int]                 `json:"priority"`
	Schedule     clearable[scheduleBody]    `json:"schedule"`
}

// remindersBody are reminders in a request and in an answer.
type remindersBody struct {
	Count   int    `json:"count"`
	Spacing string `json:"spacing,omitempty"`
}

// scheduleBody is a schedule in a request.
type scheduleBody struct {
	Kind          string     `json:"kind"`
	At            *time.Time `json:"at,omitempty"`
	Cron          string     `json:"cron,omitempty"`
	Timezone      string     `json:"timezone,omitempty"`
	Overlap       string     `json:"overlap,omitempty"`
	CatchUpWindow string     `json:"catch_up_window,omitempty"`
}

// into changes the definition, and notes the spans that cannot be read.
func (r campaignRequest) into(d *campaign.Definition, f *faults) {
	span := func(field, text string, to *sla.Span) {
		*to = sla.Span{}
		if text == "" {
			return
		}
		s, err := sla.ParseSpan(text)
		if err != nil {
			f.add(field, "bad_span", "value", printable(text))
		}
		*to = s
	}
	r.Name.into(&d.Name)
	d.Name = strings.TrimSpace(d.Name)
	r.Audience.into(&d.Audience)
	r.Template.into(&d.Template)
	r.Channels.into(&d.Channels)
	r.Rate.into(&d.Rate)
	r.Window.into(&d.Window)
	r.QuietHours.into(&d.QuietHours)
	r.Priority.into(&d.Priority)
	if r.Reminders.set {
		d.Reminders = campaign.Reminders{}
		if v := r.Reminders.value; v != nil {
			d.Reminders.Count = v.Count
			span("reminders.spacing", v.Spacing, &d.Reminders.Spacing)
		}
	}
	if r.ExpiresAfter.set {
		span("expires_after", r.ExpiresAfter.value, &d.ExpiresAfter)
	}
	if !r.Schedule.set {
		return
	}
	d.Schedule = nil
	if v := r.Schedule.value; v != nil {
		d.Schedule = &campaign.Schedule{Kind: v.Kind, Cron: v.Cron, Timezone: v.Timezone, Overlap: v.Overlap}
		if v.At != nil {
			d.Schedule.At = v.At.UTC()
		}
		span("schedule.catch_up_window", v.CatchUpWindow, &d.Schedule.CatchUpWindow)
	}
}

// define changes a definition as the request says and checks the whole: invalid with every fault at once, those of the body
// among them. Whether a channel is set up is not asked here: it can be set up later, and whom it does not reach is tried by
// the next one.
func (h *campaigns) define(ctx context.Context, d *campaign.Definition, r campaignRequest, bad faults) error {
	var f faults
	before := d.Schedule
	r.into(d, &f)
	f.join(d.Check())
	f.join(bad)
	if d.Schedule != nil && !d.Schedule.At.IsZero() && (d.Schedule.At.Before(firstDay) || d.Schedule.At.After(lastDay)) {
		f.join([]errs.Field{{Field: "schedule.at", Code: "between", Args: errs.Args("low", firstDay.Format(time.DateOnly), "high", lastDay.Format(time.DateOnly))}})
	}
	if s := d.Schedule; s != nil && !s.At.IsZero() && (before == nil || !s.At.Equal(before.At)) && !s.At.After(h.now()) && !f.has("schedule.at") {
		f.add("schedule.at", "future")
	}
	if !f.has("template") {
		names, err := h.templates(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(names, d.Template) {
			f.add("template", "unknown_template", "value", d.Template, "known", strings.Join(names, ", "))
		}
	}
	return f.err()
}

// templates names the survey templates in force, none while no policy of them was published.
func (h *campaigns) templates(ctx context.Context) ([]string, error) {
	book, err := h.rules.LatestSurveys(ctx)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return book.Names(), nil
}
