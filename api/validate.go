package api

import (
	"errors"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

var (
	usernamePattern = regexp.MustCompile(`^[a-z0-9._-]{2,64}$`)
	namePattern     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	slugPattern     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	phonePattern    = regexp.MustCompile(`^[0-9+()/. -]{3,40}$`)
)

// rules checks the `binding` tags of request types. Beside the common ones there are:
//
//	typeid=case   an identifier with this prefix
//	notblank      more than white space
//	username      2–64 of a–z 0–9 . _ -
//	name          a snake_case word, such as a process
//	slug          a name in a path, such as a calendar's
//	phone         digits and the signs around them
//	time_zone     an IANA name
//	locale        en or zh-CN
//	role          a role of the product
//	currency      an ISO 4217 code
//	date          a day such as 2026-01-31
//	month         a month such as 2026-01
var rules = newRules()

func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.SetTagName("binding")
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	v.RegisterCustomTypeFunc(func(f reflect.Value) any { return f.Interface().(interface{ inner() any }).inner() },
		patch[string]{}, patch[int]{}, patch[bool]{}, patch[[]models.Role]{}, patch[[]string]{},
		clearable[string]{}, clearable[time.Time]{}, clearable[int]{}, clearable[int64]{})
	text := func(name string, ok func(string) bool) {
		must(v.RegisterValidation(name, func(f validator.FieldLevel) bool { return ok(f.Field().String()) }))
	}
	text("notblank", func(s string) bool { return strings.TrimSpace(s) != "" })
	text("username", usernamePattern.MatchString)
	text("name", namePattern.MatchString)
	text("slug", slugPattern.MatchString)
	text("phone", phonePattern.MatchString)
	text("locale", i18n.Valid)
	text("currency", models.ValidCurrency)
	text("date", func(s string) bool {
		_, err := time.Parse(time.DateOnly, s)
		return err == nil
	})
	text("month", func(s string) bool {
		_, err := time.Parse(models.MonthLayout, s)
		return err == nil
	})
	text("role", func(s string) bool { return models.ValidRole(models.Role(s)) })
	text("time_zone", func(s string) bool {
		_, err := time.LoadLocation(s)
		return err == nil && s != "Local" // "Local" would mean another zone on every machine
	})
	must(v.RegisterValidation("typeid", func(f validator.FieldLevel) bool { return id.Valid(f.Param(), f.Field().String()) }))
	return v
}

// must stops the program on a mistake in the rules themselves.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// check applies the `binding` rules, and holds every instant to what can be written: every fault at once, with its path.
func check(req any) error {
	var f faults
	var broken validator.ValidationErrors
	if err := rules.Struct(req); errors.As(err, &broken) {
		f = make(faults, len(broken))
		for i, b := range broken {
			_, path, _ := strings.Cut(b.Namespace(), ".") // without the name of the Go type
			f[i] = errs.Field{Field: path, Code: b.Tag(), Args: argsOf(b.Tag(), b.Param())}
		}
	}
	f.instants("", reflect.ValueOf(req))
	return f.err()
}

// firstInstant and lastInstant bound the times of requests. An offset can carry a time that reads well into a year that
// neither JSON nor the database writes, and a process that holds one is stuck. After the last there is a year to spare for
// what is reckoned from it, and for the time zones in which it is shown.
var (
	firstInstant = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastInstant  = time.Date(9998, 12, 31, 23, 59, 59, 999999999, time.UTC)
)

// instant notes a time that lies outside of what can be written.
func (f *faults) instant(field string, at time.Time) {
	if at.Before(firstInstant) || at.After(lastInstant) {
		f.add(field, "between", "low", firstInstant.Format(time.DateOnly), "high", lastInstant.Format(time.DateOnly))
	}
}

// instants does so for every time within v, which stands at path.
func (f *faults) instants(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			f.instants(path, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // a document that is read elsewhere
			return
		}
		for i := range v.Len() {
			f.instants(path+"["+strconv.Itoa(i)+"]", v.Index(i))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			f.instants(join(path, entries.Key().String()), entries.Value())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			f.instant(path, v.Interface().(time.Time))
			return
		}
		if p, ok := v.Interface().(interface{ inner() any }); ok { // a field of a PATCH
			f.instants(path, reflect.ValueOf(p.inner()))
			return
		}
		for _, field := range reflect.VisibleFields(v.Type()) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if inner, err := v.FieldByIndexErr(field.Index); err == nil && field.IsExported() && name != "" && name != "-" {
				f.instants(join(path, name), inner)
			}
		}
	}
}

// argsOf names the parameter of a rule as its text calls it.
func argsOf(rule, param string) map[string]string {
	switch rule {
	case "max", "min":
		return errs.Args(rule, param)
	case "oneof":
		return errs.Args("values", strings.ReplaceAll(param, " ", ", "))
	case "typeid":
		return errs.Args("prefix", param)
	}
	return nil
}

// faults collects what is wrong with a request beyond its types and lengths.
type faults []errs.Field

// add notes a fault; args are name, value pairs for its text.
func (f *faults) add(field, code string, args ...string) {
	*f = append(*f, errs.Field{Field: field, Code: code, Args: errs.Args(args...)})
}

// err gives the collected faults as one invalid error, nil when there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return errs.NewInvalid(f...)
}
