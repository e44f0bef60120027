package importer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/importer"
)

const examples = "../../examples/import/"

// small is a sound map; tests change one thing of it.
const small = `
name: small
key: {column: id}
client: {fixed: Acme}
fields:
  type: {value: complaint}
  channel: {column: how, values: {W: web, P: phone}}
  subject: {template: "{title}", max: 10}
  contact: {email: {column: mail}}
`

func faultsOf(t *testing.T, err error) map[string]string {
	t.Helper()
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, errs.Invalid, e.Code)
	found := map[string]string{}
	for _, f := range e.Fields {
		found[f.Field] = f.Code
	}
	return found
}

func TestParseMap(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want map[string]string
	}{
		"an_empty_document_is_a_fault": {"", map[string]string{"$": "required"}},
		"everything_needed_is_named_at_once": {"{}", map[string]string{
			"name": "required", "key": "required", "client": "one_of", "fields.subject": "required", "fields.type": "required",
			"fields.channel": "required", "fields.contact": "contact_unreachable",
		}},
		"unknown_fields_are_faults_with_their_path": {
			strings.Replace(small, "max: 10", "mx: 10", 1) + "  extra: {value: x}\nsurplus: 1\n",
			map[string]string{"fields.subject.mx": "unknown_field", "fields.extra": "unknown_field", "surplus": "unknown_field"},
		},
		"wrong_types_are_faults": {
			strings.Replace(small, "max: 10", "max: ten", 1),
			map[string]string{"fields.subject.max": "wrong_type"},
		},
		"a_rule_has_one_source": {
			strings.Replace(small, "{value: complaint}", "{value: complaint, column: kind}", 1),
			map[string]string{"fields.type": "one_of"},
		},
		"a_rule_has_a_source": {
			strings.Replace(small, "{value: complaint}", "{default: complaint}", 1),
			map[string]string{"fields.type": "one_of"},
		},
		"braces_match": {
			strings.Replace(small, `"{title}"`, `"{title"`, 1),
			map[string]string{"fields.subject.template": "bad_template"},
		},
		"parts_are_checked_one_by_one": {
			strings.Replace(small, `template: "{title}"`, `parts: ["{title}", "}", "{}"]`, 1),
			map[string]string{"fields.subject.parts[1]": "bad_template", "fields.subject.parts[2]": "bad_template"},
		},
		"join_needs_parts": {
			strings.Replace(small, "max: 10", "join: x", 1),
			map[string]string{"fields.subject.join": "without_parts"},
		},
		"a_time_has_a_layout_and_a_real_zone": {
			small + "  occurred_at: {column: at, time: {zone: Mars/Olympus}}\n",
			map[string]string{"fields.occurred_at.time.layout": "required", "fields.occurred_at.time.zone": "unknown_zone"},
		},
		"an_instant_is_read_as_a_time": {
			small + "  occurred_at: {column: at}\n",
			map[string]string{"fields.occurred_at.time": "required"},
		},
		"a_client_is_fixed_or_found": {
			strings.Replace(small, "{fixed: Acme}", "{fixed: Acme, by: {column: who}}", 1),
			map[string]string{"client": "one_of"},
		},
		"a_new_client_has_a_class_of_the_product": {
			strings.Replace(small, "{fixed: Acme}", "{by: {column: who}, match: phone, create: {class: D}}", 1),
			map[string]string{"client.match": "oneof", "client.create.class": "oneof"},
		},
		"the_format_is_one_that_can_be_read": {
			small + "csv: {delimiter: \"::\", encoding: ebcdic}\n",
			map[string]string{"csv.delimiter": "bad_delimiter", "csv.encoding": "oneof"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := importer.ParseMap([]byte(tc.body))
			require.Equal(t, tc.want, faultsOf(t, err))
		})
	}
}

func TestFaultTexts(t *testing.T) {
	t.Parallel()
	texts, err := i18n.New()
	require.NoError(t, err)
	_, err = importer.ParseMap([]byte(strings.Replace(small, "max: 10", "mx: 10", 1)))
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	english, chinese := importer.Text(texts, "en", e.Fields[0]), importer.Text(texts, "zh-CN", e.Fields[0])
	require.Contains(t, english, "fields.subject.mx: ")
	require.Contains(t, english, "line 8")
	require.Contains(t, chinese, "第 8 行")
}

func TestExampleMaps(t *testing.T) {
	t.Parallel()
	maps, err := filepath.Glob(examples + "*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, maps)
	for _, path := range maps {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			name := strings.TrimSuffix(filepath.Base(path), ".yaml")
			if name == "clients" {
				m, err := importer.LoadClientMap(path)
				require.NoError(t, err)
				require.Equal(t, name, m.Name)
				return
			}
			m, err := importer.LoadMap(path)
			require.NoError(t, err)
			require.Equal(t, name, m.Name)
		})
	}
}

func FuzzParseMap(f *testing.F) {
	f.Add([]byte(small))
	for _, name := range []string{"cfpb.yaml", "nyc311.yaml", "incidents.yaml"} {
		body, err := os.ReadFile(examples + name)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := importer.ParseMap(body)
		require.True(t, (m == nil) != (err == nil), "a map or its faults")
	})
}
