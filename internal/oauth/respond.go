package oauth

import (
	"cmp"
	"strings"
	"time"

	"symbolon.dev/internal/page"
	"symbolon.dev/token"
)

// responseMode is how an answer travels to the client, and whether it is signed on its way. The zero
// value is the default of the code flow: in the query.
type responseMode struct {
	place  string // "" = query
	signed bool   // JARM: one parameter, response, that holds the others
}

const (
	placeFragment = "fragment"
	placePost     = "form_post"

	jarmLife = 5 * time.Minute // JARM §2.1 recommends 10 minutes at most
)

var responseModes = map[string]responseMode{
	"": {}, "query": {}, "fragment": {place: placeFragment}, "form_post": {place: placePost},
	"jwt": {signed: true}, "query.jwt": {signed: true}, "fragment.jwt": {place: placeFragment, signed: true},
	"form_post.jwt": {place: placePost, signed: true},
}

// responseModeNames are the values as metadata publishes them.
var responseModeNames = []string{"query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}

// responseMode is read first of all, so that every later error goes the way that the client asked for.
func (a *authorization) responseMode() error {
	mode, known := responseModes[a.params.Get("response_mode")]
	switch {
	case !known:
		return invalid("the response_mode is not offered; the metadata lists those that are")
	case mode.place == placePost && !web(a.redirect):
		return invalid("form_post needs a redirect_uri that is http or https")
	}
	a.mode = mode
	if a.rules.SignedResponse && !mode.signed {
		return invalid("this client must ask for a signed answer: response_mode=jwt")
	}
	return nil
}

func web(uri string) bool {
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}

// deliver answers the client, with state and iss beside what is given (RFC 6749 §4.1.2, RFC 9207 §2).
func (a *authorization) deliver(answer ...pair) error {
	answer = append(answer, pair{"state", a.state()}, pair{"iss", a.Issuer})
	if a.mode.signed {
		signed, err := a.signAnswer(answer)
		if err != nil {
			return err
		}
		answer = []pair{{"response", signed}}
	}
	switch a.mode.place {
	case placePost:
		fields := make([]page.Field, 0, len(answer))
		for _, one := range answer {
			if one.value != "" {
				fields = append(fields, page.Field{Name: one.name, Value: one.value})
			}
		}
		page.Post(a.w, a.redirect, fields)
	case placeFragment:
		redirectTo(a.w, a.redirect+"#"+strings.TrimPrefix(withQuery("", answer...), "?"))
	default:
		redirectTo(a.w, withQuery(a.redirect, answer...))
	}
	return nil
}

// signAnswer makes the JWT of JARM §2.1: the answer as claims, for this client and a few minutes.
func (a *authorization) signAnswer(answer []pair) (string, error) {
	signer, err := a.Keys.Signer(cmp.Or(a.client.ResponseAlg, token.ES256))
	if err != nil {
		return "", err
	}
	now := a.Clock()
	claims := map[string]any{"aud": string(a.client.ID), "iat": now.Unix(), "exp": now.Add(jarmLife).Unix()}
	for _, one := range answer { // iss is among them
		if one.value != "" {
			claims[one.name] = one.value
		}
	}
	return token.Sign(signer, "JWT", claims)
}
