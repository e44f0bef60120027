package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/sla"
)

// Time is an instant in an answer: RFC 3339 in UTC with milliseconds.
type Time time.Time

const timeFormat = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the instant as the contract says.
func (t Time) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, `"`+timeFormat+`"`), nil
}

// timePtr converts an optional instant; nil stays nil and is answered as null.
func timePtr(t *time.Time) *Time {
	if t == nil {
		return nil
	}
	out := Time(*t)
	return &out
}

// instants writes those among the facts of an event, which are stored as the step had them, as all answers do.
func instants(v any) any {
	switch v := v.(type) {
	case string:
		return instantText(v)
	case []any:
		return each(v, instants)
	case map[string]any:
		shown := make(map[string]any, len(v))
		for key, part := range v {
			shown[key] = instants(part)
		}
		return shown
	default:
		return v
	}
}

// instantText writes a text that is an instant in UTC as all answers do; any other stays.
func instantText(s string) string {
	if len(s) < len("2006-01-02T15:04:05Z") || s[10] != 'T' || s[len(s)-1] != 'Z' { // most are not, and parsing costs
		return s
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.Format(timeFormat)
}

// isoDuration writes a duration as ISO 8601 with hours, minutes and seconds (PT10M, PT3.5S). Days are never used: a day
// is not a fixed time on a working calendar. Zero is PT0S.
func isoDuration(d time.Duration) string {
	if d == 0 {
		return "PT0S"
	}
	var b strings.Builder
	left := uint64(d)
	if d < 0 {
		b.WriteByte('-')
		left = -left // also right for the smallest duration, which has no positive counterpart
	}
	b.WriteString("PT")
	if h := left / uint64(time.Hour); h > 0 {
		b.WriteString(strconv.FormatUint(h, 10) + "H")
	}
	if m := left % uint64(time.Hour) / uint64(time.Minute); m > 0 {
		b.WriteString(strconv.FormatUint(m, 10) + "M")
	}
	if s := left % uint64(time.Minute); s > 0 {
		b.WriteString(strconv.FormatUint(s/uint64(time.Second), 10))
		if frac := s % uint64(time.Second); frac > 0 {
			b.WriteByte('.')
			b.WriteString(strings.TrimRight(strconv.FormatUint(uint64(time.Second)+frac, 10)[1:], "0"))
		}
		b.WriteByte('S')
	}
	return b.String()
}

// isoSpan writes a span of a policy as ISO 8601: whole days (P3D) or a duration.
func isoSpan(s sla.Span) string {
	if s.Days != 0 {
		return "P" + strconv.Itoa(s.Days) + "D"
	}
	return isoDuration(s.Duration)
}

// errNull refuses null where a value cannot be cleared.
var errNull = errors.New("null")

// patch is a field of a PATCH body whose value cannot be cleared: absent means unchanged, null is refused.
type patch[T any] struct {
	set   bool
	value T
}

// UnmarshalJSON notes the new value.
func (p *patch[T]) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return errNull
	}
	p.set = true
	return json.Unmarshal(b, &p.value)
}

// into changes dst when the field was present.
func (p patch[T]) into(dst *T) {
	if p.set {
		*dst = p.value
	}
}

// inner is what the rules of the field are checked against: nil when it was absent.
func (p patch[T]) inner() any {
	if !p.set {
		return (*T)(nil)
	}
	return &p.value
}

// clearable is a field of a PATCH body that may be empty: absent means unchanged, null clears it.
type clearable[T any] struct {
	set   bool
	value *T
}

// UnmarshalJSON notes the new value, nil for null.
func (p *clearable[T]) UnmarshalJSON(b []byte) error {
	p.set = true
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	p.value = new(T)
	return json.Unmarshal(b, p.value)
}

// into changes dst when the field was present.
func (p clearable[T]) into(dst **T) {
	if p.set {
		*dst = p.value
	}
}

// inner is what the rules of the field are checked against: nil when it was absent or null.
func (p clearable[T]) inner() any { return p.value }

// element is the type of the value, so that what is inside it is read as strictly as the rest of the body.
func (p *patch[T]) element() reflect.Type     { return reflect.TypeFor[T]() }
func (p *clearable[T]) element() reflect.Type { return reflect.TypeFor[T]() }
