package models

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Advanced is the answer to a step: the state that it leaves, on its way from the activity that wrote it to the process. Of a
// step from a state that the process knows only the fields that changed travel, so that a history holds a value once, not once
// per step. Histories recorded before that hold State at every step.
type Advanced[S any] struct {
	State   *S              `json:"state,omitempty"`   // whole
	Changed json.RawMessage `json:"changed,omitempty"` // the fields that changed; of a struct within, its fields that changed
	Cleared []string        `json:"cleared,omitempty"` // the fields that became zero, of a struct within as struct.field

	// Kept is what stays of lists that changed, by the same paths. Changed has only what follows.
	Kept map[string]Kept `json:"kept,omitempty"`

	// Behind means that the stored state had moved on before the step could be taken: nothing was applied, State is the stored
	// one, and the step must be judged again.
	Behind bool `json:"behind,omitempty"`
	Mail   bool `json:"mail,omitempty"` // messages of the step, or of those that were missed, must leave the product
}

// Kept is the part of a list with which the list after a step begins: so many of its elements, from one on.
type Kept struct {
	From int `json:"from,omitempty"`
	Len  int `json:"len"`
}

// Took answers that the step from before (nil: the first) to after was taken. S is a struct that encodes itself by its fields'
// tags.
func Took[S any](before, after *S, mail bool) (Advanced[S], error) {
	if before == nil {
		return Advanced[S]{State: after, Mail: mail}, nil
	}
	var d difference
	err := d.add("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	return Advanced[S]{Changed: d.changed.Bytes(), Cleared: d.cleared, Kept: d.kept, Mail: mail}, err
}

// MovedOn answers with the stored state.
func MovedOn[S any](stored *S) Advanced[S] {
	return Advanced[S]{State: stored, Behind: true, Mail: true}
}

// Onto is the state that is answered, for a process that knows the state before; that one stays as it is.
// Reading JSON is deterministic, as where the engine's SDK reads what an activity answered; the checker sees the runtime behind
// reflection.
//
//workflowcheck:ignore
func (a Advanced[S]) Onto(before *S) (*S, error) {
	switch {
	case a.State != nil:
		return a.State, nil
	case before == nil:
		return nil, fmt.Errorf("a change of %T without the state before it", before)
	}
	after := *before
	var changed S
	if err := json.Unmarshal(a.Changed, &changed); err != nil {
		return nil, err
	}
	err := a.overlay("", reflect.ValueOf(&after).Elem(), reflect.ValueOf(&changed).Elem())
	return &after, err
}

// difference is what has changed from one struct to another.
type difference struct {
	changed bytes.Buffer
	cleared []string
	kept    map[string]Kept
}

// add writes the fields in which after differs from before as a JSON object, without those that became zero, whose paths are
// noted, and without what stays of a list.
func (d *difference) add(path string, before, after reflect.Value) error {
	d.changed.WriteByte('{')
	first := true
	for i := range after.NumField() {
		x, y := before.Field(i), after.Field(i)
		if same(x, y) {
			continue
		}
		name := nameInJSON(after.Type().Field(i))
		if y.IsZero() {
			d.cleared = append(d.cleared, path+name)
			continue
		}
		if lists(y.Type()) {
			if stays := staying(x, y); stays.Len > 0 {
				if d.kept == nil {
					d.kept = map[string]Kept{}
				}
				d.kept[path+name] = stays
				if y = y.Slice(stays.Len, y.Len()); y.Len() == 0 {
					continue
				}
			}
		}
		if !first {
			d.changed.WriteByte(',')
		}
		first = false
		d.changed.WriteString(strconv.Quote(name))
		d.changed.WriteByte(':')
		if divides(y.Type()) {
			if err := d.add(path+name+".", x, y); err != nil {
				return err
			}
			continue
		}
		raw, err := json.Marshal(y.Interface())
		if err != nil {
			return fmt.Errorf("%s%s: %w", path, name, err)
		}
		d.changed.Write(raw)
	}
	d.changed.WriteByte('}')
	return nil
}

// staying finds with which part of before after begins: the first that is there.
func staying(before, after reflect.Value) (k Kept) {
	for k.From = range before.Len() {
		for k.Len < min(before.Len()-k.From, after.Len()) && same(before.Index(k.From+k.Len), after.Index(k.Len)) {
			k.Len++
		}
		if k.Len > 0 {
			return k
		}
	}
	return Kept{}
}

// overlay puts the fields that changed and are not zero over those of s, behind what stays of a list, and empties the cleared ones.
func (a Advanced[S]) overlay(path string, s, changed reflect.Value) error {
	plain := len(a.Cleared) == 0 && len(a.Kept) == 0
	for i := range s.NumField() {
		to, from := s.Field(i), changed.Field(i)
		if plain && from.IsZero() {
			continue
		}
		at := path + nameInJSON(s.Type().Field(i))
		stays, stay := a.Kept[at]
		switch {
		case divides(to.Type()):
			if slices.Contains(a.Cleared, at) {
				to.SetZero()
			} else if err := a.overlay(at+".", to, from); err != nil {
				return err
			}
		case stay:
			end := stays.From + stays.Len
			if end > to.Len() {
				return fmt.Errorf("%s keeps elements %d to %d of %d", at, stays.From, end, to.Len())
			}
			to.Set(reflect.AppendSlice(to.Slice3(stays.From, end, end), from)) // a new list, unless nothing follows
		case !from.IsZero():
			to.Set(from)
		case slices.Contains(a.Cleared, at):
			to.SetZero()
		}
	}
	return nil
}

// same compares what is in a field; what is at the same place is the same, since no step changes the state that it was given.
func same(x, y reflect.Value) bool {
	switch x.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if x.IsNil() || y.IsNil() {
			return x.IsNil() == y.IsNil()
		}
		if x.UnsafePointer() == y.UnsafePointer() && (x.Kind() != reflect.Slice || x.Len() == y.Len()) {
			return true
		}
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		return x.Equal(y)
	}
	return reflect.DeepEqual(x.Interface(), y.Interface())
}

var asOne, asText = reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()

// divides reports whether changes of the type travel field by field.
func divides(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(asOne) && !t.Implements(asText)
}

// lists reports whether changes of the type travel as what follows on a part of the list before.
func lists(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 && !t.Implements(asOne) && !t.Implements(asText)
}

func nameInJSON(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
