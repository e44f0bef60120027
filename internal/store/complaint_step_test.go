package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestCaseNumber_counts_per_day_and_type_and_is_never_given_twice(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	for want, kind := range map[string]models.CaseType{"CMP-20261122-0001": models.TypeComplaint, "INQ-20261122-0001": models.TypeInquiry} {
		number, err := d.NextCaseNumber(t.Context(), kind, "20261122")
		require.NoError(t, err)
		require.Equal(t, want, number)
	}
	numbers := make([]string, 40)
	var g errgroup.Group
	for i := range numbers {
		g.Go(func() (err error) {
			numbers[i], err = d.NextCaseNumber(t.Context(), models.TypeComplaint, "20261123")
			return err
		})
	}
	require.NoError(t, g.Wait())
	want := make([]string, len(numbers))
	for i := range want {
		want[i] = fmt.Sprintf("CMP-20261123-%04d", i+1)
	}
	require.ElementsMatch(t, want, numbers)

	require.NoError(t, d.DB().Exec("UPDATE case_numbers SET last = 9999 WHERE prefix = 'INQ'").Error)
	number, err := d.NextCaseNumber(t.Context(), models.TypeInquiry, "20261122")
	require.NoError(t, err)
	require.Equal(t, "INQ-20261122-10000", number)
}

func TestCase_is_read_back_as_its_steps_wrote_it(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	first := d.record(d.one)
	s := d.apply(t, first)
	offered := offer(next(s, d.tick(), "offered"), d.two.ID, "")
	s = d.apply(t, offered)
	accepted := hand(next(s, d.tick(), "accepted"), d.two)
	s = d.apply(t, accepted)

	row, err := d.Case(t.Context(), everything, s.ID)
	require.NoError(t, err)
	require.Equal(t, s, row.State)
	require.Equal(t, *first.Record, row.Record)

	events, err := d.Timeline(t.Context(), s.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, first.TraceID, events[0].TraceID)
	events[0].TraceID = ""
	require.Equal(t, []models.TimelineEvent{first.Events[0], offered.Events[0], accepted.Events[0]}, events)
	events, err = d.Timeline(t.Context(), s.ID, 1, 1)
	require.NoError(t, err)
	require.Equal(t, offered.Events, events)

	accountable, handling, err := d.Responsibility(t.Context(), s.ID)
	require.NoError(t, err)
	a, b, c := first.State.CreatedAt, offered.State.UpdatedAt, accepted.State.UpdatedAt
	require.Equal(t, []models.Holding{{UserID: d.one.ID, From: a, Reason: "recorded"}}, accountable)
	require.Equal(t, []models.Holding{
		{UserID: d.one.ID, From: a, Until: &b, Kind: models.HoldWorking, Reason: "recorded"},
		{UserID: d.one.ID, From: b, Until: &c, Kind: models.HoldAwaitingAcceptance, Reason: "offered"},
		{UserID: d.two.ID, From: c, Kind: models.HoldWorking, Reason: "accepted"},
	}, handling)

	require.Equal(t, 1, count(t, d.Store, "timeline WHERE subject_id = ? AND trace_id = 'trace-1'", s.ID))
	require.Equal(t, 2, count(t, d.Store, "tasks WHERE subject_id = ? AND state = 'done'", s.ID))
	require.Equal(t, 1, count(t, d.Store, "tasks WHERE subject_id = ? AND state = 'open' AND user_id = ?", s.ID, d.two.ID))
	require.Empty(t, d.verify(t))
}

func TestStep_known_to_be_behind_is_not_applied_and_answers_the_stored_state(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	first := d.record(d.one)
	s := d.apply(t, first)
	repeated := func(known map[string]int64) models.CasesAdvanced {
		out, err := d.AdvanceCases(t.Context(), []string{s.ID}, known, func(map[string]models.CaseState) ([]models.CaseStep, error) {
			t.Error("must not be asked")
			return nil, nil
		})
		require.NoError(t, err)
		return out
	}
	for _, seq := range []int64{-1, 0} { // the worker died after the commit, and records the case again
		require.Equal(t, map[string]models.CaseState{s.ID: s}, repeated(map[string]int64{s.ID: seq}).Behind)
	}
	s = d.apply(t, next(s, d.tick(), "noted"))
	require.Equal(t, map[string]models.CaseState{s.ID: s}, repeated(map[string]int64{s.ID: 1}).Behind)
	require.Equal(t, 2, count(t, d.Store, "timeline WHERE subject_id = ?", s.ID))
}

func TestStep_from_a_state_that_the_database_has_lost_is_an_error(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	for _, known := range []map[string]int64{{s.ID: 2}, {id.New(id.Case): 1}} {
		for caseID := range known {
			_, err := d.AdvanceCases(t.Context(), []string{caseID}, known, answers())
			requireCode(t, errs.Internal, err)
		}
	}
}

func TestStep_is_written_as_a_whole_or_not_at_all(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	before := d.contents(t)
	refusal := errs.New(errs.Conflict, "case.state")
	for name, decide := range map[string]models.DecideCases{
		"refused": func(map[string]models.CaseState) ([]models.CaseStep, error) { return nil, refusal },
		"last statement fails": func() models.DecideCases {
			step := hand(next(s, d.tick(), "assigned"), d.two)
			step.Notices = []models.Notice{{Kind: "case_assigned", UserID: id.New(id.User), Key: "2/x", NotBefore: d.now}} // nobody
			return answers(step)
		}(),
		"second case fails": func() models.DecideCases {
			other := d.record(d.two)
			other.Tasks[0].UserID = ""
			return answers(next(s, d.tick(), "noted"), other)
		}(),
		"gap in the steps": func() models.DecideCases {
			step := next(s, d.tick(), "noted")
			step.State.Seq++
			return answers(step)
		}(),
		"gap in the events": func() models.DecideCases {
			step := next(s, d.tick(), "noted")
			step.State.EventSeq++
			return answers(step)
		}(),
	} {
		_, err := d.AdvanceCases(t.Context(), []string{s.ID}, map[string]int64{s.ID: 1}, decide)
		require.Error(t, err, name)
		if name == "refused" {
			require.ErrorIs(t, err, refusal)
		}
		require.Equal(t, before, d.contents(t), name)
	}
	require.Panics(t, func() {
		_, _ = d.AdvanceCases(t.Context(), []string{s.ID}, nil, func(map[string]models.CaseState) ([]models.CaseStep, error) {
			panic("a defect")
		})
	})
	d.apply(t, next(s, d.tick(), "noted")) // no lock was left behind
	require.Empty(t, d.verify(t))
}

// contents is the number of rows and the sum of the steps of everything that steps write.
func (d *desk) contents(t *testing.T) string {
	t.Helper()
	var text string
	for _, table := range []string{
		"cases", "timeline", "tasks", "case_accountability", "case_handling", "case_milestones", "case_access", "case_contacts",
		"notifications", "deliveries", "knowledge_articles", "approvals", "approval_access", "words",
	} {
		var n string
		require.NoError(t, d.DB().Raw("SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '') FROM "+table+" x").Scan(&n).Error)
		text += table + ": " + n + "\n"
	}
	return text
}

func TestStep_of_many_at_once_exactly_one_wins_each_number(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	first := d.record(d.one)
	const racers, target = 20, 30
	var applied atomic.Int64
	g, ctx := errgroup.WithContext(t.Context())
	for range racers {
		g.Go(func() error {
			known := models.CaseState{}
			for known.Seq < target {
				step, believed := first, (*models.CaseState)(nil)
				if known.Seq > 0 {
					step, believed = next(known, known.UpdatedAt.Add(time.Millisecond), "noted"), &known
				}
				out, err := d.AdvanceCase(ctx, first.State.ID, believed, answers(step))
				if err != nil {
					return err
				}
				if stored, ok := out.Behind[first.State.ID]; ok {
					known = stored // adopt it
					continue
				}
				applied.Add(1)
				known = step.State
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	s, err := d.CaseState(t.Context(), first.State.ID)
	require.NoError(t, err)
	require.EqualValues(t, target, s.Seq)
	require.EqualValues(t, target, applied.Load())
	require.Empty(t, d.verify(t))
}

func TestStep_of_two_cases_waits_for_no_circle(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	a, b := d.apply(t, d.record(d.one)), d.apply(t, d.record(d.two))
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 8 {
		ids := []string{a.ID, b.ID}
		if i%2 == 1 {
			ids = []string{b.ID, a.ID}
		}
		g.Go(func() error {
			for range 10 {
				_, err := d.AdvanceCases(ctx, ids, nil, func(states map[string]models.CaseState) ([]models.CaseStep, error) {
					var steps []models.CaseStep
					for _, id := range ids {
						steps = append(steps, next(states[id], states[id].UpdatedAt.Add(time.Millisecond), "noted"))
					}
					return steps, nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	for _, id := range []string{a.ID, b.ID} {
		s, err := d.CaseState(t.Context(), id)
		require.NoError(t, err)
		require.EqualValues(t, 81, s.Seq)
	}
	require.Empty(t, d.verify(t))
}

func TestUnknown_client_is_named(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	step := d.record(d.one)
	step.State.ClientID = id.New(id.Client)
	_, err := d.AdvanceCases(t.Context(), []string{step.State.ID}, nil, answers(step))
	requireField(t, "client_id", "unknown", err)
}

func TestIntervals_of_a_case_never_overlap_whoever_writes_them(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	s = d.apply(t, hand(next(s, d.tick(), "accepted"), d.two))
	for _, table := range []string{
		"case_accountability (case_id, user_id, during, reason) VALUES (?, 'x', tstzrange(?, ?), '')",
		"case_handling (case_id, user_id, during, reason, kind) VALUES (?, 'x', tstzrange(?, ?), '', 'working')",
	} {
		err := d.DB().Exec("INSERT INTO "+table, s.ID, s.CreatedAt.Add(time.Second), s.CreatedAt.Add(2*time.Second)).Error
		var pg *pgconn.PgError
		require.True(t, errors.As(err, &pg), "%v", err)
		require.Equal(t, "23P01", pg.Code) // exclusion_violation
		require.True(t, strings.HasSuffix(pg.ConstraintName, "_one_at_a_time"))
		err = d.DB().Exec("INSERT INTO "+table, s.ID, s.CreatedAt.Add(-time.Second), s.CreatedAt.Add(-time.Second)).Error
		require.ErrorContains(t, err, "during_check") // an empty interval
	}
	require.Empty(t, d.verify(t))
}

func TestInactive_user_is_never_given_a_case(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	gone := d.member(t, "gone", d.team)
	require.NoError(t, d.DB().Exec("UPDATE users SET active = false WHERE id = ?", gone.ID).Error)
	s := d.apply(t, d.record(d.one))
	transfer := next(s, d.tick(), "accountability_transfer_asked")
	transfer.State.Transfer = &models.Transfer{ToID: gone.ID, AskedBy: d.one.ID, AskedAt: d.now}
	for name, step := range map[string]models.CaseStep{
		"recorded":    d.record(gone),
		"offered":     offer(next(s, d.tick(), "offered"), gone.ID, ""),
		"accepted":    hand(next(s, d.tick(), "accepted"), gone),
		"accountable": entrust(next(s, d.tick(), "accountability_transferred"), gone),
		"transfer":    transfer,
	} {
		_, err := d.AdvanceCases(t.Context(), []string{step.State.ID}, nil, answers(step))
		require.Equal(t, "case.user_inactive", requireCode(t, errs.Invalid, err).Key, name)
	}

	// One who left while the case was closed does not get it back.
	s = d.apply(t, hand(next(s, d.tick(), "accepted"), d.two))
	s = d.apply(t, shut(next(s, d.tick(), "closed")))
	require.NoError(t, d.DB().Exec("UPDATE users SET active = false WHERE id = ?", d.two.ID).Error)
	again := reopen(next(s, d.tick(), "reopened"), d.two)
	_, err := d.AdvanceCases(t.Context(), []string{s.ID}, nil, answers(again))
	require.Equal(t, "case.user_inactive", requireCode(t, errs.Invalid, err).Key)
	d.apply(t, reopen(next(s, d.tick(), "reopened"), d.one))
	require.Empty(t, d.verify(t))
}

func TestRecord_that_two_workers_write_at_once_is_written_once(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	for range 10 {
		first := d.record(d.one)
		var won, found atomic.Int64
		g, ctx := errgroup.WithContext(t.Context())
		for range 4 {
			g.Go(func() error {
				out, err := d.AdvanceCases(ctx, []string{first.State.ID}, map[string]int64{first.State.ID: 0}, answers(first))
				if len(out.Behind) > 0 {
					found.Add(1)
				} else if err == nil {
					won.Add(1)
				}
				return err
			})
		}
		require.NoError(t, g.Wait())
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, 3, found.Load())
	}
	require.Empty(t, d.verify(t))
}

func TestStep_that_gives_a_promise_again_replaces_the_last_one(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	first := s.Promises[0]
	give := func(cycles ...int) {
		t.Helper()
		step := next(s, d.tick(), "responded")
		step.State.Promises = nil
		for _, cycle := range cycles {
			p := first
			p.Cycle, p.StartedAt = cycle, step.State.UpdatedAt
			step.State.Promises = append(step.State.Promises, p)
		}
		s = d.apply(t, step)
		var kept []int
		require.NoError(t, d.DB().Raw("SELECT cycle FROM case_milestones WHERE case_id = ? AND started_at = ? ORDER BY cycle", s.ID, step.State.UpdatedAt).Scan(&kept).Error)
		require.Equal(t, cycles, kept)
		require.Equal(t, len(cycles), count(t, d.Store, "case_milestones WHERE case_id = ?", s.ID))
	}
	give(2)
	give(3, 4)
	give(4)
	give(5, 6, 7)
	give(8)
}
