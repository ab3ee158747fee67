package admin_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
)

type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

func TestTheDescriptionIsCurrent(t *testing.T) {
	written, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != string(must(admin.Description())) {
		t.Fatal("internal/admin/openapi.json is not what the code says; run `make docs`")
	}
	w := newWorld(t)
	var served struct{ OpenAPI string }
	w.call(w.service("nobody"), "GET", "/openapi.json", nil).want(http.StatusOK).into(&served)
	if !strings.HasPrefix(served.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", served.OpenAPI)
	}
}

// S45, S20: the life of a person, each step in the audit trail.
func TestTheLifeOfAPerson(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	var eve symbolon.User
	w.call(token, "POST", "/users", `{"login": "eve", "name": "Eve", "groups": ["policy-editors"], "attributes": {"office": "B12"}}`).want(http.StatusCreated).into(&eve)
	if eve.ID == "" || eve.Name != "Eve" || eve.Attributes["office"].Source != "declared" {
		t.Fatalf("%+v", eve)
	}
	w.call(token, "POST", "/users", `{"login": "EVE"}`).problem(http.StatusConflict)
	path := "/users/" + string(eve.ID)
	w.call(token, "PUT", path, `{"login": "eve", "name": "Eva"}`).want(http.StatusOK).into(&eve)
	eve = symbolon.User{ID: eve.ID}
	w.call(token, "GET", path, nil).want(http.StatusOK).into(&eve)
	if eve.Name != "Eva" || len(eve.Groups) != 0 {
		t.Errorf("%+v", eve)
	}
	var found list[symbolon.User]
	w.call(token, "GET", "/users?login=eve", nil).want(http.StatusOK).into(&found)
	if len(found.Items) != 1 || found.Items[0].ID != eve.ID {
		t.Errorf("%+v", found)
	}
	var link admin.Enrolment
	w.call(token, "POST", path+"/enrolment", nil).want(http.StatusCreated).into(&link)
	if !strings.HasPrefix(link.URL, iss+"/enrol?token=symx_") {
		t.Errorf("link %s", link.URL)
	}
	session := w.signIn("eve")
	var sessions list[symbolon.Session]
	w.call(token, "GET", path+"/sessions", nil).want(http.StatusOK).into(&sessions)
	if len(sessions.Items) != 1 || sessions.Items[0].ID != session {
		t.Errorf("%+v", sessions)
	}
	w.call(token, "DELETE", path+"/sessions", nil).want(http.StatusNoContent)
	w.call(token, "POST", path+"/disable", nil).want(http.StatusNoContent)
	w.call(token, "POST", path+"/enable", nil).want(http.StatusNoContent)
	w.call(token, "DELETE", path, nil).want(http.StatusNoContent)
	for _, method := range []string{"GET", "DELETE"} {
		w.call(token, method, path, nil).problem(http.StatusNotFound)
	}
	w.call(token, "PUT", path, `{"login": "eve"}`).problem(http.StatusNotFound)
	for _, e := range []symbolon.EventType{symbolon.UserCreated, symbolon.UserChanged, symbolon.EnrolmentCreated, symbolon.SessionEnded,
		symbolon.UserDisabled, symbolon.UserEnabled, symbolon.UserDeleted} {
		trail := w.eventsAbout(eve.ID, e)
		if len(trail) != 1 || trail[0].Actor != "operator" || trail[0].RequestID == "" {
			t.Errorf("%s: %+v", e, trail)
		}
	}
}

func (w *world) eventsAbout(user symbolon.UserID, kind symbolon.EventType) []symbolon.Event {
	found, err := w.db.SearchEvents(ctx, symbolon.EventQuery{Types: []symbolon.EventType{kind}, Subject: string(user), Limit: 10})
	w.check(err)
	return found
}

func TestPeopleComeInPages(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	var logins []string
	for after := ""; ; {
		var p list[symbolon.User]
		w.call(token, "GET", "/users?limit=1&after="+after, nil).want(http.StatusOK).into(&p)
		for _, u := range p.Items {
			logins = append(logins, u.Login)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	if strings.Join(logins, " ") != "ada bob" {
		t.Errorf("%v", logins)
	}
	w.call(token, "GET", "/users?limit=0", nil).problem(http.StatusUnprocessableEntity)
	w.call(token, "GET", "/users?limit=100000", nil).problem(http.StatusUnprocessableEntity)
}

// S20: a session or an authorization that is ended by an administrator takes its tokens along.
func TestSessionsAndAuthorizationsAreEnded(t *testing.T) {
	w := newWorld(t)
	operator, ada := w.service("operator"), w.person("ada", symbolon.ACRPhishing)
	var sessions list[symbolon.Session]
	w.call(operator, "GET", "/sessions", nil).want(http.StatusOK).into(&sessions)
	if len(sessions.Items) != 1 {
		t.Fatalf("%+v", sessions)
	}
	w.call(operator, "DELETE", "/sessions/"+string(sessions.Items[0].ID), nil).want(http.StatusNoContent)
	w.call(ada, "GET", "/users", nil).problem(http.StatusUnauthorized)
	w.call(operator, "DELETE", "/sessions/ses_none", nil).problem(http.StatusNotFound)

	ada = w.person("ada", symbolon.ACRPhishing)
	claims, err := w.tokens.Open(ctx, ada)
	w.check(err)
	w.call(operator, "DELETE", "/authorizations/"+claims.Authorization, nil).want(http.StatusNoContent)
	w.call(ada, "GET", "/users", nil).problem(http.StatusUnauthorized)
	w.call(operator, "DELETE", "/authorizations/aut_none", nil).problem(http.StatusNotFound)
}

// S4, S21: every declared kind is written, read, listed and removed alike, against lost updates.
func TestTheLifeOfEveryKind(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	for plural, doc := range map[string]string{
		"clients":       `{"client_id": "thing", "client_name": "%", "grant_types": ["client_credentials"], "secrets": [{"sha256": "` + secretHash + `"}]}`,
		"resources":     `{"id": "thing", "identifier": "https://thing.example", "name": "%"}`,
		"policies":      `{"id": "thing", "text": "// %\n@id(\"thing\")\npermit(principal, action == Action::\"login\", resource);"}`,
		"groups":        `{"id": "thing", "description": "%"}`,
		"organisations": `{"id": "thing", "name": "%"}`,
	} {
		t.Run(plural, func(t *testing.T) {
			w.t = t
			w.pass(time.Second)
			path := "/" + plural + "/thing"
			version := func(v string) string { return strings.ReplaceAll(doc, "%", v) }
			w.call(token, "GET", path, nil).problem(http.StatusNotFound)
			w.call(token, "PUT", path, version("one"), "If-Match: *").problem(http.StatusPreconditionFailed)
			w.call(token, "PUT", path, version("one"), `If-Match: "1"`).problem(http.StatusPreconditionFailed)
			first := w.call(token, "PUT", path, version("one"), "If-None-Match: *").want(http.StatusOK).Header().Get("ETag")
			w.call(token, "PUT", path, version("two"), "If-None-Match: *").problem(http.StatusPreconditionFailed)
			second := w.call(token, "PUT", path, version("two"), "If-Match: "+first).want(http.StatusOK).Header().Get("ETag")
			w.call(token, "PUT", path, version("three"), "If-Match: "+first).problem(http.StatusPreconditionFailed)
			w.call(token, "PUT", path, version("three"), "If-Match: *").want(http.StatusOK)
			w.call(token, "PUT", path, version("four")).want(http.StatusOK)
			for _, odd := range []string{"If-Match: W/" + second, "If-Match: one", `If-Match: "1", "2"`, `If-None-Match: "1"`, `If-Match: "-1"`} {
				w.call(token, "PUT", path, version("five"), odd).problem(http.StatusBadRequest)
			}
			if got := w.call(token, "GET", path, nil).want(http.StatusOK); got.Header().Get("ETag") != `"4"` || !strings.Contains(got.Body.String(), "four") {
				t.Errorf("%v %s", got.Header(), got.Body)
			}
			if got := w.call(token, "GET", "/"+plural, nil).want(http.StatusOK); !strings.Contains(got.Body.String(), "four") {
				t.Error(got.Body)
			}
			w.call(token, "DELETE", path, nil, "If-Match: "+second).problem(http.StatusPreconditionFailed)
			w.call(token, "DELETE", path, nil, `If-Match: "4"`).want(http.StatusNoContent)
			w.call(token, "DELETE", path, nil).problem(http.StatusNotFound)
			w.call(token, "PUT", "/"+plural+"/other", version("one")).problem(http.StatusBadRequest)
			w.call(token, "PUT", path, `{"unknown": 1}`).problem(http.StatusUnprocessableEntity)
		})
	}
}

func TestKeysAreListedAndReplaced(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	keys := func() (signing []symbolon.KeyID) {
		var l list[admin.SigningKey]
		answer := w.call(token, "GET", "/keys", nil).want(http.StatusOK)
		if answer.into(&l); strings.Contains(answer.Body.String(), "rivate") {
			t.Error(answer.Body)
		}
		for _, k := range l.Items {
			if k.State == "signing" {
				signing = append(signing, k.ID)
			}
		}
		return signing
	}
	before := keys()
	w.pass(time.Second)
	w.call(token, "POST", "/keys/rotate", `{"alg": "ES256"}`).want(http.StatusNoContent)
	w.pass(time.Second)
	if after := keys(); len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("%v, then %v", before, after)
	}
	w.call(token, "POST", "/keys/rotate", `{"alg": "none"}`).problem(http.StatusUnprocessableEntity)
	if told := w.events(symbolon.KeyRotated); len(told) == 0 || told[0].Actor != "operator" {
		t.Errorf("%+v", told)
	}
	w.call(token, "GET", "/keys", nil).want(http.StatusOK) // what the old key signed still holds
}

func TestTheTrailIsSearched(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	w.pass(time.Minute)
	begun := w.clock()
	id := string(w.user("bob").ID)
	w.call(token, "POST", "/users/"+id+"/disable", nil).want(http.StatusNoContent)
	search := func(query string) []symbolon.Event {
		var l list[symbolon.Event]
		w.call(token, "GET", "/audit/events?"+query, nil).want(http.StatusOK).into(&l)
		return l.Items
	}
	for query, want := range map[string]int{
		"type=user.disabled": 1, "type=user.disabled,user.enabled&actor=operator": 1, "actor=nobody": 0,
		"subject=" + id + "&from=" + begun.Format(time.RFC3339Nano): 1, "to=" + begun.Format(time.RFC3339Nano) + "&type=user.disabled": 0,
		"limit=2": 2, "type=user.disabled&before=1": 0,
	} {
		if got := search(query); len(got) != want {
			t.Errorf("%s: %d entries, want %d", query, len(got), want)
		}
	}
	w.call(token, "GET", "/audit/events?from=yesterday", nil).problem(http.StatusUnprocessableEntity)
	w.call(token, "GET", "/audit/ledger?effect=maybe", nil).problem(http.StatusUnprocessableEntity)
}

// S3, S15: what brokers count is kept and found, and nobody can write nonsense into it.
func TestTheLedgerIsBoundedAndSearched(t *testing.T) {
	w := newWorld(t)
	broker, operator := w.service("broker"), w.service("operator")
	now := w.clock()
	entry := func(change func(*symbolon.LedgerEntry)) map[string]any {
		e := symbolon.LedgerEntry{Hour: now.Truncate(time.Hour), Kind: "access", Effect: "deny", Subject: "usr_1", Resource: "wiki", Count: 3, First: now, Last: now, Policies: []string{"p"}}
		change(&e)
		return map[string]any{"entries": []symbolon.LedgerEntry{e}}
	}
	same := func(*symbolon.LedgerEntry) {}
	w.call(broker, "POST", "/ledger", entry(same)).want(http.StatusNoContent)
	w.call(broker, "POST", "/ledger", entry(same)).want(http.StatusNoContent)
	var found list[symbolon.LedgerEntry]
	w.call(operator, "GET", "/audit/ledger?effect=deny&resource=wiki&subject=usr_1", nil).want(http.StatusOK).into(&found)
	if len(found.Items) != 1 || found.Items[0].Count != 6 {
		t.Errorf("%+v", found)
	}
	for name, spoil := range map[string]func(*symbolon.LedgerEntry){
		"no count":       func(e *symbolon.LedgerEntry) { e.Count = 0 },
		"negative":       func(e *symbolon.LedgerEntry) { e.Count = -5 },
		"overflow":       func(e *symbolon.LedgerEntry) { e.Count = 1 << 62 },
		"effect":         func(e *symbolon.LedgerEntry) { e.Effect = "allowed" },
		"half an hour":   func(e *symbolon.LedgerEntry) { e.Hour = e.Hour.Add(30 * time.Minute) },
		"long ago":       func(e *symbolon.LedgerEntry) { *e = moved(*e, -60*24*time.Hour) },
		"to come":        func(e *symbolon.LedgerEntry) { *e = moved(*e, time.Hour) },
		"long word":      func(e *symbolon.LedgerEntry) { e.Reason = strings.Repeat("x", 600) },
		"terminal codes": func(e *symbolon.LedgerEntry) { e.Subject = "\x1b[2J" },
		"many policies":  func(e *symbolon.LedgerEntry) { e.Policies = make([]string, 65) },
		"upside down":    func(e *symbolon.LedgerEntry) { e.Last = e.First.Add(-time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.call(broker, "POST", "/ledger", entry(spoil)).problem(http.StatusBadRequest)
		})
	}
	many := make([]symbolon.LedgerEntry, 10_001)
	w.call(broker, "POST", "/ledger", map[string]any{"entries": many}).problem(http.StatusUnprocessableEntity)
}

func moved(e symbolon.LedgerEntry, by time.Duration) symbolon.LedgerEntry {
	e.Hour, e.First, e.Last = e.Hour.Add(by), e.First.Add(by), e.Last.Add(by)
	return e
}

// A broker without a store decides like the issuer, on a snapshot that holds no secret.
func TestTheSnapshotDecidesAndHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	token := w.service("broker")
	answer := w.call(token, "GET", "/snapshot", nil).want(http.StatusOK)
	if text := answer.Body.String(); strings.Contains(text, secretHash) || strings.Contains(text, "sha256") || strings.Contains(text, "bob@") {
		t.Error("the snapshot holds what a broker must not know")
	}
	var view catalog.View
	answer.into(&view)
	read, err := catalog.Import(view)
	w.check(err)
	decision := read.Policy.Decide(policy.Request{Principal: policy.Entity{UID: policy.UID{Type: "Service", ID: "broker"}}, Action: "snapshot.read",
		Resource: policy.Entity{UID: policy.UID{Type: "Administration", ID: "snapshot"}},
		Context:  map[string]any{"acr": "", "level": int64(0), "phishing_resistant": false, "auth_age": int64(0), "scopes": []string{}, "amr": []string{}}})
	if read.Version != w.catalog.Current().Version || !decision.Allowed() {
		t.Errorf("the snapshot decides otherwise: %+v", decision)
	}
	tag := answer.Header().Get("ETag")
	if again := w.call(token, "GET", "/snapshot", nil, "If-None-Match: "+tag).want(http.StatusNotModified); again.Body.Len() > 0 {
		t.Error(again.Body)
	}
	w.call(w.service("operator"), "PUT", "/organisations/new", `{"id": "new"}`).want(http.StatusOK)
	w.call(token, "GET", "/snapshot", nil, "If-None-Match: "+tag).want(http.StatusOK)
}

func TestMetricsAreShownToWhomAPolicyPermits(t *testing.T) {
	w := newWorld(t)
	if page := w.call(w.service("operator"), "GET", "/metrics", nil).want(http.StatusOK); page.Body.String() != "up 1\n" {
		t.Error(page.Body)
	}
}
