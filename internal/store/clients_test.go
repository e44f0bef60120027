package store_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestClient_is_made_once_per_id_and_external_reference(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	c := aClient("晨曦精密仪器")
	c.ExternalRef = "CRM-1"
	first, err := s.CreateClient(t.Context(), c)
	require.NoError(t, err)
	again, err := s.CreateClient(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, first, again)
	got, err := s.Client(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, first, got)

	c.ID = id.New(id.Client)
	_, err = s.CreateClient(t.Context(), c)
	require.Equal(t, "clients.external_ref_taken", requireCode(t, errs.Conflict, err).Key)
	for range 2 { // without a reference any number
		_, err = s.CreateClient(t.Context(), aClient("x"))
		require.NoError(t, err)
	}
}

func TestClient_update_checks_version_and_values(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	c, err := s.CreateClient(t.Context(), aClient("Old"))
	require.NoError(t, err)
	changed := c
	changed.Name, changed.Status = "New", "dormant"
	got, err := s.UpdateClient(t.Context(), changed, models.AlignWord(c.ID))
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Version)
	require.Equal(t, []string{"changed client/" + c.ID}, signals(t, s))
	_, err = s.UpdateClient(t.Context(), changed, models.AlignWord(c.ID))
	requireCode(t, errs.PreconditionFailed, err)
	require.Empty(t, signals(t, s), "of a change that was not made")
	for field, spoil := range map[string]func(*models.Client){
		"class":  func(c *models.Client) { c.Class = "D" },
		"status": func(c *models.Client) { c.Status = "gone" },
		"name":   func(c *models.Client) { c.Name = "" },
	} {
		spoilt := got
		spoil(&spoilt)
		_, err = s.UpdateClient(t.Context(), spoilt)
		requireField(t, field, "invalid", err)
	}
	got.AccountManagerID = ptr(id.New(id.User))
	_, err = s.UpdateClient(t.Context(), got)
	requireField(t, "account_manager_id", "unknown", err)
}

func TestClients_are_found_by_any_part_of_the_name_in_any_script(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, name := range []string{
		"晨曦精密仪器有限公司", "华东银行 East China Bank", "100% Juice_Co", "Ärzte GmbH", "鲸🐋科技",
	} {
		_, err := s.CreateClient(t.Context(), aClient(name))
		require.NoError(t, err)
	}
	for query, want := range map[string]int{
		"精": 1, "精密": 1, "密精": 0, "仪器有限": 1, "银行": 1, "银行 EAST": 1, "bank": 1, "ban": 1, "0% j": 1, "%": 1, "_": 1, "__": 0,
		"ÄRZTE": 1, "🐋": 1, "🐋科": 1, "公司行": 0, "": 5, `\`: 0, "'": 0,
	} {
		found, _, err := s.Clients(t.Context(), models.ClientFilter{Query: query}, models.Page{})
		require.NoError(t, err, query)
		require.Len(t, found, want, "%q", query)
	}
}

func TestClients_are_filtered(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	am := addUser(t, s, "am1")
	in := aClient("in")
	in.Class, in.Region, in.Status, in.AccountManagerID = "S", "华东", "prospect", &am.ID
	in, err := s.CreateClient(t.Context(), in)
	require.NoError(t, err)
	_, err = s.CreateClient(t.Context(), aClient("out"))
	require.NoError(t, err)
	for name, f := range map[string]models.ClientFilter{
		"class": {Class: "S"}, "region": {Region: "华东"}, "status": {Status: "prospect"}, "account manager": {AccountManagerID: am.ID},
	} {
		found, _, err := s.Clients(t.Context(), f, models.Page{})
		require.NoError(t, err, name)
		require.Equal(t, []models.Client{in}, found, name)
	}
}

func TestContacts_belong_to_a_client(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	c, err := s.CreateClient(t.Context(), aClient("c"))
	require.NoError(t, err)
	contact := models.Contact{ID: id.New(id.Contact), ClientID: c.ID, Name: "陈静", Phone: "+86 21 5555 0101", Locale: "zh-CN"}
	made, err := s.CreateContact(t.Context(), contact)
	require.NoError(t, err)
	again, err := s.CreateContact(t.Context(), contact)
	require.NoError(t, err)
	require.Equal(t, made, again)
	contacts, _, err := s.Contacts(t.Context(), c.ID, models.Page{})
	require.NoError(t, err)
	require.Equal(t, []models.Contact{made}, contacts)
	contact.ID, contact.ClientID = id.New(id.Contact), id.New(id.Client)
	_, err = s.CreateContact(t.Context(), contact)
	requireField(t, "client_id", "unknown", err)
}

func TestCursor_walks_over_every_row_once_while_others_are_made(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	var before []string
	for i := range 23 {
		c, err := s.CreateClient(t.Context(), aClient(fmt.Sprint(i)))
		require.NoError(t, err)
		before = append(before, c.ID)
	}
	var seen []string
	cursor := ""
	for page := 0; ; page++ {
		rows, next, err := s.Clients(t.Context(), models.ClientFilter{}, models.Page{Limit: 5, Cursor: cursor})
		require.NoError(t, err)
		for _, c := range rows {
			seen = append(seen, c.ID)
		}
		if page < 3 {
			_, err = s.CreateClient(t.Context(), aClient("new"))
			require.NoError(t, err)
		}
		if cursor = next; cursor == "" {
			break
		}
		require.Len(t, rows, 5)
	}
	require.Equal(t, before, seen[:23])
	require.Len(t, seen, 26, "rows made meanwhile come last")
}

func TestCursor_is_refused_unless_it_is_one(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, cursor := range []string{"!", "abc=", "AA", "5pmo", " "} {
		_, _, err := s.Clients(t.Context(), models.ClientFilter{}, models.Page{Cursor: cursor})
		require.Equal(t, "cursor", requireCode(t, errs.Malformed, err).Key, cursor)
		_, _, err = s.PolicyVersions(t.Context(), "sla", models.Page{Cursor: cursor})
		requireCode(t, errs.Malformed, err)
	}
}

func TestCursor_of_a_place_that_no_row_has_is_refused(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	byTime := []string{
		"0000-01-01T00:00:00Z|x", "0001-01-01T00:00:00+08:00|x", "9999-12-31T23:59:59-05:00|x", "x|x", "2026-03-06T09:00:00Z", "infinite|x",
	}
	byNumber := []string{"99999999999", "2147483648", "-2147483649", "-1", "0", "9223372036854775808", "x"}
	for name, list := range map[string]struct {
		keys []string
		read func(models.Page) error
	}{
		"tasks": {byTime, func(p models.Page) error {
			_, _, err := s.Tasks(t.Context(), everything, models.TaskFilter{Box: models.BoxTodo}, p)
			return err
		}},
		"approvals": {byTime, func(p models.Page) error {
			_, _, err := s.Approvals(t.Context(), everything, models.ApprovalFilter{}, p)
			return err
		}},
		"commitments": {byTime, func(p models.Page) error {
			_, _, err := s.Commitments(t.Context(), models.RecordFilter{}, p)
			return err
		}},
		"leads": {byTime, func(p models.Page) error {
			_, _, err := s.Leads(t.Context(), models.LeadFilter{}, p)
			return err
		}},
		"policies": {byNumber, func(p models.Page) error {
			_, _, err := s.PolicyVersions(t.Context(), "sla", p)
			return err
		}},
		"calendars": {byNumber, func(p models.Page) error {
			_, _, err := s.CalendarVersions(t.Context(), "office", p)
			return err
		}},
		"entries": {byNumber[2:], func(p models.Page) error {
			_, _, err := s.BudgetEntries(t.Context(), "budget_1", p)
			return err
		}},
		"runs": {byNumber, func(p models.Page) error {
			_, _, err := s.Runs(t.Context(), "campaign_1", p)
			return err
		}},
		"recipients": {byNumber[2:], func(p models.Page) error {
			_, _, err := s.Recipients(t.Context(), "run_1", "", p)
			return err
		}},
	} {
		for _, key := range list.keys {
			err := list.read(models.Page{Cursor: base64.RawURLEncoding.EncodeToString([]byte(key))})
			require.Error(t, err, "%s, %s", name, key)
			require.Equal(t, errs.Malformed, errs.CodeOf(err), "%s, %s: %v", name, key, err)
		}
	}
}

func TestPage_has_fifty_rows_if_not_asked_and_two_hundred_at_most(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	clients := make([]models.Client, 201)
	for i := range clients {
		clients[i] = aClient(fmt.Sprint(i))
	}
	require.NoError(t, s.DB().Create(&clients).Error)
	for limit, want := range map[int]int{0: 50, -1: 50, 1: 1, 200: 200, 1000: 200} {
		rows, next, err := s.Clients(t.Context(), models.ClientFilter{}, models.Page{Limit: limit})
		require.NoError(t, err)
		require.Len(t, rows, want)
		require.NotEmpty(t, next)
	}
	rows, next, err := s.Clients(t.Context(), models.ClientFilter{Query: "1"}, models.Page{Limit: 200})
	require.NoError(t, err)
	require.Empty(t, next)
	require.NotEmpty(t, rows)
}
