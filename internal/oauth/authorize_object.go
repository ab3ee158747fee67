package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

// Values of typ that a request object may have. RFC 9101 §10.8 names the first; one without it is
// told from a client's other JWTs by what [authorization.judgeObject] asks of its claims.
var objectTypes = []string{"oauth-authz-req+jwt", "JWT", ""}

const (
	objectLeeway = 10 * time.Second // of a client's clock: FAPI 2.0 Security Profile §5.3.2.1
	maxObject    = 16 << 10
)

// jwtClaims speak of the object itself, not of what is asked.
var jwtClaims = []string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"}

// findPushed loads what a request_uri stands for: a pushed request, or an object at an address that
// the client has registered.
func (a *authorization) findPushed() (err error) {
	uri := a.sent.Get("request_uri")
	switch {
	case uri == "":
		return nil
	case a.sent.Get("request") != "":
		return invalid("request and request_uri exclude each other (RFC 9101 section 5)")
	case strings.HasPrefix(uri, grant.PushedPrefix):
		if a.pushed, err = a.Grants.OpenPushed(a.r.Context(), a.client.ID, uri, a.proof.At); err != nil {
			return err
		}
		a.params, a.malformed, a.signed = paramsOf(a.pushed.Parameters), nil, a.pushed.Signed
		return nil
	case a.HTTP == nil || len(a.client.RequestURIs) == 0:
		return a.elsewhere(symbolon.Refuse(symbolon.Invalid, "request_uri_not_supported", "the only request_uri that this client may use is one of a pushed request"))
	case !slices.Contains(a.client.RequestURIs, uri):
		return a.elsewhere(symbolon.Refuse(symbolon.Invalid, "invalid_request_uri", "the request_uri is none that this client has registered"))
	}
	object, err := a.fetchObject(uri)
	if err != nil {
		return a.elsewhere(symbolon.Refuse(symbolon.Invalid, "invalid_request_uri", "the request object cannot be fetched").Because(err))
	}
	return a.elsewhere(a.takeObject(object))
}

// elsewhere tells the client of an object that is refused, if what stands beside the object says
// certainly where; nothing else that stands there counts.
func (a *authorization) elsewhere(err error) error {
	if err != nil && a.sent.Get("redirect_uri") != "" && a.findRedirect() == nil {
		a.mode = responseMode{}
	}
	return err
}

func (a *authorization) fetchObject(uri string) (string, error) {
	q, err := http.NewRequestWithContext(a.r.Context(), http.MethodGet, uri, nil)
	if err != nil {
		return "", err
	}
	q.Header.Set("Accept", "application/oauth-authz-req+jwt, application/jwt")
	response, err := a.HTTP.Do(q)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answered %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxObject+1))
	return strings.TrimSpace(string(body)), err
}

// openObject takes a request object that came by value.
func (a *authorization) openObject() error {
	if a.pushed != nil || a.signed {
		return nil
	}
	object := a.params.Get("request")
	switch {
	case object == "":
		return nil
	case len(a.client.JWKS) == 0 && a.client.JWKSURI == "":
		return a.elsewhere(symbolon.Refuse(symbolon.Invalid, "request_not_supported", "this client has registered no keys to sign request objects with"))
	}
	return a.elsewhere(a.takeObject(object))
}

// takeObject lets the object's parameters be those of the request. All that stands beside it is
// ignored (RFC 9101 §6.3), but for the client_id, which must be the same.
func (a *authorization) takeObject(object string) error {
	payload, err := a.verifyObject(object)
	if err != nil {
		return err
	}
	p, err := objectParams(payload)
	if err != nil {
		return badObject("%s", err)
	}
	switch {
	case p.Get("request") != "" || p.Get("request_uri") != "":
		return badObject("it holds another one (RFC 9101 section 4)")
	case p.Get("client_id") != string(a.client.ID):
		return badObject("its client_id is not that of the request")
	}
	a.params, a.malformed, a.signed = p, nil, true
	return nil
}

// verifyObject checks the signature and the claims about the object itself.
func (a *authorization) verifyObject(object string) ([]byte, error) {
	algorithms := a.rules.Allowed(token.Algorithms())
	if a.client.RequestAlg != "" {
		algorithms = a.rules.Allowed([]string{a.client.RequestAlg})
	}
	if len(algorithms) == 0 {
		return nil, badObject("its algorithm is not one that this client may use")
	}
	verifier := token.Verifier{
		Keys: a.Clients.Keys(a.r.Context(), a.client), Algorithms: algorithms, Types: objectTypes,
		Issuer: string(a.client.ID), Audience: a.Issuer, Leeway: objectLeeway, Clock: a.Clock, MaxSize: maxObject,
	}
	claims, err := verifier.Verify(object)
	if err != nil {
		return nil, unlessDown(err)
	}
	if err := a.judgeObject(claims); err != nil {
		return nil, err
	}
	return verifier.Payload(object)
}

// unlessDown: a key that cannot be fetched now is no fault of the object.
func unlessDown(err error) error {
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Unavailable {
		return err
	}
	return badObject("it is not signed by this client for this issuer, with an algorithm and at a time that count").Because(err)
}

// judgeObject: sub is not the client, or it could be the client's own assertion of identity (RFC 9101
// §10.8); and the profile may bound its life (FAPI 2.0 Message Signing §5.3.1).
func (a *authorization) judgeObject(c *token.Claims) error {
	if c.Subject == string(a.client.ID) {
		return badObject("its sub is the client: that is an assertion, not a request")
	}
	limit, now := a.rules.RequestLife, a.Clock()
	switch {
	case limit == 0:
	case c.NotBefore.IsZero():
		return badObject("it has no nbf")
	case c.Expires.Sub(c.NotBefore) > limit || now.Sub(c.NotBefore) > limit:
		return badObject("it is for longer than %s, or was made longer ago", limit)
	}
	return nil
}

func badObject(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request_object", "the request object is refused: "+format, args...)
}

// objectParams reads the claims of a request object as parameters (RFC 9101 §4): text as it is, JSON
// where the parameter is JSON, and numbers in digits.
func objectParams(payload []byte) (p params, err error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(payload)) // refuses doubled names and text that is not UTF-8
	if t, err := decoder.ReadToken(); err != nil || t.Kind() != '{' {
		return p, errors.New("it is not an object")
	}
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return p, errors.New("it is not JSON")
		}
		claim := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return p, errors.New("it is not JSON")
		}
		if slices.Contains(jwtClaims, claim) {
			continue
		}
		if err := p.putClaim(claim, value); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *params) putClaim(name string, value jsontext.Value) error {
	switch value.Kind() {
	case '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		return p.put(name, text)
	case 'n':
		return nil
	case '[':
		if !repeatable(name) {
			break
		}
		var list []string
		if err := json.Unmarshal(value, &list); err != nil {
			return invalid("the parameter %s must be text, or a list of text", shown(name))
		}
		for _, text := range list {
			if err := p.put(name, text); err != nil {
				return err
			}
		}
		return nil
	}
	if err := value.Compact(); err != nil {
		return err
	}
	return p.put(name, string(value))
}

// paramsOf restores what was read before.
func paramsOf(list [][2]string) (p params) {
	for _, one := range list {
		p.pairs = append(p.pairs, pair{one[0], one[1]})
	}
	return p
}

// list gives what is to be kept of parameters: not the credentials of a client, nor what is ours.
func (p *params) list() (kept [][2]string) {
	for _, one := range p.pairs {
		if one.value != "" && !slices.Contains(unkept, one.name) {
			kept = append(kept, [2]string{one.name, one.value})
		}
	}
	return kept
}

var unkept = append([]string{"client_secret", "client_assertion", "client_assertion_type", "request", "request_uri"}, ownParams...)
