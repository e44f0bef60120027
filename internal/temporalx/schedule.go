package temporalx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// specMemo is the memo, in every workflow that a schedule starts, of the fingerprint of the spec that it came from.
const specMemo = "mcrflow_schedule"

// defaultCatchUp is how late a missed run is still taken when its spec does not say. The engine's own default is a year.
const defaultCatchUp = time.Hour

// Schedules keeps the engine's schedules in agreement with what is wanted.
type Schedules struct{ client client.Client }

// NewSchedules returns the schedules of the client's namespace.
func NewSchedules(c client.Client) *Schedules { return &Schedules{client: c} }

// Ensure creates the schedule, or changes it to what is wanted; doing so again changes nothing. A schedule that agrees is
// left alone, because a change makes the engine forget the runs that it missed and has still to catch up with. An
// expression or zone that the engine does not understand is Invalid.
func (s *Schedules) Ensure(ctx context.Context, spec models.ScheduleSpec) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	wanted, err := scheduleOptions(spec)
	if err != nil {
		return err
	}
	err = s.agree(ctx, spec, wanted)
	var unknown *serviceerror.NotFound
	if errors.As(err, &unknown) {
		if _, err = s.client.ScheduleClient().Create(ctx, wanted); errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			err = s.agree(ctx, spec, wanted) // somebody else was faster
		}
	}
	return scheduleError(err)
}

// agree changes a schedule that exists.
func (s *Schedules) agree(ctx context.Context, spec models.ScheduleSpec, wanted client.ScheduleOptions) error {
	return s.handle(ctx, spec.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			is := in.Description.Schedule
			same := fingerprintOf(is.Action) == fingerprintOf(wanted.Action)
			if same && (spec.Paused == nil || *spec.Paused == is.State.Paused) {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			if !same {
				is.Spec, is.Action = &wanted.Spec, wanted.Action
				is.Policy = &client.SchedulePolicies{Overlap: wanted.Overlap, CatchupWindow: wanted.CatchupWindow}
				is.State.Note = wanted.Note
			}
			if spec.Paused != nil {
				is.State.Paused = *spec.Paused
			}
			return &client.ScheduleUpdate{Schedule: &is}, nil
		},
	})
}

// Pause keeps the schedule from running; the note says why. Not found if there is none.
func (s *Schedules) Pause(ctx context.Context, id, note string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return scheduleError(s.handle(ctx, id).Pause(ctx, client.SchedulePauseOptions{Note: note}))
}

// Unpause lets the schedule run again; the note says why. Runs that were due meanwhile stay away. Not found if there is none.
func (s *Schedules) Unpause(ctx context.Context, id, note string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return scheduleError(s.handle(ctx, id).Unpause(ctx, client.ScheduleUnpauseOptions{Note: note}))
}

// Trigger runs it once now, also when it is paused; its Overlap holds. The run is scheduled for now. Not found if there is none.
func (s *Schedules) Trigger(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return scheduleError(s.handle(ctx, id).Trigger(ctx, client.ScheduleTriggerOptions{}))
}

// Backfill takes all runs after from and not after to, one after the other, as if they had come in their time. Not found
// if there is no such schedule.
func (s *Schedules) Backfill(ctx context.Context, id string, from, to time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return scheduleError(s.handle(ctx, id).Backfill(ctx, client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{
		Start: from, End: to, Overlap: enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL, // under skip only the first of them would run
	}}}))
}

// Delete ends the schedule; what it has started goes on. One that is not there is deleted already.
func (s *Schedules) Delete(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := s.handle(ctx, id).Delete(ctx)
	var unknown *serviceerror.NotFound
	if errors.As(err, &unknown) {
		return nil
	}
	return scheduleError(err)
}

// Describe returns what has run and what will. Not found if there is no such schedule.
func (s *Schedules) Describe(ctx context.Context, id string) (models.ScheduleStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := s.handle(ctx, id).Describe(ctx)
	if err != nil {
		return models.ScheduleStatus{}, scheduleError(err)
	}
	out := models.ScheduleStatus{
		Paused: d.Schedule.State.Paused, Note: d.Schedule.State.Note, Next: d.Info.NextActionTimes,
		Missed: d.Info.NumActionsMissedCatchupWindow, Skipped: d.Info.NumActionsSkippedOverlap,
	}
	for _, r := range d.Info.RecentActions {
		run := models.ScheduleRun{ScheduledAt: r.ScheduleTime, StartedAt: r.ActualTime}
		if r.StartWorkflowResult != nil {
			run.WorkflowID, run.RunID = r.StartWorkflowResult.WorkflowID, r.StartWorkflowResult.FirstExecutionRunID
		}
		out.Recent = append(out.Recent, run)
	}
	for _, r := range d.Info.RunningWorkflows {
		out.Running = append(out.Running, r.WorkflowID)
	}
	return out, nil
}

func (s *Schedules) handle(ctx context.Context, id string) client.ScheduleHandle {
	return s.client.ScheduleClient().GetHandle(ctx, id)
}

// scheduleOptions is the spec in the engine's words.
func scheduleOptions(spec models.ScheduleSpec) (client.ScheduleOptions, error) {
	if (spec.Cron == "") == spec.At.IsZero() {
		return client.ScheduleOptions{}, fmt.Errorf("schedule %s: exactly one of Cron and At says when it runs", spec.ID)
	}
	o := client.ScheduleOptions{
		ID: spec.ID, Note: spec.Note, Paused: spec.Paused != nil && *spec.Paused, CatchupWindow: spec.CatchUpWindow,
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
	}
	if spec.Overlap == models.OverlapBufferOne {
		o.Overlap = enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	}
	if o.CatchupWindow == 0 {
		o.CatchupWindow = defaultCatchUp
	}
	if spec.Cron != "" {
		o.Spec = client.ScheduleSpec{CronExpressions: []string{spec.Cron}, TimeZoneName: spec.TimeZone}
	} else {
		o.Spec = once(spec.At.UTC())
	}
	mark, err := fingerprint(spec)
	if err != nil {
		return client.ScheduleOptions{}, fmt.Errorf("schedule %s: %w", spec.ID, err)
	}
	o.Action = &client.ScheduleWorkflowAction{
		ID: spec.WorkflowID, Workflow: spec.WorkflowType, TaskQueue: spec.TaskQueue, Args: spec.Args, Memo: map[string]any{specMemo: mark},
	}
	return o, nil
}

func once(at time.Time) client.ScheduleSpec {
	is := func(n int) []client.ScheduleRange { return []client.ScheduleRange{{Start: n}} }
	return client.ScheduleSpec{TimeZoneName: "UTC", Calendars: []client.ScheduleCalendarSpec{{
		Second: is(at.Second()), Minute: is(at.Minute()), Hour: is(at.Hour()),
		DayOfMonth: is(at.Day()), Month: is(int(at.Month())), Year: is(at.Year()),
	}}}
}

// fingerprint is a payload in clear that differs when the spec does; whether it is paused is not part of it. The engine
// keeps expressions in another form and arguments sealed, so that the spec itself could not be compared.
func fingerprint(spec models.ScheduleSpec) (*commonpb.Payload, error) {
	spec.Paused, spec.At = nil, spec.At.UTC()
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return converter.GetDefaultDataConverter().ToPayload(hex.EncodeToString(sum[:]))
}

// fingerprintOf reads the fingerprint that an action carries; empty without one.
func fingerprintOf(a client.ScheduleAction) string {
	if w, ok := a.(*client.ScheduleWorkflowAction); ok {
		if p, ok := w.Memo[specMemo].(*commonpb.Payload); ok {
			return string(p.GetData())
		}
	}
	return ""
}

// scheduleError tells failures of schedules apart.
func scheduleError(err error) error {
	var unknown *serviceerror.NotFound
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.As(err, &unknown):
		return errs.Wrap(err, errs.NotFound, "schedule_unknown")
	case errors.As(err, &invalid):
		return errs.Wrap(err, errs.Invalid, "schedule_invalid")
	}
	return callError(err, errs.Unavailable)
}
