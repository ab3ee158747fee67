package issuer_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

// listing is a world whose billing tokens have places in status lists.
func listing(w *world) *world {
	billing := *w.resource("billing")
	billing.Token.Status = true
	w.declare(&billing)
	return w
}

// place reads the status claim of a JWT, as somebody who has nothing but the token.
func (w *world) place(raw symbolon.Secret) (list string, index int) {
	w.t.Helper()
	_, rest, _ := strings.Cut(raw.Reveal(), ".")
	body, _, _ := strings.Cut(rest, ".")
	var claims struct {
		Status struct {
			List struct {
				Index *int   `json:"idx"`
				URI   string `json:"uri"`
			} `json:"status_list"`
		} `json:"status"`
	}
	w.check(json.Unmarshal(must(base64.RawURLEncoding.DecodeString(body)), &claims))
	name, ok := strings.CutPrefix(claims.Status.List.URI, iss+issuer.StatusPath)
	if !ok || claims.Status.List.Index == nil {
		w.t.Fatalf("the token has no place: %s", must(base64.RawURLEncoding.DecodeString(body)))
	}
	return name, *claims.Status.List.Index
}

// valid asks the list alone.
func (w *world) valid(raw symbolon.Secret) bool {
	w.t.Helper()
	name, index := w.place(raw)
	compact, err := w.StatusList(ctx, name)
	w.check(err)
	claims, err := (&token.Verifier{Keys: w.ring, Types: []string{token.TypeStatusList}, Issuer: iss, AnyAudience: true, Clock: w.clock}).Verify(compact)
	w.check(err)
	text := must(json.Marshal(claims.Extra["status_list"]))
	var list token.StatusList
	w.check(list.UnmarshalJSON(text))
	if claims.Subject != iss+issuer.StatusPath+name || claims.Extra["ttl"] != int64(issuer.StatusTTL/time.Second) || claims.Expires.Before(w.clock()) {
		w.t.Errorf("the list says %+v", claims)
	}
	return list.Valid(index)
}

// S20: whatever revokes a token sets its bit, as soon as the commit has returned, and no other's.
func TestARevocationSetsTheBit(t *testing.T) {
	for _, in := range []struct {
		name string
		pair func(t *testing.T) (here, there *world)
	}{
		{"alone", func(t *testing.T) (*world, *world) { w := newWorld(t); return w, w }},
		{"at another replica", func(t *testing.T) (*world, *world) { return replicas(t) }},
	} {
		t.Run(in.name, func(t *testing.T) {
			here, there := in.pair(t)
			listing(here)
			other := here.forPerson("portal", "billing")
			for kind := range 4 {
				issued := here.forPerson("portal", "billing")
				if !there.valid(issued.Raw) || !here.valid(issued.Raw) {
					t.Fatal("a new token is not valid")
				}
				if kind < 2 {
					here.check(here.RevokeToken(ctx, issued.Claims, issuer.Revoker{}))
				} else {
					here.check(here.RevokeAuthorization(ctx, symbolon.AuthorizationID(issued.Claims.Authorization), issuer.Revoker{}))
				}
				if there.valid(issued.Raw) || here.valid(issued.Raw) {
					t.Errorf("way %d of revoking left the bit", kind)
				}
			}
			if !there.valid(other.Raw) {
				t.Error("the bit of another token is set")
			}
			here.declare(client("portal", func(c *symbolon.Client) { c.Disabled = true }))
			if there.valid(other.Raw) {
				t.Error("the client is disabled, and its token valid")
			}
		})
	}
}

// Two tokens never share a place, at however many replicas they are made.
func TestPlacesAreGivenOnce(t *testing.T) {
	here, there := replicas(t)
	listing(here)
	there.check(there.catalog.Reload(ctx))
	type place struct {
		list  string
		index int
	}
	var mu sync.Mutex
	var work sync.WaitGroup
	seen := map[place]bool{}
	for _, w := range []*world{here, there} {
		for range 4 {
			work.Go(func() {
				for range 10 {
					list, index := w.place(w.forService("portal", "billing").Raw)
					mu.Lock()
					if seen[place{list, index}] {
						t.Errorf("%s %d is given twice", list, index)
					}
					seen[place{list, index}] = true
					mu.Unlock()
				}
			})
		}
	}
	work.Wait()
	ascending := 0
	for p := range seen {
		if p.index < 2*len(seen) {
			ascending++
		}
	}
	if len(seen) != 80 || ascending > len(seen)/4 {
		t.Errorf("%d places, %d of them at the beginning", len(seen), ascending)
	}
}

// What is asked for has a place, and nothing else; what is carried inside has its own.
func TestWhoHasAPlace(t *testing.T) {
	w := listing(newWorld(t))
	wrapping(w, symbolon.TokenRule{})
	outer := must(w.nested(w.authorize("portal"), "billing", "orders"))
	inner, _, err := w.verifier("billing").VerifyInner(outer.Claims)
	w.check(err)
	if !w.valid(symbolon.NewSecret(inner)) {
		t.Error("a new inner token is not valid")
	}
	if _, claims, err := w.verifier("orders").VerifyInner(outer.Claims); err != nil || claims.Extra["status"] != nil || outer.Claims.Extra["status"] != nil {
		t.Errorf("%+v, %v", claims, err)
	}
	w.check(w.RevokeToken(ctx, outer.Claims, issuer.Revoker{}))
	if w.valid(symbolon.NewSecret(inner)) {
		t.Error("the outer token is revoked, and the inner one valid")
	}
}

// A list is kept while nothing changes, signed anew each minute, and gone when its tokens are.
func TestAListComesAndGoes(t *testing.T) {
	w := listing(newWorld(t))
	name, _ := w.place(w.forService("portal", "billing").Raw)
	first := must(w.StatusList(ctx, name))
	if must(w.StatusList(ctx, name)) != first {
		t.Error("it is signed again although nothing has changed")
	}
	w.pass(issuer.StatusTTL)
	if must(w.StatusList(ctx, name)) == first {
		t.Error("it is not signed again")
	}
	kept := must(w.StatusList(ctx, name))
	w.check(w.ring.Revoke(ctx, symbolon.KeyID(must(w.ring.Signer(token.ES256)).KeyID()), "test", "lost"))
	if must(w.StatusList(ctx, name)) == kept {
		t.Error("it stays signed by a key that is not trusted any more")
	}
	for _, unknown := range []string{"", "x", "../../etc/passwd", name + "=", strings.Repeat("A", 22)} {
		if _, err := w.StatusList(ctx, unknown); storetest.KindOf(err) != symbolon.NotFound {
			t.Errorf("%q: %v", unknown, err)
		}
	}
	w.pass(2 * time.Hour)
	_, err := w.db.Sweep(ctx, w.clock(), 100)
	w.check(err)
	if _, err := w.StatusList(ctx, name); storetest.KindOf(err) != symbolon.NotFound {
		t.Errorf("after its end: %v", err)
	}
}
