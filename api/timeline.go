package api

import (
	"context"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/models"
)

// timeline answers the events of an object in order. Its cursor is the sequence number after which to go on. visible finds
// the object under the row rule, and how many events it has.
func timeline(
	c *gin.Context, visible func() (id string, events int64, err error),
	read func(ctx context.Context, id string, after int64, limit int) ([]models.TimelineEvent, error),
) {
	q := queryOf(c)
	p := q.page()
	after, err := strconv.ParseInt(or(p.Cursor, "0"), 10, 64)
	if err != nil || after < 0 {
		q.wrongType("cursor", "next_cursor")
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	id, total, err := visible()
	var events []models.TimelineEvent
	if err == nil {
		events, err = read(c.Request.Context(), id, after, p.Limit+1)
	}
	if err != nil {
		fail(c, err)
		return
	}
	if p.Estimate != nil {
		*p.Estimate = total // known anyway
	}
	var next string
	if len(events) > p.Limit {
		events = events[:p.Limit]
		next = strconv.FormatInt(events[p.Limit-1].Seq, 10)
	}
	list(c, events, next, toEventView)
}
