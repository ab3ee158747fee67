package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"symbolon.dev/internal/door"
)

// Metrics holds every metric of the process. The page that shows them needs a token (S1).
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	decisions *prometheus.CounterVec
}

// NewMetrics registers the process's metrics.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "symbolon_requests_total", Help: "Requests by route, method and status class."},
			[]string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "symbolon_request_seconds", Help: "Time to serve a request.", Buckets: prometheus.ExponentialBuckets(.0001, 4, 9)},
			[]string{"route"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "symbolon_decisions_total", Help: "Policy decisions by route and effect."},
			[]string{"route", "effect"}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.decisions,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts one request; it is [door.Door.Observe].
func (m *Metrics) Observe(ev *door.Event, method string, elapsed time.Duration) {
	m.requests.WithLabelValues(ev.Route, boundedMethod(method), statusClass(ev.Status)).Inc()
	m.durations.WithLabelValues(ev.Route).Observe(elapsed.Seconds())
	if ev.Decision != "" {
		m.decisions.WithLabelValues(ev.Route, ev.Decision).Inc()
	}
}

// Gauge adds a value that is read when the page is.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Page writes the metrics in the Prometheus text format; whoever mounts it asks for a token first.
func (m *Metrics) Page() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func boundedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }
