package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestNotifications_are_listed_newest_first_and_read_by_their_owner_once(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	owner, other := addUser(t, s, "owner"), addUser(t, s, "other")
	var ids []string
	for range 3 {
		n := models.Notification{ID: id.New(id.Notification), UserID: owner.ID, Kind: "breached", Data: map[string]string{"number": "CMP-1"}}
		n.Key = n.ID
		require.NoError(t, s.DB().Create(&n).Error)
		ids = append(ids, n.ID)
	}
	slices.Reverse(ids)
	listed := func(user string, unread *bool) []string {
		rows, _, err := s.Notifications(t.Context(), user, unread, models.Page{})
		require.NoError(t, err)
		var got []string
		for _, n := range rows {
			got = append(got, n.ID)
		}
		return got
	}
	require.Equal(t, ids, listed(owner.ID, nil))
	require.Empty(t, listed(other.ID, nil))

	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	_, err := s.MarkRead(t.Context(), other.ID, ids[1], at)
	requireCode(t, errs.NotFound, err)
	for _, when := range []time.Time{at, at.Add(time.Hour)} {
		n, err := s.MarkRead(t.Context(), owner.ID, ids[1], when)
		require.NoError(t, err)
		require.Equal(t, at, *n.ReadAt, "the first reading counts")
		require.Equal(t, map[string]string{"number": "CMP-1"}, n.Data)
	}
	require.Equal(t, []string{ids[0], ids[2]}, listed(owner.ID, ptr(true)))
	require.Equal(t, []string{ids[1]}, listed(owner.ID, ptr(false)))
}

func TestWebhook_is_made_once_and_deleted_with_what_waits_for_it(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	w := models.Webhook{ID: id.New(id.Webhook), URL: "https://example.com/hook", Secret: []byte{0, 1}, CreatedBy: "user_x"}
	made, err := s.CreateWebhook(t.Context(), w)
	require.NoError(t, err)
	again, err := s.CreateWebhook(t.Context(), w)
	require.NoError(t, err)
	require.Equal(t, made, again)
	require.NoError(t, s.DB().Create(&models.Delivery{
		ID: "d1", SubjectID: "case_x", StepSeq: 1, Channel: "webhook", WebhookID: &w.ID, Kind: "breached", NotBefore: time.Now(),
	}).Error)
	hooks, _, err := s.Webhooks(t.Context(), models.Page{})
	require.NoError(t, err)
	require.Equal(t, []models.Webhook{made}, hooks)
	require.NoError(t, s.DeleteWebhook(t.Context(), w.ID))
	requireCode(t, errs.NotFound, s.DeleteWebhook(t.Context(), w.ID))
	var left int64
	require.NoError(t, s.DB().Model(&models.Delivery{}).Count(&left).Error)
	require.Zero(t, left)
}

func TestDelivery_has_exactly_one_receiver(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	u := addUser(t, s, "u")
	for name, c := range map[string]struct {
		good bool
		d    models.Delivery
	}{
		"user":    {true, models.Delivery{Channel: "email", UserID: &u.ID}},
		"contact": {true, models.Delivery{Channel: "email", ContactEmail: "a@example.com"}},
		"both":    {false, models.Delivery{Channel: "email", UserID: &u.ID, ContactEmail: "a@example.com"}},
		"nobody":  {false, models.Delivery{Channel: "email"}},
		"no hook": {false, models.Delivery{Channel: "webhook", UserID: &u.ID}},
		"channel": {false, models.Delivery{Channel: "fax", UserID: &u.ID}},
	} {
		c.d.ID, c.d.NotBefore = name, time.Now()
		require.Equal(t, c.good, s.DB().Create(&c.d).Error == nil, name)
	}
}
