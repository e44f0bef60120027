package importer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/importer"
)

// dry checks a file under a map and returns what became of each row, by its line.
func dry(t *testing.T, m *importer.Map, file string) (map[int]importer.Result, error) {
	t.Helper()
	rows := map[int]importer.Result{}
	_, err := importer.Run(t.Context(), importer.Options{
		File: file, Map: m, DryRun: true, OnRow: func(r importer.Result) { rows[r.Line] = r },
	})
	return rows, err
}

func write(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	require.NoError(t, os.WriteFile(path, []byte(body), 0o600))
	return path
}

func parse(t *testing.T, body string) *importer.Map {
	t.Helper()
	m, err := importer.ParseMap([]byte(body))
	require.NoError(t, err)
	return m
}

func body(t *testing.T, r importer.Result) map[string]any {
	t.Helper()
	require.Equal(t, importer.Checked, r.Outcome, "%v", r.Local)
	raw, err := json.Marshal(r.Body)
	require.NoError(t, err)
	var b map[string]any
	require.NoError(t, json.Unmarshal(raw, &b))
	return b
}

func TestExcerpts(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]map[string]any{
		"cfpb": {
			"type": "complaint", "channel": "web", "subject": "Struggling to pay mortgage", "category": "Mortgage",
			"impact": "high", "urgency": "low", "external_ref": "CFPB 3089448",
			"contact": map[string]any{"name": "Consumer 3089448", "email": "consumer-3089448@complaints.example"},
		},
		"nyc311": {
			"type": "complaint", "channel": "phone", "subject": "Illegal Fireworks", "category": "Illegal Fireworks",
			"impact": "high", "urgency": "high", "external_ref": "311 69510864",
			"contact": map[string]any{"name": "Caller 69510864", "email": "caller-69510864@complaints.example"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := importer.LoadMap(examples + name + ".yaml")
			require.NoError(t, err)
			rows, err := dry(t, m, examples+name+"_excerpt.csv")
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(rows), 60)
			for line, r := range rows {
				require.Equal(t, importer.Checked, r.Outcome, "line %d: %v", line, r.Local)
			}
			got := body(t, rows[2])
			description, _ := got["description"].(string)
			require.NotEmpty(t, description)
			require.NotContains(t, description, "N/A")
			for field, want := range first {
				require.Equal(t, want, got[field], field)
			}
		})
	}
	t.Run("dates_of_years_ago_stand_in_the_text", func(t *testing.T) {
		t.Parallel()
		m, err := importer.LoadMap(examples + "cfpb.yaml")
		require.NoError(t, err)
		rows, err := dry(t, m, examples+"cfpb_excerpt.csv")
		require.NoError(t, err)
		got := body(t, rows[2])
		require.NotContains(t, got, "occurred_at")
		require.Contains(t, got["description"], "Received 2018-12-03, consumer in GA.")
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	const full = small + `
  description: {parts: ["{note}", "from {town}", "end {{x}}"], join: " | ", blank: ["?"]}
  impact: {column: weight, values: {"1": high}, default: low}
  occurred_at: {column: at, time: {layout: 2006-01-02 15:04, zone: Asia/Shanghai, omit_old: true}}
`
	m := parse(t, full)
	file := write(t, "\xef\xbb\xbfid,how,title,mail,note,town,weight,at\r\n"+
		"1,W,投诉标题很长很长很长很长,a@b.example,?,宁波,1,\r\n"+
		"2,P,short,a@b.example,said,,7,1999-01-02 03:04\r\n"+
		"3,X,,nobody,,,,yesterday\r\n"+
		"1,W,again,a@b.example,,,,\r\n"+
		",W,no key,a@b.example,,,,\r\n")
	rows, err := dry(t, m, file)
	require.NoError(t, err)

	first := body(t, rows[2])
	require.Equal(t, "投诉标题很长很长很…", first["subject"], "cut by characters, not bytes")
	require.Equal(t, "from 宁波 | end {x}", first["description"], "a part without words is left out")
	require.Equal(t, "high", first["impact"])
	second := body(t, rows[3])
	require.Equal(t, "phone", second["channel"])
	require.Equal(t, "low", second["impact"], "the default stands for what the table lacks")
	require.NotContains(t, second, "occurred_at", "too long ago")

	codes := func(line int) map[string]string {
		found := map[string]string{}
		for _, f := range rows[line].Local {
			found[f.Field] = f.Code
		}
		return found
	}
	require.Equal(t, map[string]string{
		"channel": "not_in_table", "subject": "required", "contact.email": "email", "occurred_at": "bad_time",
	}, codes(4), "all faults of a row at once")
	require.Equal(t, map[string]string{"key": "required"}, codes(6))
	require.Equal(t, map[string]string{"key": "row_repeated"}, codes(5), "the second of two rows with one key")
}

func TestRowsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := parse(t, small)
	file := write(t, "id,how,title,mail\n"+
		"1,W,ok,a@b.example\n"+
		"2,W,broken \xff\xfe,a@b.example\n"+
		"3,W,too few\n"+
		"4,W,too many,a@b.example,x\n"+
		"5,W,bad \"quote\",a@b.example\n"+
		"6,W,nul \x00,a@b.example\n"+
		"7,W,\"two\nlines\",a@b.example\n"+
		"8,W,ok,a@b.example\n"+
		"9,W,\"never closed,a@b.example\n")
	rows, err := dry(t, m, file)
	require.NoError(t, err)
	want := map[int]string{3: "bad_encoding", 4: "wrong_columns", 5: "wrong_columns", 6: "bad_csv", 7: "bad_encoding", 11: "bad_csv"}
	for line, code := range want {
		require.Equal(t, importer.Failed, rows[line].Outcome, "line %d", line)
		require.Equal(t, code, rows[line].Local[0].Code, "line %d", line)
	}
	for _, line := range []int{2, 8, 10} {
		require.Equal(t, importer.Checked, rows[line].Outcome, "the rows around bad ones are taken: line %d", line)
	}
	require.Len(t, rows, 9)
}

func TestHugeRecords(t *testing.T) {
	t.Parallel()
	m := parse(t, small+"  description: {column: title}\n")
	t.Run("a_long_field_is_a_fault_of_its_row", func(t *testing.T) {
		t.Parallel()
		rows, err := dry(t, m, write(t, "id,how,title,mail\n1,W,"+strings.Repeat("长", 20_001)+",a@b.example\n2,W,ok,a@b.example\n"))
		require.NoError(t, err)
		require.Equal(t, []errs.Field{{Field: "description", Code: "max", Args: errs.Args("max", "20000")}}, rows[2].Local)
		require.Equal(t, importer.Checked, rows[3].Outcome)
	})
	t.Run("a_quote_never_closed_does_not_eat_the_memory", func(t *testing.T) {
		t.Parallel()
		_, err := dry(t, m, write(t, "id,how,title,mail\n1,W,\"never"+strings.Repeat(strings.Repeat("x", 1<<10)+"\n", 9<<10)))
		require.Equal(t, errs.TooLarge, errs.CodeOf(err))
	})
}

func TestGB18030(t *testing.T) {
	t.Parallel()
	m := parse(t, small+"csv: {encoding: gb18030, delimiter: \";\"}\n")
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String("id;how;title;mail\n1;W;发票开错了;a@b.example\n")
	require.NoError(t, err)
	require.False(t, utf8.ValidString(encoded))
	rows, err := dry(t, m, write(t, encoded+"2;W;\xff\xff;a@b.example\n"))
	require.NoError(t, err)
	require.Equal(t, "发票开错了", body(t, rows[2])["subject"])
	require.Equal(t, "bad_encoding", rows[3].Local[0].Code)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	m := parse(t, small)
	t.Run("every_missing_column_is_named", func(t *testing.T) {
		t.Parallel()
		_, err := dry(t, m, write(t, "id,how\n1,W\n"))
		require.Equal(t, map[string]string{"fields.subject": "no_column", "fields.contact.email": "no_column", "header": "columns"}, faultsOf(t, err))
	})
	t.Run("a_column_named_twice_is_a_fault", func(t *testing.T) {
		t.Parallel()
		_, err := dry(t, m, write(t, "id,how,title,mail,id\n"))
		require.Equal(t, map[string]string{"header": "duplicate"}, faultsOf(t, err))
	})
	t.Run("an_empty_file_is_a_fault", func(t *testing.T) {
		t.Parallel()
		_, err := dry(t, m, write(t, ""))
		require.ErrorContains(t, err, "import.empty")
	})
	t.Run("a_header_alone_is_no_rows", func(t *testing.T) {
		t.Parallel()
		rows, err := dry(t, m, write(t, "id,how,title,mail\n"))
		require.NoError(t, err)
		require.Empty(t, rows)
	})
}
