package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

// leave takes somebody out of the company, and hands what they hold to the heir.
func (c *course) leave(after time.Duration, leaver, heir string) models.CaseStep {
	c.t.Helper()
	c.until(after)
	u := c.r.Org.Users[leaver]
	u.Active = false
	c.r.Org.Users[leaver] = u
	root := models.Actor{Person: models.Person{ID: "root", Roles: []models.Role{models.RoleAdmin}}}
	step, err := models.ApplyCase(&c.state, event(c.t, root, models.ActionDeactivate, models.Deactivate{UserID: leaver, HeirID: heir}), monday.Add(after), c.r)
	require.NoError(c.t, err)
	return c.take(step)
}

// decided lets the approval that is open answer.
func (c *course) decided(after time.Duration, outcome models.ApprovalOutcome) models.CaseStep {
	c.t.Helper()
	d := models.ApprovalDecided{ApprovalID: c.state.Orders[0].ID, Seq: 2, Outcome: outcome, ByID: "sup1", Comment: "so be it"}
	step, err := models.ApplyCase(&c.state, models.CaseDecided(d), monday.Add(after), c.r)
	require.NoError(c.t, err)
	return c.take(step)
}

func (c *course) ownsNothing(user string) {
	c.t.Helper()
	s := c.state
	require.NotEqual(c.t, user, s.AccountableID)
	require.NotEqual(c.t, user, s.AssigneeID)
	require.True(c.t, s.Offer == nil || s.Offer.ToID != user, "no offer waits for a leaver")
	require.True(c.t, s.Transfer == nil || s.Transfer.ToID != user, "no transfer waits for a leaver")
	for _, task := range s.Tasks {
		require.NotEqual(c.t, user, task.UserID, task.Kind)
	}
}

func TestLeaver_never_owns_anything(t *testing.T) {
	t.Parallel()
	offer := models.Assign{AssigneeID: "dan"}
	transfer := models.TransferAccountability{ToID: "dan", Reason: "r"}
	for name, prepare := range map[string]struct {
		leaver, heir string
		with         func(*course)
	}{
		"accountable and handler": {"ann", "sup1", func(*course) {}},
		"handler only": {"dan", "sup2", func(c *course) {
			c.do(time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan"})
		}},
		"offered the case":        {"dan", "sup2", func(c *course) { c.do(time.Minute, "ann", models.ActionAssign, offer) }},
		"asked to be accountable": {"dan", "sup2", func(c *course) { c.do(time.Minute, "ann", models.ActionTransfer, transfer) }},
		"approved as accountable": {"dan", "sup2", func(c *course) {
			c.do(time.Minute, "ann", models.ActionTransfer, transfer)
			c.decided(2*time.Minute, models.OutcomeApproved)
		}},
		"supervisor of a broken promise": {"sup1", "mia", func(c *course) { c.until(11 * time.Minute) }},
		"adjudicator": {"sup1", "mia", func(c *course) {
			for i := range 2 {
				c.do(time.Duration(2*i+1)*time.Second, "ann", models.ActionAssign, offer)
				c.do(time.Duration(2*i+2)*time.Second, "dan", models.ActionDecline, models.Because{Reason: "r"})
			}
		}},
		"to call back": {"ann", "sup1", func(c *course) {
			c.do(time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
			c.do(2*time.Minute, "ben", models.ActionReopen, models.Because{Reason: "r"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, company(), nil)
			prepare.with(c)
			open := len(c.state.Tasks)
			step := c.leave(12*time.Minute, prepare.leaver, prepare.heir)
			c.ownsNothing(prepare.leaver)
			require.LessOrEqual(t, len(c.state.Tasks), open+1)
			for _, e := range step.Events {
				if e.Type != "notified" {
					require.Equal(t, models.System, e.Actor, "%s: a rule decided it", e.Type)
				}
			}
		})
	}
}

func TestLeaver_hands_over_in_one_recorded_step(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	due := *c.promise("resolution").DueAt
	step := c.leave(5*time.Minute, "ann", "sup1")
	require.Equal(t, []string{"sup1", "sup1"}, []string{step.Accountable.UserID, step.Handling.UserID})
	require.Equal(t, step.State.UpdatedAt, step.Accountable.From)
	require.Equal(t, []string{"accountability_transferred", "adjudicated"}, []string{step.Events[0].Type, step.Events[1].Type})
	require.Equal(t, due, *c.promise("resolution").DueAt, "a hand-over never moves what was promised to the client")
}

// TestHeir is asked nothing about what they have by inheritance, and decides nothing that they asked for.
func TestHeir_is_in_nobodys_way(t *testing.T) {
	t.Parallel()
	t.Run("an offer to the heir of the handler is off", func(t *testing.T) {
		t.Parallel()
		c := newCourse(t, company(), nil)
		c.do(time.Minute, "ann", models.ActionAssign, models.Assign{AssigneeID: "sup1"})
		c.leave(2*time.Minute, "ann", "sup1")
		require.Nil(t, c.state.Offer)
		require.Equal(t, "sup1", c.state.AssigneeID)
	})
	t.Run("a transfer to the heir of the accountable person is off", func(t *testing.T) {
		t.Parallel()
		c := newCourse(t, company(), nil)
		c.do(time.Minute, "ann", models.ActionTransfer, models.TransferAccountability{ToID: "sup1", Reason: "r"})
		c.leave(2*time.Minute, "ann", "sup1")
		require.Nil(t, c.state.Transfer)
		require.Equal(t, "sup1", c.state.AccountableID)
		require.Len(t, c.state.Tasks, 1, "only the task to handle the case is left")
		require.Equal(t, models.ApprovalWithdraw, c.state.Orders[0].Verb, "nobody needs to decide on it any more")
	})
}

func TestReopened_case_of_a_leaver_goes_to_their_supervisor(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
	c.do(2*time.Minute, "sup1", models.ActionClose, models.Because{Reason: "r"})
	u := c.r.Org.Users["ann"]
	u.Active = false
	c.r.Org.Users["ann"] = u
	c.do(time.Hour, "ben", models.ActionReopen, models.Because{Reason: "still dark"})
	c.ownsNothing("ann")
	require.Equal(t, []string{"sup1", "sup1"}, []string{c.state.AccountableID, c.state.AssigneeID})
}
