package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

var mergedAt = time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)

func newClient(t testing.TB, s *store.Store, name string, change ...func(*models.Client)) models.Client {
	t.Helper()
	c := aClient(name)
	for _, f := range change {
		f(&c)
	}
	c, err := s.CreateClient(t.Context(), c)
	require.NoError(t, err)
	return c
}

func newContact(t testing.TB, s *store.Store, client models.Client, c models.Contact) models.Contact {
	t.Helper()
	c.ID, c.ClientID = id.New(id.Contact), client.ID
	c, err := s.CreateContact(t.Context(), c)
	require.NoError(t, err)
	return c
}

func contactsOf(t testing.TB, s *store.Store, clientID string) []models.Contact {
	t.Helper()
	rows, _, err := s.Contacts(t.Context(), clientID, models.Page{})
	require.NoError(t, err)
	return rows
}

func mergeOf(from, into models.Client, by models.User) models.ClientMerge {
	return models.ClientMerge{ClientID: from.ID, IntoID: into.ID, Reason: "twice", By: by.ID, At: mergedAt, CommandID: id.New(id.Request)}
}

func TestMerge_moves_the_contacts_and_keeps_the_duplicate_as_an_alias(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	from := newClient(t, s, "晨曦仪器", func(c *models.Client) { c.ExternalRef, c.Region = "CRM-1", "华东" })
	into := newClient(t, s, "晨曦仪器有限公司")
	same := newContact(t, s, into, models.Contact{Name: "陈静", Phone: "021 5555 0101"})
	theirs := newContact(t, s, from, models.Contact{Name: "Chen Jing", Phone: "+86 21 55550101", Email: "chen@x.example"})
	moves := newContact(t, s, from, models.Contact{Name: "王芳", Influence: ptr(8), Role: models.ContactDecisionMaker})

	m := mergeOf(from, into, boss)
	words := []models.Word{models.MergedWord(from.ID, into.ID, models.Meta{}), models.AlignWord(into.ID)}
	got, err := s.MergeClient(t.Context(), m, words...)
	require.NoError(t, err)
	require.Equal(t, []string{"changed client/" + from.ID, "changed client/" + into.ID}, signals(t, s))
	require.Equal(t, models.ClientMerged, got.Status)
	require.Equal(t, into.ID, *got.MergedIntoID)
	require.Equal(t, "CRM-1", got.ExternalRef)
	again, err := s.MergeClient(t.Context(), m, words...)
	require.NoError(t, err, "a repetition of the request")
	require.Empty(t, signals(t, s))
	require.Equal(t, got, again)

	survivor, err := s.Client(t.Context(), into.ID)
	require.NoError(t, err)
	require.Equal(t, "华东", survivor.Region)
	require.EqualValues(t, 2, survivor.Version)
	people := contactsOf(t, s, into.ID)
	require.Len(t, people, 2)
	require.Equal(t, same.ID, people[0].ID)
	require.Equal(t, "陈静", people[0].Name)
	require.Equal(t, "chen@x.example", people[0].Email)
	require.Equal(t, moves.ID, people[1].ID)
	require.Equal(t, 8, *people[1].Influence)
	stayed := contactsOf(t, s, from.ID)
	require.Len(t, stayed, 1)
	require.Equal(t, theirs.ID, stayed[0].ID)
	require.True(t, stayed[0].Left)
	require.Equal(t, same.ID, *stayed[0].MergedIntoID)

	listed, _, err := s.Clients(t.Context(), models.ClientFilter{}, models.Page{})
	require.NoError(t, err)
	require.Equal(t, []models.Client{survivor}, listed, "merged ones are listed when they are asked for")
	listed, _, err = s.Clients(t.Context(), models.ClientFilter{Status: models.ClientMerged}, models.Page{})
	require.NoError(t, err)
	require.Equal(t, []models.Client{got}, listed)
	other := aClient("other")
	other.ExternalRef = "CRM-1"
	_, err = s.CreateClient(t.Context(), other)
	require.Equal(t, "clients.external_ref_taken", requireCode(t, errs.Conflict, err).Key)
	_, err = s.CreateContact(t.Context(), models.Contact{ID: id.New(id.Contact), ClientID: from.ID, Name: "late"})
	require.Equal(t, into.ID, requireCode(t, models.ErrClientMerged, err).Args["into"])
	once, err := s.CreateContact(t.Context(), models.Contact{ID: theirs.ID, ClientID: from.ID, Name: "repeated"})
	require.NoError(t, err, "of a request from before the merge")
	require.Equal(t, stayed[0], once)
}

func TestMerge_refuses_what_makes_no_sense(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	a, b, c := newClient(t, s, "a"), newClient(t, s, "b"), newClient(t, s, "c")
	_, err := s.MergeClient(t.Context(), mergeOf(a, b, boss))
	require.NoError(t, err)
	merge := func(from, into models.Client) error {
		_, err := s.MergeClient(t.Context(), mergeOf(from, into, boss))
		return err
	}
	requireField(t, "into_id", "client_itself", merge(b, b))
	requireField(t, "into_id", "unknown", merge(b, models.Client{ID: id.New(id.Client)}))
	requireCode(t, errs.NotFound, merge(models.Client{ID: id.New(id.Client)}, b))
	require.Equal(t, "id", requireCode(t, models.ErrClientMerged, merge(a, c)).Fields[0].Field)
	require.Equal(t, "into_id", requireCode(t, models.ErrClientMerged, merge(c, a)).Fields[0].Field)

	require.NoError(t, merge(b, c))
	first, err := s.Client(t.Context(), a.ID)
	require.NoError(t, err)
	require.Equal(t, c.ID, *first.MergedIntoID, "the one merged first leads to the last survivor")
	first.Status = "active"
	_, err = s.UpdateClient(t.Context(), first)
	require.Error(t, err, "merging has no way back")
}

// Whoever merges whom at the same time: there is no circle, nobody leads to one that was merged, and no contact is lost.
func TestMerge_rivals_never_make_a_circle(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	var clients []models.Client
	for range 5 {
		c := newClient(t, s, "rival")
		newContact(t, s, c, models.Contact{Name: c.ID})
		clients = append(clients, c)
	}
	results := make(chan error, 20)
	var g sync.WaitGroup
	for i := range 20 {
		g.Go(func() {
			_, err := s.MergeClient(t.Context(), mergeOf(clients[i%5], clients[(i+1+i/5)%5], boss))
			results <- err
		})
	}
	g.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
			continue
		}
		require.Equal(t, models.ErrClientMerged, errs.CodeOf(err), "%v", err)
	}
	people, merged := 0, 0
	for _, c := range clients {
		got, err := s.Client(t.Context(), c.ID)
		require.NoError(t, err)
		if got.MergedIntoID == nil {
			people += len(contactsOf(t, s, c.ID))
			continue
		}
		merged++
		survivor, err := s.Client(t.Context(), *got.MergedIntoID)
		require.NoError(t, err)
		require.Nil(t, survivor.MergedIntoID)
	}
	require.Equal(t, won, merged)
	require.Equal(t, 4, merged, "every two were brought together")
	require.Equal(t, 5, people)
}

func TestMerge_and_a_new_contact_at_the_same_time_leave_nobody_behind(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	for range 10 {
		from, into := newClient(t, s, "from"), newClient(t, s, "into")
		var g sync.WaitGroup
		var made error
		g.Go(func() {
			_, made = s.CreateContact(t.Context(), models.Contact{ID: id.New(id.Contact), ClientID: from.ID, Name: "x"})
		})
		_, err := s.MergeClient(t.Context(), mergeOf(from, into, boss))
		g.Wait()
		require.NoError(t, err)
		require.Empty(t, contactsOf(t, s, from.ID))
		if made == nil {
			require.Len(t, contactsOf(t, s, into.ID), 1)
		} else {
			requireCode(t, models.ErrClientMerged, made)
		}
	}
}

func TestAudience_leaves_out_merged_clients_and_people_who_left(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	boss := addUser(t, s, "boss")
	from, into := newClient(t, s, "from"), newClient(t, s, "into")
	newContact(t, s, from, models.Contact{Name: "same", Email: "a@x.example"})
	newContact(t, s, into, models.Contact{Name: "same", Email: "a@x.example"})
	gone := newContact(t, s, into, models.Contact{Name: "gone", Email: "g@x.example"})
	gone.Left = true
	_, err := s.UpdateContact(t.Context(), gone)
	require.NoError(t, err)
	audience := func() int {
		facts, err := s.AudienceFacts(t.Context(), campaign.Audience{}, mergedAt, "UTC", campaign.OpenAtClient)
		require.NoError(t, err)
		return len(facts)
	}
	require.Equal(t, 2, audience())
	_, err = s.MergeClient(t.Context(), mergeOf(from, into, boss))
	require.NoError(t, err)
	require.Equal(t, 1, audience())
}
