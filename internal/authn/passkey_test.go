package authn_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/authn/authntest"
)

func TestPasskeySignsInWithoutATypedName(t *testing.T) { // S38, S39
	r := open(t)
	alice, device := r.person("alice", ""), authntest.New(origin)
	added := r.register(alice, device)
	if added.Name != "Passkey, Chrome on Linux" || added.Synced {
		t.Errorf("new passkey %+v", added)
	}
	r.pass(time.Hour)
	got, err := r.signIn("", device)
	r.must(err)
	if got.User.ID != alice.ID || got.Credential != added.ID || got.ACR != symbolon.ACRPhishing {
		t.Errorf("result %+v", got)
	}
	if want := []string{"mfa", "pop", "user"}; !slices.Equal(got.AMR, want) {
		t.Errorf("amr %v, want %v", got.AMR, want)
	}
	list, err := r.authn.Passkeys.List(r.ctx, alice.ID)
	r.must(err)
	if len(list) != 1 || !list[0].LastUsed.Equal(r.clock()) {
		t.Errorf("the use is not written down: %+v", list)
	}
	if told := r.told(symbolon.CredentialAdded); len(told) != 1 || told[0].Credential != added.ID || told[0].User != alice.ID {
		t.Errorf("news of the new passkey: %+v", told)
	}
}

func TestOptionsAskForDiscoverableVerifiedPasskeysAndTellNothing(t *testing.T) { // S39
	r := open(t)
	alice := r.person("alice", "")
	device := authntest.New(origin)
	r.register(alice, device)
	asked, err := r.authn.Passkeys.BeginAdd(r.ctx, alice.ID)
	r.must(err)
	var create struct {
		Selection struct{ ResidentKey, UserVerification string } `json:"authenticatorSelection"`
		Exclude   []any                                          `json:"excludeCredentials"`
		RP        struct{ ID string }                            `json:"rp"`
	}
	r.must(json.Unmarshal(asked.Options, &create))
	if create.Selection.ResidentKey != "required" || create.Selection.UserVerification != "required" || len(create.Exclude) != 1 || create.RP.ID != "id.localhost" {
		t.Errorf("creation options %s", asked.Options)
	}
	if _, err := device.Create(asked.Options); !errors.Is(err, authntest.ErrExcluded) {
		t.Errorf("a second passkey on one device: %v", err)
	}
	asked, err = r.authn.Passkeys.Begin(r.ctx, "")
	r.must(err)
	if strings.Contains(string(asked.Options), "allowCredentials") || !strings.Contains(string(asked.Options), `"userVerification":"required"`) {
		t.Errorf("request options %s", asked.Options)
	}
}

func TestWrongPasskeyAnswersAreRefused(t *testing.T) { // S38
	cases := map[string]func(*authntest.Authenticator){
		"another origin":                func(a *authntest.Authenticator) { a.Origin = "http://evil.localhost:8080" },
		"another port":                  func(a *authntest.Authenticator) { a.Origin = "http://id.localhost:9090" },
		"another scheme":                func(a *authntest.Authenticator) { a.Origin = "https://id.localhost:8080" },
		"another relying party":         func(a *authntest.Authenticator) { a.RPID = "evil.localhost" },
		"the parent as relying party":   func(a *authntest.Authenticator) { a.RPID = "localhost" },
		"user not verified":             func(a *authntest.Authenticator) { a.UserVerified = false },
		"user not present":              func(a *authntest.Authenticator) { a.UserPresent = false },
		"framed by another site":        func(a *authntest.Authenticator) { a.CrossOrigin = true },
		"counter going back":            func(a *authntest.Authenticator) { a.Counter = 1 },
		"became copyable":               func(a *authntest.Authenticator) { a.BackupEligible = true },
		"backed up but not copyable":    func(a *authntest.Authenticator) { a.BackedUp = true },
		"names another person":          func(a *authntest.Authenticator) { a.Keys[0].User = []byte("usr_someone") },
		"names nobody":                  func(a *authntest.Authenticator) { a.Keys[0].User = nil },
		"another key under the same id": func(a *authntest.Authenticator) { a.Keys[0].Private = otherKey() },
		"an id nobody has":              func(a *authntest.Authenticator) { a.Keys[0].ID = bytes.Repeat([]byte{7}, 32) },
	}
	for name, bend := range cases {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			alice, device := r.person("alice", ""), authntest.New(origin)
			r.register(alice, device)
			_, err := r.signIn("", device)
			r.must(err)
			bend(device)
			_, err = r.signIn("", device)
			r.want(symbolon.Unauthenticated, err)
			if len(r.told(symbolon.LoginFailed)) != 1 {
				t.Error("the failure is not in the log")
			}
		})
	}
}

func otherKey() *ecdsa.PrivateKey {
	other := authntest.New(origin)
	_, _ = other.Create([]byte(`{"challenge":"AAAA","user":{"id":"AAAA"}}`))
	return other.Keys[0].Private
}

func TestWrongRegistrationsAreRefused(t *testing.T) { // S38
	cases := map[string]func(*authntest.Authenticator){
		"another origin":        func(a *authntest.Authenticator) { a.Origin = "https://evil.example" },
		"another relying party": func(a *authntest.Authenticator) { a.RPID = "evil.example" },
		"user not verified":     func(a *authntest.Authenticator) { a.UserVerified = false },
		"user not present":      func(a *authntest.Authenticator) { a.UserPresent = false },
		"backed up, no backup":  func(a *authntest.Authenticator) { a.BackedUp = true },
	}
	for name, bend := range cases {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			alice, device := r.person("alice", ""), authntest.New(origin)
			bend(device)
			_, err := r.tryRegister(alice, device)
			r.want(symbolon.Invalid, err)
			list, err := r.authn.Passkeys.List(r.ctx, alice.ID)
			r.must(err)
			if len(list) != 0 {
				t.Errorf("it was kept: %+v", list)
			}
		})
	}
}

func TestAnAnswerCountsOnceOnAnyReplica(t *testing.T) { // S15, S38
	r := open(t)
	alice, device := r.person("alice", ""), authntest.New(origin)
	device.Step, device.Counter = 0, 0 // a synced passkey: no counter to fall back on
	r.register(alice, device)
	asked, err := r.authn.Passkeys.Begin(r.ctx, "")
	r.must(err)
	answer, err := device.Get(asked.Options)
	r.must(err)
	other := r.replica()
	_, err = other.Passkeys.Finish(r.ctx, r.from, asked.State, answer)
	r.must(err)
	_, err = r.authn.Passkeys.Finish(r.ctx, r.from, asked.State, answer)
	r.want(symbolon.Unauthenticated, err)
}

func TestTwoAuthenticatorsCannotUseOneCount(t *testing.T) { // S38
	r := open(t)
	alice, device := r.person("alice", ""), authntest.New(origin)
	r.register(alice, device)
	_, err := r.signIn("", device)
	r.must(err)
	clone := *device
	clone.Counter--
	_, err = r.signIn("", &clone)
	r.want(symbolon.Unauthenticated, err)
}

func TestAChallengeDiesAfterFiveMinutesAndServesOnePurpose(t *testing.T) { // S38
	r := open(t)
	alice, device := r.person("alice", ""), authntest.New(origin)
	r.register(alice, device)
	asked, err := r.authn.Passkeys.Begin(r.ctx, "")
	r.must(err)
	answer, err := device.Get(asked.Options)
	r.must(err)
	adding, err := r.authn.Passkeys.BeginAdd(r.ctx, alice.ID)
	r.must(err)
	for name, state := range map[string]string{
		"of a registration": adding.State, "empty": "", "not base64": "§", "made up": strings.Repeat("A", 400), "bent": bent(asked.State), "huge": strings.Repeat("A", 1<<20),
	} {
		if _, err := r.authn.Passkeys.Finish(r.ctx, r.from, state, answer); err == nil {
			t.Errorf("state %s was taken", name)
		}
	}
	_, err = r.authn.Passkeys.FinishAdd(r.ctx, r.from, alice.ID, asked.State, answer, "", authn.By{})
	r.want(symbolon.Invalid, err)
	r.pass(5 * time.Minute)
	_, err = r.authn.Passkeys.Finish(r.ctx, r.from, asked.State, answer)
	r.want(symbolon.Unauthenticated, err)
}

// bent flips a bit in the middle.
func bent(s string) string {
	b := []byte(s)
	if b[len(b)/2]++; b[len(b)/2] > 'z' {
		b[len(b)/2] = 'A'
	}
	return string(b)
}

func TestStepUpTakesOnlyThePersonsOwnPasskeys(t *testing.T) { // S34
	r := open(t)
	alice, bob := r.person("alice", ""), r.person("bob", "")
	hers, his := authntest.New(origin), authntest.New(origin)
	r.register(alice, hers)
	r.register(bob, his)
	got, err := r.signIn(alice.ID, hers)
	r.must(err)
	if got.User.ID != alice.ID {
		t.Errorf("signed in %s", got.User.ID)
	}
	asked, err := r.authn.Passkeys.Begin(r.ctx, alice.ID)
	r.must(err)
	if _, err := his.Get(asked.Options); !errors.Is(err, authntest.ErrNoKey) {
		t.Errorf("his authenticator finds a key: %v", err)
	}
	open := []byte(strings.Replace(string(asked.Options), "allowCredentials", "ignored", 1))
	answer, err := his.Get(open) // a browser that ignores the list
	r.must(err)
	_, err = r.authn.Passkeys.Finish(r.ctx, r.from, asked.State, answer)
	r.want(symbolon.Unauthenticated, err)
	_, err = r.authn.Passkeys.Begin(r.ctx, r.person("carol", "").ID)
	r.want(symbolon.NotFound, err)
}

func TestSomebodyElsesCeremonyAddsNothing(t *testing.T) { // S38
	r := open(t)
	alice, mallory := r.person("alice", ""), r.person("mallory", "")
	device := authntest.New(origin)
	asked, err := r.authn.Passkeys.BeginAdd(r.ctx, mallory.ID)
	r.must(err)
	answer, err := device.Create(asked.Options)
	r.must(err)
	_, err = r.authn.Passkeys.FinishAdd(r.ctx, r.from, alice.ID, asked.State, answer, "", authn.By{})
	r.want(symbolon.Invalid, err)
}

func TestAPasskeyOfADisabledPersonOpensNothing(t *testing.T) { // S20
	r := open(t)
	alice, device := r.person("alice", ""), authntest.New(origin)
	r.register(alice, device)
	r.disable(alice)
	_, err := r.signIn("", device)
	r.want(symbolon.Denied, err)
	_, err = r.authn.Passkeys.BeginAdd(r.ctx, alice.ID)
	r.want(symbolon.Denied, err)
}

func TestARemovedPasskeyStaysRemoved(t *testing.T) { // S20
	r := open(t)
	alice, device := r.person("alice", passport), authntest.New(origin)
	added := r.register(alice, device)
	asked, err := r.authn.Passkeys.Begin(r.ctx, "")
	r.must(err)
	answer, err := device.Get(asked.Options)
	r.must(err)
	r.must(r.authn.Passkeys.Remove(r.ctx, alice.ID, added.ID, authn.By{Actor: string(alice.ID)}))
	_, err = r.authn.Passkeys.Finish(r.ctx, r.from, asked.State, answer)
	r.want(symbolon.Unauthenticated, err)
	list, err := r.authn.Passkeys.List(r.ctx, alice.ID)
	r.must(err)
	if len(list) != 0 {
		t.Errorf("it came back: %+v", list)
	}
}

func TestARecordMovedToAnotherPersonOpensForNobody(t *testing.T) { // S47
	r := open(t)
	alice, mallory := r.person("alice", ""), r.person("mallory", "")
	hers, own := authntest.New(origin), authntest.New(origin)
	r.register(alice, hers)
	r.register(mallory, own)
	rows, err := r.db.Credentials(r.ctx, mallory.ID)
	r.must(err)
	stolen, err := r.db.Credentials(r.ctx, alice.ID)
	r.must(err)
	stolen[0].Data = rows[0].Data // whoever can write the table
	r.must(r.db.Commit(r.ctx, symbolon.PutCredential{Credential: stolen[0]}))
	_, err = r.signIn("", hers)
	r.want(symbolon.Internal, err)
	if bytes.Contains(rows[0].Data, []byte("publicKey")) {
		t.Error("the record is readable in the store")
	}
}

func TestOwnersNameAndRemoveTheirPasskeysOnly(t *testing.T) {
	r := open(t)
	alice, mallory := r.person("alice", ""), r.person("mallory", "")
	device := authntest.New(origin)
	device.AAGUID = [16]byte{0xba, 0xda, 0x55, 0x66, 0xa7, 0xaa, 0x40, 0x1f, 0xbd, 0x96, 0x45, 0x61, 0x9a, 0x55, 0x12, 0x0d}
	device.BackupEligible, device.BackedUp = true, true
	added := r.register(alice, device)
	if added.Name != "1Password" || !added.Synced {
		t.Errorf("new passkey %+v", added)
	}
	by := authn.By{Actor: string(alice.ID)}
	r.must(r.authn.Passkeys.Rename(r.ctx, alice.ID, added.ID, "the blue one", by))
	for _, name := range []string{"", " x", "a\nb", strings.Repeat("x", 65), "\xff"} {
		r.want(symbolon.Invalid, r.authn.Passkeys.Rename(r.ctx, alice.ID, added.ID, name, by))
	}
	r.want(symbolon.NotFound, r.authn.Passkeys.Rename(r.ctx, mallory.ID, added.ID, "mine", by))
	r.want(symbolon.NotFound, r.authn.Passkeys.Remove(r.ctx, mallory.ID, added.ID, by))
	r.want(symbolon.Conflict, r.authn.Passkeys.Remove(r.ctx, alice.ID, added.ID, by))
	got, err := r.signIn("", device)
	r.must(err)
	if !slices.Contains(got.AMR, "swk") || got.ACR != symbolon.ACRPhishing {
		t.Errorf("a synced passkey claims %s %v", got.ACR, got.AMR)
	}
	r.must(r.authn.Passkeys.Remove(r.ctx, alice.ID, added.ID, authn.By{Actor: "an administrator"}))
}

func TestOriginsMustFitTheRelyingParty(t *testing.T) {
	r := open(t)
	for _, bad := range []string{"http://id.example.com", "https://evil.com", "https://id.example.com/path", "id.example.com", "https://notid.example.com", "ftp://id.example.com"} {
		if _, err := authn.New(r.db, r.vault, authn.Options{RPID: "id.example.com", Origins: []string{bad}}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	_, err := authn.New(r.db, r.vault, authn.Options{RPID: "id.example.com", Origins: []string{"https://id.example.com"}})
	r.must(err)
}
