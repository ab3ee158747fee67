package app

import (
	"context"
	"net/http"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/oauth"
)

// authenticator knows the declared clients, and those that describe themselves at hosts that the
// operator names.
func (s *issuerSide) authenticator(certificates *door.Certificates, outside *http.Client) *client.Authenticator {
	c := s.app.Config
	var documents *client.Documents
	if hosts := c.Clients.MetadataHosts; len(hosts) > 0 {
		documents = &client.Documents{Hosts: hosts, Scopes: c.Clients.MetadataScopes,
			Admit: func(v *symbolon.Client) error { return s.catalog.Current().Admit(v) }}
		if slices.Contains(hosts, "*") {
			documents.Hosts = nil
		}
	}
	return client.Open(client.Config{Issuer: c.Issuer, Clients: func() client.Clients { return s.catalog.Current() },
		Clock: symbolon.Now, Store: s.db, HTTP: outside, Certificates: certificates, Documents: documents})
}

// client finds a declared client, or one that describes itself, for doors that have a step of it.
func (s *issuerSide) client(id symbolon.ClientID) (*symbolon.Client, bool) {
	found, err := s.clients.Find(context.Background(), id) // read when the step was made, so it is kept
	return found, err == nil
}

// registration is what the operator lets clients do that nobody declared.
func (s *issuerSide) registration() oauth.Registration {
	c := s.app.Config.Clients
	r := oauth.Registration{Mode: c.Registration, Scopes: c.RegistrationScopes, GrantTypes: c.RegistrationGrants, Limit: c.RegistrationLimit,
		SecretLife: time.Duration(c.RegistrationSecretLife), Store: s.db, Catalog: s.catalog}
	if c.RegistrationNonce {
		r.PKCE = "nonce"
	}
	return r
}
