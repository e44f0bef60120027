package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/mcrflow/mcrflow/internal/apiclient"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/importer"
)

const (
	shownFaults = 20 // rows of which there is something to tell are told on the terminal, when there is no report
	shownRows   = 3  // of a dry run
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "import", Short: "Bring data from files into a running mcrflow, through its API"}
	cmd.AddCommand(importCasesCommand(), importClientsCommand())
	return cmd
}

func importCasesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cases", Short: "Record the rows of a CSV file as cases",
		Long: `Records the rows of a CSV file as cases, as the map says, with the rights of the token's owner.

Each row has an idempotency key made of the map's name and the row's own key. The command may be stopped and run again:
what is there already is not made twice. The server remembers a key for 24 hours; with --journal FILE the command itself
remembers which case each row became, for good.

examples/import has maps for two public data sets, with excerpts of them.`,
		Example: tokenExample + `
  mcrflow import cases --file examples/import/cfpb_excerpt.csv --map examples/import/cfpb.yaml --dry-run
  mcrflow import cases --file examples/import/cfpb_excerpt.csv --map examples/import/cfpb.yaml --report failed.csv`,
	}
	takesRows(cmd, "a case", func(path string, _ *importer.Options) (importer.Mapping, error) { return importer.LoadMap(path) })
	return cmd
}

func importClientsCommand() *cobra.Command {
	var duplicates string
	cmd := &cobra.Command{
		Use: "clients", Short: "Record the rows of a CSV file as clients with their contacts",
		Long: `Records the rows of a CSV file as clients, each row with up to one contact, as the map says, with the rights of the
token's owner. Rows with one external reference, or without any and with one name and region, are one client: the first
describes it, each further one adds a contact.

A client whose reference, or name and region, is there already stays as it is, and gets the contacts that it lacks; one
that was merged leads to its survivor. A new one that may be the same company as another (by name, phone numbers and
e-mail addresses) is imported and told in the report; with --duplicates skip it is left out, and told.

The command may be stopped and run again: what is there already is not made twice. A row whose text is not in the encoding
that the map names is refused with its line and column. examples/import has a map with an invented file.`,
		Example: tokenExample + `
  mcrflow import clients --file examples/import/clients.csv --map examples/import/clients.yaml --dry-run
  mcrflow import clients --file examples/import/clients.csv --map examples/import/clients.yaml --report told.csv`,
	}
	takesRows(cmd, "a client", func(path string, o *importer.Options) (importer.Mapping, error) {
		if duplicates != "import" && duplicates != "skip" {
			return nil, fmt.Errorf("--duplicates is import or skip, not %q", duplicates)
		}
		o.SkipDuplicates = duplicates == "skip"
		return importer.LoadClientMap(path)
	})
	cmd.Flags().StringVar(&duplicates, "duplicates", "import", "what becomes of clients that may be there already: import or skip")
	return cmd
}

const tokenExample = `  export MCRFLOW_TOKEN=$(curl -s -H 'Content-Type: application/json' -d '{"username":"supervisor1","password":"demo"}' \
    http://127.0.0.1:8080/api/v1/auth/login | sed 's/.*"token":"\([^"]*\)".*/\1/')`

// takesRows makes a command import the rows of a file. what is what a row becomes, and load reads the map.
func takesRows(cmd *cobra.Command, what string, load func(path string, o *importer.Options) (importer.Mapping, error)) {
	var o importer.Options
	var mapFile, reportFile string
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := newSpeech()
		if err != nil {
			return err
		}
		if o.Map, err = load(mapFile, &o); err != nil {
			return s.faults(mapFile, err)
		}
		if o.Token == "" && !o.DryRun {
			return errors.New("--token, or MCRFLOW_TOKEN, is needed")
		}
		o.Locale, o.UserAgent = s.locale, "mcrflow-import/"+version
		return s.importRows(cmd, o, reportFile)
	}
	f := cmd.Flags()
	f.StringVar(&o.File, "file", "", "CSV file with a header")
	f.StringVar(&mapFile, "map", "", "map from its columns to the fields of "+what+" (YAML)")
	f.StringVar(&o.URL, "url", "http://127.0.0.1:8080", "address of the server")
	f.StringVar(&o.Token, "token", os.Getenv("MCRFLOW_TOKEN"), "token of the caller; better given as MCRFLOW_TOKEN, which other users of this machine cannot read")
	f.Lookup("token").DefValue = "$MCRFLOW_TOKEN"
	f.IntVar(&o.Concurrency, "concurrency", 8, "rows under way at once")
	f.IntVar(&o.Limit, "limit", 0, "rows to take, from the top; 0 takes all")
	f.BoolVar(&o.DryRun, "dry-run", false, "check every row and show the first ones; send nothing")
	f.StringVar(&reportFile, "report", "", "file for the rows that failed or may be duplicates, with the reasons (CSV)")
	f.StringVar(&o.Journal, "journal", "", "file that remembers what each row became (CSV); goes on being written")
	f.DurationVar(&o.Patience, "patience", 2*time.Minute, "how long to wait for a server that does not answer")
	for _, name := range []string{"file", "map"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that is not there: a mistake above
		}
	}
}

// speech is the command's voice on the terminal, in the reader's language.
type speech struct {
	texts  *i18n.Catalogue
	locale string
}

// newSpeech takes the language as other programs do: LC_ALL, then LC_MESSAGES, then LANG.
func newSpeech() (speech, error) {
	texts, err := i18n.New()
	name := ""
	for _, variable := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if name = os.Getenv(variable); name != "" {
			break
		}
	}
	tag, _, _ := strings.Cut(name, ".")
	return speech{texts, i18n.Match(strings.ReplaceAll(tag, "_", "-"), "")}, err
}

// faults tells each fault of a document on a line of its own.
func (s speech) faults(name string, err error) error {
	var e *errs.Error
	if !errors.As(err, &e) {
		return err
	}
	if len(e.Fields) == 0 {
		return errors.New(s.texts.Text(s.locale, e.Key, e.Args))
	}
	var b strings.Builder
	b.WriteString(name + ":")
	for _, f := range e.Fields {
		b.WriteString("\n  " + importer.Text(s.texts, s.locale, f))
	}
	return errors.New(b.String())
}

func (s speech) importRows(cmd *cobra.Command, o importer.Options, reportFile string) (err error) {
	out, terminal := cmd.ErrOrStderr(), isatty.IsTerminal(os.Stderr.Fd())
	total, err := importer.Count(o.File, o.Map)
	if err != nil {
		return s.faults(o.File, err)
	}
	if o.Limit > 0 {
		total = min(total, o.Limit)
	}
	note, finish, err := s.rowFaults(out, reportFile)
	if err != nil {
		return err
	}
	progress := importer.NewProgress(out, terminal, total)
	var failed error
	rows := 0
	o.OnRow = func(r importer.Result) {
		if r.Told() {
			progress.Clear()
			failed = errors.Join(failed, note(r))
		}
		if r.Outcome == importer.Checked && rows < shownRows {
			rows++
			progress.Clear()
			failed = errors.Join(failed, show(cmd.OutOrStdout(), r))
		}
		progress.Note(r)
	}
	summary, err := importer.Run(cmd.Context(), o)
	progress.Clear()
	failed = errors.Join(failed, finish())
	if err == nil || summary.Rows > 0 {
		fmt.Fprintln(cmd.OutOrStdout(), s.summary(o, summary))
	}
	switch {
	case err != nil:
		return errors.Join(s.ended(o.File, err), failed)
	case failed != nil:
		return failed
	case summary.Failed > 0:
		return errors.New(s.texts.Text(s.locale, "import.rows_failed",
			errs.Args("failed", strconv.Itoa(summary.Failed), "rows", strconv.Itoa(summary.Rows))))
	}
	return nil
}

// rowFaults returns what tells of a row that failed or may be a duplicate: into the report, or the first on the terminal.
func (s speech) rowFaults(out io.Writer, reportFile string) (note func(importer.Result) error, finish func() error, err error) {
	if reportFile != "" {
		file, err := os.Create(reportFile)
		if err != nil {
			return nil, nil, err
		}
		report, err := importer.NewReport(file, s.texts, s.locale)
		if err != nil {
			return nil, nil, errors.Join(err, file.Close())
		}
		return report.Note, file.Close, nil
	}
	count := 0
	note = func(r importer.Result) error {
		if count++; count > shownFaults {
			return nil
		}
		_, err := fmt.Fprintf(out, "%d %s: %s\n", r.Line, r.Key, r.Message(s.texts, s.locale))
		return err
	}
	finish = func() error {
		if count <= shownFaults {
			return nil
		}
		_, err := fmt.Fprintln(out, s.texts.Text(s.locale, "import.more", errs.Args("count", strconv.Itoa(count-shownFaults))))
		return err
	}
	return note, finish, nil
}

func show(w io.Writer, r importer.Result) error {
	body, err := json.MarshalIndent(r.Body, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d %s %s\n", r.Line, r.Key, body)
	return err
}

func (s speech) summary(o importer.Options, sum importer.Summary) string {
	args := errs.Args(
		"created", strconv.Itoa(sum.Created), "already", strconv.Itoa(sum.Already), "failed", strconv.Itoa(sum.Failed),
		"skipped", strconv.Itoa(sum.Skipped), "duplicates", strconv.Itoa(sum.Duplicates), "checked", strconv.Itoa(sum.Checked), "rows", strconv.Itoa(sum.Rows),
		"took", sum.Took.Round(100*time.Millisecond).String(), "rate", strconv.FormatFloat(sum.Rate(), 'f', 1, 64))
	if o.DryRun {
		return s.texts.Text(s.locale, "import.checked", args)
	}
	if _, ok := o.Map.(*importer.ClientMap); ok {
		return s.texts.Text(s.locale, "import.summary_clients", args)
	}
	return s.texts.Text(s.locale, "import.summary", args)
}

// ended tells why an import did not come to its end. That it was stopped is an error too: a script must not take half of
// a file for all of it.
func (s speech) ended(file string, err error) error {
	var away *apiclient.UnreachableError
	var refused *apiclient.Problem
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New(s.texts.Text(s.locale, "import.stopped", nil))
	case errors.As(err, &away):
		return errors.New(s.texts.Text(s.locale, "import.unreachable", errs.Args("detail", away.Error())))
	case errors.As(err, &refused):
		return errors.New(s.texts.Text(s.locale, "import.refused", errs.Args("detail", refused.Error())))
	}
	return s.faults(file, err)
}
