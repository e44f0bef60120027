package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcrflow/mcrflow/examples"
	"github.com/mcrflow/mcrflow/internal/config"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/standalone"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
)

type upOptions struct {
	dataDir    string
	http       string
	temporalUI string
	demo       bool
}

func upCommand() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use: "up", Short: "Run everything on this machine: PostgreSQL, the workflow engine, API and worker", Args: cobra.NoArgs,
		Long: "Runs everything on this machine. DATABASE_URL and TEMPORAL_ADDRESS, where set, replace the parts that it would start.",
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), o, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&o.dataDir, "data-dir", ".mcrflow", "where database, keys and logs live")
	cmd.Flags().StringVar(&o.http, "http", "127.0.0.1:8080", "where the API listens")
	cmd.Flags().StringVar(&o.temporalUI, "temporal-ui", "127.0.0.1:8233", "where the engine's web UI listens; empty for none")
	cmd.Flags().BoolVar(&o.demo, "demo", false, "load the example organisation, every password is demo; loopback only")
	return cmd
}

// up starts the parts one after the other, each with a line of progress, and runs until it is told to stop or one fails.
func up(ctx context.Context, o upOptions, out io.Writer) (err error) {
	c, err := settings()
	if err != nil {
		return err
	}
	c.HTTPAddress = o.http
	if _, set := os.LookupEnv("PUBLIC_URL"); !set {
		c.PublicURL = "http://" + o.http
	}
	if err := checkDemo(o); err != nil {
		return err
	}
	if o.dataDir, err = filepath.Abs(o.dataDir); err != nil {
		return err
	}
	if o.demo && !c.SMTP.Configured() {
		c.SMTP.Dir = filepath.Join(o.dataDir, "mail")
	}
	lock, err := standalone.LockDataDir(o.dataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()

	u := &standing{group: standalone.NewGroup(), begun: time.Now(), out: out}
	if err = u.start(ctx, o, &c); err == nil {
		fmt.Fprintf(out, "ready: http://%s\n", u.address)
		err = u.group.Wait(ctx)
		fmt.Fprintln(out, "stopping")
	} else if ctx.Err() != nil {
		err = nil // told to stop while starting
	}
	err = errors.Join(err, stop(u.group))
	if u.parts != nil {
		err = errors.Join(err, u.parts.close())
	}
	return err
}

// checkDemo refuses to offer well-known passwords to the network.
func checkDemo(o upOptions) error {
	if !o.demo {
		return nil
	}
	host, _, err := net.SplitHostPort(o.http)
	if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("--demo has well-known passwords and listens on loopback addresses only")
	}
	return nil
}

// standing is what up has started so far.
type standing struct {
	group   *standalone.Group
	parts   *parts
	address string
	begun   time.Time
	out     io.Writer
}

func (u *standing) say(format string, a ...any) {
	fmt.Fprintf(u.out, "[%6.1fs] %s\n", time.Since(u.begun).Seconds(), fmt.Sprintf(format, a...))
}

func (u *standing) start(ctx context.Context, o upOptions, c *config.Config) error {
	log := logger(*c)
	if c.DatabaseURL == "" {
		pg, err := standalone.StartPostgres(ctx, standalone.PostgresConfig{DataDir: o.dataDir, Log: log})
		if err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		u.group.Add("postgres", pg)
		c.DatabaseURL = config.Secret(pg.URL(standalone.ProductDatabase))
		u.say("database on port %d", pg.Port())
	}
	if c.TemporalAddress == "" {
		engine, err := standalone.StartTemporal(ctx, standalone.TemporalConfig{
			PostgresURL: string(c.DatabaseURL), UIAddress: o.temporalUI, Namespace: c.TemporalNamespace, DataDir: o.dataDir,
			CodecEndpoint: "http://" + o.http + "/codec",
		})
		if err != nil {
			return fmt.Errorf("temporald: %w", err)
		}
		u.group.Add("temporald", engine)
		c.TemporalAddress = engine.Address()
		u.say("workflow engine on %s", engine.Address())
		if o.temporalUI != "" {
			u.say("engine's web UI on http://%s", o.temporalUI)
			if c.CodecUIOrigin == "" {
				c.CodecUIOrigin = "http://" + o.temporalUI
			}
		}
	}
	if c.PayloadKeys == "" {
		key, err := payloadKey(filepath.Join(o.dataDir, "payload.key"))
		if err != nil {
			return err
		}
		c.PayloadKeys = config.Secret(key)
	}
	if err := store.Migrate(ctx, string(c.DatabaseURL)); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	u.say("schema up to date")
	var err error
	if u.parts, err = connect(ctx, *c, log); err != nil {
		return err
	}
	if err := u.seed(ctx, o); err != nil {
		return err
	}
	crew, err := u.parts.work()
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	u.group.Add("worker", crew)
	u.say("worker")
	server, err := u.parts.serve(ctx)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	u.group.Add("api", server)
	u.address = server.address
	u.say("API on http://%s, its description on http://%s/docs", server.address, server.address)
	return nil
}

// seed publishes the default rules, and makes the example organisation or the first administrator.
func (u *standing) seed(ctx context.Context, o upOptions) error {
	if err := demo.SeedPolicies(ctx, u.parts.store); err != nil {
		return err
	}
	if o.demo {
		if err := demo.Load(ctx, u.parts.store, examples.Demo); err != nil {
			return err
		}
		u.say("example organisation, every password is demo")
		if smtp := u.parts.config.SMTP; smtp.Host == "" {
			u.say("e-mails are written into %s", smtp.Dir)
		}
		return nil
	}
	password, err := demo.EnsureAdmin(ctx, u.parts.store)
	if password != "" {
		u.say("administrator: admin / %s  (shown once)", password)
	}
	return err
}

// payloadKey reads the data directory's key, or makes it at the first start.
func payloadKey(path string) (string, error) {
	key, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(key)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	fresh, err := temporalx.NewKey("k1")
	if err != nil {
		return "", err
	}
	return fresh, os.WriteFile(path, []byte(fresh+"\n"), 0o600)
}
