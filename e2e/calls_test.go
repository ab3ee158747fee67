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
	request, err := http.NewRequest(http.MethodPost, w.Issuer+path, strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	}
	return w.do(request, err)
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
