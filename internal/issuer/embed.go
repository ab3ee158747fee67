package issuer

import (
	"context"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Inner is a token to be carried inside another.
type Inner struct {
	Resource *symbolon.Resource
	Scopes   []string
}

// embed makes the inner tokens that a mint asks for and puts them into the outer one's claims; the changes are their
// places in status lists. Each
// is made by its own resource's rule, for the same subject and client; none outlives the outer.
func (i *Issuer) embed(ctx context.Context, m *Mint, rule *symbolon.TokenRule, outer *token.Claims, now time.Time) (changes []symbolon.Change, err error) {
	if len(m.Embed) == 0 {
		return nil, nil
	}
	inner, size := make(map[string]any, len(m.Embed)), 0
	for _, wanted := range m.Embed {
		if !slices.Contains(rule.Embed, wanted.Resource.ID) || inner[wanted.Resource.Identifier] != nil {
			return nil, symbolon.Refuse(symbolon.Invalid, "invalid_target", "a token for %s carries none for %s", m.Resource.ID, wanted.Resource.ID)
		}
		compact, listed, err := i.inner(ctx, m, wanted, outer, now)
		if err != nil {
			return nil, err
		}
		changes = append(changes, listed...)
		inner[wanted.Resource.Identifier] = compact
		size += len(compact)
	}
	if size > token.MaxEmbeddedSize {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_target", "the inner tokens are %d bytes, %d are the most: name fewer resources", size, token.MaxEmbeddedSize)
	}
	setExtra(outer, claimEmbedded, inner)
	return changes, nil
}

func (i *Issuer) inner(ctx context.Context, m *Mint, wanted Inner, outer *token.Claims, now time.Time) (string, []symbolon.Change, error) {
	part := Mint{Client: m.Client, Resource: wanted.Resource, Scopes: wanted.Scopes, Authorization: m.Authorization, User: m.User,
		From: m.From, Actor: m.Actor, NotAfter: outer.Expires, Holder: m.Holder}
	claims, rule := part.claims(i.Issuer, now), part.rule()
	var err error
	if claims.Confirmation, err = part.confirmation(); err != nil {
		return "", nil, err
	}
	setExtra(claims, claimAncestors, append(slices.Clone(ancestors(outer)), outer.ID))
	if err := i.ask(ctx, &part, &rule, claims); err != nil {
		return "", nil, err
	}
	listed, err := i.enlist(&rule, claims)
	if err != nil {
		return "", nil, err
	}
	compact, err := i.signed(ctx, &part, &rule, claims)
	if err != nil || rule.Format != FormatJWE {
		return compact, listed, err
	}
	to, err := token.NewRecipient(rule.Encryption)
	if err != nil {
		return "", nil, err
	}
	compact, err = to.Wrap(compact)
	return compact, listed, err
}

// ownInner leaves of the inner tokens those that the caller hands on: a broker the ones for what
// brokers serve, any other the ones for what it serves itself.
func (i *Issuer) ownInner(caller *symbolon.Client, c *token.Claims) {
	all, _ := c.Extra[claimEmbedded].(map[string]any)
	if all == nil {
		return
	}
	snapshot, own := i.Catalog.Current(), map[string]any{}
	for audience, compact := range all {
		target, ok := snapshot.ByIdentifier(audience)
		if ok && (caller.Broker && target.Upstream != nil || target.Server == caller.ID) {
			own[audience] = compact
		}
	}
	c.Extra = without(c.Extra, claimEmbedded)
	if len(own) > 0 {
		setExtra(c, claimEmbedded, own)
	}
}
