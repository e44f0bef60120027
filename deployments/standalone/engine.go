package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"

	uiserver "github.com/temporalio/ui-server/v2/server"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/temporal"
)

// engine is a running Temporal server with its web UI.
type engine struct {
	server temporal.Server
	ui     *uiserver.Server // nil without UI
}

// startEngine returns when workflows can be started in the namespace of o.
func startEngine(ctx context.Context, o options, logger log.Logger) (*engine, error) {
	if err := setUpDatabases(ctx, o.PostgresURL, logger); err != nil {
		return nil, err
	}
	cfg, hosts, err := serverConfig(o)
	if err != nil {
		return nil, err
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(dynamicSettings),
		temporal.WithLogger(logger),
		// No accounts inside the engine: who may reach its port is trusted, and
		// by default only this machine can.
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("configure the server: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	e := &engine{server: server}
	if err := setUpNamespace(ctx, o, logger); err != nil {
		return nil, errors.Join(err, e.stop(stopTimeout))
	}
	e.startUI(o)
	return e, nil
}

func (e *engine) startUI(o options) {
	if o.UIAddress == "" {
		return
	}
	host, port := splitPort(o.UIAddress)
	e.ui = uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: dialAddress(o.Address),
		Host:                host,
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    o.Namespace,
		DisableNewsFetch:    true, // nothing here calls the outside world by itself
		HideLogs:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
		Codec:               uiconfig.Codec{Endpoint: o.UICodecEndpoint, IncludeCredentials: o.UICodecEndpoint != ""},
	}))
	go func() { _ = e.ui.Start() }() // exits the program itself if it cannot listen
}

// stop ends the UI, then the server. It gives up after the timeout.
func (e *engine) stop(timeout time.Duration) error {
	if e.ui != nil {
		e.ui.Stop()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- e.server.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(timeout):
		return fmt.Errorf("the server did not stop within %s", timeout)
	}
}
