// Package client proves which client is speaking (RFC 6749 §2.3).
//
// Each method of authentication has a file of its own and a line in the table of methods. A
// request is authenticated in four steps:
//
//  1. the request is read for what it shows: a header, a secret, an assertion, or a bare name;
//     two of them are an error, and so is one that is malformed or doubled;
//  2. the client is looked up: in the snapshot of declared clients, or, where the operator
//     allows it, in the document at the URL that is its id;
//  3. the client must be enabled, and registered for a method by which such things are shown and
//     which its profile takes; a client is never asked for less than it is registered for;
//  4. that method proves what was shown; an assertion of the client's own is used up last.
//
// Whatever fails in steps 2 to 4, the caller reads the same words, and what is cheap to equalise
// takes as long for a client that does not exist. The reason is the cause, for the log alone.
//
// Keys come from a declaration, from an address that a declaration names, or from an authority
// that the client's own organisation trusts; never from the request: jwk, jku, x5u and x5c of a
// JWT are not read, and a certificate proves a name only under a declared anchor.
//
// There is no client_secret_jwt: an HMAC needs the secret itself where we keep its hash alone,
// and private_key_jwt does the same without anything to steal here.
package client

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"net/http"
	"net/url"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/profile"
)

// Clients is the snapshot of registered clients that one authentication is judged by.
type Clients interface {
	Client(symbolon.ClientID) (*symbolon.Client, bool)
	// Trust is the authority that a client names, if its organisation has it.
	Trust(*symbolon.Client) (*symbolon.Trust, bool)
}

// Store uses assertions up, for all replicas at once.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
}

// Config of [Open]. Without Store there are no assertions, without HTTP no keys at addresses,
// without Certificates no mutual TLS.
type Config struct {
	Issuer       string // URL; the audience of every assertion
	Clients      func() Clients
	Clock        symbolon.Clock
	Store        Store
	HTTP         *http.Client // for addresses that others name: follows no redirect, reaches no private address
	Certificates *door.Certificates
	Documents    *Documents // nil = a client must be declared
}

// Authenticator authenticates clients; it may be used by any number of requests. It keeps
// nothing but what it read at addresses.
type Authenticator struct {
	Config
	methods         []method
	decoy           *ecdsa.PublicKey // checks what nobody's client shows
	declared        declaredKeys
	remoteKeys      *remote[keys]
	remoteIssuers   *remote[string] // jwks_uri by the address of discovery
	remoteDocuments *remote[*symbolon.Client]
}

// New makes an Authenticator for secrets and public clients alone.
func New(clients func() Clients, clock symbolon.Clock) *Authenticator {
	return Open(Config{Clients: clients, Clock: clock})
}

// Open makes an Authenticator.
func Open(c Config) *Authenticator {
	a := &Authenticator{Config: c, decoy: newDecoy()}
	for _, m := range methods {
		if m.needs == nil || m.needs(&c) {
			a.methods = append(a.methods, m)
		}
	}
	a.remoteKeys = newRemote(&remote[keys]{http: c.HTTP, clock: c.Clock, max: maxKeySet, fresh: keysFresh,
		trusted: keysTrusted, parse: parseKeys})
	a.remoteIssuers = newRemote(&remote[string]{http: c.HTTP, clock: c.Clock, max: maxDiscovery, fresh: keysFresh,
		trusted: keysTrusted, media: isJSON, parse: parseDiscovery})
	a.remoteDocuments = newRemote(&remote[*symbolon.Client]{http: c.HTTP, clock: c.Clock, max: maxDocument, fresh: documentFresh,
		trusted: documentTrusted, media: isJSON, parse: a.parseDocument})
	return a
}

// Authenticate says which client sent r. Form is the parsed body; credentials in the URL are
// refused (RFC 6749 §2.3.1). The error is an [*symbolon.Error] with code invalid_request
// (kind Invalid: malformed, doubled, or two methods at once) or invalid_client (kind
// Unauthenticated), for which [Challenge] has the WWW-Authenticate header; or one of kind
// Unavailable if the client's keys cannot be had.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, form url.Values) (*symbolon.Client, error) {
	shown, err := show(r, form)
	if err != nil {
		return nil, err
	}
	snapshot := a.Clients()
	registered, err := a.find(ctx, snapshot, symbolon.ClientID(shown.id))
	if err != nil {
		a.burn(&shown)
		return nil, refuse(err)
	}
	m, err := a.choose(registered, shown.by)
	if err != nil {
		a.burn(&shown)
		return nil, refuse(err)
	}
	p := &proof{Authenticator: a, ctx: ctx, snapshot: snapshot, request: r, client: registered, shown: &shown, now: a.Clock()}
	if err := m.prove(p); err != nil {
		return nil, refuse(err)
	}
	return registered, nil
}

// Find gives a client, declared or described by the document at its id. The error is of kind
// NotFound, or Unavailable if the document cannot be had.
func (a *Authenticator) Find(ctx context.Context, id symbolon.ClientID) (*symbolon.Client, error) {
	return a.find(ctx, a.Clients(), id)
}

func (a *Authenticator) find(ctx context.Context, snapshot Clients, id symbolon.ClientID) (*symbolon.Client, error) {
	if registered, known := snapshot.Client(id); known {
		return registered, nil
	}
	if a.Documents.describes(string(id)) {
		return a.remoteDocuments.get(ctx, string(id), nil)
	}
	return nil, errUnknown
}

// choose holds the client to its registration.
func (a *Authenticator) choose(registered *symbolon.Client, by means) (method, error) {
	if registered.Disabled {
		return method{}, errors.New("the client is disabled")
	}
	rules := profile.Of(registered)
	for _, m := range a.methods {
		named := registered.AuthMethod == m.name || registered.AuthMethod == "" && m.usual
		if named && m.by == by && rules.TakesMethod(m.name) {
			return m, nil
		}
	}
	return method{}, errors.New("the client is not registered for what it shows, or its profile does not take that: " + string(by))
}

// Public reports whether a client cannot keep a secret (RFC 6749 §2.1).
func Public(c *symbolon.Client) bool { return c.AuthMethod == methodNone }
