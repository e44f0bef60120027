package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestPolicyShadow_is_put_in_force_once_while_its_base_is_in_force(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	ctx := t.Context()
	command := func() *string { return new(id.New(id.Request)) }
	first, err := b.PublishPolicy(ctx, models.PolicyVersion{Kind: classification.Kind, Body: []byte(`{"n":1}`), PublishedBy: b.one.ID, CommandID: command()})
	require.NoError(t, err)
	candidate := func() models.PolicyShadow {
		s, err := b.CreatePolicyShadow(ctx, models.PolicyShadow{
			ID: id.New(id.Shadow), Kind: classification.Kind, Body: []byte(`{"n":2}`), Note: "stricter", CreatedBy: b.one.ID, CreatedAt: b.tick(),
		})
		require.NoError(t, err)
		return s
	}
	s, outdated := candidate(), candidate()
	require.Equal(t, first.Version, s.BasedOn)
	again, err := b.CreatePolicyShadow(ctx, s)
	require.NoError(t, err)
	require.Equal(t, s, again)

	v := models.PolicyVersion{Kind: classification.Kind, Note: s.Note, PublishedBy: b.one.ID, PublishedAt: b.tick(), CommandID: command()}
	published, err := b.PublishPolicyShadow(ctx, s.ID, false, v)
	require.NoError(t, err)
	require.Equal(t, first.Version+1, published.Version)
	latest, err := b.LatestPolicy(ctx, classification.Kind)
	require.NoError(t, err)
	require.JSONEq(t, `{"n":2}`, string(latest.Body))
	repeated, err := b.PublishPolicyShadow(ctx, s.ID, false, v)
	require.NoError(t, err)
	require.Equal(t, published.Version, repeated.Version, "the same command gets what it published")
	v.CommandID = command()
	_, err = b.PublishPolicyShadow(ctx, s.ID, true, v)
	require.Equal(t, "shadow.published", requireCode(t, errs.Conflict, err).Key)
	_, err = b.PublishPolicyShadow(ctx, outdated.ID, false, v)
	require.Equal(t, "shadow.outdated", requireCode(t, errs.Conflict, err).Key)
	forced, err := b.PublishPolicyShadow(ctx, outdated.ID, true, v)
	require.NoError(t, err)
	require.Equal(t, first.Version+2, forced.Version)
	_, err = b.PublishPolicyShadow(ctx, id.New(id.Shadow), true, v)
	requireCode(t, errs.NotFound, err)

	s, err = b.PolicyShadow(ctx, classification.Kind, s.ID)
	require.NoError(t, err)
	require.Equal(t, published.Version, *s.PublishedAs)
	_, err = b.PolicyShadow(ctx, "sla", s.ID)
	requireCode(t, errs.NotFound, err)
	page, next, err := b.PolicyShadows(ctx, classification.Kind, models.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, outdated.ID, page[0].ID)
	page, next, err = b.PolicyShadows(ctx, classification.Kind, models.Page{Limit: 1, Cursor: next})
	require.NoError(t, err)
	require.Equal(t, []any{s.ID, ""}, []any{page[0].ID, next})
}

func TestShadow_runs_over_the_standings_of_the_database(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	b.step(t, nil, func(step *models.RelationshipStep) {
		step.State.Criteria = classification.Criteria{"potential": 80}
	})
	all, err := b.Standings(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, []any{b.client.ID, b.one.ID, classification.Criteria{"potential": 80}}, []any{all[0].ClientID, all[0].AccountManagerID, all[0].Criteria})
	names, err := b.ClientNames(t.Context(), []string{b.client.ID, id.New(id.Client)})
	require.NoError(t, err)
	require.Equal(t, map[string]string{b.client.ID: b.client.Name}, names)

	c, err := b.Client(t.Context(), b.client.ID)
	require.NoError(t, err)
	sales, err := b.ClientSales(t.Context(), models.SalesFilter{})
	require.NoError(t, err)
	require.Empty(t, sales, "what is not known is not nothing")
	c.Sales12m, c.Currency = new(int64(700)), "CNY"
	_, err = b.UpdateClient(t.Context(), c)
	require.NoError(t, err)
	for currency, want := range map[string]int{"": 1, "CNY": 1, "EUR": 0} {
		sales, err = b.ClientSales(t.Context(), models.SalesFilter{Currency: currency})
		require.NoError(t, err)
		require.Len(t, sales, want, currency)
	}
}
