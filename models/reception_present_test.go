package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

// leave takes people out of service; the reception is not told.
func (v *stay) leave(names ...string) {
	o := agency()
	for _, name := range names {
		u := o.Users[name]
		u.Active = false
		o.Users[name] = u
	}
	v.r.Org = o
}

// present holds that the last step gives nothing to anybody who has left: the store refuses it.
func (v *stay) present(before models.ReceptionState) {
	v.t.Helper()
	step := v.steps[len(v.steps)-1]
	for _, task := range step.Tasks {
		if task.State == models.TaskOpen && task.UserID != "" {
			require.True(v.t, v.r.Org.Users[task.UserID].Active, "%s for %s", task.Kind, task.UserID)
		}
	}
	for _, u := range step.State.Involved() {
		require.True(v.t, v.r.Org.Users[u].Active || slices.Contains(before.Involved(), u), "a part for %s", u)
	}
}

// TestDecision_is_taken_when_people_have_left: it comes between their leaving and the word that they have left.
func TestDecision_is_taken_when_people_have_left(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		left    []string
		prepare []string // who prepares the reception
		items   []string
		revise  []string // who revises it when it is returned
	}{
		"nobody":            {nil, []string{"cleo "}, []string{"cleo room", "cleo transport", "amy diaries", "amy material"}, []string{"amy "}},
		"the requester":     {[]string{"amy"}, []string{"cleo "}, []string{"cleo room", "cleo transport", "sam diaries", "sam material"}, []string{"sam "}},
		"the receptionist":  {[]string{"cleo"}, []string{"desk "}, []string{"desk room", "desk transport", "amy diaries", "amy material"}, []string{"amy "}},
		"the desk":          {[]string{"cleo", "lea"}, []string{"amy "}, []string{"amy room", "amy transport", "amy diaries", "amy material"}, []string{"amy "}},
		"a line of leavers": {[]string{"amy", "sam", "mia", "zoe"}, []string{"cleo "}, []string{"cleo room", "cleo transport", "desk diaries", "desk material"}, []string{"desk "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisit(t, func(p *models.ReceptionPlan) { p.ReceptionistID = "cleo" })
			v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
			v.leave(tc.left...)
			before := v.state
			v.outcome(2*time.Hour, models.OutcomeApproved, "sam")
			v.present(before)
			require.Equal(t, models.ReceptionApproved, v.state.Status)
			require.Equal(t, tc.prepare, v.tasks(models.TaskPrepareReception))
			require.ElementsMatch(t, tc.items, v.tasks(models.TaskPrepareItem))

			v = newVisit(t, func(p *models.ReceptionPlan) { p.ReceptionistID = "cleo" })
			v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
			v.leave(tc.left...)
			before = v.state
			v.outcome(2*time.Hour, models.OutcomeReturned)
			v.present(before)
			require.Equal(t, tc.revise, v.tasks(models.TaskReviseReception))
		})
	}
}

func TestDecision_is_taken_in_an_empty_company(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	v.leave("amy", "hal", "sam", "cleo", "lea", "fin", "fay", "mia", "zoe", "otto")
	v.outcome(2*time.Hour, models.OutcomeApproved, "sam")
	require.Equal(t, models.ReceptionApproved, v.state.Status)
	require.Empty(t, v.state.Tasks)
}

// TestChange_that_is_refused_brings_nobody_back: whoever was in the approved plan and has left since then is followed.
func TestChange_that_is_refused_brings_nobody_back(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		left  []string
		hosts []string
	}{
		"a host":                    {[]string{"hal", "cleo"}, []string{"sam"}},
		"a host and their superior": {[]string{"hal", "cleo", "sam", "mia", "zoe"}, []string{"amy"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := approved(t, func(p *models.ReceptionPlan) { p.ReceptionistID = "cleo" })
			v.do(3*time.Hour, "amy", models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) {
				p.Hosts, p.Activities, p.ReceptionistID, p.Level = []string{"amy"}, nil, "lea", "vip"
			}))
			require.Equal(t, models.ReceptionInApproval, v.state.Status)
			v.leave(tc.left...)
			before := v.state
			v.outcome(4*time.Hour, models.OutcomeRejected, "lea")
			v.present(before)
			require.Equal(t, models.ReceptionApproved, v.state.Status)
			require.Equal(t, tc.hosts, v.state.Hosts)
			require.Equal(t, tc.hosts, v.r.Plans.Current.Hosts)
		})
	}
}
