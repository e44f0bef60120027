package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes the spans of the product's parts, as an operator's would.
type collector struct {
	server *httptest.Server
	mu     sync.Mutex
	spans  map[string][]string // trace id → names
}

func newCollector() *collector {
	c := &collector{spans: map[string][]string{}}
	c.server = httptest.NewServer(c)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent collectorpb.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				id := hex.EncodeToString(span.GetTraceId())
				c.spans[id] = append(c.spans[id], span.GetName())
			}
		}
	}
}

func (c *collector) names(traceID string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans[traceID])
}

// workerLines lists what the worker logged for a call.
func (s *stack) workerLines(t testing.TB, requestID string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "worker.log"))
	require.NoError(t, err)
	var messages []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var line struct {
			Message   string `json:"msg"`
			RequestID string `json:"request_id"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.RequestID == requestID {
			messages = append(messages, line.Message)
		}
	}
	return messages
}

func TestACallIsFollowedIntoItsProcess(t *testing.T) {
	t.Parallel()
	s := shared
	agent, client := s.as(t, "agent1"), s.client(t, "B")
	traceID, requestID := strings.ReplaceAll(uuid.NewString(), "-", ""), "call-"+uuid.NewString()
	a := agent.try(t, http.MethodPost, "/cases", complaint(client, nil), "X-Request-ID", requestID,
		"traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, requestID, a.header.Get("X-Request-ID"))

	m := &matter{t, s, into[caseView](t, a).ID}
	require.Equal(t, requestID, *m.event("recorded", 1).RequestID)
	until(t, func() bool {
		names := s.traces.names(traceID)
		return slices.Contains(names, "HandleUpdate:record") && slices.Contains(names, "RunActivity:Advance")
	}, func() string {
		return "spans of process and activity in " + strings.Join(s.traces.names(traceID), ", ")
	})
	until(t, func() bool {
		lines := s.workerLines(t, requestID)
		return slices.Contains(lines, "command done") && slices.Contains(lines, "activity done")
	}, func() string {
		return "lines of process and activity in " + strings.Join(s.workerLines(t, requestID), ", ")
	})
}
