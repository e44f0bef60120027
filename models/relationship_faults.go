package models

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// relationshipFaults collects what is wrong with a command.
type relationshipFaults []errs.Field

func (f *relationshipFaults) add(field, code string, args ...string) {
	*f = append(*f, errs.Field{Field: field, Code: code, Args: errs.Args(args...)})
}

// err is the refusal; nil without faults.
func (f relationshipFaults) err() error {
	if len(f) == 0 {
		return nil
	}
	return errs.NewInvalid(f...)
}

func (f *relationshipFaults) text(field, value string) {
	if strings.TrimSpace(value) == "" {
		f.add(field, "notblank")
	}
}

func (f *relationshipFaults) oneOf(field, value string, known []string) {
	if !slices.Contains(known, value) {
		f.add(field, "oneof", "values", strings.Join(known, ", "))
	}
}

func (f *relationshipFaults) future(field string, at, now time.Time) {
	switch {
	case at.IsZero():
		f.add(field, "required")
	case !at.After(now):
		f.add(field, "future")
	}
}

// recent demands an instant that has come, and not so long ago that nobody could still record it.
func (f *relationshipFaults) recent(field string, at, now time.Time) {
	switch {
	case at.IsZero():
		f.add(field, "required")
	case at.After(now):
		f.add(field, "past")
	case at.Before(now.Add(-recordedWithin)):
		f.add(field, "not_longer_ago", "days", strconv.Itoa(int(recordedWithin/(24*time.Hour))))
	}
}

// person demands somebody who works here.
func (f *relationshipFaults) person(field, userID string, o *Org) {
	switch u, known := o.Users[userID]; {
	case !known:
		f.add(field, "unknown")
	case !u.Active:
		f.add(field, "inactive")
	}
}

// noSuch refuses something that is not open at the client.
func noSuch(what, id string) error {
	return errs.New(errs.NotFound, "relationship.no_such", "what", what, "id", id)
}
