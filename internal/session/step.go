package session

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"symbolon.dev"
)

// Step is what one door asks of the next: let this person sign in, or consent, and send the
// browser back to ReturnTo. It travels sealed in a URL, so nobody can read, forge or bend it.
// It is no proof that anything was done: a login done for a step shows in the session, whose
// AuthTime is then not before the step's At.
type Step struct {
	ReturnTo  string              `json:"r"` // path and query at the issuer, e.g. "/authorize?client_id=…"
	Client    symbolon.ClientID   `json:"c,omitempty"`
	ACR       symbolon.ACR        `json:"a,omitempty"` // at least this class is wanted
	MaxAge    *int64              `json:"m,omitempty"` // seconds since the authentication at most
	LoginHint string              `json:"h,omitempty"`
	Prompt    []string            `json:"p,omitempty"`
	Resource  symbolon.ResourceID `json:"u,omitempty"` // of the consent
	Scopes    []string            `json:"s,omitempty"` // of the consent
	Optional  []string            `json:"o,omitempty"` // those of them that the person may leave out
	Details   []symbolon.Detail   `json:"d,omitempty"` // of the consent (RFC 9396)
	RequestID string              `json:"i,omitempty"` // of the request that asked, for the log
	At        time.Time           `json:"t"`           // when it was asked; zero = now
}

const (
	stepPurpose  = "step"
	stepLifetime = time.Hour
	maxStep      = 6 << 10 // bytes of the sealed form; a URL must fit in one header line of 8 KiB
)

// SealStep makes the text of a step. Invalid if ReturnTo leaves the issuer or the step is too big.
func (s *Sessions) SealStep(step Step) (string, error) {
	if !LocalPath(step.ReturnTo) {
		return "", symbolon.Errorf(symbolon.Invalid, "a step must return to a path of this issuer")
	}
	if step.At.IsZero() {
		step.At = s.clock()
	}
	plain, err := json.Marshal(step)
	if err != nil {
		return "", symbolon.Errorf(symbolon.Internal, "a step could not be written").Because(err)
	}
	sealed := base64.RawURLEncoding.EncodeToString(s.vault.Seal(stepPurpose, plain, nil))
	if len(sealed) > maxStep {
		return "", symbolon.Errorf(symbolon.Invalid, "the request is too long")
	}
	return sealed, nil
}

// OpenStep reads a step again. Invalid if we did not make it, or more than an hour ago.
func (s *Sessions) OpenStep(sealed string) (Step, error) {
	step, err := s.openStep(sealed)
	if err != nil {
		return Step{}, symbolon.Errorf(symbolon.Invalid, "this page's address is broken; start again from the application").Because(err)
	}
	if age := s.clock().Sub(step.At); age > stepLifetime || age < -time.Minute {
		return Step{}, symbolon.Errorf(symbolon.Invalid, "this page has expired; start again from the application")
	}
	return step, nil
}

func (s *Sessions) openStep(sealed string) (step Step, err error) {
	if len(sealed) > maxStep {
		return step, symbolon.Errorf(symbolon.Invalid, "too long")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return step, err
	}
	plain, err := s.vault.Open(stepPurpose, raw, nil)
	if err != nil {
		return step, err
	}
	if err = json.Unmarshal(plain, &step); err != nil {
		return step, err
	}
	if !LocalPath(step.ReturnTo) {
		return step, symbolon.Errorf(symbolon.Invalid, "not a path of this issuer")
	}
	return step, nil
}

// LocalPath reports whether a browser that is sent to s stays at the origin that sends it: one
// slash first, then no second one and nothing that browsers read as one, no control characters
// (browsers drop them before they parse), and no host once parsed.
func LocalPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsFunc(s, unsafeInPath) {
		return false
	}
	parsed, err := url.Parse(s)
	return err == nil && parsed.Scheme == "" && parsed.Host == "" && parsed.User == nil
}

func unsafeInPath(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }
