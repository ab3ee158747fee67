package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"symbolon.dev"
)

const maxAnswer = 1 << 20

// service is orders or billing: JSON that says who called it.
func service(name string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, show(name, r)) })
	return mux
}

// orders calls billing for whoever called it: it exchanges the token that it was given for one
// of billing's audience, which names orders as the actor (RFC 8693).
type orders struct {
	issuer, billing string
	clientID        string
	secret          symbolon.Secret
	http            *http.Client
}

func (o orders) handler() http.Handler {
	mux := service("orders")
	mux.HandleFunc("GET /invoice", func(w http.ResponseWriter, r *http.Request) {
		exchanged, err := exchange(r.Context(), o.http, o.issuer, o.clientID, o.secret, bearer(r), o.billing)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		status, answer, err := call(r.Context(), o.http, o.billing+"/", symbolon.NewSecret(exchanged))
		if err != nil || status != http.StatusOK {
			http.Error(w, fmt.Sprintf("billing answered %d: %s %v", status, answer, err), http.StatusBadGateway)
			return
		}
		writeJSON(w, map[string]any{"orders": show("orders", r), "billing": json.RawMessage(answer)})
	})
	return mux
}

// exchange is RFC 8693 §2.1 with the client's own credential.
func exchange(ctx context.Context, client *http.Client, issuer, clientID string, secret, subject symbolon.Secret, resource string) (string, error) {
	return tokenRequest(ctx, client, issuer, clientID, secret, url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {subject.Reveal()},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"resource":           {resource},
	})
}

func tokenRequest(ctx context.Context, client *http.Client, issuer, clientID string, secret symbolon.Secret, form url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(secret.Reveal()))
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return "", err
	}
	if answer.Error != "" {
		return "", fmt.Errorf("%s: %s", answer.Error, answer.Description)
	}
	return answer.AccessToken, nil
}

// call makes a GET with a bearer token and gives the status and the answer.
func call(ctx context.Context, client *http.Client, target string, token symbolon.Secret) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, err
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value)
}
