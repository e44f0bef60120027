package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// told is a step with notices.
func (d *desk) told(s models.CaseState, notices ...models.Notice) models.CaseStep {
	step := next(s, d.tick(), "notified")
	for _, n := range notices {
		n.Data = map[string]string{"number": s.Number}
		if n.NotBefore.IsZero() {
			n.NotBefore = d.now
		}
		step.Notices = append(step.Notices, n)
	}
	return step
}

func (d *desk) warns(s models.CaseState, u models.User, key string, notBefore time.Time) models.CaseStep {
	return d.told(s, models.Notice{Kind: "milestone_warned", UserID: u.ID, Key: key, NotBefore: notBefore})
}

func TestNotice_becomes_one_notification_and_one_message_per_channel(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{Email: true})
	for _, kinds := range [][]string{nil, {"case_resolved"}, {"case_offered", "case_resolved"}} {
		_, err := d.CreateWebhook(t.Context(), models.Webhook{ID: id.New(id.Webhook), URL: "https://chat.example", Secret: []byte("x"), Kinds: kinds, CreatedBy: d.boss.ID})
		require.NoError(t, err)
	}
	s := d.apply(t, d.record(d.one))
	step := d.told(s, models.Notice{Kind: "case_offered", UserID: d.one.ID, Key: "2/case_offered/"}, models.Notice{Kind: "case_offered", UserID: d.boss.ID, Key: "2/case_offered/"},
		models.Notice{Kind: "client_answer", Key: "2/client_answer/"})
	out, err := d.AdvanceCases(t.Context(), []string{s.ID}, nil, answers(step))
	require.NoError(t, err)
	require.True(t, out.Mail[s.ID])

	notes, _, err := d.Notifications(t.Context(), d.one.ID, nil, models.Page{})
	require.NoError(t, err)
	require.Len(t, notes, 1)
	require.Equal(t, models.Notification{
		ID: notes[0].ID, UserID: d.one.ID, Kind: "case_offered", Process: "complaint", SubjectID: s.ID, Data: map[string]string{"number": s.Number},
		Key: s.ID + "/2/case_offered//" + d.one.ID, CreatedAt: d.now,
	}, notes[0])
	require.Equal(t, 1, count(t, d.Store, "notifications WHERE user_id = ?", d.boss.ID))

	leased, err := d.LeaseDeliveries(t.Context(), s.ID, 2, d.now, d.now.Add(time.Minute))
	require.NoError(t, err)
	var got []string
	for _, m := range leased.Deliveries {
		require.EqualValues(t, 2, m.StepSeq)
		require.True(t, strings.HasPrefix(m.ID, "msg_"))
		switch {
		case m.WebhookID != nil:
			got = append(got, "webhook "+m.Kind)
			require.Equal(t, d.one.ID+","+d.boss.ID, m.Data["to"])
		case m.UserID != nil:
			got = append(got, "user "+*m.UserID)
		default:
			got = append(got, "client "+m.ContactEmail)
		}
	}
	slices.Sort(got)
	// The boss has no address; one hook wants every kind, one wants another, one names it.
	require.Equal(t, []string{"client wang@bank.example", "user " + d.one.ID, "webhook case_offered", "webhook case_offered"}, got)

	quiet, err := d.AdvanceCases(t.Context(), []string{s.ID}, nil, answers(next(step.State, d.tick(), "noted")))
	require.NoError(t, err)
	require.Empty(t, quiet.Mail)
}

func TestNotice_makes_no_email_where_there_is_no_way_to_send_it(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	out, err := d.AdvanceCases(t.Context(), []string{s.ID}, nil, answers(d.told(s, models.Notice{Kind: "k", UserID: d.one.ID, Key: "2/k/"}, models.Notice{Kind: "k", Key: "2/k/"})))
	require.NoError(t, err)
	require.Empty(t, out.Mail)
	require.Zero(t, count(t, d.Store, "deliveries"))
	require.Equal(t, 1, count(t, d.Store, "notifications"))
}

func TestWarnings_to_one_person_inside_five_minutes_are_one_notification(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	a, b := d.apply(t, d.record(d.one)), d.apply(t, d.record(d.one))
	first := d.warns(a, d.one, "2/w/1", d.now)
	a = d.apply(t, first)
	b = d.apply(t, d.warns(b, d.one, "2/w/1", d.now))
	a = d.apply(t, d.told(a, models.Notice{Kind: "milestone_warned", UserID: d.one.ID, Key: "3/w/1"}, models.Notice{Kind: "milestone_warned", UserID: d.one.ID, Key: "3/w/2"},
		models.Notice{Kind: "milestone_warned", UserID: d.two.ID, Key: "3/w/1"}, models.Notice{Kind: "milestone_breached", UserID: d.one.ID, Key: "3/b/1"}))
	of := func(u models.User) []models.Notification {
		notes, _, err := d.Notifications(t.Context(), u.ID, nil, models.Page{})
		require.NoError(t, err)
		return notes
	}
	notes := of(d.one)
	require.Len(t, notes, 2) // the breach is no warning
	one := notes[slices.IndexFunc(notes, func(n models.Notification) bool { return n.Kind == "milestone_warned" })]
	numbers := []string{a.Number, b.Number}
	slices.Sort(numbers)
	require.Equal(t, map[string]string{"number": a.Number, "numbers": strings.Join(numbers, ", "), "count": "4"}, one.Data)
	require.Equal(t, first.State.UpdatedAt, one.CreatedAt)
	require.Equal(t, map[string]string{"number": a.Number}, of(d.two)[0].Data)

	_, err := d.MarkRead(t.Context(), d.one.ID, one.ID, d.now)
	require.NoError(t, err)
	a = d.apply(t, d.warns(a, d.one, "4/w/1", d.now))
	require.Len(t, of(d.one), 3, "one that was read is over")
	d.now = d.now.Add(4 * time.Minute)
	d.apply(t, d.warns(a, d.one, "5/w/1", d.now))
	require.Len(t, of(d.one), 4, "so is one of five minutes ago")
}

func TestWarnings_of_many_cases_at_once_lose_none(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{MaxConns: 8})
	var steps []models.CaseStep
	for range 16 {
		s := d.apply(t, d.record(d.one))
		steps = append(steps, d.told(s, models.Notice{Kind: "milestone_warned", UserID: d.one.ID, Key: "2/w/1"}, models.Notice{Kind: "milestone_warned", UserID: d.two.ID, Key: "2/w/1"}))
	}
	for i := range steps { // at the same time
		steps[i].State.UpdatedAt = d.now
	}
	g, ctx := errgroup.WithContext(t.Context())
	for _, step := range steps {
		g.Go(func() error {
			_, err := d.AdvanceCases(ctx, []string{step.State.ID}, nil, answers(step))
			return err
		})
	}
	require.NoError(t, g.Wait())
	for _, u := range []models.User{d.one, d.two} {
		var sum int
		require.NoError(t, d.DB().Raw("SELECT sum(coalesce((data ->> 'count')::int, 1)) FROM notifications WHERE user_id = ?", u.ID).Scan(&sum).Error)
		require.Equal(t, 16, sum)
	}
}

func TestWarnings_by_email_leave_together_with_those_of_other_cases(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{Email: true})
	a, b := d.apply(t, d.record(d.one)), d.apply(t, d.record(d.one))
	soon, later := d.now.Add(10*time.Minute), d.now.Add(14*time.Minute)
	a, b = d.apply(t, d.warns(a, d.one, "2/w/1", soon)), d.apply(t, d.warns(b, d.one, "2/w/1", later))
	d.apply(t, d.told(b, models.Notice{Kind: "case_offered", UserID: d.one.ID, Key: "3/o/", NotBefore: later}))

	none, err := d.LeaseDeliveries(t.Context(), a.ID, 2, d.now, d.now.Add(time.Minute))
	require.NoError(t, err)
	require.Empty(t, none.Deliveries)
	require.Equal(t, soon, *none.Next)

	bundle, err := d.LeaseDeliveries(t.Context(), a.ID, 2, soon, soon.Add(time.Minute))
	require.NoError(t, err)
	require.Len(t, bundle.Deliveries, 2)
	require.Nil(t, bundle.Next)
	ids := []string{bundle.Deliveries[0].ID, bundle.Deliveries[1].ID}
	require.ElementsMatch(t, []string{a.ID, b.ID}, []string{bundle.Deliveries[0].SubjectID, bundle.Deliveries[1].SubjectID})

	// The other case's sender comes while the first one is at it, and again when the lease is over.
	other, err := d.LeaseDeliveries(t.Context(), b.ID, 2, later.Add(-4*time.Minute), later)
	require.NoError(t, err)
	require.Empty(t, other.Deliveries)
	require.Equal(t, later, *other.Next)
	require.NoError(t, d.MarkDeliveriesSent(t.Context(), ids, soon))
	other, err = d.LeaseDeliveries(t.Context(), b.ID, 2, later, later.Add(time.Minute))
	require.NoError(t, err)
	require.Empty(t, other.Deliveries)
	require.Nil(t, other.Next)

	steps, err := d.UnsentSteps(t.Context(), b.ID)
	require.NoError(t, err)
	require.Equal(t, []int64{3}, steps)
	steps, err = d.UnsentSteps(t.Context(), a.ID)
	require.NoError(t, err)
	require.Empty(t, steps)
}

func TestMessage_that_fails_is_tried_again_under_the_same_id_and_its_error_is_kept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{Email: true})
	s := d.apply(t, d.record(d.one))
	s = d.apply(t, d.told(s, models.Notice{Kind: "case_offered", UserID: d.one.ID, Key: "2/o/"}))
	lease := func(now time.Time) models.LeasedDeliveries {
		out, err := d.LeaseDeliveries(t.Context(), s.ID, 2, now, now.Add(time.Minute))
		require.NoError(t, err)
		return out
	}
	first := lease(d.now)
	require.Len(t, first.Deliveries, 1)
	require.Equal(t, 1, first.Deliveries[0].Attempts)
	require.Empty(t, lease(d.now).Deliveries, "it is leased")
	again := d.now.Add(30 * time.Second)
	require.NoError(t, d.MarkDeliveriesFailed(t.Context(), []string{first.Deliveries[0].ID}, "connection refused", again))
	early := lease(d.now)
	require.Empty(t, early.Deliveries)
	require.Equal(t, again, *early.Next)
	second := lease(again)
	require.Equal(t, first.Deliveries[0].ID, second.Deliveries[0].ID)
	require.Equal(t, 2, second.Deliveries[0].Attempts)
	require.Equal(t, "connection refused", second.Deliveries[0].LastError)
	third := lease(again.Add(time.Minute)) // the worker died: its lease is over
	require.Len(t, third.Deliveries, 1)
	require.NoError(t, d.MarkDeliveriesSent(t.Context(), []string{first.Deliveries[0].ID}, again))
	require.NoError(t, d.MarkDeliveriesFailed(t.Context(), []string{first.Deliveries[0].ID}, "late", again))
	require.Equal(t, models.LeasedDeliveries{Deliveries: []models.Delivery{}}, lease(again.Add(time.Hour)))
	require.Equal(t, 1, count(t, d.Store, "deliveries WHERE sent_at IS NOT NULL AND last_error = ''"))
}

func TestMessage_is_leased_to_one_of_many_workers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{Email: true, MaxConns: 8})
	s := d.apply(t, d.record(d.one))
	var notices []models.Notice
	for _, u := range []models.User{d.one, d.two, d.away} {
		notices = append(notices, models.Notice{Kind: "case_offered", UserID: u.ID, Key: "2/o/"})
	}
	s = d.apply(t, d.told(s, notices...))
	taken := make([][]models.Delivery, 8)
	g, ctx := errgroup.WithContext(t.Context())
	for i := range taken {
		g.Go(func() error {
			out, err := d.LeaseDeliveries(ctx, s.ID, 2, d.now, d.now.Add(time.Minute))
			taken[i] = out.Deliveries
			return err
		})
	}
	require.NoError(t, g.Wait())
	all := slices.Concat(taken...)
	require.Len(t, all, 3)
	require.Len(t, map[string]bool{all[0].ID: true, all[1].ID: true, all[2].ID: true}, 3)
}
