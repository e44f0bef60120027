package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// maxRecord bounds one record. What the API takes is far smaller; a quote that is never closed is not.
const maxRecord = 8 << 20

var byteOrderMark = []byte("\xef\xbb\xbf")

// table reads a file of comma-separated values, row by row.
type table struct {
	csv    *csv.Reader
	guard  *guard
	coding string
	header []string
}

// row is one record, or what is wrong with it.
type row struct {
	line  int // of its first character, from 1
	cells []string
	fault *errs.Field
}

// openTable reads the header. It fails when there is none, when it names a column twice, or when it is not text.
func openTable(src io.Reader, f Format) (*table, error) {
	g := &guard{r: src, left: maxRecord}
	in := bufio.NewReader(g)
	if head, _ := in.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		_, _ = in.Discard(len(byteOrderMark)) // it was seen just now
	}
	t := &table{guard: g, coding: "UTF-8"}
	var text io.Reader = in
	if f.Encoding == "gb18030" {
		t.coding = "GB 18030"
		text = transform.NewReader(in, simplifiedchinese.GB18030.NewDecoder())
	}
	t.csv = csv.NewReader(text)
	t.csv.FieldsPerRecord = -1 // counted here, so that a bad row does not end the reading
	if f.Delimiter != "" {
		t.csv.Comma, _ = utf8.DecodeRuneInString(f.Delimiter)
	}
	first, err := t.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errs.New(errs.Invalid, "import.empty")
	case err != nil:
		return nil, err
	case first.fault != nil:
		return nil, errs.NewInvalid(*first.fault)
	}
	var bad faults
	for i, name := range first.cells {
		first.cells[i] = strings.TrimSpace(name)
		if name != "" && slices.Contains(first.cells[:i], first.cells[i]) {
			bad.add("header", "duplicate", "value", shown(name))
		}
	}
	t.header = first.cells
	return t, bad.err()
}

// next returns the next row; io.EOF after the last. Any other error means that the rest cannot be read.
func (t *table) next() (row, error) {
	t.guard.left = maxRecord
	cells, err := t.csv.Read()
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		return row{line: parse.StartLine, fault: &errs.Field{Field: "row", Code: "bad_csv", Args: errs.Args("detail", parse.Err.Error())}}, nil
	case errors.Is(err, errHuge):
		line, _ := t.csv.FieldPos(0)
		return row{}, errs.Wrap(err, errs.TooLarge, "import.huge", "line", strconv.Itoa(line), "max", strconv.Itoa(maxRecord>>20))
	case err != nil:
		return row{}, err
	}
	line, _ := t.csv.FieldPos(0)
	r := row{line: line, cells: cells}
	switch i := slices.IndexFunc(cells, t.broken); {
	case i >= 0:
		r.fault = &errs.Field{Field: t.column(i), Code: "bad_encoding", Args: errs.Args("encoding", t.coding)}
	case t.header != nil && len(cells) != len(t.header):
		r.fault = &errs.Field{
			Field: "row", Code: "wrong_columns",
			Args: errs.Args("got", strconv.Itoa(len(cells)), "want", strconv.Itoa(len(t.header))),
		}
	}
	return r, nil
}

// broken reports whether a cell is not the text that its encoding promises. A decoder marks what it could not read.
func (t *table) broken(cell string) bool {
	return !utf8.ValidString(cell) || strings.ContainsRune(cell, 0) || t.coding != "UTF-8" && strings.ContainsRune(cell, utf8.RuneError)
}

func (t *table) column(i int) string {
	if i < len(t.header) && t.header[i] != "" {
		return t.header[i]
	}
	return "column " + strconv.Itoa(i+1)
}

var errHuge = errors.New("record too large")

// guard ends the reading when one record takes more bytes than it may.
type guard struct {
	r    io.Reader
	left int
}

// Read reads on while the record may grow.
func (g *guard) Read(b []byte) (int, error) {
	if g.left <= 0 {
		return 0, errHuge
	}
	n, err := g.r.Read(b)
	g.left -= n
	return n, err
}
