package importer

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
)

// Report writes the rows that failed, with the reasons in the reader's language, as comma-separated values.
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

// Note writes a row if it failed; any other it passes over.
func (r *Report) Note(result Result) error {
	if result.Outcome != Failed {
		return nil
	}
	status := ""
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
	return r.write(strconv.Itoa(result.Line), result.Key, status, result.Code, strings.Join(fields, " "),
		result.Message(r.texts, r.locale))
}

func (r *Report) write(cells ...string) error {
	if err := r.out.Write(cells); err != nil {
		return err
	}
	r.out.Flush()
	return r.out.Error()
}

// Message says why the row failed: what the importer found, in the locale, or what the server said.
func (r Result) Message(texts *i18n.Catalogue, locale string) string {
	var reasons []string
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
