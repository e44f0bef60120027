package importer

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/apiclient"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// Mapping says how the rows of a file become something: a *Map, cases; a *ClientMap, clients.
type Mapping interface {
	head() head
	rules() []named                                       // those that are there
	start(p *plan, api *apiclient.Client, o Options) kind // of one run; without api, a dry one
}

// head is what every map has.
type head struct {
	name string
	key  *Rule
	csv  Format
}

// Map says how the rows of a file become cases. It is written in YAML; examples/import has examples.
type Map struct {
	// Name is part of every row's idempotency key: another name makes the rows new ones.
	Name string `json:"name"`
	// Key tells the rows of the file apart.
	Key          *Rule      `json:"key"`
	CSV          Format     `json:"csv"`
	Client       ClientRule `json:"client"`
	FirstContact PersonRule `json:"first_contact"`
	Fields       Fields     `json:"fields"`
}

// Format is how the file is written.
type Format struct {
	Delimiter string `json:"delimiter"` // one character; a comma if absent
	Encoding  string `json:"encoding"`  // utf-8 if absent, or gb18030, which also reads GBK and GB 2312
}

// ClientRule says to which client a case belongs: always the same one, or the one that the row names.
type ClientRule struct {
	Fixed  string     `json:"fixed"` // a name
	By     *Rule      `json:"by"`
	Match  string     `json:"match"`  // what By gives: name (if absent) or external_ref
	Create *NewClient `json:"create"` // how to make a client that is missing; absent, its rows fail
}

// NewClient holds what a client that an import makes has beside its name.
type NewClient struct {
	Industry string `json:"industry"`
	Region   string `json:"region"`
	Class    string `json:"class"`
	Status   string `json:"status"`
}

// PersonRule says who was the first contact, by user name. Without it, it is the owner of the token.
type PersonRule struct {
	By     *Rule    `json:"by"`
	Spread []string `json:"spread"` // each row goes to one of them, always the same one
}

// Fields has one rule for each field of a new case.
type Fields struct {
	Type        *Rule        `json:"type"`
	Channel     *Rule        `json:"channel"`
	Subject     *Rule        `json:"subject"`
	Description *Rule        `json:"description"`
	Category    *Rule        `json:"category"`
	Impact      *Rule        `json:"impact"`
	Urgency     *Rule        `json:"urgency"`
	OccurredAt  *Rule        `json:"occurred_at"`
	ExternalRef *Rule        `json:"external_ref"`
	Contact     ContactRules `json:"contact"`
}

// ContactRules has the rules for whom to reach about a case.
type ContactRules struct {
	Name  *Rule `json:"name"`
	Phone *Rule `json:"phone"`
	Email *Rule `json:"email"`
}

// Rule makes one value from a row. Its text comes from exactly one of Column, Value, Template and Parts; then Blank,
// Values, Default, Time and Max are applied in this order.
type Rule struct {
	Column   string            `json:"column"`
	Value    string            `json:"value"`    // the same for every row
	Template string            `json:"template"` // text with {column} in it; {{ and }} are braces
	Parts    []string          `json:"parts"`    // templates; one whose columns are all blank is left out
	Join     string            `json:"join"`     // between Parts; a new line if absent
	Blank    []string          `json:"blank"`    // what the file writes for nothing, such as N/A
	Values   map[string]string `json:"values"`   // what the file writes → what the API calls it
	Default  *string           `json:"default"`  // for blank texts, and for those that Values lacks
	Time     *TimeRule         `json:"time"`
	Max      int               `json:"max"` // characters; what is longer is cut and ends in …
}

// TimeRule reads a time.
type TimeRule struct {
	Layout string `json:"layout"` // as Go writes it: 2006-01-02T15:04:05
	Zone   string `json:"zone"`   // an IANA name; UTC if absent
	// OmitOld leaves out a time of more than a year ago, which the API refuses for a new case.
	OmitOld bool `json:"omit_old"`
}

// LoadMap reads a map from a file. A document with faults is an *errs.Error that lists them all, each with its path.
func LoadMap(path string) (*Map, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseMap(body)
}

// ParseMap reads a map strictly: unknown fields, wrong types and rules that contradict themselves are faults, and all of
// them are reported at once, as an *errs.Error of code invalid.
func ParseMap(body []byte) (*Map, error) {
	var m Map
	if f := policy.Decode(body, &m); len(f) > 0 {
		return nil, errs.NewInvalid(f...)
	}
	var f faults
	m.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return &m, nil
}

func (h head) check(f *faults) {
	f.need("name", h.name != "" && len(h.name) <= 40 && !strings.ContainsFunc(h.name, notWord))
	f.need("key", h.key != nil)
	if n := len([]rune(h.csv.Delimiter)); n > 1 || strings.ContainsAny(h.csv.Delimiter, "\"\r\n") {
		f.add("csv.delimiter", "bad_delimiter")
	}
	f.among("csv.encoding", h.csv.Encoding, "utf-8", "gb18030")
}

func (m *Map) head() head { return head{m.Name, m.Key, m.CSV} }

func (m *Map) check(f *faults) {
	m.head().check(f)
	f.need("fields.subject", m.Fields.Subject != nil)
	f.need("fields.type", m.Fields.Type != nil)
	f.need("fields.channel", m.Fields.Channel != nil)
	if m.Fields.Contact.Phone == nil && m.Fields.Contact.Email == nil {
		f.add("fields.contact", "contact_unreachable")
	}
	if (m.Client.Fixed == "") == (m.Client.By == nil) {
		f.add("client", "one_of", "fields", "fixed, by")
	}
	f.among("client.match", m.Client.Match, "name", "external_ref")
	if m.Client.Create != nil {
		f.among("client.create.class", m.Client.Create.Class, "S", "A", "B", "C")
		f.among("client.create.status", m.Client.Create.Status, "prospect", "active", "dormant", "lost")
	}
	if m.FirstContact.By != nil && len(m.FirstContact.Spread) > 0 {
		f.add("first_contact", "one_of", "fields", "by, spread")
	}
	for _, r := range m.rules() {
		r.rule.check(f, r.path)
	}
}

func notWord(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_-", r)
}

// named is a rule with its place in the document.
type named struct {
	path string
	rule *Rule
}

// rules lists the rules that are there.
func (m *Map) rules() []named {
	return present([]named{
		{"key", m.Key},
		{"client.by", m.Client.By},
		{"first_contact.by", m.FirstContact.By},
		{"fields.type", m.Fields.Type},
		{"fields.channel", m.Fields.Channel},
		{"fields.subject", m.Fields.Subject},
		{"fields.description", m.Fields.Description},
		{"fields.category", m.Fields.Category},
		{"fields.impact", m.Fields.Impact},
		{"fields.urgency", m.Fields.Urgency},
		{"fields.occurred_at", m.Fields.OccurredAt},
		{"fields.external_ref", m.Fields.ExternalRef},
		{"fields.contact.name", m.Fields.Contact.Name},
		{"fields.contact.phone", m.Fields.Contact.Phone},
		{"fields.contact.email", m.Fields.Contact.Email},
	})
}

// present leaves out the rules that are not there.
func present(all []named) []named {
	return slices.DeleteFunc(all, func(n named) bool { return n.rule == nil })
}

func (r *Rule) check(f *faults, path string) {
	sources := 0
	for _, given := range []bool{r.Column != "", r.Value != "", r.Template != "", len(r.Parts) > 0} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		f.add(path, "one_of", "fields", "column, value, template, parts")
	}
	if r.Join != "" && len(r.Parts) == 0 {
		f.add(path+".join", "without_parts")
	}
	for i, t := range r.templates() {
		if _, err := parseTemplate(t); err != nil {
			at := path + ".template"
			if len(r.Parts) > 0 {
				at = fmt.Sprintf("%s.parts[%d]", path, i)
			}
			f.add(at, "bad_template", "value", shown(t))
		}
	}
	if r.Max < 0 {
		f.add(path+".max", "not_positive")
	}
	if r.Time == nil {
		if path == "fields.occurred_at" {
			f.add(path+".time", "required")
		}
		return
	}
	f.need(path+".time.layout", r.Time.Layout != "")
	if _, err := time.LoadLocation(r.Time.Zone); err != nil || r.Time.Zone == "Local" {
		f.add(path+".time.zone", "unknown_zone", "value", shown(r.Time.Zone))
	}
}

// templates are the texts of the rule in which columns are named.
func (r *Rule) templates() []string {
	if r.Template != "" {
		return []string{r.Template}
	}
	return r.Parts
}

// segment is a piece of a template: a text, or the name of a column.
type segment struct {
	text   string
	column string
	isText bool
}

var errTemplate = fmt.Errorf("braces do not match")

func parseTemplate(s string) ([]segment, error) {
	var out []segment
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, segment{text: text.String(), isText: true})
			text.Reset()
		}
	}
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			text.WriteString(s)
			break
		}
		text.WriteString(s[:i])
		brace := s[i]
		s = s[i+1:]
		switch {
		case s != "" && s[0] == brace: // doubled
			text.WriteByte(brace)
			s = s[1:]
		case brace == '}':
			return nil, errTemplate
		default:
			column, rest, closed := strings.Cut(s, "}")
			if !closed || column == "" || strings.Contains(column, "{") {
				return nil, errTemplate
			}
			flush()
			out = append(out, segment{column: column})
			s = rest
		}
	}
	flush()
	return out, nil
}

// faults collects what is wrong with a map or a row.
type faults []errs.Field

func (f *faults) add(field, code string, args ...string) {
	*f = append(*f, errs.Field{Field: field, Code: code, Args: errs.Args(args...)})
}

func (f *faults) need(field string, ok bool) {
	if !ok {
		f.add(field, "required")
	}
}

// among notes a value that is given and is none of the allowed.
func (f *faults) among(field, value string, allowed ...string) {
	if value == "" {
		return
	}
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	f.add(field, "oneof", "values", strings.Join(allowed, ", "))
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return errs.NewInvalid(f...)
}

// shown shortens a text of the input for a message.
func shown(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
