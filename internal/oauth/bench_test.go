package oauth_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"symbolon.dev/internal/grant"
)

// BenchmarkToken is a whole client_credentials request: parse, authenticate, judge, sign.
func BenchmarkToken(b *testing.B) {
	w := newWorld(b)
	w.serve(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	b.Run("sign alone", func(b *testing.B) {
		signer := must(w.ring.Signer("ES256"))
		for b.Loop() {
			_, _ = signer.Sign([]byte("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzdmMifQ"))
		}
	})
	b.Run("client_credentials, JWT", func(b *testing.B) {
		w.bench(b, "/token", "svc", q("grant_type", grant.TypeClientCredentials, "resource", orders, "scope", "read write").Encode())
	})
	b.Run("client_credentials, JWT, bound by DPoP", func(b *testing.B) {
		h := w.holder()
		b.ReportAllocs()
		for b.Loop() { // the proof is made here as well: a third of it is the client's share
			if got := w.shown("svc", q("grant_type", grant.TypeClientCredentials, "resource", orders, "scope", "read write"), h.prove()); got.status != http.StatusOK {
				b.Fatal(got.raw)
			}
		}
	})
	subject := w.forOrders()
	b.Run("exchange, opaque", func(b *testing.B) {
		w.bench(b, "/token", "orders", q("grant_type", grant.TypeExchange, "resource", billing, "subject_token", subject,
			"subject_token_type", "urn:ietf:params:oauth:token-type:access_token").Encode())
	})
	b.Run("introspect", func(b *testing.B) {
		w.bench(b, "/introspect", "orders", q("token", subject).Encode())
	})
	b.Run("authorize", func(b *testing.B) {
		br := w.browser().login("aal1")
		target := "/authorize?" + request().Encode()
		b.ReportAllocs()
		for b.Loop() {
			if rec := br.get(target); rec.Code != http.StatusSeeOther {
				b.Fatal(rec.Code)
			}
		}
	})
}

func (w *world) bench(b *testing.B, path, client, form string) {
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(client, secret)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}
