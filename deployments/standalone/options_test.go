package main

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
)

func noEnv(string) string { return "" }

const testURL = "postgres://u:p@127.0.0.1:5432/postgres"

func TestParseOptions(t *testing.T) {
	t.Parallel()

	t.Run("has_documented_defaults", func(t *testing.T) {
		t.Parallel()
		o, err := parseOptions([]string{"--postgres-url", testURL, "--address", "127.0.0.1:0"}, noEnv)
		require.NoError(t, err)
		require.Equal(t, "mcrflow", o.Namespace)
		require.Equal(t, 30*24*time.Hour, o.Retention)
		require.Empty(t, o.UIAddress)
		require.False(t, o.ExitWithParent)
	})
	t.Run("flag_wins_over_variable", func(t *testing.T) {
		t.Parallel()
		env := map[string]string{
			"TEMPORALD_POSTGRES_URL": testURL, "TEMPORALD_ADDRESS": "127.0.0.1:0",
			"TEMPORALD_NAMESPACE": "a", "TEMPORALD_RETENTION": "48h",
		}
		o, err := parseOptions([]string{"--namespace", "b"}, func(name string) string { return env[name] })
		require.NoError(t, err)
		require.Equal(t, "b", o.Namespace)
		require.Equal(t, 48*time.Hour, o.Retention)
	})
	t.Run("replaces_port_0_by_a_free_port", func(t *testing.T) {
		t.Parallel()
		o, err := parseOptions([]string{"--postgres-url", testURL, "--address", "127.0.0.1:0", "--ui-address", "127.0.0.1:0"}, noEnv)
		require.NoError(t, err)
		for _, address := range []string{o.Address, o.UIAddress} {
			_, port := splitPort(address)
			require.NotZero(t, port)
		}
	})
	t.Run("reads_search_attributes", func(t *testing.T) {
		t.Parallel()
		o, err := parseOptions([]string{
			"--postgres-url", testURL, "--address", "127.0.0.1:0",
			"--search-attributes", "Case=Keyword,Due=Datetime",
		}, noEnv)
		require.NoError(t, err)
		require.Equal(t, map[string]enumspb.IndexedValueType{
			"Case": enumspb.INDEXED_VALUE_TYPE_KEYWORD, "Due": enumspb.INDEXED_VALUE_TYPE_DATETIME,
		}, o.SearchAttributes)
	})
	t.Run("reports_every_fault_without_the_password", func(t *testing.T) {
		t.Parallel()
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = taken.Close() })
		_, err = parseOptions([]string{
			"--postgres-url", "mysql://u:hidden@h/db", "--address", taken.Addr().String(),
			"--ui-address", "localhost:1", "--retention", "1h", "--namespace", "",
		}, noEnv)
		for _, part := range []string{"--postgres-url", "--address", "in use", "--ui-address", "not an IP", "--retention", "--namespace"} {
			require.ErrorContains(t, err, part)
		}
		require.NotContains(t, err.Error(), "hidden")
	})
	t.Run("refuses_unknown_search_attribute_type", func(t *testing.T) {
		t.Parallel()
		_, err := parseOptions([]string{"--search-attributes", "Case=String"}, noEnv)
		require.ErrorContains(t, err, `"Case=String" is not Name=Type`)
	})
}
