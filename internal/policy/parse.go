package policy

import (
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
)

// ParseSLA reads an SLA policy written in YAML or JSON. It is strict about names, types and units and returns every
// fault at once, each with its path (rules[2].milestones[0].target) and, in its arguments, the line and column in body,
// from 1. A syntax error is one fault of the whole document, path "$". What the fields say is for SLA.Check to judge.
func ParseSLA(body []byte) (SLA, []errs.Field) {
	var s SLA
	if faults := decode(body, &s); len(faults) > 0 {
		return SLA{}, faults
	}
	return s, nil
}

// ParseCalendar reads a working calendar written in YAML or JSON as strictly as ParseSLA, and checks it: a document
// without faults is one that calendar.New accepts. The checks run only on a document whose structure is sound.
func ParseCalendar(body []byte) (calendar.Document, []errs.Field) {
	var doc calendar.Document
	if faults := decode(body, &doc); len(faults) > 0 {
		return calendar.Document{}, faults
	}
	if bad := doc.Validate(); len(bad) > 0 {
		faults := make([]errs.Field, len(bad))
		for i, f := range bad {
			faults[i] = errs.Field{Field: f.Path, Code: f.Code, Args: f.Args}
		}
		return calendar.Document{}, faults
	}
	return doc, nil
}
