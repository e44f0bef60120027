package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
)

// options are the settings of one engine. Each comes from a flag, else from the
// environment variable that carries the flag's name (--ui-address:
// TEMPORALD_UI_ADDRESS), so that a parent can keep the password out of the
// process list.
type options struct {
	PostgresURL      string
	Address          string // gRPC, host:port; port 0 is replaced by a free one
	UIAddress        string // host:port; empty for no UI
	UICodecEndpoint  string
	Namespace        string
	Retention        time.Duration
	SearchAttributes map[string]enumspb.IndexedValueType
	LogLevel         string
	ExitWithParent   bool
}

// minRetention is the engine's own lower bound for closed workflows.
const minRetention = 24 * time.Hour

func parseOptions(args []string, getenv func(string) string) (options, error) {
	var o options
	o.SearchAttributes = map[string]enumspb.IndexedValueType{}
	flags := flag.NewFlagSet("temporald", flag.ContinueOnError)
	flags.StringVar(&o.PostgresURL, "postgres-url", "", "`URL` of the PostgreSQL server; its user may create databases")
	flags.StringVar(&o.Address, "address", "127.0.0.1:7233", "gRPC `host:port`; the host is an IP address")
	flags.StringVar(&o.UIAddress, "ui-address", "", "`host:port` of the web UI (default none)")
	flags.StringVar(&o.UICodecEndpoint, "ui-codec-endpoint", "", "`URL` with which the web UI decodes payloads")
	flags.StringVar(&o.Namespace, "namespace", "mcrflow", "namespace to register")
	flags.DurationVar(&o.Retention, "retention", 30*24*time.Hour, "how long closed workflows are kept, at least 24h")
	flags.Func("search-attributes", "`Name=Type,…` to register; types as in the engine (Keyword, Datetime, …)", o.addSearchAttributes)
	flags.StringVar(&o.LogLevel, "log-level", "warn", "debug, info, warn or error")
	flags.BoolVar(&o.ExitWithParent, "exit-with-parent", false, "stop when standard input ends")
	if err := fromEnvironment(flags, getenv); err != nil {
		return options{}, err
	}
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, o.check()
}

// fromEnvironment sets every flag whose variable is present; the command line,
// parsed afterwards, wins.
func fromEnvironment(flags *flag.FlagSet, getenv func(string) string) error {
	var faults []error
	flags.VisitAll(func(f *flag.Flag) {
		name := "TEMPORALD_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(name); value != "" {
			if err := flags.Set(f.Name, value); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(faults...)
}

func (o *options) addSearchAttributes(list string) error {
	for _, item := range strings.Split(list, ",") {
		name, kind, _ := strings.Cut(item, "=")
		value, ok := enumspb.IndexedValueType_shorthandValue[kind]
		if name == "" || !ok {
			return fmt.Errorf("search attribute %q is not Name=Type", item)
		}
		o.SearchAttributes[name] = enumspb.IndexedValueType(value)
	}
	return nil
}

// check reports every fault, each under its flag's name, and puts free ports
// where port 0 was asked for. It never repeats the database URL, which holds a
// password.
func (o *options) check() error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if u, err := url.Parse(o.PostgresURL); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		fault("--postgres-url: must be postgres://user:password@host:port/…")
	}
	if o.Namespace == "" {
		fault("--namespace: must not be empty")
	}
	if o.Retention < minRetention {
		fault("--retention: %s is less than %s", o.Retention, minRetention)
	}
	if err := settle(&o.Address); err != nil {
		fault("--address: %w", err)
	}
	if o.UIAddress != "" {
		if err := settle(&o.UIAddress); err != nil {
			fault("--ui-address: %w", err)
		}
	}
	return errors.Join(faults...)
}

// settle checks that *address can be listened on, and gives it a port when it
// has port 0. Asking now turns an address in use into one clear message, where
// the server would log a stack trace and exit.
func settle(address *string) error {
	host, _, err := net.SplitHostPort(*address)
	if err != nil {
		return err
	}
	if net.ParseIP(host) == nil {
		return fmt.Errorf("host %q is not an IP address", host)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	*address = listener.Addr().String()
	return listener.Close()
}

// splitPort takes apart an address that settle has checked.
func splitPort(address string) (host string, port int) {
	host, text, _ := net.SplitHostPort(address)
	port, _ = strconv.Atoi(text)
	return host, port
}
