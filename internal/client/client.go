// Package client proves which client is speaking (RFC 6749 §2.3).
//
// Each method of authentication has a file of its own that does one thing: it reads what a
// request presents, as a [presented], and later proves it against a registered client. A
// request is authenticated in three steps:
//
//  1. every method looks at the request; two that find something is an error, and so is one
//     that finds something malformed or doubled;
//  2. the client is looked up, and what was presented is proven; both take as long for a
//     client that does not exist as for one that does;
//  3. the client must be enabled and registered for the method used.
//
// Whatever fails in steps 2 and 3, the caller reads the same words. The reason is the cause,
// for the log alone. Nothing here reads a store: clients come from an immutable snapshot.
package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"symbolon.dev"
)

// Clients is the snapshot of registered clients that one authentication is judged by.
type Clients interface {
	Client(symbolon.ClientID) (*symbolon.Client, bool)
}

// Authenticator authenticates clients. It keeps no state and may be used by any number of requests.
type Authenticator struct {
	clients func() Clients
	clock   symbolon.Clock
}

// New makes an Authenticator that asks clients for the current snapshot once per request.
func New(clients func() Clients, clock symbolon.Clock) *Authenticator {
	return &Authenticator{clients: clients, clock: clock}
}

// The methods' registered names (RFC 7591 §2). A client registered with none of them may use
// either of basic and post.
const (
	methodBasic = "client_secret_basic"
	methodPost  = "client_secret_post"
	methodNone  = "none"
)

const (
	maxID     = 128 // as symbolon.ValidName
	maxSecret = 512
)

// presented is what a request says about who sends it; an empty method says nothing.
type presented struct {
	method string
	id     string
	secret string
}

// Authenticate says which client sent r. Form is the parsed body; credentials in the URL are
// refused (RFC 6749 §2.3.1). The error is an [*symbolon.Error] with code invalid_request
// (kind Invalid: malformed, doubled, or two methods at once) or invalid_client (kind
// Unauthenticated), for which [Challenge] has the WWW-Authenticate header.
func (a *Authenticator) Authenticate(_ context.Context, r *http.Request, form url.Values) (*symbolon.Client, error) {
	shown, err := show(r, form)
	if err != nil {
		return nil, err
	}
	registered, known := a.clients().Client(symbolon.ClientID(shown.id))
	if !known {
		registered = &nobody
	}
	if err := a.prove(registered, shown); err != nil || !known {
		return nil, refuse(err, known)
	}
	if err := permits(registered, shown.method); err != nil {
		return nil, refuse(err, known)
	}
	return registered, nil
}

// show collects what the methods find and lets exactly one of them speak.
func show(r *http.Request, form url.Values) (presented, error) {
	if err := refuseDoubtful(r, form); err != nil {
		return presented{}, err
	}
	basic, err := showBasic(r)
	if err != nil {
		return presented{}, err
	}
	post, err := showPost(form)
	if err != nil {
		return presented{}, err
	}
	switch {
	case basic.method != "" && post.method != "":
		return presented{}, invalid("use one method of client authentication, not two (RFC 6749 section 2.3)")
	case basic.method != "":
		return basic, sameID(form, basic.id)
	case post.method != "":
		return post, nil
	}
	return showNone(form)
}

// prove checks the evidence, at the same cost whoever it is said to come from.
func (a *Authenticator) prove(registered *symbolon.Client, shown presented) error {
	switch shown.method {
	case methodBasic, methodPost:
		return proveSecret(registered, shown.secret, a.clock())
	}
	return nil // none: a public client has nothing to prove, and permits says who is one
}

// permits holds the client to its registration.
func permits(registered *symbolon.Client, method string) error {
	if registered.Disabled {
		return errors.New("the client is disabled")
	}
	switch registered.AuthMethod {
	case method:
		return nil
	case "":
		if method == methodBasic || method == methodPost {
			return nil
		}
	}
	return errors.New("the client is not registered for the method " + method)
}

// Public reports whether a client cannot keep a secret (RFC 6749 §2.1).
func Public(c *symbolon.Client) bool { return c.AuthMethod == methodNone }

// Methods lists the methods that the token endpoint takes, as metadata publishes them.
func Methods() []string { return []string{methodBasic, methodPost, methodNone} }
