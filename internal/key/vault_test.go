package key_test

import (
	"bytes"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/key"
)

// S47
func TestWhatIsSealedOpensOnlyForItsPurposeAndPlace(t *testing.T) {
	vault, other := newVault(t, key.NewMaster()), newVault(t, key.NewMaster())
	plain, aad := []byte("claims"), []byte("tok_1")
	sealed := vault.Seal("token", plain, aad)
	if opened, err := vault.Open("token", sealed, aad); err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("%q, %v", opened, err)
	}
	if bytes.Equal(sealed, vault.Seal("token", plain, aad)) {
		t.Fatal("sealing twice gives the same bytes")
	}
	changed := func(i int) []byte { c := bytes.Clone(sealed); c[i] ^= 1; return c }
	cases := map[string]func() ([]byte, error){
		"another purpose":  func() ([]byte, error) { return vault.Open("ticket", sealed, aad) },
		"another place":    func() ([]byte, error) { return vault.Open("token", sealed, []byte("tok_2")) },
		"another master":   func() ([]byte, error) { return other.Open("token", sealed, aad) },
		"another version":  func() ([]byte, error) { return vault.Open("token", changed(0), aad) },
		"a changed nonce":  func() ([]byte, error) { return vault.Open("token", changed(1), aad) },
		"a changed nonce2": func() ([]byte, error) { return vault.Open("token", changed(24), aad) },
		"a changed text":   func() ([]byte, error) { return vault.Open("token", changed(25), aad) },
		"a changed tag":    func() ([]byte, error) { return vault.Open("token", changed(len(sealed)-1), aad) },
		"cut off":          func() ([]byte, error) { return vault.Open("token", sealed[:20], aad) },
		"nothing":          func() ([]byte, error) { return vault.Open("token", nil, aad) },
	}
	for name, open := range cases {
		if opened, err := open(); err == nil {
			t.Errorf("%s: opened %q", name, opened)
		}
	}
}

func TestAMACSeparatesPurposesAndParts(t *testing.T) {
	vault := newVault(t, key.NewMaster())
	base := vault.MAC("refresh", []byte("ab"), []byte("c"))
	if base != vault.MAC("refresh", []byte("ab"), []byte("c")) {
		t.Fatal("a MAC is not repeatable")
	}
	for name, other := range map[string]symbolon.Hash{
		"purpose":  vault.MAC("step", []byte("ab"), []byte("c")),
		"boundary": vault.MAC("refresh", []byte("a"), []byte("bc")),
		"joined":   vault.MAC("refresh", []byte("abc")),
		"master":   newVault(t, key.NewMaster()).MAC("refresh", []byte("ab"), []byte("c")),
	} {
		if other == base {
			t.Errorf("%s: the same MAC", name)
		}
	}
}

func TestAShortMasterKeyIsRefused(t *testing.T) {
	for _, short := range []string{"", "correct horse battery staple"} {
		if _, err := key.NewVault(symbolon.NewSecret(short)); err == nil {
			t.Errorf("a master key of %d characters was taken", len(short))
		}
	}
}

func FuzzVaultOpen(f *testing.F) {
	vault := newVault(f, symbolon.NewSecret("0123456789abcdef0123456789abcdef"))
	f.Add(vault.Seal("token", []byte("x"), nil))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if plain, err := vault.Open("token", sealed, []byte("elsewhere")); err == nil {
			t.Fatalf("opened %q", plain)
		}
	})
}

func BenchmarkVault(b *testing.B) {
	vault := newVault(b, key.NewMaster())
	plain, aad := make([]byte, 400), []byte("tok_0123456789")
	sealed := vault.Seal("token", plain, aad)
	b.Run("Seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			vault.Seal("token", plain, aad)
		}
	})
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = vault.Open("token", sealed, aad)
		}
	})
}
