package verify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"symbolon.dev"
	"symbolon.dev/token"
)

// holders is how a verifier knows who holds a bound token.
type holders struct {
	origin      string // "" = nobody can say, so no proof holds
	checker     token.ProofChecker
	required    bool // nonces are
	once        func(context.Context, *token.Proof) error
	certificate func(*http.Request) string
}

func newHolders(o *Options) (holders, error) {
	h := holders{origin: o.Origin, checker: token.ProofChecker{Clock: o.Clock}, once: o.Once, certificate: o.Certificate}
	if h.origin == "" {
		h.origin = originOf(o.Audience)
	}
	if originOf(h.origin) != h.origin {
		return h, symbolon.Errorf(symbolon.Invalid, "an origin is a scheme, http or https, and a host: %q is none", h.origin)
	}
	if h.once == nil {
		memory := token.NewReplays(o.Clock)
		h.once = func(_ context.Context, p *token.Proof) error { return memory.Once(p) }
	}
	if h.certificate == nil {
		h.certificate = ofConnection
	}
	if o.NonceKey.Empty() {
		return h, nil
	}
	mac, err := token.NonceMAC(o.NonceKey, "resource "+o.Audience)
	h.checker.Nonces, h.required = token.NewNonces(mac, o.Clock), true
	return h, err
}

// originOf is the origin of a URL, "" if it is none.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// presented is the token of a request, and whether it came with the DPoP scheme.
type presented struct {
	raw  string
	dpop bool
}

// confirm holds a request to what its token is bound to (RFC 9449 §7, RFC 8705 §3), and gives the
// nonce that the caller should use from now on, if any.
func (h *holders) confirm(r *http.Request, bound *token.Confirmation, p presented) (renew string, err error) {
	switch {
	case bound == nil && p.dpop:
		return "", refuse("the token is not bound to a key; use it with the Bearer scheme")
	case bound == nil:
		return "", nil
	case p.dpop != (bound.JKT != ""):
		return "", refuse("the token is bound in another way than the scheme says: one that is bound to a key is used with DPoP, all others with Bearer")
	case bound.X5TS256 != "" && !same(bound.X5TS256, h.certificate(r)):
		return "", refuse("the token is bound to a certificate that the request was not sent with")
	case bound.JKT == "":
		return "", nil
	}
	proof, err := h.checker.Check(token.Presented{Proofs: r.Header[token.HeaderProof], Method: r.Method, URL: h.address(r),
		AccessToken: p.raw, NonceRequired: h.required})
	if err != nil {
		return "", err
	}
	if !same(proof.JKT, bound.JKT) {
		return "", refuse("the token is bound to another key than that of the proof")
	}
	return proof.Renew, h.once(r.Context(), proof)
}

// address is where the caller sent the request, as far as it may say so itself: the path as it
// came, before any prefix was stripped.
func (h *holders) address(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return h.origin + r.RequestURI
	}
	return h.origin + r.URL.EscapedPath()
}

// ofConnection is the thumbprint of the certificate that the connection shows.
func ofConnection(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func same(a, b string) bool { return symbolon.NewSecret(a).Equal(symbolon.NewSecret(b)) }
