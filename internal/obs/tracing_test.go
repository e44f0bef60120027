package obs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mcrflow/mcrflow/internal/obs"
)

func TestTracingSendsWhatIsLeftWhenItIsShutDown(t *testing.T) {
	t.Parallel()
	sent := make(chan *collectorpb.ExportTraceServiceRequest, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		req := &collectorpb.ExportTraceServiceRequest{}
		if err != nil || r.URL.Path != "/base/v1/traces" || proto.Unmarshal(body, req) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		sent <- req
	}))
	defer collector.Close()
	traces, err := obs.Tracing(t.Context(), collector.URL+"/base/", "1.2.3")
	require.NoError(t, err)
	_, span := traces.Tracer("test").Start(t.Context(), "resolve")
	span.End()
	require.NoError(t, traces.Shutdown(t.Context()))

	resource := (<-sent).GetResourceSpans()[0]
	require.Equal(t, "resolve", resource.GetScopeSpans()[0].GetSpans()[0].GetName())
	attributes := map[string]string{}
	for _, a := range resource.GetResource().GetAttributes() {
		attributes[a.GetKey()] = a.GetValue().GetStringValue()
	}
	require.Equal(t, map[string]string{"service.name": "mcrflow", "service.version": "1.2.3"}, attributes)
}
