// Package importer records the rows of a file as cases or as clients with their contacts, through the API and as its caller:
// with the caller's rights, and under one idempotency key per row, so that an import may be stopped and run again without
// making anything twice.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/apiclient"
	"github.com/mcrflow/mcrflow/internal/errs"
)

// Options says what to import, how, and where to.
type Options struct {
	File        string
	Map         Mapping // a *Map or a *ClientMap
	URL         string  // of the server; not needed for a dry run
	Token       string
	Concurrency int    // rows under way at once; 8 if zero
	Limit       int    // rows to take, all if zero
	DryRun      bool   // only check the rows; nothing is sent
	Journal     string // a file that remembers what each row became; none if empty
	// SkipDuplicates leaves out clients that may be there already. The rows go one after another then: each is compared with
	// those before it, too. Without it they are imported, and told.
	SkipDuplicates bool
	UserAgent      string
	Locale         string        // of the server's problems
	Patience       time.Duration // how long to wait for a server that does not answer; two minutes if zero
	// OnRow is told of every row, one after another; it may be nil.
	OnRow func(Result)
	// Pause replaces waiting in tests.
	Pause func(context.Context, time.Duration) error
}

// Outcome is what became of a row.
type Outcome string

// The outcomes of a row.
const (
	Created Outcome = "created"
	Already Outcome = "already" // there from an earlier run
	Skipped Outcome = "skipped" // left out: its client may be there already
	Failed  Outcome = "failed"
	Checked Outcome = "checked" // of a dry run: nothing is wrong with it
)

// Result is what became of one row. Of a failed one, either Status is the server's answer, or it is zero and the row
// was not sent.
type Result struct {
	Line    int // in the file, from 1
	Key     string
	Outcome Outcome
	ID      string // of the case or the client
	Number  string // of the case; of a client, the id of the contact
	Status  int
	Code    string
	Detail  string            // what the server said
	Faults  []apiclient.Fault // by the server, with their texts
	Local   []errs.Field      // by the importer, whose texts are the catalogue's
	Body    any               // of a dry run: what would be sent, but for what only the server knows
	// Duplicates are the clients that the row's may be the same as.
	Duplicates []Duplicate
}

// Duplicate is a client that may be the same company as the one of a row; Score is 0.6 to 1.
type Duplicate struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

// Summary counts the rows that were dealt with.
type Summary struct {
	Rows       int
	Created    int
	Already    int
	Skipped    int
	Checked    int
	Failed     int
	Duplicates int // rows that were created although their client may have been there already
	Took       time.Duration
}

// Rate is the number of rows a second.
func (s Summary) Rate() float64 {
	if s.Took <= 0 {
		return 0
	}
	return float64(s.Rows) / s.Took.Seconds()
}

// Run imports the file. Rows that fail are counted and told to OnRow; they are no error. An error means that the import
// did not come to its end: the map does not fit the file or the file cannot be read (*errs.Error), the server refuses the
// caller (*apiclient.Problem) or stays away (*apiclient.UnreachableError), or the context ended. The summary holds what
// was done until then, and the same call goes on from there.
func Run(ctx context.Context, o Options) (s Summary, err error) {
	begun := time.Now()
	defer func() { s.Took = time.Since(begun) }()
	src, err := os.Open(o.File)
	if err != nil {
		return s, err
	}
	defer func() { _ = src.Close() }() // only read
	t, err := openTable(src, o.Map.head().csv)
	if err != nil {
		return s, err
	}
	p, err := bind(o.Map, t.header, begun)
	if err != nil {
		return s, err
	}
	j := &job{o: o, plan: p, table: t, rows: make(chan prepared), results: make(chan Result)}
	if !o.DryRun {
		if j.api, err = apiclient.New(apiclient.Options{
			URL: o.URL, Token: o.Token, UserAgent: o.UserAgent, Locale: o.Locale, Patience: o.Patience, Pause: o.Pause,
		}); err != nil {
			return s, err
		}
		if j.journal, err = openJournal(o.Journal, o.URL); err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, j.journal.close()) }()
	}
	j.kind = o.Map.start(p, j.api, o)
	err = j.run(ctx, &s)
	return s, err
}

// Count returns the number of rows of a file, for a progress bar.
func Count(file string, m Mapping) (int, error) {
	src, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer func() { _ = src.Close() }() // only read
	t, err := openTable(src, m.head().csv)
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		if _, err := t.next(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// job is one import: one reader, some senders, and one who counts.
type job struct {
	o       Options
	plan    *plan
	table   *table
	api     *apiclient.Client
	kind    kind
	journal *journal
	rows    chan prepared
	results chan Result
}

func (j *job) run(ctx context.Context, s *Summary) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(j.rows)
		return j.read(ctx)
	})
	workers := j.o.Concurrency
	switch {
	case j.o.DryRun, j.o.SkipDuplicates:
		workers = 1 // in the order of the file
	case workers <= 0:
		workers = 8
	}
	for range workers {
		g.Go(func() error {
			for r := range j.rows {
				result, err := j.one(ctx, r)
				if err != nil {
					return err
				}
				j.results <- result // always taken: what was done is counted
			}
			return ctx.Err()
		})
	}
	done := make(chan error, 1)
	go func() {
		done <- g.Wait()
		close(j.results)
	}()
	var kept error
	for r := range j.results {
		s.count(r)
		kept = errors.Join(kept, j.journal.note(r))
		if j.o.OnRow != nil {
			j.o.OnRow(r)
		}
	}
	return errors.Join(<-done, kept)
}

func (s *Summary) count(r Result) {
	s.Rows++
	switch r.Outcome {
	case Created:
		s.Created++
		if len(r.Duplicates) > 0 {
			s.Duplicates++
		}
	case Already:
		s.Already++
	case Skipped:
		s.Skipped++
	case Checked:
		s.Checked++
	case Failed:
		s.Failed++
	}
}

// prepared is a row as a draft, or with its faults.
type prepared struct {
	draft
	bad faults
}

// read hands out the rows until the end, the limit or the end of the context. It also tells keys that the file has
// twice: the server would take the second row for the first.
func (j *job) read(ctx context.Context) error {
	seen := map[string]int{}
	for n := 0; j.o.Limit <= 0 || n < j.o.Limit; n++ {
		r, err := j.table.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", j.o.File, err)
		}
		var next prepared
		next.draft, next.bad = j.plan.draft(r, j.kind)
		if first, ok := seen[next.key]; ok && len(next.bad) == 0 {
			next.bad.add("key", "row_repeated", "line", strconv.Itoa(first))
		} else if len(next.bad) == 0 {
			seen[next.key] = next.line
		}
		select {
		case j.rows <- next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// one deals with a row. An error ends the import; what is wrong with the row alone is in the result.
func (j *job) one(ctx context.Context, r prepared) (Result, error) {
	d := r.draft
	result := Result{Line: d.line, Key: d.key}
	if len(r.bad) > 0 {
		return result.failed(r.bad), nil
	}
	if j.o.DryRun {
		result.Outcome, result.Body = Checked, d.payload.shown()
		return result, nil
	}
	if known, ok := j.journal.known(d.key); ok {
		result.Outcome, result.ID, result.Number = Already, known.id, known.number
		return result, nil
	}
	sent, err := j.kind.send(ctx, d, result)
	if err == nil {
		return sent, nil
	}
	var own *errs.Error
	if errors.As(err, &own) && own.Code == errs.Invalid {
		return result.failed(own.Fields), nil
	}
	return result.refused(err)
}

func (r Result) failed(bad faults) Result {
	r.Outcome, r.Code, r.Local = Failed, string(errs.Invalid), bad
	return r
}

// refused tells what the server refuses of this row from what it would refuse of any: an import does not go on without
// rights, or without a server.
func (r Result) refused(err error) (Result, error) {
	var p *apiclient.Problem
	var away *apiclient.UnreachableError
	if !errors.As(err, &p) {
		return r, err
	}
	switch {
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden, p.Status == http.StatusNotFound:
		return r, err
	case errors.As(err, &away) && p.Status != http.StatusAccepted:
		return r, err
	}
	r.Outcome, r.Status, r.Code, r.Detail, r.Faults = Failed, p.Status, p.Code, p.Detail, p.Errors
	return r, nil
}
