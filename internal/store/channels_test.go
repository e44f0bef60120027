package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestChannel_is_set_changed_and_taken_away(t *testing.T) {
	t.Parallel()
	s, at := testkit.Store(t), time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC)
	_, err := s.Channel(t.Context(), models.ChannelDingTalk)
	requireCode(t, errs.NotFound, err)

	robot := models.Channel{Kind: models.ChannelDingTalk, URL: "https://robot.example/send?access_token=t", Secret: []byte("SEC1"), UpdatedBy: "user_a", UpdatedAt: at}
	made, err := s.PutChannel(t.Context(), robot)
	require.NoError(t, err)
	require.EqualValues(t, 1, made.Version)
	_, err = s.PutChannel(t.Context(), robot)
	requireCode(t, errs.PreconditionFailed, err)

	made.URL, made.Secret, made.UpdatedBy, made.UpdatedAt = "https://robot.example/other", nil, "user_b", at.Add(time.Hour)
	changed, err := s.PutChannel(t.Context(), made)
	require.NoError(t, err)
	_, err = s.PutChannel(t.Context(), made)
	requireCode(t, errs.PreconditionFailed, err)

	stored, err := s.Channel(t.Context(), models.ChannelDingTalk)
	require.NoError(t, err)
	require.Empty(t, stored.Secret, "a robot that wants no signature")
	stored.Secret = nil
	require.Equal(t, changed, stored)
	require.EqualValues(t, 2, stored.Version)
	_, err = s.PutChannel(t.Context(), models.Channel{Kind: models.ChannelSMS, URL: "https://sms.example", UpdatedBy: "user_a", UpdatedAt: at})
	require.NoError(t, err)
	all, err := s.Channels(t.Context())
	require.NoError(t, err)
	require.Equal(t, []models.ChannelKind{models.ChannelDingTalk, models.ChannelSMS}, []models.ChannelKind{all[0].Kind, all[1].Kind})

	require.NoError(t, s.DeleteChannel(t.Context(), models.ChannelDingTalk))
	requireCode(t, errs.NotFound, s.DeleteChannel(t.Context(), models.ChannelDingTalk))
	_, err = s.PutChannel(t.Context(), changed)
	requireCode(t, errs.PreconditionFailed, err)
}

func TestChannel_is_of_a_kind_that_has_an_endpoint(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, kind := range append(models.EndpointKinds(), models.ChannelEmail, models.ChannelPhone, "fax") {
		_, err := s.PutChannel(t.Context(), models.Channel{Kind: kind, URL: "https://a.example", UpdatedBy: "user_a", UpdatedAt: time.Now()})
		require.Equal(t, slices.Contains(models.EndpointKinds(), kind), err == nil, kind)
	}
}

func TestChannel_address_and_secret_are_sealed(t *testing.T) {
	t.Parallel()
	key, err := temporalx.NewKey("k1")
	require.NoError(t, err)
	keys, err := temporalx.ParseKeyring(key)
	require.NoError(t, err)
	s := testkit.StoreWith(t, store.Options{Sealer: keys})
	c := models.Channel{
		Kind: models.ChannelWeCom, URL: "https://robot.example/send?key=KEYOFGROUP", Secret: []byte("SECRETWORD"), UpdatedBy: "user_a",
		UpdatedAt: time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC),
	}
	made, err := s.PutChannel(t.Context(), c)
	require.NoError(t, err)
	var row string
	require.NoError(t, s.DB().Raw("SELECT encode(url, 'escape') || encode(secret, 'escape') FROM channels").Scan(&row).Error)
	require.NotEmpty(t, row)
	require.NotContains(t, row, "KEYOFGROUP")
	require.NotContains(t, row, "SECRETWORD")
	got, err := s.Channel(t.Context(), models.ChannelWeCom)
	require.NoError(t, err)
	require.Equal(t, made, got)
	require.Equal(t, c.URL, got.URL)
	require.Equal(t, c.Secret, got.Secret)
}
