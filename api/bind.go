package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// bind decodes the JSON body into dst, strictly, and checks its `binding` rules. An empty body stands for {} as long as
// nothing is required. Errors: malformed (not JSON, unknown or repeated field, wrong type), invalid (with every fault).
func bind(c *gin.Context, dst any) error {
	body := bodyOf(c)
	if len(bytes.TrimSpace(body)) == 0 {
		if err := check(dst); err != nil {
			return errs.New(errs.Malformed, "body.empty")
		}
		return nil
	}
	if err := needContentType(c, "application/json"); err != nil {
		return err
	}
	if err := decode(body, dst); err != nil {
		return err
	}
	return check(dst)
}

// needContentType refuses a body of any other media type; a missing header is taken as the first one.
func needContentType(c *gin.Context, allowed ...string) error {
	header := c.GetHeader("Content-Type")
	if header == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err == nil && (params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8")) {
		for _, a := range allowed {
			if media == a {
				return nil
			}
		}
	}
	return errs.New(errs.Malformed, "body.content_type", "allowed", strings.Join(allowed, ", "))
}

// decode reads one JSON value into dst. It is stricter than encoding/json: names match exactly, no name may be unknown or
// repeated, the text must be UTF-8 without NUL (which the database cannot hold), and nothing may follow the value.
func decode(body []byte, dst any) error {
	if !utf8.Valid(body) {
		return errs.New(errs.Malformed, "body.not_utf8")
	}
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(body))}
	r.dec.UseNumber()
	if err := r.value("", reflect.TypeOf(dst).Elem()); err != nil {
		return notJSON(err)
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return errs.New(errs.Malformed, "body.trailing")
	}
	return notJSON(json.Unmarshal(body, dst))
}

// notJSON makes the errors of encoding/json the client's.
func notJSON(err error) error {
	var e *errs.Error
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil, errors.As(err, &e):
		return err
	case errors.As(err, &wrong):
		return errs.Wrap(err, errs.Malformed, "body.wrong_type", "field", wrong.Field)
	default:
		return errs.Wrap(err, errs.Malformed, "body.not_json")
	}
}

// jsonReader walks a JSON text along the type that it is meant for.
type jsonReader struct{ dec *json.Decoder }

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// value checks the next value against t; a nil t takes anything.
func (r *jsonReader) value(path string, t reflect.Type) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && reflect.PointerTo(t).Implements(unmarshaler) {
		return r.custom(path, t)
	}
	token, err := r.dec.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return r.object(path, t)
		}
		return r.array(path, t)
	case string:
		return text(path, v, t)
	case json.Number, bool:
		if t != nil && (t.Kind() == reflect.Struct || t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.String) {
			return wrongType(path)
		}
	}
	return nil // null, and what json.Unmarshal checks itself
}

func (r *jsonReader) object(path string, t reflect.Type) error {
	var fields map[string]reflect.Type
	var element reflect.Type
	switch {
	case t == nil || t.Kind() == reflect.Interface:
	case t.Kind() == reflect.Struct:
		fields = fieldsOf(t)
	case t.Kind() == reflect.Map:
		element = t.Elem()
	default:
		return wrongType(path)
	}
	seen := map[string]bool{}
	for r.dec.More() {
		token, err := r.dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // the decoder lets nothing else stand here
		at := join(path, name)
		if strings.ContainsRune(name, 0) {
			return errs.New(errs.Malformed, "body.nul", "field", strings.ReplaceAll(at, "\x00", "?"))
		}
		if seen[name] {
			return errs.New(errs.Malformed, "body.duplicate_field", "field", at)
		}
		seen[name] = true
		next := element
		if fields != nil {
			field, known := fields[name]
			if !known {
				return errs.New(errs.Malformed, "body.unknown_field", "field", at)
			}
			next = field
		}
		if err := r.value(at, next); err != nil {
			return err
		}
	}
	_, err := r.dec.Token() // the closing brace
	return err
}

func (r *jsonReader) array(path string, t reflect.Type) error {
	var element reflect.Type
	switch {
	case t == nil || t.Kind() == reflect.Interface:
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		element = t.Elem()
	default:
		return wrongType(path)
	}
	for i := 0; r.dec.More(); i++ {
		if err := r.value(path+"["+strconv.Itoa(i)+"]", element); err != nil {
			return err
		}
	}
	_, err := r.dec.Token() // the closing bracket
	return err
}

// custom lets a type with a decoder of its own (a time, a field of a PATCH) judge its value.
func (r *jsonReader) custom(path string, t reflect.Type) error {
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return err
	}
	dst := reflect.New(t)
	if p, ok := dst.Interface().(interface{ element() reflect.Type }); ok && !bytes.Equal(raw, []byte("null")) {
		inner := jsonReader{dec: json.NewDecoder(bytes.NewReader(raw))}
		inner.dec.UseNumber()
		if err := inner.value(path, p.element()); err != nil {
			return err
		}
	}
	if err := dst.Interface().(json.Unmarshaler).UnmarshalJSON(raw); err != nil {
		return wrongType(path)
	}
	return nil
}

func text(path, v string, t reflect.Type) error {
	if t != nil && t.Kind() != reflect.String && t.Kind() != reflect.Interface {
		return wrongType(path)
	}
	if strings.ContainsRune(v, 0) {
		return errs.New(errs.Malformed, "body.nul", "field", path)
	}
	return nil
}

func wrongType(path string) error {
	if path == "" {
		return errs.New(errs.Malformed, "body.not_an_object")
	}
	return errs.New(errs.Malformed, "body.wrong_type", "field", path)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldsOf gives the names under which a struct's fields stand in JSON, those of embedded structs included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}
