package importer_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/importer"
)

// company is a sound map of clients; tests change one thing of it.
const company = `
name: firms
key: {column: id}
client:
  name: {column: firm}
  region: {column: region}
  class: {column: class}
  external_ref: {column: ref}
  sales_12m: {column: sales}
  currency: {value: CNY}
contact: {name: {column: who}, phone: {column: phone}, email: {column: mail}, influence: {column: influence}}
`

const companyHeader = "id,firm,region,class,ref,sales,who,phone,mail,influence\n"

func parseClients(t *testing.T, body string) *importer.ClientMap {
	t.Helper()
	m, err := importer.ParseClientMap([]byte(body))
	require.NoError(t, err)
	return m
}

func dryClients(t *testing.T, m *importer.ClientMap, file string) map[int]importer.Result {
	t.Helper()
	rows := map[int]importer.Result{}
	_, err := importer.Run(t.Context(), importer.Options{
		File: file, Map: m, DryRun: true, OnRow: func(r importer.Result) { rows[r.Line] = r },
	})
	require.NoError(t, err)
	return rows
}

func TestParseClientMapTellsEveryFaultWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want map[string]string
	}{
		"everything_needed":    {"{}", map[string]string{"name": "required", "key": "required", "client.name": "required"}},
		"unknown_fields":       {strings.Replace(company, "region:", "regoin:", 1), map[string]string{"client.regoin": "unknown_field"}},
		"one_source_of_a_rule": {strings.Replace(company, "{column: who}", "{column: who, value: x}", 1), map[string]string{"contact.name": "one_of"}},
		"the_format":           {company + "csv: {encoding: big5}\n", map[string]string{"csv.encoding": "oneof"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := importer.ParseClientMap([]byte(tc.body))
			require.Equal(t, tc.want, faultsOf(t, err))
		})
	}
}

func TestClientRowsAreCheckedByTheRulesOfTheAPI(t *testing.T) {
	t.Parallel()
	rows := dryClients(t, parseClients(t, company), write(t, companyHeader+
		`1,晨曦,华东,S,R1,"1,234.50",陈静,021 5555 0101,c@x.example,10`+"\n"+
		"2,晨曦（改名）,华南,B,R1,,王芳,,w@x.example,\n"+
		"3,北方,,,,,,,,\n"+
		"4,,,D,,12.345,,call,at,eleven\n"+
		"5,x,,,,,who,,,11\n"+
		"1,y,,,,,,,,\n"))
	first := body(t, rows[2])
	require.Equal(t, map[string]any{"name": "晨曦", "region": "华东", "class": "S", "external_ref": "R1", "sales_12m": 123450.0, "currency": "CNY"}, first["client"])
	require.Equal(t, map[string]any{"name": "陈静", "phone": "021 5555 0101", "email": "c@x.example", "influence": 10.0}, first["contact"])
	second := body(t, rows[3])
	require.Equal(t, first["client"], second["client"], "the first row describes the client")
	require.Equal(t, "王芳", second["contact"].(map[string]any)["name"])
	require.NotContains(t, body(t, rows[4]), "contact", "a row may have none")

	codes := map[string]string{}
	for _, f := range rows[5].Local {
		codes[f.Field] = f.Code
	}
	require.Equal(t, map[string]string{
		"client.name": "required", "client.class": "oneof", "client.sales_12m": "bad_amount", "contact.name": "required",
		"contact.phone": "phone", "contact.email": "email", "contact.influence": "bad_number",
	}, codes, "all faults of a row at once")
	require.Equal(t, "contact.influence", rows[6].Local[0].Field)
	require.Equal(t, "10", rows[6].Local[0].Args["max"])
	require.Equal(t, "row_repeated", rows[7].Local[0].Code)
}

func TestClientRowsWithBrokenEncodingsAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	gb, err := simplifiedchinese.GB18030.NewEncoder().String("1,晨曦,华东,,,,陈静,,,\n")
	require.NoError(t, err)
	for name, tc := range map[string]struct{ rules, file string }{
		"utf_8":          {company, companyHeader + "1,晨曦,华东,,,,陈静,,,\n2,断\xe6\x99,,,,,x,,,\n3,北方,,,,,,,,\n"},
		"utf_8_with_bom": {company, "\xef\xbb\xbf" + companyHeader + "1,晨曦,华东,,,,陈静,,,\n2,断\xe6\x99,,,,,x,,,\n3,北方,,,,,,,,\n"},
		"gb18030":        {company + "csv: {encoding: gb18030}\n", companyHeader + gb + "2,x\xff\xff,,,,,x,,,\n3,b,,,,,,,,\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := dryClients(t, parseClients(t, tc.rules), write(t, tc.file))
			require.Equal(t, "晨曦", body(t, rows[2])["client"].(map[string]any)["name"])
			require.Equal(t, importer.Failed, rows[3].Outcome)
			require.Equal(t, importer.Checked, rows[4].Outcome)

			texts, err := i18n.New()
			require.NoError(t, err)
			var told bytes.Buffer
			report, err := importer.NewReport(&told, texts, "zh-CN")
			require.NoError(t, err)
			require.NoError(t, report.Note(rows[3]))
			lines := strings.Split(strings.TrimSpace(told.String()), "\n")
			require.Len(t, lines, 2)
			require.True(t, strings.HasPrefix(lines[1], "3,,,invalid,firm,"), lines[1])
		})
	}
}

func TestTheExampleOfClientsIsSound(t *testing.T) {
	t.Parallel()
	m, err := importer.LoadClientMap(examples + "clients.yaml")
	require.NoError(t, err)
	rows := dryClients(t, m, examples+"clients.csv")
	require.Len(t, rows, 30)
	names := map[string]bool{}
	for line, r := range rows {
		require.Equal(t, importer.Checked, r.Outcome, "line %d: %v", line, r.Local)
		raw, err := json.Marshal(r.Body)
		require.NoError(t, err)
		var row struct{ Client struct{ Name string } }
		require.NoError(t, json.Unmarshal(raw, &row))
		names[row.Client.Name] = true
	}
	require.Len(t, names, 24)
}
