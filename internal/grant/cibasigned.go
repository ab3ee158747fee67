package grant

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

// Signed authentication requests, CIBA Core §7.1.1: the parameters as claims of a JWT of the client.
const maxSignedLife = time.Hour // between nbf and exp, and since nbf: FAPI-CIBA §5.2.2

// SigningAlgs lists the algorithms that may sign a request, as metadata publishes them.
func SigningAlgs() []string { return []string{token.ES256, token.ES384, token.EdDSA, token.PS256} }

// Types that a request object may say it is; one that says another is something else.
var requestTypes = []string{"", "JWT", "oauth-authz-req+jwt"}

// NeedsSignature reports whether a client must sign its requests: by its registration or its profile.
func NeedsSignature(c *symbolon.Client) bool {
	return c.BackchannelAlg != "" || profile.Of(c).SignedRequest
}

// SignedRequest verifies a request object and gives its parameters. It is good for one request.
func (g *Grants) SignedRequest(ctx context.Context, c *symbolon.Client, compact string) (map[string][]string, error) {
	algorithms := profile.Of(c).Allowed(SigningAlgs())
	if c.BackchannelAlg != "" {
		algorithms = []string{c.BackchannelAlg}
	}
	if g.Keys == nil {
		return nil, badObject("none are taken here")
	}
	verifier := token.Verifier{Keys: g.Keys.Keys(ctx, c), Algorithms: algorithms, Types: requestTypes, Issuer: string(c.ID), Audience: g.Issuer,
		Leeway: leeway, Clock: g.Clock}
	claims, err := verifier.Verify(compact)
	if err != nil {
		if symbolon.IsKind(err, symbolon.Unavailable) {
			return nil, err
		}
		return nil, badObject("it is not signed by this client for this service, or not valid now").Because(err)
	}
	if err := g.fresh(claims); err != nil {
		return nil, err
	}
	mark := symbolon.MarkOnce{Key: symbolon.HashOf("request object " + string(c.ID) + " " + claims.ID), Expires: claims.Expires}
	if err := g.Store.Commit(ctx, mark); err != nil {
		if symbolon.IsKind(err, symbolon.Conflict) {
			return nil, badObject("it was sent before")
		}
		return nil, err
	}
	payload, err := verifier.Payload(compact)
	if err != nil {
		return nil, err
	}
	return parameters(payload)
}

const leeway = 10 * time.Second // that a client's clock may be ahead

func (g *Grants) fresh(c *token.Claims) error {
	now := g.Clock()
	switch {
	case c.ID == "" || c.IssuedAt.IsZero() || c.NotBefore.IsZero():
		return badObject("it lacks one of jti, iat, nbf and exp")
	case c.Subject == c.Issuer:
		return badObject("it is a client assertion")
	case len(c.Audience) != 1:
		return badObject("it is for more than this service")
	case c.Expires.Sub(c.NotBefore) > maxSignedLife || now.Sub(c.NotBefore) > maxSignedLife:
		return badObject("it is valid for more than an hour")
	}
	return nil
}

func badObject(why string) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request", "the request object is not taken: %s", why)
}

// about are the claims that speak of the object itself.
var about = []string{"iss", "aud", "exp", "iat", "nbf", "jti"}

// parameters reads the claims as the values of a form: text, whole numbers, lists of text.
func parameters(payload []byte) (map[string][]string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		return nil, badObject("it is not JSON")
	}
	form := make(map[string][]string, len(members))
	for name, raw := range members {
		if slices.Contains(about, name) {
			continue
		}
		var text string
		var number int64
		var list []string
		switch {
		case json.Unmarshal(raw, &text) == nil:
			form[name] = []string{text}
		case json.Unmarshal(raw, &number) == nil:
			form[name] = []string{fmt.Sprint(number)}
		case json.Unmarshal(raw, &list) == nil:
			form[name] = list
		default:
			return nil, badObject("a claim is neither text nor a number")
		}
	}
	return form, nil
}
