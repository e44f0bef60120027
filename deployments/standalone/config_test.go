package main

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/primitives"
)

// TestSQLConfigReachesDriver rebuilds the address as the persistence plugin does
// and reads it with the driver: user, password and attributes must survive.
func TestSQLConfigReachesDriver(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"password_with_every_kind_of_sign": "postgres://us%40er:p%20a+s%2Fs%3A%26%25@127.0.0.1:6543/any?sslmode=disable",
		"unix_socket":                      "postgres://us%40er:p%20a+s%2Fs%3A%26%25@/any?host=/run/pg&port=6543&sslmode=disable",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := sqlConfig(raw, databaseName, 3)
			require.NoError(t, err)
			attributes := url.Values{}
			for key, value := range cfg.ConnectAttributes {
				attributes.Set(key, value)
			}
			got, err := pgx.ParseConfig("postgres://" + cfg.User + ":" + cfg.Password + "@" + cfg.ConnectAddr + "/" + cfg.DatabaseName + "?" + attributes.Encode())
			require.NoError(t, err)
			want, err := pgx.ParseConfig(raw)
			require.NoError(t, err)
			require.Equal(t, databaseName, got.Database)
			require.Equal(t, []any{want.Host, want.Port, want.User, want.Password}, []any{got.Host, got.Port, got.User, got.Password})
			require.Equal(t, 3, cfg.MaxConns)
		})
	}
}

func TestServerConfigKeepsInternalServicesOnLoopback(t *testing.T) {
	t.Parallel()
	cfg, hosts, err := serverConfig(options{PostgresURL: testURL, Address: "0.0.0.0:7233"})
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0", cfg.Services["frontend"].RPC.BindOnIP)
	require.Equal(t, "127.0.0.1:7233", cfg.PublicClient.HostPort)

	ports := map[int]bool{}
	for name, service := range cfg.Services {
		ports[service.RPC.GRPCPort] = true
		require.Contains(t, hosts[primitives.ServiceName(name)].Self, "127.0.0.1:")
		if name != "frontend" {
			require.Equal(t, loopback, service.RPC.BindOnIP)
		}
	}
	require.Len(t, ports, 4, "two services share a port")
	require.NoError(t, cfg.Validate())
}

func TestOnePartitionPerTaskQueue(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"matching.numtaskqueuereadpartitions", "matching.numtaskqueuewritepartitions"} {
		found := false
		for k, v := range dynamicSettings {
			if k.String() == key {
				found = true
				require.Equal(t, 1, v)
			}
		}
		require.True(t, found, key)
	}
}
