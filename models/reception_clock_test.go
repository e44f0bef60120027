package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

// heard lists who was told of a kind when, as offsets from Monday nine o'clock, with the item if there is one.
func (v *stay) heard(kind string) map[time.Duration][]string {
	out := map[time.Duration][]string{}
	for _, step := range v.steps {
		for _, n := range step.Notices {
			if n.Kind == kind {
				after := step.State.UpdatedAt.Sub(monday)
				if item := n.Data["item"]; item != "" {
					out[after] = append(out[after], n.UserID+" "+item)
				} else {
					out[after] = append(out[after], n.UserID)
				}
			}
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

// TestApproval_that_is_late tells the requester and the superior of who has not decided, one working day before the visit.
func TestApproval_that_is_late(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.r.Deciders = []string{"cleo"}
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	v.until(monday.Add(3 * daylong))
	require.Empty(t, v.heard("approval_late"))
	v.until(monday.Add(5 * daylong))
	require.Equal(t, map[time.Duration][]string{3*daylong + time.Hour: {"amy", "lea"}}, v.heard("approval_late"), "Friday ten o'clock less one working day, once")

	v = newVisit(t, nil)
	v.do(3*daylong+2*time.Hour, "amy", models.ReceptionSubmit, nil)
	v.until(monday.Add(5 * daylong))
	require.Equal(t, map[time.Duration][]string{3*daylong + 2*time.Hour + 5*time.Minute: {"amy"}}, v.heard("approval_late"), "submitted late: as soon as approvers can have been found")
}

func TestChecklist_warns_before_an_item_is_due_and_tells_superiors_when_it_is_late(t *testing.T) {
	t.Parallel()
	v := approved(t, nil)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, models.PrepareReception{Items: []string{"room", "diaries"}})
	v.until(monday.Add(5 * daylong))
	// Due on Thursday at ten: four working hours before that it was Wednesday, three o'clock.
	require.Equal(t, map[time.Duration][]string{2*daylong + 6*time.Hour: {"amy material", "cleo transport"}}, v.heard("checklist_warned"))
	require.Equal(t, map[time.Duration][]string{3*daylong + time.Hour: {"amy material", "amy transport", "cleo transport", "lea transport", "sam material"}}, v.heard("checklist_late"))
}

func TestChecklist_that_is_due_at_once_is_late_but_not_warned_of(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.do(3*daylong+2*time.Hour, "amy", models.ReceptionSubmit, nil)
	v.outcome(3*daylong+2*time.Hour+time.Minute, models.OutcomeApproved, "sam")
	require.Empty(t, v.heard("checklist_warned"))
	require.Len(t, v.heard("checklist_late")[3*daylong+2*time.Hour+time.Minute], 12)
	require.Nil(t, v.state.NextAt)
}

func TestWho_must_settle_is_reminded_once(t *testing.T) {
	t.Parallel()
	v := visited(t, nil)
	v.until(monday.Add(60 * daylong))
	require.Equal(t, map[time.Duration][]string{11*daylong + 6*time.Hour: {"amy", "sam"}}, v.heard("settle_reminder"), "five working days after Friday")
	require.Nil(t, v.state.NextAt)
}

func TestReception_takes_what_a_dead_server_missed_in_its_order_as_of_its_own_instants(t *testing.T) {
	t.Parallel()
	v, missed := approved(t, nil), approved(t, nil)
	v.do(3*time.Hour, "cleo", models.ReceptionPrepare, models.PrepareReception{Items: []string{"room", "diaries"}})
	missed.do(3*time.Hour, "cleo", models.ReceptionPrepare, models.PrepareReception{Items: []string{"room", "diaries"}})
	v.until(monday.Add(5 * daylong))
	for missed.state.NextAt != nil {
		_, err := missed.attempt(monday.Add(5*daylong), models.Actor{}, models.ReceptionTick, nil)
		require.NoError(t, err)
	}
	require.Equal(t, v.heard("checklist_warned"), missed.heard("checklist_warned"), "whom a warning is late for is warned all the same")
	require.Equal(t, v.heard("checklist_late"), missed.heard("checklist_late"))
	require.Len(t, missed.heard("checklist_late"), 1)
	require.Equal(t, v.state.UpdatedAt, missed.state.UpdatedAt)
}
