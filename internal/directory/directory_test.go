package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

// room is the directory on a real store, with a clock that only the test moves.
type room struct {
	*testing.T
	ctx    context.Context
	db     *store.DB
	people *directory.Directory

	mu  sync.Mutex
	now time.Time
}

func open(t *testing.T) *room {
	t.Helper()
	r := &room{T: t, ctx: context.Background(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	r.db = storetest.SQLite(t, storetest.Clock(r.clock))
	r.people = directory.New(r.db, r.clock)
	return r
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

func (r *room) put(users ...symbolon.User) {
	r.Helper()
	r.must(r.people.Put(r.ctx, "usr_admin", "req_1", users...))
}

func (r *room) get(login string) *symbolon.User {
	r.Helper()
	u, err := r.people.ByLogin(r.ctx, login)
	r.must(err)
	return u
}

// busy gives a person two sessions and an authorization in one of them.
func (r *room) busy(id symbolon.UserID) (sessions []symbolon.Session, grant symbolon.Authorization) {
	r.Helper()
	for range 2 {
		sessions = append(sessions, symbolon.Session{ID: symbolon.NewSessionID(), User: id, Secret: symbolon.HashOf(token.NewOpaque("syms_").Reveal()),
			ACR: symbolon.ACRPhishing, AMR: []string{"pop"}, AuthTime: r.clock(), Created: r.clock(), LastSeen: r.clock(), Expires: r.clock().Add(24 * time.Hour), Idle: time.Hour})
		r.must(r.db.Commit(r.ctx, symbolon.PutSession{Session: sessions[len(sessions)-1]}))
	}
	grant = symbolon.Authorization{ID: symbolon.NewAuthorizationID(), User: id, Client: "app", Session: sessions[0].ID, Created: r.clock(), Expires: r.clock().Add(90 * 24 * time.Hour)}
	r.must(r.db.Commit(r.ctx, symbolon.PutAuthorization{Authorization: grant}))
	return sessions, grant
}

func (r *room) told(what ...symbolon.EventType) []symbolon.Event {
	r.Helper()
	all, err := r.db.EventsAfter(r.ctx, 0, 1000)
	r.must(err)
	return slices.DeleteFunc(all, func(e symbolon.Event) bool { return !slices.Contains(what, e.Type) })
}

func TestPutCreatesThenChangesAndTellsWhichFields(t *testing.T) { // S11
	r := open(t)
	r.put(symbolon.User{Login: " alice ", Name: "Alice", Groups: []symbolon.GroupID{"b", "a", "b"}, PasswordHash: "$argon2id$x"})
	alice := r.get("ALICE")
	if alice.Login != "alice" || alice.ID == "" || !slices.Equal(alice.Groups, []symbolon.GroupID{"a", "b"}) || !alice.Created.Equal(r.clock()) {
		t.Errorf("created %+v", alice)
	}
	r.pass(time.Minute)
	next := symbolon.User{Login: "alice", Name: "Alice L.", Email: "alice@example.com", Groups: []symbolon.GroupID{"b", "a"},
		Attributes: map[string]symbolon.Attribute{"cost_center": {Value: "42", Source: "declared", At: r.clock()}}}
	r.put(next)
	r.put(next) // the same again changes nothing
	told := r.told(symbolon.UserCreated, symbolon.UserChanged)
	if len(told) != 2 || told[0].Type != symbolon.UserCreated || told[1].User != alice.ID || told[1].Actor != "usr_admin" || told[1].RequestID != "req_1" {
		t.Fatalf("news %+v", told)
	}
	if got := fmt.Sprint(told[1].Data["fields"]); got != "[name email attributes]" {
		t.Errorf("changed fields %s", got)
	}
	if fmt.Sprint(told) != strings.ReplaceAll(fmt.Sprint(told), "example.com", "") {
		t.Error("the news holds a value")
	}
	after := r.get("alice")
	if after.PasswordHash != "$argon2id$x" || !after.Created.Equal(alice.Created) || !after.Updated.Equal(r.clock()) {
		t.Errorf("changed %+v", after)
	}
}

func TestPutIsAllOrNothing(t *testing.T) {
	r := open(t)
	r.want(symbolon.Invalid, r.people.Put(r.ctx, "usr_admin", "", symbolon.User{Login: "alice"}, symbolon.User{Login: ""}))
	r.want(symbolon.NotFound, r.people.Put(r.ctx, "usr_admin", "", symbolon.User{Login: "alice"}, symbolon.User{ID: "usr_unknown", Login: "bob"}))
	if list, err := r.people.List(r.ctx, "", 0); err != nil || len(list) != 0 {
		t.Errorf("half of it is there: %+v, %v", list, err)
	}
	r.put(symbolon.User{Login: "alice"}, symbolon.User{Login: "bob"})
	bob := *r.get("bob")
	bob.Login = "Alice"
	r.want(symbolon.Conflict, r.people.Put(r.ctx, "usr_admin", "", bob))
}

func TestWhatNoPersonCanHave(t *testing.T) {
	r := open(t)
	many := make([]symbolon.GroupID, 300)
	for i := range many {
		many[i] = symbolon.GroupID(fmt.Sprintf("g%d", i))
	}
	for name, bad := range map[string]symbolon.User{
		"no login":            {},
		"blank login":         {Login: " \t "},
		"long login":          {Login: strings.Repeat("x", 129)},
		"control character":   {Login: "a\x00b"},
		"newline":             {Login: "a\nb"},
		"invisible":           {Login: "ali\u200bce"},
		"turned around":       {Login: "\u202eecila"},
		"not UTF-8":           {Login: "\xff"},
		"long name":           {Login: "a", Name: strings.Repeat("x", 257)},
		"name with a newline": {Login: "a", Name: "A\r\nBcc: all"},
		"no address":          {Login: "a", Email: "nobody"},
		"two addresses":       {Login: "a", Email: "a@x,b@y"},
		"odd organisation":    {Login: "a", Organisation: "no spaces"},
		"odd group":           {Login: "a", Groups: []symbolon.GroupID{"a b"}},
		"too many groups":     {Login: "a", Groups: many},
		"odd attribute":       {Login: "a", Attributes: map[string]symbolon.Attribute{"": {}}},
		"huge attribute":      {Login: "a", Attributes: map[string]symbolon.Attribute{"x": {Value: strings.Repeat("x", 5000)}}},
		"strange attribute":   {Login: "a", Attributes: map[string]symbolon.Attribute{"x": {Value: make(chan int)}}},
		"a bare password":     {Login: "a", PasswordHash: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			r.want(symbolon.Invalid, r.people.Put(r.ctx, "usr_admin", "", bad))
		})
	}
}

func TestDisablingEndsEverythingAtOnce(t *testing.T) { // S20, S21
	for name, disable := range map[string]func(*room, symbolon.User) error{
		"by Disable": func(r *room, u symbolon.User) error {
			return r.people.Disable(r.ctx, u.ID, "usr_admin", "left the company", "req_7")
		},
		"by Put": func(r *room, u symbolon.User) error {
			u.Disabled = true
			return r.people.Put(r.ctx, "usr_admin", "req_7", u)
		},
		"by Delete": func(r *room, u symbolon.User) error { return r.people.Delete(r.ctx, u.ID, "usr_admin", "req_7") },
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			r.put(symbolon.User{Login: "alice"}, symbolon.User{Login: "bob"})
			alice, bob := r.get("alice"), r.get("bob")
			sessions, grant := r.busy(alice.ID)
			bobs, _ := r.busy(bob.ID)
			r.pass(time.Minute)
			mend := storetest.Break(t, r.db, "revocations")
			if disable(r, *alice) == nil {
				t.Fatal("disabled without marks")
			}
			mend()
			if untouched := r.get("alice"); untouched.Disabled {
				t.Fatal("half disabled")
			}
			r.must(disable(r, *alice))
			for _, s := range sessions {
				if stored, err := r.db.Session(r.ctx, s.ID); err == nil && stored.Ended.IsZero() {
					t.Errorf("session %s goes on", s.ID)
				}
			}
			if stored, err := r.db.Session(r.ctx, bobs[0].ID); err != nil || !stored.Ended.IsZero() {
				t.Error("another person's session ended")
			}
			marks, err := r.db.Revocations(r.ctx, string(sessions[0].ID), string(sessions[1].ID), string(grant.ID), string(alice.ID))
			r.must(err)
			if len(marks) != 4 {
				t.Fatalf("marks %+v", marks)
			}
			for _, m := range marks {
				if m.Until.Before(grant.Expires) || (m.Target == string(alice.ID)) == m.Before.IsZero() {
					t.Errorf("mark %+v", m)
				}
			}
			if told := r.told(symbolon.SessionEnded, symbolon.AuthorizationRevoked); len(told) != 3 || told[0].RequestID != "req_7" || told[0].User != alice.ID {
				t.Errorf("news %+v", told)
			}
			if told := r.told(symbolon.UserDisabled, symbolon.UserDeleted); len(told) != 1 || told[0].User != alice.ID {
				t.Errorf("news %+v", told)
			}
		})
	}
}

func TestEnablingBringsNothingBack(t *testing.T) { // S20
	r := open(t)
	r.put(symbolon.User{Login: "alice"})
	alice := r.get("alice")
	sessions, grant := r.busy(alice.ID)
	link, err := r.people.Enrol(r.ctx, alice.ID, "usr_admin", "")
	r.must(err)
	r.pass(time.Minute)
	r.must(r.people.Disable(r.ctx, alice.ID, "usr_admin", "", ""))
	r.must(r.people.Disable(r.ctx, alice.ID, "usr_admin", "", ""))
	_, err = r.people.OpenEnrolment(r.ctx, link.Reveal())
	r.want(symbolon.Invalid, err)
	_, err = r.people.Enrol(r.ctx, alice.ID, "usr_admin", "")
	r.want(symbolon.Denied, err)
	r.put(symbolon.User{Login: "alice", Name: "Alice"}) // a stale copy that says nothing of it
	if !r.get("alice").Disabled {
		t.Fatal("a change of name enabled her")
	}
	r.pass(time.Minute)
	r.must(r.people.Enable(r.ctx, alice.ID, "usr_admin", ""))
	if r.get("alice").Disabled || len(r.told(symbolon.UserEnabled)) != 1 || len(r.told(symbolon.UserDisabled)) != 1 {
		t.Error("not enabled, or not told once")
	}
	if stored, err := r.db.Session(r.ctx, sessions[0].ID); err != nil || stored.Ended.IsZero() {
		t.Error("a session came back")
	}
	marks, err := r.db.Revocations(r.ctx, string(grant.ID), string(sessions[0].ID))
	r.must(err)
	if len(marks) != 2 {
		t.Errorf("marks %+v", marks)
	}
	_, err = r.people.OpenEnrolment(r.ctx, link.Reveal())
	r.want(symbolon.Invalid, err)
	fresh, err := r.people.Enrol(r.ctx, alice.ID, "usr_admin", "")
	r.must(err)
	_, err = r.people.OpenEnrolment(r.ctx, fresh.Reveal())
	r.must(err)
}

func TestALinkWorksOnceWithinADay(t *testing.T) { // S17
	r := open(t)
	r.put(symbolon.User{Login: "alice"})
	alice := r.get("alice")
	link, err := r.people.Enrol(r.ctx, alice.ID, "usr_admin", "req_3")
	r.must(err)
	if told := r.told(symbolon.EnrolmentCreated); len(told) != 1 || told[0].User != alice.ID || told[0].Actor != "usr_admin" {
		t.Errorf("news %+v", told)
	}
	first, err := r.people.OpenEnrolment(r.ctx, link.Reveal())
	r.must(err)
	again, err := r.people.OpenEnrolment(r.ctx, link.Reveal()) // looking uses nothing
	r.must(err)
	if first.User.ID != alice.ID || !first.Expires.Equal(r.clock().Add(24*time.Hour)) {
		t.Errorf("enrolment %+v", first)
	}
	r.must(r.db.Commit(r.ctx, first.Use()...))
	r.want(symbolon.Conflict, r.db.Commit(r.ctx, again.Use()...))
	_, err = r.people.OpenEnrolment(r.ctx, link.Reveal())
	r.want(symbolon.Invalid, err)

	late, err := r.people.Enrol(r.ctx, alice.ID, "usr_admin", "")
	r.must(err)
	r.pass(24 * time.Hour)
	_, err = r.people.OpenEnrolment(r.ctx, late.Reveal())
	r.want(symbolon.Invalid, err)
}

func TestWhatIsNoLink(t *testing.T) {
	r := open(t)
	r.put(symbolon.User{Login: "alice"})
	code := token.NewOpaque(token.PrefixTicket)
	r.must(r.db.Commit(r.ctx, symbolon.IssueTicket{Ticket: symbolon.Ticket{Hash: code.Hash(), Kind: symbolon.CodeTicket, User: r.get("alice").ID, Expires: r.clock().Add(time.Hour)}}))
	for name, raw := range map[string]string{
		"nothing": "", "garbage": "symx_abc", "unknown": token.NewOpaque(token.PrefixTicket).Reveal(), "a session": token.NewOpaque(token.PrefixSession).Reveal(), "a code": code.Reveal(),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.people.OpenEnrolment(r.ctx, raw)
			r.want(symbolon.Invalid, err)
		})
	}
	_, err := r.people.Enrol(r.ctx, "usr_unknown", "usr_admin", "")
	r.want(symbolon.NotFound, err)
}

func TestADeletedPersonIsGone(t *testing.T) {
	r := open(t)
	r.put(symbolon.User{Login: "alice"})
	alice := r.get("alice")
	link, err := r.people.Enrol(r.ctx, alice.ID, "usr_admin", "")
	r.must(err)
	r.must(r.people.Delete(r.ctx, alice.ID, "usr_admin", ""))
	r.want(symbolon.NotFound, r.people.Delete(r.ctx, alice.ID, "usr_admin", ""))
	_, err = r.people.OpenEnrolment(r.ctx, link.Reveal())
	r.want(symbolon.Invalid, err)
	_, err = r.people.Get(r.ctx, alice.ID)
	r.want(symbolon.NotFound, err)
	r.put(symbolon.User{Login: "alice"})
	if r.get("alice").ID == alice.ID {
		t.Error("a new person has the old id")
	}
}

// TestNoChangeIsLostBetweenReplicas lets many change one person at once: a change made on a stale
// copy would take the disabling back.
func TestNoChangeIsLostBetweenReplicas(t *testing.T) { // S15
	r := open(t)
	r.put(symbolon.User{Login: "alice"})
	alice := r.get("alice")
	other := directory.New(r.db, r.clock)
	var wg sync.WaitGroup
	for i := range 8 {
		changed := *alice
		changed.Name = fmt.Sprintf("Alice %d", i)
		wg.Go(func() {
			var ours *symbolon.Error
			if err := other.Put(r.ctx, "usr_admin", "", changed); err != nil && (!errors.As(err, &ours) || ours.Kind != symbolon.Conflict) {
				t.Errorf("put: %v", err)
			}
		})
	}
	wg.Go(func() {
		for r.people.Disable(r.ctx, alice.ID, "usr_admin", "", "") != nil {
			continue
		}
	})
	wg.Wait()
	if !r.get("alice").Disabled {
		t.Error("she is enabled again")
	}
}

func TestListGoesOnAfterALogin(t *testing.T) {
	r := open(t)
	for i := range 5 {
		r.put(symbolon.User{Login: fmt.Sprintf("user%d", i)})
	}
	page, err := r.people.List(r.ctx, "user1", 2)
	r.must(err)
	if len(page) != 2 || page[0].Login != "user2" || page[1].Login != "user3" {
		t.Errorf("page %+v", page)
	}
}
