package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"symbolon.dev"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

// Assertion types (RFC 7523 §2.2, OAuth SPIFFE Client Authentication §3.1).
const (
	typeBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	typeSPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
)

const (
	maxAssertion = 8 << 10 // bytes
	maxJTI       = 256
	// ahead is how far clocks may run before ours; FAPI 2.0 §5.3.2.1 asks for 10 s at least and
	// 60 s at most. An end is never stretched.
	ahead = 15 * time.Second
)

// showAssertion reads client_assertion. Until it is proven, its sub and the client_id only say
// whose keys to look for; where both are given they must not contradict each other in the end,
// which is for the method to see.
func showAssertion(_ *http.Request, form url.Values) (presented, error) {
	if !form.Has("client_assertion") && !form.Has("client_assertion_type") {
		return presented{}, nil
	}
	by := map[string]means{typeBearer: byAssertion, typeSPIFFE: bySVID}[form.Get("client_assertion_type")]
	if by == "" {
		return presented{}, symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient,
			"client_assertion_type must be %s", typeBearer)
	}
	assertion := form.Get("client_assertion")
	claims, err := token.UnprovenClaims(assertion, maxAssertion)
	if err != nil {
		return presented{}, symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient, "the client assertion is malformed").Because(err)
	}
	id := form.Get("client_id")
	if id == "" {
		id = claims.Subject
	}
	if !printable(id, maxID) {
		return presented{}, invalid("client_id, or the sub of the client assertion, is malformed")
	}
	return presented{by: by, id: id, assertion: assertion, claims: claims}, nil
}

// rule says what an assertion must be.
type rule struct {
	keys      token.KeySource
	audiences []string      // every aud must be one of these
	bare      bool          // aud must be a string, not a list
	life      time.Duration // how far ahead its end may lie
}

// types of a client assertion: absent or JWT by RFC 7523, explicit by RFC 7523bis. Any other is a
// token for something else.
var types = []string{token.TypeClientAuthentication, "JWT", "JOSE", ""}

// judge checks the signature, then the audience and the times. Who speaks is for the method.
func (p *proof) judge(r rule) error {
	v := token.Verifier{Keys: r.keys, Algorithms: p.algorithms(), Types: types, MaxSize: maxAssertion}
	payload, err := v.Payload(p.shown.assertion)
	if err != nil {
		return err
	}
	c := p.shown.claims
	switch {
	case r.bare && !bareAudience(payload):
		return errors.New("the audience of the assertion is not a string")
	case len(c.Audience) == 0 || slices.ContainsFunc(c.Audience, func(aud string) bool { return !slices.Contains(r.audiences, aud) }):
		return errors.New("the assertion is for another audience")
	case c.Expires.IsZero():
		return errors.New("the assertion has no end")
	case !p.now.Before(c.Expires):
		return errors.New("the assertion has expired")
	case c.Expires.After(p.now.Add(r.life + ahead)):
		return fmt.Errorf("the assertion ends more than %s from now", r.life)
	case c.NotBefore.After(p.now.Add(ahead)):
		return errors.New("the assertion is not valid yet")
	case c.IssuedAt.After(p.now.Add(ahead)):
		return errors.New("the assertion was issued in the future")
	}
	return nil
}

// bareAudience tells "aud":"x" from "aud":["x"].
func bareAudience(payload []byte) bool {
	var found struct {
		Audience jsontext.Value `json:"aud"`
	}
	return strict.Unmarshal(payload, &found) == nil && found.Audience.Kind() == '"'
}

// algorithms are those that the client registered, within those that its profile takes.
func (p *proof) algorithms() []string {
	may := profile.Of(p.client).Allowed(token.Algorithms())
	if one := p.client.AssertionAlg; one != "" {
		may = slices.DeleteFunc(may, func(alg string) bool { return alg != one })
	}
	if len(may) == 0 {
		may = []string{"none that may be used"} // an empty list would mean all
	}
	return may
}

// once uses an assertion up: RFC 7523 §3 (7). Its mark outlives it at every replica.
func (p *proof) once() error {
	c := p.shown.claims
	if !printable(c.ID, maxJTI) {
		return errors.New("the assertion has no jti of sound length")
	}
	mark := symbolon.MarkOnce{
		Key:     symbolon.HashOf("client assertion\x00" + string(p.client.ID) + "\x00" + c.ID),
		Expires: c.Expires.Add(time.Minute),
	}
	err := p.Store.Commit(p.ctx, mark)
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Conflict {
		return errors.New("the assertion has been used before")
	}
	if err != nil {
		return symbolon.Errorf(symbolon.Unavailable, "the assertion could not be used").Because(err)
	}
	return nil
}
