package authn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/authn/authntest"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

const (
	origin   = "http://id.localhost:8080"
	passport = "four turnips in a velvet wagon"
)

// room is the room on a real store, with a clock that only the test moves.
type room struct {
	*testing.T
	ctx   context.Context
	db    *store.DB
	vault *key.Vault
	authn *authn.Authn
	from  authn.Caller

	mu  sync.Mutex
	now time.Time
}

func open(t *testing.T) *room {
	t.Helper()
	r := &room{T: t, ctx: context.Background(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	r.db = storetest.SQLite(t, storetest.Clock(r.clock))
	r.from = authn.Caller{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36", RequestID: "req_test"}
	vault, err := key.NewVault(key.NewMaster())
	r.must(err)
	r.vault = vault
	r.authn = r.replica()
	return r
}

// replica is another process over the same store and master key.
func (r *room) replica() *authn.Authn {
	r.Helper()
	a, err := authn.New(r.db, r.vault, authn.Options{RPID: "id.localhost", Origins: []string{origin}, Clock: r.clock})
	r.must(err)
	return a
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *room) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *room) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("unexpected: %v", err)
	}
}

func (r *room) want(kind symbolon.Kind, err error) {
	r.Helper()
	var ours *symbolon.Error
	if !errors.As(err, &ours) || ours.Kind != kind {
		r.Fatalf("want an error of kind %d, got %v", kind, err)
	}
}

// person makes somebody, with a cheap hash of a password if there is one.
func (r *room) person(login, password string) *symbolon.User {
	r.Helper()
	u := symbolon.User{ID: symbolon.NewUserID(), Login: login, Created: r.clock(), Updated: r.clock()}
	if password != "" {
		salt := []byte("salt of a test.")
		hash := argon2.IDKey([]byte(norm.NFKC.String(password)), salt, 1, 64, 1, 32)
		u.PasswordHash = "$argon2id$v=19$m=64,t=1,p=1$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(hash)
	}
	r.must(r.db.Commit(r.ctx, symbolon.PutUser{User: u}))
	return &u
}

func (r *room) disable(u *symbolon.User) {
	r.Helper()
	stored, err := r.db.User(r.ctx, u.ID)
	r.must(err)
	stored.Disabled = true
	r.must(r.db.Commit(r.ctx, symbolon.PutUser{User: *stored}))
}

// register adds a passkey of device to u.
func (r *room) register(u *symbolon.User, device *authntest.Authenticator) *authn.Passkey {
	r.Helper()
	added, err := r.tryRegister(u, device)
	r.must(err)
	return added
}

func (r *room) tryRegister(u *symbolon.User, device *authntest.Authenticator) (*authn.Passkey, error) {
	r.Helper()
	asked, err := r.authn.Passkeys.BeginAdd(r.ctx, u.ID)
	r.must(err)
	answer, err := device.Create(asked.Options)
	r.must(err)
	return r.authn.Passkeys.FinishAdd(r.ctx, r.from, u.ID, asked.State, answer, "", authn.By{Actor: string(u.ID)})
}

// signIn runs a whole ceremony; user "" is the login page.
func (r *room) signIn(user symbolon.UserID, device *authntest.Authenticator) (authn.Result, error) {
	r.Helper()
	asked, err := r.authn.Passkeys.Begin(r.ctx, user)
	r.must(err)
	answer, err := device.Get(asked.Options)
	r.must(err)
	return r.authn.Passkeys.Finish(r.ctx, r.from, asked.State, answer)
}

func (r *room) password(login, password string) (authn.Result, error) {
	return r.authn.Passwords.Finish(r.ctx, r.from, login, symbolon.NewSecret(password))
}

// told lists the events of a type.
func (r *room) told(what symbolon.EventType) []symbolon.Event {
	r.Helper()
	all, err := r.db.EventsAfter(r.ctx, 0, 1000)
	r.must(err)
	var found []symbolon.Event
	for _, e := range all {
		if e.Type == what {
			found = append(found, e)
		}
	}
	return found
}
