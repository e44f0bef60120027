// Package obs sets up what an operator sees of the running program: its traces.
package obs

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Tracing returns the maker of spans, which it sends in batches to the collector at the endpoint (a base address, to which
// the path of OTLP over HTTP is added). A span is made for every call that no caller has marked as not sampled. Shut it
// down to send the last ones. A collector that is down costs spans, never requests.
func Tracing(ctx context.Context, endpoint, version string) (*trace.TracerProvider, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", endpoint, err)
	}
	return trace.NewTracerProvider(
		trace.WithBatcher(exporter),
		trace.WithSampler(trace.ParentBased(trace.AlwaysSample())),
		trace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "mcrflow"), attribute.String("service.version", version),
		)),
	), nil
}
