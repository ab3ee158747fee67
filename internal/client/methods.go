package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// The methods' registered names: RFC 7591 §2, RFC 8705 §2, OAuth SPIFFE Client Authentication
// §4. workload_jwt is ours.
const (
	methodBasic      = "client_secret_basic"
	methodPost       = "client_secret_post"
	methodPrivateKey = "private_key_jwt"
	methodWorkload   = "workload_jwt"
	methodSPIFFEJWT  = "spiffe_jwt"
	methodTLS        = "tls_client_auth"
	methodSelfSigned = "self_signed_tls_client_auth"
	methodSPIFFEX509 = "spiffe_x509"
	methodNone       = "none"
)

const (
	maxID     = 128 // as symbolon.ValidName
	maxSecret = 512
)

// method is one way to authenticate.
type method struct {
	name  string
	by    means // what a request shows for it
	usual bool  // taken from a client that is registered for no method
	needs func(*Config) bool
	prove func(*proof) error
	check func(*symbolon.Client, *symbolon.Trust) error // of a registration; nil = none
}

// methods is all of them.
var methods = []method{
	{name: methodBasic, by: byBasic, usual: true, prove: proveSecret},
	{name: methodPost, by: byPost, usual: true, prove: proveSecret},
	{name: methodPrivateKey, by: byAssertion, needs: assertions, prove: provePrivateKey, check: checkOwnKeys},
	{name: methodWorkload, by: byAssertion, needs: assertions, prove: proveWorkload, check: checkWorkload},
	{name: methodSPIFFEJWT, by: bySVID, needs: assertions, prove: proveSVID, check: checkSPIFFE},
	{name: methodTLS, by: byName, needs: mutualTLS, prove: proveTLS, check: checkNames},
	{name: methodSelfSigned, by: byName, needs: mutualTLS, prove: proveSelfSigned, check: checkOwnKeys},
	{name: methodSPIFFEX509, by: byName, needs: mutualTLS, prove: proveX509SVID, check: checkSPIFFE},
	{name: methodNone, by: byName, prove: proveNothing},
}

func assertions(c *Config) bool { return c.Store != nil && c.Issuer != "" }
func mutualTLS(c *Config) bool  { return c.Certificates != nil }

// means is what a request shows of its sender.
type means string

const (
	byBasic     means = "an Authorization header"
	byPost      means = "a secret in the body"
	byAssertion means = "a JWT assertion"
	bySVID      means = "a JWT-SVID"
	byName      means = "its name alone" // what else there is to prove is in the connection
)

// presented is what a request says about who sends it; no means says nothing.
type presented struct {
	by        means
	id        string
	secret    string
	assertion string
	claims    *token.Claims // of the assertion, unproven
}

// proof is one method at work.
type proof struct {
	*Authenticator
	ctx      context.Context
	snapshot Clients
	request  *http.Request
	client   *symbolon.Client
	shown    *presented
	now      time.Time
}

// readers find what a request shows; each of them something else.
var readers = []func(*http.Request, url.Values) (presented, error){showBasic, showPost, showAssertion}

// show lets exactly one of the readers speak.
func show(r *http.Request, form url.Values) (presented, error) {
	if err := refuseDoubtful(r, form); err != nil {
		return presented{}, err
	}
	var found presented
	for _, read := range readers {
		one, err := read(r, form)
		if err != nil {
			return presented{}, err
		}
		if one.by != "" && found.by != "" {
			return presented{}, invalid("use one method of client authentication, not two (RFC 6749 section 2.3)")
		}
		if one.by != "" {
			found = one
		}
	}
	if found.by == "" {
		return showNone(form)
	}
	return found, nil
}

// Methods lists the methods that are taken, as metadata publishes them.
func (a *Authenticator) Methods() (names []string) {
	for _, m := range a.methods {
		names = append(names, m.name)
	}
	return names
}

// ConfidentialMethods lists those by which a client proves anything.
func (a *Authenticator) ConfidentialMethods() []string {
	return slices.DeleteFunc(a.Methods(), func(name string) bool { return name == methodNone })
}

// AssertionAlgorithms lists what assertions may be signed with, nil where none are taken (RFC
// 8414 §2).
func (a *Authenticator) AssertionAlgorithms() []string {
	if !assertions(&a.Config) {
		return nil
	}
	return token.Algorithms()
}
