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

	// Behind means that the stored state had moved on before the step could be taken: nothing was applied, State is the stored
	// one, and the step must be judged again.
	Behind bool `json:"behind,omitempty"`
	Mail   bool `json:"mail,omitempty"` // messages of the step, or of those that were missed, must leave the product
}

// Took answers that the step from before (nil: the first) to after was taken. S is a struct that encodes itself by its fields'
// tags.
func Took[S any](before, after *S, mail bool) (Advanced[S], error) {
	if before == nil {
		return Advanced[S]{State: after, Mail: mail}, nil
	}
	var d difference
	err := d.add("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	return Advanced[S]{Changed: d.changed.Bytes(), Cleared: d.cleared, Mail: mail}, err
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
	overlay("", reflect.ValueOf(&after).Elem(), reflect.ValueOf(&changed).Elem(), a.Cleared)
	return &after, nil
}

// difference is what has changed from one struct to another.
type difference struct {
	changed bytes.Buffer
	cleared []string
}

// add writes the fields in which after differs from before as a JSON object, without those that became zero: their paths are
// kept.
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

// overlay puts the fields that changed and are not zero over those of s, and empties the cleared ones.
func overlay(path string, s, changed reflect.Value, cleared []string) {
	for i := range s.NumField() {
		to, from := s.Field(i), changed.Field(i)
		part := divides(to.Type())
		if !part && !from.IsZero() {
			to.Set(from)
			continue
		}
		if len(cleared) == 0 && from.IsZero() {
			continue
		}
		at := path + nameInJSON(s.Type().Field(i))
		switch {
		case slices.Contains(cleared, at):
			to.SetZero()
		case part:
			overlay(at+".", to, from, cleared)
		}
	}
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

func nameInJSON(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
