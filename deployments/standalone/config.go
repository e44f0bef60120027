package main

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql" // registers the persistence plugin
	"go.temporal.io/server/common/primitives"
)

const (
	pluginName         = "postgres12_pgx"
	databaseName       = "temporal"
	visibilityName     = "temporal_visibility"
	clusterName        = "active"
	historyShards      = 4 // fixed when the databases are made
	loopback           = "127.0.0.1"
	maxConns           = 16 // per service; four services share one PostgreSQL with the product
	maxVisibilityConns = 4
	// connLifetime also lets the pools shrink again after a burst.
	connLifetime = 5 * time.Minute
)

// dynamicSettings are the engine's run-time settings that differ from its defaults.
//
// One partition per task queue makes timers exact on one machine: with the
// default of four, a task waits in one partition while the pollers sit at
// another. The caches are bounded in bytes, since by default they may grow to
// more than a gigabyte. The bytes of processes are those that the database holds;
// in memory they take many times as much. With 96 MiB 440 MiB lived after six
// minutes of load, under a limit of 768: collections followed one another, and a
// step cost the engine 7 ms instead of 4.
var dynamicSettings = dynamicconfig.StaticClient{
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	dynamicconfig.HistoryCacheSizeBasedLimit.Key():          true,
	dynamicconfig.HistoryCacheHostLevelMaxSizeBytes.Key():   8 << 20,
	dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key():    32 << 20,
}

// sqlConfig addresses one database of the PostgreSQL server at rawURL.
func sqlConfig(rawURL, database string, conns int) (*config.SQL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL URL is malformed") // err would quote the password
	}
	attributes := map[string]string{}
	for key, values := range u.Query() {
		attributes[key] = values[0]
	}
	user := ""
	if u.User != nil {
		user = url.PathEscape(u.User.Username())
		// As an attribute, because the plugin's own escaping spoils a space.
		if password, ok := u.User.Password(); ok {
			attributes["password"] = password
		}
	}
	return &config.SQL{
		PluginName:        pluginName,
		DatabaseName:      database,
		ConnectAddr:       u.Host,
		ConnectProtocol:   "tcp",
		User:              user,
		ConnectAttributes: attributes,
		MaxConns:          conns,
		MaxIdleConns:      conns,
		MaxConnLifetime:   connLifetime,
	}, nil
}

// serverConfig builds the configuration of the four services. The frontend
// listens on the address of o, the others on free loopback ports, so that any
// number of engines can run on one machine.
func serverConfig(o options) (*config.Config, map[primitives.ServiceName]static.Hosts, error) {
	store, err := sqlConfig(o.PostgresURL, databaseName, maxConns)
	if err != nil {
		return nil, nil, err
	}
	visibility, err := sqlConfig(o.PostgresURL, visibilityName, maxVisibilityConns)
	if err != nil {
		return nil, nil, err
	}
	internal, err := freePorts(3)
	if err != nil {
		return nil, nil, err
	}
	host, port := splitPort(o.Address)
	rpc := map[primitives.ServiceName]config.RPC{
		primitives.FrontendService: {GRPCPort: port, BindOnIP: host},
		primitives.HistoryService:  {GRPCPort: internal[0], BindOnIP: loopback},
		primitives.MatchingService: {GRPCPort: internal[1], BindOnIP: loopback},
		primitives.WorkerService:   {GRPCPort: internal[2], BindOnIP: loopback},
	}
	services := map[string]config.Service{}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, r := range rpc {
		services[string(name)] = config.Service{RPC: r}
		self := net.JoinHostPort(dialHost(r.BindOnIP), strconv.Itoa(r.GRPCPort))
		hosts[name] = static.Hosts{All: []string{self}, Self: self}
	}
	frontend := dialAddress(o.Address)
	return &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     databaseName,
			VisibilityStore:  visibilityName,
			NumHistoryShards: historyShards,
			DataStores: map[string]config.DataStore{
				databaseName:   {SQL: store},
				visibilityName: {SQL: visibility},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		PublicClient:        config.PublicClient{HostPort: frontend},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchival{State: config.ArchivalDisabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: config.ArchivalDisabled},
		}},
	}, hosts, nil
}

// dialHost is the host under which a listener on host is reached from here.
func dialHost(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return loopback
	}
	return host
}

// dialAddress is dialHost for a host:port.
func dialAddress(address string) string {
	host, port := splitPort(address)
	return net.JoinHostPort(dialHost(host), strconv.Itoa(port))
}

// freePorts returns n distinct loopback ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // held until all are chosen, so that they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
