package token_test

import (
	"math/big"
	"testing"

	"symbolon.dev"
	"symbolon.dev/token"
)

// S22
func TestOpaqueTokens(t *testing.T) {
	seen := map[string]bool{}
	for _, prefix := range []string{token.PrefixAccess, token.PrefixRefresh, token.PrefixCode, token.PrefixSession, token.PrefixSecret, token.PrefixTicket} {
		for range 200 {
			raw := token.NewOpaque(prefix).Reveal()
			if got, ok := token.CheckOpaque(raw); !ok || got != prefix || len(raw) != 54 || seen[raw] {
				t.Fatalf("%q: prefix %q, %v", raw, got, ok)
			}
			seen[raw] = true
		}
	}
}

func TestOpaqueHoldsEveryBit(t *testing.T) {
	for _, entropy := range []symbolon.Hash{{}, {31: 1}, {0: 0x80}, symbolon.HashOf("x"), full256()} {
		raw := token.OpaqueFrom("symr_", entropy).Reveal()
		n := new(big.Int)
		for _, c := range raw[5 : 5+43] {
			n.Mul(n, big.NewInt(62)).Add(n, big.NewInt(int64(digitOf(c))))
		}
		if n.Cmp(new(big.Int).SetBytes(entropy[:])) != 0 {
			t.Errorf("%x was written as %s", entropy, raw)
		}
	}
}

func full256() (h symbolon.Hash) {
	for i := range h {
		h[i] = 0xff
	}
	return h
}

func digitOf(c rune) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c <= 'Z':
		return int(c-'A') + 10
	}
	return int(c-'a') + 36
}

func TestWhatIsNotAnOpaqueTokenIsTold(t *testing.T) {
	raw := token.NewOpaque("syma_").Reveal()
	swapped := []byte(raw)
	swapped[10], swapped[11] = swapped[11], swapped[10]+1
	for _, wrong := range []string{"", "syma_", raw[:53], raw + "0", "symb_" + raw[5:], raw[5:], "_" + raw[5:], string(swapped),
		raw[:53] + "-", "syma_" + raw[5:20] + "é" + raw[22:]} {
		if prefix, ok := token.CheckOpaque(wrong); ok {
			t.Errorf("%q passed as %s", wrong, prefix)
		}
	}
}

func FuzzCheckOpaque(f *testing.F) {
	f.Add(token.NewOpaque("syma_").Reveal())
	f.Add("syma_0")
	f.Fuzz(func(t *testing.T, s string) {
		if prefix, ok := token.CheckOpaque(s); ok && (len(s) != len(prefix)+49 || s[:len(prefix)] != prefix) {
			t.Fatalf("%q has prefix %q", s, prefix)
		}
	})
}

func BenchmarkOpaque(b *testing.B) {
	raw := token.NewOpaque(token.PrefixAccess).Reveal()
	b.Run("New", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			token.NewOpaque(token.PrefixAccess)
		}
	})
	b.Run("Check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			token.CheckOpaque(raw)
		}
	})
}
