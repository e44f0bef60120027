// Command bench measures what the product does and what that costs, beside the bare workflow engine doing the same on the
// same machine, and prints one table. Machines differ and are noisy: every figure that counts is a ratio within one run,
// or a count. It is run by make bench and needs bin/mcrflow and bin/temporald.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 1 && args[0] == rawWorkerArgument {
		return runRawWorker(ctx, out)
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return run(ctx, o, out)
}

// options are what the flags choose.
type options struct {
	only        []string // names of measures; all when empty
	quick       bool
	keys        bool
	concurrency int
	dataDir     string // kept afterwards; a temporary one when empty
	mcrflow     string
}

func parse(args []string) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&only, "only", "", "the measures to take, by comma: "+strings.Join(measureNames(), ", "))
	flags.BoolVar(&o.quick, "quick", false, "smaller sizes and shorter rounds: a first look, not a figure to quote")
	flags.BoolVar(&o.keys, "idempotency-keys", false, "send an Idempotency-Key with each command")
	flags.IntVar(&o.concurrency, "concurrency", 16, "callers at once")
	flags.StringVar(&o.dataDir, "data-dir", "", "where database and logs live, kept afterwards; a temporary directory if empty")
	flags.StringVar(&o.mcrflow, "mcrflow", "bin/mcrflow", "the program to measure")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if o.concurrency < 1 {
		return o, errors.New("-concurrency must be at least 1")
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(measureNames(), name) {
			return o, fmt.Errorf("-only: no measure is called %q; there are %s", name, strings.Join(measureNames(), ", "))
		}
	}
	return o, nil
}

// measure is one thing to measure; it answers with lines of the table.
type measure struct {
	name string
	take func(ctx context.Context, b *bench) ([]line, error)
}

func measures() []measure {
	return []measure{
		{"submit", measureSubmit},
		{"command", measureCommand},
		{"approve", measureApprove},
		{"cost", measureCost},
		{"lists", measureLists},
		{"inbox", measureInbox},
		{"progress", measureProgress},
		{"timers", measureTimers},
		{"campaign", measureCampaign},
		{"overview", measureOverview},
		{"relationships", measureRelationships},
		{"idle", measureIdle}, // last: it leaves many open cases behind
	}
}

func measureNames() []string {
	var names []string
	for _, m := range measures() {
		names = append(names, m.name)
	}
	return names
}

// bench is one run.
type bench struct {
	options
	*stand
	out     io.Writer
	begun   time.Time
	visits  int  // receptions planned so far
	clients bool // there are the clients of cases
}

// sized is the one of two sizes that the run takes.
func sized[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) say(format string, a ...any) {
	fmt.Fprintf(b.out, "[%6.1fs] %s\n", time.Since(b.begun).Seconds(), fmt.Sprintf(format, a...))
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{options: o, out: out, begun: time.Now()}
	if b.dataDir == "" {
		if b.dataDir, err = os.MkdirTemp("", "mcrflow-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.dataDir)) }()
	}
	if b.stand, err = newStand(ctx, b.dataDir, o.mcrflow); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	b.say("database, workflow engine and product run")

	var lines []line
	for _, m := range measures() {
		if len(o.only) > 0 && !slices.Contains(o.only, m.name) {
			continue
		}
		b.say("%s …", m.name)
		more, err := m.take(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		lines = append(lines, more...)
	}
	fmt.Fprintln(out)
	return printTable(out, lines)
}
