package issuer

import (
	"slices"

	"symbolon.dev/token"
)

// claimAncestors lists what else a token hangs on that came of an exchange: the ids of the tokens
// that it was made from, the first one first, and of the clients that held them. Whatever
// kills one of those kills it.
const claimAncestors = "ancestors"

// lineage is what a token made from another one hangs on.
func lineage(from *token.Claims) []string {
	ids := slices.Clone(ancestors(from))
	if !slices.Contains(ids, from.ClientID) {
		ids = append(ids, from.ClientID)
	}
	return append(ids, from.ID)
}

func ancestors(c *token.Claims) []string {
	switch ids := c.Extra[claimAncestors].(type) {
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
