// Package config is the one place where the program's settings are read: from the environment, checked at start.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
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

// Config is every setting of the program.
type Config struct {
	DatabaseURL Secret `env:"DATABASE_URL" help:"PostgreSQL of the product; up starts its own when empty"`
	DBConns     int    `env:"DATABASE_MAX_CONNS" envDefault:"24" validate:"min=4,max=500" help:"connections that one process may hold"`

	TemporalAddress   string `env:"TEMPORAL_ADDRESS" help:"the engine's front end; up starts its own when empty"`
	TemporalNamespace string `env:"TEMPORAL_NAMESPACE" envDefault:"mcrflow" validate:"required" help:"the engine's namespace"`
	PayloadKeys       Secret `env:"MCRFLOW_PAYLOAD_KEYS" help:"id:base64,… AES-256 keys that seal the engine's payloads, the active one first; up makes one"`

	HTTPAddress       string  `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" validate:"hostname_port" help:"where the API listens"`
	RequestsPerSecond float64 `env:"RATE_LIMIT_PER_SECOND" envDefault:"500" validate:"gt=0" help:"requests per second that one address may make"`
	LoginsPerMinute   float64 `env:"LOGIN_RATE_LIMIT_PER_MINUTE" envDefault:"120" validate:"gt=0" help:"log-ins per minute that one address may try"`
	PublicURL         string  `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080" validate:"url" help:"where people reach the product, for links in messages"`

	WorkflowPollers   int           `env:"WORKFLOW_POLLERS" envDefault:"20" validate:"min=2,max=500" help:"polls for workflow tasks at once; grows with the task queue's partitions"`
	CachedProcesses   int           `env:"CACHED_PROCESSES" envDefault:"2000" validate:"min=10" help:"processes kept in memory between their steps"`
	MessagesPerSecond float64       `env:"MESSAGES_PER_SECOND" envDefault:"50" validate:"gt=0" help:"messages that one worker sends"`
	CodecUIOrigin     string        `env:"CODEC_UI_ORIGIN" help:"origin of the engine's UI, which may ask the codec endpoint"`
	StopTimeout       time.Duration `env:"STOP_TIMEOUT" envDefault:"10s" validate:"min=1s" help:"how long a part may take to stop"`

	SMTP SMTP

	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR"`
}

// SMTP says how e-mail leaves; none does while the host is empty.
type SMTP struct {
	Host     string `env:"SMTP_HOST" help:"mail server; no e-mail is sent while it is empty"`
	Port     int    `env:"SMTP_PORT" envDefault:"587" validate:"min=1,max=65535" help:"port of the mail server"`
	User     string `env:"SMTP_USER" help:"log-in at the mail server"`
	Password Secret `env:"SMTP_PASSWORD" help:"password at the mail server"`
	From     string `env:"SMTP_FROM" envDefault:"mcrflow@localhost" validate:"email|eq=mcrflow@localhost" help:"sender of e-mails"`
	TLS      string `env:"SMTP_TLS" envDefault:"starttls" validate:"oneof=starttls tls none" help:"starttls, tls or none"`
}

// Load reads the settings through the lookup, which is os.LookupEnv but for tests. Its error names every fault by the
// variable's name.
func Load(environ map[string]string) (Config, error) {
	c, err := env.ParseAsWithOptions[Config](env.Options{Environment: environ})
	if err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("env") })
	var faults validator.ValidationErrors
	if err := v.Struct(c); errors.As(err, &faults) {
		lines := make([]string, len(faults))
		for i, f := range faults {
			lines[i] = fmt.Sprintf("%s must be %s %s", f.Field(), f.Tag(), f.Param())
		}
		return c, fmt.Errorf("settings: %s", strings.Join(lines, "; "))
	}
	return c, nil
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
