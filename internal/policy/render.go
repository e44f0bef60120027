package policy

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// lineWidth is the length in bytes up to which a list or an object is written on one line.
const lineWidth = 170

var (
	plainText = regexp.MustCompile(`^(\pL[\pL\pN_/]*|[0-9]+[dhms][0-9hms]*)$`)
	// yamlWords would be read as something other than text if they were not quoted, by this or by another YAML reader.
	yamlWords = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)
)

// Render writes a stored document as canonical YAML: the fields in the order of their declaration, spans and warnings as
// policies write them, what is not set left out. Parsing the result gives the same document. A value that no document
// can hold, such as a warning of 0 %, is an error.
func Render(doc any) ([]byte, error) {
	root, err := render(reflect.ValueOf(doc))
	if err != nil {
		return nil, fmt.Errorf("render %T: %w", doc, err)
	}
	var b bytes.Buffer
	root.block(&b, 0)
	return b.Bytes(), nil
}

// rendered is a value on its way into YAML: a scalar, or an object if it has names, or a list.
type rendered struct {
	scalar string
	object bool
	names  []string
	items  []rendered
}

func render(v reflect.Value) (rendered, error) {
	if !v.IsValid() {
		return rendered{scalar: "null"}, nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return rendered{scalar: quoted(string(text))}, err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return render(v.Elem())
	case reflect.Struct:
		return renderObject(v)
	case reflect.Map:
		return renderMap(v)
	case reflect.Slice:
		var list rendered
		for i := range v.Len() {
			item, err := render(v.Index(i))
			if err != nil {
				return rendered{}, fmt.Errorf("[%d]: %w", i, err)
			}
			list.items = append(list.items, item)
		}
		return list, nil
	case reflect.String:
		return rendered{scalar: quoted(v.String())}, nil
	case reflect.Int, reflect.Int64:
		return rendered{scalar: strconv.FormatInt(v.Int(), 10)}, nil
	case reflect.Bool:
		return rendered{scalar: strconv.FormatBool(v.Bool())}, nil
	default:
		return rendered{}, fmt.Errorf("a document cannot hold %s", v.Type())
	}
}

func renderObject(v reflect.Value) (rendered, error) {
	object := rendered{object: true}
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		if f.omitZero && value.IsZero() || f.omitEmpty && (value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0) {
			continue
		}
		if err := object.add(f.name, value); err != nil {
			return rendered{}, err
		}
	}
	return object, nil
}

func renderMap(v reflect.Value) (rendered, error) {
	object := rendered{object: true}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		if err := object.add(quoted(key.String()), v.MapIndex(key)); err != nil {
			return rendered{}, err
		}
	}
	return object, nil
}

func (r *rendered) add(name string, v reflect.Value) error {
	item, err := render(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.names, r.items = append(r.names, name), append(r.items, item)
	return nil
}

// quoted writes a text bare where every YAML reader takes it for text, else in double quotes as JSON does.
func quoted(s string) string {
	if plainText.MatchString(s) && !yamlWords.MatchString(s) {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// flow writes the value on one line.
func (r rendered) flow() string {
	if r.scalar != "" {
		return r.scalar
	}
	parts := make([]string, len(r.items))
	for i, item := range r.items {
		parts[i] = item.flow()
		if r.object {
			parts[i] = r.names[i] + ": " + parts[i]
		}
	}
	if r.object {
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// block writes the items of the value on lines of their own, indented by depth; an item that fits stays on its line.
func (r rendered) block(b *bytes.Buffer, depth int) {
	if len(r.items) == 0 {
		b.WriteString(r.flow() + "\n")
		return
	}
	for i, item := range r.items {
		indent := strings.Repeat("  ", depth)
		head := indent + "-"
		if r.object {
			head = indent + r.names[i] + ":"
		}
		if line := item.flow(); len(item.items) == 0 || len(head)+len(line) < lineWidth && !item.deep() {
			b.WriteString(head + " " + line + "\n")
			continue
		}
		var inner bytes.Buffer
		item.block(&inner, depth+1)
		if r.object {
			b.WriteString(head + "\n" + inner.String())
		} else { // the first line of an item stands beside its dash
			b.WriteString(head + " " + strings.TrimLeft(inner.String(), " "))
		}
	}
}

// deep reports whether the value holds objects: it reads better on several lines.
func (r rendered) deep() bool {
	return slices.ContainsFunc(r.items, func(item rendered) bool { return item.object })
}
