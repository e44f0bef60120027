package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/policies"
)

// shipped are the references that the shipped policies may make.
var shipped = policy.Refs{Calendars: map[string]bool{"cn": true, "always": true}}

// document returns a document that ships with the product.
func document(t testing.TB, path string) string {
	t.Helper()
	body, err := policies.FS.ReadFile(path)
	require.NoError(t, err)
	return string(body)
}

// defaultSLA returns the shipped SLA policy.
func defaultSLA(t testing.TB) policy.SLA {
	t.Helper()
	s, faults := policy.ParseSLA([]byte(document(t, "sla/default.yaml")))
	require.Empty(t, faults)
	return s
}

// publish returns the faults that publishing body as a policy meets.
func publish(body string) []errs.Field {
	s, faults := policy.ParseSLA([]byte(body))
	if len(faults) > 0 {
		return faults
	}
	return s.Check(shipped)
}

// change replaces the first old in body, which must hold it.
func change(t testing.TB, body, old, replacement string) string {
	t.Helper()
	require.Contains(t, body, old)
	return strings.Replace(body, old, replacement, 1)
}

// at returns "path code" of every fault.
func at(faults []errs.Field) []string {
	list := make([]string, len(faults))
	for i, f := range faults {
		list[i] = f.Field + " " + f.Code
	}
	return list
}
