package authn

import (
	"slices"

	"symbolon.dev"
)

// Method is one way to prove who one is.
type Method string

const (
	MethodPassword Method = "password"
	MethodPasskey  Method = "passkey"
)

// Factor is one proof that was really done, with what is known about it.
type Factor struct {
	Method   Method
	Verified bool // passkey: its authenticator checked a PIN or biometric (WebAuthn flag UV)
	Synced   bool // passkey: it may be copied to other devices (flag BE)
	Attested bool // passkey: a verified attestation says what hardware holds it
}

// Values of amr (RFC 8176 §2).
const (
	amrPassword     = "pwd"
	amrPossession   = "pop"  // a key was used
	amrHardwareKey  = "hwk"  // that provably is in hardware
	amrSoftwareKey  = "swk"  // that can be copied by software
	amrPresence     = "user" // somebody touched the authenticator
	amrMultiFactors = "mfa"
)

// Strength says what factors done together are worth, and how the world calls them. It is the
// only place that knows:
//
//	a passkey, user verified, hardware attested, not copyable   phrh
//	a passkey, user verified                                    phr
//	two kinds of factor                                         mfa
//	any one                                                     aal1
//
// A synced passkey is never phrh. Two proofs of one kind are one factor.
func Strength(factors []Factor) (symbolon.ACR, []string) {
	acr, amr := symbolon.ACRNone, []string{}
	for _, f := range factors {
		one, values := f.worth()
		if one.Level() > acr.Level() {
			acr = one
		}
		amr = append(amr, values...)
	}
	if kinds(factors) > 1 {
		amr = append(amr, amrMultiFactors)
		if acr.Level() < symbolon.ACRMulti.Level() {
			acr = symbolon.ACRMulti
		}
	}
	slices.Sort(amr)
	return acr, slices.Compact(amr)
}

func (f Factor) worth() (symbolon.ACR, []string) {
	switch f.Method {
	case MethodPassword:
		return symbolon.ACRSingle, []string{amrPassword}
	case MethodPasskey:
		return f.passkeyWorth()
	}
	return symbolon.ACRNone, nil
}

func (f Factor) passkeyWorth() (symbolon.ACR, []string) {
	amr := []string{amrPossession, amrPresence}
	switch {
	case f.Synced:
		amr = append(amr, amrSoftwareKey)
	case f.Attested:
		amr = append(amr, amrHardwareKey)
	}
	if !f.Verified {
		return symbolon.ACRSingle, amr
	}
	amr = append(amr, amrMultiFactors) // the key, and what unlocked it
	if f.Attested && !f.Synced {
		return symbolon.ACRHardware, amr
	}
	return symbolon.ACRPhishing, amr
}

// kinds counts distinct kinds of factor: something known, something held.
func kinds(factors []Factor) int {
	var known, held int
	for _, f := range factors {
		switch f.Method {
		case MethodPassword:
			known = 1
		case MethodPasskey:
			held = 1
		}
	}
	return known + held
}

// After says what a session that claimed acr and amr may claim once factors were done now, with
// the time of now: the earlier and the new factors together where the new ones are what lifts
// it, else what the new ones are worth alone. So a step-up asks only for what is missing, and a
// password given again does not make this morning's passkey look fresh.
func After(acr symbolon.ACR, amr []string, factors []Factor) (symbolon.ACR, []string) {
	alone, aloneAMR := Strength(factors)
	together, togetherAMR := Strength(append(earlier(amr), factors...))
	if alone.Level() > symbolon.ACRNone.Level() && together.Level() > max(alone.Level(), acr.Level()) {
		return together, togetherAMR
	}
	return alone, aloneAMR
}

// earlier reads back the factors that can still count beside new ones. A passkey is not among
// them: whatever it could add, it is worth alone.
func earlier(amr []string) []Factor {
	if slices.Contains(amr, amrPassword) {
		return []Factor{{Method: MethodPassword}}
	}
	return nil
}
