package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// timetable is one schedule at the engine, with a worker of its own for what it starts.
type timetable struct {
	*testing.T
	engine client.Client
	*temporalx.Schedules
	spec models.ScheduleSpec
}

func (s *stack) timetable(t *testing.T) *timetable {
	t.Helper()
	keys, err := temporalx.ParseKeyring(s.key)
	require.NoError(t, err)
	c, err := temporalx.Dial(temporalx.Options{Address: s.engine.Address(), Namespace: s.engine.Namespace(), Keys: keys, Log: quiet})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	name := "schedule-" + id.New("")
	w := sdkworker.New(c, name, sdkworker.Options{})
	w.RegisterWorkflowWithOptions(scheduledFor, workflow.RegisterOptions{Name: "ScheduledFor"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	b := &timetable{t, c, temporalx.NewSchedules(c), models.ScheduleSpec{
		ID: name, Cron: "30 6 1 * *", TimeZone: "Asia/Shanghai", Note: "a test",
		WorkflowType: "ScheduledFor", WorkflowID: name, TaskQueue: name, Args: []any{map[string]string{"of": "a test"}},
	}}
	t.Cleanup(func() { require.NoError(t, b.Delete(context.Background(), name)) })
	return b
}

// scheduledFor answers the time that it was scheduled for.
func scheduledFor(ctx workflow.Context, _ map[string]string) (time.Time, error) {
	at, _ := workflow.GetTypedSearchAttributes(ctx).GetTime(temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime"))
	return at, nil
}

func (b *timetable) ensure(change func(*models.ScheduleSpec)) models.ScheduleStatus {
	b.Helper()
	change(&b.spec)
	require.NoError(b, b.Ensure(b.Context(), b.spec))
	return b.status()
}

func (b *timetable) status() models.ScheduleStatus {
	b.Helper()
	d, err := b.Describe(b.Context(), b.spec.ID)
	require.NoError(b, err)
	return d
}

// changedAt is when the engine was last told of another schedule.
func (b *timetable) changedAt() time.Time {
	b.Helper()
	d, err := b.engine.ScheduleClient().GetHandle(b.Context(), b.spec.ID).Describe(b.Context())
	require.NoError(b, err)
	return d.Info.LastUpdateAt
}

// ran waits for n runs and answers what each was scheduled for, as the workflows saw it.
func (b *timetable) ran(n int) []time.Time {
	b.Helper()
	until(b, func() bool { return len(b.status().Recent) >= n }, func() string { return "runs of the schedule" })
	var out []time.Time
	for _, r := range b.status().Recent {
		var at time.Time
		require.NoError(b, b.engine.GetWorkflow(b.Context(), r.WorkflowID, r.RunID).Get(b.Context(), &at))
		require.Equal(b, b.spec.WorkflowID+"-"+at.UTC().Format(time.RFC3339), r.WorkflowID)
		out = append(out, at.UTC())
	}
	return out
}

func TestAScheduleAgreesWithWhatIsWanted(t *testing.T) {
	t.Parallel()
	b := shared.timetable(t)
	yes, no := true, false
	first := b.ensure(func(*models.ScheduleSpec) {})
	require.False(t, first.Paused)
	require.Equal(t, "a test", first.Note)
	require.Len(t, first.Next, 10)
	for _, at := range first.Next {
		require.Equal(t, "01 22:30", at.UTC().AddDate(0, 0, 1).Format("02 15:04"), "06:30 of the first in Shanghai")
	}

	made := b.changedAt()
	b.ensure(func(*models.ScheduleSpec) {})
	require.Equal(t, made, b.changedAt(), "what agrees is left alone")
	require.NoError(t, b.Pause(t.Context(), b.spec.ID, "by hand"))
	require.Equal(t, "by hand", b.status().Note)
	require.True(t, b.ensure(func(*models.ScheduleSpec) {}).Paused, "what a person paused stays paused")

	changed := b.ensure(func(s *models.ScheduleSpec) { s.Cron = "0 7 1 * *" })
	require.Equal(t, "23:00", changed.Next[0].UTC().Format("15:04"))
	require.True(t, changed.Paused)
	require.True(t, b.changedAt().After(made))
	require.False(t, b.ensure(func(s *models.ScheduleSpec) { s.Paused = &no }).Paused)
	require.True(t, b.ensure(func(s *models.ScheduleSpec) { s.Paused = &yes }).Paused)
	require.NoError(t, b.Unpause(t.Context(), b.spec.ID, "by hand"))
	require.False(t, b.status().Paused)
}

func TestAScheduleRunsForTheTimesThatItWasMeantFor(t *testing.T) {
	t.Parallel()
	b := shared.timetable(t)
	b.ensure(func(*models.ScheduleSpec) {})
	from := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	require.NoError(t, b.Backfill(t.Context(), b.spec.ID, from, from.AddDate(0, 3, 0)))
	require.Equal(t, []time.Time{
		time.Date(2026, 1, 31, 22, 30, 0, 0, time.UTC), time.Date(2026, 2, 28, 22, 30, 0, 0, time.UTC), time.Date(2026, 3, 31, 22, 30, 0, 0, time.UTC),
	}, b.ran(3), "none is left out, though skip is the rule for runs that overlap")
	before := time.Now().Add(-time.Second)
	require.NoError(t, b.Trigger(t.Context(), b.spec.ID))
	require.WithinRange(t, b.ran(4)[3], before, time.Now(), "a run by hand is scheduled for now")
}

func TestAScheduleOfOneTimeRunsOnce(t *testing.T) {
	t.Parallel()
	b := shared.timetable(t)
	at := time.Now().Add(4 * time.Second).Truncate(time.Second)
	next := b.ensure(func(s *models.ScheduleSpec) { s.Cron, s.TimeZone, s.At = "", "", at }).Next
	require.Len(t, next, 1)
	require.True(t, at.Equal(next[0]))
	require.Equal(t, []time.Time{at.UTC()}, b.ran(1))
	require.Empty(t, b.status().Next)
}

func TestSchedulesRefuseWhatTheEngineDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	b := shared.timetable(t)
	for name, change := range map[string]func(*models.ScheduleSpec){
		"expression": func(s *models.ScheduleSpec) { s.Cron = "every full moon" },
		"zone":       func(s *models.ScheduleSpec) { s.TimeZone = "Asia/Atlantis" },
	} {
		spec := b.spec
		change(&spec)
		require.Equal(t, errs.Invalid, errs.CodeOf(b.Ensure(t.Context(), spec)), name)
	}
	_, err := b.Describe(t.Context(), b.spec.ID)
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "nothing was made of it")
	for name, do := range map[string]func() error{
		"pause":    func() error { return b.Pause(t.Context(), b.spec.ID, "") },
		"unpause":  func() error { return b.Unpause(t.Context(), b.spec.ID, "") },
		"trigger":  func() error { return b.Trigger(t.Context(), b.spec.ID) },
		"backfill": func() error { return b.Backfill(t.Context(), b.spec.ID, time.Now().Add(-time.Hour), time.Now()) },
	} {
		require.Equal(t, errs.NotFound, errs.CodeOf(do()), name)
	}
	require.NoError(t, b.Delete(t.Context(), b.spec.ID), "what is not there is deleted")
	both := b.spec
	both.At = time.Now()
	require.Error(t, b.Ensure(t.Context(), both))
}
