package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"symbolon.dev/internal/door"
)

// S3, S9: an issuer alone does not speak for other hosts, and says so in the words of HTTP.
func TestAnIssuerAloneAnswersForItsOwnHost(t *testing.T) {
	p := start(t, false, "SYMBOLON_ROLES=issuer")
	port := p.address[strings.LastIndexByte(p.address, ':'):]
	for _, host := range []string{"wiki.localhost" + port, "id.localhost.evil.example" + port, "127.0.0.1" + port, "id.localhost"} {
		response := p.get("http://" + host + "/.well-known/openid-configuration")
		var problem door.Problem
		if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || response.StatusCode != http.StatusMisdirectedRequest || problem.RequestID == "" {
			t.Errorf("%s: %s %v %+v", host, response.Status, err, problem)
		}
	}
	if response := p.get("http://ID.LocalHost" + port + "/.well-known/openid-configuration"); response.StatusCode != http.StatusOK {
		t.Errorf("a host is compared with case: %s", response.Status)
	}
}

func TestTheSchemesOwnPortMayBeSaidOrLeftOut(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://id.example.com":      "id.example.com id.example.com:443",
		"https://ID.example.com:443":  "id.example.com id.example.com:443",
		"https://id.example.com:8443": "id.example.com:8443",
		"http://localhost":            "localhost localhost:80",
		"http://[::1]:8080":           "[::1]:8080",
		"http://[::1]":                "[::1] [::1]:80",
	} {
		if got := strings.Join(issuerHosts(issuer), " "); got != want {
			t.Errorf("%s: %s", issuer, got)
		}
	}
}

func TestHealthSaysYesOrNoAndNothingElse(t *testing.T) {
	p := start(t, false)
	for _, path := range []string{livePath, readyPath} {
		response := p.get(p.origin + path)
		if response.StatusCode != http.StatusNoContent || response.ContentLength > 0 {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	if err := p.issuer.db.Close(); err != nil {
		t.Fatal(err)
	}
	if response := p.get(p.origin + readyPath); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready without a store: %s", response.Status) // S44
	}
	if response := p.get(p.origin + livePath); response.StatusCode != http.StatusNoContent {
		t.Errorf("not alive without a store: %s", response.Status)
	}
}

// S1: nothing that tells of the inside is open, whoever asks from wherever.
func TestMetricsAndAdministrationNeedAToken(t *testing.T) {
	p := start(t, false)
	for _, path := range []string{"/admin/v1/metrics", "/admin/v1/users", "/admin/v1/openapi.json", "/ssf/stream"} {
		if response := p.get(p.origin + path); response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/admin"} {
		if response := p.get(p.origin + path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
}
