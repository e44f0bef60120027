package config

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const exampleFile = "../../.env.example"

var update = flag.Bool("update", false, "write .env.example from the settings")

func TestExampleFileShowsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	c, err := Load(map[string]string{})
	require.NoError(t, err)
	var printed bytes.Buffer
	require.NoError(t, c.Print(&printed))
	if *update {
		require.NoError(t, os.WriteFile(exampleFile, printed.Bytes(), 0o600))
	}
	file, err := os.ReadFile(exampleFile)
	require.NoError(t, err)
	require.Equal(t, printed.String(), string(file), "run go test ./internal/config -update")

	environ := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			environ[name] = value
		}
	}
	read, err := Load(environ)
	require.NoError(t, err)
	require.Equal(t, c, read, "the file as it stands changes nothing")
}

func TestOperationsGuideNamesEverySetting(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	for _, name := range variables(reflect.TypeFor[Config]()) {
		require.Contains(t, string(guide), "| `"+name+"` |")
	}
}

func TestLoadNamesEveryFaultByItsVariable(t *testing.T) {
	t.Parallel()
	_, err := Load(map[string]string{
		"DATABASE_MAX_CONNS": "many", "SMTP_PORT": "x25", "LOG_LEVEL": "LOUD", "STOP_TIMEOUT": "soon", // unreadable
		"WORKFLOW_POLLERS": "1", "HTTP_ADDR": "nowhere", "PUBLIC_URL": "no url", "SMTP_TLS": "maybe", "RATE_LIMIT_PER_SECOND": "0", // wrong
		"TRUSTED_PROXIES": "10.0.0.1,proxy.example", // unreadable
	})
	require.Error(t, err)
	for _, name := range []string{
		"DATABASE_MAX_CONNS", "SMTP_PORT", "LOG_LEVEL", "STOP_TIMEOUT",
		"WORKFLOW_POLLERS", "HTTP_ADDR", "PUBLIC_URL", "SMTP_TLS", "RATE_LIMIT_PER_SECOND", "TRUSTED_PROXIES",
	} {
		require.Equal(t, 1, strings.Count(err.Error(), name+" "), "%s in %s", name, err)
	}
}

func TestLoadReadsWhatIsSet(t *testing.T) {
	t.Parallel()
	c, err := Load(map[string]string{"DATABASE_URL": "postgres://a", "SMTP_FROM": "desk@example.com", "STOP_TIMEOUT": "3s", "LOG_LEVEL": "warn"})
	require.NoError(t, err)
	require.Equal(t, Secret("postgres://a"), c.DatabaseURL)
	require.Equal(t, "desk@example.com", c.SMTP.From)
	require.Equal(t, "3s", c.StopTimeout.String())
	require.Equal(t, slog.LevelWarn, c.LogLevel)
	require.Equal(t, 20, c.WorkflowPollers)
}

func TestTrustedProxiesAreAddressesAndNetworks(t *testing.T) {
	t.Parallel()
	c, err := Load(map[string]string{"TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16,2001:db8::/32,::1"})
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.0.1/32", "10.1.0.0/16", "2001:db8::/32", "::1/128"}, c.TrustedProxies.Strings())
	var printed bytes.Buffer
	require.NoError(t, c.Print(&printed))
	require.Contains(t, printed.String(), "\nTRUSTED_PROXIES=10.0.0.1/32,10.1.0.0/16,2001:db8::/32,::1/128\n")
	for _, wrong := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.1,", ",", "10.0.0", "fe80::1%eth0", "*"} {
		_, err := Load(map[string]string{"TRUSTED_PROXIES": wrong})
		require.ErrorContains(t, err, "TRUSTED_PROXIES cannot be read", wrong)
	}
}

func TestSecretsAreHiddenWhereverTheyAreShown(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse"
	c, err := Load(map[string]string{"DATABASE_URL": secret, "MCRFLOW_PAYLOAD_KEYS": secret, "SMTP_PASSWORD": secret})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, c.Print(&out))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("settings", "url", c.DatabaseURL, "all", c)
	text, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(text)
	fmt.Fprintf(&out, "%v %+v %s", c, c, c.DatabaseURL)
	require.NotContains(t, out.String(), secret)
	require.Equal(t, 3, strings.Count(string(text), "***"))

	_, err = Load(map[string]string{"DATABASE_URL": secret, "SMTP_PASSWORD": secret, "SMTP_PORT": "0"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
}
