// Package config is the one place where the program's settings are read: from the environment, checked at start.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/go-playground/validator/v10"
)

// Secret is a setting that no log shows.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// LogValue hides the secret from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Proxies are addresses and networks, written as 10.0.0.1,10.1.0.0/16.
type Proxies []netip.Prefix

// UnmarshalText reads the list; an address stands for the network of itself.
func (p *Proxies) UnmarshalText(text []byte) error {
	*p = nil
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		network, err := netip.ParsePrefix(part)
		if !strings.Contains(part, "/") {
			var address netip.Addr
			if address, err = netip.ParseAddr(part); err == nil && address.Zone() != "" {
				err = fmt.Errorf("%q: an address with a zone is known on one machine only", part)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if err != nil {
			return err
		}
		*p = append(*p, network)
	}
	return nil
}

// Strings lists the networks.
func (p Proxies) Strings() []string {
	networks := make([]string, len(p))
	for i, network := range p {
		networks[i] = network.String()
	}
	return networks
}

// String writes the list as it is read.
func (p Proxies) String() string { return strings.Join(p.Strings(), ",") }

// Config is every setting of the program.
type Config struct {
	DatabaseURL Secret `env:"DATABASE_URL" help:"PostgreSQL of the product; up starts its own when empty"`
	DBConns     int    `env:"DATABASE_MAX_CONNS" envDefault:"24" validate:"min=4,max=500" help:"connections that one process may hold"`

	TemporalAddress   string `env:"TEMPORAL_ADDRESS" help:"the engine's front end; up starts its own when empty"`
	TemporalNamespace string `env:"TEMPORAL_NAMESPACE" envDefault:"mcrflow" validate:"required" help:"the engine's namespace"`
	PayloadKeys       Secret `env:"MCRFLOW_PAYLOAD_KEYS" help:"id:base64,… AES-256 keys that seal the engine's payloads, the active one first; up makes one"`

	HTTPAddress       string  `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" validate:"listen_address" help:"where the API listens; port 0 takes a free one"`
	RequestsPerSecond float64 `env:"RATE_LIMIT_PER_SECOND" envDefault:"500" validate:"gt=0" help:"requests per second that one address may make"`
	LoginsPerMinute   float64 `env:"LOGIN_RATE_LIMIT_PER_MINUTE" envDefault:"120" validate:"gt=0" help:"log-ins per minute that one address may try"`
	TrustedProxies    Proxies `env:"TRUSTED_PROXIES" help:"proxies whose X-Forwarded-For is believed, as addresses and networks with commas between; nobody's while it is empty"`
	PublicURL         string  `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080" validate:"url" help:"where people reach the product, for links in messages"`

	WorkflowPollers   int           `env:"WORKFLOW_POLLERS" envDefault:"20" validate:"min=2,max=500" help:"polls for workflow tasks at once; grows with the task queue's partitions"`
	CommandsAtOnce    int           `env:"COMMANDS_AT_ONCE" envDefault:"16" validate:"min=1" help:"commands that one API has the engine work on at once, a quarter of them for one process; more wait their turn, so that what falls due is not late"`
	CachedProcesses   int           `env:"CACHED_PROCESSES" envDefault:"5000" validate:"min=10" help:"processes kept in memory between their steps"`
	MessagesPerSecond float64       `env:"MESSAGES_PER_SECOND" envDefault:"50" validate:"gt=0" help:"messages that one worker sends"`
	CodecUIOrigin     string        `env:"CODEC_UI_ORIGIN" help:"origin of the engine's UI, which may ask the codec endpoint"`
	StopTimeout       time.Duration `env:"STOP_TIMEOUT" envDefault:"10s" validate:"min=1s" help:"how long a part may take to stop"`

	SMTP SMTP

	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" validate:"omitempty,http_url" help:"collector that takes traces by OTLP over HTTP; none are made while it is empty"`

	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR"`
}

// SMTP says how e-mail leaves: by a server, or else as files into a folder; not at all while both are empty.
type SMTP struct {
	Host     string `env:"SMTP_HOST" help:"mail server; no e-mail is sent while it is empty"`
	Dir      string `env:"SMTP_DIR" help:"folder into which e-mails are written as files while SMTP_HOST is empty, to try things out; up --demo uses mail in its data folder"`
	Port     int    `env:"SMTP_PORT" envDefault:"587" validate:"min=1,max=65535" help:"port of the mail server"`
	User     string `env:"SMTP_USER" help:"log-in at the mail server"`
	Password Secret `env:"SMTP_PASSWORD" help:"password at the mail server"`
	From     string `env:"SMTP_FROM" envDefault:"mcrflow@localhost" validate:"email|eq=mcrflow@localhost" help:"sender of e-mails"`
	TLS      string `env:"SMTP_TLS" envDefault:"starttls" validate:"oneof=starttls tls none" help:"starttls, tls or none"`
}

// Configured reports whether e-mail leaves at all.
func (s SMTP) Configured() bool { return s.Host != "" || s.Dir != "" }

// Load reads the settings from the environment, given as names and values. Its error names every fault by the variable's
// name; values are not repeated where they are secret.
func Load(environ map[string]string) (Config, error) {
	c, err := env.ParseAsWithOptions[Config](env.Options{Environment: environ})
	var unreadable env.AggregateError
	if err != nil && !errors.As(err, &unreadable) {
		return c, fmt.Errorf("settings: %w", err)
	}
	names := variables(reflect.TypeOf(c))
	var faults []string
	unread := map[string]bool{}
	for _, err := range unreadable.Errors {
		var parse env.ParseError
		if !errors.As(err, &parse) {
			return c, fmt.Errorf("settings: %w", err)
		}
		name := names[parse.Name]
		unread[name] = true
		faults = append(faults, fmt.Sprintf("%s cannot be read: %v", name, parse.Err))
	}
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("env") })
	if err := v.RegisterValidation("listen_address", isListenAddress); err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	var wrong validator.ValidationErrors
	if err := v.Struct(c); err != nil && !errors.As(err, &wrong) {
		return c, fmt.Errorf("settings: %w", err)
	}
	for _, f := range wrong {
		if !unread[f.Field()] {
			faults = append(faults, strings.TrimSpace(fmt.Sprintf("%s must be %s %s", f.Field(), f.Tag(), f.Param())))
		}
	}
	if len(faults) > 0 {
		return c, fmt.Errorf("settings: %s", strings.Join(faults, "; "))
	}
	return c, nil
}

// variables maps the names of the fields, nested ones too, to those of their variables.
func variables(t reflect.Type) map[string]string {
	names := map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("env"); name != "" {
			names[f.Name] = name
		} else {
			maps.Copy(names, variables(f.Type))
		}
	}
	return names
}

// isListenAddress accepts host:port; the validator's own hostname_port refuses port 0, which takes a free one.
func isListenAddress(f validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(f.Field().String())
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// Print writes each setting in the notation of an environment file, with its meaning; secrets are hidden.
func (c Config) Print(w io.Writer) error { return write(w, reflect.ValueOf(c)) }

func write(w io.Writer, v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		if name == "" {
			if err := write(w, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "# %s\n%s=%v\n", f.Tag.Get("help"), name, v.Field(i).Interface()); err != nil {
			return err
		}
	}
	return nil
}
