package oauth

import (
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/session"
)

// proof says since when, and for which class of login, this very request has been waiting for
// the person. It rides in the parameter step of the way back, under a MAC over the whole request,
// so that prompt=login and max_age=0 are asked once, and nobody can say that they were.
type proof struct {
	At  time.Time
	ACR symbolon.ACR
}

const (
	macProof     = "oauth/step"
	paramStep    = "step"
	paramConsent = "consent"
	proofLife    = time.Hour
	freshFor     = 10 * time.Minute // a login that was done for a request counts as new
)

// stepTo is what another door is asked for.
type stepTo struct {
	ACR      symbolon.ACR
	MaxAge   *int64
	Resource symbolon.ResourceID
	Scopes   []string
	Optional []string // of the scopes
	Details  []symbolon.Detail
	Prompt   []string // nil = the client's own
}

// ownParams are ours in the query of a way back; no client's request has them.
var ownParams = []string{paramStep, paramConsent}

// sessionStep is that, with the way back: the request as it came, and the proof.
func (a *authorization) sessionStep(s stepTo, bare string, now time.Time, evidence proof) session.Step {
	if s.Prompt == nil {
		s.Prompt = a.prompt
	}
	return session.Step{
		ReturnTo: pathAuthorize + "?" + bare + "&" + paramStep + "=" + a.writeProof(evidence, bare),
		Client:   a.client.ID, ACR: s.ACR, MaxAge: s.MaxAge, LoginHint: a.params.Get("login_hint"), Prompt: s.Prompt,
		Resource: s.Resource, Scopes: s.Scopes, Optional: s.Optional, Details: s.Details, RequestID: a.ev.RequestID, At: now,
	}
}

func (a *authorization) writeProof(p proof, bare string) string {
	text := strconv.FormatInt(p.At.UnixMicro(), 36) + "." + string(p.ACR)
	mac := a.Vault.MAC(macProof, []byte(text), []byte(bare))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac[:])
}

// openProof reads the proof of a request; one that is forged, stale or of another request is none.
func (a *authorization) openProof() proof {
	given := a.sent.Get(paramStep)
	cut := strings.LastIndexByte(given, '.')
	if cut < 0 {
		return proof{}
	}
	micros, acr, _ := strings.Cut(given[:cut], ".")
	at, err := strconv.ParseInt(micros, 36, 64)
	if err != nil {
		return proof{}
	}
	p := proof{At: time.UnixMicro(at).UTC(), ACR: symbolon.ACR(acr)}
	genuine := a.writeProof(p, a.sent.query(ownParams...))
	if subtle.ConstantTimeCompare([]byte(genuine), []byte(given)) != 1 || a.Clock().Sub(p.At) > proofLife {
		return proof{}
	}
	return p
}

// proofHolds reports whether the person has just logged in, since this request first asked them to.
func (a *authorization) proofHolds() bool {
	return !a.proof.At.IsZero() && !a.session.AuthTime.Before(a.proof.At) && a.age() <= freshFor
}

// askedAt is the time that a consent for this very request cannot be older than.
func (a *authorization) askedAt() time.Time {
	if a.proof.At.IsZero() {
		return a.Clock()
	}
	return a.proof.At
}
