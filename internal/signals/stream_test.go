package signals

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/verify"
)

// SSF 1.0 §7
func TestTheTransmitterDescribesItself(t *testing.T) {
	w := newWorld(t)
	got := w.ask("", "GET", "/.well-known/ssf-configuration", nil)
	want := object{"spec_version": "1_0", "issuer": iss, "jwks_uri": iss + "/jwks", "delivery_methods_supported": []any{verify.DeliveryPoll},
		"configuration_endpoint": iss + "/ssf/stream", "status_endpoint": iss + "/ssf/status", "add_subject_endpoint": iss + "/ssf/subjects/add",
		"remove_subject_endpoint": iss + "/ssf/subjects/remove", "verification_endpoint": iss + "/ssf/verify", "critical_subject_members": []any{"session"},
		"authorization_schemes": []any{object{"spec_urn": "urn:ietf:rfc:6749"}}, "default_subjects": "ALL"}
	if got.status != http.StatusOK || string(must(json.Marshal(got.body))) != string(must(json.Marshal(want))) {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

// SSF 1.0 §8.1.1
func TestAStreamIsMadeReadChangedAndDeleted(t *testing.T) {
	w := newWorld(t)
	made := w.ask("broker"+all, "POST", "/ssf/stream", object{"delivery": object{"method": verify.DeliveryPoll}, "description": "mine",
		"events_requested": []string{verify.SessionRevoked, "urn:unknown"}})
	id, _ := made.body["stream_id"].(string)
	delivery, _ := made.body["delivery"].(object)
	if made.status != http.StatusCreated || made.body["iss"] != iss || made.body["aud"] != "broker" || delivery["endpoint_url"] != iss+"/ssf/poll/"+id ||
		len(made.body["events_delivered"].([]any)) != 1 || len(made.body["events_requested"].([]any)) != 2 {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	read := w.ask("broker ssf.read", "GET", "/ssf/stream?stream_id="+id, nil)
	if read.status != http.StatusOK || read.body["description"] != "mine" || read.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", read.status, read.raw)
	}
	if list := w.ask("broker ssf.read", "GET", "/ssf/stream", nil); !strings.HasPrefix(list.raw, "[{") {
		t.Errorf("%s", list.raw)
	}
	if list := w.ask("partner ssf.read", "GET", "/ssf/stream", nil); list.status != http.StatusOK || strings.TrimSpace(list.raw) != "[]" {
		t.Errorf("%s", list.raw)
	}
	patched := w.ask("broker"+all, "PATCH", "/ssf/stream", object{"stream_id": id, "events_requested": []string{verify.TokenRevoked, verify.KeyRotated}, "iss": iss, "aud": "broker"})
	if patched.status != http.StatusOK || patched.body["description"] != "mine" || len(patched.body["events_delivered"].([]any)) != 2 {
		t.Errorf("%d %s", patched.status, patched.raw)
	}
	put := w.ask("broker"+all, "PUT", "/ssf/stream", object{"stream_id": id, "description": "new"})
	if put.status != http.StatusOK || put.body["description"] != "new" || put.body["events_requested"] != nil || len(put.body["events_delivered"].([]any)) != len(supported) {
		t.Errorf("%d %s", put.status, put.raw)
	}
	for name, wrong := range map[string]object{
		"another issuer": {"stream_id": id, "iss": "https://evil.example"}, "another audience": {"stream_id": id, "aud": "partner"},
		"another endpoint":  {"stream_id": id, "delivery": object{"method": verify.DeliveryPoll, "endpoint_url": "https://evil.example"}},
		"push":              {"stream_id": id, "delivery": object{"method": verify.DeliveryPush, "endpoint_url": "https://evil.example"}},
		"other deliveries":  {"stream_id": id, "events_delivered": []string{"urn:x"}},
		"too many events":   {"stream_id": id, "events_requested": slices.Repeat([]string{"urn:x"}, 65)},
		"no stream":         {"description": "x"},
		"an event too long": {"stream_id": id, "events_requested": []string{strings.Repeat("x", 300)}},
	} {
		if got := w.ask("broker"+all, "PATCH", "/ssf/stream", wrong); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if got := w.ask("broker"+all, "DELETE", "/ssf/stream?stream_id="+id, nil); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := w.ask("broker"+all, "POST", "/ssf/poll/"+id, object{}); got.status != http.StatusNotFound {
		t.Errorf("a deleted stream answers %d", got.status)
	}
}

// S5 S18: whoever may not is told so in the words of the standards, and another's stream is none.
func TestStreamsAreForThoseWhoMay(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	for name, c := range map[string]struct {
		as     string
		status int
		says   string
	}{
		"nobody":              {"", 401, `Bearer realm="symbolon"`},
		"without scope":       {"broker openid", 403, `error="insufficient_scope"`},
		"with reading alone":  {"broker ssf.read", 403, `error="insufficient_scope"`},
		"who has no permit":   {"stranger" + all, 403, ""},
		"who is not known":    {"ghost" + all, 403, ""},
		"of another receiver": {"partner" + all, 404, ""},
	} {
		for _, path := range []string{"/ssf/status", "/ssf/verify", "/ssf/subjects/add"} {
			got := w.ask(c.as, "POST", path, object{"stream_id": id, "status": "paused", "subject": object{"format": "opaque", "id": "x"}})
			if got.status != c.status || !strings.Contains(got.header.Get("WWW-Authenticate"), c.says) {
				t.Errorf("%s at %s: %d %s", name, path, got.status, got.header)
			}
		}
	}
	for _, path := range []string{"/ssf/poll/" + id, "/ssf/poll/str_none"} {
		if got := w.ask("partner"+all, "POST", path, object{"ack": []string{"x"}}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := w.ask("partner"+all, "DELETE", "/ssf/stream?stream_id="+id, nil); got.status != http.StatusNotFound {
		t.Errorf("somebody else's stream could be deleted: %d", got.status)
	}
}

// RFC 8417, RFC 9493, CAEP 1.0: each event leaves as what it is, about whom it is.
func TestEventsBecomeSecurityEventTokens(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	person := object{"format": "iss_sub", "iss": iss, "sub": "usr_1"}
	for name, c := range map[string]struct {
		event   symbolon.Event
		uri     string
		subject object
		says    object
	}{
		"a session ends": {symbolon.Event{Type: symbolon.SessionEnded, Actor: "admin", User: "usr_1", Session: "ses_1", Reason: "left"}, verify.SessionRevoked,
			object{"format": "complex", "user": person, "session": object{"format": "opaque", "id": "ses_1"}}, object{"initiating_entity": "admin", "reason_admin": object{"en": "left"}}},
		"a session rises": {symbolon.Event{Type: symbolon.SessionRaised, Actor: "usr_1", User: "usr_1", Session: "ses_1", Data: object{"acr": "phr"}}, verify.AssuranceLevelChange,
			object{"format": "complex", "user": person, "session": object{"format": "opaque", "id": "ses_1"}}, object{"current_level": "phr", "change_direction": "increase", "initiating_entity": "user"}},
		"a passkey is added": {symbolon.Event{Type: symbolon.CredentialAdded, Actor: "usr_1", User: "usr_1", Data: object{"kind": "passkey"}}, verify.CredentialChange, person, object{"change_type": "create", "credential_type": "fido2-platform"}},
		"a person changes":   {symbolon.Event{Type: symbolon.UserChanged, User: "usr_1"}, verify.TokenClaimsChange, person, object{"initiating_entity": "system"}},
		"a person goes":      {symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"}, verify.AccountDisabled, person, nil},
		"a token goes":       {symbolon.Event{Type: symbolon.TokenRevoked, User: "usr_1", Token: "tok_1"}, verify.TokenRevoked, object{"format": "jwt_id", "iss": iss, "jti": "tok_1"}, nil},
		"a grant goes":       {symbolon.Event{Type: symbolon.AuthorizationRevoked, Authorization: "aut_1"}, verify.AuthorizationRevoked, object{"format": "opaque", "id": "aut_1"}, nil},
		"a client goes":      {symbolon.Event{Type: symbolon.ClientDisabled, Client: "robot"}, verify.ClientDisabled, object{"format": "opaque", "id": "robot"}, nil},
		"the catalog moves":  {symbolon.Event{Type: symbolon.ObjectChanged}, verify.CatalogChanged, object{"format": "uri", "uri": iss}, nil},
		"a key turns":        {symbolon.Event{Type: symbolon.KeyRotated}, verify.KeyRotated, object{"format": "uri", "uri": iss}, nil},
	} {
		c.event.RequestID = "req_1"
		jti := w.happen(c.event)
		sets, _ := w.poll("broker", id, object{"returnImmediately": true})
		if len(sets) != 1 || sets[string(jti)] == "" {
			t.Fatalf("%s: %v", name, ids(sets))
		}
		payload := w.opened(sets[string(jti)])
		events, _ := payload["events"].(object)
		said, _ := events[c.uri].(object)
		if len(events) != 1 || said == nil || payload["jti"] != string(jti) || payload["iss"] != iss || payload["aud"] != "broker" || payload["txn"] != "req_1" ||
			payload["exp"] != nil || payload["sub"] != nil || string(must(json.Marshal(payload["sub_id"]))) != string(must(json.Marshal(c.subject))) {
			t.Errorf("%s: %v", name, payload)
		}
		for member, value := range c.says {
			if string(must(json.Marshal(said[member]))) != string(must(json.Marshal(value))) {
				t.Errorf("%s: %s is %v", name, member, said[member])
			}
		}
		w.poll("broker", id, object{"ack": ids(sets), "maxEvents": 0})
	}
	w.happen(symbolon.Event{Type: symbolon.LoginFailed, User: "usr_1"})
	if sets, _ := w.poll("broker", id, object{"returnImmediately": true}); len(sets) != 0 {
		t.Error("what is nobody's business left the house")
	}
}
