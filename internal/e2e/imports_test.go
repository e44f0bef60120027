package e2e_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/mcrflow/mcrflow/"

// ours says which packages of the module each package may import. What is not named may import none; the commands and
// the tools of tests (cmd, internal/bench, internal/testkit) may import all.
var ours = map[string][]string{
	"models":                  {"internal/approval", "internal/cadence", "internal/calendar", "internal/campaign", "internal/classification", "internal/errs", "internal/health", "internal/id", "internal/policy", "internal/responsibility", "internal/sla", "internal/survey"},
	"workflows":               {"activities", "models", "internal/errs", "internal/wf"},
	"activities":              {"models", "internal/cadence", "internal/calendar", "internal/campaign", "internal/channel", "internal/errs", "internal/ical", "internal/mail", "internal/survey"},
	"worker":                  {"activities", "models", "workflows", "internal/reqctx", "internal/temporalx"},
	"api":                     {"models", "internal/approval", "internal/cadence", "internal/calendar", "internal/campaign", "internal/channel", "internal/classification", "internal/errs", "internal/health", "internal/i18n", "internal/ical", "internal/id", "internal/policy", "internal/reqctx", "internal/responsibility", "internal/rulebook", "internal/sla", "internal/survey"},
	"api/apitest":             {"api"},
	"internal/store":          {"models", "internal/auth", "internal/cadence", "internal/calendar", "internal/campaign", "internal/classification", "internal/errs", "internal/id", "internal/policy", "internal/sla", "internal/survey"},
	"internal/rulebook":       {"models", "internal/approval", "internal/cadence", "internal/calendar", "internal/campaign", "internal/classification", "internal/errs", "internal/health", "internal/policy", "internal/responsibility", "internal/sla", "internal/survey"},
	"internal/temporalx":      {"models", "internal/errs", "internal/reqctx"},
	"internal/sla":            {"internal/calendar", "internal/errs"},
	"internal/policy":         {"internal/calendar", "internal/errs", "internal/sla"},
	"internal/calendar":       {"internal/errs"},
	"internal/approval":       {"internal/errs", "internal/policy", "internal/sla"},
	"internal/survey":         {"internal/errs", "internal/policy"},
	"internal/campaign":       {"internal/calendar", "internal/errs", "internal/policy", "internal/sla"},
	"internal/cadence":        {"internal/calendar", "internal/errs", "internal/policy", "internal/sla"},
	"internal/classification": {"internal/calendar", "internal/errs", "internal/policy"},
	"internal/health":         {"internal/calendar", "internal/errs", "internal/policy"},
	"internal/responsibility": {"internal/errs", "internal/policy"},
	"internal/mail":           {"internal/config", "internal/ical", "internal/webhook"},
	"internal/channel":        {"models", "internal/errs", "internal/mail", "internal/webhook"},
	"internal/demo":           {"models", "policies", "internal/approval", "internal/auth", "internal/cadence", "internal/campaign", "internal/classification", "internal/errs", "internal/health", "internal/id", "internal/policy", "internal/responsibility", "internal/survey"},
	"internal/importer":       {"internal/apiclient", "internal/errs", "internal/i18n", "internal/id", "internal/policy", "models"},
	"internal/robot":          {"internal/apiclient", "internal/errs", "internal/i18n", "internal/id", "models"},
}

var unbound = []string{"cmd/mcrflow", "internal/bench", "internal/testkit", "internal/testkit/sample"}

// foreign says which packages of others a package must not import.
var foreign = map[string][]string{
	"models":       {"gorm.io/", "go.temporal.io/", "github.com/gin-gonic/", "net/http", "database/sql", "os", "log/slog", "math/rand"},
	"workflows":    {"gorm.io/", "github.com/gin-gonic/", "github.com/google/uuid", "net/http", "os", "log/slog", "math/rand", "math/rand/v2", "crypto/rand"},
	"api":          {"gorm.io/", "go.temporal.io/", "github.com/jackc/pgx", "database/sql"},
	"internal/sla": {"time/tzdata", "os", "net/http", "log/slog", "math/rand"}, "internal/calendar": {"net/http", "log/slog", "math/rand"},
}

func TestPackagesImportInTheDirectionOfTheArchitecture(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err)
	checked := 0
	for list := json.NewDecoder(strings.NewReader(string(out))); ; checked++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			inner, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && strings.HasPrefix(inner, "cmd/"):
				t.Errorf("%s imports %s: nothing imports a command", name, inner)
			case isOurs && strings.HasPrefix(inner, "internal/testkit") && name != "internal/bench":
				t.Errorf("%s imports %s, which is for tests", name, inner)
			case isOurs && !slices.Contains(unbound, name) && !slices.Contains(ours[name], inner):
				t.Errorf("%s must not import %s", name, inner)
			}
			for _, f := range foreign[name] {
				if imported == f || strings.HasSuffix(f, "/") && strings.HasPrefix(imported, f) {
					t.Errorf("%s must not import %s", name, imported)
				}
			}
		}
	}
	require.Greater(t, checked, 20, "the packages of the module")
}
