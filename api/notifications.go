package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/models"
)

// notifications serves a user's own messages.
type notifications struct {
	store Notifications
	now   func() time.Time
}

func (h *notifications) routes(r gin.IRouter) {
	r.GET("/notifications", need(models.PermNotificationMe), h.list)
	r.POST("/notifications/:id/read", need(models.PermNotificationMe), h.read)
}

type notificationView struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Process   string            `json:"process"`
	SubjectID string            `json:"subject_id"`
	Title     string            `json:"title"`
	Body      string            `json:"body"`
	Data      map[string]string `json:"data"`
	CreatedAt Time              `json:"created_at"`
	ReadAt    *Time             `json:"read_at"`
}

// toNotificationView renders a message in the reader's language and time zone.
func toNotificationView(c *gin.Context) func(models.Notification) notificationView {
	texts, locale := edgeOf(c).texts, localeOf(c)
	zone, err := time.LoadLocation(caller(c).User.TimeZone)
	if err != nil { // checked when it was stored, but zones do get removed
		zone = time.UTC
	}
	return func(n models.Notification) notificationView {
		view := notificationView{
			ID: n.ID, Kind: n.Kind, Process: n.Process, SubjectID: n.SubjectID, Data: filledMap(n.Data),
			CreatedAt: Time(n.CreatedAt), ReadAt: timePtr(n.ReadAt),
		}
		view.Title, view.Body = texts.Notice(locale, zone, n.Kind, n.Data)
		return view
	}
}

// list lists the caller's messages, newest first. Filter: unread.
func (h *notifications) list(c *gin.Context) {
	q := queryOf(c)
	unread, p := q.bool("unread"), q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Notifications(c.Request.Context(), caller(c).User.ID, unread, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toNotificationView(c))
}

// read marks one as read. 404 when it is not the caller's. Doing it again changes nothing.
func (h *notifications) read(c *gin.Context) {
	if err := bind(c, &struct{}{}); err != nil {
		fail(c, err)
		return
	}
	n, err := h.store.MarkRead(c.Request.Context(), caller(c).User.ID, c.Param("id"), h.now().UTC())
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, toNotificationView(c)(n))
}
