package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Tracer sends spans to an OTLP endpoint. The nil Tracer traces nothing and costs nothing.
type Tracer struct {
	provider   *trace.TracerProvider
	propagator propagation.TraceContext
}

// NewTracer makes a tracer for an OTLP/HTTP endpoint, or nil for "". A URL without a path is the base
// that the specification's /v1/traces is added to.
func NewTracer(ctx context.Context, endpoint string, sample float64) (*Tracer, error) {
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("tracing.endpoint: %q is not a URL", endpoint)
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath("v1", "traces")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, err
	}
	return &Tracer{provider: trace.NewTracerProvider(
		trace.WithBatcher(exporter),
		trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(sample))),
		trace.WithResource(resource.NewSchemaless(semconv.ServiceName("symbolon"))),
	)}, nil
}

// Handler traces what next serves. An incoming trace context becomes a link, never a parent:
// a stranger does not decide what we sample (S1).
func (t *Tracer) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "request", otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(t.propagator), otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))
}

// Transport traces calls and passes the trace context to the next hop.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.propagator))
}

// Close sends what is left.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
