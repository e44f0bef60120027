package api_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/importer"
	"github.com/mcrflow/mcrflow/models"
)

const exampleClients = "../examples/import/clients."

// importing serves the world over HTTP to an import as its boss.
func importing(t *testing.T, w *world, mapFile, file string) importer.Options {
	t.Helper()
	srv := httptest.NewServer(w.handler)
	t.Cleanup(srv.Close)
	m, err := importer.LoadClientMap(mapFile)
	require.NoError(t, err)
	return importer.Options{File: file, Map: m, URL: srv.URL, Token: "boss"}
}

func unlimited(d *api.Deps) { d.Limits = api.Limits{Burst: 1 << 30} }

func imported(t *testing.T, o importer.Options) (importer.Summary, map[int]importer.Result) {
	t.Helper()
	rows := map[int]importer.Result{}
	o.OnRow = func(r importer.Result) { rows[r.Line] = r }
	sum, err := importer.Run(t.Context(), o)
	require.NoError(t, err)
	for line, r := range rows {
		require.NotEqual(t, importer.Failed, r.Outcome, "line %d: %+v", line, r)
	}
	return sum, rows
}

func TestImportedClientsAreMadeOnceWithTheirContactsAndDuplicatesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unlimited)
	o := importing(t, w, exampleClients+"yaml", exampleClients+"csv")
	sum, rows := imported(t, o)
	require.Equal(t, 30, sum.Created)
	require.Len(t, w.clients.byID, 1+24)
	require.Len(t, w.contacts.byID, 30)
	told := map[string]bool{}
	for _, r := range rows {
		if len(r.Duplicates) > 0 {
			told[strings.Fields(r.Key)[0]] = true
		}
	}
	require.True(t, told["K-2001"] || told["K-1001"], "whichever came second: %v", told)
	require.True(t, told["K-2002"] || told["K-1011"], "%v", told)
	require.Len(t, told, sumOf(told, "K-1001", "K-2001", "K-1011", "K-2002"), "nobody else: %v", told)
	made := w.clients.all(func(c models.Client) bool { return c.ExternalRef == "K-1001" })
	require.Len(t, made, 1)
	require.Equal(t, "S", made[0].Class)
	require.EqualValues(t, 1285000000, *made[0].Sales12m)
	require.Len(t, w.contacts.all(func(p models.Contact) bool { return p.ClientID == made[0].ID }), 3)

	w.answers = map[string]models.IdempotencyRecord{} // a day later
	again, _ := imported(t, o)
	require.Equal(t, 30, again.Already)
	require.Len(t, w.clients.byID, 25)
	require.Len(t, w.contacts.byID, 30)
}

func sumOf(set map[string]bool, keys ...string) (n int) {
	for _, k := range keys {
		if set[k] {
			n++
		}
	}
	return n
}

func TestImportLeavesDuplicatesOutWhenItIsToSkipThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unlimited)
	o := importing(t, w, exampleClients+"yaml", exampleClients+"csv")
	o.SkipDuplicates = true
	sum, rows := imported(t, o)
	require.Equal(t, 28, sum.Created)
	require.Equal(t, 2, sum.Skipped)
	require.Zero(t, sum.Duplicates)
	require.Equal(t, importer.Skipped, rows[30].Outcome)
	require.Equal(t, importer.Skipped, rows[31].Outcome)
	require.Equal(t, "海棠精密仪器有限公司", rows[30].Duplicates[0].Name)

	texts, err := i18n.New()
	require.NoError(t, err)
	var report bytes.Buffer
	r, err := importer.NewReport(&report, texts, "en")
	require.NoError(t, err)
	require.NoError(t, r.Note(rows[30]))
	require.Contains(t, report.String(), "possible_duplicate")
	require.Contains(t, report.String(), "left out: may be the same company as 海棠精密仪器有限公司")
}

func TestImportGivesAnExistingClientOnlyWhatPeopleItLacksAndFindsTheSurvivorOfAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unlimited)
	survivor, path := addFirm(t, w, `{"name":"晨曦精密仪器","region":"华东"}`)
	object(t, w.do("boss", "POST", path+"/contacts", `{"name":"陈静","phone":"021 5555 0101"}`), 201)
	_, old := addFirm(t, w, `{"name":"晨曦仪器","external_ref":"CRM-1"}`)
	object(t, w.do("boss", "POST", old+"/merge", `{"into_id":"`+survivor["id"].(string)+`","reason":"twice"}`), 200)

	dir := t.TempDir()
	rules, file := filepath.Join(dir, "m.yaml"), filepath.Join(dir, "rows.csv")
	require.NoError(t, os.WriteFile(rules, []byte(`
name: crm
key: {column: id}
client: {name: {column: firm}, region: {column: region}, external_ref: {column: ref}, account_manager: {column: am}}
contact: {name: {column: who}, phone: {column: phone}}
`), 0o600))
	require.NoError(t, os.WriteFile(file, []byte("id,firm,region,ref,am,who,phone\n"+
		"1,Another Name,华南,CRM-1,,Chen Jing,+86 21 55550101\n"+
		"2,晨曦精密仪器,华东,,,王芳,021 5555 0101\n"+
		"3,北方公司,,,agent,,\n"+
		"4,南方公司,,,nobody,李雷,\n"), 0o600))
	o := importing(t, w, rules, file)
	found := map[int]importer.Result{}
	o.OnRow = func(r importer.Result) { found[r.Line] = r }
	sum, err := importer.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, importer.Already, found[2].Outcome, "the reference of the merged one, and a person who is there")
	require.Equal(t, survivor["id"], found[2].ID)
	require.Equal(t, importer.Created, found[3].Outcome, "a person who was not there, at the same switchboard")
	require.Equal(t, survivor["id"], found[3].ID)
	require.Equal(t, "晨曦精密仪器", w.clients.byID[found[2].ID].Name, "what is there stays as it is")
	require.Equal(t, agentID, *w.clients.byID[found[4].ID].AccountManagerID)
	require.Equal(t, "unknown_user", found[5].Local[0].Code)
	require.Equal(t, "client.account_manager", found[5].Local[0].Field)
	require.Equal(t, 1, sum.Failed)
	require.Empty(t, w.clients.all(func(c models.Client) bool { return c.Name == "南方公司" }), "nothing of a row that fails is applied")
	require.Len(t, w.contacts.byID, 2)
}
