package token

import (
	"slices"
)

// Embedded tokens: one outer token carries inner ones, each a signed JWT for an audience of its own,
// in the claim "embedded": an object of audience → compact JWS (or JWE). Laws:
//
//   - An inner token stands alone: its own aud, exp and cnf, its own signature. Whoever takes it out
//     verifies it as any other, and takes out only its own.
//   - It ends no later than the outer one, and names it in "ancestors": what kills that kills it.
//   - Inner tokens carry none themselves.
//
// One whose subject is pairwise names no ancestors, for two sectors could compare them: the issuer
// keeps them sealed in "ref", and judges by them when it is asked.
const (
	claimReference  = "ref"
	ClaimEmbedded   = "embedded"
	ClaimAncestors  = "ancestors" // ids of the tokens, and of their clients, that a token was made from
	MaxEmbedded     = 8           // inner tokens
	MaxEmbeddedSize = 8 << 10     // bytes of all of them
)

// Embedded lists the inner tokens of a token by audience; nil if it has none. The error is of kind
// Unauthenticated with code invalid_token.
func Embedded(c *Claims) (map[string]string, error) {
	claim, ok := c.Extra[ClaimEmbedded]
	if !ok {
		return nil, nil
	}
	if already, ok := claim.(map[string]string); ok {
		return already, nil
	}
	members, ok := claim.(map[string]any)
	if !ok || len(members) == 0 || len(members) > MaxEmbedded {
		return nil, malformed("the token does not embed others as it should")
	}
	inner, size := make(map[string]string, len(members)), 0
	for audience, value := range members {
		compact, ok := value.(string)
		if size += len(compact); !ok || audience == "" || compact == "" || size > MaxEmbeddedSize {
			return nil, malformed("the token does not embed others as it should")
		}
		inner[audience] = compact
	}
	return inner, nil
}

// VerifyInner takes the token for v.Audience out of an outer one that has been verified, and verifies it:
// by itself, and that it hangs on the outer one and ends with it. What it is bound to is for the
// caller to check. The error is of kind Unauthenticated with code invalid_token, also if there is none.
func (v *Verifier) VerifyInner(outer *Claims) (compact string, claims *Claims, err error) {
	all, err := Embedded(outer)
	if err != nil {
		return "", nil, err
	}
	compact, ok := all[v.Audience]
	if !ok {
		return "", nil, malformed("the token carries none for this audience")
	}
	if claims, err = v.Verify(compact); err != nil {
		return "", nil, err
	}
	if err := CheckInner(outer, claims); err != nil {
		return "", nil, err
	}
	return compact, claims, nil
}

// CheckInner says whether a token may be one that the outer one carries: it hangs on that, ends with it
// and carries none itself. Both have been believed by themselves. The error is of kind
// Unauthenticated with code invalid_token.
func CheckInner(outer, inner *Claims) error {
	switch {
	case outer.ID == "" || inner.Extra[claimReference] == nil && !slices.Contains(Ancestors(inner), outer.ID):
		return malformed("the inner token belongs to another outer one")
	case inner.Expires.After(outer.Expires):
		return malformed("the inner token outlives the outer one")
	case inner.Extra[ClaimEmbedded] != nil:
		return malformed("the inner token carries others")
	}
	return nil
}

// Ancestors lists what else a token hangs on: the ids of the tokens that it was made from, the
// first one first, and of the clients that held them.
func Ancestors(c *Claims) []string {
	switch ids := c.Extra[ClaimAncestors].(type) {
	case []string:
		return ids
	case []any: // as JSON gives it back
		out := make([]string, 0, len(ids))
		for _, id := range ids {
			if text, ok := id.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}
