package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

// complaintDiagram is the diagram with its flows from state to state. Every step of every test of cases is held against it.
var complaintDiagram = diagramOf("complaint")

func TestComplaintDiagram_has_the_states_of_the_code(t *testing.T) {
	t.Parallel()
	d, _ := complaintDiagram()
	d.shows(t, append(texts([]models.CaseStatus{
		models.CaseOpen, models.CaseInProgress, models.CaseWaitingCustomer, models.CaseResolved, models.CaseClosed, models.CaseCancelled,
	}), "over")...)
}

// TestComplaintDiagram_shows_what_can_happen: every flow of the diagram is walked here, and life.follow sees that no test
// ever walks another one.
func TestComplaintDiagram_shows_what_can_happen(t *testing.T) {
	t.Parallel()
	_, flows := complaintDiagram()
	because, solved, papers := models.Because{Reason: "because"}, models.Resolve{Resolution: "lamp changed"}, models.Wait{Reason: "papers"}
	walked := map[[2]string]bool{}
	begin := func() (*course, func(string, models.CaseAction, any)) {
		c, after, from := newCourse(t, company(), nil), time.Duration(0), "recorded"
		note := func() {
			if to := string(c.state.Status); to != from {
				walked[[2]string{from, to}] = true
				from = to
			}
		}
		note()
		return c, func(who string, action models.CaseAction, data any) {
			after += time.Minute
			c.do(after, who, action, data)
			note()
		}
	}
	_, do := begin()
	do("ann", models.ActionRespond, models.Respond{Message: "hello"})
	do("ann", models.ActionWait, papers)
	do("ann", models.ActionResume, nil)
	do("ann", models.ActionResolve, solved)
	do("ann", models.ActionReopen, because)
	do("ann", models.ActionWait, papers)
	do("ann", models.ActionResolve, solved)
	do("sup1", models.ActionClose, because)
	do("ann", models.ActionReopen, because)
	do("sup1", models.ActionCancel, because)
	_, do = begin()
	do("ann", models.ActionWait, papers)
	do("sup1", models.ActionCancel, because)
	_, do = begin()
	do("sup1", models.ActionCancel, because)
	c, do := begin()
	do("ann", models.ActionResolve, solved)
	do("sup1", models.ActionClose, because)
	require.True(t, c.state.Over(*c.state.ReopenUntil))
	walked[[2]string{"closed", "over"}] = true

	for _, way := range [][]models.CaseAction{nil, {models.ActionRespond}, {models.ActionWait}, {models.ActionResolve}} {
		older, younger := newCourse(t, company(), nil), newCourse(t, company(), func(r *models.RecordCase) { r.ID, r.Number = "case_2", "CMP-2" })
		for _, action := range way {
			younger.do(time.Minute, "ann", action, map[models.CaseAction]any{
				models.ActionRespond: models.Respond{Message: "hello"}, models.ActionWait: papers, models.ActionResolve: solved,
			}[action])
		}
		before := string(younger.state.Status)
		link := event(t, actor(older.r.Org, "mia"), models.ActionLink, models.Link{CaseID: "case_2", Kind: models.LinkDuplicate})
		require.NoError(t, pair(t, &older.life, &younger.life, link, monday.Add(2*time.Minute), older.r))
		walked[[2]string{before, string(younger.state.Status)}] = true
		unlink := event(t, actor(older.r.Org, "mia"), models.ActionUnlink, models.Unlink{CaseID: "case_2"})
		require.NoError(t, pair(t, &older.life, &younger.life, unlink, monday.Add(3*time.Minute), older.r))
		walked[[2]string{string(models.CaseClosed), string(younger.state.Status)}] = true
	}
	require.Equal(t, flows, walked)
}
