package authn_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/authn/authntest"
	"symbolon.dev/internal/store/storetest"
)

func TestAPasswordAloneIsTheLowestClass(t *testing.T) { // S35
	r := open(t)
	alice := r.person("alice", passport)
	got, err := r.password(" ALICE ", passport)
	r.must(err)
	if got.User.ID != alice.ID || got.ACR != symbolon.ACRSingle || len(got.AMR) != 1 || got.AMR[0] != "pwd" {
		t.Errorf("result %+v", got)
	}
}

func TestWhatLooksTheSameIsTheSamePassword(t *testing.T) {
	r := open(t)
	r.person("alice", "fünf Rüben und ein ﬂiegendes Schaf")
	_, err := r.password("alice", "fu\u0308nf Ru\u0308ben und ein fliegendes Schaf")
	r.must(err)
}

func TestARefusalTellsNothing(t *testing.T) { // S3
	r := open(t)
	r.person("alice", passport)
	r.person("keyonly", "")
	r.disable(r.person("gone", passport))
	var words string
	for name, login := range map[string]string{"wrong password": "alice", "no password": "keyonly", "disabled": "gone", "nobody": "nobody", "empty": "", "huge": strings.Repeat("x", 1<<16)} {
		_, err := r.password(login, "wrong wrong wrong wrong")
		r.want(symbolon.Unauthenticated, err)
		var ours *symbolon.Error
		errors.As(err, &ours)
		if words == "" {
			words = ours.Message
		}
		if ours.Message != words {
			t.Errorf("%s: %q differs from %q", name, ours.Message, words)
		}
	}
	for _, odd := range []string{"", "\xff\xfe", strings.Repeat("x", 1<<16)} {
		_, err := r.password("alice", odd)
		r.want(symbolon.Unauthenticated, err)
	}
	_, err := r.password("gone", passport)
	r.want(symbolon.Denied, err)
}

func TestFailuresMakeALoginWaitWhetherItExistsOrNot(t *testing.T) { // S44
	r := open(t)
	r.person("alice", passport)
	for _, login := range []string{"alice", "nobody"} {
		for range 5 {
			_, err := r.password(login, "wrong")
			r.want(symbolon.Unauthenticated, err)
		}
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			_, err := r.password(login, passport)
			r.want(symbolon.TooMany, err)
			var wait authn.RetryAfter
			if !errors.As(err, &wait) || time.Duration(wait) != want {
				t.Errorf("%s, refusal %d: wait %v, want %v", login, i, time.Duration(wait), want)
			}
			r.pass(want)
			_, err = r.password(login, "wrong")
			r.want(symbolon.Unauthenticated, err)
		}
	}
	r.pass(8 * time.Second)
	_, err := r.password("alice", passport)
	r.must(err)
	_, err = r.password("alice", "wrong")
	r.want(symbolon.Unauthenticated, err) // the count began anew: no wait
	_, err = r.password("alice", passport)
	r.must(err)
}

func TestAHundredFailuresCloseAPasswordButNoPasskey(t *testing.T) { // S35
	r := open(t)
	alice, device := r.person("alice", passport), authntest.New(origin)
	r.register(alice, device)
	for i := range 100 {
		r.from.Address = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		r.pass(15 * time.Minute)
		_, err := r.password("alice", "wrong")
		r.want(symbolon.Unauthenticated, err)
	}
	r.pass(30 * 24 * time.Hour)
	_, err := r.password("alice", passport)
	r.want(symbolon.TooMany, err)
	if wait := authn.RetryAfter(0); errors.As(err, &wait) {
		t.Error("waiting is said to help")
	}
	_, err = r.signIn("", device)
	r.must(err)
	if told := r.told(symbolon.LoginFailed); len(told) > 14 { // one at 1, 2, 4, … of each day
		t.Errorf("%d events of 100 failures", len(told))
	}
	next := symbolon.NewSecret("nine umbrellas under a quiet bridge")
	r.must(r.authn.Passwords.Set(r.ctx, alice.ID, next, authn.By{Actor: string(alice.ID)}))
	_, err = r.password("alice", next.Reveal())
	r.must(err)
}

func TestGuessesAtOnceDoNotSlipThroughTogether(t *testing.T) { // S15
	r := open(t)
	r.person("alice", passport)
	replicas := []*authn.Authn{r.authn, r.replica()}
	var judged atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		from := r.from
		from.Address = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		wg.Go(func() {
			_, err := replicas[i%2].Passwords.Finish(r.ctx, from, "alice", symbolon.NewSecret("wrong"))
			var ours *symbolon.Error
			if errors.As(err, &ours) && ours.Kind == symbolon.Unauthenticated {
				judged.Add(1)
			}
		})
	}
	wg.Wait()
	if judged.Load() > 5 {
		t.Errorf("%d guesses were judged before the first wait", judged.Load())
	}
}

func TestOneNetworkCannotTryEveryLogin(t *testing.T) { // S44
	r := open(t)
	r.person("alice", passport)
	for i := range 50 {
		r.from.Address = netip.MustParseAddr(fmt.Sprintf("2001:db8:1:2::%d", i+1)) // one /64
		_, err := r.password(fmt.Sprintf("guess%d", i), "wrong")
		r.want(symbolon.Unauthenticated, err)
	}
	_, err := r.password("alice", passport)
	r.want(symbolon.TooMany, err)
	r.from.Address = netip.MustParseAddr("2001:db8:1:3::1")
	for range 60 { // success counts against nobody
		_, err = r.password("alice", passport)
		r.must(err)
	}
	if told := r.told(symbolon.LoginFailed); len(told) != 6 { // 1, 2, 4, 8, 16, 32
		t.Errorf("%d events of 50 unknown logins", len(told))
	}
}

func TestAWeakHashIsMadeAgainAtLogin(t *testing.T) {
	r := open(t)
	alice := r.person("alice", "")
	stored, err := r.db.User(r.ctx, alice.ID)
	r.must(err)
	stored.PasswordHash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4" // "password", from the reference implementation's tests
	r.must(r.db.Commit(r.ctx, symbolon.PutUser{User: *stored}))
	_, err = r.password("alice", "password")
	r.must(err)
	after, err := r.db.User(r.ctx, alice.ID)
	r.must(err)
	if !strings.HasPrefix(after.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash is %s", after.PasswordHash)
	}
	_, err = r.password("alice", "password")
	r.must(err)
}

func TestGuessablePasswordsAreRefused(t *testing.T) {
	r := open(t)
	alice := r.person("alice.liddell@example.com", "")
	for _, bad := range []string{
		"short", "fourteen chars", "passwordpassword", "Password1234567", "p4$$w0rdp4$$w0rd", "123456789012345", "aaaaaaaaaaaaaaaaaaaa",
		"qwertyuiopasdfgh", "1qaz2wsx3edc4rfv", "correcthorsebatterystaple", "CorrectHorseBatteryStaple!", "alice.liddell@example.com",
		"AliceLiddell2026!", "symbolonsymbolon1", "Summer2026Summer2026", "iloveyouiloveyou", "letmein-letmein-1", "abcdefghijklmnopqrstuvwxyz",
		"k7qzk7qzk7qzk7qz", "contraseña contraseña", strings.Repeat("x y", 100), "\xff\xfe\xfd\xfc\xfb\xfa\xff\xfe\xfd\xfc\xfb\xfa\xff\xfe\xfd\xfc",
	} {
		if err := r.authn.Passwords.Check(alice, symbolon.NewSecret(bad)); err == nil {
			t.Errorf("%q is allowed", bad)
		}
	}
	for _, good := range []string{
		passport, "gT7#kq9!Vw2$zR5", "vier alte Rüben im Samtwagen", "七つの灰色の傘が橋の下で静かに歌っている", "purple otters juggle seventeen anvils",
		strings.Repeat("wandering gently ", 3) + "through nine peculiar greenhouses", "mh3 xw8 zt5 kk9 vr2",
	} {
		if err := r.authn.Passwords.Check(alice, symbolon.NewSecret(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestALinkIsUsedTogetherWithWhatItGaveOrNotAtAll(t *testing.T) { // S17
	r := open(t)
	alice := r.person("alice", "")
	link := symbolon.HashOf("link")
	r.must(r.db.Commit(r.ctx, symbolon.IssueTicket{Ticket: symbolon.Ticket{Hash: link, Kind: symbolon.EnrolmentTicket, User: alice.ID, Expires: r.clock().Add(time.Hour)}}))
	by := authn.By{Actor: string(alice.ID), With: []symbolon.Change{symbolon.UseTicket{Hash: link, Kind: symbolon.EnrolmentTicket, At: r.clock()}}}
	r.want(symbolon.Invalid, r.authn.Passwords.Set(r.ctx, alice.ID, symbolon.NewSecret("short"), by))
	r.must(r.authn.Passwords.Set(r.ctx, alice.ID, symbolon.NewSecret(passport), by))
	r.want(symbolon.Conflict, r.authn.Passwords.Set(r.ctx, alice.ID, symbolon.NewSecret("nine umbrellas under a quiet bridge"), by))
	device := authntest.New(origin)
	asked, err := r.authn.Passkeys.BeginAdd(r.ctx, alice.ID)
	r.must(err)
	answer, err := device.Create(asked.Options)
	r.must(err)
	_, err = r.authn.Passkeys.FinishAdd(r.ctx, r.from, alice.ID, asked.State, answer, "", by)
	r.want(symbolon.Conflict, err)
	list, err := r.authn.Passkeys.List(r.ctx, alice.ID)
	r.must(err)
	if len(list) != 0 {
		t.Error("a used link added a passkey")
	}
	_, err = r.password("alice", passport)
	r.must(err)
}

func TestRemovingAPasswordLeavesAWayIn(t *testing.T) {
	r := open(t)
	alice := r.person("alice", passport)
	own := authn.By{Actor: string(alice.ID)}
	r.want(symbolon.Conflict, r.authn.Passwords.Remove(r.ctx, alice.ID, own))
	r.register(alice, authntest.New(origin))
	r.must(r.authn.Passwords.Remove(r.ctx, alice.ID, own))
	r.want(symbolon.NotFound, r.authn.Passwords.Remove(r.ctx, alice.ID, own))
	_, err := r.password("alice", passport)
	r.want(symbolon.Unauthenticated, err)
}

func TestChangingAuthenticatorsWantsAFreshAndStrongLogin(t *testing.T) { // S34
	r := open(t)
	alice := r.person("alice", passport)
	session := &symbolon.Session{User: alice.ID, ACR: symbolon.ACRSingle, AuthTime: r.clock()}
	r.must(r.authn.Manage(r.ctx, session))
	r.register(alice, authntest.New(origin))
	err := r.authn.Manage(r.ctx, session)
	r.want(symbolon.Denied, err)
	var ours *symbolon.Error
	errors.As(err, &ours)
	if len(ours.Remedies) != 1 || ours.Remedies[0].ACR != symbolon.ACRPhishing || ours.Remedies[0].MaxAge != 600 {
		t.Errorf("remedies %+v", ours.Remedies)
	}
	session.ACR = symbolon.ACRPhishing
	r.must(r.authn.Manage(r.ctx, session))
	r.pass(11 * time.Minute)
	r.want(symbolon.Denied, r.authn.Manage(r.ctx, session))
}

func TestABrokenStoreLetsNobodyIn(t *testing.T) { // S3
	for _, table := range []string{"attempts", "users", "credentials"} {
		t.Run(table, func(t *testing.T) {
			r := open(t)
			alice, device := r.person("alice", passport), authntest.New(origin)
			r.register(alice, device)
			asked, err := r.authn.Passkeys.Begin(r.ctx, "")
			r.must(err)
			answer, err := device.Get(asked.Options)
			r.must(err)
			storetest.Break(t, r.db, table)
			if _, err := r.password("alice", passport); err == nil && table != "credentials" {
				t.Error("the password was taken")
			}
			if _, err := r.authn.Passkeys.Finish(r.ctx, r.from, asked.State, answer); err == nil && table != "attempts" {
				t.Error("the passkey was taken")
			}
		})
	}
}
