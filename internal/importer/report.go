package importer

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
)

// Report writes the rows that failed and those whose client may have been there already, with the reasons in the reader's
// language, as comma-separated values.
type Report struct {
	out    *csv.Writer
	texts  *i18n.Catalogue
	locale string
}

// NewReport returns a report on w and writes its header.
func NewReport(w io.Writer, texts *i18n.Catalogue, locale string) (*Report, error) {
	r := &Report{csv.NewWriter(w), texts, locale}
	return r, r.write("line", "row_key", "status", "code", "fields", "message")
}

// Told reports whether there is something to tell of the row: it failed, or its client may have been there already.
func (r Result) Told() bool { return r.Outcome == Failed || len(r.Duplicates) > 0 }

// Note writes a row of which there is something to tell; any other it passes over.
func (r *Report) Note(result Result) error {
	if !result.Told() {
		return nil
	}
	status, code := "", result.Code
	if result.Outcome != Failed {
		code = "possible_duplicate"
	}
	if result.Status != 0 {
		status = strconv.Itoa(result.Status)
	}
	var fields []string
	for _, f := range result.Local {
		fields = append(fields, f.Field)
	}
	for _, f := range result.Faults {
		fields = append(fields, f.Field)
	}
	return r.write(strconv.Itoa(result.Line), result.Key, status, code, strings.Join(fields, " "),
		result.Message(r.texts, r.locale))
}

func (r *Report) write(cells ...string) error {
	if err := r.out.Write(cells); err != nil {
		return err
	}
	r.out.Flush()
	return r.out.Error()
}

// Message says why the row failed: what the importer found, in the locale, or what the server said. Of a row whose client
// may have been there already it names the likeliest.
func (r Result) Message(texts *i18n.Catalogue, locale string) string {
	var reasons []string
	if len(r.Duplicates) > 0 {
		var names []string
		for _, d := range r.Duplicates {
			names = append(names, fmt.Sprintf("%s (%s, %.2f)", d.Name, d.ID, d.Score))
		}
		args := errs.Args("names", strings.Join(names, ", "))
		if r.Outcome == Skipped {
			return texts.Text(locale, "import.left_out", args)
		}
		reasons = append(reasons, texts.Text(locale, "import.possible_duplicate", args))
	}
	for _, f := range r.Local {
		reasons = append(reasons, Text(texts, locale, f))
	}
	if len(r.Faults) == 0 && r.Detail != "" {
		reasons = append(reasons, r.Detail)
	}
	for _, f := range r.Faults {
		reasons = append(reasons, f.Field+": "+f.Message)
	}
	return strings.Join(reasons, "; ")
}

// Text is one fault with its place, in the locale.
func Text(texts *i18n.Catalogue, locale string, f errs.Field) string {
	message := texts.Text(locale, "field."+f.Code, f.Args)
	if f.Args["column"] != "" {
		message = texts.Text(locale, "field_at", errs.Args("message", message, "line", f.Args["line"], "column", f.Args["column"]))
	}
	return f.Field + ": " + message
}
