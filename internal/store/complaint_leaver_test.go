package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// inherits hands what the leaver holds to the heir.
func inherits(leaver, heir models.User) func(models.CaseState) (models.CaseStep, error) {
	return func(s models.CaseState) (models.CaseStep, error) {
		step := next(s, s.UpdatedAt.Add(time.Millisecond), "adjudicated")
		if s.Offer != nil && s.Offer.ToID == leaver.ID {
			step.State.Offer = nil
		}
		if s.Transfer != nil && s.Transfer.ToID == leaver.ID {
			step.State.Transfer = nil
		}
		if s.AccountableID == leaver.ID {
			step = entrust(step, heir)
		}
		to := models.User{ID: s.AssigneeID, TeamID: &s.TeamID}
		if s.AssigneeID == leaver.ID {
			to = heir
		}
		return hand(step, to), nil
	}
}

func TestLeaver_owns_nothing_and_may_do_nothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	_, err := d.UpdateUser(t.Context(), d.one, "s3cret-pass")
	require.NoError(t, err)
	token, _, _, err := d.Login(t.Context(), "one", "s3cret-pass")
	require.NoError(t, err)
	_, err = d.Authenticate(t.Context(), token)
	require.NoError(t, err)

	both := d.apply(t, d.record(d.one))
	s := d.apply(t, d.record(d.one))
	accountable := d.apply(t, hand(next(s, d.tick(), "accepted"), d.two))
	s = d.apply(t, d.record(d.two))
	handler := d.apply(t, hand(next(s, d.tick(), "accepted"), d.one))
	s = d.apply(t, d.record(d.two))
	receiver := d.apply(t, offer(next(s, d.tick(), "offered"), d.one.ID, ""))
	s = d.apply(t, d.record(d.two))
	step := next(s, d.tick(), "accountability_transfer_asked")
	step.State.Transfer = &models.Transfer{ToID: d.one.ID, AskedBy: d.two.ID, AskedAt: d.now}
	transfer := d.apply(t, step)
	s = d.apply(t, d.record(d.one))
	closed := d.apply(t, shut(next(s, d.tick(), "closed")))
	foreign := d.apply(t, d.record(d.two))

	u, err := d.DeactivateUser(t.Context(), models.Deactivate{UserID: d.one.ID}, models.Meta{}, d.tick(), inherits(d.one, d.two))
	require.NoError(t, err)
	require.False(t, u.Active)
	require.EqualValues(t, 3, u.Version)
	require.Equal(t, d.now, u.UpdatedAt)
	require.ElementsMatch(t, models.MovedWords([]string{both.ID, accountable.ID, handler.ID, receiver.ID, transfer.ID}), untold(t, d.Store), "their processes are told")
	require.Zero(t, count(t, d.Store, "cases WHERE phase = 'live' AND ? IN (accountable_id, assignee_id, offer_to_id, transfer_to_id)", d.one.ID))
	require.Zero(t, count(t, d.Store, "tasks WHERE state = 'open' AND user_id = ?", d.one.ID))
	for _, s := range []models.CaseState{closed, foreign} {
		got, err := d.CaseState(t.Context(), s.ID)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	_, err = d.Authenticate(t.Context(), token)
	requireCode(t, errs.Unauthenticated, err)
	require.Empty(t, d.verify(t))

	again, err := d.DeactivateUser(t.Context(), models.Deactivate{UserID: d.one.ID}, models.Meta{}, d.tick(), inherits(d.one, d.two))
	require.NoError(t, err)
	require.Empty(t, untold(t, d.Store))
	require.Equal(t, u, again)
	_, err = d.DeactivateUser(t.Context(), models.Deactivate{UserID: id.New(id.User)}, models.Meta{}, d.tick(), inherits(d.one, d.two))
	requireCode(t, errs.NotFound, err)
}

// untold takes what processes have not been told yet, as if they were told it.
func untold(t *testing.T, s *store.Store) []models.Word {
	t.Helper()
	words, err := s.Words(t.Context(), 0, 100)
	require.NoError(t, err)
	var ids []int64
	for i := range words {
		ids = append(ids, words[i].ID)
		words[i].ID = 0
	}
	require.NoError(t, s.Told(t.Context(), ids))
	return words
}

// signals takes the words, and says what signal they were to whom.
func signals(t *testing.T, s *store.Store) (sent []string) {
	t.Helper()
	for _, word := range untold(t, s) {
		sent = append(sent, word.Signal+" "+word.WorkflowID)
	}
	return sent
}

func TestLeaver_without_an_heir_stays(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	d.apply(t, d.record(d.one))
	before := d.contents(t)
	for name, heir := range map[string]models.User{"nobody": {TeamID: d.one.TeamID}, "the leaver": d.one} {
		_, err := d.DeactivateUser(t.Context(), models.Deactivate{UserID: d.one.ID}, models.Meta{}, d.tick(), inherits(d.one, heir))
		require.Equal(t, "user.no_heir", requireCode(t, errs.Conflict, err).Key, name)
	}
	gone := d.member(t, "gone", d.team)
	_, err := d.DeactivateUser(t.Context(), models.Deactivate{UserID: gone.ID}, models.Meta{}, d.tick(), inherits(gone, d.two))
	require.NoError(t, err)
	_, err = d.DeactivateUser(t.Context(), models.Deactivate{UserID: d.one.ID}, models.Meta{}, d.tick(), inherits(d.one, gone))
	requireCode(t, errs.Invalid, err)
	u, err := d.User(t.Context(), d.one.ID)
	require.NoError(t, err)
	require.True(t, u.Active)
	require.Equal(t, before, d.contents(t))
}

// Others go on giving the leaver cases while they leave: each of these either comes before and is inherited, or is refused.
func TestLeaver_owns_nothing_however_many_cases_they_are_given_meanwhile(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{MaxConns: 12})
	const givers, each = 8, 12
	states := make([]models.CaseState, givers)
	for i := range states {
		states[i] = d.apply(t, d.record(d.two))
	}
	var given, refused atomic.Int64
	begun := make(chan struct{}, givers)
	g, ctx := errgroup.WithContext(t.Context())
	for _, s := range states {
		g.Go(func() error {
			for range each {
				out, err := d.AdvanceCases(ctx, []string{s.ID}, map[string]int64{s.ID: s.Seq},
					answers(hand(next(s, s.UpdatedAt.Add(time.Millisecond), "accepted"), d.one)))
				switch stored, behind := out.Behind[s.ID]; {
				case errs.CodeOf(err) == errs.Invalid:
					refused.Add(1)
				case err != nil:
					return err
				case behind: // moved away from the leaver
					s = stored
				default:
					given.Add(1)
					if s, err = d.CaseState(ctx, s.ID); err != nil {
						return err
					}
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
			return nil
		})
	}
	<-begun
	_, err := d.DeactivateUser(t.Context(), models.Deactivate{UserID: d.one.ID}, models.Meta{}, d.now.Add(time.Hour), inherits(d.one, d.two))
	require.NoError(t, err)
	require.NoError(t, g.Wait())
	require.Positive(t, given.Load()+refused.Load())
	require.Zero(t, count(t, d.Store, "cases WHERE phase = 'live' AND ? IN (accountable_id, assignee_id)", d.one.ID))
	require.Zero(t, count(t, d.Store, "tasks WHERE state = 'open' AND user_id = ?", d.one.ID))
	require.Empty(t, d.verify(t))
}
