package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// journal remembers, longer than the server keeps its idempotency keys, which case or client a row became. Its file has the
// columns server, row_key, id and number; a nil journal remembers nothing.
type journal struct {
	file *os.File
	out  *csv.Writer
	url  string
	rows map[string]journaled // by row key; only read while rows are sent
}

type journaled struct{ id, number string }

// openJournal reads what earlier runs against the same server have noted, and goes on at the end.
func openJournal(path, url string) (*journal, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file, out: csv.NewWriter(file), url: url, rows: map[string]journaled{}}
	r := csv.NewReader(file)
	r.FieldsPerRecord = 4
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return j, nil
		}
		if err != nil {
			return nil, errors.Join(errs.Wrap(err, errs.Invalid, "import.bad_journal", "file", path), file.Close())
		}
		if record[0] == url {
			j.rows[record[1]] = journaled{record[2], record[3]}
		}
	}
}

func (j *journal) known(key string) (journaled, bool) {
	if j == nil {
		return journaled{}, false
	}
	known, ok := j.rows[key]
	return known, ok
}

// note writes down what is there; each line at once, so that a run that is killed has noted what it did.
func (j *journal) note(r Result) error {
	if j == nil || r.Status == 0 || r.ID == "" {
		return nil
	}
	err := j.out.Write([]string{j.url, r.Key, r.ID, r.Number})
	j.out.Flush()
	if err = errors.Join(err, j.out.Error()); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
