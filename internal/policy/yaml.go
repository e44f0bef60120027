package policy

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

const (
	// maxBody holds a calendar of decades and keeps the YAML parser, which needs time with the square of its input, fast.
	maxBody = 64 << 10
	// maxNesting is far above any document of ours; the parser recurses, and slows down with every level.
	maxNesting = 32
	// maxShown bounds what a message repeats of the input.
	maxShown = 80
	// wholeDocument is the path of a fault that belongs to no single field.
	wholeDocument = "$"
)

// decode reads one YAML document, or the same as JSON, into the struct that out points to, by its json tags. It is
// strict: every unknown field, wrong type and unreadable text is a fault with its path, line and column, all of them at
// once. A body that is not readable as YAML at all is one fault. Null means not given, and an empty list or map is nil.
func decode(body []byte, out any) []errs.Field {
	root, fault := parse(body)
	if fault != nil {
		return []errs.Field{*fault}
	}
	var d decoder
	d.node("", root, reflect.ValueOf(out).Elem())
	return d.faults
}

// parse returns the root of the only document in body.
func parse(body []byte) (root ast.Node, fault *errs.Field) {
	defer func() {
		// The parser is foreign code on foreign input: its panic is a document that cannot be read, not our crash.
		if recover() != nil {
			root, fault = nil, documentFault("bad_yaml", nil, "detail", "unreadable")
		}
	}()
	if len(body) > maxBody {
		return nil, documentFault("document_too_large", nil, "max", strconv.Itoa(maxBody))
	}
	if !utf8.Valid(body) {
		return nil, documentFault("bad_yaml", nil, "detail", "not UTF-8")
	}
	tokens := lexer.Tokenize(string(body))
	if fault := refuse(tokens); fault != nil {
		return nil, fault
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			return nil, documentFault("bad_yaml", syntax.GetToken(), "detail", shown(syntax.GetMessage()))
		}
		return nil, documentFault("bad_yaml", nil, "detail", shown(err.Error()))
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, documentFault("required", nil)
	}
	if len(file.Docs) > 1 {
		return nil, documentFault("several_documents", file.Docs[1].Body.GetToken())
	}
	return file.Docs[0].Body, nil
}

// refuse finds what a document of ours never needs and what makes YAML ambiguous or expensive: anchors, aliases, merge
// keys, tags, directives, keys that are more than a word ("? key"), and deep nesting.
func refuse(tokens token.Tokens) *errs.Field {
	depth, run, line := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType:
			return documentFault("yaml_feature", t, "value", shown(t.Value))
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType: // "- - - x" nests without indentation
			if t.Position.Line != line {
				run, line = 0, t.Position.Line
			}
			run++
		}
		if depth > maxNesting || run > maxNesting {
			return documentFault("nested_too_deep", t, "max", strconv.Itoa(maxNesting))
		}
	}
	return nil
}

func documentFault(code string, at *token.Token, args ...string) *errs.Field {
	return &errs.Field{Field: wholeDocument, Code: code, Args: located(at, args)}
}

// located adds the place of a token to a fault's arguments: line and column count from 1.
func located(at *token.Token, args []string) map[string]string {
	if at != nil && at.Position != nil {
		args = append(args, "line", strconv.Itoa(at.Position.Line), "column", strconv.Itoa(at.Position.Column))
	}
	return errs.Args(args...)
}

// shown shortens a text of the input for a message.
func shown(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}

// decoder fills Go values from YAML nodes and collects every fault on the way.
type decoder struct{ faults []errs.Field }

func (d *decoder) fault(path, code string, n ast.Node, args ...string) {
	if path == "" {
		path = wholeDocument
	}
	d.faults = append(d.faults, errs.Field{Field: path, Code: code, Args: located(n.GetToken(), args)})
}

func (d *decoder) wrongType(path string, n ast.Node, want string) {
	d.fault(path, "wrong_type", n, "want", want, "got", kindOf(n))
}

// textFaults names the code of a text that a type refuses, and what the type is called when the node is no text at all.
var textFaults = map[reflect.Type]struct{ code, want string }{
	reflect.TypeFor[sla.Span]():        {"bad_span", "duration"},
	reflect.TypeFor[sla.Warning]():     {"bad_warning", "warning"},
	reflect.TypeFor[calendar.Period](): {"bad_period", "period"},
	reflect.TypeFor[time.Time]():       {"", "2026-01-31T09:00:00Z"}, // without a code: of the wrong type
}

// node decodes n, found at path, into v.
func (d *decoder) node(path string, n ast.Node, v reflect.Value) {
	if _, ok := n.(*ast.NullNode); ok || n == nil {
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		kind := textFaults[v.Type()]
		switch s, ok := d.text(path, n, kind.want); {
		case !ok || u.UnmarshalText([]byte(s)) == nil:
		case kind.code == "":
			d.wrongType(path, n, kind.want)
		default:
			d.fault(path, kind.code, n, "value", shown(s))
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.node(path, n, v.Elem())
	case reflect.Struct:
		d.object(path, n, v)
	case reflect.Map:
		d.dictionary(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	case reflect.String:
		if s, ok := d.text(path, n, "text"); ok {
			v.SetString(s)
		}
	case reflect.Int, reflect.Int64:
		d.number(path, n, v)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.wrongType(path, n, "boolean")
			return
		}
		v.SetBool(b.Value)
	default:
		panic(fmt.Sprintf("policy: a document cannot hold %s", v.Type()))
	}
}

// text returns the string that n is. Control characters are refused: no field needs one, and a database stores no NUL.
func (d *decoder) text(path string, n ast.Node, want string) (string, bool) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	default:
		d.wrongType(path, n, want)
		return "", false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		d.fault(path, "control_character", n)
		return "", false
	}
	return s, true
}

func (d *decoder) number(path string, n ast.Node, v reflect.Value) {
	if i, ok := n.(*ast.IntegerNode); ok {
		switch value := i.Value.(type) {
		case int64:
			v.SetInt(value)
			return
		case uint64:
			if value <= math.MaxInt64 {
				v.SetInt(int64(value))
				return
			}
		}
	}
	d.wrongType(path, n, "integer")
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, n, "list")
		return
	}
	if len(seq.Values) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, item := range seq.Values {
		d.node(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
	}
}

func (d *decoder) dictionary(path string, n ast.Node, v reflect.Value) {
	d.entries(path, n, func(key string, at string, entry *ast.MappingValueNode) {
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.node(at, entry.Value, item)
		v.SetMapIndex(reflect.ValueOf(key), item)
	})
}

func (d *decoder) object(path string, n ast.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	d.entries(path, n, func(key string, at string, entry *ast.MappingValueNode) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key })
		if i < 0 {
			known := make([]string, len(fields))
			for i, f := range fields {
				known[i] = f.name
			}
			d.fault(at, "unknown_field", entry.Key, "name", shown(key), "known", strings.Join(known, ", "))
			return
		}
		d.node(at, entry.Value, v.Field(fields[i].index))
	})
}

// entries calls do for every key of a mapping with the path of its value.
func (d *decoder) entries(path string, n ast.Node, do func(key, path string, entry *ast.MappingValueNode)) {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		d.wrongType(path, n, "object")
		return
	}
	for _, entry := range mapping.Values { // the parser has refused repeated keys
		key := entry.Key.GetToken().Value // a number or a null as a key is the text that was written
		if s, isText := entry.Key.(*ast.StringNode); isText {
			if key, ok = d.text(path, s, "text"); !ok {
				continue
			}
		}
		do(key, strings.TrimPrefix(path+"."+shown(key), "."), entry)
	}
}

// kindOf names the type of a node as messages show it.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "object"
	case *ast.SequenceNode:
		return "list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.BoolNode:
		return "boolean"
	case *ast.IntegerNode:
		return "integer"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "number"
	default:
		return "unknown"
	}
}

// field is one field of a document's struct.
type field struct {
	name                string
	index               int
	omitEmpty, omitZero bool
}

// fieldsOf lists the fields of a struct by their json tags, in order of declaration.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields = append(fields, field{name, i, options == "omitempty", options == "omitzero"})
	}
	return fields
}
