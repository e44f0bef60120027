package store_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestApproval_is_read_back_as_its_steps_wrote_it(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{Email: true})
	subject := k.apply(t, k.record(k.boss2(t)))
	approvalID := id.Derive(id.Approval, subject.ID, "1")
	decide := k.begins(approvalID, subject)
	first, err := decide(nil)
	require.NoError(t, err)
	behind, mail, err := k.AdvanceApproval(t.Context(), approvalID, nil, decide)
	require.NoError(t, err)
	require.Nil(t, behind)
	require.True(t, mail, "who is asked has an address")
	s, err := k.ApprovalState(t.Context(), approvalID)
	require.NoError(t, err)
	require.Equal(t, first.State, s)

	asked := taskOf(t, s, k.one)
	before, err := k.Task(t.Context(), actor(k.one), asked)
	require.NoError(t, err)
	require.Equal(t, models.TaskRow{
		Task: first.Tasks[0], Process: models.ApprovalProcess, SubjectID: subject.ID, Number: subject.Number, Subject: "账户被锁", Approval: &s,
	}, before)
	require.NotEmpty(t, before.Why)

	s = k.approve(t, s, k.one)
	s = k.approve(t, s, k.boss)
	require.Equal(t, approval.Approved, s.Chain.Outcome)
	row, err := k.Approval(t.Context(), everything, approvalID)
	require.NoError(t, err)
	require.Equal(t, models.ApprovalRow{State: s, Subject: "账户被锁", ClientID: &k.client.ID}, row)

	done, err := k.Task(t.Context(), actor(k.one), asked)
	require.NoError(t, err)
	require.Equal(t, models.TaskDone, done.State)
	require.Equal(t, k.one.ID, done.DoneBy)
	require.Equal(t, before.Why, done.Why, "why they were asked is told for good")
	require.Equal(t, before.CreatedAt, done.CreatedAt)
	require.Equal(t, []string{asked}, k.inbox(t, actor(k.one), models.TaskFilter{Box: models.BoxDone}))

	events, err := k.Timeline(t.Context(), approvalID, 0, 100)
	require.NoError(t, err)
	require.EqualValues(t, s.EventSeq, len(events))
	require.Equal(t, "trace-9", events[0].TraceID)
	events[0].TraceID = ""
	require.Equal(t, first.Events[0].Type, events[0].Type)

	notes, _, err := k.Notifications(t.Context(), k.one.ID, nil, models.Page{})
	require.NoError(t, err)
	require.Equal(t, []string{models.ApprovalProcess, approvalID}, []string{notes[0].Process, notes[0].SubjectID})
	steps, err := k.UnsentSteps(t.Context(), approvalID)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 3}, steps, "the boss, who is asked by step 2, has no address")
	require.Empty(t, k.verify(t))

	_, err = k.ApprovalState(t.Context(), id.New(id.Approval))
	require.Equal(t, "approval.unknown", requireCode(t, errs.NotFound, err).Key)
}

func TestApproval_step_from_a_state_that_has_moved_on_writes_nothing_and_answers_the_stored_one(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	subject := k.apply(t, k.record(k.one))
	old := k.askAbout(t, subject)
	approve := k.says(k.one, approval.Command{Verb: approval.Approve})
	s := k.step(t, old.ID, &old, func(string) models.DecideApproval { return approve })
	before := k.contents(t)
	for name, attempt := range map[string]struct {
		believed *models.ApprovalState
		decide   models.DecideApproval
	}{
		"begun already":              {nil, k.begins(old.ID, subject)},
		"the same step again":        {&old, approve},
		"a step that is refused now": {&old, k.says(k.reader, approval.Command{Verb: approval.Approve})},
		"a refusal without a state":  {nil, k.says(k.one, approval.Command{Verb: approval.Approve})},
	} {
		behind, mail, err := k.AdvanceApproval(t.Context(), s.ID, attempt.believed, attempt.decide)
		require.NoError(t, err, name)
		require.Equal(t, &s, behind, name)
		require.False(t, mail, name)
		require.Equal(t, before, k.contents(t), name)
	}
}

func TestApproval_step_from_a_state_that_the_database_has_lost_is_an_error(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	ahead, lost := s, s
	ahead.Seq += 2
	lost.ID = id.New(id.Approval)
	for name, believed := range map[string]models.ApprovalState{"ahead": ahead, "none": lost} {
		_, _, err := k.AdvanceApproval(t.Context(), believed.ID, &believed, k.says(k.one, approval.Command{Verb: approval.Approve}))
		requireCode(t, errs.Internal, err)
		require.ErrorContains(t, err, "its process at", name)
	}
}

func TestApproval_step_is_written_as_a_whole_or_not_at_all(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	before := k.contents(t)
	refusal := errs.New(errs.Conflict, "approval.test")
	spoilt := func(spoil func(*models.ApprovalStep)) models.DecideApproval {
		decide := k.says(k.one, approval.Command{Verb: approval.Approve})
		return func(stored *models.ApprovalState) (models.ApprovalStep, error) {
			step, err := decide(stored)
			spoil(&step)
			return step, err
		}
	}
	for name, decide := range map[string]models.DecideApproval{
		"refused": func(*models.ApprovalState) (models.ApprovalStep, error) { return models.ApprovalStep{}, refusal },
		"a message to nobody": spoilt(func(s *models.ApprovalStep) {
			s.Notices = []models.Notice{{Kind: "approval_asked", UserID: id.New(id.User), Key: "x", NotBefore: k.now}}
		}),
		"a task of nobody":       spoilt(func(s *models.ApprovalStep) { s.Tasks[1].UserID = "" }),
		"a task of a team":       spoilt(func(s *models.ApprovalStep) { s.Tasks[1].TeamID = k.team.ID }),
		"an outcome without end": spoilt(func(s *models.ApprovalStep) { s.State.Chain.Outcome = approval.Approved }),
		"a gap in the steps":     spoilt(func(s *models.ApprovalStep) { s.State.Seq++ }),
		"a gap in the events":    spoilt(func(s *models.ApprovalStep) { s.Events = s.Events[1:] }),
		"a lost event":           spoilt(func(s *models.ApprovalStep) { s.State.EventSeq++ }),
		"another approval":       spoilt(func(s *models.ApprovalStep) { s.State.ID = id.New(id.Approval) }),
	} {
		_, mail, err := k.AdvanceApproval(t.Context(), s.ID, &s, decide)
		require.Error(t, err, name)
		require.False(t, mail)
		if name == "refused" {
			require.ErrorIs(t, err, refusal)
		}
		require.Equal(t, before, k.contents(t), name)
	}
	require.Panics(t, func() {
		_, _, _ = k.AdvanceApproval(t.Context(), s.ID, &s, func(*models.ApprovalState) (models.ApprovalStep, error) { panic("a defect") })
	})
	k.approve(t, s, k.one) // no lock was left behind
	require.Empty(t, k.verify(t))
}

func TestApproval_asks_nobody_who_has_left(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	require.NoError(t, k.DB().Exec("UPDATE users SET active = false WHERE id = ?", k.boss.ID).Error)
	before := k.contents(t)
	_, _, err := k.AdvanceApproval(t.Context(), s.ID, &s, k.says(k.one, approval.Command{Verb: approval.Approve}))
	require.Equal(t, "approval.user_inactive", requireCode(t, errs.Invalid, err).Key)
	require.Equal(t, before, k.contents(t))

	s = k.do(t, s, k.away, approval.Command{Verb: approval.CC, UserIDs: []string{k.boss.ID}}) // a copy asks nothing of them
	require.Equal(t, 1, count(t, k.Store, "tasks WHERE state = 'copy' AND user_id = ?", k.boss.ID))
	k.gone = k.boss.ID // and once the process knows, it goes on without them
	k.approve(t, s, k.one)
	require.Empty(t, k.verify(t))
}

func TestApproval_step_of_many_at_once_exactly_one_wins_each_number(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	subject := k.apply(t, k.record(k.one))
	approvalID := id.Derive(id.Approval, subject.ID, "1")
	begin := k.begins(approvalID, subject)
	const racers, target = 20, 30
	says := make([]models.DecideApproval, racers*target)
	for i := range says {
		says[i] = k.says(k.away, approval.Command{Verb: approval.Comment, Comment: "well"})
	}
	var applied, turn atomic.Int64
	g, ctx := errgroup.WithContext(t.Context())
	for range racers {
		g.Go(func() error {
			var known *models.ApprovalState
			for known == nil || known.Seq < target {
				decide := begin
				if known != nil {
					decide = says[turn.Add(1)%int64(len(says))]
				}
				var step models.ApprovalStep
				behind, _, err := k.AdvanceApproval(ctx, approvalID, known, func(stored *models.ApprovalState) (_ models.ApprovalStep, err error) {
					step, err = decide(stored)
					return step, err
				})
				if err != nil {
					return err
				}
				if known = behind; behind == nil {
					applied.Add(1)
					known = &step.State
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	s, err := k.ApprovalState(t.Context(), approvalID)
	require.NoError(t, err)
	require.EqualValues(t, target, s.Seq)
	require.EqualValues(t, target, applied.Load())
	require.Empty(t, k.verify(t))
}

// A leaver and a step that asks them never miss each other: either the step comes first and the approval is found
// afterwards, or it is refused.
func TestApproval_of_a_leaver_is_found_after_they_have_left(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{MaxConns: 12})
	const asked = 12
	states := make([]models.ApprovalState, asked)
	for i := range states {
		states[i] = k.ask(t)
	}
	decide := k.says(k.one, approval.Command{Verb: approval.Approve})
	var refused atomic.Int64
	begun := make(chan struct{}, asked)
	var g errgroup.Group
	for _, s := range states {
		g.Go(func() error {
			_, _, err := k.AdvanceApproval(t.Context(), s.ID, &s, decide)
			begun <- struct{}{}
			if errs.CodeOf(err) == errs.Invalid {
				refused.Add(1)
				return nil
			}
			return err
		})
	}
	<-begun
	_, err := k.DeactivateUser(t.Context(), models.Deactivate{UserID: k.boss.ID}, models.Meta{}, k.now.Add(time.Hour), inherits(k.boss, k.two))
	require.NoError(t, err)
	found, err := k.OpenApprovalsOf(t.Context(), k.boss.ID)
	require.NoError(t, err)
	require.NoError(t, g.Wait())
	require.EqualValues(t, asked, len(found)+int(refused.Load()))
	words := models.LeaverWords(models.Deactivate{UserID: k.boss.ID}, models.Meta{}, found, nil, nil, nil)
	require.Equal(t, words, untold(t, k.Store), "the processes of all of them are told")
	again, err := k.OpenApprovalsOf(t.Context(), k.boss.ID)
	require.NoError(t, err)
	require.Equal(t, found, again)
}

func TestApproval_is_told_that_its_team_has_another_supervisor(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	_, _, err := k.AdvanceApproval(t.Context(), s.ID, &s, k.says(k.one, approval.Command{Verb: approval.Approve}))
	require.NoError(t, err)
	k.ask(t) // does not ask the boss yet
	chief := addUser(t, k.Store, "chief")
	lead := k.team
	lead.SupervisorID = &chief.ID
	_, err = k.LeadTeam(t.Context(), lead, func(models.CaseState, string) (models.CaseStep, error) {
		return models.CaseStep{}, errors.New("nothing waits in a case")
	})
	require.NoError(t, err)
	require.Equal(t, models.LeadWords(k.boss.ID, []string{s.ID}), untold(t, k.Store))
}
