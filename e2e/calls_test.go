package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// answer is a status and a decoded JSON body.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (w *world) do(request *http.Request, err error) answer {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := w.http.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a
}

// as posts a form to an endpoint of the issuer, authenticated as a service.
func (w *world) as(s service, path string, form url.Values) answer {
	w.t.Helper()
	return w.do(w.form(s, path, form))
}

// token gets a token of a service for a resource.
func (w *world) token(s service, resource string) string {
	w.t.Helper()
	a := w.as(s, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {resource}})
	token, _ := a.json["access_token"].(string)
	if a.status != http.StatusOK || token == "" {
		w.t.Fatalf("no token of %s for %s: %d %s", s.ClientID, resource, a.status, a.text)
	}
	return token
}

func (w *world) exchange(s service, subject, resource string) answer {
	w.t.Helper()
	return w.as(s, "/token", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "resource": {resource},
		"subject_token": {subject}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}})
}

func (w *world) get(target, token string) answer {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodGet, target, http.NoBody)
	if err == nil && token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return w.do(request, err)
}

// admin calls the administration API.
func (w *world) admin(method, path string, body any) answer {
	w.t.Helper()
	var payload io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		payload = strings.NewReader(string(text))
	}
	request, err := http.NewRequest(method, w.Admin+path, payload)
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+w.AdminToken)
		request.Header.Set("Content-Type", "application/json")
	}
	return w.do(request, err)
}

// send is a request that may fail because a process is dead just now.
func (w *world) send(request *http.Request, err error) (int, map[string]any, error) {
	if err != nil {
		return 0, nil, err
	}
	response, err := w.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	members := map[string]any{}
	text, err := io.ReadAll(response.Body)
	_ = json.Unmarshal(text, &members)
	return response.StatusCode, members, err
}

func (w *world) form(s service, path string, form url.Values) (*http.Request, error) {
	request, err := http.NewRequest(http.MethodPost, w.Issuer+path, strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	}
	return request, err
}

func (w *world) tryToken(s service) (string, bool) {
	status, members, err := w.send(w.form(s, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {s.Resource}}))
	raw, _ := members["access_token"].(string)
	return raw, err == nil && status == http.StatusOK && raw != ""
}

func (w *world) tryRevoke(s service, raw string) bool {
	status, _, err := w.send(w.form(s, "/revoke", url.Values{"token": {raw}}))
	return err == nil && status == http.StatusOK
}

func (w *world) try(target, raw string) (int, error) {
	request, err := http.NewRequest(http.MethodGet, target, http.NoBody)
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+raw)
	}
	status, _, err := w.send(request, err)
	return status, err
}
