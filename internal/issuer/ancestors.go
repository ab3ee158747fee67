package issuer

import (
	"slices"

	"symbolon.dev/token"
)

// claimAncestors lists what else a token hangs on that came of an exchange: the ids of the tokens
// that it was made from, the first one first, and of the clients that held them. Whatever
// kills one of those kills it.
const claimAncestors = token.ClaimAncestors

// lineage is what a token made from another one hangs on.
func lineage(from *token.Claims) []string {
	ids := slices.Clone(ancestors(from))
	if !slices.Contains(ids, from.ClientID) {
		ids = append(ids, from.ClientID)
	}
	return append(ids, from.ID)
}

func ancestors(c *token.Claims) []string { return token.Ancestors(c) }
