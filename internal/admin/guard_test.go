package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
)

// operations lists every operation from the API's own description, with its path filled in.
func operations(t *testing.T) map[string]string {
	t.Helper()
	var description struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(must(admin.Description()), &description); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"metrics": "GET /metrics", "openapi": "GET /openapi.json"}
	for path, methods := range description.Paths {
		for method, operation := range methods {
			all[operation.OperationID] = strings.ToUpper(method) + " " + strings.ReplaceAll(strings.TrimPrefix(path, admin.Prefix), "{id}", "some-id")
		}
	}
	return all
}

// S1, S3, S5: there is no operation that a stranger, a service or a person without a policy may use.
func TestEveryOperationIsDeniedByDefault(t *testing.T) {
	w := newWorld(t)
	callers := map[string]struct {
		token     string
		status    int
		challenge string
	}{
		"nobody at all":                  {"", http.StatusUnauthorized, `Bearer realm="symbolon"`},
		"rubbish":                        {"syma_rubbish", http.StatusUnauthorized, `error="invalid_token"`},
		"a token for another audience":   {w.service("operator", "wiki"), http.StatusUnauthorized, `error="invalid_token"`},
		"a service without a policy":     {w.service("nobody"), http.StatusForbidden, `error="insufficient_scope"`},
		"a person without a policy":      {w.person("bob", symbolon.ACRPhishing), http.StatusForbidden, `error="insufficient_scope"`},
		"an administrator by a password": {w.person("ada", symbolon.ACRSingle), http.StatusForbidden, `acr_values="phr"`},
	}
	for id, operation := range operations(t) {
		method, path, _ := strings.Cut(operation, " ")
		w.pass(10 * time.Second)
		for name, c := range callers {
			if id == "openapi" && c.status == http.StatusForbidden {
				continue // whoever has a token for the API may read what it is
			}
			body := `{"anything": 1}`
			if id == "apply" {
				body = `{}` // it asks for what is in it; see TestASetIsJudgedByEachKindInIt
			}
			answer := w.call(c.token, method, path, body)
			answer.problem(c.status)
			if got := answer.Header().Get("WWW-Authenticate"); !strings.Contains(got, c.challenge) {
				t.Errorf("%s as %s: challenge %q", id, name, got) // RFC 6750 §3, RFC 9470 §3
			}
		}
	}
}

// S4: a refusal names what was refused, the policies that did it, and what would lift it.
func TestARefusalHelpsAndIsCounted(t *testing.T) {
	w := newWorld(t)
	p := w.call(w.person("ada", symbolon.ACRSingle), "GET", "/users", nil).problem(http.StatusForbidden)
	if len(p.Remedies) != 1 || p.Remedies[0].ACR != symbolon.ACRPhishing || len(p.Policies) == 0 || !strings.Contains(p.Detail, "users.read") {
		t.Errorf("%+v", p)
	}
	if e := w.ledger.last(); e.Kind != "admin" || e.Effect != "challenge" || e.Action != "users.read" || e.Request != p.RequestID || e.Version == "" {
		t.Errorf("%+v", e)
	}
	w.call(w.person("ada", symbolon.ACRPhishing), "GET", "/users", nil).want(http.StatusOK)
	if e := w.ledger.last(); e.Effect != "allow" || len(e.Policies) == 0 {
		t.Errorf("%+v", e)
	}
}

// S20: a caller whose trust is withdrawn is out at the next request.
func TestWithdrawnTrustEndsAtOnce(t *testing.T) {
	for name, withdraw := range map[string]func(w *world){
		"user disabled": func(w *world) { w.check(w.directory.Disable(ctx, w.user("ada").ID, "test", "", "")) },
		"user deleted":  func(w *world) { w.check(w.directory.Delete(ctx, w.user("ada").ID, "test", "")) },
		"session ended": func(w *world) {
			_, err := w.sessions.EndAll(ctx, w.user("ada").ID, "", "test", "", "")
			w.check(err)
		},
		"client disabled": func(w *world) {
			w.call(w.service("operator"), "PUT", "/clients/operator", symbolon.Client{ID: "operator", Disabled: true, Secrets: []symbolon.ClientSecret{{SHA256: secretHash}}}).want(200)
		},
		"time": func(w *world) { w.pass(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			token := w.person("ada", symbolon.ACRPhishing)
			w.call(token, "GET", "/users", nil).want(http.StatusOK)
			w.pass(time.Second)
			withdraw(w)
			w.call(token, "GET", "/users", nil).problem(http.StatusUnauthorized)
		})
	}
	t.Run("group left", func(t *testing.T) {
		w := newWorld(t)
		token := w.person("ada", symbolon.ACRPhishing)
		w.check(w.directory.Put(ctx, "test", "", symbolon.User{Login: "ada"}))
		w.call(token, "GET", "/users", nil).problem(http.StatusForbidden)
	})
}

func TestATokenStandsInItsHeaderAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	w.call("", "GET", "/users?access_token="+token, nil).problem(http.StatusUnauthorized)
	w.call("", "GET", "/users", nil, "Cookie: symbolon-sso="+token).problem(http.StatusUnauthorized)
	w.call("", "GET", "/users", nil, "Authorization: Basic "+token).problem(http.StatusUnauthorized)
	w.call("", "GET", "/users", nil, "X-Forwarded-For: 127.0.0.1", "X-Remote-User: ada").problem(http.StatusUnauthorized)
	w.call("", "GET", "/users", nil, "Authorization: bearer "+token).want(http.StatusOK)
}

// S3: an unknown route is refused as a known one is, before anything is said about it.
func TestUnknownRoutesAreRefusedToStrangersAndUnknownToOthers(t *testing.T) {
	w := newWorld(t)
	for _, route := range []string{"GET /secrets", "PATCH /users/x", "GET /openapi.yaml", "GET /schemas/User.json", "GET /docs", "OPTIONS /users"} {
		method, path, _ := strings.Cut(route, " ")
		w.call("", method, path, nil).problem(http.StatusUnauthorized)
		w.call(w.service("operator"), method, path, nil).problem(http.StatusNotFound)
	}
}

func TestACallerIsPaced(t *testing.T) {
	w := newWorld(t)
	greedy, other := w.service("operator"), w.service("broker")
	refused := 0
	for range 300 {
		if answer := w.call(greedy, "GET", "/keys", nil); answer.Code == http.StatusTooManyRequests {
			if answer.problem(http.StatusTooManyRequests); answer.Header().Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
			refused++
		}
	}
	if refused != 100 {
		t.Errorf("%d of 300 at one instant were refused", refused)
	}
	w.call(other, "GET", "/snapshot", nil).want(http.StatusOK)
	w.pass(time.Second)
	w.call(greedy, "GET", "/keys", nil).want(http.StatusOK)
}

func TestBodiesAreBounded(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	long := func(n int) string { return `{"id": "x", "name": "` + strings.Repeat("x", n) + `"}` }
	w.call(token, "PUT", "/organisations/x", long(2<<20)).problem(http.StatusRequestEntityTooLarge)
	w.call(token, "POST", "/apply", `{"objects": [`+strings.Repeat(" ", 17<<20)+`]}`).problem(http.StatusRequestEntityTooLarge)
	w.call(token, "POST", "/apply", `{"objects": [`+strings.Repeat(" ", 1<<20)+`]}`).want(http.StatusOK)
}

// S26, S47: what a caller sent may hold secrets; a refusal and the log repeat none of it.
func TestRefusalsRepeatNothingThatWasSent(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	const hush = "hush-hush-hush"
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/users", `{"login": "eve", "password_hash": "` + hush + `"}`},
		{"POST", "/users", `{"login": "eve", "pasword_hash": "` + hush + `"}`},
		{"POST", "/users", `{"password_hash": "` + hush + `"}`},
		{"POST", "/users", `{"login": ["` + hush + `"]}`},
		{"POST", "/users", `{"login": "` + hush + ``},
		{"PUT", "/clients/x", `{"client_id": "x", "secrets": [{"sha256": "` + hush + `"}]}`},
		{"PUT", "/clients/x", `{"client_id": "x", "secrets": [{"secret": "` + hush + `"}]}`},
		{"POST", "/apply", `{"people": [{"login": "eve", "password_hash": "` + hush + `"}]}`},
		{"POST", "/apply", `{"objects": [{"kind": "client", "id": "x", "doc": {"client_id": "x", "secrets": [{"sha256": "` + hush + `"}]}}]}`},
	} {
		answer := w.call(token, c.method, c.path, c.body)
		if answer.Code != http.StatusBadRequest && answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", c.body, answer.Code, answer.Body)
		}
		answer.problem(answer.Code)
		if strings.Contains(answer.Body.String(), hush) {
			t.Errorf("%s: the answer repeats it: %s", c.body, answer.Body)
		}
	}
	if strings.Contains(w.log.String(), hush) || strings.Contains(w.log.String(), token) {
		t.Errorf("the log repeats it: %s", w.log.String())
	}
}

func TestABrokerMayReadWhatItDecidesOnAndNothingElse(t *testing.T) {
	w := newWorld(t)
	token := w.service("broker")
	for id, operation := range operations(t) {
		method, path, _ := strings.Cut(operation, " ")
		w.pass(time.Second)
		switch answer := w.call(token, method, path, `{}`); id {
		case "get-snapshot", "openapi":
			answer.want(http.StatusOK)
		case "add-ledger":
			answer.want(http.StatusUnprocessableEntity)
		default:
			answer.problem(http.StatusForbidden)
		}
	}
}
