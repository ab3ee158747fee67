package key_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/key"
	"symbolon.dev/token"
)

// memory is a store shrunk to what a ring writes.
type memory struct {
	mu     sync.Mutex
	keys   map[symbolon.KeyID]symbolon.SigningKey
	marks  map[symbolon.Hash]time.Time
	clock  *clock
	events []symbolon.Event
	fail   error // of the next Commit
}

func newMemory(c *clock) *memory {
	return &memory{keys: map[symbolon.KeyID]symbolon.SigningKey{}, marks: map[symbolon.Hash]time.Time{}, clock: c}
}

func (m *memory) Keys(context.Context) ([]symbolon.SigningKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []symbolon.SigningKey
	for _, k := range m.keys {
		out = append(out, k)
	}
	return out, nil
}

func (m *memory) Commit(_ context.Context, changes ...symbolon.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail; err != nil {
		m.fail = nil
		return err
	}
	for _, c := range changes {
		if mark, ok := c.(symbolon.MarkOnce); ok && m.clock.now().Before(m.marks[mark.Key]) {
			return symbolon.Errorf(symbolon.Conflict, "marked before")
		}
	}
	for _, c := range changes {
		switch c := c.(type) {
		case symbolon.MarkOnce:
			m.marks[c.Key] = c.Expires
		case symbolon.PutKey:
			m.keys[c.Key.ID] = c.Key
		case symbolon.Event:
			m.events = append(m.events, c)
		}
	}
	return nil
}

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const (
	hour = time.Hour
	day  = 24 * hour
)

func newVault(t testing.TB, master symbolon.Secret) *key.Vault {
	t.Helper()
	vault, err := key.NewVault(master)
	if err != nil {
		t.Fatal(err)
	}
	return vault
}

// house is one store with any number of replicas over it.
type house struct {
	t     testing.TB
	store *memory
	vault *key.Vault
	clock *clock
}

func newHouse(t testing.TB) *house {
	c := newClock()
	return &house{t, newMemory(c), newVault(t, key.NewMaster()), c}
}

func (h *house) replica(algs ...string) *key.Ring {
	h.t.Helper()
	ring, err := key.Open(h.t.Context(), h.store, h.vault, key.Options{
		Algorithms: algs, Period: 10 * day, Prepublish: 2 * day, Overlap: day, Clock: h.clock.now})
	if err != nil {
		h.t.Fatal(err)
	}
	return ring
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) signs(r *key.Ring, alg string) string {
	h.t.Helper()
	s, err := r.Signer(alg)
	h.must(err)
	return s.KeyID()
}

func ids(r *key.Ring) []string {
	var out []string
	for _, k := range r.Keys() {
		out = append(out, string(k.ID))
	}
	return out
}

// S21: publish, sign, retire, each with an overlap, and nobody restarts anything.
func TestAKeyIsPublishedBeforeItSignsAndVerifiesAfterItHasRetired(t *testing.T) {
	h := newHouse(t)
	ring := h.replica("ES256")
	first := h.signs(ring, "ES256")

	h.clock.pass(7 * day)
	h.must(ring.Rotate(t.Context()))
	if len(ring.Keys()) != 1 {
		t.Fatalf("a successor came early: %v", ids(ring))
	}
	h.clock.pass(day + hour) // 8 d 1 h: the successor is published, the first still signs
	h.must(ring.Rotate(t.Context()))
	h.must(ring.Rotate(t.Context()))
	if len(ring.Keys()) != 2 || h.signs(ring, "ES256") != first {
		t.Fatalf("published %v, signing %s", ids(ring), h.signs(ring, "ES256"))
	}
	h.clock.pass(2 * day) // 10 d 1 h: the successor signs, the first verifies
	second := h.signs(ring, "ES256")
	if second == first {
		t.Fatal("the first key still signs")
	}
	if _, err := ring.Key(first, "ES256"); err != nil {
		t.Fatal("a retired key does not verify:", err)
	}
	h.clock.pass(day) // 11 d 1 h: the first has expired
	if _, err := ring.Key(first, "ES256"); err == nil {
		t.Fatal("an expired key verifies")
	}
	h.must(ring.Rotate(t.Context()))
	if got := ids(ring); !slices.Equal(got, []string{second}) {
		t.Fatalf("published %v", got)
	}
}

// S15 S21
func TestReplicasThatRaceMakeOneKey(t *testing.T) {
	h := newHouse(t)
	replicas := make([]*key.Ring, 4)
	together := func(do func(i int)) {
		var all sync.WaitGroup
		for i := range replicas {
			all.Go(func() { do(i) })
		}
		all.Wait()
	}
	together(func(i int) { replicas[i] = h.replica("ES256", "EdDSA") })
	if got := len(h.store.keys); got != 2 {
		t.Fatalf("%d keys after four starts, want one for each algorithm", got)
	}
	h.clock.pass(9 * day)
	together(func(i int) {
		if err := replicas[i].Rotate(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if got := len(h.store.keys); got != 4 {
		t.Fatalf("%d keys after four rotations, want two for each algorithm", got)
	}
	for _, r := range replicas {
		if !slices.Equal(ids(r), ids(replicas[0])) {
			t.Fatalf("replicas differ: %v and %v", ids(r), ids(replicas[0]))
		}
	}
}

func TestARotationThatWasMissedIsMadeUp(t *testing.T) {
	h := newHouse(t)
	ring := h.replica("ES256")
	first := h.signs(ring, "ES256")
	h.clock.pass(10*day + hour) // the first has retired, nobody rotated
	if _, err := ring.Signer("ES256"); err == nil {
		t.Fatal("a retired key signs")
	}
	h.must(ring.Rotate(t.Context()))
	if h.signs(ring, "ES256") == first {
		t.Fatal("a retired key signs")
	}
	h.clock.pass(100 * day) // all have expired
	h.must(ring.Rotate(t.Context()))
	h.signs(ring, "ES256")
}

func TestRotateNow(t *testing.T) {
	h := newHouse(t)
	ring := h.replica("ES256")
	first := h.signs(ring, "ES256")
	h.must(ring.RotateNow(t.Context(), "ES256", "usr_admin"))
	second := h.signs(ring, "ES256")
	if _, err := ring.Key(first, "ES256"); err != nil || second == first {
		t.Fatalf("first %s (%v), second %s", first, err, second)
	}
	h.clock.pass(9 * day)
	h.must(ring.Rotate(t.Context())) // publishes the third
	h.must(ring.RotateNow(t.Context(), "ES256", "usr_admin"))
	if third := h.signs(ring, "ES256"); third == second || len(h.store.keys) != 3 {
		t.Fatalf("the published successor was not taken: %d keys", len(h.store.keys))
	}
	last := h.store.events[len(h.store.events)-1]
	if last.Type != symbolon.KeyRotated || last.Actor != "usr_admin" || last.Data["step"] != "activated" {
		t.Fatalf("the log says %+v", last)
	}
}

// S20 S25
func TestARevokedKeyVerifiesNothing(t *testing.T) {
	h := newHouse(t)
	ring := h.replica("ES256")
	stolen := symbolon.KeyID(h.signs(ring, "ES256"))
	h.must(ring.Revoke(t.Context(), stolen, "usr_admin", "laptop lost"))
	if _, err := ring.Key(string(stolen), "ES256"); err == nil {
		t.Fatal("a revoked key verifies")
	}
	if h.signs(ring, "ES256") == string(stolen) {
		t.Fatal("a revoked key signs")
	}
	h.clock.pass(9 * day)
	h.must(ring.Rotate(t.Context()))
	next := ring.Keys()[1] // published, not signing yet
	h.must(ring.Revoke(t.Context(), next.ID, "usr_admin", "laptop lost again"))
	if got := ring.Keys(); len(got) != 2 || got[1].ID == next.ID || !got[1].Active.Equal(next.Active) {
		t.Fatalf("a revoked successor has no substitute: %+v", got)
	}
	if err := ring.Revoke(t.Context(), "key_nobody", "usr_admin", ""); err == nil {
		t.Fatal("an unknown key was revoked")
	}
}

// S47
func TestAnotherMasterKeyIsAnErrorAtStart(t *testing.T) {
	h := newHouse(t)
	h.replica("ES256")
	_, err := key.Open(t.Context(), h.store, newVault(t, key.NewMaster()), key.Options{Clock: h.clock.now})
	if err == nil || len(h.store.keys) != 1 {
		t.Fatalf("opened with another master key: %v", err)
	}
}

func TestAStoreThatFailsLeavesTheRingAsItWas(t *testing.T) {
	h := newHouse(t)
	ring := h.replica("ES256")
	first := h.signs(ring, "ES256")
	h.store.fail = symbolon.Errorf(symbolon.Unavailable, "disk full")
	if err := ring.RotateNow(t.Context(), "ES256", "usr_admin"); err == nil {
		t.Fatal("no error")
	}
	if h.signs(ring, "ES256") != first {
		t.Fatal("the ring moved on without the store")
	}
}

func TestRSAKeysComeOnlyWhenAskedFor(t *testing.T) {
	h := newHouse(t)
	ring := h.replica("ES256", "RS256")
	if _, err := ring.Signer("RS256"); err == nil {
		t.Fatal("start waited for an RSA key")
	}
	h.must(ring.Ensure(t.Context(), "RS256"))
	h.signs(ring, "RS256")
}

// S25: what the ring signs and publishes is what a verifier takes.
func TestEveryAlgorithmVerifiesThroughThePublishedSet(t *testing.T) {
	algs := []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"}
	h := newHouse(t)
	ring := h.replica("ES256")
	h.must(ring.Ensure(t.Context(), algs...))
	again := h.replica("ES256") // loads what the first has sealed
	set, err := token.ParseJWKS(again.JWKS())
	h.must(err)
	if set.Len() != len(algs) {
		t.Fatalf("%d of %d keys can be read", set.Len(), len(algs))
	}
	for _, alg := range algs {
		signer, err := ring.Signer(alg)
		h.must(err)
		claims := &token.Claims{Issuer: "https://id.example", Audience: []string{"a"}, Subject: "s", ClientID: "c", ID: "j",
			IssuedAt: h.clock.now(), Expires: h.clock.now().Add(hour)}
		for range 20 { // leading zeros in R or S come by chance
			compact, err := token.Sign(signer, token.TypeAccessToken, claims)
			h.must(err)
			for _, keys := range []token.KeySource{set, ring} {
				v := token.Verifier{Keys: keys, Issuer: "https://id.example", Audience: "a", Clock: h.clock.now}
				if _, err := v.Verify(compact); err != nil {
					t.Fatalf("%s: %v", alg, err)
				}
			}
		}
	}
}

func BenchmarkSign(b *testing.B) {
	h := newHouse(b)
	ring := h.replica("ES256", "EdDSA")
	for _, alg := range []string{"ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			input := make([]byte, 600)
			b.ReportAllocs()
			for b.Loop() {
				signer, err := ring.Signer(alg)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := signer.Sign(input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
