package sla

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

func hours(n int) Span { return Span{Duration: time.Duration(n) * time.Hour} }

func TestPromiseWarnsBreachesAndClimbsInOrder(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("06 16:30"), rules)
	require.Equal(t, Running, s.State)
	s.due("09 11:30")
	s.next("09 09:30")
	s.tick("09 09:29")
	s.expect("started 06 16:30")
	s.tick("09 09:30")
	s.expect("warned 09 09:30 at 50% to accountable")
	s.next("09 11:00")
	s.tick("09 11:00")
	s.expect("warned 09 11:00 at 30m to accountable")
	s.next("09 11:30")
	s.tick("09 11:30")
	s.expect("breached 09 11:30 to supervisor")
	require.Equal(t, Breached, s.State)
	require.Equal(t, march("09 11:30"), *s.BreachedAt)
	require.True(t, s.Open())
	s.next("09 13:30")
	s.tick("09 13:30")
	s.expect("climbed 09 13:30 to manager")
	s.next("09 16:30")
	s.tick("10 09:00")
	s.expect("climbed 09 16:30 to director")
	require.Nil(t, s.NextAt)
	s.tick("20 09:00")
	require.Empty(t, s.told)
}

func TestLateTickTellsEveryCheckpointOnceWithItsOwnInstant(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("06 16:30"), rules)
	s.tick("09 14:00")
	want := []string{
		"started 06 16:30", "warned 09 09:30 at 50% to accountable", "warned 09 11:00 at 30m to accountable",
		"breached 09 11:30 to supervisor", "climbed 09 13:30 to manager",
	}
	s.expect(want...)
	s.tick("09 14:00")
	require.Empty(t, s.told)
}

func TestWarningsAndBreachesAreToldWithoutALadder(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("06 16:30"), Rules{Calendar: office})
	s.tick("09 14:00")
	s.expect("started 06 16:30", "warned 09 09:30 at 50%", "warned 09 11:00 at 30m", "breached 09 11:30")
	require.Nil(t, s.NextAt)
}

func TestLadderMayBeginAfterTheBreach(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), Rules{Calendar: office, Ladder: []Rung{managerRung}})
	s.told = nil
	s.tick("10 09:00")
	s.expect("warned 09 11:00 at 50%", "warned 09 13:30 at 30m", "breached 09 14:00", "climbed 09 15:00 to manager")
}

func TestEveryRungOfOneInstantIsTold(t *testing.T) {
	t.Parallel()
	r := Rules{Calendar: office, Ladder: []Rung{
		warnRung, supervisorRung,
		{On: OnWarning, Notify: []string{"backup"}},
		{On: OnBreach, Notify: []string{"quality"}},
		{On: OnBreach, After: hours(1), Clock: Elapsed, Notify: []string{"duty"}},
	}}
	s := begin(t, fourHours, march("06 13:00"), r)
	s.tick("06 17:10")
	s.expect("started 06 13:00", "warned 06 15:00 at 50% to accountable", "warned 06 15:00 at 50% to backup",
		"warned 06 16:30 at 30m to accountable", "warned 06 16:30 at 30m to backup", "breached 06 17:00 to supervisor", "climbed 06 17:00 to quality")
	s.next("06 18:00")
}

func TestWarningOfMoreTimeThanPromisedIsNotTold(t *testing.T) {
	t.Parallel()
	def := Definition{Name: "first_response", Target: Span{Duration: 10 * time.Minute}, Clock: Working, WarnAt: fourHours.WarnAt}
	s := begin(t, def, march("06 10:00"), rules)
	s.tick("06 10:10")
	s.expect("started 06 10:00", "warned 06 10:05 at 50% to accountable", "breached 06 10:10 to supervisor")
}

func TestMetAtTheDueTimeIsInTimeAndAfterItLate(t *testing.T) {
	t.Parallel()
	def := Definition{Name: "first_response", Target: hours(4), Clock: Working}
	s := begin(t, def, march("06 13:00"), rules)
	s.stop("06 17:00")
	s.expect("started 06 13:00", "met 06 17:00")
	require.Equal(t, Met, s.State)
	require.False(t, s.Open())
	require.Nil(t, s.NextAt)
	require.Equal(t, 4*time.Hour, s.Used)
	s.due("06 17:00")

	s = begin(t, def, march("06 13:00"), rules)
	s.stop("06 17:00:01")
	s.expect("started 06 13:00", "breached 06 17:00 to supervisor", "met 06 17:00 late")
	require.Equal(t, Breached, s.State)
	require.Equal(t, march("06 17:00:01"), *s.MetAt)
	require.False(t, s.Open())
	require.Equal(t, 4*time.Hour+time.Second, s.Used)
	require.Equal(t, -time.Second, s.Remaining(march("20 10:00"), rules))
}

func TestWhatIsOverStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, end := range []func(*story){func(s *story) { s.stop("06 14:00") }, func(s *story) { s.cancel("06 14:00") }} {
		s := begin(t, fourHours, march("06 13:00"), rules)
		end(s)
		over := s.Promise
		s.told = nil
		s.tick("09 14:00")
		s.stop("09 14:00")
		s.pause("09 14:00")
		s.resume("09 14:00")
		s.cancel("09 14:00")
		s.retarget(hours(1), PriorityRetroactive, "09 14:00")
		s.take(s.Amend(march("09 14:00"), rules))
		s.reopen("09 14:00") // the definition names no choice
		require.Empty(t, s.told)
		require.Equal(t, over, s.Promise)
		_, _, err := s.Extend(hours(1), march("06 13:30"), march("06 14:30"), "", rules)
		require.ErrorIs(t, err, ErrOver)
	}
}

func TestCancelKeepsABreachOnRecord(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("06 13:00"), rules)
	s.cancel("06 14:00")
	s.expect("started 06 13:00", "cancelled 06 14:00")
	require.Equal(t, Cancelled, s.State)
	require.Nil(t, s.BreachedAt)
	require.Equal(t, time.Hour, s.Used)

	s = begin(t, fourHours, march("06 09:00"), rules)
	s.tick("06 14:30")
	s.cancel("06 14:30")
	require.Equal(t, Cancelled, s.State)
	require.Equal(t, march("06 14:00"), *s.BreachedAt)
	require.Nil(t, s.NextAt)
}

func TestPausesCountInWorkingTimeOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, from, to, due string }{
		{"begins and ends inside", "06 17:00", "09 10:00", "09 14:30"},
		{"begins inside, ends outside", "06 17:00", "08 10:00", "09 13:30"},
		{"begins outside, ends inside", "06 20:00", "09 10:00", "09 13:30"},
		{"begins and ends outside", "06 20:00", "08 10:00", "09 11:30"},
		{"over lunch, from inside to inside", "09 11:00", "09 14:00", "09 14:30"},
	} {
		s := begin(t, fourHours, march("06 16:30"), rules)
		s.pause(c.from)
		require.Equal(t, Paused, s.State, c.rule)
		require.Nil(t, s.DueAt)
		require.Nil(t, s.RunningFrom)
		require.Nil(t, s.NextAt)
		used := s.Used
		require.Equal(t, office.Between(march("06 16:30"), march(c.from)), used)
		s.tick(c.to)
		s.resume(c.to)
		require.Equal(t, Running, s.State)
		require.Equal(t, used, s.Used, "what was used stays used")
		s.due(c.due)
	}
}

func TestPauseMovesWarningsAndStopsTheLadder(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.pause("09 10:00")
	s.pause("09 10:30") // already paused
	s.resume("09 11:00")
	s.resume("09 11:30") // not paused
	s.expect("started 09 09:00", "paused 09 10:00", "resumed 09 11:00")
	s.tick("09 12:00")
	s.expect("warned 09 12:00 at 50% to accountable")
	s.tick("09 15:00")
	s.expect("warned 09 14:30 at 30m to accountable", "breached 09 15:00 to supervisor")
	s.pause("09 15:30")
	require.Equal(t, Breached, s.State, "late is late, also while waiting")
	s.due("09 15:00")
	s.tick("09 17:00")
	s.expect("paused 09 15:30")
	require.Nil(t, s.NextAt)
	s.resume("09 17:00")
	s.next("09 17:30")
	s.tick("09 17:30")
	s.expect("resumed 09 17:00", "climbed 09 17:30 to manager")
	require.Equal(t, -time.Hour, s.Remaining(march("09 17:30"), rules))
}

func TestMetWhilePausedIsInTime(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.pause("09 10:00")
	s.stop("16 10:00")
	s.expect("started 09 09:00", "paused 09 10:00", "met 16 10:00")
	require.Equal(t, Met, s.State)
	require.Equal(t, time.Hour, s.Used)
	require.Equal(t, march("16 10:00"), *s.Pauses[0].To)
	s.due("16 14:00")
}

func TestPausingAgainAtTheResumptionIsOnePause(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.pause("09 10:00")
	s.resume("09 11:00")
	s.pause("09 11:00")
	require.Equal(t, []Pause{{From: march("09 10:00")}}, s.Pauses)
}

func TestPausedAtTheDueTimeIsBreached(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.pause("09 14:00")
	s.expect("started 09 09:00", "warned 09 11:00 at 50% to accountable", "warned 09 13:30 at 30m to accountable", "breached 09 14:00 to supervisor", "paused 09 14:00")
	s.due("09 14:00")
	s.resume("09 15:00")
	require.Equal(t, Breached, s.State)
}

func TestPausedAgainAtTheInstantOfItsBreachStaysBreached(t *testing.T) {
	t.Parallel()
	def := fourHours
	def.Target, def.WarnAt = Span{Days: 1}, nil // given at an opening: used up at closing time, due at the next opening
	s := begin(t, def, march("04 09:00"), rules)
	s.due("05 09:00")
	s.pause("04 19:00")
	s.resume("05 10:00")
	s.pause("05 10:00")
	s.expect("started 04 09:00", "paused 04 19:00", "resumed 05 10:00", "breached 05 10:00 to supervisor", "paused 05 10:00")
	require.Equal(t, Breached, s.State)
	s.due("05 10:00")
	require.Nil(t, s.NextAt)
	require.Empty(t, s.Verify(rules))
}

func TestBranchesOfAPromiseShareNothing(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	for _, local := range []string{"09 09:10", "09 09:20", "09 09:30"} { // three leave room for a fourth in the slices
		s.extend(hours(1), local, local)
		s.pause(local)
		s.resume(local + ":30")
	}
	one, _, err := s.Extend(hours(1), march("09 10:00"), march("09 10:00"), "", rules)
	require.NoError(t, err)
	_, _, err = s.Extend(hours(2), march("09 10:00"), march("09 10:00"), "", rules)
	require.NoError(t, err)
	require.Equal(t, hours(1), one.Extensions[3].By)

	one, _, err = s.Pause(march("09 10:00"), rules)
	require.NoError(t, err)
	_, _, err = s.Pause(march("09 11:00"), rules)
	require.NoError(t, err)
	require.Equal(t, march("09 10:00"), one.Pauses[3].From)

	_, _, err = s.Pause(march("09 09:30:30"), rules) // takes up the last pause again
	require.NoError(t, err)
	require.NotNil(t, s.Pauses[2].To)
}

func TestTimeDoesNotRunBackwards(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.pause("09 10:00")
	s.resume("09 09:30")
	require.Equal(t, march("09 10:00"), *s.RunningFrom)
	s.stop("09 08:00")
	require.Equal(t, march("09 10:00"), *s.MetAt)
}

func TestPromiseInWorkingDaysEndsOnTheSameTimeOfDay(t *testing.T) {
	t.Parallel()
	def := Definition{Name: "resolution", Target: Span{Days: 3}, Clock: Working, WarnAt: []Warning{{Percent: 50}}}
	s := begin(t, def, march("05 16:00"), rules)
	s.due("10 16:00")
	require.Equal(t, 24*time.Hour, s.Total)
	s.next("09 11:00") // 12 of the 24 working hours

	s = begin(t, def, march("09 09:00"), rules)
	s.due("12 09:00") // not Wednesday's closing time, which is as many working hours away
	require.Equal(t, 24*time.Hour, s.Total)
	s.pause("10 19:00")
	s.resume("11 08:00")
	s.due("12 09:00")
	s.pause("11 19:00") // all of the time is counted, and yet it is not due
	s.resume("12 08:00")
	s.due("12 09:00")
	s.tick("12 08:59")
	require.Equal(t, Running, s.State)
	s.tick("12 09:00")
	require.Equal(t, Breached, s.State)
}

func TestElapsedClockKnowsNoOfficeHours(t *testing.T) {
	t.Parallel()
	def := Definition{Name: "window", Target: Span{Days: 2}, Clock: Elapsed, WarnAt: []Warning{{Percent: 50}}}
	s := begin(t, def, march("06 16:30"), rules)
	s.due("08 16:30")
	s.next("07 16:30")
	s.pause("06 20:30")
	s.resume("07 20:30")
	s.due("09 16:30")
	require.Equal(t, "always", s.Receipt(march("07 20:30"), rules).CalendarID)
}

func TestImpossibleInputIsRefused(t *testing.T) {
	t.Parallel()
	_, _, err := Start(Definition{Name: "x", Clock: Working}, 1, march("09 09:00"), rules)
	require.ErrorIs(t, err, ErrSpan)
	_, _, err = Start(Definition{Name: "x", Target: hours(1), Clock: "lunar"}, 1, march("09 09:00"), rules)
	require.ErrorContains(t, err, "lunar")
	for _, target := range []Span{hours(1), {Days: 1}} {
		_, _, err = Start(Definition{Name: "x", Target: target, Clock: Working}, 1, march("09 09:00"), Rules{Calendar: closed})
		require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	}
	s := begin(t, fourHours, march("09 09:00"), rules)
	p, _, err := s.Retarget(Definition{Name: "x", Clock: Working, OnPriorityChange: PriorityRestart}, march("09 10:00"), rules)
	require.ErrorIs(t, err, ErrSpan)
	require.Equal(t, s.Promise, p)
	p, _, err = s.Amend(march("09 10:00"), Rules{Calendar: closed})
	require.ErrorIs(t, err, calendar.ErrNoWorkingTime)
	require.Equal(t, s.Promise, p)
	require.Equal(t, "due_at", s.Verify(Rules{Calendar: closed})[0].Field)
}

func TestPromiseSurvivesJSON(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00").Add(123456789), rules)
	s.pause("09 10:00")
	s.resume("09 10:30")
	s.extend(hours(1), "09 10:40", "09 10:50")
	s.tick("10 18:00")
	s.pause("11 10:00")
	text, err := json.Marshal(s.Promise)
	require.NoError(t, err)
	var back Promise
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, s.Promise, back)
}
