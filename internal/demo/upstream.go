package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// upstream is a little real application. It listens on a socket that only the broker reaches,
// and believes nothing but a token for itself that the broker presents (S9, S28).
type upstream struct {
	name     string
	handler  http.Handler
	verifier *verify.Verifier
}

// start serves until ctx ends.
func (u upstream) start(ctx context.Context, socket string) error {
	_ = os.Remove(socket) // of a run before that was killed
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("sample app %s: %w", u.name, err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	server := &http.Server{Handler: u.verifier.Middleware()(u.handler), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("sample app %s: %v", u.name, err))
		}
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

// shown is what an upstream tells of a request: who, for whom, with what.
type shown struct {
	Service  string            `json:"service"`
	Subject  string            `json:"sub"`
	Audience []string          `json:"aud"`
	Client   string            `json:"client_id"`
	Actor    *token.Actor      `json:"act,omitempty"`
	Scope    []string          `json:"scope,omitempty"`
	ACR      string            `json:"acr,omitempty"`
	Expires  time.Time         `json:"exp"`
	Claims   map[string]any    `json:"claims,omitempty"`
	Headers  map[string]string `json:"headers"`
}

func show(service string, r *http.Request) shown {
	claims, _ := verify.FromContext(r.Context())
	s := shown{Service: service, Headers: map[string]string{}}
	if claims != nil {
		s.Subject, s.Audience, s.Client, s.Actor = claims.Subject, claims.Audience, claims.ClientID, claims.Actor
		s.Scope, s.ACR, s.Expires, s.Claims = claims.Scope, claims.ACR, claims.Expires, given(claims)
	}
	for name := range r.Header {
		s.Headers[name] = r.Header.Get(name)
	}
	if _, ok := s.Headers["Authorization"]; ok {
		s.Headers["Authorization"] = "Bearer … (a JWT of this audience)"
	}
	return s
}

func given(claims *token.Claims) map[string]any {
	all := map[string]any{}
	for name, value := range claims.Extra {
		if name != "ancestors" { // the trail that revocation follows, not an attribute
			all[name] = value
		}
	}
	if len(claims.Groups) > 0 {
		all["groups"] = claims.Groups
	}
	if claims.Organisation != "" {
		all["organisation"] = claims.Organisation
	}
	return all
}

func bearer(r *http.Request) symbolon.Secret {
	const scheme = "Bearer "
	header := r.Header.Get("Authorization")
	if len(header) <= len(scheme) {
		return symbolon.Secret{}
	}
	return symbolon.NewSecret(header[len(scheme):])
}
