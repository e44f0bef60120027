package models

import "time"

// Overlap says what happens to a run that is due while the one before it still goes on.
type Overlap string

// What may happen to a run that is due too early: it is left out, or the first such waits until the one before is over.
const (
	OverlapSkip      Overlap = "skip"
	OverlapBufferOne Overlap = "buffer_one"
)

// ScheduleSpec is what is wanted of one schedule of the engine.
type ScheduleSpec struct {
	ID string
	// Cron is when it runs: minute, hour, day of month, month, day of week. A time must match all five of them, also when
	// both days are given.
	Cron string
	// At is the one time when it runs, to the second, instead of a Cron. A time that is past never comes.
	At time.Time
	// TimeZone is the IANA name of the zone that Cron is read in; empty is UTC.
	TimeZone string
	// Overlap is what happens to a run that is due while another goes on; empty is OverlapSkip.
	Overlap Overlap
	// CatchUpWindow is how late a run is taken that the engine missed because it was down; zero is an hour. The engine takes
	// ten seconds at least.
	CatchUpWindow time.Duration
	// Paused is what is wanted; nil leaves a schedule as it is, so that what a person paused stays so, and begins a new one
	// running.
	Paused *bool
	// Note says to whoever operates the engine what the schedule is for. A pause replaces it.
	Note string

	// WorkflowType is started with Args on the TaskQueue, as WorkflowID followed by "-" and the time it was scheduled for.
	// Args must survive JSON.
	WorkflowType string
	WorkflowID   string
	TaskQueue    string
	Args         []any
}

// ScheduleStatus is what the engine knows of a schedule.
type ScheduleStatus struct {
	Paused  bool
	Note    string
	Next    []time.Time   // at most ten, the earliest first; of a paused schedule, when it would run
	Recent  []ScheduleRun // at most ten, the latest last
	Running []string      // ids of workflows that go on
	Missed  int           // runs that were too late for the catch-up window
	Skipped int           // runs that Overlap left out
}

// ScheduleRun is one workflow that a schedule has started.
type ScheduleRun struct {
	ScheduledAt time.Time
	StartedAt   time.Time
	WorkflowID  string
	RunID       string
}
