package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// calendars serves the working calendars, as versioned documents, and the arithmetic on them.
type calendars struct {
	store Policies
	rules *rulebook.Book
	now   func() time.Time
}

func (h *calendars) routes(r gin.IRouter) {
	r.GET("/calendars", need(models.PermPolicyRead), h.list)
	r.GET("/calendars/:id", need(models.PermPolicyRead), h.latest)
	r.PUT("/calendars/:id", need(models.PermPolicyPublish), h.put)
	r.GET("/calendars/:id/versions", need(models.PermPolicyRead), h.versions)
	r.GET("/calendars/:id/versions/:version", need(models.PermPolicyRead), h.version)
	r.POST("/calendars/:id/deadline", need(models.PermPolicyRead), h.deadline)
}

type calendarVersionView struct {
	ID           string  `json:"id"`
	Version      int     `json:"version"`
	TimeZone     string  `json:"time_zone"`
	CoveredUntil *string `json:"covered_until"`
	PublishedBy  string  `json:"published_by"`
	PublishedAt  Time    `json:"published_at"`
}

type calendarView struct {
	calendarVersionView
	Document calendar.Document `json:"document"`
}

// toCalendarView reads the stored document; the version stands beside it, so that it can be put again.
func toCalendarView(v models.CalendarVersion) (calendarView, error) {
	doc, err := stored[calendar.Document](v.Body)
	if err != nil {
		return calendarView{}, err
	}
	doc.Version = 0
	view := calendarView{calendarVersionView{
		ID: v.ID, Version: v.Version, TimeZone: doc.TimeZone, PublishedBy: v.PublishedBy, PublishedAt: Time(v.PublishedAt),
	}, doc}
	if doc.CoveredUntil != "" {
		view.CoveredUntil = &doc.CoveredUntil
	}
	return view, nil
}

// list lists the calendars with their newest versions.
func (h *calendars) list(c *gin.Context) {
	ctx, q := c.Request.Context(), queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ids, err := h.store.CalendarIDs(ctx)
	if err != nil {
		fail(c, err)
		return
	}
	if p.Estimate != nil {
		*p.Estimate = int64(len(ids))
	}
	ids, next := portion(q, p, ids, func(id string) string { return id })
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows := make([]models.CalendarVersion, len(ids))
	for i, id := range ids {
		if rows[i], err = h.store.LatestCalendar(ctx, id); err != nil {
			fail(c, err)
			return
		}
	}
	h.listed(c, rows, next)
}

// versions lists the published versions, the newest first. 404 unknown.
func (h *calendars) versions(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	if _, err := h.store.CalendarInForce(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.CalendarVersions(ctx, c.Param("id"), p)
	if err != nil {
		fail(c, err)
		return
	}
	h.listed(c, rows, next)
}

func (h *calendars) listed(c *gin.Context, rows []models.CalendarVersion, next string) {
	views := make([]calendarVersionView, len(rows))
	for i, row := range rows {
		view, err := toCalendarView(row)
		if err != nil {
			fail(c, err)
			return
		}
		views[i] = view.calendarVersionView
	}
	list(c, views, next, func(v calendarVersionView) calendarVersionView { return v })
}

// latest answers the newest version. 404 unknown.
func (h *calendars) latest(c *gin.Context) {
	v, err := h.store.LatestCalendar(c.Request.Context(), c.Param("id"))
	h.answer(c, http.StatusOK, v, err)
}

// version answers one published version. 404 unknown.
func (h *calendars) version(c *gin.Context) {
	n, err := versionParam(c)
	var v models.CalendarVersion
	if err == nil {
		v, err = h.store.Calendar(c.Request.Context(), c.Param("id"), n)
	}
	h.answer(c, http.StatusOK, v, err)
}

func (h *calendars) answer(c *gin.Context, status int, v models.CalendarVersion, err error) {
	var view calendarView
	if err == nil {
		view, err = toCalendarView(v)
	}
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, int64(v.Version))
	c.Header("Vary", "Accept")
	if c.Request.Method == http.MethodGet && wantsYAML(c) {
		answerYAML(c, view.Document)
		return
	}
	answer(c, status, view)
}

// put publishes a new version, or with dry_run only checks it. A document that equals the newest version changes nothing.
// 412 when If-Match names another version, 422 with every fault and its path. Processes keep the version they began with.
func (h *calendars) put(c *gin.Context) {
	q := queryOf(c)
	dry := dryRun(q)
	err := q.err()
	var doc calendar.Document
	if err == nil {
		doc, err = h.read(c)
	}
	if err != nil {
		fail(c, err)
		return
	}
	if dry {
		answer(c, http.StatusOK, checked{true, doc})
		return
	}
	ctx := c.Request.Context()
	body, err := json.Marshal(doc)
	if err != nil {
		fail(c, err)
		return
	}
	newest, err := h.store.LatestCalendar(ctx, doc.ID)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		fail(c, err)
		return
	}
	wanted := strings.TrimSpace(c.GetHeader("If-Match"))
	if !matches(wanted, int64(newest.Version)) {
		fail(c, errs.New(errs.PreconditionFailed, "precondition_failed"))
		return
	}
	if err == nil && sameCalendar(newest.Body, body) {
		h.answer(c, http.StatusOK, newest, nil)
		return
	}
	v := models.CalendarVersion{ID: doc.ID, Body: body, PublishedBy: caller(c).User.ID, PublishedAt: h.now().UTC()}
	if wanted != "" && wanted != "*" { // who reads the same version and is later must not replace the one that came between
		v.Version = newest.Version + 1
	}
	v, err = h.store.PublishCalendar(ctx, v)
	h.answer(c, http.StatusCreated, v, err)
}

// sameCalendar compares stored documents, whatever the database did to their spaces.
func sameCalendar(a, b []byte) bool {
	doc, err := stored[calendar.Document](a)
	if err != nil {
		return false
	}
	doc.Version = 0
	again, err := json.Marshal(doc)
	return err == nil && bytes.Equal(again, b)
}

// read parses and checks the document of the request.
func (h *calendars) read(c *gin.Context) (calendar.Document, error) {
	body, err := documentBody(c)
	if err != nil {
		return calendar.Document{}, err
	}
	doc, bad := policy.ParseCalendar(body)
	if len(bad) > 0 {
		return calendar.Document{}, invalidDocument(bad)
	}
	var f faults
	switch {
	case doc.ID != c.Param("id"):
		f.add("id", "path_differs", "path", c.Param("id"))
	case !slugPattern.MatchString(doc.ID):
		f.add("id", "slug")
	}
	if doc.Version != 0 {
		f.add("version", "version_given")
	}
	if len(f) > 0 {
		return calendar.Document{}, invalidDocument(f)
	}
	return doc, nil
}

type deadlineRequest struct {
	Start    time.Time     `json:"start" binding:"required"`
	Duration string        `json:"duration" binding:"required,max=40"`
	Clock    sla.ClockKind `json:"clock" binding:"omitempty,oneof=working elapsed"` // working if absent
}

type segmentView struct {
	From    Time   `json:"from"`
	To      Time   `json:"to"`
	Counted string `json:"counted"`
}

type deadlineView struct {
	CalendarID      string        `json:"calendar_id"`
	CalendarVersion int           `json:"calendar_version"`
	Start           Time          `json:"start"`
	Duration        string        `json:"duration"`
	Clock           sla.ClockKind `json:"clock"`
	DueAt           Time          `json:"due_at"`
	Counted         string        `json:"counted"`
	Segments        []segmentView `json:"segments"`
	Covered         bool          `json:"covered"`
}

// deadline answers when an amount of time is used up on the calendar: the arithmetic of every promise, for anyone to check.
// 404 unknown calendar, 422 for a duration that is none or that the calendar has no working time for.
func (h *calendars) deadline(c *gin.Context) {
	var req deadlineRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	cal, err := h.rules.LatestCalendar(c.Request.Context(), c.Param("id"))
	var view deadlineView
	if err == nil {
		view, err = deadlineOf(cal, req)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

// deadlineOf does the arithmetic.
func deadlineOf(cal *calendar.Calendar, req deadlineRequest) (deadlineView, error) {
	var f faults
	span, err := sla.ParseSpan(req.Duration)
	if err != nil {
		f.add("duration", "bad_span", "value", req.Duration)
		return deadlineView{}, f.err()
	}
	clock := or(req.Clock, sla.Working)
	due, err := span.Due(req.Start, clock, cal)
	switch {
	case errors.Is(err, calendar.ErrNoWorkingTime):
		f.add("duration", "no_working_time")
		return deadlineView{}, f.err()
	case err != nil:
		return deadlineView{}, err
	}
	view := deadlineView{
		CalendarID: cal.ID(), CalendarVersion: cal.Version(), Start: Time(req.Start), Duration: isoSpan(span), Clock: clock,
		DueAt: Time(due), Segments: []segmentView{}, Covered: clock == sla.Elapsed || cal.Covers(due),
	}
	counting := cal
	if clock == sla.Elapsed {
		counting = calendar.Always()
	}
	var counted time.Duration
	for _, s := range counting.Segments(req.Start, due) {
		view.Segments = append(view.Segments, segmentView{Time(s.From), Time(s.To), isoDuration(s.Counted)})
		counted += s.Counted
	}
	view.Counted = isoDuration(counted)
	return view, nil
}
