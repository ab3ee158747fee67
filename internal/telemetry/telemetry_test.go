package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

// S26, S47: a secret that reaches a log line by mistake does not stand in it.
func TestSecretsAreRedactedInEveryForm(t *testing.T) {
	const hush = "hush-hush"
	secret := symbolon.NewSecret(hush)
	holder := struct{ Inner symbolon.Secret }{secret}
	for _, format := range []string{"json", "text", "auto"} {
		var out bytes.Buffer
		log := Logger(&out, format, "debug")
		log.Info("said", "secret", secret, "pointer", &secret, "inside", holder, "list", []symbolon.Secret{secret}, "any", slog.AnyValue(holder))
		log.With("kept", secret).WithGroup("group").Error(fmt.Sprintf("%v %+v %#v %s", secret, holder, holder, secret))
		if out.Len() == 0 || strings.Contains(out.String(), hush) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

func TestLinesAreInUTCAndAtTheirLevel(t *testing.T) {
	var out bytes.Buffer
	log := Logger(&out, "auto", "warn")
	log.Info("not said")
	log.Warn("said")
	var line struct {
		Time  string
		Level string
		Msg   string
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "said" || line.Level != "WARN" || !strings.HasSuffix(line.Time, "Z") {
		t.Errorf("%v %+v\n%s", err, line, out.String())
	}
	if Logger(&out, "json", "no level").Enabled(context.Background(), slog.LevelDebug) {
		t.Error("an unknown level says more than info")
	}
}

// S44: whatever strangers send, the number of series is bounded.
func TestLabelsAreBounded(t *testing.T) {
	m := NewMetrics()
	for i := range 2000 {
		ev := &door.Event{Route: "token", Status: 100 + i%700, Subject: fmt.Sprint(i), Client: fmt.Sprint(i), RequestID: fmt.Sprint(i), Decision: "deny"}
		m.Observe(ev, fmt.Sprintf("METHOD%d", i), time.Duration(i)*time.Microsecond)
	}
	m.Gauge("symbolon_things", "Things.", func() float64 { return 7 })
	page := pageOf(t, m)
	if n := strings.Count(page, "\nsymbolon_requests_total{"); n > 8 {
		t.Errorf("%d series of requests", n)
	}
	for _, want := range []string{`symbolon_requests_total{method="other",route="token",status="2xx"}`, `symbolon_decisions_total{effect="deny",route="token"} 2000`,
		`symbolon_request_seconds_count{route="token"} 2000`, "symbolon_things 7", "go_goroutines"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func pageOf(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Page().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	return answer.Body.String()
}

// What is switched off stands in nobody's way.
func TestWithoutAnEndpointNothingIsTracedAndNothingCosts(t *testing.T) {
	tracer, err := NewTracer(context.Background(), "", 1)
	if err != nil || tracer != nil {
		t.Fatal(tracer, err)
	}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	served := tracer.Handler(handler)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	if n := testing.AllocsPerRun(100, func() { served.ServeHTTP(w, r) }); n != 0 {
		t.Errorf("%v allocations for each request", n)
	}
	if tracer.Transport(http.DefaultTransport) != http.DefaultTransport {
		t.Error("calls are wrapped")
	}
	if err := tracer.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// spans is an OTLP/HTTP receiver.
type spans struct {
	mu  sync.Mutex
	got []*collector.ExportTraceServiceRequest
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, &export)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// span is what the tests look at.
type span struct{ name, trace, parent, text string }

func (s *spans) all() (all []span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, export := range s.got {
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, one := range scope.Spans {
					all = append(all, span{one.Name, fmt.Sprintf("%x", one.TraceId), fmt.Sprintf("%x", one.ParentSpanId), one.String()})
				}
			}
		}
	}
	return all
}

// One request through two hops is one trace; what a stranger claims to be part of is not believed,
// and no token leaves with a span.
func TestTracesGoToTheEndpoint(t *testing.T) {
	var received spans
	endpoint := httptest.NewServer(&received)
	defer endpoint.Close()
	tracer, err := NewTracer(context.Background(), endpoint.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	inner := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") == "" {
			t.Error("the next hop is not told")
		}
	}))
	defer inner.Close()
	client := &http.Client{Transport: tracer.Transport(http.DefaultTransport)}
	outer := httptest.NewServer(tracer.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		next, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, inner.URL, nil)
		if response, err := client.Do(next); err == nil {
			_ = response.Body.Close()
		}
	})))
	defer outer.Close()
	r, _ := http.NewRequest(http.MethodGet, outer.URL+"/path/of/somebody?access_token=hush-query", nil)
	const claimed = "0af7651916cd43dd8448eb211c80319c"
	r.Header.Set("Traceparent", "00-"+claimed+"-b7ad6b7169203331-01")
	r.Header.Set("Authorization", "Bearer hush-header")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	all := received.all()
	if len(all) != 2 || all[0].trace != all[1].trace || all[0].trace == claimed {
		t.Fatalf("%+v", all)
	}
	for _, s := range all {
		if strings.Contains(s.text, "hush") {
			t.Errorf("a secret left with a span: %s", s.text)
		}
	}
}
