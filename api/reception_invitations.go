package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/ical"
	"github.com/mcrflow/mcrflow/models"
)

// invitation answers an entry for a diary, as it was sent last, as an iCalendar file. 404 unknown, or not for the caller to
// know of.
func (h *receptions) invitation(c *gin.Context) {
	event, err := h.invited(c)
	if err != nil {
		fail(c, err)
		return
	}
	c.Header("Content-Disposition", `attachment; filename="`+event.UID+`.ics"`)
	c.Data(http.StatusOK, "text/calendar; charset=utf-8", event.Bytes())
}

func (h *receptions) invited(c *gin.Context) (ical.Event, error) {
	ctx := c.Request.Context()
	row, err := h.visible(c)
	if err != nil {
		return ical.Event{}, err
	}
	all, err := h.store.ReceptionInvitations(ctx, row.State.ID)
	if err != nil {
		return ical.Event{}, err
	}
	uid, named := strings.CutSuffix(c.Param("file"), ".ics")
	i := slices.IndexFunc(all, func(r models.InvitationRow) bool { return r.UID == uid })
	if !named || i < 0 {
		return ical.Event{}, notFound()
	}
	of := all[i]
	e := ical.Event{
		Method: ical.Request, UID: of.UID, Sequence: of.Sequence, Stamp: of.UpdatedAt, StartsAt: of.StartsAt, EndsAt: of.EndsAt,
		Summary: row.State.Number + ": " + row.Plans.Current.Purpose, Description: placeOf(row, of),
	}
	if of.Cancelled {
		e.Method = ical.Cancel
	}
	if _, e.Organizer, err = h.inDiary(ctx, row.State.RequesterID); err != nil {
		return e, err
	}
	e.Name, e.Attendee, err = h.inDiary(ctx, of.UserID)
	return e, err
}

// placeOf is where the invited person is wanted: the place of their activity at that time, if the plan names one.
func placeOf(row models.ReceptionRow, of models.InvitationRow) string {
	for _, a := range row.Plans.Current.Activities {
		if a.OwnerID == of.UserID && a.StartsAt != nil && a.StartsAt.Equal(of.StartsAt) {
			return a.Place
		}
	}
	return ""
}

// inDiary is how a diary names a user. An entry must give an address: who has none gets one that reaches nobody.
func (h *receptions) inDiary(ctx context.Context, userID string) (name, address string, err error) {
	u, err := h.people.User(ctx, userID)
	if errs.CodeOf(err) == errs.NotFound {
		return userID, userID + "@mcrflow.invalid", nil
	}
	return u.DisplayName, or(u.Email, u.Username+"@mcrflow.invalid"), err
}
