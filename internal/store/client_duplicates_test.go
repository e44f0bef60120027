package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func TestDuplicates_are_looked_up_by_name_and_by_contact(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	us := newClient(t, s, "晨曦精密仪器有限公司")
	chen := newContact(t, s, us, models.Contact{Name: "陈静", Phone: "021 5555 0101", Email: "chen@chenxi.example"})
	same := newClient(t, s, "ＣＸ晨曦精密仪器（集团）")
	equal := newClient(t, s, "晨曦 精密-仪器 股份有限公司")
	phone := newClient(t, s, "Chenxi Ltd")
	newContact(t, s, phone, models.Contact{Name: "C", Phone: "+86 21 55550101"})
	other := newClient(t, s, "东海造船厂")
	newContact(t, s, other, models.Contact{Name: "C", Phone: "021 5555 0102", Email: "li@qq.com"})

	ids := func(found []models.ClientDuplicate) []string {
		var all []string
		for _, f := range found {
			all = append(all, f.Client.ID)
		}
		return all
	}
	found, err := s.ClientDuplicates(t.Context(), models.ClientTraits{Client: us, Contacts: []models.Contact{chen}}, 20)
	require.NoError(t, err)
	require.Equal(t, []string{equal.ID, phone.ID, same.ID}, ids(found))
	found, err = s.ClientDuplicates(t.Context(), models.ClientTraits{Client: models.Client{Name: "Chenxi"}}, 20)
	require.NoError(t, err)
	require.Equal(t, []string{phone.ID}, ids(found), "of one that is not stored")
	found, err = s.ClientDuplicates(t.Context(), models.ClientTraits{}, 20)
	require.NoError(t, err)
	require.Empty(t, found)

	renamed := other
	renamed.Name = "晨曦精密仪器"
	_, err = s.UpdateClient(t.Context(), renamed)
	require.NoError(t, err)
	found, err = s.ClientDuplicates(t.Context(), models.ClientTraits{Client: us}, 2)
	require.NoError(t, err)
	require.Equal(t, []string{equal.ID, other.ID}, ids(found), "a name is found as it was last written")
}

func TestDuplicates_keys_of_the_database_are_those_of_the_models(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, c := range []models.Contact{
		{Email: " A.B@X.Example\t", Phone: "+86 (21) 5555-0101"}, {Email: "nobody", Phone: "110"}, {Email: "ÄA@x.example"}, {Phone: "0049 30 1234567"}, {Email: "a@"}, {},
	} {
		var keys []string
		require.NoError(t, s.DB().Raw("SELECT unnest(contact_keys(?, ?))", c.Email, c.Phone).Scan(&keys).Error)
		require.ElementsMatch(t, models.ContactKeys(c.Email, c.Phone), keys, "%+v", c)
	}
}

// However many clients there are, and however common their names, a candidate is found through an index.
func TestDuplicates_are_found_by_indexes_alone(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for _, statement := range []string{
		`INSERT INTO clients (id, name, name_key, industry, region, class, status, external_ref, version, created_at, updated_at)
			SELECT 'client_' || i, '华东科技' || i, '华东科技' || i, '', '', 'B', 'active', '', 1, now(), now() FROM generate_series(1, 20000) i`,
		`INSERT INTO contacts (id, client_id, name, title, phone, email, locale, created_at)
			SELECT 'contact_' || i, 'client_' || i, 'p' || i, '', '1390000' || i, 'p' || i || '@c' || i || '.example', '', now() FROM generate_series(1, 20000) i`,
		`ANALYZE clients, contacts`,
	} {
		require.NoError(t, s.DB().Exec(statement).Error)
	}
	conns, err := s.DB().DB()
	require.NoError(t, err)
	for name, statement := range store.DuplicateStatements("华东科技777", []string{"email:p777@c777.example", "phone:390000777"}, []string{"client_1", "client_2"}) {
		rows, err := conns.QueryContext(t.Context(), "EXPLAIN "+statement[0].(string), statement[1:]...)
		require.NoError(t, err, name)
		var plan strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Err())
		require.NotContains(t, plan.String(), "Seq Scan", "%s\n%s", name, plan.String())
	}
	found, err := s.ClientDuplicates(t.Context(), models.ClientTraits{
		Client: models.Client{Name: "华东科技777"}, Contacts: []models.Contact{{Email: "p778@c778.example", Phone: "1390000779"}},
	}, 3)
	require.NoError(t, err)
	require.NotEmpty(t, found)
}

func TestContact_is_changed_under_its_version(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	client := newClient(t, s, "c")
	c := newContact(t, s, client, models.Contact{Name: "陈静"})
	c.Role, c.Influence, c.Attitude, c.RelationStrength, c.Worries = models.ContactApprover, ptr(0), models.AttitudeSceptical, ptr(5), "delivery"
	changed, err := s.UpdateContact(t.Context(), c)
	require.NoError(t, err)
	require.EqualValues(t, 2, changed.Version)
	got, err := s.Contact(t.Context(), client.ID, c.ID)
	require.NoError(t, err)
	require.Equal(t, changed, got)
	_, err = s.UpdateContact(t.Context(), c)
	requireCode(t, errs.PreconditionFailed, err)
	_, err = s.Contact(t.Context(), id.New(id.Client), c.ID)
	requireCode(t, errs.NotFound, err)
	for field, spoil := range map[string]func(*models.Contact){
		"role": func(c *models.Contact) { c.Role = "king" }, "influence": func(c *models.Contact) { c.Influence = ptr(11) },
		"attitude": func(c *models.Contact) { c.Attitude = "meh" }, "relation_strength": func(c *models.Contact) { c.RelationStrength = ptr(-1) },
	} {
		spoilt := changed
		spoil(&spoilt)
		_, err = s.UpdateContact(t.Context(), spoilt)
		requireField(t, field, "invalid", err)
	}
}
