package issuer_test

import (
	"testing"

	"symbolon.dev/internal/issuer"
)

func BenchmarkIssue(b *testing.B) {
	w := newWorld(b)
	for _, format := range []string{issuer.FormatOpaque, issuer.FormatJWT} {
		mint := issuer.Mint{Client: w.client("portal"), Resource: w.resource("orders"), Scopes: []string{"read", "write"},
			Authorization: w.authorize("portal"), User: w.user, Format: format}
		b.Run(format, func(b *testing.B) { // not stored
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := w.Issue(ctx, mint); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	for name, raw := range map[string]string{
		"opaque": w.forPerson("portal", "orders", "read").Raw.Reveal(), "jwt": w.forPerson("portal", "billing", "read").Raw.Reveal(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Open(ctx, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIntrospect(b *testing.B) {
	w := newWorld(b)
	raw := w.forPerson("broker", "wiki", "read", "write").Raw.Reveal()
	caller := w.client("broker")
	b.ReportAllocs()
	var buffer []byte
	for b.Loop() {
		x, err := w.Introspect(ctx, caller, raw)
		if err != nil || !x.Active {
			b.Fatal(err)
		}
		if buffer, err = x.AppendJSON(buffer[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIntrospectionJSON(b *testing.B) {
	w := newWorld(b)
	x, err := w.Introspect(ctx, w.client("broker"), w.forPerson("broker", "wiki", "read", "write").Raw.Reveal())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var buffer []byte
	for b.Loop() {
		buffer, _ = x.AppendJSON(buffer[:0])
	}
}

func BenchmarkExchange(b *testing.B) {
	w := newWorld(b)
	raw := w.forPerson("broker", "wiki", "read", "write").Raw.Reveal()
	x := issuer.Exchange{Client: w.client("broker"), Target: w.resource("wiki"), Format: issuer.FormatJWT}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if x.Subject, err = w.Open(ctx, raw); err != nil {
			b.Fatal(err)
		}
		mint, err := w.Exchange(ctx, x)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := w.Issue(ctx, mint); err != nil {
			b.Fatal(err)
		}
	}
}
