package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/config"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/mail"
	"github.com/mcrflow/mcrflow/internal/obs"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/webhook"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/worker"
)

// sendTracesWithin is how long the last spans may take to leave when the program stops.
const sendTracesWithin = 3 * time.Second

// parts is what API and worker share: settings, database, engine and rules.
type parts struct {
	config config.Config
	log    *slog.Logger
	store  *store.Store
	engine client.Client
	keys   *temporalx.Keyring
	texts  *i18n.Catalogue
	rules  *rulebook.Book
	traces *sdktrace.TracerProvider // nil: none are made
	first  *temporalx.FirstSteps    // of the worker; nil: none runs in this program
}

// connect opens the database and the engine's client. The schema must be there.
func connect(ctx context.Context, c config.Config, log *slog.Logger) (*parts, error) {
	if c.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is not set")
	}
	p := &parts{config: c, log: log}
	var err error
	var sealer store.Sealer
	if c.PayloadKeys != "" {
		if p.keys, err = temporalx.ParseKeyring(string(c.PayloadKeys)); err != nil {
			return nil, fmt.Errorf("MCRFLOW_PAYLOAD_KEYS: %w", err)
		}
		sealer = p.keys
	}
	if p.texts, err = i18n.New(); err != nil {
		return nil, err
	}
	if p.store, err = store.Open(ctx, string(c.DatabaseURL), store.Options{MaxConns: c.DBConns, Log: log, Email: c.SMTP.Configured(), Sealer: sealer}); err != nil {
		return nil, err
	}
	p.rules = rulebook.New(p.store)
	if c.TemporalAddress == "" {
		return p, nil
	}
	dial := temporalx.Options{Address: c.TemporalAddress, Namespace: c.TemporalNamespace, Keys: p.keys, Log: log}
	if c.TracesEndpoint != "" {
		if p.traces, err = obs.Tracing(ctx, c.TracesEndpoint, version); err != nil {
			return nil, errors.Join(err, p.close())
		}
		dial.Tracer = p.traces.Tracer("mcrflow")
	}
	p.engine, err = temporalx.Dial(dial)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *parts) close() error {
	if p.engine != nil {
		p.engine.Close()
	}
	p.sendTraces()
	return p.store.Close()
}

// sendTraces sends the spans that have not left yet. A collector that is down is no reason to end with an error.
func (p *parts) sendTraces() {
	if p.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTracesWithin)
	defer cancel()
	if err := p.traces.Shutdown(ctx); err != nil {
		p.log.WarnContext(ctx, "traces not sent", "err", err)
	}
}

// server is the API as a part that runs until it is stopped.
type server struct {
	http     *http.Server
	address  string
	stopping atomic.Bool
	done     chan error
}

// serve starts the API on the configured address; port 0 takes a free one. A worker in the same program is started before.
func (p *parts) serve(ctx context.Context) (*server, error) {
	s := &server{done: make(chan error, 1)}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	engine := temporalx.NewEngine(p.engine, models.ComplaintTaskQueue, version).Bounded(p.config.CommandsAtOnce).Beside(p.first)
	mailer, err := mail.NewSender(p.config.SMTP)
	if err != nil {
		return nil, err
	}
	words := &teller{store: p.store, engine: engine, log: p.log}
	deps := api.Deps{
		Log: p.log, Texts: p.texts, Metrics: metrics, Stopping: s.stopping.Load, Version: version, PublicURL: p.config.PublicURL,
		TrustedProxies: p.config.TrustedProxies.Strings(),
		Limits: api.Limits{
			PerSecond: p.config.RequestsPerSecond, Burst: int(2 * p.config.RequestsPerSecond), LoginPerMinute: p.config.LoginsPerMinute, LoginBurst: max(1, int(p.config.LoginsPerMinute/2)),
		},
		Engine: engine, Database: p.store, Sessions: p.store, Idempotency: p.store,
		People: p.store, Staffing: &staffing{store: p.store, rules: p.rules, words: words}, Words: words,
		Clients: p.store, Policies: p.store, Notifications: p.store, Webhooks: p.store, Resources: p.store, Budgets: p.store,
		Channels: p.store, Messenger: channel.New(mailer, p.store, time.Now), Email: mailer.Configured(),
		Organisation: p.store, Cases: p.store, Approvals: p.store, Receptions: p.store, Relationships: p.store, Grading: p.store, Inspections: p.store, Discipline: p.store,
		Campaigns: p.store, Surveys: p.store, HashLink: auth.HashLink,
	}
	if p.traces != nil {
		deps.Tracer = p.traces
	}
	if p.keys != nil {
		deps.Codec = converter.NewPayloadCodecHTTPHandler(temporalx.NewCodec(p.keys), converter.NewZlibCodec(converter.ZlibCodecOptions{}))
		deps.CodecUIOrigin = p.config.CodecUIOrigin
	}
	handler, err := api.New(deps)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.config.HTTPAddress)
	if err != nil {
		return nil, err
	}
	s.address = listener.Addr().String()
	s.http = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn)}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.done <- err
		}
		close(s.done)
	}()
	go p.purge(ctx)
	return s, nil
}

// purge forgets idempotency keys after their day.
func (p *parts) purge(ctx context.Context) {
	every := time.NewTicker(10 * time.Minute)
	defer every.Stop()
	for {
		if _, err := p.store.Purge(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "purge failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// Stop answers what is being asked and takes no more.
func (s *server) Stop(ctx context.Context) error {
	s.stopping.Store(true)
	return s.http.Shutdown(ctx)
}

// Done delivers the error that ended the server by itself.
func (s *server) Done() <-chan error { return s.done }

// crew is the worker as a part that runs until it is stopped.
type crew struct {
	worker *worker.Worker
	done   chan error
	end    context.CancelFunc // of what it does beside
}

// work starts the worker.
func (p *parts) work() (*crew, error) {
	sender, err := mail.NewSender(p.config.SMTP)
	if err != nil {
		return nil, err
	}
	if p.keys == nil {
		return nil, errors.New("MCRFLOW_PAYLOAD_KEYS is not set: the personal links to surveys are made from it")
	}
	keys, err := p.keys.Derive(auth.LinkPurpose)
	if err != nil {
		return nil, err
	}
	questions := activities.Questions{
		Channels: channel.New(sender, p.store, time.Now), Links: auth.NewLinks(keys[0], keys[1:]...), Texts: p.texts, PublicURL: p.config.PublicURL,
	}
	c := &crew{done: make(chan error, 1)}
	p.first = new(temporalx.FirstSteps)
	c.worker = worker.New(p.engine, worker.Activities{
		Complaint: &activities.Complaint{Store: p.store, Rules: p.rules},
		Approval:  &activities.Approval{Store: p.store, Rules: p.rules},
		Reception: &activities.Reception{Store: p.store, Rules: p.rules},
		FollowUp:  &activities.FollowUp{Store: p.store, Rules: p.rules, Questions: questions, Now: time.Now},
		Campaign: &activities.Campaign{
			Store: p.store, Rules: p.rules, Schedules: temporalx.NewSchedules(p.engine), Questions: questions, Now: time.Now,
		},
		Inspection:   &activities.Inspection{Store: p.store, Rules: p.rules},
		Discipline:   &activities.Discipline{Store: p.store, Rules: p.rules},
		Relationship: &activities.Relationship{Store: p.store, Rules: p.rules, Clients: temporalx.Clients{Engine: temporalx.NewEngine(p.engine, models.RelationshipTaskQueue, version)}},
		Notifications: &activities.Notifications{
			Outbox: p.store, Mail: sender, Webhooks: webhook.NewPoster(time.Now), Texts: p.texts, PublicURL: p.config.PublicURL, Now: time.Now,
		},
	}, worker.Options{
		WorkflowPollers: p.config.WorkflowPollers, CachedProcesses: p.config.CachedProcesses, MessagesPerSecond: p.config.MessagesPerSecond,
		Build: version, StopTimeout: p.config.StopTimeout, FirstStep: p.first.Taken, OnFatalError: func(err error) {
			select {
			case c.done <- err:
			default:
			}
		},
	})
	if err := c.worker.Start(); err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	c.end = end
	go p.schedule(ctx)
	words := &teller{store: p.store, engine: temporalx.NewEngine(p.engine, models.ComplaintTaskQueue, version), log: p.log}
	go words.keepTelling(ctx)
	return c, nil
}

// Stop lets running steps finish.
func (c *crew) Stop(context.Context) error {
	c.end()
	c.worker.Stop()
	return nil
}

// Done delivers the error after which the worker cannot go on.
func (c *crew) Done() <-chan error { return c.done }
