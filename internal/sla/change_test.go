package sla

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExtensionMovesTheDueTimeAndKeepsTheFirstOnRecord(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.tick("09 11:00")
	s.extend(hours(4), "09 11:00", "09 11:30")
	s.due("09 18:00")
	require.Equal(t, 8*time.Hour, s.Total)
	first := march("09 14:00")
	require.Equal(t, []Extension{{
		At: march("09 11:30"), AskedAt: march("09 11:00"), By: hours(4), FromDue: &first, Reason: "a part is missing",
	}}, s.Extensions)
	s.expect("started 09 09:00", "warned 09 11:00 at 50% to accountable", "extended 09 11:30")
	require.Equal(t, "a part is missing", s.last[0].Detail)
	s.next("09 14:00") // half of eight hours lies ahead: it is told again
	s.tick("09 18:00")
	s.expect("warned 09 14:00 at 50% to accountable", "warned 09 17:30 at 30m to accountable", "breached 09 18:00 to supervisor")
}

func TestExtensionAskedForBeforeTheBreachUndoesIt(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.tick("09 15:00")
	require.Equal(t, 2, s.Climbed)
	s.told = nil
	s.extend(hours(4), "09 13:59", "09 15:00")
	s.expect("extended 09 15:00 undone")
	require.Equal(t, Running, s.State)
	require.Nil(t, s.BreachedAt)
	s.due("09 18:00")
	s.tick("10 10:00")
	s.expect("warned 09 17:30 at 30m to accountable", "breached 09 18:00 to supervisor", "climbed 10 10:00 to manager")
}

func TestExtensionThatHasPassedAsWellMovesTheBreach(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.tick("10 10:00")
	require.Equal(t, 3, s.Climbed)
	s.told = nil
	s.extend(hours(1), "09 13:00", "10 10:00")
	s.expect("extended 10 10:00")
	require.Equal(t, march("09 15:00"), *s.BreachedAt)
	require.Nil(t, s.NextAt, "no rung is told twice")
}

func TestExtensionAskedForAfterTheBreachIsRefused(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("09 09:00"), rules)
	for _, asked := range []string{"09 14:00", "09 14:30"} {
		p, effects, err := s.Extend(hours(4), march(asked), march("09 15:00"), "", rules)
		require.ErrorIs(t, err, ErrExtensionTooLate)
		require.Empty(t, effects)
		require.Equal(t, s.Promise, p)
	}
	_, _, err := s.Extend(Span{}, march("09 10:00"), march("09 10:00"), "", rules)
	require.ErrorIs(t, err, ErrSpan)
}

func TestExtensionByDaysCountsFromTheDueTime(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("05 16:30"), rules) // due Friday 11:30
	s.extend(Span{Days: 1}, "06 09:00", "06 09:00")
	s.due("09 11:30")
	require.Equal(t, 12*time.Hour, s.Total)

	s = begin(t, fourHours, march("05 16:30"), rules)
	s.pause("05 17:30")
	s.extend(Span{Days: 1}, "06 09:00", "06 09:00") // as if due Friday 13:00
	require.Nil(t, s.DueAt)
	require.Nil(t, s.Extensions[0].FromDue)
	require.Equal(t, 12*time.Hour, s.Total)
	s.resume("06 10:00")
	s.due("09 14:00")
}

func TestExtensionByDaysIsCountedFromTheDueTimeOfItsDay(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: hours(2), Clock: Working}, march("09 09:00"), rules)
	s.extend(Span{Days: 1}, "09 09:30", "09 09:30")
	s.due("10 11:00")
	s.pause("09 10:00")
	s.resume("09 11:00")
	s.due("10 12:00") // a day from 12:00, when the office closes for lunch, would be 13:00
}

func TestExtensionByHoursOfAPromiseInDaysEndsAtClosingTime(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: Span{Days: 3}, Clock: Working}, march("09 09:00"), rules)
	s.due("12 09:00")
	s.extend(hours(8), "09 09:30", "09 09:30")
	s.due("12 18:00")
}

func TestRetroactiveTargetCountsFromTheOriginalStart(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: hours(8), Clock: Working, WarnAt: fourHours.WarnAt}, march("09 09:00"), rules)
	s.pause("09 10:00")
	s.resume("09 11:00")
	s.retarget(hours(4), PriorityRetroactive, "09 11:30")
	s.expect("started 09 09:00", "paused 09 10:00", "resumed 09 11:00", "retargeted 09 11:30")
	require.Equal(t, PriorityRetroactive, s.last[0].Detail)
	s.due("09 15:00")
	s.next("09 12:00")
	require.Equal(t, march("09 09:00"), s.StartedAt)
}

func TestRetroactiveTargetTellsAWarningThatItPassed(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: hours(8), Clock: Working, WarnAt: fourHours.WarnAt}, march("09 09:00"), rules)
	s.retarget(hours(4), PriorityRetroactive, "09 11:30")
	s.expect("started 09 09:00", "retargeted 09 11:30", "warned 09 11:30 at 50% to accountable")
	s.retarget(hours(8), PriorityRetroactive, "09 12:00")
	s.next("09 14:00")
}

func TestRetroactiveTargetMayBeBreachedAtOnce(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: hours(8), Clock: Working, WarnAt: fourHours.WarnAt}, march("09 09:00"), rules)
	s.retarget(hours(4), PriorityRetroactive, "09 15:30")
	s.expect("started 09 09:00", "warned 09 14:00 at 50% to accountable", "retargeted 09 15:30", "breached 09 15:30 to supervisor")
	s.due("09 14:00")
	require.Equal(t, march("09 15:30"), *s.BreachedAt, "nothing was broken before the change")
	s.next("09 16:30") // and the manager has the hour that the ladder gives
}

func TestNoChangeOfPriorityUndoesABreach(t *testing.T) {
	t.Parallel()
	for _, choice := range []string{PriorityRetroactive, PriorityRestart} {
		s := begin(t, fourHours, march("09 09:00"), rules)
		s.tick("09 15:00")
		broken := s.Promise
		s.told = nil
		s.retarget(hours(40), choice, "09 15:00")
		require.Empty(t, s.told)
		require.Equal(t, broken, s.Promise, "it stays as it was given")
		s.retarget(hours(40), choice, "09 18:00")
		s.expect("climbed 09 18:00 to director")
	}
	s := begin(t, fourHours, march("09 09:00"), rules)
	s.told = nil
	s.retarget(hours(40), PriorityRetroactive, "09 14:00") // at the due time itself: told first, and it stands
	require.Equal(t, march("09 14:00"), *s.BreachedAt)
	s.retarget(hours(2), PriorityRetroactive, "09 14:00")
	require.Equal(t, march("09 14:00"), *s.BreachedAt, "a shorter target applies, and was not broken before it was given")
	s.due("09 11:00")
}

func TestRetroactiveTargetBreachedDuringAPauseIsTold(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: hours(8), Clock: Working}, march("09 09:00"), rules)
	s.pause("09 16:00")
	s.retarget(hours(4), PriorityRetroactive, "09 17:00")
	s.expect("started 09 09:00", "paused 09 16:00", "retargeted 09 17:00", "breached 09 17:00 to supervisor")
	require.Equal(t, Breached, s.State)
	require.Nil(t, s.NextAt)
	s.resume("10 09:00")
	s.next("10 10:00")
}

func TestRestartedTargetCountsFromTheChange(t *testing.T) {
	t.Parallel()
	s := begin(t, Definition{Name: "resolution", Target: hours(8), Clock: Working, WarnAt: fourHours.WarnAt}, march("09 09:00"), rules)
	s.tick("09 15:00")
	s.told = nil
	s.retarget(hours(2), PriorityRestart, "09 15:00")
	s.expect("retargeted 09 15:00")
	s.due("09 17:00")
	require.Equal(t, march("09 15:00"), s.StartedAt)
	s.tick("09 18:00")
	s.expect("warned 09 16:00 at 50% to accountable", "warned 09 16:30 at 30m to accountable", "breached 09 17:00 to supervisor", "climbed 09 18:00 to manager")

	s = begin(t, fourHours, march("09 09:00"), rules)
	s.pause("09 10:00")
	s.retarget(hours(2), PriorityRestart, "09 11:00")
	require.Equal(t, Paused, s.State, "a pause goes on")
	s.resume("09 14:00")
	s.due("09 16:00")
}

func TestKeptTargetStaysAsItWasGiven(t *testing.T) {
	t.Parallel()
	for _, choice := range []string{PriorityKeep, ""} {
		s := begin(t, fourHours, march("09 09:00"), rules)
		before := s.Promise
		s.told = nil
		s.retarget(hours(1), choice, "09 10:59")
		require.Empty(t, s.told)
		require.Equal(t, before, s.Promise)
	}
}

func reopening(choice string) Definition {
	def := fourHours
	def.OnReopen = choice
	return def
}

func TestReopenedToContinueKeepsWhatWasUsed(t *testing.T) {
	t.Parallel()
	s := begin(t, reopening(ReopenContinue), march("09 09:00"), rules)
	s.tick("09 11:30")
	s.stop("09 11:30")
	s.told = nil
	require.Nil(t, s.reopen("10 14:00"))
	s.expect("reopened 10 14:00")
	require.Equal(t, Running, s.State)
	require.Equal(t, 2*time.Hour+30*time.Minute, s.Used)
	s.due("10 15:30")
	s.next("10 15:00") // the 50 % were told before it was resolved
}

func TestReopenedToContinueAfterAPauseIsOnePause(t *testing.T) {
	t.Parallel()
	s := begin(t, reopening(ReopenContinue), march("09 09:00"), rules)
	s.pause("09 10:00")
	s.stop("09 11:00")
	s.reopen("10 14:00")
	until := march("10 14:00")
	require.Equal(t, []Pause{{From: march("09 10:00"), To: &until}}, s.Pauses)
	s.due("10 17:00")
}

func TestReopenedToContinueAfterItsDueTimeIsLateAlsoWhenAPauseEndedAtIt(t *testing.T) {
	t.Parallel()
	def := fourHours
	def.Target, def.WarnAt, def.OnReopen = Span{Days: 1}, nil, ReopenContinue
	s := begin(t, def, march("04 09:00"), rules)
	s.pause("04 19:00")
	s.stop("05 10:00")
	require.Equal(t, Met, s.State)
	s.due("05 10:00")
	s.reopen("05 11:00")
	require.Equal(t, Breached, s.State)
	require.Equal(t, march("05 11:00"), *s.BreachedAt)
	s.due("05 10:00")
	require.Empty(t, s.Verify(rules))
}

func TestReopenedToContinueStaysLate(t *testing.T) {
	t.Parallel()
	s := begin(t, reopening(ReopenContinue), march("09 09:00"), rules)
	s.stop("09 14:30")
	s.told = nil
	s.reopen("10 14:00")
	s.expect("reopened 10 14:00")
	require.Equal(t, Breached, s.State)
	require.True(t, s.Open())
	s.next("10 14:30") // half an hour of the manager's was used before
}

func TestReopenedAsANewCycleKeepsTheOldOnRecord(t *testing.T) {
	t.Parallel()
	s := begin(t, reopening(ReopenNewCycle), march("09 09:00"), rules)
	s.stop("09 14:30")
	s.told = nil
	met := s.Promise
	next := s.reopen("10 14:00")
	s.expect("started 10 14:00")
	require.Equal(t, met, s.Promise)
	require.Equal(t, 2, next.Cycle)
	require.Equal(t, 2, s.last[0].Cycle)
	require.Equal(t, ReopenNewCycle, s.last[0].Detail)
	require.Equal(t, march("10 18:00"), *next.DueAt)
	require.Equal(t, Running, next.State)
	require.Empty(t, next.Verify(rules))
}

func TestReopenedToResetStartsAgain(t *testing.T) {
	t.Parallel()
	s := begin(t, reopening(ReopenReset), march("09 09:00"), rules)
	s.stop("09 13:30")
	s.told = nil
	require.Nil(t, s.reopen("10 14:00"))
	s.expect("reopened 10 14:00")
	want, _, err := Start(reopening(ReopenReset), 1, march("10 14:00"), rules)
	require.NoError(t, err)
	require.Equal(t, want, s.Promise)
}

func TestReopenedToResetKeepsABreachOnRecord(t *testing.T) {
	t.Parallel()
	s := begin(t, reopening(ReopenReset), march("09 09:00"), rules)
	s.stop("09 14:30")
	late := s.Promise
	s.told = nil
	next := s.reopen("10 14:00")
	require.Equal(t, late, s.Promise)
	s.expect("started 10 14:00")
	require.Equal(t, 2, next.Cycle)
	require.Equal(t, ReopenNewCycle, s.last[0].Detail)
}

func TestReopeningWhatIsOpenChangesNothing(t *testing.T) {
	t.Parallel()
	for _, choice := range []string{ReopenContinue, ReopenNewCycle, ReopenReset} {
		s := begin(t, reopening(choice), march("09 09:00"), rules)
		s.told = nil
		require.Nil(t, s.reopen("09 10:59"))
		require.Empty(t, s.told)
		require.Nil(t, s.reopen("09 11:00"))
		s.expect("warned 09 11:00 at 50% to accountable")
	}
}

func TestAmendmentCountsAnewAndUndoesABreach(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("05 16:00"), rules)
	s.due("06 11:00")
	s.tick("06 14:00")
	s.told = nil
	s.r.Calendar = amended // Friday turns out to be a day off
	s.take(s.Amend(march("06 14:00"), s.r))
	s.expect("amended 06 14:00 undone")
	s.due("09 11:00")
	s.next("09 10:30") // half was used on Thursday evening
	require.Equal(t, Running, s.State)
	s.take(s.Amend(march("06 15:00"), Rules{Calendar: amended, Ladder: rules.Ladder}))
	s.expect("amended 06 15:00")
}

func TestAmendmentThatTakesTimeAwayBreachesAtOnce(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("05 16:00"), Rules{Calendar: amended, Ladder: rules.Ladder})
	s.due("09 11:00")
	s.told = nil
	s.r = rules
	s.take(s.Amend(march("09 09:30"), s.r))
	s.expect("amended 09 09:30", "breached 09 09:30 to supervisor")
	s.due("06 11:00")
}

func TestAmendmentTurnsLateIntoInTimeButNeverBack(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("05 16:00"), rules)
	s.stop("06 14:00")
	late := s.Promise
	s.told = nil
	s.take(s.Amend(march("06 15:00"), rules))
	require.Equal(t, late, s.Promise, "still late")
	s.r.Calendar = amended
	s.take(s.Amend(march("06 15:00"), s.r))
	s.expect("amended 06 15:00 undone")
	require.Equal(t, Met, s.State)
	s.due("09 11:00")
	met := s.Promise
	p, effects, err := s.Amend(march("06 16:00"), rules)
	require.NoError(t, err)
	require.Empty(t, effects)
	require.Equal(t, met, p)
}

func TestReceiptShowsThePiecesThatSumToTheTarget(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("06 16:30"), rules)
	s.pause("09 09:30")
	s.resume("09 10:00")
	receipt := s.Receipt(march("09 10:30"), rules)
	require.Equal(t, "office", receipt.CalendarID)
	require.Equal(t, 1, receipt.CalendarVersion)
	var pieces []string
	for _, segment := range receipt.Segments {
		pieces = append(pieces, segment.From.In(shanghai).Format("02 15:04")+" "+segment.Counted.String())
	}
	require.Equal(t, []string{"06 16:30 1h30m0s", "09 09:00 30m0s", "09 10:00 2h0m0s"}, pieces)
	require.Equal(t, 4*time.Hour, receipt.Counted)
	require.Equal(t, 2*time.Hour+30*time.Minute, receipt.Elapsed)
	require.Equal(t, 90*time.Minute, receipt.Remaining)
	s.stop("09 10:30")
	require.Equal(t, 2*time.Hour+30*time.Minute, s.Receipt(march("20 10:30"), rules).Counted)
}

func TestVerifyNamesWhatDoesNotFollow(t *testing.T) {
	t.Parallel()
	s := begin(t, fourHours, march("06 16:30"), rules)
	late := s.DueAt.Add(time.Second)
	for field, tamper := range map[string]func(*Promise){
		"due_at":       func(p *Promise) { p.DueAt = &late },
		"total":        func(p *Promise) { p.Total++ },
		"used":         func(p *Promise) { p.Used++ },
		"running_from": func(p *Promise) { p.RunningFrom = nil },
		"state":        func(p *Promise) { p.State = Paused },
		"next_at":      func(p *Promise) { p.NextAt = nil },
		"pauses":       func(p *Promise) { p.Pauses = []Pause{{From: march("01 09:00")}} },
	} {
		p := s.Promise
		tamper(&p)
		require.Equal(t, field, p.Verify(rules)[0].Field)
	}
	require.Equal(t, Difference{Field: "due_at", Stored: "2026-03-09T03:30:01Z", Derived: "2026-03-09T03:30:00Z"}, func() Difference {
		p := s.Promise
		p.DueAt = &late
		return p.Verify(rules)[0]
	}())

	s.stop("09 11:00")
	p := s.Promise
	p.MetAt = &late
	fields := map[string]bool{}
	for _, d := range p.Verify(rules) {
		fields[d.Field] = true
	}
	require.True(t, fields["breached_at"], "met after the due time, and no breach on record")
	p = s.Promise
	early := march("06 17:00")
	p.State, p.BreachedAt = Breached, &early
	require.Equal(t, "breached_at", p.Verify(rules)[0].Field)
}
